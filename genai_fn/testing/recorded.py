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
from genai_fn.testing.notes import Note, read_answer, read_chunks

__all__ = ["Recorded", "differing"]


class Recorded:
    """
    The notes of a recording, given out one by one.

    Args:
        name: What the recording is called where something is wrong with it.

        in_order: Only the next one of all is given, if it is what is asked.

        lasts: The last answer to a question is given again and again, and not only once.
    """

    def __init__(
        self, notes: Sequence[Note] = (), name: str = "", *, in_order: bool = False, lasts: bool = False
    ) -> None:
        self._notes = notes
        self._name = name
        self._in_order = in_order
        self._lasts = lasts
        self._alike: dict[bytes, list[Note]] = {}
        for note in notes:
            self._alike.setdefault(note.key, []).append(note)
        self._given: dict[bytes, int] = {}
        self._done = 0
        self._lock = threading.Lock()

    def take(self, asked: Note, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...] | None:
        """Give what was answered, in chunks if so asked, by the note whose turn it is; None if there is none."""
        note = self.take_note(asked)
        if note is None:
            return None
        try:
            return (read_answer(note, request),) if note.chunks is UNSET else read_chunks(note, request)
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # somebody wrote it by hand
            kind = type(request.operation).__name__
            raise InvalidRequest(self._called(note), note, f"an answer to {kind} ({error})") from None

    def take_note(self, asked: Note) -> Note | None:
        """Give the note whose turn it is, as it stands."""
        with self._lock:
            return self._next(asked.key) if self._in_order else self._next_alike(asked.key)

    def _next(self, key: bytes) -> Note | None:
        note = self._notes[self._done] if self._done < len(self._notes) else None
        if note is None or note.key != key:
            return None
        self._done += 1
        return note

    def _next_alike(self, key: bytes) -> Note | None:
        alike = self._alike.get(key, [])
        number = self._given.get(key, 0)
        self._given[key] = number + 1
        if number < len(alike):
            return alike[number]
        return alike[-1] if alike and self._lasts else None

    def nearest(self, asked: Note) -> str | None:
        """Say how what is asked differs from what comes nearest, or, in order, from what is next."""
        if self._in_order:
            note = self._notes[self._done] if self._done < len(self._notes) else None
            return _Shown(f"nothing: {self._name} is over") if note is None else self._differing(note, asked)
        same = [note for note in self._notes if note.op == asked.op] or self._notes
        lines = _lines(_question(asked))
        likeness = {id(each): SequenceMatcher(None, _lines(_question(each)), lines, autojunk=False) for each in same}
        note = max(same, key=lambda each: likeness[id(each)].ratio(), default=None)
        return None if note is None else self._differing(note, asked)

    def _differing(self, note: Note, asked: Note) -> str:
        return differing(self._called(note), _question(note), _question(asked))

    def _called(self, note: Note) -> str:
        return f"number {note.number} of {self._name}"


def differing(where: str, recorded: Any, asked: Any) -> str:
    """Show how two trees of JSON differ, as a text that an error shows as it is."""
    marked = (each.rstrip() for each in ndiff(_lines(recorded), _lines(asked)) if not each.startswith("?"))
    return _Shown("\n".join((f"{where}, where - is recorded, and + is asked", *marked)))


class _Shown(str):
    """A text of several lines, which an error shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _question(note: Note) -> Any:
    return {"op": note.op, "answered": note.way, "request": note.request, "options": note.options}


def _lines(tree: Any) -> list[str]:
    text = codec.format_json(codec.encode(tree), indent=2).decode()
    return [line if len(line) <= _MOST else f"{line[:_MOST]}… ({len(line)} characters)" for line in text.splitlines()]


_MOST = 200
