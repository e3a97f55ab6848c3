"""The request handler that returns the responses of a foreign recording, in the place of HTTP."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.effects import CallFunction, EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.transport import send_through
from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, NoAnswer
from genai_fn.http import FileSlice
from genai_fn.interpreters.offline.service import MemoryResponse, load_file_body
from genai_fn.options import Retry
from genai_fn.request import Request
from genai_fn.testing.recordings.foreign.interactions import Interaction, Recording
from genai_fn.testing.recordings.foreign.search import RecordedInteractions
from genai_fn.testing.recordings.sequence import MultilineText
from genai_fn.values import Value
from genai_fn.wire.masking import Masker
from genai_fn.wire.secret_values import find_secrets

T = TypeVar("T")


class ForeignReplayHandler:
    """
    Encodes requests as for HTTP, and decodes the recorded responses.

    Requests are retried if the recording contains every attempt, and not if it contains only final responses.

    Args:
        recording: The recording.

        in_order: Whether requests must be sent in the recorded order.
    """

    def __init__(self, recording: Recording, *, in_order: bool) -> None:
        self._interactions = RecordedInteractions(recording, in_order=in_order)
        self._secrets = recording.secrets
        retry = Retry(attempts=1) if recording.is_above_retry else Retry()
        self._inner = HttpHandler(backend=_find_backend(recording.urls), retry=retry)

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Return the decoded response of one request."""
        transport = _ReplayTransport(self._interactions)
        result: Result[T, GenaiError] = yield from send_through(self._inner.handle(request, until), transport)
        return self._complete_error(result, request, transport)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open the recorded response of a stream."""
        transport = _ReplayTransport(self._interactions)
        opened: Result[Any, GenaiError] = yield from send_through(self._inner.open_stream(request, until), transport)
        if isinstance(opened, Failure):
            return self._complete_error(opened, request, transport)
        return Success(_OpenStream(opened.unwrap(), request, transport))

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream."""
        items: tuple[Result[Any, GenaiError], ...] = yield from send_through(
            self._inner.read_items(handle.inner), handle.transport
        )
        return tuple(self._complete_error(each, handle.request, handle.transport) for each in items)

    def _complete_error(
        self, result: Result[T, GenaiError], request: Request[Any], transport: "_ReplayTransport"
    ) -> Result[T, GenaiError]:
        """Add to an error which interaction it comes from, or the most similar one, and mask recorded credentials."""
        if isinstance(result, Success):
            return result
        error: GenaiError = result.failure()
        masker = Masker((), (*self._secrets, *find_secrets(request.operation)))
        if isinstance(error, NoAnswer):
            nearest = None if error.nearest is None else MultilineText(masker.mask_text(error.nearest))
            return Failure(NoAnswer(request, nearest))
        if isinstance(error, DecodeError) and transport.last is not None:
            error = DecodeError(f"{error.expected} in {transport.last.where}", error.path, error.text)
        return Failure(masker.mask_error(error))


class _OpenStream(Value):
    """An open stream of the inner handler, with what it was opened by."""

    inner: Any
    request: Request[Any]
    transport: "_ReplayTransport"


class _ReplayTransport:
    """Returns recorded responses to one request and its retries, and keeps the last interaction for errors."""

    def __init__(self, interactions: RecordedInteractions) -> None:
        self._interactions = interactions
        self.last: Interaction | None = None

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Return the recorded response; `NoAnswer` if there is none."""
        loaded: Any = request.request
        if isinstance(request.request.body, FileSlice):
            loaded = yield CallFunction(load_file_body, (request.request,), in_thread=True)
            if isinstance(loaded, EffectFailed):
                return loaded
        self.last = self._interactions.take_interaction(loaded)
        if self.last is None:
            return EffectFailed(NoAnswer(None, self._interactions.describe_nearest(loaded)))
        return _ReplayedResponse(self.last.response)

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Return the next chunk of a recorded body."""
        yield from ()
        response: Any = chunk.response
        data: bytes = response.read(chunk.deadline, "idle")
        return data


class _ReplayedResponse(MemoryResponse):
    """A recorded response, which executors of both kinds close."""

    abort = MemoryResponse.close

    async def aclose(self) -> None:
        """Drop the rest of the body."""
        self.close()


def _find_backend(urls: Iterable[str]) -> Backend:
    """Return the backend of the first URL that shows one; the Gemini Developer API if none does."""
    for url in urls:
        if _VERTEX_URL.search(url):
            return _build_vertex(url)
        if _GEMINI_URL.search(url):
            break
    return Gemini(_KEY)


def _build_vertex(url: str) -> Vertex:
    found = _PROJECT.search(url)
    if found is not None:
        try:
            return Vertex(found[1], found[2], api_key=_KEY)
        except InvalidRequest:  # placeholders
            pass
    return Vertex("project", "us-central1", api_key=_KEY)


_VERTEX_URL = re.compile(r"aiplatform|\A\{VERTEX_URL_PREFIX\}|/projects/[^/]+/locations/|/publishers/google/")
_GEMINI_URL = re.compile(r"generativelanguage|\A\{MLDEV_URL_PREFIX\}|/v\d+(?:alpha|beta)?/(?:models|files)/")
_PROJECT = re.compile(r"/projects/([^/]+)/locations/([^/]+)/")
_KEY = "replayed-without-a-key"
"""Stands for a credential, so that no token is requested. Nothing is sent."""
