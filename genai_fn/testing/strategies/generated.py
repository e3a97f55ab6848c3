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
from genai_fn.testing.strategies.calls import calls_of, must_call
from genai_fn.testing.strategies.candidates import PROSE, candidate, tools
from genai_fn.testing.strategies.fitting import fitting
from genai_fn.testing.strategies.pictures import PNG
from genai_fn.testing.strategies.types import json, of, texts
from genai_fn.testing.strategies.weights import Ways, weighed

__all__ = ["generated"]


def generated(operation: GenerateContent) -> SearchStrategy[GenerateContentResponse]:
    """Draw whole answers; the simplest is a short text that came to its end."""
    ways: Ways = {
        "answered": (16, _answered(operation, weighed(_ways(operation.config)))),
        "prompt blocked": (1, _blocked),
        "no candidate": (1, st.builds(GenerateContentResponse, usage_metadata=st.none() | _usage)),
        "unusual": (1, of(GenerateContentResponse).map(_from_a_server)),
    }
    return weighed(ways)


def _from_a_server(response: GenerateContentResponse) -> GenerateContentResponse:
    """Leave out what only google-genai fills in, and tell several candidates apart."""
    return replace(response, candidates=_numbered(response.candidates), automatic_function_calling_history=())


def _numbered(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    if len(candidates) < 2:
        return tuple(candidates)
    return tuple(replace(each, index=index) for index, each in enumerate(candidates))


_blocked = st.builds(
    GenerateContentResponse,
    prompt_feedback=st.builds(
        GenerateContentResponsePromptFeedback,
        block_reason=of(BlockedReason),
        block_reason_message=st.none() | texts,
        safety_ratings=of(tuple[SafetyRating, ...]),
    ),
)


@st.composite
def _answered(draw: DrawFn, operation: GenerateContent, strategy: SearchStrategy[Candidate]) -> GenerateContentResponse:
    count = min(max(operation.config.candidate_count or 1, 1), _MOST)
    candidates = [draw(strategy) for _ in range(count)]
    response = GenerateContentResponse(candidates=_numbered(candidates))
    if not draw(st.booleans()):
        return response
    return replace(
        response,
        usage_metadata=draw(_usage),
        model_version=draw(st.none() | st.just(operation.model.rpartition("/")[2])),
        response_id=draw(st.none() | texts),
    )


_MOST = 8

_counts = st.integers(0, 10**6)


@st.composite
def _usages(draw: DrawFn) -> GenerateContentResponseUsageMetadata:
    prompt, candidates, thoughts = draw(_counts), draw(_counts), draw(st.none() | _counts)
    return GenerateContentResponseUsageMetadata(
        prompt_token_count=prompt,
        candidates_token_count=candidates,
        thoughts_token_count=thoughts,
        total_token_count=prompt + candidates + (thoughts or 0),
    )


_usage = _usages()


# One candidate


def _ways(config: GenerateContentConfig) -> Ways:
    """List the ways in which a candidate may turn out: the best first."""
    calls = calls_of(config)
    wanted = _wanted(config)
    ways: dict[str, tuple[int, SearchStrategy[Any]]] = {**calls} if must_call(config) else {}
    if wanted is not None:
        ways |= {
            "JSON that fits": (8, _said(wanted)),
            "JSON that does not fit": (2, _said(_unfit(wanted))),
        }
    elif not must_call(config):
        ways |= {"text": (8, _said(PROSE))}
    return {
        **ways,
        **calls,
        "several parts": (2, _several(PROSE if wanted is None else wanted, _beside(config), _is_grounded(config))),
        "truncated": (2, _truncated(PROSE if wanted is None else wanted)),
        "held back": (1, _held_back),
        "empty": (1, _empty),
        "an odd candidate": (1, of(Candidate).map(lambda each: replace(each, index=None))),
    }


def _said(strategy: SearchStrategy[str]) -> SearchStrategy[Candidate]:
    return strategy.map(lambda text: candidate(Part(text=text)))


@st.composite
def _truncated(draw: DrawFn, strategy: SearchStrategy[str]) -> Candidate:
    text = draw(strategy)
    kept = text[: draw(st.integers(0, len(text)))]
    is_there = bool(kept) or draw(st.booleans())  # thoughts may have taken all there was
    whole = candidate(Part(text=kept), reason=FinishReason.MAX_TOKENS)
    return whole if is_there else replace(whole, content=None)


_REASONS = [each for each in FinishReason if each not in (FinishReason.STOP, FinishReason.MAX_TOKENS)]

_held_back = st.builds(
    Candidate,
    content=st.one_of(
        st.none(),
        st.just(Content(role="model")),
        PROSE.map(lambda text: Content(parts=(Part(text=text),), role="model")),
    ),
    finish_reason=st.one_of(st.sampled_from(_REASONS), texts.map(FinishReason)),
    finish_message=st.none() | texts,
    safety_ratings=of(tuple[SafetyRating, ...]),
)

_empty = st.sampled_from(
    [
        candidate(),
        candidate(Part(text="")),
        Candidate(finish_reason=FinishReason.STOP),
        Candidate(content=Content(role="model"), finish_reason=FinishReason.STOP),
        Candidate(content=Content()),
        Candidate(),
    ]
)


@st.composite
def _several(draw: DrawFn, strategy: SearchStrategy[str], beside: SearchStrategy[Part], is_grounded: bool) -> Candidate:
    text = draw(strategy)
    cut = draw(st.integers(0, len(text)))
    seal = st.none() | of(Opaque)
    parts = [Part(text=text[:cut]), Part(text=text[cut:], thought_signature=draw(seal))]
    for each in draw(st.lists(beside, max_size=3)):
        parts.insert(draw(st.integers(0, len(parts))), each)
    whole = candidate(*parts)
    return replace(whole, grounding_metadata=draw(of(GroundingMetadata))) if is_grounded else whole


def _is_grounded(config: GenerateContentConfig) -> bool:
    return _has(config, "google_search", "google_search_retrieval", "file_search", "enterprise_web_search")


def _beside(config: GenerateContentConfig) -> SearchStrategy[Part]:
    """Draw what may stand beside the text."""
    kinds: list[SearchStrategy[Part]] = [st.just(Part(text=""))]
    if config.thinking_config is not None and config.thinking_config.include_thoughts:
        kinds.append(st.builds(Part, text=texts, thought=st.just(value=True)))
    if _has(config, "code_execution"):
        kinds += [
            st.builds(Part, executable_code=st.builds(ExecutableCode, code=texts)),
            st.builds(
                Part,
                code_execution_result=st.builds(CodeExecutionResult, outcome=of(Outcome), output=st.none() | texts),
            ),
        ]
    for modality, data, mime_type in (("IMAGE", PNG, "image/png"), ("AUDIO", b"\0\0\1\0", "audio/L16;rate=24000")):
        if modality in (config.response_modalities or ()):
            kinds.append(st.just(Part(inline_data=Blob(data=data, mime_type=mime_type))))
    return st.one_of(kinds)


def _has(config: GenerateContentConfig, *names: str) -> bool:
    return any(getattr(each, name) is not None for each in tools(config) for name in names)


# JSON


def _wanted(config: GenerateContentConfig) -> SearchStrategy[str] | None:
    """Draw texts of the shape that is asked for; None where any text will do."""
    schema: Any = config.response_json_schema if config.response_schema is None else config.response_schema
    if config.response_mime_type == "text/x.enum" and schema is not None:
        return fitting(schema).map(str)
    if schema is None and config.response_mime_type != "application/json":
        return None
    return (json if schema is None else fitting(schema)).map(_written)


def _written(value: Any) -> str:
    return codec.encode(value).decode()


@st.composite
def _unfit(draw: DrawFn, strategy: SearchStrategy[str]) -> str:
    another = draw(st.one_of(st.just("null"), json.map(_written), PROSE, strategy))
    return draw(st.sampled_from([another, another[: len(another) // 2], f"```json\n{another}\n```", another + "}"]))
