"""What the embedded model answers, and how it keeps to what it was told."""

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from genai_fn import schema
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.contents.caches import EmulatedCache
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
from tests.support.emulator_requests import GEMINI, HI, answer, configured, events, fault, generated, post, said

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


def _nested(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(each) | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=3), each)


MODEL = {"role": "model", "parts": [{"text": "hello"}]}


class TestText:
    def test_what_it_is(self) -> None:
        """The model says that it is an offline one, in whose place, and that nothing went out."""
        assert "I am an offline model in place of m: nothing was sent anywhere." in said()

    def test_question(self) -> None:
        """The question is in the answer."""
        assert "You asked: “Why is the sky blue?”" in said("Why is the sky blue?")

    def test_long_question(self) -> None:
        """A long question is quoted up to a point."""
        assert len(said("why " * 10_000)) < 1000

    def test_instructions(self) -> None:
        """So are the instructions."""
        assert "My instructions are: “Be terse.”" in said(systemInstruction={"parts": [{"text": "Be terse."}]})

    def test_attached(self) -> None:
        """What was attached is counted by its kind."""
        image = {"inlineData": {"mimeType": "image/png", "data": b64encode(b"x").decode()}}
        paper = {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}
        turn = {"role": "user", "parts": [image, image, paper, {"text": "hm"}]}
        assert "With it came 3 files: 1 application/pdf, 2 image/png." in said([turn])

    def test_turns(self) -> None:
        """Earlier turns are counted, and the last of the user's is the question."""
        text = said(
            [{"role": "user", "parts": [{"text": "first"}]}, MODEL, {"role": "user", "parts": [{"text": "last"}]}]
        )
        assert "You asked: “last”" in text
        assert "Before that came 2 turns." in text

    def test_function(self) -> None:
        """What a function answered is repeated."""
        answered = {"functionResponse": {"name": "f", "response": {"a": 1}}}
        text = said([HI, {"role": "user", "parts": [answered]}])
        assert 'The function f answered: “{"a":1}”' in text
        assert "You asked: “hi”" in text

    def test_again(self) -> None:
        """The same request gets the same answer to the byte, another one another name."""
        assert generated("a") == generated("a")
        assert generated("a")["responseId"] != generated("b")["responseId"]

    def test_about(self) -> None:
        """The response names the model, and the answer is the model's turn."""
        response = generated()
        assert response["modelVersion"] == "m"
        assert response["candidates"][0]["content"]["role"] == "model"
        assert response["candidates"][0]["finishReason"] == "STOP"


class TestLimits:
    def test_max_output_tokens(self) -> None:
        """An answer has at most as many tokens as it may, and says that it was cut."""
        response = configured(maxOutputTokens=4)
        assert response["candidates"][0] == {
            "content": {"parts": [{"text": "I am an offline"}], "role": "model"},
            "finishReason": "MAX_TOKENS",
            "index": 0,
        }
        assert response["usageMetadata"]["candidatesTokenCount"] == 4

    def test_enough_tokens(self) -> None:
        """An answer that just fits was not cut."""
        whole = said()
        response = configured(maxOutputTokens=len(split_tokens(whole)))
        assert response["candidates"][0]["content"]["parts"][0]["text"] == whole
        assert response["candidates"][0]["finishReason"] == "STOP"

    def test_stop_sequences(self) -> None:
        """An answer ends before the first stop sequence that comes up; that is no cut."""
        candidate = configured(stopSequences=["in place", "offline", "never", ""])["candidates"][0]
        assert (candidate["content"]["parts"][0]["text"], candidate["finishReason"]) == ("I am an ", "STOP")

    def test_stopped_at_once(self) -> None:
        """An answer that would begin with a stop sequence has no text at all."""
        assert configured(stopSequences=["I am"])["candidates"][0]["content"] == {"role": "model"}

    def test_candidates(self) -> None:
        """There are as many candidates as were asked for, no two of them alike."""
        candidates = configured(candidateCount=3)["candidates"]
        assert [each["index"] for each in candidates] == [0, 1, 2]
        assert len({each["content"]["parts"][0]["text"] for each in candidates}) == 3


class TestUsage:
    def test_sums(self) -> None:
        """Prompt and instructions count, all candidates count, and the total is their sum."""
        response = generated(
            "one two, three",
            systemInstruction={"parts": [{"text": "be brief"}]},
            generationConfig={"candidateCount": 2},
        )
        texts = [each["content"]["parts"][0]["text"] for each in response["candidates"]]
        spent = sum(len(split_tokens(text)) for text in texts)
        assert response["usageMetadata"] == {
            "promptTokenCount": 6,
            "candidatesTokenCount": spent,
            "totalTokenCount": 6 + spent,
        }

    def test_media(self) -> None:
        """A file counts as the API counts an image."""
        turn = {"parts": [{"fileData": {"fileUri": "gs://b/x.png"}}]}
        assert generated([turn])["usageMetadata"]["promptTokenCount"] == 258

    @settings(deadline=None)
    @given(st.text())
    def test_lossless(self, text: str) -> None:
        """Tokens add up to their text."""
        assert "".join(split_tokens(text)) == text


class TestStream:
    PATH = "models/m:streamGenerateContent"

    def test_joined(self) -> None:
        """The events together are the whole answer, a few words each."""
        items = events(post(f"{self.PATH}?alt=sse", {"contents": [HI]}))
        texts = [each["candidates"][0]["content"]["parts"][0]["text"] for each in items]
        assert "".join(texts) == said()
        assert len(texts) > 2
        assert max(len(split_tokens(text)) for text in texts) <= 6

    def test_end(self) -> None:
        """The last event alone says why the answer ended, and what it cost."""
        *before, last = events(post(f"{self.PATH}?alt=sse", {"contents": [HI]}))
        assert last["candidates"][0]["finishReason"] == "STOP"
        assert last["usageMetadata"] == generated()["usageMetadata"]
        assert not any("usageMetadata" in each or "finishReason" in each["candidates"][0] for each in before)

    def test_candidates(self) -> None:
        """Each candidate ends on its own."""
        items = events(post(f"{self.PATH}?alt=sse", {"contents": [HI], "generationConfig": {"candidateCount": 2}}))
        ended = [each["candidates"][0]["index"] for each in items if "finishReason" in each["candidates"][0]]
        assert ended == [0, 1]

    def test_nothing_said(self) -> None:
        """An answer without text is still one event."""
        config = {"stopSequences": ["I am"]}
        (only,) = events(post(f"{self.PATH}?alt=sse", {"contents": [HI], "generationConfig": config}))
        assert only["candidates"][0]["finishReason"] == "STOP"

    def test_array(self) -> None:
        """Without ``alt=sse`` the same comes as one JSON array."""
        body = {"contents": [HI]}
        array = json.loads(post(self.PATH, body).body)
        assert array == events(post(f"{self.PATH}?alt=sse", body))

    def test_fault(self) -> None:
        """A fault comes as JSON, before any event."""
        assert fault(post(f"{self.PATH}?alt=sse", {}))[0] == 400


class TestJson:
    def test_free(self) -> None:
        """JSON of no particular shape is an object that tells what was asked."""
        text = configured("why?", responseMimeType="application/json")["candidates"][0]["content"]["parts"][0]["text"]
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
    def test_shaped(self, shape: Any) -> None:
        """A schema in either dialect is kept to, and texts in it are the question."""
        text = configured("why?", responseMimeType="application/json", **shape)["candidates"][0]["content"]["parts"][0][
            "text"
        ]
        assert json.loads(text) == {"a": "why?", "b": 0}

    def test_enum(self) -> None:
        """One of several words comes bare."""
        schema = {"type": "STRING", "enum": ["yes", "no"]}
        text = configured(responseMimeType="text/x.enum", responseSchema=schema)["candidates"][0]["content"]["parts"][
            0
        ]["text"]
        assert text == "yes"

    @pytest.mark.parametrize(
        "schema", [{"properties": 3}, {"$ref": "#/$defs/None"}, {"type": "integer", "minimum": "a"}]
    )
    def test_no_schema(self, schema: Any) -> None:
        """A schema that is none is refused."""
        assert configured(responseJsonSchema=schema)["error"]["status"] == "INVALID_ARGUMENT"


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
        """What is wrong with a body is INVALID_ARGUMENT, and named."""
        code, status, message = fault(post("models/m:generateContent", body))
        assert (code, status) == (400, "INVALID_ARGUMENT")
        assert names in message

    def test_file(self) -> None:
        """A file in the place of JSON is refused unread."""
        request = HttpRequest("POST", f"{GEMINI}/models/m:generateContent", (), FileSlice("nowhere", 0, 1))
        assert fault(answer(request))[0] == 400


class TestRead:
    def test_both_spellings(self) -> None:
        """Names are read in snake_case as in camelCase."""
        snake = {"contents": [HI], "generation_config": {"max_output_tokens": 3}, "system_instruction": HI}
        camel = {"contents": [HI], "generationConfig": {"maxOutputTokens": 3}, "systemInstruction": HI}
        answers = [json.loads(post("models/m:generateContent", each).body)["candidates"] for each in (snake, camel)]
        assert answers[0] == answers[1]

    def test_own_names(self) -> None:
        """Names that the caller chose are not the API's to know."""
        call = {"functionCall": {"name": "f", "args": {"my_key": {"myKey": None}}}}
        schema = {"type": "OBJECT", "properties": {"my_key": {"type": "STRING"}}}
        response = generated([HI, {"role": "model", "parts": [call]}], generationConfig={"responseSchema": schema})
        assert json.loads(response["candidates"][0]["content"]["parts"][0]["text"]) == {"my_key": "hi"}

    def test_in_pieces(self) -> None:
        """A body in pieces is one body."""
        whole = json.dumps({"contents": [HI]}).encode()
        assert post("models/m:generateContent", (whole[:9], whole[9:])) == post("models/m:generateContent", whole)

    @settings(max_examples=50, deadline=None)
    @given(st.recursive(_LEAVES, _nested))
    def test_total(self, body: Any) -> None:
        """Whatever comes is answered: with an answer or a fault."""
        assert post("models/m:generateContent", msgspec.json.encode(body)).status in (200, 400)

    @settings(max_examples=50, deadline=None)
    @given(st.recursive(_LEAVES, _nested))
    def test_any_schema(self, schema: Any) -> None:
        """So is whatever comes as a schema."""
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
    "everything-at-once",  # a cache, and tools beside it
    "file-search",  # a store that is not there
}
"""Cases that the service would not take either, be it on one backend."""


@pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex("p", "us-central1")], ids=lambda each: str(each.name))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_that_is_sent(case: Case, backend: Backend) -> None:
    """Every request that this library can encode is one that the emulator reads, and every answer decodes."""
    request = _request(case)
    written = Failure(None) if request is None else encode(request, backend)
    if request is None or not isinstance(written, Success):
        return
    response = answer(written.unwrap(), _furnished(written.unwrap()))
    assert response.status == 200 or case.name in NOT_TAKEN
    if response.status == 200 and not case.stream:
        assert isinstance(decode(request, response, backend), Success)


def _furnished(request: HttpRequest) -> EmulatorState:
    """Make what a request names: a file, and the cache that is in its body."""
    body = json.loads(request.body if isinstance(request.body, bytes) else b"{}")
    file = StoredFile(File(name="files/a"), b"")
    named = str(body.get("cachedContent"))
    model = request.url.rpartition("/")[2].partition(":")[0]
    cache = EmulatedCache(CachedContent(name=named, model=f"models/{model}"), 7, (), None, None, None)
    return EmulatorState().with_resource("files/a", file).with_resource(named, cache)


def _request(case: Case) -> Request[Any] | None:
    try:
        contents, config = case.arguments(schema)
        request = generate(case.model, contents, config)
    except InvalidRequest:
        return None
    return Request(request.operation.get_streaming_operation()) if case.stream else request  # type: ignore[union-attr]  # generate has one


def test_read_by_google_genai() -> None:
    """What is answered is what google-genai 1.51.0 reads, too, with nothing that it does not know."""
    response = generated("hi", generationConfig={"candidateCount": 2})
    assert types.GenerateContentResponse.model_validate(response).usage_metadata.total_token_count > 0  # type: ignore[union-attr,operator]
    assert msgspec.convert(response, GenerateContentResponse).text == said()
