"""Tokens: how many there are, as generation counts them, and which."""

import base64
from typing import Any

import pytest

from tests.support.emulator_requests import GEMINI, HI, PROJECT, VERTEX, Api

ON_VERTEX = f"{PROJECT}/publishers/google/models/m"
WHY = {"role": "user", "parts": [{"text": "Why is it blue?"}]}
SYSTEM = {"parts": [{"text": "Be brief."}]}
TOOLS = [{"functionDeclarations": [{"name": "clock"}]}]


def prompt(base: str, model: str, body: Any) -> int:
    count: int = Api(base).told("POST", f"{model}:generateContent", body)["usageMetadata"]["promptTokenCount"]
    return count


@pytest.mark.parametrize("model", ["models/m", "tunedModels/m"])
def test_contents(model: str) -> None:
    """Contents are counted as they are when a model is asked."""
    counted = Api().told("POST", f"{model}:countTokens", {"contents": [WHY, HI]})
    assert counted == {"totalTokens": 6}
    assert prompt(GEMINI, model, {"contents": [WHY, HI]}) == 6


@pytest.mark.parametrize("beside", [{}, {"systemInstruction": SYSTEM}, {"tools": TOOLS}])
def test_whole_request(beside: Any) -> None:
    """So is a whole request, on either backend."""
    body = {"contents": [WHY], **beside}
    request = {"generateContentRequest": {"model": "models/m", **body}}
    counted = Api().told("POST", "models/m:countTokens", request)["totalTokens"]
    assert counted == prompt(GEMINI, "models/m", body) == prompt(VERTEX, ON_VERTEX, body)
    assert counted == Api(VERTEX).told("POST", f"{ON_VERTEX}:countTokens", body)["totalTokens"]


@pytest.mark.parametrize(
    ("base", "path", "body"),
    [
        (GEMINI, "models/m:countTokens", {}),
        (GEMINI, "models/m:countTokens", {"contents": []}),
        (GEMINI, "models/m:countTokens", {"contents": [HI], "generateContentRequest": {"contents": [HI]}}),
        (GEMINI, "models/m:countTokens", {"contents": [HI], "systemInstruction": SYSTEM}),
        (VERTEX, f"{ON_VERTEX}:countTokens", {}),
        (VERTEX, f"{ON_VERTEX}:countTokens", {"generateContentRequest": {"contents": [HI]}}),
        (VERTEX, f"{ON_VERTEX}:computeTokens", {}),
        (VERTEX, f"{ON_VERTEX}:computeTokens", {"contents": [{"parts": [{"inlineData": {"data": ""}}]}]}),
    ],
)
def test_refused(base: str, path: str, body: Any) -> None:
    """What a backend does not count is refused."""
    assert Api(base).fault("POST", path, body)[:2] == (400, "INVALID_ARGUMENT")


def test_gemini_tells_none() -> None:
    """Gemini does not tell tokens."""
    assert Api().fault("POST", "models/m:computeTokens", {"contents": [HI]})[0] == 404


def test_computed() -> None:
    """Vertex AI tells the tokens of each turn, and the number of each, the same one for the same token."""
    body = {"contents": [WHY, {"role": "model", "parts": [{"text": "It"}, {"text": "Why"}]}]}
    first, second = Api(VERTEX).told("POST", f"{ON_VERTEX}:computeTokens", body)["tokensInfo"]
    assert [base64.b64decode(each).decode() for each in first["tokens"]] == ["Why", " is", " it", " blue", "?"]
    assert (first["role"], second["role"]) == ("user", "model")
    assert len(set(first["tokenIds"])) == 5
    assert second["tokenIds"][1] == first["tokenIds"][0]
