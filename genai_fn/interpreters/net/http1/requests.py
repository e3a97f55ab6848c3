"""The headers and the body of an HTTP/1.1 request, and the head of its response, for every implementation."""

import re
import threading
from collections.abc import Generator
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.interpreters.net.connect.connection import Target, describe_error
from genai_fn.values import Value


class ResponseHead(Value):
    """The status and the headers of a response; names are in lower case."""

    status: int
    headers: Headers


class UnsendableRequestError(Exception):
    """The request cannot be sent: HTTP cannot encode it, or its file cannot be read."""


def build_target(request: HttpRequest) -> str:
    """
    Build what follows the method in a request: path and query.

    >>> build_target(HttpRequest("GET", "https://host?a=1"))
    '/?a=1'
    """
    parts = urlsplit(request.url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def build_headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    """Build the headers, with ``Host`` from the target and ``Content-Length`` from the body."""
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


_METHODS_WITH_BODY: Final = {"POST", "PATCH", "PUT"}


def _get_body_size(body: Body) -> int:
    """Return the size of a body in bytes."""
    if isinstance(body, FileSlice):
        return body.size
    return len(body) if isinstance(body, bytes) else sum(map(len, body))


def encode_head(request: HttpRequest, target: Target) -> bytes:
    r"""
    Encode the head of a request; raises `UnsendableRequestError` for what would be read as something else.

    >>> encode_head(HttpRequest("GET", "http://host/v1"), Target("host", 80, tls=False))
    b'GET /v1 HTTP/1.1\r\nHost: host\r\n\r\n'
    """
    try:
        path = build_target(request).encode("ascii")
        method, headers = request.method.encode("ascii"), build_headers(request, target)
    except UnicodeEncodeError as error:
        raise UnsendableRequestError(f"not encodable in HTTP/1.1: {error.reason}") from None
    if not (_TOKEN.fullmatch(method) and _PATH.fullmatch(path) and _has_valid_headers(request, headers)):
        raise UnsendableRequestError("not a valid HTTP/1.1 request")  # without the value, which may be a key
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, path, lines)


def _has_valid_headers(request: HttpRequest, headers: list[tuple[bytes, bytes]]) -> bool:
    lengths = 0
    for name, value in headers:
        lower_name = _check_name(name)
        if lower_name in _REFUSED_NAMES or not _VALUE.fullmatch(value):
            return False
        if lower_name == b"content-length":
            lengths += 1
            if value != b"%d" % _get_body_size(request.body):
                return False
    return lengths <= 1


@lru_cache(256)
def _check_name(name: bytes) -> bytes:
    """Return the name of a header in lower case, ``b""`` if it is malformed."""
    return name.lower() if _TOKEN.fullmatch(name) else b""


_REFUSED_NAMES: Final = (b"", b"transfer-encoding")
"""Malformed ones, and one that would contradict the length with which every body is sent."""
_TOKEN: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_PATH: Final = re.compile(rb"[\x21-\x7e]+")
_VALUE: Final = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
"""RFC 9110, 5.5: no control characters, and no blanks at the ends."""


class BodyReader:
    """
    Reads the chunks of a body, for executors that read files in a thread: `close` waits for a read that still runs.

    A task that was cancelled leaves such a read behind.
    """

    def __init__(self, body: Body) -> None:
        self.is_blocking = isinstance(body, FileSlice)
        self._chunks = iterate_body(body)
        self._lock = threading.Lock()

    def read_next(self) -> bytes | memoryview | None:
        """Return the next chunk, which is valid until the next call, or None after the last one."""
        with self._lock:
            return next(self._chunks, None)

    def close(self) -> None:
        """Close the file. It takes the lock only while another thread reads: an interrupt may have left it taken."""
        while True:
            try:
                self._chunks.close()
            except ValueError:  # the generator is running
                with self._lock:
                    continue
            return


def iterate_body(body: Body) -> Generator[bytes | memoryview]:
    """Iterate over the chunks of a body, each valid until the next one; closing the generator closes its file."""
    if isinstance(body, bytes):
        yield from (body,) if body else ()
    elif isinstance(body, tuple):
        yield from filter(None, body)
    else:
        yield from _iterate_file_slice(body)


def _iterate_file_slice(body: FileSlice) -> Generator[memoryview]:
    buffer = memoryview(bytearray(min(body.size, _CHUNK_SIZE)))
    try:
        with open(body.path, "rb", buffering=0) as file:  # noqa: PTH123  # pathlib is slow to load
            file.seek(body.offset)
            remaining = body.size
            while remaining:
                count = file.readinto(buffer[:remaining])
                if not count:
                    raise UnsendableRequestError(f"the file {body.path} ended {remaining} bytes early")
                remaining -= count
                yield buffer[:count].toreadonly()
    except OSError as error:
        raise UnsendableRequestError(f"the file {body.path}: {describe_error(error)}") from None


_CHUNK_SIZE: Final = 1 << 20
