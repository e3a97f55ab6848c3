"""Keys, and the form of errors, on the path for clients of OpenAI's API."""

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.openai.errors import format_error_response, is_openai_path
from genai_fn.http import Headers, HttpRequest, HttpResponse
from tests.support.emulator_requests import VERTEX, send_request
from tests.support.openai_requests import parse_listed_fault, send

STATE = EmulatorState(api_keys=("any-key",))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_key(scheme: str) -> None:
    """A key is sent as a bearer token."""
    assert send("GET", "models", headers=(("Authorization", f"{scheme} any-key"),), state=STATE).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("x-goog-api-key", "any-key"),),
        (("authorization", "any-key"),),
        (("authorization", "Basic any-key"),),
        (("authorization", "Bearer "),),
    ],
)
def test_missing_key(headers: Headers) -> None:
    """Without one the request is refused, even if the key is sent in another way."""
    assert parse_listed_fault(send("GET", "models?key=any-key", headers=headers, state=STATE)) == (
        400,
        "INVALID_ARGUMENT",
        "Missing or invalid Authorization header.",
    )


def test_wrong_key() -> None:
    """Any other key is invalid."""
    response = send("GET", "models", headers=(("authorization", "Bearer other"),), state=STATE)
    assert parse_listed_fault(response)[2] == "API key not valid. Please pass a valid API key."


def test_vertex() -> None:
    """On Vertex AI a bearer token is an OAuth token, and not compared with the keys."""
    url = f"{VERTEX}/projects/p/locations/l/endpoints/openapi/chat/completions"
    body = b'{"model": "google/m", "messages": [{"role": "user", "content": "?"}]}'
    headers = (("authorization", "Bearer token"),)
    assert send_request(HttpRequest("POST", url, headers, body), STATE).status == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/openai/chat/completions", True),
        ("/v1beta/openai/anything", True),
        ("/v1beta/chat/completions", True),
        ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", True),
        ("/v1beta/models/openai:generateContent", False),
        ("/v1/projects/p/locations/l/publishers/openai/models/m:rawPredict", False),
    ],
)
def test_paths(path: str, expected: bool) -> None:
    """Errors are lists on these paths alone."""
    assert is_openai_path(path) is expected


def test_other_bodies() -> None:
    """A body that is no error of the API stays as it is."""
    response = HttpResponse(502, (), b"<html>")
    assert format_error_response("/v1beta/openai/models", response) == response


def test_unknown_path() -> None:
    """An unknown path is a 404 in a list."""
    assert parse_listed_fault(send("GET", "anything"))[0] == 404
