"""The catalog of models for clients of OpenAI's API."""

import json

import pytest

from tests.support.emulator_requests import GEMINI, JsonClient
from tests.support.openai_requests import parse_listed_fault, send


def test_list() -> None:
    """The list has the models of the catalog by their full names."""
    found = json.loads(send("GET", "models").body)
    native = JsonClient(GEMINI).request_json("GET", "models?pageSize=1000")["models"]
    assert found["object"] == "list"
    assert [each["id"] for each in found["data"]] == [each["name"] for each in native]
    assert found["data"][1] == {
        "display_name": "Gemini 2.5 Pro",
        "id": "models/gemini-2.5-pro",
        "object": "model",
        "owned_by": "google",
    }


@pytest.mark.parametrize("name", ["gemini-2.5-pro", "models/gemini-2.5-pro", "models%2Fgemini-2.5-pro"])
def test_get(name: str) -> None:
    """A model is found by either name."""
    assert json.loads(send("GET", f"models/{name}").body)["id"] == "models/gemini-2.5-pro"


def test_unknown() -> None:
    """A model that does not exist is a 404 in a list."""
    code, status, message = parse_listed_fault(send("GET", "models/gpt"))
    assert (code, status) == (404, "NOT_FOUND")
    assert message.startswith("models/gpt is not found for API version v1main")
