"""Types that the API's own dialect cannot express are sent as plain JSON Schema, in its field."""

import enum
from datetime import date
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from genai_fn import Gemini, Vertex, encode, generate, with_config
from genai_fn.errors import InvalidRequest
from genai_fn.schema import GenerateContentConfig
from genai_fn.schema.convert import as_struct
from genai_fn.schema.json_schema import build_json_schema, without_siblings


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1


class Node(msgspec.Struct):
    next: "Node | None" = None


class Tree(pydantic.BaseModel):
    trees: "list[Tree]"


REDIRECTED_SCHEMAS: dict[str, tuple[Any, Any]] = {
    "a map": (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    "integer enum": (
        list[Number],
        {
            "type": "array",
            "items": {"$ref": "#/$defs/Number"},
            "$defs": {"Number": {"title": "Number", "type": "integer", "enum": [1]}},
        },
    ),
    "set": (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    "bytes": (bytes, {"type": "string", "contentEncoding": "base64"}),
    "date": (date, {"type": "string", "format": "date"}),
    "recursive Struct": (Node, build_json_schema(Node)),
    "recursive model": (Tree, build_json_schema(Tree)),
    "beside $ref": (
        list[Annotated[Node, msgspec.Meta(description="d")]],
        {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/$defs/Node"}], "description": "d"},
            "$defs": build_json_schema(Node)["$defs"],
        },
    ),
}


class TestRedirected:
    """A type that the dialect cannot express is sent as ``response_json_schema``; 1.51.0 refuses it or drops parts."""

    @pytest.mark.parametrize(("kind", "expected"), REDIRECTED_SCHEMAS.values(), ids=REDIRECTED_SCHEMAS)
    def test_plain(self, kind: Any, expected: Any) -> None:
        """The schema is moved from a dict, from a config, and by `with_config`."""
        plain = GenerateContentConfig(response_json_schema=expected)
        request = generate("m", "hi")
        assert as_struct(GenerateContentConfig, {"response_schema": kind}) == plain
        assert as_struct(GenerateContentConfig, GenerateContentConfig(response_schema=kind)) == plain
        assert request | with_config(response_schema=kind) == generate("m", "hi", plain)
        assert request | with_config(response_schema=Colour) | with_config(
            response_schema=kind
        ) == request | with_config(plain)

    @pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex("p", "us-central1")], ids=["gemini", "vertex"])
    def test_sent(self, backend: Any) -> None:
        """Both backends support it."""
        body = encode(generate("m", "hi", {"response_schema": dict[str, int]}), backend).unwrap().body
        assert msgspec.json.decode(body)["generationConfig"] == {"responseJsonSchema": REDIRECTED_SCHEMAS["a map"][1]}

    @pytest.mark.parametrize("given", [dict, GenerateContentConfig], ids=["dict", "config"])
    def test_both(self, given: Any) -> None:
        """It is refused if that field is set as well."""
        with pytest.raises(InvalidRequest, match="nothing beside response_json_schema") as raised:
            as_struct(GenerateContentConfig, given(response_schema=dict[str, int], response_json_schema={}))
        assert raised.value.path == "config.response_schema"

    def test_mappings_stay(self) -> None:
        """A mapping is not moved: it is translated into the dialect, or refused."""
        given: Any = {"type": "object", "additionalProperties": {"type": "string"}}
        assert as_struct(GenerateContentConfig, {"response_schema": given}).response_schema is not None
        with pytest.raises(InvalidRequest):
            as_struct(GenerateContentConfig, {"response_schema": {"type": "integer", "enum": [1]}})


def test_without_siblings() -> None:
    """A ``$ref`` has no siblings, also where properties have the names of keywords; values are unchanged."""
    given: dict[str, Any] = {
        "properties": {"default": {"$ref": "#/a", "title": "t"}, "$ref": {"type": "string"}},
        "default": {"$ref": "b", "c": 1},
        "items": False,
    }
    expected = {**given, "properties": {**given["properties"], "default": {"anyOf": [{"$ref": "#/a"}], "title": "t"}}}
    assert without_siblings(given) == expected
    assert without_siblings({"$ref": "#/$defs/A", "$defs": {}}) == {"$ref": "#/$defs/A", "$defs": {}}


@pytest.mark.parametrize("schema", [int, {"type": "STRING"}, None])
def test_replaced_type(schema: Any) -> None:
    """Another schema replaces one that was redirected, instead of being sent beside it; None removes it."""
    request = generate("m", "x", {"response_schema": Node}) | with_config(response_schema=schema)
    assert request == generate("m", "x", {"response_schema": schema})


def test_both_fields_given() -> None:
    """A plain JSON Schema beside a schema stays as it is given."""
    config: Any = {"response_schema": None, "response_json_schema": {"type": "integer"}}
    assert generate("m", "x", config) == generate("m", "x", {"response_schema": Node}) | with_config(config)
