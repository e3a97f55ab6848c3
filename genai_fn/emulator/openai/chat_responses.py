"""Converts responses of ``generateContent`` to chat completions and their chunks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.tokenizer import split_tokens
from genai_fn.emulator.openai.chat_requests import CalledFunction, ChatToolCall, ExtraContent, GoogleExtraContent
from genai_fn.schema.base import Message
from genai_fn.schema.content import Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.responses import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
)


class ChatMessage(Message, rename=None):
    """A message of the model, or what a chunk adds to it."""

    content: str | None = None
    extra_content: ExtraContent | None = None
    role: str
    tool_calls: tuple[ChatToolCall, ...] | None = None


class ChatChoice(Message, rename=None):
    """A candidate: with its `message` in a completion, and with a `delta` in a chunk."""

    delta: ChatMessage | None = None
    finish_reason: str | None = None
    index: int
    message: ChatMessage | None = None


class ChatCompletion(Message, rename=None):
    """A completion, or a chunk of one."""

    choices: tuple[ChatChoice, ...]
    created: int
    id: str | None
    model: str
    object: str
    usage: Mapping[str, Any] | None = None


def build_completion(response: GenerateContentResponse, model: str, tag: str, now: datetime) -> ChatCompletion:
    """Convert a whole response. `tag` is the tag around thoughts."""
    choices = (_build_choice(response, each, tag) for each in _list_candidates(response))
    return ChatCompletion(
        choices=tuple(choices),
        created=int(now.timestamp()),
        id=response.response_id,
        model=model,
        object="chat.completion",
        usage=_build_usage(response.usage_metadata),
    )


def build_chunks(
    responses: Sequence[GenerateContentResponse], model: str, tag: str, now: datetime, *, has_usage: bool
) -> Iterator[ChatCompletion]:
    """
    Convert the responses of a stream, each to a chunk: a completion with deltas in place of messages.

    With `has_usage`, each chunk has the usage so far. A stream that ends with a tool call has the finish reason
    ``stop``, unlike a whole response: https://github.com/googleapis/python-genai/issues/2868
    """
    total = next((each.usage_metadata for each in reversed(responses) if each.usage_metadata is not None), None)
    sent_count = 0
    for position, response in enumerate(responses, 1):
        completion = build_completion(response, model, tag, now)
        texts = (part.text or "" for each in response.candidates or () for part in _list_parts(each))
        sent_count += sum(len(split_tokens(each)) for each in texts)
        usage = _build_usage(total, None if position == len(responses) else sent_count) if has_usage else None
        deltas = tuple(map(_convert_to_delta, completion.choices))
        yield replace(completion, choices=deltas, object="chat.completion.chunk", usage=usage)


def _convert_to_delta(choice: ChatChoice) -> ChatChoice:
    reason = "stop" if choice.finish_reason == "tool_calls" else choice.finish_reason
    return replace(choice, delta=choice.message, finish_reason=reason, message=None)


def _build_choice(response: GenerateContentResponse, candidate: Candidate, tag: str) -> ChatChoice:
    message = _build_message(response, candidate, tag)
    reason = _format_finish_reason(candidate, has_calls=bool(message.tool_calls))
    return ChatChoice(finish_reason=reason, index=candidate.index or 0, message=message)


def _list_candidates(response: GenerateContentResponse) -> tuple[Candidate, ...]:
    """Return the candidates; if the prompt was blocked, an empty one with the reason."""
    feedback = response.prompt_feedback
    if response.candidates or feedback is None or feedback.block_reason is None:
        return tuple(response.candidates or ())
    return (Candidate(finish_reason=FinishReason(feedback.block_reason.value)),)


def _build_usage(
    usage: GenerateContentResponseUsageMetadata | None, completion_count: int | None = None
) -> dict[str, Any] | None:
    if usage is None:
        return None
    prompt, cached = usage.prompt_token_count or 0, usage.cached_content_token_count
    completion = usage.candidates_token_count or 0 if completion_count is None else completion_count
    return {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        **({"prompt_tokens_details": {"cached_tokens": cached}} if cached else {}),
        "total_tokens": usage.total_token_count or 0 if completion_count is None else prompt + completion,
    }


def _list_parts(candidate: Candidate) -> tuple[Part, ...]:
    return (candidate.content and candidate.content.parts) or ()


def _build_message(response: GenerateContentResponse, candidate: Candidate, tag: str) -> ChatMessage:
    parts = _list_parts(candidate)
    source = f"{response.response_id} {candidate.index}"
    calls = [
        _build_tool_call(part.function_call, part.thought_signature, f"{source} {position}")
        for position, part in enumerate(parts)
        if part.function_call is not None
    ]
    text_parts = [each for each in parts if each.function_call is None]
    return ChatMessage(
        content=_join_text(text_parts, tag),
        extra_content=_build_extra_content(text_parts),
        role="assistant",
        tool_calls=tuple(calls) or None,
    )


def _join_text(parts: Iterable[Part], tag: str) -> str | None:
    """Join the texts; those of thoughts stand between tags."""
    texts: list[str] = []
    for is_thought, group in groupby((each for each in parts if each.text), key=lambda each: bool(each.thought)):
        text = "".join(each.text or "" for each in group)
        texts.append(f"<{tag}>{text}</{tag}>" if is_thought else text)
    return "".join(texts) or None


def _build_extra_content(parts: Sequence[Part]) -> ExtraContent | None:
    signature = next((each.thought_signature for each in parts if each.thought_signature is not None), None)
    is_thought = bool(parts) and all(each.thought for each in parts)
    if signature is None and not is_thought:
        return None
    return ExtraContent(google=GoogleExtraContent(thought_signature=signature, thought=is_thought or None))


def _build_tool_call(call: FunctionCall, signature: str | None, source: str) -> ChatToolCall:
    """Convert a function call. One without an id has one that is derived from `source`."""
    return ChatToolCall(
        extra_content=None
        if signature is None
        else ExtraContent(google=GoogleExtraContent(thought_signature=signature)),
        function=CalledFunction(arguments=codec.encode(call.args or {}).decode(), name=call.name),
        id=call.id or f"function-call-{int.from_bytes(compute_digest(source, 8))}",
        type="function",
    )


def _format_finish_reason(candidate: Candidate, *, has_calls: bool) -> str | None:
    match candidate.finish_reason:
        case None:
            return None
        case FinishReason.STOP:
            return "tool_calls" if has_calls else "stop"
        case FinishReason.MAX_TOKENS:
            return "length"
        case FinishReason.MALFORMED_FUNCTION_CALL | FinishReason.UNEXPECTED_TOOL_CALL as reason:
            return f"function_call_filter: {reason.value}"
        case reason:
            return f"content_filter: {reason.value}"
