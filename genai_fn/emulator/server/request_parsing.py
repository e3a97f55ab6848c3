"""Reads what is asked as strictly as the API does: names in either spelling, and none that it does not know."""

import collections.abc
import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec.structs import fields

from genai_fn import codec
from genai_fn.emulator.server.faults import EmulatedFault, make_field_violations, make_invalid_argument
from genai_fn.http import Body, FileSlice, Headers
from genai_fn.values import Value
from genai_fn.wire.lenient_json import repair_tree

__all__ = ["EmulatedRequest", "find_header", "parse_body", "parse_message"]

S = TypeVar("S", bound=msgspec.Struct)


class EmulatedRequest(Value):
    """A request as a method sees it."""

    method: str
    path: str
    path_params: Mapping[str, str]
    """What the route's pattern names of the path."""
    query: Mapping[str, str]
    headers: Headers
    body: Body
    now: datetime
    """When it is asked, in UTC."""
    origin: str
    """``https://host`` as the caller knows it."""
    api_root: str
    """The root and what stands before a resource's name: ``https://host/v1beta``."""
    is_vertex: bool
    """Whether the path is one of Vertex AI's."""

    @property
    def body_bytes(self) -> bytes:
        """The body in one piece."""
        if isinstance(self.body, FileSlice):
            raise make_invalid_argument("This method takes JSON, not a file.")
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def get_header(self, name: str) -> str:
        """Find the first header of that name, written in lower case; nothing where there is none."""
        return find_header(self.headers, name)


def find_header(headers: Headers, name: str) -> str:
    """Find the first header of a name, written in lower case; nothing where there is none."""
    return next((value for each, value in headers if each.lower() == name), "")


def parse_body(asked: EmulatedRequest, kind: type[S], within: str = "") -> S:
    """
    Read the body of a request; `within` is the field of the method's own message that it is, if it is not all of it.

    Raises:
        Fault: with the paths of what does not fit.
    """
    return parse_message(asked.body_bytes, kind, within)


def parse_message(text: bytes, kind: type[S], within: str = "") -> S:
    """
    Read a message; no text at all is an empty one.

    Raises:
        Fault: with the paths of what does not fit.
    """
    try:
        unknown: list[tuple[str, str]] = []
        tree = _normalize_field_names(codec.decode(text or b"{}"), kind, within, unknown)
        if not unknown:
            return codec.convert(repair_tree(tree, kind), kind)
    except msgspec.ValidationError as error:
        raise _build_conversion_fault(str(error), within) from None
    except (ValueError, RecursionError) as error:  # ValueError: text that is no JSON, or no UTF-8
        raise make_field_violations(("", f"{_INVALID_JSON_MESSAGE} {error}")) from None
    raise make_field_violations(*unknown)


_INVALID_JSON_MESSAGE = "Invalid JSON payload received."


def _build_conversion_fault(said: str, within: str) -> EmulatedFault:
    """Tell what msgspec says, ``Expected `int`, got `str` - at `$.topK```, in the API's words and names."""
    why, _, at = said.partition(" - at ")
    spelled = _UPPERCASE_PATTERN.sub(lambda found: f"_{found[0].lower()}", at.strip("`"))
    path = spelled.replace("$", within, 1).lstrip(".") or within
    return make_field_violations(
        (path, f"Invalid value at '{path}' ({why})" if path else f"{_INVALID_JSON_MESSAGE} {why}")
    )


_UPPERCASE_PATTERN = re.compile("[A-Z]")


def _normalize_field_names(tree: Any, kind: Any, path: str, unknown: list[tuple[str, str]]) -> Any:
    """
    Write the names of a tree as its type has them; those of free JSON and of the caller's own mappings stay.

    What the type does not have is noted in `unknown`, with its path in the API's own names.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _normalize_field_names(tree, args[0], path, unknown)
    if origin in (Union, UnionType):
        fitting = [each for each in args if each is not type(None)]
        return _normalize_field_names(tree, fitting[0], path, unknown) if len(fitting) == 1 else tree
    if origin is tuple and isinstance(tree, list):
        items = cast("Sequence[Any]", tree)
        return [_normalize_field_names(each, args[0], f"{path}[{index}]", unknown) for index, each in enumerate(items)]
    if not isinstance(tree, dict):
        return tree
    pairs = cast("dict[str, Any]", tree)
    if origin in (dict, collections.abc.Mapping):
        return {
            key: _normalize_field_names(each, args[1], _join_path(path, key), unknown) for key, each in pairs.items()
        }
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _normalize_struct_fields(pairs, kind, path, unknown)
    return pairs


def _normalize_struct_fields(
    tree: dict[str, Any], kind: type[msgspec.Struct], path: str, unknown: list[tuple[str, str]]
) -> dict[str, Any]:
    known = _index_fields(kind)
    written: dict[str, Any] = {}
    for key, each in tree.items():
        if key in known:
            field, name, inner = known[key]
            written[name] = _normalize_field_names(each, inner, _join_path(path, field), unknown)
        else:
            where = f" at '{path}'" if path else ""
            unknown.append((path, f'{_INVALID_JSON_MESSAGE} Unknown name "{key}"{where}: Cannot find field.'))
    return written


def _join_path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@functools.cache
def _index_fields(kind: type[msgspec.Struct]) -> dict[str, tuple[str, str, Any]]:
    """Know a type's fields in both spellings: how the API calls each, how JSON does, and the type of what is in it."""
    known = fields(kind)
    return {name: (each.name, each.encode_name, each.type) for each in known for name in (each.name, each.encode_name)}
