"""Explicit caches of the API for equal prefixes."""
