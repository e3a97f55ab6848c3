"""JSON bodies: large bytes become separate chunks, and `extra_body` is merged in."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import AuthError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice
from genai_fn.ops.generate import generate
from genai_fn.schema import Blob, Content, Part
from genai_fn.schema.base import Message
from genai_fn.wire import encode
from genai_fn.wire.field_support import LARGE_BYTES
from genai_fn.wire.json_body import encode_body, merge_extra_body
from genai_fn.wire.resource_names import ResourceName


class Named(Message):
    """A body with a resource name."""

    name: str
    anything: Any = None


GEMINI = Gemini("test-key")
HOLES = ResourceName("projects/{project}/locations/{location}/things/1")


def test_nothing() -> None:
    """None is encoded as an empty body."""
    assert encode_body(None, GEMINI, has_large=False) == b""


def test_placeholders() -> None:
    """A resource name in a body is completed with the project and location of the backend."""
    backend = Vertex("p", "us-central1")
    assert (
        encode_body(Named(name=HOLES), backend, has_large=False)
        == b'{"name":"projects/p/locations/us-central1/things/1"}'
    )
    assert encode_body(Named(name="{project}"), backend, has_large=False) == b'{"name":"{project}"}'


def test_names_without_project() -> None:
    """Without a project, a name raises AuthError, or Unsupported where there can be no project."""
    with pytest.raises(AuthError, match="no project"):
        encode_body(Named(name=HOLES), Vertex(), has_large=False)
    for backend in (Vertex(api_key="test-key"), Vertex(base_url="https://gate.test")):
        with pytest.raises(Unsupported, match="use a full name"):
            encode_body(Named(name=HOLES), backend, has_large=False)


@settings(deadline=None)
@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 2, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, LARGE_BYTES + 2]), max_size=4
    )
)
def test_joined_chunks(sizes: list[int]) -> None:
    """The chunks of a body, joined, are the body in one piece."""
    parts = tuple(
        Part(text='"\x00\\u0000', inline_data=Blob(data=bytes([index]) * size)) for index, size in enumerate(sizes)
    )
    value = Content(parts=parts, role="user")
    pieces = encode_body(value, GEMINI, has_large=True)
    assert (pieces if isinstance(pieces, bytes) else b"".join(pieces)) == msgspec.json.encode(value)


def test_chunks() -> None:
    """Every large blob is a chunk of its own; a body with small ones is a single chunk."""
    large, small = b"\xfb\xff" * LARGE_BYTES, b"x"
    two = [{"inline_data": {"data": data, "mime_type": "a/b"}} for data in (large, small, large)]
    body = encode(generate("m", two), GEMINI).unwrap().body
    assert isinstance(body, tuple)
    assert len(body) == 5
    assert msgspec.json.decode(b"".join(body)) == msgspec.json.decode(
        msgspec.json.encode({"contents": generate("m", two).operation.contents})
    )
    assert isinstance(encode(generate("m", two[1:2]), GEMINI).unwrap().body, bytes)


@pytest.mark.parametrize("value", [object(), {"a": object()}, {(1,): 2}, lambda: None])
def test_not_json(value: Any) -> None:
    """A value that is not JSON raises InvalidRequest, wherever it is."""
    with pytest.raises(InvalidRequest, match="JSON"):
        encode_body(Named(name="n", anything=value), GEMINI, has_large=False)


@pytest.mark.parametrize(
    ("tree", "extra", "expected"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"aB": {"cD": 1, "e": 2}}, {"a_b": {"c_d": 3}}, {"aB": {"cD": 3, "e": 2}}),
        ({"a_b": {"c": 1}}, {"aB": {"c": 2}}, {"a_b": {"c": 2}}),
        ({"aB": [1, 2]}, {"a_b": [3]}, {"aB": [3]}),
        ({"aB": [1, 2]}, {"aB": {"c": 1}}, {"aB": {"c": 1}}),
        ({"aB": {"c": 1}}, {"aB": 1}, {"aB": 1}),
        ({}, {"a_b": {"c": 1}, "aB": {"d": 2}}, {"a_b": {"c": 1, "d": 2}}),
        ({"a": {"b": {"c": {"d": 1}}}}, {"a": {"b": {"c": {"e": 2}}}}, {"a": {"b": {"c": {"d": 1, "e": 2}}}}),
    ],
)
def test_merged(tree: Mapping[str, Any], extra: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Fields are merged at every depth, in either spelling; lists and other values are replaced."""
    assert msgspec.json.decode(merge_extra_body(msgspec.json.encode(tree), extra)) == expected


def test_merged_into_nothing_and_chunks() -> None:
    """`extra_body` adds a body where there is none, and joins the chunks of one that has several."""
    assert merge_extra_body(b"", {"a": 1}) == b'{"a":1}'
    assert merge_extra_body((b'{"b"', b":2}"), {"a": 1}) == b'{"b":2,"a":1}'


def test_not_into_files() -> None:
    """`extra_body` is refused if the body is a file."""
    with pytest.raises(InvalidRequest, match="extra_body"):
        merge_extra_body(FileSlice("f", 0, 1), {"a": 1})


def test_extra_is_not_changed() -> None:
    """Merging does not change `extra_body`."""
    extra = {"a": {"b": [1]}}
    merge_extra_body(b'{"a":{"c":2}}', extra)
    assert extra == {"a": {"b": [1]}}
