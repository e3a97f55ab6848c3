"""What the embedded model calls, where it is made to call something."""

from typing import Any

import pytest

from genai_fn import Offline, generate, text
from genai_fn.modifiers import calling, with_tools
from tests.support.emulator_requests import events, fault, generated, post

WEATHER: dict[str, Any] = {
    "name": "weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "unit": {"type": "STRING", "enum": ["C", "F"]}},
    },
}
CLOCK: dict[str, Any] = {"name": "clock"}
TOOLS = [{"functionDeclarations": [WEATHER]}, {"googleSearch": {}}, {"functionDeclarations": [CLOCK]}]


def mode(name: str, **more: Any) -> dict[str, Any]:
    """Say how functions are called."""
    return {"functionCallingConfig": {"mode": name, **more}}


def parts(**beside: Any) -> Any:
    """Give what a model says that may use the tools."""
    return generated("Oslo?", tools=TOOLS, **beside)["candidates"][0]["content"]["parts"]


def test_made_to_call() -> None:
    """In mode ``ANY`` the first function is called, with arguments that fit its parameters."""
    assert parts(toolConfig=mode("ANY")) == [
        {"functionCall": {"name": "weather", "args": {"city": "Oslo?", "unit": "C"}}}
    ]


def test_allowed() -> None:
    """Of several, one that is allowed; none has arguments that it does not take."""
    config = mode("ANY", allowedFunctionNames=["clock"])
    assert parts(toolConfig=config) == [{"functionCall": {"name": "clock", "args": {}}}]


def test_json_schema() -> None:
    """Parameters in JSON Schema are read, too."""
    schema = {"type": "object", "properties": {"days": {"type": "integer", "minimum": 1}}}
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    said = generated("hi", tools=tools, toolConfig=mode("ANY"))["candidates"][0]["content"]["parts"]
    assert said == [{"functionCall": {"name": "f", "args": {"days": 1}}}]


@pytest.mark.parametrize("config", ({}, {"toolConfig": mode("AUTO")}, {"toolConfig": mode("NONE")}), ids=range(3))
def test_left_to_it(config: Any) -> None:
    """A model that may choose says something."""
    assert "You asked" in parts(**config)[0]["text"]


def test_nothing_to_call() -> None:
    """Without a function that it may call, too."""
    assert "You asked" in generated(toolConfig=mode("ANY"))["candidates"][0]["content"]["parts"][0]["text"]


def test_unreadable() -> None:
    """Parameters that make no sense are refused."""
    schema = {"$ref": "#/nowhere"}
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    turns = [{"role": "user", "parts": [{"text": "hi"}]}]
    body = {"contents": turns, "tools": tools, "toolConfig": mode("ANY")}
    assert fault(post("models/m:generateContent", body))[0] == 400


def test_streamed() -> None:
    """In a stream, a call comes in one piece."""
    turns = [{"role": "user", "parts": [{"text": "hi"}]}]
    body = {"contents": turns, "tools": TOOLS, "toolConfig": mode("ANY")}
    (piece,) = events(post("models/m:streamGenerateContent?alt=sse", body))
    assert piece["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "weather"
    assert piece["candidates"][0]["finishReason"] == "STOP"


def test_loop() -> None:
    """What the function answers is spoken of, so a whole loop runs offline."""

    def weather(city: str) -> str:
        """Tell the weather."""
        return "rain"

    made = generate("m", "Oslo?", {"tool_config": {"function_calling_config": {"mode": "ANY"}}})
    assert "The function weather answered" in Offline()(made | calling(weather) | text).unwrap()
    assert Offline()(made | with_tools(weather)).unwrap().function_calls[0].args == {"city": "Oslo?"}
