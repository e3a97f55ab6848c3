"""
The pure edge: from a request to the bytes that go out (`encode`), from the bytes that come back to a value (`decode`).

The one thing that `encode` leaves out is the credential: `sign` adds it at the last moment, for the backend's own address alone.
"""

import dataclasses
import math
import platform
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Credential, Vertex, origin
from genai_fn.body import encoded, merged
from genai_fn.errors import APIError, AuthError, ClientError, DecodeError, GenaiError, InvalidRequest, RateLimited, ServerError, Unsupported
from genai_fn.http import Body, Headers, HttpRequest, HttpResponse, Replied
from genai_fn.marks import survey
from genai_fn.mending import mended
from genai_fn.names import filled
from genai_fn.options import Options
from genai_fn.request import Answer, Call, Refusal, Request
from genai_fn.schema._base import Value

__all__ = ["Prepared", "addressed", "api_error", "decode", "encode", "prepare", "read", "read_event", "sign"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

VERSION = "0.1.0"
_AGENT = f"genai-fn/{VERSION} gl-python/{platform.python_version()}"
_HEADERS: Headers = (("accept", "*/*"), ("user-agent", _AGENT), ("x-goog-api-client", _AGENT))
_JSON: Headers = (("content-type", "application/json"),)
_WHOLE: Headers = (("accept-encoding", "gzip"),)
_PIECES: Headers = (("accept-encoding", "identity"),)


def encode(request: Request[Any], backend: Backend) -> Result[HttpRequest, GenaiError]:
    """
    Write a request as what goes over the wire to a backend: all but the credential.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take.
    """
    return prepare(request, backend).map(_http)


def decode(request: Request[T], response: HttpResponse, backend: Backend) -> Result[T, GenaiError]:
    """Read a whole answer to a request as its value, or as the error that it is."""
    return prepare(request, backend).bind(lambda prepared: read(prepared.answer, response))


def sign(request: HttpRequest, credential: Credential) -> HttpRequest:
    """Add who calls, if the request goes where the credential belongs; a header that the request has already is kept."""
    if origin(request.url) != credential.origin:
        return request
    mine: Headers = credential.headers.reveal()
    own = {name.lower() for name, _ in request.headers}
    added = tuple(pair for pair in mine if pair[0].lower() not in own)
    return HttpRequest(request.method, request.url, (*request.headers, *added), request.body)


class Prepared(Value, Generic[T_co]):
    """A request as it goes out, and how to read what comes back."""

    http: HttpRequest
    answer: Answer[T_co]


def _http(prepared: Prepared[Any]) -> HttpRequest:
    return prepared.http


# Out


def prepare(request: Request[T], backend: Backend) -> Result[Prepared[T], GenaiError]:
    """Write a request for a backend, and keep how its answer is read."""
    operation, options = request.operation, request.options
    try:
        at = addressed(backend, options)
        call = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
        if isinstance(call, Refusal):
            return Failure(Unsupported(at.title, (operation.op,), call.why))
        findings = survey(operation, at.name)
        if findings.refused:
            return Failure(Unsupported(at.title, tuple(findings.refused)))
        answer = replace(call.answer, with_http=True) if options.with_http_response else call.answer
        body = encoded(call.body, at, has_large=findings.has_large)
        if options.extra_body:
            body = merged(body, options.extra_body)
        return Success(Prepared(HttpRequest(call.method, _url(call, at), _headers(call, options, body), body), answer))
    except (InvalidRequest, AuthError, Unsupported) as error:
        return Failure(error)


def addressed(backend: Backend, options: Options) -> Backend:
    """Give a backend the address that the options of a request say."""
    changes = {"base_url": options.base_url, "api_version": options.api_version}
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(backend, **given) if given else backend  # type: ignore[arg-type]  # both are text


def _url(call: Call[Any], at: Backend) -> str:
    path = call.path
    if isinstance(at, Vertex):
        if not call.bare and not path.startswith("projects/"):
            path = at.prefix + path
        path = filled(path, at)
    query = f"?{urlencode(call.query)}" if call.query else ""
    return f"{at.root}/{quote(path, safe=_SAFE)}{query}"


_SAFE = "/:@!$'()*+,;=~"


def _headers(call: Call[Any], options: Options, body: Body) -> Headers:
    timeout: Headers = ()
    if options.server_timeout is not None:
        timeout = (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    kept = _HEADERS + (_PIECES if call.answer.streamed else _WHOLE) + (_JSON if body else ()) + timeout
    if not options.headers:
        return kept
    own = {name.lower() for name, _ in options.headers}
    return tuple(pair for pair in kept if pair[0] not in own) + options.headers


# In


def read(answer: Answer[T], response: HttpResponse) -> Result[T, GenaiError]:
    """Read a whole answer."""
    if not 200 <= response.status < 300:
        return Failure(api_error(response))
    fault = _fault_within(response)
    if fault is not None:
        return Failure(fault)
    value: Result[Any, GenaiError] = _decoded(answer, response.body)
    return value.map(lambda found: Replied(found, response)) if answer.with_http else value


def read_event(answer: Answer[T], data: bytes | memoryview, headers: Headers = ()) -> Result[T, GenaiError]:
    """Read one event of a stream: an item, or the fault that ends it."""
    fault = _fault_within(HttpResponse(200, headers, bytes(data))) if b'"error"' in bytes(data[:_FAULT_HEAD]) else None
    return _decoded(answer, data) if fault is None else Failure(fault)


def _decoded(answer: Answer[T], body: bytes | memoryview) -> Result[T, GenaiError]:
    text = body if bytes(body[:1]).strip() else bytes(body).strip() or b"{}"
    try:
        value = _as(answer.wire, text)
        return Success(value if answer.read is None else answer.read(value))
    except msgspec.DecodeError as error:
        expected, _, path = str(error).partition(" - at ")
        return Failure(DecodeError(expected, path.strip("`"), _text(text)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        return Failure(DecodeError(f"{getattr(answer.wire, '__name__', answer.wire)} ({type(error).__name__})", "", _text(text)))


def _as(kind: Any, text: bytes | memoryview) -> Any:
    try:
        return msgspec.json.decode(text, type=kind, strict=False)
    except msgspec.ValidationError:
        return msgspec.convert(mended(msgspec.json.decode(text), kind), kind, strict=False)


# Faults


class _Fault(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: tuple[Any, ...] | None = None


class _Faulty(msgspec.Struct, forbid_unknown_fields=True):
    error: _Fault


_FAULT_HEAD = 200


def _fault_within(response: HttpResponse) -> APIError | None:
    """Find the fault that an answer of status 200 consists of, alone or in a list of one."""
    if b'"error"' not in response.body[:_FAULT_HEAD]:
        return None
    fault = _fault(response.body)
    if fault is None or fault.code is None:
        return None
    return _of_code(_code(fault, 500), fault, response.headers)


def api_error(response: HttpResponse) -> APIError:
    """Read an answer of another status than 2xx, whatever its body is."""
    fault = _fault(response.body) or _Fault(message=_text(response.body).strip()[:500])
    return _of_code(response.status, fault, response.headers)


def _fault(body: bytes) -> _Fault | None:
    for kind in (_Faulty, tuple[_Faulty, ...]):
        try:
            found: Any = msgspec.json.decode(body, type=kind, strict=False)
        except (ValueError, RecursionError, msgspec.DecodeError):
            continue
        if isinstance(found, _Faulty):
            return found.error
        if found:
            return found[0].error  # type: ignore[no-any-return]  # a tuple of them
    return None


def _code(fault: _Fault, otherwise: int) -> int:
    return fault.code if isinstance(fault.code, int) else otherwise


def _of_code(code: int, fault: _Fault, headers: Headers) -> APIError:
    kind = RateLimited if code == 429 else ClientError if 400 <= code < 500 else ServerError if 500 <= code < 600 else APIError
    return kind(code, fault.status or "", fault.message or "", fault.details or (), headers)


def _text(body: bytes | memoryview) -> str:
    return bytes(body[:_TEXT_KEPT]).decode("utf-8", "replace")


_TEXT_KEPT = 2000
