"""Token counts, which equal those of generation, and the tokens themselves."""

import base64
from typing import Any

import pytest

from tests.support.emulator_requests import GEMINI, HI, PROJECT, VERTEX, JsonClient

ON_VERTEX = f"{PROJECT}/publishers/google/models/m"
QUESTION = {"role": "user", "parts": [{"text": "Why is it blue?"}]}
SYSTEM = {"parts": [{"text": "Be brief."}]}
TOOLS = [{"functionDeclarations": [{"name": "clock"}]}]


def count_prompt(base: str, model: str, body: Any) -> int:
    count: int = JsonClient(base).request_json("POST", f"{model}:generateContent", body)["usageMetadata"][
        "promptTokenCount"
    ]
    return count


@pytest.mark.parametrize("model", ["models/m", "tunedModels/m"])
def test_contents(model: str) -> None:
    """Contents have the same token count as in generation."""
    token_count = JsonClient().request_json("POST", f"{model}:countTokens", {"contents": [QUESTION, HI]})
    assert token_count == {"totalTokens": 6, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}]}
    assert count_prompt(GEMINI, model, {"contents": [QUESTION, HI]}) == 6


@pytest.mark.parametrize("fields", [{}, {"systemInstruction": SYSTEM}, {"tools": TOOLS}])
def test_whole_request(fields: Any) -> None:
    """A whole request has the same token count as in generation, on both backends."""
    body = {"contents": [QUESTION], **fields}
    request = {"generateContentRequest": {"model": "models/m", **body}}
    token_count = JsonClient().request_json("POST", "models/m:countTokens", request)["totalTokens"]
    assert token_count == count_prompt(GEMINI, "models/m", body) == count_prompt(VERTEX, ON_VERTEX, body)
    assert token_count == JsonClient(VERTEX).request_json("POST", f"{ON_VERTEX}:countTokens", body)["totalTokens"]


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
    """A body that the backend does not support is rejected."""
    assert JsonClient(base).request_fault("POST", path, body)[:2] == (400, "INVALID_ARGUMENT")


def test_compute_on_gemini() -> None:
    """The Developer API has no ``computeTokens``."""
    assert JsonClient().request_fault("POST", "models/m:computeTokens", {"contents": [HI]})[0] == 404


def test_compute_with_unknown_model() -> None:
    """A model that does not exist computes no tokens."""
    path = ON_VERTEX.rpartition("/")[0] + "/gemini-2.5-flsh:computeTokens"
    assert JsonClient(VERTEX).request_fault("POST", path, {"contents": [HI]})[:2] == (404, "NOT_FOUND")


def test_computed() -> None:
    """Vertex AI returns the tokens of each turn, and an ID for each token."""
    body = {"contents": [QUESTION, {"role": "model", "parts": [{"text": "It"}, {"text": "Why"}]}]}
    first, second = JsonClient(VERTEX).request_json("POST", f"{ON_VERTEX}:computeTokens", body)["tokensInfo"]
    assert [base64.b64decode(each).decode() for each in first["tokens"]] == ["Why", " is", " it", " blue", "?"]
    assert (first["role"], second["role"]) == ("user", "model")
    assert len(set(first["tokenIds"])) == 5
    assert second["tokenIds"][1] == first["tokenIds"][0]
