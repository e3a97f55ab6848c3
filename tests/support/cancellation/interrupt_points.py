"""
Interrupts each subject at the points where Python may handle a signal, in a process of their own.

``python -m tests.support.cancellation.interrupt_points raise httptools 40`` tries 40 points of each subject,
or all if it has fewer; ``all`` in place of a number tries all.

Python handles signals in the main thread when a function starts or resumes, after a call of a C function, and
within a C function that waits. A profile function is called at the same points, and acts at the k-th.
"""

import faulthandler
import functools
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from genai_fn import Gemini, Http, Retry, Success, Vertex, both, gather, streamed, with_options
from genai_fn.interpreters.net.http1.sync_connections import NetworkStream
from genai_fn.interpreters.sync_runner import Items
from tests.support.cancellation.cancel_points import count_client_sockets, spread_points
from tests.support.cancellation.scenarios import ModelScript, build_request
from tests.support.credentials import SlowCredentials
from tests.support.loopback import Loopback

WAITING_FUNCTIONS = {"acquire", "get", "join", "poll", "wait"}
"""C functions that wait, and end if a signal handler raises."""
INTERRUPTIBLE_PATHS = (f"genai_fn{os.sep}interpret", f"{os.sep}threading.py", f"concurrent{os.sep}futures")
MAX_POINTS = 4000
RAISE, CLOSE = "raise", "close"
MANNERS = (RAISE, CLOSE)


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


class Interrupter:
    """Acts as a signal handler once, at the k-th point after the start of the block."""

    def __init__(self, k: int, run: Http, manner: str) -> None:
        self.manner = manner
        self.is_reached = False
        self.passed = 0
        self._k = k
        self._run = run

    def __enter__(self) -> None:
        sys.setprofile(self)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if self.is_reached or not _handles_signals(frame, event, arg):
            return
        self.passed += 1
        if self.passed > self._k:
            self.is_reached = True
            sys.setprofile(None)
            if self.manner == RAISE:
                raise Interrupt
            self._run.close()


def _handles_signals(frame: FrameType, event: str, arg: Any) -> bool:
    """Return whether it is such a point, in code that may be interrupted; most events are excluded by their kind."""
    if event == "call":
        is_point = frame.f_code is not Items.__exit__.__code__  # the end of the block starts with it
    else:
        is_point = event == "c_return" or (event == "c_call" and arg.__name__ in WAITING_FUNCTIONS)
    return is_point and _is_interruptible(frame.f_code.co_filename) and not _is_finalizing(frame)


@functools.cache
def _is_interruptible(path: str) -> bool:
    return any(each in path for each in INTERRUPTIBLE_PATHS)


# Not a set: the hash of a code object takes eight times as long as this search.
_FINALIZING = (NetworkStream.close.__code__, weakref.finalize.__call__.__code__)


def _is_finalizing(frame: FrameType | None) -> bool:
    """Return whether a finalizer may be running, whose exceptions Python only prints: httpcore's closing, or ours."""
    while frame is not None and frame.f_code not in _FINALIZING:
        frame = frame.f_back
    return frame is not None


# Subjects: each enters `interrupter` where the points to interrupt start.


def read_to_end(run: Http, interrupter: Interrupter) -> None:
    with run.stream(build_request("events") | streamed) as items:
        next(items)
        with interrupter:
            list(items)


def leave_stream(run: Http, interrupter: Interrupter) -> None:
    with run.stream(build_request("between-events") | streamed) as items:
        next(items)
        interrupter.__enter__()  # which continues after this block


def call_two(run: Http, interrupter: Interrupter) -> None:
    with interrupter:
        run(both(build_request("call"), build_request("call")))


def gather_two(run: Http, interrupter: Interrupter) -> None:
    with interrupter, run.stream(gather([build_request("call"), build_request("call")])) as items:
        list(items)


def retry_request(run: Http, interrupter: Interrupter) -> None:
    with interrupter:
        run(build_request("busy") | with_options(retry=Retry(attempts=2, initial_delay=0.001)))


def wait_for_connection(run: Http, interrupter: Interrupter) -> None:
    with (
        run.stream(build_request("between-events") | streamed) as one,
        run.stream(build_request("between-events") | streamed) as two,
    ):
        next(one)
        next(two)
        timer = threading.Timer(0.001, one.close)
        timer.start()
        try:
            with interrupter:
                run(build_request("call"))
        finally:
            timer.join()


def wait_for_token(run: Http, interrupter: Interrupter) -> None:
    slow = SlowCredentials("test-token", "test-token")
    timer = threading.Timer(0.001, slow.gate.set)
    backend = Vertex("p", "l", credentials=slow, base_url=run._connections._settings.backend.base_url)  # type: ignore[union-attr]  # it has one
    with Http(backend, proxy="", http1=run._connections._settings.http1) as interpreter:  # type: ignore[union-attr]  # as above
        timer.start()
        try:
            with interrupter:
                interpreter(build_request("call"))
        finally:
            timer.join()
        if interrupter.manner == RAISE:
            assert isinstance(interpreter(build_request("call")), Success)


SUBJECTS: dict[str, Callable[[Http, Interrupter], None]] = {
    "end of a stream": read_to_end,
    "left stream": leave_stream,
    "both": call_two,
    "gather": gather_two,
    "retry": retry_request,
    "connection": wait_for_connection,
    "token": wait_for_token,
}


def main(manner: str, http1: str, count: int | None) -> None:
    """
    Interrupt each subject at this number of its points in turn, by raising, or by closing the interpreter.

    A hang ends the process; other failures are raised, with the subject and the point.
    """
    gc.disable()  # it may close a generator at any point, where exceptions are only printed
    for name in SUBJECTS:
        print(name, _interrupt_points(name, manner, http1, count), sep="\t")  # noqa: T201  # the test reads it


def _interrupt_points(name: str, manner: str, http1: str, count: int | None) -> int:
    """Interrupt a subject at this number of its points, spread evenly, and return how many it has."""
    with Loopback(ModelScript()) as server:
        interrupt = functools.partial(_interrupt_point, name, manner, http1, server)
        passed = 0
        for k in range(MAX_POINTS) if count is None else spread_points(interrupt(MAX_POINTS).passed, count):
            try:
                interrupter = interrupt(k)
            except BaseException as error:
                error.add_note(f"{name}, point {k}")
                raise
            passed = interrupter.passed
            if not interrupter.is_reached:
                break
        assert 0 < passed < MAX_POINTS
        return passed


def _interrupt_point(name: str, manner: str, http1: Any, server: Loopback, k: int) -> Interrupter:
    """Interrupt a subject at the k-th point, if it has one."""
    faulthandler.dump_traceback_later(_MAX_SECONDS, exit=True)
    with Http(Gemini("test-key", base_url=server.url), max_connections=2, proxy="", http1=http1) as run:
        interrupter = Interrupter(k, run, manner)
        is_interrupted = False
        try:
            SUBJECTS[name](run, interrupter)
        except Interrupt:
            is_interrupted = True
        finally:
            sys.setprofile(None)
        assert is_interrupted == (interrupter.is_reached and manner == RAISE)
        if manner == RAISE:
            assert isinstance(run(build_request("call")), Success)
    assert count_client_sockets(server.port) == 0
    return interrupter


_MAX_SECONDS = 60

if __name__ == "__main__":
    main(*sys.argv[1:3], count=None if sys.argv[3] == "all" else int(sys.argv[3]))
