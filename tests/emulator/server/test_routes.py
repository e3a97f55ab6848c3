"""Which addresses mean something to the emulator."""

import json
from collections import Counter

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.routes import ROUTES
from genai_fn.http import Headers, HttpRequest
from tests.support.emulator_requests import GEMINI, Api, answer, fault

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


def test_one_method_each() -> None:
    """No two rows of the table mean the same address."""
    assert [row for row, count in Counter((verb, path) for verb, path, _ in ROUTES).items() if count > 1] == []


@pytest.mark.parametrize(
    "url", ["http://[x/v1beta/models", "http://h:x/v1beta/moods", "models", "é", "?", "#/v1/models"]
)
def test_no_address(url: str) -> None:
    """What is no address is a fault, too."""
    assert answer(HttpRequest("GET", url)).status in (400, 404)


@pytest.mark.parametrize(
    ("start", "base"),
    [
        ("https://h.test/upload/v1beta/files", "https://h.test/v1beta"),
        ("http://h.test:80/gate/upload/v1/files", "http://h.test:80/gate/v1"),
        ("http://h.test/gate/upload/files", "http://h.test/gate"),
    ],
)
def test_addresses_that_are_handed_out(start: str, base: str) -> None:
    """What is handed out lies behind the address that was asked, be it a gateway's."""
    api = Api()
    kind = ("x-goog-upload-header-content-type", "text/plain")
    begun = api(
        "POST", start, None, (("x-goog-upload-protocol", "resumable"), ("x-goog-upload-command", "start"), kind)
    )
    session = str(begun.get_header("x-goog-upload-url"))
    ended = api("POST", session, b"", (("x-goog-upload-command", "finalize"),))
    uri = json.loads(ended.body)["file"]["uri"]
    assert session.startswith(f"{start}?")
    assert uri.startswith(f"{base}/files/")
    assert api("GET", uri).status == 200


def test_violations() -> None:
    """All that cannot be read in a body is told at once, and by itself among the details, in the API's own names."""
    body = {"mood": 1, "generationConfig": {"thinkingConfig": {"heat": 1}}}
    response = answer(HttpRequest("POST", f"{GEMINI}/models/m:generateContent", (), json.dumps(body).encode()))
    (detail,) = json.loads(response.body)["error"]["details"]
    path = "generation_config.thinking_config"
    told = [
        'Invalid JSON payload received. Unknown name "mood": Cannot find field.',
        f"Invalid JSON payload received. Unknown name \"heat\" at '{path}': Cannot find field.",
    ]
    violations = [{"description": told[0]}, {"field": path, "description": told[1]}]
    assert detail == {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
    assert fault(response)[2] == "\n".join(told)


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
        """A right key is admitted, in the header or in the query; so is a token, whosever it is."""
        request = HttpRequest("GET", f"{GEMINI}/models{query}", headers)
        assert answer(request, self.STATE).status == 200

    def test_wrong(self) -> None:
        """A wrong key is refused in the API's words, with its reason among the details."""
        response = answer(HttpRequest("GET", f"{GEMINI}/models", (("x-goog-api-key", "c-key"),)), self.STATE)
        code, status, message = fault(response)
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert message == "API key not valid. Please pass a valid API key."
        reason, told = json.loads(response.body)["error"]["details"]
        assert (reason["reason"], told["message"]) == ("API_KEY_INVALID", message)

    def test_none(self) -> None:
        """No key is another fault."""
        assert fault(answer(HttpRequest("GET", f"{GEMINI}/models"), self.STATE))[:2] == (403, "PERMISSION_DENIED")

    def test_uploads(self) -> None:
        """The address of an upload's session needs no key besides; no other address is let in by looking like one."""
        session = f"{GEMINI.replace('/v1beta', '/upload/v1beta')}/files?upload_id=1"
        assert fault(answer(HttpRequest("POST", session), self.STATE))[1] == "NOT_FOUND"
        assert fault(answer(HttpRequest("GET", f"{GEMINI}/models?upload_id=1"), self.STATE))[1] == "PERMISSION_DENIED"

    def test_none_needed(self) -> None:
        """Where no keys are named, any will do, and none."""
        assert answer(HttpRequest("GET", f"{GEMINI}/models", (("x-goog-api-key", "c-key"),))).status == 200
        assert answer(HttpRequest("GET", f"{GEMINI}/models")).status == 200
