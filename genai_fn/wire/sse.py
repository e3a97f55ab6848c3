"""
Cuts a streamed body into events, whatever the chunks: server-sent events, or the JSON that some gateways send in their
place.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream over bytes, in linear
time for lines of any length. A body that begins with ``[`` or ``{`` is read as JSON: the members of an array, or a
whole document, which may be a fault.

In one thing this departs from the standard: a line that is no field ends the stream. The standard ignores such a line,
but Google's servers abort a stream by writing the error as bare JSON after the events, and proxies by writing HTML.
"""

import re

__all__ = ["EventParser"]


class EventParser:
    r"""
    Fed pieces of a body, answers the data of the events that are complete.

    >>> events = EventParser()
    >>> events.feed(b'data: {"a"'), events.feed(b': 1}\r\n\r\n: a comment\n\ndata:2\n\n'), events.finish()
    ([], [b'{"a": 1}', b'2'], [])
    """

    def __init__(self) -> None:
        self._reader: _SseParser | _JsonParser | None = None
        self._head: bytes = b""
        self._expected_bom = _BOM

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece."""
        if self._reader is None:
            piece = self._head + piece
            if self._expected_bom.startswith(piece):
                self._head = piece
                return []
            piece, self._expected_bom = piece.removeprefix(self._expected_bom), b""
            begun = piece.lstrip()
            if not begun:  # blank lines say nothing, and one space is as good as a million
                self._head = b"" if piece.endswith((b"\n", b"\r")) else piece[-1:]
                return []
            self._reader = _JsonParser() if begun.startswith((b"[", b"{")) else _SseParser()
        return self._reader.feed(piece)

    def finish(self) -> list[bytes]:
        """Give what is left at the end of the body: an event whose blank line never came, complete or cut."""
        return [] if self._reader is None else self._reader.finish()

    @property
    def has_stray(self) -> bool:
        """Whether text outside of events has ended the stream; that text is the last thing that was returned."""
        return self._reader is not None and self._reader.has_stray

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the rest of their event."""
        return 0 if self._reader is None else self._reader.buffered_bytes


_BOM = b"\xef\xbb\xbf"


class _SseParser:
    """
    Server-sent events. Only new bytes are searched for line ends, so a line of megabytes costs no more than its length.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._stray: _Stray | None = None

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) + self._data_bytes + (0 if self._stray is None else self._stray.held)

    @property
    def has_stray(self) -> bool:
        return self._stray is not None and self._stray.has_stray

    def feed(self, piece: bytes) -> list[bytes]:
        if self._stray is not None:
            return self._stray.feed(piece)
        held = self._buffer
        if not held and not self._data and not self._after_cr and _is_single_event(piece):
            return [piece[len(_DATA_PREFIX) : -len(_EVENT_END)]]
        text: bytes | bytearray = piece  # read where it lies, if nothing waits for it
        if held:
            held += piece
            text = held
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
        if text is piece:
            held += piece[start:]
        else:
            del held[:start]
        self._searched_bytes = len(held)
        return complete

    def finish(self) -> list[bytes]:
        complete = self.feed(b"\n\n") if self._buffer or self._data else []
        self._buffer.clear()
        return complete if self._stray is None else [*complete, *self._stray.finish()]

    def _end_events(self, rest: bytes) -> list[bytes]:
        """Dispatch the event that waits for its blank line, and read the rest of the body as text outside of events."""
        pending = [b"\n".join(self._data)] if self._data else []
        self._data, self._data_bytes = [], 0
        self._buffer.clear()
        self._stray = _Stray()
        return [*pending, *self._stray.feed(rest)]

    def _parse_line(self, text: bytes | bytearray, start: int, end: int, complete: list[bytes]) -> bool:
        """Take in a line; False if it is no field."""
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
A comment, a field of the standard's, an unknown field, or nothing but spaces.

The name of an unknown field is one word, and its value is no JSON: prose and HTML are no fields, nor is ``error: {…``.
"""


class _Stray:
    """
    Text outside of events. It is returned once: a JSON document as soon as it is complete, or the beginning of any
    other text.
    """

    def __init__(self) -> None:
        self._documents = _JsonParser()
        self._text = b""
        self._size = 0
        self.has_stray = False

    @property
    def held(self) -> int:
        return self._documents.buffered_bytes

    def feed(self, piece: bytes) -> list[bytes]:
        if self.has_stray:
            return []
        self._text += piece[: _STRAY_KEPT - len(self._text)]
        if self._text.lstrip().startswith((b"{", b"[")):
            return self._returned(self._documents.feed(piece))
        return self._returned([self._text] if len(self._text) == _STRAY_KEPT else [])

    def finish(self) -> list[bytes]:
        return [] if self.has_stray else self._returned([*self._documents.finish(), self._text])

    def _returned(self, found: list[bytes]) -> list[bytes]:
        self.has_stray = bool(found)
        return [each.strip() for each in found[:1]]


_STRAY_KEPT = 2000


def _is_single_event(piece: bytes) -> bool:
    """Tell a piece that is one event of one line, as the API sends them mostly, at a third of what the lines cost."""
    size = len(piece) - len(_EVENT_END)
    return (
        piece.startswith(_DATA_PREFIX)
        and piece.find(b"\r") == size
        and piece.find(b"\n") == size + 1
        and piece.endswith(_EVENT_END)
    )


_DATA_PREFIX, _EVENT_END = b"data: ", b"\r\n\r\n"


def _copy_slice(text: bytes | bytearray, start: int, end: int) -> bytes:
    if isinstance(text, bytes):
        return text[start:end]
    with memoryview(text) as view:  # one copy, not two
        return bytes(view[start:end])


_LF, _SPACE = 0x0A, 0x20


class _JsonParser:
    """JSON documents: the members of an array one by one as they are complete, or one document."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._start = 0
        self._depth = 0
        self._base_depth = 0
        self._in_string = False
        self._between = b""
        self.has_stray = False

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, piece: bytes) -> list[bytes]:
        buffer = self._buffer
        buffer += piece
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
            rest = b"["  # an array that was never closed: more was to come
        self._buffer.clear()
        if self._between and not rest:
            self.has_stray = True
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
            self._depth += 1
        elif self._depth == 0 or (self._depth == self._base_depth and sign == b"}"):
            complete.append(sign)  # closes nothing: whoever reads it finds that it is no JSON
        else:
            self._depth -= 1
            if self._depth == self._base_depth:
                complete.append(bytes(self._buffer[self._start : at + 1]))
                self._start = at + 1

    def _skip(self, to: int) -> None:
        """Skip what stands between documents, and keep the beginning of what should not be there."""
        skipped = bytes(self._buffer[self._start : to])
        self._between = (self._between + skipped).lstrip(b" \t\r\n,[]")[:_STRAY_KEPT]
        self._start = to

    def _discard_consumed(self) -> None:
        if self._depth <= self._base_depth:
            self._skip(self._position)
        kept = self._start
        del self._buffer[:kept]
        self._position -= kept
        self._start = 0


_STRING_DELIMITER = re.compile(rb'["\\]')
_STRUCTURE_DELIMITER = re.compile(rb'["{}\[\]]')
