"""
Sync and async interpreters behind one awaitable interface, so that one test runs on each kind.

A test's body is a coroutine function. With a sync interpreter it never waits, and threads take the place of tasks.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import ModuleType
from typing import Any, Self

import anyio
import httpcore
import httpcore2
from anyio import to_thread
from returns.result import Result

from genai_fn import AsyncHttp, Gemini, Http, Timeouts
from genai_fn.backend import Backend
from genai_fn.effects import Sleep
from genai_fn.errors import GenaiError
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.sync_executor import SyncExecutor

Outcome = Result[Any, GenaiError]

KINDS = ("sync", "asyncio", "trio")
TRANSPORTS = (httpcore, httpcore2)

BOUNDED = Timeouts(connect=60, idle=60, total=120)
"""What a test that is not about time waits at most."""


def gemini(url: str, **more: Any) -> Gemini:
    """Make a backend of a loopback server."""
    return Gemini("test-key", base_url=url, **more)


class World:
    """A kind of interpreter, and the transport that it is given."""

    def __init__(self, kind: str, transport: ModuleType) -> None:
        self.kind = kind
        self.transport = transport

    def __repr__(self) -> str:
        return f"{self.kind}-{self.transport.__name__}"

    @property
    def is_sync(self) -> bool:
        return self.kind == "sync"

    def run(self, backend: Backend | None, action: Any, **parameters: Any) -> Outcome:
        """Run an action with an interpreter of its own."""

        async def body(run: "Faced") -> Outcome:
            return await run(action)

        return self.within(backend, body, **parameters)

    def items(self, backend: Backend | None, stream: Any, **parameters: Any) -> list[Outcome]:
        """Read a stream to its end with an interpreter of its own."""

        async def body(run: "Faced") -> list[Outcome]:
            return await run.items(stream)

        return self.within(backend, body, **parameters)

    def within(
        self, backend: Backend | None, body: Callable[["Faced"], Coroutine[Any, Any, Any]], **parameters: Any
    ) -> Any:
        """Run a test's body with an interpreter, and close that."""
        parameters = {"timeouts": BOUNDED, "http1": self.transport, **parameters}

        async def opened() -> Any:
            async with Faced(Http(backend, **parameters) if self.is_sync else AsyncHttp(backend, **parameters)) as run:
                return await body(run)

        return self.drive(opened)

    def drive(self, body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine function."""
        if self.is_sync:
            return _driven(body())

        async def bounded() -> Any:
            with anyio.fail_after(120):
                return await body()

        return anyio.run(bounded, backend=self.kind)


WORLDS = tuple(World(kind, transport) for kind in KINDS for transport in TRANSPORTS)


class Faced:
    """An interpreter that is awaited, whichever it is."""

    def __init__(self, interpreter: Any) -> None:
        self.interpreter = interpreter
        self.is_sync = isinstance(interpreter, Http)

    async def __call__(self, action: Any) -> Outcome:
        result: Outcome = await _had(self.interpreter(action))
        return result

    def stream(self, stream: Any) -> "FacedItems":
        return FacedItems(self.interpreter.stream(stream))

    async def items(self, stream: Any) -> list[Outcome]:
        async with self.stream(stream) as items:
            return [item async for item in items]

    async def at_once(self, *bodies: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run coroutine functions at once, in threads or tasks: what each returned or raised, in their order."""
        ended: dict[int, Any] = {}
        if self.is_sync:
            threads = [
                threading.Thread(target=_kept, args=(ended, n, partial(_driven_of, each)))
                for n, each in enumerate(bodies)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
        else:
            async with anyio.create_task_group() as tasks:
                for n, each in enumerate(bodies):
                    tasks.start_soon(_kept_of, ended, n, each)
        return [ended[n] for n in range(len(bodies))]

    async def see(self, waiting: Callable[..., Any], *args: Any) -> Any:
        """Wait for a server, which blocks."""
        return waiting(*args) if self.is_sync else await to_thread.run_sync(partial(waiting, *args))

    async def close(self) -> None:
        await _had(self.interpreter.close() if self.is_sync else self.interpreter.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class FacedItems:
    """The items of a stream, awaited in any world."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.is_sync = not hasattr(items, "__aiter__")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        try:
            item: Outcome = await _had(next(self.items) if self.is_sync else anext(self.items))
        except StopIteration:
            raise StopAsyncIteration from None
        return item

    def close(self) -> None:
        self.items.close()

    async def __aenter__(self) -> Self:
        if self.is_sync:
            self.items.__enter__()
        else:
            await self.items.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await _had(self.items.__exit__(*raised) if self.is_sync else self.items.__aexit__(*raised))


class Naps:
    """Puts what a world sleeps on a list, in place of sleeping."""

    def __init__(self, patch: Any) -> None:
        self.slept: list[float] = []

        async def napped(_: object, effect: Sleep) -> None:
            self.slept.append(effect.seconds)

        patch.setitem(SyncExecutor._PERFORMERS, Sleep, lambda _, effect: self.slept.append(effect.seconds))
        patch.setitem(AsyncExecutor._PERFORMERS, Sleep, napped)


def waited(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds, and tell whether it does."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


async def _had(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


def _driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("something waited in the sync world")


def _driven_of(body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return _driven(body())


def _kept(ended: dict[int, Any], n: int, call: Callable[[], Any]) -> None:
    try:
        ended[n] = call()
    except Exception as error:
        ended[n] = error


async def _kept_of(ended: dict[int, Any], n: int, body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    try:
        ended[n] = await body()
    except Exception as error:
        ended[n] = error
