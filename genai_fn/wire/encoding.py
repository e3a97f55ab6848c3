"""Encodes requests into HTTP requests: method, URL, headers and body, all but the credential."""

import dataclasses
import math
import sys
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn import __version__
from genai_fn.backend import Backend, Gemini, Vertex, normalize_headers
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.options import Options
from genai_fn.request import Call, Flow, Live, Operation, Refusal, Request, ResponseReader, Stream
from genai_fn.values import Value
from genai_fn.wire.field_support import find_unsupported_fields
from genai_fn.wire.json_body import encode_body, merge_extra_body
from genai_fn.wire.resource_names import fill_placeholders

__all__ = [
    "USER_AGENT",
    "PreparedRequest",
    "apply_address_options",
    "build_call",
    "check_request",
    "configure_reader",
    "drop_backend",
    "encode",
    "encode_request",
    "prepare_request",
]

T = TypeVar("T")
R = TypeVar("R", Request[Any], Live[Any])
T_co = TypeVar("T_co", covariant=True)

USER_AGENT = f"genai-fn/{__version__} gl-python/{sys.version.split()[0]}"
_DEFAULT_HEADERS: Headers = (("accept", "*/*"), ("user-agent", USER_AGENT), ("x-goog-api-client", USER_AGENT))
_JSON_HEADERS: Headers = (("content-type", "application/json"),)
_GZIP_HEADERS: Headers = (("accept-encoding", "gzip"),)
_IDENTITY_HEADERS: Headers = (("accept-encoding", "identity"),)


class PreparedRequest(Value, Generic[T_co]):
    """An encoded request, how to read its response, and the operation that it belongs to."""

    http: HttpRequest
    reader: ResponseReader[T_co]
    operation: Operation[T_co]


def encode(request: Request[Any], backend: Backend) -> Result[HttpRequest, GenaiError]:
    """
    Encode a request for a backend, without its credential. No I/O.

    Args:
        request: What a builder such as ``generate`` returns.

        backend: ``Gemini`` or ``Vertex``.

    Returns:
        ``Success(HttpRequest)``, or ``Failure(Unsupported)`` with the path of every field that the backend does not
        support, or ``Failure(InvalidRequest)`` if an option is invalid, such as ``base_url`` or ``extra_body``, or if
        `request` is a flow, a stream or a session, which are not one HTTP request.

    >>> from genai_fn import Gemini, generate
    >>> encode(generate("gemini-2.5-flash", "Hi"), Gemini("key")).unwrap().url
    'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent'
    """
    try:
        check_request(request, backend)
        return Success(encode_request(request, backend).http)
    except GenaiError as error:
        return Failure(error)


def prepare_request(request: Request[T], backend: Backend) -> Result[PreparedRequest[T], GenaiError]:
    """Encode a request for a backend, together with the reader of its response."""
    try:
        return Success(encode_request(request, backend))
    except GenaiError as error:
        return Failure(error)


def check_request(request: Any, backend: Any) -> None:
    """Check the arguments of `encode` and `decode`. Raises InvalidRequest that states what to pass instead."""
    if not isinstance(request, Request):
        hints = (hint for kind, hint in _HINTS if isinstance(request, kind))
        raise InvalidRequest("request", request, f"a Request{next(hints, '')}")
    if not isinstance(backend, _BACKENDS):
        raise InvalidRequest("backend", backend, "a Gemini or a Vertex")


_BACKENDS = (Gemini, Vertex)
_HINTS: tuple[tuple[type, str], ...] = (
    (Flow, ": a flow runs requests, of which the first is in its `source`, and returns what run(flow) returns"),
    (Stream, ": a stream sends requests, of which the first is in its `source`, and is read by run.stream(…)"),
    (Live, ": a session is opened by run.live(…)"),
)


def encode_request(request: Request[T], backend: Backend) -> PreparedRequest[T]:
    """Encode a request as `prepare_request` does, but raise the error."""
    operation, options = request.operation, request.options
    at = apply_address_options(backend, options)
    report = find_unsupported_fields(operation, at.name)
    call = build_call(operation, at, also=tuple(report.unsupported_paths))
    if report.unsupported_paths:
        raise Unsupported(at.title, tuple(report.unsupported_paths))
    body = _encode_call_body(call, options, at, has_large=report.has_large)
    http = HttpRequest(call.method, _build_url(call, at), _build_headers(call, options, at, body), body)
    return PreparedRequest(http, configure_reader(call.reader, options), operation)


def build_call(operation: Operation[T], at: Backend, also: tuple[str, ...] = ()) -> Call[T]:
    """
    Build the call of an operation for a backend.

    Args:
        operation: The operation.

        at: The backend, with the address options of the request applied.

        also: Paths of further unsupported fields, reported in the same error as those that the operation itself finds.

    Raises:
        Unsupported: If the backend does not have the operation or does not support one of its fields.
    """
    try:
        call = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, tuple(dict.fromkeys((*error.paths, *also))), error.reason) from None
    if isinstance(call, Refusal):
        raise Unsupported(at.title, (operation.op,), call.reason)
    return call


def configure_reader(reader: ResponseReader[T], options: Options) -> ResponseReader[T]:
    """Apply the option ``with_http_response`` to a reader."""
    return replace(reader, with_http_response=True) if options.with_http_response else reader


def apply_address_options(backend: Backend, options: Options) -> Backend:
    """Return the backend of a request's options, or else the given one, with their ``base_url`` and ``api_version``."""
    backend = options.backend or backend
    if options.base_url is None and options.api_version is None:
        return backend
    changes = {"base_url": options.base_url, "api_version": options.api_version}
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(backend, **given)  # type: ignore[arg-type]  # both are text


def drop_backend(description: R) -> R:
    """Return a request or a session without a backend among its options: it goes to the one that is given."""
    if description.options.backend is None:
        return description
    return replace(description, options=replace(description.options, backend=None))


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
    return f"{at.root}/{_quote_path(path)}{query}"


@lru_cache(256)
def _quote_path(path: str) -> str:
    return quote(path, safe=_SAFE_PATH_CHARACTERS)


_SAFE_PATH_CHARACTERS = "/:@!$'()*+,;=~"


def _build_headers(call: Call[Any], options: Options, at: Backend, body: Body) -> Headers:
    """
    Merge the headers of a call.

    The call's own headers win over those of the options, these over the backend's, and these over the defaults. The
    backend's headers are not included: `sign_request` adds them with the credential.
    """
    timeout: Headers = ()
    if options.server_timeout is not None:
        timeout = (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    is_json = bool(body) and not isinstance(call.body, bytes | FileSlice)
    defaults = (
        _DEFAULT_HEADERS
        + (_IDENTITY_HEADERS if call.reader.is_streamed else _GZIP_HEADERS)
        + (_JSON_HEADERS if is_json else ())
        + timeout
    )
    if not options.headers and not at.headers:
        return defaults + call.headers
    fixed = {name for name, _ in call.headers}
    given = tuple(pair for pair in options.headers or () if pair[0].lower() not in fixed)
    overridden = {name.lower() for name, _ in (*given, *normalize_headers(at.headers, "headers"))}
    return (*(pair for pair in defaults if pair[0] not in overridden), *given, *call.headers)
