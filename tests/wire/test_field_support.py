"""Unsupported fields are found by path at any depth, and so are large bytes."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from genai_fn import schema
from genai_fn.ops.generate import GenerateContent
from genai_fn.schema import Blob, Content, GenerateContentConfig, Part
from genai_fn.schema.base import BackendOnly, GeminiOnly, Message, VertexOnly
from genai_fn.wire.field_support import LARGE_BYTES, find_unsupported_fields
from tests.support.check_each import check_each


class Leaf(Message):
    """Fields of either backend."""

    gemini: GeminiOnly[str | None] = None
    vertex: VertexOnly[int | None] = None
    received: VertexOnly[tuple[str, ...]] = ()
    sent: VertexOnly[tuple[str, ...] | None] = None
    plain: str | None = None


class Tree(Message):
    """All containers in which annotated fields may be nested."""

    one: Leaf | None = None
    many: tuple[Leaf, ...] | None = None
    rows: tuple[tuple[Leaf, ...], ...] | None = None
    named: Mapping[str, Leaf] | None = None
    either: Leaf | str | None = None
    child: "Tree | None" = None
    refused: GeminiOnly[Leaf | None] = None
    data: bytes | None = None


UNSUPPORTED_LEAF = Leaf(vertex=0)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (Tree(), []),
        (Tree(one=Leaf(plain="x", gemini="x")), []),
        (Tree(one=UNSUPPORTED_LEAF), ["one.vertex"]),
        (Tree(many=(Leaf(), UNSUPPORTED_LEAF, UNSUPPORTED_LEAF)), ["many[1].vertex", "many[2].vertex"]),
        (Tree(rows=((), (Leaf(), UNSUPPORTED_LEAF))), ["rows[1][1].vertex"]),
        (Tree(named={"a": Leaf(), "b": UNSUPPORTED_LEAF}), ["named.b.vertex"]),
        (Tree(either="x"), []),
        (Tree(either=UNSUPPORTED_LEAF), ["either.vertex"]),
        (Tree(child=Tree(child=Tree(one=UNSUPPORTED_LEAF))), ["child.child.one.vertex"]),
        (Tree(one=Leaf(received=("x",), sent=())), ["one.received", "one.sent"]),
    ],
)
def test_paths(value: Tree, paths: list[str]) -> None:
    """Every unsupported field that is set is reported; None and the () of response fields are not set."""
    assert find_unsupported_fields(value, "gemini").unsupported_paths == paths


def test_other_backend() -> None:
    """Each annotation applies to one backend; nothing below an unsupported field is reported."""
    value = Tree(one=Leaf(gemini="", vertex=1), refused=Leaf(gemini=""))
    assert find_unsupported_fields(value, "vertex").unsupported_paths == ["one.gemini", "refused"]
    assert find_unsupported_fields(value, "gemini").unsupported_paths == ["one.vertex"]


@pytest.mark.parametrize(
    ("size", "has_large"),
    [(0, False), (LARGE_BYTES - 1, False), (LARGE_BYTES, True)],
)
def test_large(size: int, has_large: bool) -> None:
    """Bytes of at least the limit are large, at any depth."""
    part = Part(inline_data=Blob(data=b"x" * size))
    operation = GenerateContent(model="m", contents=(Content(parts=(part,)),), config=GenerateContentConfig())
    assert find_unsupported_fields(operation, "gemini").has_large is has_large
    assert find_unsupported_fields(Tree(child=Tree(data=b"x" * size)), "vertex").has_large is has_large


ANNOTATED_FIELDS = [
    (kind, name, annotation.backend)
    for kind in (getattr(schema, name) for name in dir(schema))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    for name in kind.__struct_fields__
    for annotation in getattr(kind.__annotations__.get(name), "__metadata__", ())
    if isinstance(annotation, BackendOnly)
]


def test_table_is_not_empty() -> None:
    """The table of annotated fields is not empty."""
    assert len(ANNOTATED_FIELDS) > 20


@check_each([each for each in ANNOTATED_FIELDS if not any(field.required for field in msgspec.structs.fields(each[0]))])
def test_every_annotation(annotated: tuple[type[Any], str, str]) -> None:
    """
    Every annotated field of every type is unsupported on the other backend, whatever its value is.

    Types with required fields are left out, as they cannot be made of one field.
    """
    kind, name, backend = annotated
    other_backend = {"gemini": "vertex", "vertex": "gemini"}[backend]
    assert find_unsupported_fields(kind(**{name: "x"}), other_backend).unsupported_paths == [name]
