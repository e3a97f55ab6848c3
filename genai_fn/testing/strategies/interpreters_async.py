"""An `Improvised` interpreter to be awaited."""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint
from msgspec.structs import replace
from returns.result import Result, Success

from genai_fn.clock import timed
from genai_fn.errors import GenaiError
from genai_fn.interpret.aio import AsyncItems
from genai_fn.interpret.live import Session
from genai_fn.interpret.settings import a_live, a_stream, an_action
from genai_fn.interpret.sockets import Ending, Socket
from genai_fn.interpret.sockets_memory import MemorySocket
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Live, Stream
from genai_fn.steps import program
from genai_fn.testing.answers import StandIn
from genai_fn.testing.fake_live import FakeWiring
from genai_fn.testing.stage_async import AsyncStage
from genai_fn.testing.strategies.conversations import Conversation, RecordingClock, Talk
from genai_fn.testing.strategies.sessions import Speech

__all__ = ["AsyncImprovised"]

T = TypeVar("T")


class AsyncImprovised:
    """An `Improvised` interpreter to be awaited, on asyncio and trio."""

    def __init__(self, exchange: StandIn, conversation: Conversation, speech: Callable[[Live[Any]], Speech]) -> None:
        self._exchange = exchange
        self._conversation = conversation
        self._speech = speech

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        await checkpoint()
        return await AsyncStage().run(timed(program(action, self._exchange), RecordingClock(self._conversation)))

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        a_stream(stream)
        return _TimedItems(stream, self._exchange, self._conversation)

    def live(self, live: Live[T]) -> Session[T]:
        """Open a live session; the functions that it calls run in the task of whoever runs it, and in no thread."""
        a_live(live)
        talk = self._conversation.talk(live, self._speech(live))
        threadless = _threadless(live)
        return Session(threadless, _Improvising(threadless, talk), retry=Retry(tries=1), timeouts=Timeouts())


class _TimedItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: StandIn, conversation: Conversation) -> None:
        super().__init__(stream, Success(exchange), AsyncStage())
        self._effects = timed(program(stream, exchange), RecordingClock(conversation))

    async def __anext__(self) -> Result[T, GenaiError]:
        await checkpoint()
        return await super().__anext__()


# Live sessions


class _Improvising(FakeWiring):
    """Connects a session to what is said as it is drawn."""

    def __init__(self, live: Live[Any], talk: Talk) -> None:
        super().__init__(live, talk.refusal or talk.answer)
        self._improvised = talk

    def socket(self, answered: Callable[[Any], Iterable[Any]]) -> Socket:
        return _Patient(answered, self._improvised)


class _Patient(MemorySocket):
    """A connection to a peer that waits some time for what functions return, and then goes on without it."""

    def __init__(self, answered: Callable[[Any], Iterable[Any]], talk: Talk) -> None:
        super().__init__(self._counted)
        self._answered = answered
        self._talk = talk
        self._coming = 0
        self._late = deque[Any]()
        self._has_parted = False

    async def receive(self) -> Any:
        if not self._coming and not self._late and await self._is_in_vain():
            self._late.extend(self._talk.conclude())
        if self._late:
            return self._late.popleft()
        received = await super().receive()
        self._coming -= not isinstance(received, Ending)
        return received

    async def close(self) -> None:
        self._has_parted = True
        await super().close()

    def cut(self) -> None:
        self._has_parted = True
        super().cut()

    def _counted(self, frame: Any) -> Iterator[Any]:
        for each in self._answered(frame):
            self._coming += 1
            yield each

    async def _is_in_vain(self) -> bool:
        """Wait, without a clock, for what is owed; tell whether it has not come."""
        for _ in range(_PATIENCE):
            if self._coming or self._has_parted or not self._talk.is_owed:
                return False
            await checkpoint()
        return self._talk.is_owed


_PATIENCE = 200
"""How often others may go on meanwhile."""


def _threadless(live: Live[T]) -> Live[T]:
    """Have the functions of a session run in its tasks, so that each time they end in the same order."""
    if live.offer is None:
        return live
    return replace(live, offer=replace(live.offer, functions=tuple(map(_awaited, live.offer.functions))))


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(function) or not hasattr(function, "__name__"):
        return function

    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        await checkpoint()
        return function(*args, **kwargs)

    return run
