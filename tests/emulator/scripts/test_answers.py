"""What the steps of a script become: parts, chunks, token counts, blocked prompts and errors."""

import json
from typing import Any

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.routes import run_exchange
from genai_fn.http import HttpRequest, HttpResponse
from tests.support.emulator_requests import GEMINI, HI, NOW, JsonClient, get_calls, get_parts, parse_events

MODEL = "models/gemini-2.5-flash"


def answer(step: Any) -> Any:
    """Return the whole response to a request."""
    return make_client(step).request_json("POST", f"{MODEL}:generateContent", {"contents": [HI]})


def stream(step: Any, query: str = "?alt=sse") -> HttpResponse:
    return make_client(step)("POST", f"{MODEL}:streamGenerateContent{query}", {"contents": [HI]})


def make_client(step: Any) -> JsonClient:
    return JsonClient(state=EmulatorState().with_script([step]))


def list_chunks(step: Any) -> list[list[Any]]:
    """Return the parts of each event of a stream."""
    return [get_parts(each) for each in parse_events(stream(step))]


class TestContent:
    def test_text(self) -> None:
        """A text is the answer; in a stream, it comes a few words at a time."""
        text = "It rains in Oslo, and it will not stop before noon."
        assert get_parts(answer({"text": text})) == [{"text": text}]
        chunks = [part["text"] for (part,) in list_chunks({"text": text})]
        assert ("".join(chunks), len(chunks)) == (text, 3)

    def test_chunks(self) -> None:
        """The chunks of a text are the events of a stream, and one part otherwise."""
        step = {"text": ["It ", "rains."]}
        assert list_chunks(step) == [[{"text": "It "}], [{"text": "rains."}]]
        assert get_parts(answer(step)) == [{"text": "It rains."}]

    @pytest.mark.parametrize("value", [None, False, "hi", {"a": [1, 2.5]}])
    def test_json(self, value: Any) -> None:
        """Any value can be the JSON of an answer, null and false included."""
        assert json.loads(get_parts(answer({"json": value}))[0]["text"]) == value

    def test_calls(self) -> None:
        """Function calls come in any mode, each with an ID of its own; a given ID stays; the first is signed."""
        calls = [{"name": "weather", "args": {"city": "Oslo"}}, {"name": "clock"}, {"name": "clock", "id": "mine"}]
        response = answer({"text": "Let me see.", "calls": calls})
        text, *parts = get_parts(response)
        assert text == {"text": "Let me see."}
        assert get_calls(response) == [("weather", {"city": "Oslo"}), ("clock", {}), ("clock", {})]
        ids = [part["functionCall"]["id"] for part in parts]
        assert (ids[2], len(set(ids))) == ("mine", 3)
        assert ["thoughtSignature" in part for part in parts] == [True, False, False]
        assert list_chunks({"text": ["a"], "calls": calls})[1][1]["functionCall"]["id"]

    def test_parts(self) -> None:
        """Parts are sent as they are, before the text, each in an event of its own."""
        parts = [{"text": "Hm.", "thought": True}, {"executableCode": {"code": "1", "language": "PYTHON"}}]
        assert get_parts(answer({"parts": parts, "text": "one"})) == [*parts, {"text": "one"}]
        assert list_chunks({"parts": parts, "text": "one"}) == [[parts[0]], [parts[1]], [{"text": "one"}]]

    def test_finish(self) -> None:
        """A finish reason alone is an answer without content; an unknown one is sent, too."""
        candidate = answer({"finish": "MALFORMED_FUNCTION_CALL"})["candidates"][0]
        assert candidate == {"content": {"role": "model"}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}
        assert answer({"text": "a", "finish": "BRAND_NEW"})["candidates"][0]["finishReason"] == "BRAND_NEW"
        (event,) = parse_events(stream({"finish": "SAFETY"}))
        assert event["candidates"][0]["finishReason"] == "SAFETY"

    def test_block(self) -> None:
        """A blocked prompt has feedback, and no candidates."""
        blocked = answer({"block": "PROHIBITED_CONTENT"})
        assert blocked["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
        assert "candidates" not in blocked
        assert blocked["usageMetadata"]["totalTokenCount"] == 1
        assert parse_events(stream({"block": "PROHIBITED_CONTENT"})) == [blocked]

    def test_response(self) -> None:
        """A whole response is sent as it is, with a model and an ID unless it has them."""
        given = {"candidates": [{"index": 0}, {"index": 1}], "modelVersion": "mine"}
        response = answer({"response": given})
        assert {**response, "responseId": ""} == {**given, "responseId": ""}
        assert parse_events(stream({"response": given})) == [response]


class TestUsage:
    def test_computed(self) -> None:
        """Without token counts, they are computed."""
        usage = answer({"text": "It rains."})["usageMetadata"]
        counts = [usage[f"{name}TokenCount"] for name in ("prompt", "candidates", "total")]
        assert counts == [1, 3, 4]

    def test_given(self) -> None:
        """Given counts replace the computed ones; the total is the sum, unless it is given."""
        usage = answer({"text": "a", "usage": {"promptTokenCount": 100, "thoughtsTokenCount": 20}})["usageMetadata"]
        expected = {"promptTokenCount": 100, "candidatesTokenCount": 1, "thoughtsTokenCount": 20}
        assert usage == {**expected, "totalTokenCount": 121}
        assert answer({"text": "a", "usage": {"totalTokenCount": 7}})["usageMetadata"]["totalTokenCount"] == 7
        *_, last = parse_events(stream({"text": ["a", "b"], "usage": {"totalTokenCount": 7}}))
        assert last["usageMetadata"]["totalTokenCount"] == 7


class TestErrors:
    def test_standard(self) -> None:
        """An error has the API's form and message, and a RetryInfo if it is given a delay."""
        response = stream({"error": {"status": 503, "retry": 1.5}})
        error = json.loads(response.body)["error"]
        assert (response.status, error["status"]) == (503, "UNAVAILABLE")
        assert error["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]

    def test_own_message(self) -> None:
        """A message and details replace and extend those of the API."""
        detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X"}
        step = {"error": {"status": 429, "message": "Slow down.", "details": [detail]}}
        error = json.loads(stream(step).body)["error"]
        expected = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slow down.", "details": [detail]}
        assert error == expected

    @pytest.mark.parametrize(
        ("body", "kind", "sent"),
        [
            ("<h1>502</h1>", "text/html; charset=UTF-8", b"<h1>502</h1>"),
            ("", "text/plain; charset=UTF-8", b""),
            ({"a": 1}, "application/json; charset=UTF-8", b'{"a":1}'),
            (None, "application/json; charset=UTF-8", b"null"),
        ],
    )
    def test_body(self, body: Any, kind: str, sent: bytes) -> None:
        """A body replaces the API's form: a text as it is, any other value as JSON."""
        response = stream({"error": {"status": 502, "body": body}})
        assert (response.status, response.get_header("content-type"), response.body) == (502, kind, sent)

    def test_after_content(self) -> None:
        """After content, an error ends a stream as bare JSON, and no event before it ends the answer."""
        step = {"text": ["It ", "rai"], "error": {"status": 503}}
        *events, error = stream(step).body.split(b"\r\n\r\n")
        chunks = [json.loads(each.removeprefix(b"data: ")) for each in events]
        assert [get_parts(each)[0]["text"] for each in chunks] == ["It ", "rai"]
        assert not any("finishReason" in each["candidates"][0] or "usageMetadata" in each for each in chunks)
        assert json.loads(error)["error"]["code"] == 503
        array = json.loads(stream(step, "").body)
        assert (array[:2], array[2]["error"]["code"]) == (chunks, 503)
        assert make_client(step)("POST", f"{MODEL}:generateContent", {"contents": [HI]}).status == 503

    def test_drop(self) -> None:
        """A dropped connection ends a stream without a finish reason; the server learns how to send the response."""
        step = {"text": ["It ", "rai"], "drop": True, "delay": 2, "pause": 1}
        state = EmulatorState().with_script([step])
        body = json.dumps({"contents": [HI]}).encode()
        request = HttpRequest("POST", f"{GEMINI}/{MODEL}:streamGenerateContent?alt=sse", (), body)
        exchange = run_exchange(state, request, NOW)
        assert b"finishReason" not in exchange.response.body
        delivery = exchange.delivery
        assert (delivery.drop, delivery.delay, delivery.pause) == (True, 2, 1)
        assert exchange.step_numbers == (1,)
