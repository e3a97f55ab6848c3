"""Function calls of the fake model."""

from base64 import b64decode
from typing import Any

import pytest

from genai_fn import Offline, generate, text
from genai_fn.modifiers import calling, with_tools
from tests.support.emulator_requests import (
    HI,
    generate_json,
    get_calls,
    get_parts,
    get_text,
    parse_events,
    parse_fault,
    post,
)

WEATHER: dict[str, Any] = {
    "name": "weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "unit": {"type": "STRING", "enum": ["C", "F"]}},
    },
}
CLOCK: dict[str, Any] = {"name": "clock"}
TOOLS = [{"functionDeclarations": [WEATHER]}, {"googleSearch": {}}, {"functionDeclarations": [CLOCK]}]


def build_tool_config(name: str, **fields: Any) -> dict[str, Any]:
    """Build a tool config with a mode."""
    return {"functionCallingConfig": {"mode": name, **fields}}


def generate_parts(**fields: Any) -> Any:
    """Return the parts of an answer with tools."""
    return get_parts(generate_json("Oslo?", tools=TOOLS, **fields))


def test_mode_any() -> None:
    """In mode ``ANY``, the first function is called with arguments that match its parameters."""
    response = generate_json("Oslo?", tools=TOOLS, toolConfig=build_tool_config("ANY"))
    assert get_calls(response) == [("weather", {"city": "Oslo?", "unit": "C"})]


def test_allowed() -> None:
    """Only an allowed function is called; a function without parameters gets no arguments."""
    config = build_tool_config("ANY", allowedFunctionNames=["clock"])
    assert get_calls(generate_json("Oslo?", tools=TOOLS, toolConfig=config)) == [("clock", {})]


def test_json_schema() -> None:
    """Parameters in JSON Schema are supported, too."""
    schema = {"type": "object", "properties": {"days": {"type": "integer", "minimum": 1}}}
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    response = generate_json("hi", tools=tools, toolConfig=build_tool_config("ANY"))
    assert get_calls(response) == [("f", {"days": 1})]


def answer_call(name: str) -> list[dict[str, Any]]:
    """Return a call of a function and its response, as two turns."""
    call = {"functionCall": {"name": name, "args": {}}}
    response = {"functionResponse": {"name": name, "response": {"a": 1}}}
    return [{"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [([], "weather"), (["weather"], "clock"), (["clock"], "weather"), (["weather", "clock"], "weather")],
)
def test_prefers_unanswered(answered: list[str], expected: str) -> None:
    """In mode ``ANY``, a function that was not answered yet is called before the others."""
    turns = [HI, *(turn for name in answered for turn in answer_call(name))]
    ((name, _),) = get_calls(generate_json(turns, tools=TOOLS, toolConfig=build_tool_config("ANY")))
    assert name == expected


def test_ids_and_signatures() -> None:
    """Each call has an ID of its own, and the same request gets the same one; a thought signature comes with it."""
    (first,), (again,), (other,) = (
        get_parts(generate_json(text, tools=TOOLS, toolConfig=build_tool_config("ANY"))) for text in ("a", "a", "b")
    )
    assert first == again
    assert first["functionCall"]["id"] != other["functionCall"]["id"]
    assert b64decode(first["thoughtSignature"], validate=True)


@pytest.mark.parametrize(
    "config", ({}, {"toolConfig": build_tool_config("AUTO")}, {"toolConfig": build_tool_config("NONE")}), ids=range(3)
)
def test_other_modes(config: Any) -> None:
    """In other modes, the model answers with text."""
    assert "You asked" in generate_parts(**config)[0]["text"]


def test_nothing_to_call() -> None:
    """In mode ``ANY`` without functions, the model answers with text."""
    assert "You asked" in get_text(generate_json(toolConfig=build_tool_config("ANY")))


def test_unreadable() -> None:
    """Invalid parameters are rejected."""
    schema = {"$ref": "#/nowhere"}
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    turns = [{"role": "user", "parts": [{"text": "hi"}]}]
    body = {"contents": turns, "tools": tools, "toolConfig": build_tool_config("ANY")}
    assert parse_fault(post("models/m:generateContent", body))[0] == 400


def test_streamed() -> None:
    """In a stream, a function call is one event."""
    turns = [{"role": "user", "parts": [{"text": "hi"}]}]
    body = {"contents": turns, "tools": TOOLS, "toolConfig": build_tool_config("ANY")}
    (event,) = parse_events(post("models/m:streamGenerateContent?alt=sse", body))
    assert event["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "weather"
    assert event["candidates"][0]["finishReason"] == "STOP"


def test_loop() -> None:
    """The model repeats the function's result, so a calling loop works offline."""

    def weather(city: str) -> str:
        """Return the weather."""
        return "rain"

    request = generate("m", "Oslo?", {"tool_config": {"function_calling_config": {"mode": "ANY"}}})
    assert "The function weather answered" in Offline()(request | calling(weather) | text).unwrap()
    assert Offline()(request | with_tools(weather)).unwrap().function_calls[0].args == {"city": "Oslo?"}
