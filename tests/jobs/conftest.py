"""Fixtures: every kind of interpreter, and recorded sleeps."""

from tests.support.interpreter_fixtures import kind, sleeps

__all__ = ["kind", "sleeps"]
