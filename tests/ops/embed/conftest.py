"""Fixtures: every interpreter, and sleeps that are recorded instead of slept."""

from tests.support.interpreter_fixtures import kind, sleeps

__all__ = ["kind", "sleeps"]
