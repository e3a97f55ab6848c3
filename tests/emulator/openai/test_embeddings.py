"""Embeddings of the emulator for clients of OpenAI's API."""

import json
from array import array
from base64 import b64decode
from typing import Any

import pytest

from tests.support.emulator_requests import post
from tests.support.openai_requests import parse_listed_fault, send

EMBEDDER = "gemini-embedding-001"


def embed(texts: Any, **fields: Any) -> Any:
    response = send("POST", "embeddings", {"model": EMBEDDER, "input": texts, **fields})
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_shape() -> None:
    """Each input has its embedding. As in the service, the first one has no ``index``, and there is no ``usage``."""
    found = embed(["a cat", "a dog"], dimensions=4)
    assert found.keys() == {"data", "model", "object"}
    assert (found["model"], found["object"]) == (EMBEDDER, "list")
    assert [each.get("index") for each in found["data"]] == [None, 1]
    assert [len(each["embedding"]) for each in found["data"]] == [4, 4]


def test_same_vector() -> None:
    """A text has the vector that ``embedContent`` returns."""
    body = {"content": {"parts": [{"text": "a cat"}]}}
    native = json.loads(post(f"models/{EMBEDDER}:embedContent", body).body)["embedding"]["values"]
    (item,) = embed("a cat")["data"]
    assert item["embedding"] == native


def test_base64() -> None:
    """``base64`` encodes the numbers as 32-bit floats."""
    (item,) = embed("a cat", dimensions=4, encoding_format="base64")["data"]
    (plain,) = embed("a cat", dimensions=4, encoding_format="float")["data"]
    assert array("f", b64decode(item["embedding"])).tolist() == pytest.approx(plain["embedding"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None}, "model is not specified"),
        ({"input": None}, "input must be"),
        ({"input": []}, "input must be"),
        ({"input": [1, 2]}, "input must be"),
        ({"input": ["a", " "]}, "BatchEmbedContentsRequest.requests[1].content: contents.parts must not be empty"),
        ({"input": ["a"] * 101}, "at most 100 requests can be in one batch"),
        ({"dimensions": 4000}, "output_dimensionality"),
        ({"encoding_format": "hex"}, "Invalid encoding_format: hex"),
        ({"seed": 1}, 'Unknown name "seed"'),
    ],
)
def test_invalid(fields: Any, message: str) -> None:
    """An invalid request is a 400 in a list."""
    body = {"model": EMBEDDER, "input": "a cat", **fields}
    code, _, found = parse_listed_fault(send("POST", "embeddings", body))
    assert code == 400
    assert message in found
