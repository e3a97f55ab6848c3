"""
Arguments of ``generate`` that google-genai and genai_fn both take, in one table.

Each case is for both backends; a backend that does not have a field must refuse it.
"""

import io
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias

import PIL.Image

Lib: TypeAlias = Any
"""``google.genai.types`` or ``genai_fn.schema``: names and keywords are the same in both."""

_HI = "hi"


@dataclass(frozen=True, eq=False)
class Case:
    """Arguments of one call. A function as a value is called with the library, and returns a value of its types."""

    name: str
    contents: Any | Callable[[Lib], Any] = _HI
    config: Mapping[str, Any] | Callable[[Lib], Any] | None = None
    model: str = "gemini-2.5-flash"
    stream: bool = False
    note: str = ""
    error: bool = False
    """Whether it is a mistake in the program, on either backend."""
    difference: str = ""
    """The reason for a deliberate difference from 1.51.0."""

    def arguments(self, lib: Lib) -> tuple[Any, Any]:
        """Build contents and config, new for each call: google-genai 1.51.0 modifies the dicts it is given."""
        return _build_value(self.contents, lib), _build_value(self.config, lib)


def _build_value(value: Any, lib: Lib) -> Any:
    return value(lib) if isinstance(value, FunctionType) else deepcopy(value)


def build_tool(**tool: Any) -> dict[str, Any]:
    return {"tools": [tool]}


def build_function(**declaration: Any) -> dict[str, Any]:
    return build_tool(function_declarations=[{"name": "f", **declaration}])


def build_schema(**schema: Any) -> dict[str, Any]:
    return {"response_schema": schema}


def _build_image(format: str) -> PIL.Image.Image:
    """Build an image as PIL opens it from a file of this format."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (2, 2)).save(file, format=format)
    return PIL.Image.open(io.BytesIO(file.getvalue()))


_ASK = {"role": "user", "parts": [{"text": "a"}]}
_ANSWER = {"role": "model", "parts": [{"text": "b"}]}
_CALL = {"function_call": {"id": "1", "name": "f", "args": {"snake_case": 1, "camelCase": {"in_side": None}}}}
_RESULT: dict[str, Any] = {
    "function_response": {"id": "1", "name": "f", "response": {"snake_case": [1, None], "k": {}}}
}
_VIDEO = {"file_uri": "gs://b/v.mp4", "mime_type": "video/mp4"}
_XY = {"y": {"type": "string"}, "x": {"type": "string"}}
_KEY_AUTH = {"auth_type": "API_KEY_AUTH"}

_CONTENTS = (
    Case("contents-str"),
    Case("contents-empty-str", ""),
    Case("contents-unicode", "\u00e9\u4e16\U0001f600\u2028 </script> \x00"),
    Case("contents-strs", ["a", "b"]),
    Case("contents-empty-str-in-list", [""]),
    Case("contents-tuple", ("a", "b"), note="a tuple is equivalent to a list"),
    Case("contents-inner-list", ["a", ["b", "c"], "d"], note="an inner list is a turn of its own"),
    Case("contents-part-dict", {"text": "x"}),
    Case("contents-part-dict-empty-text", {"text": ""}),
    Case("contents-part-dicts", [{"text": "x"}, {"text": "y"}]),
    Case("contents-part-dict-in-camel", {"inlineData": {"mimeType": "a/b", "data": b"\xfb\xff"}}),
    Case("contents-content-dict", _ASK),
    Case("contents-no-role", {"parts": [{"text": "x"}]}, note="stays without a role"),
    Case("contents-odd-role", {"role": "system", "parts": [{"text": "x"}]}),
    Case("contents-role-only", {"role": "user"}),
    Case("contents-no-parts", {"role": "user", "parts": []}),
    Case("contents-turns", [_ASK, _ANSWER, _ASK]),
    Case("contents-turns-and-str", [_ASK, _ANSWER, "z"]),
    Case("contents-str-turn-str", ["a", _ANSWER, "b", {"text": "c"}]),
    Case("contents-part", lambda lib: lib.Part(text="x")),
    Case("contents-parts", lambda lib: [lib.Part(text="x"), "y", lib.Part(text="z")]),
    Case("contents-content", lambda lib: lib.Content(role="user", parts=[lib.Part(text="x")])),
    Case("contents-contents", lambda lib: [lib.Content(parts=[lib.Part(text="x")]), "y", ["z", lib.Part(text="w")]]),
    Case("contents-file", lambda lib: lib.File(uri="https://h.test/v1beta/files/a", mime_type="text/plain")),
    Case(
        "contents-file-and-question",
        lambda lib: [lib.File(name="files/a", uri="https://h.test/a", mime_type="text/plain", display_name="n"), "q"],
        note="only its uri and mime_type are sent",
    ),
    Case("contents-file-dict", {"uri": "https://h.test/a", "mime_type": "text/plain"}),
    Case("contents-blob-part", lambda lib: lib.Part(inline_data=lib.Blob(data=b"\xfb\xff\xfe", mime_type="image/png"))),
    Case("contents-jpeg", lambda lib: [_build_image("JPEG"), "what?"]),
    Case("contents-png", lambda lib: _build_image("PNG")),
    Case("contents-drawn-image", lambda lib: [PIL.Image.new("RGB", (1, 1))], note="sent as JPEG"),
    Case("contents-rgba-image", lambda lib: PIL.Image.new("RGBA", (1, 1)), note="sent as PNG"),
    Case("contents-stream", "hi", stream=True),
    Case("contents-stream-config", ["a", "b"], {"temperature": 0}, stream=True),
    Case("contents-none-in-list", ["a", None], error=True),
    Case("contents-empty-list", [], error=True),
    Case("contents-empty-inner-list", ["a", []], error=True),
    Case("contents-list-in-list-in-list", [["a", ["b"]]], error=True),
    Case("contents-content-in-inner-list", [[_ASK]], error=True),
    Case("contents-number", 3, error=True),
    Case("contents-empty-dict-in-list", [{}], error=True),
    Case("contents-unknown-field", {"txt": "x"}, error=True),
    Case("contents-str-as-part", {"role": "user", "parts": ["x"]}, error=True),
    Case("contents-file-without-uri", lambda lib: lib.File(name="files/a", mime_type="text/plain"), error=True),
    Case("contents-file-without-type", lambda lib: lib.File(uri="https://h.test/a"), error=True),
    Case(
        "contents-blob",
        lambda lib: lib.Blob(data=b"x", mime_type="a/b"),
        error=True,
        difference="a Blob is valid content; 1.51.0 treats it as a File",
    ),
    Case(
        "contents-blob-dict",
        {"data": b"x", "mime_type": "a/b"},
        error=True,
        difference="the dict of a Blob is valid content; 1.51.0 treats it as a File",
    ),
)

_PARTS = (
    Case("part-inline-data", {"inline_data": {"mime_type": "image/png", "data": b"\xfb\xff\xfe"}}),
    Case("part-inline-data-empty", {"inline_data": {"mime_type": "image/png", "data": b""}}),
    Case("part-inline-data-name", {"inline_data": {"mime_type": "a/b", "data": b"x", "display_name": "n"}}),
    Case("part-inline-data-and-text", {"inline_data": {"mime_type": "a/b", "data": b"x"}, "text": "x"}),
    Case("part-file-data", [{"file_data": {"file_uri": "gs://b/f", "mime_type": "text/plain"}}, "q"]),
    Case("part-file-data-no-type", {"file_data": {"file_uri": "https://h.test/watch?v=1"}}),
    Case("part-file-data-name", {"file_data": {**_VIDEO, "display_name": "n"}}),
    Case(
        "part-video-metadata",
        {"file_data": _VIDEO, "video_metadata": {"start_offset": "1s", "end_offset": "2.5s", "fps": 0.5}},
    ),
    Case("part-video-metadata-zero", {"file_data": _VIDEO, "video_metadata": {"fps": 0}}),
    Case("part-media-resolution", {"file_data": _VIDEO, "media_resolution": {"level": "MEDIA_RESOLUTION_HIGH"}}),
    Case("part-media-resolution-tokens", {"text": "x", "media_resolution": {"num_tokens": 0}}),
    Case("part-media-resolution-lower", {"text": "x", "media_resolution": {"level": "media_resolution_low"}}),
    Case(
        "part-thought", [{"role": "model", "parts": [{"text": "x", "thought": True}, {"text": "", "thought": False}]}]
    ),
    Case("part-thought-signature", {"text": "x", "thought_signature": b"\xff\xfe\xfd\xfc"}),
    Case("part-thought-signature-text", {"text": "x", "thought_signature": "__79"}, note="base64, as received"),
    Case("part-executable-code", {"executable_code": {"language": "PYTHON", "code": "print(1)"}}),
    Case("part-executable-code-lower", {"executable_code": {"language": "python", "code": ""}}),
    Case("part-code-result", {"code_execution_result": {"outcome": "OUTCOME_OK", "output": "1\n"}}),
    Case(
        "part-code-and-result",
        ["run", {"executable_code": {"code": "1"}}, {"code_execution_result": {"outcome": "outcome_failed"}}],
    ),
    Case("part-function-call", _CALL, note="a model turn of its own"),
    Case("part-function-call-in-camel", {"functionCall": {"name": "f", "args": {"a_b": 1}}}),
    Case("part-function-calls", [{"function_call": {"name": "f"}}, {"function_call": {"name": "g", "args": {}}}]),
    Case("part-function-call-between", ["a", _CALL, _RESULT, "b"]),
    Case("part-function-call-signature", {**_CALL, "thought_signature": b"\xfb\xef"}),
    Case(
        "part-function-call-partial",
        {
            "function_call": {
                "name": "f",
                "partial_args": [
                    {"json_path": "$.a", "string_value": "", "will_continue": True},
                    {"json_path": "$.b", "number_value": 0},
                    {"json_path": "$.c", "bool_value": False},
                    {"json_path": "$.d", "null_value": "NULL_VALUE"},
                ],
            }
        },
    ),
    Case("part-function-call-will-continue", {"function_call": {"name": "f", "will_continue": False}}),
    Case("part-function-response", _RESULT),
    Case("part-function-response-empty", {"function_response": {"name": "f", "response": {}}}),
    Case(
        "part-function-response-scheduling",
        {"function_response": {"name": "f", "response": {}, "scheduling": "when_idle"}},
    ),
    Case(
        "part-function-response-will-continue",
        {"function_response": {"name": "f", "response": {}, "will_continue": False}},
        difference="1.51.0 sends it to Vertex AI, too",
    ),
    Case(
        "part-function-response-parts",
        {
            "function_response": {
                "name": "f",
                "parts": [
                    {"inline_data": {"mime_type": "image/png", "data": b"\xff\xfe", "display_name": "n"}},
                    {"file_data": {"file_uri": "gs://b/f", "mime_type": "a/b", "display_name": "n"}},
                ],
            }
        },
    ),
    Case(
        "part-conversation",
        [_ASK, {"role": "model", "parts": [_CALL]}, {"role": "user", "parts": [_RESULT]}, _ANSWER, _ASK],
    ),
    Case("part-unknown-field", [{"role": "user", "parts": [{"text": "x", "colour": "red"}]}], error=True),
    Case("part-wrong-type", [{"role": "user", "parts": [{"text": ["x"]}]}], error=True),
    Case("part-args-no-mapping", [{"role": "model", "parts": [{"function_call": {"args": [1]}}]}], error=True),
)

_SETTINGS = (
    Case("config-empty", config={}),
    Case("config-nones", config={"temperature": None, "tools": None, "system_instruction": None}),
    Case("config-typed", config=lambda lib: lib.GenerateContentConfig(temperature=0.5, stop_sequences=["x"])),
    Case("config-typed-empty", config=lambda lib: lib.GenerateContentConfig()),
    Case(
        "config-typed-in-dict",
        config=lambda lib: {"thinking_config": lib.ThinkingConfig(thinking_budget=0), "temperature": 1},
    ),
    Case("config-in-camel", config={"topK": 2, "maxOutputTokens": 3, "thinkingConfig": {"thinkingBudget": 1}}),
    Case("config-in-both-spellings", config={"top_k": 2, "maxOutputTokens": 3}),
    Case("temperature", config={"temperature": 0.5}),
    Case("temperature-zero", config={"temperature": 0}),
    Case("top-p", config={"top_p": 0.95}),
    Case("top-k", config={"top_k": 40}),
    Case("candidate-count", config={"candidate_count": 2}),
    Case("max-output-tokens", config={"max_output_tokens": 100}),
    Case("stop-sequences", config={"stop_sequences": ["a", ""]}),
    Case("stop-sequences-empty", config={"stop_sequences": []}),
    Case("logprobs", config={"response_logprobs": True, "logprobs": 3}),
    Case("penalties", config={"presence_penalty": -0.5, "frequency_penalty": 1.5}),
    Case("seed", config={"seed": 2**31 - 1}),
    Case("seed-negative", config={"seed": -1}),
    Case(
        "zeros",
        config={
            "temperature": 0.0,
            "top_p": 0,
            "top_k": 0,
            "candidate_count": 0,
            "max_output_tokens": 0,
            "response_logprobs": False,
            "logprobs": 0,
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "seed": 0,
        },
    ),
    Case("system-str", config={"system_instruction": "be brief"}),
    Case("system-empty-str", config={"system_instruction": ""}),
    Case("system-strs", config={"system_instruction": ["a", "b"]}),
    Case("system-part", config={"system_instruction": {"text": "a"}}),
    Case("system-mixed", config=lambda lib: {"system_instruction": ["a", lib.Part(text="b")]}),
    Case("system-content", config={"system_instruction": {"role": "model", "parts": [{"text": "a"}]}}),
    Case("system-content-no-role", config={"system_instruction": {"parts": [{"text": "a"}]}}),
    Case("system-typed", config=lambda lib: {"system_instruction": lib.Content(parts=[lib.Part(text="a")])}),
    Case("system-file", config=lambda lib: {"system_instruction": lib.File(uri="gs://b/f", mime_type="text/plain")}),
    Case("system-empty-list", config={"system_instruction": []}, error=True),
    Case("modalities", config={"response_modalities": ["TEXT", "IMAGE"]}),
    Case("modalities-as-typed", config={"response_modalities": ["text", "Image", "NEW"]}, note="plain strings"),
    Case("modalities-empty", config={"response_modalities": []}),
    Case("media-resolution", config={"media_resolution": "MEDIA_RESOLUTION_LOW"}),
    Case("media-resolution-lower", config={"media_resolution": "media_resolution_high"}),
    Case("media-resolution-unknown", config={"media_resolution": "MEDIA_RESOLUTION_NEW"}),
    Case(
        "media-resolution-unknown-case",
        config={"media_resolution": "Some_new"},
        note="unknown values are sent unchanged",
    ),
    Case("speech-voice-name", config={"speech_config": "Kore"}),
    Case(
        "speech-voice",
        config={
            "speech_config": {
                "language_code": "de-DE",
                "voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}},
            }
        },
    ),
    Case("speech-empty", config={"speech_config": {}}),
    Case(
        "speech-two-speakers",
        config={
            "response_modalities": ["AUDIO"],
            "speech_config": {
                "multi_speaker_voice_config": {
                    "speaker_voice_configs": [
                        {"speaker": "A", "voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
                        {"speaker": "B", "voice_config": {}},
                    ]
                }
            },
        },
    ),
    Case("thinking-budget", config={"thinking_config": {"include_thoughts": True, "thinking_budget": -1}}),
    Case("thinking-zero", config={"thinking_config": {"include_thoughts": False, "thinking_budget": 0}}),
    Case("thinking-level", config={"thinking_config": {"thinking_level": "high"}}),
    Case("thinking-empty", config={"thinking_config": {}}),
    Case("image", config={"image_config": {"aspect_ratio": "16:9", "image_size": "2K"}}),
    Case("image-empty", config={"image_config": {}}),
    Case("image-type", config={"image_config": {"output_mime_type": "image/jpeg"}}),
    Case("image-quality", config={"image_config": {"output_compression_quality": 0}}),
    Case(
        "image-everything",
        config={
            "image_config": {
                "aspect_ratio": "1:1",
                "image_size": "1K",
                "output_mime_type": "image/jpeg",
                "output_compression_quality": 75,
            }
        },
    ),
    Case("routing-auto", config={"routing_config": {"auto_mode": {"model_routing_preference": "BALANCED"}}}),
    Case("routing-manual", config={"routing_config": {"manual_mode": {"model_name": "m"}}}),
    Case("routing-empty", config={"routing_config": {}}),
    Case("model-selection", config={"model_selection_config": {"feature_selection_preference": "PRIORITIZE_QUALITY"}}),
    Case("model-selection-lower", config={"model_selection_config": {"feature_selection_preference": "balanced"}}),
    Case("labels", config={"labels": {"snake_case": "a", "camelCase": "", "top_k": "x"}}),
    Case("labels-empty", config={"labels": {}}),
    Case("audio-timestamp", config={"audio_timestamp": True}),
    Case("audio-timestamp-false", config={"audio_timestamp": False}),
    Case("cached-content-id", config={"cached_content": "1"}),
    Case("cached-content-name", config={"cached_content": "cachedContents/1"}),
    Case("cached-content-location", config={"cached_content": "locations/l/cachedContents/1"}),
    Case("cached-content-project", config={"cached_content": "projects/q/locations/l/cachedContents/1"}),
    Case(
        "safety",
        config={
            "safety_settings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},
                {"category": "harm_category_hate_speech", "threshold": "off"},
            ]
        },
    ),
    Case(
        "safety-method",
        config={"safety_settings": [{"category": "HARM_CATEGORY_JAILBREAK", "threshold": "OFF", "method": "SEVERITY"}]},
    ),
    Case("safety-unknown", config={"safety_settings": [{"category": "HARM_NEW", "threshold": "BLOCK_new"}]}),
    Case("safety-empty", config={"safety_settings": []}),
    Case(
        "safety-typed",
        config=lambda lib: {
            "safety_settings": [lib.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")]
        },
    ),
    Case(
        "everything-at-once",
        [_ASK, _ANSWER, "z"],
        {
            "temperature": 0.1,
            "system_instruction": "s",
            "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "tools": [{"code_execution": {}}],
            "tool_config": {"function_calling_config": {"mode": "NONE"}},
            "cached_content": "1",
            "response_mime_type": "text/plain",
            "thinking_config": {"thinking_budget": 1},
        },
    ),
    Case("config-unknown-field", config={"temprature": 1}, error=True),
    Case("config-unknown-inner-field", config={"thinking_config": {"budget": 1}}, error=True),
    Case("stop-sequences-str", config={"stop_sequences": "x"}, error=True),
    Case("max-output-tokens-fraction", config={"max_output_tokens": 1.5}, error=True),
    Case("labels-number", config={"labels": {"a": 1}}, error=True),
    Case("routing-lower", config={"routing_config": {"auto_mode": {"model_routing_preference": "x"}}}, error=True),
    Case("temperature-nan", config={"temperature": float("nan")}, difference="NaN is not JSON"),
    Case("temperature-text", config={"temperature": "0.5"}, difference="a string is not a number"),
    Case(
        "speech-no-name",
        config={"speech_config": ""},
        difference="1.51.0 sends nothing on one backend, {} on the other",
    ),
)

_SCHEMAS = (
    Case("mime-type", config={"response_mime_type": "application/json"}),
    Case("mime-type-and-schema", config={"response_mime_type": "application/json", **build_schema(type="string")}),
    Case("schema", config=build_schema(type="string"), note="types are sent in upper case"),
    Case("schema-empty", config=build_schema()),
    Case("schema-title-only", config=build_schema(title="T")),
    Case("schema-unknown-type", config=build_schema(type="wibble")),
    Case(
        "schema-string",
        config=build_schema(
            type="STRING",
            description="d",
            enum=["a", "b"],
            example={"snake_case": 1},
            format="enum",
            max_length=2,
            min_length=0,
            nullable=True,
            pattern="^a",
            title="t",
        ),
    ),
    Case("schema-default", config=build_schema(type="object", default={"snake_case": [1]})),
    Case("schema-number", config=build_schema(type="number", minimum=0, maximum=0.5, default=0)),
    Case("schema-boolean", config=build_schema(type="boolean", default=False, nullable=False)),
    Case("schema-array", config=build_schema(type="array", items={"type": "integer"}, min_items=0, max_items=2)),
    Case("schema-array-in-camel", config=build_schema(type="array", items={"type": "string"}, minItems=1, maxItems=2)),
    Case("schema-object", config=build_schema(type="object", properties=_XY, required=["y"])),
    Case("schema-object-one", config=build_schema(type="object", properties={"snake_case": {"type": "string"}})),
    Case("schema-object-sizes", config=build_schema(type="object", min_properties=0, max_properties=2, required=[])),
    Case("schema-object-untyped", config=build_schema(properties={"a": {"type": "string"}})),
    Case("schema-ordering", config=build_schema(type="object", properties=_XY, property_ordering=["x", "y"])),
    Case("schema-ordering-in-camel", config=build_schema(type="object", properties=_XY, propertyOrdering=["x", "y"])),
    Case(
        "schema-nested",
        config=build_schema(
            type="object",
            properties={
                "z": {"type": "object", "properties": _XY},
                "list_of": {"type": "array", "items": {"type": "object", "properties": _XY}},
            },
        ),
        note="an order is added at every level",
    ),
    Case(
        "schema-nested-ordering",
        config=build_schema(
            type="object",
            properties={"z": {"type": "object", "properties": _XY, "property_ordering": ["x", "y"]}, **_XY},
        ),
    ),
    Case(
        "schema-property-names",
        config=build_schema(
            type="object",
            properties={
                "type": {"type": "string"},
                "any_of": {"type": "string"},
                "items": {"type": "array", "items": {"type": "string"}},
                "max_items": {"type": "integer"},
            },
        ),
        note="property names that are also keywords",
    ),
    Case("schema-any-of", config=build_schema(any_of=[{"type": "string"}, {"type": "object", "properties": _XY}])),
    Case("schema-any-of-in-camel", config=build_schema(anyOf=[{"type": "string"}, {"type": "integer"}])),
    Case("schema-any-of-one", config=build_schema(any_of=[{"type": "string"}])),
    Case("schema-any-of-null", config=build_schema(anyOf=[{"type": "string", "enum": ["a"]}, {"type": "null"}])),
    Case("schema-any-of-null-first", config=build_schema(anyOf=[{"type": "null"}, {"type": "string"}])),
    Case(
        "schema-any-of-two-and-null",
        config=build_schema(anyOf=[{"type": "string"}, {"type": "integer"}, {"type": "null"}]),
    ),
    Case(
        "schema-any-of-null-array",
        config=build_schema(anyOf=[{"type": "array", "items": {"type": "string"}}, {"type": "null"}]),
    ),
    Case("schema-any-of-upper-null", config=build_schema(any_of=[{"type": "STRING"}, {"type": "NULL"}]), note="stays"),
    Case(
        "schema-any-of-null-inside",
        config=build_schema(
            type="object",
            properties={
                "a": {"anyOf": [{"type": "object", "properties": _XY}, {"type": "null"}]},
                "b": {"type": "null"},
            },
        ),
    ),
    Case("schema-null", config=build_schema(type="null")),
    Case("schema-const", config=build_schema(type="string", const="a")),
    Case(
        "schema-defs",
        config=build_schema(
            **{
                "type": "object",
                "properties": {
                    "a": {"$ref": "#/$defs/A"},
                    "b": {"type": "array", "items": {"$ref": "#/$defs/A"}},
                    "c": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
                },
                "$defs": {
                    "A": {"type": "object", "properties": {**_XY, "inner": {"$ref": "#/$defs/B"}}},
                    "B": _XY["x"],
                },
            }
        ),
        note="a $ref is replaced by its definition",
    ),
    Case("schema-ref-at-the-top", config=build_schema(**{"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}})),
    Case("schema-defs-unused", config=build_schema(**{"type": "string", "$defs": {"A": {"type": "string"}}})),
    Case(
        "schema-ref-with-description",
        config=build_schema(
            **{
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}},
                "$defs": {"A": {"type": "string", "description": "its"}},
            }
        ),
        note="1.51.0 drops the description beside a $ref",
    ),
    Case(
        "schema-defs-in-snake",
        config=build_schema(type="object", properties={"a": {"ref": "#/defs/A"}}, defs={"A": {"type": "string"}}),
        note="sent unchanged",
    ),
    Case("schema-closed", config=build_schema(type="object", properties=_XY, additionalProperties=False)),
    Case("schema-open", config=build_schema(type="object", additionalProperties=True)),
    Case(
        "schema-open-inside", config=build_schema(type="array", items={"type": "object", "additional_properties": True})
    ),
    Case("schema-map", config=build_schema(type="object", additional_properties={"type": "string"})),
    Case(
        "schema-typed",
        config=lambda lib: {
            "response_schema": lib.Schema(
                type="OBJECT",
                properties={"b": lib.Schema(type="STRING"), "a": lib.Schema(any_of=[lib.Schema(type="NULL")])},
            )
        },
    ),
    Case(
        "schema-typed-ordered", config=lambda lib: {"response_schema": lib.Schema(type="OBJECT", property_ordering=[])}
    ),
    Case(
        "json-schema",
        config={
            "response_json_schema": {
                "type": ["object", "null"],
                "properties": {"snake_case": {"$ref": "#/$defs/a_b"}},
                "$defs": {"a_b": {"allOf": [{"const": None}], "min_items": 1}},
                "additionalProperties": False,
            }
        },
        note="sent unchanged",
    ),
    Case("json-schema-and-schema", config={"response_json_schema": {"type": "string"}, **build_schema(type="string")}),
    Case("schema-all-of", config=build_schema(allOf=[{"type": "string"}]), error=True),
    Case("schema-one-of-inside", config=build_schema(type="array", items={"oneOf": [{"type": "string"}]}), error=True),
    Case("schema-schema", config=build_schema(**{"$schema": "s", "type": "string"}), error=True),
    Case("schema-enum-numbers", config=build_schema(type="integer", enum=[1, 2]), error=True),
    Case("schema-types", config=build_schema(type=["string", "null"]), error=True),
    Case("schema-const-number", config=build_schema(type="integer", const=1), error=True),
    Case("schema-str", config={"response_schema": "string"}, error=True),
    Case("schema-ref-to-nothing", config=build_schema(type="array", items={"$ref": "#/$defs/A"}), error=True),
    Case(
        "schema-ref-to-itself",
        config=build_schema(
            **{
                "$ref": "#/$defs/A",
                "$defs": {"A": {"type": "object", "properties": {"next": {"$ref": "#/$defs/A"}}}},
            }
        ),
        error=True,
    ),
)

_TOOLS = (
    Case("tools-empty", config={"tools": []}),
    Case("tool-empty", config={"tools": [{}]}),
    Case("tool-typed", config=lambda lib: {"tools": [lib.Tool(google_search=lib.GoogleSearch())]}),
    Case("function", config=build_function(description="d")),
    Case("function-in-camel", config={"tools": [{"functionDeclarations": [{"name": "f", "description": ""}]}]}),
    Case(
        "function-parameters",
        config=build_function(parameters={"type": "object", "properties": _XY, "required": ["x"]}),
    ),
    Case(
        "function-parameters-everything",
        config=build_function(
            parameters={
                "type": "object",
                "properties": {
                    "snake_case": {"type": "array", "items": {"type": "string"}, "min_items": 1},
                    "b": {"any_of": [{"type": "string"}, {"type": "null"}], "example": {"a_b": 1}, "default": "x"},
                    "c": {"ref": "#/$defs/A"},
                },
                "defs": {"A": {"type": "STRING", "additional_properties": True}},
            }
        ),
        note="nothing is resolved, flattened or ordered",
    ),
    Case(
        "function-json-schemas",
        config=build_function(
            parameters_json_schema={"type": "object", "properties": {"snake_case": {"const": 1}}},
            response_json_schema={"x_y": [{"min_items": 1}]},
        ),
    ),
    Case(
        "function-response",
        config=build_function(response={"type": "object", "properties": {"snake_case": {"type": "string"}}}),
    ),
    Case("function-behavior", config=build_function(behavior="non_blocking")),
    Case("function-behavior-blocking", config=build_function(behavior="BLOCKING")),
    Case(
        "functions",
        config={
            "tools": [
                {"function_declarations": [{"name": "f"}, {"name": "g"}]},
                {"google_search": {}},
                {"function_declarations": [{"name": "h"}]},
                {"code_execution": {}},
            ]
        },
        note="all declarations are merged into one tool, the last one",
    ),
    Case("functions-none", config=build_tool(function_declarations=[])),
    Case(
        "functions-and-search-in-one",
        config=build_tool(function_declarations=[{"name": "f"}], google_search={}),
        difference="1.51.0 drops the search; 3.4.0 sends it as a separate tool before the merged declarations",
    ),
    Case(
        "function-typed",
        config=lambda lib: build_tool(
            function_declarations=[
                lib.FunctionDeclaration(name="f", parameters=lib.Schema(type="OBJECT", properties={"a_b": {}}))
            ]
        ),
    ),
    Case("function-schema-word", config=build_function(parameters={"$ref": "#/$defs/A"}), error=True),
    Case("search", config=build_tool(google_search={})),
    Case(
        "search-time-range",
        config=build_tool(
            google_search={
                "time_range_filter": {
                    "start_time": "2025-01-02T03:04:05Z",
                    "end_time": "2025-02-02T03:04:05.120000+02:00",
                }
            }
        ),
    ),
    Case("search-exclude-domains", config=build_tool(google_search={"exclude_domains": ["a.test"]})),
    Case("search-exclude-no-domains", config=build_tool(google_search={"exclude_domains": []})),
    Case("search-blocking-confidence", config=build_tool(google_search={"blocking_confidence": "block_low_and_above"})),
    Case("search-retrieval", config=build_tool(google_search_retrieval={})),
    Case(
        "search-retrieval-dynamic",
        config=build_tool(
            google_search_retrieval={"dynamic_retrieval_config": {"mode": "MODE_DYNAMIC", "dynamic_threshold": 0}}
        ),
    ),
    Case(
        "enterprise-web-search",
        config=build_tool(
            enterprise_web_search={"exclude_domains": ["a.test"], "blocking_confidence": "BLOCK_LOW_AND_ABOVE"}
        ),
    ),
    Case("enterprise-web-search-empty", config=build_tool(enterprise_web_search={})),
    Case("maps", config=build_tool(google_maps={"enable_widget": True})),
    Case("maps-no-widget", config=build_tool(google_maps={"enable_widget": False})),
    Case(
        "maps-auth-key",
        config=build_tool(
            google_maps={
                "auth_config": {
                    **_KEY_AUTH,
                    "api_key_config": {
                        "name": "k",
                        "api_key_secret": "projects/p/secrets/s",
                        "api_key_string": "test-key",
                        "http_element_location": "http_in_header",
                    },
                }
            }
        ),
    ),
    Case("url-context", config=build_tool(url_context={})),
    Case("code-execution", config=build_tool(code_execution={})),
    Case("computer-use", config=build_tool(computer_use={"environment": "environment_browser"})),
    Case("computer-use-excluded", config=build_tool(computer_use={"excluded_predefined_functions": ["drag_and_drop"]})),
    Case(
        "file-search",
        config=build_tool(
            file_search={"file_search_store_names": ["fileSearchStores/s"], "top_k": 0, "metadata_filter": "a = 1"}
        ),
    ),
    Case("retrieval-empty", config=build_tool(retrieval={})),
    Case(
        "retrieval-vertex-search",
        config=build_tool(
            retrieval={
                "disable_attribution": False,
                "vertex_ai_search": {
                    "datastore": "d",
                    "engine": "e",
                    "filter": "f",
                    "max_results": 0,
                    "data_store_specs": [{"data_store": "d", "filter": "f"}],
                },
            }
        ),
    ),
    Case(
        "retrieval-rag",
        config=build_tool(
            retrieval={
                "vertex_rag_store": {
                    "rag_corpora": ["c"],
                    "rag_resources": [{"rag_corpus": "c", "rag_file_ids": ["1"]}],
                    "similarity_top_k": 3,
                    "store_context": True,
                    "vector_distance_threshold": 0.5,
                    "rag_retrieval_config": {
                        "top_k": 3,
                        "hybrid_search": {"alpha": 0},
                        "filter": {"metadata_filter": "m", "vector_distance_threshold": 0.1},
                        "ranking": {"llm_ranker": {"model_name": "m"}},
                    },
                }
            }
        ),
    ),
    Case(
        "retrieval-rag-ranking",
        config=build_tool(
            retrieval={
                "vertex_rag_store": {
                    "rag_retrieval_config": {
                        "filter": {"vector_similarity_threshold": 0.1},
                        "ranking": {"rank_service": {"model_name": "m"}},
                    }
                }
            }
        ),
    ),
    Case(
        "retrieval-elastic",
        config=build_tool(
            retrieval={
                "external_api": {
                    "api_spec": "ELASTIC_SEARCH",
                    "endpoint": "https://h.test",
                    "elastic_search_params": {"index": "i", "num_hits": 0, "search_template": "t"},
                    "api_auth": {"api_key_config": {"api_key_secret_version": "v", "api_key_string": "test-key"}},
                }
            }
        ),
    ),
    Case(
        "retrieval-simple",
        config=build_tool(
            retrieval={
                "external_api": {
                    "api_spec": "simple_search",
                    "simple_search_params": {},
                    "auth_config": {
                        "auth_type": "OAUTH",
                        "google_service_account_config": {"service_account": "s@h.test"},
                        "http_basic_auth_config": {"credential_secret": "projects/p/secrets/s"},
                        "oauth_config": {"access_token": "test-token", "service_account": "s@h.test"},
                        "oidc_config": {"id_token": "test-token", "service_account": "s@h.test"},
                    },
                }
            }
        ),
    ),
    Case(
        "tools-all-on-both",
        config={"tools": [{"google_search": {}}, {"url_context": {}}, {"code_execution": {}}, {"google_maps": {}}]},
    ),
    Case("tool-config-empty", config={"tool_config": {}}),
    Case(
        "tool-config-calling",
        config={"tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f_g"]}}},
    ),
    Case("tool-config-validated", config={"tool_config": {"function_calling_config": {"mode": "VALIDATED"}}}),
    Case(
        "tool-config-calling-streamed",
        config={"tool_config": {"function_calling_config": {"stream_function_call_arguments": True}}},
    ),
    Case(
        "tool-config-retrieval",
        config={
            "tool_config": {"retrieval_config": {"lat_lng": {"latitude": 0, "longitude": -0.5}, "language_code": "de"}}
        },
    ),
    Case("tool-unknown", config={"tools": [{"bing_search": {}}]}, error=True),
)

_MODELS = (
    Case("model-models", model="models/m"),
    Case("model-tuned", model="tunedModels/m"),
    Case("model-publisher", model="publishers/google/models/m"),
    Case("model-project", model="projects/q/locations/l/publishers/google/models/m"),
    Case("model-endpoint", model="projects/q/locations/l/endpoints/3"),
    Case("model-vendor", model="meta/llama-4"),
    Case("model-vendor-three", model="a/b/c"),
    Case("model-streamed", model="models/m", stream=True),
    Case("model-dot-and-at", model="gemini-2.5-flash@001"),
    Case("model-empty", model="", error=True),
    Case("model-up", model="a/../b", error=True),
    Case("model-query", model="m?x=1", error=True),
    Case("model-and", model="m&x", error=True),
)

CASES: tuple[Case, ...] = (*_CONTENTS, *_PARTS, *_SETTINGS, *_SCHEMAS, *_TOOLS, *_MODELS)


@dataclass(frozen=True, eq=False)
class BackendCase:
    """A backend, in the form of ``tests.support.google_genai.oracle``, for a simple request."""

    name: str
    backend: Mapping[str, Any]
    model: str = "gemini-2.5-flash"
    config: Mapping[str, Any] | None = None
    stream: bool = False
    error: bool = False
    difference: str = ""


_KEY = {"api_key": "test-key"}
_EXPRESS = {"vertexai": True, "api_key": "test-key"}
_PROJECT = {"vertexai": True, "project": "p", "location": "us-central1"}
_GATEWAY = {"vertexai": True, "base_url": "https://gate.test/way"}

BACKEND_CASES: tuple[BackendCase, ...] = (
    BackendCase("gemini", _KEY),
    BackendCase("gemini-stream", _KEY, stream=True),
    BackendCase("gemini-spaces-in-key", {"api_key": " test-key\n"}),
    BackendCase("gemini-version", {**_KEY, "api_version": "v1alpha"}),
    BackendCase("gemini-base-url", {**_KEY, "base_url": "https://gate.test"}),
    BackendCase("gemini-base-url-slash", {**_KEY, "base_url": "https://gate.test/"}),
    BackendCase("gemini-base-url-path", {**_KEY, "base_url": "https://gate.test:8443/way/"}, stream=True),
    BackendCase("gemini-base-url-version", {**_KEY, "base_url": "http://localhost:1", "api_version": "v1"}),
    BackendCase("gemini-headers", {**_KEY, "headers": {"x-team": "a"}}),
    BackendCase("vertex", _PROJECT),
    BackendCase("vertex-stream", _PROJECT, stream=True),
    BackendCase("vertex-version", {**_PROJECT, "api_version": "v1"}),
    BackendCase("vertex-global", {**_PROJECT, "location": "global"}),
    BackendCase("vertex-no-location", {"vertexai": True, "project": "p"}),
    BackendCase("vertex-us", {**_PROJECT, "location": "us"}, difference="the multi-region's host is aiplatform.us.rep"),
    BackendCase("vertex-absolute-model", _PROJECT, model="projects/q/locations/l/endpoints/3"),
    BackendCase("vertex-cache", {**_PROJECT, "location": "global"}, config={"cached_content": "1"}),
    BackendCase("vertex-headers", {**_PROJECT, "headers": {"x-team": "a"}}),
    BackendCase("vertex-base-url", {**_PROJECT, "base_url": "https://gate.test/way"}),
    BackendCase("vertex-base-url-stream", {**_PROJECT, "base_url": "https://gate.test/way/"}, stream=True),
    BackendCase("vertex-base-url-global", {**_PROJECT, "location": "global", "base_url": "https://gate.test"}),
    BackendCase("vertex-base-url-version", {**_PROJECT, "base_url": "https://gate.test", "api_version": "v1"}),
    BackendCase(
        "vertex-base-url-no-location",
        {"vertexai": True, "project": "p", "base_url": "https://gate.test"},
        difference="1.51.0 ignores the project and sends no credentials",
    ),
    BackendCase("express", _EXPRESS),
    BackendCase("express-stream", _EXPRESS, stream=True),
    BackendCase("express-models", _EXPRESS, model="models/m"),
    BackendCase("express-vendor", _EXPRESS, model="meta/llama-4"),
    BackendCase("express-version", {**_EXPRESS, "api_version": "v1"}),
    BackendCase("express-base-url", {**_EXPRESS, "base_url": "https://gate.test/way"}),
    BackendCase(
        "express-cache",
        _EXPRESS,
        config={"cached_content": "1"},
        difference="1.51.0 writes projects/None/locations/None",
    ),
    BackendCase("gateway", _GATEWAY),
    BackendCase("gateway-stream", _GATEWAY, stream=True),
    BackendCase("gateway-slash", {**_GATEWAY, "base_url": "https://gate.test/"}),
    BackendCase("gateway-version", {**_GATEWAY, "api_version": "v1"}),
    BackendCase("gateway-headers", {**_GATEWAY, "headers": {"authorization": "Bearer test-token"}}),
    BackendCase("gemini-no-key", {}, error=True),
    BackendCase("vertex-key-and-project", {**_PROJECT, "api_key": "test-key"}, error=True),
)
