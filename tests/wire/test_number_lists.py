"""Lists of numbers are cut out of JSON and read as float32, by each reader alike."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from struct import iter_unpack
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.wire import number_lists
from genai_fn.wire.number_lists import CutText, cut_number_lists, pack_float32

# The readers have no public names: which of them is used depends on what is installed.
_build_simd_reader: Callable[[Any, Any], Callable[[bytes], bytes | None]] = vars(number_lists)["_build_simd_reader"]
_read_with_msgspec: Callable[[bytes], bytes | None] = vars(number_lists)["_read_with_msgspec"]

READERS = [
    pytest.param(lambda: _read_with_msgspec, id="msgspec"),
    pytest.param(lambda: _build_simd_reader(import_module("simdjson"), import_module("numpy")), id="simdjson"),
]
many = settings(max_examples=200, deadline=None, database=None, derandomize=True)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1, 1, width=32) | st.integers(-(2**70), 2**70)
spaces = st.text(" \t\r\n", max_size=3)


@st.composite
def number_texts(draw: st.DrawFn) -> tuple[list[float], bytes]:
    """Draw numbers, and a JSON list of them with any whitespace."""
    values = draw(st.lists(numbers, max_size=8))
    items = (f"{draw(spaces)}{json.dumps(each)}{draw(spaces)}" for each in values)
    return [float(each) for each in values], f"[{','.join(items) or draw(spaces)}]".encode()


@pytest.mark.parametrize("find_reader", READERS)
@given(number_texts())
@many
def test_readers(find_reader: Any, drawn: tuple[list[float], bytes]) -> None:
    """A reader rounds the float64 of each number to float32; an integer of more than 64 bits may be left to others."""
    values, text = drawn
    packed = find_reader()(text)
    assert packed in (None, pack_float32(values))
    assert packed is not None or any(abs(each) >= 2**63 for each in values)


BAD_LISTS = (
    *(b"", b"[", b"[1", b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[01]", b"[+1]", b"[1.]", b"[.5]", b"[1e]"),
    *(b"[-]", b"[0x10]", b"[1_0]", b"[nan]", b"[NaN]", b"[inf]", b"[Infinity]", b"[1e400]", b"[1]x", b"[1\x00]"),
    *(b'["1"]', b"[null]", b"[true]", b"[{}]", b"[[1]", b"[1\x0b]", b"[\xff]", b"[" * 100_000 + b"]"),
)


@pytest.mark.parametrize("find_reader", READERS)
@pytest.mark.parametrize("text", BAD_LISTS, ids=lambda text: repr(text[:12]))
def test_other_lists(find_reader: Any, text: bytes) -> None:
    """What is not a JSON list of numbers, or has a number beyond float64, is not read; nothing raises."""
    assert find_reader()(text) is None


@given(st.floats())
@many
def test_rounding(number: float) -> None:
    """Numbers round as numpy's float32 does, with infinities for what is too large."""
    numpy = import_module("numpy")
    with numpy.errstate(over="ignore"):
        assert pack_float32([number]) == numpy.array([number], "<f4").tobytes()


@pytest.mark.parametrize(
    "text",
    (
        b"",
        b"{}",
        b'{"values": null}',
        b'{"values": {"values": 1}}',
        b'{"values": [1}',
        b'{"values": ["1"]}',
        b'{"values": [1], "values": [2]}',
        b'{"a": {"values": [1]}, "b": {"values": [2]}}',
        rb'{"\u0076alues": [0], "a": {"values": [2]}}',
        b'{"a": "values", "b": [1]}',
        rb'{"a": "\"values\": [1]"}',
    ),
)
def test_not_cut(text: bytes) -> None:
    """A text with more or fewer lists of numbers, other lists, or names in escapes is not cut."""
    assert cut_number_lists(text, "values", 1) is None


@pytest.mark.parametrize("space", ("", " ", "\n\t \r"))
def test_cut(space: str) -> None:
    """Around a list the text stays as it is, with its whitespace."""
    text = f'{{"a": "values", "values"{space}:{space}[{space}0.5,{space}2{space}]{space}, "b": [1]}}'.encode()
    cut = cut_number_lists(text, "values", 1)
    assert cut is not None
    assert json.loads(cut.text) == {"a": "values", "values": [0], "b": [1]}
    assert [number for (number,) in iter_unpack("<f", cut.lists[0])] == [0.5, 2.0]


def test_hostile_count() -> None:
    """A text with any number of lists is not read further than one beyond those expected."""
    assert cut_number_lists(b'{"values":[1]}' * 100_000, "values", 2) is None
    assert cut_number_lists(b"[]", "values", 0) == CutText(b"[]", ())


def test_without_simdjson(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without simdjson, numbers are read with msgspec; with it, by it."""
    find_reader: Any = vars(number_lists)["_find_reader"].__wrapped__
    monkeypatch.setitem(sys.modules, "simdjson", None)
    assert find_reader() is _read_with_msgspec
    monkeypatch.setitem(sys.modules, "simdjson", number_lists)
    assert find_reader().__name__ == "read_with_simdjson"
