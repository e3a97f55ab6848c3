"""Content generation: the request is checked, the answer cut to its limits, and sent whole or a few words at a time."""

from typing import Any

from genai_fn import codec
from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest, ResolvedPrompt, resolve_prompt
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.function_calls import build_call
from genai_fn.emulator.fake_model.replies import build_json_reply, build_reply, find_question
from genai_fn.emulator.fake_model.schema_values import UnreadableSchema, build_value
from genai_fn.emulator.fake_model.tokenizer import join_chunks, split_tokens
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.model_paths import GEMINI_MODEL_PATHS, VERTEX_MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.emulator.stores.retrieval import add_grounding_supports, search_stores
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    GroundingMetadata,
    Part,
)
from genai_fn.values import Value

__all__ = ["ROUTES", "generate_response"]


def generate_response(
    state: EmulatorState, asked: EmulatedRequest, model: str, request: EmulatedGenerateRequest
) -> GenerateContentResponse:
    """
    Answer one request whole, be it one of a batch.

    Raises:
        Fault: where the request makes no sense, or names what is not there.
    """
    answer = _generate_answer(state, asked, model, request)
    whole = [answer.build_candidate(said, "".join(said.tokens), is_last=True) for said in answer.drafts]
    return answer.build_response(*whole, is_last=True)


def _generate_content(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer ``generateContent``."""
    return state, build_json_response(
        generate_response(state, asked, asked.path_params["model"], parse_body(asked, EmulatedGenerateRequest))
    )


def _stream_generate_content(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer ``streamGenerateContent``: as server-sent events, or, without ``alt=sse``, as one JSON array."""
    answer = _generate_answer(state, asked, asked.path_params["model"], parse_body(asked, EmulatedGenerateRequest))
    written = [piece for each in answer.drafts for piece in answer.build_candidate_chunks(each)]
    items = [answer.build_response(each, is_last=index == len(written)) for index, each in enumerate(written, 1)]
    if asked.query.get("alt") != "sse":
        return state, build_json_response(items)
    events = b"".join(b"data: " + codec.encode(each) + b"\r\n\r\n" for each in items)
    return state, HttpResponse(200, (("content-type", "text/event-stream"),), events)


ROUTES = (
    *(("POST", f"{model}:generateContent", _generate_content) for model in (*GEMINI_MODEL_PATHS, *VERTEX_MODEL_PATHS)),
    *(
        ("POST", f"{model}:streamGenerateContent", _stream_generate_content)
        for model in (*GEMINI_MODEL_PATHS, *VERTEX_MODEL_PATHS)
    ),
)


# What is answered


class _CandidateDraft(Value):
    """One candidate: its tokens or the function that it calls, and why it ends there."""

    index: int
    tokens: tuple[str, ...]
    finish_reason: FinishReason
    call: FunctionCall | None = None


class _GeneratedAnswer(Value):
    """All candidates, and what goes with each response that they are sent in."""

    drafts: tuple[_CandidateDraft, ...]
    grounding: GroundingMetadata | None
    prompt: ResolvedPrompt
    model: str
    response_id: str

    def build_response(self, *candidates: Candidate, is_last: bool) -> GenerateContentResponse:
        return GenerateContentResponse(
            candidates=candidates,
            usage_metadata=self._build_usage() if is_last else None,
            model_version=self.model,
            response_id=self.response_id,
        )

    def build_candidate_chunks(self, said: _CandidateDraft) -> list[Candidate]:
        """Make a candidate in pieces of a few words each."""
        *texts, last = join_chunks(said.tokens) or ("",)
        return [
            *(self.build_candidate(said, each, is_last=False) for each in texts),
            self.build_candidate(said, last, is_last=True),
        ]

    def build_candidate(self, said: _CandidateDraft, text: str, *, is_last: bool) -> Candidate:
        """Make a candidate, or a piece of one; what concerns it whole comes with the last."""
        part = Part(text=text or None, function_call=said.call)
        content = Content(parts=None if part == Part() else (part,), role="model")
        if not is_last:
            return Candidate(content=content, index=said.index)
        grounding = None if self.grounding is None else add_grounding_supports(self.grounding, "".join(said.tokens))
        return Candidate(
            content=content, finish_reason=said.finish_reason, grounding_metadata=grounding, index=said.index
        )

    def _build_usage(self) -> GenerateContentResponseUsageMetadata:
        spent = sum(len(each.tokens) for each in self.drafts)
        return GenerateContentResponseUsageMetadata(
            prompt_token_count=self.prompt.token_count,
            cached_content_token_count=self.prompt.cached_token_count or None,
            candidates_token_count=spent,
            total_token_count=self.prompt.token_count + spent,
        )


def _generate_answer(
    state: EmulatorState, asked: EmulatedRequest, model: str, request: EmulatedGenerateRequest
) -> _GeneratedAnswer:
    prompt = resolve_prompt(state, asked, model, request)
    count, call = prompt.request.generation_config.candidate_count or 1, _build_call_or_fault(prompt)
    if call is None:
        grounding = _find_grounding(state, prompt)
        said = [_limit_text(each, _generate_text(model, prompt, each, grounding), prompt) for each in range(count)]
    else:
        grounding, said = None, [_CandidateDraft(each, (), FinishReason.STOP, call) for each in range(count)]
    return _GeneratedAnswer(
        drafts=tuple(said),
        grounding=grounding,
        prompt=prompt,
        model=model,
        response_id=compute_digest(f"{model}\n".encode("utf-8", "replace") + codec.encode(request), 11).hex(),
    )


def _build_call_or_fault(prompt: ResolvedPrompt) -> FunctionCall | None:
    try:
        return build_call(
            prompt.request.tools or (), prompt.request.tool_config, find_question(prompt.contents) or "offline"
        )
    except UnreadableSchema as error:
        raise make_invalid_argument(f"The parameters of a function cannot be read ({error}).") from None


def _find_grounding(state: EmulatorState, prompt: ResolvedPrompt) -> GroundingMetadata | None:
    """Search where a tool says so; the first one that finds anything counts."""
    searched = (search_stores(state, tool, find_question(prompt.contents)) for tool in prompt.request.tools or ())
    return next((each for each in searched if each is not None), None)


def _generate_text(model: str, prompt: ResolvedPrompt, index: int, grounding: GroundingMetadata | None) -> str:
    config, contents, system = prompt.request.generation_config, prompt.contents, prompt.request.system_instruction
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = codec.to_builtins(config.response_schema)
    if schema is not None:
        value = _build_schema_value(schema, find_question(contents) or "offline")
        return (
            value if config.response_mime_type == "text/x.enum" and isinstance(value, str) else _encode_json_text(value)
        )
    if config.response_mime_type == "application/json":
        return _encode_json_text(build_json_reply(model, contents, system))
    text = build_reply(model, contents, system, [] if grounding is None else _list_passages(grounding))
    return f"{text} This is answer {index + 1}." if index else text


def _list_passages(grounding: GroundingMetadata) -> list[str]:
    chunks = (each.retrieved_context for each in grounding.grounding_chunks)
    return [each.text for each in chunks if each is not None and each.text]


def _build_schema_value(schema: Any, text: str) -> Any:
    try:
        return build_value(schema, text)
    except UnreadableSchema as error:
        raise make_invalid_argument(f"The response schema cannot be read ({error}).") from None


def _encode_json_text(value: Any) -> str:
    return codec.encode(value).decode()


def _limit_text(index: int, text: str, prompt: ResolvedPrompt) -> _CandidateDraft:
    """End a text at the first stop sequence, or after so many tokens."""
    config = prompt.request.generation_config
    stops = [at for stop in config.stop_sequences or () if stop and (at := text.find(stop)) >= 0]
    told = split_tokens(text[: min(stops)] if stops else text)
    most = config.max_output_tokens
    if most is not None and len(told) > most:
        return _CandidateDraft(index, told[:most], FinishReason.MAX_TOKENS)
    return _CandidateDraft(index, told, FinishReason.STOP)
