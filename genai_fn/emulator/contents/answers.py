"""Answers of the model before they are encoded: as one response, or as the chunks of a stream."""

from collections.abc import Iterator

from msgspec.structs import replace

from genai_fn.emulator.contents.prompts import ResolvedPrompt
from genai_fn.emulator.fake_model.tokenizer import count_part_modalities, sum_token_counts
from genai_fn.emulator.scripts.script import EMPTY_ANSWER, ScriptedAnswer
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.schema.content import Content, Part
from genai_fn.schema.grounding import GroundingMetadata
from genai_fn.schema.responses import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GenerateContentResponseUsageMetadata,
)
from genai_fn.values import Value


class CandidateDraft(Value, kw_only=True):
    """A candidate before it is encoded."""

    parts: tuple[Part, ...]
    """All parts, as in a single response."""
    chunks: tuple[tuple[Part, ...], ...]
    """The parts of each chunk of a stream."""
    finish_reason: FinishReason = FinishReason.STOP
    grounding: GroundingMetadata | None = None


class GeneratedAnswer(Value, kw_only=True):
    """An answer: its candidates, and the values that all of its responses share, one response or one a chunk."""

    prompt: ResolvedPrompt
    model: str
    response_id: str
    drafts: tuple[CandidateDraft, ...] = ()
    scripted: ScriptedAnswer = EMPTY_ANSWER
    """
    What a script contains besides candidates: token counts, why the prompt is blocked, a whole response in place of all
    of this, and whether the connection is dropped after the chunks, so that none of them ends the answer.
    """
    fault: EmulatedFault | None = None
    """An error after the chunks of a stream, and in place of a single response."""

    def build_response(self) -> GenerateContentResponse:
        """
        Build the whole response.

        Raises:
            EmulatedFault: If the answer is an error.
        """
        if self.fault is not None:
            raise self.fault
        if self.scripted.response is not None:
            return self._complete(self.scripted.response)
        candidates = [_build_candidate(index, each, each.parts, is_last=True) for index, each in enumerate(self.drafts)]
        return self._build_chunk(*candidates, is_last=True)

    def build_chunks(self) -> list[GenerateContentResponse]:
        """Build the chunks of a stream. If the stream breaks off, no chunk has a finish reason or token counts."""
        if self.scripted.response is not None:
            return [self._complete(self.scripted.response)]
        is_broken = self.fault is not None or self.scripted.drop
        candidates = [each for pair in enumerate(self.drafts) for each in _iter_chunks(*pair, is_broken=is_broken)]
        if not candidates and not is_broken:
            return [self._build_chunk(is_last=True)]
        last = 0 if is_broken else len(candidates)
        return [self._build_chunk(each, is_last=number == last) for number, each in enumerate(candidates, 1)]

    def _build_chunk(self, *candidates: Candidate, is_last: bool) -> GenerateContentResponse:
        block = self.scripted.block
        feedback = None if block is None else GenerateContentResponsePromptFeedback(block_reason=block)
        return GenerateContentResponse(
            candidates=candidates,
            prompt_feedback=feedback,
            usage_metadata=self._build_usage() if is_last else None,
            model_version=self.model,
            response_id=self.response_id,
        )

    def _complete(self, response: GenerateContentResponse) -> GenerateContentResponse:
        """Add the model and the ID, unless the response has them."""
        return replace(
            response,
            model_version=response.model_version or self.model,
            response_id=response.response_id or self.response_id,
        )

    def _build_usage(self) -> GenerateContentResponseUsageMetadata:
        details = count_part_modalities(part for each in self.drafts for part in each.parts)
        count = sum_token_counts(details)
        prompt = self.prompt
        counted = GenerateContentResponseUsageMetadata(
            prompt_token_count=prompt.token_count,
            prompt_tokens_details=prompt.token_details,
            cached_content_token_count=prompt.cached_token_count,
            cache_tokens_details=prompt.cached_token_details,
            candidates_token_count=None if self.scripted.block is not None else count,
            total_token_count=prompt.token_count + count,
            service_tier=prompt.request.service_tier,
        )
        return counted if self.scripted.usage is None else _merge_usage(counted, self.scripted.usage)


def _iter_chunks(index: int, draft: CandidateDraft, *, is_broken: bool) -> Iterator[Candidate]:
    chunks = draft.chunks or (() if is_broken else ((),))
    last = 0 if is_broken else len(chunks)
    return (_build_candidate(index, draft, parts, is_last=number == last) for number, parts in enumerate(chunks, 1))


def _build_candidate(index: int, draft: CandidateDraft, parts: tuple[Part, ...], *, is_last: bool) -> Candidate:
    """Build a candidate or one of its chunks. Only the last one has a finish reason and grounding metadata."""
    content = Content(parts=parts or None, role="model")
    if not is_last:
        return Candidate(content=content, index=index)
    return Candidate(
        content=content, finish_reason=draft.finish_reason, grounding_metadata=draft.grounding, index=index
    )


def _merge_usage(
    counted: GenerateContentResponseUsageMetadata, given: GenerateContentResponseUsageMetadata
) -> GenerateContentResponseUsageMetadata:
    """Replace the counts that are given; the total is their sum, unless it is given, too."""
    changes = {name: value for name in given.__struct_fields__ if (value := getattr(given, name)) not in (None, ())}
    merged = replace(counted, **changes)
    if given.prompt_token_count is not None:
        merged = replace(merged, prompt_tokens_details=given.prompt_tokens_details)
    if given.total_token_count is None:
        counts = (merged.prompt_token_count, merged.candidates_token_count, merged.thoughts_token_count)
        merged = replace(merged, total_token_count=sum(each or 0 for each in counts))
    return merged
