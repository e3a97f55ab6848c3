"""Live sessions in both worlds."""

import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest


@pytest.fixture(scope="package", autouse=True)
def frozen() -> Iterator[None]:
    """Spare the garbage collector what was there before: tests ask it often what they left behind."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for goodbyes as long as a slow machine needs; a test of a peer that says none sets a shorter time."""
    for module in ("session", "connection"):
        monkeypatch.setattr(f"genai_fn.interpreters.live.{module}.CLOSE_TIMEOUT", 60.0)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Run a test's coroutine, in bounded time."""

    def bounded(body: Callable[[], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            with anyio.fail_after(120):
                return await body()

        return anyio.run(inside, backend=request.param)

    return bounded
