"""
Fields that one backend supports: the annotations match exactly what google-genai 1.51.0 refuses.

Except for what 3.6.1 supports otherwise, and for the fields that only it has.
"""

import re
import typing
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from google.genai import Client, types

from genai_fn import schema
from genai_fn.schema import Message
from genai_fn.schema.base import BackendOnly
from tests.support.google_genai.oracle import GEMINI, VERTEX, Backend, RefusedCall, capture_request
from tests.support.schema_samples import get_field_annotations, strip_annotation

OPERATIONS: dict[str, tuple[type[Message], Callable[[Client, Any], Any]]] = {
    "generate": (
        schema.GenerateContentConfig,
        lambda client, config: client.models.generate_content(model="m", contents="a", config=config),
    ),
    "contents": (
        schema.Part,
        lambda client, part: client.models.generate_content(model="m", contents=part),
    ),
    "embed": (
        schema.EmbedContentConfig,
        lambda client, config: client.models.embed_content(model="m", contents="a", config=config),
    ),
    "images.generate": (
        schema.GenerateImagesConfig,
        lambda client, config: client.models.generate_images(model="m", prompt="a", config=config),
    ),
    "videos.generate": (
        schema.GenerateVideosConfig,
        lambda client, config: client.models.generate_videos(model="m", prompt="a", config=config),
    ),
    "videos.generate, source": (
        schema.GenerateVideosSource,
        lambda client, source: client.models.generate_videos(model="m", source=source),
    ),
    "tokens.count": (
        schema.CountTokensConfig,
        lambda client, config: client.models.count_tokens(model="m", contents="a", config=config),
    ),
    "caches.create": (
        schema.CreateCachedContentConfig,
        lambda client, config: client.caches.create(model="m", config=config),
    ),
    "tunings.tune": (
        schema.CreateTuningJobConfig,
        lambda client, config: client.tunings.tune(
            base_model="m", training_dataset=build_dataset(client), config=config
        ),
    ),
    "tunings.tune, dataset": (
        schema.TuningDataset,
        lambda client, dataset: client.tunings.tune(base_model="m", training_dataset=dataset),
    ),
    "batches.create": (
        schema.CreateBatchJobConfig,
        lambda client, config: client.batches.create(
            model="m", src="gs://b/o.jsonl" if client.vertexai else "files/x", config=config
        ),
    ),
    "batches.create, source": (
        schema.BatchJobSource,
        lambda client, source: client.batches.create(model="m", src=source),
    ),
    "batches.list": (
        schema.ListBatchJobsConfig,
        lambda client, config: client.batches.list(config=config),
    ),
    "auth_tokens.create": (
        schema.CreateAuthTokenConfig,
        lambda client, config: client.auth_tokens.create(config=config),
    ),
}

DIFFERENCES = {
    ("auth_tokens.create", "SpeechConfig", "multi_speaker_voice_config"): "refused in live sessions on both backends",
    ("generate", "Schema", "additional_properties"): "refused on Gemini in response_schema, sent in a declaration",
    ("embed", "EmbedContentConfig", "document_ocr"): "unknown to 1.51.0; 3.6.1 refuses it on Gemini",
    ("embed", "EmbedContentConfig", "audio_track_extraction"): "unknown to 1.51.0; 3.6.1 refuses it on Gemini",
    ("batches.create, source", "BatchJobSource", "format"): "on Vertex goes along with an address only",
}
"""Fields that 1.51.0 refuses depending on more than the backend."""

CHANGED = {
    "AuthConfig.*": "Gemini supports api_key, which is new, but no other field",
    "Blob.display_name": "Gemini supports it",
    "CreateTuningJobConfig.batch_size": "Vertex AI supports it",
    "CreateTuningJobConfig.learning_rate": "Vertex AI supports it",
    "FileData.display_name": "Gemini supports it",
    "FunctionDeclaration.behavior": "Vertex AI supports it",
    "FunctionResponse.will_continue": "Vertex AI does not support it",
    "GenerateContentConfig.labels": "Gemini supports it",
    "GoogleMaps.auth_config": "Gemini supports it, with an api_key",
    "SpeechConfig.multi_speaker_voice_config": "Vertex AI supports it",
}
"""Fields of 1.51.0 that 3.6.1 supports on other backends."""

ONLY_BACKEND = {"auth_tokens.create": "gemini"}


def build_dataset(client: Client) -> Any:
    return {"gcs_uri": "gs://b/o.jsonl"} if client.vertexai else {"examples": [{"text_input": "a", "output": "b"}]}


@pytest.mark.parametrize("backend", ["gemini", "vertex"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_marks(name: str, backend: str) -> None:
    """A field is annotated if and only if google-genai refuses it for the other backend."""
    if ONLY_BACKEND.get(name, backend) != backend:
        return
    kind, call = OPERATIONS[name]
    refused, annotated = [], []
    for owner, field, annotation, wrap in list_fields(kind, backend, frozenset()):
        key = f"{owner}.{field}"
        if (name, owner, field) in DIFFERENCES or _is_newer(owner, field):
            continue
        if is_refused(GEMINI if backend == "gemini" else VERTEX, call, wrap, field, annotation):
            refused.append(key)
        if not supports_field(annotation, backend):
            annotated.append(key)
    assert refused == annotated


def _is_newer(owner: str, field: str) -> bool:
    """Check whether 1.51.0 does not have a field, or supports it on other backends than 3.6.1."""
    known: Any = getattr(types, owner, None)
    return (
        known is None
        or field not in known.model_fields
        or not CHANGED.keys().isdisjoint((f"{owner}.{field}", f"{owner}.*"))
    )


def is_refused(backend: Backend, call: Callable[[Client, Any], Any], wrap: Any, field: str, annotation: Any) -> bool:
    outcome = capture_request(backend, lambda client: call(client, wrap({field: build_minimal_value(annotation)})))
    if not isinstance(outcome, RefusedCall) or not outcome.unsupported:
        return False
    return "other sources" in outcome.message or bool(re.search(rf"\b{field}\b", outcome.message))


def supports_field(annotation: Any, backend: str) -> bool:
    return all(
        each.backend == backend for each in getattr(annotation, "__metadata__", ()) if isinstance(each, BackendOnly)
    )


def list_fields(
    kind: type[Message], backend: str, parents: frozenset[type]
) -> Iterator[tuple[str, str, Any, Callable[[Any], Any]]]:
    """Yield all fields that are reachable on a backend: type, name, and a function that wraps a value."""
    for name, annotation in get_field_annotations(kind).items():
        yield kind.__name__, name, annotation, lambda value: value
        inner = strip_annotation(annotation)
        is_sequence = typing.get_origin(inner) is tuple
        inner = strip_annotation(typing.get_args(inner)[0]) if is_sequence else inner
        is_nested = (
            isinstance(inner, type) and issubclass(inner, Message) and inner not in {*parents, kind} | _NOT_CONFIGS
        )
        if is_nested and supports_field(annotation, backend) and not _is_newer(kind.__name__, name):
            for owner, field, inner_annotation, wrap in list_fields(inner, backend, parents | {kind}):
                yield owner, field, inner_annotation, wrap_field(wrap, name, is_sequence=is_sequence)


_NOT_CONFIGS = {schema.Content, schema.InlinedResponse, schema.InlinedEmbedContentResponse, schema.InlinedRequest}
"""Types that another operation of the table covers, or that occur only in responses."""


def wrap_field(wrap: Callable[[Any], Any], name: str, *, is_sequence: bool) -> Callable[[Any], Any]:
    return lambda value: {name: [wrap(value)] if is_sequence else wrap(value)}


def build_minimal_value(annotation: Any) -> Any:
    """Build the smallest value of a field of google-genai."""
    kind = strip_annotation(annotation)
    if typing.get_origin(kind) is tuple:
        return [build_minimal_value(typing.get_args(kind)[0])]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(each.value for each in kind if "UNSPECIFIED" not in each.value)
    if isinstance(kind, type) and issubclass(kind, Message):
        return "a" if kind is schema.Content else {}
    return {bool: True, int: 1, float: 0.5, bytes: b"x", str: "x", datetime: "2025-01-02T03:04:05Z"}.get(kind, {})
