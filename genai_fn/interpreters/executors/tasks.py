"""Tasks beside a block of the caller's, each under a scope of its own, so that none of them ever ends the block."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio

__all__ = ["BackgroundTasks", "extract_interrupt"]


class BackgroundTasks:
    """
    Tasks in a group whose own scope is never cancelled, as its host would end with it.

    `crashed` is told what a task raises, so that somebody can raise it where it is seen.
    """

    def __init__(self, crashed: Callable[[Exception], None]) -> None:
        self._on_crash = crashed
        self._group = anyio.create_task_group()
        self._scopes: set[anyio.CancelScope] = set()

    async def open_group(self) -> None:
        """Make ready, in the very task that leaves."""
        await self._group.__aenter__()

    async def close_group(self) -> None:
        """End what still runs, and wait for its end."""
        for scope in tuple(self._scopes):
            scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            raise extract_interrupt(group, at_host=True) from None

    def start_task(self, function: Callable[..., Awaitable[Any]], *args: Any) -> anyio.CancelScope:
        """Begin a task; its scope ends it."""
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
        except Exception as error:  # noqa: BLE001  # the caller's own, raised again where it is seen
            self._on_crash(_unwrap_group(error))
        except BaseExceptionGroup as group:
            raise extract_interrupt(group) from None
        finally:
            self._scopes.discard(scope)


def _unwrap_group(error: Exception) -> Exception:
    """Take an exception out of the groups that task groups put it in."""
    found: Any = error
    while isinstance(found, ExceptionGroup) and len(cast("Any", found).exceptions) == 1:
        found = cast("Any", found).exceptions[0]
    return cast("Exception", found)


def extract_interrupt(group: BaseExceptionGroup[BaseException], *, at_host: bool = False) -> BaseException:
    """
    Take an interrupt out of a group, as it comes out as itself; cancellations alone stay as they are.

    `at_host` is for whoever leaves a task group: on asyncio the loop has ended by the interrupt already, and a second
    one would break its ending, so there it is a cancellation.
    """
    cancelled = anyio.get_cancelled_exc_class()
    _, interrupts = group.split(cancelled)
    found: Any = interrupts or group
    while interrupts is not None and isinstance(found, BaseExceptionGroup):
        found = cast("Any", found).exceptions[0]
    is_asyncio = cancelled.__module__.startswith("asyncio")
    has_come_out = at_host and is_asyncio and isinstance(found, KeyboardInterrupt | SystemExit)
    return cancelled() if has_come_out else cast("BaseException", found)
