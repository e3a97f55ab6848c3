"""What was asked of an interpreter and what it answered, as a script that ``perform`` accepts."""

import threading
from collections.abc import Callable
from typing import Any, Self, cast

from genai_fn.clock import Clock
from genai_fn.effects import Effects, Sleep
from genai_fn.flows.streams import served
from genai_fn.request import Request, Stream
from genai_fn.schema import Candidate, Content, FinishReason, GenerateContentResponse, Part
from genai_fn.testing.writing import pasted
from genai_fn.words import Listen

__all__ = ["Conversation", "RecordingClock"]


class Conversation:
    """
    Requests and sleeps in their order, with the answers.

    `answer` is asked for what to say: with a request and whether chunks are wanted. One thread at a time asks it.
    """

    def __init__(self, answer: Callable[[Request[Any], bool], Any]) -> None:
        self._says = answer
        self._lock = threading.Lock()
        self.asked: tuple[Request[Any], ...] = ()
        self.script: tuple[tuple[Any, Any], ...] = ()

    def answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        """Answer a request, as a ``StandIn`` wants it."""
        yield from ()
        with self._lock:
            self.asked = (*self.asked, request)
            answer = self._says(request, in_chunks)
            line = (
                (_listened(request), _shortened(request, answer)) if in_chunks else (request, _short(request, answer))
            )
            self.script = (*self.script, line)
        return answer

    def slept(self, seconds: float) -> None:
        """Remember a sleep."""
        with self._lock:
            self.script = (*self.script, (Sleep(seconds), None))

    def __str__(self) -> str:
        return pasted("script", list(self.script))


class RecordingClock(Clock):
    """A clock that tells a conversation of every sleep."""

    def __init__(self, conversation: Conversation, now: float = 0.0) -> None:
        super().__init__(now)
        self._conversation = conversation

    def sleep(self, seconds: float) -> None:
        self._conversation.slept(seconds)
        super().sleep(seconds)

    def branch(self) -> Self:
        return type(self)(self._conversation, self.now)


def _listened(request: Request[Any]) -> Any:
    """Say what is listened to as people do, where there is a word for it."""
    return Stream[Any](served, request) if request.operation.op == "generate.stream" else Listen(request)


def _shortened(request: Request[Any], chunks: tuple[Any, ...]) -> list[Any]:
    return [_short(request, chunk, is_last=number == len(chunks)) for number, chunk in enumerate(chunks, 1)]


def _short(request: Request[Any], answer: Any, *, is_last: bool = True) -> Any:
    """Give the text of a response that is nothing but one: scripts take it for that response."""
    text = answer.text if isinstance(answer, GenerateContentResponse) and request.operation.has_text else None
    if text is None:
        return answer
    content = Content(parts=(Part(text=text),), role="model")
    plain = Candidate(content=content, finish_reason=FinishReason.STOP if is_last else None)
    return text if answer == GenerateContentResponse(candidates=(plain,)) else cast("Any", answer)
