"""What type checkers make of chats and of what follows them: checked in strict mode as ``api.py`` is, never called."""

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
    """Tell the time."""
    return "noon"


chat = chats.start("gemini-2.5-flash", {"temperature": 0.2}, [{"role": "user", "parts": [{"text": "hi"}]}])
turn = chats.send(chat, "hi", {"top_k": 1})
pieces = chats.stream(chat, ["hi", "there"])

assert_type(chat, Chat)
assert_type(chats.history(chat, curated=True), tuple[Content, ...])
assert_type(turn, Flow[Turn[GenerateContentResponse]])
assert_type(pieces, Stream[Turn[GenerateContentResponse]])

# what shapes keeps the type

assert_type(turn | with_config(top_k=1), Flow[Turn[GenerateContentResponse]])
assert_type(pieces | with_system("Be brief."), Stream[Turn[GenerateContentResponse]])
assert_type(turn | with_options(deadline=1), Flow[Turn[GenerateContentResponse]])

# what reads reads the answer, and keeps the chat

assert_type(turn | text, Flow[Turn[str]])
assert_type(turn | returning(int), Flow[Turn[int]])
assert_type(turn | returning(int, with_response=True), Flow[Turn[ParsedResponse[int]]])
assert_type(turn | calling(clock), Flow[Turn[GenerateContentResponse]])
assert_type(turn | calling(clock) | text, Flow[Turn[str]])
assert_type(turn | calling(clock) | returning(bool), Flow[Turn[bool]])

# in pieces

assert_type(turn | streamed, Stream[Turn[GenerateContentResponse]])
assert_type(pieces | text, Stream[Turn[str]])
assert_type(pieces | calling(clock) | text, Stream[Turn[str]])
assert_type(pieces | text | each(print), Stream[Turn[str]])
assert_type(pieces | text | joined, Flow[Turn[str]])
assert_type(pieces | collected, Flow[tuple[Turn[GenerateContentResponse], ...]])

# results


def results() -> None:
    """A result holds the turn, and that both."""
    result = Offline()(turn | text)
    assert_type(result, Result[Turn[str], GenaiError])
    assert_type(result.unwrap().answer, str)
    assert_type(result.unwrap().chat, Chat)
