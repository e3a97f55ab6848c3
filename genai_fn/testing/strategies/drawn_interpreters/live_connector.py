"""Connects live sessions of a drawn interpreter to a server whose messages are drawn."""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.sockets import CloseStatus, MessageSocket
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live
from genai_fn.testing.fake_connector import FakeConnector
from genai_fn.testing.strategies.drawn_interpreters.conversation import DrawnSession

T = TypeVar("T")


def build_session(live: Live[T], drawn: DrawnSession, wrap_connector: ConnectorMiddleware) -> Session[T]:
    """Build a session. The functions that it calls run in its own tasks, not in threads."""
    threadless = _run_functions_in_tasks(live)
    connector = wrap_connector(_DrawnConnector(threadless, drawn))
    return Session(threadless, connector, retry=Retry(attempts=1), timeouts=Timeouts())


class _DrawnConnector(FakeConnector):
    """Connects a session to drawn messages, or fails with its drawn error."""

    def __init__(self, live: Live[Any], session: DrawnSession) -> None:
        super().__init__(live, session.refusal or session.answer_frame)
        self._session = session

    def open_socket(self, answer_frame: Callable[[Any], Iterable[Any]]) -> MessageSocket:
        return _WaitingSocket(answer_frame, self._session)


class _WaitingSocket(MemorySocket):
    """A connection whose peer waits some time for the results of function calls, then ends the turn without them."""

    def __init__(self, answer_frame: Callable[[Any], Iterable[Any]], session: DrawnSession) -> None:
        super().__init__(self._count_messages)
        self._answer_frame = answer_frame
        self._session = session
        self._pending_count = 0
        self._late_messages = deque[Any]()
        self._is_closing = False

    async def receive(self) -> Any:
        if not self._pending_count and not self._late_messages and await self._wait_for_results():
            self._late_messages.extend(self._session.end_turn())
        if self._late_messages:
            return self._late_messages.popleft()
        received = await super().receive()
        self._pending_count -= not isinstance(received, CloseStatus)
        return received

    async def close(self) -> None:
        self._is_closing = True
        await super().close()

    def abort(self) -> None:
        self._is_closing = True
        super().abort()

    def _count_messages(self, frame: Any) -> Iterator[Any]:
        for each in self._answer_frame(frame):
            self._pending_count += 1
            yield each

    async def _wait_for_results(self) -> bool:
        """Wait for the results of function calls, by checkpoints; return whether they are still missing."""
        for _ in range(_MAX_CHECKPOINTS):
            if self._pending_count or self._is_closing or not self._session.is_waiting:
                return False
            await checkpoint()
        return self._session.is_waiting


_MAX_CHECKPOINTS = 200
"""How many checkpoints the peer waits, so that other tasks can run."""


def _run_functions_in_tasks(live: Live[T]) -> Live[T]:
    """Make the functions of a session async, so that they run in its tasks and end in the same order each time."""
    if live.calling_options is None:
        return live
    functions = tuple(map(_make_async, live.calling_options.functions))
    return replace(live, calling_options=replace(live.calling_options, functions=functions))


def _make_async(function: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(function) or not hasattr(function, "__name__"):
        return function

    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        await checkpoint()
        return function(*args, **kwargs)

    return run
