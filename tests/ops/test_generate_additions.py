"""``generate``: where the fields that google-genai 3.6.1 has and 1.51.0 has not are sent, and what responses hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.flows.merge import merge_chunks
from genai_fn.ops import tokens
from genai_fn.ops.generate import generate
from genai_fn.schema import Content, GenerateContentResponse, Part, UsageMetadata
from genai_fn.schema.content import PartLike
from genai_fn.schema.convert import as_struct
from genai_fn.wire import encode
from tests.support.google_genai.agreement import BACKENDS, decode_ours, encode_ours, get_refused_paths

USER = [{"role": "user", "parts": [{"text": "hi"}]}]


@dataclass(frozen=True)
class Placement:
    """A config, and what it adds to the body on each backend; a text is the path that is refused."""

    config: Mapping[str, Any]
    gemini: Mapping[str, Any] | str
    vertex: Mapping[str, Any] | str


def _same(config: Mapping[str, Any], body: Mapping[str, Any]) -> Placement:
    return Placement(config, body, body)


_PREFIX = "projects/p/locations/l/templates/t"

PLACEMENTS: Mapping[str, Placement] = {
    "service-tier": _same({"service_tier": "FLEX"}, {"serviceTier": "flex"}),
    "service-tier-new": _same({"service_tier": "spare"}, {"serviceTier": "spare"}),
    "store": Placement({"store": False}, {"store": False}, "config.store"),
    "civic-answers": Placement(
        {"enable_enhanced_civic_answers": True},
        {"generationConfig": {"enableEnhancedCivicAnswers": True}},
        "config.enable_enhanced_civic_answers",
    ),
    "model-armor": Placement(
        {"model_armor_config": {"prompt_template_name": _PREFIX}},
        "config.model_armor_config",
        {"modelArmorConfig": {"promptTemplateName": _PREFIX}},
    ),
    "output": Placement(
        {"generation_output_config": {"output_uri_prefix": "gs://b/o"}},
        "config.generation_output_config",
        {"outputConfig": {"outputUriPrefix": "gs://b/o"}},
    ),
    "continuation": _same({"continuation_token": "-_8="}, {"continuationToken": "-_8="}),
    "continuation-bytes": _same({"continuation_token": b"\xfb\xff"}, {"continuationToken": "+/8="}),
    "no-automatic-continuation": _same({"automatic_continuation": False}, {}),
    "labels": _same({"labels": {"a_b": "c"}}, {"labels": {"a_b": "c"}}),
    "transcription": _same(
        {"audio_transcription_config": {"language_codes": ["de"], "mode": "smart"}},
        {"generationConfig": {"audioTranscriptionConfig": {"languageCodes": ["de"], "mode": "SMART"}}},
    ),
    "transcription-empty": _same(
        {"audio_transcription_config": {"language_auto": {}}},
        {"generationConfig": {"audioTranscriptionConfig": {"languageAuto": {}}}},
    ),
    "thinking": _same(
        {"thinking_config": {"thinking_level": "xhigh"}},
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "XHIGH"}}},
    ),
    "image-people": Placement(
        {"image_config": {"prominent_people": "block_prominent_people"}},
        "config.image_config.prominent_people",
        {"generationConfig": {"imageConfig": {"prominentPeople": "BLOCK_PROMINENT_PEOPLE"}}},
    ),
    "image-persons": Placement(
        {"image_config": {"person_generation": "allow_all"}},
        "config.image_config.person_generation",
        {"generationConfig": {"imageConfig": {"personGeneration": "allow_all"}}},
    ),
    "image-output": Placement(
        {"image_config": {"image_output_options": {"compression_quality": 0}}},
        "config.image_config.image_output_options",
        {"generationConfig": {"imageConfig": {"imageOutputOptions": {"compressionQuality": 0}}}},
    ),
    "tool-invocations": Placement(
        {"tool_config": {"include_server_side_tool_invocations": True}},
        {"toolConfig": {"includeServerSideToolInvocations": True}},
        "config.tool_config.include_server_side_tool_invocations",
    ),
    "mcp": Placement(
        {"tools": [{"mcp_servers": [{"streamable_http_transport": {"url": "u", "headers": {"a_b": "c"}}}]}]},
        {"tools": [{"mcpServers": [{"streamableHttpTransport": {"url": "u", "headers": {"a_b": "c"}}}]}]},
        "config.tools[0].mcp_servers[0].streamable_http_transport",
    ),
    "exa": Placement(
        {"tools": [schema.ToolExaAiSearch(api_key="test-key", custom_configs={"a_b": 1})]},
        "config.tools[0].exa_ai_search",
        {"tools": [{"exaAiSearch": {"apiKey": "test-key", "customConfigs": {"a_b": 1}}}]},
    ),
    "search-types": _same(
        {"tools": [{"google_search": {"search_types": {"image_search": {}}}}]},
        {"tools": [{"googleSearch": {"searchTypes": {"imageSearch": {}}}}]},
    ),
    "maps-key": _same(
        {"tools": [{"google_maps": {"auth_config": {"api_key": "test-key"}}}]},
        {"tools": [{"googleMaps": {"authConfig": {"apiKey": "test-key"}}}]},
    ),
    "maps-other-auth": Placement(
        {"tools": [{"google_maps": {"auth_config": {"auth_type": "NO_AUTH"}}}]},
        "config.tools[0].google_maps.auth_config.auth_type",
        {"tools": [{"googleMaps": {"authConfig": {"authType": "NO_AUTH"}}}]},
    ),
    "maps-routing": Placement(
        {"tools": [{"google_maps": {"grounding_types": {"routing": {}}}}]},
        "config.tools[0].google_maps.grounding_types",
        {"tools": [{"googleMaps": {"groundingTypes": {"routing": {}}}}]},
    ),
    "voice": _same(
        {"speech_config": {"voice_config": {"voice": "Kore"}}},
        {"generationConfig": {"speechConfig": {"voiceConfig": {"voice": "Kore"}}}},
    ),
    "voice-consent": Placement(
        {"speech_config": {"voice_config": {"replicated_voice_config": {"voice_consent_signature": {}}}}},
        {
            "generationConfig": {
                "speechConfig": {"voiceConfig": {"replicatedVoiceConfig": {"voiceConsentSignature": {}}}}
            }
        },
        "config.speech_config.voice_config.replicated_voice_config.voice_consent_signature",
    ),
    "behavior": _same(
        {"tools": [{"function_declarations": [{"name": "f", "behavior": "blocking"}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}]},
    ),
}
"""As google-genai 3.6.1 sends or refuses them."""

both = pytest.mark.parametrize("backend", BACKENDS)


@both
@pytest.mark.parametrize("name", PLACEMENTS)
def test_placements(name: str, backend: str) -> None:
    """Each field is sent where google-genai 3.6.1 sends it, or refused by its path."""
    placement = PLACEMENTS[name]
    expected = placement.gemini if backend == "gemini" else placement.vertex
    request = generate("m", "hi", placement.config)
    if isinstance(expected, str):
        assert get_refused_paths(request, backend) == (expected,)
    else:
        assert encode_ours(request, backend)[2] == {"contents": USER, **expected}


PARTS: Mapping[str, tuple[Mapping[str, Any], str | None]] = {
    "call": ({"toolCall": {"id": "1", "toolType": "URL_CONTEXT", "args": {"a_b": 1}}}, "tool_call"),
    "response": ({"toolResponse": {"id": "1", "toolType": "NEW", "response": {"a_b": 1}}}, "tool_response"),
    "metadata": ({"text": "a", "partMetadata": {"a_b": [1]}}, "part_metadata"),
    "code": ({"executableCode": {"code": "1", "id": "c"}}, None),
    "code result": ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "id": "c"}}, None),
    "transcription": (
        {"audioTranscription": {"text": "a", "words": [{"word": "a", "startOffset": "1s", "endOffset": "1.5s"}]}},
        None,
    ),
    "video": (
        {
            "fileData": {"fileUri": "gs://b/a.mp4", "displayName": "n"},
            "mediaProcessing": "AGENTIC",
            "videoMetadata": {"contentLayers": ["FRAMES"]},
        },
        None,
    ),
    "speech": ({"text": "a", "speechMetadata": {"speaker": "A", "style": "fast"}}, None),
    "pages": ({"fileData": {"fileUri": "gs://b/a.pdf"}, "documentMetadata": {"startPage": 2, "endPage": 3}}, None),
    "cells": ({"fileData": {"fileUri": "gs://b/a.ods"}, "spreadsheetMetadata": {"visibleCells": "A1:B2"}}, None),
    "sound": ({"fileData": {"fileUri": "gs://b/a.wav"}, "audioMetadata": {"startOffset": "1s"}}, None),
    "function media": (
        {"functionResponse": {"name": "f", "parts": [{"mediaProcessing": "STATIC"}]}},
        "function_response.parts[0].media_processing",
    ),
    "function document": ({"functionResponse": {"name": "f", "parts": [{"documentMetadata": {"endPage": 1}}]}}, None),
    "more to come": ({"functionResponse": {"name": "f", "willContinue": True}}, "function_response.will_continue"),
}
"""Parts as they are sent, and what of them Vertex AI does not support, as google-genai 3.6.1."""


@both
@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str, backend: str) -> None:
    """A part is sent as it was received."""
    part, refused_on_vertex = PARTS[name]
    contents = [{"role": "model", "parts": [part]}]
    if backend == "vertex" and refused_on_vertex is not None:
        assert get_refused_paths(generate("m", contents), backend) == (f"contents[0].parts[0].{refused_on_vertex}",)
    else:
        assert encode_ours(generate("m", contents), backend)[2] == {"contents": contents}


@pytest.mark.parametrize("name", PARTS)
def test_parts_return(name: str) -> None:
    """A part of a response is sent back as it was received, with its signature, also after its chunks are merged."""
    part = {**PARTS[name][0], "thoughtSignature": "c2ln"}
    chunks = [{"candidates": [{"content": {"role": "model", "parts": [each]}}]} for each in (part, {"text": "b"}, part)]
    whole = merge_chunks([decode_ours(generate("m", "hi"), "gemini", each) for each in chunks])
    content = whole.candidates[0].content
    assert content is not None
    sent = {"role": "model", "parts": [part, {"text": "b"}, part]}
    assert encode_ours(generate("m", [content]), "gemini")[2] == {"contents": [sent]}


def test_tool_parts_are_the_users() -> None:
    """A tool call or response beside texts is part of the user's turn, as in google-genai 3.6.1."""
    parts: list[PartLike] = ["a", schema.ToolCall(id="1"), schema.ToolResponse(id="1")]
    (content,) = generate("m", parts).operation.contents  # type: ignore[attr-defined]  # of GenerateContent
    assert content == Content(role="user", parts=tuple(map(Part.from_value, parts)))


def test_automatic_continuation() -> None:
    """Automatic continuation is a mistake: no response is continued silently."""
    error = encode(generate("m", "hi", {"automatic_continuation": True}), BACKENDS["gemini"][1]).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == "config.automatic_continuation"


def test_two_image_outputs() -> None:
    """Two ways of stating the output of images are a mistake, as in google-genai 3.6.1."""
    image = {"output_mime_type": "image/png", "image_output_options": {"compression_quality": 1}}
    error = encode(generate("m", "hi", {"image_config": image}), BACKENDS["vertex"][1]).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == "config.image_config.image_output_options"


def test_json_schema_of_a_response_format() -> None:
    """The schema of a text is sent under the API's name; google-genai 3.6.1 sends ``jsonSchema``."""
    shape = {"type": "object", "snake_case": 1}
    for name in ("schema", "jsonSchema"):
        config: Any = {"generation_config": {"response_format": [{"text": {name: shape}}]}}
        assert encode_ours(tokens.count("m", "hi", config), "vertex")[2]["generationConfig"] == {
            "responseFormat": [{"text": {"schema": shape}}]
        }


_CHUNKS = "candidates.0.grounding_metadata.grounding_chunks"

RESPONSES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "tier": (
        {"usageMetadata": {"promptTokenCount": 1, "serviceTier": "priority", "trafficType": "ON_DEMAND_FLEX"}},
        {"usage_metadata.service_tier": "priority", "usage_metadata.traffic_type": "ON_DEMAND_FLEX"},
    ),
    "status": (
        {"modelStatus": {"modelStage": "LEGACY", "retirementTime": "2027-01-02T00:00:00Z"}},
        {
            "model_status.model_stage": schema.ModelStage.LEGACY,
            "model_status.retirement_time": datetime(2027, 1, 2, tzinfo=UTC),
        },
    ),
    "continuation": (
        {"candidates": [{"finishReason": "CONTINUATION", "continuationToken": "-_8"}]},
        {
            "candidates.0.finish_reason": schema.FinishReason.CONTINUATION,
            "candidates.0.continuation_token": "-_8",
        },
    ),
    "armor": (
        {"candidates": [{"finishReason": "MODEL_ARMOR", "logprobsResult": {"logProbabilitySum": -1.5}}]},
        {
            "candidates.0.finish_reason": schema.FinishReason.MODEL_ARMOR,
            "candidates.0.logprobs_result.log_probability_sum": -1.5,
        },
    ),
    "store": (
        {
            "candidates": [
                {
                    "groundingMetadata": {
                        "imageSearchQueries": ["a"],
                        "groundingSupports": [{"renderedParts": [0]}],
                        "groundingChunks": [
                            {
                                "retrievedContext": {
                                    "fileSearchStore": "fileSearchStores/s",
                                    "pageNumber": 3,
                                    "mediaId": "fileSearchStores/s/media/m",
                                    "customMetadata": [
                                        {"key": "k", "stringListValue": {"values": ["v"]}},
                                        {"key": "n", "numericValue": 1.5},
                                    ],
                                }
                            },
                            {"image": {"imageUri": "u", "domain": "d"}},
                            {"maps": {"route": {"distanceMeters": 5, "duration": "9s"}}},
                        ],
                    }
                }
            ]
        },
        {
            "candidates.0.grounding_metadata.image_search_queries": ("a",),
            "candidates.0.grounding_metadata.grounding_supports.0.rendered_parts": (0,),
            f"{_CHUNKS}.0.retrieved_context.file_search_store": "fileSearchStores/s",
            f"{_CHUNKS}.0.retrieved_context.page_number": 3,
            f"{_CHUNKS}.0.retrieved_context.custom_metadata.0.string_list_value.values": ("v",),
            f"{_CHUNKS}.1.image.image_uri": "u",
            f"{_CHUNKS}.2.maps.route.distance_meters": 5,
        },
    ),
}
"""Responses, and values in them by their paths."""


@both
@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str, backend: str) -> None:
    """Each field of a response is read."""
    reply, expected = RESPONSES[name]
    response: GenerateContentResponse = decode_ours(generate("m", "hi"), backend, reply)
    assert {path: _look_up(response, path) for path in expected} == expected


def _look_up(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else getattr(value, step)
    return value


DETAILS = (schema.ModalityTokenCount(modality=schema.MediaModality.TEXT, token_count=3),)


@both
def test_token_counts(backend: str) -> None:
    """A count has its details, which google-genai loses."""
    details = [{"modality": "TEXT", "tokenCount": 3}]
    reply = {"totalTokens": 3, "promptTokensDetails": details, "totalBillableCharacters": 9}
    count = decode_ours(tokens.count("m", "hi"), backend, reply)
    assert count.prompt_tokens_details == (
        schema.ModalityTokenCount(modality=schema.MediaModality.TEXT, token_count=3),
    )
    assert count.total_billable_characters == 9


def test_details_of_embeddings() -> None:
    """The details of an embedding's tokens are read from the field in which Gemini sends them."""
    details = {"promptTokenDetails": [{"modality": "TEXT", "token_count": 3}]}
    usage = as_struct(UsageMetadata, {"prompt_token_count": 3, **details})
    assert usage == UsageMetadata(prompt_token_count=3, prompt_tokens_details=DETAILS)
