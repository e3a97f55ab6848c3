"""Trees of JSON values that know the lines of a file on which they stand, so that errors can name them."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, cast

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.values import Value

MAX_FILE_DEPTH: Final = codec.MAX_DEPTH + 40
"""How many levels a recording may nest: 20 more than a response, as it contains responses."""


class Token(Value):
    """
    A part of a text in JSON or YAML.

    A container begins with a token of its own kind and ends with ``end``. An ``alias`` repeats the value whose `anchor`
    has the same name.
    """

    kind: Literal["object", "list", "end", "scalar", "alias"]
    line: int
    value: Any = None
    """The value of a scalar. For a container, a function that converts it when it is complete, or None."""
    anchor: str | None = None


class SourceObject(dict[str, Any]):
    """An object, with the name of its file, its own line and those of its values."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}


class SourceList(list[Any]):
    """A list, with the name of its file, its own line and those of its items."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: list[int] = []


def build_error(name: str, line: int, value: Any, expected: str) -> InvalidRequest:
    """
    Build an error about a value in a file. It describes a text instead of quoting it, as it may be a credential.

    >>> build_error("a.json", 3, "test-key", "a number")
    InvalidRequest(path='a.json:3', value='a text of 8 characters', expected='a number')
    """
    return InvalidRequest(f"{name}:{line}", _describe_value(value), expected)


def _describe_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case "":
            return "***"
        case str():
            return f"a text of {len(value)} characters"
        case bytes():
            return f"{len(value)} bytes"
        case dict():
            return f"an object of {len(cast('Any', value))} members"
        case list():
            return f"a list of {len(cast('Any', value))} items"
        case _:
            return f"a {type(value).__name__}"


# Building


class _Open:
    """A container that is not complete yet."""

    __slots__ = ("anchor", "container", "convert", "height", "key", "size")

    def __init__(self, container: SourceObject | SourceList, token: Token) -> None:
        self.container = container
        self.convert: Callable[[Any], Any] | None = token.value
        self.anchor = token.anchor
        self.key: str | None = None
        self.height = self.size = 1


class _Node(Value):
    """A complete value, how many levels it nests, and how large it is with all that it repeats."""

    value: Any
    height: int
    size: int


def build_tree(tokens: Iterable[Token], name: str) -> Any:
    """
    Build the tree of a text.

    Args:
        tokens: The tokens of one value.

        name: Name of the file, for errors.

    Raises:
        InvalidRequest: If it nests too deep, aliases make it too large, or a key is no text.
    """
    builder = _TreeBuilder(name)
    for token in tokens:
        builder.add_token(token)
    return builder.root


class _TreeBuilder:
    def __init__(self, name: str) -> None:
        self.root: Any = None
        self._name = name
        self._open: list[_Open] = []
        self._anchored: dict[str, _Node] = {}
        self._repeated_size = 0

    def add_token(self, token: Token) -> None:
        match token.kind:
            case "object" | "list":
                self._check_depth(len(self._open) + 1, token.line)
                make = SourceObject if token.kind == "object" else SourceList
                self._open.append(_Open(make(self._name, token.line), token))
            case "end":
                self._close(token)
            case "scalar":
                size = 1 + (len(token.value) // _SIZE_UNIT if isinstance(token.value, str | bytes) else 0)
                self._add(_Node(token.value, 0, size), token.line, token.anchor)
            case "alias":
                self._repeat(token)

    def _close(self, token: Token) -> None:
        done = self._open.pop()
        value: Any = done.container
        if done.convert is not None:
            try:
                value = done.convert(value)
            except (TypeError, ValueError, LookupError, AttributeError):
                raise build_error(self._name, done.container.line, value, "the state of a Python object") from None
        self._add(_Node(value, done.height, done.size), done.container.line, done.anchor)

    def _repeat(self, token: Token) -> None:
        anchored = self._anchored.get(token.anchor or "")
        if anchored is None:
            raise build_error(self._name, token.line, "", "an alias of a value that is complete before it")
        self._check_depth(len(self._open) + anchored.height, token.line)
        self._repeated_size += anchored.size
        if self._repeated_size > _MAX_REPEATED_SIZE:
            raise build_error(self._name, token.line, "", f"aliases that repeat at most {_MAX_REPEATED_SIZE} values")
        self._add(anchored, token.line)

    def _check_depth(self, depth: int, line: int) -> None:
        if depth > MAX_FILE_DEPTH:
            raise build_error(self._name, line, "", f"at most {MAX_FILE_DEPTH} levels of nesting")

    def _add(self, node: _Node, line: int, anchor: str | None = None) -> None:
        """Add a value to the container that is open: as an item, or as a key, or as the value of the last key."""
        if anchor is not None:
            self._anchored[anchor] = node
        if not self._open:
            self.root = node.value
            return
        parent = self._open[-1]
        parent.height = max(parent.height, node.height + 1)
        parent.size += node.size
        container = parent.container
        if isinstance(container, SourceList):
            container.append(node.value)
            container.lines.append(line)
        elif parent.key is None:
            parent.key = self._read_key(node.value, line)
        else:
            container[parent.key], container.lines[parent.key] = node.value, line
            parent.key = None

    def _read_key(self, value: Any, line: int) -> str:
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, bool | int | float):  # in YAML, a key may be ``200`` or ``on``
            return codec.encode(value).decode()
        raise build_error(self._name, line, value, "a text as the key of an object")


_SIZE_UNIT = 64
_MAX_REPEATED_SIZE = 1_000_000
"""How many values aliases may repeat, texts counted once for each 64 characters: a few lines could repeat billions."""
