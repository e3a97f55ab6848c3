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
        "the name of a voice stands for it here too; 1.51.0 refuses it",
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
        "no config is in a setup: 1.51.0 sends an empty one, which the API does not know",
        {"live_connect_constraints": {"config": {}}},
        None,
    ),
    "whole-and-field": (
        "what is said in two places is put together; 1.51.0 fails",
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
        "a config in camelCase locks as one in snake_case does; 1.51.0 loses the mask",
        {"uses": 1, "liveConnectConstraints": {"model": "m"}, "lockAdditionalFields": []},
        {"uses": 1, "bidiGenerateContentSetup": {"model": "models/m"}, "fieldMask": "model"},
    ),
    "lock-alone": (
        "fields of the generation config are named within it; 1.51.0 forgets that without constraints",
        {"lock_additional_fields": ["top_k", "tools"]},
        {"fieldMask": "generationConfig.top_k,tools"},
    ),
    "lock-camel": (
        "a field of the generation config is one in either spelling; 1.51.0 knows it in snake_case alone",
        {"live_connect_constraints": {"model": "m"}, "lock_additional_fields": ["topK"]},
        {"bidiGenerateContentSetup": {"model": "models/m"}, "fieldMask": "model,generationConfig.topK"},
    ),
    "search-beside-functions": (
        "1.51.0 loses what a tool holds beside function declarations, here as in generate",
        {
            "live_connect_constraints": {
                "config": {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]}
            }
        },
        {"bidiGenerateContentSetup": {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}},
    ),
}
"""Where ours does otherwise on purpose: why, of what, and the body that it sends."""


BATCH_DIFFERENCES: Mapping[str, str] = {
    "dataset": "1.51.0 does not know multimodal datasets; 3.6.1 and ours send their names",
    "clock": "1.51.0 makes up names from the clock; ours derives them from the request",
    "other-project": "1.51.0 takes the last part of a full name and looks in its own project; ours goes where it says",
    "several-sources": "1.51.0 says of two sources, or none, that they are not supported; ours is a mistake",
    "no-contents": "1.51.0 sends a request without contents, which no model can answer; ours is a mistake",
    "calling-functions": "1.51.0 drops how functions are to be called by itself; ours refuses it, as generate does",
    "other-destination": "1.51.0 takes another address for a mistake; ours refuses it as a file",
    "keys": "1.51.0 drops the metadata of an answer; ours keeps it, to join by",
    "failed-operation": "1.51.0 drops why a batch failed, and its counts; ours keeps both",
    "details": "1.51.0 cannot read the details of an error that are not texts; ours keeps their JSON",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""


@dataclass(frozen=True)
class GenerateDifference:
    """The reason for a difference, and our behaviour: the body, or the field that is refused."""

    why: str
    body: Mapping[str, Any] | None = None
    invalid: str = ""
    unsupported: Mapping[str, str] | None = None
    """By backend; elsewhere it is the body that counts."""


_HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def _build_blob_body(data: bytes = b"x", mime_type: str = "a/b") -> Mapping[str, Any]:
    inline = {"data": base64.b64encode(data).decode(), "mimeType": mime_type}
    return {"contents": [{"role": "user", "parts": [{"inlineData": inline}]}]}


def _build_config_body(**config: Any) -> Mapping[str, Any]:
    return {**_HI, "generationConfig": config}


_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC")


GENERATE_DIFFERENCES: Mapping[str, GenerateDifference] = {
    "contents-blob": GenerateDifference("a Blob is content; 1.51.0 takes it for a File", _build_blob_body()),
    "contents-blob-dict": GenerateDifference("a Blob is content, as a dict too", _build_blob_body()),
    "contents-drawn-image": GenerateDifference(
        "an image that is no file goes out as PNG", _build_blob_body(_PNG, "image/png")
    ),
    "contents-str-as-part": GenerateDifference(
        "a text stands for a part everywhere", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    ),
    "temperature-nan": GenerateDifference("NaN is not JSON", invalid="config.temperature"),
    "temperature-text": GenerateDifference("a number is a number", invalid="config.temperature"),
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
        "the values stay open: the service knows which there are",
        _build_config_body(routingConfig={"autoMode": {"modelRoutingPreference": "x"}}),
        unsupported={"gemini": "config.routing_config"},
    ),
    "schema-ref-with-description": GenerateDifference(
        "1.51.0 loses what stands beside a $ref",
        _build_config_body(
            responseSchema={"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "mine"}}}
        ),
    ),
    "schema-schema": GenerateDifference(
        "$schema says nothing of the shape", _build_config_body(responseSchema={"type": "STRING"})
    ),
    "schema-types": GenerateDifference(
        "1.51.0 fails on it; one type and null is a type that may be null",
        _build_config_body(responseSchema={"type": "STRING", "nullable": True}),
    ),
    "functions-and-search-in-one": GenerateDifference(
        "1.51.0 loses the search; 3.4.0 keeps it as a tool before the merged declarations",
        {**_HI, "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]},
    ),
}
"""Every case in which ours does otherwise on purpose."""


_CITED = {
    "start_index": 0,
    "end_index": 12,
    "uri": "https://h.test/a",
    "title": "T",
    "license": "mit",
    "publication_date": {"year": 2024, "month": 2, "day": 29},
}


_LOSES_TIME = "1.51.0 reads no create_time on Gemini; what the server says is not lost"


_OTHERS_NAME = "1.51.0 knows each backend's own name for citations alone; gateways mix them"


GENERATE_REPLY_DIFFERENCES: Mapping[tuple[str, str], tuple[str, Any]] = {
    ("create-time", "gemini"): (_LOSES_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)}),
    ("create-time-nine-digits", "gemini"): (_LOSES_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, 123456, UTC)}),
    ("create-time-three-digits", "gemini"): (_LOSES_TIME, {"create_time": datetime(2025, 1, 2, 3, 4, 5, 123000, UTC)}),
    ("create-time-offset", "gemini"): (_LOSES_TIME, {"create_time": datetime(2025, 1, 2, 1, 4, 5, tzinfo=UTC)}),
    ("whole", "gemini"): (
        _LOSES_TIME,
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
        "1.51.0 reads no finish_message on Gemini; what the server says is not lost",
        {"candidates": [{"finish_reason": "TIRED", "finish_message": "of it"}]},
    ),
    ("citations", "gemini"): (
        _OTHERS_NAME,
        {"candidates": [{"citation_metadata": {"citations": [_CITED, {"start_index": 3}]}}]},
    ),
    ("citation-sources", "vertex"): (
        _OTHERS_NAME,
        {"candidates": [{"citation_metadata": {"citations": [_CITED, {"start_index": 3}]}}]},
    ),
    ("indices-as-strings", "gemini"): (
        _OTHERS_NAME,
        {"candidates": [{"index": 1, "token_count": 2, "citation_metadata": {"citations": [{"start_index": 7}]}}]},
    ),
}
"""Where ours reads more than 1.51.0: why, and what it reads."""


MODEL_DIFFERENCES: Mapping[str, str] = {
    "filter": "1.51.0 puts a filter into the query as it is, so that an & in it begins another parameter",
    "filter-empty": "1.51.0 drops an empty filter of tuned models",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""


OPERATION_DIFFERENCES: Mapping[str, str] = {
    "stores-on-vertex": "1.51.0 asks Vertex AI, which has no stores, after a model's prediction; ours refuses",
    "no-model-on-vertex": "1.51.0 sends to an address without a model; ours refuses",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""


STORE_DIFFERENCES: Mapping[str, str] = {
    "force": "1.51.0 writes force=True, as Python does; ours writes JSON's true",
    "names": "1.51.0 sends whatever a name says; ours refuses one that would lead elsewhere",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""


TUNING_DIFFERENCES: Mapping[str, str] = {
    "examples": "1.51.0 never sends the examples, without which nothing is tuned; ours does",
    "multiplier": "1.51.0 drops the learning rate multiplier on Gemini; ours sends it",
    "method": "1.51.0 drops a method that the backend lacks; ours refuses it",
    "hyperparameters": "1.51.0 refuses batch_size and learning_rate on Vertex AI; 3.6.1 and ours send them",
    "unified-metric": "3.6.1 sends unset fields as null, and model_selection_config as such; ours sends modelConfig",
    "method-options": "3.6.1 drops options that the method does not have; ours refuses them",
    "checkpoint": "1.51.0 drops the checkpoint of a model that has none, and any in a dict; ours refuses and sends it",
    "two-places": "1.51.0 drops one of two places of examples; ours is a mistake",
    "unused-template": "1.51.0 drops the template of a metric that no model judges; ours is a mistake",
    "raw-output-false": "1.51.0 drops False; ours sends it",
    "evaluation-unchecked": "1.51.0 does not check the evaluation of a dict, or of a model that is tuned already",
    "evaluation-read": "1.51.0 cannot read metrics; ours does, and looks into the specs, where Vertex AI has them",
    "display-name": "1.51.0 drops what Gemini calls the model; ours keeps it",
    "no-name": "1.51.0 raises where an operation has no name; so does ours, as a failure",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""


VIDEO_DIFFERENCES: Mapping[str, str] = {
    "video-twice": "1.51.0 drops the bytes of a video that has a uri too, on Gemini; ours names them",
    "source-twice": "the same within a source",
    "source-empty-and-prompt": "1.51.0 takes an empty source for none; ours asks for one or the other",
}
"""Where ours does otherwise on purpose; the tests below say what it does."""
