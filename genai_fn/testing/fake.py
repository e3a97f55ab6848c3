"""`Fake`: an interpreter that returns answers from a table or a function, without HTTP."""

import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from genai_fn.effects import Effects
from genai_fn.engine.virtual_time import VirtualClock
from genai_fn.errors import InvalidRequest, NoAnswer
from genai_fn.interpreters.in_process import InProcessRunner, make_async_memory_executor, make_memory_executor
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live, LiveOperation, Operation, Request
from genai_fn.testing.canned_answers import CannedAnswers, Sessions, freeze_answers, pick_answer

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use


T = TypeVar("T")

AnswerKey: TypeAlias = type[Operation[Any]] | type[LiveOperation[Any]] | str | Callable[[Any], object]
AnswerSource: TypeAlias = Mapping[AnswerKey, Any] | Mapping[Any, Any] | Callable[[Request[Any]], Any]
"""``Mapping[Any, Any]`` is for tables stored in variables: mappings are invariant in their key type."""


class Fake(InProcessRunner):
    """
    Returns answers from a table or a function; everything else (flows, streams, function calls) is the real code.

    It uses no HTTP and never sleeps: time is virtual, from zero in each run. `aio` is the same interpreter for async
    code. The result of a request without an answer is ``Failure(NoAnswer)``; an answer of the wrong type raises
    `InvalidRequest`.

    Args:
        answers: A function from a request to its answer, or a table. Its keys are operation classes, names such as
            ``"files.get"``, or predicates of a request. A class or a name also matches operations derived from it:
            ``"generate"`` matches its streams. The most specific key is used; among equals, the first.

            An answer is a value of the operation's result type, a text or a ``FunctionCall`` for ``generate``, an
            error, a ``Result``, a ``Delayed(answer, seconds)``, or a function of the request that returns one of these.
            A list contains one answer for each call; for a stream, a list contains its chunks, and a list of lists the
            chunks of each call.

            The answer to a live session is what the model sends after a client message that expects an answer: a text
            for a turn, ``LiveServerMessage``s, an error, None, or a list of these. A list contains one answer for each
            such message. A function is called with every client message. ``Sessions([…])`` contains one of these for
            each session, or an error for a session that fails to open.

    Raises:
        InvalidRequest: If `answers` is neither a table nor a function, or a key has the wrong type.

    >>> from genai_fn import embed, generate, text
    >>> run = Fake({"generate": "Because of Rayleigh."})
    >>> run(generate("gemini-2.5-flash", "Why is the sky blue?") | text)
    <Success: Because of Rayleigh.>
    >>> [request.operation.op for request in run.requests]
    ['generate']
    """

    def __init__(self, answers: AnswerSource | None = None) -> None:
        self._table = _AnswerTable(answers)
        parts = RunnerParts(
            handler=CannedAnswers(self._table.find_answer),
            make_clock=VirtualClock,
            build_session=partial(_build_session, self._table),
        )
        super().__init__(parts, make_memory_executor, make_async_memory_executor)

    @property
    def requests(self) -> tuple[Request[Any] | Live[Any], ...]:
        """All requests and sessions so far, including those without an answer."""
        return tuple(self._table.requests)

    def with_answer(self, key: AnswerKey, answer: Any) -> "Fake":
        """
        Return a new `Fake` with one more answer, which precedes the others. Its `requests` are empty.

        Args:
            key: A key of the table; it replaces an equal one.

            answer: The answer.

        Raises:
            InvalidRequest: If the key has the wrong type.
        """
        answers = {key: answer} | {each: old for each, old in self._table.answers.items() if each != key}
        return Fake(answers).with_layers(*self._layers)

    def __repr__(self) -> str:
        return f"Fake({', '.join(map(_describe_key, self._table.answers))})"


def _build_session(table: "_AnswerTable", live: Live[T], wrap_connector: ConnectorMiddleware) -> "Session[T]":
    from genai_fn.interpreters.live.session import Session  # noqa: PLC0415  # loads anyio
    from genai_fn.testing.fake_connector import FakeConnector  # noqa: PLC0415

    connector = wrap_connector(FakeConnector(live, table.find_session_answer(live)))
    return Session(live, connector, retry=Retry(attempts=1), timeouts=Timeouts())


class _AnswerTable:
    """The answers, how many of each list were used, and the requests received."""

    def __init__(self, answers: AnswerSource | None) -> None:
        self.answers = _build_answer_table(answers)
        self.requests: list[Request[Any] | Live[Any]] = []
        self._lock = threading.Lock()
        self._used_counts: dict[Any, int] = {}

    def find_answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        """Return the answer to a request: the next one, if there is a list of one for each call."""
        yield from ()
        key, answer = self._find_entry(request)
        return self._take_next(request, key, answer) if _is_answer_sequence(answer, in_chunks) else answer

    def find_session_answer(self, live: Live[Any]) -> Any:
        """Return the answer to a live session: the next one of `Sessions`."""
        key, answer = self._find_entry(live)
        return self._take_next(live, key, answer.answers) if isinstance(answer, Sessions) else answer

    def _find_entry(self, request: Request[Any] | Live[Any]) -> tuple[Any, Any]:
        """Record a request or session, and return the most specific key and its answer, or None and `NoAnswer`."""
        with self._lock:
            self.requests.append(request)
        matching = [(rank, key) for key in self.answers if (rank := _rank_key(key, request)) is not None]
        if not matching:
            similar = get_close_matches(request.operation.op, map(_describe_key, self.answers), n=1, cutoff=0.0)
            return None, NoAnswer(request, similar[0] if similar else None)
        key: Any = min(matching, key=lambda each: each[0])[1]
        return key, self.answers[key]

    def _take_next(self, request: Request[Any] | Live[Any], key: Any, answers: Sequence[Any]) -> Any:
        with self._lock:
            number = self._used_counts.get(key, 0)
            self._used_counts[key] = number + 1
        return pick_answer(answers, number, request, _describe_key(key))


def forbid() -> Fake:
    """
    Return an interpreter that has no answer to any request, for tests that must not send one.

    >>> from genai_fn import generate
    >>> forbid()(generate("gemini-2.5-flash", "hi")).failure().nearest is None
    True
    """
    return Fake()


# The table


def _match_any(request: Request[Any] | Live[Any]) -> bool:  # noqa: ARG001  # a predicate that ignores the request
    """Match every request: the key of an answer function."""
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
    is_valid = (
        issubclass(key, Operation | LiveOperation) if isinstance(key, type) else isinstance(key, str) or callable(key)
    )
    if not is_valid:
        raise InvalidRequest("answers", key, "keys that are operation classes, names of operations, or predicates")
    return cast("Any", key)


def _rank_key(key: Any, request: Request[Any] | Live[Any]) -> float | None:
    """Return how specific a matching key is, 0 for the most specific; None if it does not match."""
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
    """Whether an answer is a tuple of answers, one for each call, and not the tuple of chunks of one stream."""
    return isinstance(answer, tuple) and (not in_chunks or any(type(each) is tuple for each in cast("Any", answer)))


def _describe_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(getattr(key, "op", None) or getattr(key, "__qualname__", None) or repr(key))
