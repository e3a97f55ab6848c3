"""
Deliberate differences from google-genai 1.51.0 that drawn arguments and replies can show.

One table for requests, one for responses. Reasons are taken from the tables of the resources.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

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

Given: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """The reason, the condition, and arguments that show the difference."""

    why: str
    is_met: Callable[[str, Given, str], bool]
    """Tells by the operation, its arguments and the backend."""

    operation: str
    given: Given
    backend: str


def find_difference(operation: str, given: Given, backend: str) -> str | None:
    """Return the name of the difference that arguments show, if any."""
    return next((name for name, each in DIFFERENCES.items() if each.is_met(operation, given, backend)), None)


def _config(given: Given) -> Given:
    return given.get("config") or {}


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


def _calls_by_itself(operation: str, given: Given, backend: str) -> bool:
    return any(not each.get("disable") for each in _find_values(given, "automatic_function_calling"))


def _merges_tools(operation: str, given: Given, backend: str) -> bool:
    merging = operation in {"generate", "auth_tokens.create", "batches.create"}
    tools = [tool for each in _find_values(given, "tools") for tool in each]
    return merging and any(tool.get("function_declarations") and len(tool) > 1 for tool in tools)


def _looks_like_a_file(operation: str, given: Given, backend: str) -> bool:
    contents = [each if isinstance(each, list) else [each] for each in _find_values(given, "contents")]
    return any(isinstance(part, Mapping) and set(part) == {"video_metadata"} for each in contents for part in each)


def _has_a_video_twice(operation: str, given: Given, backend: str) -> bool:
    videos = _find_values(given, "video")
    return backend == "gemini" and any({"uri", "video_bytes"} <= set(each) for each in videos)


def _filters(operation: str, given: Given, backend: str) -> bool:
    text = _config(given).get("filter")
    if operation != "models.list" or text is None:
        return False
    return re.fullmatch(r"[\w:.*-]+", text, re.ASCII) is None


def _forces(operation: str, given: Given, backend: str) -> bool:
    return backend == "gemini" and "force" in _config(given)


def _asks_vertex_for_stores(operation: str, given: Given, backend: str) -> bool:
    return backend == "vertex" and operation in {"operations.get.import", "operations.get.upload"}


def _names_no_model(operation: str, given: Given, backend: str) -> bool:
    constraints = _config(given).get("live_connect_constraints") or {}
    model = constraints.get("model", "m") if operation == "auth_tokens.create" else "m"
    return not model.isprintable() or not model or any(each in model for each in ("..", *"?&#\\{}"))


def _locks_nothing(operation: str, given: Given, backend: str) -> bool:
    return any(not name or "," in name for name in _config(given).get("lock_additional_fields", ()))


def _locks_a_whole_config(operation: str, given: Given, backend: str) -> bool:
    if operation != "auth_tokens.create" or backend == "vertex":
        return False
    live = (_config(given).get("live_connect_constraints") or {}).get("config") or {}
    return "generation_config" in live and len(live) > 1


def _ties_to_nothing(operation: str, given: Given, backend: str) -> bool:
    if operation != "auth_tokens.create" or backend == "vertex":
        return False
    constraints = _config(given).get("live_connect_constraints")
    return constraints is not None and not constraints.get("config", ...)


def _lives_elsewhere(operation: str, given: Given, backend: str) -> bool:
    by_name = operation in {"batches.get", "batches.cancel", "batches.delete"}
    return by_name and backend == "vertex" and given["name"].startswith("projects/")


def _is_called_nothing(operation: str, given: Given, backend: str) -> bool:
    return operation == "batches.create" and backend == "vertex" and _config(given).get("display_name") == ""


def _teaches_gemini(operation: str, given: Given, backend: str) -> bool:
    teaches = "examples" in given.get("training_dataset", {}) or "learning_rate_multiplier" in _config(given)
    return operation == "tunings.tune" and backend == "gemini" and teaches


def _is_at_two_places(operation: str, given: Given, backend: str) -> bool:
    sets = [given.get("training_dataset") or {}, _config(given).get("validation_dataset") or {}]
    return operation == "tunings.tune" and any({"gcs_uri", "vertex_dataset_resource"} <= set(each) for each in sets)


def _learns_from_nothing(operation: str, given: Given, backend: str) -> bool:
    if operation != "tunings.tune" or backend != "vertex":
        return False
    return given["training_dataset"] == {} and _config(given).get("validation_dataset") == {}


def _judges_by_nothing(operation: str, given: Given, backend: str) -> bool:
    judged = _config(given).get("evaluation_config")
    return operation == "tunings.tune" and judged is not None


def _is_refused_for_a_reason(operation: str, given: Given, backend: str) -> bool:
    config = _config(given)
    known = ("SUPERVISED_FINE_TUNING", None) + (("PREFERENCE_TUNING",) if backend == "vertex" else ())
    return operation == "tunings.tune" and (
        "pre_tuned_model_checkpoint_id" in config or config.get("method") not in known
    )


def _names_media(operation: str, given: Given, backend: str) -> bool:
    media = [each for key in ("inline_data", "file_data") for each in _find_values(given, key)]
    return backend == "gemini" and any("display_name" in each for each in media)


def _labels_on_gemini(operation: str, given: Given, backend: str) -> bool:
    configs = [each for each in _find_values(given, "config") if each]
    return (
        backend == "gemini"
        and operation in {"generate", "batches.create"}
        and any("labels" in each for each in configs)
    )


def _has_map_credentials(operation: str, given: Given, backend: str) -> bool:
    return backend == "gemini" and any("auth_config" in each for each in _find_values(given, "google_maps"))


def _waits_on_vertex(operation: str, given: Given, backend: str) -> bool:
    declared = (each for several in _find_values(given, "function_declarations") for each in several)
    return backend == "vertex" and any("behavior" in each for each in declared)


def _has_speakers_on_vertex(operation: str, given: Given, backend: str) -> bool:
    return backend == "vertex" and any(True for _ in _find_values(given, "multi_speaker_voice_config"))


def _responds_in_parts(operation: str, given: Given, backend: str) -> bool:
    responses = _find_values(given, "function_response")
    return backend == "vertex" and any("will_continue" in each for each in responses)


_TOLD = {"function_declarations": [{"name": "f"}], "google_search": {}}


def _reads_a_dataset(operation: str, given: Given, backend: str) -> bool:
    src = given.get("src")
    return operation == "batches.create" and isinstance(src, str) and "/datasets/" in src


def _has_hyperparameters_on_vertex(operation: str, given: Given, backend: str) -> bool:
    names = {"batch_size", "learning_rate"}
    return operation == "tunings.tune" and backend == "vertex" and not names.isdisjoint(_config(given))


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
        "functions are called only where the modifier calling(…) says so; 1.51.0 takes it in the config",
        _calls_by_itself,
        "generate",
        {"model": "m", "contents": "x", "config": {"automatic_function_calling": {}}},
        "gemini",
    ),
    "tools-in-one": Difference(
        GENERATE_DIFFERENCES["functions-and-search-in-one"].why,
        _merges_tools,
        "generate",
        {"model": "m", "contents": "x", "config": {"tools": [_TOLD]}},
        "vertex",
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
        "1.51.0 takes a part that is nothing but video_metadata for a File, and misses its address",
        _looks_like_a_file,
        "generate",
        {"model": "m", "contents": {"video_metadata": {}}},
        "gemini",
    ),
    "video-twice": Difference(
        VIDEO_DIFFERENCES["video-twice"],
        _has_a_video_twice,
        "videos.generate",
        {"model": "m", "video": {"uri": "u", "video_bytes": b"x"}},
        "gemini",
    ),
    "filter": Difference(
        f"{MODEL_DIFFERENCES['filter']}; {MODEL_DIFFERENCES['filter-empty']}; "
        "and it raises where a character cannot be printed",
        _filters,
        "models.list",
        {"config": {"filter": "a&b"}},
        "gemini",
    ),
    "force": Difference(
        STORE_DIFFERENCES["force"],
        _forces,
        "stores.delete",
        {"name": "fileSearchStores/s", "config": {"force": True}},
        "gemini",
    ),
    "stores-on-vertex": Difference(
        OPERATION_DIFFERENCES["stores-on-vertex"],
        _asks_vertex_for_stores,
        "operations.get.import",
        {"name": "fileSearchStores/s/operations/1"},
        "vertex",
    ),
    "token-model": Difference(
        "a model that is no name is refused wherever it stands",
        _names_no_model,
        "auth_tokens.create",
        {"config": {"live_connect_constraints": {"model": "\x82"}}},
        "gemini",
    ),
    "token-locks": Difference(
        "what is locked are fields: 1.51.0 puts an empty name into the mask, or two with a comma",
        _locks_nothing,
        "auth_tokens.create",
        {"config": {"lock_additional_fields": [""]}},
        "gemini",
    ),
    "token-generation-config": Difference(
        "1.51.0 fails in its own code where a generation_config has something beside it",
        _locks_a_whole_config,
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
        _ties_to_nothing,
        "auth_tokens.create",
        {"config": {"live_connect_constraints": {"config": {}}}},
        "gemini",
    ),
    "batches-elsewhere": Difference(
        BATCH_DIFFERENCES["other-project"],
        _lives_elsewhere,
        "batches.get",
        {"name": "projects/q/locations/l/batchPredictionJobs/1"},
        "vertex",
    ),
    "batches-nameless": Difference(
        "an empty name is a name; 1.51.0 takes it for none, and makes one up",
        _is_called_nothing,
        "batches.create",
        {"model": "m", "src": "gs://b/0.jsonl", "config": {"display_name": ""}},
        "vertex",
    ),
    "tuning-examples": Difference(
        f"{TUNING_DIFFERENCES['examples']}; {TUNING_DIFFERENCES['multiplier']}",
        _teaches_gemini,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"examples": [{"text_input": "a", "output": "b"}]}},
        "gemini",
    ),
    "tuning-twice": Difference(
        TUNING_DIFFERENCES["two-places"],
        _is_at_two_places,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "a", "vertex_dataset_resource": "b"}},
        "gemini",
    ),
    "tuning-nothing": Difference(
        "no examples are no spec: 1.51.0 sends an empty one where an empty validation_dataset is given, too",
        _learns_from_nothing,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {}, "config": {"validation_dataset": {}}},
        "vertex",
    ),
    "tuning-judged": Difference(
        f"{TUNING_DIFFERENCES['evaluation-unchecked']}; {TUNING_DIFFERENCES['unused-template']}; "
        f"{TUNING_DIFFERENCES['raw-output-false']}",
        _judges_by_nothing,
        "tunings.tune",
        {"base_model": "m", "training_dataset": {"gcs_uri": "a"}, "config": {"evaluation_config": {}}},
        "vertex",
    ),
    "tuning-reasons": Difference(
        f"{TUNING_DIFFERENCES['method']}; {TUNING_DIFFERENCES['checkpoint']}",
        _is_refused_for_a_reason,
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
"""Operations and backends of which one of the differences leaves nothing to be compared."""

MADE_UP: Mapping[str, str] = {
    r"(?<=genai_batch_job_)\w+": BATCH_DIFFERENCES["clock"],
    r"(?<=_dest_)\w+": BATCH_DIFFERENCES["clock"],
}
"""Texts in a body that cannot be equal, as a pattern, and why."""

NAMELESS: Mapping[str, str] = {
    "This method is only supported": "the whole operation is refused, not a field",
    "enum value": "1.51.0 names the value, not the field",
    "Exactly one of": "1.51.0 names what it would take, not what it was given",
}
"""Refusals of 1.51.0 that name no field, by some of their words, and what they name."""


# What is read


_LOSES = "what the server says is not lost; 1.51.0 reads it from the other backend alone, or not at all"

READS_MORE: Mapping[tuple[str, str, str], str] = {
    ("generate", "gemini", ".create_time"): GENERATE_REPLY_DIFFERENCES["create-time", "gemini"][0],
    ("generate", "gemini", ".finish_message"): GENERATE_REPLY_DIFFERENCES["finish-new", "gemini"][0],
    ("generate", "*", ".citation_metadata*"): GENERATE_REPLY_DIFFERENCES["citations", "gemini"][0],
    ("tokens.count", "vertex", ".cached_content_token_count"): _LOSES,
    ("images.generate", "*", ".positive_prompt_safety_attributes*"): _LOSES,
    ("batches.*", "gemini", ".error*"): BATCH_DIFFERENCES["failed-operation"],
    ("batches.*", "gemini", ".dest*"): "1.51.0 reads where the answers are from one of the two places for it",
    ("batches.*", "gemini", ".completion_stats*"): BATCH_DIFFERENCES["failed-operation"],
    ("tunings.*", "gemini", ".tuned_model_display_name"): TUNING_DIFFERENCES["display-name"],
    ("tunings.*", "vertex", ".evaluation_config*"): TUNING_DIFFERENCES["evaluation-read"],
}
"""What ours reads more than 1.51.0: operation, backend and the end of the path, as patterns of the shell, and why."""


def is_no_answer(operation: str, backend: str, reply: Mapping[str, Any]) -> bool:
    """Check whether neither library reads a reply: an error alone, or started work without a name."""
    return set(reply) == {"error"} or (operation == "tunings.tune" and backend == "gemini" and not reply.get("name"))


_FILMS = {
    "gemini": frozenset({"videos", "gcsUri", "bytesBase64Encoded", "mimeType"}),
    "vertex": frozenset({"generateVideoResponse", "generatedSamples", "uri", "encodedVideo", "encoding"}),
}
ELSEWHERE: Mapping[tuple[str, str], frozenset[str]] = {
    ("images.generate", "gemini"): frozenset({"gcsUri", "prompt"}),
    **{(name, backend): words for name in ("videos.generate", "operations.get") for backend, words in _FILMS.items()},
    ("models.list", "gemini"): frozenset({"tunedModels"}),
    ("models.list", "vertex"): frozenset({"models"}),
}
"""Members that only the other backend, or another call, answers with: ours reads them wherever they are."""
