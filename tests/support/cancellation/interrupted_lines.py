"""
Interrupts each subject at the lines it executes, in a process of their own, and uses the interpreter at once.

``python -m tests.support.cancellation.interrupted_lines httptools 40`` tries 40 lines of each subject; ``all`` in place
of a number tries all.

A trace function raises ``KeyboardInterrupt`` at the n-th line of the library, of the HTTP library and of what they use
of the standard library.
"""

import faulthandler
import functools
import gc
import sys
import tempfile
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from genai_fn import Gemini, Http, Success, generate, streamed
from genai_fn.interpreters.net.pool.slots import SlotQueue
from genai_fn.ops import files
from tests.support.cancellation.cancel_points import count_client_sockets, spread_points
from tests.support.cancellation.scenarios import ModelScript
from tests.support.loopback import Answer, Loopback, ReceivedRequest, Reply

MAX_CONNECTIONS = 2
MAX_LINES = 40_000
CONTENT = b"content" * 1000


class LineInterrupter:
    """Raises ``KeyboardInterrupt`` once, at the n-th line that the block executes."""

    def __init__(self, n: int) -> None:
        self.is_reached = False
        self.passed = 0
        self._n = n

    def __enter__(self) -> None:
        sys.settrace(self._trace_call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._trace_line if _is_traced(frame.f_code) and not _is_finalizing(frame) else None

    def _trace_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event != "line" or self.is_reached:
            return self._trace_line
        self.passed += 1
        if self.passed > self._n:
            self.is_reached = True
            sys.settrace(None)
            raise KeyboardInterrupt
        return self._trace_line


@functools.cache
def _is_traced(code: CodeType) -> bool:
    return not code.co_filename.startswith("<") and "/tests/" not in code.co_filename


def _is_finalizing(frame: FrameType | None) -> bool:
    """Return whether a finalizer is running, whose exceptions are only printed."""
    while frame is not None and frame.f_code not in _FINALIZERS:
        frame = frame.f_back
    return frame is not None


_FINALIZERS = (weakref.finalize.__call__.__code__, SlotQueue.forget.__code__)


class FileScript(ModelScript):
    """Answers calls and streams, serves a file in chunks, and accepts uploads."""

    def __call__(self, request: ReceivedRequest) -> Answer:
        command = request.headers.get("x-goog-upload-command")
        if command == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{request.headers['host']}/session"),))
        if command is not None:
            status = "final" if "finalize" in command else "active"
            return Reply(200, (("x-goog-upload-status", status),), b'{"file": {"name": "files/abc"}}')
        if "download" in request.target:
            return Reply(body=(CONTENT, CONTENT))
        return super().__call__(request)


REQUEST = generate("call", "hi")


def call(run: Http, folder: Path) -> object:
    return run(REQUEST)


def read_stream(run: Http, folder: Path) -> object:
    with run.stream(generate("events", "hi") | streamed) as items:
        return list(items)


def upload(run: Http, folder: Path) -> object:
    return run(files.upload(folder / "upload.bin", {"mime_type": "text/plain"}))


def download_to_memory(run: Http, folder: Path) -> object:
    return run(files.download("abc"))


def download_to_path(run: Http, folder: Path) -> object:
    return run(files.download("abc", folder / "target"))


class Subject(NamedTuple):
    """What is interrupted."""

    run: Callable[[Http, Path], object]
    is_first_call: bool
    """Whether it opens the connection, or uses an idle one."""


SUBJECTS = {
    "call": Subject(call, is_first_call=True),
    "stream": Subject(read_stream, is_first_call=False),
    "upload": Subject(upload, is_first_call=False),
    "download": Subject(download_to_memory, is_first_call=False),
    "download to a path": Subject(download_to_path, is_first_call=True),
}


def main(http1: str, count: int | None) -> None:
    """
    Interrupt each subject at this number of its lines in turn, with an implementation of HTTP/1.1.

    A hang ends the process; other failures are raised, with the subject and the line.
    """
    gc.disable()  # places and files are freed without the collector
    for name, subject in SUBJECTS.items():
        print(name, _interrupt_lines(name, subject, http1, count), sep="\t")  # noqa: T201  # the test reads it


def _interrupt_lines(name: str, subject: Subject, http1: str, count: int | None) -> int:
    """Interrupt a subject at this number of its lines, spread evenly, and return how many it executes."""
    with Loopback(FileScript()) as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "upload.bin").write_bytes(CONTENT)
        interrupt = functools.partial(_interrupt_line, subject, http1, server, folder)
        passed = 0
        for n in range(MAX_LINES) if count is None else spread_points(interrupt(MAX_LINES).passed, count):
            try:
                interrupter = interrupt(n)
            except BaseException as error:
                error.add_note(f"{name}, line {n}")
                raise
            passed = interrupter.passed
            if not interrupter.is_reached:
                break
        assert 0 < passed < MAX_LINES
        return passed


def _interrupt_line(subject: Subject, http1: Any, server: Loopback, folder: Path, n: int) -> LineInterrupter:
    """Interrupt a subject at the n-th line, if it executes so many."""
    faulthandler.dump_traceback_later(_MAX_SECONDS, exit=True)
    backend = Gemini("test-key", base_url=server.url)
    with Http(backend, max_connections=MAX_CONNECTIONS, proxy="", http1=http1) as run:
        if not subject.is_first_call:
            assert isinstance(run(REQUEST), Success)
        interrupter = LineInterrupter(n)
        try:
            with interrupter:
                subject.run(run, folder)
        except KeyboardInterrupt:
            check_all_places(run)  # at once: while the frames of the call exist
            assert not list(folder.glob("*.part"))
        else:
            check_all_places(run)
        assert not list(folder.glob("*.part"))
    assert count_client_sockets(server.port) == 0
    return interrupter


def check_all_places(run: Http) -> None:
    """Check that as many streams can be open at once as there are places."""
    with ExitStack() as streams:
        for _ in range(MAX_CONNECTIONS):
            items = streams.enter_context(run.stream(generate("between-events", "hi") | streamed))
            assert isinstance(next(items), Success)


_MAX_SECONDS = 60

if __name__ == "__main__":
    main(sys.argv[1], None if sys.argv[2] == "all" else int(sys.argv[2]))
