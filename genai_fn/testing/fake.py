"""Interpreters that answer from a table or a function, and never see HTTP."""

import copy
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from math import inf
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

from returns.result import Result, Success

from genai_fn.effects import Effects
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.http import Items
from genai_fn.interpreters.middleware import Middleware, apply_middleware
from genai_fn.interpreters.settings import check_action, check_stream
from genai_fn.request import Action, Live, LiveOperation, Operation, Request, Stream
from genai_fn.testing.canned_answers import CannedAnswers, Sessions, freeze_answers

if TYPE_CHECKING:
    from genai_fn.testing.async_fake import AsyncFake  # loaded with anyio, at the first use

__all__ = ["Fake", "forbid"]

T = TypeVar("T")

AnswerKey: TypeAlias = type[Operation[Any]] | type[LiveOperation[Any]] | str | Callable[[Any], object]
AnswerSource: TypeAlias = Mapping[AnswerKey, Any] | Mapping[Any, Any] | Callable[[Request[Any]], Any]
"""The second is for tables that were not written where they are passed: mappings are invariant in their keys."""


class Fake:
    """
    Answers requests from a table or a function; everything around them is the real thing.

    It never sees HTTP and never sleeps: time is virtual, in each run anew. ``Fake(…).aio`` is the same one, to be
    awaited. A request without an answer is ``Failure(NoAnswer)``, an answer of the wrong type `InvalidRequest`.

    >>> from genai_fn import embed, generate, text
    >>> run = Fake({"generate": "Because of Rayleigh."})
    >>> run(generate("gemini-2.5-flash", "Why is the sky blue?") | text)
    <Success: Because of Rayleigh.>
    >>> [request.operation.op for request in run.requests]
    ['generate']

    Args:
        answers: A function from a request to its answer, or a table. Its keys are operation classes, names such as
            ``"files.get"``, or predicates of a request. A class or name answers for what derives from it, too, as
            ``"generate"`` does for its streams, unless there is a nearer key; of equals the first one counts.

            An answer is a value of the operation's type, a text for ``generate``, an error, a ``Result``, or a function
            of the request that gives one of these. A list is of answers one after the other, one for each call; for a
            stream it is its chunks, and a list of lists the chunks of each call.

            The answer of a live session is what is said to each frame that asks for something: a text for a turn,
            ``LiveServerMessage``s, an error, None, or a list of these; in a list one for each such frame. A function is
            called with every frame. ``Sessions([…])`` has one of these for each session, an error for one that does not
            open.
    """

    def __init__(self, answers: AnswerSource | None = None) -> None:
        self._table = _AnswerTable(answers)
        self._middleware: tuple[Middleware, ...] = ()
        self._handler: RequestHandler = CannedAnswers(self._table.find_answer)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        check_action(action)
        return SyncExecutor(None, None, None).run(
            run_in_virtual_time(build_program(action, self._handler), VirtualClock())
        )

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        check_stream(stream)
        return _VirtualTimeItems(stream, self._handler)

    @property
    def aio(self) -> "AsyncFake":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.testing.async_fake import AsyncFake  # noqa: PLC0415  # loads anyio

        return AsyncFake(self._handler, self._table.find_session_answer)

    @property
    def requests(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far, those without an answer among them."""
        return self._table.requests

    def with_answer(self, key: AnswerKey, answer: Any) -> "Fake":
        """Make a new one that has one answer more, before all others; it has been asked nothing yet."""
        answers = {key: answer} | {each: old for each, old in self._table.answers.items() if each != key}
        return functools.reduce(Fake.with_middleware, self._middleware, Fake(answers))

    def with_middleware(self, middleware: Middleware) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        Both have one table, and what was asked of one, both were asked.
        """
        twin = copy.copy(self)
        twin._middleware = (*self._middleware, middleware)  # noqa: SLF001  # one of its own kind
        twin._handler = apply_middleware(middleware, self._handler)  # noqa: SLF001  # one of its own kind
        return twin

    def __repr__(self) -> str:
        return f"Fake({', '.join(map(_describe_key, self._table.answers))})"


class _AnswerTable:
    """The answers, and what has become of them."""

    def __init__(self, answers: AnswerSource | None) -> None:
        self.answers = _build_answer_table(answers)
        self.requests: tuple[Request[Any] | Live[Any], ...] = ()
        self._lock = threading.Lock()
        self._used_counts: dict[Any, int] = {}

    def find_answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        yield from ()
        key, answer = self._find_entry(request)
        return self._take_next(request, key, answer) if _is_answer_sequence(answer, in_chunks) else answer

    def find_session_answer(self, live: Live[Any]) -> Any:
        """Give what answers a live session."""
        key, answer = self._find_entry(live)
        return self._take_next(live, key, answer.answers) if isinstance(answer, Sessions) else answer

    def _find_entry(self, request: Request[Any] | Live[Any]) -> tuple[Any, Any]:
        """Look up what answers a request or a session, and the nearest key; or say that nothing does."""
        with self._lock:
            self.requests = (*self.requests, request)
        near = [(rank, key) for key in self.answers if (rank := _rank_key(key, request)) is not None]
        if not near:
            return None, NoAnswer(
                request, max(map(_describe_key, self.answers), key=_make_similarity(request), default=None)
            )
        key: Any = min(near, key=lambda each: each[0])[1]
        return key, self.answers[key]

    def _take_next(self, request: Request[Any] | Live[Any], key: Any, answers: Sequence[Any]) -> Any:
        with self._lock:
            number = self._used_counts.get(key, 0)
            self._used_counts[key] = number + 1
        spent = f"{_describe_key(key)}, which has {len(answers)} answers and was asked once more"
        return answers[number] if number < len(answers) else NoAnswer(request, spent)


def forbid() -> Fake:
    """
    Make an interpreter that refuses everything, for tests that must make no call.

    >>> from genai_fn import generate
    >>> forbid()(generate("gemini-2.5-flash", "hi")).failure().nearest is None
    True
    """
    return Fake()


class _VirtualTimeItems(Items[T]):
    def __init__(self, stream: Stream[T], exchange: RequestHandler) -> None:
        super().__init__(stream, Success(exchange), SyncExecutor(None, None, None))
        self._effects = run_in_virtual_time(build_program(stream, exchange), VirtualClock())


# The table


def _match_any(request: Request[Any] | Live[Any]) -> bool:  # noqa: ARG001  # a key
    return True


def _build_answer_table(answers: Any) -> dict[Any, Any]:
    if answers is None:
        return {}
    if isinstance(answers, Mapping):
        table: dict[Any, Any] = dict(cast("Any", answers))
        return {_check_key(key): freeze_answers(answer) for key, answer in table.items()}
    if callable(answers):
        return {_match_any: answers}
    raise InvalidRequest("answers", answers, "a table, or a function of a request")


def _check_key(key: Any) -> Any:
    is_fit = (
        issubclass(key, Operation | LiveOperation) if isinstance(key, type) else isinstance(key, str) or callable(key)
    )
    if not is_fit:
        raise InvalidRequest("answers", key, "keys that are operation classes, names of operations, or predicates")
    return cast("Any", key)


def _rank_key(key: Any, request: Request[Any] | Live[Any]) -> float | None:
    """Say how far a key is from a request; None if it says nothing of it."""
    kinds = type(request.operation).__mro__
    if key is _match_any:
        return inf
    if isinstance(key, type):
        return kinds.index(key) if key in kinds else None
    if isinstance(key, str):
        names = [getattr(each, "op", None) for each in kinds]
        return names.index(key) if key in names else None
    return 0 if key(request) else None


def _is_answer_sequence(answer: Any, in_chunks: bool) -> bool:
    """Tell a tuple of answers, one for each call, from the chunks of a stream."""
    if not isinstance(answer, tuple):
        return False
    answers: Any = cast("Any", answer)
    return not in_chunks or any(type(each) is tuple for each in answers)


def _describe_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(getattr(key, "op", None) or getattr(key, "__qualname__", None) or repr(key))


def _make_similarity(request: Request[Any] | Live[Any]) -> Callable[[str], float]:
    return lambda name: SequenceMatcher(None, name, request.operation.op).ratio()
