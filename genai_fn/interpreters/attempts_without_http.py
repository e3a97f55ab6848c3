"""
Attempts of interpreters without HTTP: `Fake`, `Replay` and drawn interpreters answer each request in one attempt.

With middleware, such an interpreter yields a `SendRequest` for each request, as `HttpHandler` does for each attempt, so
that middleware which counts, delays or refuses attempts is the same everywhere. `AnswerTransport` performs it.
"""

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.backend import EXAMPLE_BACKENDS
from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.errors import APIError, GenaiError, InvalidRequest
from genai_fn.http import Headers, HttpRequest
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire import prepare_request

__all__ = ["AnswerTransport", "AttemptHandler"]

T = TypeVar("T")


class AttemptHandler(HandlerWrapper):
    """Makes each request to a handler that uses no HTTP one attempt, which `AnswerTransport` performs."""

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request."""
        return _send(request, until, partial(self.inner.handle, request, until))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream."""
        return _send(request, until, partial(self.inner.open_stream, request, until), is_stream=True)


def _send(
    request: Request[Any],
    until: float,
    answer: Callable[[], Effects[Result[Any, GenaiError]]],
    *,
    is_stream: bool = False,
) -> Effects[Result[Any, GenaiError]]:
    encoded = _encode_request(request)
    if encoded is None:
        return (yield from answer())
    response: OpenResponse | EffectFailed = yield _AnsweredRequest(encoded, until, inf, answer=answer)
    if isinstance(response, EffectFailed):
        return Failure(response.error)
    if not isinstance(response, _AnsweredResponse):
        raise InvalidRequest("transport", response, "the response of the inner transport, or an EffectFailed")
    if not is_stream or isinstance(response.result, Failure):
        yield ReadChunk(response, until, inf)  # the end of the body: the attempt is over
    return response.result


def _encode_request(request: Request[Any]) -> HttpRequest | None:
    for backend in EXAMPLE_BACKENDS:
        prepared = prepare_request(request, backend)
        if isinstance(prepared, Success):
            http: HttpRequest = prepared.unwrap().http
            return http
    return None


class _AnsweredRequest(SendRequest):
    """A request with the call that answers it; ``msgspec.structs.replace`` keeps it."""

    answer: Callable[[], Effects[Result[Any, GenaiError]]] | None = None


class _AnsweredResponse(Value):
    status: int
    headers: Headers
    result: Result[Any, GenaiError]


class AnswerTransport:
    """The transport of interpreters without HTTP: answers each request by its own call."""

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Answer a request."""
        if not isinstance(request, _AnsweredRequest) or request.answer is None:
            raise InvalidRequest("transport", request, "the given SendRequest, or a msgspec.structs.replace of it")
        result = yield from request.answer()
        if isinstance(result, Success):
            return _AnsweredResponse(200, (), result)
        error = result.failure()
        if isinstance(error, APIError):
            return _AnsweredResponse(error.code, error.headers, result)
        return EffectFailed(error)

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Return the end of the body: it has none."""
        yield from ()
        return b""
