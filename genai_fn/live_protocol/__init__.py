"""Live sessions without I/O: how one is opened, what is said in it, and the protocol that drivers follow."""
