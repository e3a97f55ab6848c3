"""Tuning jobs of both backends."""
