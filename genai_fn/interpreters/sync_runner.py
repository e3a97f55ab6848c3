"""The sync runner: runs actions and reads streams in the calling thread. All sync interpreters derive from it."""

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from returns.result import Failure, Result

from genai_fn.effects import Effects, Emit
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import Closed, GenaiError
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.runner import Runner, check_action, check_stream, warn_when_collected
from genai_fn.request import Action, Stream

__all__ = ["Items", "SyncRunner"]

T = TypeVar("T")


class SyncRunner(Runner[SyncExecutor]):
    """Runs actions and reads streams in the calling thread."""

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """
        Run an action to its end, and return its result; failures of the network or the server are not raised.

        Raises:
            InvalidRequest: If it is not a Request or a Flow.
        """
        check_action(action)
        result: Result[T, GenaiError] = self._make_executor().run(self._parts.build_effects(action))
        return result

    def stream(self, stream: Stream[T]) -> "Items[T]":
        """
        Read a stream: ``with run.stream(…) as items: for item in items: …``.

        Raises:
            InvalidRequest: If it is not a Stream.
        """
        check_stream(stream)
        return Items(self._parts.build_effects(stream), self._make_executor())

    def close(self) -> None:
        """
        Close all connections, if it has any, from any thread or signal handler.

        Calls and streams in flight end with ``Failure(Closed)``, and so does each later call.
        """
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Items(Generic[T]):
    """
    Iterates over the items of a stream, each a ``Result``.

    It closes itself at the end of the stream, and at the end of its block.
    """

    def __init__(self, effects: Effects[Any], executor: SyncExecutor) -> None:
        self._pending_failure: Result[Any, GenaiError] | None = None
        self._stepper: Stepper[Any] | None = Stepper(effects)
        self._executor = executor
        self._reader: int | None = None
        self._prevent_warning = warn_when_collected(self, executor)

    def __iter__(self) -> Iterator[Result[T, GenaiError]]:
        return self

    def __next__(self) -> Result[T, GenaiError]:
        if self._pending_failure is not None:
            failed, self._pending_failure = self._pending_failure, None
            return failed
        if self._stepper is None or self._executor.is_closed:
            ended_early, self._stepper = self._stepper is not None, None
            self.close()
            if ended_early and self._executor.end_failure is not None:
                return self._executor.end_failure
            raise StopIteration
        if self._reader is not None:
            raise RuntimeError("the stream is already being read, by another thread or by a function that it calls")
        self._reader, is_over = threading.get_ident(), True
        interrupted: Result[Any, GenaiError] | None = None
        try:
            item = self._read_item(self._stepper)
            is_over = False
            return item
        except BaseException as error:
            if not isinstance(error, Exception):
                interrupted = _READ_INTERRUPTED
            raise
        finally:
            self._reader = None
            if is_over:
                self._stepper = None
                self.close()
                self._pending_failure = interrupted

    def _read_item(self, stepper: Stepper[Any]) -> Result[T, GenaiError]:
        while (effect := stepper.next()) is not DONE:
            if type(effect) is Emit:
                return effect.item  # type: ignore[no-any-return]  # a stream emits results
            try:
                stepper.send(self._executor.perform(effect))
            except Exception as error:  # noqa: BLE001  # a user function raised: the program may handle it
                stepper.throw(error)
        raise StopIteration

    def close(self) -> None:
        """Close the connection at once, from any thread; a blocked read returns ``Failure(Closed)``, then ends."""
        self._pending_failure = None
        self._executor.close()
        self._prevent_warning()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:  # after an interrupt, too
            self._executor.close_and_join()


_READ_INTERRUPTED: Failure[Any] = Failure(Closed("the stream ended as a read of it was interrupted"))
