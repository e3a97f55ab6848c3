"""The annotations of the API's types, as conversion and field support read them."""

from typing import Annotated, Any

import pytest

from genai_fn.schema import Content, Image, Part, Schema, VertexOnly
from genai_fn.schema.annotations import find_metadata, get_field_types, iter_types
from genai_fn.schema.base import BackendOnly, Coerce


def test_field_types() -> None:
    """Field types are in the order of the fields, with metadata, and forward references are resolved."""
    assert list(get_field_types(Image)) == list(Image.__struct_fields__)
    assert get_field_types(Image)["gcs_uri"] == VertexOnly[str | None]
    assert get_field_types(Schema)["any_of"] == tuple[Schema, ...] | None


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
    assert Part in iter_types(get_field_types(Content)["parts"])
    assert list(iter_types(VertexOnly[dict[str, bytes | None]])) == [str, bytes, type(None)]
