"""
What shows each row of ``docs/differences.md``, by the first cell of the row.

Either a test, ``tests/ops/test_models.py::test_differences``, or a row of a table of differences, ``3.6.1/force``: the
tests of these tables check that each row exists and is still a difference.
"""

from collections.abc import Mapping
from typing import Any

from tests.cases.differences import DIFFERENCES
from tests.cases.differences_3_6_1 import DIFFERENCES_3_6_1, READ_DIFFERENCES_3_6_1, READS_MORE_3_6_1
from tests.cases.differences_by_resource import (
    AUTH_TOKEN_DIFFERENCES,
    BATCH_DIFFERENCES,
    GENERATE_DIFFERENCES,
    MODEL_DIFFERENCES,
    OPERATION_DIFFERENCES,
    STORE_DIFFERENCES,
    TUNING_DIFFERENCES,
    VIDEO_DIFFERENCES,
)

__all__ = ["EVIDENCE", "TABLES"]

TABLES: Mapping[str, Mapping[str, Any]] = {
    "1.51.0": DIFFERENCES,
    "3.6.1": {**DIFFERENCES_3_6_1, **READ_DIFFERENCES_3_6_1, **READS_MORE_3_6_1},
    "batches": BATCH_DIFFERENCES,
    "generate": GENERATE_DIFFERENCES,
    "models": MODEL_DIFFERENCES,
    "operations": OPERATION_DIFFERENCES,
    "stores": STORE_DIFFERENCES,
    "tokens": AUTH_TOKEN_DIFFERENCES,
    "tunings": TUNING_DIFFERENCES,
    "videos": VIDEO_DIFFERENCES,
}
"""The tables of differences, by the name that they have below."""

_EMBED = "tests/ops/embed/test_embed.py::test_differences"
_FRAMES = "tests/live_protocol/test_frames.py::test_differences"
_MESSAGES = "tests/live_protocol/test_messages.py"
_OPENING = "tests/live_protocol/test_opening.py::test_differences"
_SETUP = "tests/ops/live/test_setup.py::test_differences"
_SCHEMAS = "tests/schema/test_api_schema.py::TestAgreement::test_differences"
_DECLARED = "tests/schema/test_function_declarations.py"
_CALLING = "tests/flows/test_calling.py"
_MCP_SESSIONS = "tests/flows/test_mcp_sessions.py"
_MCP_SERVERS = "tests/interpreters/test_mcp_servers.py"
_CHATS = "tests/flows/test_chats_agreement.py"
_ADDRESSES = "tests/ops/test_generate.py::test_same_address"
_URLS = "tests/ops/test_addresses_3_6_1.py::test_addresses"

_CONTENTS: Mapping[str, tuple[str, ...]] = {
    "a `Blob`, or its dict, as contents": ("generate/contents-blob", "generate/contents-blob-dict"),
    "a string among the parts of a turn": ("generate/contents-str-as-part",),
    "a part that has only `video_metadata`": ("1.51.0/metadata-alone", "3.6.1/metadata-alone"),
    "a Pillow image that was created, not opened": ("generate/contents-drawn-image",),
    "a Pillow image that was opened from a JPEG file": ("tests/schema/test_content.py::test_unmodified_jpeg",),
    "a `ToolCall` or a `ToolResponse` itself as a part": ("tests/schema/test_content.py::test_part_of",),
    "an empty dict as contents of a cache": ("3.6.1/empty-content",),
    "free-form JSON of more than 100 levels": ("tests/wire/test_nesting.py::test_builder_refuses",),
    "a part without content": ("1.51.0/empty-part", "3.6.1/empty-part"),
}

_CONFIG: Mapping[str, tuple[str, ...]] = {
    "a tool with function declarations and other fields": (
        "generate/functions-and-search-in-one",
        "1.51.0/tools-in-one",
        "tokens/search-beside-functions",
    ),
    "a search tool itself as a tool, such as `GoogleSearch()`": ("tests/schema/test_content.py::test_tools",),
    "a Python function in `tools` without `calling(…)`": (f"{_DECLARED}::test_refused_unless_called",),
    "`automatic_function_calling` in a config without `calling(…)`": (
        "1.51.0/automatic-calling",
        "3.6.1/automatic-calling",
        "batches/calling-functions",
    ),
    "`automatic_continuation=True`": ("tests/ops/test_generate_additions.py::test_automatic_continuation",),
    "an empty voice name": ("generate/speech-no-name", "3.6.1/voice-without-name"),
    "an unknown routing preference": ("generate/routing-lower",),
    '`temperature=float("nan")`': ("generate/temperature-nan", "3.6.1/numbers"),
    '`temperature="0.5"`': ("generate/temperature-text", "3.6.1/numbers"),
    "`http_options` in a config": (
        "tests/schema/test_convert.py::test_options_set_by_modifiers",
        "3.6.1/http-options",
    ),
    "several fields that the backend lacks": ("tests/ops/test_caches.py::test_refused_together",),
    "`response_format` with the schema of a text, outside `generate`": ("3.6.1/text-schema",),
}

_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "`response_schema` with fields beside a `$ref`": (
        "generate/schema-ref-with-description",
        "3.6.1/schema-beside-ref",
    ),
    "`response_schema` with `$schema`": ("generate/schema-schema",),
    "`response_schema` with a list of types": ("generate/schema-types", "3.6.1/schema-types"),
    "`response_schema` that contains itself": ("3.6.1/schema-recursive",),
    "`response_schema` of words without a type": ("3.6.1/schema-of-words",),
    "`response_schema=list[int]`, or another type without a name": (_SCHEMAS,),
    "the order of properties in a value of `additional_properties`": (_SCHEMAS,),
    "`response_schema=dict[str, int]`, or another type that `Schema` cannot express": (
        "tests/schema/test_redirected_fields.py::TestRedirected::test_sent",
    ),
    "a Python function": (f"{_DECLARED}::test_sent",),
    "a session with an MCP server": (f"{_MCP_SESSIONS}::test_calling", f"{_MCP_SESSIONS}::test_pages"),
    "a Python function with `bytes`": (f"{_DECLARED}::test_same_as_google_genai",),
    "a Python function with `type[int]`, or another type without JSON": (f"{_DECLARED}::test_same_as_google_genai",),
    "a Python function with a dataclass, or an enum member as default": (f"{_DECLARED}::test_more_than_google_genai",),
}

_EMBEDDINGS: Mapping[str, tuple[str, ...]] = {
    "`embed` of a list of texts with `gemini-embedding-2`": ("3.6.1/one-vector-an-item",),
    "`embed` on Vertex AI of several contents with a model that takes one": ("3.6.1/one-vector-an-item",),
    "`embed` on Vertex AI of several parts, or of parts other than texts, with a model for texts": (
        _EMBED,
        "3.6.1/embed-texts-only",
    ),
    "`embed` on Vertex AI of an empty text": (_EMBED,),
    "`embed` with a field that the model's method lacks": ("3.6.1/embed-unused-fields",),
    "`embed` or `tokens.count` of no contents": (_EMBED, "tests/ops/test_tokens.py::test_differences"),
    "`images.generate`, `videos.generate` or `tunings.list` on the Gemini Developer API": (
        "3.6.1/images-on-gemini",
        "3.6.1/videos-on-gemini",
        "3.6.1/tunings-list-on-gemini",
    ),
    "`images.generate` without a prompt": ("tests/ops/images/test_images.py::test_prompt_is_required",),
    "`images.upscale` with a config in camelCase": ("tests/ops/images/test_images.py::test_upscale_in_camel_case",),
    "a video with both a URI and bytes, on the Gemini Developer API": (
        "1.51.0/video-twice",
        "videos/video-twice",
        "videos/source-twice",
    ),
    "`show()` of an image or a video in a notebook": ("tests/schema/test_showing.py::test_show_in_notebook",),
    "an image as the last value of a notebook's cell": ("tests/schema/test_showing.py::test_image_repr",),
    "an empty `source` beside a prompt, in `videos.generate`": ("videos/source-empty-and-prompt",),
}

_FILES: Mapping[str, tuple[str, ...]] = {
    'a name of another collection, such as `caches.delete("files/1")`': (
        "tests/wire/test_resource_names.py::test_other_collections",
    ),
    "a name that leads elsewhere, such as `a/../b`": (
        "stores/names",
        "tests/ops/test_caches.py::test_invalid_names",
        "3.6.1/store-model",
    ),
    "a time without a time zone": ("tests/ops/test_caches.py::test_times_have_zones",),
    "a filter of models with `&`, or an empty one": (
        "1.51.0/filter",
        "3.6.1/models-filter",
        "models/filter",
        "models/filter-empty",
    ),
    "a file's URL with a dash in its id": ("tests/ops/files/test_files.py::test_differences",),
    "a file's `http:` URL": ("tests/ops/files/test_files.py::test_differences",),
    "a file whose name is not ASCII": ("tests/ops/files/test_uploads.py::test_names_that_no_header_holds",),
    "a chunk of an upload that fails": ("tests/ops/files/test_upload_flow.py::test_less_taken_than_sent",),
}

_BATCHES: Mapping[str, tuple[str, ...]] = {
    "a batch on Vertex AI by its full name": (
        "1.51.0/batches-elsewhere",
        "3.6.1/batch-by-full-name",
        "batches/other-project",
    ),
    "a batch on Vertex AI without a display name, or with an empty one": ("1.51.0/batches-nameless", "batches/clock"),
    "any other destination of a batch": ("3.6.1/batch-destination", "batches/other-destination"),
    "an empty list of results in the destination of a batch on Vertex AI": ("3.6.1/batch-empty-results",),
    "two sources of a batch, or none": ("batches/several-sources",),
    "a request without contents in a batch": ("3.6.1/batch-without-contents", "batches/no-contents"),
    "the metadata of a result": ("batches/keys",),
    "the error and the counts of a failed batch": ("batches/failed-operation",),
    "details of a result's error that are no strings": ("batches/details",),
}

_TUNING: Mapping[str, tuple[str, ...]] = {
    "examples and a learning rate multiplier, on the Gemini Developer API": (
        "1.51.0/tuning-examples",
        "3.6.1/tuning-examples",
        "tunings/examples",
        "tunings/multiplier",
    ),
    "a method that the backend lacks, or a field that the method lacks": (
        "1.51.0/tuning-reasons",
        "3.6.1/tuning-method",
        "tunings/method",
        "tunings/method-options",
    ),
    "an empty method": ("3.6.1/tuning-unknown-method",),
    "a checkpoint of a model that has none": ("3.6.1/tuning-checkpoint", "tunings/checkpoint"),
    "training data in two places": ("1.51.0/tuning-twice", "3.6.1/tuning-two-places", "tunings/two-places"),
    "an evaluation without metrics, or without a destination": (
        "1.51.0/tuning-judged",
        "3.6.1/tuning-judged",
        "tunings/evaluation-unchecked",
    ),
    "a prompt template for a metric that no model judges": ("tunings/unused-template",),
    "`custom_function` of a metric, in a tuning": ("tests/schema/test_metrics.py::test_function_is_not_sent",),
    "`return_raw_output=False`": ("tunings/raw-output-false",),
    "an empty dataset and an empty validation dataset": ("1.51.0/tuning-nothing",),
    "an empty model name": ("3.6.1/tuning-model",),
}

_STORES_AND_TOKENS: Mapping[str, tuple[str, ...]] = {
    "`force` in the deletion of a store or a document": ("1.51.0/force", "3.6.1/force", "stores/force"),
    "the state of a store's operation on Vertex AI": (
        "1.51.0/stores-on-vertex",
        "3.6.1/stores-on-vertex",
        "operations/stores-on-vertex",
    ),
    "the state of an operation without a model on Vertex AI": ("operations/no-model-on-vertex",),
    "an empty config in the constraints of a token": (
        "1.51.0/token-tied-to-nothing",
        "3.6.1/token-empty-config",
        "tokens/empty-config",
    ),
    "a constraint beside `generation_config`": ("1.51.0/token-generation-config", "tokens/whole-and-field"),
    "a voice name in the constraints of a token": ("tokens/voice-name",),
    "constraints of a token in camelCase": ("tokens/camel-lock",),
    "a lock of a field of the generation config": (
        "1.51.0/token-lock-path",
        "tokens/lock-alone",
        "tokens/lock-camel",
    ),
    "a lock that is empty, or names several fields": ("1.51.0/token-locks", "3.6.1/token-locks"),
    "an invalid model name in the constraints of a token": ("1.51.0/token-model", "3.6.1/token-model"),
}

_FOLLOWED: Mapping[str, tuple[str, ...]] = {
    "`labels` on the Gemini Developer API": ("1.51.0/labels",),
    "`display_name` of a `Blob` or a `FileData` on the Gemini Developer API": ("1.51.0/named-media",),
    "an API key in the `auth_config` of Google Maps on the Gemini Developer API": ("1.51.0/map-credentials",),
    "`behavior` of a function, or several speakers, on Vertex AI": ("1.51.0/behavior", "1.51.0/speakers"),
    "`will_continue` of a function response on Vertex AI": (
        "1.51.0/more-to-come",
        "generate/part-function-response-will-continue",
    ),
    "`embed` on Vertex AI with a Gemini model": ("tests/ops/test_differential_3_6_1.py::test_same_wire",),
    "the name of a multimodal dataset, for a batch on Vertex AI": ("1.51.0/datasets", "batches/dataset"),
    "`batch_size` and `learning_rate` of a tuning on Vertex AI": (
        "1.51.0/hyperparameters",
        "tunings/hyperparameters",
    ),
    "a `UnifiedMetric` in the evaluation of a tuning on Vertex AI": ("tunings/unified-metric",),
    "an API key beside a project, on Vertex AI": ("tests/test_backend.py::test_key_is_sent", _URLS),
    "`GOOGLE_GENAI_API_VERSION`, `GOOGLE_GENAI_USE_ENTERPRISE`": ("tests/test_backend.py::test_environment",),
    "`base_url_resource_scope`": ("tests/test_backend.py::test_urls",),
    "`models.get` of another publisher's model on Vertex AI": ("1.51.0/publishers", "models/publishers"),
}

_ROOTS: Mapping[str, tuple[str, ...]] = {
    "the Gemini Developer API without a version": (_URLS,),
    "Vertex AI in `us` or `eu`": (_ADDRESSES, _URLS),
    "a gateway (`base_url` alone)": (_ADDRESSES, _URLS),
    "`base_url` and a project, without a location": (_ADDRESSES, _URLS),
    "an API key and a project, without a location": ("tests/test_backend.py::test_key_without_location",),
    "a header `host`": ("tests/test_backend.py::test_host_header",),
    "the short name of a cache, with a key or a gateway": ("tests/ops/test_generate.py::test_cache_without_project",),
}

_RESPONSES: Mapping[str, tuple[str, ...]] = {
    "an unknown enum value": ("tests/schema/test_types.py::test_unknown_members",),
    "free-form JSON of more than 100 levels in a response": ("tests/wire/test_nesting.py::test_reader_refuses",),
    "a field that no type defines": ("tests/wire/test_extra_fields.py::test_parts_go_back",),
    "one object in place of a list, or the number of an enum value": (
        "tests/schema/test_protobuf_leniency.py::test_one_object_in_a_response",
        "tests/schema/test_protobuf_leniency.py::test_numbers_in_a_response",
    ),
    "citations under the name of the other backend, and `create_time` on the Gemini Developer API": (
        "tests/ops/test_generate_replies.py::test_differences_hold",
        "3.6.1/other-citations",
        "3.6.1/create-time",
    ),
    "the service tier in the usage, and the details of a token count": (
        "3.6.1/service-tier",
        "3.6.1/count-details",
    ),
    "safety attributes of the prompt beside images, from `images.generate`": ("3.6.1/prompt-safety",),
    "the display name of a tuned model, and the evaluation of a tuning job": (
        "tunings/display-name",
        "3.6.1/tuned-display-name",
        "tunings/evaluation-read",
        "tunings/no-name",
    ),
    "a response that is no JSON, or has another shape": ("tests/wire/test_decoding.py::test_wrong_type",),
    "vectors that are more or fewer than the contents": ("3.6.1/embed-count", _EMBED),
    "an error inside a response of status 200": ("3.6.1/error-in-success",),
    "an error response that is no JSON, or has its message at the root": (
        "tests/wire/test_api_errors.py::test_error_status",
    ),
}

_EXECUTION: Mapping[str, tuple[str, ...]] = {
    "a replay file, with requests in another order": (
        "tests/testing/recordings/foreign/test_google_genai.py::test_another_order",
    ),
    "a request that fails": (f"{_CALLING}::test_a_failure_ends_it",),
    "no options for retries": (
        "tests/engine/test_handler.py::test_gives_up",
        "tests/engine/test_retry.py::test_advice",
    ),
    "a time limit": ("tests/engine/test_handler.py::test_advice_past_the_deadline",),
    "a function that the model calls and that does not exist": (f"{_CALLING}::test_unknown_function",),
    "calls in the last response that `maximum_remote_calls` allows": (f"{_CALLING}::test_out_of_calls",),
    "the mode `ANY` after the first round": (f"{_CALLING}::test_any_becomes_auto",),
    "a session with an MCP server, in sync code": (f"{_MCP_SERVERS}::test_results",),
    "a session with an MCP server, in the header `x-goog-api-client`": (f"{_MCP_SERVERS}::test_headers",),
    "a session with an MCP server, in a live session": (
        f"{_MCP_SESSIONS}::test_refused",
        f"{_MCP_SESSIONS}::test_listed_functions",
    ),
    "the result of an MCP tool": ("tests/schema/test_mcp_results.py::test_media",),
    "an error of an MCP tool, by `from_mcp_response`": ("tests/schema/test_mcp_results.py::test_error",),
    "the response to a function call": (f"{_CALLING}::test_parallel_calls",),
    "an empty text beside other parts, in a chat": (f"{_CHATS}::test_an_empty_text_beside_others",),
    "an empty text alone, in a chat": ("tests/flows/test_chats.py::test_answer_without_content",),
    "a streamed turn in a chat": (f"{_CHATS}::test_streams",),
    "a failure after function calls, in a chat": ("tests/flows/test_chats.py::test_keep_rounds",),
    "a stream that breaks, in a chat": ("tests/flows/test_chats.py::test_stream",),
    "a `response_schema` dict": ("tests/schema/test_api_schema.py::TestAgreement::test_arguments_are_unchanged",),
}

_LIVE: Mapping[str, tuple[str, ...]] = {
    "an ephemeral token as key": (_OPENING,),
    "`live.music.connect`": (_OPENING,),
    "a `base_url` with `http:`": (_OPENING,),
    "a gateway with an `https:` URL": (_OPENING,),
    "credentials with a quota project": ("tests/live_protocol/test_opening.py::test_credentials_of_the_callers_own",),
    "bytes or times in the config or in a function response": (_SETUP, _FRAMES),
    "a field set both directly and in `generation_config`": (_SETUP,),
    '`speech_config="Kore"` in a session': (_SETUP,),
    "an empty tool, an empty list of tools": (_SETUP, "3.6.1/live-tools"),
    '`live.client_content("hi")`': (_FRAMES,),
    "`live.client_content([])` or `live.client_content([{}])`": (_FRAMES, "3.6.1/live-turns"),
    "a part that Vertex AI lacks in a session": ("3.6.1/live-parts",),
    "a message of an unknown kind": (f"{_MESSAGES}::test_unknown",),
    "an error that arrives as a message": (f"{_MESSAGES}::test_errors",),
    "`responseTokenCount` on Vertex AI": (f"{_MESSAGES}::test_response_token_names",),
    "the end of a turn, or a lost connection": ("tests/live_protocol/test_protocol_connections.py::test_go_away",),
    "a frame of more than 1 MiB": (f"{_MESSAGES}::test_large",),
    "a close with code 1000": ("tests/live_protocol/test_protocol_connections.py::test_regular_close",),
}

_LOCAL = "tests/local_tokenizer"
_AGREEMENT = f"{_LOCAL}/test_agreement.py"

_LOCAL_TOKENS: Mapping[str, tuple[str, ...]] = {
    "`LocalTokenizer` of a model without a known tokenizer, or without a network": (
        f"{_LOCAL}/test_tokenizer.py::test_unknown_model",
        f"{_LOCAL}/test_model_files.py::test_unreachable",
    ),
    "the file of a tokenizer": (f"{_LOCAL}/test_model_files.py::test_cache_folder",),
    "a JSON Schema of a function or a response, to count": (f"{_AGREEMENT}::test_counted_only_here",),
    "`any_of`, `defs` or `additional_properties` in a schema to count": (f"{_AGREEMENT}::test_counted_only_here",),
    "executed code, or media in a function response, to count": (f"{_AGREEMENT}::test_refused_only_here",),
    "`compute_tokens` of function calls or responses": (
        f"{_AGREEMENT}::test_tokens_of_all_texts",
        f"{_AGREEMENT}::test_tokens_of_calls",
    ),
    "`compute_tokens` with sentencepiece 0.2.3": (f"{_AGREEMENT}::test_tokens_with_current_sentencepiece",),
}

EVIDENCE: Mapping[str, tuple[str, ...]] = {
    **_CONTENTS,
    **_CONFIG,
    **_FUNCTIONS,
    **_EMBEDDINGS,
    **_FILES,
    **_BATCHES,
    **_TUNING,
    **_STORES_AND_TOKENS,
    **_LOCAL_TOKENS,
    **_FOLLOWED,
    **_ROOTS,
    **_RESPONSES,
    **_EXECUTION,
    **_LIVE,
}
