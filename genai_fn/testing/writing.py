"""Values as the Python that makes them, to be pasted into a test: requests by their builders, the rest by its types."""

from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from enum import Enum
from inspect import signature
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeAlias

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields, replace
from returns.result import Failure, Result

import genai_fn
from genai_fn import schema, testing
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.streams import served
from genai_fn.http import masked
from genai_fn.options import Options
from genai_fn.request import Operation, Request, Stream, kind_of
from genai_fn.schema import Content
from genai_fn.schema._hiding import Hiding
from genai_fn.words import Ask, Listen

__all__ = ["pasted", "source"]


def source(value: Any) -> str:
    """
    Write a value as an expression.

    What a request keeps secret is written as ``"…"`` or ``"***"``.

    >>> from genai_fn import files, generate, streamed
    >>> print(source([generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]))
    [generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]
    """
    return "\n".join(_laid(_Writer().written(value), "", ""))


def pasted(name: str, value: Any, within: type[Any] | None = None) -> str:
    """
    Write an assignment, and before it the imports that it needs.

    Args:
        name: What the value is called.

        value: Any value.

        within: What is made of it, if it is not to stand as it is.

    >>> from genai_fn import RateLimited, generate
    >>> print(pasted("script", [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]))
    from genai_fn import RateLimited, generate
    <BLANKLINE>
    script = [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]
    """
    writer = _Writer()
    piece = writer.written(value)
    lines = _laid(piece if within is None else writer.wrapped(within, piece), f"{name} = ", "")
    return "\n".join((*writer.imports(), *lines))


# Pieces, and how they are laid out


class _Group(NamedTuple):
    """Something in brackets, on one line where it fits."""

    opened: str
    inside: "list[tuple[str, _Piece]]"
    closed: str


_Piece: TypeAlias = str | _Group


def _flat(piece: _Piece) -> str:
    if isinstance(piece, str):
        return piece
    comma = "," if piece.opened == "(" and len(piece.inside) == 1 else ""
    return piece.opened + ", ".join(before + _flat(each) for before, each in piece.inside) + comma + piece.closed


def _laid(piece: _Piece, before: str, after: str, indent: str = "") -> list[str]:
    flat = f"{indent}{before}{_flat(piece)}{after}"
    if isinstance(piece, str) or not piece.inside or len(flat) <= _WIDTH:
        return [flat]
    inside = [line for name, each in piece.inside for line in _laid(each, name, ",", indent + "    ")]
    return [f"{indent}{before}{piece.opened}", *inside, f"{indent}{piece.closed}{after}"]


_WIDTH = 100


class _Writer:
    """Turns values into pieces, and remembers which names they need."""

    def __init__(self) -> None:
        self._needed: dict[str, set[str]] = {}
        self._is_hiding = False

    def imports(self) -> list[str]:
        whole = ["import datetime"] if "datetime" in self._needed else []
        named = [
            _laid(_Group(f"from {place} import (", [("", each) for each in sorted(names)], ")"), "", "")
            for place, names in sorted(self._needed.items())
            if names
        ]
        lines = [*whole, *(line for each in named for line in _unbracketed(each))]
        return [*lines, ""] if lines else []

    def written(self, value: Any) -> _Piece:
        """Write any value."""
        way = next((way for kind, way in self._WAYS if isinstance(value, kind)), _Writer._plain)
        return way(self, value)

    def wrapped(self, kind: type[Any], piece: _Piece) -> _Piece:
        """Write what is made of something that is written."""
        return _Group(f"{self._type(kind)}(", [("", piece)], ")")

    def _several(self, values: list[Any] | tuple[Any, ...]) -> _Piece:
        opened, closed = "[]" if isinstance(values, list) else "()"
        return _Group(opened, [("", self.written(each)) for each in values], closed)

    def _mapping(self, given: Mapping[Any, Any]) -> _Piece:
        return _Group("{", [(f"{self._plain(key)}: ", self.written(each)) for key, each in given.items()], "}")

    # Types

    def _struct(self, value: Struct) -> _Piece:
        if self._is_hiding and isinstance(value, Hiding):
            value = replace(value, **{name: "…" for name in value.hidden if getattr(value, name) is not None})
        given = _set_fields(value)
        is_word = isinstance(value, Ask | Listen) or (len(value.__struct_fields__) == 1 and not _is_message(value))
        return self._call(type(value), [("" if is_word else f"{name}=", each) for name, each in given])

    def _error(self, error: GenaiError) -> _Piece:
        return self._call(type(error), _positional(error))

    def _call(self, kind: type, given: list[tuple[str, Any]]) -> _Group:
        return _Group(f"{self._type(kind)}(", [(name, self.written(each)) for name, each in given], ")")

    def _container(self, value: Result[Any, Any]) -> _Piece:
        inside: Any = value.failure() if isinstance(value, Failure) else value.unwrap()
        name = "Failure" if isinstance(value, Failure) else "Success"
        return _Group(f"{self._name(name, 'genai_fn')}(", [("", self.written(inside))], ")")

    def _member(self, value: Enum) -> str:
        kind = type(value)
        is_known = kind.__members__.get(value.name) is value
        return f"{self._type(kind)}.{value.name}" if is_known else f"{self._type(kind)}({self._plain(value.value)})"

    def _plain(self, value: Any) -> str:
        if isinstance(value, type):
            return self._type(value)
        if type(value) is str:
            return _quoted(value)
        if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124  # what is no number
            return f'float("{value}")'
        shown = repr(value)
        if shown.startswith("datetime."):
            self._needed.setdefault("datetime", set())
        return shown

    def _type(self, kind: type) -> str:
        name = kind.__name__
        for module in (genai_fn, schema, testing):
            if name in module.__all__ and getattr(module, name) is kind:
                return self._name(name, module.__name__)
        return self._name(name, kind.__module__)

    def _name(self, name: str, place: str) -> str:
        if place != "builtins":
            self._needed.setdefault(place, set()).add(name)
        return name

    # Requests

    def _stream(self, stream: Stream[Any]) -> _Piece:
        if stream.builder is not served:
            return repr(stream)
        return _followed(self._request(stream.of, is_whole=True), f" | {self._name('streamed', 'genai_fn')}")

    def _request(self, request: Request[Any], *, is_whole: bool = False) -> _Piece:
        before, self._is_hiding = self._is_hiding, True
        try:
            return self._as_built(request, is_whole) or self._as_made(request)
        finally:
            self._is_hiding = before

    def _as_built(self, request: Request[Any], is_whole: bool) -> _Piece | None:
        """Write the call of a builder that makes just this request, if there is one."""
        operation = request.operation
        path = operation.op.removesuffix(".stream") if is_whole else _PATHS.get(operation.op, operation.op)
        try:
            builder = attrgetter(path)(genai_fn)
        except AttributeError:
            return None
        wanted = Request(operation)
        for given in _ways(builder, operation):
            if _made(builder, given, is_whole) == wanted:
                resource, dot, verb = path.partition(".")
                self._name(resource, "genai_fn")
                inside = [(name, self.written(each)) for name, each in given]
                return self._optioned(_Group(f"{resource}{dot}{verb}(", inside, ")"), request.options)
        return None

    def _optioned(self, built: _Group, options: Options) -> _Piece:
        given = [(name, each) for name, each in _set_fields(options) if name != "with_http_response"]
        if given:
            self._name("with_options", "genai_fn")
            shown = ", ".join(f"{name}={_flat(self.written(_shown(name, each)))}" for name, each in given)
            built = _followed(built, f" | with_options({shown})")
        if options.with_http_response:
            built = _followed(built, f" | {self._name('with_http_response', 'genai_fn')}")
        return built

    def _as_made(self, request: Request[Any]) -> _Piece:
        options = [(f"{name}=", _shown(name, each)) for name, each in _set_fields(request.options)]
        inside = [("", self._struct(request.operation))]
        inside += [("", self._call(Options, options))] if options else []
        return _Group(f"{self._name('Request', 'genai_fn')}(", inside, ")")

    _WAYS: ClassVar[list[tuple[Any, Callable[["_Writer", Any], _Piece]]]] = [
        (Request, _request),
        (Stream, _stream),
        (Result, _container),
        (GenaiError, _error),
        (Struct, _struct),
        (Enum, _member),
        (Mapping, _mapping),
        ((list, tuple), _several),
    ]
    """The first that fits."""


def _quoted(text: str) -> str:
    """Write a text in double quotes, which Python takes where there is a single one in it."""
    return repr(text) if '"' in text else repr(f"{text}'")[:-2] + '"'


def _unbracketed(lines: list[str]) -> list[str]:
    """Leave out the brackets of an import that fits a line."""
    return [lines[0].replace("(", "").replace(")", "")] if len(lines) == 1 else lines


def _followed(group: _Piece, more: str) -> _Group:
    assert isinstance(group, _Group)  # noqa: S101  # requests are calls
    return group._replace(closed=group.closed + more)


def _is_message(value: Struct) -> bool:
    return isinstance(value, schema.Message)


def _set_fields(value: Struct) -> list[tuple[str, Any]]:
    """Give the fields that are not as they would be anyway."""
    held = [(each, getattr(value, each.name)) for each in fields(value)]
    return [(each.name, own) for each, own in held if each.required or not _is_default(each, own)]


def _is_default(field: FieldInfo, value: Any) -> bool:
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    return bool(default == value) and type(default) is type(value)


def _positional(error: GenaiError) -> list[tuple[str, Any]]:
    """Give what an error is made of, in its order, by name once one was left out."""
    given: list[tuple[str, Any]] = []
    is_gap = False
    for each in dataclass_fields(error):
        value = getattr(error, each.name)
        if value == each.default:
            is_gap = True
        else:
            given.append((f"{each.name}=" if is_gap else "", value))
    return given


def _shown(name: str, value: Any) -> Any:
    return masked(value) if name == "headers" else value


# Builders


_PATHS = {
    "operations.get.import": "operations.get",
    "operations.get.upload": "operations.get",
    "operations.get.project": "operations.get",
    "tokens.count.request": "tokens.count",
}
"""Operations whose builder goes by another name."""


def _ways(builder: Any, operation: Operation[Any]) -> list[list[tuple[str, Any]]]:
    """Give what a builder may have been called with, the shortest first."""
    given = dict(_set_fields(operation))
    if operation.op == "tokens.count.request":
        return [[("", Request(given["request"]))]]
    if operation.op.startswith("operations.get"):
        return [[("", given["name"]), ("", kind_of(operation))]]
    short = {name: _simple(each) if name == "contents" else each for name, each in given.items()}
    return [_in_order(builder, short), _in_order(builder, given)]


def _simple(contents: tuple[Content, ...]) -> Any:
    """Write the bare texts of what may be nothing but texts."""
    texts = [part.text for each in contents for part in each.parts or ()]
    return texts[0] if len(texts) == 1 else texts


def _in_order(builder: Any, given: dict[str, Any]) -> list[tuple[str, Any]]:
    """Order arguments as the builder has them, by name once one was left out."""
    ordered: list[tuple[str, Any]] = []
    is_gap = False
    for name, parameter in signature(builder).parameters.items():
        if name in given:
            is_named = is_gap or parameter.kind is parameter.KEYWORD_ONLY or (name == "config" and not ordered)
            ordered.append((f"{name}=" if is_named else "", given[name]))
        is_gap = is_gap or name not in given
    return ordered


def _made(builder: Any, given: list[tuple[str, Any]], is_whole: bool) -> Any:
    """Call a builder; what it refuses, it has not made."""
    try:
        request = builder(
            *(each for name, each in given if not name), **{name[:-1]: each for name, each in given if name}
        )
    except (InvalidRequest, TypeError):
        return None
    return replace(request, operation=request.operation.streaming()) if is_whole else request
