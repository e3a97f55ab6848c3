"""Batch jobs of both backends."""
