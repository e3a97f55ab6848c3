"""Responses: JSON, and downloads."""

import re
from typing import Any, Final

from genai_fn import codec
from genai_fn.http import HttpResponse


class Int64(int):
    """
    An integer that is encoded as a JSON string, as the API does for 64-bit integers.

    >>> encode_json({"sizeBytes": Int64(5)})
    b'{"sizeBytes":"5"}'
    """


JSON_HEADERS: Final = (("content-type", "application/json; charset=UTF-8"),)


def build_json_response(value: Any, status: int = 200) -> HttpResponse:
    """
    Build a response with a value as JSON.

    >>> build_json_response({"done": True}).body
    b'{"done":true}'
    """
    return HttpResponse(status, JSON_HEADERS, encode_json(value))


def build_media_response(data: bytes, mime_type: str | None) -> HttpResponse:
    r"""
    Build the response to a download. A MIME type that no header can contain is replaced.

    >>> [build_media_response(b"", each).headers[0][1] for each in ("text/plain", "a/b\r\nx: y", None)]
    ['text/plain', 'application/octet-stream', 'application/octet-stream']
    """
    kind = mime_type if _HEADER_VALUE_PATTERN.fullmatch(mime_type or "") else None
    return HttpResponse(200, (("content-type", kind or _ANY_MIME_TYPE),), data)


_HEADER_VALUE_PATTERN = re.compile("[!-~](?:[ -~]*[!-~])?")
_ANY_MIME_TYPE = "application/octet-stream"


def _encode_int64(value: Any) -> str:
    """Encode an `Int64`: the only type here that msgspec does not know."""
    return str(int(value))


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON; an `Int64` becomes a string."""
    return codec.encode(value, enc_hook=_encode_int64)


EMPTY_RESPONSE: Final = build_json_response({})
"""The response to deletions and cancellations."""
