"""JSON that is parsed while it arrives: the value only grows, and at the end it is what a whole parse returns."""

import json
import pickle
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from genai_fn import codec
from genai_fn.wire.growing_json import JsonParser, TextParser

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TREES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def split_text(text: str, cuts: list[int]) -> Iterator[str]:
    """Split a text at some places."""
    places = [0, *sorted({each % (len(text) + 1) for each in cuts}), len(text)]
    return (text[start:end] for start, end in pairwise(places))


def is_grown(before: Any, after: Any) -> bool:
    """Check that a value contains all of an earlier one: only what comes last in it may have become more."""
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    if isinstance(before, list):
        kept = list(zip(before[:-1], after, strict=False))
        return (
            len(after) >= len(before)
            and all(a == b for a, b in kept)
            and all(map(is_grown, before[-1:], after[len(before) - 1 :]))
        )
    if isinstance(before, dict):
        return list(after)[: len(before)] == list(before) and is_grown(list(before.values()), list(after.values()))
    return type(before) is type(after) and bool(before == after)


@given(tree=TREES, cuts=st.lists(st.integers(0), max_size=12), indent=st.none() | st.just(1), is_ascii=st.booleans())
def test_any_split(tree: Any, cuts: list[int], indent: int | None, is_ascii: bool) -> None:
    """However JSON is split, escapes and surrogates included, each value contains the one before, up to the whole."""
    text = json.dumps(tree, indent=indent, ensure_ascii=is_ascii)
    parser = JsonParser()
    snapshots = [parser.take_snapshot() for piece in split_text(text, cuts) if parser.feed(piece)]
    parser.finish()
    snapshots.append(parser.take_snapshot())
    values = [each.build() for each in snapshots]
    assert all(is_grown(before, after) for before, after in pairwise(values))
    assert values[-1] == codec.decode(text)
    assert [each.build() for each in snapshots] == values


@given(tree=TREES)
def test_every_character(tree: Any) -> None:
    """A snapshot that is built later equals one that was built at once, whatever has arrived in between."""
    text, parser = json.dumps(tree), JsonParser()
    late, at_once = [], []
    for character in text:
        if parser.feed(character):
            late.append(parser.take_snapshot())
            at_once.append(parser.take_snapshot().build())
    assert [each.build() for each in late] == at_once


@given(
    text=st.text(st.sampled_from('{}[]",:\\u0dD8cCtrue1.-e \n\t\x00é'), max_size=30),
    cuts=st.lists(st.integers(0), max_size=5),
)
def test_any_text(text: str, cuts: list[int]) -> None:
    """A text that is no JSON raises nothing, and one that is accepted to its end is what the decoder accepts."""
    parser = JsonParser()
    for piece in split_text(text, cuts):
        parser.feed(piece)
        parser.take_snapshot().build()
    parser.finish()
    try:
        decoded: tuple[Any, ...] = (codec.decode(text),)
    except (msgspec.DecodeError, UnicodeEncodeError):
        decoded = ()
    if decoded:
        assert parser.is_valid
        assert parser.take_snapshot().build() == decoded[0]


STEPS: tuple[tuple[str, Any], ...] = (
    ('{"na', {}),
    ('me": ', {}),
    ('"', {"name": ""}),
    ("Pan", {"name": "Pan"}),
    ("\\", {"name": "Pan"}),
    ("n\\ud83", {"name": "Pan\n"}),
    ("d\\ude", {"name": "Pan\n"}),
    ('00", "minutes": 2', {"name": "Pan\n😀"}),
    ("0.5, ", {"name": "Pan\n😀", "minutes": 20.5}),
    ('"steps": [tr', {"name": "Pan\n😀", "minutes": 20.5, "steps": []}),
    ("ue, {", {"name": "Pan\n😀", "minutes": 20.5, "steps": [True, {}]}),
    ("}]}", {"name": "Pan\n😀", "minutes": 20.5, "steps": [True, {}]}),
)


def test_steps() -> None:
    """Texts grow by characters; keys, numbers, words and escapes appear when they are complete."""
    parser = JsonParser()
    for piece, expected in STEPS:
        parser.feed(piece)
        assert parser.take_snapshot().build() == expected


@pytest.mark.parametrize(
    ("text", "value"),
    (
        ('{"a": nul}', {}),
        ('["a" "b"]', ["a"]),
        ("[1, 01]", [1]),
        ('["\\x"]', [""]),
        ('["\\ud83d\\n"]', [""]),
        ('["a\n"]', ["a"]),
        ('{"a": 1]', {"a": 1}),
        ("{1: 2}", {}),
        ('{"a" 2}', {}),
        ("[1] 2", [1]),
        ("[-]", []),
        ("[,]", []),
    ),
)
def test_not_json(text: str, value: Any) -> None:
    """From the first place that cannot be JSON on, the rest is ignored, and what was there stays."""
    parser = JsonParser()
    parser.feed(text)
    assert not parser.is_valid
    assert not parser.feed(' "more"]')
    assert parser.take_snapshot().build() == value


def test_depth() -> None:
    """JSON may nest as deep as the decoder accepts; a level more is refused."""
    text = "[" * codec.MAX_TEXT_DEPTH + "]" * codec.MAX_TEXT_DEPTH
    parser = JsonParser()
    parser.feed(text)
    assert parser.take_snapshot().build() == codec.decode(text)
    deeper = JsonParser()
    deeper.feed(f"[{text}]")
    assert not deeper.is_valid


def test_work_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The characters that are read do not depend on the number of pieces: nothing is parsed twice."""
    text = json.dumps([{"name": "a" * 10, "n": n} for n in range(500)])
    counts: list[int] = []
    for size in (1, 50, len(text)):
        decoded: list[str] = []
        monkeypatch.setattr("genai_fn.codec.decode", lambda scalar, seen=decoded: seen.append(scalar) or int(scalar))
        parser = JsonParser()
        entries = 0
        for start in range(0, len(text), size):
            parser.feed(text[start : start + size])
            entries += len(parser.take_snapshot()._containers)
        counts.append(len(decoded))
        assert entries <= 2 * len(range(0, len(text), size))
    assert counts == [500, 500, 500]


def test_cannot_be_changed() -> None:
    """A value that was built is part of later ones, so it refuses changes."""
    parser = JsonParser()
    parser.feed('[[1], {"a": 2}, 3')
    value = parser.take_snapshot().build()
    for change in (lambda: value.append(1), lambda: value[0].append(1), lambda: value[1].update(b=1)):
        with pytest.raises(TypeError):
            change()


def test_snapshots_are_values() -> None:
    """Snapshots compare and pickle by what they contain."""
    parser, other = JsonParser(), JsonParser()
    parser.feed('{"a": ["b"')
    other.feed('{ "a":["b')
    assert parser.take_snapshot() == other.take_snapshot()
    assert pickle.loads(pickle.dumps(parser.take_snapshot())) == other.take_snapshot()
    other.feed("c")
    assert parser.take_snapshot() != other.take_snapshot()


@pytest.mark.parametrize("text", ("red", '"red"\n', ' "red ', "dark red", '""', ""))
def test_text(text: str) -> None:
    """A text that is the value itself grows, too, without the blanks and quotes around it."""
    for size in (1, 2, len(text) + 1):
        parser = TextParser()
        values = [
            parser.take_snapshot().build()
            for start in range(0, len(text), size)
            if parser.feed(text[start : start + size])
        ]
        assert not parser.finish()
        assert all(after.startswith(before) for before, after in pairwise(values))
        assert parser.take_snapshot().build() == text.strip().strip('"').strip()
