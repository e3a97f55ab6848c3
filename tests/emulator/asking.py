"""Requests for the emulator, as anyone may send them, and what it said, as plain JSON."""

import json
from typing import Any

from genai_fn.emulator import answer
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.sse import Events

GEMINI = "https://generativelanguage.googleapis.com/v1beta"
HI = {"role": "user", "parts": [{"text": "hi"}]}


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
    return [json.loads(each) for each in Events().feed(response.body)]


def fault(response: HttpResponse) -> tuple[int, str, str]:
    error = json.loads(response.body)["error"]
    assert error["code"] == response.status
    return error["code"], error["status"], error["message"]
