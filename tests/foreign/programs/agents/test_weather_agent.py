"""Tests the agent with the fixture ``emulator``."""

from pathlib import Path

import pytest
from pydantic_ai import ModelHTTPError
from weather_agent import build_agent

SCRIPT = Path(__file__).with_name("weather.json")


def test_advice(emulator):
    """The agent calls its function, returns the result, and ends with the answer of the model."""
    emulator.load_script(SCRIPT)
    agent = build_agent("any-key", emulator.url)
    assert agent.run_sync("I go to Oslo.").output == "Take an umbrella."
    first, second = emulator.received
    assert first.body["tools"][0]["functionDeclarations"][0]["name"] == "get_weather"
    response = second.body["contents"][-1]["parts"][0]["functionResponse"]
    assert (response["name"], response["response"]) == ("get_weather", {"return_value": "rain"})
    assert emulator.remaining_steps == ()


def test_overloaded_service(emulator):
    """An overloaded service is an error that the caller can handle."""
    emulator.load_script({"steps": [{"error": {"status": 503}, "times": None}]})
    with pytest.raises(ModelHTTPError) as caught:
        build_agent("any-key", emulator.url).run_sync("I go to Rome.")
    assert caught.value.status_code == 503
