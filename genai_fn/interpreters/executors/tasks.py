"""Background tasks of a block, each in its own cancel scope, so that none of them ends the block."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio

from genai_fn.interpreters.executors.event_loops import is_asyncio


class BackgroundTasks:
    """
    Tasks in a group that is never cancelled itself: that would cancel the block that hosts it.

    Args:
        on_crash: Called with the exception that a task raises, which the group does not raise.
    """

    def __init__(self, on_crash: Callable[[Exception], None]) -> None:
        self._on_crash = on_crash
        self._group = anyio.create_task_group()
        self._scopes: set[anyio.CancelScope] = set()

    async def open_group(self) -> None:
        """Open the group; the same task must close it."""
        await self._group.__aenter__()

    async def close_group(self) -> None:
        """Cancel the tasks that still run, and wait for their end."""
        for scope in tuple(self._scopes):
            scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            raise extract_interrupt(group, at_host=True) from None

    def start_task(self, function: Callable[..., Awaitable[Any]], *args: Any) -> anyio.CancelScope:
        """Start a task; returns its cancel scope."""
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        self._group.start_soon(self._run, scope, function, args)
        return scope

    async def _run(
        self, scope: anyio.CancelScope, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]
    ) -> None:
        try:
            with scope:
                await function(*args)
        except Exception as error:  # noqa: BLE001  # of a user function; `on_crash` handles it
            self._on_crash(unwrap_group(error))
        except BaseExceptionGroup as group:
            raise extract_interrupt(group) from None
        finally:
            self._scopes.discard(scope)


def unwrap_group(error: Exception) -> Exception:
    """Return the exception in the groups that task groups have wrapped it in."""
    found: Any = error
    while isinstance(found, ExceptionGroup) and len(cast("Any", found).exceptions) == 1:
        found = cast("Any", found).exceptions[0]
    return cast("Exception", found)


def extract_interrupt(group: BaseExceptionGroup[BaseException], *, at_host: bool = False) -> BaseException:
    """
    Return the interrupt in a group, such as KeyboardInterrupt, or else its first exception.

    A group of cancellations alone is returned as it is.

    `at_host`: for the task that closes the group. On asyncio the interrupt has already ended the event loop, and
    raising it again would break the shutdown, so a cancellation is returned there.
    """
    cancelled = anyio.get_cancelled_exc_class()
    _, raised = group.split(cancelled)
    found: Any = group if raised is None else raised.split(Exception)[1] or raised
    while raised is not None and isinstance(found, BaseExceptionGroup):
        found = cast("Any", found).exceptions[0]
    was_raised_before = at_host and is_asyncio() and isinstance(found, KeyboardInterrupt | SystemExit)
    return cancelled() if was_raised_before else cast("BaseException", found)
