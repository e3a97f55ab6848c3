"""Decodes HTTP responses and streamed events into values, or into the errors that they contain. Never raises."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, build_own_credential, normalize_headers
from genai_fn.errors import DecodeError, GenaiError
from genai_fn.http import Headers, HttpResponse, ValueWithResponse
from genai_fn.request import Request, ResponseReader
from genai_fn.wire.api_errors import build_api_error, find_api_error, is_never_error
from genai_fn.wire.encoding import apply_address_options, build_call, check_request, configure_reader
from genai_fn.wire.lenient_json import build_decode_error, find_strict_reader, parse_json, truncate_text
from genai_fn.wire.masking import Masker
from genai_fn.wire.secret_values import find_secrets

__all__ = ["decode", "decode_event", "decode_response"]

T = TypeVar("T")


def decode(request: Request[T], response: HttpResponse, backend: Backend) -> Result[T, GenaiError]:
    """
    Decode a whole response to a request. No I/O.

    Args:
        request: The request that was sent.

        response: Its response, with the body decompressed.

        backend: The backend that the request was encoded for.

    Returns:
        ``Success`` of the value, ``Failure(APIError)`` for an error of the server, ``Failure(DecodeError)`` if the body
        does not have the expected type, or ``Failure(InvalidRequest)`` if `request` is not a Request. Credentials that
        the server repeats in an error are masked.

    >>> from genai_fn import Gemini, HttpResponse, models
    >>> decode(models.get("m"), HttpResponse(200, (), b'{"name": "models/m"}'), Gemini("key")).unwrap()
    Model(name='models/m')
    """
    try:
        check_request(request, backend)
        at = apply_address_options(backend, request.options)
        call = build_call(request.operation, at)
        result = decode_response(configure_reader(call.reader, request.options), response)
        return result if isinstance(result, Success) else _build_masker(at, request).mask_result(result)
    except GenaiError as error:
        return Failure(error)


def _build_masker(at: Backend, request: Request[Any]) -> Masker:
    own = build_own_credential(at)
    own_headers = own.headers.reveal() if own else normalize_headers(at.headers, "headers")
    return Masker((*(request.options.headers or ()), *own_headers), find_secrets(request.operation))


def decode_response(reader: ResponseReader[T], response: HttpResponse) -> Result[T, GenaiError]:
    """Decode a whole response: a value, or the error that its status or its body contains."""
    if not 200 <= response.status < 300:
        return Failure(build_api_error(response))
    if reader.wire_type is HttpResponse:  # its body is data, whatever it looks like
        result = _decode_value(reader, response)
    else:
        result = decode_event(reader, response.body, response.headers)
    return result.map(lambda value: _attach_response(value, response)) if reader.with_http_response else result


def _attach_response(value: Any, response: HttpResponse) -> Any:
    return ValueWithResponse(value, response)


def decode_event(reader: ResponseReader[T], data: bytes | memoryview, headers: Headers = ()) -> Result[T, GenaiError]:
    """Decode one event of a stream, or a whole body: an item, or the error that ends the stream."""
    mismatch = None
    if reader.parse is None and reader.convert is None and (read := _find_value_reader(reader.wire_type)):
        try:
            return Success(read(data))
        except (ValueError, RecursionError) as error:  # those of msgspec are ValueErrors
            mismatch = str(error)
    if api_error := find_api_error(reader.wire_type, data, headers):
        return Failure(api_error)
    return _decode_value(reader, data, mismatch)


@functools.cache
def _find_value_reader(wire_type: Any) -> Callable[[bytes | memoryview], Any] | None:
    """Return the function that decodes JSON which needs no repair; None if what it decodes may be an error."""
    return find_strict_reader(wire_type) if is_never_error(wire_type) else None


def _decode_value(
    reader: ResponseReader[T], source: bytes | memoryview | HttpResponse, mismatch: str | None = None
) -> Result[T, GenaiError]:
    try:
        if isinstance(source, HttpResponse):
            value: Any = source
        elif reader.parse is not None:
            value = reader.parse(source)
        else:
            value = parse_json(reader.wire_type, _replace_blank(source) if reader.may_be_empty else source, mismatch)
        return Success(value if reader.convert is None else reader.convert(value))
    except GenaiError as error:
        return Failure(error)
    except msgspec.DecodeError as error:
        return Failure(build_decode_error(error, _get_body(source)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        kind = getattr(reader.wire_type, "__name__", str(reader.wire_type))
        return Failure(DecodeError(f"{kind} ({type(error).__name__})", "", truncate_text(_get_body(source))))


def _get_body(source: bytes | memoryview | HttpResponse) -> bytes | memoryview:
    return source.body if isinstance(source, HttpResponse) else source


def _replace_blank(body: bytes | memoryview) -> bytes | memoryview:
    """Replace a body of nothing but blanks by an empty object."""
    return body if bytes(body[:_MAX_BLANK_BYTES]).strip() else b"{}"


_MAX_BLANK_BYTES = 64
