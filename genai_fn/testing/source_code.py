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
from genai_fn.effects import Ask, OpenStream
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import mask_headers
from genai_fn.options import Options
from genai_fn.request import Operation, Request, Stream, kind_of
from genai_fn.schema import Content
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.streams import stream_response

__all__ = ["write_assignment", "write_expression"]


def write_expression(value: Any) -> str:
    """
    Write a value as an expression.

    What a request keeps secret is written as ``"…"`` or ``"***"``.

    >>> from genai_fn import files, generate, streamed
    >>> print(write_expression([generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]))
    [generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]
    """
    return "\n".join(_format_lines(_SourceWriter().write_value(value), "", ""))


def write_assignment(name: str, value: Any, wrapper: type[Any] | None = None) -> str:
    """
    Write an assignment, and before it the imports that it needs.

    Args:
        name: What the value is called.

        value: Any value.

        within: What is made of it, if it is not to stand as it is.

    >>> from genai_fn import RateLimited, generate
    >>> print(write_assignment("script", [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]))
    from genai_fn import RateLimited, generate
    <BLANKLINE>
    script = [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]
    """
    writer = _SourceWriter()
    piece = writer.write_value(value)
    lines = _format_lines(piece if wrapper is None else writer.write_wrapped(wrapper, piece), f"{name} = ", "")
    return "\n".join((*writer.format_imports(), *lines))


# Pieces, and how they are laid out


class _Brackets(NamedTuple):
    """Something in brackets, on one line where it fits."""

    opened: str
    inside: "list[tuple[str, _Fragment]]"
    closed: str


_Fragment: TypeAlias = str | _Brackets


def _format_flat(piece: _Fragment) -> str:
    if isinstance(piece, str):
        return piece
    comma = "," if piece.opened == "(" and len(piece.inside) == 1 else ""
    return piece.opened + ", ".join(before + _format_flat(each) for before, each in piece.inside) + comma + piece.closed


def _format_lines(piece: _Fragment, before: str, after: str, indent: str = "") -> list[str]:
    flat = f"{indent}{before}{_format_flat(piece)}{after}"
    if isinstance(piece, str) or not piece.inside or len(flat) <= _LINE_WIDTH:
        return [flat]
    inside = [line for name, each in piece.inside for line in _format_lines(each, name, ",", indent + "    ")]
    return [f"{indent}{before}{piece.opened}", *inside, f"{indent}{piece.closed}{after}"]


_LINE_WIDTH = 100


class _SourceWriter:
    """Turns values into pieces, and remembers which names they need."""

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}
        self._is_hiding = False

    def format_imports(self) -> list[str]:
        whole = ["import datetime"] if "datetime" in self._imports else []
        named = [
            _format_lines(_Brackets(f"from {place} import (", [("", each) for each in sorted(names)], ")"), "", "")
            for place, names in sorted(self._imports.items())
            if names
        ]
        lines = [*whole, *(line for each in named for line in _remove_brackets(each))]
        return [*lines, ""] if lines else []

    def write_value(self, value: Any) -> _Fragment:
        """Write any value."""
        way = next((way for kind, way in self._WRITERS if isinstance(value, kind)), _SourceWriter._write_literal)
        return way(self, value)

    def write_wrapped(self, kind: type[Any], piece: _Fragment) -> _Fragment:
        """Write what is made of something that is written."""
        return _Brackets(f"{self._write_type(kind)}(", [("", piece)], ")")

    def _write_sequence(self, values: list[Any] | tuple[Any, ...]) -> _Fragment:
        opened, closed = "[]" if isinstance(values, list) else "()"
        return _Brackets(opened, [("", self.write_value(each)) for each in values], closed)

    def _write_mapping(self, given: Mapping[Any, Any]) -> _Fragment:
        return _Brackets(
            "{", [(f"{self._write_literal(key)}: ", self.write_value(each)) for key, each in given.items()], "}"
        )

    # Types

    def _write_struct(self, value: Struct) -> _Fragment:
        if self._is_hiding and isinstance(value, SecretMessage):
            value = replace(value, **{name: "…" for name in value.secret_fields if getattr(value, name) is not None})
        given = _list_set_fields(value)
        is_word = isinstance(value, Ask | OpenStream) or (len(value.__struct_fields__) == 1 and not _is_message(value))
        return self._write_call(type(value), [("" if is_word else f"{name}=", each) for name, each in given])

    def _write_error(self, error: GenaiError) -> _Fragment:
        return self._write_call(type(error), _list_error_arguments(error))

    def _write_call(self, kind: type, given: list[tuple[str, Any]]) -> _Brackets:
        return _Brackets(f"{self._write_type(kind)}(", [(name, self.write_value(each)) for name, each in given], ")")

    def _write_result(self, value: Result[Any, Any]) -> _Fragment:
        inside: Any = value.failure() if isinstance(value, Failure) else value.unwrap()
        name = "Failure" if isinstance(value, Failure) else "Success"
        return _Brackets(f"{self._use_name(name, 'genai_fn')}(", [("", self.write_value(inside))], ")")

    def _write_enum(self, value: Enum) -> str:
        kind = type(value)
        is_known = kind.__members__.get(value.name) is value
        return (
            f"{self._write_type(kind)}.{value.name}"
            if is_known
            else f"{self._write_type(kind)}({self._write_literal(value.value)})"
        )

    def _write_literal(self, value: Any) -> str:
        if isinstance(value, type):
            return self._write_type(value)
        if type(value) is str:
            return _quote_text(value)
        if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124  # what is no number
            return f'float("{value}")'
        shown = repr(value)
        if shown.startswith("datetime."):
            self._imports.setdefault("datetime", set())
        return shown

    def _write_type(self, kind: type) -> str:
        name = kind.__name__
        for module in (genai_fn, schema, testing):
            if name in module.__all__ and getattr(module, name) is kind:
                return self._use_name(name, module.__name__)
        return self._use_name(name, kind.__module__)

    def _use_name(self, name: str, place: str) -> str:
        if place != "builtins":
            self._imports.setdefault(place, set()).add(name)
        return name

    # Requests

    def _write_stream(self, stream: Stream[Any]) -> _Fragment:
        if stream.builder is not stream_response:
            return repr(stream)
        return _append_text(
            self._write_request(stream.source, is_whole=True), f" | {self._use_name('streamed', 'genai_fn')}"
        )

    def _write_request(self, request: Request[Any], *, is_whole: bool = False) -> _Fragment:
        before, self._is_hiding = self._is_hiding, True
        try:
            return self._write_builder_call(request, is_whole) or self._write_constructor(request)
        finally:
            self._is_hiding = before

    def _write_builder_call(self, request: Request[Any], is_whole: bool) -> _Fragment | None:
        """Write the call of a builder that makes just this request, if there is one."""
        operation = request.operation
        path = operation.op.removesuffix(".stream") if is_whole else _BUILDER_PATHS.get(operation.op, operation.op)
        try:
            builder = attrgetter(path)(genai_fn)
        except AttributeError:
            return None
        wanted = Request(operation)
        for given in _list_argument_forms(builder, operation):
            if _call_builder(builder, given, is_whole) == wanted:
                resource, dot, verb = path.partition(".")
                self._use_name(resource, "genai_fn")
                inside = [(name, self.write_value(each)) for name, each in given]
                return self._add_options(_Brackets(f"{resource}{dot}{verb}(", inside, ")"), request.options)
        return None

    def _add_options(self, built: _Brackets, options: Options) -> _Fragment:
        given = [(name, each) for name, each in _list_set_fields(options) if name != "with_http_response"]
        if given:
            self._use_name("with_options", "genai_fn")
            shown = ", ".join(
                f"{name}={_format_flat(self.write_value(_mask_option(name, each)))}" for name, each in given
            )
            built = _append_text(built, f" | with_options({shown})")
        if options.with_http_response:
            built = _append_text(built, f" | {self._use_name('with_http_response', 'genai_fn')}")
        return built

    def _write_constructor(self, request: Request[Any]) -> _Fragment:
        options = [(f"{name}=", _mask_option(name, each)) for name, each in _list_set_fields(request.options)]
        inside = [("", self._write_struct(request.operation))]
        inside += [("", self._write_call(Options, options))] if options else []
        return _Brackets(f"{self._use_name('Request', 'genai_fn')}(", inside, ")")

    _WRITERS: ClassVar[list[tuple[Any, Callable[["_SourceWriter", Any], _Fragment]]]] = [
        (Request, _write_request),
        (Stream, _write_stream),
        (Result, _write_result),
        (GenaiError, _write_error),
        (Struct, _write_struct),
        (Enum, _write_enum),
        (Mapping, _write_mapping),
        ((list, tuple), _write_sequence),
    ]
    """The first that fits."""


def _quote_text(text: str) -> str:
    """Write a text in double quotes, which Python takes where there is a single one in it."""
    return repr(text) if '"' in text else repr(f"{text}'")[:-2] + '"'


def _remove_brackets(lines: list[str]) -> list[str]:
    """Leave out the brackets of an import that fits a line."""
    return [lines[0].replace("(", "").replace(")", "")] if len(lines) == 1 else lines


def _append_text(group: _Fragment, more: str) -> _Brackets:
    assert isinstance(group, _Brackets)  # noqa: S101  # requests are calls
    return group._replace(closed=group.closed + more)


def _is_message(value: Struct) -> bool:
    return isinstance(value, schema.Message)


def _list_set_fields(value: Struct) -> list[tuple[str, Any]]:
    """Give the fields that are not as they would be anyway."""
    held = [(each, getattr(value, each.name)) for each in fields(value)]
    return [(each.name, own) for each, own in held if each.required or not _is_default(each, own)]


def _is_default(field: FieldInfo, value: Any) -> bool:
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    return bool(default == value) and type(default) is type(value)


def _list_error_arguments(error: GenaiError) -> list[tuple[str, Any]]:
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


def _mask_option(name: str, value: Any) -> Any:
    return mask_headers(value) if name == "headers" else value


# Builders


_BUILDER_PATHS = {
    "operations.get.import": "operations.get",
    "operations.get.upload": "operations.get",
    "operations.get.project": "operations.get",
    "tokens.count.request": "tokens.count",
}
"""Operations whose builder goes by another name."""


def _list_argument_forms(builder: Any, operation: Operation[Any]) -> list[list[tuple[str, Any]]]:
    """Give what a builder may have been called with, the shortest first."""
    given = dict(_list_set_fields(operation))
    if operation.op == "tokens.count.request":
        return [[("", Request(given["request"]))]]
    if operation.op.startswith("operations.get"):
        return [[("", given["name"]), ("", kind_of(operation))]]
    short = {name: _simplify_contents(each) if name == "contents" else each for name, each in given.items()}
    return [_order_arguments(builder, short), _order_arguments(builder, given)]


def _simplify_contents(contents: tuple[Content, ...]) -> Any:
    """Write the bare texts of what may be nothing but texts."""
    texts = [part.text for each in contents for part in each.parts or ()]
    return texts[0] if len(texts) == 1 else texts


def _order_arguments(builder: Any, given: dict[str, Any]) -> list[tuple[str, Any]]:
    """Order arguments as the builder has them, by name once one was left out."""
    ordered: list[tuple[str, Any]] = []
    is_gap = False
    for name, parameter in signature(builder).parameters.items():
        if name in given:
            is_named = is_gap or parameter.kind is parameter.KEYWORD_ONLY or (name == "config" and not ordered)
            ordered.append((f"{name}=" if is_named else "", given[name]))
        is_gap = is_gap or name not in given
    return ordered


def _call_builder(builder: Any, given: list[tuple[str, Any]], is_whole: bool) -> Any:
    """Call a builder; what it refuses, it has not made."""
    try:
        request = builder(
            *(each for name, each in given if not name), **{name[:-1]: each for name, each in given if name}
        )
    except (InvalidRequest, TypeError):
        return None
    return replace(request, operation=request.operation.get_streaming_operation()) if is_whole else request
