"""Turns values into fragments of source: one method for each kind of value."""

from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from enum import Enum
from math import isfinite
from types import BuiltinFunctionType, FunctionType, GenericAlias, NoneType, UnionType
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace
from returns.result import Failure, Result

import genai_fn
from genai_fn import schema
from genai_fn.effects import Ask, OpenStream
from genai_fn.errors import GenaiError
from genai_fn.options import Options
from genai_fn.request import Flow, Live, Modifier, Operation, Request, Stream
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.schema.tools import is_mcp_session
from genai_fn.source_code.arguments import Arguments, list_options, list_set_fields, mask_arguments, order_arguments
from genai_fn.source_code.forms import (
    Form,
    find_applied_modifier,
    find_flow_builder,
    find_last_modifier,
    find_modifier,
    find_operation_builder,
)
from genai_fn.source_code.layout import Brackets, Fragment, append_text, format_import, format_one_line, quote_text

__all__ = ["SourceWriter"]


class SourceWriter:
    """
    Turns values into fragments of source, and collects the names to import.

    With `max_text`, longer texts and bytes are cut, and secrets are masked everywhere; without, in requests only.
    """

    def __init__(self, max_text: int | None = None) -> None:
        self._imports: dict[str, set[str]] = {}
        self._is_masking = max_text is not None
        self._max_text = max_text

    def format_imports(self) -> list[str]:
        """Write the imports of the names collected so far, and an empty line after them."""
        lines = ["import datetime"] if "datetime" in self._imports else []
        for module, names in sorted(self._imports.items()):
            lines += format_import(module, sorted(names)) if names else []
        return [*lines, ""] if lines else []

    def write_value(self, value: Any) -> Fragment:
        """Write any value, by the method of its type."""
        write = next((write for kind, write in self._WRITERS if isinstance(value, kind)), SourceWriter._write_literal)
        was_masking = self._is_masking
        self._is_masking = was_masking or isinstance(value, Request | Flow | Stream | Live | Modifier)
        try:
            return write(self, value)
        finally:
            self._is_masking = was_masking

    def wrap_fragment(self, wrapper: type[Any], fragment: Fragment) -> Fragment:
        """Write the call of a class with a fragment."""
        return Brackets(f"{self._write_type(wrapper)}(", [("", fragment)], ")")

    def _write_call(self, function: str, arguments: Arguments) -> Brackets:
        items = [(f"{name}=" if name else "", self.write_value(value)) for name, value in arguments]
        return Brackets(f"{function}(", items, ")")

    def _write_sequence(self, values: list[Any] | tuple[Any, ...]) -> Fragment:
        before, after = "[]" if isinstance(values, list) else "()"
        return Brackets(before, [("", self.write_value(each)) for each in values], after)

    def _write_mapping(self, mapping: Mapping[Any, Any]) -> Fragment:
        items = [(f"{self._write_literal(key)}: ", self.write_value(value)) for key, value in mapping.items()]
        return Brackets("{", items, "}")

    # Types

    def _write_struct(self, value: Struct) -> Fragment:
        if self._max_text is not None and _is_redacted(value):
            return repr(value)
        if self._is_masking and isinstance(value, SecretMessage):
            value = replace(value, **{name: "…" for name in value.secret_fields if getattr(value, name) is not None})
        is_message = isinstance(value, schema.Message)
        is_positional = isinstance(value, Ask | OpenStream) or (len(value.__struct_fields__) == 1 and not is_message)
        arguments = [("" if is_positional else name, each) for name, each in list_set_fields(value)]
        return self._write_call(self._write_type(type(value)), arguments)

    def _write_error(self, error: GenaiError) -> Fragment:
        kind = type(error)
        given = {
            each.name: own for each in dataclass_fields(error) if (own := getattr(error, each.name)) != each.default
        }
        return self._write_call(self._write_type(kind), order_arguments(kind, given))

    def _write_result(self, result: Result[Any, Any]) -> Fragment:
        content: Any = result.failure() if isinstance(result, Failure) else result.unwrap()
        return self._write_call(self._write_type(type(result)), [("", content)])

    def _write_enum(self, value: Enum) -> str:
        kind = self._write_type(type(value))
        is_member = type(value).__members__.get(value.name) is value  # an OpenEnum may have values without a name
        return f"{kind}.{value.name}" if is_member else f"{kind}({self._write_literal(value.value)})"

    def _write_literal(self, value: Any) -> str:
        if isinstance(value, type | GenericAlias | UnionType):
            return self._write_annotation(value)
        if type(value) is str:
            return quote_text(value if self._is_short(value) else f"{value[: self._max_text]}…")
        if isinstance(value, bytes) and not self._is_short(value):
            return f"<{len(value)} bytes {value[:8]!r}…>"
        if isinstance(value, FunctionType | BuiltinFunctionType) and _is_importable(value):
            return self._import_path(value.__qualname__, value.__module__)
        if isinstance(value, float) and not isfinite(value):
            return f'float("{value}")'
        if is_mcp_session(value):
            return f"<{type(value).__name__}>"  # the repr of a session has the environment of its server
        literal = repr(value)
        if literal.startswith("datetime."):
            self._imports.setdefault("datetime", set())
        return literal

    def _is_short(self, value: str | bytes) -> bool:
        return self._max_text is None or len(value) <= self._max_text

    def _write_type(self, kind: type) -> str:
        name = kind.__name__
        for module in (genai_fn, schema):
            if name in module.__all__ and getattr(module, name) is kind:
                return self._import_name(name, module.__name__)
        if kind.__module__.startswith("genai_fn."):
            return self._import_name(name, "genai_fn.testing" if name in _TESTING_NAMES else kind.__module__)
        return self._import_path(name if "<" in kind.__qualname__ else kind.__qualname__, kind.__module__)  # <locals>

    def _write_annotation(self, kind: Any) -> str:
        """Write a type, such as ``list[int] | None``."""
        if isinstance(kind, UnionType):
            return " | ".join(map(self._write_annotation, kind.__args__))
        if isinstance(kind, GenericAlias):
            arguments = ", ".join(map(self._write_annotation, kind.__args__)) or "()"
            return f"{self._write_annotation(kind.__origin__)}[{arguments}]"
        if kind in (NoneType, Ellipsis):
            return "None" if kind is NoneType else "..."
        return self._write_type(kind) if isinstance(kind, type) else repr(kind)

    def _import_path(self, path: str, module: str = "genai_fn") -> str:
        """Import the first name of a dotted path, and return the path."""
        self._import_name(path.partition(".")[0], module)
        return path

    def _import_name(self, name: str, module: str = "genai_fn") -> str:
        if module != "builtins":
            self._imports.setdefault(module, set()).add(name)
        return name

    # Requests

    def _write_request(self, request: Request[Any], *, is_streamed: bool = False) -> Fragment:
        return self._write_builder_call(request, is_streamed=is_streamed) or self._write_constructor(request)

    def _write_builder_call(self, request: Request[Any] | Live[Any], *, is_streamed: bool = False) -> Fragment | None:
        """Write a call of the operation's builder; None if no such call returns this request."""
        form = find_operation_builder(request, is_streamed=is_streamed)
        return None if form is None else self._add_options(self._write_form(form), request.options)

    def _add_options(self, call: Fragment, options: Options) -> Fragment:
        arguments = [(name, value) for name, value in list_options(options) if name != "with_http_response"]
        if arguments:
            modifier = self._write_call(self._import_name("with_options"), arguments)
            call = append_text(call, f" | {format_one_line(modifier)}")
        if options.with_http_response:
            call = append_text(call, f" | {self._import_name('with_http_response')}")
        return call

    def _write_constructor(self, request: Request[Any]) -> Brackets:
        options = [] if request.options == Options() else [("", request.options)]
        return self._write_call(self._import_name("Request"), [("", request.operation), *options])

    def _write_options(self, options: Options) -> Fragment:
        return self._write_call(self._write_type(Options), list_options(options))

    # Flows, streams, sessions, modifiers

    def _write_live(self, session: Live[Any]) -> Fragment:
        plain = replace(session, calling_options=None)
        call = self._write_builder_call(plain)
        if call is None or session.calling_options is None:
            return call or self._write_struct(session)
        form = find_applied_modifier(plain, (session.calling_options,), session)
        if form is None:
            return self._write_struct(session)
        return append_text(call, f" | {format_one_line(self._write_form(form))}")

    def _write_pipeline(self, value: Flow[Any] | Stream[Any]) -> Fragment:
        """Write the modifiers after their source, in a loop, as a chain of them may have any length."""
        texts: list[str] = []
        source: Any = value
        while (applied := find_last_modifier(source)) is not None:
            source, form = applied
            texts.append(f" | {format_one_line(self._write_form(form))}")
        return append_text(self.write_value(source), "".join(reversed(texts))) if texts else self._write_start(value)

    def _write_start(self, value: Flow[Any] | Stream[Any]) -> Fragment:
        """Write a chain of methods, the stream of a request, the call of a builder, or a constructor."""
        if isinstance(value, Flow) and value.traits.method is not None:
            return self._write_method_calls(value)
        if value.traits.is_server_stream:
            request = self._write_request(value.source, is_streamed=True)
            return append_text(request, f" | {self._import_name('streamed')}")
        if value.source is not None:
            return self._write_struct(value)
        form = find_flow_builder(value)
        if form is not None:
            return self._write_form(form)
        arguments = [*(("", each) for each in value.args), *value.kwargs]
        return self._write_call(str(self._write_literal(value.builder)), arguments)

    def _write_method_calls(self, value: Flow[Any]) -> Fragment:
        """Write a chain of methods such as ``.map(…).bind(…)``."""
        calls: list[tuple[str, tuple[Any, ...]]] = []
        source: Any = value
        while isinstance(source, Flow) and source.traits.method is not None:
            calls.append((source.traits.method, source.args))
            source = source.source
        written = format_one_line(self.write_value(source))
        texts = [f"({written})" if " | " in written else written]
        for name, args in reversed(calls[1:]):
            texts.append(format_one_line(self._write_call(f".{name}", [("", each) for each in args])))
        last, args = calls[0]
        return self._write_call(f"{''.join(texts)}.{last}", [("", each) for each in args])

    def _write_form(self, form: Form) -> Fragment:
        name = self._import_path(form.name)
        return name if form.arguments is None else self._write_call(name, mask_arguments(form.arguments))

    def _write_modifier(self, modifier: Modifier) -> Fragment:
        if modifier.args and all(isinstance(each, Modifier) for each in modifier.args):
            first, *others = (format_one_line(self.write_value(each)) for each in modifier.args)
            return " | ".join((first, *(f"({each})" if " | " in each else each for each in others)))
        form = find_modifier(modifier)
        return self._write_struct(modifier) if form is None else self._write_form(form)

    _WRITERS: ClassVar[list[tuple[Any, Callable[["SourceWriter", Any], Fragment]]]] = [
        (Request, _write_request),
        ((Flow, Stream), _write_pipeline),
        (Live, _write_live),
        (Modifier, _write_modifier),
        (Options, _write_options),
        (Result, _write_result),
        (GenaiError, _write_error),
        (Struct, _write_struct),
        (Enum, _write_enum),
        (Mapping, _write_mapping),
        ((list, tuple), _write_sequence),
    ]
    """How each type is written: the first entry that matches is used, for any other value `_write_literal`."""


def _is_redacted(value: Any) -> bool:
    """Check whether the repr of an operation redacts something: the URL of an upload session, or of a download."""
    return isinstance(value, Operation) and repr(value) != schema.Message.__repr__(value)  # pyright: ignore[reportUnknownArgumentType]  # of Operation[Unknown]


def _is_importable(function: Any) -> bool:
    """Check whether a function has a module and a name; a method of an instance has no module, a lambda no name."""
    return function.__module__ is not None and "<" not in function.__qualname__


_TESTING_NAMES = frozenset({"Ask", "Fake", "OpenStream", "Sessions", "Sleep"})
"""Types that tests import from ``genai_fn.testing``, which this module cannot import."""
