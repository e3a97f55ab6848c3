"""A request as httpcore wants it, the head of its answer as we want it, and what a fault of theirs means."""

from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed, ConnectError, Disconnected, InvalidRequest, TimedOut, TimeoutPhase
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.interpreters.net.connect import ConnectionSetupError, Target, describe_error
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError

__all__ = [
    "UnsendableRequestError",
    "build_cancelled_failure",
    "build_connect_failure",
    "build_http1_request",
    "build_timeout_failure",
    "build_transfer_failure",
    "decode_headers",
    "iterate_body",
]


class UnsendableRequestError(Exception):
    """A request that cannot be put on the wire."""


def build_http1_request(request: HttpRequest, target: Target, transport: ModuleType, content: Any) -> Any:
    """Build the transport's request: ``Host`` is the URL's, ``Content-Length`` the body's."""
    parts = urlsplit(request.url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
    try:
        return transport.Request(
            request.method.encode("ascii"),
            transport.URL(scheme=scheme, host=host, port=target.port, target=path.encode("ascii")),
            headers=_build_headers(request, target),
            content=content,
        )
    except UnicodeEncodeError as error:
        raise UnsendableRequestError(f"not to be written in HTTP: {error.reason}") from None


def _build_headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    default = target.port == (443 if target.tls else 80)
    host = str(target).rpartition(":")[0] if default else str(target)
    headers = [(b"Host", host.encode("ascii"))]
    sized = False
    for name, value in request.headers:
        lowered = name.lower()
        sized |= lowered == "content-length"
        if lowered != "host":
            headers.append((name.encode("ascii"), value.encode("latin-1")))
    size = get_body_size(request.body)
    if not sized and (size or request.method in _METHODS_WITH_BODY):
        headers.append((b"Content-Length", str(size).encode("ascii")))
    return headers


_METHODS_WITH_BODY = {"POST", "PATCH", "PUT"}


def get_body_size(body: Body) -> int:
    """Count a body's bytes."""
    if isinstance(body, FileSlice):
        return body.size
    return len(body) if isinstance(body, bytes) else sum(map(len, body))


def iterate_body(body: Body) -> Generator[bytes]:
    """Take a body apart into what is sent at once; closing the generator closes the file."""
    if isinstance(body, bytes):
        yield from (body,) if body else ()
    elif isinstance(body, tuple):
        yield from filter(None, body)
    else:
        yield from _iterate_file_slice(body)


def _iterate_file_slice(body: FileSlice) -> Generator[bytes]:
    try:
        with Path(body.path).open("rb", buffering=0) as file:
            file.seek(body.offset)
            left = body.size
            while left:
                piece = file.read(min(left, _CHUNK_SIZE))
                if not piece:
                    raise UnsendableRequestError(f"the file {body.path} ended {left} bytes early")
                left -= len(piece)
                yield piece
    except OSError as error:
        raise UnsendableRequestError(f"the file {body.path}: {describe_error(error)}") from None


_CHUNK_SIZE = 1 << 18


def decode_headers(raw: list[tuple[bytes, bytes]]) -> Headers:
    """Read headers: names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)


def build_connect_failure(error: Exception) -> EffectFailed:
    """Say why no connection came about."""
    if isinstance(error, ConnectionSetupError):
        return EffectFailed(ConnectError(error.doing, error.reason))
    return EffectFailed(ConnectError("connecting", describe_error(error)))


def build_transfer_failure(error: Exception, doing: str, wire: NonBlockingSocket, *, reused: bool) -> EffectFailed:
    """Say how an exchange broke; on a reused connection that matters only if nothing of an answer had come."""
    if isinstance(error, SocketClosedError):
        return EffectFailed(Closed("the exchange was closed", wire.has_sent))
    if isinstance(error, UnsendableRequestError) or type(error).__name__ == "LocalProtocolError":
        return EffectFailed(
            InvalidRequest("request", "***", f"what HTTP can carry ({describe_error(error)})")
        )  # sending it again would not help
    return EffectFailed(Disconnected(doing, describe_error(error), wire.has_sent), reused and not wire.has_received)


def build_cancelled_failure(doing: str) -> EffectFailed:
    """Say that the body was being read when its reader was cancelled."""
    return EffectFailed(Disconnected(doing, "the reader was cancelled"))


def build_timeout_failure(phase: TimeoutPhase, doing: str, wire: NonBlockingSocket | None = None) -> EffectFailed:
    """Say that time ran out."""
    return EffectFailed(TimedOut(phase, doing, wire.has_sent if wire else False))
