"""What people pass as ``contents``, grouped into turns."""

from collections.abc import Mapping
from typing import Any

from genai_fn.errors import InvalidRequest
from genai_fn.schema import Blob, Content, File, FileData, Part
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct
from genai_fn.schema.content import ContentsLike

__all__ = ["as_contents"]


def as_contents(contents: ContentsLike, path: str = "contents") -> tuple[Content, ...]:
    """
    Group texts, parts, files and images into turns.

    What stands side by side in a list is one turn of the user's; function calls make a turn of the model's; a Content
    or a list within the list is a turn of its own.

    >>> as_contents(["look:", {"file_data": {"file_uri": "gs://b/x.png", "mime_type": "image/png"}}])[0].role
    'user'
    >>> [turn.role for turn in as_contents(["do it", {"function_call": {"name": "f", "args": {}}}])]
    ['user', 'model']
    """
    if isinstance(contents, str):
        return (as_struct(Content, contents, path),)
    if not isinstance(contents, list | tuple):
        return (_turn(contents, path),)
    if not contents:
        raise InvalidRequest(path, contents, "at least one content")
    turns: list[Content] = []
    gathered: list[Part] = []
    for index, each in enumerate(contents):
        here = f"{path}[{index}]"
        if isinstance(each, list | tuple) or _is_content(each):
            turns += _grouped(gathered)
            gathered = []
            turns.append(_user(each, here) if isinstance(each, list | tuple) else as_struct(Content, each, here))
            continue
        part = _part(each, here)
        if gathered and _is_call(part) != _is_call(gathered[-1]):
            turns += _grouped(gathered)
            gathered = []
        gathered.append(part)
    return tuple(turns + _grouped(gathered))


def _turn(value: Any, path: str) -> Content:
    if _is_content(value):
        return as_struct(Content, value, path)
    return _grouped([_part(value, path)])[0]


def _user(parts: Any, path: str) -> Content:
    if not parts:
        raise InvalidRequest(path, parts, "at least one part")
    return Content(parts=tuple(_part(each, f"{path}[{index}]") for index, each in enumerate(parts)), role="user")


def _part(value: Any, path: str) -> Part:
    if value is None or value == {}:
        raise InvalidRequest(path, value, "a text, a Part, a File, a Blob, an image, or a dict of one")
    kind = next((_TELLING[name] for name in _TELLING if name in value), Part) if isinstance(value, Mapping) else Part
    return as_struct(Part, as_struct(kind, value, path), path) if kind is not Part else as_struct(Part, value, path)


_TELLING: Mapping[str, type[Message]] = {"uri": File, "data": Blob, "file_uri": FileData, "fileUri": FileData}
"""The fields by which a dict that stands for a part is known to be something else."""


def _is_content(value: Any) -> bool:
    return isinstance(value, Content) or (isinstance(value, Mapping) and ("parts" in value or "role" in value))


def _grouped(parts: list[Part]) -> list[Content]:
    if not parts:
        return []
    return [Content(parts=tuple(parts), role="model" if _is_call(parts[0]) else "user")]


def _is_call(part: Part) -> bool:
    return part.function_call is not None
