"""Fixtures: every interpreter, and sleeps that are recorded instead of slept."""

from tests.support.interpreter_fixtures import naps, world

__all__ = ["naps", "world"]
