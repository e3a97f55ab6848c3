"""Records the requests that pass through a handler, and their results."""

from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import CloseResource, Effects, OpenResource
from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import GenaiError
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.request import Request
from genai_fn.testing.recordings.file import RecordingFile
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import RecordedCall, record_results


class Recorder:
    """
    Passes requests on to a handler, and writes each with its results to a file.

    A request that is cancelled before its result is not recorded. A stream is recorded at its end, or, if its run
    ends before, with ``incomplete=True``.

    Args:
        inner: Handles the requests.

        file: The file to write to.

        secrets: Collects the credentials in requests, so that they are masked.

        unrecorded: Classes of errors that are not recorded, nor the request.
    """

    def __init__(
        self,
        inner: RequestHandler,
        file: RecordingFile,
        secrets: KnownSecrets,
        unrecorded: tuple[type[GenaiError], ...],
    ) -> None:
        self._inner = inner
        self._file = file
        self._secrets = secrets
        self._unrecorded = unrecorded

    def handle(self, call: RecordedCall, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Run a request to its end."""
        call = replace(call, number=self._file.assign_number())
        result: Result[Any, GenaiError] = yield from self._secrets.watch_requests(self._inner.handle(request, until))
        self.write_call(call, request, (result,))
        return result

    def open_stream(self, call: RecordedCall, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a stream; the handle is a `RecordedStream`."""
        call = replace(call, number=self._file.assign_number())
        opened: Result[Any, GenaiError] = yield from self._secrets.watch_requests(
            self._inner.open_stream(request, until)
        )
        if isinstance(opened, Failure):
            self.write_call(call, request, (opened,))
            return opened
        stream = RecordedStream(self, opened.unwrap(), call, request)
        yield OpenResource(stream)
        return Success(stream)

    def read_items(self, stream: "RecordedStream") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Read the next items of a stream."""
        items: tuple[Result[Any, GenaiError], ...] = yield from self._secrets.watch_requests(
            self._inner.read_items(stream.handle)
        )
        stream.items += items
        if not items or isinstance(items[-1], Failure):
            stream.write(incomplete=False)
            yield CloseResource(stream)
        return items

    def write_call(
        self, call: RecordedCall, request: Request[Any], results: tuple[Result[Any, GenaiError], ...]
    ) -> None:
        """Write a request with its results, unless they end in a failure that is not recorded."""
        last = results[-1] if results else None
        if not isinstance(last, Failure) or not isinstance(last.failure(), self._unrecorded):
            self._file.write_call(record_results(call, request, results, self._secrets))


class RecordedStream:
    """A stream that is being recorded, with its items so far. Closing it records it with ``incomplete=True``."""

    def __init__(self, recorder: Recorder, handle: Any, call: RecordedCall, request: Request[Any]) -> None:
        self.handle = handle
        self.items: list[Result[Any, GenaiError]] = []
        self._recorder = recorder
        self._call = call
        self._request = request
        self._writer: SetOnce[object] = SetOnce()

    def write(self, *, incomplete: bool) -> None:
        """Record the stream, once; `incomplete` marks one that was not read to its end."""
        writer = object()
        if self._writer.set(writer) is not writer:  # another thread writes it, or this one, which a signal interrupted
            return
        self._recorder.write_call(replace(self._call, incomplete=incomplete), self._request, tuple(self.items))

    def close(self) -> None:
        """Record the stream as not read to its end."""
        self.write(incomplete=True)

    abort = close

    async def aclose(self) -> None:
        """Record the stream as not read to its end."""
        self.write(incomplete=True)
