"""Connections: how they are opened, and the pools that keep them."""
