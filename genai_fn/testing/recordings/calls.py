"""What a recording has, by what was asked: each answer in its turn, and, where there is none, what comes nearest."""

import threading
from collections.abc import Sequence
from difflib import SequenceMatcher, ndiff
from typing import Any

from msgspec import UNSET
from returns.result import Result

from genai_fn import codec
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request
from genai_fn.testing.recordings.serialize import RecordedCall, read_answer, read_chunks

__all__ = ["RecordedCalls", "format_difference"]


class RecordedCalls:
    """
    The notes of a recording, given out one by one.

    Args:
        name: What the recording is called where something is wrong with it.

        in_order: Only the next one of all is given, if it is what is asked.

        lasts: The last answer to a question is given again and again, and not only once.
    """

    def __init__(
        self, notes: Sequence[RecordedCall] = (), name: str = "", *, in_order: bool = False, repeat_last: bool = False
    ) -> None:
        self._calls = notes
        self._name = name
        self._in_order = in_order
        self._repeat_last = repeat_last
        self._calls_by_key: dict[bytes, list[RecordedCall]] = {}
        for note in notes:
            self._calls_by_key.setdefault(note.key, []).append(note)
        self._used_counts: dict[bytes, int] = {}
        self._position = 0
        self._lock = threading.Lock()

    def take_results(self, asked: RecordedCall, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...] | None:
        """Give what was answered, in chunks if so asked, by the note whose turn it is; None if there is none."""
        note = self.take_call(asked)
        if note is None:
            return None
        try:
            return (read_answer(note, request),) if note.chunks is UNSET else read_chunks(note, request)
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # somebody wrote it by hand
            kind = type(request.operation).__name__
            raise InvalidRequest(self._describe_call(note), note, f"an answer to {kind} ({error})") from None

    def take_call(self, asked: RecordedCall) -> RecordedCall | None:
        """Give the note whose turn it is, as it stands."""
        with self._lock:
            return self._take_in_order(asked.key) if self._in_order else self._take_matching(asked.key)

    def _take_in_order(self, key: bytes) -> RecordedCall | None:
        note = self._calls[self._position] if self._position < len(self._calls) else None
        if note is None or note.key != key:
            return None
        self._position += 1
        return note

    def _take_matching(self, key: bytes) -> RecordedCall | None:
        alike = self._calls_by_key.get(key, [])
        number = self._used_counts.get(key, 0)
        self._used_counts[key] = number + 1
        if number < len(alike):
            return alike[number]
        return alike[-1] if alike and self._repeat_last else None

    def describe_nearest(self, asked: RecordedCall) -> str | None:
        """Say how what is asked differs from what comes nearest, or, in order, from what is next."""
        if self._in_order:
            note = self._calls[self._position] if self._position < len(self._calls) else None
            return (
                _MultilineText(f"nothing: {self._name} is over")
                if note is None
                else self._describe_difference(note, asked)
            )
        same = [note for note in self._calls if note.op == asked.op] or self._calls
        lines = _format_lines(_dump_question(asked))
        likeness = {
            id(each): SequenceMatcher(None, _format_lines(_dump_question(each)), lines, autojunk=False) for each in same
        }
        note = max(same, key=lambda each: likeness[id(each)].ratio(), default=None)
        return None if note is None else self._describe_difference(note, asked)

    def _describe_difference(self, note: RecordedCall, asked: RecordedCall) -> str:
        return format_difference(self._describe_call(note), _dump_question(note), _dump_question(asked))

    def _describe_call(self, note: RecordedCall) -> str:
        return f"number {note.number} of {self._name}"


def format_difference(where: str, recorded: Any, asked: Any) -> str:
    """Show how two trees of JSON differ, as a text that an error shows as it is."""
    marked = (
        each.rstrip() for each in ndiff(_format_lines(recorded), _format_lines(asked)) if not each.startswith("?")
    )
    return _MultilineText("\n".join((f"{where}, where - is recorded, and + is asked", *marked)))


class _MultilineText(str):
    """A text of several lines, which an error shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _dump_question(note: RecordedCall) -> Any:
    return {"op": note.op, "answered": note.answer_kind, "request": note.request, "options": note.options}


def _format_lines(tree: Any) -> list[str]:
    text = codec.format_json(codec.encode(tree), indent=2).decode()
    return [
        line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}… ({len(line)} characters)"
        for line in text.splitlines()
    ]


_MAX_LINE_LENGTH = 200
