"""Performs the steps of sockets in the calling thread."""

import math
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from genai_fn.interpreters.executors.threads import Promise, start_thread
from genai_fn.interpreters.net.socket import (
    DeadlineExceededError,
    ReadFile,
    RunBlocking,
    SocketSteps,
    WaitForAny,
    WaitUntilReady,
    capture_outcome,
    check_deadline,
    shut_down_socket,
)

T = TypeVar("T")
_OnWait: TypeAlias = Callable[[Callable[[], object]], object]


def perform_steps(steps: SocketSteps[T], deadline: float, on_wait: _OnWait | None = None) -> T:
    """
    Perform steps and return their result; raises `DeadlineExceededError` after a point of ``time.monotonic()``.

    `on_wait` is called before each wait with a function that ends it, from any thread: the step fails.
    """
    result: Any = None
    try:
        while True:
            step, result = steps.send(result), None
            match step:
                case WaitUntilReady():
                    _wait((step.sock,), None, deadline, on_wait, for_write=step.for_write)
                case WaitForAny():
                    _wait(step.socks, step.timeout, deadline, on_wait, for_write=True)
                case RunBlocking():
                    result = _run_blocking(step, deadline, on_wait)
                case ReadFile():
                    check_deadline(deadline)
                    result = capture_outcome(step.call)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the return value of a StopIteration is Any
    finally:
        steps.close()


def _wait(
    sockets: tuple[socket.socket, ...],
    timeout: float | None,
    deadline: float,
    on_wait: _OnWait | None,
    *,
    for_write: bool,
) -> None:
    """Wait until a socket is ready, or a timeout is over; raises `DeadlineExceededError` at a deadline."""
    if on_wait is not None:
        on_wait(partial(_shut_down_sockets, sockets))
    remaining = deadline - time.monotonic()  # checked first: a peer that is always ready must not outlast the deadline
    seconds = remaining if timeout is None else min(timeout, remaining)
    is_ready = remaining > 0 and _poll_sockets(sockets, seconds, for_write=for_write)
    if not is_ready and seconds == remaining:
        raise DeadlineExceededError


def _shut_down_sockets(sockets: tuple[socket.socket, ...]) -> None:
    for each in sockets:
        shut_down_socket(each)


if sys.platform == "win32":

    def _poll_sockets(sockets: tuple[socket.socket, ...], seconds: float, *, for_write: bool) -> bool:
        """On Windows a refused connection is reported as an exceptional condition of the socket."""
        timeout = None if seconds == math.inf else max(0.0, seconds)
        readers, writers = ((), sockets) if for_write else (sockets, ())
        return any(select.select(readers, writers, sockets, timeout))

else:

    def _poll_sockets(sockets: tuple[socket.socket, ...], seconds: float, *, for_write: bool) -> bool:
        poll = select.poll()
        for sock in sockets:
            poll.register(sock, select.POLLOUT if for_write else select.POLLIN)
        return bool(
            poll.poll(None if seconds == math.inf else min(max(0, math.ceil(seconds * 1000)), _MAX_POLL_MILLISECONDS))
        )


_MAX_POLL_MILLISECONDS = 2**31 - 1


def _run_blocking(step: RunBlocking, deadline: float, on_wait: _OnWait | None) -> Any:
    outcome = start_blocking_call(step)
    if on_wait is not None:
        on_wait(outcome.cancel)
    remaining = deadline - time.monotonic()
    try:
        return outcome.result(None if remaining == math.inf else remaining)
    except TimeoutError:
        raise DeadlineExceededError from None


def start_blocking_call(step: RunBlocking) -> Promise[Any]:
    """
    Call in a daemon thread of its own, because a DNS look-up cannot be cancelled: it is left running.

    It takes no thread from a pool that is shared with the user's calls.
    """
    outcome = Promise[Any]()
    call = partial(_set_outcome, step.call, outcome)
    start_thread(threading.Thread(target=call, name="genai_fn look-up", daemon=True))
    return outcome


def _set_outcome(call: Callable[[], Any], outcome: Promise[Any]) -> None:
    outcome.set_result(capture_outcome(call))
