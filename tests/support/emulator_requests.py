"""Plain JSON requests to the emulator, and its responses as JSON."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.http import FileSlice, Headers, HttpRequest, HttpResponse
from genai_fn.wire.sse import EventParser

GEMINI = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1beta1"
PROJECT = "projects/p/locations/us-central1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HI = {"role": "user", "parts": [{"text": "hi"}]}


class JsonClient:
    """Sends requests to an emulator at a base URL, and keeps its state. The clock advances only on demand."""

    def __init__(self, base: str = GEMINI, state: EmulatorState | None = None) -> None:
        self.base = base
        self.state = state or EmulatorState()
        self.now = NOW

    def advance_clock(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def __call__(self, method: str, path: str, body: Any = None, headers: Headers = ()) -> HttpResponse:
        is_raw = isinstance(body, bytes | tuple | FileSlice)
        data = body if is_raw else b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else f"{self.base}/{path}"
        self.state, response = handle_request(self.state, HttpRequest(method, url, headers, data), self.now)
        return response

    def request_json(self, method: str, path: str, body: Any = None) -> Any:
        response = self(method, path, body)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def request_fault(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        return parse_fault(self(method, path, body))


def send_request(request: HttpRequest, state: EmulatorState | None = None) -> HttpResponse:
    return handle_request(state or EmulatorState(), request, NOW)[1]


def post(path: str, body: Any) -> HttpResponse:
    data = body if isinstance(body, bytes | tuple) else json.dumps(body).encode()
    return send_request(HttpRequest("POST", f"{GEMINI}/{path}", (), data))


def generate_json(contents: Any = "hi", /, **fields: Any) -> Any:
    turns = [{"role": "user", "parts": [{"text": contents}]}] if isinstance(contents, str) else contents
    response = post("models/m:generateContent", {"contents": turns, **fields})
    return json.loads(response.body)


def generate_text(contents: Any = "hi", /, **fields: Any) -> str:
    return get_text(generate_json(contents, **fields))


def get_parts(response: Any) -> Any:
    """Return the parts of the first candidate."""
    return response["candidates"][0]["content"]["parts"]


def get_calls(response: Any) -> list[tuple[str, Any]]:
    """Return names and arguments of the function calls of the first candidate."""
    calls = [each["functionCall"] for each in get_parts(response) if "functionCall" in each]
    return [(each["name"], each["args"]) for each in calls]


def get_text(response: Any) -> str:
    """Return the text of the first part of the first candidate."""
    text: str = get_parts(response)[0]["text"]
    return text


def generate_with_config(contents: Any = "hi", /, **config: Any) -> Any:
    return generate_json(contents, generationConfig=config)


def parse_events(response: HttpResponse) -> list[Any]:
    return [json.loads(each) for each in EventParser().feed(response.body)]


def parse_fault(response: HttpResponse) -> tuple[int, str, str]:
    error = json.loads(response.body)["error"]
    assert error["code"] == response.status
    return error["code"], error["status"], error["message"]
