"""Content generation: the request is checked, the answer cut to its limits, and sent whole or a few words at a time."""

from typing import Any

from genai_fn import codec
from genai_fn.emulator.answers import told
from genai_fn.emulator.contents.prompts import GenerateContentRequest, Prompt, prompt_of
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.places import GEMINI_MODELS, VERTEX_MODELS
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.calls import called
from genai_fn.emulator.stand_in.digests import digest
from genai_fn.emulator.stand_in.pieces import chunks, pieces
from genai_fn.emulator.stand_in.saying import document, question, reply
from genai_fn.emulator.stand_in.shaped import Unreadable, shaped
from genai_fn.emulator.state import State
from genai_fn.emulator.stores.retrieval import found, supported
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
from genai_fn.schema._base import Value

__all__ = ["ROUTES", "responded"]


def responded(state: State, asked: Asked, model: str, request: GenerateContentRequest) -> GenerateContentResponse:
    """
    Answer one request whole, be it one of a batch.

    Raises:
        Fault: where the request makes no sense, or names what is not there.
    """
    answer = _answered(state, asked, model, request)
    whole = [answer.candidate(said, "".join(said.pieces), is_last=True) for said in answer.said]
    return answer.response(*whole, is_last=True)


def _generated(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``generateContent``."""
    return state, told(responded(state, asked, asked.names["model"], body_of(asked, GenerateContentRequest)))


def _streamed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``streamGenerateContent``: as server-sent events, or, without ``alt=sse``, as one JSON array."""
    answer = _answered(state, asked, asked.names["model"], body_of(asked, GenerateContentRequest))
    written = [piece for each in answer.said for piece in answer.pieces(each)]
    items = [answer.response(each, is_last=index == len(written)) for index, each in enumerate(written, 1)]
    if asked.query.get("alt") != "sse":
        return state, told(items)
    events = b"".join(b"data: " + codec.encode(each) + b"\r\n\r\n" for each in items)
    return state, HttpResponse(200, (("content-type", "text/event-stream"),), events)


ROUTES = (
    *(("POST", f"{model}:generateContent", _generated) for model in (*GEMINI_MODELS, *VERTEX_MODELS)),
    *(("POST", f"{model}:streamGenerateContent", _streamed) for model in (*GEMINI_MODELS, *VERTEX_MODELS)),
)


# What is answered


class _Said(Value):
    """One candidate: its tokens or the function that it calls, and why it ends there."""

    index: int
    pieces: tuple[str, ...]
    reason: FinishReason
    call: FunctionCall | None = None


class _Answer(Value):
    """All candidates, and what goes with each response that they are sent in."""

    said: tuple[_Said, ...]
    grounding: GroundingMetadata | None
    prompt: Prompt
    model: str
    identity: str

    def response(self, *candidates: Candidate, is_last: bool) -> GenerateContentResponse:
        return GenerateContentResponse(
            candidates=candidates,
            usage_metadata=self._usage() if is_last else None,
            model_version=self.model,
            response_id=self.identity,
        )

    def pieces(self, said: _Said) -> list[Candidate]:
        """Make a candidate in pieces of a few words each."""
        *texts, last = chunks(said.pieces) or ("",)
        return [
            *(self.candidate(said, each, is_last=False) for each in texts),
            self.candidate(said, last, is_last=True),
        ]

    def candidate(self, said: _Said, text: str, *, is_last: bool) -> Candidate:
        """Make a candidate, or a piece of one; what concerns it whole comes with the last."""
        part = Part(text=text or None, function_call=said.call)
        content = Content(parts=None if part == Part() else (part,), role="model")
        if not is_last:
            return Candidate(content=content, index=said.index)
        grounding = None if self.grounding is None else supported(self.grounding, "".join(said.pieces))
        return Candidate(content=content, finish_reason=said.reason, grounding_metadata=grounding, index=said.index)

    def _usage(self) -> GenerateContentResponseUsageMetadata:
        spent = sum(len(each.pieces) for each in self.said)
        return GenerateContentResponseUsageMetadata(
            prompt_token_count=self.prompt.tokens,
            cached_content_token_count=self.prompt.cached or None,
            candidates_token_count=spent,
            total_token_count=self.prompt.tokens + spent,
        )


def _answered(state: State, asked: Asked, model: str, request: GenerateContentRequest) -> _Answer:
    prompt = prompt_of(state, asked, model, request)
    count, call = prompt.request.generation_config.candidate_count or 1, _call(prompt)
    if call is None:
        grounding = _grounding(state, prompt)
        said = [_cut(each, _text(model, prompt, each, grounding), prompt) for each in range(count)]
    else:
        grounding, said = None, [_Said(each, (), FinishReason.STOP, call) for each in range(count)]
    return _Answer(
        said=tuple(said),
        grounding=grounding,
        prompt=prompt,
        model=model,
        identity=digest(f"{model}\n".encode("utf-8", "replace") + codec.encode(request), 11).hex(),
    )


def _call(prompt: Prompt) -> FunctionCall | None:
    try:
        return called(prompt.request.tools or (), prompt.request.tool_config, question(prompt.contents) or "offline")
    except Unreadable as error:
        raise invalid(f"The parameters of a function cannot be read ({error}).") from None


def _grounding(state: State, prompt: Prompt) -> GroundingMetadata | None:
    """Search where a tool says so; the first one that finds anything counts."""
    searched = (found(state, tool, question(prompt.contents)) for tool in prompt.request.tools or ())
    return next((each for each in searched if each is not None), None)


def _text(model: str, prompt: Prompt, index: int, grounding: GroundingMetadata | None) -> str:
    config, contents, system = prompt.request.generation_config, prompt.contents, prompt.request.system_instruction
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = codec.to_builtins(config.response_schema)
    if schema is not None:
        value = _shaped(schema, question(contents) or "offline")
        return value if config.response_mime_type == "text/x.enum" and isinstance(value, str) else _written(value)
    if config.response_mime_type == "application/json":
        return _written(document(model, contents, system))
    text = reply(model, contents, system, [] if grounding is None else _passages(grounding))
    return f"{text} This is answer {index + 1}." if index else text


def _passages(grounding: GroundingMetadata) -> list[str]:
    chunks = (each.retrieved_context for each in grounding.grounding_chunks)
    return [each.text for each in chunks if each is not None and each.text]


def _shaped(schema: Any, text: str) -> Any:
    try:
        return shaped(schema, text)
    except Unreadable as error:
        raise invalid(f"The response schema cannot be read ({error}).") from None


def _written(value: Any) -> str:
    return codec.encode(value).decode()


def _cut(index: int, text: str, prompt: Prompt) -> _Said:
    """End a text at the first stop sequence, or after so many tokens."""
    config = prompt.request.generation_config
    stops = [at for stop in config.stop_sequences or () if stop and (at := text.find(stop)) >= 0]
    told = pieces(text[: min(stops)] if stops else text)
    most = config.max_output_tokens
    if most is not None and len(told) > most:
        return _Said(index, told[:most], FinishReason.MAX_TOKENS)
    return _Said(index, told, FinishReason.STOP)
