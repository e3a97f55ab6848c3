"""What tests of the command share: a clean environment, and servers that it calls."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator
from tests.support.command_lines import KEY
from tests.support.command_server import start_server
from tests.support.loopback import Loopback


@pytest.fixture(autouse=True)
def _clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_", "GENAI_FN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def forked_command() -> Iterator[list[str]]:
    """Return a command that runs ``genai-fn`` in a process that is forked, not started."""
    with start_server() as command:
        yield command


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], AbstractContextManager[Loopback]]:
    """Return a function that routes the command to a scripted loopback server, with an API key set."""

    @contextmanager
    def serve(script: Any) -> Iterator[Loopback]:
        with Loopback(script) as loopback:
            monkeypatch.setenv("GEMINI_API_KEY", KEY)
            monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", loopback.url)
            yield loopback

    return serve


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Route the command to an emulator over a loopback socket, which keeps its state between commands."""
    application = Emulator()
    with serve_emulator(application) as url:
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
        yield application
