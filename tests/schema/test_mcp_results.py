"""Results of MCP servers as function responses."""

from typing import Any

import pytest
from mcp import types

from genai_fn import InvalidRequest
from genai_fn.schema import FunctionResponse, FunctionResponseBlob, FunctionResponsePart
from genai_fn.schema.base import ConversionError
from genai_fn.schema.mcp_results import convert_tool


def text_block(text: str) -> dict[str, Any]:
    """Return a text block."""
    return {"type": "text", "text": text}


def convert(result: Any) -> FunctionResponse:
    """Convert a result."""
    return FunctionResponse.from_mcp_response(name="tool", response=result)


def test_text() -> None:
    """The content is the list of its blocks as JSON, without fields that are not set and without metadata."""
    block = {**text_block("rain"), "annotations": None, "_meta": {"trace": 1}}
    assert convert({"content": [block]}) == FunctionResponse(name="tool", response={"result": [text_block("rain")]})
    assert convert({"content": []}).response == {"result": []}


def test_model() -> None:
    """A model of the package is read by the names of the protocol, which all its versions have."""
    names: dict[str, Any] = {"isError": True}
    content = [types.TextContent(type="text", text="no"), types.TextContent(type="text", text="way")]
    assert convert(types.CallToolResult(content=content, **names)).response == {"error": "no\nway"}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ([], "the tool has failed"),
        ([text_block("no sensor")], "no sensor"),
        (
            [text_block("no"), {"type": "resource_link", "uri": "a://b", "name": "b"}],
            [text_block("no"), {"type": "resource_link", "uri": "a://b", "name": "b"}],
        ),
    ],
)
def test_error(content: list[Any], error: Any) -> None:
    """An error is its text, or the list of blocks if there are others."""
    assert convert({"content": content, "isError": True}).response == {"error": error}


def test_media() -> None:
    """Images, sounds and binary resources become parts, and their blocks refer to them by name."""
    content = [
        {"type": "image", "data": "aW1n", "mimeType": "image/png"},
        {"type": "audio", "data": "d2F2", "mimeType": "audio/wav"},
        {"type": "resource", "resource": {"uri": "a://b", "blob": "YmluYXJ5"}},
        {"type": "resource", "resource": {"uri": "a://c", "text": "plain"}},
    ]
    response = convert({"content": content})
    assert response.response == {
        "result": [
            {"type": "image", "data": {"$ref": "image_1"}, "mimeType": "image/png"},
            {"type": "audio", "data": {"$ref": "audio_2"}, "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "a://b", "blob": {"$ref": "resource_3"}}},
            {"type": "resource", "resource": {"uri": "a://c", "text": "plain"}},
        ]
    }
    blobs = [("image/png", b"img", "image_1"), ("audio/wav", b"wav", "audio_2")]
    blobs.append(("application/octet-stream", b"binary", "resource_3"))
    assert response.parts == tuple(
        FunctionResponsePart(inline_data=FunctionResponseBlob(mime_type=kind, data=data, display_name=name))
        for kind, data, name in blobs
    )


@pytest.mark.parametrize(
    ("structured", "text", "expected"),
    [
        ({"degrees": 3, "wind": None}, "It is cold.", {"degrees": 3, "wind": None}),
        ({"degrees": 3}, '{\n "degrees": 3\n}', None),
        ({"result": "rain"}, "rain", None),
        ({"result": 3}, "3", {"result": 3}),
        ([1, "aW1n"], "two", [1, {"$ref": "image_1"}]),
        ({}, "{not json", {}),
    ],
)
def test_structured_content(structured: Any, text: str, expected: Any) -> None:
    """Structured content is added, with references to moved media, unless a text repeats it."""
    image = {"type": "image", "data": "aW1n", "mimeType": "image/png"}
    response = convert({"content": [text_block(text), image], "structuredContent": structured}).response
    assert response is not None
    assert response.get("structuredContent") == expected


@pytest.mark.parametrize(
    "result",
    [
        7,
        {},
        {"content": "text"},
        {"content": ["text"]},
        {"content": [{"type": "image", "data": "***", "mimeType": "image/png"}]},
        {"content": [{"type": "image", "data": ["AA=="]}], "structuredContent": {"a": 1}},
    ],
)
def test_garbage(result: Any) -> None:
    """What is no result is refused."""
    with pytest.raises(InvalidRequest, match="response"):
        convert(result)


@pytest.mark.parametrize("tool", [{}, {"inputSchema": {}}, {"name": 3, "inputSchema": {}}, {"name": "f"}])
def test_invalid_tool(tool: Any) -> None:
    """A tool without a name or a schema is refused."""
    with pytest.raises(ConversionError):
        convert_tool(tool)
