"""
The words of a flow, and how they become effects.

A flow is a generator. It yields from `ask` (one action's value; its failure ends the flow), `attempt` (one action's
result), `sleep` and, in a stream, `emit`; it returns ``Success`` or ``Failure``. `program` runs such a generator
against an exchange: the words that speak of requests are answered by the exchange, and what is left are effects, for a
driver to perform.
"""

from math import inf
from typing import Any, TypeVar

from returns.result import Failure, Result

from genai_fn.effects import (
    Ask,
    AskAll,
    AskWithin,
    Effects,
    Emit,
    FlowFailed,
    GetTime,
    OpenStream,
    ReadItems,
    RunAll,
    Sleep,
    Spawn,
    StartAction,
)
from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.request import Action, Flow, Request, Stream, start_generator

__all__ = ["build_program"]

T = TypeVar("T")


def build_program(
    description: Action[T] | Stream[T], exchange: RequestHandler, until: float = inf
) -> Effects[Result[T, GenaiError]]:
    """
    Turn a description into effects.

    What it returns is an action's result; a stream emits, and returns nothing of worth. `until` is when all must be
    over, on the clock of `Now`.
    """
    if isinstance(description, Request):
        return _handle_request(description, exchange, until)
    return _run_generator(description, exchange, until)


def _handle_request(request: Request[T], exchange: RequestHandler, until: float) -> Effects[Result[T, GenaiError]]:
    """Ask, in a world that may end it in the middle, as one that is closed does."""
    try:
        return (yield from exchange.handle(request, until))
    except FlowFailed as end:
        return Failure(end.error)


def _run_generator(description: Flow[Any] | Stream[Any], exchange: RequestHandler, until: float) -> Effects[Any]:
    generator = start_generator(description)
    answer: Any = None
    raised: Exception | None = None
    while True:
        try:
            word = generator.send(answer) if raised is None else generator.throw(raised)
        except StopIteration as end:
            return _check_return_value(description, end.value)
        except FlowFailed as end:
            return (yield from _emit_failure(description, end.error))
        raised = None
        try:
            answer = (yield word) if type(word) is Emit else (yield from _perform_command(word, exchange, until))
        except Exception as error:  # noqa: BLE001  # the caller's own function raised, or time is over: the flow may want to know
            raised = error


def _perform_command(word: Any, exchange: RequestHandler, until: float) -> Effects[Any]:
    match word:
        case ReadItems(handle=handle):
            return (yield from exchange.read_items(handle))
        case Ask(action=action):
            return (yield from build_program(action, exchange, until))
        case OpenStream(request=request):
            return (yield from exchange.open_stream(request, until))
        case StartAction(action=action):
            return (yield Spawn(build_program(action, exchange, until)))
        case AskAll(actions=actions):
            return (yield RunAll(tuple(build_program(each, exchange, until) for each in actions)))
        case AskWithin(action=action, seconds=seconds):
            now: float = yield GetTime()
            return (yield from build_program(action, exchange, min(until, now + seconds)))
        case Sleep(seconds=seconds) if until != inf:
            return (yield from _sleep_within_deadline(seconds, until))
        case _:
            return (yield word)


def _sleep_within_deadline(seconds: float, until: float) -> Effects[None]:
    now: float = yield GetTime()
    yield Sleep(max(0.0, min(seconds, until - now)))
    if now + seconds > until:
        raise FlowFailed(TimedOut("total", "waiting"))


def _emit_failure(description: Flow[Any] | Stream[Any], error: GenaiError) -> Effects[Any]:
    if isinstance(description, Stream):
        yield Emit(Failure(error))
    failure: Failure[Any] = Failure(error)
    return failure


def _check_return_value(description: Flow[Any] | Stream[Any], value: Any) -> Any:
    is_result = isinstance(value, Result)
    if isinstance(description, Flow) and not is_result:
        raise InvalidRequest(
            f"{description.builder.__qualname__}()", value, "Success or Failure as what a flow returns"
        )
    return value
