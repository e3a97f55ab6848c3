"""Requests to the emulator on the path for clients of OpenAI's API."""

import json
from typing import Any

from genai_fn.emulator import EmulatorState
from genai_fn.http import Headers, HttpRequest, HttpResponse
from tests.support.emulator_requests import GEMINI, parse_events, send_request

MODEL = "gemini-2.5-flash"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def send(
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Headers = (),
    root: str = f"{GEMINI}/openai",
    state: EmulatorState | None = None,
) -> HttpResponse:
    data = b"" if body is None else json.dumps(body).encode()
    return send_request(HttpRequest(method, f"{root}/{path}", headers, data), state)


def send_chat(*messages: Any, **fields: Any) -> HttpResponse:
    """Send messages; a text is a message of the user."""
    turns = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return send("POST", "chat/completions", {"model": MODEL, "messages": turns, **fields})


def complete_chat(*messages: Any, **fields: Any) -> Any:
    response = send_chat(*messages, **fields)
    assert response.status == 200, response.body
    return json.loads(response.body)


def complete_text(*messages: Any, **fields: Any) -> str:
    text: str = complete_chat(*messages, **fields)["choices"][0]["message"]["content"]
    return text


def stream_chat(*messages: Any, **fields: Any) -> list[Any]:
    """Stream a completion, and return its chunks."""
    response = send_chat(*messages, stream=True, **fields)
    assert response.status == 200, response.body
    *chunks, done = response.body.split(b"\n\n")[:-1]
    assert done == b"data: [DONE]"
    return parse_events(HttpResponse(200, (), b"\n\n".join([*chunks, b""])))


def parse_listed_fault(response: HttpResponse) -> tuple[int, str, str]:
    """Return code, status and message of an error, which stands in a list."""
    (item,) = json.loads(response.body)
    error = item["error"]
    assert error["code"] == response.status
    return error["code"], error["status"], error["message"]
