"""Reads the members of the objects of a recording; errors name the file and the line."""

from base64 import b64decode
from typing import Any, TypeVar, cast

from genai_fn.testing.recordings.foreign.trees import SourceList, SourceObject, build_error

T = TypeVar("T")


def read_member(tree: SourceObject, key: str, kind: type[T], expected: str, *, default: Any = ...) -> T:
    """
    Return the member of an object, or the default if there is none. None as the default allows null.

    Raises:
        InvalidRequest: If it is missing and has no default, or has another type.
    """
    value = tree.get(key, default)
    if value is ...:
        raise build_error(tree.file, tree.line, tree, f"the member {key}: {expected}")
    if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
        raise build_error(tree.file, tree.lines[key], value, f"{expected} as {key}")
    return cast("T", value)


def read_interactions(root: SourceObject) -> list[SourceObject]:
    """Return the interactions of a recording, each of which has an object as its request."""
    expected = "interactions, each an object with request and response"
    items = read_member(root, "interactions", SourceList, f"a list of {expected}")
    for item, line in zip(items, items.lines, strict=True):
        if not isinstance(item, SourceObject):
            raise build_error(root.file, line, item, expected)
        read_member(item, "request", SourceObject, "an object")
    return items


def read_method(request: SourceObject) -> str:
    """Return the method of a request, in upper case."""
    return read_member(request, "method", str, "an HTTP method").upper()


def read_status(tree: SourceObject, key: str, default: Any = ...) -> int:
    """Return the status code of a response."""
    status = read_member(tree, key, int, "a status code", default=default)
    if not 200 <= status <= 599:  # a final one
        raise build_error(tree.file, tree.lines[key], status, "a status code from 200 to 599")
    return status


def decode_base64(text: str, file: str, line: int) -> bytes:
    """Decode either alphabet of base64, with or without padding and line breaks."""
    digits = "".join(text.split()).rstrip("=")
    try:
        return b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise build_error(file, line, text, "base64") from None
