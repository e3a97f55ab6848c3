"""Performs the steps of sockets in the calling thread; an adapter for httpcore."""

import math
import queue
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from genai_fn.interpreters.executors.threads import start_thread
from genai_fn.interpreters.net.socket import (
    NonBlockingSocket,
    RunBlocking,
    SocketSteps,
    WaitUntilReady,
    capture_outcome,
)

T = TypeVar("T")


class DeadlineExceededError(Exception):
    """The deadline has passed. It is no ``TimeoutError``, because sockets raise those themselves."""


def perform_steps(steps: SocketSteps[T], deadline: float) -> T:
    """Perform steps and return their result; raises `DeadlineExceededError` after a point of ``time.monotonic()``."""
    result: Any = None
    try:
        while True:
            step = steps.send(result)
            result = (
                _wait_until_ready(step, deadline) if isinstance(step, WaitUntilReady) else _run_blocking(step, deadline)
            )
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the return value of a StopIteration is Any
    finally:
        steps.close()


class NetworkStream:
    """httpcore's ``NetworkStream`` over a socket. It ignores `timeout`: set `deadline` before each use."""

    def __init__(self, sock: NonBlockingSocket, write_error: type[Exception]) -> None:
        self.socket = sock
        self.deadline = math.inf
        self._write_error = write_error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read at most `max_bytes`, ``b""`` at the end."""
        return perform_steps(self.socket.read(max_bytes), self.deadline)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes. The error of a closed connection makes httpcore read the response that may explain it."""
        if self.socket.buffer_write(buffer):
            return
        try:
            perform_steps(self.socket.write(buffer), self.deadline)
        except OSError as error:
            raise self._write_error(str(error)) from None

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def get_extra_info(self, info: str) -> None:
        """Return None: there is no extra information."""


def _wait_until_ready(step: WaitUntilReady, deadline: float) -> bool:
    remaining = deadline - time.monotonic()
    if remaining > 0:  # checked first: a peer that is always ready must not outlast the deadline
        if step.timeout is not None and step.timeout < remaining:
            return _poll_socket(step, step.timeout)
        if _poll_socket(step, remaining):
            return True
    raise DeadlineExceededError


if sys.platform == "win32":

    def _poll_socket(step: WaitUntilReady, seconds: float) -> bool:
        """On Windows a refused connection is reported as an exceptional condition of the socket."""
        sockets = [step.sock]
        timeout = None if seconds == math.inf else max(0.0, seconds)
        readers, writers = ([], sockets) if step.for_write else (sockets, [])
        return any(select.select(readers, writers, sockets, timeout))

else:

    def _poll_socket(step: WaitUntilReady, seconds: float) -> bool:
        poll = select.poll()
        poll.register(step.sock, select.POLLOUT if step.for_write else select.POLLIN)
        return bool(
            poll.poll(None if seconds == math.inf else min(max(0, math.ceil(seconds * 1000)), _MAX_POLL_MILLISECONDS))
        )


_MAX_POLL_MILLISECONDS = 2**31 - 1


def _run_blocking(step: RunBlocking, deadline: float) -> Any:
    """Call in a daemon thread, because a DNS look-up cannot be cancelled; after the deadline it is left running."""
    outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
    start_thread(
        threading.Thread(target=_put_outcome, args=(step.call, outcomes), name="genai_fn look-up", daemon=True)
    )
    remaining = deadline - time.monotonic()
    try:
        return outcomes.get(timeout=None if remaining == math.inf else min(max(0.0, remaining), threading.TIMEOUT_MAX))
    except queue.Empty:
        raise DeadlineExceededError from None


def _put_outcome(call: Callable[[], Any], outcomes: "queue.SimpleQueue[Any]") -> None:
    outcomes.put(capture_outcome(call))
