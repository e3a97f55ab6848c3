"""The headers and the body of an HTTP/1.1 request, and the head of its response, for every implementation."""

import re
import threading
from collections.abc import Generator, Iterable
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


def encode_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Encode headers; raises UnicodeEncodeError for what is not Latin-1."""
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


def decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Decode the headers of a response, names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def build_request_target(url: str) -> str:
    """
    Build what follows the method in a request: path and query.

    >>> build_request_target("https://host?a=1")
    '/?a=1'
    """
    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def build_headers(request: HttpRequest, target: Target) -> list[tuple[bytes, bytes]]:
    """Build the headers, with ``Host`` from the target and ``Content-Length`` from the body."""
    headers = _build_fixed_headers(request.headers, target)
    if all(name.lower() != b"content-length" for name, _ in headers):
        size = _get_body_size(request.body)
        if size or request.method in _METHODS_WITH_BODY:
            headers.append((b"Content-Length", b"%d" % size))
    return headers


_METHODS_WITH_BODY: Final = {"POST", "PATCH", "PUT"}


def _build_fixed_headers(given: Headers, target: Target) -> list[tuple[bytes, bytes]]:
    """Build the headers that do not depend on the body."""
    fixed = encode_headers(pair for pair in given if pair[0].lower() != "host")
    return [(b"Host", target.host_header.encode("ascii")), *fixed]


def _get_body_size(body: Body) -> int:
    """Return the size of a body in bytes."""
    if isinstance(body, bytes):
        return len(body)
    return body.size if isinstance(body, FileSlice) else sum(map(len, body))


class _EncodedHeaders(Value):
    """The lines of headers, the length of the body that they state, and whether they ask to close the connection."""

    lines: bytes
    length: bytes | None
    has_close_option: bool


class HeadEncoder:
    r"""
    Encodes the heads of the requests on one connection.

    Most requests have the URL and the headers of the one before, which are then not encoded again.

    >>> HeadEncoder(Target("host", 80, tls=False)).encode(HttpRequest("GET", "http://host/v1"))
    b'GET /v1 HTTP/1.1\r\nHost: host\r\n\r\n'
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._encode_line = lru_cache(1)(_encode_line)
        self._given: Headers = ()
        self._encoded = _encode_headers(target, ())

    @property
    def has_close_option(self) -> bool:
        """Whether the last request asks the server to close the connection after it."""
        return self._encoded.has_close_option

    def encode(self, request: HttpRequest) -> bytes:
        """Encode a head; raises `UnsendableRequestError` if a server would read something else than what is meant."""
        try:
            line = self._encode_line(request.method, request.url)
            if request.headers != self._given:
                self._encoded = _encode_headers(self._target, request.headers)
                self._given = tuple(request.headers)
        except UnicodeEncodeError as error:
            raise UnsendableRequestError(f"not encodable in HTTP/1.1: {error.reason}") from None
        headers, size = self._encoded, _get_body_size(request.body)
        if headers.length is None:
            has_length = size or request.method in _METHODS_WITH_BODY
            length = b"Content-Length: %d\r\n" % size if has_length else b""
            return b"%b%b%b\r\n" % (line, headers.lines, length)
        if headers.length != b"%d" % size:
            raise UnsendableRequestError(_NOT_VALID)
        return b"%b%b\r\n" % (line, headers.lines)


_NOT_VALID: Final = "not a valid HTTP/1.1 request"  # without the value, which may be a key


def _encode_line(method: str, url: str) -> bytes:
    path = build_request_target(url).encode("ascii")
    if not (_TOKEN.fullmatch(method.encode("ascii")) and _PATH.fullmatch(path)):
        raise UnsendableRequestError(_NOT_VALID)
    return b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), path)


def _encode_headers(target: Target, given: Headers) -> _EncodedHeaders:
    headers = _build_fixed_headers(given, target)
    names = [_check_name(name) for name, _ in headers]
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    is_valid = not _REFUSED_NAMES.intersection(names) and all(_VALUE.fullmatch(value) for _, value in headers)
    if not is_valid or len(lengths) > 1:
        raise UnsendableRequestError(_NOT_VALID)
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    has_close_option = any(name.lower() == "connection" and "close" in value.lower() for name, value in given)
    return _EncodedHeaders(lines, lengths[0] if lengths else None, has_close_option)


@lru_cache(256)
def _check_name(name: bytes) -> bytes:
    """Return the name of a header in lower case, ``b""`` if it is malformed."""
    return name.lower() if _TOKEN.fullmatch(name) else b""


_REFUSED_NAMES: Final = {b"", b"transfer-encoding"}
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
