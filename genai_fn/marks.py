"""Walks a value of the API: finds what a backend does not take, by path, and whether any bytes are large."""

import collections.abc
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

from genai_fn.schema._base import Only

__all__ = ["LARGE", "Findings", "survey"]

LARGE = 64 * 1024
"""Bytes of this size and more are put into a body as a piece of their own."""


class Findings:
    """What a survey found: the paths that the backend does not take, and whether any bytes are large."""

    __slots__ = ("has_large", "refused")

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.has_large = False


def survey(value: Struct, backend: str) -> Findings:
    """Visit all that is set in a value and matters to a backend, ``gemini`` or ``vertex``."""
    findings = Findings()
    findings.refused = [path.removeprefix(".") for path in _within(value, _PLANS[backend], findings)]
    return findings


_Visit: TypeAlias = "Callable[[Any, _Plans, Findings], Sequence[str]]"
"""Answers the paths of what is refused, from the value on: they grow on the way out, as there rarely are any."""

_NOWHERE: Sequence[str] = ()


class _Plans(dict[type[Struct], tuple[tuple[str, _Visit], ...]]):
    """What to visit in which type, worked out when it is first met."""

    def __init__(self, backend: str) -> None:
        super().__init__()
        self.backend = backend

    def __missing__(self, kind: type[Struct]) -> tuple[tuple[str, _Visit], ...]:
        plan = self[kind] = tuple(_visits(kind, self.backend))
        return plan


_PLANS = {backend: _Plans(backend) for backend in ("gemini", "vertex")}


def _within(value: Struct, plans: _Plans, findings: Findings) -> Sequence[str]:
    refused = _NOWHERE
    for name, visit in plans[type(value)]:
        found = getattr(value, name)
        if found is not None and (paths := visit(found, plans, findings)):
            refused = [*refused, *(f".{name}{path}" for path in paths)]
    return refused


def _each(visit: _Visit) -> _Visit:
    def visit_each(values: Sequence[Any], plans: _Plans, findings: Findings) -> Sequence[str]:
        refused = _NOWHERE
        for index, each in enumerate(values):
            if paths := visit(each, plans, findings):
                refused = [*refused, *(f"[{index}]{path}" for path in paths)]
        return refused

    return visit_each


def _each_named(visit: _Visit) -> _Visit:
    def visit_each_named(values: Mapping[str, Any], plans: _Plans, findings: Findings) -> Sequence[str]:
        refused = _NOWHERE
        for key, each in values.items():
            if paths := visit(each, plans, findings):
                refused = [*refused, *(f".{key}{path}" for path in paths)]
        return refused

    return visit_each_named


def _either(value: Any, plans: _Plans, findings: Findings) -> Sequence[str]:
    return _within(value, plans, findings) if isinstance(value, Struct) else _NOWHERE


def _refused(value: object, plans: _Plans, findings: Findings) -> Sequence[str]:  # noqa: ARG001  # a visit's
    return ("",)


def _refused_unless_empty(value: object, plans: _Plans, findings: Findings) -> Sequence[str]:  # noqa: ARG001  # a visit's
    return ("",) if value else _NOWHERE


def _weighed(value: Any, plans: _Plans, findings: Findings) -> Sequence[str]:  # noqa: ARG001  # a visit's
    if type(value) is bytes and len(value) >= LARGE:
        findings.has_large = True
    return _NOWHERE


# What the annotations say


def _visits(kind: type[Struct], backend: str) -> Iterator[tuple[str, _Visit]]:
    defaults = {each.name: each.default for each in fields(kind)}
    for name, annotation in _hints(kind).items():
        if not _takes(annotation, backend):
            yield name, _refused_unless_empty if defaults[name] == () else _refused  # () is how nothing comes back
        elif bytes in _parts(annotation):
            yield name, _weighed
        elif any(_matters(each, backend) for each in _structs(annotation)):
            yield name, _visit(annotation)


def _visit(annotation: Any) -> _Visit:
    """Compile how to get to the Structs in a field."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _visit(args[0])
    if origin in (Union, UnionType):
        kinds = [each for each in args if each is not type(None)]
        return _visit(kinds[0]) if len(kinds) == 1 else _either
    if origin is tuple:
        return _each(_visit(args[0]))
    return _each_named(_visit(args[1])) if origin in (dict, collections.abc.Mapping) else _within


def _takes(annotation: Any, backend: str) -> bool:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return all(mark.backend == backend for mark in marks if isinstance(mark, Only))


def _matters(kind: type[Struct], backend: str) -> bool:
    """Tell whether anything in reach of a type is marked or may be large."""
    annotations = [annotation for each in _reach(kind) for annotation in _hints(each).values()]
    return any(not _takes(annotation, backend) or bytes in _parts(annotation) for annotation in annotations)


@functools.cache
def _reach(kind: type[Struct]) -> frozenset[type[Struct]]:
    reached: set[type[Struct]] = set()
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += [further for annotation in _hints(each).values() for further in _structs(annotation)]
    return frozenset(reached)


def _structs(annotation: Any) -> list[type[Struct]]:
    return [each for each in _parts(annotation) if isinstance(each, type) and issubclass(each, Struct)]


def _parts(annotation: Any) -> list[Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _parts(args[0])
    if origin in (Union, UnionType, tuple, dict, collections.abc.Mapping):
        return [part for each in args for part in _parts(each)]
    return [annotation]


@functools.cache
def _hints(kind: type[Struct]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}
