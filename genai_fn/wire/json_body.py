"""Encodes JSON bodies, with large base64 texts as separate chunks, and merges ``extra_body`` into them."""

import operator
import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.backend import Backend, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.forks import delay_forks
from genai_fn.http import Body, FileSlice
from genai_fn.wire.field_support import LARGE_BYTES
from genai_fn.wire.resource_names import ResourceName, fill_placeholders

__all__ = ["encode_body", "merge_extra_body"]


def encode_body(value: Any, at: Backend, *, has_large: bool) -> Body:
    """
    Encode a value as a JSON body, and complete the resource names in it. None becomes an empty body.

    Args:
        value: The value: a message, a mapping or None.

        at: The backend, whose project and location complete resource names.

        has_large: Whether the value contains bytes of at least `LARGE_BYTES`. The body is then a tuple of chunks, in
            which the base64 of each of these bytes is a chunk of its own.

    Raises:
        InvalidRequest: If the value contains anything that JSON cannot express.
    """
    if value is None:
        return b""

    def encode_special(found: Any) -> Any:
        if isinstance(found, ResourceName):
            return fill_placeholders(found, at) if isinstance(at, Vertex) else str(found)
        if found is _PLACEHOLDER:
            return msgspec.Raw(_PLACEHOLDER_MARK)
        raise TypeError(f"{type(found).__name__} is not a value of the API")

    large: list[bytes] = []
    try:
        text = codec.encode(_replace_large_bytes(value, large) if has_large else value, enc_hook=encode_special)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # a value in free-form JSON of the caller
        raise InvalidRequest("body", value, f"JSON ({error})") from None
    return _interleave_base64(text.split(_PLACEHOLDER_MARK), large) if large else text


_PLACEHOLDER = object()
"""Replaces bytes that become a separate chunk."""
_PLACEHOLDER_MARK = b"\x00"  # never occurs in JSON


def _replace_large_bytes(value: Any, large: list[bytes]) -> Any:
    """
    Replace bytes of at least `LARGE_BYTES` by placeholders, and append them to `large`, in the order of the JSON.

    A value that contains none is returned as it is.
    """
    if type(value) is bytes and len(value) >= LARGE_BYTES:
        large.append(value)
        return _PLACEHOLDER
    if isinstance(value, msgspec.Struct):
        changed: dict[str, Any] = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            if old is not None and (new := _replace_large_bytes(old, large)) is not old:
                changed[name] = new
        return replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items: tuple[Any, ...] = cast("Any", value)
        replaced = tuple(_replace_large_bytes(each, large) for each in items)
        return items if all(map(operator.is_, replaced, items)) else replaced
    return value


def _interleave_base64(texts: list[bytes], large: list[bytes]) -> tuple[bytes, ...]:
    """Insert the base64 of large bytes, in quotes, between the parts of a JSON text."""
    with delay_forks:
        from pybase64 import b64encode  # noqa: PLC0415  # loads a native module that few requests need

    chunks = [texts[0] + b'"']
    for text, data in zip(texts[1:], large, strict=True):
        chunks += [b64encode(data), b'"' + text + b'"']
    chunks[-1] = chunks[-1][:-1]
    return tuple(chunks)


def merge_extra_body(body: Body, extra: Mapping[str, Any]) -> bytes:
    """
    Merge ``extra_body`` recursively into a body.

    ``snake_case`` and ``camelCase`` names match each other. A list is replaced, unless all names are indices, such as
    in ``{"contents": {"0": {…}}}``: these merge into its items.

    Raises:
        InvalidRequest: If the body is a file, JSON cannot express `extra`, or an index is beyond the end of its list.
    """
    if isinstance(body, FileSlice):
        raise InvalidRequest("extra_body", extra, "no extra_body, as the body is a file")
    text = body if isinstance(body, bytes) else b"".join(body)
    try:
        tree: Any = codec.decode(text) if text else {}
        return codec.encode(_merge_trees(tree, extra, "extra_body"))
    except InvalidRequest:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest("extra_body", extra, f"JSON ({error})") from None


def _merge_trees(tree: Any, extra: Any, path: str) -> Any:
    """Merge a mapping into an object or a list of the body; anything else replaces what is there."""
    if not isinstance(extra, Mapping):
        return extra
    given = cast("Mapping[str, Any]", extra)
    if isinstance(tree, list) and all(map(str.isdecimal, given)):
        return _merge_items(cast("Any", tree), given, path)
    if not isinstance(tree, dict):
        return given
    result = dict(cast("dict[str, Any]", tree))
    names = {_to_camel_case(name): name for name in result}
    for key, value in given.items():
        name = names.setdefault(_to_camel_case(key), key)
        result[name] = _merge_trees(result[name], value, f"{path}.{key}") if name in result else value
    return result


def _merge_items(items: list[Any], extra: Mapping[str, Any], path: str) -> list[Any]:
    """Merge a mapping from indices into the items of a list; the next index appends an item."""
    merged = list(items)
    for key, value in extra.items():
        index = int(key)
        if index > len(merged):
            raise InvalidRequest(f"{path}.{key}", value, f"an index of the list, up to {len(merged)}, which appends")
        before = merged[index] if index < len(merged) else None
        merged[index : index + 1] = [_merge_trees(before, value, f"{path}.{key}")]
    return merged


def _to_camel_case(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
