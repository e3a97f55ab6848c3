"""Strict parsing of requests: accepts snake_case and camelCase names, and reports all unknown ones with their paths."""

import re
from collections.abc import Mapping, Sized
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec

from genai_fn import codec
from genai_fn.emulator.scripts.cursor import ScriptCursor
from genai_fn.emulator.server.faults import (
    EmulatedFault,
    make_field_violations,
    make_invalid_argument,
    make_invalid_value,
)
from genai_fn.http import Body, FileSlice, Headers
from genai_fn.schema.annotations import (
    MappingOf,
    OptionalOf,
    StructOf,
    TupleOf,
    classify_annotation,
    index_fields_by_spelling,
)
from genai_fn.values import Value
from genai_fn.wire.lenient_json import repair_tree

S = TypeVar("S", bound=msgspec.Struct)


class EmulatedRequest(Value):
    """A request as handlers receive it."""

    path: str
    path_params: Mapping[str, str]
    """Values of the route pattern's named groups."""
    query: Mapping[str, str]
    headers: Headers
    body: Body
    now: datetime
    """Time of the request, in UTC."""
    origin: str
    """Scheme and host as the caller sees them: ``https://host``."""
    api_root: str
    """The URL up to a resource's name: ``https://host/v1beta``."""
    is_vertex: bool
    """Whether the path belongs to Vertex AI."""
    is_upload: bool = False
    """Whether the path belongs to the upload protocol."""
    script: ScriptCursor = msgspec.field(default_factory=ScriptCursor)
    """The script that answers requests for content."""

    @property
    def resource_name(self) -> str:
        """The full name of the resource that the path names."""
        return self.path_params["name"]

    @property
    def body_bytes(self) -> bytes:
        """The body as one bytes object."""
        if isinstance(self.body, FileSlice):
            raise make_invalid_argument("This method takes JSON, not a file.")
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def get_header(self, name: str) -> str:
        """Return the first header with a lower-case name, or an empty string."""
        return find_header(self.headers, name)


def find_header(headers: Headers, name: str) -> str:
    """Return the first header with a lower-case name, or an empty string."""
    return next((value for each, value in headers if each.lower() == name), "")


def parse_body(request: EmulatedRequest, kind: type[S], within: str = "") -> S:
    """
    Parse the body of a request. `within` is the field of the method's request message that the body stands for.

    Raises:
        EmulatedFault: If a field is unknown or has the wrong type; the message contains its path.
    """
    return parse_message(request.body_bytes, kind, within)


def parse_message(text: bytes, kind: type[S], within: str = "") -> S:
    """
    Parse a message; empty text is an empty message.

    Raises:
        EmulatedFault: If a field is unknown or has the wrong type; the message contains its path.
    """
    try:
        unknown: list[tuple[str, str]] = []
        tree = _normalize_field_names(codec.decode(text or b"{}"), kind, within, unknown)
        if not unknown:
            return codec.convert(repair_tree(tree, kind), kind)
    except msgspec.ValidationError as error:
        raise _build_conversion_fault(str(error), within) from None
    except (ValueError, RecursionError) as error:  # ValueError: text that is not JSON or not UTF-8
        raise make_field_violations(("", f"{_INVALID_JSON_MESSAGE} {error}")) from None
    raise make_field_violations(*unknown)


_INVALID_JSON_MESSAGE = "Invalid JSON payload received."


def check_count(items: Sized, noun: str, max_count: int) -> None:
    """Check that there is an item, and at most `max_count` of them; raise if not."""
    if not 0 < len(items) <= max_count:
        raise make_invalid_argument(f"{len(items)} {noun} given, but from 1 to {max_count} are allowed.")


def describe_range_error(message: msgspec.Struct, ranges: Mapping[str, tuple[float, float]]) -> str:
    """Describe the first field of a message that is outside its range; an empty string if there is none."""
    for name, (low, high) in ranges.items():
        value = getattr(message, name)
        if value is not None and not low <= value <= high:
            return f"{name}: {value} is not from {low} to {high}"
    return ""


def _build_conversion_fault(message: str, within: str) -> EmulatedFault:
    """Translate msgspec's message, ``Expected `int`, got `str` - at `$.topK```, to the API's words and field names."""
    why, _, location = message.partition(" - at ")
    snake_case = _UPPERCASE_PATTERN.sub(lambda found: f"_{found[0].lower()}", location.strip("`"))
    path = snake_case.replace("$", within, 1).lstrip(".") or within
    return make_invalid_value(path, why) if path else make_field_violations(("", f"{_INVALID_JSON_MESSAGE} {why}"))


_UPPERCASE_PATTERN = re.compile("[A-Z]")


def _normalize_field_names(tree: Any, kind: Any, path: str, unknown: list[tuple[str, str]]) -> Any:
    """
    Rename the fields of a JSON tree as its type encodes them; keep free-form JSON and the keys of mappings.

    Fields that the type does not have are appended to `unknown`, with their paths in the API's own names.
    """
    match classify_annotation(kind), tree:
        case OptionalOf(inner), _:
            return _normalize_field_names(tree, inner, path, unknown)
        case TupleOf(item), dict():  # one object in place of a list
            return _normalize_field_names(tree, item, path, unknown)
        case TupleOf(item), list():
            items = enumerate(cast("Any", tree))
            return [_normalize_field_names(each, item, f"{path}[{index}]", unknown) for index, each in items]
        case MappingOf(value), dict():
            pairs = cast("dict[str, Any]", tree).items()
            return {key: _normalize_field_names(each, value, _join_path(path, key), unknown) for key, each in pairs}
        case StructOf(struct_type), dict():
            return _normalize_struct_fields(cast("dict[str, Any]", tree), struct_type, path, unknown)
        case _:
            return tree


def _normalize_struct_fields(
    tree: dict[str, Any], kind: type[msgspec.Struct], path: str, unknown: list[tuple[str, str]]
) -> dict[str, Any]:
    known = index_fields_by_spelling(kind)
    written: dict[str, Any] = {}
    for key, each in tree.items():
        if key in known:
            field = known[key]
            written[field.encode_name] = _normalize_field_names(each, field.type, _join_path(path, field.name), unknown)
        else:
            suffix = f" at '{path}'" if path else ""
            unknown.append((path, f'{_INVALID_JSON_MESSAGE} Unknown name "{key}"{suffix}: Cannot find field.'))
    return written


def _join_path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
