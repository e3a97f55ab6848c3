"""The calls of a recording: finds the recorded call for a request, or describes the most similar one."""

import threading
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from msgspec import UNSET
from returns.result import Result

from genai_fn import codec
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request
from genai_fn.testing.recordings.serialize import RecordedCall, read_answer, read_chunks
from genai_fn.testing.value_diff import diff_lines


class RecordedCalls:
    """
    The calls of a recording. Equal requests get the recorded results one after another.

    Args:
        calls: The recorded calls.

        name: Name of the recording in error messages.

        in_order: If True, only the next call of the whole recording can match.

        repeat_last: If True, the last of several results for equal requests is returned again and again.
    """

    def __init__(
        self, calls: Sequence[RecordedCall] = (), name: str = "", *, in_order: bool = False, repeat_last: bool = False
    ) -> None:
        self._calls = calls
        self._name = name
        self._in_order = in_order
        self._repeat_last = repeat_last
        self._calls_by_key: dict[bytes, list[RecordedCall]] = {}
        for recorded in calls:
            self._calls_by_key.setdefault(recorded.key, []).append(recorded)
        self._used_counts: dict[bytes, int] = {}
        self._position = 0
        self._lock = threading.Lock()

    def take_results(self, call: RecordedCall, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...] | None:
        """Return the recorded result of a request, or its chunks if the call has chunks; None if no call is left."""
        recorded = self.take_call(call)
        if recorded is None:
            return None
        try:
            return (read_answer(recorded, request),) if recorded.chunks is UNSET else read_chunks(recorded, request)
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # the file was edited by hand
            kind = type(request.operation).__name__
            raise InvalidRequest(self._describe_call(recorded), recorded, f"an answer to {kind} ({error})") from None

    def take_call(self, call: RecordedCall) -> RecordedCall | None:
        """Return the next recorded call that is equal to a call; None if there is none."""
        with self._lock:
            return self._take_in_order(call.key) if self._in_order else self._take_matching(call.key)

    def _take_in_order(self, key: bytes) -> RecordedCall | None:
        recorded = self._calls[self._position] if self._position < len(self._calls) else None
        if recorded is None or recorded.key != key:
            return None
        self._position += 1
        return recorded

    def _take_matching(self, key: bytes) -> RecordedCall | None:
        matching = self._calls_by_key.get(key, [])
        number = self._used_counts.get(key, 0)
        self._used_counts[key] = number + 1
        if number < len(matching):
            return matching[number]
        return matching[-1] if matching and self._repeat_last else None

    def describe_nearest(self, call: RecordedCall) -> str | None:
        """Describe how a call differs from the most similar recorded one, or from the next one if the order matters."""
        if self._in_order:
            recorded = self._calls[self._position] if self._position < len(self._calls) else None
            return (
                MultilineText(f"nothing: {self._name} has no more calls")
                if recorded is None
                else self._describe_difference(recorded, call)
            )
        same = [recorded for recorded in self._calls if recorded.op == call.op] or self._calls
        lines = _format_lines(_dump_request(call))
        recorded = max(same[:_MAX_CANDIDATES], key=lambda each: _compute_similarity(each, lines), default=None)
        return None if recorded is None else self._describe_difference(recorded, call)

    def _describe_difference(self, recorded: RecordedCall, call: RecordedCall) -> str:
        return format_difference(self._describe_call(recorded), _dump_request(recorded), _dump_request(call))

    def _describe_call(self, call: RecordedCall) -> str:
        return f"call {call.number} of {self._name}"


def format_difference(where: str, recorded: Any, actual: Any) -> str:
    """Format the difference of two JSON trees, as a text whose repr has line breaks."""
    marked = diff_lines(_format_lines(recorded), _format_lines(actual))
    return MultilineText("\n".join((f"{where}, where - is the recording, and + is the request", *marked)))


class MultilineText(str):
    """A text whose repr is the text itself, so that errors show its lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _dump_request(call: RecordedCall) -> Any:
    return {"op": call.op, "kind": call.kind, "request": call.request, "options": call.options}


def _format_lines(tree: Any) -> list[str]:
    text = codec.format_json(codec.encode(tree), indent=2).decode()
    return [
        line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}… ({len(line)} characters)"
        for line in text.splitlines()
    ]


_MAX_LINE_LENGTH = 200


_MAX_CANDIDATES = 50
_MAX_COMPARED_LINES = 200
"""Limits of the search for the most similar call: `SequenceMatcher` takes quadratic time."""


def _compute_similarity(recorded: RecordedCall, lines: list[str]) -> float:
    dumped = _format_lines(_dump_request(recorded))
    return SequenceMatcher(None, dumped[:_MAX_COMPARED_LINES], lines[:_MAX_COMPARED_LINES], autojunk=False).ratio()
