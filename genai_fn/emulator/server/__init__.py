"""What all methods of the emulator share: parsing, state, authentication, pagination, faults."""
