"""Routes of the emulator: paths, uploads, errors of parsing, API keys."""

import json
from collections import Counter

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.routes import ROUTES
from genai_fn.http import Headers, HttpRequest
from tests.support.emulator_requests import GEMINI, JsonClient, parse_fault, send_request

BODY = b'{"contents": [{"parts": [{"text": "hi"}]}]}'

MODEL_URLS = [
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


@pytest.mark.parametrize("url", MODEL_URLS)
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
def test_model_paths(url: str, method: str) -> None:
    """Models are found under the paths of both backends and behind gateways, with or without a version."""
    assert send_request(HttpRequest("POST", f"{url}:{method}", (), BODY)).status == 200


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
def test_unknown_path(verb: str, path: str) -> None:
    """Any other path or method is a 404 that contains it."""
    code, status, message = parse_fault(
        send_request(HttpRequest(verb, f"https://generativelanguage.googleapis.com{path}", (), BODY))
    )
    assert (code, status) == (404, "NOT_FOUND")
    assert path in message


def test_unique_routes() -> None:
    """No two routes have the same method and path."""
    assert [row for row, count in Counter((verb, path) for verb, path, _ in ROUTES).items() if count > 1] == []


@pytest.mark.parametrize(
    "url", ["http://[x/v1beta/models", "http://h:x/v1beta/moods", "models", "é", "?", "#/v1/models"]
)
def test_invalid_url(url: str) -> None:
    """An invalid URL is an error response, too."""
    assert send_request(HttpRequest("GET", url)).status in (400, 404)


@pytest.mark.parametrize(
    ("start", "base"),
    [
        ("https://h.test/upload/v1beta/files", "https://h.test/v1beta"),
        ("http://h.test:80/gate/upload/v1/files", "http://h.test:80/gate/v1"),
        ("http://h.test/gate/upload/files", "http://h.test/gate"),
    ],
)
def test_urls_in_responses(start: str, base: str) -> None:
    """URLs in responses start with the URL of the request, also behind a gateway."""
    api = JsonClient()
    content_type = ("x-goog-upload-header-content-type", "text/plain")
    started = api(
        "POST", start, None, (("x-goog-upload-protocol", "resumable"), ("x-goog-upload-command", "start"), content_type)
    )
    session = str(started.get_header("x-goog-upload-url"))
    finished = api("POST", session, b"", (("x-goog-upload-command", "finalize"),))
    uri = json.loads(finished.body)["file"]["uri"]
    assert session.startswith(f"{start}?")
    assert uri.startswith(f"{base}/files/")
    assert api("GET", uri).status == 200


def test_violations() -> None:
    """All unknown fields of a body are reported at once, and one by one in the details, with the API's own names."""
    body = {"mood": 1, "generationConfig": {"thinkingConfig": {"heat": 1}}}
    response = send_request(HttpRequest("POST", f"{GEMINI}/models/m:generateContent", (), json.dumps(body).encode()))
    (detail,) = json.loads(response.body)["error"]["details"]
    path = "generation_config.thinking_config"
    messages = [
        'Invalid JSON payload received. Unknown name "mood": Cannot find field.',
        f"Invalid JSON payload received. Unknown name \"heat\" at '{path}': Cannot find field.",
    ]
    violations = [{"description": messages[0]}, {"field": path, "description": messages[1]}]
    assert detail == {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
    assert parse_fault(response)[2] == "\n".join(messages)


class TestKeys:
    STATE = EmulatorState(api_keys=("a-key", "b-key"))

    @pytest.mark.parametrize(
        ("headers", "query"),
        [
            ((("x-goog-api-key", "a-key"),), ""),
            ((("X-Goog-Api-Key", "b-key"),), ""),
            ((), "?key=a-key"),
            ((("authorization", "Bearer anything"),), ""),
        ],
    )
    def test_right(self, headers: Headers, query: str) -> None:
        """A valid key is accepted in the header and in the query; any bearer token is accepted."""
        request = HttpRequest("GET", f"{GEMINI}/models{query}", headers)
        assert send_request(request, self.STATE).status == 200

    def test_wrong(self) -> None:
        """A wrong key is rejected with the API's message and its reason in the details."""
        response = send_request(HttpRequest("GET", f"{GEMINI}/models", (("x-goog-api-key", "c-key"),)), self.STATE)
        code, status, message = parse_fault(response)
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert message == "API key not valid. Please pass a valid API key."
        reason, messages = json.loads(response.body)["error"]["details"]
        assert (reason["reason"], messages["message"]) == ("API_KEY_INVALID", message)

    def test_none(self) -> None:
        """A missing key is rejected with another error."""
        assert parse_fault(send_request(HttpRequest("GET", f"{GEMINI}/models"), self.STATE))[:2] == (
            403,
            "PERMISSION_DENIED",
        )

    def test_uploads(self) -> None:
        """The URL of an upload session needs no key; other URLs with an ``upload_id`` do."""
        session = f"{GEMINI.replace('/v1beta', '/upload/v1beta')}/files?upload_id=1"
        assert parse_fault(send_request(HttpRequest("POST", session), self.STATE))[1] == "NOT_FOUND"
        assert (
            parse_fault(send_request(HttpRequest("GET", f"{GEMINI}/models?upload_id=1"), self.STATE))[1]
            == "PERMISSION_DENIED"
        )

    @pytest.mark.parametrize("path", ["upload/x/v1beta/models", "upload/models", "v1beta/x/upload/models"])
    def test_no_uploads(self, path: str) -> None:
        """A path that only contains ``upload`` needs a key, even with an ``upload_id``."""
        address = f"{GEMINI.removesuffix('/v1beta')}/{path}?upload_id=1"
        assert send_request(HttpRequest("GET", address), self.STATE).status in (403, 404)

    def test_none_needed(self) -> None:
        """Without configured keys, any key is accepted, and so is none."""
        assert send_request(HttpRequest("GET", f"{GEMINI}/models", (("x-goog-api-key", "c-key"),))).status == 200
        assert send_request(HttpRequest("GET", f"{GEMINI}/models")).status == 200
