"""Finds the builder call, or the modifiers, that build a value: each is tried, and its result compared."""

from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature
from operator import attrgetter
from typing import Any, NamedTuple, cast

from msgspec import Struct
from msgspec.structs import replace

import genai_fn
from genai_fn import schema
from genai_fn.options import Options
from genai_fn.request import Flow, Live, LiveOperation, Modifier, Operation, Request, Stream, kind_of
from genai_fn.schema.content import Content
from genai_fn.source_code.arguments import Arguments, list_set_fields, order_arguments

__all__ = [
    "Form",
    "find_applied_modifier",
    "find_flow_builder",
    "find_last_modifier",
    "find_modifier",
    "find_operation_builder",
]


class Form(NamedTuple):
    """A modifier, method or builder, with the arguments of its call, or None if it is not called."""

    name: str
    arguments: Arguments | None
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


def find_modifier(modifier: Modifier) -> Form | None:
    """Find the public modifier that this value is."""
    return _find_form(_list_modifiers(modifier.args), modifier)


def find_applied_modifier(source: Any, args: tuple[Any, ...], value: Any) -> Form | None:
    """Find the modifier that builds a value from a source, if the value has these arguments."""
    forms = _list_modifiers(args)
    applied = (form._replace(build=partial(_apply_built, source, form.build)) for form in forms)
    return _find_form(applied, value)


def find_last_modifier(value: Any) -> tuple[Any, Form] | None:
    """Find the last modifier of a flow or stream, and what it was applied to; None if a modifier did not build it."""
    if not isinstance(value, Flow | Stream) or value.source is None or value.traits.is_server_stream:
        return None
    if isinstance(value, Flow) and value.traits.method is not None:
        return None
    source: Any = value.source
    inner: Any = getattr(source, "source", None)
    if inner is not None and _is_built(lambda: inner | genai_fn.items, value):
        source = inner  # `items` reads the items of `pages`
    form = find_applied_modifier(source, value.args, value)
    return None if form is None else (source, form)


def _list_modifiers(args: tuple[Any, ...]) -> Iterator[Form]:
    """List modifiers that may have these arguments."""
    for name in _PLAIN_MODIFIERS:
        yield Form(name, None, partial(getattr, genai_fn, name))
    for name in _CALLED_MODIFIERS:
        for arguments in _list_call_forms(getattr(genai_fn, name), args):
            yield Form(name, arguments, partial(_call, getattr(genai_fn, name), arguments))


def find_flow_builder(value: Flow[Any] | Stream[Any]) -> Form | None:
    """Find the builder call that returns a flow or a stream."""
    return _find_form(_list_flow_builders(value.args), value)


def _list_flow_builders(args: tuple[Any, ...]) -> Iterator[Form]:
    """List builders that may have been called with these arguments."""
    for path in _FLOW_BUILDERS:
        builder = attrgetter(path)(genai_fn)
        for arguments in _list_call_forms(builder, args):
            yield Form(path, arguments, partial(_call, builder, arguments))


def _list_call_forms(function: Any, args: tuple[Any, ...]) -> Iterator[Arguments]:
    """List the arguments with which a function may have been called, if its result contains `args`."""
    spread = tuple(getattr(args[0], name) for name in args[0].__struct_fields__) if _starts_with(Struct, args) else ()
    for values in (args, spread):  # a value such as `CallingOptions` contains the arguments themselves
        arguments = _pair_arguments(function, values)
        if arguments is not None:
            yield arguments
    if _starts_with(Options, args):
        yield [*list_set_fields(args[0]), *(("deadline", each) for each in args[1:] if each is not None)]
    if len(args) == 1:  # `with_options(deadline=…)` of a flow
        yield [("deadline", args[0])]


def _starts_with(kind: type[Any], args: tuple[Any, ...]) -> bool:
    return bool(args) and isinstance(args[0], kind)


def _pair_arguments(function: Any, args: tuple[Any, ...]) -> Arguments | None:
    """Pair values with the parameters of a function, and omit defaults; None if they do not fit."""
    given: dict[str, Any] = {}
    variable: Arguments = []
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
    return [*positional, *order_arguments(function, given), *variable[len(positional) :]]


def _is_omitted(default: Any, value: Any) -> bool:
    """Check whether an argument may have been omitted: it has the default, or is the empty config that None becomes."""
    if default is None and isinstance(value, schema.Message):
        return not list_set_fields(value)
    return type(value) is type(default) and bool(value == default)


def _find_form(forms: Iterator[Form], value: Any) -> Form | None:
    """Find the first form that builds this value."""
    return next((form for form in forms if _is_built(form.build, value)), None)


def _is_built(build: Callable[[], Any], value: Any) -> bool:
    """Check whether a function builds a value; it may refuse arguments that are not its own."""
    try:
        return bool(build() == value)
    except Exception:  # noqa: BLE001  # so may the values of a user, which it compares
        return False


def _apply_built(source: Any, build: Callable[[], Modifier]) -> Any:
    return source | build()


def _call(function: Any, arguments: Arguments) -> Any:
    keywords = {name: value for name, value in arguments if name}
    return function(*(value for name, value in arguments if not name), **keywords)


# Builders of requests and sessions


def find_operation_builder(described: Request[Any] | Live[Any], *, is_streamed: bool) -> Form | None:
    """Find the builder call that returns a request or a session, apart from its options."""
    return _find_form(_list_operation_builders(described.operation, is_streamed), replace(described, options=Options()))


def _list_operation_builders(operation: Operation[Any] | LiveOperation[Any], is_streamed: bool) -> Iterator[Form]:
    path = _BUILDER_PATHS.get(operation.op, operation.op).removesuffix(".stream" if is_streamed else "")
    try:
        builder = attrgetter(path)(genai_fn)
    except AttributeError:  # an operation of a user
        return
    for arguments in _list_argument_forms(builder, operation):
        yield Form(path, arguments, partial(_build_operation, builder, arguments, is_streamed))


def _list_argument_forms(builder: Any, operation: Operation[Any] | LiveOperation[Any]) -> list[Arguments]:
    """List argument lists that may produce an operation, the shortest first."""
    given = dict(list_set_fields(operation))
    if operation.op == "tokens.count.request":
        return [[("", Request(given["request"]))]]
    if operation.op.startswith("operations.get"):
        return [[("", given["name"]), ("", kind_of(operation))]]
    short = {name: _simplify_contents(each) if name == "contents" else each for name, each in given.items()}
    return [order_arguments(builder, short), order_arguments(builder, given)]


def _simplify_contents(contents: tuple[Content, ...]) -> Any:
    """Replace contents by the texts of their parts; `_find_form` checks that nothing is lost."""
    texts = [part.text for each in contents for part in each.parts or ()]
    return texts[0] if len(texts) == 1 else texts


def _build_operation(builder: Any, arguments: Arguments, is_streamed: bool) -> Any:
    request = _call(builder, arguments)
    return replace(request, operation=request.operation.get_streaming_operation()) if is_streamed else request


_BUILDER_PATHS = {
    "embed.numpy": "embed",
    "operations.get.import": "operations.get",
    "operations.get.upload": "operations.get",
    "operations.get.project": "operations.get",
    "tokens.count.request": "tokens.count",
}
"""Operations whose builder has another name than the operation."""
