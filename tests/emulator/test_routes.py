"""Which addresses mean something to the emulator."""

import pytest

from genai_fn.emulator import answer
from genai_fn.http import HttpRequest
from tests.emulator.asking import fault

BODY = b'{"contents": [{"parts": [{"text": "hi"}]}]}'

PLACES = [
    "https://generativelanguage.googleapis.com/v1beta/models/m",
    "https://generativelanguage.googleapis.com/v1/models/m",
    "https://generativelanguage.googleapis.com/v1beta/tunedModels/m",
    "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m",
    "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers/meta/models/m",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/models/m",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/3",
    "http://127.0.0.1:8080/a/gateway/v1beta/models/m",
    "http://127.0.0.1:8080/a/gateway/publishers/google/models/m",
    "http://127.0.0.1:8080/models/m",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
def test_places(place: str, method: str) -> None:
    """Models are found under the paths of both backends, and behind gateways, with a version or without."""
    assert answer(HttpRequest("POST", f"{place}:{method}", (), BODY)).status == 200


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1beta/models/m:generateContent"),
        ("POST", "/v1beta/models/m:generateText"),
        ("POST", "/v1beta/models/:generateContent"),
        ("POST", "/v1beta/models:generateContent"),
        ("POST", "/v1beta/models/publishers/google/models/m:generateContent"),
        ("POST", "/v1beta/models/m"),
        ("POST", "/"),
        ("POST", ""),
    ],
)
def test_nowhere(verb: str, path: str) -> None:
    """Any other path or method is the API's own 404, which names it."""
    code, status, message = fault(
        answer(HttpRequest(verb, f"https://generativelanguage.googleapis.com{path}", (), BODY))
    )
    assert (code, status) == (404, "NOT_FOUND")
    assert path in message
