"""`run` and `arun`: they use the backend of the environment, and leave nothing open at exit."""

import asyncio
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest
import trio

import genai_fn
from genai_fn import AuthError, Offline, Success, text
from genai_fn.interpreters import default
from tests.support.interpreter_kinds import wait_until
from tests.support.loopback import Loopback, ReceivedRequest, Reply
from tests.support.loopback_replies import HELLO, HELLO_STREAM, OK, STREAM

HELLO_TEXT = HELLO | text


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[Loopback]:
    """A server that environment variables name as the backend."""

    def script(request: ReceivedRequest) -> Reply:
        return STREAM if "stream" in request.target else OK

    monkeypatch.setattr(default, "run", default._DefaultInterpreter())
    with Loopback(script) as server:
        monkeypatch.setenv("GEMINI_API_KEY", "test-key")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        yield server


def close_default(run: Any) -> None:
    """Close the connections of a default interpreter."""
    opened = run._opened.get()
    assert opened is not None
    opened.close()


def test_run(server: Loopback) -> None:
    """`run` calls and streams over one connection, which stays open."""
    run = default.run
    assert run(HELLO_TEXT) == Success("hi")
    with run.stream(HELLO_STREAM | text) as items:
        assert list(items) == [Success("a"), Success("b")]
    assert (server.connections, server.open_connections) == (1, 1)
    assert server.requests[0].headers["x-goog-api-key"] == "test-key"
    close_default(run)


@pytest.mark.parametrize("run_coroutine", (asyncio.run, lambda call: trio.run(lambda: call)), ids=("asyncio", "trio"))
def test_arun(server: Loopback, run_coroutine: Any) -> None:
    """`arun` opens a connection for one call, and closes it."""
    assert run_coroutine(genai_fn.arun(HELLO_TEXT)) == Success("hi")
    assert wait_until(lambda: server.open_connections == 0)


def test_environment_read_again() -> None:
    """A call without credentials is a Failure, and the next one reads the environment again."""
    run = default._DefaultInterpreter()
    assert isinstance(run(HELLO_TEXT).failure(), AuthError)
    with run.stream(HELLO_STREAM) as items:
        assert [type(item.failure()) for item in items] == [AuthError]
    with Loopback(OK) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_API_KEY", "test-key")
        patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        assert run(HELLO_TEXT) == Success("hi")
        close_default(run)


def test_current_interpreter(server: Loopback) -> None:
    """Within a context, `run` and `arun` use the interpreter that `current_interpreter` is set to."""
    token = default.current_interpreter.set(Offline())
    try:
        assert genai_fn.run(HELLO) == asyncio.run(genai_fn.arun(HELLO)) == Offline()(HELLO)
        with genai_fn.run.stream(HELLO_STREAM | text) as items:
            assert len(list(items)) >= 1
    finally:
        default.current_interpreter.reset(token)
    assert server.connections == 0


SCRIPT = """
from genai_fn import generate, run, streamed
items = run.stream(generate("m", "hi") | streamed)
next(items)
print(run(generate("m", "hi")).unwrap().text, end="")
"""


def test_exit_closes_connections(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that closes nothing exits without a warning, and its connections are closed."""
    python = (sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT)
    process = subprocess.run(python, capture_output=True, text=True, timeout=600, check=False)
    assert (process.stdout, process.stderr, process.returncode) == ("hi", "", 0)
    assert wait_until(lambda: server.open_connections == 0)
