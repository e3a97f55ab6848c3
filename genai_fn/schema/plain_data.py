"""Converts values of the API's types to plain dicts and to JSON, for files, logs and databases."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct

from genai_fn import codec
from genai_fn.codec import EXTRA_JSON_NAME
from genai_fn.errors import InvalidRequest
from genai_fn.schema.annotations import get_fields
from genai_fn.schema.base import Message

__all__ = ["FieldNames", "to_dict", "to_json"]

FieldNames: TypeAlias = Literal["python", "api"]


def to_dict(value: Message, *, names: FieldNames = "python") -> dict[str, Any]:
    """
    Convert a value of the API's types to a dict of plain JSON data: no field that is unset, bytes as base64.

    Wherever a value of the type is accepted as an argument, such a dict is accepted, too. Secrets in it are not masked.

    Args:
        value: A value of ``genai_fn.schema``, such as a response or a content.

        names: ``"python"`` for the names of the fields, with fields that the type does not define under ``"extra"``;
            ``"api"`` for JSON as the API sends it: names in camelCase, and those fields beside the others.

    Raises:
        InvalidRequest: If it is not such a value, contains something without JSON, such as a function, or ``names`` is
            another text.

    >>> from genai_fn.schema import Part
    >>> part = Part.from_bytes(data=b"?", mime_type="image/png")
    >>> to_dict(part)
    {'inline_data': {'data': 'Pw==', 'mime_type': 'image/png'}}
    >>> to_dict(part, names="api")
    {'inlineData': {'data': 'Pw==', 'mimeType': 'image/png'}}
    >>> Part.from_value(to_dict(part)) == part
    True
    """
    if not isinstance(value, Message):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("value", value, "a value of genai_fn.schema")
    if names not in ("python", "api"):
        raise InvalidRequest("names", names, '"python" or "api"')
    tree: dict[str, Any] = _convert_leaf(value) if names == "api" else _convert_value(value)
    return tree


def to_json(value: Message, *, names: FieldNames = "python", indent: int | None = None) -> str:
    """
    Convert a value of the API's types to JSON text, as `to_dict` converts it.

    Args:
        value: A value of ``genai_fn.schema``, such as a response or a content.

        names: As in ``to_dict``.

        indent: Number of spaces for each level; None writes one line.

    Raises:
        InvalidRequest: As ``to_dict`` does.

    >>> from genai_fn.schema import Part
    >>> to_json(Part(text="hi"))
    '{"text":"hi"}'
    """
    text = codec.encode(to_dict(value, names=names))
    return (text if indent is None else codec.format_json(text, indent=indent)).decode()


def _convert_value(value: Any) -> Any:
    if isinstance(value, Struct):
        return _convert_fields(value)
    if isinstance(value, Mapping):
        return {key: _convert_value(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_convert_value(each) for each in cast("list[Any]", value)]
    return _convert_leaf(value)


def _convert_fields(value: Struct) -> dict[str, Any]:
    members = ((each, getattr(value, each.name)) for each in get_fields(type(value)))
    return {
        each.name: _convert_leaf(member) if each.encode_name == EXTRA_JSON_NAME else _convert_value(member)
        for each, member in members
        if member is not None and (each.required or member != each.default)
    }


def _convert_leaf(value: Any) -> Any:
    try:
        return codec.to_builtins(value)
    except TypeError as error:
        raise InvalidRequest("value", value, f"values that JSON has ({error})") from None
