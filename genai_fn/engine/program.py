"""
Runs a flow: translates the commands that its generator yields into effects.

A flow is a generator. It yields from `ask` (the value of an action; a failure ends the flow), `attempt` (the result of
an action), `sleep` and, in a stream, `emit`; it returns ``Success`` or ``Failure``. A request handler handles its
requests; all other commands become effects, which an executor performs.
"""

from collections.abc import Generator
from math import inf
from typing import Any, TypeVar, cast

from msgspec.structs import replace
from returns.result import Failure, Result

from genai_fn.effects import (
    Ask,
    AskAll,
    AskWithin,
    CallFunction,
    Effect,
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
from genai_fn.engine.sent_credentials import SentCredentials
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.request import Action, Flow, Request, Stream, start_generator

T = TypeVar("T")


def build_program(
    description: Action[T] | Stream[T],
    handler: RequestHandler,
    until: float = inf,
    sent: SentCredentials | None = None,
) -> Effects[Result[T, GenaiError]]:
    """
    Build the program of an action, which returns its result, or of a stream, which emits its items.

    `until` is the deadline, in seconds of the clock that `GetTime` reads. `sent` belongs to the flow of which the
    program is a part; its failures are masked.
    """
    if isinstance(description, Request):
        return _handle_request(description, handler, until, sent)
    return _run_generator(description, handler, until, sent or SentCredentials())


def _handle_request(
    request: Request[T], handler: RequestHandler, until: float, sent: SentCredentials | None
) -> Effects[Result[T, GenaiError]]:
    """Handle a request. A `FlowFailed`, which a closed executor raises, becomes a ``Failure``."""
    try:
        handling = handler.handle(request, until)
        return (yield from handling if sent is None else sent.watch_request(request, handling))
    except FlowFailed as end:
        return Failure(end.error)


class _Frame:
    """A flow or stream that has started, and the deadline of what it asks for."""

    __slots__ = ("description", "is_stream", "stepper", "until")

    def __init__(self, description: Flow[Any] | Stream[Any], until: float) -> None:
        self.description = description
        self.is_stream = isinstance(description, Stream)
        self.stepper = Stepper(start_generator(description))
        self.until = until


def _run_generator(
    description: Flow[Any] | Stream[Any], handler: RequestHandler, until: float, sent: SentCredentials
) -> Effects[Any]:
    """
    Run a flow or stream, and the flows that it asks for.

    They are a stack of frames and not of generators that call each other, so that a chain of ``bind`` may have any
    length, and each effect takes the same time at any depth.
    """
    frames = [_Frame(description, until)]
    result: Any = None
    try:
        while frames:
            frame = frames[-1]
            try:
                command = frame.stepper.next()
            except FlowFailed as end:
                result = Failure(sent.mask_error(end.error))
                if frame.is_stream:
                    yield Emit(result)
                _return_to_caller(frames, result)
                continue
            except Exception as error:  # noqa: BLE001  # a user function raised: the flow that asked may handle it
                _raise_in_caller(frames, error)
                continue
            if command is DONE:
                result = _end_frame(frames, sent)
                continue
            try:
                kind = cast("Any", type(command))
                if kind is Emit and frame.is_stream:  # the most frequent one
                    yield _mask_item(command, sent)
                elif kind in _ASKING and not isinstance(command.action, Request):
                    frames.append(_Frame(command.action, (yield from _compute_deadline(command, frame.until))))
                else:
                    frame.stepper.send((yield from _perform_command(command, handler, frame.until, sent)))
            except Exception as error:  # noqa: BLE001  # a user function raised, or the deadline passed: the flow may handle it
                frame.stepper.throw(error)
        return result
    finally:
        while frames:  # the innermost first, if this is closed
            frames.pop()


_ASKING = (Ask, AskWithin)


def _end_frame(frames: list[_Frame], sent: SentCredentials) -> Any:
    """Return the value of the innermost flow to the one that asked for it."""
    try:
        result = sent.mask_failure(_check_return_value(frames[-1].description, frames[-1].stepper.value))
    except InvalidRequest as error:
        _raise_in_caller(frames, error)
        return None
    _return_to_caller(frames, result)
    return result


def _return_to_caller(frames: list[_Frame], result: Any) -> None:
    frames.pop()
    if frames:
        frames[-1].stepper.send(result)


def _raise_in_caller(frames: list[_Frame], error: Exception) -> None:
    """Raise an exception of the innermost flow in the one that asked for it; raises it here if there is none."""
    frames.pop()
    if not frames:
        raise error
    frames[-1].stepper.throw(error)


def _compute_deadline(command: Ask | AskWithin, until: float) -> Effects[float]:
    if isinstance(command, Ask):
        return until
    now: float = yield GetTime()
    return min(until, now + command.seconds)


def _mask_item(command: Emit, sent: SentCredentials) -> Emit:
    item: Any = command.item
    return Emit(sent.mask_failure(item)) if isinstance(item, Failure) else command


def _perform_command(command: Any, handler: RequestHandler, until: float, sent: SentCredentials) -> Effects[Any]:
    match command:
        case ReadItems(handle=handle):
            return (yield from handler.read_items(handle))
        case Ask(action=request):
            return (yield from _handle_request(request, handler, until, sent))
        case OpenStream(request=request):
            return (yield from sent.watch_request(request, handler.open_stream(request, until)))
        case StartAction(action=action):
            return (yield Spawn(build_program(action, handler, until, sent)))
        case AskAll(actions=actions):
            return (yield RunAll(tuple(build_program(each, handler, until, sent) for each in actions)))
        case AskWithin(action=request):
            deadline = yield from _compute_deadline(command, until)
            return (yield from _handle_request(request, handler, deadline, sent))
        case Sleep(seconds=seconds) if until != inf:
            return (yield from _sleep_within_deadline(seconds, until))
        case CallFunction() if until != inf:
            return (yield from _call_within_deadline(command, until))
        case _:
            return (yield _check_effect(command))


def _check_effect(command: Any) -> Effect:
    """Return an effect that a flow yields; raises `InvalidRequest` for anything else, with what to write instead."""
    if not isinstance(command, Effect) or isinstance(command, Emit):
        raise InvalidRequest("yield", command, _describe_command(command))
    return command


def _describe_command(command: Any) -> str:
    if isinstance(command, Emit):
        return "no emit(…) in a flow, which returns one result: write a @stream"
    if isinstance(command, Request | Flow):
        return "yield from ask(…) of the action, or yield from attempt(…)"
    if isinstance(command, Generator):
        return "yield from in place of yield"
    if isinstance(command, Result):
        return "yield from emit(…) of the item, in a stream, or return of the result, in a flow"
    return "yield from ask(…), attempt(…), sleep(…) or, in a stream, emit(…)"


def _call_within_deadline(call: CallFunction, until: float) -> Effects[Any]:
    """
    Call a user function, if the deadline has not passed; raises `FlowFailed` with `TimedOut` if it passes meanwhile.

    An async executor ends the call at the deadline. In sync code nothing can, so the deadline is checked afterwards.
    """
    now: float = yield GetTime()
    if now >= until:
        raise FlowFailed(call.build_timeout_error())
    value = yield replace(call, timeout=min(call.timeout, until - now))
    if (yield GetTime()) > until:
        raise FlowFailed(call.build_timeout_error())
    return value


def _sleep_within_deadline(seconds: float, until: float) -> Effects[None]:
    """Sleep, at most until the deadline; raises `FlowFailed` with `TimedOut` if the sleep ends later."""
    now: float = yield GetTime()
    yield Sleep(max(0.0, min(seconds, until - now)))
    if now + seconds > until:
        raise FlowFailed(TimedOut("total", "waiting"))


def _check_return_value(description: Flow[Any] | Stream[Any], value: Any) -> Any:
    """Return the value; raises `InvalidRequest` if a flow returned something other than a result."""
    is_result = isinstance(value, Result)
    if isinstance(description, Flow) and not is_result:
        raise InvalidRequest(
            f"{description.builder.__qualname__}()", value, "Success or Failure as what a flow returns"
        )
    return value
