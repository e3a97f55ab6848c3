"""Strategies for responses to ``generate``: as requested, truncated, blocked, empty or malformed."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.ops.generate import GenerateContent
from genai_fn.schema.base import Opaque
from genai_fn.schema.content import Blob, CodeExecutionResult, Content, ExecutableCode, Outcome, Part
from genai_fn.schema.functions import ToolCall, ToolResponse
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.grounding import GroundingMetadata
from genai_fn.schema.responses import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GenerateContentResponseUsageMetadata,
)
from genai_fn.schema.safety import BlockedReason, SafetyRating
from genai_fn.testing.strategies.responses.candidates import PROSE_TEXTS, build_candidate, get_tools
from genai_fn.testing.strategies.responses.function_calls import is_call_required, list_call_candidates
from genai_fn.testing.strategies.values.json_schema import schema_values
from genai_fn.testing.strategies.values.media_files import PNG_FILE
from genai_fn.testing.strategies.values.types import from_type, json, texts
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices


def generated_responses(operation: GenerateContent) -> SearchStrategy[GenerateContentResponse]:
    """Draw whole responses. They shrink to a short text with finish reason STOP."""
    choices: WeightedChoices = {
        "answered": (
            16,
            _responses_with_candidates(operation, weighted_choices(_list_candidate_choices(operation.config))),
        ),
        "prompt blocked": (1, _blocked_responses),
        "no candidate": (1, st.builds(GenerateContentResponse, usage_metadata=st.none() | _usage_metadata)),
        "unusual": (1, from_type(GenerateContentResponse).map(_remove_client_fields)),
    }
    return weighted_choices(choices)


def _remove_client_fields(response: GenerateContentResponse) -> GenerateContentResponse:
    """Remove the history, which no service sends, and number the candidates."""
    return replace(response, candidates=_number_candidates(response.candidates), automatic_function_calling_history=())


def _number_candidates(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    if len(candidates) < 2:
        return tuple(candidates)
    return tuple(replace(each, index=index) for index, each in enumerate(candidates))


_blocked_responses = st.builds(
    GenerateContentResponse,
    prompt_feedback=st.builds(
        GenerateContentResponsePromptFeedback,
        block_reason=from_type(BlockedReason),
        block_reason_message=st.none() | texts,
        safety_ratings=from_type(tuple[SafetyRating, ...]),
    ),
)


@st.composite
def _responses_with_candidates(
    draw: DrawFn, operation: GenerateContent, strategy: SearchStrategy[Candidate]
) -> GenerateContentResponse:
    count = min(max(operation.config.candidate_count or 1, 1), _MAX_CANDIDATES)
    candidates = [draw(strategy) for _ in range(count)]
    response = GenerateContentResponse(candidates=_number_candidates(candidates))
    if not draw(st.booleans()):
        return response
    return replace(
        response,
        usage_metadata=draw(_usage_metadata),
        model_version=draw(st.none() | st.just(operation.model.rpartition("/")[2])),
        response_id=draw(st.none() | texts),
    )


_MAX_CANDIDATES = 8

_token_counts = st.integers(0, 10**6)


@st.composite
def _usage_metadata_values(draw: DrawFn) -> GenerateContentResponseUsageMetadata:
    prompt, candidates, thoughts = draw(_token_counts), draw(_token_counts), draw(st.none() | _token_counts)
    return GenerateContentResponseUsageMetadata(
        prompt_token_count=prompt,
        candidates_token_count=candidates,
        thoughts_token_count=thoughts,
        total_token_count=prompt + candidates + (thoughts or 0),
    )


_usage_metadata = _usage_metadata_values()


# One candidate


def _list_candidate_choices(config: GenerateContentConfig) -> WeightedChoices:
    """List strategies for a candidate. The first conforms to the config."""
    calls = list_call_candidates(config)
    json_texts = _json_texts(config)
    texts = PROSE_TEXTS if json_texts is None else json_texts
    choices: dict[str, tuple[int, SearchStrategy[Any]]] = {**calls} if is_call_required(config) else {}
    if json_texts is not None:
        choices |= {
            "JSON of the schema": (8, _text_candidates(json_texts)),
            "other JSON": (2, _text_candidates(_mismatched_texts(json_texts))),
        }
    elif not is_call_required(config):
        choices |= {"text": (8, _text_candidates(PROSE_TEXTS))}
    return {
        **choices,
        **calls,
        "several parts": (2, _multipart_candidates(texts, _extra_parts(config), _is_grounded(config))),
        "truncated": (2, _truncated_candidates(texts)),
        "blocked": (1, _blocked_candidates),
        "empty": (1, _empty_candidates),
        "any candidate": (1, from_type(Candidate).map(lambda each: replace(each, index=None))),
    }


def _text_candidates(strategy: SearchStrategy[str]) -> SearchStrategy[Candidate]:
    return strategy.map(lambda text: build_candidate(Part(text=text)))


@st.composite
def _truncated_candidates(draw: DrawFn, strategy: SearchStrategy[str]) -> Candidate:
    text = draw(strategy)
    kept = text[: draw(st.integers(0, len(text)))]
    has_content = bool(kept) or draw(st.booleans())  # thoughts may have used all the tokens
    candidate = build_candidate(Part(text=kept), reason=FinishReason.MAX_TOKENS)
    return candidate if has_content else replace(candidate, content=None)


_BLOCK_REASONS = [each for each in FinishReason if each not in (FinishReason.STOP, FinishReason.MAX_TOKENS)]

_blocked_candidates = st.builds(
    Candidate,
    content=st.one_of(
        st.none(),
        st.just(Content(role="model")),
        PROSE_TEXTS.map(lambda text: Content(parts=(Part(text=text),), role="model")),
    ),
    finish_reason=st.one_of(st.sampled_from(_BLOCK_REASONS), texts.map(FinishReason)),
    finish_message=st.none() | texts,
    safety_ratings=from_type(tuple[SafetyRating, ...]),
)

_empty_candidates = st.sampled_from(
    [
        build_candidate(),
        build_candidate(Part(text="")),
        Candidate(finish_reason=FinishReason.STOP),
        Candidate(content=Content(role="model"), finish_reason=FinishReason.STOP),
        Candidate(content=Content()),
        Candidate(),
    ]
)


@st.composite
def _multipart_candidates(
    draw: DrawFn, strategy: SearchStrategy[str], extra_parts: SearchStrategy[Part], is_grounded: bool
) -> Candidate:
    text = draw(strategy)
    middle = draw(st.integers(0, len(text)))
    signature = draw(st.none() | from_type(Opaque))
    parts = [Part(text=text[:middle]), Part(text=text[middle:], thought_signature=signature)]
    for each in draw(st.lists(extra_parts, max_size=3)):
        parts.insert(draw(st.integers(0, len(parts))), each)
    candidate = build_candidate(*parts)
    return replace(candidate, grounding_metadata=draw(from_type(GroundingMetadata))) if is_grounded else candidate


def _is_grounded(config: GenerateContentConfig) -> bool:
    return _has_tool(config, "google_search", "google_search_retrieval", "file_search", "enterprise_web_search")


def _extra_parts(config: GenerateContentConfig) -> SearchStrategy[Part]:
    """Draw parts other than the answer text: thoughts, code, images, audio, as the config allows."""
    kinds: list[SearchStrategy[Part]] = [st.just(Part(text=""))]
    if config.thinking_config is not None and config.thinking_config.include_thoughts:
        kinds.append(st.builds(Part, text=texts, thought=st.just(value=True)))
    if _has_tool(config, "code_execution"):
        kinds += [
            st.builds(Part, executable_code=st.builds(ExecutableCode, code=texts, id=st.none() | texts)),
            st.builds(
                Part,
                code_execution_result=st.builds(
                    CodeExecutionResult, outcome=from_type(Outcome), output=st.none() | texts, id=st.none() | texts
                ),
            ),
        ]
    if config.tool_config is not None and config.tool_config.include_server_side_tool_invocations:
        kinds += [
            st.builds(Part, tool_call=from_type(ToolCall), thought_signature=st.none() | from_type(Opaque)),
            st.builds(Part, tool_response=from_type(ToolResponse)),
        ]
    for modality, data, mime_type in (("IMAGE", PNG_FILE, "image/png"), ("AUDIO", b"\0\0\1\0", "audio/L16;rate=24000")):
        if modality in (config.response_modalities or ()):
            kinds.append(st.just(Part(inline_data=Blob(data=data, mime_type=mime_type))))
    return st.one_of(kinds)


def _has_tool(config: GenerateContentConfig, *names: str) -> bool:
    return any(getattr(each, name) is not None for each in get_tools(config) for name in names)


# JSON


def _json_texts(config: GenerateContentConfig) -> SearchStrategy[str] | None:
    """Draw texts of the schema in the config; None if any text is allowed."""
    schema: Any = config.response_json_schema if config.response_schema is None else config.response_schema
    if config.response_mime_type == "text/x.enum" and schema is not None:
        return schema_values(schema).map(str)
    if schema is None and config.response_mime_type != "application/json":
        return None
    return (json if schema is None else schema_values(schema)).map(_encode_json_text)


def _encode_json_text(value: Any) -> str:
    return codec.encode(value).decode()


@st.composite
def _mismatched_texts(draw: DrawFn, strategy: SearchStrategy[str]) -> str:
    text = draw(st.one_of(st.just("null"), json.map(_encode_json_text), PROSE_TEXTS, strategy))
    return draw(st.sampled_from([text, text[: len(text) // 2], f"```json\n{text}\n```", text + "}"]))
