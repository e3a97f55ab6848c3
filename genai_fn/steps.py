"""
The words of a flow, and how they become effects.

A flow is a generator. It yields from `ask` (one action's value; its failure ends the flow), `attempt` (one action's
result), `sleep` and, in a stream, `emit`; it returns ``Success`` or ``Failure``. `program` runs such a generator
against an exchange: the words that speak of requests are answered by the exchange, and what is left are effects, for a
driver to perform.
"""

from math import inf
from typing import Any, Generic, TypeVar

from returns.result import Failure, Result

from genai_fn.effects import Effects, Emit, Now, Sleep, Spawn, Together
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.exchange import Exchange
from genai_fn.request import Action, Flow, Request, Steps, Stream, flow, steps, stream
from genai_fn.words import Ask, Ended, Listen, Next, Several, Start, Within

__all__ = ["Reading", "ask", "attempt", "emit", "flow", "program", "sleep", "stream"]

T = TypeVar("T")


def ask(action: Action[T]) -> Steps[T]:
    """Run an action and give its value; if it fails, the flow ends with that failure."""
    result: Result[T, GenaiError] = yield Ask(action)
    if isinstance(result, Failure):
        raise Ended(result.failure())
    return result.unwrap()


def attempt(action: Action[T]) -> Steps[Result[T, GenaiError]]:
    """Run an action and give its result, whatever it is."""
    result: Result[T, GenaiError] = yield Ask(action)
    return result


def sleep(seconds: float) -> Steps[None]:
    """Wait."""
    yield Sleep(seconds)


def emit(item: Result[Any, GenaiError]) -> Steps[None]:
    """Hand an item, ``Success`` or ``Failure``, to whoever reads the stream."""
    yield Emit(item)


def program(
    description: Action[T] | Stream[T], exchange: Exchange, until: float = inf
) -> Effects[Result[T, GenaiError]]:
    """
    Turn a description into effects.

    What it returns is an action's result; a stream emits, and returns nothing of worth. `until` is when all must be
    over, on the clock of `Now`.
    """
    if isinstance(description, Request):
        return _asked(description, exchange, until)
    return _run(description, exchange, until)


def _asked(request: Request[T], exchange: Exchange, until: float) -> Effects[Result[T, GenaiError]]:
    """Ask, in a world that may end it in the middle, as one that is closed does."""
    try:
        return (yield from exchange.ask(request, until))
    except Ended as end:
        return Failure(end.error)


def _run(description: Flow[Any] | Stream[Any], exchange: Exchange, until: float) -> Effects[Any]:
    generator = steps(description)
    answer: Any = None
    raised: Exception | None = None
    while True:
        try:
            word = generator.send(answer) if raised is None else generator.throw(raised)
        except StopIteration as end:
            return _returned(description, end.value)
        except Ended as end:
            return (yield from _failed(description, end.error))
        raised = None
        try:
            answer = (yield word) if type(word) is Emit else (yield from _answered(word, exchange, until))
        except Exception as error:  # noqa: BLE001  # the caller's own function raised, or time is over: the flow may want to know
            raised = error


def _answered(word: Any, exchange: Exchange, until: float) -> Effects[Any]:
    match word:
        case Next(handle=handle):
            return (yield from exchange.following(handle))
        case Ask(action=action):
            return (yield from program(action, exchange, until))
        case Listen(request=request):
            return (yield from exchange.listen(request, until))
        case Start(action=action):
            return (yield Spawn(program(action, exchange, until)))
        case Several(actions=actions):
            return (yield Together(tuple(program(each, exchange, until) for each in actions)))
        case Within(action=action, seconds=seconds):
            now: float = yield Now()
            return (yield from program(action, exchange, min(until, now + seconds)))
        case Sleep(seconds=seconds) if until != inf:
            return (yield from _sleep(seconds, until))
        case _:
            return (yield word)


def _sleep(seconds: float, until: float) -> Effects[None]:
    now: float = yield Now()
    yield Sleep(max(0.0, min(seconds, until - now)))
    if now + seconds > until:
        raise Ended(TimedOut("total", "waiting"))


def _failed(description: Flow[Any] | Stream[Any], error: GenaiError) -> Effects[Any]:
    if isinstance(description, Stream):
        yield Emit(Failure(error))
    failure: Failure[Any] = Failure(error)
    return failure


def _returned(description: Flow[Any] | Stream[Any], value: Any) -> Any:
    is_result = isinstance(value, Result)
    if isinstance(description, Flow) and not is_result:
        raise InvalidRequest(
            f"{description.builder.__qualname__}()", value, "Success or Failure as what a flow returns"
        )
    return value


class Reading(Generic[T]):
    """
    A stream read within another description, item by item.

    ::

        reading = Reading(source)
        while (item := (yield from reading.next())) is not None:
            ...
    """

    def __init__(self, source: Stream[T]) -> None:
        self._generator = steps(source)

    def next(self) -> Steps[Result[T, GenaiError] | None]:
        """Give the next item; None at the end."""
        answer: Any = None
        raised: Exception | None = None
        while True:
            try:
                word = self._generator.send(answer) if raised is None else self._generator.throw(raised)
            except StopIteration:
                return None
            except Ended as end:
                return Failure(end.error)
            if type(word) is Emit:
                return word.item  # type: ignore[no-any-return]  # a stream emits results
            answer = raised = None
            try:
                answer = yield word
            except Exception as error:  # noqa: BLE001  # for the stream's own generator to see
                raised = error
