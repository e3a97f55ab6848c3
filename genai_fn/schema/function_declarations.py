"""Builds function declarations from the signatures and docstrings of Python functions."""

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
    Build the fields of a `FunctionDeclaration` for a function.

    The parameters are described by ``parameters``, a `Schema`, if it can express every annotation, and otherwise by
    ``parameters_json_schema``. A `Schema` cannot express mappings, tuples, sets, enums of numbers, recursive types, and
    some formats.

    Omitted are ``*args``, ``**kwargs``, and parameters that a ``functools.partial`` has bound. A parameter with a
    default is optional; the default is included if it is JSON and not None.

    Raises:
        ConversionError: If a parameter cannot be described, with the path to it.
    """
    if not callable(function) or isinstance(function, type):
        raise ConversionError(function, "a function, or an object that is callable like one")
    name, doc = get_function_name(function), _get_docstring(function)
    try:
        schema = _build_parameters_schema(function, parse_parameter_descriptions(doc))
    except ConversionError as error:
        error.steps.append(f".{name}")
        raise
    annotations = {"description": doc} if doc else {}
    return {"name": name, **annotations, **schema}


def get_function_name(function: Callable[..., Any]) -> str:
    """Return the name by which a model calls a function."""
    bare = _unwrap_partial(function)
    name: str = getattr(bare, "__name__", type(bare).__name__)
    if not name.isidentifier():
        raise ConversionError(function, "a function with a name")
    return name


def _build_parameters_schema(function: Callable[..., Any], descriptions: Mapping[str, str]) -> dict[str, Any]:
    bound = function.keywords if _is_partial(function) else {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ConversionError(function, "a function with a known signature") from None
    declared = [each for each in parameters if each.kind not in _VARIADIC_KINDS and each.name not in bound]
    if not declared:
        return {}
    schemas = {each.name: _build_type_schema(function, each) for each in declared}
    required = [each.name for each in declared if each.default is Parameter.empty]
    translated = {name: translate(schema, Schema) for name, schema in schemas.items()}
    if None not in translated.values():
        properties = {
            each.name: _build_parameter_schema(translated[each.name] or {}, each, descriptions) for each in declared
        }
        return {"parameters": {"type": "OBJECT", "properties": properties, "required": required}}
    defs = _extract_definitions(schemas)
    plain = {each.name: _build_plain_property(schemas[each.name], each, descriptions) for each in declared}
    whole = {"type": "object", "properties": plain, "required": required, **({"$defs": defs} if defs else {})}
    return {"parameters_json_schema": without_siblings(whole)}


_VARIADIC_KINDS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _build_type_schema(function: Callable[..., Any], parameter: Parameter) -> dict[str, Any]:
    try:
        return build_json_schema(get_parameter_type(function, parameter))
    except ConversionError as error:
        error.steps.append(f".{parameter.name}")
        raise


def _extract_definitions(schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Collect the definitions of all parameters, and remove them there: ``$ref`` refers to the root."""
    defs: dict[str, Any] = {}
    for name, schema in schemas.items():
        for each, definition in schema.pop("$defs", {}).items():
            if defs.setdefault(each, definition) != definition:
                raise ConversionError(definition, f"types with different names, not two named {each}", f".{name}")
    return defs


def _build_parameter_schema(
    translated: dict[str, Any], parameter: Parameter, descriptions: Mapping[str, str]
) -> dict[str, Any]:
    keywords = {
        **translated,
        **({"nullable": True} if parameter.default is None else _build_default(parameter.default)),
    }
    if parameter.name in descriptions:
        keywords.setdefault("description", descriptions[parameter.name])
    return keywords


def _build_plain_property(
    schema: dict[str, Any], parameter: Parameter, descriptions: Mapping[str, str]
) -> dict[str, Any]:
    keywords = _allow_null(schema) if parameter.default is None else dict(schema)
    if parameter.name in descriptions:
        keywords.setdefault("description", descriptions[parameter.name])
    return keywords | _build_default(parameter.default)


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow null as well. Title and description stay outermost."""
    annotations: dict[str, Any] = {
        keyword: schema[keyword] for keyword in ("title", "description") if keyword in schema
    }
    rest = {keyword: each for keyword, each in schema.items() if keyword not in annotations}
    if not rest:  # allows anything
        return annotations
    members = rest["anyOf"] if rest.keys() == {"anyOf"} else [rest]
    return {**annotations, "anyOf": members if _NULL in members else [*members, _NULL]}


_NULL = {"type": "null"}


def get_parameter_type(function: Callable[..., Any], parameter: Parameter) -> Any:
    """Resolve the annotation of a parameter. Other annotations, which may not resolve, are not read."""
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        raise ConversionError(function, "a parameter that can be passed by name")
    if parameter.annotation is Parameter.empty:
        raise ConversionError(function, "a parameter with an annotation")
    names = getattr(_get_code_owner(function), "__globals__", {})
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return get_type_hints(holder, globalns=names, include_extras=True)[parameter.name]
    except (NameError, SyntaxError, TypeError) as error:
        raise ConversionError(parameter.annotation, f"an annotation that can be resolved ({error})") from None


def _build_default(value: Any) -> dict[str, Any]:
    if value is Parameter.empty or value is None:
        return {}
    try:
        return {"default": codec.decode(codec.encode(value))}
    except (TypeError, ValueError):
        return {}


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
