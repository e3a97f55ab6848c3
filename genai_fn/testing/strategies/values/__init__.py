"""Strategies for values of the API's types."""
