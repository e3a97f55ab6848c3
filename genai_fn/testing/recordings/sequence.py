"""Recorded calls in their order: finds the one that a request replays, or describes the most similar one."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from typing import Any, ClassVar, Generic, TypeVar

from genai_fn import codec
from genai_fn.testing.value_diff import diff_lines

C = TypeVar("C")


class RecordedSequence(ABC, Generic[C]):
    """
    The calls of a recording. Equal requests get the recorded calls one after another.

    Args:
        calls: The recorded calls.

        name: Name of the recording in error messages.

        in_order: If True, only the next call of the whole recording can match.

        repeat_last: If True, the last of several calls for equal requests is returned again and again.
    """

    noun: ClassVar[str]
    """What messages call the calls of this kind of recording."""

    def __init__(self, calls: Sequence[C], name: str, *, in_order: bool, repeat_last: bool) -> None:
        self._calls = calls
        self._name = name
        self._in_order = in_order
        self._repeat_last = repeat_last
        self._position = 0
        self._calls_by_key: dict[Hashable, list[C]] = {}
        for each in calls:
            self._calls_by_key.setdefault(self._get_key(each), []).append(each)
        self._unused_by_key = {key: deque(each) for key, each in self._calls_by_key.items()}
        self._lock = threading.Lock()

    @abstractmethod
    def _get_key(self, call: C) -> Hashable:
        """Return what is the same for equal requests, by which calls are found."""

    @abstractmethod
    def _get_place(self, call: C) -> str:
        """Return the place of a call in the recording, for messages."""

    @abstractmethod
    def _dump_call(self, call: C) -> Any:
        """Return the request of a call as a JSON tree, for messages."""

    def _take(self, keys: Sequence[Hashable], is_equal: Callable[[C], bool]) -> C | None:
        """Return the next call that has one of the keys and is equal to a request; None if there is none."""
        with self._lock:
            return self._take_in_order(keys, is_equal) if self._in_order else self._take_unused(keys, is_equal)

    def _take_in_order(self, keys: Sequence[Hashable], is_equal: Callable[[C], bool]) -> C | None:
        following = self._get_next()
        if following is None or self._get_key(following) not in keys or not is_equal(following):
            return None
        self._position += 1
        return following

    def _take_unused(self, keys: Sequence[Hashable], is_equal: Callable[[C], bool]) -> C | None:
        for key in keys:
            unused = self._unused_by_key.get(key, deque[C]())
            for index, call in enumerate(unused):
                if is_equal(call):
                    del unused[index]
                    return call
        used = (call for key in reversed(keys) for call in reversed(self._calls_by_key.get(key, ())))
        return next(filter(is_equal, used), None) if self._repeat_last else None

    def _get_next(self) -> C | None:
        return self._calls[self._position] if self._position < len(self._calls) else None

    def _describe_nearest(self, actual: Any, is_related: Callable[[C], bool]) -> str | None:
        """
        Describe how a request differs from the next call if the order matters, or else from the most similar one.

        Calls that are related to the request precede the others. Returns None if there are no calls.
        """
        recorded = self._get_next() if self._in_order else self._find_nearest(actual, is_related)
        if recorded is not None:
            return format_difference(self._get_place(recorded), self._dump_call(recorded), actual)
        return MultilineText(f"nothing: {self._name} has no more {self.noun}") if self._in_order else None

    def _find_nearest(self, actual: Any, is_related: Callable[[C], bool]) -> C | None:
        lines = _format_lines(actual)[:_MAX_COMPARED_LINES]

        def compute_similarity(call: C) -> float:
            recorded = _format_lines(self._dump_call(call))[:_MAX_COMPARED_LINES]
            return SequenceMatcher(None, recorded, lines, autojunk=False).ratio()

        related = list(filter(is_related, self._calls)) or self._calls
        return max(related[:_MAX_CANDIDATES], key=compute_similarity, default=None)


_MAX_CANDIDATES = 50
_MAX_COMPARED_LINES = 200
"""Limits of the search for the most similar call: `SequenceMatcher` takes quadratic time."""


def format_difference(where: str, recorded: Any, actual: Any) -> str:
    """Format the difference of two JSON trees, as a text whose repr has line breaks."""
    marked = diff_lines(_format_lines(recorded), _format_lines(actual))
    return MultilineText("\n".join((f"{where}, where - is the recording, and + is the request", *marked)))


class MultilineText(str):
    """A text whose repr is the text itself, so that errors show its lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _format_lines(tree: Any) -> list[str]:
    text = codec.format_json(codec.encode(tree), indent=2).decode()
    return [
        line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}… ({len(line)} characters)"
        for line in text.splitlines()
    ]


_MAX_LINE_LENGTH = 200
