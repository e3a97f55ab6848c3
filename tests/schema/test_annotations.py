"""The annotations of the API's types, as conversion and field support read them."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from genai_fn.schema import Blob, Content, Image, Modality, Part, Schema, VertexOnly
from genai_fn.schema.annotations import (
    Annotation,
    EnumOf,
    MappingOf,
    OptionalOf,
    ScalarOf,
    StructOf,
    TupleOf,
    UnionOf,
    classify_annotation,
    find_metadata,
    get_fields,
    index_fields_by_spelling,
    iter_types,
)
from genai_fn.schema.base import BackendOnly, Coerce


def test_fields() -> None:
    """Fields are in their order, with both names and metadata, and forward references are resolved."""
    assert [each.name for each in get_fields(Image)] == list(Image.__struct_fields__)
    fields = index_fields_by_spelling(Image)
    assert fields["gcsUri"] is fields["gcs_uri"]
    assert fields["gcsUri"].type == VertexOnly[str | None]
    assert index_fields_by_spelling(Schema)["any_of"].type == tuple[Schema, ...] | None


@pytest.mark.parametrize(
    ("annotation", "form"),
    [
        (str, ScalarOf(str)),
        (Any, ScalarOf(Any)),
        (list[int], ScalarOf(list[int])),
        (Blob, StructOf(Blob)),
        (Modality, EnumOf(Modality)),
        (Blob | None, OptionalOf(Blob)),
        (VertexOnly[str | None], OptionalOf(str)),
        (VertexOnly[str] | None, OptionalOf(VertexOnly[str])),
        (str | int, UnionOf((str, int))),
        (str | int | None, OptionalOf(str | int)),
        (tuple[Blob, ...], TupleOf(Blob)),
        (dict[str, Blob], MappingOf(Blob)),
        (Mapping[str, Any], MappingOf(Any)),
    ],
    ids=str,
)
def test_classification(annotation: Any, form: Annotation) -> None:
    """An annotation is an optional, a union, a tuple, a mapping, a Struct, an enum or another type."""
    assert classify_annotation(annotation) == form
    assert type(classify_annotation(annotation)) is type(form)


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (VertexOnly[str | None], BackendOnly("vertex")),
        (Annotated[VertexOnly[int], "more"], BackendOnly("vertex")),
        (VertexOnly[int] | None, None),
        (Annotated[int, Coerce(int)], None),
        (str, None),
    ],
)
def test_metadata(annotation: Any, found: Any) -> None:
    """Metadata is found in the outermost ``Annotated`` only."""
    assert find_metadata(annotation, BackendOnly) == found


def test_types() -> None:
    """Types are found within metadata, unions, tuples and mappings."""
    assert list(iter_types(index_fields_by_spelling(Content)["parts"].type)) == [Part]
    assert list(iter_types(VertexOnly[dict[str, bytes | None]])) == [bytes]
    assert list(iter_types(tuple[str | Blob, ...] | None)) == [str, Blob]
