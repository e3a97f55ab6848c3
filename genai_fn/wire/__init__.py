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

from genai_fn import __version__, codec
from genai_fn.backend import Backend, Credential, Vertex, build_own_credential, extract_origin, normalize_headers
from genai_fn.errors import APIError, ClientError, DecodeError, GenaiError, RateLimited, ServerError, Unsupported
from genai_fn.http import Body, FileSlice, Headers, HttpRequest, HttpResponse, ValueWithResponse
from genai_fn.masking import Masker
from genai_fn.options import Options
from genai_fn.request import Call, Operation, Refusal, Request, ResponseReader
from genai_fn.values import Value
from genai_fn.wire.field_support import find_unsupported_fields
from genai_fn.wire.json_body import encode_body, merge_extra_body
from genai_fn.wire.lenient_json import build_decode_error, parse_json, truncate_text
from genai_fn.wire.resource_names import fill_placeholders

__all__ = [
    "USER_AGENT",
    "PreparedRequest",
    "apply_address_options",
    "build_api_error",
    "decode",
    "decode_event",
    "decode_response",
    "encode",
    "prepare_request",
    "read_stray",
    "sign_request",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

USER_AGENT = f"genai-fn/{__version__} gl-python/{platform.python_version()}"
_DEFAULT_HEADERS: Headers = (("accept", "*/*"), ("user-agent", USER_AGENT), ("x-goog-api-client", USER_AGENT))
_JSON_HEADERS: Headers = (("content-type", "application/json"),)
_GZIP_HEADERS: Headers = (("accept-encoding", "gzip"),)
_IDENTITY_HEADERS: Headers = (("accept-encoding", "identity"),)


def encode(request: Request[Any], backend: Backend) -> Result[HttpRequest, GenaiError]:
    """
    Write a request as what goes over the wire to a backend: all but the credential.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take.
    """
    try:
        return Success(_build_prepared_request(request, backend).http)
    except GenaiError as error:
        return Failure(error)


def decode(request: Request[T], response: HttpResponse, backend: Backend) -> Result[T, GenaiError]:
    """Read a whole answer to a request as its value, or as the error that it is."""
    try:
        at = apply_address_options(backend, request.options)
        call = _build_call(request.operation, at)
        result = decode_response(_configure_reader(call.reader, request.options), response)
        return result if isinstance(result, Success) else _masker(at, request.options).mask_result(result)
    except GenaiError as error:
        return Failure(error)


def _masker(at: Backend, options: Options) -> Masker:
    """Make what masks the credentials that a backend and a request hold themselves."""
    own = build_own_credential(at)
    return Masker(
        (*(options.headers or ()), *(own.headers.reveal() if own else normalize_headers(at.headers, "headers")))
    )


def sign_request(request: HttpRequest, credential: Credential) -> HttpRequest:
    """Add who calls, if the request goes where the credential belongs; a header that the request has is kept."""
    if not _has_origin(credential.origin, request.url):
        return request
    mine: Headers = credential.headers.reveal()
    own = {name.lower() for name, _ in request.headers}
    added = tuple(pair for pair in mine if pair[0].lower() not in own)
    return HttpRequest(request.method, request.url, (*request.headers, *added), request.body)


def _has_origin(own: str, url: str) -> bool:
    try:
        return extract_origin(url) == own
    except ValueError:  # the server's word may be no address at all
        return False


class PreparedRequest(Value, Generic[T_co]):
    """A request as it goes out, and how to read what comes back."""

    http: HttpRequest
    reader: ResponseReader[T_co]


# Out


def prepare_request(request: Request[T], backend: Backend) -> Result[PreparedRequest[T], GenaiError]:
    """Write a request for a backend, and keep how its answer is read."""
    try:
        return Success(_build_prepared_request(request, backend))
    except GenaiError as error:
        return Failure(error)


def _build_prepared_request(request: Request[T], backend: Backend) -> PreparedRequest[T]:
    operation, options = request.operation, request.options
    at = apply_address_options(backend, options)
    findings = find_unsupported_fields(operation, at.name)
    call = _build_call(operation, at, also=tuple(findings.unsupported_paths))
    if findings.unsupported_paths:
        raise Unsupported(at.title, tuple(findings.unsupported_paths))
    body = _encode_call_body(call, options, at, has_large=findings.has_large)
    http = HttpRequest(call.method, _build_url(call, at), _build_headers(call, options, at, body), body)
    return PreparedRequest(http, _configure_reader(call.reader, options))


def _build_call(operation: Operation[T], at: Backend, also: tuple[str, ...] = ()) -> Call[T]:
    """Ask an operation for its call; what it refuses itself is named together with what is refused `also`."""
    try:
        call = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, (*error.paths, *also), error.reason) from None
    if isinstance(call, Refusal):
        raise Unsupported(at.title, (operation.op,), call.reason)
    return call


def _configure_reader(answer: ResponseReader[T], options: Options) -> ResponseReader[T]:
    return replace(answer, with_http_response=True) if options.with_http_response else answer


def apply_address_options(backend: Backend, options: Options) -> Backend:
    """Give a backend the address that the options of a request say."""
    if options.base_url is None and options.api_version is None:
        return backend
    changes = {"base_url": options.base_url, "api_version": options.api_version}
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(backend, **given)  # type: ignore[arg-type]  # both are text


def _encode_call_body(call: Call[Any], options: Options, at: Backend, *, has_large: bool) -> Body:
    if isinstance(call.body, bytes | FileSlice):
        return call.body
    body = encode_body(call.body, at, has_large=has_large)
    return merge_extra_body(body, options.extra_body) if options.extra_body else body


def _build_url(call: Call[Any], at: Backend) -> str:
    path = call.path
    if call.absolute:
        return path
    if isinstance(at, Vertex):
        if not call.omit_project and not path.startswith("projects/"):
            path = at.prefix + path
        path = fill_placeholders(path, at)
    query = f"?{urlencode(call.query)}" if call.query else ""
    return f"{at.root}/{quote(path, safe=_SAFE_PATH_CHARACTERS)}{query}"


_SAFE_PATH_CHARACTERS = "/:@!$'()*+,;=~"


def _build_headers(call: Call[Any], options: Options, at: Backend, body: Body) -> Headers:
    timeout: Headers = ()
    if options.server_timeout is not None:
        timeout = (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    is_json = bool(body) and not isinstance(call.body, bytes | FileSlice)
    kept = (
        _DEFAULT_HEADERS
        + (_IDENTITY_HEADERS if call.reader.is_streamed else _GZIP_HEADERS)
        + (_JSON_HEADERS if is_json else ())
        + timeout
    )
    if not options.headers and not at.headers:
        return kept + call.headers
    fixed = {name for name, _ in call.headers}
    given = tuple(pair for pair in options.headers or () if pair[0].lower() not in fixed)
    own = {name.lower() for name, _ in (*given, *normalize_headers(at.headers, "headers"))}
    return (*(pair for pair in kept if pair[0] not in own), *given, *call.headers)


# In


def decode_response(answer: ResponseReader[T], response: HttpResponse) -> Result[T, GenaiError]:
    """Read a whole answer."""
    if not 200 <= response.status < 300:
        return Failure(build_api_error(response))
    body = response.body
    if answer.wire_type is HttpResponse:  # whatever its body is, it is no fault
        result = _decode_value(answer, response)
    elif _FAULT_WORD.search(body, 0, _ERROR_SEARCH_BYTES) and (fault := _find_error(answer, body, response.headers)):
        return Failure(fault)
    else:
        result = _decode_value(answer, body)
    return result.map(lambda value: _attach_response(value, response)) if answer.with_http_response else result


def _attach_response(value: Any, response: HttpResponse) -> Any:
    return ValueWithResponse(value, response)


def decode_event(answer: ResponseReader[T], data: bytes | memoryview, headers: Headers = ()) -> Result[T, GenaiError]:
    """Read one event of a stream: an item, or the fault that ends it."""
    if _FAULT_WORD.search(data, 0, _ERROR_SEARCH_BYTES) and (fault := _find_error(answer, data, headers)):
        return Failure(fault)
    return _decode_value(answer, data)


def read_stray(text: bytes, headers: Headers = ()) -> GenaiError:
    """Read what stands outside of a stream's events: the error that the server aborts it with, or no answer at all."""
    fault = _parse_error(text, _ERROR_TYPE) or _parse_unknown_error(text)
    if fault is None or fault == _ErrorDetail():
        return DecodeError("server-sent events", "", truncate_text(text))
    return _build_error_for_code(fault.code if isinstance(fault.code, int) else 500, fault, headers)


def _decode_value(answer: ResponseReader[T], said: bytes | memoryview | HttpResponse) -> Result[T, GenaiError]:
    try:
        if isinstance(said, HttpResponse):
            value: Any = said
        else:
            value = parse_json(answer.wire_type, _or_empty(said) if answer.may_be_empty else said)
        return Success(value if answer.convert is None else answer.convert(value))
    except GenaiError as error:
        return Failure(error)
    except msgspec.DecodeError as error:
        return Failure(build_decode_error(error, _get_body(said)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        kind = getattr(answer.wire_type, "__name__", str(answer.wire_type))
        return Failure(DecodeError(f"{kind} ({type(error).__name__})", "", truncate_text(_get_body(said))))


def _get_body(said: bytes | memoryview | HttpResponse) -> bytes | memoryview:
    return said.body if isinstance(said, HttpResponse) else said


def _or_empty(body: bytes | memoryview) -> bytes | memoryview:
    return body if bytes(body[:_MAX_BLANK_BYTES]).strip() else b"{}"


_MAX_BLANK_BYTES = 64


# Faults


class _ErrorDetail(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: tuple[Any, ...] | None = None


class _ErrorEnvelope(msgspec.Struct):
    error: _ErrorDetail | str
    error_description: str | None = None


class _StrictErrorEnvelope(_ErrorEnvelope, forbid_unknown_fields=True):
    pass


class _FlatFault(msgspec.Struct, forbid_unknown_fields=True):
    """An error as gateways write it, without a name around it."""

    code: int
    message: str
    status: str | None = None
    details: tuple[Any, ...] | None = None


class _UnknownErrorEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    error: msgspec.Raw


_ERROR_TYPE: Any = _ErrorEnvelope | tuple[_ErrorEnvelope, ...]
_STRICT_ERROR_TYPE: Any = _StrictErrorEnvelope | tuple[_StrictErrorEnvelope, ...]
_FAULT_WORD = re.compile(rb'"(?:error|message)"')
_ERROR_SEARCH_BYTES = 200
"""Within so many bytes of an answer that is a fault, one of the words is found."""


def _find_error(answer: ResponseReader[Any], body: bytes | memoryview, headers: Headers) -> APIError | None:
    """
    Find the fault that an answer of status 200 is, alone or in a list of one.

    Other fields may stand beside it only where the answer's own type has no ``error``, as that of an operation has.
    """
    fault = _parse_error(
        body, _STRICT_ERROR_TYPE if _has_error(answer.wire_type) else _ERROR_TYPE
    ) or _parse_unknown_error(body)
    if fault is None or fault == _ErrorDetail():
        return None
    return _build_error_for_code(fault.code if isinstance(fault.code, int) else 500, fault, headers)


@functools.cache
def _has_error(wire: Any) -> bool:
    names: tuple[str, ...] | None = getattr(wire, "__struct_encode_fields__", None)
    return names is None or "error" in names


def build_api_error(response: HttpResponse) -> APIError:
    """Read an answer of another status than 2xx, whatever its body is."""
    fault = _parse_error(response.body, _ERROR_TYPE) or _ErrorDetail(message=truncate_text(response.body).strip()[:500])
    return _build_error_for_code(response.status, fault, response.headers)


def _parse_error(body: bytes | memoryview, kind: Any) -> _ErrorDetail | None:
    try:
        found: _ErrorEnvelope | tuple[_ErrorEnvelope, ...] = codec.decode(body, kind, strict=False)
    except (ValueError, RecursionError):
        return _flat(body)
    faults = (found,) if isinstance(found, _ErrorEnvelope) else found
    if not faults:
        return None
    error = faults[0].error
    if isinstance(error, str):
        described = faults[0].error_description
        return _ErrorDetail(message=f"{error}: {described}" if described else error)
    return error


def _flat(body: bytes | memoryview) -> _ErrorDetail | None:
    """Read an error that stands alone, without a name: ``{"code": 401, "message": "Jwt is missing"}``."""
    try:
        found = codec.decode(body, _FlatFault)
    except (ValueError, RecursionError):
        return None
    return _ErrorDetail(found.code, found.message, found.status, found.details) if found.code >= 400 else None


def _parse_unknown_error(body: bytes | memoryview) -> _ErrorDetail | None:
    """Read a fault of no known shape as its text."""
    try:
        text = bytes(codec.decode(body, _UnknownErrorEnvelope).error)
    except (ValueError, RecursionError):
        return None
    return None if text in (b"null", b"{}") else _ErrorDetail(message=truncate_text(text)[:500])


def _build_error_for_code(code: int, fault: _ErrorDetail, headers: Headers) -> APIError:
    kind = RateLimited if code == 429 else _ERROR_CLASSES.get(code // 100, APIError)
    return kind(code, fault.status or "", fault.message or "", fault.details or (), headers)


_ERROR_CLASSES: dict[int, type[APIError]] = {4: ClientError, 5: ServerError}
