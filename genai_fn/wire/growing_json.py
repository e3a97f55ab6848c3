"""
Parses JSON while it arrives: the value so far after each piece of the text, in time proportional to the piece.

A text grows by each character; a number, ``true``, ``false`` or ``null`` appears when it is complete; a field appears
with its value. What has appeared only grows: nothing is removed, and no key, number or escape is shown in part.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from genai_fn import codec
from genai_fn.values import FrozenDict, FrozenList

__all__ = ["JsonParser", "JsonSnapshot", "TextParser"]

_ABSENT: Final[Any] = object()


class JsonSnapshot:
    """
    The value that had arrived at some point. It costs nothing until `build` is called, which copies what was open.

    Snapshots compare and pickle by their values.
    """

    __slots__ = ("_containers", "_pieces", "_value")

    def __init__(
        self,
        value: Any,
        containers: tuple[tuple["_Container", int, str], ...] = (),
        pieces: tuple[list[str], int] | None = None,
    ) -> None:
        self._value = value
        self._containers = containers
        self._pieces = pieces

    def build(self) -> Any:
        """Return the value, of immutable dicts and lists."""
        value = self._value
        if value is _ABSENT:
            value = _ABSENT if self._pieces is None else "".join(self._pieces[0][: self._pieces[1]])
            for container, count, key in reversed(self._containers):
                value = container.build(count, key, value)
            self._value = value
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSnapshot) and bool(self.build() == other.build())

    __hash__ = None  # type: ignore[assignment]  # dicts have no hash

    def __repr__(self) -> str:
        return repr(self.build())

    def __reduce__(self) -> Any:
        return JsonSnapshot, (self.build(),)


class _Container:
    """An object or a list that is still open: the entries that are complete, to which more are appended."""

    __slots__ = ("entries", "is_object", "key")

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.entries: list[Any] = []
        self.key = ""
        """The key of the value that arrives, of an object."""

    def add(self, value: Any) -> None:
        """Append a complete value."""
        self.entries.append((self.key, value) if self.is_object else value)

    def build(self, count: int, key: str, last: Any) -> Any:
        """Return the first entries, and a last one that is incomplete, unless it is absent."""
        entries: list[Any] = self.entries[:count]
        if last is not _ABSENT:
            entries.append((key, last) if self.is_object else last)
        return FrozenDict[Any](entries) if self.is_object else FrozenList[Any](entries)


_State: TypeAlias = Callable[[str, int], int]
"""Reads a text from a position within it on, sets the next state, and returns the position after what it has read."""


class TextParser:
    """
    Collects a text that is a value itself, as that of an enum, without blanks and quotes around it.

    >>> parser = TextParser()
    >>> parser.feed('"re'), parser.feed('d"'), parser.take_snapshot()
    (True, True, 'red')
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._withheld = ""
        """What may be the end of the text."""

    def feed(self, text: str) -> bool:
        """Add the next piece of the text, and return whether the value has grown."""
        text = self._withheld + text
        piece = text.rstrip(_AROUND_TEXT)
        self._withheld = text[len(piece) :]
        piece = piece if self._pieces else piece.lstrip(_AROUND_TEXT)
        if piece:
            self._pieces.append(piece)
        return bool(piece)

    def finish(self) -> bool:
        """Return False: the end of the text adds nothing."""
        return False

    def take_snapshot(self) -> JsonSnapshot:
        """Return the text so far."""
        return JsonSnapshot(_ABSENT, (), (self._pieces, len(self._pieces)))


_AROUND_TEXT = ' \t\r\n"'


class JsonParser:
    """
    Parses one JSON value from the pieces of its text.

    >>> parser = JsonParser()
    >>> parser.feed('{"name": "Pan'), parser.take_snapshot()
    (True, {'name': 'Pan'})
    >>> parser.feed('cakes", "minutes": 2'), parser.take_snapshot()
    (True, {'name': 'Pancakes'})
    >>> parser.feed('0}'), parser.take_snapshot()
    (True, {'name': 'Pancakes', 'minutes': 20})
    """

    def __init__(self) -> None:
        self._containers: list[_Container] = []
        self._root: Any = _ABSENT
        self._read: _State = self._read_value
        self._pieces: list[str] | None = None
        self._is_key = False
        self._pending: list[str] = []
        """The start of a number, of a word such as ``true``, or of an escape."""
        self._has_grown = False
        self.is_valid = True
        """Whether the text may still become JSON; if not, the rest is ignored."""

    def feed(self, text: str) -> bool:
        """Parse the next piece of the text, and return whether the value has grown."""
        self._has_grown = False
        position = 0
        while self.is_valid:
            if self._pieces is None and not self._pending:  # between two tokens
                position = _skip_blanks(text, position)
            if position == len(text):
                break
            position = self._read(text, position)
        return self._has_grown

    def finish(self) -> bool:
        """Parse the end of the text, which completes a number that is the whole value; return as `feed` does."""
        return self.feed(" ")

    def take_snapshot(self) -> JsonSnapshot:
        """Return the value so far. It takes the time of the number of containers that are open."""
        if self._root is not _ABSENT:
            return JsonSnapshot(self._root)
        containers = tuple((each, len(each.entries), each.key) for each in self._containers)
        pieces = None if self._pieces is None or self._is_key else (self._pieces, len(self._pieces))
        return JsonSnapshot(_ABSENT, containers, pieces)

    # Values

    def _read_value(self, text: str, position: int) -> int:
        character = text[position]
        if character == '"':
            return self._open_text(position, is_key=False)
        if character in "{[":
            if len(self._containers) >= codec.MAX_TEXT_DEPTH:
                return self._refuse(position)
            self._containers.append(_Container(is_object=character == "{"))
            self._read = self._read_first_key if character == "{" else self._read_first_item
            self._has_grown = True
            return position + 1
        if character in _SCALAR_STARTS:
            self._read = self._read_scalar
            return position
        return self._refuse(position)

    def _read_scalar(self, text: str, position: int) -> int:
        end = _SCALAR.match(text, position).end()  # type: ignore[union-attr]  # it matches an empty text, too
        self._pending.append(text[position:end])
        if end < len(text):
            scalar = self._take_pending()
            try:
                self._add(codec.decode(scalar))
            except msgspec.DecodeError:
                return self._refuse(end)
            self._has_grown = True
        return end

    def _read_first_item(self, text: str, position: int) -> int:
        return self._close(position) if text[position] == "]" else self._read_value(text, position)

    def _read_after_value(self, text: str, position: int) -> int:
        if not self._containers:
            return self._refuse(position)
        is_object = self._containers[-1].is_object
        if text[position] == ",":
            self._read = self._read_key if is_object else self._read_value
            return position + 1
        return self._close(position) if text[position] == ("}" if is_object else "]") else self._refuse(position)

    def _close(self, position: int) -> int:
        container = self._containers.pop()
        self._add(container.build(len(container.entries), "", _ABSENT))
        return position + 1

    def _add(self, value: Any) -> None:
        """Add a complete value to its container."""
        if self._containers:
            self._containers[-1].add(value)
        else:
            self._root = value
        self._read = self._read_after_value

    def _refuse(self, position: int) -> int:
        self.is_valid = False
        return position

    # Keys

    def _read_first_key(self, text: str, position: int) -> int:
        return self._close(position) if text[position] == "}" else self._read_key(text, position)

    def _read_key(self, text: str, position: int) -> int:
        return self._open_text(position, is_key=True) if text[position] == '"' else self._refuse(position)

    def _read_colon(self, text: str, position: int) -> int:
        self._read = self._read_value
        return position + 1 if text[position] == ":" else self._refuse(position)

    # Texts

    def _open_text(self, position: int, *, is_key: bool) -> int:
        self._pieces, self._is_key, self._read = [], is_key, self._read_text
        self._has_grown |= not is_key
        return position + 1

    def _read_text(self, text: str, position: int) -> int:
        end = _PLAIN.match(text, position).end()  # type: ignore[union-attr]  # it matches an empty text, too
        if end > position:
            self._append(text[position:end])
        if end == len(text):
            return end
        if text[end] == '"':
            self._close_text()
        elif text[end] == "\\":
            self._read = self._read_escape
            return end
        else:  # a control character
            return self._refuse(end)
        return end + 1

    def _append(self, piece: str) -> None:
        if self._pieces is not None:
            self._pieces.append(piece)
        self._has_grown |= not self._is_key

    def _close_text(self) -> None:
        whole, self._pieces = "".join(self._pieces or ()), None
        if self._is_key:
            self._containers[-1].key = whole
            self._read = self._read_colon
        else:
            self._add(whole)

    def _read_escape(self, text: str, position: int) -> int:
        """Read an escape; of two surrogates, both."""
        self._pending.append(text[position])
        escape = "".join(self._pending)
        if _ESCAPE.fullmatch(escape):
            try:
                piece: str = codec.decode(f'"{escape}"')
            except msgspec.DecodeError:
                return self._refuse(position)
            self._pending = []
            self._append(piece)
            self._read = self._read_text
        elif not _ESCAPE_START.fullmatch(escape):
            return self._refuse(position)
        return position + 1

    def _take_pending(self) -> str:
        pending, self._pending = "".join(self._pending), []
        return pending


def _skip_blanks(text: str, position: int) -> int:
    return _BLANKS.match(text, position).end()  # type: ignore[union-attr]  # it matches an empty text, too


_BLANKS = re.compile(r"[ \t\r\n]*")
_SCALAR_STARTS = frozenset("-0123456789tfn")
_SCALAR = re.compile(r"[-+.0-9A-Za-z]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(
    r"\\(?:[^u]|u(?:[0-9A-Ca-cE-Fe-f][0-9A-Fa-f]{3}|[Dd][0-7C-Fc-f][0-9A-Fa-f]{2}"
    r"|[Dd][89ABab][0-9A-Fa-f]{2}\\u[0-9A-Fa-f]{4}))"
)
"""One that is complete, though it may be wrong; of two surrogates, the first alone is not."""
_ESCAPE_START = re.compile(r"\\(?:u[0-9A-Fa-f]{0,4}|u[Dd][89ABab][0-9A-Fa-f]{2}\\(?:u[0-9A-Fa-f]{0,4})?)?")
"""One that may become complete."""
