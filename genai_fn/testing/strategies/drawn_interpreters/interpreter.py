"""`interpreters`: a Hypothesis strategy for interpreters that return any valid reply or any error."""

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st
from hypothesis.control import (
    _current_build_context,  # pyright: ignore[reportPrivateUsage]  # threads of the program have no context
    cleanup,
    current_build_context,
)
from hypothesis.reporting import report
from hypothesis.strategies import DrawFn, SearchStrategy

from genai_fn.effects import Effects
from genai_fn.interpreters.in_process import InProcessRunner, make_async_memory_executor, make_memory_executor
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.request import Live, Request
from genai_fn.testing.canned_answers import CannedAnswers
from genai_fn.testing.observed_clock import ObservedClock
from genai_fn.testing.sequential import SequentialParts
from genai_fn.testing.strategies.drawn_interpreters.conversation import DrawnConversation
from genai_fn.testing.strategies.drawn_interpreters.live_replies import SessionReplies
from genai_fn.testing.strategies.responses.replies import chunks, replies

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use


T = TypeVar("T")


def interpreters(*, errors: bool = True, odd: bool = True) -> "SearchStrategy[DrawnInterpreter]":
    """
    Draw interpreters that return any valid reply, or any error, to any request and any message of a live session.

    Each answer is drawn when its request is sent, so Hypothesis reproduces and shrinks it like other drawn data. A test
    that fails prints the shortest conversation that makes it fail: as a script for ``perform``, or, if it contains live
    sessions, as a `Fake`.

    Args:
        errors: Also draw errors: for requests, in streams after any chunk, and in live sessions after any message.

        odd: Also draw replies that no service should return, such as fewer vectors than requested.

    ::

        @given(interpreters())
        def test_never_raises(run):
            my_pipeline(run)

    >>> from genai_fn import generate, text
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(interpreters())
    ... def test_never_raises(run):
    ...     run(generate("gemini-2.5-flash", "hi") | text)
    ...     assert len(run.requests) == 1
    >>> test_never_raises()
    """
    return _interpreters(_ReplyStrategies(errors=errors, odd=odd))


class DrawnInterpreter(InProcessRunner):
    """
    An interpreter whose answers Hypothesis draws when they are requested; everything else is the real code.

    Time is virtual, from zero in each run, and concurrent actions run one after another, so that tests are
    reproducible. `aio` is the same interpreter for async code.
    """

    def __init__(self, conversation: DrawnConversation, answers: "_ReplyStrategies") -> None:
        self._conversation = conversation
        self._answers = answers
        parts = SequentialParts(
            handler=CannedAnswers(self._draw_answer),
            make_clock=partial(ObservedClock, conversation.record_sleep),
            build_session=self._build_session,
        )
        super().__init__(parts, make_memory_executor, make_async_memory_executor)

    @property
    def requests(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far."""
        return self._conversation.requests

    @property
    def script(self) -> tuple[tuple[Any, Any], ...]:
        """The requests and sleeps so far with their answers, as ``perform`` accepts them."""
        return self._conversation.script

    @property
    def table(self) -> dict[str, Any]:
        """All answers so far, including those of sessions, as a `Fake` accepts them."""
        return self._conversation.table

    def __repr__(self) -> str:
        return "interpreter(…)"

    def _draw_answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        yield from ()
        return self._conversation.answer_request(request, self._answers.get_replies(request, in_chunks), in_chunks)

    def _build_session(self, live: Live[T], wrap_connector: ConnectorMiddleware) -> "Session[T]":
        from genai_fn.testing.strategies.drawn_interpreters.live_connector import build_session  # noqa: PLC0415  # loads anyio

        session = self._conversation.open_session(live, self._answers.get_session_replies(live))
        return build_session(live, session, wrap_connector)


# Drawing


@st.composite
def _interpreters(draw: DrawFn, answers: "_ReplyStrategies") -> "DrawnInterpreter":
    context = current_build_context()

    def draw_answer(strategy: SearchStrategy[Any]) -> Any:
        explained = _get_explained_parts(context.data)
        before = frozenset(explained)
        with _current_build_context.with_value(context):
            value = draw(strategy)
        explained &= before
        return value

    conversation = DrawnConversation(draw_answer)
    if context.is_final:
        cleanup(lambda: _report_conversation(conversation))
    return DrawnInterpreter(conversation, answers)


def _get_explained_parts(data: Any) -> set[Any]:
    """
    Return the set of the parts of a test case that Hypothesis varies in its phase ``explain``.

    The caller removes the parts of answers: varying them takes long, and scripts cannot show the comments.
    """
    parts: set[Any] | None = getattr(data, "arg_spans", None)  # the name in newer versions of Hypothesis
    return getattr(data, "arg_slices", set[Any]()) if parts is None else parts


def _report_conversation(conversation: DrawnConversation) -> None:
    if conversation.requests or conversation.script:
        report(f"The conversation, as {conversation.title}:\n\n{conversation}\n")


class _ReplyStrategies:
    """
    The strategies for replies to requests and for messages of live sessions.

    Four in five answers are drawn without errors, so that programs with many requests also reach their end. The latest
    strategies are cached: shrinking repeats requests, and building a strategy takes longer than drawing from it.
    """

    def __init__(self, **options: bool) -> None:
        self._options = options
        self._cached_replies: tuple[tuple[Request[Any], bool, SearchStrategy[Any]], ...] = ()
        self._cached_sessions: tuple[SessionReplies, ...] = ()

    def get_replies(self, request: Request[Any], in_chunks: bool) -> SearchStrategy[Any]:
        """Return the strategy for the reply to a request, or for its chunks."""
        for known, known_in_chunks, strategy in self._cached_replies:
            if in_chunks == known_in_chunks and known == request:
                return strategy
        answers = chunks if in_chunks else replies
        strategy = _mostly_usual(answers(request), answers(request, **self._options))
        self._cached_replies = ((request, in_chunks, strategy), *self._cached_replies[:_MAX_CACHED])
        return strategy

    def get_session_replies(self, live: Live[Any]) -> SessionReplies:
        """Return the strategies for the messages of a live session."""
        for known in self._cached_sessions:
            if known.live == live:
                return known
        session_replies = SessionReplies(live, errors=self._options["errors"])
        self._cached_sessions = (session_replies, *self._cached_sessions[:_MAX_CACHED])
        return session_replies


@st.composite
def _mostly_usual(draw: DrawFn, usual: SearchStrategy[Any], unusual: SearchStrategy[Any]) -> Any:
    return draw(unusual if draw(_CHOICES) == 0 else usual)


_MAX_CACHED = 16
_CHOICES = st.sampled_from([1, 2, 3, 4, 0])
