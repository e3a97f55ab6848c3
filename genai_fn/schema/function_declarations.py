"""Builds function declarations from the signatures and docstrings of Python functions."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from datetime import date, time
from inspect import Parameter
from types import SimpleNamespace
from typing import Any, get_type_hints

from typing_extensions import TypeIs

from genai_fn import codec
from genai_fn.schema.base import ConversionError, Message
from genai_fn.schema.json_schema import build_json_schema, build_json_schemas
from genai_fn.schema.other_types import encode_other_type
from genai_fn.values import Value


class DeclaredFunction(Value):
    """A function that has a declaration of its own, the fields of a `FunctionDeclaration`, and takes any arguments."""

    declaration: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name by which a model calls it, which need not be one of Python."""
        declared: str = self.declaration["name"]
        return declared

    def __call__(self, /, **arguments: Any) -> Any:
        raise NotImplementedError


def declare_function(function: Callable[..., Any]) -> dict[str, Any]:
    """
    Build the fields of a `FunctionDeclaration` for a function.

    Omitted are ``*args``, ``**kwargs``, and parameters that a ``functools.partial`` has bound. A parameter with a
    default is optional; the default is included if it is JSON. As in google-genai, a parameter that takes any JSON is
    not declared as required, and the result is described only if there are parameters, and if JSON has its type.

    Raises:
        ConversionError: If a parameter cannot be described, with the path to it.
    """
    if isinstance(function, DeclaredFunction):
        return dict(function.declaration)
    if not callable(function) or isinstance(function, type):
        raise ConversionError(function, "a function, or an object that is callable like one")
    name, doc = get_function_name(function), _get_docstring(function)
    try:
        schemas = _build_schemas(function)
    except ConversionError as error:
        error.steps.append(f".{name}")
        raise
    return {"name": name, **({"description": doc} if doc else {}), **schemas}


def get_function_name(function: Callable[..., Any]) -> str:
    """Return the name by which a model calls a function."""
    if isinstance(function, DeclaredFunction):
        return function.name
    bare = _unwrap_partial(function)
    name: str = getattr(bare, "__name__", type(bare).__name__)
    if not name.isidentifier():
        raise ConversionError(function, "a function with a name")
    return name


def _build_schemas(function: Callable[..., Any]) -> dict[str, Any]:
    bound = function.keywords if _is_partial(function) else {}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise ConversionError(function, "a function with a known signature") from None
    parameters = signature.parameters.values()
    declared = [each for each in parameters if each.kind not in _VARIADIC_KINDS and each.name not in bound]
    if not declared:
        return {}
    kinds = {each.name: _get_type_at(function, each) for each in declared}
    schemas, defs = build_json_schemas(kinds)
    properties = {each.name: {**_close_tuple(schemas[each.name]), **_build_default(each.default)} for each in declared}
    required = [each.name for each in declared if each.default is Parameter.empty and schemas[each.name]]
    whole = {"type": "object", "properties": properties, "required": required, **({"$defs": defs} if defs else {})}
    return {"parameters_json_schema": whole, **_build_response_schema(function, signature.return_annotation)}


_VARIADIC_KINDS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _get_type_at(function: Callable[..., Any], parameter: Parameter) -> Any:
    try:
        return get_parameter_type(function, parameter)
    except ConversionError as error:
        error.steps.append(f".{parameter.name}")
        raise


def _build_response_schema(function: Callable[..., Any], annotation: Any) -> dict[str, Any]:
    """Describe the result, if JSON has its type. A `FunctionResponse` is sent as it is, and has no schema."""
    if annotation is Parameter.empty:
        return {}
    try:
        kind = _resolve_annotation(function, "return", annotation)
        schema = {} if _is_message(kind) else {"response_json_schema": _close_tuple(build_json_schema(kind))}
    except ConversionError:
        return {}
    return schema


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Message)


def _close_tuple(schema: dict[str, Any]) -> dict[str, Any]:
    """Forbid further items in a tuple of fixed size, as google-genai does."""
    is_fixed = "prefixItems" in schema and len(schema["prefixItems"]) == schema.get("maxItems")
    return {**schema, "unevaluatedItems": False} if is_fixed else schema


def get_parameter_type(function: Callable[..., Any], parameter: Parameter) -> Any:
    """Resolve the annotation of a parameter. Other annotations, which may not resolve, are not read."""
    if parameter.annotation is Parameter.empty:
        raise ConversionError(function, "a parameter with an annotation")
    return _resolve_annotation(function, parameter.name, parameter.annotation)


def _resolve_annotation(function: Callable[..., Any], name: str, annotation: Any) -> Any:
    names = getattr(_get_code_owner(function), "__globals__", {})
    holder = SimpleNamespace(__annotations__={name: annotation})
    try:
        return get_type_hints(holder, globalns=names, include_extras=True)[name]
    except Exception as error:  # noqa: BLE001  # a quoted annotation is code, which may raise anything
        raise ConversionError(annotation, f"an annotation that can be resolved ({error})") from None


def _build_default(value: Any) -> dict[str, Any]:
    if value is Parameter.empty or (isinstance(value, float) and not math.isfinite(value)):
        return {}
    try:
        plain = value.isoformat() if isinstance(value, date | time) else value
        return {"default": codec.decode(codec.encode(plain, enc_hook=encode_other_type))}
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
