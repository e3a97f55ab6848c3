"""Splits YAML into tokens that know their lines, with the C parser of PyYAML if there is one."""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from genai_fn import codec
from genai_fn.errors import MissingExtra
from genai_fn.interpreters.extras import install_command
from genai_fn.testing.recordings.foreign.trees import SourceList, Token, build_error


def iterate_yaml_tokens(text: str, name: str) -> Iterator[Token]:
    """
    Yield the tokens of a text. Tags make no Python objects, except for those that vcrpy writes for bodies.

    Raises:
        MissingExtra: If PyYAML is not installed.

        InvalidRequest: If it is not YAML, or has another tag. The error names the line.
    """
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        raise MissingExtra("pyyaml", "a cassette in YAML", install_command("pyyaml")) from None
    reader = _EventReader(yaml, name)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            documents += type(event).__name__ == "DocumentStartEvent"
            if documents > 1:
                raise build_error(name, event.start_mark.line + 1, "", "one YAML document, not several")
            token = reader.read_event(event)
            if token is not None:
                yield token
    except yaml.YAMLError as error:
        line, problem = _describe_error(error, text)
        raise build_error(name, line, "", f"YAML ({problem})") from None


def _describe_error(error: Any, text: str) -> tuple[int, str]:
    """Return the line of an error and its message, without the texts that it quotes, which may be credentials."""
    is_unfinished = "end of stream" in (getattr(error, "problem", None) or "")  # such as a text without its last quote
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    mark = next((each for each in (reversed(marks) if is_unfinished else marks) if each is not None), None)
    position: int | None = getattr(error, "position", None)  # of a character that YAML does not allow
    line = text.count("\n", 0, position) + 1 if mark is None else mark.line + 1
    message: str = getattr(error, "problem", None) or getattr(error, "reason", None) or "invalid"
    return min(line, text.count("\n") + 1), _LONG_QUOTE.sub("'…'", message)


_LONG_QUOTE = re.compile(r"""(['"])[^'"]{4,}\1""")


class _EventReader:
    """Converts PyYAML's events to tokens, and scalars to JSON values and bytes, by the rules of its safe loader."""

    def __init__(self, yaml: Any, name: str) -> None:
        self._node_type: Any = yaml.ScalarNode
        self._resolver: Any = yaml.resolver.Resolver()
        self._constructor: Any = yaml.constructor.SafeConstructor()
        self._error: Any = yaml.YAMLError
        self._name = name

    def read_event(self, event: Any) -> Token | None:
        """Return the token of an event; None if it contains no value."""
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                return Token("scalar", line, self._read_scalar(event, line), event.anchor)
            case "MappingStartEvent":
                return Token("object", line, self._find_converter(event.tag, line), event.anchor)
            case "SequenceStartEvent":
                return Token("list", line, self._find_converter(event.tag, line), event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                return Token("end", line)
            case "AliasEvent":
                return Token("alias", line, anchor=event.anchor)
            case _:
                return None

    def _read_scalar(self, event: Any, line: int) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            tag = self._resolver.resolve(self._node_type, event.value, event.implicit)
        tag = tag.removeprefix(_TAG_PREFIX)
        if tag in _TEXT_TAGS:
            return self._check_text(event.value, line)
        if tag not in _SCALAR_TAGS:
            raise build_error(self._name, line, "", "a text, number, bool, null or !!binary, not another tag")
        try:
            if tag in _NUMBER_TAGS and len(event.value) > _MAX_NUMBER_LENGTH:
                raise ValueError  # noqa: TRY301  # the error below is that of all values
            value = self._constructor.construct_object(
                self._node_type(_TAG_PREFIX + tag, event.value, event.start_mark, event.end_mark)
            )
            codec.encode(value)
        except (self._error, ValueError, LookupError, OverflowError):  # such as a number of 5,000 digits
            raise build_error(
                self._name, line, event.value, f"a value of the tag !!{tag} that fits into JSON"
            ) from None
        return value

    def _check_text(self, text: str, line: int) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise build_error(self._name, line, text, "a text of Unicode characters, not half of one") from None
        return text

    def _find_converter(self, tag: str | None, line: int) -> Callable[[Any], Any] | None:
        tag = (tag or "!").removeprefix(_TAG_PREFIX)
        if tag in _CONTAINER_TAGS:
            return _CONTAINER_TAGS[tag]
        raise build_error(self._name, line, "", "an object or a list without a tag of Python")


def _read_bytes_io(tree: Any) -> bytes:
    """Read the content of a file that a request was sent from: the first item of the state of a ``BytesIO``."""
    content: str | bytes | None = tree["state"][0]
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content or b""


def _read_iterator(tree: Any) -> SourceList:
    """Read the items of an iterator that a request was sent from."""
    items: Any = tree["args"][0]
    if not isinstance(items, SourceList):
        raise TypeError
    return items


_TAG_PREFIX = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"str", "timestamp", "value", "merge", "python/str", "python/unicode"})
_SCALAR_TAGS = frozenset({"null", "bool", "int", "float", "binary"})
_NUMBER_TAGS = frozenset({"int", "float"})
_MAX_NUMBER_LENGTH = 4300
"""As for ``int``. To read a number in base 60, such as ``1:30:00``, takes quadratic time."""
_CONTAINER_TAGS: dict[str, Callable[[Any], Any] | None] = {
    "!": None,
    "map": None,
    "seq": None,
    "python/tuple": None,
    "python/object/new:_io.BytesIO": _read_bytes_io,
    "python/object/apply:builtins.iter": _read_iterator,
}
