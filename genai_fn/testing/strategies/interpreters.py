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

from genai_fn.clock import timed
from genai_fn.effects import Effects
from genai_fn.errors import GenaiError
from genai_fn.interpret.settings import a_stream, an_action
from genai_fn.interpret.sync import Items
from genai_fn.request import Action, Live, Request, Stream
from genai_fn.steps import program
from genai_fn.testing.answers import StandIn
from genai_fn.testing.stage import Stage
from genai_fn.testing.strategies.conversations import Conversation, RecordingClock
from genai_fn.testing.strategies.replies import chunks, replies
from genai_fn.testing.strategies.sessions import Speech

if TYPE_CHECKING:
    from genai_fn.testing.strategies.interpreters_async import AsyncImprovised  # loaded with anyio, at the first use

__all__ = ["Improvised", "interpreters"]

T = TypeVar("T")


def interpreters(*, errors: bool = True, odd: bool = True) -> "SearchStrategy[Improvised]":
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
    return _interpreters(_Answers(errors=errors, odd=odd))


class Improvised:
    """
    An interpreter whose answers are drawn as they are asked for; everything around them is the real thing.

    Time is virtual, in each run anew, and what would run at once runs one after the other. `aio` is the same one, to
    be awaited.
    """

    def __init__(self, conversation: Conversation, answers: "_Answers") -> None:
        self._conversation = conversation
        self._answers = answers
        self._exchange = StandIn(self._answer)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        clock = RecordingClock(self._conversation)
        return Stage().run(timed(program(action, self._exchange), clock))

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        a_stream(stream)
        return _TimedItems(stream, self._exchange, self._conversation)

    @property
    def aio(self) -> "AsyncImprovised":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.testing.strategies.interpreters_async import AsyncImprovised  # noqa: PLC0415  # loads anyio

        return AsyncImprovised(self._exchange, self._conversation, self._answers.in_session)

    @property
    def asked(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far."""
        return self._conversation.asked

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

    def _answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        yield from ()
        return self._conversation.answer(request, self._answers.to(request, in_chunks), in_chunks)


class _TimedItems(Items[T]):
    def __init__(self, stream: Stream[T], exchange: StandIn, conversation: Conversation) -> None:
        super().__init__(stream, Success(exchange), Stage())
        self._effects = timed(program(stream, exchange), RecordingClock(conversation))


# How it is drawn


@st.composite
def _interpreters(draw: DrawFn, answers: "_Answers") -> "Improvised":
    context = current_build_context()

    def drawn(strategy: SearchStrategy[Any]) -> Any:
        explained = _explained(context.data)
        before = frozenset(explained)
        with _current_build_context.with_value(context):
            value = draw(strategy)
        explained &= before
        return value

    conversation = Conversation(drawn)
    if context.is_final:
        cleanup(lambda: _tell(conversation))
    return Improvised(conversation, answers)


def _explained(data: Any) -> set[Any]:
    """
    Give the parts of a test case that Hypothesis will vary, in its phase ``explain``, to comment on them in its report.

    Those of answers are not to be among them: it would take longer than all else, and a script has no such comments.
    """
    parts: set[Any] | None = getattr(data, "arg_spans", None)  # its name in new versions
    return getattr(data, "arg_slices", set[Any]()) if parts is None else parts


def _tell(conversation: Conversation) -> None:
    if conversation.asked or conversation.script:
        report(f"The conversation, as {conversation.title}:\n\n{conversation}\n")


class _Answers:
    """
    What requests may be answered, and what may be said in sessions.

    Most go well, so that programs of many requests come to their end, too. The strategies for the last few are kept:
    shrinking asks the same over and over, and making a strategy takes longer than drawing from it.
    """

    def __init__(self, **how: bool) -> None:
        self._how = how
        self._kept: tuple[tuple[Request[Any], bool, SearchStrategy[Any]], ...] = ()
        self._speeches: tuple[Speech, ...] = ()

    def to(self, request: Request[Any], in_chunks: bool) -> SearchStrategy[Any]:
        """Give the strategy for the answers to a request, whole or in chunks."""
        for known, known_in_chunks, strategy in self._kept:
            if in_chunks == known_in_chunks and known == request:
                return strategy
        answers = chunks if in_chunks else replies
        strategy = _mostly(answers(request), answers(request, **self._how))
        self._kept = ((request, in_chunks, strategy), *self._kept[:_MOST_KEPT])
        return strategy

    def in_session(self, live: Live[Any]) -> Speech:
        """Give what may be said in a session."""
        for known in self._speeches:
            if known.live == live:
                return known
        speech = Speech(live, errors=self._how["errors"])
        self._speeches = (speech, *self._speeches[:_MOST_KEPT])
        return speech


@st.composite
def _mostly(draw: DrawFn, usual: SearchStrategy[Any], unusual: SearchStrategy[Any]) -> Any:
    return draw(unusual if draw(_FATES) == 0 else usual)


_MOST_KEPT = 16
_FATES = st.sampled_from([1, 2, 3, 4, 0])
