"""Interpreters whose answers Hypothesis draws."""
