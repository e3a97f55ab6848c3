"""The size of what a request sends to a model, in bytes of text: what estimates of tokens are made of."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from msgspec import Struct

from genai_fn.schema.content import Blob, Content, FileData


def measure_contents(contents: Iterable[Content], file_size: int) -> int:
    """Return the size of contents; of the usual part, a text, without a look at its many other fields."""
    size = 0
    for content in contents:
        for part in content.parts or ():
            text = part.text
            size += len(text) if text is not None and text.isascii() else measure_value(part, file_size)
    return size


def measure_config(config: Any, file_size: int) -> int:
    """Return the size of what a model reads of a config: the system instruction and the tools."""
    instruction, tools = getattr(config, "system_instruction", None), getattr(config, "tools", None)
    return measure_value(instruction, file_size) + measure_value(tools, file_size)


def measure_value(value: Any, file_size: int) -> int:
    """Return the size of a value in UTF-8; each file in it counts as ``file_size``."""
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, tuple | list):
        return sum(measure_value(each, file_size) for each in cast("Iterable[Any]", value))
    if isinstance(value, Blob | FileData):
        return file_size
    if isinstance(value, Struct):
        text: Any = getattr(value, "text", None)
        if isinstance(text, str):
            return measure_value(text, file_size)
        names = (name for name in value.__struct_fields__ if name not in _IGNORED_FIELDS)
        return sum(measure_value(getattr(value, name), file_size) for name in names)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return sum(measure_value(name, file_size) + measure_value(each, file_size) for name, each in pairs)
    return 0


_IGNORED_FIELDS = frozenset({"role", "thought_signature"})
