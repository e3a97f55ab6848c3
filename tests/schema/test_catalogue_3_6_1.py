"""The types are those of google-genai 3.6.1: none of its types, fields, enums and values is missing but listed ones."""

import collections.abc
import typing
from collections.abc import Mapping
from typing import Any, get_args

from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from tests.support.check_each import check_each
from tests.support.google_genai_3_6_1.captured import read_catalogue
from tests.support.schema_samples import ENUMS, MESSAGES, get_field_annotations, strip_annotation

TYPES: Mapping[str, Mapping[str, list[str]]] = read_catalogue()["types"]
THEIR_ENUMS: Mapping[str, Mapping[str, str]] = read_catalogue()["enums"]
OURS = {each.__name__: each for each in MESSAGES}

_OWN_TESTS = "for google-genai's own tests"
_CLASS = "the class determines it"
_NOT_JSON = "a Python function cannot be sent"
_NETWORK = "with_options, Timeouts, Retry and the parameters of the interpreter replace it"

OTHER_TYPES: Mapping[str, str] = {
    "ClaudeFile": "a file of Claude models; files are those of the Gemini API",
    "EmbedContentParameters": "the parameters of embed, which is a function",
    "HttpOptions": _NETWORK,
    "HttpResponse": "with_http_response returns the response beside the value",
    "HttpRetryOptions": "Retry replaces it",
    "ModelContent": "a function: it returns a Content",
    "ReplayFile": _OWN_TESTS,
    "ReplayInteraction": _OWN_TESTS,
    "ReplayRequest": _OWN_TESTS,
    "ReplayResponse": _OWN_TESTS,
    "TestTableFile": _OWN_TESTS,
    "TestTableItem": _OWN_TESTS,
    "UserContent": "a function: it returns a Content",
}
"""Types of google-genai 3.6.1 that do not exist here, and why."""

OTHER_ENUMS: Mapping[str, str] = {
    "EmbeddingApiType": "which path embed uses, which the model determines",
    "ResourceScope": "for HttpOptions.base_url_resource_scope, which is part of the backend here",
}
"""Enums of google-genai 3.6.1 that do not exist here, and why."""

_CLAUDE = "for files of Claude models, which no method of google-genai 3.6.1 returns"

OTHER_FIELDS: Mapping[str, str] = {
    "*.http_options": "with_options replaces it",
    "*.sdk_http_response": "with_http_response replaces it",
    "*.should_return_http_response": "with_http_response replaces it",
    "GenerateContentResponse.parsed": "returning(T) returns a T, and parse(response, T) makes one",
    "DeleteFileResponse.id": _CLAUDE,
    "DeleteFileResponse.type": _CLAUDE,
    "ListFilesResponse.data": _CLAUDE,
    "ListFilesResponse.next_page": _CLAUDE,
    "Metric.aggregate_summary_fn": _NOT_JSON,
    "Metric.parse_and_reduce_fn": _NOT_JSON,
    "ContentReferenceImage.reference_type": _CLASS,
    "ControlReferenceImage.control_image_config": "made of config",
    "ControlReferenceImage.reference_type": _CLASS,
    "MaskReferenceImage.mask_image_config": "made of config",
    "MaskReferenceImage.reference_type": _CLASS,
    "RawReferenceImage.reference_type": _CLASS,
    "StyleReferenceImage.reference_type": _CLASS,
    "StyleReferenceImage.style_image_config": "made of config",
    "SubjectReferenceImage.reference_type": _CLASS,
    "SubjectReferenceImage.subject_image_config": "made of config",
}
"""Fields of google-genai 3.6.1 that do not exist here, and why."""

_RETURNED = "recorded responses contain it"

_METRIC = "a UnifiedMetric is a Metric, so that a list of metrics may contain both; it is refused if set"

OWN_FIELDS: Mapping[str, str] = {
    "CitationMetadata.citation_sources": "the citations under the name of the Gemini API; they are read as citations",
    "CountTokensResponse.prompt_tokens_details": _RETURNED,
    "CountTokensResponse.total_billable_characters": _RETURNED,
    "GenerateContentResponseUsageMetadata.service_tier": _RETURNED,
    "UsageMetadata.prompt_token_details": "prompt_tokens_details as embeddings return it; it is read as that",
    "UnifiedMetric.custom_function": _METRIC,
    "UnifiedMetric.judge_model_system_instruction": _METRIC,
    "UnifiedMetric.name": _METRIC,
    "UnifiedMetric.prompt_template": _METRIC,
    "UnifiedMetric.return_raw_output": _METRIC,
}
"""Fields that google-genai 3.6.1 does not have, and why they exist."""

_KEPT = "kept as the text that the service sends"
_MORE_TOOLS = "google-genai's field takes Python functions and MCP sessions, too"

OTHER_KINDS: Mapping[str, str] = {
    "GenerateContentConfig.tools": _MORE_TOOLS,
    "LiveClientSetup.tools": _MORE_TOOLS,
    "LiveConnectConfig.tools": _MORE_TOOLS,
    "LiveClientContextUpdateTools.tools": _MORE_TOOLS,
    "InlinedResponse.metadata": "the service accepts and returns any JSON",
    "GenerationConfigRoutingConfigAutoRoutingMode.model_routing_preference": "a str, as a Literal refuses new values",
    "Candidate.continuation_token": _KEPT,
    "GenerateContentConfig.continuation_token": _KEPT,
    "Part.thought_signature": _KEPT,
    "PartialArg.null_value": "a str, as a Literal refuses new values",
}
"""Fields that have another type here, and why."""

OWN_ENUMS: Mapping[str, str] = {"Mode": "1.51.0 exports it under this name, too"}
"""Enums that google-genai 3.6.1 does not have, and why they exist."""


def _is_elsewhere(name: str, field: str) -> bool:
    return f"*.{field}" in OTHER_FIELDS or f"{name}.{field}" in OTHER_FIELDS


@check_each([name for name in TYPES if name not in OTHER_TYPES])
def test_type(name: str) -> None:
    """Each type of google-genai exists, with all its fields under the same names in Python and in JSON."""
    expected = {field: json for field, (json, _) in TYPES[name].items() if not _is_elsewhere(name, field)}
    own = {key.partition(".")[2] for key in OWN_FIELDS if key.partition(".")[0] == name}
    ours = {each.name: each.encode_name for each in fields(OURS[name]) if each.name not in {*own, "extra"}}
    assert ours == expected


@check_each([name for name in THEIR_ENUMS if name not in OTHER_ENUMS])
def test_enum(name: str) -> None:
    """Each enum of google-genai exists, with all its members and values."""
    ours = {each.__name__: each for each in ENUMS}[name]
    assert {member: each.value for member, each in ours.__members__.items()} == THEIR_ENUMS[name]


@check_each([name for name in TYPES if name in OURS])
def test_kinds(name: str) -> None:
    """Each field has the kind of google-genai's, where that is a single one."""
    ours = get_field_annotations(OURS[name])
    for field, (_, kind) in TYPES[name].items():
        if field in ours and "|" not in kind and f"{name}.{field}" not in OTHER_KINDS:
            assert (field, _describe_kind(ours[field])) == (field, kind)


def _describe_kind(annotation: Any) -> str:
    kind = strip_annotation(annotation)
    if typing.get_origin(kind) is tuple:
        return f"many {_describe_kind(get_args(kind)[0])}"
    if typing.get_origin(kind) is collections.abc.Mapping:
        return f"mapping {_describe_kind(get_args(kind)[1])}"
    return "any" if kind is Any else kind.__name__


def test_no_others() -> None:
    """No type and no enum exists that google-genai does not have."""
    assert sorted({*OURS} - {*TYPES}) == []
    assert sorted({each.__name__ for each in ENUMS} - {*THEIR_ENUMS}) == sorted(OWN_ENUMS)


def test_sequences() -> None:
    """In types that 1.51.0 does not have, the default of a sequence is None if requests contain it, and () if not."""
    sent = read_catalogue()["sent"]
    for kind in (each for each in MESSAGES if not hasattr(types, each.__name__)):
        for each in fields(kind):
            if typing.get_origin(strip_annotation(each.type)) is tuple:
                expected = None if kind.__name__ in sent else ()
                assert (kind.__name__, each.name, each.default) == (kind.__name__, each.name, expected)


def test_differences_exist() -> None:
    """Every listed difference exists."""
    assert [name for name in OTHER_TYPES if name not in TYPES or name in OURS] == []
    assert [name for name in OTHER_ENUMS if name not in THEIR_ENUMS or hasattr(schema, name)] == []
    for key in (*OTHER_FIELDS, *OTHER_KINDS):
        name, _, field = key.partition(".")
        assert (key, name == "*" or field in TYPES[name]) == (key, True)
    for key in OWN_FIELDS:
        name, _, field = key.partition(".")
        assert (key, field in OURS[name].__struct_fields__, field in TYPES[name]) == (key, True, False)
