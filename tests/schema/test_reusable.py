"""Configs that many requests share: nothing in them can change, and what is derived from them is always right."""

import copy
import pickle
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from threading import Barrier, Thread
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from returns.result import Result

from genai_fn import Gemini, GenaiError, Vertex, encode, generate, with_config
from genai_fn.http import HttpRequest
from genai_fn.schema import (
    AutomaticFunctionCallingConfig,
    FunctionDeclaration,
    GenerateContentConfig,
    Message,
    OpenEnum,
    Schema,
    Tool,
)
from genai_fn.schema.convert import as_struct
from genai_fn.testing.strategies import from_type
from genai_fn.values import FrozenDict, FrozenList

BACKENDS = (Gemini("test-key"), Vertex(project="p", location="l"))
SCHEMA = Schema(type="OBJECT", properties={"name": Schema(type="STRING")})

some_configs = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def encode_on_both(config: Any) -> list[Result[HttpRequest, GenaiError]]:
    return [encode(generate("m", "Hi", config), backend) for backend in BACKENDS]


def find_changeable(value: Any) -> list[object]:
    """Find everything in a value that a program could change."""
    if isinstance(value, Message):
        return [found for name in value.__struct_fields__ for found in find_changeable(getattr(value, name))]
    if isinstance(value, Mapping):
        inner = [found for each in value.values() for found in find_changeable(each)]
        return inner if isinstance(value, FrozenDict) else [value, *inner]
    if isinstance(value, tuple | list):
        inner = [found for each in value for found in find_changeable(each)]
        return inner if isinstance(value, tuple | FrozenList) else [value, *inner]
    return [] if value is None or isinstance(value, str | bytes | int | float | datetime | OpenEnum) else [value]


class TestConversion:
    @some_configs
    @given(from_type(GenerateContentConfig))
    def test_nothing_can_change(self, drawn: GenerateContentConfig) -> None:
        """A converted config contains nothing that can be changed, and is not converted again."""
        config = as_struct(GenerateContentConfig, drawn)
        assert find_changeable(config) == []
        assert as_struct(GenerateContentConfig, config) is config
        assert generate("m", "Hi", config).operation.config is config

    @pytest.mark.parametrize(
        "config",
        [
            GenerateContentConfig(seed=1),
            GenerateContentConfig(system_instruction="Be brief.", response_schema=SCHEMA),
            GenerateContentConfig(response_schema=dict[str, int], safety_settings=[]),
            GenerateContentConfig(
                tools=[Tool(function_declarations=(FunctionDeclaration(name="f", parameters=SCHEMA),))]
            ),
            GenerateContentConfig(labels={"team": "a"}, stop_sequences=["."]),
        ],
        ids=repr,
    )
    def test_struct(self, config: GenerateContentConfig) -> None:
        """A config that cannot change is converted once, although it contains shorthands."""
        converted = as_struct(GenerateContentConfig, config)
        assert as_struct(GenerateContentConfig, config) is converted
        assert find_changeable(converted) == []

    @pytest.mark.parametrize("given", [{"tools": [{"google_search": {}}]}, {"response_json_schema": {"enum": [1, 2]}}])
    def test_struct_that_can_change(self, given: dict[str, Any]) -> None:
        """A config with a dict at some depth, which may change, is converted each time."""
        config = GenerateContentConfig(**given)
        assert as_struct(GenerateContentConfig, config) is not as_struct(GenerateContentConfig, config)

    def test_containers_of_the_caller(self) -> None:
        """A list or dict that is passed for a field is copied: changing it later changes no config."""
        labels, stops = {"team": "a"}, ["."]
        config = GenerateContentConfig(labels=labels, stop_sequences=stops)  # type: ignore[arg-type]  # a list is accepted
        labels["team"] = "b"
        stops.append("!")
        assert (config.labels, config.stop_sequences) == ({"team": "a"}, (".",))

    def test_nested_dict_of_the_caller(self) -> None:
        """A change of a nested dict reaches the requests that are built after it, and no others."""
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        config = GenerateContentConfig(response_json_schema=schema)
        before = generate("m", "Hi", config)
        schema["properties"]["a"] = {"type": "string"}
        after = generate("m", "Hi", config)
        assert before.operation.config.response_json_schema == {"type": "object", "properties": {}}
        assert after.operation.config.response_json_schema == schema

    def test_class_that_changes(self) -> None:
        """A class or a function that a program changes reaches the requests that are built after it as it is then."""
        changing = TypedDict("changing", {"a": int})  # noqa: UP013  # of its own, as it is changed

        def find(city: str) -> str:
            return city

        off = AutomaticFunctionCallingConfig(disable=True)
        configs = [
            GenerateContentConfig(response_schema=changing),
            GenerateContentConfig(response_schema=list[changing]),
            GenerateContentConfig(response_schema=changing | None),
            GenerateContentConfig(tools=(find,), automatic_function_calling=off),
        ]
        for each in configs:
            encode_on_both(each)
        changing.__annotations__["b"], find.__doc__ = str, "Find a city."
        for each in configs:
            expected = encode_on_both(replace(each))
            assert encode_on_both(each) == expected
            assert any(word in expected[0].unwrap().body for word in (b'"b"', b"Find a city."))

    def test_enum_that_changes(self) -> None:
        """The value of a member of an enum may change, too."""

        class Choice(Enum):
            SCHEMA = {"enum": [1]}  # noqa: RUF012  # it changes

        config = GenerateContentConfig(response_json_schema=Choice.SCHEMA)
        encode_on_both(config)
        Choice.SCHEMA.value["enum"].append(2)
        assert b'"enum":[1,2]' in encode_on_both(config)[0].unwrap().body

    def test_subclass_that_is_not_frozen(self) -> None:
        """Nothing is derived once of a subclass whose fields can be set."""

        class Settable(GenerateContentConfig, frozen=False):  # type: ignore[misc]  # msgspec allows it
            pass

        config = Settable(seed=1)
        encode_on_both(config)
        config.seed = 2  # type: ignore[misc]  # as above
        assert b'"seed":2' in encode_on_both(config)[0].unwrap().body

    def test_nested_json_of_the_caller(self) -> None:
        """Free-form JSON is copied at any depth: later changes do not reach a request."""
        schema: dict[str, Any] = {"type": "object", "required": ["a"], "properties": {"a": {"enum": [1]}}}
        request = generate("m", "Hi", {"response_json_schema": schema})
        before = [encode(request, each).unwrap().body for each in BACKENDS]
        schema["required"].append("b")
        schema["properties"]["a"]["enum"].clear()
        assert [encode(request, each).unwrap().body for each in BACKENDS] == before


class TestDerivedValues:
    @some_configs
    @given(from_type(GenerateContentConfig))
    def test_same_wire(self, drawn: GenerateContentConfig) -> None:
        """A config that was sent before, one that equals it, a copy and a pickled one give the same requests."""
        config = as_struct(GenerateContentConfig, drawn)
        first = encode_on_both(config)
        others = (config, copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config)), replace(config))
        for each in others:
            assert each == config
            assert encode_on_both(each) == first

    @some_configs
    @given(from_type(GenerateContentConfig))
    def test_replaced_field(self, drawn: GenerateContentConfig) -> None:
        """A field that is replaced in a config that was sent before reaches the wire."""
        config = as_struct(GenerateContentConfig, drawn)
        encode_on_both(config)
        changed = replace(config, seed=12345, labels=None)
        assert encode_on_both(changed) == encode_on_both(
            as_struct(GenerateContentConfig, replace(drawn, seed=12345, labels=None))
        )
        request = generate("m", "Hi", config) | with_config(seed=12345)
        assert request.operation.config.seed == 12345

    def test_each_backend_for_itself(self) -> None:
        """What one backend refuses is refused each time, and does not hinder the other one."""
        config = GenerateContentConfig(audio_timestamp=True)
        for _ in range(2):
            on_gemini, on_vertex = encode_on_both(config)
            assert on_gemini.failure() == encode(generate("m", "Hi", {"audio_timestamp": True}), BACKENDS[0]).failure()
            assert b"audioTimestamp" in on_vertex.unwrap().body

    def test_contents_are_not_kept(self) -> None:
        """Requests with one config have their own contents."""
        config = GenerateContentConfig(seed=1)
        one, two = (encode(generate("m", text, config), BACKENDS[0]).unwrap().body for text in ("one", "two"))
        assert two == one.replace(b"one", b"two")

    def test_threads(self) -> None:
        """Threads that use a config at the same time for the first time get the same requests."""
        expected = encode_on_both({"seed": 7, "response_schema": SCHEMA})
        config, barrier = GenerateContentConfig(seed=7, response_schema=SCHEMA), Barrier(8, timeout=60)
        results: list[Any] = []

        def encode_at_once() -> None:
            barrier.wait()
            results.append(encode_on_both(config))

        threads = [Thread(target=encode_at_once) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert results == [expected] * 8

    def test_not_part_of_the_value(self) -> None:
        """What is derived is neither shown nor compared."""
        config = GenerateContentConfig(seed=7)
        encode_on_both(config)
        assert repr(config) == "GenerateContentConfig(seed=7)"
        assert config == GenerateContentConfig(seed=7)


class TestFrozenContainers:
    @pytest.mark.parametrize(
        "change",
        [
            lambda value: value.__setitem__(0, 1),
            lambda value: value.__delitem__(0),
            lambda value: value.clear(),
            lambda value: value.pop(),
            lambda value: value.update({}),
            lambda value: value.setdefault(0, 1),
            lambda value: value.popitem(),
            lambda value: value.__ior__({}),
        ],
    )
    def test_dict(self, change: Any) -> None:
        """Every method of a dict that changes it is refused."""
        value = FrozenDict({0: 0})
        with pytest.raises(TypeError, match="cannot be changed"):
            change(value)
        assert value == {0: 0}

    @pytest.mark.parametrize(
        "change",
        [
            lambda value: value.__setitem__(0, 1),
            lambda value: value.__delitem__(0),
            lambda value: value.__iadd__([1]),
            lambda value: value.__imul__(2),
            lambda value: value.append(1),
            lambda value: value.clear(),
            lambda value: value.extend([1]),
            lambda value: value.insert(0, 1),
            lambda value: value.pop(),
            lambda value: value.remove(0),
            lambda value: value.reverse(),
            lambda value: value.sort(),
        ],
    )
    def test_list(self, change: Any) -> None:
        """Every method of a list that changes it is refused."""
        value = FrozenList([0])
        with pytest.raises(TypeError, match="cannot be changed"):
            change(value)
        assert value == [0]

    @pytest.mark.parametrize("value", [FrozenDict({"a": FrozenList([1])}), FrozenList([FrozenDict({"a": 1})])])
    def test_copies(self, value: Any) -> None:
        """A pickled or copied container is equal and of the same type; its own ``copy`` can be changed."""
        for each in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert (each, type(each)) == (value, type(value))
        assert type(value.copy()) in (dict, list)
