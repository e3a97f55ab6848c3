"""The runs of an interpreter that are in flight, so that closing the interpreter can end them."""

import os
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor
    from genai_fn.interpreters.executors.sync_executor import SyncExecutor


E = TypeVar("E", bound="SyncExecutor | AsyncExecutor")


class RunRegistry(Generic[E]):
    """
    Refers weakly to the executors of this process: a run is over when its executor is collected.

    It takes no lock, as signal handlers use it, and ignores those of the parent process after a fork.
    """

    def __init__(self) -> None:
        self._running: dict[int, set[weakref.ref[E]]] = {}

    def add(self, executor: E) -> None:
        """Add the executor of a run that starts."""
        running = self._get_running()
        running.add(weakref.ref(executor, running.discard))

    def end_all(self) -> None:
        """End the runs, each with the failure that its executor explains."""
        for reference in self._get_running().copy():  # atomic, unlike an iteration
            executor = reference()
            if executor is not None:
                executor.end()

    def _get_running(self) -> set[weakref.ref[E]]:
        pid = os.getpid()
        return self._running.get(pid) or self._running.setdefault(pid, set())
