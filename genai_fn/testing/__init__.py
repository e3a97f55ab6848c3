"""What tests of programs that use this library are made of; each module is imported by its own name."""
