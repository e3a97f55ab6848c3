"""JSON responses to successful requests."""

from typing import Any, Final

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse


class Int64(int):
    """
    An integer that is encoded as a JSON string, as the API does for 64-bit integers.

    >>> encode_json({"sizeBytes": Int64(5)})
    b'{"sizeBytes":"5"}'
    """


def build_json_response(value: Any, headers: Headers = ()) -> HttpResponse:
    """
    Build a 200 response with a value as JSON.

    >>> build_json_response({"done": True}).body
    b'{"done":true}'
    """
    return HttpResponse(200, (("content-type", "application/json; charset=UTF-8"), *headers), encode_json(value))


def _encode_int64(value: Any) -> str:
    """Encode an `Int64`: the only type here that msgspec does not know."""
    return str(int(value))


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON; an `Int64` becomes a string."""
    return codec.encode(value, enc_hook=_encode_int64)


EMPTY_RESPONSE: Final = build_json_response({})
"""The response to deletions and cancellations."""
