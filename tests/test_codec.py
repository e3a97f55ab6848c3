"""msgspec in one place: threads that meet a new type at once share one decoder, which is kept."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from msgspec import Struct

from genai_fn import codec

ROOT = Path(__file__).parent.parent
T = TypeVar("T")


CERTAIN = {"half_read", "half_described", "forked"}
"""Programs that fail in every run, if at all; the others run in several processes."""


@pytest.mark.parametrize(
    "program", ["answers", "errors", "types", "emulator", "http", "half_read", "half_described", "forked"]
)
def test_threads_meet_new_types_at_once(program: str) -> None:
    """Whatever threads first decode, convert or describe at once, the process lives, and each has its value."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.support.first_decodes", program]
    begun = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(1 if program in CERTAIN else 4)
    ]
    try:
        ended = [(each.communicate(timeout=120)[1], each.returncode) for each in begun]
    finally:
        for each in begun:
            each.kill()
    assert [said for said, status in ended if status] == []


class Box(Struct, Generic[T]):
    """A generic Struct."""

    held: T


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, Any]]:
    """Have three decoders kept, and none from before."""
    known: dict[Any, Any] = {}
    monkeypatch.setattr(codec, "_STRICT", known)
    monkeypatch.setattr(codec, "_MAX_DECODERS", 3)
    return known


def test_keeps_a_decoder(few: dict[Any, Any]) -> None:
    """A type has one decoder, which every decode uses."""
    assert codec.decode(b'{"held":1}', Box[int]) == Box(1)
    (kept,) = few.values()
    assert codec.decode(b'{"held":2}', Box[int]) == Box(2)
    assert [*few.values()] == [kept]


def test_keeps_so_many(few: dict[Any, Any]) -> None:
    """Types that a program makes in a loop push out one another, and still decode."""
    kinds = [msgspec.defstruct(f"S{number}", [("a", int)]) for number in range(10)]
    assert all(codec.decode(b'{"a":1}', kind) == kind(a=1) for kind in kinds * 2)
    assert [*few] == kinds[-3:]


def test_uses_the_alias_that_it_prepared(few: dict[Any, Any]) -> None:
    """Of two equal aliases the one that was prepared is used for both, as msgspec keeps what it knows on the object."""
    first, second = Box[int], Box[int].copy_with((int,))  # type: ignore[attr-defined]  # a copy, as typing's cache gives
    assert first == second
    assert first is not second
    assert codec.convert({"held": 1}, first) == codec.convert({"held": 1}, second) == Box(1)
    assert [each.type for each in few.values()] == [first]
    assert not hasattr(second, "__msgspec_cache__")


def test_takes_types_without_a_hash(few: dict[Any, Any]) -> None:
    """A type that no dict can hold is decoded, converted and described as others are."""
    kind: Any = Annotated[Box[int], {"a": 1}]
    with pytest.raises(TypeError):
        hash(kind)
    assert codec.decode(b'{"held":1}', kind) == codec.convert({"held": 1}, kind) == Box(1)
    assert codec.describe_types([kind], dict)[1].keys() == {"Box_int_"}
    assert few == {}


@pytest.mark.parametrize("kind", [Box[int] | Box[str] | list[int] | tuple[int], "Box"])
def test_refuses_what_msgspec_refuses(few: dict[Any, Any], kind: Any) -> None:
    """A type that msgspec does not read is a TypeError, each time, and nothing is kept of it."""
    for _ in range(2):
        with pytest.raises(TypeError):
            codec.decode(b"{}", kind)
        with pytest.raises(TypeError):
            codec.convert({}, kind)
    assert few == {}


def test_strict_and_not() -> None:
    """A type may be decoded strictly and leniently by turns."""
    for _ in range(2):
        assert codec.decode(b'"1"', int, strict=False) == 1
        with pytest.raises(msgspec.ValidationError):
            codec.decode(b'"1"', int)


def test_what_prepares_nothing() -> None:
    """Encoding leaves a type unprepared, so it needs no lock: what msgspec documents nowhere, and this holds."""

    def prepared(kind: Any) -> bool:
        return any(type(each).__name__ == "StructInfo" for each in gc.get_referents(kind))

    kind = msgspec.defstruct("Fresh", [("a", int)])
    value = kind(a=1)
    codec.encode(value)
    codec.Encoder().encode(value)
    codec.to_builtins(value)
    msgspec.structs.replace(value, a=2)
    msgspec.structs.fields(kind)
    msgspec.structs.astuple(value)
    msgspec.structs.asdict(value)
    assert not prepared(kind)
    codec.decode(b'{"a":1}', kind)
    assert prepared(kind)
