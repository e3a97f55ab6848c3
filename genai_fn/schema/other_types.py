"""
Types that msgspec does not support: those that are built from a text, and those of pydantic and numpy.

Neither is imported here. A class with pydantic's methods exists only where pydantic is loaded.
"""

import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath
from typing import Any

from genai_fn import codec
from genai_fn.schema.foreign_values import list_column, unwrap_scalar

_TEXT_FORMATS: dict[Any, dict[str, str]] = {
    Path: {"format": "path"},
    PurePath: {"format": "path"},
    IPv4Address: {"format": "ipv4"},
    IPv6Address: {"format": "ipv6"},
    complex: {},
}
_TEXT_TYPES = tuple(_TEXT_FORMATS)


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model, or a class with the same methods."""
    return isinstance(kind, type) and hasattr(kind, "model_json_schema")


def describe_other_type(kind: Any) -> dict[str, Any]:
    """
    Return the JSON Schema of a type that msgspec does not support.

    Raises:
        TypeError: If it is not known here.

    >>> describe_other_type(Path)
    {'type': 'string', 'format': 'path'}
    """
    if kind in _TEXT_FORMATS:
        return {"type": "string", **_TEXT_FORMATS[kind]}
    if is_model(kind):
        return dict(kind.model_json_schema())
    if _has_validator(kind):
        return dict(_build_adapter(kind).json_schema())
    raise TypeError(f"{getattr(kind, '__name__', kind)} has no JSON equivalent")


def decode_other_type(kind: Any, value: Any) -> Any:
    """
    Convert JSON to a type that msgspec does not support: a ``dec_hook`` of msgspec.

    Raises:
        ValueError: If the value does not fit, with a message of one line.

    >>> decode_other_type(IPv4Address, "192.0.2.1")
    IPv4Address('192.0.2.1')
    """
    if kind is object:
        return value
    try:
        if kind in _TEXT_FORMATS:
            return kind(codec.convert(value, str))
        if hasattr(kind, "model_validate_json"):
            return kind.model_validate_json(codec.encode(value))
        if _has_validator(kind):
            return _build_adapter(kind).validate_json(codec.encode(value))
    except ValueError as error:
        raise ValueError(_format_error(error)) from None
    raise ValueError(f"Expected nothing, as {getattr(kind, '__name__', kind)} cannot be read from JSON")


def encode_other_type(value: Any) -> Any:
    """
    Convert a value of a type that msgspec does not support to JSON: an ``enc_hook`` of msgspec.

    Raises:
        TypeError: If its type is not known here.

    >>> encode_other_type(PurePath("a.txt"))
    'a.txt'
    """
    if isinstance(value, _TEXT_TYPES):
        return str(value)
    items = list_column(value)
    plain = unwrap_scalar(value) if items is None else items
    if plain is not value:
        return plain
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if _has_validator(type(value)):
        return _build_adapter(type(value)).dump_python(value, mode="json")
    raise TypeError(f"a {type(value).__name__} cannot be converted to JSON")


def _has_validator(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "__get_pydantic_core_schema__") and "pydantic" in sys.modules


def _build_adapter(kind: Any) -> Any:
    return sys.modules["pydantic"].TypeAdapter(kind)


def _format_error(error: Any) -> str:
    """Format a ValueError on one line: the message of a pydantic error has several lines, and links."""
    list_errors = getattr(error, "errors", None)
    if list_errors is None:
        return str(error)
    problems = [(".".join(map(str, each["loc"])), each["msg"]) for each in list_errors(include_url=False)]
    return "; ".join(f"{where}: {what}" if where else what for where, what in problems)
