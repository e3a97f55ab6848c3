"""Steps of connections, performed by a thread that waits."""

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

__all__ = ["DeadlineExceededError", "NetworkStream", "perform_steps"]

T = TypeVar("T")


class DeadlineExceededError(Exception):
    """The deadline is past; not a ``TimeoutError``, which sockets raise by themselves."""


def perform_steps(steps: SocketSteps[T], deadline: float) -> T:
    """Perform steps until a point of ``time.monotonic()``, past which it is an `OutOfTimeError`."""
    answer: Any = None
    try:
        while True:
            step = steps.send(answer)
            answer = (
                _wait_until_ready(step, deadline) if isinstance(step, WaitUntilReady) else _run_blocking(step, deadline)
            )
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what a generator returns is Any to whoever drives it
    finally:
        steps.close()


class NetworkStream:
    """A wire as an httpcore connection wants it; whoever uses it sets the deadline before."""

    def __init__(self, wire: NonBlockingSocket, write_error: type[Exception]) -> None:
        self.socket = wire
        self.deadline = math.inf
        self._write_error = write_error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there."""
        return perform_steps(self.socket.read(max_bytes), self.deadline)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write it all; a peer that hung up may have said why, so that error makes httpcore go on to read."""
        if self.socket.buffer_write(buffer):
            return
        try:
            perform_steps(self.socket.write(buffer), self.deadline)
        except OSError as error:
            raise self._write_error(str(error)) from None

    def close(self) -> None:
        """Close the wire."""
        self.socket.close()

    def get_extra_info(self, info: str) -> None:
        """Tell nothing."""


def _wait_until_ready(step: WaitUntilReady, deadline: float) -> bool:
    left = deadline - time.monotonic()
    if left > 0:  # else a peer that is always ready would never run out of time
        if step.timeout is not None and step.timeout < left:
            return _poll_socket(step, step.timeout)
        if _poll_socket(step, left):
            return True
    raise DeadlineExceededError


if sys.platform == "win32":

    def _poll_socket(step: WaitUntilReady, seconds: float) -> bool:
        """Windows tells of a connection refused by an exception of the socket."""
        sockets = [step.sock]
        within = None if seconds == math.inf else max(0.0, seconds)
        return any(select.select([] if step.write else sockets, sockets if step.write else [], sockets, within))

else:

    def _poll_socket(step: WaitUntilReady, seconds: float) -> bool:
        poll = select.poll()
        poll.register(step.sock, select.POLLOUT if step.for_write else select.POLLIN)
        return bool(
            poll.poll(None if seconds == math.inf else min(max(0, math.ceil(seconds * 1000)), _MAX_POLL_MILLISECONDS))
        )


_MAX_POLL_MILLISECONDS = 2**31 - 1  # milliseconds


def _run_blocking(step: RunBlocking, deadline: float) -> Any:
    """Call in a thread of its own, as nothing else stops a look-up; it ends by itself, or with the process."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    start_thread(threading.Thread(target=_put_outcome, args=(step.call, answers), name="genai_fn look-up", daemon=True))
    left = deadline - time.monotonic()
    try:
        return answers.get(timeout=None if left == math.inf else min(max(0.0, left), threading.TIMEOUT_MAX))
    except queue.Empty:
        raise DeadlineExceededError from None


def _put_outcome(call: Callable[[], Any], answers: "queue.SimpleQueue[Any]") -> None:
    answers.put(capture_outcome(call))
