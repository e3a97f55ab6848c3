"""Fixtures for tests that run with every interpreter."""

import pytest

from tests.support.interpreter_kinds import WORLDS, Naps, World


@pytest.fixture(params=WORLDS, ids=repr)
def world(request: pytest.FixtureRequest) -> World:
    """Each interpreter on each transport."""
    kind: World = request.param
    return kind


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Naps:
    """Sleeps of the engine, recorded instead of slept."""
    return Naps(monkeypatch)
