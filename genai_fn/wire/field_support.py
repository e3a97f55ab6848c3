"""Finds the fields of a value that a backend does not support, by path, and whether it contains large bytes."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from genai_fn.schema.annotations import (
    MappingOf,
    OptionalOf,
    StructOf,
    TupleOf,
    UnionOf,
    classify_annotation,
    find_metadata,
    get_fields,
    iter_reachable_structs,
    iter_types,
)
from genai_fn.schema.base import BackendOnly
from genai_fn.schema.reusable import PlainTurns, ReusableMessage, derive_once

__all__ = ["LARGE_BYTES", "FieldReport", "find_unsupported_fields"]

LARGE_BYTES = 64 * 1024
"""Bytes of at least this size become a chunk of their own in a body."""


class FieldReport:
    """The paths of the unsupported fields of a value, and whether it contains bytes of at least `LARGE_BYTES`."""

    __slots__ = ("has_large", "unsupported_paths")

    def __init__(self) -> None:
        self.unsupported_paths: list[str] = []
        self.has_large = False


def find_unsupported_fields(value: Struct, backend: str) -> FieldReport:
    """Find the fields that are set in a value and not supported by a backend, ``gemini`` or ``vertex``."""
    report = FieldReport()
    if paths := _visit_struct(value, _PLANS[backend], report):
        report.unsupported_paths = [path.removeprefix(".") for path in paths]
    return report


_Visitor: TypeAlias = "Callable[[Any, _VisitPlans, FieldReport], Sequence[str]]"
"""Returns the paths of unsupported fields, relative to the value. They are extended on the way out: few are found."""

_NO_PATHS: Sequence[str] = ()


class _VisitPlans(dict[type[Struct], tuple[tuple[str, _Visitor], ...]]):
    """The fields to visit in each type, computed when the type is first met."""

    def __init__(self, backend: str) -> None:
        super().__init__()
        self.backend = backend

    def __missing__(self, kind: type[Struct]) -> tuple[tuple[str, _Visitor], ...]:
        plan = self[kind] = tuple(_plan_visits(kind, self.backend))
        return plan


_PLANS = {backend: _VisitPlans(backend) for backend in ("gemini", "vertex")}


def _visit_struct(value: Struct, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:
    unsupported = _NO_PATHS
    for name, visit in plans[type(value)]:
        found = getattr(value, name)
        if found is not None and (paths := visit(found, plans, report)):
            unsupported = [*unsupported, *(f".{name}{path}" for path in paths)]
    return unsupported


@derive_once
def _inspect_config(config: ReusableMessage, backend: str) -> tuple[Sequence[str], bool]:
    """Return the unsupported paths of a config, and whether it contains large bytes."""
    report = FieldReport()
    return _visit_struct(config, _PLANS[backend], report), report.has_large


def _visit_config(config: Any, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:
    unsupported, has_large = _inspect_config(config, plans.backend)
    report.has_large |= has_large
    return unsupported


def _build_sequence_visitor(visit: _Visitor) -> _Visitor:
    def visit_each(values: Sequence[Any], plans: _VisitPlans, report: FieldReport) -> Sequence[str]:
        if type(values) is PlainTurns:
            return _NO_PATHS
        return [f"[{index}]{path}" for index, each in enumerate(values) for path in visit(each, plans, report)]

    return visit_each


def _build_mapping_visitor(visit: _Visitor) -> _Visitor:
    def visit_each_named(values: Mapping[str, Any], plans: _VisitPlans, report: FieldReport) -> Sequence[str]:
        return [f".{key}{path}" for key, each in values.items() for path in visit(each, plans, report)]

    return visit_each_named


def _visit_union(value: Any, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:
    return _visit_struct(value, plans, report) if isinstance(value, Struct) else _NO_PATHS


def _visit_unsupported(value: object, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:  # noqa: ARG001  # the signature of a visitor
    return ("",)


def _visit_unsupported_unless_empty(value: object, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:  # noqa: ARG001  # the signature of a visitor
    return ("",) if value else _NO_PATHS


def _visit_bytes(value: Any, plans: _VisitPlans, report: FieldReport) -> Sequence[str]:  # noqa: ARG001  # the signature of a visitor
    if type(value) is bytes and len(value) >= LARGE_BYTES:
        report.has_large = True
    return _NO_PATHS


def _plan_visits(kind: type[Struct], backend: str) -> Iterator[tuple[str, _Visitor]]:
    for each in get_fields(kind):
        if not _is_supported(each.type, backend):
            is_unset_if_empty = each.default == ()
            yield each.name, _visit_unsupported_unless_empty if is_unset_if_empty else _visit_unsupported
        elif bytes in iter_types(each.type):
            yield each.name, _visit_bytes
        elif any(_has_fields_to_visit(found, backend) for found in iter_reachable_structs(each.type)):
            yield each.name, _compile_visitor(each.type)


def _compile_visitor(annotation: Any) -> _Visitor:
    """Build a visitor of the Structs in a field."""
    match classify_annotation(annotation):
        case OptionalOf(inner):
            return _compile_visitor(inner)
        case UnionOf():
            return _visit_union
        case TupleOf(item):
            return _build_sequence_visitor(_compile_visitor(item))
        case MappingOf(value):
            return _build_mapping_visitor(_compile_visitor(value))
        case StructOf(kind) if issubclass(kind, ReusableMessage):
            return _visit_config
        case _:
            return _visit_struct


def _is_supported(annotation: Any, backend: str) -> bool:
    only = find_metadata(annotation, BackendOnly)
    return only is None or only.backend == backend


@functools.cache
def _has_fields_to_visit(kind: type[Struct], backend: str) -> bool:
    """Whether a type itself has unsupported fields or fields of bytes."""
    return any(not _is_supported(each.type, backend) or bytes in iter_types(each.type) for each in get_fields(kind))
