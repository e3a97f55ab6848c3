"""What goes well, as a response."""

from typing import Any, Final

import msgspec

from genai_fn.http import Headers, HttpResponse

__all__ = ["NOTHING", "told"]


def told(value: Any, headers: Headers = ()) -> HttpResponse:
    """
    Write a value as JSON.

    >>> told({"done": True}).body
    b'{"done":true}'
    """
    return HttpResponse(200, (("content-type", "application/json; charset=UTF-8"), *headers), _written(value))


_written = msgspec.json.Encoder().encode

NOTHING: Final = told({})
"""What comes back for what was deleted or cancelled."""
