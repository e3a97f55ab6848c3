"""
The pure edge: from a request to the bytes that go out (`encode`), from the bytes that come back to a value (`decode`).

The one thing that `encode` leaves out is the credential: `sign` adds it at the last moment, for the backend's own
address alone.
"""

import dataclasses
import functools
import math
import platform
import re
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.backend import Backend, Credential, Vertex, origin, own_credential, pairs
from genai_fn.body import encoded, merged
from genai_fn.errors import APIError, ClientError, DecodeError, GenaiError, RateLimited, ServerError, Unsupported
from genai_fn.http import Body, FileSlice, Headers, HttpRequest, HttpResponse, Replied
from genai_fn.marks import survey
from genai_fn.masking import Masker
from genai_fn.mending import kept, misread, parsed
from genai_fn.names import filled
from genai_fn.options import Options
from genai_fn.request import Answer, Call, Operation, Refusal, Request
from genai_fn.schema._base import Value

__all__ = [
    "AGENT",
    "Prepared",
    "addressed",
    "api_error",
    "decode",
    "encode",
    "prepare",
    "read",
    "read_event",
    "read_stray",
    "sign",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

VERSION = "0.1.0"
AGENT = f"genai-fn/{VERSION} gl-python/{platform.python_version()}"
_HEADERS: Headers = (("accept", "*/*"), ("user-agent", AGENT), ("x-goog-api-client", AGENT))
_JSON: Headers = (("content-type", "application/json"),)
_WHOLE: Headers = (("accept-encoding", "gzip"),)
_PIECES: Headers = (("accept-encoding", "identity"),)


def encode(request: Request[Any], backend: Backend) -> Result[HttpRequest, GenaiError]:
    """
    Write a request as what goes over the wire to a backend: all but the credential.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take.
    """
    try:
        return Success(_prepared(request, backend).http)
    except GenaiError as error:
        return Failure(error)


def decode(request: Request[T], response: HttpResponse, backend: Backend) -> Result[T, GenaiError]:
    """Read a whole answer to a request as its value, or as the error that it is."""
    try:
        at = addressed(backend, request.options)
        call = _called(request.operation, at)
        result = read(_asked(call.answer, request.options), response)
        return result if isinstance(result, Success) else _masker(at, request.options).mask_result(result)
    except GenaiError as error:
        return Failure(error)


def _masker(at: Backend, options: Options) -> Masker:
    """Make what masks the credentials that a backend and a request hold themselves."""
    own = own_credential(at)
    return Masker((*(options.headers or ()), *(own.headers.reveal() if own else pairs(at.headers, "headers"))))


def sign(request: HttpRequest, credential: Credential) -> HttpRequest:
    """Add who calls, if the request goes where the credential belongs; a header that the request has is kept."""
    if not _is_at(credential.origin, request.url):
        return request
    mine: Headers = credential.headers.reveal()
    own = {name.lower() for name, _ in request.headers}
    added = tuple(pair for pair in mine if pair[0].lower() not in own)
    return HttpRequest(request.method, request.url, (*request.headers, *added), request.body)


def _is_at(own: str, url: str) -> bool:
    try:
        return origin(url) == own
    except ValueError:  # the server's word may be no address at all
        return False


class Prepared(Value, Generic[T_co]):
    """A request as it goes out, and how to read what comes back."""

    http: HttpRequest
    answer: Answer[T_co]


# Out


def prepare(request: Request[T], backend: Backend) -> Result[Prepared[T], GenaiError]:
    """Write a request for a backend, and keep how its answer is read."""
    try:
        return Success(_prepared(request, backend))
    except GenaiError as error:
        return Failure(error)


def _prepared(request: Request[T], backend: Backend) -> Prepared[T]:
    operation, options = request.operation, request.options
    at = addressed(backend, options)
    findings = survey(operation, at.name)
    call = _called(operation, at, also=tuple(findings.refused))
    if findings.refused:
        raise Unsupported(at.title, tuple(findings.refused))
    body = _body(call, options, at, has_large=findings.has_large)
    http = HttpRequest(call.method, _url(call, at), _headers(call, options, at, body), body)
    return Prepared(http, _asked(call.answer, options))


def _called(operation: Operation[T], at: Backend, also: tuple[str, ...] = ()) -> Call[T]:
    """Ask an operation for its call; what it refuses itself is named together with what is refused `also`."""
    try:
        call = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, (*error.paths, *also), error.reason) from None
    if isinstance(call, Refusal):
        raise Unsupported(at.title, (operation.op,), call.why)
    return call


def _asked(answer: Answer[T], options: Options) -> Answer[T]:
    return replace(answer, with_http=True) if options.with_http_response else answer


def addressed(backend: Backend, options: Options) -> Backend:
    """Give a backend the address that the options of a request say."""
    if options.base_url is None and options.api_version is None:
        return backend
    changes = {"base_url": options.base_url, "api_version": options.api_version}
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(backend, **given)  # type: ignore[arg-type]  # both are text


def _body(call: Call[Any], options: Options, at: Backend, *, has_large: bool) -> Body:
    if isinstance(call.body, bytes | FileSlice):
        return call.body
    body = encoded(call.body, at, has_large=has_large)
    return merged(body, options.extra_body) if options.extra_body else body


def _url(call: Call[Any], at: Backend) -> str:
    path = call.path
    if call.absolute:
        return path
    if isinstance(at, Vertex):
        if not call.bare and not path.startswith("projects/"):
            path = at.prefix + path
        path = filled(path, at)
    query = f"?{urlencode(call.query)}" if call.query else ""
    return f"{at.root}/{quote(path, safe=_SAFE)}{query}"


_SAFE = "/:@!$'()*+,;=~"


def _headers(call: Call[Any], options: Options, at: Backend, body: Body) -> Headers:
    timeout: Headers = ()
    if options.server_timeout is not None:
        timeout = (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    is_json = bool(body) and not isinstance(call.body, bytes | FileSlice)
    kept = _HEADERS + (_PIECES if call.answer.streamed else _WHOLE) + (_JSON if is_json else ()) + timeout
    if not options.headers and not at.headers:
        return kept + call.headers
    fixed = {name for name, _ in call.headers}
    given = tuple(pair for pair in options.headers or () if pair[0].lower() not in fixed)
    own = {name.lower() for name, _ in (*given, *pairs(at.headers, "headers"))}
    return (*(pair for pair in kept if pair[0] not in own), *given, *call.headers)


# In


def read(answer: Answer[T], response: HttpResponse) -> Result[T, GenaiError]:
    """Read a whole answer."""
    if not 200 <= response.status < 300:
        return Failure(api_error(response))
    body = response.body
    if answer.wire is HttpResponse:  # whatever its body is, it is no fault
        result = _decoded(answer, response)
    elif _FAULT_WORD.search(body, 0, _FAULT_HEAD) and (fault := _fault_within(answer, body, response.headers)):
        return Failure(fault)
    else:
        result = _decoded(answer, body)
    return result.map(lambda value: _replied(value, response)) if answer.with_http else result


def _replied(value: Any, response: HttpResponse) -> Any:
    return Replied(value, response)


def read_event(answer: Answer[T], data: bytes | memoryview, headers: Headers = ()) -> Result[T, GenaiError]:
    """Read one event of a stream: an item, or the fault that ends it."""
    if _FAULT_WORD.search(data, 0, _FAULT_HEAD) and (fault := _fault_within(answer, data, headers)):
        return Failure(fault)
    return _decoded(answer, data)


def read_stray(text: bytes, headers: Headers = ()) -> GenaiError:
    """Read what stands outside of a stream's events: the error that the server aborts it with, or no answer at all."""
    fault = _fault(text, _FAULT) or _odd(text)
    if fault is None or fault == _Fault():
        return DecodeError("server-sent events", "", kept(text))
    return _of_code(fault.code if isinstance(fault.code, int) else 500, fault, headers)


def _decoded(answer: Answer[T], said: bytes | memoryview | HttpResponse) -> Result[T, GenaiError]:
    try:
        if isinstance(said, HttpResponse):
            value: Any = said
        else:
            value = parsed(answer.wire, _or_empty(said) if answer.may_be_empty else said)
        return Success(value if answer.read is None else answer.read(value))
    except GenaiError as error:
        return Failure(error)
    except msgspec.DecodeError as error:
        return Failure(misread(error, _said(said)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        kind = getattr(answer.wire, "__name__", str(answer.wire))
        return Failure(DecodeError(f"{kind} ({type(error).__name__})", "", kept(_said(said))))


def _said(said: bytes | memoryview | HttpResponse) -> bytes | memoryview:
    return said.body if isinstance(said, HttpResponse) else said


def _or_empty(body: bytes | memoryview) -> bytes | memoryview:
    return body if bytes(body[:_BLANK]).strip() else b"{}"


_BLANK = 64


# Faults


class _Fault(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: tuple[Any, ...] | None = None


class _Faulty(msgspec.Struct):
    error: _Fault | str
    error_description: str | None = None


class _FaultAlone(_Faulty, forbid_unknown_fields=True):
    pass


class _FlatFault(msgspec.Struct, forbid_unknown_fields=True):
    """An error as gateways write it, without a name around it."""

    code: int
    message: str
    status: str | None = None
    details: tuple[Any, ...] | None = None


class _OddAlone(msgspec.Struct, forbid_unknown_fields=True):
    error: msgspec.Raw


_FAULT: Any = _Faulty | tuple[_Faulty, ...]
_NOTHING_BUT_A_FAULT: Any = _FaultAlone | tuple[_FaultAlone, ...]
_FAULT_WORD = re.compile(rb'"(?:error|message)"')
_FAULT_HEAD = 200
"""Within so many bytes of an answer that is a fault, one of the words is found."""


def _fault_within(answer: Answer[Any], body: bytes | memoryview, headers: Headers) -> APIError | None:
    """
    Find the fault that an answer of status 200 is, alone or in a list of one.

    Other fields may stand beside it only where the answer's own type has no ``error``, as that of an operation has.
    """
    fault = _fault(body, _NOTHING_BUT_A_FAULT if _has_error(answer.wire) else _FAULT) or _odd(body)
    if fault is None or fault == _Fault():
        return None
    return _of_code(fault.code if isinstance(fault.code, int) else 500, fault, headers)


@functools.cache
def _has_error(wire: Any) -> bool:
    names: tuple[str, ...] | None = getattr(wire, "__struct_encode_fields__", None)
    return names is None or "error" in names


def api_error(response: HttpResponse) -> APIError:
    """Read an answer of another status than 2xx, whatever its body is."""
    fault = _fault(response.body, _FAULT) or _Fault(message=kept(response.body).strip()[:500])
    return _of_code(response.status, fault, response.headers)


def _fault(body: bytes | memoryview, kind: Any) -> _Fault | None:
    try:
        found: _Faulty | tuple[_Faulty, ...] = codec.decode(body, kind, strict=False)
    except (ValueError, RecursionError):
        return _flat(body)
    faults = (found,) if isinstance(found, _Faulty) else found
    if not faults:
        return None
    error = faults[0].error
    if isinstance(error, str):
        described = faults[0].error_description
        return _Fault(message=f"{error}: {described}" if described else error)
    return error


def _flat(body: bytes | memoryview) -> _Fault | None:
    """Read an error that stands alone, without a name: ``{"code": 401, "message": "Jwt is missing"}``."""
    try:
        found = codec.decode(body, _FlatFault)
    except (ValueError, RecursionError):
        return None
    return _Fault(found.code, found.message, found.status, found.details) if found.code >= 400 else None


def _odd(body: bytes | memoryview) -> _Fault | None:
    """Read a fault of no known shape as its text."""
    try:
        text = bytes(codec.decode(body, _OddAlone).error)
    except (ValueError, RecursionError):
        return None
    return None if text in (b"null", b"{}") else _Fault(message=kept(text)[:500])


def _of_code(code: int, fault: _Fault, headers: Headers) -> APIError:
    kind = RateLimited if code == 429 else _KINDS.get(code // 100, APIError)
    return kind(code, fault.status or "", fault.message or "", fault.details or (), headers)


_KINDS: dict[int, type[APIError]] = {4: ClientError, 5: ServerError}
