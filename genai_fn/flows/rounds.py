"""Finds where another answer starts in a stream: after the function calls of the one before."""

from typing import Any

from genai_fn.flows.response_text import select_first_candidate
from genai_fn.schema.responses import GenerateContentResponse


class AnswerBoundary:
    """Detects the chunk with which another answer starts, from the chunks before it."""

    def __init__(self) -> None:
        self._history: tuple[Any, ...] = ()
        self._has_called = False
        self._is_finished = False

    def starts_answer(self, chunk: GenerateContentResponse) -> bool:
        """Add a chunk, and return whether it starts another answer than that of the chunks before."""
        history = chunk.automatic_function_calling_history
        has_ended = self._has_called and self._is_finished and bool(chunk.candidates)
        is_new = has_ended or history != self._history
        if is_new:
            self._has_called = self._is_finished = False
        first = select_first_candidate(chunk)
        self._history = history
        self._has_called |= bool(first.function_calls)
        self._is_finished |= bool(first.candidates) and first.candidates[0].finish_reason is not None
        return is_new
