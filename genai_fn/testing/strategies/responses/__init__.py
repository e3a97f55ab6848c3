"""Strategies for what the service answers."""
