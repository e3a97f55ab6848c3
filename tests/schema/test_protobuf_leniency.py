"""What the JSON of protocol buffers allows: one object in place of a list, and numbers in place of enum values."""

import enum
import importlib
import pkgutil
from typing import Any

import pytest

from genai_fn import Gemini, InvalidRequest, encode, generate, schema
from genai_fn.http import HttpResponse
from genai_fn.schema import FinishReason, HarmCategory, Type
from genai_fn.schema.base import OpenEnum
from genai_fn.schema.enum_numbers import ENUM_NUMBERS, find_enum_name
from genai_fn.wire import decode
from tests.support.google_genai.agreement import encode_ours

GEMINI = Gemini("test-key")
ENUMS = {
    name: value
    for module in pkgutil.iter_modules(schema.__path__)
    for name, value in vars(importlib.import_module(f"{schema.__name__}.{module.name}")).items()
    if isinstance(value, type) and issubclass(value, OpenEnum)
}


@pytest.mark.parametrize("name", ENUM_NUMBERS)
def test_table(name: str) -> None:
    """The table names enums and their values, in an order without gaps."""
    numbers = ENUM_NUMBERS[name]
    assert list(numbers) == list(range(len(numbers)))
    assert set(numbers.values()) <= {each.value for each in ENUMS[name]}


# In requests

SAFETY = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}

ONE_OBJECT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "parts of the instruction": (
        {"system_instruction": {"parts": {"text": "Be brief."}}},
        {"system_instruction": {"parts": [{"text": "Be brief."}]}},
    ),
    "tools": ({"tools": {"google_search": {}}}, {"tools": [{"google_search": {}}]}),
    "a tool": ({"tools": schema.Tool(google_search=schema.GoogleSearch())}, {"tools": [{"google_search": {}}]}),
    "functions": (
        {"tools": [{"function_declarations": {"name": "f"}}]},
        {"tools": [{"function_declarations": [{"name": "f"}]}]},
    ),
    "safety settings": ({"safety_settings": SAFETY}, {"safety_settings": [SAFETY]}),
    "in camel case": ({"safetySettings": SAFETY}, {"safety_settings": [SAFETY]}),
}


@pytest.mark.parametrize("name", ONE_OBJECT)
def test_one_object(name: str) -> None:
    """One object is sent as a list of one."""
    lenient, strict = ONE_OBJECT[name]
    assert generate("m", "hi", lenient) == generate("m", "hi", strict)


def test_one_part() -> None:
    """One object as the parts of a content is a list of one."""
    _, _, body = encode_ours(generate("m", {"role": "user", "parts": {"text": "hi"}}), "gemini")
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"tools": {"google_serch": {}}}, "config.tools.google_serch"),
        ({"safety_settings": {"category": 99}}, "config.safety_settings.category"),
        ({"stop_sequences": "END"}, "config.stop_sequences"),
        ({"stop_sequences": {"a": "b"}}, "config.stop_sequences"),
    ],
)
def test_one_object_of_another_kind(config: dict[str, Any], path: str) -> None:
    """An object that does not fit, and a text in place of a list, are mistakes with their path."""
    with pytest.raises(InvalidRequest) as raised:
        generate("m", "hi", config)
    assert raised.value.path == path


NUMBERED: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"safety_settings": [{"category": 7, "threshold": 3}]}, {"safety_settings": [SAFETY]}),
    ({"safety_settings": [{"category": 3, "threshold": 3}]}, {"safety_settings": [SAFETY]}),
    (
        {"response_schema": {"type": 5, "items": {"type": 1}}},
        {"response_schema": {"type": "ARRAY", "items": {"type": "STRING"}}},
    ),
    (
        {"tool_config": {"function_calling_config": {"mode": 2}}},
        {"tool_config": {"function_calling_config": {"mode": "ANY"}}},
    ),
    ({"media_resolution": 1}, {"media_resolution": "MEDIA_RESOLUTION_LOW"}),
)


@pytest.mark.parametrize(("numbers", "names"), NUMBERED)
def test_numbers(numbers: dict[str, Any], names: dict[str, Any]) -> None:
    """The number of an enum value is sent as its name."""
    assert encode_ours(generate("m", "hi", numbers), "gemini") == encode_ours(generate("m", "hi", names), "gemini")


class HarmCategoryOfOtherLibrary(enum.IntEnum):
    """An enum as the libraries over gRPC have it."""

    HARM_CATEGORY_HARASSMENT = 7


def test_enum_of_another_library() -> None:
    """A member of an enum of numbers is taken by its name."""
    config = {"safety_settings": [{**SAFETY, "category": HarmCategoryOfOtherLibrary.HARM_CATEGORY_HARASSMENT}]}
    assert generate("m", "hi", config) == generate("m", "hi", {"safety_settings": [SAFETY]})


@pytest.mark.parametrize(
    ("config", "path", "hint"),
    [
        ({"safety_settings": [{"category": 12}]}, "config.safety_settings[0].category", "from 0 to 11"),
        ({"safety_settings": [{"category": True}]}, "config.safety_settings[0].category", "a HarmCategory"),
        ({"response_schema": {"type": -1}}, "config.response_schema.type", "from 0 to 7"),
        ({"thinking_config": {"thinking_level": 2}}, "config.thinking_config.thinking_level", "a ThinkingLevel"),
    ],
)
def test_unknown_numbers(config: dict[str, Any], path: str, hint: str) -> None:
    """An unknown number is a mistake that names the field, the value and the enum."""
    with pytest.raises(InvalidRequest) as raised:
        generate("m", "hi", config)
    assert raised.value.path == path
    assert hint in raised.value.expected


# In responses


def read(text: bytes) -> Any:
    return decode(generate("m", "hi"), HttpResponse(200, (), text), GEMINI).unwrap()


def test_one_object_in_a_response() -> None:
    """One object in place of a list of objects is a list of one."""
    answer = read(b'{"candidates": {"content": {"parts": {"text": "hi"}, "role": "model"}, "safetyRatings": {}}}')
    assert answer.text == "hi"
    assert len(answer.candidates[0].safety_ratings) == 1


def test_numbers_in_a_response() -> None:
    """Numbers of enum values are read as their names."""
    answer = read(
        b'{"candidates": [{"finishReason": 2, "safetyRatings": [{"category": 8, "probability": 1}]}],'
        b' "usageMetadata": {"promptTokensDetails": [{"modality": 1, "tokenCount": 3}]}}'
    )
    candidate = answer.candidates[0]
    assert candidate.finish_reason is FinishReason.MAX_TOKENS
    assert candidate.safety_ratings[0].category is HarmCategory.HARM_CATEGORY_HATE_SPEECH
    assert answer.usage_metadata.prompt_tokens_details[0].modality == "TEXT"


@pytest.mark.parametrize("number", (6, 10, 99, -1))
def test_unknown_numbers_in_a_response(number: int) -> None:
    """A number that is unknown, or has two meanings, is kept as its digits."""
    answer = read(b'{"candidates": [{"finishReason": %d}]}' % number)
    assert answer.candidates[0].finish_reason == str(number)


def test_find_enum_name() -> None:
    """A number is found in its enum alone."""
    assert [find_enum_name(name, 1) for name in ("Type", "Outcome", "JobState", "")] == [
        Type.STRING,
        "OUTCOME_OK",
        None,
        None,
    ]


def test_encodes_names() -> None:
    """An unknown number of a response is sent back as its digits in a text, which is what was read."""
    assert encode(generate("m", {"parts": [{"code_execution_result": {"outcome": 1}}]}), GEMINI).unwrap().body == (
        b'{"contents":[{"parts":[{"codeExecutionResult":{"outcome":"OUTCOME_OK"}}]}]}'
    )
