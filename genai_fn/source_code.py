"""
Writes values as Python code: requests as builder calls, flows and streams as pipelines, others as constructor calls.

It writes the ``repr`` of requests, flows, streams, sessions and modifiers, and the code that a failing test prints. A
builder call or pipeline is written only if it builds an equal value. Builders are looked up by their public names.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields as dataclass_fields
from enum import Enum
from functools import partial
from inspect import signature
from math import isfinite
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, GenericAlias, NoneType, UnionType
from typing import Any, ClassVar, NamedTuple, TypeAlias, cast, overload

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields, replace
from returns.result import Failure, Result

import genai_fn
from genai_fn import schema
from genai_fn.effects import Ask, OpenStream
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import is_secret_field, mask_headers
from genai_fn.options import Options
from genai_fn.request import Flow, Live, LiveOperation, Modifier, Operation, Request, Stream, kind_of
from genai_fn.schema.content import Content
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.schema.tools import is_mcp_session

__all__ = ["write_assignment", "write_expression", "write_short"]


def write_short(value: Any) -> str:
    """
    Write a value on one line, as for a ``repr``: secrets are masked, and texts and bytes over 200 characters are cut.

    >>> from genai_fn import generate, text
    >>> print(write_short(generate("gemini-2.5-flash", "hi" * 1000) | text)[:60])
    generate("gemini-2.5-flash", "hihihihihihihihihihihihihihihi
    """
    return _format_one_line(_SourceWriter(max_text=200).write_value(value))


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

    def __init__(self, max_text: int | None = None) -> None:
        self._imports: dict[str, set[str]] = {}
        self._is_masking = max_text is not None
        self._max_text = max_text

    def format_imports(self) -> list[str]:
        lines = ["import datetime"] if "datetime" in self._imports else []
        for module, names in sorted(self._imports.items()):
            lines += _format_import(module, sorted(names)) if names else []
        return [*lines, ""] if lines else []

    def write_value(self, value: Any) -> _Fragment:
        write = next((write for kind, write in self._WRITERS if isinstance(value, kind)), _SourceWriter._write_literal)
        was_masking = self._is_masking
        self._is_masking = was_masking or isinstance(value, Request | Flow | Stream | Live | Modifier)
        try:
            return write(self, value)
        finally:
            self._is_masking = was_masking

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
        if self._max_text is not None and _is_redacted(value):
            return repr(value)
        if self._is_masking and isinstance(value, SecretMessage):
            value = replace(value, **{name: "…" for name in value.secret_fields if getattr(value, name) is not None})
        is_message = isinstance(value, schema.Message)
        is_positional = isinstance(value, Ask | OpenStream) or (len(value.__struct_fields__) == 1 and not is_message)
        arguments = [("" if is_positional else name, each) for name, each in _list_set_fields(value)]
        return self._write_call(self._write_type(type(value)), arguments)

    def _write_error(self, error: GenaiError) -> _Fragment:
        kind = type(error)
        given = {
            each.name: own for each in dataclass_fields(error) if (own := getattr(error, each.name)) != each.default
        }
        return self._write_call(self._write_type(kind), _order_arguments(kind, given))

    def _write_result(self, result: Result[Any, Any]) -> _Fragment:
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
            return _quote_text(value if self._is_short(value) else f"{value[: self._max_text]}…")
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

    def _write_request(self, request: Request[Any], *, is_streamed: bool = False) -> _Brackets:
        return self._write_builder_call(request, is_streamed) or self._write_constructor(request)

    def _write_builder_call(self, request: Request[Any] | Live[Any], is_streamed: bool) -> _Brackets | None:
        """Write a call of the operation's builder; None if no such call returns this request."""
        operation = request.operation
        path = _BUILDER_PATHS.get(operation.op, operation.op).removesuffix(".stream" if is_streamed else "")
        try:
            builder = attrgetter(path)(genai_fn)
        except AttributeError:
            return None
        for arguments in _list_argument_forms(builder, operation):
            if _call_builder(builder, arguments, is_streamed) == replace(request, options=Options()):
                return self._add_options(self._write_call(self._import_path(path), arguments), request.options)
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
        options = [] if request.options == Options() else [("", request.options)]
        return self._write_call(self._import_name("Request"), [("", request.operation), *options])

    def _write_options(self, options: Options) -> _Fragment:
        return self._write_call(self._write_type(Options), _list_options(options))

    # Flows, streams, sessions, modifiers

    def _write_live(self, session: Live[Any]) -> _Fragment:
        plain = replace(session, calling_options=None)
        call = self._write_builder_call(plain, is_streamed=False)
        if call is None or session.calling_options is None:
            return call or self._write_struct(session)
        form = _find_form(_list_modifier_forms(plain, (session.calling_options,)), session)
        if form is None:
            return self._write_struct(session)
        return _append_text(call, f" | {_format_one_line(self._write_form(form))}")

    def _write_pipeline(self, value: Flow[Any] | Stream[Any]) -> _Fragment:
        """Write the modifiers after their source, in a loop, as a chain of them may have any length."""
        texts: list[str] = []
        source: Any = value
        while (applied := _find_applied_modifier(source)) is not None:
            source, form = applied
            texts.append(f" | {_format_one_line(self._write_form(form))}")
        return _append_text(self.write_value(source), "".join(reversed(texts))) if texts else self._write_start(value)

    def _write_start(self, value: Flow[Any] | Stream[Any]) -> _Fragment:
        """Write a chain of methods, the stream of a request, the call of a builder, or a constructor."""
        if isinstance(value, Flow) and value.traits.method is not None:
            return self._write_method_calls(value)
        if value.traits.is_server_stream:
            request = self._write_request(value.source, is_streamed=True)
            return _append_text(request, f" | {self._import_name('streamed')}")
        if value.source is not None:
            return self._write_struct(value)
        form = _find_form(_list_builder_forms(value.args), value)
        if form is not None:
            return self._write_call(self._import_path(form.name), form.arguments or [])
        arguments = [*(("", each) for each in value.args), *value.kwargs]
        return self._write_call(str(self._write_literal(value.builder)), arguments)

    def _write_method_calls(self, value: Flow[Any]) -> _Fragment:
        """Write a chain of methods such as ``.map(…).bind(…)``."""
        calls: list[tuple[str, tuple[Any, ...]]] = []
        source: Any = value
        while isinstance(source, Flow) and source.traits.method is not None:
            calls.append((source.traits.method, source.args))
            source = source.source
        written = _format_one_line(self.write_value(source))
        texts = [f"({written})" if " | " in written else written]
        for name, args in reversed(calls[1:]):
            texts.append(_format_one_line(self._write_call(f".{name}", [("", each) for each in args])))
        last, args = calls[0]
        return self._write_call(f"{''.join(texts)}.{last}", [("", each) for each in args])

    def _write_form(self, form: "_Form") -> _Fragment:
        name = self._import_name(form.name)
        return name if form.arguments is None else self._write_call(name, _mask_arguments(form.arguments))

    def _write_modifier(self, modifier: Modifier) -> _Fragment:
        if modifier.args and all(isinstance(each, Modifier) for each in modifier.args):
            first, *others = (_format_one_line(self.write_value(each)) for each in modifier.args)
            return " | ".join((first, *(f"({each})" if " | " in each else each for each in others)))
        form = _find_form(_list_modifiers(modifier.args), modifier)
        return self._write_struct(modifier) if form is None else self._write_form(form)

    _WRITERS: ClassVar[list[tuple[Any, Callable[["_SourceWriter", Any], _Fragment]]]] = [
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
    """The first entry whose type matches is used."""


def _quote_text(text: str) -> str:
    """Write a text in double quotes, unless it contains some."""
    return repr(text) if '"' in text else repr(f"{text}'")[:-2] + '"'  # the quote at the end makes repr use double ones


@overload
def _append_text(fragment: _Brackets, text: str) -> _Brackets: ...
@overload
def _append_text(fragment: _Fragment, text: str) -> _Fragment: ...
def _append_text(fragment: _Fragment, text: str) -> _Fragment:
    return f"{fragment}{text}" if isinstance(fragment, str) else fragment._replace(after=fragment.after + text)


def _is_redacted(value: Any) -> bool:
    """Check whether the repr of an operation redacts something: the URL of an upload session, or of a download."""
    return isinstance(value, Operation) and repr(value) != schema.Message.__repr__(value)  # pyright: ignore[reportUnknownArgumentType]  # of Operation[Unknown]


def _is_importable(function: Any) -> bool:
    """Check whether a function has a module and a name; a method of an instance has no module, a lambda no name."""
    return function.__module__ is not None and "<" not in function.__qualname__


def _list_set_fields(value: Struct) -> _Arguments:
    """List the required fields and those that differ from their default."""
    members = [(each, getattr(value, each.name)) for each in fields(value)]
    return [(each.name, member) for each, member in members if each.required or not _is_default(each, member)]


def _is_default(field: FieldInfo, value: Any) -> bool:
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    return bool(default == value) and type(default) is type(value)


def _list_options(options: Options) -> _Arguments:
    """List the options that are set, with credentials in headers masked."""
    return _mask_arguments(_list_set_fields(options))


def _mask_arguments(arguments: _Arguments) -> _Arguments:
    return [(name, mask_headers(each) if name == "headers" else _mask_fields(each)) for name, each in arguments]


def _mask_fields(value: Any) -> Any:
    """Mask secrets in the dicts of a modifier or an option, which no type masks, by the names of their fields."""
    items: Any = value
    if isinstance(value, list):
        return [_mask_fields(each) for each in items]
    if type(value) is tuple:
        return tuple(map(_mask_fields, items))
    if not isinstance(value, dict):
        return items
    return {name: "…" if _is_secret(name, each) else _mask_fields(each) for name, each in items.items()}


def _is_secret(name: object, value: object) -> bool:
    return isinstance(name, str) and (
        is_secret_field(name) if isinstance(value, str) else name == "headers" and isinstance(value, Mapping)
    )


_TESTING_NAMES = frozenset({"Ask", "Fake", "OpenStream", "Sessions", "Sleep"})
"""Types that tests import from ``genai_fn.testing``, which this module cannot import."""


# Modifiers, methods and builders of flows


class _Form(NamedTuple):
    """A modifier, method or builder, with the arguments of its call, or None if it is not called."""

    name: str
    arguments: _Arguments | None
    build: Callable[[], Any]


_PLAIN_MODIFIERS = ("text", "streamed", "joined", "collected", "items", "pages", "with_http_response", "explained")
_CALLED_MODIFIERS = (
    "each",
    "returning",
    "partial",
    "retry_invalid",
    "calling",
    "continued",
    "until_done",
    "batched",
    "with_config",
    "with_model",
    "with_tools",
    "with_options",
)
_FLOW_BUILDERS = ("both", "gather", "embed_many", "files.download")


def _list_modifiers(args: tuple[Any, ...]) -> Iterator[_Form]:
    """List modifiers that may have these arguments."""
    for name in _PLAIN_MODIFIERS:
        yield _Form(name, None, partial(getattr, genai_fn, name))
    for name in _CALLED_MODIFIERS:
        for arguments in _list_call_forms(getattr(genai_fn, name), args):
            yield _Form(name, arguments, partial(_call, getattr(genai_fn, name), arguments))


def _list_modifier_forms(source: Any, args: tuple[Any, ...]) -> Iterator[_Form]:
    """List what may have been applied to a source, if the result has these arguments."""
    for name, arguments, build in _list_modifiers(args):
        yield _Form(name, arguments, partial(_apply_built, source, build))


def _list_builder_forms(args: tuple[Any, ...]) -> Iterator[_Form]:
    for path in _FLOW_BUILDERS:
        builder = attrgetter(path)(genai_fn)
        for arguments in _list_call_forms(builder, args):
            yield _Form(path, arguments, partial(_call, builder, arguments))


def _list_call_forms(function: Any, args: tuple[Any, ...]) -> Iterator[_Arguments]:
    """List the arguments with which a function may have been called, if its result contains `args`."""
    spread = tuple(getattr(args[0], name) for name in args[0].__struct_fields__) if _starts_with(Struct, args) else ()
    for values in (args, spread):  # a value such as `CallingOptions` contains the arguments themselves
        arguments = _pair_arguments(function, values)
        if arguments is not None:
            yield arguments
    if _starts_with(Options, args):
        yield [*_list_set_fields(args[0]), *(("deadline", each) for each in args[1:] if each is not None)]
    if len(args) == 1:  # `with_options(deadline=…)` of a flow
        yield [("deadline", args[0])]


def _starts_with(kind: type[Any], args: tuple[Any, ...]) -> bool:
    return bool(args) and isinstance(args[0], kind)


def _pair_arguments(function: Any, args: tuple[Any, ...]) -> _Arguments | None:
    """Pair values with the parameters of a function, and omit defaults; None if they do not fit."""
    given: dict[str, Any] = {}
    variable: _Arguments = []
    for (name, parameter), value in zip(signature(function).parameters.items(), args, strict=False):
        is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.kind is parameter.VAR_POSITIONAL and not isinstance(value, tuple):
            variable.append(("", value))  # the iterable of `gather`
            continue
        if is_variable and not isinstance(value, tuple):
            return None
        if is_variable:
            items = cast("Any", value)
            variable += items if parameter.kind is parameter.VAR_KEYWORD else [("", each) for each in items]
        elif not _is_omitted(parameter.default, value):
            given[name] = value
    positional = [each for each in variable if not each[0]]
    return [*positional, *_order_arguments(function, given), *variable[len(positional) :]]


def _is_omitted(default: Any, value: Any) -> bool:
    """Check whether an argument may have been omitted: it has the default, or is the empty config that None becomes."""
    if default is None and isinstance(value, schema.Message):
        return not _list_set_fields(value)
    return type(value) is type(default) and bool(value == default)


def _find_form(forms: Iterator[_Form], value: Any) -> _Form | None:
    return next((form for form in forms if _is_built(form.build, value)), None)


def _find_applied_modifier(value: Any) -> tuple[Any, _Form] | None:
    """Find the last modifier of a flow or stream, and what it was applied to; None if a modifier did not build it."""
    if not isinstance(value, Flow | Stream) or value.source is None or value.traits.is_server_stream:
        return None
    if isinstance(value, Flow) and value.traits.method is not None:
        return None
    source: Any = value.source
    inner: Any = getattr(source, "source", None)
    if inner is not None and _is_built(lambda: inner | genai_fn.items, value):
        source = inner  # `items` reads the items of `pages`
    form = _find_form(_list_modifier_forms(source, value.args), value)
    return None if form is None else (source, form)


def _is_built(build: Callable[[], Any], value: Any) -> bool:
    """Check whether a function builds a value; it may refuse arguments that are not its own."""
    try:
        return bool(build() == value)
    except Exception:  # noqa: BLE001  # so may the values of a user, which it compares
        return False


def _apply_built(source: Any, build: Callable[[], Modifier]) -> Any:
    return source | build()


def _call(function: Any, arguments: _Arguments) -> Any:
    keywords = {name: value for name, value in arguments if name}
    return function(*(value for name, value in arguments if not name), **keywords)


# Builders


_BUILDER_PATHS = {
    "embed.numpy": "embed",
    "operations.get.import": "operations.get",
    "operations.get.upload": "operations.get",
    "operations.get.project": "operations.get",
    "tokens.count.request": "tokens.count",
}
"""Operations whose builder has another name than the operation."""


def _list_argument_forms(builder: Any, operation: Operation[Any] | LiveOperation[Any]) -> list[_Arguments]:
    """List argument lists that may produce an operation, the shortest first."""
    given = dict(_list_set_fields(operation))
    if operation.op == "tokens.count.request":
        return [[("", Request(given["request"]))]]
    if operation.op.startswith("operations.get"):
        return [[("", given["name"]), ("", kind_of(operation))]]
    short = {name: _simplify_contents(each) if name == "contents" else each for name, each in given.items()}
    return [_order_arguments(builder, short), _order_arguments(builder, given)]


def _simplify_contents(contents: tuple[Content, ...]) -> Any:
    """Replace contents by the texts of their parts; the caller checks that nothing is lost."""
    texts = [part.text for each in contents for part in each.parts or ()]
    return texts[0] if len(texts) == 1 else texts


def _order_arguments(function: Any, given: dict[str, Any]) -> _Arguments:
    """Order arguments by the parameters of a function. After an omitted one they are passed by keyword."""
    ordered: _Arguments = []
    is_gap = False
    for name, parameter in signature(function).parameters.items():
        if name in given:
            is_keyword = is_gap or parameter.kind is parameter.KEYWORD_ONLY or (name == "config" and not ordered)
            is_positional = parameter.kind is parameter.POSITIONAL_ONLY or not is_keyword
            ordered.append(("" if is_positional else name, given[name]))
        is_gap = is_gap or name not in given
    return ordered


def _call_builder(builder: Any, arguments: _Arguments, is_streamed: bool) -> Any:
    """Call a builder; None if it refuses the arguments."""
    try:
        request = _call(builder, arguments)
    except (InvalidRequest, TypeError):
        return None
    return replace(request, operation=request.operation.get_streaming_operation()) if is_streamed else request
