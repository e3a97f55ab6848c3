"""Interpreters without a network: a sync runner, and the async one that shares everything with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.sync_runner import SyncRunner

if TYPE_CHECKING:
    from genai_fn.interpreters.async_runner import AsyncRunner  # loaded with anyio, at the first use
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor


class InProcessRunner(SyncRunner):
    """
    A sync runner in one process with its services, so that `aio` runs the same ones in async code.

    Args:
        make_async_executor: Makes the executor of one async run; it loads anyio.
    """

    def __init__(
        self,
        parts: RunnerParts,
        make_executor: Callable[[], SyncExecutor],
        make_async_executor: "Callable[[], AsyncExecutor]",
    ) -> None:
        super().__init__(parts, make_executor)
        self._make_async_executor = make_async_executor

    @property
    def aio(self) -> "AsyncRunner":
        """The same interpreter for async code, on asyncio or trio; it opens live sessions, too."""
        from genai_fn.interpreters.async_runner import AsyncRunner  # noqa: PLC0415  # loads anyio

        return AsyncRunner(self._parts, self._make_async_executor)


def make_memory_executor() -> SyncExecutor:
    """Make an executor for programs that send no HTTP requests."""
    return SyncExecutor(None, None, None)


def make_async_memory_executor() -> "AsyncExecutor":
    """Make an async executor for programs that send no HTTP requests."""
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor  # noqa: PLC0415  # loads anyio

    return AsyncExecutor(None, None, None)
