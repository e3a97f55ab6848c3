"""Contents: arguments are grouped into turns."""

from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import Success, generate, text
from genai_fn.errors import InvalidRequest
from genai_fn.schema import (
    Blob,
    Content,
    CreateCachedContentConfig,
    EmbedContentBatch,
    File,
    FileData,
    FunctionCall,
    FunctionResponse,
    GenerateContentConfig,
    GenerateContentResponse,
    InlinedRequest,
    Message,
    Part,
)
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct

CALL = Part(function_call=FunctionCall(name="f", args={}))
RESULT = Part(function_response=FunctionResponse(name="f", response={}))
BLOB = Blob(data=b"x", mime_type="a/b")
FILE = FileData(file_uri="gs://b/f", mime_type="a/b")


def build_user_turn(*parts: Part) -> Content:
    return Content(role="user", parts=parts)


def build_model_turn(*parts: Part) -> Content:
    return Content(role="model", parts=parts)


A, B = Part(text="a"), Part(text="b")


@pytest.mark.parametrize(
    ("contents", "turns"),
    [
        ("a", (build_user_turn(A),)),
        ("", (build_user_turn(Part(text="")),)),
        (["a", "b"], (build_user_turn(A, B),)),
        (("a", "b"), (build_user_turn(A, B),)),
        ([["a"], ["b"]], (build_user_turn(A), build_user_turn(B))),
        (["a", ["b"], "a"], (build_user_turn(A), build_user_turn(B), build_user_turn(A))),
        (A, (build_user_turn(A),)),
        (CALL, (build_model_turn(CALL),)),
        ([A, CALL, CALL, RESULT], (build_user_turn(A), build_model_turn(CALL, CALL), build_user_turn(RESULT))),
        ([Content(parts=(A,))], (Content(parts=(A,)),)),
        ([build_model_turn(A), "b"], (build_model_turn(A), build_user_turn(B))),
        ({"role": "user"}, (Content(role="user"),)),
        ({"text": "a"}, (build_user_turn(A),)),
        (BLOB, (build_user_turn(Part(inline_data=BLOB)),)),
        (FILE, (build_user_turn(Part(file_data=FILE)),)),
        (File(uri="gs://b/f", mime_type="a/b", name="files/1"), (build_user_turn(Part(file_data=FILE)),)),
        ({"uri": "gs://b/f", "mimeType": "a/b", "displayName": "n"}, (build_user_turn(Part(file_data=FILE)),)),
        ({"file_uri": "gs://b/f", "mime_type": "a/b"}, (build_user_turn(Part(file_data=FILE)),)),
        ({"fileUri": "gs://b/f", "mimeType": "a/b"}, (build_user_turn(Part(file_data=FILE)),)),
        ({"data": b"x", "mime_type": "a/b"}, (build_user_turn(Part(inline_data=BLOB)),)),
        ([{"data": "eA==", "mimeType": "a/b"}, "a"], (build_user_turn(Part(inline_data=BLOB), A),)),
        (FunctionCall(name="f", args={}), (build_model_turn(CALL),)),
    ],
)
def test_turns(contents: Any, turns: tuple[Content, ...]) -> None:
    """Adjacent items form a turn; function calls are turns of the model; a `Content` stays a turn."""
    assert as_contents(contents) == turns


@pytest.mark.parametrize(
    ("contents", "path"),
    [
        ([], "contents"),
        (None, "contents"),
        ({}, "contents"),
        (3, "contents"),
        (b"bytes", "contents"),
        ({"a", "b"}, "contents"),
        (["a", None], "contents[1]"),
        (["a", {}], "contents[1]"),
        (["a", []], "contents[1]"),
        (Part(), "contents[0].parts[0]"),
        (["a", Part()], "contents[0].parts[1]"),
        ([["a", Part()]], "contents[0].parts[1]"),
        ({"parts": [{"text": "a"}, {}]}, "contents[0].parts[1]"),
        (["a", Content(parts=(Part(),))], "contents[1].parts[0]"),
        ([{"parts": [{"text": None}]}], "contents[0].parts[0]"),
        ([["a", ["b"]]], "contents[0][1]"),
        ([[{"role": "user", "parts": []}]], "contents[0][0].role"),
        ({"txt": "a"}, "contents.txt"),
        ([{"role": "user", "parts": [{"text": "a"}, {"text": 1}]}], "contents[0].parts[1].text"),
        ([{"parts": [{"inline_data": {"mime_tipe": "a/b"}}]}], "contents[0].parts[0].inline_data.mime_tipe"),
        ({"parts": "a", "rolle": "user"}, "contents.parts"),
        ({"parts": [], "rolle": "user"}, "contents.rolle"),
        ({"uri": "gs://b/f", "mime": "a/b"}, "contents.mime"),
        ({"data": 1, "mime_type": "a/b"}, "contents.data"),
        (["a", {"data": b"x", "text": "a"}], "contents[1].text"),
        (File(uri="gs://b/f"), "contents"),
        ({"uri": "gs://b/f"}, "contents"),
        ("\ud800", "contents.text"),
        (["a", {"text": "\ud800"}], "contents[1].text"),
    ],
)
def test_mistakes(contents: Any, path: str) -> None:
    """An invalid item is refused immediately, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        as_contents(contents)
    assert raised.value.path == path


def test_empty_part_of_the_model() -> None:
    """A part without content that the model has returned goes back as it came."""
    (turn,) = as_contents({"role": "model", "parts": [{}]})
    assert turn.parts == (Part(),)


def test_pillow() -> None:
    """A Pillow image becomes a part."""
    (turn,) = as_contents([PIL.Image.new("RGB", (1, 1)), "what?"])
    assert turn.parts is not None
    inline = turn.parts[0].inline_data
    assert inline is not None
    assert inline.mime_type == "image/png"


_PARTS = st.sampled_from([A, B, CALL, RESULT, "a", {"text": "b"}])


@settings(deadline=None)
@given(
    contents=st.lists(
        _PARTS | st.lists(_PARTS, min_size=1, max_size=3) | st.just(build_model_turn(A)), min_size=1, max_size=8
    )
)
def test_nothing_is_lost(contents: list[Any]) -> None:
    """All parts are kept in order; no turn is empty; function calls and other parts are never grouped together."""
    turns = as_contents(contents)
    parts = [part for turn in turns for part in turn.parts or ()]
    flat = [part for each in contents for part in (each if isinstance(each, list) else [each])]
    assert parts == [each.parts[0] if isinstance(each, Content) else build_part(each) for each in flat]
    assert all(turn.parts for turn in turns)
    assert as_contents(turns) == turns


def build_part(value: Any) -> Part:
    return value if isinstance(value, Part) else Part(text=value if isinstance(value, str) else value["text"])


@pytest.mark.parametrize("kind", [CreateCachedContentConfig, InlinedRequest])
def test_fields(kind: type[Message]) -> None:
    """Fields of contents are grouped in the same way, and only once."""
    given = {"contents": ["a", {"text": "b"}, CALL, [FILE]]}
    converted: Any = as_struct(kind, given)
    assert converted.contents == (build_user_turn(A, B), build_model_turn(CALL), build_user_turn(Part(file_data=FILE)))
    assert as_struct(kind, converted) == converted


@pytest.mark.parametrize(
    ("contents", "path"), [([], "config.contents"), (["a", {"text": 1}], "config.contents[1].text")]
)
@pytest.mark.parametrize("kind", [CreateCachedContentConfig, InlinedRequest, EmbedContentBatch])
def test_mistakes_in_fields(kind: type[Message], contents: Any, path: str) -> None:
    """An invalid item in a field is refused with its path."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(kind, {"contents": contents})
    assert raised.value.path == path


@pytest.mark.parametrize(
    ("contents", "turns"),
    [
        ("a", (build_user_turn(A),)),
        (["a", "b"], (build_user_turn(A), build_user_turn(B))),
        ([["a", "b"], A], (build_user_turn(A, B), build_user_turn(A))),
        ([build_model_turn(A), {"text": "b"}], (build_model_turn(A), build_user_turn(B))),
        ([CALL, CALL], (build_model_turn(CALL), build_model_turn(CALL))),
    ],
)
def test_separate(contents: Any, turns: tuple[Content, ...]) -> None:
    """Contents for embeddings are not grouped, as in google-genai."""
    converted = as_struct(EmbedContentBatch, {"contents": contents})
    assert converted.contents == turns
    assert as_struct(EmbedContentBatch, converted) == converted


@pytest.mark.parametrize(
    ("given", "turn"),
    [
        ({"text": "a"}, build_user_turn(A)),
        ([{"text": "a"}, "b"], build_user_turn(A, B)),
        ({"uri": "gs://b/f", "mimeType": "a/b"}, build_user_turn(Part(file_data=FILE))),
        ({"inlineData": {"data": b"x", "mimeType": "a/b"}}, build_user_turn(Part(inline_data=BLOB))),
        ({"role": "user"}, Content(role="user")),
        ({}, Content()),
    ],
)
def test_turn(given: Any, turn: Content) -> None:
    """Where one turn is expected, the dict of a part becomes a turn, as in google-genai."""
    assert as_struct(GenerateContentConfig, {"system_instruction": given}).system_instruction == turn


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"prats": []}, "config.system_instruction.prats"),
        ({"text": 1}, "config.system_instruction.parts[0].text"),
        ({"text": "a", "role": "user"}, "config.system_instruction.parts[0].role"),
        ([], "config.system_instruction"),
    ],
)
def test_no_turn(given: Any, path: str) -> None:
    """A value that is neither a turn nor a part is refused, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        as_struct(GenerateContentConfig, {"system_instruction": given})
    assert raised.value.path == path


@pytest.mark.parametrize("kind", [CreateCachedContentConfig, InlinedRequest, EmbedContentBatch])
def test_converted_turns(kind: type[Message]) -> None:
    """Turns that need no conversion are returned as they are."""
    converted = as_struct(kind, {"contents": ["a", [FILE], build_model_turn(A)]})
    assert as_struct(kind, converted) is converted


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (Path("cat.png"), "from_file"),
        (GenerateContentResponse(), "response.text is one"),
        (generate("m", "hi"), "request.bind"),
        (generate("m", "hi") | text, "request.bind"),
        (Success("hi"), "raise_for"),
    ],
    ids=["path", "response", "request", "flow", "result"],
)
def test_hint(given: Any, hint: str) -> None:
    """What is often given in place of a part is refused with what to write instead, alone and in a list."""
    for contents in (given, ["a", given]):
        with pytest.raises(InvalidRequest, match=hint):
            as_contents(contents)
