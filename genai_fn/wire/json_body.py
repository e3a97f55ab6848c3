"""JSON bodies: Structs straight to bytes, megabytes of base64 as pieces of their own, extra fields merged in."""

import operator
import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.backend import Backend, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.http import Body, FileSlice
from genai_fn.wire.field_support import LARGE_BYTES
from genai_fn.wire.resource_names import ResourceName, fill_placeholders

__all__ = ["encode_body", "merge_extra_body"]


def encode_body(value: Any, at: Backend, *, has_large: bool) -> Body:
    """Write a body; None is none."""
    if value is None:
        return b""

    def hook(found: Any) -> Any:
        if isinstance(found, ResourceName):
            return fill_placeholders(found, at) if isinstance(at, Vertex) else str(found)
        if isinstance(found, _LargeBytesPlaceholder):
            splices.append(found.data)
            return msgspec.Raw(_PLACEHOLDER_MARK)
        raise TypeError(f"{type(found).__name__} is not a value of the API")

    splices: list[bytes] = []
    try:
        text = codec.encode(_replace_large_bytes(value) if has_large else value, enc_hook=hook)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # what the caller put into free JSON
        raise InvalidRequest("body", value, f"JSON ({error})") from None
    return _interleave_base64(text.split(_PLACEHOLDER_MARK), splices) if splices else text


class _LargeBytesPlaceholder:
    """Stands in the tree for bytes that go out as a piece of their own."""

    def __init__(self, data: bytes) -> None:
        self.data = data


_PLACEHOLDER_MARK = b"\x00"  # JSON text never holds one


def _replace_large_bytes(value: Any) -> Any:
    """Put splices in the place of large bytes; what holds none stays the same object."""
    if type(value) is bytes and len(value) >= LARGE_BYTES:
        return _LargeBytesPlaceholder(value)
    if isinstance(value, msgspec.Struct):
        held = [(name, getattr(value, name)) for name in value.__struct_fields__]
        changed = {name: new for name, old in held if old is not None and (new := _replace_large_bytes(old)) is not old}
        return replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items: tuple[Any, ...] = cast("Any", value)
        lifted = tuple(map(_replace_large_bytes, items))
        return items if all(map(operator.is_, lifted, items)) else lifted
    return value


def _interleave_base64(texts: list[bytes], splices: list[bytes]) -> tuple[bytes, ...]:
    from pybase64 import b64encode  # noqa: PLC0415  # loads a native module that few requests need

    pieces = [texts[0] + b'"']
    for text, data in zip(texts[1:], splices, strict=True):
        pieces += [b64encode(data), b'"' + text + b'"']
    pieces[-1] = pieces[-1][:-1]
    return tuple(pieces)


def merge_extra_body(body: Body, extra: Mapping[str, Any]) -> bytes:
    """Merge the caller's own fields into a body, deeply; names match in either spelling, lists are replaced."""
    if isinstance(body, FileSlice):
        raise InvalidRequest("extra_body", extra, "nothing, as the body is a file")
    text = body if isinstance(body, bytes) else b"".join(body)
    tree: Any = codec.decode(text) if text else {}
    try:
        return codec.encode(_merge_trees(tree, extra))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest("extra_body", extra, f"JSON ({error})") from None


def _merge_trees(tree: Any, extra: Any) -> Any:
    if not isinstance(tree, dict) or not isinstance(extra, Mapping):
        return extra
    result = dict(cast("dict[str, Any]", tree))
    spelled = {_to_camel_case(name): name for name in result}
    for key, value in cast("Mapping[str, Any]", extra).items():
        name = spelled.setdefault(_to_camel_case(key), key)
        result[name] = _merge_trees(result[name], value) if name in result else value
    return result


def _to_camel_case(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
