"""Live sessions on asyncio and trio."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from genai_fn.interpreters.live import connector


@pytest.fixture(autouse=True)
def allow_slow_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow 60 seconds for closing handshakes, as the machine may be slow; tests of silent peers set less."""
    for module in ("session", "connection"):
        monkeypatch.setattr(f"genai_fn.interpreters.live.{module}.CLOSE_TIMEOUT", 60.0)


@pytest.fixture(params=["asyncio", "trio", "trio-websocket"])
def run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Return a function that runs a test's coroutine function for at most two minutes."""
    backend = request.param.partition("-")[0]
    if backend != request.param:
        monkeypatch.setattr(connector, "_has_websockets", lambda: False)

    def run_bounded(body: Callable[[], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            with anyio.fail_after(120):
                return await body()

        return anyio.run(inside, backend=backend)

    return run_bounded
