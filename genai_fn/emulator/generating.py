"""Content generation: the request is checked, the answer cut to its limits, and sent whole or a few words at a time."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from genai_fn.emulator.calls import called
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.pieces import pieces, weight
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.saying import document, question, reply
from genai_fn.emulator.shaped import shaped
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    GenerationConfig,
    ModelSelectionConfig,
    Part,
    SafetySetting,
    Tool,
    ToolConfig,
)
from genai_fn.schema._base import Message, Value

__all__ = ["generated", "streamed"]


class _GenerationConfig(GenerationConfig):
    model_config: ModelSelectionConfig | None = None
    image_config: Any = None


class GenerateContentRequest(Message):
    """What the API reads."""

    model: str | None = None
    contents: tuple[Content, ...] | None = None
    generation_config: _GenerationConfig = _GenerationConfig()
    system_instruction: Content | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: Mapping[str, str] | None = None


def generated(asked: Asked) -> HttpResponse:
    """Answer ``generateContent``."""
    answer = _answered(asked)
    whole = [_candidate(said, "".join(said.pieces), is_last=True) for said in answer.said]
    return _json(answer.response(*whole, is_last=True))


def streamed(asked: Asked) -> HttpResponse:
    """Answer ``streamGenerateContent``: as server-sent events, or, without ``alt=sse``, as one JSON array."""
    answer = _answered(asked)
    written = [_candidate(each, text, is_last=last) for each in answer.said for text, last in _chunks(each.pieces)]
    items = [answer.response(each, is_last=index == len(written)) for index, each in enumerate(written, 1)]
    if asked.query.get("alt") != "sse":
        return _json(items)
    events = b"".join(b"data: " + msgspec.json.encode(each) + b"\r\n\r\n" for each in items)
    return HttpResponse(200, (("content-type", "text/event-stream"),), events)


def _json(value: Any) -> HttpResponse:
    return HttpResponse(200, (("content-type", "application/json; charset=UTF-8"),), msgspec.json.encode(value))


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
    prompt: int
    model: str
    identity: str

    def response(self, *candidates: Candidate, is_last: bool) -> GenerateContentResponse:
        return GenerateContentResponse(
            candidates=candidates,
            usage_metadata=self._usage() if is_last else None,
            model_version=self.model,
            response_id=self.identity,
        )

    def _usage(self) -> GenerateContentResponseUsageMetadata:
        spent = sum(len(each.pieces) for each in self.said)
        return GenerateContentResponseUsageMetadata(
            prompt_token_count=self.prompt, candidates_token_count=spent, total_token_count=self.prompt + spent
        )


def _answered(asked: Asked) -> _Answer:
    request = body_of(asked, GenerateContentRequest)
    contents = _checked(request)
    config = request.generation_config
    model = asked.names["model"]
    count, call = config.candidate_count or 1, _call(contents, request)
    if call is None:
        said = [_cut(each, _text(model, contents, request, each), config) for each in range(count)]
    else:
        said = [_Said(each, (), FinishReason.STOP, call) for each in range(count)]
    system = (request.system_instruction,) if request.system_instruction is not None else ()
    return _Answer(
        said=tuple(said),
        prompt=sum(map(weight, (*system, *contents))),
        model=model,
        identity=hashlib.sha256(asked.path.encode() + b"\n" + asked.whole).hexdigest()[:22],
    )


def _call(contents: tuple[Content, ...], request: GenerateContentRequest) -> FunctionCall | None:
    try:
        return called(request.tools or (), request.tool_config, question(contents) or "offline")
    except _UNREADABLE as error:
        raise invalid(f"The parameters of a function cannot be read ({type(error).__name__}).") from None


def _text(model: str, contents: tuple[Content, ...], request: GenerateContentRequest, index: int) -> str:
    config = request.generation_config
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = msgspec.to_builtins(config.response_schema)
    if schema is not None:
        value = _shaped(schema, question(contents) or "offline")
        return value if config.response_mime_type == "text/x.enum" and isinstance(value, str) else _written(value)
    if config.response_mime_type == "application/json":
        return _written(document(model, contents, request.system_instruction))
    text = reply(model, contents, request.system_instruction)
    return f"{text} This is answer {index + 1}." if index else text


def _shaped(schema: Any, text: str) -> Any:
    try:
        return shaped(schema, text)
    except _UNREADABLE as error:
        raise invalid(f"The response schema cannot be read ({type(error).__name__}).") from None


_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cut(index: int, text: str, config: GenerationConfig) -> _Said:
    """End a text at the first stop sequence, or after so many tokens."""
    stops = [at for stop in config.stop_sequences or () if stop and (at := text.find(stop)) >= 0]
    told = pieces(text[: min(stops)] if stops else text)
    most = config.max_output_tokens
    if most is not None and len(told) > most:
        return _Said(index, told[:most], FinishReason.MAX_TOKENS)
    return _Said(index, told, FinishReason.STOP)


def _candidate(said: _Said, text: str, *, is_last: bool) -> Candidate:
    part = Part(text=text or None, function_call=said.call)
    content = Content(parts=None if part == Part() else (part,), role="model")
    return Candidate(content=content, finish_reason=said.reason if is_last else None, index=said.index)


def _chunks(told: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Join tokens to a few words each, and mark the last."""
    starts = range(0, len(told), _CHUNK) or (0,)
    return [("".join(told[start : start + _CHUNK]), start == starts[-1]) for start in starts]


_CHUNK = 6


# What is refused


def _checked(request: GenerateContentRequest) -> tuple[Content, ...]:
    if not request.contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(request.contents):
        if not content.parts:
            raise invalid(f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.")
        if content.role not in (None, "user", "model", "function"):
            raise invalid(f"* GenerateContentRequest.contents[{index}].role: Please use a valid role: user, model.")
    for name, (least, most) in _RANGES.items():
        given = getattr(request.generation_config, name)
        if given is not None and not least <= given <= most:
            raise invalid(f"* GenerateContentRequest.generation_config.{name}: {given} is not from {least} to {most}")
    return request.contents


_RANGES = {
    "candidate_count": (1, 8),
    "max_output_tokens": (1, 2**31 - 1),
    "temperature": (0, 2),
    "top_p": (0, 1),
}
