"""Gives each test every world, and a world that does not sleep."""

import pytest

from tests.support.interpreter_kinds import WORLDS, Naps, World


@pytest.fixture(params=WORLDS, ids=repr)
def world(request: pytest.FixtureRequest) -> World:
    """Each interpreter on each transport."""
    found: World = request.param
    return found


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Naps:
    """Sleeps of the engine, listed and not slept."""
    return Naps(monkeypatch)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        for spelling in (name, name.lower()):
            monkeypatch.delenv(spelling, raising=False)
    for name in ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
