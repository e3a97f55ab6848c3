"""Conversion: dicts in either spelling, Structs and shorthands become Structs, or an error with the path."""

import dataclasses
import enum
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.errors import InvalidRequest
from genai_fn.schema import (
    ApiKeyConfig,
    Blob,
    Content,
    FunctionCall,
    GenerateContentConfig,
    HarmBlockThreshold,
    Part,
    SafetySetting,
    ThinkingConfig,
)
from genai_fn.schema.base import Coerce, ConversionError, Message, OpenEnum
from genai_fn.schema.convert import as_changes, as_struct, as_value
from genai_fn.values import FrozenDict


class Colour(OpenEnum):
    """An open enum."""

    RED = "RED"
    BLUE = "BLUE"


class Timestamp(datetime):
    """A datetime of another library, such as pandas."""


def to_upper_case(value: Any) -> Any:
    if value == "":
        raise ConversionError(value, "something to shout")
    return value.upper()


class AllKinds(Message):
    """A field of every type."""

    text: str | None = None
    truth: bool | None = None
    whole: int | None = None
    number: float | None = None
    data: bytes | None = None
    moment: datetime | None = None
    colour: Colour | None = None
    texts: tuple[str, ...] | None = None
    inner: "AllKinds | None" = None
    all_inner: "tuple[AllKinds, ...] | None" = None
    by_name: "Mapping[str, AllKinds] | None" = None
    free: Mapping[str, Any] | None = None
    either: int | str | None = None
    loud: Annotated[str, Coerce(to_upper_case)] | None = None


class RequiredField(Message):
    """A type with a required field."""

    name: str


NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)


class PlainEnum(enum.Enum):
    """An enum of another library."""

    RED = "RED"
    ONE = 1


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("text", "", ""),
        ("text", "\u00e9\U0001f600", "\u00e9\U0001f600"),
        ("truth", False, False),
        ("whole", 3, 3),
        ("whole", 3.0, 3),
        ("whole", -(2**63), -(2**63)),
        ("whole", 2**64 - 1, 2**64 - 1),
        ("number", 3, 3.0),
        ("number", 0.5, 0.5),
        ("data", b"x", b"x"),
        ("data", bytearray(b"x"), b"x"),
        ("data", memoryview(b"x"), b"x"),
        ("data", "+/8=", b"\xfb\xff"),
        ("data", "-_8=", b"\xfb\xff"),
        ("data", "", b""),
        ("moment", NOON, NOON),
        ("moment", "2025-01-02T12:00:00Z", NOON),
        ("moment", Timestamp(2025, 1, 2, 12, tzinfo=UTC), NOON),
        ("moment", "2025-01-02T14:00:00+02:00", NOON),
        ("colour", "RED", Colour.RED),
        ("colour", "red", Colour.RED),
        ("colour", Colour.RED, Colour.RED),
        ("colour", PlainEnum.RED, Colour.RED),
        ("colour", "mauve", Colour("mauve")),
        ("texts", ["a"], ("a",)),
        ("texts", (), ()),
        ("texts", (each for each in "ab"), ("a", "b")),
        ("inner", {"text": "a"}, AllKinds(text="a")),
        ("inner", AllKinds(text="a"), AllKinds(text="a")),
        ("inner", MappingProxyType({"text": "a"}), AllKinds(text="a")),
        ("all_inner", [{"allInner": [{}]}], (AllKinds(all_inner=(AllKinds(),)),)),
        ("by_name", {"a_b": {"text": "x"}}, FrozenDict({"a_b": AllKinds(text="x")})),
        ("either", 1, 1),
        ("either", "a", "a"),
        ("loud", "a", "A"),
    ],
)
def test_converts(field: str, value: Any, expected: Any) -> None:
    """Accepted values are converted; lists become tuples; unlisted enum values are kept."""
    converted = getattr(as_struct(AllKinds, {field: value}), field)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"text": 1}, "config.text"),
        ({"text": b"a"}, "config.text"),
        ({"text": "\ud800"}, "config.text"),
        ({"text": Colour.RED}, "config.text"),
        ({"truth": 1}, "config.truth"),
        ({"truth": "true"}, "config.truth"),
        ({"whole": 1.5}, "config.whole"),
        ({"whole": True}, "config.whole"),
        ({"whole": "1"}, "config.whole"),
        ({"whole": 2**64}, "config.whole"),
        ({"whole": float("inf")}, "config.whole"),
        ({"number": float("nan")}, "config.number"),
        ({"number": float("inf")}, "config.number"),
        ({"number": "0.5"}, "config.number"),
        ({"number": False}, "config.number"),
        ({"data": "no base64"}, "config.data"),
        ({"data": "AA"}, "config.data"),
        ({"data": "\u00e9"}, "config.data"),
        ({"data": 1}, "config.data"),
        ({"moment": "noon"}, "config.moment"),
        ({"moment": datetime(2025, 1, 2)}, "config.moment"),  # noqa: DTZ001  # that is the mistake
        ({"moment": 1}, "config.moment"),
        ({"colour": 1}, "config.colour"),
        ({"colour": PlainEnum.ONE}, "config.colour"),
        ({"texts": "a"}, "config.texts"),
        ({"texts": b"a"}, "config.texts"),
        ({"texts": {"a": "b"}}, "config.texts"),
        ({"texts": 1}, "config.texts"),
        ({"texts": ["a", None]}, "config.texts[1]"),
        ({"texts": ["a", "\udfff"]}, "config.texts[1]"),
        ({"inner": []}, "config.inner"),
        ({"inner": RequiredField(name="a")}, "config.inner"),
        ({"allInner": [{}, {"inner": {"whole": "x"}}]}, "config.allInner[1].inner.whole"),
        ({"by_name": {"a": {"tetx": 1}}}, "config.by_name.a.tetx"),
        ({"by_name": {1: {}}}, "config.by_name"),
        ({"by_name": []}, "config.by_name"),
        ({"free": {"a": [1, {"b": float("nan")}]}}, "config.free.a[1].b"),
        ({"free": {"a": ("\ud800",)}}, "config.free.a[0]"),
        ({"free": {"a": {"\ud800": 1}}}, "config.free.a"),
        ({"free": {"a": 2**64}}, "config.free.a"),
        ({"free": {"a": object()}}, "config.free.a"),
        ({"free": {"a": [print]}}, "config.free.a[0]"),
        ({"free": []}, "config.free"),
        ({"either": 1.5}, "config.either"),
        ({"loud": ""}, "config.loud"),
        ({"tetx": "a"}, "config.tetx"),
        ({1: "a"}, "config.1"),
        ({"all_inner": [], "allInner": []}, "config.allInner"),
        (AllKinds(whole="x"), "config.whole"),  # type: ignore[arg-type]  # that is the mistake
        (AllKinds(inner=AllKinds(texts=("a", 1))), "config.inner.texts[1]"),  # type: ignore[arg-type]  # that is the mistake
        ("text", "config"),
        ([], "config"),
        (RequiredField(name="a"), "config"),
    ],
)
def test_mistakes(value: Any, path: str) -> None:
    """An invalid value is refused with its path, as it was spelled, and the error contains the value."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(AllKinds, value)
    assert raised.value.path == path


def test_message() -> None:
    """An error contains the path, what was expected and the value; a similar name is suggested."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(GenerateContentConfig, {"temprature": 0.5})
    assert (
        str(raised.value)
        == "config.temprature: expected a field of GenerateContentConfig, such as temperature, got 0.5"
    )
    assert raised.value.value == 0.5


@pytest.mark.parametrize(
    ("key", "near"),
    [("system", "system_instruction"), ("tokens", "max_output_tokens"), ("tool", "tools"), ("topk", "top_k")],
)
def test_suggestion(key: str, near: str) -> None:
    """The name that is suggested is spelled almost like the key, or else contains it as a word."""
    with pytest.raises(InvalidRequest, match=f"such as {near},"):
        as_struct(GenerateContentConfig, {key: 1})


def test_missing_field() -> None:
    """A missing required field is named."""
    with pytest.raises(InvalidRequest, match="name"):
        as_struct(RequiredField, {})


def test_union_names_all_members() -> None:
    """For a union, an error names all of its members."""
    with pytest.raises(InvalidRequest, match="expected a whole number or text"):
        as_struct(AllKinds, {"either": 1.5})


def test_recursive_value() -> None:
    """A value that contains itself raises InvalidRequest, not RecursionError."""
    endless: dict[str, Any] = {}
    endless["again"] = endless
    for convert in (as_struct, as_changes):
        with pytest.raises(InvalidRequest, match="contain itself"):
            convert(AllKinds, {"free": endless}, "config")


@dataclasses.dataclass
class Point:
    """A value of another library."""

    x: float
    colour: Colour


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (None, None),
        (True, True),
        ({"a": None, "b": [None, ()]}, {"a": None, "b": [None, []]}),
        (b"\xfb\xff", "+/8="),
        (Colour.RED, "RED"),
        (PlainEnum.ONE, 1),
        (NOON, "2025-01-02T12:00:00Z"),
        (Point(0.5, Colour.RED), {"x": 0.5, "colour": "RED"}),
        (Part(text="a"), {"text": "a"}),
        ({"a"}, ["a"]),
        (Decimal("0.5"), "0.5"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (OrderedDict(a=1), {"a": 1}),
    ],
)
def test_free_json(value: Any, json: Any) -> None:
    """Free-form JSON may contain types that msgspec encodes; the request contains their JSON."""
    assert as_struct(AllKinds, {"free": {"k": value}}).free == {"k": json}


def test_free_json_is_copied() -> None:
    """Later changes of arguments do not change the converted value, at any depth, also in a Struct."""
    inner: list[Any] = [1]
    tree = {"a": inner}
    converted = as_struct(AllKinds, {"free": tree}), as_struct(AllKinds, AllKinds(free=tree))
    inner.append(2)
    tree["b"] = []
    assert [each.free for each in converted] == [{"a": [1]}, {"a": [1]}]


def test_converted_is_same_object() -> None:
    """A Struct that needs no conversion is returned as the same object."""
    value = Content(role="user", parts=(Part(text="a"), Part(inline_data=Blob(data=b"x"))))
    assert as_struct(Content, value) is value
    config = GenerateContentConfig(temperature=0.5, thinking_config=ThinkingConfig(thinking_budget=1))
    assert as_struct(GenerateContentConfig, config) is config


def test_unconverted_struct_is_converted() -> None:
    """Unconverted values in the fields of a Struct are converted."""
    value = GenerateContentConfig(system_instruction="be brief", safety_settings=[{"threshold": "off"}])  # type: ignore[arg-type]  # a list
    converted = as_struct(GenerateContentConfig, value)
    assert converted.system_instruction == Content(role="user", parts=(Part(text="be brief"),))
    assert converted.safety_settings == (SafetySetting(threshold=HarmBlockThreshold.OFF),)


def test_none_is_empty() -> None:
    """None is an empty config; a None in a dict leaves the field unset."""
    assert as_struct(AllKinds, None) == AllKinds()
    assert as_struct(AllKinds, {"text": None, "inner": None}) == AllKinds()


def test_changes() -> None:
    """`as_changes` returns fields by their Python names, and keeps None."""
    assert as_changes(AllKinds, {"allInner": [{}], "text": None}, "config") == {
        "all_inner": (AllKinds(),),
        "text": None,
    }
    with pytest.raises(InvalidRequest, match=r"^config\.whole: "):
        as_changes(AllKinds, {"whole": "x"}, "config")


def test_changes_that_contain_themselves() -> None:
    """`as_changes` refuses JSON that is too deep or contains itself, as `as_struct` does."""
    schema: dict[str, Any] = {}
    schema["items"] = schema
    with pytest.raises(InvalidRequest, match=r"^config: expected JSON of at most 100 levels"):
        as_changes(GenerateContentConfig, {"response_json_schema": schema}, "config")


@pytest.mark.parametrize(
    "given",
    (
        {"api_key_string": b"test-key"},
        {"api_key_string": ["test-key"]},
        {"api_key_strin": "test-key"},
        ApiKeyConfig(api_key_string=b"test-key"),  # type: ignore[arg-type]  # the rule is about such values
        "test-key",
    ),
)
def test_secrets_in_errors(given: Any) -> None:
    """The error for a wrong value of a secret field, or for a misspelled one, does not show the value."""
    with pytest.raises(InvalidRequest) as raised:
        as_value(ApiKeyConfig, given, "key")
    assert "test-key" not in str(raised.value) + repr(raised.value)


def test_any_annotation() -> None:
    """`as_value` converts by any annotation, with the given path."""
    assert as_value(tuple[int, ...] | None, [1, 2.0], "sizes") == (1, 2)
    assert as_value(Mapping[str, Any] | None, None, "extra") is None
    with pytest.raises(InvalidRequest) as raised:
        as_value(tuple[int, ...], [1, "x"], "sizes")
    assert raised.value.path == "sizes[1]"


_KINDS = st.deferred(
    lambda: st.builds(
        AllKinds,
        text=st.none() | st.text(),
        truth=st.none() | st.booleans(),
        whole=st.none() | st.integers(-(2**63), 2**63),
        number=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        data=st.none() | st.binary(max_size=8),
        colour=st.none() | st.sampled_from(Colour) | st.text(max_size=4).map(Colour),
        texts=st.none() | st.lists(st.text(max_size=4), max_size=2).map(tuple),
        inner=st.none() | _KINDS,
        all_inner=st.none() | st.lists(_KINDS, max_size=2).map(tuple),
        by_name=st.none() | st.dictionaries(st.text(max_size=4), _KINDS, max_size=2),
    )
)


@settings(deadline=None, max_examples=30)
@given(value=_KINDS)
def test_spellings_agree(value: AllKinds) -> None:
    """A Struct, a dict in snake_case and one in camelCase convert to the same value."""
    snake = {name: getattr(value, name) for name in value.__struct_fields__}
    assert as_struct(AllKinds, value) == value
    assert as_struct(AllKinds, snake) == value
    assert as_struct(AllKinds, msgspec.to_builtins(value)) == value


def test_call_arguments_are_free() -> None:
    """Names within function arguments are kept as they are."""
    call = as_struct(FunctionCall, {"name": "f", "args": {"snake_case": 1, "snakeCase": {"name": None}}})
    assert call.args == {"snake_case": 1, "snakeCase": {"name": None}}


@pytest.mark.parametrize(
    ("name", "modifier"),
    [
        ("http_options", "with_options"),
        ("httpOptions", "with_options"),
        ("should_return_http_response", "with_http_response"),
    ],
)
def test_options_set_by_modifiers(name: str, modifier: str) -> None:
    """Options of the call in a config of google-genai are refused; the error names the modifier to use instead."""
    with pytest.raises(InvalidRequest, match=modifier) as raised:
        as_struct(GenerateContentConfig, {name: {}})
    assert raised.value.path == f"config.{name}"
