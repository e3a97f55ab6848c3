"""Writes down what an exchange is asked and what it answers, as it goes by."""

import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import GenaiError
from genai_fn.request import Request
from genai_fn.testing.recordings.file import RecordingFile
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import RecordedCall, record_results

__all__ = ["RecordedStream", "Recorder"]


class Recorder:
    """
    Records the exchanges of one run; `leave` ends it.

    What comes to no answer, as it is cancelled, leaves no note.

    Args:
        is_kept: Tells the failures that are written down.
    """

    def __init__(
        self, inner: RequestHandler, tape: RecordingFile, secrets: KnownSecrets, is_kept: Callable[[GenaiError], bool]
    ) -> None:
        self._inner = inner
        self._file = tape
        self._secrets = secrets
        self._is_recorded = is_kept
        self._open_streams: list[RecordedStream] = []
        self._lock = threading.Lock()

    def handle(self, asked: RecordedCall, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Have a request answered whole."""
        asked = replace(asked, number=self._file.assign_number())
        result: Result[Any, GenaiError] = yield from self._secrets.watch_requests(self._inner.handle(request, until))
        self._write_call(asked, request, (result,))
        return result

    def open_stream(self, asked: RecordedCall, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Have a stream begun."""
        asked = replace(asked, number=self._file.assign_number())
        opened: Result[Any, GenaiError] = yield from self._secrets.watch_requests(
            self._inner.open_stream(request, until)
        )
        if isinstance(opened, Failure):
            self._write_call(asked, request, (opened,))
            return opened
        heard = RecordedStream(opened.unwrap(), asked, request)
        with self._lock:
            self._open_streams.append(heard)
        return Success(heard)

    def read_items(self, heard: "RecordedStream") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Have a stream go on; its note is written at its end."""
        items: tuple[Result[Any, GenaiError], ...] = yield from self._secrets.watch_requests(
            self._inner.read_items(heard.handle)
        )
        heard.items += items
        if not items or isinstance(items[-1], Failure):
            self._finish_stream(heard, left=False)
        return items

    def finish(self) -> None:
        """Write down the streams that nobody reads any more."""
        for heard in tuple(self._open_streams):
            self._finish_stream(heard, left=True)

    def _finish_stream(self, heard: "RecordedStream", *, left: bool) -> None:
        with self._lock:
            if heard not in self._open_streams:
                return
            self._open_streams.remove(heard)
        self._write_call(replace(heard.call, left=left), heard.request, tuple(heard.items))

    def _write_call(
        self, asked: RecordedCall, request: Request[Any], results: tuple[Result[Any, GenaiError], ...]
    ) -> None:
        last = results[-1] if results else None
        if not isinstance(last, Failure) or self._is_recorded(last.failure()):
            self._file.write_call(record_results(asked, request, results, self._secrets))


class RecordedStream:
    """A stream that goes by: whose it is, and what has come."""

    def __init__(self, handle: Any, asked: RecordedCall, request: Request[Any]) -> None:
        self.handle = handle
        self.call = asked
        self.request = request
        self.items: list[Result[Any, GenaiError]] = []
