"""
Deliberate differences from google-genai 1.51.0 in requests and responses, with the reason for each: a table a resource.

The tests of the resource assert the difference.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

AUTH_TOKEN_DIFFERENCES: Mapping[str, tuple[str, Mapping[str, Any], Any]] = {
    "voice-name": (
        "the name of a voice is accepted as a speech config; 1.51.0 refuses it",
        {"live_connect_constraints": {"config": {"speech_config": "Kore"}}},
        {
            "bidiGenerateContentSetup": {
                "generationConfig": {
                    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                }
            }
        },
    ),
    "empty-config": (
        "an empty config is left out of the setup; 1.51.0 sends it under a name that the API does not have",
        {"live_connect_constraints": {"config": {}}},
        None,
    ),
    "whole-and-field": (
        "fields inside and beside generation_config are merged; 1.51.0 fails",
        {
            "live_connect_constraints": {"config": {"generation_config": {"seed": 1}, "top_k": 2}},
            "lock_additional_fields": [],
        },
        {
            "bidiGenerateContentSetup": {"generationConfig": {"seed": 1, "topK": 2.0}},
            "fieldMask": "generationConfig",
        },
    ),
    "camel-lock": (
        "a config in camelCase gives the same mask as one in snake_case; 1.51.0 drops the mask",
        {"uses": 1, "liveConnectConstraints": {"model": "m"}, "lockAdditionalFields": []},
        {"uses": 1, "bidiGenerateContentSetup": {"model": "models/m"}, "fieldMask": "model"},
    ),
    "lock-alone": (
        "the mask has the prefix generationConfig for its fields; 1.51.0 omits the prefix if there are no constraints",
        {"lock_additional_fields": ["top_k", "tools"]},
        {"fieldMask": "generationConfig.top_k,tools"},
    ),
    "lock-camel": (
        "a field of the generation config is recognized in both spellings; 1.51.0 recognizes snake_case only",
        {"live_connect_constraints": {"model": "m"}, "lock_additional_fields": ["topK"]},
        {"bidiGenerateContentSetup": {"model": "models/m"}, "fieldMask": "model,generationConfig.topK"},
    ),
    "search-beside-functions": (
        "1.51.0 drops the other fields of a tool with function declarations, as in generate",
        {
            "live_connect_constraints": {
                "config": {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]}
            }
        },
        {"bidiGenerateContentSetup": {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}},
    ),
}
"""Deliberate differences: the reason, the config, and the body that genai_fn sends."""


BATCH_DIFFERENCES: Mapping[str, str] = {
    "clock": "1.51.0 generates names from the current time; genai_fn derives them from the request",
    "other-project": "1.51.0 uses only the last part of a full name, in its own project; genai_fn uses the full name",
    "several-sources": "for two sources or none, 1.51.0 reports an unsupported field; genai_fn raises InvalidRequest",
    "no-contents": "1.51.0 sends a request without contents, which every model rejects; genai_fn raises InvalidRequest",
    "calling-functions": "1.51.0 drops automatic_function_calling; genai_fn refuses it, as in generate",
    "other-destination": "1.51.0 raises for a destination that is no gs: or bq: URI; genai_fn refuses it as a file",
    "keys": "1.51.0 drops the metadata of a response; genai_fn keeps it, as batches.join needs it",
    "failed-operation": "1.51.0 drops the error and the counts of a failed batch; genai_fn keeps both",
    "details": "1.51.0 cannot decode error details that are not strings; genai_fn keeps their JSON",
    "dataset": "1.51.0 does not know multimodal datasets; 3.6.1 and ours send their names",
}
"""Deliberate differences; a test of the resource asserts each."""


@dataclass(frozen=True)
class GenerateDifference:
    """The reason for a difference, and our behaviour: the body, or the field that is refused."""

    reason: str
    body: Mapping[str, Any] | None = None
    invalid: str = ""
    unsupported: Mapping[str, str] | None = None
    """The refused field on each backend that refuses; other backends send the body."""


_HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def _build_blob_body(data: bytes = b"x", mime_type: str = "a/b") -> Mapping[str, Any]:
    inline = {"data": base64.b64encode(data).decode(), "mimeType": mime_type}
    return {"contents": [{"role": "user", "parts": [{"inlineData": inline}]}]}


def _build_config_body(**config: Any) -> Mapping[str, Any]:
    return {**_HI, "generationConfig": config}


_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC")


GENERATE_DIFFERENCES: Mapping[str, GenerateDifference] = {
    "contents-blob": GenerateDifference("a Blob is valid content; 1.51.0 treats it as a File", _build_blob_body()),
    "contents-blob-dict": GenerateDifference(
        "the dict of a Blob is valid content; 1.51.0 treats it as a File", _build_blob_body()
    ),
    "contents-drawn-image": GenerateDifference(
        "an image that was not read from a file is sent as PNG; 1.51.0 sends JPEG", _build_blob_body(_PNG, "image/png")
    ),
    "contents-str-as-part": GenerateDifference(
        "a string is accepted in place of a part; 1.51.0 refuses it",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
    ),
    "temperature-nan": GenerateDifference("NaN is not JSON", invalid="config.temperature"),
    "temperature-text": GenerateDifference("a string is not a number", invalid="config.temperature"),
    "speech-no-name": GenerateDifference(
        "1.51.0 sends nothing on one backend, {} on the other",
        _build_config_body(speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": ""}}}),
    ),
    "part-function-response-will-continue": GenerateDifference(
        "Vertex AI does not support it according to 3.6.1",
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {}, "willContinue": False}}],
                }
            ]
        },
        unsupported={"vertex": "contents[0].parts[0].function_response.will_continue"},
    ),
    "routing-lower": GenerateDifference(
        "unknown values are sent, as the service may accept them; 1.51.0 refuses them",
        _build_config_body(routingConfig={"autoMode": {"modelRoutingPreference": "x"}}),
        unsupported={"gemini": "config.routing_config"},
    ),
    "schema-ref-with-description": GenerateDifference(
        "1.51.0 drops the fields beside a $ref",
        _build_config_body(
            responseSchema={"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "mine"}}}
        ),
    ),
    "schema-schema": GenerateDifference(
        "$schema does not describe the value, and is left out; 1.51.0 fails on it",
        _build_config_body(responseSchema={"type": "STRING"}),
    ),
    "schema-types": GenerateDifference(
        "a list of one type and null is sent as a nullable type; 1.51.0 fails on it",
        _build_config_body(responseSchema={"type": "STRING", "nullable": True}),
    ),
    "functions-and-search-in-one": GenerateDifference(
        "1.51.0 drops the search; 3.4.0 sends it as a separate tool before the merged declarations",
        {**_HI, "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]},
    ),
}
"""Deliberate differences, by the name of the case."""


_CITATION = {
    "start_index": 0,
    "end_index": 12,
    "uri": "https://h.test/a",
    "title": "T",
    "license": "mit",
    "publication_date": {"year": 2024, "month": 2, "day": 29},
}


_READS_TIME = "1.51.0 does not decode create_time on Gemini; genai_fn does"


_READS_BOTH_NAMES = (
    "1.51.0 decodes citations under the name of the backend only; genai_fn under both names, as gateways mix them"
)


GENERATE_REPLY_DIFFERENCES: Mapping[tuple[str, str], tuple[str, Any]] = {
    ("create-time", "gemini"): (_READS_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)}),
    ("create-time-nine-digits", "gemini"): (_READS_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, 123456, UTC)}),
    ("create-time-three-digits", "gemini"): (_READS_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, 123000, UTC)}),
    ("create-time-offset", "gemini"): (_READS_TIME, {"create_time": datetime(2025, 1, 2, 1, 4, 5, tzinfo=UTC)}),
    ("whole", "gemini"): (
        _READS_TIME,
        {
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finish_reason": "STOP", "index": 0}
            ],
            "create_time": datetime(2025, 1, 2, 3, 4, 5, 678901, UTC),
            "model_version": "gemini-2.5-flash",
            "response_id": "r1",
            "usage_metadata": {"prompt_token_count": 1, "candidates_token_count": 2, "total_token_count": 3},
        },
    ),
    ("finish-new", "gemini"): (
        "1.51.0 does not decode finish_message on Gemini; genai_fn does",
        {"candidates": [{"finish_reason": "TIRED", "finish_message": "of it"}]},
    ),
    ("citations", "gemini"): (
        _READS_BOTH_NAMES,
        {"candidates": [{"citation_metadata": {"citations": [_CITATION, {"start_index": 3}]}}]},
    ),
    ("citation-sources", "vertex"): (
        _READS_BOTH_NAMES,
        {"candidates": [{"citation_metadata": {"citations": [_CITATION, {"start_index": 3}]}}]},
    ),
    ("indices-as-strings", "gemini"): (
        _READS_BOTH_NAMES,
        {"candidates": [{"index": 1, "token_count": 2, "citation_metadata": {"citations": [{"start_index": 7}]}}]},
    ),
}
"""Fields that only genai_fn decodes: the reason, and the decoded response."""


MODEL_DIFFERENCES: Mapping[str, str] = {
    "filter": "1.51.0 does not escape the filter in the query, so that an & in it starts another parameter",
    "filter-empty": "1.51.0 drops an empty filter of tuned models",
    "publishers": "1.51.0 asks for another publisher's model within the project; ours does not, as 3.6.1",
}
"""Deliberate differences; a test of the resource asserts each."""


OPERATION_DIFFERENCES: Mapping[str, str] = {
    "stores-on-vertex": "1.51.0 polls an operation of a model on Vertex AI, which has no stores; genai_fn refuses",
    "no-model-on-vertex": "1.51.0 uses a URL without a model; genai_fn refuses",
}
"""Deliberate differences; a test of the resource asserts each."""


STORE_DIFFERENCES: Mapping[str, str] = {
    "force": "1.51.0 sends force=True, Python's spelling; genai_fn sends force=true",
    "names": "1.51.0 sends any name; genai_fn refuses a name that would change the path of the URL",
}
"""Deliberate differences; a test of the resource asserts each."""


TUNING_DIFFERENCES: Mapping[str, str] = {
    "examples": "1.51.0 never sends the examples, which tuning requires; genai_fn does",
    "multiplier": "1.51.0 drops the learning rate multiplier on Gemini; genai_fn sends it",
    "method": "1.51.0 drops a method that the backend does not support; genai_fn refuses it",
    "checkpoint": "1.51.0 drops the checkpoint of a base model, and any in a dict; genai_fn refuses, and sends it",
    "two-places": "1.51.0 drops one of two sources of examples; genai_fn raises InvalidRequest",
    "unused-template": "1.51.0 drops the prompt template of a computed metric; genai_fn raises InvalidRequest",
    "raw-output-false": "1.51.0 drops False; genai_fn sends it",
    "evaluation-unchecked": "1.51.0 does not check an evaluation config in a dict, or for a tuned model",
    "evaluation-read": "1.51.0 cannot decode metrics; genai_fn can, also within the specs of Vertex AI",
    "display-name": "1.51.0 drops the display name of the model on Gemini; genai_fn keeps it",
    "no-name": "for an operation without a name, 1.51.0 raises; genai_fn returns a failure",
    "hyperparameters": "1.51.0 refuses batch_size and learning_rate on Vertex AI; 3.6.1 and ours send them",
    "unified-metric": "3.6.1 sends unset fields as null, and model_selection_config as such; ours sends modelConfig",
    "method-options": "3.6.1 drops options that the method does not have; ours refuses them",
}
"""Deliberate differences; a test of the resource asserts each."""


VIDEO_DIFFERENCES: Mapping[str, str] = {
    "video-twice": "on Gemini, 1.51.0 drops the bytes of a video that also has a URI; genai_fn refuses them by name",
    "source-twice": "the same as video-twice, within a source",
    "source-empty-and-prompt": "1.51.0 treats an empty source as absent; genai_fn requires either a source or a prompt",
}
"""Deliberate differences; a test of the resource asserts each."""
