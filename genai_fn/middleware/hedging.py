"""`hedged`: a second attempt when the first is slow; the first answer wins, and the other attempt is cancelled."""

from typing import Any, TypeAlias, TypeVar

from returns.result import Result, Success

from genai_fn.effects import Effects, GetTime, Race, Sleep
from genai_fn.engine.handler import RequestRunner
from genai_fn.errors import GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper, RequestHandler
from genai_fn.options import check_at_least_one, check_positive
from genai_fn.request import Request
from genai_fn.values import Value

T = TypeVar("T")

_Outcome: TypeAlias = Result[Any, GenaiError]


def hedged(after: float, *, attempts: int = 2) -> "Hedge":
    """
    Send a request again if it has no answer after some seconds; the first answer wins, and the others are cancelled.

    A cancelled attempt is stopped at once: its connection is closed. Requests that must not be sent twice pass
    unchanged; so do those whose deadline ends before a second attempt would start. An attempt includes its retries. If
    all attempts so far have failed, no other one is started, and the failure of the first is the result. The
    stream of a server is hedged until its first item.

    The answer has the usage of the attempt that won. The service may charge for the others, too.

    Args:
        after: Seconds until the next attempt starts, counted from the start of the one before.

        attempts: The most attempts in flight, including the first.

    Returns:
        Middleware for ``run.with_middleware(…)``.

    Raises:
        InvalidRequest: If ``after`` is not a number above zero, or ``attempts`` is less than 1.

    >>> from genai_fn import generate, text
    >>> from genai_fn.middleware import hedged
    >>> from genai_fn.testing import Delayed, Fake
    >>> run = Fake({"generate": [Delayed("slow", 60), Delayed("fast", 1)]}).with_middleware(hedged(after=2))
    >>> run(generate("gemini-2.5-flash", "hi") | text)
    <Success: fast>
    """
    return Hedge(after, attempts)


class Hedge(Value):
    """The middleware that `hedged` returns."""

    after: float
    attempts: int = 2

    def __post_init__(self) -> None:
        check_positive("after", self.after)
        check_at_least_one("attempts", self.attempts)

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        return _HedgingHandler(handler, self)

    def __repr__(self) -> str:
        return f"hedged(after={self.after!r}, attempts={self.attempts!r})"


class _HedgingHandler(HandlerWrapper):
    def __init__(self, inner: RequestHandler, hedge: Hedge) -> None:
        super().__init__(inner)
        self._hedge = hedge

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        return self._send(request, until, self.inner.handle)

    def open_stream(self, request: Request[Any], until: float) -> Effects[_Outcome]:
        return self._send(request, until, self.inner.open_stream)

    def _send(self, request: Request[Any], until: float, start: RequestRunner) -> Effects[_Outcome]:
        if not request.operation.repeatable or self._hedge.attempts == 1:
            return start(request, until)
        return self._race_attempts(request, until, start)

    def _race_attempts(self, request: Request[Any], until: float, start: RequestRunner) -> Effects[_Outcome]:
        now: float = yield GetTime()
        deadline, timeouts = request.options.deadline, request.options.timeouts
        until = until if deadline is None else min(until, now + deadline)  # the same for all attempts
        last_start = until if timeouts is None else min(until, now + timeouts.total)
        waits = [number * self._hedge.after for number in range(self._hedge.attempts)]
        in_time = [wait for wait in waits if not wait or now + wait < last_start]
        if len(in_time) == 1:
            return (yield from start(request, until))
        call = _HedgedCall()
        programs = tuple(call.run_attempt(wait, start(request, until)) for wait in in_time)
        outcomes: tuple[_Outcome | None, ...] = yield Race(programs, call.is_decided)
        ended = [each for each in outcomes if each is not None]
        return next((each for each in ended if isinstance(each, Success)), ended[0])


class _HedgedCall:
    """The attempts of one call; lists are appended to, as those run in threads."""

    def __init__(self) -> None:
        self._started: list[None] = []
        self._failed: list[None] = []

    def run_attempt(self, wait: float, attempt: Effects[_Outcome]) -> Effects[_Outcome]:
        """Run an attempt after some seconds."""
        if wait:
            yield Sleep(wait)
        self._started.append(None)
        return (yield from attempt)

    def is_decided(self, outcome: _Outcome) -> bool:
        """Whether an attempt has an answer, or all that have started have failed."""
        if isinstance(outcome, Success):
            return True
        self._failed.append(None)
        return len(self._failed) >= len(self._started)
