"""No sleeps between attempts."""

import pytest

from tests.support.interpreter_kinds import SleepRecorder


@pytest.fixture(autouse=True)
def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record the sleeps of the engine instead of performing them."""
    SleepRecorder(monkeypatch)
