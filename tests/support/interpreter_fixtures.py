"""Fixtures for tests that run with every interpreter."""

import pytest

from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, SleepRecorder


@pytest.fixture(params=INTERPRETER_KINDS, ids=repr)
def kind(request: pytest.FixtureRequest) -> InterpreterKind:
    """Each kind of interpreter, with each transport."""
    value: InterpreterKind = request.param
    return value


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> SleepRecorder:
    """The sleeps of the engine, which are recorded instead of performed."""
    return SleepRecorder(monkeypatch)
