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
from genai_fn.testing.strategies.types import json, texts

__all__ = ["fitting"]

_Shape: TypeAlias = Mapping[str, Any]


def fitting(schema: Any) -> SearchStrategy[Any]:
    """
    Draw JSON that fits a schema, be it a `Schema` or plain JSON Schema.

    Bounds that contradict each other are let be, and so is what only a search would find: ``not``, say.
    """
    plain = codec.to_builtins(schema.json_schema) if isinstance(schema, Schema) else schema
    return _Fitting(plain).value(plain, 0)


_DEEPEST = 6
_LARGEST = 2**53


class _Fitting:
    def __init__(self, root: Any) -> None:
        self._root = root

    def value(self, schema: Any, depth: int) -> SearchStrategy[Any]:
        """Draw a value for a schema; deeper down there is ever less of what need not be."""
        if not isinstance(schema, Mapping) or not schema or depth > 2 * _DEEPEST:
            return json
        shape = cast("_Shape", schema)
        if isinstance(shape.get("$ref"), str):
            referred = _referred(self._root, shape["$ref"])
            return st.deferred(lambda: self.value(referred, depth + 1))
        if "const" in shape:
            return st.just(shape["const"])
        if shape.get("enum"):
            return st.sampled_from(list(shape["enum"]))
        if shape.get("allOf"):
            rest = {name: each for name, each in shape.items() if name != "allOf"}
            return self.value(reduce(_both, shape["allOf"], rest), depth + 1)
        members = shape.get("anyOf") or shape.get("oneOf")
        if members:
            return self._one_of(members, depth)
        kinds = _kinds(shape)
        return st.one_of([self._of_kind(kind, shape, depth) for kind in kinds])

    def _one_of(self, members: Sequence[Any], depth: int) -> SearchStrategy[Any]:
        ends: list[Any] = [
            each for each in members if isinstance(each, Mapping) and "null" in _kinds(cast("Any", each))
        ]
        chosen: Sequence[Any] = ends if depth > _DEEPEST and ends else members
        return st.one_of([self.value(each, depth + 1) for each in chosen])

    def _of_kind(self, kind: str, shape: _Shape, depth: int) -> SearchStrategy[Any]:
        match kind:
            case "object":
                return self._object(shape, depth)
            case "array":
                return self._array(shape, depth)
            case "string":
                return _text(shape)
            case "integer":
                return _integer(shape)
            case "number":
                return _number(shape)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _object(self, shape: _Shape, depth: int) -> SearchStrategy[Any]:
        properties: _Shape = shape.get("properties") or {}
        required: set[str] = set(shape.get("required") or ())
        more = shape.get("additionalProperties")
        needed: dict[str, SearchStrategy[Any]] = {
            name: self.value(properties.get(name, True), depth + 1) for name in sorted(required)
        }
        rest = {name: each for name, each in properties.items() if name not in required}
        optional = {name: self.value(each, depth + 1) for name, each in rest.items()} if depth <= _DEEPEST else {}
        if properties or required or more is False:
            return st.fixed_dictionaries(needed, optional=optional)
        few, many = _sizes(shape, "Properties")
        each = self.value(more, depth + 1) if isinstance(more, Mapping) else json
        return st.dictionaries(texts, each, min_size=few, max_size=few if depth > _DEEPEST else many)

    def _array(self, shape: _Shape, depth: int) -> SearchStrategy[Any]:
        first = [self.value(each, depth + 1) for each in shape.get("prefixItems") or ()]
        if first:
            return st.tuples(*first).map(list)
        few, many = _sizes(shape, "Items")
        most = few if depth > _DEEPEST else many
        items = self.value(shape.get("items", True), depth + 1)
        is_set = bool(shape.get("uniqueItems"))
        return st.lists(items, min_size=few, max_size=most, unique_by=repr if is_set else None)


def _referred(root: Any, reference: str) -> Any:
    found = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        found = cast("_Shape", found).get(name, True) if isinstance(found, Mapping) else True
    return found


def _both(one: Any, other: Any) -> Any:
    """Hold to two schemas, as far as putting them together does."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return cast("Any", other if one in (True, {}) else one)
    first, second = cast("_Shape", one), cast("_Shape", other)
    properties: dict[str, Any] = {**(first.get("properties") or {}), **(second.get("properties") or {})}
    required: list[Any] = [*(first.get("required") or ()), *(second.get("required") or ())]
    together: dict[str, Any] = {"properties": properties, "required": required} if properties or required else {}
    return {**first, **second, **together}


def _kinds(shape: _Shape) -> list[str]:
    said: Any = shape.get("type")
    if isinstance(said, str):
        said = [said]
    if said:
        return [str(each).lower() for each in said]
    if "properties" in shape or "required" in shape:
        return ["object"]
    return ["array"] if "items" in shape or "prefixItems" in shape else ["string"]


def _sizes(shape: _Shape, of: str) -> tuple[int, int]:
    few = min(max(shape.get(f"min{of}") or 0, 0), 20)
    most = shape.get(f"max{of}")
    return few, few + 2 if most is None else max(few, min(most, few + 2))


def _text(shape: _Shape) -> SearchStrategy[str]:
    few, most = _sizes(shape, "Length")
    form = _FORMS.get(str(shape.get("format") or shape.get("contentEncoding")))
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
    return st.text(_LETTERS, min_size=few, max_size=longest)


_LETTERS = st.characters(exclude_categories=["Cs"])

_FORMS: Mapping[str, SearchStrategy[str]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat()),
    "date": st.dates().map(lambda day: day.isoformat()),
    "time": st.times(timezones=st.just(UTC)).map(lambda hour: hour.isoformat()),
    "duration": st.integers(0, 10**6).map("PT{}S".format),
    "uuid": st.uuids().map(str),
    "decimal": st.integers(-(10**6), 10**6).map(str),
    "base64": st.sampled_from(["", "AA==", "AAEC", "Z2VuYWlfZm4="]),
}


def _integer(shape: _Shape) -> SearchStrategy[int]:
    low, high = _bounds(shape)
    if step := _step(shape):
        return st.integers(-(-int(low) // step), int(high) // step).map(lambda count: count * step)
    least, most = int(-(-low // 1)), int(high // 1)
    return st.integers(least, max(least, most))


def _number(shape: _Shape) -> SearchStrategy[float]:
    if step := _step(shape):
        return _integer({**shape, "multipleOf": step})
    low, high = _bounds(shape)
    is_open = (shape.get("exclusiveMinimum") is not None, shape.get("exclusiveMaximum") is not None)
    if low >= high:
        return st.just(float(low))
    return st.floats(
        float(low), float(high), allow_nan=False, allow_infinity=False, exclude_min=is_open[0], exclude_max=is_open[1]
    )


def _bounds(shape: _Shape) -> tuple[float, float]:
    is_whole = "integer" in _kinds(shape)
    above, below = shape.get("exclusiveMinimum"), shape.get("exclusiveMaximum")
    low = shape.get("minimum") if above is None else above + 1 if is_whole else above
    high = shape.get("maximum") if below is None else below - 1 if is_whole else below
    span = 2**31 - 1 if shape.get("format") == "int32" else _LARGEST
    least = max(-span, min(low, span)) if low is not None else -span
    most = max(-span, min(high, span)) if high is not None else span
    if least > most:
        return least, least
    return least, most


def _step(shape: _Shape) -> int | None:
    step = shape.get("multipleOf")
    return int(step) if isinstance(step, int | float) and step >= 1 and step == int(step) else None
