"""The arguments of a call: in which order they are written, which are omitted, and which contain a secret."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, TypeAlias

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from genai_fn.http import is_secret_field, mask_headers
from genai_fn.options import Options

__all__ = ["Arguments", "list_options", "list_set_fields", "mask_arguments", "order_arguments"]

Arguments: TypeAlias = list[tuple[str, Any]]
"""Arguments of a call in order. The name is empty for a positional argument."""


def list_set_fields(value: Struct) -> Arguments:
    """List the required fields and those that differ from their default."""
    members = [(each, getattr(value, each.name)) for each in fields(value)]
    return [(each.name, member) for each, member in members if each.required or not _is_default(each, member)]


def _is_default(field: FieldInfo, value: Any) -> bool:
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    return bool(default == value) and type(default) is type(value)


def list_options(options: Options) -> Arguments:
    """List the options that are set, with credentials in headers masked."""
    return mask_arguments(list_set_fields(options))


def mask_arguments(arguments: Arguments) -> Arguments:
    """Mask credentials in headers, and fields of dicts that contain a secret by their names."""
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


def order_arguments(function: Any, given: dict[str, Any]) -> Arguments:
    """Order arguments by the parameters of a function. After an omitted one they are passed by keyword."""
    ordered: Arguments = []
    is_gap = False
    for name, parameter in signature(function).parameters.items():
        if name in given:
            is_keyword = is_gap or parameter.kind is parameter.KEYWORD_ONLY or (name == "config" and not ordered)
            is_positional = parameter.kind is parameter.POSITIONAL_ONLY or not is_keyword
            ordered.append(("" if is_positional else name, given[name]))
        is_gap = is_gap or name not in given
    return ordered
