"""The requests of a drawn interpreter and their answers, as a script for ``perform`` or a table for `Fake`."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from hypothesis.strategies import SearchStrategy

from genai_fn.effects import OpenStream, Sleep
from genai_fn.request import Live, Request, Stream
from genai_fn.schema.live_server import LiveServerMessage
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.source_code import write_assignment
from genai_fn.streams import stream_response
from genai_fn.testing.canned_answers import Sessions, build_text_response
from genai_fn.testing.fake import Fake
from genai_fn.testing.fake_connector import build_turn, is_answer_expected
from genai_fn.testing.strategies.drawn_interpreters.live_replies import CallState, SessionReplies

if TYPE_CHECKING:
    from genai_fn.errors import GenaiError


class DrawnConversation:
    """
    The requests, sleeps and live sessions of an interpreter in order, with their answers.

    Args:
        draw: Draws an answer from a strategy. Only one thread at a time calls it.
    """

    def __init__(self, draw: Callable[[SearchStrategy[Any]], Any]) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._answers: dict[str, list[Any]] = {}
        self._sessions: list[DrawnSession] = []
        self.requests: tuple[Request[Any] | Live[Any], ...] = ()
        self.script: tuple[tuple[Any, Any], ...] = ()

    def answer_request(self, request: Request[Any], strategy: SearchStrategy[Any], in_chunks: bool) -> Any:
        """Draw the answer to a request, and record both."""
        with self._lock:
            self.requests = (*self.requests, request)
            answer = self._draw(strategy)
            short: Any = _shorten_chunks(request, answer) if in_chunks else _shorten_answer(request, answer)
            self._answers.setdefault(request.operation.op, []).append(short)
            self.script = (*self.script, (_build_stream_step(request) if in_chunks else request, short))
        return answer

    def open_session(self, live: Live[Any], replies: SessionReplies) -> "DrawnSession":
        """Open a live session, and draw whether that fails."""
        with self._lock:
            self.requests = (*self.requests, live)
            session = DrawnSession(live, replies, self._draw_locked)
            self._sessions.append(session)
            session.refusal = self._draw(replies.refusal)
        return session

    def record_sleep(self, seconds: float) -> None:
        """Record a sleep."""
        with self._lock:
            self.script = (*self.script, (Sleep(seconds), None))

    @property
    def table(self) -> dict[str, Any]:
        """All answers, as the table of a `Fake`."""
        table: dict[str, Any] = {name: list(each) for name, each in self._answers.items()}
        for name in dict.fromkeys(each.live.operation.op for each in self._sessions):
            answers = [each.answers for each in self._sessions if each.live.operation.op == name]
            table[name] = answers[0] if len(answers) == 1 else Sessions(answers)
        return table

    def __str__(self) -> str:
        return (
            write_assignment("run", self.table, Fake)
            if self._sessions
            else write_assignment("script", list(self.script))
        )

    @property
    def title(self) -> str:
        """Describe the code that ``str()`` returns: a script, or, because scripts have no live sessions, a `Fake`."""
        return "a genai_fn.testing.Fake" if self._sessions else "a script for genai_fn.testing.perform"

    def _draw_locked(self, strategy: SearchStrategy[Any]) -> Any:
        with self._lock:
            return self._draw(strategy)


class DrawnSession:
    """
    A live session with the answers drawn so far, one for each frame that expects an answer.

    Args:
        live: How the session was opened.

        replies: The strategies for its answers.

        draw: Draws an answer from a strategy.
    """

    def __init__(self, live: Live[Any], replies: SessionReplies, draw: Callable[[SearchStrategy[Any]], Any]) -> None:
        self.live = live
        self.refusal: GenaiError | None = None
        """The error with which the session fails to open."""
        self._replies = replies
        self._draw = draw
        self._call_state = CallState()
        self._answers: list[list[Any]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether the model waits for the results of function calls that the program, not the session, executes."""
        return any(self._replies.is_left_to_program(call) for call in self._call_state.pending_calls)

    def answer_frame(self, frame: Any) -> list[Any]:
        """Draw the messages for a frame."""
        if not is_answer_expected(frame):
            return []
        answer: list[Any] = self._draw(self._replies.frame_answers(frame, self._call_state))
        self._call_state = self._call_state.record_frame(frame).record_messages(answer)
        self._answers.append(answer)
        return list(answer)

    def end_turn(self) -> list[Any]:
        """Return the messages that cancel the pending calls and end the turn."""
        messages = self._replies.end_turn(self._call_state)
        self._call_state = self._call_state.record_messages(messages)
        self._answers[-1] += messages
        return messages

    @property
    def answers(self) -> Any:
        """The answers, as `Fake` accepts them."""
        return [_shorten_turn(each) for each in self._answers] if self.refusal is None else self.refusal


def _build_stream_step(request: Request[Any]) -> Any:
    """Return ``request | streamed`` for a generation; other streams have no modifier and become `OpenStream`."""
    return Stream[Any](stream_response, request) if request.operation.op == "generate.stream" else OpenStream(request)


def _shorten_chunks(request: Request[Any], chunks: tuple[Any, ...]) -> list[Any]:
    return [_shorten_answer(request, chunk, is_last=number == len(chunks)) for number, chunk in enumerate(chunks, 1)]


def _shorten_answer(request: Request[Any], answer: Any, *, is_last: bool = True) -> Any:
    """Replace a response by its text if it contains nothing else; scripts accept the text as the response."""
    text = answer.text if isinstance(answer, GenerateContentResponse) and request.operation.has_text else None
    return text if text is not None and answer == build_text_response(text, is_last=is_last) else cast("Any", answer)


def _shorten_turn(answer: list[Any]) -> Any:
    """Replace the messages of a turn by their text if they contain nothing else."""
    text = answer[0].text if answer and isinstance(answer[0], LiveServerMessage) else None
    return text if text and answer == build_turn(text) else list(answer)
