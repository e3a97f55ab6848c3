"""Requests for the emulator, as anyone may send them, and what it said, as plain JSON."""

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


class Api:
    """An emulator that remembers, at an address, with a time that goes on when it is told to."""

    def __init__(self, base: str = GEMINI, state: EmulatorState | None = None) -> None:
        self.base = base
        self.state = state or EmulatorState()
        self.now = NOW

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def __call__(self, verb: str, path: str, body: Any = None, headers: Headers = ()) -> HttpResponse:
        is_raw = isinstance(body, bytes | tuple | FileSlice)
        data = body if is_raw else b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else f"{self.base}/{path}"
        self.state, response = handle_request(self.state, HttpRequest(verb, url, headers, data), self.now)
        return response

    def told(self, verb: str, path: str, body: Any = None) -> Any:
        response = self(verb, path, body)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def fault(self, verb: str, path: str, body: Any = None) -> tuple[int, str, str]:
        return fault(self(verb, path, body))


def answer(request: HttpRequest, state: EmulatorState | None = None) -> HttpResponse:
    return handle_request(state or EmulatorState(), request, NOW)[1]


def post(path: str, body: Any) -> HttpResponse:
    data = body if isinstance(body, bytes | tuple) else json.dumps(body).encode()
    return answer(HttpRequest("POST", f"{GEMINI}/{path}", (), data))


def generated(contents: Any = "hi", /, **beside: Any) -> Any:
    turns = [{"role": "user", "parts": [{"text": contents}]}] if isinstance(contents, str) else contents
    response = post("models/m:generateContent", {"contents": turns, **beside})
    return json.loads(response.body)


def said(contents: Any = "hi", /, **beside: Any) -> str:
    text: str = generated(contents, **beside)["candidates"][0]["content"]["parts"][0]["text"]
    return text


def configured(contents: Any = "hi", /, **config: Any) -> Any:
    return generated(contents, generationConfig=config)


def events(response: HttpResponse) -> list[Any]:
    return [json.loads(each) for each in EventParser().feed(response.body)]


def fault(response: HttpResponse) -> tuple[int, str, str]:
    error = json.loads(response.body)["error"]
    assert error["code"] == response.status
    return error["code"], error["status"], error["message"]
