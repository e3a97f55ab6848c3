"""Between threads and the event loops of asyncio and trio."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

from genai_fn.interpreters.executors.threads import Promise

T = TypeVar("T")


async def await_promise(promise: Promise[T]) -> T:
    """Wait for a value that another thread sets."""
    is_done, token = anyio.Event(), current_token()
    promise.add_done_callback(lambda: call_soon(token, is_done.set))
    await is_done.wait()
    return promise.result()


def call_soon(token: EventLoopToken, call: Callable[[], object]) -> None:
    """Schedule a call in an event loop, from any thread, without waiting for it."""
    loop: Any = token.native_token
    with suppress(RuntimeError):  # the loop has ended
        (getattr(loop, "run_sync_soon", None) or loop.call_soon_threadsafe)(call)
