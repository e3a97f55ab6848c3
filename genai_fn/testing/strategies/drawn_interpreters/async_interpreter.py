"""An `Improvised` interpreter to be awaited."""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint
from msgspec.structs import replace
from returns.result import Result, Success

from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import run_in_virtual_time
from genai_fn.errors import GenaiError
from genai_fn.interpreters.async_http import AsyncItems
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.session import Session
from genai_fn.interpreters.live.sockets import CloseStatus, MessageSocket
from genai_fn.interpreters.settings import check_action, check_live, check_stream
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream
from genai_fn.testing.async_sequential_executor import AsyncSequentialExecutor
from genai_fn.testing.canned_answers import CannedAnswers
from genai_fn.testing.fake_connector import FakeConnector
from genai_fn.testing.strategies.drawn_interpreters.conversation import (
    DrawnConversation,
    DrawnSession,
    RecordingClock,
)
from genai_fn.testing.strategies.drawn_interpreters.live_replies import SessionReplies

__all__ = ["AsyncDrawnInterpreter"]

T = TypeVar("T")


class AsyncDrawnInterpreter:
    """An `Improvised` interpreter to be awaited, on asyncio and trio."""

    def __init__(
        self, exchange: CannedAnswers, conversation: DrawnConversation, speech: Callable[[Live[Any]], SessionReplies]
    ) -> None:
        self._handler = exchange
        self._conversation = conversation
        self._get_session_replies = speech

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        await checkpoint()
        return await AsyncSequentialExecutor().run(
            run_in_virtual_time(build_program(action, self._handler), RecordingClock(self._conversation))
        )

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        check_stream(stream)
        return _VirtualTimeItems(stream, self._handler, self._conversation)

    def live(self, live: Live[T]) -> Session[T]:
        """Open a live session; the functions that it calls run in the task of whoever runs it, and in no thread."""
        check_live(live)
        talk = self._conversation.open_session(live, self._get_session_replies(live))
        threadless = _run_functions_in_tasks(live)
        return Session(threadless, _DrawnConnector(threadless, talk), retry=Retry(attempts=1), timeouts=Timeouts())


class _VirtualTimeItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: CannedAnswers, conversation: DrawnConversation) -> None:
        super().__init__(stream, Success(exchange), AsyncSequentialExecutor())
        self._effects = run_in_virtual_time(build_program(stream, exchange), RecordingClock(conversation))

    async def __anext__(self) -> Result[T, GenaiError]:
        await checkpoint()
        return await super().__anext__()


# Live sessions


class _DrawnConnector(FakeConnector):
    """Connects a session to what is said as it is drawn."""

    def __init__(self, live: Live[Any], talk: DrawnSession) -> None:
        super().__init__(live, talk.refusal or talk.answer_frame)
        self._session = talk

    def open_socket(self, answered: Callable[[Any], Iterable[Any]]) -> MessageSocket:
        return _WaitingSocket(answered, self._session)


class _WaitingSocket(MemorySocket):
    """A connection to a peer that waits some time for what functions return, and then goes on without it."""

    def __init__(self, answered: Callable[[Any], Iterable[Any]], talk: DrawnSession) -> None:
        super().__init__(self._count_messages)
        self._answer_frame = answered
        self._session = talk
        self._pending_count = 0
        self._late_messages = deque[Any]()
        self._is_closing = False

    async def receive(self) -> Any:
        if not self._pending_count and not self._late_messages and await self._wait_in_vain():
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

    async def _wait_in_vain(self) -> bool:
        """Wait, without a clock, for what is owed; tell whether it has not come."""
        for _ in range(_MAX_CHECKPOINTS):
            if self._pending_count or self._is_closing or not self._session.is_waiting:
                return False
            await checkpoint()
        return self._session.is_waiting


_MAX_CHECKPOINTS = 200
"""How often others may go on meanwhile."""


def _run_functions_in_tasks(live: Live[T]) -> Live[T]:
    """Have the functions of a session run in its tasks, so that each time they end in the same order."""
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
