"""Interpreters that answer from a table or a function, and never see HTTP."""

import copy
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from math import inf
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

from returns.result import Result, Success

from genai_fn.clock import Clock, timed
from genai_fn.effects import Effects
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.exchange import Exchange
from genai_fn.interpret.exchanges import Between, beyond
from genai_fn.interpret.settings import a_stream, an_action
from genai_fn.interpret.sync import Items
from genai_fn.interpret.sync_world import SyncWorld
from genai_fn.request import Action, Live, LiveOperation, Operation, Request, Stream
from genai_fn.steps import program
from genai_fn.testing.answers import Sessions, StandIn, frozen

if TYPE_CHECKING:
    from genai_fn.testing.fake_async import AsyncFake  # loaded with anyio, at the first use

__all__ = ["Fake", "forbid"]

T = TypeVar("T")

Key: TypeAlias = type[Operation[Any]] | type[LiveOperation[Any]] | str | Callable[[Any], object]
Answers: TypeAlias = Mapping[Key, Any] | Mapping[Any, Any] | Callable[[Request[Any]], Any]
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
    >>> [request.operation.op for request in run.asked]
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

    def __init__(self, answers: Answers | None = None) -> None:
        self._table = _Table(answers)
        self._between: tuple[Between, ...] = ()
        self._exchange: Exchange = StandIn(self._table.answer)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        an_action(action)
        return SyncWorld(None, None, None).run(timed(program(action, self._exchange), Clock()))

    def stream(self, stream: Stream[T]) -> Items[T]:
        """Read a stream."""
        a_stream(stream)
        return _TimedItems(stream, self._exchange)

    @property
    def aio(self) -> "AsyncFake":
        """The same one, to be awaited on asyncio or trio."""
        from genai_fn.testing.fake_async import AsyncFake  # noqa: PLC0415  # loads anyio

        return AsyncFake(self._exchange, self._table.of_session)

    @property
    def asked(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far, those without an answer among them."""
        return self._table.asked

    def on(self, key: Key, answer: Any) -> "Fake":
        """Make a new one that has one answer more, before all others; it has been asked nothing yet."""
        answers = {key: answer} | {each: old for each, old in self._table.answers.items() if each != key}
        return functools.reduce(Fake.through, self._between, Fake(answers))

    def through(self, between: Between) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        Both have one table, and what was asked of one, both were asked.
        """
        twin = copy.copy(self)
        twin._between = (*self._between, between)  # noqa: SLF001  # one of its own kind
        twin._exchange = beyond(between, self._exchange)  # noqa: SLF001  # one of its own kind
        return twin

    def __repr__(self) -> str:
        return f"Fake({', '.join(map(_name, self._table.answers))})"


class _Table:
    """The answers, and what has become of them."""

    def __init__(self, answers: Answers | None) -> None:
        self.answers = _table(answers)
        self.asked: tuple[Request[Any] | Live[Any], ...] = ()
        self._lock = threading.Lock()
        self._given: dict[Any, int] = {}

    def answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        yield from ()
        key, answer = self._found(request)
        return self._next(request, key, answer) if _is_in_turn(answer, in_chunks) else answer

    def of_session(self, live: Live[Any]) -> Any:
        """Give what answers a live session."""
        key, answer = self._found(live)
        return self._next(live, key, answer.answers) if isinstance(answer, Sessions) else answer

    def _found(self, request: Request[Any] | Live[Any]) -> tuple[Any, Any]:
        """Look up what answers a request or a session, and the nearest key; or say that nothing does."""
        with self._lock:
            self.asked = (*self.asked, request)
        near = [(rank, key) for key in self.answers if (rank := _rank(key, request)) is not None]
        if not near:
            return None, NoAnswer(request, max(map(_name, self.answers), key=_likeness(request), default=None))
        key: Any = min(near, key=lambda each: each[0])[1]
        return key, self.answers[key]

    def _next(self, request: Request[Any] | Live[Any], key: Any, answers: Sequence[Any]) -> Any:
        with self._lock:
            number = self._given.get(key, 0)
            self._given[key] = number + 1
        spent = f"{_name(key)}, which has {len(answers)} answers and was asked once more"
        return answers[number] if number < len(answers) else NoAnswer(request, spent)


def forbid() -> Fake:
    """
    Make an interpreter that refuses everything, for tests that must make no call.

    >>> from genai_fn import generate
    >>> forbid()(generate("gemini-2.5-flash", "hi")).failure().nearest is None
    True
    """
    return Fake()


class _TimedItems(Items[T]):
    def __init__(self, stream: Stream[T], exchange: Exchange) -> None:
        super().__init__(stream, Success(exchange), SyncWorld(None, None, None))
        self._effects = timed(program(stream, exchange), Clock())


# The table


def _anything(request: Request[Any] | Live[Any]) -> bool:  # noqa: ARG001  # a key
    return True


def _table(answers: Any) -> dict[Any, Any]:
    if answers is None:
        return {}
    if isinstance(answers, Mapping):
        table: dict[Any, Any] = dict(cast("Any", answers))
        return {_a_key(key): frozen(answer) for key, answer in table.items()}
    if callable(answers):
        return {_anything: answers}
    raise InvalidRequest("answers", answers, "a table, or a function of a request")


def _a_key(key: Any) -> Any:
    is_fit = (
        issubclass(key, Operation | LiveOperation) if isinstance(key, type) else isinstance(key, str) or callable(key)
    )
    if not is_fit:
        raise InvalidRequest("answers", key, "keys that are operation classes, names of operations, or predicates")
    return cast("Any", key)


def _rank(key: Any, request: Request[Any] | Live[Any]) -> float | None:
    """Say how far a key is from a request; None if it says nothing of it."""
    kinds = type(request.operation).__mro__
    if key is _anything:
        return inf
    if isinstance(key, type):
        return kinds.index(key) if key in kinds else None
    if isinstance(key, str):
        names = [getattr(each, "op", None) for each in kinds]
        return names.index(key) if key in names else None
    return 0 if key(request) else None


def _is_in_turn(answer: Any, in_chunks: bool) -> bool:
    """Tell a tuple of answers, one for each call, from the chunks of a stream."""
    if not isinstance(answer, tuple):
        return False
    answers: Any = cast("Any", answer)
    return not in_chunks or any(type(each) is tuple for each in answers)


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(getattr(key, "op", None) or getattr(key, "__qualname__", None) or repr(key))


def _likeness(request: Request[Any] | Live[Any]) -> Callable[[str], float]:
    return lambda name: SequenceMatcher(None, name, request.operation.op).ratio()
