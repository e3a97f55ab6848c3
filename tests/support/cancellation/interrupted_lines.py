"""
Interrupts each subject at every n-th line in turn, in a process of its own, and uses the interpreter at once.

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
from typing import Any

from genai_fn import Gemini, Http, Success, generate, streamed
from genai_fn.interpreters.net.pool.slots import SlotQueue
from genai_fn.ops import files
from tests.support.cancellation.cancel_points import count_client_sockets
from tests.support.cancellation.scenarios import ModelScript
from tests.support.loopback import Answer, Loopback, ReceivedRequest, Reply

MAX_CONNECTIONS = 2
MAX_LINES = 40_000
CONTENT = b"content" * 1000


class LineInterrupter:
    """Raises ``KeyboardInterrupt`` once, at the n-th line that the block executes."""

    def __init__(self, n: int) -> None:
        self.is_reached = False
        self._left = n

    def __enter__(self) -> None:
        sys.settrace(self._trace_call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._trace_line if _is_traced(frame.f_code) and not _is_finalizing(frame) else None

    def _trace_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event != "line" or self.is_reached:
            return self._trace_line
        self._left -= 1
        if self._left < 0:
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


SUBJECTS: dict[str, Callable[[Http, Path], object]] = {
    "call": call,
    "stream": read_stream,
    "upload": upload,
    "download": download_to_memory,
    "download to a path": download_to_path,
}


def main(name: str, http1: str, *, is_first_call: bool, step: int = 1) -> None:
    """
    Interrupt a subject at every n-th line in turn, with an implementation of HTTP/1.1.

    A hang ends the process; other failures are raised.
    """
    gc.disable()  # places and files are freed without the collector
    transport: Any = http1
    with Loopback(FileScript()) as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "upload.bin").write_bytes(CONTENT)
        for n in range(0, MAX_LINES, step):
            faulthandler.dump_traceback_later(_MAX_SECONDS, exit=True)
            backend = Gemini("test-key", base_url=server.url)
            with Http(backend, max_connections=MAX_CONNECTIONS, proxy="", http1=transport) as run:
                if not is_first_call:
                    assert isinstance(run(REQUEST), Success)
                interrupter = LineInterrupter(n)
                try:
                    with interrupter:
                        SUBJECTS[name](run, folder)
                except KeyboardInterrupt:
                    check_all_places(run)  # at once: while the frames of the call exist
                    assert not list(folder.glob("*.part"))
                else:
                    check_all_places(run)
                assert not list(folder.glob("*.part"))
            assert count_client_sockets(server.port) == 0
            if not interrupter.is_reached:
                break
    assert 0 < n < MAX_LINES - step
    print(n)  # noqa: T201  # the test reads it


def check_all_places(run: Http) -> None:
    """Check that as many streams can be open at once as there are places."""
    with ExitStack() as streams:
        for _ in range(MAX_CONNECTIONS):
            items = streams.enter_context(run.stream(generate("between-events", "hi") | streamed))
            assert isinstance(next(items), Success)


_MAX_SECONDS = 60

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], is_first_call=sys.argv[3] == "first", step=int(sys.argv[4]))
