"""Event loops in virtual time: when all tasks wait, the clock jumps to the next deadline. No sockets, no threads."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from trio.testing import MockClock


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_ClockAdvancingSelector(self))

    def time(self) -> float:
        return self.now


class _ClockAdvancingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # its type depends on the system
    def __init__(self, loop: _VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Poll, and advance the clock instead of sleeping."""
        if timeout is None:
            raise AssertionError("every task waits, without a deadline")
        self._loop.now += max(0.0, timeout)
        return super().select(0)


def run_virtually(body: Callable[[], Awaitable[Any]], backend: str) -> Any:
    """Run a coroutine function in virtual time, for at most an hour of it."""

    async def run_bounded() -> Any:
        with anyio.fail_after(3600):
            return await body()

    options = {"clock": MockClock(autojump_threshold=0)} if backend == "trio" else {"loop_factory": _VirtualTimeLoop}
    return anyio.run(run_bounded, backend=backend, backend_options=options)
