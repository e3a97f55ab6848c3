"""Values that match a schema: short ones that contain every property."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from genai_fn.schema.schema_tree import list_types, merge_all_of, resolve_pointer

_SchemaMapping: TypeAlias = Mapping[str, Any]


class UnreadableSchema(Exception):  # callers turn it into an error of their own protocol
    """The schema is invalid."""


def build_value(schema: Any, text: str) -> Any:
    """
    Build a value for a schema in JSON Schema or in the API's dialect. Strings are `text`, if its length is allowed.

    The value may violate patterns, ``uniqueItems`` and ``not``.

    >>> build_value({"properties": {"name": {"type": "string"}, "ages": {"items": {"type": "integer"}}}}, "hm")
    {'name': 'hm', 'ages': [0]}

    Raises:
        UnreadableSchema: If the schema is invalid.
    """
    try:
        return _ValueBuilder(schema, text).build(schema, ())
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableSchema(type(error).__name__) from None


class _ValueBuilder:
    """Builds a value. A budget of steps limits the size for schemas that refer to themselves."""

    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text
        self._budget = 1000

    def build(self, schema: Any, references: tuple[str, ...]) -> Any:
        """Build a value; `references` are the references followed so far. A repeated reference ends the recursion."""
        self._budget -= 1
        if not isinstance(schema, Mapping) or self._budget < 0 or len(references) > _MAX_DEPTH:
            return self._text if schema is True else None
        shape = cast("_SchemaMapping", schema)
        reference = shape.get("$ref") or shape.get("ref")
        if isinstance(reference, str):
            return self.build(resolve_pointer(self._root, reference), (*references, reference))
        if "const" in shape:
            return shape["const"]
        if shape.get("enum"):
            return shape["enum"][0]
        for union in ("anyOf", "oneOf"):
            if shape.get(union):
                return self._build_union(shape[union], references)
        if shape.get("allOf"):
            return self.build(merge_all_of(self._root, shape), references)
        return self._build_typed(_get_type(shape), shape, references)

    def _build_union(self, members: Sequence[Any], references: tuple[str, ...]) -> Any:
        if _is_recursive(references) and any(_get_type(each) == "null" for each in members):
            return None
        return self.build(members[0], references)

    def _build_typed(self, kind: str, shape: _SchemaMapping, references: tuple[str, ...]) -> Any:
        match kind:
            case "object":
                return self._build_object(shape, references)
            case "array":
                return self._build_array(shape, references)
            case "string":
                return _build_string(shape, self._text)
            case "integer" | "number":
                return _build_number(shape, is_whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _build_object(self, shape: _SchemaMapping, references: tuple[str, ...]) -> dict[str, Any]:
        properties: _SchemaMapping = shape.get("properties") or {}
        required = dict.fromkeys(shape.get("required") or ())
        order = [name for name in shape.get("propertyOrdering") or () if name in properties]
        names = dict.fromkeys([*order, *properties, *required])
        return {
            name: self.build(properties.get(name, True), references)
            for name in names
            if name in required or not _is_recursive(references)
        }

    def _build_array(self, shape: _SchemaMapping, references: tuple[str, ...]) -> list[Any]:
        first = [self.build(each, references) for each in shape.get("prefixItems") or ()]
        min_items, max_items = int(shape.get("minItems") or 0), shape.get("maxItems")
        count = min_items if _is_recursive(references) else max(min_items, 1)
        count = min(count, _MAX_LENGTH if max_items is None else int(max_items)) - len(first)
        items = shape.get("items", True)
        return first + [self.build(items, references) for _ in range(min(count, self._budget) if items else 0)]


_MAX_DEPTH = 60
_MAX_LENGTH = 1000


def _is_recursive(references: tuple[str, ...]) -> bool:
    """Whether a reference was followed twice."""
    return len(set(references)) < len(references)


def _get_type(schema: Any) -> str:
    """Return the first type that is not null."""
    return next((each for each in list_types(schema) if each != "null"), "null")


def _build_string(shape: _SchemaMapping, text: str) -> str:
    format_name = shape.get("format") or shape.get("contentEncoding")
    if format_name in _FORMAT_EXAMPLES:
        return _FORMAT_EXAMPLES[format_name]
    min_length, max_length = int(shape.get("minLength") or 0), shape.get("maxLength")
    return text.ljust(min(min_length, _MAX_LENGTH), ".")[: None if max_length is None else int(max_length)]


_FORMAT_EXAMPLES = {
    "base64": "",
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "decimal": "0",
    "duration": "PT0S",
    "email": "someone@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _build_number(shape: _SchemaMapping, *, is_whole: bool) -> float:
    """Try 0, then numbers at, next to and between the bounds."""
    bounds = [shape[name] for name in _BOUND_CHECKS if shape.get(name) is not None]
    step = shape.get("multipleOf") or (1 if is_whole else None)
    if step is None:
        middle = sum(bounds) / max(len(bounds), 1)
        candidates = [0.0, *bounds, middle, *(bound + offset for bound in bounds for offset in (1, -1))]
    else:
        candidates = [0, *((math.floor(bound / step) + offset) * step for bound in bounds for offset in (0, 1, -1))]
    found = next((each for each in candidates if _is_in_bounds(each, shape)), 0)
    return int(found) if is_whole else found


_BOUND_CHECKS: dict[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}


def _is_in_bounds(number: float, shape: _SchemaMapping) -> bool:
    return all(holds(number, shape[name]) for name, holds in _BOUND_CHECKS.items() if shape.get(name) is not None)
