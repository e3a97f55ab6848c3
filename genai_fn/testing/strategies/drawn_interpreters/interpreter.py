"""Interpreters that answer whatever they are asked with whatever may come of it, as Hypothesis draws it."""

from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st
from hypothesis.control import (
    _current_build_context,  # pyright: ignore[reportPrivateUsage]  # a thread of the program's own has none
    cleanup,
    current_build_context,
)
from hypothesis.reporting import report
from hypothesis.strategies import DrawFn, SearchStrategy
from returns.result import Result, Success

from genai_fn.effects import Effects
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import run_in_virtual_time
from genai_fn.errors import GenaiError
from genai_fn.interpreters.http import Items
from genai_fn.interpreters.settings import check_action, check_stream
from genai_fn.request import Action, Live, Request, Stream
from genai_fn.testing.canned_answers import CannedAnswers
from genai_fn.testing.sequential_executor import SequentialExecutor
from genai_fn.testing.strategies.drawn_interpreters.conversation import DrawnConversation, RecordingClock
from genai_fn.testing.strategies.drawn_interpreters.live_replies import SessionReplies
from genai_fn.testing.strategies.responses.replies import chunks, replies

if TYPE_CHECKING:
    from genai_fn.testing.strategies.drawn_interpreters.async_interpreter import (
        AsyncDrawnInterpreter,  # loaded with anyio, at the first use
    )

__all__ = ["DrawnInterpreter", "interpreters"]

T = TypeVar("T")


def interpreters(*, errors: bool = True, odd: bool = True) -> "SearchStrategy[DrawnInterpreter]":
    """
    Draw interpreters that answer any request, and any frame of a live session, with any reply that is valid for it, or
    with any error.

    An answer is drawn when it is asked for, from the test's own data: it is reproduced and shrunk like any other. A
    test that fails prints the shortest conversation that makes it fail, as a script which ``perform`` accepts, or, with
    live sessions in it, as a `Fake`.

    Args:
        errors: Whether requests may fail, too, streams after any chunk, and sessions after any message.

        odd: Whether replies may be such as no service should give: fewer vectors than were asked for, say.

    ::

        @given(interpreters())
        def test_never_raises(run):
            my_pipeline(run)
    """
    return _interpreters(_ReplyStrategies(errors=errors, odd=odd))


class DrawnInterpreter:
    """
    An interpreter whose answers are drawn as they are asked for; everything around them is the real thing.

    Time is virtual, in each run anew, and what would run at once runs one after the other. `aio` is the same one, to
    be awaited.
    """

    def __init__(self, conversation: DrawnConversation, answers: "_ReplyStrategies") -> None:
        self._conversation = conversation
        self._answers = answers
        self._handler = CannedAnswers(self._draw_answer)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        clock = RecordingClock(self._conversation)
        return SequentialExecutor().run(run_in_virtual_time(build_program(action, self._handler), clock))

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        check_stream(stream)
        return _VirtualTimeItems(stream, self._handler, self._conversation)

    @property
    def aio(self) -> "AsyncDrawnInterpreter":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.testing.strategies.drawn_interpreters.async_interpreter import AsyncDrawnInterpreter  # noqa: PLC0415  # loads anyio

        return AsyncDrawnInterpreter(self._handler, self._conversation, self._answers.get_session_replies)

    @property
    def requests(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far."""
        return self._conversation.requests

    @property
    def script(self) -> tuple[tuple[Any, Any], ...]:
        """The requests and sleeps so far, as ``perform`` accepts them."""
        return self._conversation.script

    @property
    def table(self) -> dict[str, Any]:
        """All answers so far, those of sessions too, as a `Fake` accepts them."""
        return self._conversation.table

    def __repr__(self) -> str:
        return "interpreter(…)"

    def _draw_answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        yield from ()
        return self._conversation.answer_request(request, self._answers.get_replies(request, in_chunks), in_chunks)


class _VirtualTimeItems(Items[T]):
    def __init__(self, stream: Stream[T], exchange: CannedAnswers, conversation: DrawnConversation) -> None:
        super().__init__(stream, Success(exchange), SequentialExecutor())
        self._effects = run_in_virtual_time(build_program(stream, exchange), RecordingClock(conversation))


# How it is drawn


@st.composite
def _interpreters(draw: DrawFn, answers: "_ReplyStrategies") -> "DrawnInterpreter":
    context = current_build_context()

    def drawn(strategy: SearchStrategy[Any]) -> Any:
        explained = _get_explained_parts(context.data)
        before = frozenset(explained)
        with _current_build_context.with_value(context):
            value = draw(strategy)
        explained &= before
        return value

    conversation = DrawnConversation(drawn)
    if context.is_final:
        cleanup(lambda: _report_conversation(conversation))
    return DrawnInterpreter(conversation, answers)


def _get_explained_parts(data: Any) -> set[Any]:
    """
    Give the parts of a test case that Hypothesis will vary, in its phase ``explain``, to comment on them in its report.

    Those of answers are not to be among them: it would take longer than all else, and a script has no such comments.
    """
    parts: set[Any] | None = getattr(data, "arg_spans", None)  # its name in new versions
    return getattr(data, "arg_slices", set[Any]()) if parts is None else parts


def _report_conversation(conversation: DrawnConversation) -> None:
    if conversation.requests or conversation.script:
        report(f"The conversation, as {conversation.title}:\n\n{conversation}\n")


class _ReplyStrategies:
    """
    What requests may be answered, and what may be said in sessions.

    Most go well, so that programs of many requests come to their end, too. The strategies for the last few are kept:
    shrinking asks the same over and over, and making a strategy takes longer than drawing from it.
    """

    def __init__(self, **how: bool) -> None:
        self._options = how
        self._cached_replies: tuple[tuple[Request[Any], bool, SearchStrategy[Any]], ...] = ()
        self._cached_sessions: tuple[SessionReplies, ...] = ()

    def get_replies(self, request: Request[Any], in_chunks: bool) -> SearchStrategy[Any]:
        """Give the strategy for the answers to a request, whole or in chunks."""
        for known, known_in_chunks, strategy in self._cached_replies:
            if in_chunks == known_in_chunks and known == request:
                return strategy
        answers = chunks if in_chunks else replies
        strategy = _mostly_usual(answers(request), answers(request, **self._options))
        self._cached_replies = ((request, in_chunks, strategy), *self._cached_replies[:_MAX_CACHED])
        return strategy

    def get_session_replies(self, live: Live[Any]) -> SessionReplies:
        """Give what may be said in a session."""
        for known in self._cached_sessions:
            if known.live == live:
                return known
        speech = SessionReplies(live, errors=self._options["errors"])
        self._cached_sessions = (speech, *self._cached_sessions[:_MAX_CACHED])
        return speech


@st.composite
def _mostly_usual(draw: DrawFn, usual: SearchStrategy[Any], unusual: SearchStrategy[Any]) -> Any:
    return draw(unusual if draw(_CHOICES) == 0 else usual)


_MAX_CACHED = 16
_CHOICES = st.sampled_from([1, 2, 3, 4, 0])
