"""Live sessions on asyncio and trio, with each library for WebSockets."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.support.live.websocket_libraries import WEBSOCKET_LIBRARIES, use_websocket_library


@pytest.fixture(autouse=True)
def allow_slow_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow 60 seconds for closing handshakes, as the machine may be slow; tests of silent peers set less."""
    for module in ("session", "connection"):
        monkeypatch.setattr(f"genai_fn.interpreters.live.{module}.CLOSE_TIMEOUT", 60.0)


@pytest.fixture(params=WEBSOCKET_LIBRARIES)
def run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Return a function that runs a test's coroutine function for at most two minutes."""
    use_websocket_library(request.param, monkeypatch)

    def run_bounded(body: Callable[[], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            with anyio.fail_after(120):
                return await body()

        return anyio.run(inside, backend=WEBSOCKET_LIBRARIES[request.param])

    return run_bounded
