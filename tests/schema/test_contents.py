"""Contents: arguments are grouped into turns."""

from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings, strategies as st

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


def _user(*parts: Part) -> Content:
    return Content(role="user", parts=parts)


def _model(*parts: Part) -> Content:
    return Content(role="model", parts=parts)


A, B = Part(text="a"), Part(text="b")


@pytest.mark.parametrize(
    ("contents", "turns"),
    [
        ("a", (_user(A),)),
        ("", (_user(Part(text="")),)),
        (["a", "b"], (_user(A, B),)),
        (("a", "b"), (_user(A, B),)),
        ([["a"], ["b"]], (_user(A), _user(B))),
        (["a", ["b"], "a"], (_user(A), _user(B), _user(A))),
        (A, (_user(A),)),
        (CALL, (_model(CALL),)),
        ([A, CALL, CALL, RESULT], (_user(A), _model(CALL, CALL), _user(RESULT))),
        ([Content(parts=(A,))], (Content(parts=(A,)),)),
        ([_model(A), "b"], (_model(A), _user(B))),
        ({"role": "user"}, (Content(role="user"),)),
        ({"text": "a"}, (_user(A),)),
        (BLOB, (_user(Part(inline_data=BLOB)),)),
        (FILE, (_user(Part(file_data=FILE)),)),
        (File(uri="gs://b/f", mime_type="a/b", name="files/1"), (_user(Part(file_data=FILE)),)),
        ({"uri": "gs://b/f", "mimeType": "a/b", "displayName": "n"}, (_user(Part(file_data=FILE)),)),
        ({"file_uri": "gs://b/f", "mime_type": "a/b"}, (_user(Part(file_data=FILE)),)),
        ({"fileUri": "gs://b/f", "mimeType": "a/b"}, (_user(Part(file_data=FILE)),)),
        ({"data": b"x", "mime_type": "a/b"}, (_user(Part(inline_data=BLOB)),)),
        ([{"data": "eA==", "mimeType": "a/b"}, "a"], (_user(Part(inline_data=BLOB), A),)),
        (FunctionCall(name="f", args={}), (_model(CALL),)),
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
    contents=st.lists(_PARTS | st.lists(_PARTS, min_size=1, max_size=3) | st.just(_model(A)), min_size=1, max_size=8)
)
def test_nothing_is_lost(contents: list[Any]) -> None:
    """All parts are kept in order; no turn is empty; function calls and other parts are never grouped together."""
    turns = as_contents(contents)
    parts = [part for turn in turns for part in turn.parts or ()]
    flat = [part for each in contents for part in (each if isinstance(each, list) else [each])]
    assert parts == [each.parts[0] if isinstance(each, Content) else _part(each) for each in flat]
    assert all(turn.parts for turn in turns)
    assert as_contents(turns) == turns


def _part(value: Any) -> Part:
    return value if isinstance(value, Part) else Part(text=value if isinstance(value, str) else value["text"])


@pytest.mark.parametrize("kind", [CreateCachedContentConfig, InlinedRequest])
def test_fields(kind: type[Message]) -> None:
    """Fields of contents are grouped in the same way, and only once."""
    given = {"contents": ["a", {"text": "b"}, CALL, [FILE]]}
    converted: Any = as_struct(kind, given)
    assert converted.contents == (_user(A, B), _model(CALL), _user(Part(file_data=FILE)))
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
        ("a", (_user(A),)),
        (["a", "b"], (_user(A), _user(B))),
        ([["a", "b"], A], (_user(A, B), _user(A))),
        ([_model(A), {"text": "b"}], (_model(A), _user(B))),
        ([CALL, CALL], (_model(CALL), _model(CALL))),
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
        ({"text": "a"}, _user(A)),
        ([{"text": "a"}, "b"], _user(A, B)),
        ({"uri": "gs://b/f", "mimeType": "a/b"}, _user(Part(file_data=FILE))),
        ({"inlineData": {"data": b"x", "mimeType": "a/b"}}, _user(Part(inline_data=BLOB))),
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
    converted = as_struct(kind, {"contents": ["a", [FILE], _model(A)]})
    assert as_struct(kind, converted) is converted
