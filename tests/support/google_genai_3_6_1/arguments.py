"""Arguments as JSON: bytes, times and values of the API's types, which both libraries have under the same names."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["dump_value", "load_value"]


def dump_value(value: Any) -> Any:
    """Convert a value to JSON. Values of types become their fields that are set."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, Mapping):
        return {key: dump_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [dump_value(each) for each in value]
    if hasattr(value, "__struct_fields__"):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {"$type": type(value).__name__} | {
            name: dump_value(each) for name, each in fields.items() if each is not None
        }
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError("not JSON", type(value))


def load_value(value: Any, types: Any) -> Any:
    """Convert JSON to a value; `types` is the module with the types of a library."""
    if isinstance(value, list):
        return [load_value(each, types) for each in value]
    if not isinstance(value, dict):
        return value
    if "$bytes" in value:
        return base64.b64decode(value["$bytes"])
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    loaded = {key: load_value(each, types) for key, each in value.items()}
    return getattr(types, loaded.pop("$type"))(**loaded) if "$type" in loaded else loaded
