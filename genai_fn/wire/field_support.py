"""Walks a value of the API: finds what a backend does not take, by path, and whether any bytes are large."""

import collections.abc
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

from genai_fn.schema.base import BackendOnly

__all__ = ["LARGE_BYTES", "FieldReport", "find_unsupported_fields"]

LARGE_BYTES = 64 * 1024
"""Bytes of this size and more are put into a body as a piece of their own."""


class FieldReport:
    """What a survey found: the paths that the backend does not take, and whether any bytes are large."""

    __slots__ = ("has_large", "unsupported_paths")

    def __init__(self) -> None:
        self.unsupported_paths: list[str] = []
        self.has_large = False


def find_unsupported_fields(value: Struct, backend: str) -> FieldReport:
    """Visit all that is set in a value and matters to a backend, ``gemini`` or ``vertex``."""
    findings = FieldReport()
    findings.unsupported_paths = [path.removeprefix(".") for path in _visit_struct(value, _PLANS[backend], findings)]
    return findings


_Visitor: TypeAlias = "Callable[[Any, _VisitPlans, FieldReport], Sequence[str]]"
"""Answers the paths of what is refused, from the value on: they grow on the way out, as there rarely are any."""

_NO_PATHS: Sequence[str] = ()


class _VisitPlans(dict[type[Struct], tuple[tuple[str, _Visitor], ...]]):
    """What to visit in which type, worked out when it is first met."""

    def __init__(self, backend: str) -> None:
        super().__init__()
        self.backend = backend

    def __missing__(self, kind: type[Struct]) -> tuple[tuple[str, _Visitor], ...]:
        plan = self[kind] = tuple(_plan_visits(kind, self.backend))
        return plan


_PLANS = {backend: _VisitPlans(backend) for backend in ("gemini", "vertex")}


def _visit_struct(value: Struct, plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:
    refused = _NO_PATHS
    for name, visit in plans[type(value)]:
        found = getattr(value, name)
        if found is not None and (paths := visit(found, plans, findings)):
            refused = [*refused, *(f".{name}{path}" for path in paths)]
    return refused


def _build_sequence_visitor(visit: _Visitor) -> _Visitor:
    def visit_each(values: Sequence[Any], plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:
        refused = _NO_PATHS
        for index, each in enumerate(values):
            if paths := visit(each, plans, findings):
                refused = [*refused, *(f"[{index}]{path}" for path in paths)]
        return refused

    return visit_each


def _build_mapping_visitor(visit: _Visitor) -> _Visitor:
    def visit_each_named(values: Mapping[str, Any], plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:
        refused = _NO_PATHS
        for key, each in values.items():
            if paths := visit(each, plans, findings):
                refused = [*refused, *(f".{key}{path}" for path in paths)]
        return refused

    return visit_each_named


def _visit_union(value: Any, plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:
    return _visit_struct(value, plans, findings) if isinstance(value, Struct) else _NO_PATHS


def _visit_unsupported(value: object, plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:  # noqa: ARG001  # a visit's
    return ("",)


def _visit_unsupported_unless_empty(value: object, plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:  # noqa: ARG001  # a visit's
    return ("",) if value else _NO_PATHS


def _visit_bytes(value: Any, plans: _VisitPlans, findings: FieldReport) -> Sequence[str]:  # noqa: ARG001  # a visit's
    if type(value) is bytes and len(value) >= LARGE_BYTES:
        findings.has_large = True
    return _NO_PATHS


# What the annotations say


def _plan_visits(kind: type[Struct], backend: str) -> Iterator[tuple[str, _Visitor]]:
    defaults = {each.name: each.default for each in fields(kind)}
    for name, annotation in _get_field_hints(kind).items():
        if not _is_supported(annotation, backend):
            yield (
                name,
                _visit_unsupported_unless_empty if defaults[name] == () else _visit_unsupported,
            )  # () is how nothing comes back
        elif bytes in _flatten_annotation(annotation):
            yield name, _visit_bytes
        elif any(_needs_visit(each, backend) for each in _find_structs(annotation)):
            yield name, _compile_visitor(annotation)


def _compile_visitor(annotation: Any) -> _Visitor:
    """Compile how to get to the Structs in a field."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _compile_visitor(args[0])
    if origin in (Union, UnionType):
        kinds = [each for each in args if each is not type(None)]
        return _compile_visitor(kinds[0]) if len(kinds) == 1 else _visit_union
    if origin is tuple:
        return _build_sequence_visitor(_compile_visitor(args[0]))
    return (
        _build_mapping_visitor(_compile_visitor(args[1]))
        if origin in (dict, collections.abc.Mapping)
        else _visit_struct
    )


def _is_supported(annotation: Any, backend: str) -> bool:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return all(mark.backend == backend for mark in marks if isinstance(mark, BackendOnly))


def _needs_visit(kind: type[Struct], backend: str) -> bool:
    """Tell whether anything in reach of a type is marked or may be large."""
    annotations = [
        annotation for each in _find_reachable_structs(kind) for annotation in _get_field_hints(each).values()
    ]
    return any(
        not _is_supported(annotation, backend) or bytes in _flatten_annotation(annotation) for annotation in annotations
    )


@functools.cache
def _find_reachable_structs(kind: type[Struct]) -> frozenset[type[Struct]]:
    reached: set[type[Struct]] = set()
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += [
                further for annotation in _get_field_hints(each).values() for further in _find_structs(annotation)
            ]
    return frozenset(reached)


def _find_structs(annotation: Any) -> list[type[Struct]]:
    return [each for each in _flatten_annotation(annotation) if isinstance(each, type) and issubclass(each, Struct)]


def _flatten_annotation(annotation: Any) -> list[Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _flatten_annotation(args[0])
    if origin in (Union, UnionType, tuple, dict, collections.abc.Mapping):
        return [part for each in args for part in _flatten_annotation(each)]
    return [annotation]


@functools.cache
def _get_field_hints(kind: type[Struct]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}
