"""
Runs a flow: translates the commands that its generator yields into effects.

A flow is a generator. It yields from `ask` (the value of an action; a failure ends the flow), `attempt` (the result of
an action), `sleep` and, in a stream, `emit`; it returns ``Success`` or ``Failure``. A request handler handles its
requests; all other commands become effects, which an executor performs.
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
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.request import Action, Flow, Request, Stream, start_generator

T = TypeVar("T")


def build_program(
    description: Action[T] | Stream[T], handler: RequestHandler, until: float = inf
) -> Effects[Result[T, GenaiError]]:
    """
    Build the program of an action, which returns its result, or of a stream, which emits its items.

    `until` is the deadline, in seconds of the clock that `GetTime` reads.
    """
    if isinstance(description, Request):
        return _handle_request(description, handler, until)
    return _run_generator(description, handler, until)


def _handle_request(request: Request[T], handler: RequestHandler, until: float) -> Effects[Result[T, GenaiError]]:
    """Handle a request. A `FlowFailed`, which a closed executor raises, becomes a ``Failure``."""
    try:
        return (yield from handler.handle(request, until))
    except FlowFailed as end:
        return Failure(end.error)


def _run_generator(description: Flow[Any] | Stream[Any], handler: RequestHandler, until: float) -> Effects[Any]:
    stepper = Stepper(start_generator(description))
    try:
        while (command := stepper.next()) is not DONE:
            try:
                if type(command) is Emit:  # the most frequent one
                    yield command
                else:
                    stepper.send((yield from _perform_command(command, handler, until)))
            except Exception as error:  # noqa: BLE001  # a user function raised, or the deadline passed: the flow may handle it
                stepper.throw(error)
    except FlowFailed as end:
        return (yield from _emit_failure(description, end.error))
    return _check_return_value(description, stepper.value)


def _perform_command(command: Any, handler: RequestHandler, until: float) -> Effects[Any]:
    match command:
        case ReadItems(handle=handle):
            return (yield from handler.read_items(handle))
        case Ask(action=action):
            return (yield from build_program(action, handler, until))
        case OpenStream(request=request):
            return (yield from handler.open_stream(request, until))
        case StartAction(action=action):
            return (yield Spawn(build_program(action, handler, until)))
        case AskAll(actions=actions):
            return (yield RunAll(tuple(build_program(each, handler, until) for each in actions)))
        case AskWithin(action=action, seconds=seconds):
            now: float = yield GetTime()
            return (yield from build_program(action, handler, min(until, now + seconds)))
        case Sleep(seconds=seconds) if until != inf:
            return (yield from _sleep_within_deadline(seconds, until))
        case _:
            return (yield command)


def _sleep_within_deadline(seconds: float, until: float) -> Effects[None]:
    """Sleep, at most until the deadline; raises `FlowFailed` with `TimedOut` if the sleep ends later."""
    now: float = yield GetTime()
    yield Sleep(max(0.0, min(seconds, until - now)))
    if now + seconds > until:
        raise FlowFailed(TimedOut("total", "waiting"))


def _emit_failure(description: Flow[Any] | Stream[Any], error: GenaiError) -> Effects[Any]:
    """Return a failure; for a stream, emit it first."""
    if isinstance(description, Stream):
        yield Emit(Failure(error))
    failure: Failure[Any] = Failure(error)
    return failure


def _check_return_value(description: Flow[Any] | Stream[Any], value: Any) -> Any:
    """Return the value; raises `InvalidRequest` if a flow returned something other than a result."""
    is_result = isinstance(value, Result)
    if isinstance(description, Flow) and not is_result:
        raise InvalidRequest(
            f"{description.builder.__qualname__}()", value, "Success or Failure as what a flow returns"
        )
    return value
