"""
Parses the bytes of one HTTP/1.1 response with httptools, as h11 would: head, body, end. No I/O.

httptools (llhttp) parses heads and chunks, in its strict mode. What delimits a body is decided here, from the head
(RFC 9112, section 6.3), so that no byte after the response is taken for a part of it, whatever the version of httptools
tolerates. The texts of errors contain nothing that the server has sent.
"""

import re
from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from genai_fn.interpreters.net.http1.requests import ResponseHead


class RemoteProtocolError(Exception):
    """The server has sent something other than HTTP/1.1, or has ended the response early."""


class ResponseParser:
    """
    Parses one response. Pass what arrives to `receive_data`, then call `read_head` and `read_body`.

    `is_complete` once the body has ended; `is_reusable` if another request may then follow on the connection: both
    sides keep it alive, and no byte followed the response.
    """

    def __init__(self, method: str) -> None:
        self.is_complete = False
        self._method = method
        self._head: ResponseHead | None = None
        self._error = ""
        self._received = b""  # the start of a head
        self._head_size = 0
        self._found = _Callbacks()
        self._parser = HttpResponseParser(self._found)
        self._is_chunked = self._is_kept_alive = self._has_trailing_data = False
        self._remaining: int | None = None  # bytes of the body; None if it is chunked, or ends with the connection
        self._overhead = 0  # bytes since the last one of the body
        self._last_bytes = b""  # of a chunked body

    @property
    def is_reusable(self) -> bool:
        """Whether the connection may be used again."""
        return self.is_complete and self._is_kept_alive and not self._has_trailing_data

    def receive_data(self, data: bytes) -> None:
        """Parse the next bytes; ``b""`` means that the server has closed the connection."""
        if self.is_complete:
            self._has_trailing_data = True
        elif not self._error:
            try:
                self._parse_data(data)
            except RemoteProtocolError as error:
                self._error = str(error)  # raised after what precedes it; its traceback would refer to this parser

    def read_head(self) -> ResponseHead | None:
        """Return the head; None if it is incomplete. Raises `RemoteProtocolError` if it is malformed."""
        if self._head is None and self._error:
            raise RemoteProtocolError(self._error)
        return self._head

    def read_body(self) -> bytes | None:
        """Return the next bytes of the body, ``b""`` at its end, None if none has arrived. Raises as `read_head`."""
        data = self.take_body()
        if data is None and self._error:
            raise RemoteProtocolError(self._error)
        return data

    def take_body(self) -> bytes | None:
        """Return what `read_body` returns; None if it raises."""
        chunks = self._found.body
        if chunks:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            chunks.clear()
            return data
        return b"" if self.is_complete and not self._error else None

    def _parse_data(self, data: bytes) -> None:
        if self._head is None:
            rest = self._parse_head(data)
            if rest is None:
                return
            data = rest
        elif not data:
            self._end_body()
        if self.is_complete:
            self._has_trailing_data = bool(data)
        elif self._is_chunked:
            self._parse_slices(data)
        elif data:
            self._take_body(data)

    def _parse_head(self, data: bytes) -> bytes | None:
        """Parse the head, after informational ones (1xx); returns the bytes after it, None if it is incomplete."""
        if not data:
            raise RemoteProtocolError("the server closed the connection without a response")
        self._received += data
        while True:
            if not self._received.startswith(_PREFIX[: len(self._received)]):
                raise RemoteProtocolError("the response is not HTTP/1.1")
            before, end, after = self._received.partition(b"\r\n\r\n")
            if self._head_size + len(before) + len(end) > MAX_HEAD_BYTES:
                raise RemoteProtocolError(f"the head of the response exceeds {MAX_HEAD_BYTES} bytes")
            if not end:
                return None
            self._received = after
            self._head_size += len(before) + len(end)
            head = before + end
            self._feed_head(head)
            status = self._parser.get_status_code()
            if status >= _FIRST_FINAL_STATUS:
                break
            if status not in _INFORMATIONAL:
                raise RemoteProtocolError(f"unexpected status {status:03}")
            self._found = _Callbacks()
            self._parser = HttpResponseParser(self._found)
        self._find_end(status, is_version_1_1=head.startswith(_VERSIONS[1]))
        self._head = ResponseHead(status, tuple(self._found.headers))
        self._received = b""
        return after

    def _feed_head(self, head: bytes) -> None:
        is_well_formed = self._feed_parser(head) and self._found.has_head and self._found.has_strict_headers
        if not (is_well_formed and head.startswith(_VERSIONS) and _has_strict_lines(head)):
            raise RemoteProtocolError("the head of the response is malformed")

    def _feed_parser(self, data: bytes) -> bool:
        """Return whether llhttp accepts the data."""
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            raise (error.__context__ or error) from None  # an interrupt, such as Ctrl-C, during a callback
        except (HttpParserError, HttpParserUpgrade):
            return False
        return True

    def _find_end(self, status: int, *, is_version_1_1: bool) -> None:
        """Find what delimits the body: RFC 9112, section 6.3."""
        framing: dict[str, str] = {}
        for name, value in self._found.headers:
            if name in _FRAMING_NAMES:  # repeated ones are one list: RFC 9110, section 5.3
                framing[name] = f"{framing[name]},{value}" if name in framing else value
        length, encoding = framing.get("content-length"), framing.get("transfer-encoding")
        if encoding is not None and (length is not None or encoding.lower() != "chunked"):
            raise RemoteProtocolError("the response has a transfer encoding other than chunked, or a length as well")
        if length is not None and not _LENGTH.fullmatch(length):
            raise RemoteProtocolError("the content-length of the response is malformed")
        options = framing.get("connection", "").lower()
        self._is_kept_alive = is_version_1_1 and (not options or "close" not in map(str.strip, options.split(",")))
        if self._method == "HEAD" or status in _WITHOUT_BODY:
            self._remaining = 0
        elif encoding is not None:
            self._is_chunked = True
        elif length is not None:
            self._remaining = int(length)
        else:
            self._is_kept_alive = False
        self.is_complete = self._remaining == 0

    def _take_body(self, data: bytes) -> None:
        if self._remaining is not None:
            self._has_trailing_data = len(data) > self._remaining
            data = data[: self._remaining]
            self._remaining -= len(data)
            self.is_complete = not self._remaining
        self._found.body.append(data)

    def _end_body(self) -> None:
        if self._is_chunked or self._remaining is not None:
            raise RemoteProtocolError("the server closed the connection before the end of the response")
        self.is_complete = True

    def _parse_slices(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_SIZE):
            if self.is_complete:
                self._has_trailing_data = True
                return
            self._parse_chunks(data[start : start + _SLICE_SIZE])

    def _parse_chunks(self, data: bytes) -> None:
        found, size_before = self._found, len(self._found.body)
        self._last_bytes = (self._last_bytes + data[-_LONGEST_END:])[-_LONGEST_END:]
        if not self._feed_parser(data):
            if not found.is_complete:
                raise RemoteProtocolError("the chunks of the response are malformed")
            self._has_trailing_data = True
        if not found.has_strict_headers:
            raise RemoteProtocolError("the trailers of the response contain a length")
        if found.is_complete:
            self.is_complete = True
            # llhttp skips line ends after a response, and reports other bytes as the begin of another one.
            self._has_trailing_data |= found.messages > 1 or not _END_OF_CHUNKS.fullmatch(self._last_bytes)
        self._overhead = 0 if len(found.body) > size_before else self._overhead + len(data)
        if self._overhead > MAX_HEAD_BYTES:
            raise RemoteProtocolError(f"the lines between the chunks of the response exceed {MAX_HEAD_BYTES} bytes")


MAX_HEAD_BYTES: Final = 100 * 1024
"""Maximum size of a head, with the informational ones before it, and of what is not the body of a chunk: as in h11."""

_PREFIX: Final = b"HTTP/1."
_VERSIONS: Final = (b"HTTP/1.0", b"HTTP/1.1")
_FIRST_FINAL_STATUS: Final = 200
_INFORMATIONAL: Final = frozenset({100, *range(102, 200)})
"""Statuses that are skipped: nothing asks for Switching Protocols (101)."""
_WITHOUT_BODY: Final = (204, 304)
_FRAMING_NAMES: Final = frozenset({"connection", "content-length", "transfer-encoding"})
_LENGTH: Final = re.compile("[0-9]{1,18}")
_SLICE_SIZE: Final = 1 << 16
_BLANKS: Final = (b" ", b"\t")
_FRAMING: Final = (b"content-length", b"transfer-encoding")
_LONGEST_END: Final = 5
_END_OF_CHUNKS: Final = re.compile(rb"[^\r\n]\r\n\r\n", re.DOTALL)


def _has_strict_lines(head: bytes) -> bool:
    """Return whether each line ends with CRLF, none is folded (RFC 9112, 5.2), and none has control characters."""
    is_folded = b"\r\n " in head or b"\r\n\t" in head
    control_characters = len(head) - len(head.translate(None, _CONTROL_CHARACTERS))
    return not is_folded and control_characters == len(b"\r\n") * head.count(b"\r\n")


_CONTROL_CHARACTERS: Final = bytes({*range(32), 127} - set(b"\t"))


class _Callbacks:
    """What llhttp has found. It refers to no parser, so that a parser is no cyclic garbage."""

    __slots__ = ("body", "has_head", "has_strict_headers", "headers", "is_complete", "messages")

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.has_head = self.is_complete = False
        self.has_strict_headers = True
        self.messages = 0

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # else it is a trailer
            if name.endswith(_BLANKS):  # httptools 0.6 allows a blank before the colon
                self.has_strict_headers = False
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))
        elif name.lower() in _FRAMING and not self.is_complete:
            self.has_strict_headers = False

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:  # else it belongs to no response
            self.body.append(data)

    def on_message_complete(self) -> None:
        self.is_complete = True
