"""
Deliberate differences from google-genai 1.51.0 that drawn arguments and replies can show.

One table for requests, one for responses. Reasons are taken from the tables of the resources.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from genai_fn.schema.generation import GenerationConfig
from tests.cases.differences_by_resource import (
    AUTH_TOKEN_DIFFERENCES,
    BATCH_DIFFERENCES,
    GENERATE_DIFFERENCES,
    GENERATE_REPLY_DIFFERENCES,
    MODEL_DIFFERENCES,
    OPERATION_DIFFERENCES,
    STORE_DIFFERENCES,
    TUNING_DIFFERENCES,
    VIDEO_DIFFERENCES,
)

Arguments: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """The reason, the condition, and arguments that show the difference."""

    reason: str
    is_met: Callable[[str, Arguments, str], bool]
    """Return whether these arguments of an operation show the difference on a backend."""

    operation: str
    arguments: Arguments
    backend: str


def find_difference(operation: str, arguments: Arguments, backend: str) -> str | None:
    """Return the name of the difference that arguments show, if any."""
    return next((name for name, each in DIFFERENCES.items() if each.is_met(operation, arguments, backend)), None)


def _get_config(arguments: Arguments) -> Arguments:
    return arguments.get("config") or {}


def _find_values(value: Any, key: str) -> Iterator[Any]:
    """Yield all values of a key, at any depth."""
    if isinstance(value, Mapping):
        if key in value:
            yield value[key]
        for each in value.values():
            yield from _find_values(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _find_values(each, key)


def _enables_automatic_calling(operation: str, arguments: Arguments, backend: str) -> bool:
    return any(not each.get("disable") for each in _find_values(arguments, "automatic_function_calling"))


def _merges_tools(operation: str, arguments: Arguments, backend: str) -> bool:
    merging = operation in {"generate", "auth_tokens.create", "batches.create"}
    tools = [tool for each in _find_values(arguments, "tools") for tool in each]
    return merging and any(tool.get("function_declarations") and len(tool) > 1 for tool in tools)


def _has_an_empty_part(operation: str, arguments: Arguments, backend: str) -> bool:
    return any(
        {} in parts for contents in _find_values(arguments, "contents") for parts in _find_values(contents, "parts")
    )


def _has_only_video_metadata(operation: str, arguments: Arguments, backend: str) -> bool:
    contents = [each if isinstance(each, list) else [each] for each in _find_values(arguments, "contents")]
    return any(isinstance(part, Mapping) and set(part) == {"video_metadata"} for each in contents for part in each)


def _has_uri_and_bytes(operation: str, arguments: Arguments, backend: str) -> bool:
    videos = _find_values(arguments, "video")
    return backend == "gemini" and any({"uri", "video_bytes"} <= set(each) for each in videos)


def _has_unescaped_filter(operation: str, arguments: Arguments, backend: str) -> bool:
    text = _get_config(arguments).get("filter")
    if operation != "models.list" or text is None:
        return False
    return re.fullmatch(r"[\w:.*-]+", text, re.ASCII) is None


def _names_a_publisher(operation: str, arguments: Arguments, backend: str) -> bool:
    model = arguments.get("model", "")
    own_names = ("projects/", "models/", "publishers/google/")
    return operation == "models.get" and backend == "vertex" and "/" in model and not model.startswith(own_names)


def _has_force(operation: str, arguments: Arguments, backend: str) -> bool:
    return backend == "gemini" and "force" in _get_config(arguments)


def _polls_store_on_vertex(operation: str, arguments: Arguments, backend: str) -> bool:
    return backend == "vertex" and operation in {"operations.get.import", "operations.get.upload"}


def _has_invalid_model(operation: str, arguments: Arguments, backend: str) -> bool:
    constraints = _get_config(arguments).get("live_connect_constraints") or {}
    model = constraints.get("model", "m") if operation == "auth_tokens.create" else "m"
    return not model.isprintable() or not model or any(each in model for each in ("..", *"?&#\\{}"))


def _locks_invalid_field(operation: str, arguments: Arguments, backend: str) -> bool:
    return any(not name or "," in name for name in _get_config(arguments).get("lock_additional_fields", ()))


def _locks_generation_field(operation: str, arguments: Arguments, backend: str) -> bool:
    config = _get_config(arguments)
    names, camel_names = {*GenerationConfig.__struct_fields__}, {*GenerationConfig.__struct_encode_fields__}
    has_constraints = config.get("live_connect_constraints") is not None
    differing = camel_names - names if has_constraints else camel_names | names
    return not differing.isdisjoint(config.get("lock_additional_fields", ()))


def _combines_generation_config(operation: str, arguments: Arguments, backend: str) -> bool:
    if operation != "auth_tokens.create" or backend == "vertex":
        return False
    live = (_get_config(arguments).get("live_connect_constraints") or {}).get("config") or {}
    return "generation_config" in live and len(live) > 1


def _has_empty_constraints(operation: str, arguments: Arguments, backend: str) -> bool:
    if operation != "auth_tokens.create" or backend == "vertex":
        return False
    constraints = _get_config(arguments).get("live_connect_constraints")
    return constraints is not None and not constraints.get("config", ...)


def _has_full_batch_name(operation: str, arguments: Arguments, backend: str) -> bool:
    by_name = operation in {"batches.get", "batches.cancel", "batches.delete"}
    return by_name and backend == "vertex" and arguments["name"].startswith("projects/")


def _has_empty_display_name(operation: str, arguments: Arguments, backend: str) -> bool:
    return operation == "batches.create" and backend == "vertex" and _get_config(arguments).get("display_name") == ""


def _tunes_with_dropped_fields(operation: str, arguments: Arguments, backend: str) -> bool:
    teaches = "examples" in arguments.get("training_dataset", {}) or "learning_rate_multiplier" in _get_config(
        arguments
    )
    return operation == "tunings.tune" and backend == "gemini" and teaches


def _has_two_sources(operation: str, arguments: Arguments, backend: str) -> bool:
    sets = [arguments.get("training_dataset") or {}, _get_config(arguments).get("validation_dataset") or {}]
    return operation == "tunings.tune" and any({"gcs_uri", "vertex_dataset_resource"} <= set(each) for each in sets)


def _has_empty_datasets(operation: str, arguments: Arguments, backend: str) -> bool:
    if operation != "tunings.tune" or backend != "vertex":
        return False
    return arguments["training_dataset"] == {} and _get_config(arguments).get("validation_dataset") == {}


def _has_evaluation_config(operation: str, arguments: Arguments, backend: str) -> bool:
    evaluation = _get_config(arguments).get("evaluation_config")
    return operation == "tunings.tune" and evaluation is not None


def _has_unsupported_method(operation: str, arguments: Arguments, backend: str) -> bool:
    config = _get_config(arguments)
    supported_methods = ("SUPERVISED_FINE_TUNING", None) + (("PREFERENCE_TUNING",) if backend == "vertex" else ())
    return operation == "tunings.tune" and (
        "pre_tuned_model_checkpoint_id" in config or config.get("method") not in supported_methods
    )


def _names_media(operation: str, arguments: Arguments, backend: str) -> bool:
    media = [each for key in ("inline_data", "file_data") for each in _find_values(arguments, key)]
    return backend == "gemini" and any("display_name" in each for each in media)


def _labels_on_gemini(operation: str, arguments: Arguments, backend: str) -> bool:
    configs = [each for each in _find_values(arguments, "config") if each]
    return (
        backend == "gemini"
        and operation in {"generate", "batches.create"}
        and any("labels" in each for each in configs)
    )


def _has_map_credentials(operation: str, arguments: Arguments, backend: str) -> bool:
    return backend == "gemini" and any("auth_config" in each for each in _find_values(arguments, "google_maps"))


def _waits_on_vertex(operation: str, arguments: Arguments, backend: str) -> bool:
    declared = (each for several in _find_values(arguments, "function_declarations") for each in several)
    return backend == "vertex" and any("behavior" in each for each in declared)


def _has_speakers_on_vertex(operation: str, arguments: Arguments, backend: str) -> bool:
    return backend == "vertex" and any(True for _ in _find_values(arguments, "multi_speaker_voice_config"))


def _responds_in_parts(operation: str, arguments: Arguments, backend: str) -> bool:
    responses = _find_values(arguments, "function_response")
    return backend == "vertex" and any("will_continue" in each for each in responses)


_MIXED_TOOL = {"function_declarations": [{"name": "f"}], "google_search": {}}


def _reads_a_dataset(operation: str, arguments: Arguments, backend: str) -> bool:
    src = arguments.get("src")
    return operation == "batches.create" and isinstance(src, str) and "/datasets/" in src


def _has_hyperparameters_on_vertex(operation: str, arguments: Arguments, backend: str) -> bool:
    names = {"batch_size", "learning_rate"}
    return operation == "tunings.tune" and backend == "vertex" and not names.isdisjoint(_get_config(arguments))


DIFFERENCES: Mapping[str, Difference] = {
    "datasets": Difference(
        BATCH_DIFFERENCES["dataset"],
        _reads_a_dataset,
        "batches.create",
        {"model": "m", "src": "projects/p/locations/l/datasets/1"},
        "vertex",
    ),
    "hyperparameters": Difference(
        TUNING_DIFFERENCES["hyperparameters"],
        _has_hyperparameters_on_vertex,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "gs://b/i.jsonl"}, "config": {"batch_size": 1}},
        "vertex",
    ),
    "automatic-calling": Difference(
        "functions are called only with the modifier calling(…); 1.51.0 reads the setting from the config",
        _enables_automatic_calling,
        "generate",
        {"model": "m", "contents": "x", "config": {"automatic_function_calling": {}}},
        "gemini",
    ),
    "tools-in-one": Difference(
        GENERATE_DIFFERENCES["functions-and-search-in-one"].reason,
        _merges_tools,
        "generate",
        {"model": "m", "contents": "x", "config": {"tools": [_MIXED_TOOL]}},
        "vertex",
    ),
    "empty-part": Difference(
        "1.51.0 sends a part without content, which the service rejects; ours refuses it by its place",
        _has_an_empty_part,
        "generate",
        {"model": "m", "contents": {"parts": [{}]}},
        "gemini",
    ),
    "named-media": Difference(
        "Gemini has display names of files and bytes, as in 3.6.1; 1.51.0 refuses them",
        _names_media,
        "generate",
        {"model": "m", "contents": {"inline_data": {"data": b"x", "mime_type": "a/b", "display_name": "n"}}},
        "gemini",
    ),
    "labels": Difference(
        "Gemini has labels, as in 3.6.1; 1.51.0 refuses them",
        _labels_on_gemini,
        "generate",
        {"model": "m", "contents": "hi", "config": {"labels": {"a": "b"}}},
        "gemini",
    ),
    "map-credentials": Difference(
        "Gemini has credentials for Google Maps, but only a key, as in 3.6.1; 1.51.0 refuses all",
        _has_map_credentials,
        "generate",
        {"model": "m", "contents": "hi", "config": {"tools": [{"google_maps": {"auth_config": {}}}]}},
        "gemini",
    ),
    "behavior": Difference(
        "Vertex AI has the behavior of a function, as in 3.6.1; 1.51.0 refuses it",
        _waits_on_vertex,
        "generate",
        {
            "model": "m",
            "contents": "hi",
            "config": {"tools": [{"function_declarations": [{"name": "f", "behavior": "BLOCKING"}]}]},
        },
        "vertex",
    ),
    "speakers": Difference(
        "Vertex AI has several speakers, as in 3.6.1; 1.51.0 refuses them",
        _has_speakers_on_vertex,
        "generate",
        {"model": "m", "contents": "hi", "config": {"speech_config": {"multi_speaker_voice_config": {}}}},
        "vertex",
    ),
    "more-to-come": Difference(
        "Vertex AI has no function response that continues, as in 3.6.1; 1.51.0 sends it",
        _responds_in_parts,
        "generate",
        {"model": "m", "contents": {"function_response": {"name": "f", "response": {}, "will_continue": True}}},
        "vertex",
    ),
    "metadata-alone": Difference(
        "1.51.0 treats a part with only video_metadata as a File, and raises because it has no URI",
        _has_only_video_metadata,
        "generate",
        {"model": "m", "contents": {"video_metadata": {}}},
        "gemini",
    ),
    "video-twice": Difference(
        VIDEO_DIFFERENCES["video-twice"],
        _has_uri_and_bytes,
        "videos.generate",
        {"model": "m", "video": {"uri": "u", "video_bytes": b"x"}},
        "gemini",
    ),
    "filter": Difference(
        f"{MODEL_DIFFERENCES['filter']}; {MODEL_DIFFERENCES['filter-empty']}; "
        "and it raises for an unprintable character",
        _has_unescaped_filter,
        "models.list",
        {"config": {"filter": "a&b"}},
        "gemini",
    ),
    "publishers": Difference(
        MODEL_DIFFERENCES["publishers"], _names_a_publisher, "models.get", {"model": "meta/llama"}, "vertex"
    ),
    "force": Difference(
        STORE_DIFFERENCES["force"],
        _has_force,
        "stores.delete",
        {"name": "fileSearchStores/s", "config": {"force": True}},
        "gemini",
    ),
    "stores-on-vertex": Difference(
        OPERATION_DIFFERENCES["stores-on-vertex"],
        _polls_store_on_vertex,
        "operations.get.import",
        {"name": "fileSearchStores/s/operations/1"},
        "vertex",
    ),
    "token-model": Difference(
        "an invalid model name is refused in every field",
        _has_invalid_model,
        "auth_tokens.create",
        {"config": {"live_connect_constraints": {"model": "\x82"}}},
        "gemini",
    ),
    "token-locks": Difference(
        "a locked field must be one field name; 1.51.0 puts an empty name, or two names with a comma, into the mask",
        _locks_invalid_field,
        "auth_tokens.create",
        {"config": {"lock_additional_fields": [""]}},
        "gemini",
    ),
    "token-lock-path": Difference(
        AUTH_TOKEN_DIFFERENCES["lock-camel"][0],
        _locks_generation_field,
        "auth_tokens.create",
        {"config": {"lock_additional_fields": ["topK"]}},
        "gemini",
    ),
    "token-generation-config": Difference(
        "1.51.0 fails in its own code if the config has a generation_config and another field",
        _combines_generation_config,
        "auth_tokens.create",
        {
            "config": {
                "live_connect_constraints": {"config": {"generation_config": {}, "response_modalities": ["AUDIO"]}},
            }
        },
        "gemini",
    ),
    "token-tied-to-nothing": Difference(
        AUTH_TOKEN_DIFFERENCES["empty-config"][0],
        _has_empty_constraints,
        "auth_tokens.create",
        {"config": {"live_connect_constraints": {"config": {}}}},
        "gemini",
    ),
    "batches-elsewhere": Difference(
        BATCH_DIFFERENCES["other-project"],
        _has_full_batch_name,
        "batches.get",
        {"name": "projects/q/locations/l/batchPredictionJobs/1"},
        "vertex",
    ),
    "batches-nameless": Difference(
        "an empty display name is sent; 1.51.0 replaces it by a generated name",
        _has_empty_display_name,
        "batches.create",
        {"model": "m", "src": "gs://b/0.jsonl", "config": {"display_name": ""}},
        "vertex",
    ),
    "tuning-examples": Difference(
        f"{TUNING_DIFFERENCES['examples']}; {TUNING_DIFFERENCES['multiplier']}",
        _tunes_with_dropped_fields,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"examples": [{"text_input": "a", "output": "b"}]}},
        "gemini",
    ),
    "tuning-twice": Difference(
        TUNING_DIFFERENCES["two-places"],
        _has_two_sources,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "a", "vertex_dataset_resource": "b"}},
        "gemini",
    ),
    "tuning-nothing": Difference(
        "without examples no spec is sent; 1.51.0 sends an empty spec if validation_dataset is empty, too",
        _has_empty_datasets,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {}, "config": {"validation_dataset": {}}},
        "vertex",
    ),
    "tuning-judged": Difference(
        f"{TUNING_DIFFERENCES['evaluation-unchecked']}; {TUNING_DIFFERENCES['unused-template']}; "
        f"{TUNING_DIFFERENCES['raw-output-false']}",
        _has_evaluation_config,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "a"}, "config": {"evaluation_config": {}}},
        "vertex",
    ),
    "tuning-reasons": Difference(
        f"{TUNING_DIFFERENCES['method']}; {TUNING_DIFFERENCES['checkpoint']}",
        _has_unsupported_method,
        "tunings.tune",
        {
            "base_model": "m",
            "training_dataset": {"gcs_uri": "a"},
            "config": {"pre_tuned_model_checkpoint_id": "1"},
        },
        "vertex",
    ),
}

WHOLE_VALUE_DIFFERENCES = {("operations.get.import", "vertex"), ("operations.get.upload", "vertex")}
"""Operations and backends where a difference applies to every argument, so that nothing can be compared."""

GENERATED_TEXTS: Mapping[str, str] = {
    r"(?<=genai_batch_job_)\w+": BATCH_DIFFERENCES["clock"],
    r"(?<=_dest_)\w+": BATCH_DIFFERENCES["clock"],
}
"""Generated texts in a body, which are never equal: a pattern for each, and the reason."""

REFUSALS_WITHOUT_FIELD: Mapping[str, str] = {
    "This method is only supported": "the refusal is of the whole operation, not of a field",
    "enum value": "the refusal contains the value, not the field",
    "Exactly one of": "the refusal contains the accepted fields, not the refused one",
}
"""Refusals of 1.51.0 that contain no field name: a part of the message, and what the message contains."""


# Responses


_READS_BOTH = "genai_fn decodes the field on both backends; 1.51.0 decodes it on the other backend only, or on neither"

_SINCE_3_6 = "google-genai reads it since 3.6.1"

READS_MORE: Mapping[tuple[str, str, str], str] = {
    ("tunings.tune", "gemini", ".name"): "the name of the operation, where its metadata names no model",
    ("generate", "gemini", ".create_time"): GENERATE_REPLY_DIFFERENCES["create-time", "gemini"][0],
    ("generate", "gemini", ".finish_message"): GENERATE_REPLY_DIFFERENCES["finish-new", "gemini"][0],
    ("generate", "*", ".continuation_token"): _SINCE_3_6,
    ("generate", "*", ".citation_metadata*"): GENERATE_REPLY_DIFFERENCES["citations", "gemini"][0],
    ("tokens.count", "vertex", ".cached_content_token_count"): _READS_BOTH,
    ("embed", "*", ".truncated"): _SINCE_3_6,
    ("embed", "*", ".usage_metadata*"): _SINCE_3_6,
    ("embed", "*", ".tokens_details*"): _SINCE_3_6,
    ("embed", "*", ".statistics"): _SINCE_3_6,
    ("images.generate", "*", ".positive_prompt_safety_attributes*"): _READS_BOTH,
    ("batches.*", "gemini", ".error*"): BATCH_DIFFERENCES["failed-operation"],
    ("batches.*", "gemini", ".dest*"): "1.51.0 reads the destination from only one of its two fields",
    ("batches.*", "gemini", ".completion_stats*"): BATCH_DIFFERENCES["failed-operation"],
    ("tunings.*", "gemini", ".tuned_model_display_name"): TUNING_DIFFERENCES["display-name"],
    ("tunings.*", "vertex", ".evaluation_config*"): TUNING_DIFFERENCES["evaluation-read"],
}
"""Fields that only genai_fn decodes: shell patterns for operation, backend and end of the path, and the reason."""


def is_empty_reply(operation: str, backend: str, reply: Mapping[str, Any]) -> bool:
    """Return whether neither library decodes a reply: only an error, or a started operation without a name."""
    return set(reply) == {"error"} or (operation == "tunings.tune" and backend == "gemini" and not reply.get("name"))


_VIDEO_MEMBERS = {
    "gemini": frozenset({"videos", "gcsUri", "bytesBase64Encoded", "mimeType"}),
    "vertex": frozenset({"generateVideoResponse", "generatedSamples", "uri", "encodedVideo", "encoding"}),
}
OTHER_BACKEND_MEMBERS: Mapping[tuple[str, str], frozenset[str]] = {
    ("images.generate", "gemini"): frozenset({"gcsUri", "prompt"}),
    **{
        (name, backend): members
        for name in ("videos.generate", "operations.get")
        for backend, members in _VIDEO_MEMBERS.items()
    },
    ("models.list", "gemini"): frozenset({"tunedModels"}),
    ("models.list", "vertex"): frozenset({"models"}),
}
"""Members that only the other backend or another operation returns; genai_fn decodes them everywhere."""
