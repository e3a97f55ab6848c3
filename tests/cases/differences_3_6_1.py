"""
Deliberate differences from google-genai 3.6.1: in requests, in declarations of functions, and in what is read.

`tests.support.google_genai_3_6_1.comparison` states the form in which it describes a difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = [
    "DIFFERENCES_3_6_1",
    "READS_MORE_3_6_1",
    "READ_DIFFERENCES_3_6_1",
    "CallDifference",
    "find_call_difference",
]


@dataclass(frozen=True)
class CallDifference:
    """The reason, and patterns of the operations, backends and differences that it explains."""

    why: str
    operations: str
    backends: str
    shown_as: tuple[str, ...]

    def explains(self, operation: str, backend: str, shown: str) -> bool:
        """Whether a difference has this reason."""
        return (
            fnmatchcase(operation.removesuffix(".stream"), self.operations)
            and fnmatchcase(backend, self.backends)
            and any(fnmatchcase(shown, pattern.replace("[]", "[[]]")) for pattern in self.shown_as)
        )


def find_call_difference(operation: str, backend: str, shown: str) -> str | None:
    """Return the name of the row that explains a difference in a request, if any."""
    return next((name for name, row in DIFFERENCES_3_6_1.items() if row.explains(operation, backend, shown)), None)


_KEPT = "3.6.1 removed it from the Gemini Developer API, which still answers; 1.51.0 sends it"
_TWO_PLACES = "the dataset is in one place: another combination is a mistake on any backend, so it is reported first"

DIFFERENCES_3_6_1: Mapping[str, CallDifference] = {
    "images-on-gemini": CallDifference(_KEPT, "images.generate", "gemini", ("raises: This method is only supported*",)),
    "videos-on-gemini": CallDifference(_KEPT, "videos.generate", "gemini", ("raises: This method is only supported*",)),
    "tunings-list-on-gemini": CallDifference(
        _KEPT, "tunings.list", "gemini", ("raises: This method is only supported*",)
    ),
    "token-model": CallDifference(
        "a model name that could lead elsewhere is refused wherever it stands",
        "auth_tokens.create",
        "gemini",
        ("mistake: config.live_connect_constraints.model",),
    ),
    "token-locks": CallDifference(
        "a lock names one field; 3.6.1 puts an empty name, or two with a comma, into the mask",
        "auth_tokens.create",
        "gemini",
        ("mistake: config.lock_additional_fields[]",),
    ),
    "token-empty-config": CallDifference(
        "a setup has no field config, in which 3.6.1 sends an empty one",
        "auth_tokens.create",
        "gemini",
        ("body", "body.bidiGenerateContentSetup.config"),
    ),
    "text-schema": CallDifference(
        "the API's name for the schema of a text is schema; 3.6.1 uses it in generate alone",
        "*",
        "*",
        ("body.*responseFormat[].text.schema", "body.*responseFormat[].text.jsonSchema"),
    ),
    "batch-by-full-name": CallDifference(
        "a full name leads to the project and location that it names; 3.6.1 looks for its last part in its own",
        "batches.*",
        "vertex",
        ("path",),
    ),
    "batch-without-contents": CallDifference(
        "a request without contents cannot be answered, and is a mistake",
        "batches.*",
        "gemini",
        ("mistake: src.inlined_requests*contents", "other refusal: src.inlined_requests*contents"),
    ),
    "batch-destination": CallDifference(
        "any destination can be sent: the service knows which ones exist",
        "batches.create",
        "vertex",
        ("raises: Unsupported destination*",),
    ),
    "batch-empty-results": CallDifference(
        "results are in responses only, where an empty list is the default: it is the same as none",
        "batches.create",
        "vertex",
        ("raises: inlined_*",),
    ),
    "http-options": CallDifference(
        "options of the network are not part of a config: with_options replaces them",
        "*",
        "*",
        ("mistake: *config.http_options",),
    ),
    "automatic-calling": CallDifference(
        "functions are called only with calling(…); without it the field has no effect, and is a mistake",
        "*",
        "*",
        ("mistake: *config.automatic_function_calling",),
    ),
    "empty-content": CallDifference(
        "an empty dict is no content, and is a mistake",
        "caches.create",
        "*",
        ("mistake: config.contents",),
    ),
    "empty-part": CallDifference(
        "the service rejects a part without content; 3.6.1 sends it",
        "*",
        "*",
        ("mistake: contents*parts[]", "other refusal: contents*parts[]"),
    ),
    "store-model": CallDifference(
        "the embedding model of a store is a model name, and checked like any other",
        "stores.create",
        "gemini",
        ("mistake: config.embedding_model",),
    ),
    "one-vector-an-item": CallDifference(
        "embed returns one vector for each item of a list; 3.6.1 joins texts into one content for some models",
        "embed",
        "*",
        ("body.requests", "body.content", "body.embedContentConfig", "path", "refused: contents"),
    ),
    "embed-texts-only": CallDifference(
        "a model that takes texts alone refuses other parts; 3.6.1 leaves them out",
        "embed",
        "vertex",
        ("refused: contents[].parts*",),
    ),
    "embed-unused-fields": CallDifference(
        "a field that the model's method does not have is refused; 3.6.1 leaves it out",
        "embed",
        "vertex",
        ("refused: config.document_ocr", "refused: config.audio_track_extraction", "refused: config.mime_type"),
    ),
    "schema-types": CallDifference(
        "a type and null is that type, nullable; 3.6.1 raises AttributeError",
        "generate",
        "*",
        ("raises: 'list' object has no attribute*",),
    ),
    "numbers": CallDifference(
        "NaN is not JSON, and a text is no number",
        "generate",
        "*",
        ("mistake: config.temperature",),
    ),
    "schema-of-words": CallDifference(
        "an enum in a schema is one of strings: the type is added where it is missing",
        "generate",
        "*",
        ("body.generationConfig.responseSchema.type",),
    ),
    "schema-beside-ref": CallDifference(
        "what stands beside a $ref is kept; 3.6.1 drops it",
        "generate",
        "*",
        ("body.generationConfig.responseSchema.properties.a.description",),
    ),
    "schema-recursive": CallDifference(
        "response_schema cannot express recursion, so it is a mistake; 3.6.1 cuts the schema off",
        "generate",
        "*",
        ("mistake: config.response_schema.properties.next.$ref",),
    ),
    "voice-without-name": CallDifference(
        "an empty voice name is sent as it is; 3.6.1 sends nothing on one backend, {} on the other",
        "generate",
        "*",
        ("body.generationConfig", "body.generationConfig.speechConfig.voiceConfig"),
    ),
    "models-filter": CallDifference(
        "a filter is escaped in the query; 3.6.1 raises if a character cannot be printed",
        "models.list",
        "*",
        ("raises: Invalid non-printable*",),
    ),
    "metadata-alone": CallDifference(
        "a part that has only video_metadata is a part; 3.6.1 treats it as a File, and misses its URI",
        "*",
        "*",
        ("raises: file uri and mime_type are required*",),
    ),
    "stores-on-vertex": CallDifference(
        "Vertex AI has no file search stores; 3.6.1 asks it for a prediction of that name",
        "operations.get.*",
        "vertex",
        ("refused: operations.get.*",),
    ),
    "force": CallDifference("a boolean in the query is true, as in JSON", "stores*.delete", "gemini", ("query.force",)),
    "tuning-examples": CallDifference(
        "examples are sent; 3.6.1 leaves them out",
        "tunings.tune",
        "gemini",
        ("body.tuningTask*",),
    ),
    "tuning-two-places": CallDifference(
        _TWO_PLACES, "tunings.tune", "*", ("other refusal: training_dataset", "mistake: training_dataset")
    ),
    "tuning-judged": CallDifference(
        "an evaluation is checked: it needs metrics, and where to write; 3.6.1 sends it as it is",
        "tunings.tune",
        "*",
        ("mistake: config.evaluation_config.*", "other refusal: config.evaluation_config.*"),
    ),
    "tuning-model": CallDifference(
        "a model name is required", "tunings.tune", "*", ("mistake: base_model", "other refusal: base_model")
    ),
    "tuning-method": CallDifference(
        "a method that the backend lacks is refused, as is a field that the method lacks; 3.6.1 leaves both out",
        "tunings.tune",
        "*",
        ("refused: config.method", "refused: config.batch_size", "refused: config.learning_rate"),
    ),
    "tuning-unknown-method": CallDifference(
        "an empty method is none; 3.6.1 leaves out the settings of it",
        "tunings.tune",
        "vertex",
        ("body.supervisedTuningSpec",),
    ),
    "live-parts": CallDifference(
        "a session refuses the same parts as generate does on the backend; 3.6.1 does not look at them",
        "live.*",
        "vertex",
        (
            "refused: client_content.turns[].parts[].tool_*",
            "refused: tool_response.function_responses[].will_continue",
        ),
    ),
    "live-turns": CallDifference(
        "an empty list of turns, or an empty turn, is a mistake: None means no turns",
        "live.client_content",
        "*",
        ("mistake: turns", "mistake: turns[]"),
    ),
    "live-tools": CallDifference(
        "an empty list of tools is sent; 3.6.1 leaves it out",
        "live.connect",
        "*",
        ("body.setup.tools",),
    ),
    "tuning-checkpoint": CallDifference(
        "the checkpoint of a model that has none is refused; 3.6.1 leaves it out",
        "tunings.tune",
        "vertex",
        ("refused: config.pre_tuned_model_checkpoint_id",),
    ),
}
"""Where a request differs on purpose: name → reason, and what shows it."""


READ_DIFFERENCES_3_6_1: Mapping[str, CallDifference] = {
    "embed-count": CallDifference(
        "as many vectors as there were contents: another number could not be matched with them",
        "embed",
        "*",
        ("failure: CountMismatch",),
    ),
    "error-in-success": CallDifference(
        "an error inside a response of status 200 is the corresponding error",
        "batches.*",
        "gemini",
        ("failure: *",),
    ),
}
"""Where a value is read differently on purpose."""


READS_MORE_3_6_1: Mapping[str, CallDifference] = {
    "service-tier": CallDifference(
        "the service tier of a response is read; google-genai drops it",
        "generate",
        "*",
        ("usage_metadata.service_tier",),
    ),
    "other-citations": CallDifference(
        "citations are read under the names of both backends, because gateways mix them",
        "generate",
        "*",
        ("candidates[].citation_metadata*",),
    ),
    "create-time": CallDifference(
        "the time of a response is read on the Gemini Developer API, too", "generate", "gemini", ("create_time",)
    ),
    "count-details": CallDifference(
        "the details of a token count are read; google-genai drops them",
        "tokens.count",
        "gemini",
        ("prompt_tokens_details",),
    ),
    "prompt-safety": CallDifference(
        "safety attributes of the prompt are read beside images; google-genai drops them",
        "images.generate",
        "vertex",
        ("positive_prompt_safety_attributes",),
    ),
    "tuned-display-name": CallDifference(
        "the display name of a tuned model is read; google-genai drops it",
        "tunings.get",
        "gemini",
        ("tuned_model_display_name",),
    ),
}
"""What is read here, and not by google-genai."""
