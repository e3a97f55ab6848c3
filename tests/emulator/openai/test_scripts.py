"""Scripts answer clients of OpenAI's API, too."""

import json
from typing import Any

from genai_fn.emulator import EmulatorState
from genai_fn.http import HttpResponse
from tests.support.openai_requests import MODEL, parse_listed_fault, send


def send_scripted(step: Any, *, stream: bool = False) -> HttpResponse:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    return send("POST", "chat/completions", body, state=EmulatorState().with_script([step]))


def list_events(step: Any) -> list[str]:
    return [each.removeprefix("data: ") for each in send_scripted(step, stream=True).body.decode().split("\n\n")[:-1]]


def test_call() -> None:
    """A scripted call is a tool call, without any tool choice."""
    step = {"calls": [{"name": "clock", "args": {"zone": "UTC"}, "id": "mine"}]}
    (choice,) = json.loads(send_scripted(step).body)["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert (call["id"], call["function"]) == ("mine", {"arguments": '{"zone":"UTC"}', "name": "clock"})


def test_chunks() -> None:
    """The chunks of a text are those of the stream."""
    *chunks, done = list_events({"text": ["It ", "rains."]})
    contents = [json.loads(each)["choices"][0]["delta"].get("content") for each in chunks]
    assert (contents, done) == (["It ", "rains."], "[DONE]")


def test_error() -> None:
    """An error is in a list; after content of a stream, it is the last event."""
    assert parse_listed_fault(send_scripted({"error": {"status": 503}}))[0] == 503
    *_, last = list_events({"text": ["It "], "error": {"status": 503}})
    assert json.loads(last)[0]["error"]["code"] == 503


def test_dropped() -> None:
    """A stream that is dropped does not end."""
    (chunk,) = list_events({"text": ["It "], "drop": True})
    assert "finish_reason" not in json.loads(chunk)["choices"][0]
