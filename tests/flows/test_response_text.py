"""The text of a response is the same, whether it comes at once or in chunks."""

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st
from returns.result import Failure, Success

from genai_fn import InvalidRequest, NoText, chats, generate, joined, returning, streamed, text
from genai_fn.flows.merge import merge_chunks
from genai_fn.schema import GenerateContentResponse, Part
from genai_fn.testing import Fake
from tests.support.scripted_model import Conversation, build_call, build_response

REQUEST = generate("m", "hi")
EMPTY = Part(text="")
THOUGHT = Part(text="Hm.", thought=True)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((EMPTY,), Success("")),
        ((THOUGHT, EMPTY), Success("")),
        ((EMPTY, EMPTY), Success("")),
        ((), Failure(NoText("STOP"))),
        ((THOUGHT,), Failure(NoText("STOP"))),
        ((build_call("f"),), Failure(NoText("STOP"))),
    ],
)
def test_empty_text(parts: Sequence[Part], expected: object) -> None:
    """A text that is empty is a text, and no text is `NoText`, streamed or not."""
    response = build_response(*parts)
    assert Conversation(REQUEST | text, [response]).result == expected
    assert Conversation(REQUEST | streamed | text | joined, [[response]]).result == expected


def test_empty_text_of_a_chat() -> None:
    """A streamed turn of a chat without any but empty texts is a turn, as one that is not streamed."""
    chat = chats.start("m")
    whole = Conversation(chats.send(chat, "hi") | text, [build_response(EMPTY)]).result.unwrap()
    parts = Conversation(chats.stream(chat, "hi") | text | joined, [[build_response(EMPTY)]]).result.unwrap()
    assert whole == parts
    assert whole.answer == ""


_PARTS = st.sampled_from([EMPTY, THOUGHT, Part(text="a"), build_call("f")])


@given(st.lists(st.lists(_PARTS, max_size=2), min_size=1, max_size=4))
def test_any_chunks(drawn: list[list[Part]]) -> None:
    """The text of drawn chunks is the text of the response that they merge into."""
    chunks: list[GenerateContentResponse] = [build_response(*parts) for parts in drawn]
    whole = Conversation(REQUEST | text, [merge_chunks(chunks)]).result
    assert Conversation(REQUEST | streamed | text | joined, [chunks]).result == whole


def test_text_of_something_else() -> None:
    """A text of a value that is no response, and a value of a text, are refused, and the error says why."""
    run = Fake({"generate": "5"})
    with pytest.raises(InvalidRequest, match="text: expected a GenerateContentResponse before it, got 5"):
        run(REQUEST | returning(int) | text)  # type: ignore[operator]  # wrong on purpose
    with pytest.raises(InvalidRequest, match=r"which \| text before it replaces"):
        run(REQUEST | text | returning(int))  # type: ignore[operator]  # wrong on purpose
