"""Contents of plain text: the short conversion gives what the general one gives, errors included."""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.errors import InvalidRequest
from genai_fn.ops.generate import GenerateContent
from genai_fn.schema import Content, CreateCachedContentConfig, ExecutableCode, Part, contents
from genai_fn.schema.contents import SeparateContentsLike, as_contents
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.plain_contents import (
    PlainTurns,
    convert_plain_contents,
    convert_plain_part,
    convert_plain_texts,
    convert_plain_turn,
)
from genai_fn.wire.field_support import find_unsupported_fields


class _Text(str):
    __slots__ = ()


class _Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = None  # type: ignore[assignment]  # as an array


texts = st.sampled_from(["", "a", "é", "日本", "\ud800", _Text("a"), 1, None, b"a", ["a"]])
parts = st.one_of(
    texts,
    st.builds(Part, text=texts),
    st.builds(Part, text=texts, thought=st.sampled_from([None, True, "yes"])),
    st.fixed_dictionaries({"text": texts}),
    st.fixed_dictionaries({}, optional={"text": texts, "thought": st.booleans(), "texxt": texts, "data": texts}),
    st.just(Part(executable_code=ExecutableCode(code="1", language="PYTHON"))),
)
roles = st.sampled_from([None, "user", "model", "tool", "\ud800", _Text("user"), 1])
part_lists = st.one_of(st.lists(parts, max_size=3), st.lists(parts, max_size=3).map(tuple), parts)
turns = st.one_of(
    st.fixed_dictionaries({"role": roles, "parts": part_lists}),
    st.fixed_dictionaries({}, optional={"role": roles, "parts": part_lists, "text": texts, "rolle": roles}),
    st.builds(Content, role=roles, parts=part_lists),
    parts,
)


def convert_with(given: Any) -> Any:
    try:
        return as_contents(given)
    except InvalidRequest as error:
        return str(error)


@settings(max_examples=500, deadline=None, database=None, derandomize=True)
@given(st.one_of(turns, st.lists(turns, max_size=4), st.lists(turns, max_size=4).map(tuple)))
def test_same_as_the_general_conversion(drawn: Any) -> None:
    """Right and wrong contents give the same turns, or the same error to the letter, with and without the short way."""
    short = convert_with(drawn)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("convert_plain_contents", "convert_plain_turn", "convert_plain_part"):
            patch.setattr(contents, name, lambda _: None)
        general = convert_with(drawn)
    assert general == short
    if type(short) is PlainTurns:
        for backend in ("gemini", "vertex"):
            report = find_unsupported_fields(GenerateContent(model="m", contents=general), backend)
            assert (report.unsupported_paths, report.has_large) == ([], False)


def convert_separate(given: Any) -> Any:
    try:
        return as_value(SeparateContentsLike, given, "contents")
    except InvalidRequest as error:
        return str(error)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.one_of(texts, st.lists(texts, max_size=4), st.lists(texts, max_size=4).map(tuple)))
def test_same_texts(drawn: Any) -> None:
    """Texts to embed are converted as by the general conversion, or left to it."""
    short = convert_plain_texts(drawn)
    assert short is None or short == convert_separate(drawn)


def test_plain_texts() -> None:
    """A list or tuple of texts becomes a turn for each; an empty one, and one with anything else, is left."""
    expected = tuple(Content(role="user", parts=(Part(text=each),)) for each in ("a", "", "日本"))
    assert convert_plain_texts(["a", "", "日本"]) == convert_plain_texts(("a", "", "日本")) == expected
    for other in ([], (), "a", ["a", 1], ["a", "\ud800"], [_Text("a")], None, iter("a")):
        assert convert_plain_texts(other) is None


@pytest.mark.parametrize("given", [Content(role="user", parts=(Part(text="a"),)), Content(role="model", parts=())])
def test_plain_content(given: Content) -> None:
    """A content of plain text is returned itself."""
    assert convert_plain_turn(given) is given


@pytest.mark.parametrize(
    "given",
    [
        Content(parts=(Part(text="a"),)),
        Content(role="user", parts=(Part(text="a", thought=True),)),
        Content(role="user", parts=(Part(text="a"),), extra={"b": 1}),
        {"role": "user", "parts": [{"text": "a", "thought": True}]},
        {"role": "user", "parts": {"text": "a"}},
        {"role": "user"},
        "a",
    ],
)
def test_other_turn(given: Any) -> None:
    """Everything else is left to the general conversion."""
    assert convert_plain_turn(given) is None


@pytest.mark.parametrize("given", ["a", "é", {"text": "a"}])
def test_plain_part(given: Any) -> None:
    """A text becomes a part, and so does a dict of a text."""
    assert convert_plain_part(given) == Part(text=given if isinstance(given, str) else given["text"])


@pytest.mark.parametrize("given", [None, 1, b"a", "\ud800", _Text("a"), {"text": 1}, {"texxt": "a"}, {}, Part()])
def test_other_part(given: Any) -> None:
    """Everything else is left to the general conversion, which converts or refuses it."""
    assert convert_plain_part(given) is None


@pytest.mark.parametrize(
    "given", [Part(text="a", inline_data=_Incomparable()), Content(role="user", parts=(), extra=_Incomparable())]
)  # type: ignore[arg-type]  # wrong on purpose
def test_incomparable_field(given: Any) -> None:
    """A field that cannot be compared with None, such as a NumPy array, is refused as any other of a wrong type."""
    with pytest.raises(InvalidRequest, match=r"expected a"):
        as_contents(given)


def test_plain_turns_again() -> None:
    """Turns of plain text that a request has are taken as they are, and pickled ones too; other turns are converted."""
    first = as_contents([{"role": "user", "parts": [{"text": "a"}]}, Content(role="model", parts=(Part(text="b"),))])
    copied = pickle.loads(pickle.dumps(first))
    assert copied == first
    assert as_contents(first) is first
    assert as_contents(copied) is copied
    assert as_contents((*first, "c")) == (*first, *as_contents("c"))
    assert convert_plain_contents(tuple(first)) is None


def test_config_keeps_its_turns() -> None:
    """A config that is converted already is returned itself, with the same turns of plain text."""
    config = as_struct(CreateCachedContentConfig, {"contents": ["a", Content(role="model", parts=(Part(text="b"),))]})
    assert as_struct(CreateCachedContentConfig, config) is config
