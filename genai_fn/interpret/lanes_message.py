"""A request as httpcore wants it, the head of its answer as we want it, and what a fault of theirs means."""

from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from genai_fn.effects import Lost
from genai_fn.errors import Closed, ConnectError, Disconnected, InvalidRequest, Phase, TimedOut
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.interpret.dial import DialError, Target, reason
from genai_fn.interpret.dial_wire import CutError, Wire

__all__ = ["MessageError", "broken", "headers_of", "interrupted", "late", "message", "pieces", "undialled"]


class MessageError(Exception):
    """A request that cannot be put on the wire."""


def message(request: HttpRequest, target: Target, transport: ModuleType, content: Any) -> Any:
    """Build the transport's request: ``Host`` is the URL's, ``Content-Length`` the body's."""
    parts = urlsplit(request.url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
    try:
        return transport.Request(
            request.method.encode("ascii"),
            transport.URL(scheme=scheme, host=host, port=target.port, target=path.encode("ascii")),
            headers=_headers(request, target),
            content=content,
        )
    except UnicodeEncodeError as error:
        raise MessageError(f"not to be written in HTTP: {error.reason}") from None


def _headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    default = target.port == (443 if target.tls else 80)
    host = str(target).rpartition(":")[0] if default else str(target)
    headers = [(b"Host", host.encode("ascii"))]
    sized = False
    for name, value in request.headers:
        lowered = name.lower()
        sized |= lowered == "content-length"
        if lowered != "host":
            headers.append((name.encode("ascii"), value.encode("latin-1")))
    size = size_of(request.body)
    if not sized and (size or request.method in _WITH_BODY):
        headers.append((b"Content-Length", str(size).encode("ascii")))
    return headers


_WITH_BODY = {"POST", "PATCH", "PUT"}


def size_of(body: Body) -> int:
    """Count a body's bytes."""
    if isinstance(body, FileSlice):
        return body.size
    return len(body) if isinstance(body, bytes) else sum(map(len, body))


def pieces(body: Body) -> Generator[bytes]:
    """Take a body apart into what is sent at once; closing the generator closes the file."""
    if isinstance(body, bytes):
        yield from (body,) if body else ()
    elif isinstance(body, tuple):
        yield from filter(None, body)
    else:
        yield from _slice(body)


def _slice(body: FileSlice) -> Generator[bytes]:
    try:
        with Path(body.path).open("rb", buffering=0) as file:
            file.seek(body.offset)
            left = body.size
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise MessageError(f"the file {body.path} ended {left} bytes early")
                left -= len(piece)
                yield piece
    except OSError as error:
        raise MessageError(f"the file {body.path}: {reason(error)}") from None


_PIECE = 1 << 18


def headers_of(raw: list[tuple[bytes, bytes]]) -> Headers:
    """Read headers: names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)


def undialled(error: Exception) -> Lost:
    """Say why no connection came about."""
    if isinstance(error, DialError):
        return Lost(ConnectError(error.doing, error.reason))
    return Lost(ConnectError("connecting", reason(error)))


def broken(error: Exception, doing: str, wire: Wire, *, reused: bool) -> Lost:
    """Say how an exchange broke; on a reused connection that matters only if nothing of an answer had come."""
    if isinstance(error, CutError):
        return Lost(Closed("the exchange was closed", wire.sent))
    if isinstance(error, MessageError) or type(error).__name__ == "LocalProtocolError":
        return Lost(
            InvalidRequest("request", "***", f"what HTTP can carry ({reason(error)})")
        )  # sending it again would not help
    return Lost(Disconnected(doing, reason(error), wire.sent), reused and not wire.received)


def interrupted(doing: str) -> Lost:
    """Say that the body was being read when its reader was cancelled."""
    return Lost(Disconnected(doing, "the reader was cancelled"))


def late(phase: Phase, doing: str, wire: Wire | None = None) -> Lost:
    """Say that time ran out."""
    return Lost(TimedOut(phase, doing, wire.sent if wire else False))
