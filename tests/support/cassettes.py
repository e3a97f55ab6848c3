"""Cassettes as vcrpy 9.4.2 writes them, built of interactions."""

import gzip
import json
from typing import Any

import yaml

__all__ = [
    "GENERATE_URL",
    "STREAM_URL",
    "build_answer",
    "build_gzip_interaction",
    "build_interaction",
    "dump_json",
    "dump_yaml",
]

_ROOT = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
GENERATE_URL = f"{_ROOT}:generateContent"
STREAM_URL = f"{_ROOT}:streamGenerateContent?alt=sse"


def build_answer(text: str) -> str:
    """Build the JSON of a response of the model."""
    return json.dumps({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]})


def build_interaction(
    prompt: str | None,
    answer: Any,
    *,
    url: str = GENERATE_URL,
    method: str = "POST",
    status: int = 200,
    headers: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Build an interaction: a prompt and the body of its response, a text or bytes."""
    body = "" if prompt is None else json.dumps({"contents": [{"parts": [{"text": prompt}], "role": "user"}]})
    return {
        "request": {
            "body": body,
            "headers": {"content-type": ["application/json"], "x-goog-api-key": ["test-key-of-nobody"]},
            "method": method,
            "uri": url,
        },
        "response": {
            "body": {"string": answer},
            "headers": {"Content-Type": ["application/json; charset=UTF-8"], **(headers or {})},
            "status": {"code": status, "message": "OK"},
        },
    }


def build_gzip_interaction(prompt: str, answer: str) -> dict[str, Any]:
    """Build an interaction whose response is compressed."""
    body = gzip.compress(answer.encode(), mtime=0)
    return build_interaction(prompt, body, headers={"Content-Encoding": ["gzip"]})


def dump_yaml(*interactions: dict[str, Any]) -> str:
    """Write a cassette in YAML."""
    text: str = yaml.dump({"interactions": list(interactions), "version": 1})
    return text


def dump_json(*interactions: dict[str, Any]) -> str:
    """Write a cassette in JSON."""
    return json.dumps({"version": 1, "interactions": list(interactions)}, indent=4) + "\n"
