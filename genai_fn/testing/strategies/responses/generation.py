"""What a model may answer to a conversation: as it was asked, or cut off, held back, and beside the point."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.ops.generate import GenerateContent
from genai_fn.schema import (
    Blob,
    BlockedReason,
    Candidate,
    CodeExecutionResult,
    Content,
    ExecutableCode,
    FinishReason,
    GenerateContentConfig,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GenerateContentResponseUsageMetadata,
    GroundingMetadata,
    Opaque,
    Outcome,
    Part,
    SafetyRating,
)
from genai_fn.testing.strategies.responses.candidates import PROSE_TEXTS, build_candidate, get_tools
from genai_fn.testing.strategies.responses.function_calls import is_call_required, list_call_candidates
from genai_fn.testing.strategies.values.json_schema import schema_values
from genai_fn.testing.strategies.values.media_files import PNG_FILE
from genai_fn.testing.strategies.values.types import from_type, json, texts
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices

__all__ = ["generated_responses"]


def generated_responses(operation: GenerateContent) -> SearchStrategy[GenerateContentResponse]:
    """Draw whole answers; the simplest is a short text that came to its end."""
    ways: WeightedChoices = {
        "answered": (
            16,
            _responses_with_candidates(operation, weighted_choices(_list_candidate_choices(operation.config))),
        ),
        "prompt blocked": (1, _blocked_responses),
        "no candidate": (1, st.builds(GenerateContentResponse, usage_metadata=st.none() | _usage_metadata)),
        "unusual": (1, from_type(GenerateContentResponse).map(_remove_client_fields)),
    }
    return weighted_choices(ways)


def _remove_client_fields(response: GenerateContentResponse) -> GenerateContentResponse:
    """Leave out what only google-genai fills in, and tell several candidates apart."""
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
    """List the ways in which a candidate may turn out: the best first."""
    calls = list_call_candidates(config)
    wanted = _json_texts(config)
    ways: dict[str, tuple[int, SearchStrategy[Any]]] = {**calls} if is_call_required(config) else {}
    if wanted is not None:
        ways |= {
            "JSON that fits": (8, _text_candidates(wanted)),
            "JSON that does not fit": (2, _text_candidates(_mismatched_texts(wanted))),
        }
    elif not is_call_required(config):
        ways |= {"text": (8, _text_candidates(PROSE_TEXTS))}
    return {
        **ways,
        **calls,
        "several parts": (
            2,
            _multipart_candidates(
                PROSE_TEXTS if wanted is None else wanted, _extra_parts(config), _is_grounded(config)
            ),
        ),
        "truncated": (2, _truncated_candidates(PROSE_TEXTS if wanted is None else wanted)),
        "held back": (1, _blocked_candidates),
        "empty": (1, _empty_candidates),
        "an odd candidate": (1, from_type(Candidate).map(lambda each: replace(each, index=None))),
    }


def _text_candidates(strategy: SearchStrategy[str]) -> SearchStrategy[Candidate]:
    return strategy.map(lambda text: build_candidate(Part(text=text)))


@st.composite
def _truncated_candidates(draw: DrawFn, strategy: SearchStrategy[str]) -> Candidate:
    text = draw(strategy)
    kept = text[: draw(st.integers(0, len(text)))]
    is_there = bool(kept) or draw(st.booleans())  # thoughts may have taken all there was
    whole = build_candidate(Part(text=kept), reason=FinishReason.MAX_TOKENS)
    return whole if is_there else replace(whole, content=None)


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
    draw: DrawFn, strategy: SearchStrategy[str], beside: SearchStrategy[Part], is_grounded: bool
) -> Candidate:
    text = draw(strategy)
    cut = draw(st.integers(0, len(text)))
    seal = st.none() | from_type(Opaque)
    parts = [Part(text=text[:cut]), Part(text=text[cut:], thought_signature=draw(seal))]
    for each in draw(st.lists(beside, max_size=3)):
        parts.insert(draw(st.integers(0, len(parts))), each)
    whole = build_candidate(*parts)
    return replace(whole, grounding_metadata=draw(from_type(GroundingMetadata))) if is_grounded else whole


def _is_grounded(config: GenerateContentConfig) -> bool:
    return _has_tool(config, "google_search", "google_search_retrieval", "file_search", "enterprise_web_search")


def _extra_parts(config: GenerateContentConfig) -> SearchStrategy[Part]:
    """Draw what may stand beside the text."""
    kinds: list[SearchStrategy[Part]] = [st.just(Part(text=""))]
    if config.thinking_config is not None and config.thinking_config.include_thoughts:
        kinds.append(st.builds(Part, text=texts, thought=st.just(value=True)))
    if _has_tool(config, "code_execution"):
        kinds += [
            st.builds(Part, executable_code=st.builds(ExecutableCode, code=texts)),
            st.builds(
                Part,
                code_execution_result=st.builds(
                    CodeExecutionResult, outcome=from_type(Outcome), output=st.none() | texts
                ),
            ),
        ]
    for modality, data, mime_type in (("IMAGE", PNG_FILE, "image/png"), ("AUDIO", b"\0\0\1\0", "audio/L16;rate=24000")):
        if modality in (config.response_modalities or ()):
            kinds.append(st.just(Part(inline_data=Blob(data=data, mime_type=mime_type))))
    return st.one_of(kinds)


def _has_tool(config: GenerateContentConfig, *names: str) -> bool:
    return any(getattr(each, name) is not None for each in get_tools(config) for name in names)


# JSON


def _json_texts(config: GenerateContentConfig) -> SearchStrategy[str] | None:
    """Draw texts of the shape that is asked for; None where any text will do."""
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
    another = draw(st.one_of(st.just("null"), json.map(_encode_json_text), PROSE_TEXTS, strategy))
    return draw(st.sampled_from([another, another[: len(another) // 2], f"```json\n{another}\n```", another + "}"]))
