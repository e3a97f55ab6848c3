"""Writes values as Python code to paste into a test: requests as builder calls, other values as constructor calls."""

from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from enum import Enum
from inspect import signature
from math import isfinite
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

__all__ = ["write_assignment", "write_expression"]


def write_expression(value: Any) -> str:
    """
    Write a value as a Python expression.

    Secrets in requests are written as ``"…"`` or ``"***"``.

    >>> from genai_fn import files, generate, streamed
    >>> print(write_expression([generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]))
    [generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]
    """
    return "\n".join(_format_lines(_SourceWriter().write_value(value), "", ""))


def write_assignment(name: str, value: Any, wrapper: type[Any] | None = None) -> str:
    """
    Write an assignment, preceded by the imports that it needs.

    Args:
        name: Name of the variable.

        value: Any value.

        wrapper: A class to call with the value, as in ``run = Fake({…})``.

    >>> from genai_fn import RateLimited, generate
    >>> print(write_assignment("script", [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]))
    from genai_fn import RateLimited, generate
    <BLANKLINE>
    script = [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]
    """
    writer = _SourceWriter()
    fragment = writer.write_value(value)
    lines = _format_lines(fragment if wrapper is None else writer.wrap_fragment(wrapper, fragment), f"{name} = ", "")
    return "\n".join((*writer.format_imports(), *lines))


# Layout


class _Brackets(NamedTuple):
    """A call, list, tuple or mapping: on one line if it fits, else with one line for each item."""

    before: str
    items: "list[tuple[str, _Fragment]]"
    """Each with its prefix, such as ``name=``."""

    after: str


_Fragment: TypeAlias = str | _Brackets


def _format_one_line(fragment: _Fragment) -> str:
    if isinstance(fragment, str):
        return fragment
    comma = "," if fragment.before == "(" and len(fragment.items) == 1 else ""
    items = ", ".join(prefix + _format_one_line(item) for prefix, item in fragment.items)
    return f"{fragment.before}{items}{comma}{fragment.after}"


def _format_lines(fragment: _Fragment, before: str, after: str, indent: str = "") -> list[str]:
    one_line = f"{indent}{before}{_format_one_line(fragment)}{after}"
    if isinstance(fragment, str) or not fragment.items or len(one_line) <= _LINE_WIDTH:
        return [one_line]
    lines = [line for prefix, item in fragment.items for line in _format_lines(item, prefix, ",", indent + "    ")]
    return [f"{indent}{before}{fragment.before}", *lines, f"{indent}{fragment.after}{after}"]


def _format_import(module: str, names: list[str]) -> list[str]:
    one_line = f"from {module} import {', '.join(names)}"
    if len(one_line) <= _LINE_WIDTH:
        return [one_line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


_LINE_WIDTH = 100

_Arguments: TypeAlias = list[tuple[str, Any]]
"""Arguments of a call in order. The name is empty for a positional argument."""


class _SourceWriter:
    """Turns values into fragments of source, and collects the names to import."""

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}
        self._is_masking = False

    def format_imports(self) -> list[str]:
        lines = ["import datetime"] if "datetime" in self._imports else []
        for module, names in sorted(self._imports.items()):
            lines += _format_import(module, sorted(names)) if names else []
        return [*lines, ""] if lines else []

    def write_value(self, value: Any) -> _Fragment:
        write = next((write for kind, write in self._WRITERS if isinstance(value, kind)), _SourceWriter._write_literal)
        return write(self, value)

    def wrap_fragment(self, wrapper: type[Any], fragment: _Fragment) -> _Fragment:
        return _Brackets(f"{self._write_type(wrapper)}(", [("", fragment)], ")")

    def _write_call(self, function: str, arguments: _Arguments) -> _Brackets:
        items = [(f"{name}=" if name else "", self.write_value(value)) for name, value in arguments]
        return _Brackets(f"{function}(", items, ")")

    def _write_sequence(self, values: list[Any] | tuple[Any, ...]) -> _Fragment:
        before, after = "[]" if isinstance(values, list) else "()"
        return _Brackets(before, [("", self.write_value(each)) for each in values], after)

    def _write_mapping(self, mapping: Mapping[Any, Any]) -> _Fragment:
        items = [(f"{self._write_literal(key)}: ", self.write_value(value)) for key, value in mapping.items()]
        return _Brackets("{", items, "}")

    # Types

    def _write_struct(self, value: Struct) -> _Fragment:
        if self._is_masking and isinstance(value, SecretMessage):
            value = replace(value, **{name: "…" for name in value.secret_fields if getattr(value, name) is not None})
        is_message = isinstance(value, schema.Message)
        is_positional = isinstance(value, Ask | OpenStream) or (len(value.__struct_fields__) == 1 and not is_message)
        arguments = [("" if is_positional else name, each) for name, each in _list_set_fields(value)]
        return self._write_call(self._write_type(type(value)), arguments)

    def _write_error(self, error: GenaiError) -> _Fragment:
        kind = type(error)
        members = {
            each.name: own for each in dataclass_fields(error) if (own := getattr(error, each.name)) != each.default
        }
        return self._write_call(self._write_type(kind), _order_arguments(kind, members))

    def _write_result(self, result: Result[Any, Any]) -> _Fragment:
        content: Any = result.failure() if isinstance(result, Failure) else result.unwrap()
        return self._write_call(self._write_type(type(result)), [("", content)])

    def _write_enum(self, value: Enum) -> str:
        kind = self._write_type(type(value))
        is_member = type(value).__members__.get(value.name) is value  # an OpenEnum may have values without a name
        return f"{kind}.{value.name}" if is_member else f"{kind}({self._write_literal(value.value)})"

    def _write_literal(self, value: Any) -> str:
        if isinstance(value, type):
            return self._write_type(value)
        if type(value) is str:
            return _quote_text(value)
        if isinstance(value, float) and not isfinite(value):
            return f'float("{value}")'
        literal = repr(value)
        if literal.startswith("datetime."):
            self._imports.setdefault("datetime", set())
        return literal

    def _write_type(self, kind: type) -> str:
        name = kind.__name__
        for module in (genai_fn, schema, testing):
            if name in module.__all__ and getattr(module, name) is kind:
                return self._import_name(name, module.__name__)
        return self._import_name(name, kind.__module__)

    def _import_name(self, name: str, module: str = "genai_fn") -> str:
        if module != "builtins":
            self._imports.setdefault(module, set()).add(name)
        return name

    # Requests

    def _write_stream(self, stream: Stream[Any]) -> _Fragment:
        if not stream.traits.is_server_stream:
            return repr(stream)
        return _append_text(self._write_request(stream.source, is_streamed=True), f" | {self._import_name('streamed')}")

    def _write_request(self, request: Request[Any], *, is_streamed: bool = False) -> _Brackets:
        was_masking, self._is_masking = self._is_masking, True
        try:
            return self._write_builder_call(request, is_streamed) or self._write_constructor(request)
        finally:
            self._is_masking = was_masking

    def _write_builder_call(self, request: Request[Any], is_streamed: bool) -> _Brackets | None:
        """Write a call of the operation's builder; None if no such call returns this request."""
        operation = request.operation
        path = _BUILDER_PATHS.get(operation.op, operation.op).removesuffix(".stream" if is_streamed else "")
        try:
            builder = attrgetter(path)(genai_fn)
        except AttributeError:
            return None
        for arguments in _list_argument_forms(builder, operation):
            if _call_builder(builder, arguments, is_streamed) == Request(operation):
                self._import_name(path.partition(".")[0])
                return self._add_options(self._write_call(path, arguments), request.options)
        return None

    def _add_options(self, call: _Brackets, options: Options) -> _Brackets:
        arguments = [(name, value) for name, value in _list_options(options) if name != "with_http_response"]
        if arguments:
            modifier = self._write_call(self._import_name("with_options"), arguments)
            call = _append_text(call, f" | {_format_one_line(modifier)}")
        if options.with_http_response:
            call = _append_text(call, f" | {self._import_name('with_http_response')}")
        return call

    def _write_constructor(self, request: Request[Any]) -> _Brackets:
        items: list[tuple[str, _Fragment]] = [("", self._write_struct(request.operation))]
        if options := _list_options(request.options):
            items.append(("", self._write_call(self._write_type(Options), options)))
        return _Brackets(f"{self._import_name('Request')}(", items, ")")

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
    """The first entry whose type matches is used."""


def _quote_text(text: str) -> str:
    """Write a text in double quotes, unless it contains some."""
    return repr(text) if '"' in text else repr(f"{text}'")[:-2] + '"'  # the quote at the end makes repr use double ones


def _append_text(brackets: _Brackets, text: str) -> _Brackets:
    return brackets._replace(after=brackets.after + text)


def _list_set_fields(value: Struct) -> _Arguments:
    """List the required fields and those that differ from their default."""
    members = [(each, getattr(value, each.name)) for each in fields(value)]
    return [(each.name, member) for each, member in members if each.required or not _is_default(each, member)]


def _is_default(field: FieldInfo, value: Any) -> bool:
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    return bool(default == value) and type(default) is type(value)


def _list_options(options: Options) -> _Arguments:
    """List the options that are set, with credentials in headers masked."""
    return [(name, mask_headers(each) if name == "headers" else each) for name, each in _list_set_fields(options)]


# Builders


_BUILDER_PATHS = {
    "operations.get.import": "operations.get",
    "operations.get.upload": "operations.get",
    "operations.get.project": "operations.get",
    "tokens.count.request": "tokens.count",
}
"""Operations whose builder has another name than the operation."""


def _list_argument_forms(builder: Any, operation: Operation[Any]) -> list[_Arguments]:
    """List argument lists that may produce an operation, the shortest first."""
    members = dict(_list_set_fields(operation))
    if operation.op == "tokens.count.request":
        return [[("", Request(members["request"]))]]
    if operation.op.startswith("operations.get"):
        return [[("", members["name"]), ("", kind_of(operation))]]
    short = {name: _simplify_contents(each) if name == "contents" else each for name, each in members.items()}
    return [_order_arguments(builder, short), _order_arguments(builder, members)]


def _simplify_contents(contents: tuple[Content, ...]) -> Any:
    """Replace contents by the texts of their parts; the caller checks that nothing is lost."""
    texts = [part.text for each in contents for part in each.parts or ()]
    return texts[0] if len(texts) == 1 else texts


def _order_arguments(function: Any, arguments: dict[str, Any]) -> _Arguments:
    """Order arguments by the parameters of a function. After an omitted one they are passed by keyword."""
    ordered: _Arguments = []
    is_gap = False
    for name, parameter in signature(function).parameters.items():
        if name in arguments:
            is_keyword = is_gap or parameter.kind is parameter.KEYWORD_ONLY or (name == "config" and not ordered)
            ordered.append((name if is_keyword else "", arguments[name]))
        is_gap = is_gap or name not in arguments
    return ordered


def _call_builder(builder: Any, arguments: _Arguments, is_streamed: bool) -> Any:
    """Call a builder; None if it refuses the arguments."""
    keywords = {name: value for name, value in arguments if name}
    try:
        request = builder(*(value for name, value in arguments if not name), **keywords)
    except (InvalidRequest, TypeError):
        return None
    return replace(request, operation=request.operation.get_streaming_operation()) if is_streamed else request
