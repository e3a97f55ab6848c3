"""Repair of JSON that deviates from its type in known ways, without changing anything else."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.schema import Content, GenerateContentResponse, GroundingMetadata
from genai_fn.wire.lenient_json import repair_tree


class Thing(msgspec.Struct, rename="camel"):
    """All kinds of fields of a response."""

    some_words: tuple[str, ...] = ()
    some_bytes: bytes = b""
    maybe_bytes: bytes | None = None
    marked_bytes: Annotated[bytes | None, "a mark"] = None
    inner: "Thing | None" = None
    all_inner: "tuple[Thing, ...]" = ()
    by_name: "Mapping[str, Thing]" = msgspec.field(default_factory=dict)
    free: Mapping[str, Any] | None = None
    anything: Any = None
    either: bool | str = ""


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, {}),
        ({"someWords": None}, {}),
        ({"someWords": ["a", None, "b"]}, {"someWords": ["a", "b"]}),
        ({"someBytes": None, "maybeBytes": None}, {"maybeBytes": None}),
        ({"someBytes": "-_8"}, {"someBytes": "+/8="}),
        ({"maybeBytes": "-_8=", "markedBytes": "AA"}, {"maybeBytes": "+/8=", "markedBytes": "AA=="}),
        ({"inner": {"someWords": None}}, {"inner": {}}),
        ({"allInner": [None, {"someBytes": None}, {}]}, {"allInner": [{}, {}]}),
        ({"byName": {"-_8": None, "a": {"someBytes": "-_"}}}, {"byName": {"a": {"someBytes": "+/=="}}}),
        (
            {"free": {"a": None, "b": [None], "someBytes": "-_8"}},
            {"free": {"a": None, "b": [None], "someBytes": "-_8"}},
        ),
        ({"anything": None}, {"anything": None}),
        ({"anything": {"a": [None, "-_8"]}}, {"anything": {"a": [None, "-_8"]}}),
        ({"either": None}, {}),
        ({"either": "-_8"}, {"either": "-_8"}),
        ({"unknown": None, "more": {"a": None}}, {}),
    ],
)
def test_repairs(tree: Any, expected: Any) -> None:
    """Unexpected nulls are dropped, base64 is converted to the standard form, and free-form JSON is unchanged."""
    assert repair_tree(tree, Thing) == expected


@pytest.mark.parametrize(
    "tree", [None, [], "x", 1, {"someWords": "x"}, {"someWords": {}}, {"inner": []}, {"byName": []}]
)
def test_unrepairable_is_unchanged(tree: Any) -> None:
    """A value that cannot be repaired is unchanged, so that the error shows it."""
    assert repair_tree(tree, Thing) == tree


def test_repaired_decodes() -> None:
    """A response with nulls decodes like one without."""
    tree = {
        "candidates": [
            {
                "content": {"parts": [{"inlineData": {"data": "-_8"}}, None]},
                "groundingMetadata": {"groundingChunks": None, "webSearchQueries": [None, "q"]},
                "safetyRatings": None,
            },
            None,
        ]
    }
    value = msgspec.convert(repair_tree(tree, GenerateContentResponse), GenerateContentResponse, strict=False)
    assert len(value.candidates) == 1
    assert value.candidates[0].grounding_metadata == GroundingMetadata(web_search_queries=("q",))
    assert [part.inline_data and part.inline_data.data for part in value.parts] == [b"\xfb\xff"]


def test_changes_nothing() -> None:
    """Repair does not change its argument."""
    tree = {"parts": [{"text": None, "inlineData": {"data": "-_8"}}, None]}
    repair_tree(tree, Content)
    assert tree == {"parts": [{"text": None, "inlineData": {"data": "-_8"}}, None]}


@settings(deadline=None)
@given(data=st.binary(max_size=40), is_safe=st.booleans(), is_padded=st.booleans())
def test_any_base64(data: bytes, is_safe: bool, is_padded: bool) -> None:
    """Base64 in either alphabet, padded or not, decodes to the same bytes."""
    text = msgspec.to_builtins(data)
    text = text.translate(str.maketrans("+/", "-_")) if is_safe else text
    text = text if is_padded else text.rstrip("=")
    assert msgspec.convert(repair_tree({"someBytes": text}, Thing), Thing).some_bytes == data
