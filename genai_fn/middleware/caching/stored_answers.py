"""Answers as JSON in a store, and back. Only those are stored that are read back as equal values."""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct

from genai_fn import __version__, codec
from genai_fn.request import Operation, kind_of
from genai_fn.schema.responses import FinishReason, GenerateContentResponse
from genai_fn.wire.lenient_json import parse_json

_FORMAT = 1


class _StoredAnswer(Struct, frozen=True):
    """The answer to a request: one item, or the items of its stream."""

    format: int
    library: str
    op: str
    items: tuple[Raw, ...]


def encode_answer(operation: Operation[Any], items: Sequence[Any]) -> bytes | None:
    """Encode the value of a request, or those of its stream; None if they cannot be read back as equal values."""
    try:
        raw = tuple(Raw(codec.encode(each)) for each in items)
        stored = codec.encode(_StoredAnswer(_FORMAT, __version__, operation.op, raw))
        return stored if decode_answer(operation, stored) == tuple(items) else None
    except (TypeError, ValueError, OverflowError, RecursionError):  # no JSON, such as an object of a fake
        return None


def decode_answer(operation: Operation[Any], stored: bytes) -> tuple[Any, ...] | None:
    """Decode what `encode_answer` has returned; None if it is damaged, or of another format or operation."""
    try:
        answer = codec.decode(stored, _StoredAnswer)
        if (answer.format, answer.op) != (_FORMAT, operation.op):
            return None
        kind = kind_of(operation)
        return tuple(parse_json(kind, memoryview(each)) for each in answer.items)
    except (TypeError, ValueError, OverflowError, RecursionError):  # msgspec's DecodeError is a ValueError
        return None


def is_lasting(items: Sequence[Any]) -> bool:
    """
    Whether a later request would get the same answer.

    An answer that a filter has stopped or that has no candidate may differ the next time; one that was cut at the
    request's own limit of tokens does not.
    """
    responses = [each for each in items if isinstance(each, GenerateContentResponse)]
    if any(each.prompt_feedback is not None and each.prompt_feedback.block_reason for each in responses):
        return False
    candidates = [candidate for each in responses for candidate in each.candidates or ()]
    has_answer = bool(candidates) or not responses
    return has_answer and all(each.finish_reason in _LASTING_REASONS for each in candidates)


_LASTING_REASONS = (None, FinishReason.STOP, FinishReason.MAX_TOKENS)
