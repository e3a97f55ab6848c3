"""The inferred types of chats and their turns; see ``api.py``."""

from typing import assert_type

from genai_fn import (
    Chat,
    Flow,
    GenaiError,
    Offline,
    ParsedResponse,
    Result,
    Stream,
    Turn,
    calling,
    chats,
    collected,
    each,
    joined,
    returning,
    streamed,
    text,
    with_config,
    with_options,
    with_system,
)
from genai_fn.schema import Content, GenerateContentResponse


def clock() -> str:
    """Get the time."""
    return "noon"


chat = chats.start("gemini-2.5-flash", {"temperature": 0.2}, [{"role": "user", "parts": [{"text": "hi"}]}])
turn = chats.send(chat, "hi", {"top_k": 1})
chunks = chats.stream(chat, ["hi", "there"])

assert_type(chat, Chat)
assert_type(chats.history(chat, curated=True), tuple[Content, ...])
assert_type(turn, Flow[Turn[GenerateContentResponse]])
assert_type(chunks, Stream[Turn[GenerateContentResponse]])

# modifiers that configure keep the type

assert_type(turn | with_config(top_k=1), Flow[Turn[GenerateContentResponse]])
assert_type(chunks | with_system("Be brief."), Stream[Turn[GenerateContentResponse]])
assert_type(turn | with_options(deadline=1), Flow[Turn[GenerateContentResponse]])

# modifiers that read change the type of the answer, and keep the chat

assert_type(turn | text, Flow[Turn[str]])
assert_type(turn | returning(int), Flow[Turn[int]])
assert_type(turn | returning(int, with_response=True), Flow[Turn[ParsedResponse[int]]])
assert_type(turn | calling(clock), Flow[Turn[GenerateContentResponse]])
assert_type(turn | calling(clock) | text, Flow[Turn[str]])
assert_type(turn | calling(clock) | returning(bool), Flow[Turn[bool]])

# streams

assert_type(turn | streamed, Stream[Turn[GenerateContentResponse]])
assert_type(chunks | text, Stream[Turn[str]])
assert_type(chunks | calling(clock) | text, Stream[Turn[str]])
assert_type(chunks | text | each(print), Stream[Turn[str]])
assert_type(chunks | text | joined, Flow[Turn[str]])
assert_type(chunks | collected, Flow[tuple[Turn[GenerateContentResponse], ...]])

# results


def results() -> None:
    """A result contains the turn, which contains the chat and the answer."""
    result = Offline()(turn | text)
    assert_type(result, Result[Turn[str], GenaiError])
    assert_type(result.unwrap().answer, str)
    assert_type(result.unwrap().chat, Chat)
