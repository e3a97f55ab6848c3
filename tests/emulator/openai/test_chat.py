"""Chat completions of the emulator: whole and streamed, with tools and schemas, and what they refuse."""

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.support.emulator_requests import NOW, VERTEX, get_text, post
from tests.support.openai_requests import (
    MODEL,
    WEATHER,
    complete_chat,
    complete_text,
    parse_listed_fault,
    send,
    send_chat,
    stream_chat,
)

PIXEL = b64encode(b"\x89PNG").decode()


def call_weather(arguments: str = '{"city": "Rome"}', **fields: Any) -> Any:
    call = {"id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}, **fields}
    return {"role": "assistant", "tool_calls": [call]}


def answer_weather(content: Any = "fine", **fields: Any) -> Any:
    return {"role": "tool", "tool_call_id": "call-1", "content": content, **fields}


class TestCompletion:
    def test_shape(self) -> None:
        """A completion has exactly the fields that the service returns."""
        completion = complete_chat("Why?")
        assert completion.keys() == {"choices", "created", "id", "model", "object", "usage"}
        (choice,) = completion["choices"]
        assert choice.keys() == {"finish_reason", "index", "message"}
        assert choice["message"].keys() - {"extra_content"} == {"content", "role"}
        assert (choice["finish_reason"], choice["index"], choice["message"]["role"]) == ("stop", 0, "assistant")
        assert (completion["model"], completion["object"]) == (MODEL, "chat.completion")
        assert completion["created"] == NOW.timestamp()

    def test_same_answer(self) -> None:
        """The answer is the one of ``generateContent``."""
        body = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}
        native = json.loads(post(f"models/{MODEL}:generateContent", body).body)
        assert complete_text("Why?") == get_text(native)

    def test_usage(self) -> None:
        """The usage adds up."""
        usage = complete_chat("Why?")["usage"]
        assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"] > 0

    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_instructions(self, role: str) -> None:
        """System messages are instructions, and no turns."""
        text = complete_text({"role": role, "content": "Be terse."}, "Why?")
        assert "My instructions are: “Be terse.” You asked: “Why?”" in text
        assert "Before that" not in text

    def test_history(self) -> None:
        """Earlier messages are earlier turns."""
        assert "Before that came 2 turns." in complete_text("One?", {"role": "assistant", "content": "1"}, "Two?")

    def test_candidates(self) -> None:
        """``n`` is the number of choices, numbered from 0."""
        assert [each["index"] for each in complete_chat("Why?", n=3)["choices"]] == [0, 1, 2]

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    def test_limit(self, name: str) -> None:
        """Both names of the limit cut the text, with the finish reason ``length``."""
        completion = complete_chat("Why?", **{name: 4})
        assert completion["choices"][0]["message"]["content"] == "I am an offline"
        assert completion["choices"][0]["finish_reason"] == "length"

    @pytest.mark.parametrize("stop", [" in place", [" in place", "never"]])
    def test_stop(self, stop: Any) -> None:
        """A stop sequence ends the text; one or several may be given."""
        assert complete_text("Why?", stop=stop) == "I am an offline model"

    def test_parts(self) -> None:
        """A message may have several parts: texts, images and audio as base64, and files by their URI."""
        parts = [
            {"type": "text", "text": "What?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
        ]
        text = complete_text({"role": "user", "content": parts})
        assert "You asked: “What?”" in text
        assert "With it came 3 files: 1 audio/wav, 1 image/png, 1 of no known kind." in text

    @pytest.mark.parametrize("model", [MODEL, f"models/{MODEL}"])
    def test_model_name(self, model: str) -> None:
        """The model is named with or without ``models/``; the response repeats the name."""
        completion = complete_chat("Why?", model=model)
        assert completion["model"] == model
        assert f"in place of {MODEL}:" in completion["choices"][0]["message"]["content"]

    @pytest.mark.parametrize("path", ["openai/chat/completions", "openai/v1/chat/completions", "chat/completions"])
    def test_paths(self, path: str) -> None:
        """The path may lack ``openai``, or have a version after it."""
        root = "https://generativelanguage.googleapis.com/v1beta"
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Why?"}]}
        assert send("POST", path, body, root=root).status == 200


class TestStructuredOutput:
    def test_json(self) -> None:
        """``json_object`` makes the answer JSON."""
        assert json.loads(complete_text("Why?", response_format={"type": "json_object"}))["question"] == "Why?"

    def test_schema(self) -> None:
        """``json_schema`` makes it fit the schema."""
        schema = {"type": "object", "properties": {"pies": {"type": "integer"}}, "required": ["pies"]}
        response_format = {"type": "json_schema", "json_schema": {"name": "Menu", "schema": schema, "strict": True}}
        assert json.loads(complete_text("Why?", response_format=response_format)) == {"pies": 0}

    def test_text(self) -> None:
        """``text`` changes nothing."""
        assert complete_text("Why?", response_format={"type": "text"}) == complete_text("Why?")


class TestTools:
    def test_required(self) -> None:
        """A required call has an id, a name, and arguments as JSON in a text; the message has no content."""
        (choice,) = complete_chat("Rome", tools=[WEATHER], tool_choice="required")["choices"]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"].keys() == {"role", "tool_calls"}
        (call,) = choice["message"]["tool_calls"]
        assert call.keys() - {"extra_content"} == {"function", "id", "type"}
        assert call["id"]
        assert call["type"] == "function"
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == {"city": "Rome"}

    def test_named(self) -> None:
        """A function named in ``tool_choice`` is the one that is called."""
        clock = {"type": "function", "function": {"name": "clock"}}
        choice = {"type": "function", "function": {"name": "clock"}}
        message = complete_chat("Rome", tools=[WEATHER, clock], tool_choice=choice)["choices"][0]["message"]
        assert message["tool_calls"][0]["function"] == {"name": "clock", "arguments": "{}"}

    @pytest.mark.parametrize("choice", ["none", "auto", None])
    def test_optional(self, choice: str | None) -> None:
        """Otherwise the answer is a text."""
        assert "You asked: “Rome”" in complete_text("Rome", tools=[WEATHER], tool_choice=choice)

    @pytest.mark.parametrize(
        ("content", "response"),
        [
            ("fine", '{"result":"fine"}'),
            ('{"sky": "blue"}', '{"sky":"blue"}'),
            ([{"type": "text", "text": "fine"}], '{"result":"fine"}'),
            ("", '{"result":""}'),
        ],
    )
    def test_result(self, content: Any, response: str) -> None:
        """The result of a call is a JSON object, or a text that becomes one; its function is found by the call's id."""
        text = complete_text("Rome?", call_weather(), answer_weather(content), tools=[WEATHER])
        assert f"The function get_weather answered: “{response}”" in text

    def test_several_results(self) -> None:
        """Results of parallel calls are one turn."""
        calls = [{"id": each, "type": "function", "function": {"name": each, "arguments": "{}"}} for each in "ab"]
        results = [{"role": "tool", "tool_call_id": each, "content": each * 3} for each in "ab"]
        text = complete_text("?", {"role": "assistant", "content": None, "tool_calls": calls}, *results)
        assert 'The function a answered: “{"result":"aaa"}” The function b answered' in text
        assert "Before that came 2 turns." in text

    def test_signature(self) -> None:
        """A call may be sent back with the thought signature that came with it."""
        extra_content = {"google": {"thought_signature": "c2lnbmF0dXJl"}}
        assert "fine" in complete_text("Rome?", call_weather(extra_content=extra_content), answer_weather())


class TestStream:
    def test_text(self) -> None:
        """The contents of the chunks concatenate to the whole text; only the last chunk has a finish reason."""
        chunks = stream_chat("Why?")
        deltas = [each["choices"][0]["delta"] for each in chunks]
        assert "".join(each.get("content", "") for each in deltas) == complete_text("Why?")
        assert {each["role"] for each in deltas} == {"assistant"}
        assert [each["choices"][0].get("finish_reason") for each in chunks] == [None] * (len(chunks) - 1) + ["stop"]
        assert {each["object"] for each in chunks} == {"chat.completion.chunk"}
        assert len({each["id"] for each in chunks}) == 1

    @pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
    def test_no_usage(self, options: Any) -> None:
        """Without ``include_usage``, no chunk has usage."""
        assert not any("usage" in each for each in stream_chat("Why?", **options))

    def test_usage(self) -> None:
        """With it, each chunk has the usage so far, as the service does, and the last one that of the whole."""
        usages = [each["usage"] for each in stream_chat("Why?", stream_options={"include_usage": True})]
        counts = [each["completion_tokens"] for each in usages]
        assert counts == sorted(counts)
        assert usages[-1] == complete_chat("Why?")["usage"]

    def test_call(self) -> None:
        """A streamed call comes whole, without ``index``, and ends with ``stop``, as the service does."""
        chunks = stream_chat("Rome", tools=[WEATHER], tool_choice="required")
        choices = [choice for each in chunks for choice in each["choices"]]
        (call,) = [call for each in choices for call in each["delta"].get("tool_calls", ())]
        assert call.keys() - {"extra_content"} == {"function", "id", "type"}
        assert choices[-1]["finish_reason"] == "stop"

    def test_error(self) -> None:
        """An invalid request is refused as a whole, not within the stream."""
        assert parse_listed_fault(send_chat("?", stream=True, n=9))[0] == 400


class TestOptions:
    @pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high"])
    @pytest.mark.parametrize("model", [MODEL, "gemini-3-pro-preview"])
    def test_effort(self, effort: str, model: str) -> None:
        """Every reasoning effort is accepted for each generation of models."""
        assert complete_text("Why?", reasoning_effort=effort, model=model)

    def test_thinking(self) -> None:
        """Google's options stand in ``extra_body``, in either spelling."""
        for config in ({"thinking_budget": 5, "include_thoughts": True}, {"thinkingBudget": 5}):
            assert complete_text("Why?", extra_body={"google": {"thinking_config": config}})

    def test_cache(self) -> None:
        """A cache that does not exist is an error, as for ``generateContent``."""
        missing = send_chat("?", extra_body={"google": {"cached_content": "cachedContents/1"}})
        assert parse_listed_fault(missing)[:2] == (403, "PERMISSION_DENIED")


class TestRefusals:
    @pytest.mark.parametrize("name", ["seed", "frequency_penalty", "store", "metadata", "google", "top_k", "functions"])
    @pytest.mark.parametrize("value", [None, 1])
    def test_unknown_name(self, name: str, value: Any) -> None:
        """Fields that the service does not know are refused by name, even if they are null."""
        code, status, message = parse_listed_fault(send_chat("?", **{name: value}))
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert message == f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'

    @pytest.mark.parametrize(
        ("messages", "fields", "message"),
        [
            (("?",), {"model": None}, "model is not specified"),
            ((), {}, "contents is not specified"),
            (({"role": "system", "content": "x"},), {}, "contents is not specified"),
            (("",), {}, "contents.parts must not be empty"),
            (({"role": "model", "content": "x"},), {}, "Invalid role: model"),
            (({"role": "user", "content": [1]},), {}, "must be a text or a list of content parts"),
            (({"role": "user", "content": 1},), {}, "must be a text or a list of content parts"),
            (({"role": "user", "content": [{"type": "video"}]},), {}, "Invalid content part type: video"),
            (({"role": "user", "content": [{"type": "text"}]},), {}, "Invalid content part type: text"),
            (("?",), {"n": 10}, "Invalid value of n: should be between 1 and 8, got 10"),
            (("?",), {"max_tokens": 1, "max_completion_tokens": 2}, "cannot both be set"),
            (("?",), {"temperature": 3}, "temperature: 3.0 is not from 0 to 2"),
            (("?",), {"temperature": "hot"}, "temperature"),
            (("?",), {"stop": 3}, "stop must be"),
            (("?",), {"stop": [3]}, "stop must be"),
            (("?",), {"response_format": {"type": "xml"}}, "Invalid response_format: xml"),
            (("?",), {"response_format": {"type": "json_schema"}}, "Invalid response_format: json_schema"),
            (("?",), {"reasoning_effort": "extreme"}, "Invalid reasoning_effort: extreme"),
            (("?",), {"tools": [{"type": "web_search"}]}, "Unsupported tool: web_search"),
            (("?",), {"tools": [{"type": "function", "function": {}}]}, "Unsupported tool: function"),
            (("?",), {"tool_choice": "perhaps"}, "Invalid tool_choice: 'perhaps'"),
            (("?", answer_weather()), {}, "contents[1].parts[0].function_response.name: Name cannot be empty"),
            (("?", call_weather("[]"), answer_weather()), {}, "must be a JSON object"),
            (("?", call_weather("{" * 500), answer_weather()), {}, "must be a JSON object"),
            (("?", call_weather('{"a":' * 300 + "1" + "}" * 300), answer_weather()), {}, "must be a JSON object"),
        ],
    )
    def test_invalid(self, messages: Any, fields: Any, message: str) -> None:
        """An invalid request is a 400 in a list, and the message states what is wrong."""
        code, status, found = parse_listed_fault(send_chat(*messages, **fields))
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert message in found

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("data:image/png;base64,???", "Base64 decoding failed"),
            ("http://example.com/a.png", "Invalid or unsupported file uri: http://example.com/a.png"),
        ],
    )
    def test_image(self, url: str, message: str) -> None:
        """An image must be base64 or have a URI that the service fetches."""
        part = {"type": "image_url", "image_url": {"url": url}}
        assert message in parse_listed_fault(send_chat({"role": "user", "content": [part]}))[2]

    @pytest.mark.parametrize("role", ["system", "assistant"])
    def test_image_of_others(self, role: str) -> None:
        """Only messages of the user contain images."""
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        found = parse_listed_fault(send_chat({"role": role, "content": [part]}))
        assert found[2] == "Invalid content part type: image_url"

    def test_unknown_model(self) -> None:
        """A model that does not exist is a 404, with the name that the service gives this version of its API."""
        code, status, message = parse_listed_fault(send_chat("?", model="gemini-1.5-flash"))
        assert (code, status) == (404, "NOT_FOUND")
        assert message.startswith("models/gemini-1.5-flash is not found for API version v1main, or is not supported")

    def test_two_efforts(self) -> None:
        """Effort and thinking config exclude each other."""
        extra_body = {"google": {"thinking_config": {"thinking_budget": 1}}}
        assert "found both" in parse_listed_fault(send_chat("?", reasoning_effort="low", extra_body=extra_body))[2]

    def test_no_json(self) -> None:
        """A body that is not JSON is refused."""
        assert parse_listed_fault(send("POST", "chat/completions"))[2] == "model is not specified"


class TestVertex:
    ROOT = f"{VERTEX}/projects/p/locations/l/endpoints/openapi"

    def test_completion(self) -> None:
        """On Vertex AI, models have a publisher, and more fields of OpenAI's API are accepted."""
        body = {
            "model": f"google/{MODEL}",
            "messages": [{"role": "user", "content": "Why?"}],
            "seed": 1,
            "frequency_penalty": 0.5,
            "google": {"thought_tag_marker": "think"},
        }
        completion = json.loads(send("POST", "chat/completions", body, root=self.ROOT).body)
        assert completion["model"] == f"google/{MODEL}"
        assert f"in place of {MODEL}:" in completion["choices"][0]["message"]["content"]

    def test_error(self) -> None:
        """Errors are in a list, too."""
        assert parse_listed_fault(send("POST", "chat/completions", {}, root=self.ROOT))[0] == 400
