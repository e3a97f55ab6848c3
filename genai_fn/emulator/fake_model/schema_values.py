"""Values that match a schema: short ones that contain every property."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

__all__ = ["UnreadableSchema", "build_value"]

_SchemaMapping: TypeAlias = Mapping[str, Any]


class UnreadableSchema(Exception):  # noqa: N818  # callers turn it into an error of their own protocol
    """Raised for a schema that is invalid."""


def build_value(schema: Any, text: str) -> Any:
    """
    Build a value for a schema in JSON Schema or in the API's dialect. Strings are `text`, where it fits.

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

    def build(self, schema: Any, within: tuple[str, ...]) -> Any:
        """Build a value; `within` are the references followed so far. A repeated reference ends the recursion."""
        self._budget -= 1
        if not isinstance(schema, Mapping) or self._budget < 0 or len(within) > _MAX_DEPTH:
            return self._text if schema is True else None
        shape = cast("_SchemaMapping", schema)
        reference = shape.get("$ref") or shape.get("ref")
        if isinstance(reference, str):
            return self.build(_resolve_reference(self._root, reference), (*within, reference))
        if "const" in shape:
            return shape["const"]
        if shape.get("enum"):
            return shape["enum"][0]
        for union in ("anyOf", "oneOf"):
            if shape.get(union):
                return self._build_union(shape[union], within)
        if shape.get("allOf"):
            return self.build(_merge_schemas([shape, *shape["allOf"]]), within)
        return self._build_typed(_get_type(shape), shape, within)

    def _build_union(self, members: Sequence[Any], within: tuple[str, ...]) -> Any:
        if _is_recursive(within) and any(_get_type(each) == "null" for each in members):
            return None
        return self.build(members[0], within)

    def _build_typed(self, kind: str, shape: _SchemaMapping, within: tuple[str, ...]) -> Any:
        match kind:
            case "object":
                return self._build_object(shape, within)
            case "array":
                return self._build_array(shape, within)
            case "string":
                return _build_string(shape, self._text)
            case "integer" | "number":
                return _build_number(shape, is_whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _build_object(self, shape: _SchemaMapping, within: tuple[str, ...]) -> dict[str, Any]:
        properties: _SchemaMapping = shape.get("properties") or {}
        required = shape.get("required") or ()
        order = [name for name in shape.get("propertyOrdering") or () if name in properties]
        names = dict.fromkeys([*order, *properties, *required])
        return {
            name: self.build(properties.get(name, True), within)
            for name in names
            if name in required or not _is_recursive(within)
        }

    def _build_array(self, shape: _SchemaMapping, within: tuple[str, ...]) -> list[Any]:
        first = [self.build(each, within) for each in shape.get("prefixItems") or ()]
        least, most = int(shape.get("minItems") or 0), shape.get("maxItems")
        wanted = least if _is_recursive(within) else max(least, 1)
        count = min(wanted, _MAX_LENGTH if most is None else int(most)) - len(first)
        items = shape.get("items", True)
        return first + [self.build(items, within) for _ in range(min(count, self._budget) if items else 0)]


_MAX_DEPTH = 60
_MAX_LENGTH = 1000


def _is_recursive(within: tuple[str, ...]) -> bool:
    """Whether a reference was followed twice."""
    return len(set(within)) < len(within)


def _resolve_reference(root: Any, reference: str) -> Any:
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")] if step else found
    return found


def _merge_schemas(shapes: Sequence[_SchemaMapping]) -> _SchemaMapping:
    joined: dict[str, Any] = {}
    for shape in shapes:
        properties = {**joined.get("properties", {}), **shape.get("properties", {})}
        required = [*joined.get("required", ()), *shape.get("required", ())]
        joined.update(shape, properties=properties, required=required)
    return {key: each for key, each in joined.items() if key != "allOf"}


def _get_type(shape: _SchemaMapping) -> str:
    named = shape.get("type")
    if isinstance(named, list | tuple):
        named = next((each for each in cast("Sequence[str]", named) if each != "null"), "null")
    if named:
        return str(named).lower()
    return "object" if "properties" in shape else "array" if "items" in shape else "string"


def _build_string(shape: _SchemaMapping, text: str) -> str:
    form = shape.get("format") or shape.get("contentEncoding")
    if form in _FORMAT_EXAMPLES:
        return _FORMAT_EXAMPLES[form]
    least, most = int(shape.get("minLength") or 0), shape.get("maxLength")
    return text.ljust(min(least, _MAX_LENGTH), ".")[: None if most is None else int(most)]


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
    ends = [shape[name] for name in _BOUND_CHECKS if shape.get(name) is not None]
    step = shape.get("multipleOf") or (1 if is_whole else None)
    if step is None:
        near = [0.0, *ends, sum(ends) / max(len(ends), 1), *(end + beside for end in ends for beside in (1, -1))]
    else:
        near = [0, *((math.floor(end / step) + beside) * step for end in ends for beside in (0, 1, -1))]
    found = next((each for each in near if _is_in_bounds(each, shape)), 0)
    return int(found) if is_whole else found


_BOUND_CHECKS: dict[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}


def _is_in_bounds(number: float, shape: _SchemaMapping) -> bool:
    return all(holds(number, shape[name]) for name, holds in _BOUND_CHECKS.items() if shape.get(name) is not None)
