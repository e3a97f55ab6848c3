"""Properties of all types of the API, with values drawn by Hypothesis."""

import copy
import json
import pickle
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.schema import (
    Candidate,
    FinishReason,
    GenerateContentConfig,
    JSONSchema,
    Message,
    Opaque,
    OpenEnum,
    OpenMessage,
    Part,
    Schema,
)
from genai_fn.schema.contents import ContentsLike
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.schemas import SchemaLike
from genai_fn.testing.strategies import from_type, register
from genai_fn.wire.lenient_json import parse_json
from tests.support.google_genai.oracle import camel
from tests.support.schema_samples import ENUMS, MESSAGES, hints

each_type = pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
few = settings(max_examples=6, deadline=None, database=None, derandomize=True)


def _snake(value: Any) -> Any:
    """Convert a value to dicts with Python names, and lists."""
    if isinstance(value, Message):
        defaults = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
        return {name: _snake(each) for name, unset in defaults if (each := getattr(value, name)) != unset}
    if isinstance(value, tuple):
        return [_snake(each) for each in value]
    if isinstance(value, dict):
        return {key: _snake(each) for key, each in value.items()}
    return value.value if isinstance(value, OpenEnum) else value


def _holds_a_dict(value: Any) -> bool:
    if isinstance(value, Message):
        return any(_holds_a_dict(getattr(value, name)) for name in value.__struct_fields__)
    return any(map(_holds_a_dict, value)) if isinstance(value, tuple) else isinstance(value, dict | list)


@each_type
@few
@given(data=st.data())
def test_json(kind: type[Message], data: st.DataObject) -> None:
    """A value survives JSON and conversion from a dict, and keeps unknown fields if its type goes over the wire."""
    value = data.draw(from_type(kind))
    wire = codec.encode(value)
    tree = json.loads(wire)
    assert codec.decode(wire, kind) == value
    newer = parse_json(kind, json.dumps(_with_news(tree)).encode())
    is_open = issubclass(kind, OpenMessage)
    assert newer == (replace(value, extra={"fieldOfNextYear": [tree], "": 1}) if is_open else value)
    assert json.loads(codec.encode(newer)) == (_with_news(tree) if is_open else tree)
    assert as_struct(kind, tree) == value
    assert as_struct(kind, _snake(value)) == value


def _with_news(tree: Any) -> Any:
    return {"fieldOfNextYear": [tree], **tree, "": 1}


@each_type
@few
@given(data=st.data())
def test_values(kind: type[Message], data: st.DataObject) -> None:
    """A value needs no conversion, copies, pickles, hashes unless it contains a dict, has a repr, and is frozen."""
    value = data.draw(from_type(kind))
    assert as_struct(kind, value) == value
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert again == value
        if not _holds_a_dict(value):
            assert hash(again) == hash(value)
    assert repr(value).removeprefix("<").startswith(kind.__name__)
    for name in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, name, getattr(value, name))


@each_type
@few
@given(data=st.data())
def test_wrong_values(kind: type[Message], data: st.DataObject) -> None:
    """An invalid value at any depth of a dict is refused with its path, and the dict is not changed."""
    tree = _snake(data.draw(from_type(kind)))
    leaves = list(_leaves(tree, "config"))
    if not leaves:
        return
    holder, key, path = data.draw(st.sampled_from(leaves))
    holder[key] = wrong = object()
    before = repr(tree)
    with pytest.raises(InvalidRequest) as raised:
        as_struct(kind, tree)
    assert camel(raised.value.path) == camel(path)  # schemas are read in one spelling
    assert (raised.value.value, bool(raised.value.expected)) == (wrong, True)
    assert repr(tree) == before


def _leaves(tree: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    for key, each in tree.items() if isinstance(tree, dict) else enumerate(tree):
        here = f"{path}.{key}" if isinstance(tree, dict) else f"{path}[{key}]"
        if isinstance(each, dict | list) and each:
            yield from _leaves(each, here)
        else:
            yield tree, key, here


@pytest.mark.parametrize(
    "annotation",
    [hints(JSONSchema)["type"], hints(Schema)["properties"], ContentsLike, SchemaLike, Opaque, datetime, str],
    ids=["union", "mapping", "contents", "schema", "opaque", "moment", "text"],
)
@few
@given(data=st.data())
def test_fields(annotation: Any, data: st.DataObject) -> None:
    """Values can be drawn for the annotation of a field, and need no conversion."""
    value = data.draw(from_type(annotation))
    assert as_value(annotation, value, "value") == value


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
@few
@given(data=st.data())
def test_enums(kind: type[OpenEnum], data: st.DataObject) -> None:
    """Enum values, listed or not, have the enum type, equal their text, and survive JSON, copies and pickles."""
    value = data.draw(from_type(kind))
    assert isinstance(value, kind)
    assert value == value.value == str(value)
    again = [msgspec.json.decode(msgspec.json.encode(value), type=kind), copy.deepcopy(value), kind(value.value)]
    again.append(pickle.loads(pickle.dumps(value)))
    assert again == [value] * 4
    assert {hash(each) for each in again} == {hash(value)}


def test_many_unknown_values() -> None:
    """Unlisted enum values take no memory."""
    _measure_growth(1000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _measure_growth(100_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000_000  # to hold them all takes some ten million; other threads of the process allocate, too


def _measure_growth(count: int) -> None:
    decoder = msgspec.json.Decoder(Candidate)
    for number in range(count):
        decoder.decode(b'{"finishReason":"NEW_%d"}' % number)
    assert len(FinishReason) == len(FinishReason._value2member_map_) == len(FinishReason.__members__)


def test_registered() -> None:
    """After registration, ``from_type`` draws the same values."""
    register()

    @few
    @given(st.from_type(GenerateContentConfig), st.builds(Part, text=st.just("a")))
    def drawn(config: GenerateContentConfig, part: Part) -> None:
        assert as_struct(GenerateContentConfig, config) == config
        assert part.text == "a"

    drawn()


def test_mappings() -> None:
    """Converted values contain copies of dicts: later changes do not reach them."""
    args: dict[str, Any] = {"a": {"b": [1]}}
    parts = [Part.from_function_call(name="f", args=args), Part.from_function_response(name="f", response=args)]
    args["a"]["b"].append(2)
    call, answer = parts[0].function_call, parts[1].function_response
    assert call is not None
    assert answer is not None
    assert [call.args, answer.response] == [{"a": {"b": [1]}}] * 2
    assert isinstance(call.args, Mapping)
