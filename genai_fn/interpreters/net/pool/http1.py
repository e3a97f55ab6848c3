"""Builds requests for httpcore's HTTP/1.1 connections, and converts exceptions into `EffectFailed`."""

from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from genai_fn.effects import EffectFailed
from genai_fn.errors import CertificateError, Closed, ConnectError, Disconnected, InvalidRequest, TimedOut, TimeoutPhase
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.interpreters.net.connect.connection import (
    ConnectionSetupError,
    Target,
    UntrustedCertificateError,
    describe_error,
)
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError


class UnsendableRequestError(Exception):
    """The request cannot be sent: HTTP cannot encode it, or its file cannot be read."""


def build_http1_request(request: HttpRequest, target: Target, transport: ModuleType, body_chunks: Any) -> Any:
    """Build httpcore's request, with ``Host`` from the URL and ``Content-Length`` from the body."""
    parts = urlsplit(request.url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    scheme, host = b"https" if target.tls else b"http", target.host.encode("ascii")
    try:
        return transport.Request(
            request.method.encode("ascii"),
            transport.URL(scheme=scheme, host=host, port=target.port, target=path.encode("ascii")),
            headers=_build_headers(request, target),
            content=body_chunks,
        )
    except UnicodeEncodeError as error:
        raise UnsendableRequestError(f"not encodable in HTTP/1.1: {error.reason}") from None


def _build_headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    is_default_port = target.port == (443 if target.tls else 80)
    host = str(target).rpartition(":")[0] if is_default_port else str(target)
    headers = [(b"Host", host.encode("ascii"))]
    has_length = False
    for name, value in request.headers:
        lower_name = name.lower()
        has_length |= lower_name == "content-length"
        if lower_name != "host":
            headers.append((name.encode("ascii"), value.encode("latin-1")))
    size = _get_body_size(request.body)
    if not has_length and (size or request.method in _METHODS_WITH_BODY):
        headers.append((b"Content-Length", str(size).encode("ascii")))
    return headers


_METHODS_WITH_BODY = {"POST", "PATCH", "PUT"}


def _get_body_size(body: Body) -> int:
    """Return the size of a body in bytes."""
    if isinstance(body, FileSlice):
        return body.size
    return len(body) if isinstance(body, bytes) else sum(map(len, body))


def iterate_body(body: Body) -> Generator[bytes]:
    """Iterate over the chunks of a body; closing the generator closes its file."""
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
            remaining = body.size
            while remaining:
                chunk = file.read(min(remaining, _CHUNK_SIZE))
                if not chunk:
                    raise UnsendableRequestError(f"the file {body.path} ended {remaining} bytes early")
                remaining -= len(chunk)
                yield chunk
    except OSError as error:
        raise UnsendableRequestError(f"the file {body.path}: {describe_error(error)}") from None


_CHUNK_SIZE = 1 << 18


def decode_headers(raw: list[tuple[bytes, bytes]]) -> Headers:
    """Decode headers, with their names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)


def build_connect_failure(error: Exception) -> EffectFailed:
    """Build the failure of an attempt to open a connection."""
    if isinstance(error, UntrustedCertificateError):
        return EffectFailed(CertificateError(error.doing, error.reason))
    if isinstance(error, ConnectionSetupError):
        return EffectFailed(ConnectError(error.doing, error.reason))
    return EffectFailed(ConnectError("connecting", describe_error(error)))


def build_transfer_failure(error: Exception, doing: str, sock: NonBlockingSocket, *, reused: bool) -> EffectFailed:
    """
    Build the failure of sending a request or receiving its response.

    `doing` describes the step for the error message. The socket records whether bytes were sent and received:
    `was_reused` is True only if the connection was reused and no byte of the response had arrived.
    """
    if isinstance(error, SocketClosedError):
        return EffectFailed(Closed("the response was closed", sock.has_sent))
    if isinstance(error, UnsendableRequestError) or type(error).__name__ == "LocalProtocolError":
        return EffectFailed(
            InvalidRequest("request", "***", f"what HTTP can carry ({describe_error(error)})")
        )  # a retry would not help
    return EffectFailed(Disconnected(doing, describe_error(error), sock.has_sent), reused and not sock.has_received)


def build_cancelled_failure(doing: str) -> EffectFailed:
    """Build the failure that all reads return after a cancelled read, because the body is incomplete."""
    return EffectFailed(Disconnected(doing, "the reader was cancelled"))


def build_timeout_failure(phase: TimeoutPhase, doing: str, sock: NonBlockingSocket | None = None) -> EffectFailed:
    """Build the failure of a phase that exceeded its timeout. The socket records whether bytes were sent."""
    return EffectFailed(TimedOut(phase, doing, sock.has_sent if sock else False))
