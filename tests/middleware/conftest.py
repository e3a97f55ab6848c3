"""Fixture: recorded sleeps."""

from tests.support.interpreter_fixtures import sleeps

__all__ = ["sleeps"]
