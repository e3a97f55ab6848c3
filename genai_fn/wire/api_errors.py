"""Parses error responses of the API and of the gateways in front of it, in all formats that they use."""

import functools
import re
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from genai_fn import codec
from genai_fn.errors import APIError, ClientError, DecodeError, GenaiError, RateLimited, ServerError
from genai_fn.http import Headers, HttpResponse
from genai_fn.wire.lenient_json import remove_byte_order_mark, truncate_text

__all__ = ["build_api_error", "find_api_error", "is_never_error", "parse_unframed_text"]

T = TypeVar("T")


def build_api_error(response: HttpResponse) -> APIError:
    """Build the error for a response whose status is not 2xx, whatever its body contains."""
    body = remove_byte_order_mark(response.body)
    detail = _parse_error(body, _ERROR_TYPE)
    if detail is None:
        detail = _ErrorDetail(message=truncate_text(body).strip()[:_MAX_MESSAGE_LENGTH])
    return _build_error(response.status, detail, response.headers)


def find_api_error(wire_type: Any, body: bytes | memoryview, headers: Headers) -> APIError | None:
    """
    Find the error in the body of a response with status 200, or in an event; None if it contains none.

    It is an object with the field ``error``, such an object in an array, or a ``code`` of at least 400 and a
    ``message``. The code of an error that contains no number is 500.

    Args:
        wire_type: The type that the body is decoded into. If it has a field ``error`` itself, as operations have, a
            body is an error only if it has no other fields. If that field is a string, a string is not an error.

        body: The body, or the data of the event.

        headers: Headers of the response; the error keeps them.
    """
    body = remove_byte_order_mark(body)
    if not _ERROR_KEY.search(body, 0, _ERROR_SEARCH_BYTES):
        return None
    if _has_error_text(wire_type) and _try_decode(body, _TextEnvelope) is not None:
        return None
    error_type = _STRICT_ERROR_TYPE if _has_error_field(wire_type) else _ERROR_TYPE
    return _find_error(body, error_type, headers)


def is_never_error(wire_type: Any) -> bool:
    """
    Whether JSON that fits a type without repair cannot be an error: it has no field of one, and forbids unknown fields.

    >>> from genai_fn.schema import GenerateContentResponse, GenerateVideosOperation
    >>> is_never_error(GenerateContentResponse), is_never_error(GenerateVideosOperation)
    (True, False)
    """
    if not (isinstance(wire_type, type) and issubclass(wire_type, msgspec.Struct)):
        return False
    is_closed = wire_type.__struct_config__.forbid_unknown_fields
    return is_closed and _ERROR_FIELDS.isdisjoint(wire_type.__struct_encode_fields__)


def parse_unframed_text(text: bytes, headers: Headers = ()) -> GenaiError:
    """
    Build the error for text outside of the events of a stream.

    Google's servers abort a stream by writing the error as bare JSON, which becomes an `APIError`. Other text becomes
    a `DecodeError`.
    """
    error = _find_error(text, _ERROR_TYPE, headers)
    return DecodeError("server-sent events", "", truncate_text(text)) if error is None else error


def _find_error(text: bytes | memoryview, error_type: Any, headers: Headers) -> APIError | None:
    """Build the error that a text contains; None if it contains none, or one without any field."""
    detail = _parse_error(text, error_type) or _parse_unknown_error(text)
    if detail is None or detail == _ErrorDetail():
        return None
    return _build_error(detail.code if isinstance(detail.code, int) else 500, detail, headers)


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


class _FlatError(_ErrorDetail, forbid_unknown_fields=True):
    """An error without an envelope, as gateways write it: ``{"code": 401, "message": "Jwt is missing"}``."""


class _TextEnvelope(msgspec.Struct):
    """An object whose ``error`` is a string."""

    error: str


class _UnknownErrorEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    error: msgspec.Raw


_ERROR_TYPE: Any = _ErrorEnvelope | tuple[_ErrorEnvelope, ...]
_STRICT_ERROR_TYPE: Any = _StrictErrorEnvelope | tuple[_StrictErrorEnvelope, ...]
_ERROR_FIELDS = {"error", "message"}
"""An error has one of these fields."""
_ERROR_KEY = re.compile(rb'"(?:error|message)"')
_ERROR_SEARCH_BYTES = 200
"""Only the beginning of a body is searched: it can be large, and an error has one of the keys there."""
_MAX_MESSAGE_LENGTH = 500


@functools.cache
def _has_error_field(wire_type: Any) -> bool:
    """Whether a type has a field ``error``; a type that is not a Struct may have one."""
    names: tuple[str, ...] | None = getattr(wire_type, "__struct_encode_fields__", None)
    return names is None or "error" in names


@functools.cache
def _has_error_text(wire_type: Any) -> bool:
    """Whether a type has a field ``error`` that is a string, as `ValidateRewardResponse` has."""
    kind = get_type_hints(wire_type).get("error") if isinstance(wire_type, type) else None
    return str in (kind, *get_args(kind))


def _parse_error(body: bytes | memoryview, error_type: Any) -> _ErrorDetail | None:
    found: _ErrorEnvelope | tuple[_ErrorEnvelope, ...] | None = _try_decode(body, error_type, strict=False)
    if found is None:
        flat = _try_decode(body, _FlatError)
        if flat is None or flat.message is None or not isinstance(flat.code, int):
            return None
        return flat if flat.code >= 400 else None
    envelopes = (found,) if isinstance(found, _ErrorEnvelope) else found
    if not envelopes:
        return None
    error = envelopes[0].error
    if isinstance(error, str):
        description = envelopes[0].error_description
        return _ErrorDetail(message=f"{error}: {description}" if description else error)
    return error


def _parse_unknown_error(body: bytes | memoryview) -> _ErrorDetail | None:
    """Parse ``{"error": …}`` with any content but null and ``{}``: the JSON of the content becomes the message."""
    found = _try_decode(body, _UnknownErrorEnvelope)
    text = b"null" if found is None else bytes(found.error)
    return None if text in (b"null", b"{}") else _ErrorDetail(message=truncate_text(text)[:_MAX_MESSAGE_LENGTH])


def _try_decode(body: bytes | memoryview, kind: type[T], *, strict: bool = True) -> T | None:
    """Decode JSON as a type. Returns None if it is not JSON, or does not fit."""
    try:
        return codec.decode(body, kind, strict=strict)
    except (ValueError, RecursionError):
        return None


def _build_error(code: int, detail: _ErrorDetail, headers: Headers) -> APIError:
    error_class = RateLimited if code == 429 else _ERROR_CLASSES.get(code // 100, APIError)
    status, message = truncate_text(detail.status or ""), truncate_text(detail.message or "")
    return error_class(code, status, message, detail.details or (), headers)


_ERROR_CLASSES: dict[int, type[APIError]] = {4: ClientError, 5: ServerError}
