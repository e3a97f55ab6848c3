"""Which texts of a prompt count, and what is refused."""

from datetime import date
from typing import Any

import pytest

from genai_fn import InvalidRequest, generate, tokens, with_config, with_tools
from genai_fn.local_tokenizer.countable_texts import list_countable_texts
from genai_fn.schema import (
    Content,
    CountTokensConfig,
    FunctionCall,
    FunctionDeclaration,
    GenerateContentConfig,
    GenerationConfig,
    Part,
    Schema,
    Tool,
)

SCHEMA: dict[str, Any] = {
    "type": "OBJECT",
    "title": "not counted",
    "format": "f",
    "description": "d",
    "enum": ["e"],
    "required": ["r"],
    "default": "not counted",
    "pattern": "not counted",
    "property_ordering": ["not counted"],
    "items": {"description": "i"},
    "properties": {"p": {"description": "q"}},
    "example": {"x": ["y", 1, None, True, 0.5]},
}
SCHEMA_TEXTS = ["d", "e", "f", "i", "p", "q", "r", "x", "y"]


def list_texts(contents: Any, config: Any = None) -> list[str]:
    return [each.text for each in list_countable_texts(contents, config)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ("hi", [("user", "hi")]),
        (["hi", "you"], [("user", "hi"), ("user", "you")]),
        (Content(role="model", parts=(Part(text="yes", thought=True, thought_signature=b"s"),)), [("model", "yes")]),
        (Content(parts=(Part(text=""),)), [(None, "")]),
        (
            {"function_call": {"id": "c1", "name": "f", "args": {"a": {"b": ["c", 1]}}}},
            [("model", "f"), ("model", "a"), ("model", "b"), ("model", "c")],
        ),
        (
            {"function_response": {"id": "c1", "name": "f", "response": {"output": "o", "ok": True}}},
            [("user", "f"), ("user", "output"), ("user", "ok"), ("user", "o")],
        ),
        ({"function_response": {"response": {"a": "b"}, "parts": []}}, [("user", "a"), ("user", "b")]),
        ([{"role": "user", "parts": [{"text": "a", "video_metadata": {"fps": 1.0}}]}], [("user", "a")]),
        ({"text": "a", "extra": {"mood": "not counted"}}, [("user", "a")]),
    ],
)
def test_contents(contents: Any, expected: list[tuple[str | None, str]]) -> None:
    """Texts count, and names, keys and values of function calls and responses; each has the role of its turn."""
    assert list_countable_texts(contents, None) == expected


@pytest.mark.parametrize(
    "config",
    [
        {"response_schema": SCHEMA},
        {"responseSchema": SCHEMA},
        {"generation_config": {"response_schema": SCHEMA}},
        {"generationConfig": {"responseSchema": SCHEMA}},
        GenerateContentConfig(response_schema=Schema.from_json_schema(json_schema={}), response_json_schema=SCHEMA),
        CountTokensConfig(generation_config=GenerationConfig(response_json_schema=SCHEMA)),
        {"tools": [{"function_declarations": [{"parameters": SCHEMA}]}]},
        {"tools": [{"function_declarations": [{"response": SCHEMA}]}]},
        CountTokensConfig(tools=(Tool(function_declarations=(FunctionDeclaration(parameters_json_schema=SCHEMA),)),)),
        {"tools": [FunctionDeclaration(response_json_schema=SCHEMA)]},
    ],
)
def test_schemas(config: Any) -> None:
    """Of a schema, names and values count wherever it is, in the API's dialect or in JSON Schema."""
    assert sorted(filter(None, list_texts("", config))) == SCHEMA_TEXTS


def test_more_of_schemas() -> None:
    """Unlike in google-genai, all subschemas count, and the keywords of JSON Schema for a constant and for examples."""
    schema = {
        "anyOf": [{"description": "a"}, {"$ref": "#/$defs/b"}],
        "$defs": {"b": {"description": "c", "enum": ["d", 1]}},
        "additionalProperties": {"const": "e", "examples": ["f"]},
        "items": True,
    }
    config: Any = {"response_json_schema": schema}
    assert sorted(filter(None, list_texts("", config))) == ["a", "c", "d", "e", "f"]
    config = {"response_schema": {"any_of": [{"description": "a"}], "additional_properties": {"description": "b"}}}
    assert sorted(filter(None, list_texts("", config))) == ["a", "b"]


def test_functions() -> None:
    """Python functions count by their declarations, whether they are in the config or were added by a modifier."""

    def weather(city: str) -> str:
        """Tell it."""
        return city

    expected = ["Rome?", "weather", "Tell it.", "city", "city"]
    assert list_texts("Rome?", {"tools": [weather]}) == expected
    assert list_texts(generate("m", "Rome?") | with_tools(weather)) == expected


def test_system_instruction() -> None:
    """The system instruction counts, as text or as content."""
    assert list_texts("a", {"system_instruction": "b"}) == ["a", "b"]
    assert list_texts("a", {"system_instruction": {"parts": [{"text": "b"}, {"text": "c"}]}}) == ["a", "b", "c"]


def test_requests() -> None:
    """A request counts as its contents and config would."""
    config: dict[str, Any] = {"system_instruction": "b", "tools": [{"function_declarations": [{"name": "f"}]}]}
    request = generate("m", "a", config) | with_config(temperature=0.5, response_schema={"description": "d"})
    assert list_countable_texts(request, None) == list_countable_texts(
        "a", {**config, "response_schema": {"description": "d"}}
    )


def test_values_that_become_json() -> None:
    """A value of a function's arguments that is sent as a string counts as that string."""
    call = FunctionCall(name="f", args={"day": date(2026, 1, 2), "tool": Part(text="t")})
    assert list_texts(Part(function_call=call)) == ["f", "day", "tool", "2026-01-02", "text", "t"]


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP


@pytest.mark.parametrize(
    ("contents", "config", "path"),
    [
        ({"inline_data": {"data": b"x", "mime_type": "image/png"}}, None, "contents[0].parts[0].inline_data"),
        (["a", {"file_data": {"file_uri": "gs://b/x.png"}}], None, "contents[0].parts[1].file_data"),
        ({"executable_code": {"code": "1", "language": "PYTHON"}}, None, "contents[0].parts[0].executable_code"),
        ({"code_execution_result": {"output": "1"}}, None, "contents[0].parts[0].code_execution_result"),
        ({"tool_call": {"id": "1"}}, None, "contents[0].parts[0].tool_call"),
        ({"tool_response": {"id": "1"}}, None, "contents[0].parts[0].tool_response"),
        (
            {"function_call": {"name": "f", "partial_args": [{"json_path": "$.a"}]}},
            None,
            "contents[0].parts[0].function_call.partial_args",
        ),
        (
            {"function_response": {"name": "f", "parts": [{"inline_data": {"data": b"x", "mime_type": "image/png"}}]}},
            None,
            "contents[0].parts[0].function_response.parts",
        ),
        (
            "a",
            {"system_instruction": {"file_data": {"file_uri": "gs://b/x"}}},
            "config.system_instruction.parts[0].file_data",
        ),
        ("a", {"cached_content": "cachedContents/x"}, "config.cached_content"),
        (generate("m", "a", {"cached_content": "cachedContents/x"}), None, "request.config.cached_content"),
        (generate("m", "a"), {"temperature": 1.0}, "config"),
        (tokens.count("m", "a"), None, "contents"),
        ([], None, "contents"),
        (None, None, "contents"),
        ("a", {"temperatur": 1.0}, "config.temperatur"),
        ("a", {"generation_config": {}, "temperature": 1.0}, "config.temperature"),
        ("a", {"tools": [FunctionDeclaration(parameters_json_schema={"properties": LOOP})]}, "config"),
        ("a", {"tools": [FunctionDeclaration(parameters_json_schema={"example": LOOP})]}, "config"),
        (Part(function_call=FunctionCall(name="f", args={"a": object()})), None, "contents.function_call.args.a"),
    ],
)
def test_refused(contents: Any, config: Any, path: str) -> None:
    """What is neither text nor counted is refused with its path, as a count without it would be too low."""
    with pytest.raises(InvalidRequest) as raised:
        list_texts(contents, config)
    assert raised.value.path == path
