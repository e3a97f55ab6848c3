"""Content generation: handles ``generateContent`` and ``streamGenerateContent``."""

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
from genai_fn.emulator.server.state import EmulatorState, RouteResult
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


def generate_response(
    state: EmulatorState, request: EmulatedRequest, model: str, body: EmulatedGenerateRequest
) -> GenerateContentResponse:
    """
    Generate the whole response to a request, sent alone or in a batch.

    Raises:
        EmulatedFault: If the request is invalid, or refers to a cache, file or store that does not exist.
    """
    answer = _generate_answer(state, request, model, body)
    candidates = [answer.build_candidate(draft, "".join(draft.tokens), is_last=True) for draft in answer.drafts]
    return answer.build_response(*candidates, is_last=True)


def _generate_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``generateContent``."""
    body = parse_body(request, EmulatedGenerateRequest)
    return state, build_json_response(generate_response(state, request, request.path_params["model"], body))


def _stream_generate_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``streamGenerateContent``: server-sent events, or one JSON array without ``alt=sse``."""
    body = parse_body(request, EmulatedGenerateRequest)
    answer = _generate_answer(state, request, request.path_params["model"], body)
    chunks = [chunk for each in answer.drafts for chunk in answer.build_candidate_chunks(each)]
    items = [answer.build_response(each, is_last=index == len(chunks)) for index, each in enumerate(chunks, 1)]
    if request.query.get("alt") != "sse":
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


class _CandidateDraft(Value):
    """A candidate before it is encoded: its tokens or its function call, and its finish reason."""

    index: int
    tokens: tuple[str, ...]
    finish_reason: FinishReason
    call: FunctionCall | None = None


class _GeneratedAnswer(Value):
    """The candidates of an answer, and the values that all of its responses share: one response, or one a chunk."""

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

    def build_candidate_chunks(self, draft: _CandidateDraft) -> list[Candidate]:
        """Build the chunks of a candidate, a few words each."""
        *texts, last = join_chunks(draft.tokens) or ("",)
        return [
            *(self.build_candidate(draft, each, is_last=False) for each in texts),
            self.build_candidate(draft, last, is_last=True),
        ]

    def build_candidate(self, draft: _CandidateDraft, text: str, *, is_last: bool) -> Candidate:
        """Build a candidate or one of its chunks. Only the last one has a finish reason and grounding metadata."""
        part = Part(text=text or None, function_call=draft.call)
        content = Content(parts=None if part == Part() else (part,), role="model")
        if not is_last:
            return Candidate(content=content, index=draft.index)
        grounding = None if self.grounding is None else add_grounding_supports(self.grounding, "".join(draft.tokens))
        return Candidate(
            content=content, finish_reason=draft.finish_reason, grounding_metadata=grounding, index=draft.index
        )

    def _build_usage(self) -> GenerateContentResponseUsageMetadata:
        count = sum(len(each.tokens) for each in self.drafts)
        return GenerateContentResponseUsageMetadata(
            prompt_token_count=self.prompt.token_count,
            cached_content_token_count=self.prompt.cached_token_count or None,
            candidates_token_count=count,
            total_token_count=self.prompt.token_count + count,
        )


def _generate_answer(
    state: EmulatorState, request: EmulatedRequest, model: str, body: EmulatedGenerateRequest
) -> _GeneratedAnswer:
    prompt = resolve_prompt(state, request, model, body)
    count, call = prompt.request.generation_config.candidate_count or 1, _build_function_call(prompt)
    if call is None:
        grounding = _find_grounding(state, prompt)
        drafts = [_build_draft(each, _generate_text(model, prompt, each, grounding), prompt) for each in range(count)]
    else:
        grounding, drafts = None, [_CandidateDraft(each, (), FinishReason.STOP, call) for each in range(count)]
    return _GeneratedAnswer(
        drafts=tuple(drafts),
        grounding=grounding,
        prompt=prompt,
        model=model,
        response_id=compute_digest(f"{model}\n".encode("utf-8", "replace") + codec.encode(body), 11).hex(),
    )


def _build_function_call(prompt: ResolvedPrompt) -> FunctionCall | None:
    """Build a function call in mode ``ANY``; None in other modes."""
    try:
        return build_call(prompt.request.tools or (), prompt.request.tool_config, _get_seed_text(prompt))
    except UnreadableSchema as error:
        raise make_invalid_argument(f"The parameters of a function are invalid ({error}).") from None


def _get_seed_text(prompt: ResolvedPrompt) -> str:
    """Return the text to use for strings in function arguments and in values of a schema: the question."""
    return find_question(prompt.contents) or "offline"


def _find_grounding(state: EmulatorState, prompt: ResolvedPrompt) -> GroundingMetadata | None:
    """Search the stores of the tools; return the result of the first tool that finds anything."""
    searched = (search_stores(state, tool, find_question(prompt.contents)) for tool in prompt.request.tools or ())
    return next((each for each in searched if each is not None), None)


def _generate_text(model: str, prompt: ResolvedPrompt, index: int, grounding: GroundingMetadata | None) -> str:
    config, contents, system = prompt.request.generation_config, prompt.contents, prompt.request.system_instruction
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = codec.to_builtins(config.response_schema)
    if schema is not None:
        value = _build_schema_value(schema, _get_seed_text(prompt))
        is_enum = config.response_mime_type == "text/x.enum" and isinstance(value, str)
        return value if is_enum else _encode_json_text(value)
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
        raise make_invalid_argument(f"The response schema is invalid ({error}).") from None


def _encode_json_text(value: Any) -> str:
    return codec.encode(value).decode()


def _build_draft(index: int, text: str, prompt: ResolvedPrompt) -> _CandidateDraft:
    """Build a candidate from a text, cut at the first stop sequence and at the token limit."""
    config = prompt.request.generation_config
    stops = [at for stop in config.stop_sequences or () if stop and (at := text.find(stop)) >= 0]
    tokens = split_tokens(text[: min(stops)] if stops else text)
    limit = config.max_output_tokens
    if limit is not None and len(tokens) > limit:
        return _CandidateDraft(index, tokens[:limit], FinishReason.MAX_TOKENS)
    return _CandidateDraft(index, tokens, FinishReason.STOP)
