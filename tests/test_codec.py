"""The codec: threads that use a new type at the same time share one decoder, which is cached."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from msgspec import Struct

from genai_fn import codec
from genai_fn.schema import File

ROOT = Path(__file__).parent.parent
T = TypeVar("T")


CERTAIN = {"half_read", "half_described", "forked"}
"""Programs that fail in every run, if at all; the others run in two processes."""


@pytest.mark.parametrize(
    "program", ["answers", "errors", "types", "emulator", "http", "half_read", "half_described", "forked"]
)
def test_threads_meet_new_types_at_once(program: str) -> None:
    """Threads may use a new type at the same time; each gets its value, and the process survives."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.support.first_decodes", program]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(1 if program in CERTAIN else 2)
    ]
    try:
        outcomes = [(each.communicate(timeout=120)[1], each.returncode) for each in processes]
    finally:
        for each in processes:
            each.kill()
    assert [output for output, status in outcomes if status] == []


class Box(Struct, Generic[T]):
    """A generic Struct."""

    content: T


@pytest.fixture
def limited_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, Any]]:
    """Limit the cache to three decoders, and empty it."""
    decoders: dict[Any, Any] = {}
    monkeypatch.setattr(codec, "_STRICT", decoders)
    monkeypatch.setattr(codec, "_MAX_DECODERS", 3)
    return decoders


def test_keeps_a_decoder(limited_cache: dict[Any, Any]) -> None:
    """Each type has one decoder, which is reused."""
    assert codec.decode(b'{"content":1}', Box[int]) == Box(1)
    (decoder,) = limited_cache.values()
    assert codec.decode(b'{"content":2}', Box[int]) == Box(2)
    assert [*limited_cache.values()] == [decoder]


def test_keeps_so_many(limited_cache: dict[Any, Any]) -> None:
    """The cache is bounded: types created in a loop evict each other, and still decode."""
    kinds = [msgspec.defstruct(f"S{number}", [("a", int)]) for number in range(10)]
    assert all(codec.decode(b'{"a":1}', kind) == kind(a=1) for kind in kinds * 2)
    assert [*limited_cache] == kinds[-3:]


def test_uses_the_alias_that_it_prepared(limited_cache: dict[Any, Any]) -> None:
    """Of two equal aliases, the prepared one is used for both, as msgspec stores type information on the object."""
    first, second = Box[int], Box[int].copy_with((int,))  # type: ignore[attr-defined]  # a copy, as typing's cache gives
    assert first == second
    assert first is not second
    assert codec.convert({"content": 1}, first) == codec.convert({"content": 1}, second) == Box(1)
    assert [each.type for each in limited_cache.values()] == [first]
    assert not hasattr(second, "__msgspec_cache__")


def test_takes_types_without_a_hash(limited_cache: dict[Any, Any]) -> None:
    """A type that is not hashable is decoded, converted and described like any other."""
    kind: Any = Annotated[Box[int], {"a": 1}]
    with pytest.raises(TypeError):
        hash(kind)
    assert codec.decode(b'{"content":1}', kind) == codec.convert({"content": 1}, kind) == Box(1)
    assert codec.describe_types([kind], dict)[1].keys() == {"Box_int_"}
    assert limited_cache == {}


@pytest.mark.parametrize("kind", [Box[int] | Box[str] | list[int] | tuple[int], "Box"])
def test_refuses_what_msgspec_refuses(limited_cache: dict[Any, Any], kind: Any) -> None:
    """A type that msgspec does not support raises TypeError each time, and is not cached."""
    for _ in range(2):
        with pytest.raises(TypeError):
            codec.decode(b"{}", kind)
        with pytest.raises(TypeError):
            codec.convert({}, kind)
    assert limited_cache == {}


def test_strict_and_not() -> None:
    """A type may be decoded in strict and lenient mode alternately."""
    for _ in range(2):
        assert codec.decode(b'"1"', int, strict=False) == 1
        with pytest.raises(msgspec.ValidationError):
            codec.decode(b'"1"', int)


def test_what_prepares_nothing() -> None:
    """Encoding does not prepare a type, so it needs no lock. msgspec does not document this; the test verifies it."""

    def is_prepared(kind: Any) -> bool:
        return any(type(each).__name__ == "StructInfo" for each in gc.get_referents(kind))

    kind = msgspec.defstruct("Fresh", [("a", int)])
    value = kind(a=1)
    codec.encode(value)
    codec.to_builtins(value)
    msgspec.structs.replace(value, a=2)
    msgspec.structs.fields(kind)
    msgspec.structs.astuple(value)
    msgspec.structs.asdict(value)
    assert not is_prepared(kind)
    codec.decode(b'{"a":1}', kind)
    assert is_prepared(kind)


class Tagged(Struct, tag="found", tag_field="kind"):
    """A Struct of a program, with a tag."""

    file: File
    note: str = "-"


class Row(Struct, tag=True, array_like=True, omit_defaults=True):
    """A Struct of a program that is a list in JSON."""

    file: File
    note: str = "-"


@dataclass
class Found:
    """A dataclass of a program, one of whose fields is not set."""

    file: File
    note: str = "-"
    later: str = field(init=False)


@pytest.mark.parametrize("kind", [Tagged, Row, Found])
def test_extra_fields_in_types_of_programs(kind: Any) -> None:
    """A value of a program's type with new fields of the API inside of it is encoded as one without them."""
    plain = codec.encode(kind(File(name="a")))
    assert codec.encode(kind(File(name="a", extra={"new": 1}))) == plain.replace(b'"a"', b'"a","new":1')
    assert codec.to_builtins(kind(File(name="a", extra={"new": 1}))) == codec.decode(
        plain.replace(b'"a"', b'"a","new":1')
    )
