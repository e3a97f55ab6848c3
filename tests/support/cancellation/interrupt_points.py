"""
Interrupts one subject after the other at each point where a signal may be handled, in a process of its own.

Python handles signals in the main thread where a function begins or goes on, after a call of a function in C, and
within a call in C that waits. A profile function comes to the same points, and acts at the k-th.
"""

import faulthandler
import gc
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from genai_fn.interpreters.net.connect_sync import NetworkStream

from genai_fn import Gemini, Http, Retry, Success, Vertex, both, gather, streamed, with_options
from genai_fn.interpreters.sync_runner import Items
from tests.support.cancellation.points import client_sockets
from tests.support.cancellation.scenarios import Script, asked
from tests.support.credentials import SlowCredentials
from tests.support.loopback import Loopback

WAITING = {"acquire", "get", "join", "poll", "wait"}
"""Names of functions in C that wait, and end if a signal handler raises meanwhile."""
PARTS = (f"genai_fn{os.sep}interpret", f"{os.sep}threading.py", f"concurrent{os.sep}futures")
MOST = 4000
RAISE, CLOSE = "raise", "close"
MANNERS = (RAISE, CLOSE)


class Interrupt(BaseException):
    """What Ctrl-C raises, but for the name."""


class Point:
    """The k-th point from where the block begins on; what a signal handler would do is done there, once."""

    def __init__(self, k: int, run: Http, manner: str) -> None:
        self.manner = manner
        self.reached = False
        self._left = k
        self._run = run

    def __enter__(self) -> None:
        sys.setprofile(self)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if self.reached or not _handles_signals(frame, event, arg):
            return
        self._left -= 1
        if self._left < 0:
            self.reached = True
            sys.setprofile(None)
            if self.manner == RAISE:
                raise Interrupt
            self._run.close()


def _handles_signals(frame: FrameType, event: str, arg: Any) -> bool:
    if not any(each in frame.f_code.co_filename for each in PARTS) or _is_finalizing(frame):
        return False
    if event == "call":
        return frame.f_code is not Items.__exit__.__code__  # before it, nobody knows of the block's end yet
    return event == "c_return" or (event == "c_call" and arg.__name__ in WAITING)


def _is_finalizing(frame: FrameType | None) -> bool:
    """Tell whether httpcore closes, maybe as Python forgets its generator: what is raised there is only printed."""
    while frame is not None and frame.f_code is not NetworkStream.close.__code__:
        frame = frame.f_back
    return frame is not None


# Subjects: each begins the point once it is where it wants to be interrupted.


def read_to_the_end(run: Http, point: Point) -> None:
    with run.stream(asked("events") | streamed) as items:
        next(items)
        with point:
            list(items)


def leave(run: Http, point: Point) -> None:
    with run.stream(asked("between-events") | streamed) as items:
        next(items)
        point.__enter__()  # which goes on past this block


def call_two(run: Http, point: Point) -> None:
    with point:
        run(both(asked("call"), asked("call")))


def gather_two(run: Http, point: Point) -> None:
    with point, run.stream(gather([asked("call"), asked("call")])) as items:
        list(items)


def sleep(run: Http, point: Point) -> None:
    with point:
        run(asked("busy") | with_options(retry=Retry(attempts=2, initial_delay=0.001)))


def wait_for_a_lane(run: Http, point: Point) -> None:
    with run.stream(asked("between-events") | streamed) as one, run.stream(asked("between-events") | streamed) as two:
        next(one)
        next(two)
        freeing = threading.Timer(0.001, one.close)
        freeing.start()
        try:
            with point:
                run(asked("call"))
        finally:
            freeing.join()


def wait_for_a_token(run: Http, point: Point) -> None:
    slow = SlowCredentials("test-token", "test-token")
    freeing = threading.Timer(0.001, slow.gate.set)
    backend = Vertex("p", "l", credentials=slow, base_url=run._connections._settings.backend.base_url)  # type: ignore[union-attr]  # it has one
    with Http(backend, proxy="") as own:
        freeing.start()
        try:
            with point:
                own(asked("call"))
        finally:
            freeing.join()
        if point.manner == RAISE:
            assert isinstance(own(asked("call")), Success)


SUBJECTS: dict[str, Callable[[Http, Point], None]] = {
    "end of a stream": read_to_the_end,
    "left stream": leave,
    "both": call_two,
    "gather": gather_two,
    "another try": sleep,
    "line": wait_for_a_lane,
    "token": wait_for_a_token,
}


def main(name: str, manner: str) -> None:
    """
    Interrupt a subject at each point, one after the other, by raising or by closing the interpreter in the handler.

    A wait without an end ends the process; whatever else goes wrong is raised.
    """
    gc.disable()  # it may close a generator at any point, and what is raised there is only printed
    with Loopback(Script()) as server:
        for k in range(MOST):
            faulthandler.dump_traceback_later(_FOREVER, exit=True)
            with Http(Gemini("test-key", base_url=server.url), max_connections=2, proxy="") as run:
                point = Point(k, run, manner)
                is_interrupted = False
                try:
                    SUBJECTS[name](run, point)
                except Interrupt:
                    is_interrupted = True
                finally:
                    sys.setprofile(None)
                assert is_interrupted == (point.reached and manner == RAISE)
                if manner == RAISE:
                    assert isinstance(run(asked("call")), Success)
            assert client_sockets(server.port) == 0
            if not point.reached:
                break
    assert 0 < k < MOST - 1
    print(k)  # noqa: T201  # it is read by the test


_FOREVER = 60

if __name__ == "__main__":
    main(*sys.argv[1:])
