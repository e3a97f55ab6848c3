"""What goes well, as a response."""

from typing import Any, Final

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse

__all__ = ["NOTHING", "Int64", "told", "written"]


class Int64(int):
    """
    A number that the API writes in quotes, as it does all of 64 bits.

    >>> written({"sizeBytes": Int64(5)})
    b'{"sizeBytes":"5"}'
    """


def told(value: Any, headers: Headers = ()) -> HttpResponse:
    """
    Write a value as JSON.

    >>> told({"done": True}).body
    b'{"done":true}'
    """
    return HttpResponse(200, (("content-type", "application/json; charset=UTF-8"), *headers), written(value))


def _quoted(value: Any) -> str:
    """Write what msgspec knows nothing of; an Int64 is all that there is."""
    return str(int(value))


written = codec.Encoder(enc_hook=_quoted).encode
"""Writes a value as the API does."""

NOTHING: Final = told({})
"""What comes back for what was deleted or cancelled."""
