"""Gives tests of embedding every world, and one that does not sleep, as the conformance suite has them."""

from tests.conformance.conftest import naps, world

__all__ = ["naps", "world"]
