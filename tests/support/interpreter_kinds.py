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
import httptools
from anyio import to_thread
from returns.result import Result

from genai_fn import AsyncHttp, Gemini, Http, Timeouts
from genai_fn.backend import Backend
from genai_fn.effects import Sleep
from genai_fn.errors import GenaiError
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.sync_runner import SyncRunner

Outcome = Result[Any, GenaiError]

KINDS = ("sync", "asyncio", "trio")
TRANSPORTS = (httpcore, httpcore2, httptools)

GENEROUS_TIMEOUTS = Timeouts(connect=60, idle=60, total=120)
"""Timeouts of tests that are not about time."""


def make_gemini(url: str, **more: Any) -> Gemini:
    """Make a backend for a loopback server."""
    return Gemini("test-key", base_url=url, **more)


class InterpreterKind:
    """A kind of interpreter, ``sync``, ``asyncio`` or ``trio``, with one of the transports."""

    def __init__(self, kind: str, transport: ModuleType) -> None:
        self.kind = kind
        self.transport = transport

    def __repr__(self) -> str:
        return f"{self.kind}-{self.transport.__name__}"

    @property
    def is_sync(self) -> bool:
        return self.kind == "sync"

    def run(self, backend: Backend | None, action: Any, **parameters: Any) -> Outcome:
        """Run an action with a new interpreter."""

        async def body(run: "AwaitableInterpreter") -> Outcome:
            return await run(action)

        return self.run_body(backend, body, **parameters)

    def read_items(self, backend: Backend | None, stream: Any, **parameters: Any) -> list[Outcome]:
        """Read a stream to its end with a new interpreter."""

        async def body(run: "AwaitableInterpreter") -> list[Outcome]:
            return await run.read_items(stream)

        return self.run_body(backend, body, **parameters)

    def run_body(
        self,
        backend: Backend | None,
        body: Callable[["AwaitableInterpreter"], Coroutine[Any, Any, Any]],
        **parameters: Any,
    ) -> Any:
        """Run a test's body with a new interpreter, and close the interpreter."""
        parameters = {"timeouts": GENEROUS_TIMEOUTS, "http1": self.transport, **parameters}

        async def run_with_interpreter() -> Any:
            async with AwaitableInterpreter(
                Http(backend, **parameters) if self.is_sync else AsyncHttp(backend, **parameters)
            ) as run:
                return await body(run)

        return self.run_coroutine(run_with_interpreter)

    def run_coroutine(self, body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine function for at most two minutes."""
        if self.is_sync:
            return run_without_waiting(body())

        async def run_bounded() -> Any:
            with anyio.fail_after(120):
                return await body()

        return anyio.run(run_bounded, backend=self.kind)


EVERY_INTERPRETER_KIND = tuple(InterpreterKind(kind, transport) for kind in KINDS for transport in TRANSPORTS)
INTERPRETER_KINDS = tuple(
    each
    for each in EVERY_INTERPRETER_KIND
    if each.transport in (httptools, httpcore2 if each.kind == "asyncio" else httpcore)
)
"""
Those of the ordinary suite: httptools with each executor, and one of the others, which have the same code.

The task ``faults`` runs the fault matrix with all of them.
"""


class AwaitableInterpreter:
    """An interpreter whose methods are awaited, also if it is sync."""

    def __init__(self, interpreter: Any) -> None:
        self.interpreter = interpreter
        self.is_sync = isinstance(interpreter, SyncRunner)

    async def __call__(self, action: Any) -> Outcome:
        result: Outcome = await _await_if_needed(self.interpreter(action))
        return result

    def stream(self, stream: Any) -> "AwaitableItems":
        return AwaitableItems(self.interpreter.stream(stream))

    async def read_items(self, stream: Any) -> list[Outcome]:
        async with self.stream(stream) as items:
            return [item async for item in items]

    async def run_concurrently(self, *bodies: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run coroutine functions concurrently, in threads or tasks; return their results or exceptions, in order."""
        outcomes: dict[int, Any] = {}
        if self.is_sync:
            threads = [
                threading.Thread(target=_store_outcome, args=(outcomes, n, partial(_run_body_without_waiting, each)))
                for n, each in enumerate(bodies)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
        else:
            async with anyio.create_task_group() as tasks:
                for n, each in enumerate(bodies):
                    tasks.start_soon(_store_async_outcome, outcomes, n, each)
        return [outcomes[n] for n in range(len(bodies))]

    async def run_blocking(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function that blocks, such as a wait for a server: async kinds run it in a thread."""
        return function(*args) if self.is_sync else await to_thread.run_sync(partial(function, *args))

    async def close(self) -> None:
        await _await_if_needed(self.interpreter.close() if self.is_sync else self.interpreter.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AwaitableItems:
    """The items of a stream, which are awaited, also if the interpreter is sync."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.is_sync = not hasattr(items, "__aiter__")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        try:
            item: Outcome = await _await_if_needed(next(self.items) if self.is_sync else anext(self.items))
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
        await _await_if_needed(self.items.__exit__(*raised) if self.is_sync else self.items.__aexit__(*raised))


class SleepRecorder:
    """Records the sleeps of the engine, in place of sleeping."""

    def __init__(self, patch: Any) -> None:
        self.seconds: list[float] = []

        async def record_sleep(_: object, effect: Sleep) -> None:
            self.seconds.append(effect.seconds)

        patch.setitem(SyncExecutor._PERFORMERS, Sleep, lambda _, effect: self.seconds.append(effect.seconds))
        patch.setitem(AsyncExecutor._PERFORMERS, Sleep, record_sleep)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until a condition is true; return whether it is."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def check_no_threads() -> None:
    """Check that no thread of the library is running."""
    assert wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("genai_fn")])


async def _await_if_needed(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


def run_without_waiting(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("the coroutine waits, though its interpreter is sync")


def _run_body_without_waiting(body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return run_without_waiting(body())


def _store_outcome(outcomes: dict[int, Any], n: int, call: Callable[[], Any]) -> None:
    try:
        outcomes[n] = call()
    except Exception as error:
        outcomes[n] = error


async def _store_async_outcome(outcomes: dict[int, Any], n: int, body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    try:
        outcomes[n] = await body()
    except Exception as error:
        outcomes[n] = error
