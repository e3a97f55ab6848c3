"""
Converts contents of plain text, which is what most turns of a conversation are, in a fraction of the general time.

A value that is anything else is left to the general conversion, which also raises the errors.
"""

from typing import Any, cast

from msgspec.structs import astuple

from genai_fn.schema.content import Content, Part
from genai_fn.schema.convert import is_plain_text
from genai_fn.schema.reusable import PlainTurns


def convert_plain_contents(contents: Any) -> PlainTurns | None:
    """
    Convert a text to a turn of the user; return what is converted already as it is, and None for anything else.

    >>> convert_plain_contents("Hi")
    (Content(parts=(Part(text='Hi'),), role='user'),)
    """
    if type(contents) is PlainTurns:
        return contents
    return PlainTurns((Content(parts=(Part(text=contents),), role="user"),)) if is_plain_text(contents) else None


def convert_plain_turn(value: Any) -> Content | None:
    """
    Convert a `Content`, or a dict of a role and parts, if all of its parts are plain text; otherwise return None.

    >>> convert_plain_turn({"role": "user", "parts": [{"text": "Hi"}]})
    Content(parts=(Part(text='Hi'),), role='user')
    >>> convert_plain_turn({"role": "user", "parts": [{"text": 3}]})
    """
    if type(value) is Content:
        return value if _is_plain_turn(*astuple(value)) else None
    if type(value) is not dict or cast("Any", value).keys() != _TURN_KEYS:
        return None
    fields: dict[str, Any] = cast("Any", value)
    role, given = fields["role"], fields["parts"]
    if not (is_plain_text(role) and isinstance(given, list | tuple)):
        return None
    parts: list[Part] = []
    for each in cast("list[Any]", given):
        part = convert_plain_part(each)
        if part is None:
            return None
        parts.append(part)
    return Content(parts=tuple(parts), role=role)


def convert_plain_part(value: Any) -> Part | None:
    """Convert a text, a dict of a text alone, or a `Part` of a text alone; otherwise return None."""
    if type(value) is Part:
        return value if _is_plain_part(value) else None
    text: Any = value
    if type(value) is dict and len(cast("Any", value)) == 1:
        text = cast("Any", value).get("text")
    return Part(text=text) if is_plain_text(text) else None


def convert_plain_texts(values: Any) -> tuple[Content, ...] | None:
    """
    Convert a list or tuple of texts to a turn of the user for each; return None for anything else, or if it is empty.

    >>> convert_plain_texts(["Hi"])
    (Content(parts=(Part(text='Hi'),), role='user'),)
    >>> convert_plain_texts(["Hi", 3])
    """
    if not isinstance(values, list | tuple) or not values or not all(map(is_plain_text, cast("list[Any]", values))):
        return None
    return tuple(Content(parts=(Part(text=each),), role="user") for each in cast("list[str]", values))


def _is_plain_turn(extra: Any, parts: Any, role: Any) -> bool:
    return (
        extra is None and is_plain_text(role) and type(parts) is tuple and all(map(_is_plain_part, cast("Any", parts)))
    )


def _is_plain_part(part: Any) -> bool:
    if type(part) is not Part or not is_plain_text(part.text):
        return False
    try:
        return astuple(part).count(None) == _UNSET_IN_PART
    except Exception:  # noqa: BLE001  # a NumPy array or a tensor in a field, which cannot be compared with None
        return False


_TURN_KEYS = {"role", "parts"}
_UNSET_IN_PART = len(Part.__struct_fields__) - 1
