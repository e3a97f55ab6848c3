"""Reads the body of a request as strictly as the API does: names in either spelling, and none that it does not know."""

import collections.abc
import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec.structs import fields

from genai_fn.emulator.faults import invalid
from genai_fn.http import Body, FileSlice, Headers
from genai_fn.mending import mended
from genai_fn.schema._base import Value

__all__ = ["Asked", "body_of"]

S = TypeVar("S", bound=msgspec.Struct)


class Asked(Value):
    """A request as a method sees it."""

    method: str
    path: str
    names: Mapping[str, str]
    """What the route's pattern names of the path."""
    query: Mapping[str, str]
    headers: Headers
    body: Body
    now: datetime
    """When it is asked, in UTC."""
    root: str
    """``https://host`` as the caller knows it."""
    base: str
    """The root and what stands before a resource's name: ``https://host/v1beta``."""
    vertex: bool
    """Whether the path is one of Vertex AI's."""

    @property
    def whole(self) -> bytes:
        """The body in one piece."""
        if isinstance(self.body, FileSlice):
            raise invalid("This method takes JSON, not a file.")
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def header(self, name: str) -> str:
        """Find the first header of that name, written in lower case; nothing where there is none."""
        return next((value for each, value in self.headers if each.lower() == name), "")


def body_of(asked: Asked, kind: type[S]) -> S:
    """
    Read a body; none at all is an empty message.

    Raises:
        Fault: with the path of what does not fit.
    """
    try:
        tree = msgspec.json.decode(asked.whole or b"{}")
        return msgspec.convert(mended(_spelled(tree, kind, ""), kind), kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: text that is no UTF-8
        raise invalid(f"Invalid JSON payload received. {error}") from None


def _spelled(tree: Any, kind: Any, path: str) -> Any:
    """Write the names of a tree as its type has them; those of free JSON and of the caller's own mappings stay."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _spelled(tree, args[0], path)
    if origin in (Union, UnionType):
        fitting = [each for each in args if each is not type(None)]
        return _spelled(tree, fitting[0], path) if len(fitting) == 1 else tree
    if origin is tuple and isinstance(tree, list):
        items = cast("Sequence[Any]", tree)
        return [_spelled(each, args[0], f"{path}[{index}]") for index, each in enumerate(items)]
    if not isinstance(tree, dict):
        return tree
    pairs = cast("dict[str, Any]", tree)
    if origin in (dict, collections.abc.Mapping):
        return {key: _spelled(each, args[1], f"{path}.{key}") for key, each in pairs.items()}
    return _named(pairs, kind, path) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else pairs


def _named(tree: dict[str, Any], kind: type[msgspec.Struct], path: str) -> dict[str, Any]:
    known = _names(kind)
    written: dict[str, Any] = {}
    for key, each in tree.items():
        if key not in known:
            where = f" at '{path.removeprefix('.')}'" if path else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.')
        name, inner = known[key]
        written[name] = _spelled(each, inner, f"{path}.{key}")
    return written


@functools.cache
def _names(kind: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Know both spellings of a type's fields, with the one of JSON and the type of what is in it."""
    known = fields(kind)
    return {name: (each.encode_name, each.type) for each in known for name in (each.name, each.encode_name)}
