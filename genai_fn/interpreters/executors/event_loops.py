"""Between threads and the event loops of asyncio and trio."""

import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

from genai_fn.effects import FlowFailed
from genai_fn.errors import Closed
from genai_fn.interpreters.executors.threads import Promise

T = TypeVar("T")


def is_asyncio() -> bool:
    """Return whether the calling task runs on asyncio, and not on trio."""
    return anyio.get_cancelled_exc_class().__module__.startswith("asyncio")


async def await_promise(promise: Promise[T]) -> T:
    """Wait for a value that another thread sets."""
    is_done, token = anyio.Event(), current_token()
    promise.add_done_callback(lambda: call_soon(token, is_done.set))
    await is_done.wait()
    return promise.result()


async def await_future(future: Future[T]) -> T:
    """Wait for a value of another thread, and cancel its computation if this is cancelled."""
    is_done, token = anyio.Event(), current_token()
    future.add_done_callback(lambda _: call_soon(token, is_done.set))
    try:
        await is_done.wait()
        return future.result()
    except CancelledError:  # of the future: that of this task is another class
        raise FlowFailed(Closed()) from None
    finally:
        future.cancel()


async def await_result(value: Awaitable[T]) -> T:
    """
    Wait for the result of a user function.

    A cancellation that it raises although its task is not cancelled, as one does that awaits a cancelled task of
    asyncio, becomes a RuntimeError: it is a failure of the function, and must not end its caller.
    """
    try:
        return await value
    except anyio.get_cancelled_exc_class() as error:
        if _is_task_cancelled():
            raise
        raise RuntimeError("the function awaited a task that was cancelled") from error


def _is_task_cancelled() -> bool:
    if not is_asyncio():  # on trio, only a cancelled task raises a cancellation
        return True
    task: Any = sys.modules["asyncio"].current_task()
    return task is None or task.cancelling() > 0


def call_soon(token: EventLoopToken, call: Callable[[], object]) -> None:
    """Schedule a call in an event loop, from any thread, without waiting for it."""
    loop: Any = token.native_token
    with suppress(RuntimeError):  # the loop has ended
        (getattr(loop, "run_sync_soon", None) or loop.call_soon_threadsafe)(call)
