"""Chats compared with google-genai's: the requests of later turns, and both histories."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from google.genai import Client, types
from google.genai.chats import Chat
from hypothesis import given, strategies as st

from genai_fn import Gemini, encode, streamed
from genai_fn.flows import chats
from genai_fn.modifiers import calling
from genai_fn.schema import Content, GenerateContentResponse
from tests.support.google_genai.oracle import GEMINI, normalize, run_call
from tests.support.scripted_model import Conversation

QUESTIONS = ("one?", "two?", "three?")
TEXT = {"text": "Yes."}
CALL: dict[str, Any] = {"functionCall": {"name": "clock", "args": {}}}


def build_reply(*parts: Any, reason: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """Build a response from parts."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {"candidates": [{**content, **({"finishReason": reason} if reason else {}), **fields}]}


BLOCKED_RESPONSE = {"promptFeedback": {"blockReason": "SAFETY"}}
REPLIES: dict[str, dict[str, Any]] = {
    "a text": build_reply(TEXT),
    "several texts": build_reply(TEXT, {"text": "No."}),
    "a text without a reason": build_reply(TEXT, reason=None),
    "a text cut off": build_reply(TEXT, reason="MAX_TOKENS"),
    "a thought and its signature": build_reply({"text": "Hm.", "thought": True}, {**TEXT, "thoughtSignature": "c2ln"}),
    "a call": build_reply(CALL),
    "no candidates": {},
    "blocked": BLOCKED_RESPONSE,
    "no content": build_reply(reason="SAFETY"),
    "content without parts": {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]},
    "no parts": {"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP"}]},
    "an empty part": build_reply({}),
    "an empty part beside a text": build_reply(TEXT, {}),
    "an empty text": build_reply({"text": ""}),
    "two candidates": {
        "candidates": [*build_reply(TEXT)["candidates"], *build_reply({"text": "B"}, index=1)["candidates"]]
    },
}

HISTORIES: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "one turn": [{"role": "user", "parts": [TEXT]}, {"role": "model", "parts": [TEXT]}],
    "a question alone": [{"role": "user", "parts": [TEXT]}],
    "an answer alone": [{"role": "model", "parts": [TEXT]}],
    "an empty answer alone": [{"role": "model", "parts": []}],
    "two questions and an empty answer": [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "b"}]},
        {"role": "model", "parts": []},
        {"role": "user", "parts": [{"text": "c"}]},
    ],
    "one bad answer of two": [
        {"role": "user", "parts": [TEXT]},
        {"role": "model", "parts": [TEXT]},
        {"role": "model", "parts": [{}]},
    ],
}


def clock() -> str:
    """Return the time."""
    return "noon"


ConversationRecord = tuple[list[Any], list[Any], list[Any]]
"""The contents of each request, and the comprehensive and the curated history."""


def run_google_genai(replies: Sequence[Any], history: Sequence[Any] = (), **config: Any) -> ConversationRecord:
    """Run a conversation with google-genai."""
    remaining = iter(replies)

    def converse(client: Client) -> Any:
        chat = client.chats.create(
            model="m",
            config=types.GenerateContentConfig(**config),
            history=[types.Content.model_validate(each) for each in history],
        )
        for question in QUESTIONS:
            chat.send_message(question)
        return chat.get_history(), chat.get_history(curated=True)

    requests, value = run_call(GEMINI, converse, lambda _: httpx.Response(200, json=next(remaining)))
    assert not isinstance(value, Exception), value
    comprehensive, curated = (
        [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in turns] for turns in value
    )
    return normalize([request.body["contents"] for request in requests]), normalize(comprehensive), normalize(curated)


def run_genai_fn(replies: Sequence[Any], history: Sequence[Any] = (), *modifiers: Any) -> ConversationRecord:
    """Run the same conversation with genai_fn."""
    remaining = iter([msgspec.convert(each, GenerateContentResponse, strict=False) for each in replies])
    chat, contents = chats.start("m", history=history), list[Any]()
    for question in QUESTIONS:
        turn = chats.send(chat, question)
        for modifier in modifiers:
            turn = turn | modifier
        ours_run = Conversation(turn, take_until_text(remaining) if modifiers else [next(remaining)])
        chat = ours_run.result.unwrap().chat
        contents += [encode_body(each)["contents"] for each in ours_run.requests]
    return normalize(contents), to_json(chats.history(chat)), to_json(chats.history(chat, curated=True))


def take_until_text(remaining: Iterator[GenerateContentResponse]) -> list[GenerateContentResponse]:
    responses = [next(remaining)]
    while responses[-1].function_calls and (following := next(remaining, None)) is not None:
        responses.append(following)
    return responses


def encode_body(request: Any) -> Any:
    body: Any = encode(request, Gemini("test-key")).unwrap().body
    return json.loads(body)


def to_json(contents: Sequence[Content]) -> Any:
    return normalize(json.loads(msgspec.json.encode(contents)))


@pytest.mark.parametrize("name", REPLIES)
def test_answers(name: str) -> None:
    """Every kind of answer is kept, and sent again or left out, as by google-genai."""
    replies = [build_reply(TEXT), REPLIES[name], build_reply({"text": "Last."})]
    assert run_genai_fn(replies) == run_google_genai(replies)


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name: str) -> None:
    """A chat continues an earlier history as google-genai's does."""
    replies = [build_reply(TEXT)] * 3
    assert run_genai_fn(replies, HISTORIES[name]) == run_google_genai(replies, HISTORIES[name])


CHUNKS = st.sampled_from([TEXT, CALL, {}, {"text": "x", "thought": True}])
TURNS = st.builds(
    lambda role, parts: {"role": role, "parts": parts}, st.sampled_from(["user", "model"]), st.lists(CHUNKS)
)


@given(st.lists(TURNS))
def test_any_history(history: list[dict[str, Any]]) -> None:
    """For any history, the same turns are sent as by google-genai, except for empty texts."""
    modules: Any = None
    chat = Chat(
        modules=modules, model="m", config=None, history=[types.Content.model_validate(each) for each in history]
    )
    curated = [
        each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in chat.get_history(curated=True)
    ]
    assert to_json(chats.start("m", history=history).curated) == normalize(curated)


@pytest.mark.parametrize(
    "replies",
    (
        [build_reply(TEXT), build_reply(CALL), build_reply(TEXT), build_reply(TEXT)],
        [
            build_reply(CALL),
            build_reply(CALL),
            build_reply(TEXT),
            build_reply(TEXT),
            build_reply(CALL),
            build_reply(TEXT),
        ],
    ),
    ids=("one", "several"),
)
def test_calls(replies: Sequence[Any]) -> None:
    """Function calls and responses are in the history as in google-genai."""
    assert run_genai_fn(replies, (), calling(clock)) == run_google_genai(replies, tools=[clock])


def test_calls_before_nothing() -> None:
    """
    Calls whose last answer has no content stay in the curated history, with their responses.

    google-genai 3.6.1 keeps the call, but not its response, without which the service rejects the next request; 1.51.0
    keeps neither.
    """
    replies = [build_reply(CALL), build_reply(reason="SAFETY"), build_reply(TEXT), build_reply(TEXT)]
    _, comprehensive, curated = run_genai_fn(replies, (), calling(clock))
    _, their_whole, their_curated = run_google_genai(replies, tools=[clock])
    assert comprehensive == their_whole
    assert [[*each["parts"][0]] for each in curated[:3]] == [["text"], ["functionCall"], ["functionResponse"]]
    assert curated[3:] == their_curated


def test_a_lone_empty_text() -> None:
    """A turn whose only content is an empty text is not sent again, as in 1.51.0; 3.6.1 sends it."""
    replies = [build_reply({"text": ""}), build_reply(TEXT), build_reply(TEXT)]
    assert run_genai_fn(replies) == run_google_genai(replies)
    assert run_genai_fn(replies)[0][1] == [{"role": "user", "parts": [{"text": "two?"}]}]


def test_an_empty_text_beside_others() -> None:
    """A turn with an empty text and a signature is kept, as in google-genai 1.57; 1.51.0 drops it."""
    signed_part = {"text": "", "thoughtSignature": "c2ln"}
    replies = [build_reply(TEXT, signed_part), build_reply(TEXT), build_reply(TEXT)]
    assert run_google_genai(replies)[0][1] == [{"role": "user", "parts": [{"text": "two?"}]}]
    assert run_genai_fn(replies)[0][1][1] == {"role": "model", "parts": [TEXT, signed_part]}
    assert run_genai_fn(replies)[1] == run_google_genai(replies)[1]


def test_streams() -> None:
    """A streamed turn is sent again or left out as by google-genai; genai_fn stores one content with merged texts."""
    for chunks, is_shown in (
        ([build_reply(TEXT, reason=None), build_reply({"text": "No."})], True),
        ([build_reply(TEXT, reason=None), build_reply({"text": "No."}, reason=None)], False),
        ([build_reply(reason="SAFETY")], False),
        ([BLOCKED_RESPONSE], False),
    ):
        comprehensive, curated = stream_google_genai(chunks)
        stream = chats.send(chats.start("m"), "one?") | streamed
        ours_run = Conversation(stream, [[msgspec.convert(each, GenerateContentResponse) for each in chunks]])
        chat = ours_run.emitted[-1].unwrap().chat
        assert (bool(curated), bool(chat.curated)) == (is_shown, is_shown)
        assert merge_texts(to_json(chat.comprehensive)) == merge_texts(comprehensive)


def stream_google_genai(chunks: Sequence[Any]) -> tuple[Any, Any]:
    def converse(client: Client) -> Any:
        chat = client.chats.create(model="m")
        list(chat.send_message_stream("one?"))
        return chat.get_history(), chat.get_history(curated=True)

    events = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks)
    headers = {"content-type": "text/event-stream"}
    _, value = run_call(GEMINI, converse, lambda _: httpx.Response(200, text=events, headers=headers))
    comprehensive, curated = (
        [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in turns] for turns in value
    )
    return comprehensive, curated


def merge_texts(contents: Sequence[Any]) -> list[str]:
    """Return the texts of the message, and the concatenated texts of the answer."""
    question, *answers = ([part.get("text", "") for part in each.get("parts") or ()] for each in contents)
    return [*question, "".join(text for texts in answers for text in texts)]
