"""Answers as JSON: what is read back equals what was stored, and anything else is no answer."""

from typing import Any

from hypothesis import given, settings, strategies as st

from genai_fn import Offline, __version__, codec, embed, generate, models, tokens
from genai_fn.middleware.caching.stored_answers import decode_answer, encode_answer
from genai_fn.request import kind_of
from genai_fn.schema import GenerateContentResponse
from genai_fn.testing import strategies

HI = generate("gemini-2.5-flash", "hi").operation


@settings(max_examples=50)
@given(data=st.data(), request=st.sampled_from([generate("m", "hi"), embed("m", "hi"), tokens.count("m", "hi")]))
def test_read_back(data: Any, request: Any) -> None:
    """Whatever the API answers is read back as an equal value, with all fields."""
    value = data.draw(strategies.from_type(kind_of(request.operation)))
    stored = encode_answer(request.operation, (value,))
    assert stored is not None
    assert decode_answer(request.operation, stored) == (value,)


def test_what_is_stored() -> None:
    """The stored JSON has its format, the version of the library that wrote it, and the operation."""
    for request in (
        generate("gemini-2.5-flash", "hi"),
        embed("m", "hi"),
        embed("m", "a", output="numpy"),
        models.list(),
    ):
        value = Offline()(request).unwrap()
        stored = encode_answer(request.operation, (value, value))
        assert stored is not None
        tree = codec.decode(stored)
        assert (tree["format"], tree["library"], tree["op"]) == (1, __version__, request.operation.op)
        assert decode_answer(request.operation, stored) == (value, value)


def test_fields_of_the_future() -> None:
    """Fields that the types do not define are stored, too."""
    value = GenerateContentResponse(extra={"mood": {"calm": [1, None]}})
    stored = encode_answer(HI, (value,))
    assert stored is not None
    assert decode_answer(HI, stored) == (value,)


def test_not_stored() -> None:
    """A value that JSON cannot express is not stored."""
    for value in (object(), float("nan"), GenerateContentResponse(extra={"a": float("inf")})):
        assert encode_answer(HI, (value,)) is None


def test_other_operations() -> None:
    """What was stored for one operation is no answer to another one."""
    stored = encode_answer(HI, (GenerateContentResponse(),))
    assert stored is not None
    assert decode_answer(embed("m", "hi").operation, stored) is None


@given(text=st.binary(max_size=200))
def test_damaged(text: bytes) -> None:
    """Bytes that are no stored answer are none."""
    assert decode_answer(HI, text) is None
