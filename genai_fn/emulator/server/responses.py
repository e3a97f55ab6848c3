"""What goes well, as a response."""

from typing import Any, Final

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse

__all__ = ["EMPTY_RESPONSE", "Int64", "build_json_response", "encode_json"]


class Int64(int):
    """
    A number that the API writes in quotes, as it does all of 64 bits.

    >>> encode_json({"sizeBytes": Int64(5)})
    b'{"sizeBytes":"5"}'
    """


def build_json_response(value: Any, headers: Headers = ()) -> HttpResponse:
    """
    Write a value as JSON.

    >>> build_json_response({"done": True}).body
    b'{"done":true}'
    """
    return HttpResponse(200, (("content-type", "application/json; charset=UTF-8"), *headers), encode_json(value))


def _encode_int64(value: Any) -> str:
    """Write what msgspec knows nothing of; an Int64 is all that there is."""
    return str(int(value))


encode_json = codec.Encoder(enc_hook=_encode_int64).encode
"""Writes a value as the API does."""

EMPTY_RESPONSE: Final = build_json_response({})
"""What comes back for what was deleted or cancelled."""
