"""Serves the emulator: an ASGI application, and a server on a socket."""
