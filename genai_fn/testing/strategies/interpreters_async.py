"""An `Improvised` interpreter to be awaited."""

from typing import TypeVar

from anyio.lowlevel import checkpoint
from returns.result import Result, Success

from genai_fn.clock import timed
from genai_fn.errors import GenaiError
from genai_fn.interpret.aio import AsyncItems
from genai_fn.interpret.settings import a_stream, an_action
from genai_fn.request import Action, Stream
from genai_fn.steps import program
from genai_fn.testing.answers import StandIn
from genai_fn.testing.stage_async import AsyncStage
from genai_fn.testing.strategies.conversations import Conversation, RecordingClock

__all__ = ["AsyncImprovised"]

T = TypeVar("T")


class AsyncImprovised:
    """An `Improvised` interpreter to be awaited, on asyncio and trio."""

    def __init__(self, exchange: StandIn, conversation: Conversation) -> None:
        self._exchange = exchange
        self._conversation = conversation

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        await checkpoint()
        return await AsyncStage().run(timed(program(action, self._exchange), RecordingClock(self._conversation)))

    def stream(self, stream: Stream[T]) -> AsyncItems[T]:
        """Read a stream."""
        a_stream(stream)
        return _TimedItems(stream, self._exchange, self._conversation)


class _TimedItems(AsyncItems[T]):
    def __init__(self, stream: Stream[T], exchange: StandIn, conversation: Conversation) -> None:
        super().__init__(stream, Success(exchange), AsyncStage())
        self._effects = timed(program(stream, exchange), RecordingClock(conversation))

    async def __anext__(self) -> Result[T, GenaiError]:
        await checkpoint()
        return await super().__anext__()
