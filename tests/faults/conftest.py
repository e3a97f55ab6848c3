"""Fixtures: no sleeps between attempts, and a garbage collector that leaves existing objects alone."""

import gc
from collections.abc import Iterator

import pytest

from tests.support.interpreter_kinds import SleepRecorder


@pytest.fixture(scope="package", autouse=True)
def freeze_garbage() -> Iterator[None]:
    """Exclude existing objects from garbage collections, which every case triggers."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record the sleeps of the engine instead of performing them."""
    SleepRecorder(monkeypatch)
