"""Arguments for rules that 3.6.1 changed, and for the steps of a conversation."""

from collections.abc import Iterator
from itertools import product
from typing import Any

__all__ = ["list_chosen"]

_EMBEDDING_MODELS = (
    "gemini-embedding-001",
    "gemini-embedding-2",
    "text-embedding-005",
    "text-multilingual-embedding-002",
    "multimodalembedding@001",
    "publishers/google/models/gemini-embedding-2",
    "publishers/intfloat/models/multilingual-e5-large-instruct-maas",
    "projects/q/locations/l/models/1",
    "projects/q/locations/l/endpoints/1",
    "m",
)
_IMAGE = {"inline_data": {"data": b"x", "mime_type": "image/png"}}
_CALL = {"function_call": {"id": "1", "name": "f", "args": {"a_b": 1}}, "thought_signature": b"\xfb\xff"}
_RESULT = {"function_response": {"id": "1", "name": "f", "response": {"a_b": [None]}}}
_EMBEDDED_CONTENTS: tuple[Any, ...] = (
    "a",
    ["a"],
    ["a", "b"],
    {"text": "a"},
    [{"text": "a"}, {"text": "b"}],
    {"parts": [{"text": "a"}, {"text": "b"}]},
    [{"parts": [{"text": "a"}]}, {"parts": [{"text": "b"}]}],
    [{"role": "user", "parts": [{"text": "a"}]}],
    [_IMAGE],
    [{"text": "a"}, _IMAGE],
    {"parts": [{"file_data": {"file_uri": "gs://b/a.png", "mime_type": "image/png"}}]},
    {"parts": [_CALL]},
    {"parts": [_RESULT]},
    {"parts": []},
)
_EMBED_CONFIGS: tuple[Any, ...] = (
    None,
    {"task_type": "RETRIEVAL_DOCUMENT", "title": "T", "output_dimensionality": 3},
    {"auto_truncate": False},
    {"mime_type": "text/plain"},
    {"document_ocr": True, "audio_track_extraction": False},
)
_MODELS = (
    "m",
    "models/m",
    "tunedModels/m",
    "publishers/google/models/m",
    "publishers/meta/models/m",
    "meta/m",
    "projects/q/locations/l/models/1",
    "projects/q/locations/l/publishers/google/models/m",
    "projects/q/locations/l/endpoints/1",
    "endpoints/1",
    "m@1",
    "",
)
_SERVER_CALL = {"tool_call": {"id": "1", "tool_type": "GOOGLE_SEARCH_WEB", "args": {"queries": ["a"]}}}
_SERVER_RESULT = {"tool_response": {"id": "1", "tool_type": "GOOGLE_SEARCH_WEB", "response": {"a_b": []}}}
_TURNS: tuple[Any, ...] = (
    [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [_CALL]},
        {"role": "user", "parts": [_RESULT]},
    ],
    [{"role": "model", "parts": [{**_SERVER_CALL, "thought_signature": b"s"}, _SERVER_RESULT]}],
    [{"role": "model", "parts": [{"executable_code": {"id": "1", "code": "a", "language": "PYTHON"}}]}],
    [{"role": "model", "parts": [{"code_execution_result": {"id": "1", "outcome": "OUTCOME_OK", "output": "a"}}]}],
    [{"role": "model", "parts": [{"text": "a", "thought": True, "thought_signature": b"s"}]}],
)
_CONFIGS: tuple[Any, ...] = (
    {"tool_config": {"include_server_side_tool_invocations": True}, "tools": [{"google_search": {}}]},
    {"tools": [{"function_declarations": [{"name": "f"}]}, {"google_search": {}}]},
    {"tools": [{"function_declarations": [{"name": "f"}]}, {"function_declarations": [{"name": "g"}]}]},
    {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]},
    {"tools": [{"file_search": {"file_search_store_names": ["fileSearchStores/s"]}}]},
    {"labels": {"a_b": "c"}},
    {"service_tier": "flex"},
    {"thinking_config": {"thinking_level": "MINIMAL", "include_thoughts": True}},
    {"system_instruction": "a", "temperature": 0, "top_k": 3, "stop_sequences": ["a"]},
    {"system_instruction": ["a", "b"]},
    {"system_instruction": {"parts": [{"text": "a"}]}},
    {
        "response_mime_type": "application/json",
        "response_schema": {"type": "OBJECT", "properties": {"b": {"type": "STRING"}, "a": {"type": "INTEGER"}}},
    },
    {
        "response_mime_type": "application/json",
        "response_json_schema": {"type": "object", "properties": {"b": {"type": "string"}}},
    },
    {
        "response_schema": {
            "type": "object",
            "title": "T",
            "properties": {"b": {"type": "string", "title": "B"}},
            "required": ["b"],
        }
    },
    {"response_schema": {"anyOf": [{"type": "STRING"}, {"type": "NULL"}]}},
    {"response_modalities": ["IMAGE"], "image_config": {"aspect_ratio": "1:1", "image_size": "2K"}},
    {"speech_config": "Kore"},
    {"cached_content": "c"},
    {"cached_content": "cachedContents/c"},
    {"cached_content": "projects/q/locations/l/cachedContents/c"},
    {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
    {"http_options": {"extra_body": {"a_b": {"c": 1}}}},
)
_EVALUATION = {
    "metrics": [{"name": "fluency", "prompt_template": "{response}"}],
    "output_config": {"gcs_destination": {"output_uri_prefix": "gs://b/o"}},
}


def list_chosen() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield operations and arguments."""
    for model, contents in product(_EMBEDDING_MODELS, _EMBEDDED_CONTENTS):
        yield "embed", {"model": model, "contents": contents}
    for model, config, contents in product(_EMBEDDING_MODELS[:4], _EMBED_CONFIGS[1:], ("a", ["a", "b"])):
        yield "embed", {"model": model, "contents": contents, "config": config}
    for model in _MODELS:
        yield "models.get", {"model": model}
        yield "models.delete", {"model": model}
        yield "models.update", {"model": model, "config": {"display_name": "a"}}
        yield "generate", {"model": model, "contents": "hi"}
        yield "generate.stream", {"model": model, "contents": "hi"}
        yield "tokens.count", {"model": model, "contents": ["a", "b"]}
        yield "tokens.compute", {"model": model, "contents": ["a", "b"]}
        yield "caches.create", {"model": model, "config": {"contents": ["a"], "ttl": "300s"}}
        yield "batches.create", {"model": model, "src": [{"contents": "a", "metadata": {"key": "1"}}]}
        yield "tunings.tune", {"base_model": model, "training_dataset": {"gcs_uri": "gs://b/a"}, "config": {}}
    for turns in _TURNS:
        yield "generate", {"model": "m", "contents": turns}
        yield "tokens.count", {"model": "m", "contents": turns}
    for config in _CONFIGS:
        yield "generate", {"model": "m", "contents": "hi", "config": config}
        yield "generate.stream", {"model": "m", "contents": ["a", {"text": "b"}], "config": config}
        yield "batches.create", {"model": "m", "src": [{"contents": "a", "config": config}]}
    for method in ("SUPERVISED_FINE_TUNING", "PREFERENCE_TUNING", "DISTILLATION", "REINFORCEMENT_TUNING"):
        for config in (
            {},
            {"epoch_count": 2, "learning_rate_multiplier": 0.5},
            {"batch_size": 4, "learning_rate": 0.1},
        ):
            data = {"gcs_uri": "gs://b/a"}
            yield "tunings.tune", {"base_model": "m", "training_dataset": data, "config": {"method": method, **config}}
    yield (
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "gs://b/a"}, "config": {"evaluation_config": _EVALUATION}},
    )
    for name in (
        "1",
        "batches/1",
        "batchPredictionJobs/1",
        "projects/p/locations/us-central1/batchPredictionJobs/1",
        "projects/q/locations/l/batchPredictionJobs/1",
    ):
        yield from ((f"batches.{verb}", {"name": name}) for verb in ("get", "cancel", "delete"))
    yield "tunings.tune", {"base_model": "m", "training_dataset": {}, "config": {"method": "", "batch_size": 1}}
    yield "tunings.tune", {"base_model": "m", "training_dataset": {"gcs_uri": "a", "vertex_dataset_resource": "b"}}
    yield "tunings.tune", {"base_model": "m", "training_dataset": {"examples": [{"text_input": "a", "output": "b"}]}}
    yield "auth_tokens.create", {"config": {"lock_additional_fields": [""]}}
    yield "auth_tokens.create", {"config": {"live_connect_constraints": {"model": "a?b"}}}
    yield "models.list", {"config": {"filter": "a\x1bb"}}
    yield "generate", {"model": "m", "contents": "hi", "config": {"automatic_function_calling": {}}}
    yield "generate", {"model": "m", "contents": {"video_metadata": {"fps": 1.0}}}
    yield "stores.create", {"config": {"embedding_model": "gemini-embedding-001"}}
    yield "stores.create", {"config": {"embedding_model": "models/gemini-embedding-001"}}
    yield "stores.delete", {"name": "fileSearchStores/s", "config": {"force": True}}
    yield "operations.get.upload", {"name": "fileSearchStores/s/upload/operations/1"}
    for name in ("c", "cachedContents/c", "projects/q/locations/l/cachedContents/c"):
        yield from ((f"caches.{verb}", {"name": name}) for verb in ("get", "delete"))
        yield "caches.update", {"name": name, "config": {"ttl": "300s"}}
