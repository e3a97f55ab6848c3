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
from tests.support.check_each import check_each
from tests.support.drawn_examples import DrawnValues
from tests.support.google_genai.oracle import to_camel_case
from tests.support.schema_samples import ENUMS, MESSAGES, get_field_annotations

check_values = check_each(DrawnValues(MESSAGES, 6))
few_examples = settings(max_examples=6, deadline=None, database=None, derandomize=True)


def to_snake_case(value: Any) -> Any:
    """Convert a value to dicts with Python names, and lists."""
    if isinstance(value, Message):
        defaults = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
        return {name: to_snake_case(each) for name, unset in defaults if (each := getattr(value, name)) != unset}
    if isinstance(value, tuple):
        return [to_snake_case(each) for each in value]
    if isinstance(value, dict):
        return {key: to_snake_case(each) for key, each in value.items()}
    return value.value if isinstance(value, OpenEnum) else value


def contains_dict(value: Any) -> bool:
    if isinstance(value, Message):
        return any(contains_dict(getattr(value, name)) for name in value.__struct_fields__)
    return any(map(contains_dict, value)) if isinstance(value, tuple) else isinstance(value, dict | list)


@check_values
def test_json(drawn: tuple[type[Message], Any]) -> None:
    """A value survives JSON and conversion from a dict, and keeps unknown fields if its type goes over the wire."""
    kind, value = drawn
    encoded = codec.encode(value)
    tree = json.loads(encoded)
    assert codec.decode(encoded, kind) == value
    newer = parse_json(kind, json.dumps(add_unknown_fields(tree)).encode())
    is_open = issubclass(kind, OpenMessage)
    assert newer == (replace(value, extra={"fieldOfNextYear": [tree], "": 1}) if is_open else value)
    assert json.loads(codec.encode(newer)) == (add_unknown_fields(tree) if is_open else tree)
    assert as_struct(kind, tree) == value
    assert as_struct(kind, to_snake_case(value)) == value


def add_unknown_fields(tree: Any) -> Any:
    return {"fieldOfNextYear": [tree], **tree, "": 1}


@check_values
def test_values(drawn: tuple[type[Message], Any]) -> None:
    """A value needs no conversion, copies, pickles, hashes unless it contains a dict, has a repr, and is frozen."""
    kind, value = drawn
    assert as_struct(kind, value) == value
    for duplicate in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert duplicate == value
        if not contains_dict(value):
            assert hash(duplicate) == hash(value)
    assert repr(value).removeprefix("<").startswith(kind.__name__)
    for name in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, name, getattr(value, name))


@check_values
def test_wrong_values(drawn: tuple[type[Message], Any]) -> None:
    """An invalid value at any depth of a dict is refused with its path; the dict is not changed; secrets are masked."""
    kind, value = drawn
    tree = to_snake_case(value)
    for holder, key, path in list(list_leaves(tree, "config")):
        right, wrong = holder[key], object()
        holder[key] = wrong
        original = repr(tree)
        with pytest.raises(InvalidRequest) as raised:
            as_struct(kind, tree)
        assert to_camel_case(raised.value.path) == to_camel_case(path)  # schemas are read in one spelling
        assert raised.value.value in (wrong, "***")
        assert raised.value.expected
        assert repr(tree) == original
        holder[key] = right


def list_leaves(tree: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    for key, each in tree.items() if isinstance(tree, dict) else enumerate(tree):
        child_path = f"{path}.{key}" if isinstance(tree, dict) else f"{path}[{key}]"
        if isinstance(each, dict | list) and each:
            yield from list_leaves(each, child_path)
        else:
            yield tree, key, child_path


@pytest.mark.parametrize(
    "annotation",
    [
        get_field_annotations(JSONSchema)["type"],
        get_field_annotations(Schema)["properties"],
        ContentsLike,
        SchemaLike,
        Opaque,
        datetime,
        str,
    ],
    ids=["union", "mapping", "contents", "schema", "opaque", "moment", "text"],
)
@few_examples
@given(data=st.data())
def test_fields(annotation: Any, data: st.DataObject) -> None:
    """Values can be drawn for the annotation of a field, and need no conversion."""
    value = data.draw(from_type(annotation))
    assert as_value(annotation, value, "value") == value


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
@few_examples
@given(data=st.data())
def test_enums(kind: type[OpenEnum], data: st.DataObject) -> None:
    """Enum values, listed or not, have the enum type, equal their text, and survive JSON, copies and pickles."""
    value = data.draw(from_type(kind))
    assert isinstance(value, kind)
    assert value == value.value == str(value)
    duplicates = [msgspec.json.decode(msgspec.json.encode(value), type=kind), copy.deepcopy(value), kind(value.value)]
    duplicates.append(pickle.loads(pickle.dumps(value)))
    assert duplicates == [value] * 4
    assert {hash(each) for each in duplicates} == {hash(value)}


def test_many_unknown_values() -> None:
    """Unlisted enum values take no memory."""
    decode_unknown_values(1000)
    tracemalloc.start()
    start_size = tracemalloc.get_traced_memory()[0]
    decode_unknown_values(100_000)
    growth = tracemalloc.get_traced_memory()[0] - start_size
    tracemalloc.stop()
    assert growth < 1_000_000  # all values together take about 10 MB; other threads of the process allocate, too


def decode_unknown_values(count: int) -> None:
    decoder = msgspec.json.Decoder(Candidate)
    for number in range(count):
        decoder.decode(b'{"finishReason":"NEW_%d"}' % number)
    assert len(FinishReason) == len(FinishReason._value2member_map_) == len(FinishReason.__members__)


def test_registered() -> None:
    """After registration, ``from_type`` draws the same values."""
    register()

    @few_examples
    @given(st.from_type(GenerateContentConfig), st.builds(Part, text=st.just("a")))
    def check_drawn_values(config: GenerateContentConfig, part: Part) -> None:
        assert as_struct(GenerateContentConfig, config) == config
        assert part.text == "a"

    check_drawn_values()


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
