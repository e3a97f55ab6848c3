"""What was asked of an interpreter and what it answered, as a script that ``perform`` accepts, and as a `Fake`."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from hypothesis.strategies import SearchStrategy

from genai_fn.clock import Clock
from genai_fn.effects import Sleep
from genai_fn.flows.streams import served
from genai_fn.request import Live, Request, Stream
from genai_fn.schema import GenerateContentResponse, LiveServerMessage
from genai_fn.testing.answers import Sessions, said
from genai_fn.testing.fake import Fake
from genai_fn.testing.fake_live import asks, turn
from genai_fn.testing.strategies.sessions import Past, Speech
from genai_fn.testing.writing import pasted
from genai_fn.words import Listen

if TYPE_CHECKING:
    from genai_fn.errors import GenaiError

__all__ = ["Conversation", "RecordingClock", "Talk"]


class Conversation:
    """
    Requests, sleeps and live sessions in their order, with the answers.

    `draw` is asked for what to say, with the strategy for it. One thread at a time asks it.
    """

    def __init__(self, draw: Callable[[SearchStrategy[Any]], Any]) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._answers: dict[str, list[Any]] = {}
        self._talks: list[Talk] = []
        self.asked: tuple[Request[Any] | Live[Any], ...] = ()
        self.script: tuple[tuple[Any, Any], ...] = ()

    def answer(self, request: Request[Any], strategy: SearchStrategy[Any], in_chunks: bool) -> Any:
        """Answer a request."""
        with self._lock:
            self.asked = (*self.asked, request)
            answer = self._draw(strategy)
            short: Any = _shortened(request, answer) if in_chunks else _short(request, answer)
            self._answers.setdefault(request.operation.op, []).append(short)
            self.script = (*self.script, (_listened(request) if in_chunks else request, short))
        return answer

    def talk(self, live: Live[Any], speech: Speech) -> "Talk":
        """Begin a live session."""
        with self._lock:
            self.asked = (*self.asked, live)
            talk = Talk(live, speech, self._said)
            self._talks.append(talk)
            talk.refusal = self._draw(speech.refusal)
        return talk

    def slept(self, seconds: float) -> None:
        """Remember a sleep."""
        with self._lock:
            self.script = (*self.script, (Sleep(seconds), None))

    @property
    def table(self) -> dict[str, Any]:
        """All answers, as the table of a `Fake`."""
        table: dict[str, Any] = {name: list(answers) for name, answers in self._answers.items()}
        for name in dict.fromkeys(each.live.operation.op for each in self._talks):
            held = [each.shown for each in self._talks if each.live.operation.op == name]
            table[name] = held[0] if len(held) == 1 else Sessions(held)
        return table

    def __str__(self) -> str:
        return pasted("run", self.table, Fake) if self._talks else pasted("script", list(self.script))

    @property
    def title(self) -> str:
        """Say what it is written as; live sessions have no place in a script."""
        return "a genai_fn.testing.Fake" if self._talks else "a script for genai_fn.testing.perform"

    def _said(self, strategy: SearchStrategy[Any]) -> Any:
        with self._lock:
            return self._draw(strategy)


class Talk:
    """
    One live session: what the frames that asked for something were answered.

    It is owed something while the model waits for what functions return that the session does not call by itself.
    """

    def __init__(self, live: Live[Any], speech: Speech, draw: Callable[[SearchStrategy[Any]], Any]) -> None:
        self.live = live
        self.refusal: GenaiError | None = None
        self._speech = speech
        self._draw = draw
        self._past = Past()
        self._answers: list[list[Any]] = []

    @property
    def is_owed(self) -> bool:
        """Whether the program is to say what functions returned."""
        return any(self._speech.leaves(call) for call in self._past.waiting)

    def answer(self, frame: Any) -> list[Any]:
        """Answer a frame, as a `Fake` wants it."""
        if not asks(frame):
            return []
        answer: list[Any] = self._draw(self._speech.answer(frame, self._past))
        self._past = self._past.answered(frame).heard(answer)
        self._answers.append(answer)
        return list(answer)

    def conclude(self) -> list[Any]:
        """End the turn of a model that has waited long enough."""
        more = self._speech.conclusion(self._past)
        self._past = self._past.heard(more)
        self._answers[-1] += more
        return more

    @property
    def shown(self) -> Any:
        """Its answers, as a `Fake` has them."""
        return [_spoken(each) for each in self._answers] if self.refusal is None else self.refusal


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
    return text if text is not None and answer == said(text, is_last=is_last) else cast("Any", answer)


def _spoken(answer: list[Any]) -> Any:
    """Give the text of a turn that is nothing but one."""
    text = answer[0].text if answer and isinstance(answer[0], LiveServerMessage) else None
    return text if text and answer == list(turn(text)) else list(answer)
