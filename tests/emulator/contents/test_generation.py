"""Content generation of the emulator: text, limits, streams, JSON, errors."""

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from google.genai import types
from hypothesis import given, settings, strategies as st

from genai_fn import schema
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.contents.caches import CacheBody, EmulatedCache
from genai_fn.emulator.fake_model.tokenizer import split_tokens
from genai_fn.emulator.files import StoredFile
from genai_fn.errors import InvalidRequest
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.results import Failure, Success
from genai_fn.schema import CachedContent, File, GenerateContentResponse
from genai_fn.wire import decode, encode
from tests.cases.generate_requests import CASES, Case
from tests.support.check_each import check_each
from tests.support.emulator_requests import (
    GEMINI,
    HI,
    generate_json,
    generate_text,
    generate_with_config,
    get_text,
    parse_events,
    parse_fault,
    post,
    send_request,
)

_NAMES = [
    "contents",
    "parts",
    "text",
    "generationConfig",
    "responseJsonSchema",
    "anyOf",
    "items",
    "properties",
    "$ref",
    "type",
]
_LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text()


def _nest_values(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(each) | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=3), each)


MODEL = {"role": "model", "parts": [{"text": "hello"}]}


class TestText:
    def test_offline_notice(self) -> None:
        """The answer states that the model is offline, and which model it replaces."""
        assert "I am an offline model in place of m: nothing was sent anywhere." in generate_text()

    def test_question(self) -> None:
        """The answer contains the question."""
        assert "You asked: “Why is the sky blue?”" in generate_text("Why is the sky blue?")

    def test_long_question(self) -> None:
        """A long question is truncated."""
        assert len(generate_text("why " * 10_000)) < 1000

    def test_instructions(self) -> None:
        """The answer contains the system instruction."""
        assert "My instructions are: “Be terse.”" in generate_text(systemInstruction={"parts": [{"text": "Be terse."}]})

    def test_attached(self) -> None:
        """The answer contains the number of attachments by MIME type."""
        image = {"inlineData": {"mimeType": "image/png", "data": b64encode(b"x").decode()}}
        paper = {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}
        turn = {"role": "user", "parts": [image, image, paper, {"text": "hm"}]}
        assert "With it came 3 files: 1 application/pdf, 2 image/png." in generate_text([turn])

    def test_turns(self) -> None:
        """The answer contains the number of earlier turns; the question is the last user turn."""
        text = generate_text(
            [{"role": "user", "parts": [{"text": "first"}]}, MODEL, {"role": "user", "parts": [{"text": "last"}]}]
        )
        assert "You asked: “last”" in text
        assert "Before that came 2 turns." in text

    def test_function(self) -> None:
        """The answer contains function responses."""
        function_part = {"functionResponse": {"name": "f", "response": {"a": 1}}}
        text = generate_text([HI, {"role": "user", "parts": [function_part]}])
        assert 'The function f answered: “{"a":1}”' in text
        assert "You asked: “hi”" in text

    def test_deterministic(self) -> None:
        """The same request gets the same response; another one gets another response ID."""
        assert generate_json("a") == generate_json("a")
        assert generate_json("a")["responseId"] != generate_json("b")["responseId"]

    def test_response_fields(self) -> None:
        """The response contains the model, and the content has the role ``model``."""
        response = generate_json()
        assert response["modelVersion"] == "m"
        assert response["candidates"][0]["content"]["role"] == "model"
        assert response["candidates"][0]["finishReason"] == "STOP"


class TestLimits:
    def test_max_output_tokens(self) -> None:
        """``maxOutputTokens`` truncates an answer, with finish reason MAX_TOKENS."""
        response = generate_with_config(maxOutputTokens=4)
        assert response["candidates"][0] == {
            "content": {"parts": [{"text": "I am an offline"}], "role": "model"},
            "finishReason": "MAX_TOKENS",
            "index": 0,
        }
        assert response["usageMetadata"]["candidatesTokenCount"] == 4

    def test_enough_tokens(self) -> None:
        """An answer that fits the limit exactly is not truncated."""
        full_response = generate_text()
        response = generate_with_config(maxOutputTokens=len(split_tokens(full_response)))
        assert get_text(response) == full_response
        assert response["candidates"][0]["finishReason"] == "STOP"

    def test_stop_sequences(self) -> None:
        """An answer ends before the first stop sequence, with finish reason STOP."""
        candidate = generate_with_config(stopSequences=["in place", "offline", "never", ""])["candidates"][0]
        assert (candidate["content"]["parts"][0]["text"], candidate["finishReason"]) == ("I am an ", "STOP")

    def test_stopped_at_once(self) -> None:
        """An answer that starts with a stop sequence has no text."""
        assert generate_with_config(stopSequences=["I am"])["candidates"][0]["content"] == {"role": "model"}

    def test_candidates(self) -> None:
        """``candidateCount`` sets the number of candidates, which all differ."""
        candidates = generate_with_config(candidateCount=3)["candidates"]
        assert [each["index"] for each in candidates] == [0, 1, 2]
        assert len({each["content"]["parts"][0]["text"] for each in candidates}) == 3


class TestUsage:
    def test_sums(self) -> None:
        """The prompt count includes the system instruction; all candidates count; the total is the sum."""
        response = generate_json(
            "one two, three",
            systemInstruction={"parts": [{"text": "be brief"}]},
            generationConfig={"candidateCount": 2},
        )
        texts = [each["content"]["parts"][0]["text"] for each in response["candidates"]]
        token_count = sum(len(split_tokens(text)) for text in texts)
        assert response["usageMetadata"] == {
            "promptTokenCount": 6,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}],
            "candidatesTokenCount": token_count,
            "totalTokenCount": 6 + token_count,
        }

    def test_media(self) -> None:
        """A file has the token count that the API uses for an image."""
        turn = {"parts": [{"fileData": {"fileUri": "gs://b/x.png"}}]}
        assert generate_json([turn])["usageMetadata"]["promptTokenCount"] == 258

    @settings(deadline=None)
    @given(st.text())
    def test_lossless(self, text: str) -> None:
        """The tokens of a text concatenate to it."""
        assert "".join(split_tokens(text)) == text


class TestStream:
    PATH = "models/m:streamGenerateContent"

    def test_joined(self) -> None:
        """The events concatenate to the whole answer, a few words each."""
        items = parse_events(post(f"{self.PATH}?alt=sse", {"contents": [HI]}))
        texts = [get_text(each) for each in items]
        assert "".join(texts) == generate_text()
        assert len(texts) > 2
        assert max(len(split_tokens(text)) for text in texts) <= 6

    def test_end(self) -> None:
        """Only the last event contains the finish reason and the usage."""
        *earlier_events, last = parse_events(post(f"{self.PATH}?alt=sse", {"contents": [HI]}))
        assert last["candidates"][0]["finishReason"] == "STOP"
        assert last["usageMetadata"] == generate_json()["usageMetadata"]
        assert not any("usageMetadata" in each or "finishReason" in each["candidates"][0] for each in earlier_events)

    def test_candidates(self) -> None:
        """Each candidate has its own finish reason."""
        items = parse_events(
            post(f"{self.PATH}?alt=sse", {"contents": [HI], "generationConfig": {"candidateCount": 2}})
        )
        finished = [each["candidates"][0]["index"] for each in items if "finishReason" in each["candidates"][0]]
        assert finished == [0, 1]

    def test_no_text(self) -> None:
        """An answer without text is one event."""
        config = {"stopSequences": ["I am"]}
        (only,) = parse_events(post(f"{self.PATH}?alt=sse", {"contents": [HI], "generationConfig": config}))
        assert only["candidates"][0]["finishReason"] == "STOP"

    def test_array(self) -> None:
        """Without ``alt=sse``, the response is a JSON array of the same items."""
        body = {"contents": [HI]}
        array = json.loads(post(self.PATH, body).body)
        assert array == parse_events(post(f"{self.PATH}?alt=sse", body))

    def test_fault(self) -> None:
        """An error is JSON, not an event."""
        assert parse_fault(post(f"{self.PATH}?alt=sse", {}))[0] == 400


class TestJson:
    def test_without_schema(self) -> None:
        """JSON without a schema is an object that describes the prompt."""
        text = generate_with_config("why?", responseMimeType="application/json")["candidates"][0]["content"]["parts"][
            0
        ]["text"]
        assert json.loads(text) == {
            "offline": True,
            "model": "m",
            "instructions": "",
            "question": "why?",
            "attached": {},
            "turns": 1,
        }

    @pytest.mark.parametrize(
        "shape",
        [
            {"responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}}}},
            {
                "responseJsonSchema": {
                    "type": "object",
                    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                }
            },
        ],
    )
    def test_schema(self, shape: Any) -> None:
        """Both schema dialects are respected, and strings are the question."""
        text = generate_with_config("why?", responseMimeType="application/json", **shape)["candidates"][0]["content"][
            "parts"
        ][0]["text"]
        assert json.loads(text) == {"a": "why?", "b": 0}

    def test_enum(self) -> None:
        """An enum value is returned without quotes."""
        schema = {"type": "STRING", "enum": ["yes", "no"]}
        text = generate_with_config(responseMimeType="text/x.enum", responseSchema=schema)["candidates"][0]["content"][
            "parts"
        ][0]["text"]
        assert text == "yes"

    @pytest.mark.parametrize(
        "schema", [{"properties": 3}, {"$ref": "#/$defs/None"}, {"type": "integer", "minimum": "a"}]
    )
    def test_invalid_schema(self, schema: Any) -> None:
        """An invalid schema is rejected."""
        assert generate_with_config(responseJsonSchema=schema)["error"]["status"] == "INVALID_ARGUMENT"


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "names"),
        [
            ({}, "contents is not specified"),
            ({"contents": None}, "contents is not specified"),
            ({"contents": []}, "contents is not specified"),
            ({"contents": [{"role": "user"}]}, "contents[0].parts"),
            ({"contents": [{**HI, "role": "system"}]}, "contents[0].role"),
            ({"contents": "hi"}, "Invalid value at 'contents'"),
            ({"contents": ["hi"]}, "Invalid value at 'contents[0]'"),
            ({"contents": [{"parts": [{"inlineData": {"data": "???"}}]}]}, "'contents[0].parts[0].inline_data.data'"),
            ({"contents": [HI], "mood": 1}, 'Unknown name "mood": Cannot find field.'),
            ({"contents": [HI], "generationConfig": {"heat": 1}}, "Unknown name \"heat\" at 'generation_config'"),
            ({"contents": [{"parts": [{"test": "hi"}]}]}, "Unknown name \"test\" at 'contents[0].parts[0]'"),
            (
                {"contents": [HI], "generationConfig": {"temperature": "hot"}},
                "Invalid value at 'generation_config.temperature'",
            ),
            ({"contents": [HI], "generationConfig": {"temperature": 3}}, "generation_config.temperature"),
            ({"contents": [HI], "generationConfig": {"candidateCount": 9}}, "generation_config.candidate_count"),
            ({"contents": [HI], "generationConfig": {"maxOutputTokens": 0}}, "generation_config.max_output_tokens"),
            ([], "Expected `object`"),
            (b"", "contents is not specified"),
            (b"{", "Invalid JSON payload"),
            (b'{"contents": "\xff"}', "Invalid JSON payload"),
            (b"[" * 100_000, "Invalid JSON payload"),
        ],
    )
    def test_body(self, body: Any, names: str) -> None:
        """An invalid body is INVALID_ARGUMENT, and the message names the reason."""
        code, status, message = parse_fault(post("models/m:generateContent", body))
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert names in message

    def test_file(self) -> None:
        """A file as the body is rejected without being read."""
        request = HttpRequest("POST", f"{GEMINI}/models/m:generateContent", (), FileSlice("nowhere", 0, 1))
        assert parse_fault(send_request(request))[0] == 400


class TestRead:
    def test_both_spellings(self) -> None:
        """Field names are accepted in snake_case and camelCase."""
        snake = {"contents": [HI], "generation_config": {"max_output_tokens": 3}, "system_instruction": HI}
        camel = {"contents": [HI], "generationConfig": {"maxOutputTokens": 3}, "systemInstruction": HI}
        answers = [json.loads(post("models/m:generateContent", each).body)["candidates"] for each in (snake, camel)]
        assert answers[0] == answers[1]

    def test_own_names(self) -> None:
        """Names that the caller chose are not converted."""
        call = {"functionCall": {"name": "f", "args": {"my_key": {"myKey": None}}}}
        schema = {"type": "OBJECT", "properties": {"my_key": {"type": "STRING"}}}
        response = generate_json([HI, {"role": "model", "parts": [call]}], generationConfig={"responseSchema": schema})
        assert json.loads(get_text(response)) == {"my_key": "hi"}

    def test_in_chunks(self) -> None:
        """A body in chunks equals the same body in one chunk."""
        full_response = json.dumps({"contents": [HI]}).encode()
        assert post("models/m:generateContent", (full_response[:9], full_response[9:])) == post(
            "models/m:generateContent", full_response
        )

    @settings(max_examples=50, deadline=None)
    @given(st.recursive(_LEAVES, _nest_values))
    def test_total(self, body: Any) -> None:
        """Any JSON body gets a response or an error."""
        assert post("models/m:generateContent", msgspec.json.encode(body)).status in (200, 400)

    @settings(max_examples=50, deadline=None)
    @given(st.recursive(_LEAVES, _nest_values))
    def test_any_schema(self, schema: Any) -> None:
        """Any JSON as a schema gets a response or an error."""
        body = {"contents": [HI], "generationConfig": {"responseJsonSchema": schema}}
        assert post("models/m:generateContent", msgspec.json.encode(body)).status in (200, 400)


NOT_TAKEN = {
    "contents-odd-role",
    "contents-role-only",
    "contents-no-parts",
    "zeros",
    "model-publisher",
    "model-project",
    "model-endpoint",
    "model-vendor",
    "model-vendor-three",
    "everything-at-once",  # a cache and tools
    "file-search",  # a store that does not exist
}
"""Cases that the service rejects, too, at least on one backend."""


@check_each([(case, backend) for case in CASES for backend in (Gemini("test-key"), Vertex("p", "us-central1"))])
def test_every_request(sent: tuple[Case, Backend]) -> None:
    """The emulator accepts every request that this library encodes, and this library decodes every response."""
    case, backend = sent
    request = _build_request(case)
    result = Failure(None) if request is None else encode(request, backend)
    if request is None or not isinstance(result, Success):
        return
    response = send_request(result.unwrap(), _create_named_resources(result.unwrap()))
    assert response.status == 200 or case.name in NOT_TAKEN
    if response.status == 200 and not case.stream:
        assert isinstance(decode(request, response, backend), Success)


def _create_named_resources(request: HttpRequest) -> EmulatorState:
    """Create the file and the cache that a request refers to."""
    body = json.loads(request.body if isinstance(request.body, bytes) else b"{}")
    file = StoredFile(File(name="files/a"), b"")
    cache_name = str(body.get("cachedContent"))
    model = request.url.rpartition("/")[2].partition(":")[0]
    cache = EmulatedCache(CachedContent(name=cache_name, model=f"models/{model}"), CacheBody())
    return EmulatorState().with_resource("files/a", file).with_resource(cache_name, cache)


def _build_request(case: Case) -> Request[Any] | None:
    try:
        contents, config = case.arguments(schema)
        request = generate(case.model, contents, config)
    except InvalidRequest:
        return None
    return Request(request.operation.get_streaming_operation()) if case.stream else request  # type: ignore[union-attr]  # generate has one


def test_read_by_google_genai() -> None:
    """google-genai 1.51.0 accepts a response, without unknown fields."""
    response = generate_json("hi", generationConfig={"candidateCount": 2})
    assert types.GenerateContentResponse.model_validate(response).usage_metadata.total_token_count > 0  # type: ignore[union-attr,operator]
    assert msgspec.convert(response, GenerateContentResponse).text == generate_text()


def test_protobuf_leniency() -> None:
    """One object in place of a list, and numbers in place of enum values, are accepted as by the API."""
    strict = generate_json([HI], safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}])
    lenient = generate_json({"parts": {"text": "hi"}, "role": "user"}, safetySettings={"category": 7, "threshold": 5})
    assert get_text(strict) == get_text(lenient)
