"""``generate``, field by field: whatever can be set in it, alone, is sent or refused as by google-genai 1.51.0."""

import collections.abc
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.generate import generate
from genai_fn.schema import Content, GenerateContentConfig
from genai_fn.wire import encode
from tests.ops.test_generate import BACKENDS, refused, signed, visible
from tests.support.google_genai import oracle

_SAMPLES: Mapping[Any, Any] = {
    str: "AQID",
    bool: False,
    int: 1,
    float: 0.5,
    bytes: b"\xfb\xff",
    datetime: "2025-01-02T03:04:05Z",
    Any: {"a_b": 1},
}
"""A value for each kind of field: empty ones count as set."""

_NAMED_SAMPLES: Mapping[str, Any] = {
    "additional_properties": {"type": "STRING"},
    "model_routing_preference": "BALANCED",
    "null_value": "NULL_VALUE",
}

DIFFERENCES: Mapping[str, str] = {
    "config.automatic_function_calling": "nothing calls functions by itself: the modifier calling(…) does",
    "config.response_schema.enum": "texts to choose from are a STRING: the type is added where it is missing",
}
"""Where ours does otherwise on purpose, by the beginning of the path."""


def _paths(kind: type[msgspec.Struct], above: tuple[type, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Give each field of a type, and of the types below it, as a path and a dict in which it alone is set."""
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        samples = [("", _NAMED_SAMPLES[name])] if name in _NAMED_SAMPLES else _values(hints[name], (*above, kind))
        for path, value in samples:
            yield f".{name}{path}", {name: value}


def _values(annotation: Any, above: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _SAMPLES:
        yield "", _SAMPLES[annotation]
    elif origin in (Annotated, Union, UnionType):
        yield from _values(args[0], above)
    elif origin is tuple:
        yield "", []
        yield from ((f"[0]{path}", [value]) for path, value in _values(args[0], above))
    elif origin is collections.abc.Mapping:
        yield "", {}
        yield from ((f".a_b{path}", {"a_b": value}) for path, value in _values(args[1], above))
    elif issubclass(annotation, Enum):
        yield "", list(annotation)[-1].value
    elif annotation not in above:
        yield "", {}
        yield from _paths(annotation, above)


FIELDS = {
    **{f"config{path}": {"contents": "hi", "config": value} for path, value in _paths(GenerateContentConfig)},
    **{f"contents{path}": {"contents": value} for path, value in _paths(Content)},
}


def test_there_are_fields() -> None:
    """The walk below does not miss a branch by mistake."""
    assert len(FIELDS) > 350


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", [path for path in FIELDS if not path.startswith(tuple(DIFFERENCES))])
def test_field(path: str, backend: str) -> None:
    """A field that is set alone is sent as 1.51.0 sends it, refused by the same name, or a mistake in both."""
    place, at = BACKENDS[backend]
    theirs = oracle.sent(place, lambda client: client.models.generate_content(model="m", **deepcopy(FIELDS[path])))
    if isinstance(theirs, oracle.Wire):
        assert visible(theirs) == visible(signed(encode(generate("m", **FIELDS[path]), at).unwrap(), at))
    elif theirs.unsupported:
        error = encode(generate("m", **FIELDS[path]), at).failure()
        assert isinstance(error, Unsupported)
        assert [refused(theirs)] == [each.rpartition(".")[2] for each in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            generate("m", **FIELDS[path])
