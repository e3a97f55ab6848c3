"""`declared`: what a model reads of a Python function, from its signature and its docstring."""

import functools
import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from types import SimpleNamespace
from typing import Any, get_type_hints

from typing_extensions import TypeIs

from genai_fn import codec
from genai_fn.schema.api_schema import translate
from genai_fn.schema.base import ConversionError
from genai_fn.schema.docstrings import parse_parameter_descriptions
from genai_fn.schema.json_schema import build_json_schema, without_siblings
from genai_fn.schema.schemas import Schema

__all__ = ["declare_function", "get_function_name", "get_parameter_type"]


def declare_function(function: Callable[..., Any]) -> dict[str, Any]:
    """
    Describe a function as the fields of a `FunctionDeclaration`.

    The parameters go as ``parameters``, a `Schema`, where every annotation can be said in one, and all together as
    ``parameters_json_schema`` where one cannot: a mapping, a tuple, a set, numbers to choose from, a type that holds
    itself, a format that a `Schema` does not take.

    What a ``functools.partial`` has bound is the caller's
    and not the model's; ``*args`` and ``**kwargs`` have no names and are left to the caller, too. A default goes along
    where JSON has it; where it does not, or is None, the parameter may be left out all the same.

    Raises:
        Misfit: with the path to the parameter.
    """
    if not callable(function) or isinstance(function, type):
        raise ConversionError(function, "a function, or an object that is called like one")
    name, doc = get_function_name(function), _get_docstring(function)
    try:
        shape = _build_parameters_schema(function, parse_parameter_descriptions(doc))
    except ConversionError as wrong:
        wrong.steps.append(f".{name}")
        raise
    about = {"description": doc} if doc else {}
    return {"name": name, **about, **shape}


def get_function_name(function: Callable[..., Any]) -> str:
    """Give the name by which a model calls a function."""
    bare = _unwrap_partial(function)
    name: str = getattr(bare, "__name__", type(bare).__name__)
    if not name.isidentifier():
        raise ConversionError(function, "a function with a name")
    return name


def _build_parameters_schema(function: Callable[..., Any], told: Mapping[str, str]) -> dict[str, Any]:
    bound = function.keywords if _is_partial(function) else {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ConversionError(function, "a function whose parameters Python knows") from None
    offered = [each for each in parameters if each.kind not in _VARIADIC_KINDS and each.name not in bound]
    if not offered:
        return {}
    shapes = {each.name: _described_type(function, each) for each in offered}
    required = [each.name for each in offered if each.default is Parameter.empty]
    said = {name: translate(shape, Schema) for name, shape in shapes.items()}
    if None not in said.values():
        properties = {each.name: _build_parameter_schema(said[each.name] or {}, each, told) for each in offered}
        return {"parameters": {"type": "OBJECT", "properties": properties, "required": required}}
    defs = _definitions(shapes)
    plain = {each.name: _plain_property(shapes[each.name], each, told) for each in offered}
    whole = {"type": "object", "properties": plain, "required": required, **({"$defs": defs} if defs else {})}
    return {"parameters_json_schema": without_siblings(whole)}


_VARIADIC_KINDS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _described_type(function: Callable[..., Any], parameter: Parameter) -> dict[str, Any]:
    try:
        return build_json_schema(get_parameter_type(function, parameter))
    except ConversionError as wrong:
        wrong.steps.append(f".{parameter.name}")
        raise


def _definitions(shapes: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Take the definitions out of the shapes of all parameters, as ``$ref`` reads from the root."""
    defs: dict[str, Any] = {}
    for name, shape in shapes.items():
        for each, definition in shape.pop("$defs", {}).items():
            if defs.setdefault(each, definition) != definition:
                raise ConversionError(
                    definition, f"types of different names, not two that are called {each}", f".{name}"
                )
    return defs


def _build_parameter_schema(said: dict[str, Any], parameter: Parameter, told: Mapping[str, str]) -> dict[str, Any]:
    words = {**said, **({"nullable": True} if parameter.default is None else _build_default(parameter.default))}
    if parameter.name in told:
        words.setdefault("description", told[parameter.name])
    return words


def _plain_property(shape: dict[str, Any], parameter: Parameter, told: Mapping[str, str]) -> dict[str, Any]:
    words = _or_null(shape) if parameter.default is None else dict(shape)
    if parameter.name in told:
        words.setdefault("description", told[parameter.name])
    return words | _build_default(parameter.default)


def _or_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Let null fit as well; what describes the shape stays outermost."""
    about: dict[str, Any] = {word: shape[word] for word in ("title", "description") if word in shape}
    rest = {word: each for word, each in shape.items() if word not in about}
    if not rest:  # anything fits
        return about
    members = rest["anyOf"] if rest.keys() == {"anyOf"} else [rest]
    return {**about, "anyOf": members if _NULL in members else [*members, _NULL]}


_NULL = {"type": "null"}


def get_parameter_type(function: Callable[..., Any], parameter: Parameter) -> Any:
    """Read the annotation of a parameter, and of no other."""
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        raise ConversionError(function, "a parameter that can be given by its name")
    if parameter.annotation is Parameter.empty:
        raise ConversionError(function, "a parameter with an annotation")
    names = getattr(_get_code_owner(function), "__globals__", {})
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return get_type_hints(holder, globalns=names, include_extras=True)[parameter.name]
    except (NameError, SyntaxError, TypeError) as error:
        raise ConversionError(parameter.annotation, f"an annotation that can be read ({error})") from None


def _build_default(value: Any) -> dict[str, Any]:
    if value is Parameter.empty or value is None:
        return {}
    try:
        return {"default": codec.decode(codec.encode(value))}
    except (TypeError, ValueError):
        return {}


# What is behind a callable


def _get_docstring(function: Callable[..., Any]) -> str:
    bare = _unwrap_partial(function)
    if inspect.isroutine(bare):
        return inspect.getdoc(bare) or ""
    return inspect.cleandoc(_get_code_owner(function).__doc__ or type(bare).__doc__ or "")


def _get_code_owner(function: Callable[..., Any]) -> Any:
    bare = _unwrap_partial(function)
    return inspect.unwrap(bare if inspect.isroutine(bare) else type(bare).__call__)


def _unwrap_partial(function: Callable[..., Any]) -> Callable[..., Any]:
    while _is_partial(function):
        function = function.func
    return function


def _is_partial(function: object) -> TypeIs[functools.partial[Any]]:
    return isinstance(function, functools.partial)
