"""JSON that fits a shape: `fitting` draws what a model may answer where a schema says how."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import reduce
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import codec
from genai_fn.schema import Schema
from genai_fn.testing.strategies.values.types import json, texts

__all__ = ["schema_values"]

_SchemaMapping: TypeAlias = Mapping[str, Any]


def schema_values(schema: Any) -> SearchStrategy[Any]:
    """
    Draw JSON that fits a schema, be it a `Schema` or plain JSON Schema.

    Bounds that contradict each other are let be, and so is what only a search would find: ``not``, say.
    """
    plain = codec.to_builtins(schema.json_schema) if isinstance(schema, Schema) else schema
    return _SchemaStrategies(plain).build(plain, 0)


_MAX_DEPTH = 6
_MAX_NUMBER = 2**53


class _SchemaStrategies:
    def __init__(self, root: Any) -> None:
        self._root = root

    def build(self, schema: Any, depth: int) -> SearchStrategy[Any]:
        """Draw a value for a schema; deeper down there is ever less of what need not be."""
        if not isinstance(schema, Mapping) or not schema or depth > 2 * _MAX_DEPTH:
            return json
        shape = cast("_SchemaMapping", schema)
        if isinstance(shape.get("$ref"), str):
            referred = _resolve_reference(self._root, shape["$ref"])
            return st.deferred(lambda: self.build(referred, depth + 1))
        if "const" in shape:
            return st.just(shape["const"])
        if shape.get("enum"):
            return st.sampled_from(list(shape["enum"]))
        if shape.get("allOf"):
            rest = {name: each for name, each in shape.items() if name != "allOf"}
            return self.build(reduce(_merge_schemas, shape["allOf"], rest), depth + 1)
        members = shape.get("anyOf") or shape.get("oneOf")
        if members:
            return self._build_union(members, depth)
        kinds = _list_types(shape)
        return st.one_of([self._build_typed(kind, shape, depth) for kind in kinds])

    def _build_union(self, members: Sequence[Any], depth: int) -> SearchStrategy[Any]:
        ends: list[Any] = [
            each for each in members if isinstance(each, Mapping) and "null" in _list_types(cast("Any", each))
        ]
        chosen: Sequence[Any] = ends if depth > _MAX_DEPTH and ends else members
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
        more = shape.get("additionalProperties")
        needed: dict[str, SearchStrategy[Any]] = {
            name: self.build(properties.get(name, True), depth + 1) for name in sorted(required)
        }
        rest = {name: each for name, each in properties.items() if name not in required}
        optional = {name: self.build(each, depth + 1) for name, each in rest.items()} if depth <= _MAX_DEPTH else {}
        if properties or required or more is False:
            return st.fixed_dictionaries(needed, optional=optional)
        few, many = _read_size_bounds(shape, "Properties")
        each = self.build(more, depth + 1) if isinstance(more, Mapping) else json
        return st.dictionaries(texts, each, min_size=few, max_size=few if depth > _MAX_DEPTH else many)

    def _build_array(self, shape: _SchemaMapping, depth: int) -> SearchStrategy[Any]:
        first = [self.build(each, depth + 1) for each in shape.get("prefixItems") or ()]
        if first:
            return st.tuples(*first).map(list)
        few, many = _read_size_bounds(shape, "Items")
        most = few if depth > _MAX_DEPTH else many
        items = self.build(shape.get("items", True), depth + 1)
        is_set = bool(shape.get("uniqueItems"))
        return st.lists(items, min_size=few, max_size=most, unique_by=repr if is_set else None)


def _resolve_reference(root: Any, reference: str) -> Any:
    found = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        found = cast("_SchemaMapping", found).get(name, True) if isinstance(found, Mapping) else True
    return found


def _merge_schemas(one: Any, other: Any) -> Any:
    """Hold to two schemas, as far as putting them together does."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return cast("Any", other if one in (True, {}) else one)
    first, second = cast("_SchemaMapping", one), cast("_SchemaMapping", other)
    properties: dict[str, Any] = {**(first.get("properties") or {}), **(second.get("properties") or {})}
    required: list[Any] = [*(first.get("required") or ()), *(second.get("required") or ())]
    together: dict[str, Any] = {"properties": properties, "required": required} if properties or required else {}
    return {**first, **second, **together}


def _list_types(shape: _SchemaMapping) -> list[str]:
    said: Any = shape.get("type")
    if isinstance(said, str):
        said = [said]
    if said:
        return [str(each).lower() for each in said]
    if "properties" in shape or "required" in shape:
        return ["object"]
    return ["array"] if "items" in shape or "prefixItems" in shape else ["string"]


def _read_size_bounds(shape: _SchemaMapping, of: str) -> tuple[int, int]:
    few = min(max(shape.get(f"min{of}") or 0, 0), 20)
    most = shape.get(f"max{of}")
    return few, few + 2 if most is None else max(few, min(most, few + 2))


def _strings(shape: _SchemaMapping) -> SearchStrategy[str]:
    few, most = _read_size_bounds(shape, "Length")
    form = _FORMAT_STRATEGIES.get(str(shape.get("format") or shape.get("contentEncoding")))
    if form is not None:  # Hypothesis warns where the truth of a strategy is asked for
        return form
    pattern = shape.get("pattern")
    if isinstance(pattern, str):
        try:
            found = st.from_regex(re.compile(pattern))
        except (re.error, OverflowError):  # of another dialect
            return texts
        return found.filter(lambda text: len(text) >= few) if few else found
    longest = most if shape.get("maxLength") is not None else few + 10
    return st.text(_CHARACTERS, min_size=few, max_size=longest)


_CHARACTERS = st.characters(exclude_categories=["Cs"])

_FORMAT_STRATEGIES: Mapping[str, SearchStrategy[str]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat()),
    "date": st.dates().map(lambda day: day.isoformat()),
    "time": st.times(timezones=st.just(UTC)).map(lambda hour: hour.isoformat()),
    "duration": st.integers(0, 10**6).map("PT{}S".format),
    "uuid": st.uuids().map(str),
    "decimal": st.integers(-(10**6), 10**6).map(str),
    "base64": st.sampled_from(["", "AA==", "AAEC", "Z2VuYWlfZm4="]),
}


def _integers(shape: _SchemaMapping) -> SearchStrategy[int]:
    low, high = _read_number_bounds(shape)
    if step := _read_multiple_of(shape):
        return st.integers(-(-int(low) // step), int(high) // step).map(lambda count: count * step)
    least, most = int(-(-low // 1)), int(high // 1)
    return st.integers(least, max(least, most))


def _numbers(shape: _SchemaMapping) -> SearchStrategy[float]:
    if step := _read_multiple_of(shape):
        return _integers({**shape, "multipleOf": step})
    low, high = _read_number_bounds(shape)
    is_open = (shape.get("exclusiveMinimum") is not None, shape.get("exclusiveMaximum") is not None)
    if low >= high:
        return st.just(float(low))
    return st.floats(
        float(low), float(high), allow_nan=False, allow_infinity=False, exclude_min=is_open[0], exclude_max=is_open[1]
    )


def _read_number_bounds(shape: _SchemaMapping) -> tuple[float, float]:
    is_whole = "integer" in _list_types(shape)
    above, below = shape.get("exclusiveMinimum"), shape.get("exclusiveMaximum")
    low = shape.get("minimum") if above is None else above + 1 if is_whole else above
    high = shape.get("maximum") if below is None else below - 1 if is_whole else below
    span = 2**31 - 1 if shape.get("format") == "int32" else _MAX_NUMBER
    least = max(-span, min(low, span)) if low is not None else -span
    most = max(-span, min(high, span)) if high is not None else span
    if least > most:
        return least, least
    return least, most


def _read_multiple_of(shape: _SchemaMapping) -> int | None:
    step = shape.get("multipleOf")
    return int(step) if isinstance(step, int | float) and step >= 1 and step == int(step) else None
