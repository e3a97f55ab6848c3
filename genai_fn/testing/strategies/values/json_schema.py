"""`schema_values`: JSON that conforms to a schema."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import codec
from genai_fn.schema.schema_tree import list_types, merge_all_of, resolve_pointer
from genai_fn.schema.schemas import Schema
from genai_fn.testing.strategies.values.types import json, texts

_SchemaMapping: TypeAlias = Mapping[str, Any]


def schema_values(schema: Any) -> SearchStrategy[Any]:
    """
    Draw JSON that conforms to a schema: a `Schema` or a JSON Schema.

    An upper bound below the lower bound is ignored. So are keywords that would need a search, such as ``not``.
    """
    plain = codec.to_builtins(schema.json_schema) if isinstance(schema, Schema) else schema
    return _SchemaStrategies(plain).build(plain, 0)


_MAX_DEPTH = 6
_MAX_NUMBER = 2**53


class _SchemaStrategies:
    """Builds strategies for the subschemas of a root schema, which references are resolved against."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def build(self, schema: Any, depth: int) -> SearchStrategy[Any]:
        """
        Draw values of a subschema.

        Beyond ``_MAX_DEPTH``, optional properties and items are omitted; beyond twice that depth, any JSON is drawn.
        """
        if not isinstance(schema, Mapping) or not schema or depth > 2 * _MAX_DEPTH:
            return json
        shape = cast("_SchemaMapping", schema)
        if isinstance(shape.get("$ref"), str):
            target = self._look_up(resolve_pointer, shape["$ref"])
            return st.deferred(lambda: self.build(target, depth + 1))
        if "const" in shape:
            return st.just(shape["const"])
        if shape.get("enum"):
            return st.sampled_from(list(shape["enum"]))
        if shape.get("allOf"):
            return self.build(self._look_up(merge_all_of, shape), depth + 1)
        members = shape.get("anyOf") or shape.get("oneOf")
        if members:
            return self._build_union(members, depth)
        kinds = list_types(shape)
        return st.one_of([self._build_typed(kind, shape, depth) for kind in kinds])

    def _look_up(self, find: Callable[[Any, Any], Any], source: Any) -> Any:
        """Return the schema that a function finds in the root; one of any value if a reference leads nowhere."""
        try:
            return find(self._root, source)
        except LookupError:
            return True

    def _build_union(self, members: Sequence[Any], depth: int) -> SearchStrategy[Any]:
        null_members: list[Any] = [
            each for each in members if isinstance(each, Mapping) and "null" in list_types(cast("Any", each))
        ]
        chosen: Sequence[Any] = null_members if depth > _MAX_DEPTH and null_members else members
        return st.one_of([self.build(each, depth + 1) for each in chosen])

    def _build_typed(self, kind: str, shape: _SchemaMapping, depth: int) -> SearchStrategy[Any]:
        match kind:
            case "object":
                return self._build_object(shape, depth)
            case "array":
                return self._build_array(shape, depth)
            case "string":
                return _strings(shape)
            case "integer":
                return _integers(shape)
            case "number":
                return _numbers(shape)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _build_object(self, shape: _SchemaMapping, depth: int) -> SearchStrategy[Any]:
        properties: _SchemaMapping = shape.get("properties") or {}
        required: set[str] = set(shape.get("required") or ())
        additional = shape.get("additionalProperties")
        fixed: dict[str, SearchStrategy[Any]] = {
            name: self.build(properties.get(name, True), depth + 1) for name in sorted(required)
        }
        rest = {name: each for name, each in properties.items() if name not in required}
        optional = {name: self.build(each, depth + 1) for name, each in rest.items()} if depth <= _MAX_DEPTH else {}
        if properties or required or additional is False:
            return st.fixed_dictionaries(fixed, optional=optional)
        min_size, max_size = _read_size_bounds(shape, "Properties")
        values = self.build(additional, depth + 1) if isinstance(additional, Mapping) else json
        return st.dictionaries(texts, values, min_size=min_size, max_size=min_size if depth > _MAX_DEPTH else max_size)

    def _build_array(self, shape: _SchemaMapping, depth: int) -> SearchStrategy[Any]:
        prefix = [self.build(each, depth + 1) for each in shape.get("prefixItems") or ()]
        if prefix:
            return st.tuples(*prefix).map(list)
        min_size, max_size = _read_size_bounds(shape, "Items")
        max_size = min_size if depth > _MAX_DEPTH else max_size
        items = self.build(shape.get("items", True), depth + 1)
        is_set = bool(shape.get("uniqueItems"))
        return st.lists(items, min_size=min_size, max_size=max_size, unique_by=repr if is_set else None)


def _read_size_bounds(shape: _SchemaMapping, suffix: str) -> tuple[int, int]:
    """Read ``minItems`` and ``maxItems`` (or another suffix). The result is at most 20 and 22, to draw small values."""
    min_size = min(max(shape.get(f"min{suffix}") or 0, 0), 20)
    max_size = shape.get(f"max{suffix}")
    return min_size, min_size + 2 if max_size is None else max(min_size, min(max_size, min_size + 2))


def _strings(shape: _SchemaMapping) -> SearchStrategy[str]:
    min_size, max_size = _read_size_bounds(shape, "Length")
    formatted = _FORMAT_STRATEGIES.get(str(shape.get("format") or shape.get("contentEncoding")))
    if formatted is not None:  # not `if formatted`: Hypothesis warns about bool(strategy)
        return formatted
    pattern = shape.get("pattern")
    if isinstance(pattern, str):
        try:
            matching = st.from_regex(re.compile(pattern))
        except (re.error, OverflowError):  # a regular expression that Python does not support
            return texts
        return matching.filter(lambda text: len(text) >= min_size) if min_size else matching
    max_size = max_size if shape.get("maxLength") is not None else min_size + 10
    return st.text(_CHARACTERS, min_size=min_size, max_size=max_size)


_CHARACTERS = st.characters(exclude_categories=["Cs"])

_FORMAT_STRATEGIES: Mapping[str, SearchStrategy[str]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat()),
    "date": st.dates().map(lambda day: day.isoformat()),
    "time": st.times(timezones=st.just(UTC)).map(lambda time: time.isoformat()),
    "duration": st.integers(0, 10**6).map("PT{}S".format),
    "uuid": st.uuids().map(str),
    "decimal": st.integers(-(10**6), 10**6).map(str),
    "base64": st.sampled_from(["", "AA==", "AAEC", "Z2VuYWlfZm4="]),
}


def _integers(shape: _SchemaMapping) -> SearchStrategy[int]:
    low, high = _read_number_bounds(shape)
    step = _read_multiple_of(shape) or 1
    smallest, largest = int(-(-low // step)), int(high // step)  # rounded inwards
    return st.integers(smallest, max(smallest, largest)).map(lambda count: count * step)


def _numbers(shape: _SchemaMapping) -> SearchStrategy[float]:
    if step := _read_multiple_of(shape):
        return _integers({**shape, "multipleOf": step})
    low, high = _read_number_bounds(shape)
    if low >= high:
        return st.just(float(low))
    return st.floats(
        float(low),
        float(high),
        exclude_min=shape.get("exclusiveMinimum") is not None,
        exclude_max=shape.get("exclusiveMaximum") is not None,
    )


def _read_number_bounds(shape: _SchemaMapping) -> tuple[float, float]:
    """
    Read the bounds. For an integer, exclusive bounds become inclusive; for a number, they are returned as they are.

    A missing bound is that of int32, or of the integers that a float represents exactly.
    """
    is_integer = "integer" in list_types(shape)
    exclusive_low, exclusive_high = shape.get("exclusiveMinimum"), shape.get("exclusiveMaximum")
    low = shape.get("minimum") if exclusive_low is None else exclusive_low + is_integer
    high = shape.get("maximum") if exclusive_high is None else exclusive_high - is_integer
    limit = 2**31 - 1 if shape.get("format") == "int32" else _MAX_NUMBER
    low = -limit if low is None else max(-limit, min(low, limit))
    high = limit if high is None else max(-limit, min(high, limit))
    return low, max(low, high)


def _read_multiple_of(shape: _SchemaMapping) -> int | None:
    """Read ``multipleOf`` if it is a positive integer; others are ignored."""
    step = shape.get("multipleOf")
    if not isinstance(step, int | float) or not 1 <= step <= _MAX_NUMBER:
        return None
    return int(step) if step == int(step) else None
