"""The size of what a request sends to a model, in bytes of text: what estimates of tokens are made of."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from msgspec import Struct

from genai_fn.schema.content import Blob, Content, FileData


def measure_input(operation: Any, file_size: int) -> int:
    """Return the size of what a model reads of an operation; each file in it counts as ``file_size``."""
    config = getattr(operation, "config", None)
    fields = operation.__struct_fields__
    holder = operation if "contents" in fields else config  # a request for a cache has its contents in the config
    size = _measure_contents(getattr(holder, "contents", None) or (), file_size)
    others = [getattr(operation, name) for name in ("prompt", "source") if name in fields]
    others += [getattr(config, name, None) for name in ("system_instruction", "tools")]
    return size + sum(_measure_value(each, file_size) for each in others)


def _measure_contents(contents: Iterable[Content], file_size: int) -> int:
    """Return the size of contents; of the usual part, a text, without a look at its many other fields."""
    size = 0
    for content in contents:
        for part in content.parts or ():
            text = part.text
            size += len(text) if text is not None and text.isascii() else _measure_value(part, file_size)
    return size


def _measure_value(value: Any, file_size: int) -> int:
    """Return the size of a value in UTF-8; each file in it counts as ``file_size``."""
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, tuple | list):
        return sum(_measure_value(each, file_size) for each in cast("Iterable[Any]", value))
    if isinstance(value, Blob | FileData):
        return file_size
    if isinstance(value, Struct):
        text: Any = getattr(value, "text", None)
        if isinstance(text, str):
            return _measure_value(text, file_size)
        names = (name for name in value.__struct_fields__ if name not in _IGNORED_FIELDS)
        return sum(_measure_value(getattr(value, name), file_size) for name in names)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return sum(_measure_value(name, file_size) + _measure_value(each, file_size) for name, each in pairs)
    return 0


_IGNORED_FIELDS = frozenset({"role", "thought_signature"})
