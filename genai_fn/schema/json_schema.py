"""`json_schema`: plain JSON Schema of Python types, msgspec's own and whatever else can tell its shape."""

from collections.abc import Callable
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import msgspec

from genai_fn.schema._base import Misfit

__all__ = ["json_schema"]

_Shape: TypeAlias = dict[str, Any]
_Asked: TypeAlias = Callable[[Any], _Shape]


def json_schema(kind: Any) -> dict[str, Any]:
    """
    Describe a type in JSON Schema (draft 2020-12), as ``response_json_schema`` and ``parameters_json_schema`` take it.

    Structs, dataclasses, TypedDicts, NamedTuples, enums, ``Literal``, unions, containers and ``Annotated[…, Meta(…)]``
    are read as msgspec reads them: a ``datetime`` has the format ``date-time`` only where ``Meta(tz=True)`` asks for a
    time zone. A class with a ``model_json_schema()``, as pydantic's have, is asked for it. Types with a name stand
    under ``$defs``.

    Raises:
        Misfit: with the type that JSON does not have.

    >>> json_schema(list[int])
    {'type': 'array', 'items': {'type': 'integer'}}
    """
    theirs: _Shape = {}

    def asked(kind: Any) -> _Shape:
        tell = getattr(kind, "model_json_schema", None)
        if tell is None:
            raise Misfit(kind, "a type that has a form in JSON")
        shape: _Shape = dict(tell())
        _add(theirs, shape.pop("$defs", {}))
        return shape

    try:
        described, defs = _shape(kind, asked)
    except (TypeError, ValueError, NameError, RuntimeError) as error:  # RuntimeError: pydantic's errors of use
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise Misfit(kind, f"a type that can be described in JSON Schema ({why})") from None
    _add(defs, theirs)
    return {**described, "$defs": defs} if defs else described


def _shape(kind: Any, asked: _Asked) -> tuple[_Shape, _Shape]:
    try:
        (found,), defs = msgspec.json.schema_components((kind,), schema_hook=asked)
    except TypeError:  # msgspec reads no union of two classes without tags, but says what each of them is
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            each, defs = msgspec.json.schema_components(args, schema_hook=asked)
            return {"anyOf": list(each)}, defs
        if origin is list:
            items, defs = _shape(args[0], asked)
            return {"type": "array", "items": items}, defs
        raise
    return found, defs


def _add(defs: _Shape, more: _Shape) -> None:
    for name, shape in more.items():
        if defs.setdefault(name, shape) != shape:
            raise Misfit(shape, f"types of different names, not two that are called {name}")
