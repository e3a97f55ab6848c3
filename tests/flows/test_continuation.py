"""``continued``: requests the rest of a cut response by its token; merged values captured from google-genai 3.6.1."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from returns.result import Failure, Success

from genai_fn import (
    ClientError,
    Gemini,
    InvalidRequest,
    Offline,
    ServerError,
    TimedOut,
    calling,
    chats,
    continued,
    encode,
    generate,
    joined,
    returning,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.errors import Disconnected
from genai_fn.flows.continuation.merging import merge_continuation
from genai_fn.schema import FinishReason, GenerateContentResponse, ModelContent, UserContent
from tests.support.google_genai.agreement import encode_ours
from tests.support.scripted_model import Conversation, build_response

REQUEST = generate("m", "hi", {"temperature": 1.0})


def cut(value: str, token: str | None, reason: str | None = "CONTINUATION") -> GenerateContentResponse:
    """Build a response that is cut, or a chunk of one."""
    response = build_response(value, reason=reason)
    return replace(response, candidates=(replace(response.candidates[0], continuation_token=token),))


def with_usage(response: GenerateContentResponse, prompt: int, answer: int) -> GenerateContentResponse:
    usage = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": answer,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
    }
    return replace(
        response, usage_metadata=msgspec.convert({"usageMetadata": usage}, GenerateContentResponse).usage_metadata
    )


def list_tokens(conversation: Conversation) -> list[str | None]:
    """Return the token of each request."""
    return [each.operation.config.continuation_token for each in conversation.requests]


def test_token_on_wire() -> None:
    """The token is a field of the body on both backends, as captured from google-genai 3.6.1."""
    for backend in ("gemini", "vertex"):
        for token in (b"\x01\xff", "Af8="):
            _, _, body = encode_ours(generate("m", "a", {"continuation_token": token}), backend)
            assert body == {"contents": [{"parts": [{"text": "a"}], "role": "user"}], "continuationToken": "Af8="}


def test_whole() -> None:
    """The parts of all responses are one response, which ends as the last one does."""
    conversation = Conversation(REQUEST | continued(), [cut("one ", "A"), cut("two ", "B"), build_response("three")])
    answer = conversation.result.unwrap()
    assert list_tokens(conversation) == [None, "A", "B"]
    assert [part.text for part in answer.parts] == ["one ", "two ", "three"]
    assert (answer.candidates[0].finish_reason, answer.candidates[0].continuation_token) == (FinishReason.STOP, None)
    assert all(each.operation.contents == REQUEST.operation.contents for each in conversation.requests)
    assert {each.operation.config.temperature for each in conversation.requests} == {1.0}


@pytest.mark.parametrize(
    "response",
    (
        build_response("whole"),
        cut("no token", None),
        cut("no token", ""),
        cut("complete", "A", "STOP"),
        cut("too long", "A", "MAX_TOKENS"),
        GenerateContentResponse(),
    ),
)
def test_complete(response: GenerateContentResponse) -> None:
    """A response that is complete, or has no token, is returned as it is."""
    assert Conversation(REQUEST | continued(), [response]).result == Success(response)


def test_without_modifier() -> None:
    """Without the modifier a cut response is returned as it is: nothing is continued silently."""
    assert Conversation(REQUEST | text, [cut("one ", "A")]).result == Success("one ")


def test_limit() -> None:
    """After the maximum number of requests, the response is cut still, and has the token to go on with."""
    answer = Conversation(REQUEST | continued(2), [cut("one ", "A"), cut("two ", "B")]).result.unwrap()
    candidate = answer.candidates[0]
    assert (answer.text, candidate.finish_reason, candidate.continuation_token) == ("one two ", "CONTINUATION", "B")


def test_same_token() -> None:
    """A response with the token of its request does not get further, and is not continued."""
    conversation = Conversation(REQUEST | continued(), [cut("one ", "A"), cut("two ", "A")])
    assert list_tokens(conversation) == [None, "A"]
    assert conversation.result.unwrap().text == "one two "


def test_failure() -> None:
    """A failed request is the failure."""
    conversation = Conversation(REQUEST | continued(), [cut("one ", "A"), ClientError(400)])
    assert conversation.result == Failure(ClientError(400))


def test_deadline() -> None:
    """The deadline applies to all requests together."""
    flow = REQUEST | continued() | with_options(deadline=10)
    conversation = Conversation(flow, [cut("one ", "A"), cut("two ", "B")], clock=[0.0, 0.0, 4.0, 10.0])
    assert [each.options.deadline for each in conversation.requests] == [10.0, 6.0]
    assert isinstance(conversation.result.failure(), TimedOut)


BEFORE: dict[str, Any] = {
    "candidates": [
        {
            "content": {"parts": [{"text": "one"}, {"text": "more"}], "role": "model"},
            "finishReason": "CONTINUATION",
            "continuationToken": "QQ==",
            "tokenCount": 2,
            "avgLogprobs": -0.5,
            "citationMetadata": {"citations": [{"uri": "a"}]},
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "a"}}],
                "groundingSupports": [{"groundingChunkIndices": [0], "segment": {"endIndex": 3}}],
                "webSearchQueries": ["q"],
            },
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}],
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "a"}]},
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 3,
        "totalTokenCount": 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
        "trafficType": "ON_DEMAND",
    },
    "modelVersion": "m-1",
    "responseId": "1",
}
AFTER: dict[str, Any] = {
    "candidates": [
        {
            "content": {"parts": [{"text": "two"}], "role": "model"},
            "finishReason": "STOP",
            "finishMessage": "done",
            "tokenCount": 1,
            "avgLogprobs": -0.1,
            "citationMetadata": {"citations": [{"uri": "b"}]},
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "b"}}],
                "groundingSupports": [{"groundingChunkIndices": [0], "segment": {"startIndex": 1, "endIndex": 2}}],
                "webSearchQueries": ["r"],
            },
            "safetyRatings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"},
                {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"},
            ],
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "b"}]},
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 4,
        "totalTokenCount": 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}, {"modality": "IMAGE", "tokenCount": 1}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 1}],
    },
    "responseId": "2",
}
CAPTURED: dict[str, Any] = {
    "candidates": [
        {
            "content": {"parts": [{"text": "one"}, {"text": "more"}, {"text": "two"}], "role": "model"},
            "citationMetadata": {"citations": [{"uri": "a"}, {"uri": "b"}]},
            "finishMessage": "done",
            "tokenCount": 3,
            "finishReason": "STOP",
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "a"}}, {"web": {"uri": "b"}}],
                "groundingSupports": [
                    {"groundingChunkIndices": [0], "segment": {"endIndex": 3}},
                    {"groundingChunkIndices": [1], "segment": {"startIndex": 1, "endIndex": 2, "partIndex": 2}},
                ],
                "webSearchQueries": ["q", "r"],
            },
            "avgLogprobs": -0.1,
            "safetyRatings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"},
                {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"},
            ],
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "a"}, {"retrievedUrl": "b"}]},
        }
    ],
    "modelVersion": "m-1",
    "responseId": "2",
    "usageMetadata": {
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
        "promptTokenCount": 7,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}, {"modality": "IMAGE", "tokenCount": 1}],
        "totalTokenCount": 10,
        "trafficType": "ON_DEMAND",
    },
}
"""What google-genai 3.6.1 merges the two into."""


def test_merged_values() -> None:
    """Every field is merged as by google-genai 3.6.1: lists follow each other, counts are added, indices are moved."""
    before, after = (msgspec.convert(each, GenerateContentResponse) for each in (BEFORE, AFTER))
    assert msgspec.json.decode(msgspec.json.encode(merge_continuation(before, after))) == CAPTURED


def test_merged_without_candidates() -> None:
    """A continuation without candidates ends the response without a token or a reason."""
    before = msgspec.convert(BEFORE, GenerateContentResponse)
    merged = merge_continuation(before, GenerateContentResponse())
    candidate = merged.candidates[0]
    assert (merged.text, candidate.finish_reason, candidate.continuation_token) == ("onemore", None, None)


# Streams


def read(*answers: Any, max_requests: int = 20) -> tuple[Conversation, list[Any]]:
    conversation = Conversation(REQUEST | streamed | continued(max_requests), answers)
    return conversation, conversation.emitted


def test_stream() -> None:
    """The chunks of all requests follow each other, without the finish reasons between, and with the usage so far."""
    first = [cut("one ", None, None), with_usage(cut("two ", "A"), 3, 2)]
    second = [with_usage(build_response("three"), 3, 1)]
    conversation, emitted = read(first, second)
    chunks = [each.unwrap() for each in emitted]
    assert list_tokens(conversation) == [None, "A"]
    assert [(each.text, each.candidates[0].finish_reason) for each in chunks] == [
        ("one ", None),
        ("two ", None),
        ("three", "STOP"),
    ]
    usage = chunks[-1].usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count) == (6, 3)
    assert [(each.modality, each.token_count) for each in usage.prompt_tokens_details] == [("TEXT", 6)]


@pytest.mark.parametrize(
    "flow",
    (
        REQUEST | continued() | streamed | text | joined,
        REQUEST | streamed | continued() | text | joined,
        REQUEST | streamed | continued() | joined,
    ),
    ids=range(3),
)
def test_joined(flow: Any) -> None:
    """Both orders of the modifiers give the same text; the joined response has no token."""
    result = Conversation(flow, [[cut("one ", "A")], [build_response("two")]]).result.unwrap()
    if isinstance(result, GenerateContentResponse):
        assert result.candidates[0].continuation_token is None
        result = result.text
    assert result == "one two"


def test_usage_in_a_chunk_of_its_own() -> None:
    """A chunk without candidates after the finish reason does not end the continuation."""
    _, emitted = read([cut("one ", "A"), with_usage(GenerateContentResponse(), 3, 2)], [build_response("two")])
    assert [each.unwrap().text for each in emitted] == ["one ", None, "two"]


def test_stream_limit() -> None:
    """The last request keeps its finish reason."""
    _, emitted = read([cut("one ", "A")], [cut("two ", "B")], max_requests=2)
    assert [each.unwrap().candidates[0].finish_reason for each in emitted] == [None, "CONTINUATION"]


LOST = Disconnected("reading", sent=True)


def test_stream_breaks() -> None:
    """A stream that breaks off is continued if its last content came with a new token, or is the failure."""
    conversation, emitted = read([cut("one ", "A", None), LOST], [build_response("two")])
    assert list_tokens(conversation) == [None, "A"]
    assert [each.unwrap().text for each in emitted] == ["one ", "two"]
    for broken in (
        [cut("one ", None, None), LOST],
        [cut("one ", "A", None), cut("more ", None, None), LOST],
        [cut("one ", "A", "STOP"), LOST],
        [cut("one ", "A", None), ClientError(400)],
    ):
        _, emitted = read(broken)
        assert emitted[-1] == Failure(broken[-1])
    _, emitted = read([cut("one ", "A", None), LOST], [ServerError(503)])
    assert [type(each) for each in emitted] == [Success, Failure]


def test_stream_ends_early() -> None:
    """A stream that ends without a finish reason is continued if its last content came with a new token."""
    _, emitted = read([cut("one ", "A", None)], [cut("two ", "A", None)])
    assert [each.unwrap().text for each in emitted] == ["one ", "two "]


# Chats


def test_chat() -> None:
    """A continued turn is one turn of the chat, streamed or not."""
    chat = chats.start("m")
    whole = Conversation(chats.send(chat, "hi") | continued(), [cut("one ", "A"), build_response("two")])
    turn = whole.result.unwrap()
    assert [part.text for part in turn.chat.curated[-1].parts or ()] == ["one ", "two"]
    assert [each.operation.contents for each in whole.requests] == [(UserContent("hi"),)] * 2
    parts = Conversation(chats.stream(chat, "hi") | continued(), [[cut("one ", "A")], [build_response("two")]])
    assert parts.emitted[0].unwrap().chat.curated == ()
    assert parts.emitted[-1].unwrap().chat.curated == (UserContent("hi"), ModelContent("one two"))


@pytest.mark.parametrize(
    "wrong",
    (
        lambda: continued(0),
        lambda: REQUEST | text | continued(),
        lambda: REQUEST | continued() | continued(),
        lambda: REQUEST | calling(len) | continued(),
        lambda: REQUEST | with_http_response | continued(),
        lambda: REQUEST | streamed | text | continued(),
    ),
    ids=range(6),
)
def test_mistakes(wrong: Any) -> None:
    """Arguments out of range, and descriptions that cannot be continued, are mistakes at once."""
    with pytest.raises(InvalidRequest):
        wrong()


@pytest.mark.parametrize("modify", [continued(), streamed | continued()])
def test_google_genai_config(modify: Any) -> None:
    """A config with ``automatic_continuation`` is refused without the modifier, which the error names."""
    request = generate("m", "hi", {"automatic_continuation": True})
    assert "continued()" in str(encode(request, Gemini("test-key")).failure())
    assert request | modify == generate("m", "hi") | modify


def test_modifiers() -> None:
    """Modifiers of the request and of the result apply around it."""
    flow = REQUEST | continued() | with_config(top_k=3) | returning(int)
    conversation = Conversation(flow, [cut("1", "A"), build_response("2")])
    assert conversation.result == Success(12)
    assert [each.operation.config.top_k for each in conversation.requests] == [3, 3]


def test_repr() -> None:
    """The repr is the code that builds it."""
    assert repr(generate("m", "hi") | continued() | text) == 'generate("m", "hi") | continued() | text'
    assert repr(generate("m", "hi") | continued(3)) == 'generate("m", "hi") | continued(3)'


def test_emulator() -> None:
    """A response that is not cut is one request."""
    assert Offline()(REQUEST | continued() | text) == Offline()(REQUEST | text)
