"""
Splits a streamed body into events, however it is chunked: server-sent events, or the JSON that some gateways send.

It follows https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream over bytes, in linear
time for lines of any length. A body that starts with ``[`` or ``{`` is parsed as JSON: the members of an array, or a
single document, which may be an error.

It deviates from the standard in one point: a line that is not a field ends the stream. The standard ignores such lines,
but Google's servers abort a stream by writing the error as bare JSON after the events, and proxies write HTML.
"""

import re

from genai_fn import codec

__all__ = ["EventParser"]


class EventParser:
    r"""
    Parses the chunks of a body. Returns the data of each event once it is complete.

    >>> events = EventParser()
    >>> events.feed(b'data: {"a"'), events.feed(b': 1}\r\n\r\n: a comment\n\ndata:2\n\n'), events.finish()
    ([], [b'{"a": 1}', b'2'], [])
    """

    def __init__(self) -> None:
        self._reader: _SseParser | _JsonParser | None = None
        self._head: bytes = b""
        self._expected_bom = _BOM

    def feed(self, chunk: bytes) -> list[bytes]:
        """Parse the next chunk."""
        if self._reader is None:
            chunk = self._head + chunk
            if self._expected_bom.startswith(chunk):
                self._head = chunk
                return []
            chunk, self._expected_bom = chunk.removeprefix(self._expected_bom), b""
            start = chunk.lstrip(_BLANKS)
            if not start:  # leading blank lines are skipped, and one space is enough to keep
                self._head = b"" if chunk.endswith((b"\n", b"\r")) else chunk[-1:]
                return []
            self._reader = _JsonParser() if start.startswith((b"[", b"{")) else _SseParser()
        return self._reader.feed(chunk)

    def finish(self) -> list[bytes]:
        """Return what is left at the end of the body: an event without its blank line, complete or truncated."""
        return [] if self._reader is None else self._reader.finish()

    @property
    def has_unframed_text(self) -> bool:
        """Whether text outside of events has ended the stream. That text was returned last."""
        return self._reader is not None and self._reader.has_unframed_text

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes of an incomplete event."""
        return 0 if self._reader is None else self._reader.buffered_bytes


_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"


class _SseParser:
    """Parses server-sent events. Only new bytes are searched for line ends, so long lines take linear time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._unframed: _UnframedText | None = None

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) + self._data_bytes + (0 if self._unframed is None else self._unframed.buffered_bytes)

    @property
    def has_unframed_text(self) -> bool:
        return self._unframed is not None and self._unframed.has_unframed_text

    def feed(self, chunk: bytes) -> list[bytes]:  # noqa: C901  # one loop, without calls: it runs for each line of a stream
        if self._unframed is not None:
            return self._unframed.feed(chunk)
        buffer = self._buffer
        if not buffer and not self._data and not self._after_cr and _is_single_event(chunk):
            return [chunk[len(_DATA_PREFIX) : -len(_EVENT_END)]]
        text: bytes | bytearray = chunk  # parsed in place if nothing is buffered
        if buffer:
            buffer += chunk
            text = buffer
        complete: list[bytes] = []
        start = 0
        if self._after_cr and text:
            start = int(text[0] == _LF)
            self._after_cr = False
        searched = max(start, self._searched_bytes)
        newline, carriage = text.find(b"\n", searched), text.find(b"\r", searched)
        while newline >= 0 or carriage >= 0:
            end = newline if carriage < 0 or 0 <= newline < carriage else carriage
            if not self._parse_line(text, start, end, complete):
                return [*complete, *self._end_events(bytes(text[start:]))]
            start = end + 1
            if end == carriage:
                if start == len(text):
                    self._after_cr = True
                elif text[start] == _LF:
                    start += 1
                carriage = text.find(b"\r", start)
            if 0 <= newline < start:
                newline = text.find(b"\n", start)
        if text is chunk:
            buffer += chunk[start:]
        else:
            del buffer[:start]
        self._searched_bytes = len(buffer)
        return complete

    def finish(self) -> list[bytes]:
        complete = self.feed(b"\n\n") if self._buffer or self._data else []
        self._buffer.clear()
        return complete if self._unframed is None else [*complete, *self._unframed.finish()]

    def _end_events(self, rest: bytes) -> list[bytes]:
        """Dispatch the pending event, and parse the rest of the body as text outside of events."""
        pending = [b"\n".join(self._data)] if self._data else []
        self._data, self._data_bytes = [], 0
        self._buffer.clear()
        self._unframed = _UnframedText()
        return [*pending, *self._unframed.feed(rest)]

    def _parse_line(self, text: bytes | bytearray, start: int, end: int, complete: list[bytes]) -> bool:
        """Parse a line. Returns False if it is not a field."""
        if start >= end:
            if self._data:
                complete.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data, self._data_bytes = [], 0
        elif text.startswith(b"data:", start, end):
            value = start + 5
            if value < end and text[value] == _SPACE:
                value += 1
            self._data.append(_copy_slice(text, value, end))
            self._data_bytes += end - value
        elif end - start == len(b"data") and text.startswith(b"data", start):
            self._data.append(b"")
        else:
            return _FIELD.match(text, start, end) is not None
        return True


_FIELD = re.compile(rb":|(?:event|id|retry)(?::|\Z)|[A-Za-z_][A-Za-z0-9_.-]*(?::(?!\s*[{\[])|\Z)|\s+\Z")
"""
Matches a comment, a field of the standard, an unknown field, or a line of spaces.

The name of an unknown field is one word, and its value is not JSON, so prose, HTML and ``error: {…`` do not match.
"""


class _UnframedText:
    """Collects text outside of events. Returns it once: a complete JSON document, or the first 2,000 bytes."""

    def __init__(self) -> None:
        self._documents = _JsonParser()
        self._text = b""
        self._size = 0
        self.has_unframed_text = False

    @property
    def buffered_bytes(self) -> int:
        return self._documents.buffered_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        if self.has_unframed_text:
            return []
        self._text += chunk[: _MAX_UNFRAMED_BYTES - len(self._text)]
        if self._text.lstrip().startswith((b"{", b"[")):
            return self._return_once(self._documents.feed(chunk))
        return self._return_once([self._text] if len(self._text) == _MAX_UNFRAMED_BYTES else [])

    def finish(self) -> list[bytes]:
        return [] if self.has_unframed_text else self._return_once([*self._documents.finish(), self._text])

    def _return_once(self, found: list[bytes]) -> list[bytes]:
        self.has_unframed_text = bool(found)
        return [each.strip() for each in found[:1]]


_MAX_UNFRAMED_BYTES = 2000


def _is_single_event(chunk: bytes) -> bool:
    """Whether a chunk is exactly one event of one line, as most are. It takes a third of the time of parsing lines."""
    size = len(chunk) - len(_EVENT_END)
    return (
        chunk.startswith(_DATA_PREFIX)
        and chunk.find(b"\r") == size
        and chunk.find(b"\n") == size + 1
        and chunk.endswith(_EVENT_END)
    )


_DATA_PREFIX, _EVENT_END = b"data: ", b"\r\n\r\n"


def _copy_slice(text: bytes | bytearray, start: int, end: int) -> bytes:
    if isinstance(text, bytes):
        return text[start:end]
    with memoryview(text) as view:  # copies once
        return bytes(view[start:end])


_LF, _SPACE = 0x0A, 0x20


class _JsonParser:
    """Parses JSON documents: each member of an array once it is complete, or one document."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._start = 0
        self._depth = 0
        self._base_depth = 0
        self._in_string = False
        self._between = b""
        self.has_unframed_text = False

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        buffer = self._buffer
        buffer += chunk
        complete: list[bytes] = []
        while found := (_STRING_DELIMITER if self._in_string else _STRUCTURE_DELIMITER).search(buffer, self._position):
            at, sign = found.start(), found[0]
            if sign == b"\\":
                if at + 1 >= len(buffer):
                    self._position = at
                    break
                self._position = at + 2
                continue
            self._position = at + 1
            self._handle_delimiter(sign, at, complete)
        else:
            self._position = len(buffer)
        self._discard_consumed()
        return complete

    def finish(self) -> list[bytes]:
        rest = bytes(self._buffer[self._start :]) if self._depth > self._base_depth else b""
        if self._depth == self._base_depth == 1:
            rest = b"["  # an array that is not closed is incomplete
        self._buffer.clear()
        if self._between and not rest:
            self.has_unframed_text = True
            return [self._between]
        return [rest] if rest.strip() else []

    def _handle_delimiter(self, sign: bytes, at: int, complete: list[bytes]) -> None:
        if sign == b'"':
            self._in_string = not self._in_string
        elif sign in (b"{", b"["):
            if self._depth == 0:
                self._base_depth = int(sign == b"[")
            if self._depth == self._base_depth:
                self._skip(at)
            if self._depth >= _MAX_DEPTH:
                complete.append(sign)  # decoding it reports that it is not JSON
                return
            self._depth += 1
        elif self._depth == 0 or (self._depth == self._base_depth and sign == b"}"):
            complete.append(sign)  # unbalanced: decoding it reports that it is not JSON
        else:
            self._depth -= 1
            if self._depth == self._base_depth:
                complete.append(bytes(self._buffer[self._start : at + 1]))
                self._start = at + 1

    def _skip(self, to: int) -> None:
        """Skip text between documents, and keep its start: nothing but separators should be there."""
        skipped = bytes(self._buffer[self._start : to])
        self._between = (self._between + skipped).lstrip(_BLANKS + b",[]")[:_MAX_UNFRAMED_BYTES]
        self._start = to

    def _discard_consumed(self) -> None:
        if self._depth <= self._base_depth:
            self._skip(self._position)
        kept = self._start
        del self._buffer[:kept]
        self._position -= kept
        self._start = 0


_MAX_DEPTH = codec.MAX_DEPTH * 2
"""More levels than any JSON that can be decoded: a document of nothing but brackets ends there."""
_STRING_DELIMITER = re.compile(rb'["\\]')
_STRUCTURE_DELIMITER = re.compile(rb'["{}\[\]]')
