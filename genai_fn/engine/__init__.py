"""Runs descriptions: flows as generators of effects, and requests over HTTP, with no I/O of its own."""
