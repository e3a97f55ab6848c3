"""
The async runner, for asyncio and trio: runs actions, reads streams and opens live sessions in the calling task.

All async interpreters derive from it.
"""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import anyio
from anyio.lowlevel import checkpoint
from returns.result import Failure, Result

from genai_fn.effects import Effects, Emit
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import Closed, GenaiError
from genai_fn.interpreters.executors.async_executor import STREAM_CLOSED, AsyncExecutor
from genai_fn.interpreters.runner import Runner, check_action, check_live, check_stream, warn_when_collected
from genai_fn.request import Action, Live, Stream, is_spawning

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session  # few programs open sessions

__all__ = ["AsyncItems", "AsyncRunner"]

T = TypeVar("T")


class AsyncRunner(Runner[AsyncExecutor]):
    """Runs actions, reads streams and opens live sessions in the calling task, on asyncio or trio."""

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """
        Run an action to its end, and return its result; failures of the network or the server are not raised.

        Raises:
            InvalidRequest: If it is not a Request or a Flow.
        """
        check_action(action)
        executor = self._make_executor()
        if not executor.has_transport:
            await checkpoint()  # nothing else may be one
        result: Result[T, GenaiError] = await executor.run(self._parts.build_effects(action))
        return result

    def stream(self, stream: Stream[T]) -> "AsyncItems[T]":
        """
        Read a stream: ``async with run.stream(…) as items: async for item in items: …``.

        Raises:
            InvalidRequest: If it is not a Stream.
        """
        check_stream(stream)
        effects = self._parts.build_effects(stream)
        return AsyncItems(effects, self._make_executor(), starts_actions=is_spawning(stream))

    def live(self, live: Live[T]) -> "Session[T]":
        """
        Open a live session: ``async with run.live(live.connect(…)) as session: …``.

        Raises:
            InvalidRequest: If it is not a Live.
        """
        check_live(live)
        return self._parts.build_live_session(live)

    async def aclose(self) -> None:
        """
        Close all connections, if it has any.

        Calls and streams in flight end with ``Failure(Closed)``, and so does each later call.
        """
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncItems(Generic[T]):
    """
    Iterates over the items of a stream, each a ``Result``.

    It closes itself at the end of the stream, and at the end of its block. It is not an async generator: those cannot
    be closed from another task, nor left without waiting for the garbage collector.
    """

    def __init__(self, effects: Effects[Any], executor: AsyncExecutor, *, starts_actions: bool = False) -> None:
        self._final_item: Result[Any, GenaiError] | None = None
        self._stepper: Stepper[Any] | None = Stepper(effects)
        self._executor = executor
        self._executor.is_streaming = True
        self._starts_actions = starts_actions
        self._is_reading = False
        self._prevent_warning = warn_when_collected(self, executor)

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        if self._final_item is not None:
            await checkpoint()
            last, self._final_item = self._final_item, None
            return last
        if not self._executor.has_transport:
            await checkpoint()  # nothing else may be one
        if self._stepper is None or self._executor.is_closed:
            ended_early, self._stepper = self._stepper is not None, None
            await self.aclose()
            if ended_early and self._executor.end_failure is not None:
                return self._executor.end_failure
            raise StopAsyncIteration
        item = await self._advance(self._stepper)
        if item is None:
            raise StopAsyncIteration
        return item

    async def _advance(self, stepper: Stepper[Any]) -> Result[T, GenaiError] | None:
        """Return the next item, or None at the end, where it closes the connection; so do errors and cancellation."""
        if self._is_reading:
            raise RuntimeError("the stream is already being read, by another task")
        self._is_reading = is_over = True
        try:
            effect = stepper.next()
            if type(effect) is Emit:
                is_over = False
                return effect.item  # type: ignore[no-any-return]  # a stream emits results
            with anyio.CancelScope() as scope:
                self._executor.set_running(scope)
                item = await self._read_item(stepper, effect)
                is_over = item is None
                return item
            return self._executor.end_failure or STREAM_CLOSED
        except BaseException as error:
            if not isinstance(error, Exception):
                self._final_item = _READ_CANCELLED
            raise
        finally:
            self._executor.set_running(None)
            self._is_reading = False
            if is_over:
                self._stepper = None
                await self.aclose()

    async def _read_item(self, stepper: Stepper[Any], effect: Any) -> Result[T, GenaiError] | None:
        while effect is not DONE:
            if type(effect) is Emit:
                return effect.item  # type: ignore[no-any-return]  # a stream emits results
            try:
                stepper.send(await self._executor.perform(effect))
            except Exception as error:  # noqa: BLE001  # a user function raised: the program may handle it
                stepper.throw(error)
            effect = stepper.next()
        return None

    def close(self) -> None:
        """
        Close the connection at once, from any task or thread; a blocked read returns ``Failure(Closed)``, then ends.
        """
        self._executor.close()

    async def aclose(self) -> None:
        """Close the connection."""
        self._executor.is_closed = True
        await self._executor.aclose()
        self._prevent_warning()

    async def __aenter__(self) -> Self:
        if self._starts_actions:
            await self._executor.open_task_group()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._final_item = None
        try:
            await self.aclose()
        finally:
            await self._executor.close_task_group()


_READ_CANCELLED: Failure[Any] = Failure(Closed("the stream ended as a read of it was cancelled"))
