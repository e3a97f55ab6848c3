"""Bodies for the Gemini Developer API, checked against Google's published protobufs."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from google.ai import generativelanguage_v1beta as published
from google.protobuf.json_format import ParseDict, ParseError
from returns.result import Success

from genai_fn import schema
from genai_fn.backend import Gemini
from genai_fn.errors import InvalidRequest
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.ops import caches, files, images, models, tokens, tunings, videos
from genai_fn.ops.embed import embed
from genai_fn.ops.files.uploads import StartUpload
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.cases.generate_fields import GENERATE_FIELDS, iter_field_paths

Build: TypeAlias = Callable[[Any], Request[Any]]

_SENT_BY_3_6_1 = {
    f"{start}{name}": "google-genai 3.6.1 sends it"
    for start, names in {
        "Blob.": "displayName",
        "CodeExecutionResult.": "id",
        "ComputerUse.": "disabledSafetyPolicies enablePromptInjectionDetection",
        "Environment=": "ENVIRONMENT_DESKTOP",
        "ExecutableCode.": "id",
        "FileData.": "displayName",
        "FunctionResponsePart.": (
            "audioMetadata documentMetadata mediaProcessing mediaResolution spreadsheetMetadata videoMetadata"
        ),
        "GenerateContentRequest.": "continuationToken labels serviceTier store",
        "GenerationConfig.": "audioTranscriptionConfig",
        "GoogleMaps.": "authConfig",
        "GoogleSearch.": "searchTypes",
        "Part.": (
            "audioMetadata audioTranscription documentMetadata mediaProcessing speechMetadata spreadsheetMetadata"
            " toolCall toolResponse"
        ),
        "Tool.": "mcpServers",
        "ToolConfig.": "includeServerSideToolInvocations",
        "VideoMetadata.": "contentLayers",
        "VoiceConfig.": "replicatedVoiceConfig voice",
    }.items()
    for name in names.split()
}

UNPUBLISHED: Mapping[str, str] = {
    **_SENT_BY_3_6_1,
    "FileSearch.fileSearchStoreNames": "published when it was spelled otherwise: retrievalResources, retrievalConfig",
    "FileSearch.metadataFilter": "published when it was spelled otherwise: retrievalResources, retrievalConfig",
    "FileSearch.topK": "published when it was spelled otherwise: retrievalResources, retrievalConfig",
    "FunctionResponseBlob.displayName": "came with files in the results of functions",
    "FunctionResponsePart.fileData": "came with files in the results of functions",
    "GenerateContentRequest.continuationToken": "came with continued responses; google-genai 3.6.1 sends it",
    "HarmCategory=HARM_CATEGORY_JAILBREAK": "documented for Vertex AI; google-genai sends it to either",
    "ImageConfig.imageSize": "came with Gemini 3",
    "ListModelsRequest.filter": "google-genai sends it with either list of models; tuned ones know it",
    "Part.mediaResolution": "came with Gemini 3",
    "PredictLongRunningRequest.webhookConfig": "google-genai 3.3 sends it",
    "Schema.additionalProperties": "came with JSON schemas",
    "Schema.defs": "came with JSON schemas",
    "Schema.ref": "came with JSON schemas",
    "ThinkingConfig.thinkingLevel": "came with Gemini 3",
    "TunedModel.defaultCheckpointId": "Vertex AI's; google-genai sends it to either",
}
"""Fields that google-genai 1.51.0 sends and that the published protobufs do not have, with reasons."""

_VALID_VALUES: Mapping[str, Any] = {
    "end_offset": "2.5s",
    "response_modalities": ["TEXT"],
    "start_offset": "1s",
    "task_type": "RETRIEVAL_QUERY",
    "top_k": 40,
    "ttl": "300s",
}
"""Values for fields that do not accept every value of their type."""


def _replace_samples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _VALID_VALUES.get(name, _replace_samples(each)) for name, each in value.items()}
    return [_replace_samples(each) for each in value] if isinstance(value, list) else value


def _iter_configs(kind: type[msgspec.Struct]) -> Iterator[Any]:
    """Yield configs with one field each, at any depth."""
    yield {}
    yield from (_replace_samples(value) for _, value in iter_field_paths(kind))


def _iter_generate_arguments() -> Iterator[Any]:
    yield from (_replace_samples(value) for value in GENERATE_FIELDS.values())


def _build_tune(config: Any) -> Request[Any]:
    return tunings.tune("gemini-2.5-flash", {"examples": [{"text_input": "a", "output": "b"}]}, config)


def _build_upload(config: Any) -> Request[Any]:
    return Request(StartUpload(size=3, mime_type="a/b", config=msgspec.convert(config, schema.UploadFileConfig)))


BODIES: Mapping[str, tuple[str, Build, Callable[[], Iterator[Any]]]] = {
    "generate": ("GenerateContentRequest", lambda arguments: generate("m", **arguments), _iter_generate_arguments),
    "tokens.count": ("CountTokensRequest", lambda arguments: tokens.count("m", **arguments), _iter_generate_arguments),
    "tokens.count.request": (
        "CountTokensRequest",
        lambda arguments: tokens.count(generate("m", **arguments)),
        _iter_generate_arguments,
    ),
    "embed": (
        "BatchEmbedContentsRequest",
        lambda config: embed("m", ["a", "b"], config),
        lambda: _iter_configs(schema.EmbedContentConfig),
    ),
    "caches.create": (
        "CachedContent",
        lambda config: caches.create("m", config),
        lambda: _iter_configs(schema.CreateCachedContentConfig),
    ),
    "caches.update": (
        "CachedContent",
        lambda config: caches.update("1", config),
        lambda: _iter_configs(schema.UpdateCachedContentConfig),
    ),
    "caches.list": ("ListCachedContentsRequest", caches.list, lambda: _iter_configs(schema.ListCachedContentsConfig)),
    "models.update": (
        "TunedModel",
        lambda config: models.update("tunedModels/m", config),
        lambda: _iter_configs(schema.UpdateModelConfig),
    ),
    "models.list": ("ListModelsRequest", models.list, lambda: _iter_configs(schema.ListModelsConfig)),
    "tunings.tune": ("TunedModel", _build_tune, lambda: _iter_configs(schema.CreateTuningJobConfig)),
    "tunings.list": ("ListTunedModelsRequest", tunings.list, lambda: _iter_configs(schema.ListTuningJobsConfig)),
    "files.upload.start": ("CreateFileRequest", _build_upload, lambda: _iter_configs(schema.UploadFileConfig)),
    "files.list": ("ListFilesRequest", files.list, lambda: _iter_configs(schema.ListFilesConfig)),
    "images.generate": (
        "PredictRequest",
        lambda config: images.generate("m", "x", config),
        lambda: _iter_configs(schema.GenerateImagesConfig),
    ),
    "videos.generate": (
        "PredictLongRunningRequest",
        lambda config: videos.generate("m", "x", config=config),
        lambda: _iter_configs(schema.GenerateVideosConfig),
    ),
}
"""Operations, the message that is published for each, and what it is built with."""


@pytest.mark.parametrize("name", BODIES)
def test_known(name: str) -> None:
    """Every field of a body, set alone, is a field of the published message, with its type, or in the table."""
    unknown, body_count = _check_bodies(name)
    assert body_count > 1
    assert unknown <= set(UNPUBLISHED)


def test_table_has_only_unknown_fields() -> None:
    """A field is in the table only while the published protobufs do not have it."""
    assert {each for name in BODIES for each in _check_bodies(name)[0]} == set(UNPUBLISHED)


def test_strict() -> None:
    """An unknown field and an invalid value are found."""
    with pytest.raises(ParseError, match="no field named"):
        _parse_body("GenerateContentRequest", {"generationConfig": {"colour": "red"}})
    with pytest.raises(ParseError, match="invalid literal for int"):
        _parse_body("GenerateContentRequest", {"generationConfig": {"seed": "x"}})


@cache
def _check_bodies(name: str) -> tuple[set[str], int]:
    """Parse all bodies of an operation, and return the unknown fields and the number of bodies."""
    message, build, iter_arguments = BODIES[name]
    unknown: set[str] = set()
    body_count = 0
    for each in iter_arguments():
        body = _encode_body(build, each)
        if body is not None:
            body_count += 1
            try:
                _parse_body(message, body)
            except ParseError as error:
                unknown.add(_get_unknown_name(str(error)))
    return unknown, body_count


def _encode_body(build: Build, arguments: Any) -> Any:
    """Return the body, or the query if there is none; None if Gemini refuses."""
    try:
        result = encode(build(arguments), Gemini("test-key"))
    except InvalidRequest:
        return None
    return _read_body(result.unwrap()) if isinstance(result, Success) else None


def _read_body(http: HttpRequest) -> Any:
    assert not isinstance(http.body, FileSlice)
    body = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    return msgspec.json.decode(body) if body else dict(parse_qsl(urlsplit(http.url).query))


def _parse_body(message: str, body: Any) -> None:
    kind: Any = getattr(published, message)
    ParseDict(body, kind.pb(kind()), ignore_unknown_fields=False)


def _get_unknown_name(message: str) -> str:
    """Return the name of the unknown field from an error; any other error is returned unchanged."""
    if field := re.search(r'type "[\w.]*?(\w+)" has no field named "(\w+)"', message):
        return f"{field[1]}.{field[2]}"
    if value := re.search(r"enum value (\w+) for enum type [\w.]*?(\w+)$", message.partition(" at ")[0].rstrip(".")):
        return f"{value[2]}={value[1]}"
    return message
