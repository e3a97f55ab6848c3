"""
Runs a flow: translates the commands that its generator yields into effects.

A flow is a generator. It yields from `ask` (the value of an action; a failure ends the flow), `attempt` (the result of
an action), `sleep` and, in a stream, `emit`; it returns ``Success`` or ``Failure``. A request handler handles its
requests; all other commands become effects, which an executor performs.
"""

from collections.abc import Callable, Generator, Iterable
from math import inf
from typing import Any, TypeVar, cast

from msgspec.structs import replace
from returns.result import Failure, Result

from genai_fn.effects import (
    Ask,
    AskAll,
    AskWithin,
    CallFunction,
    CloseResource,
    Effect,
    Effects,
    Emit,
    Explain,
    FlowFailed,
    GetBackend,
    GetTime,
    OpenStream,
    ReadItems,
    ReadNext,
    RunAll,
    Sleep,
    Spawn,
    StartAction,
    WaitAny,
)
from genai_fn.engine.handler import RequestHandler, find_backend, find_refusal
from genai_fn.engine.sent_credentials import SentCredentials
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.forks import delay_forks
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
    """
    A flow or stream that has started, the deadline of what it asks for, and the children that it has not awaited.

    Of a stream that another frame reads, it is on the stack until the next item is there.
    """

    __slots__ = ("builder", "children", "is_flow", "stepper", "until")

    def __init__(self, stepper: Stepper[Any], until: float, builder: Callable[..., Any] | None = None) -> None:
        self.stepper = stepper
        self.until = until
        self.builder = builder
        self.children: dict[Any, None] = {}
        self.is_flow = builder is not None


def _start_frame(description: Flow[Any] | Stream[Any], until: float) -> _Frame:
    return _Frame(
        Stepper(start_generator(description)), until, description.builder if isinstance(description, Flow) else None
    )


def _run_generator(
    description: Flow[Any] | Stream[Any], handler: RequestHandler, until: float, sent: SentCredentials
) -> Effects[Any]:
    """
    Run a flow or stream, the flows that it asks for, and the streams that it reads.

    They are a stack of frames and not of generators that call each other, so that a chain of ``bind`` or of modifiers
    may have any length, and each effect takes the same time at any depth. The end of a frame stops its children.
    """
    frames = [_start_frame(description, until)]
    result: Any = None
    try:
        while frames:
            frame = frames[-1]
            try:
                command = frame.stepper.next()
            except FlowFailed as end:
                result = Failure(sent.mask_error(end.error))
                yield from _stop_children(frame)
                if len(frames) == 1 and not frame.is_flow:
                    yield Emit(result)
                _return_to_caller(frames, result)
                continue
            except Exception as error:  # noqa: BLE001  # a user function raised: the flow that asked may handle it
                yield from _stop_children(frame)
                _raise_in_caller(frames, error)
                continue
            if command is DONE:
                yield from _stop_children(frame)
                result = _end_frame(frames, sent)
                continue
            try:
                kind = cast("Any", type(command))
                if kind is Emit and not frame.is_flow and len(frames) == 1:  # the most frequent one
                    yield _mask_item(command, sent)
                elif kind is ReadNext or (kind is Emit and not frame.is_flow):
                    _read_or_pass_item(frames, command)
                elif kind in _ASKING and not isinstance(command.action, Request):
                    frames.append(_start_frame(command.action, (yield from _compute_deadline(command, frame.until))))
                else:
                    frame.stepper.send((yield from _perform_command(command, handler, frame, sent)))
            except Exception as error:  # noqa: BLE001  # a user function raised, or the deadline passed: the flow may handle it
                frame.stepper.throw(error)
        return result
    finally:
        _close_frames(frames)


_ASKING = (Ask, AskWithin)


def _read_or_pass_item(frames: list[_Frame], command: ReadNext | Emit) -> None:
    """Continue a stream that the innermost frame reads, or return an item of the innermost stream to its reader."""
    if isinstance(command, Emit):
        frames.pop()
        frames[-1].stepper.send(command.item)
        return
    sources = frames[-1].stepper.sources
    if command.stepper not in sources:
        sources[command.stepper] = _Frame(command.stepper, frames[-1].until)
    frames.append(sources[command.stepper])


def _stop_children(frame: _Frame) -> Iterable[CloseResource]:
    """Return the effects that stop the children of a frame that ends, and those of the streams that it leaves."""
    if not frame.children and not frame.stepper.sources:  # most have none
        return ()
    ending = [frame]
    for each in ending:
        ending += each.stepper.sources.values()
    return (CloseResource(child) for each in ending for child in each.children)


def _close_frames(frames: list[_Frame]) -> None:
    """Close those that are left when a program is closed, the innermost first."""
    while frames:
        frames[-1].stepper.drop_sources()
        frames.pop()


def _end_frame(frames: list[_Frame], sent: SentCredentials) -> Any:
    """Return the value of the innermost flow to the one that asked for it, or None to the one that reads a stream."""
    frame = frames[-1]
    try:
        result = sent.mask_failure(_check_return_value(frame.builder, frame.stepper.value))
    except InvalidRequest as error:
        _raise_in_caller(frames, error)
        return None
    _return_to_caller(frames, result)
    return result


def _return_to_caller(frames: list[_Frame], result: Any) -> None:
    _pop_ended_frame(frames)
    if frames:
        frames[-1].stepper.send(result)


def _raise_in_caller(frames: list[_Frame], error: Exception) -> None:
    """Raise an exception of the innermost frame in the one that waits for it; raises it here if there is none."""
    _pop_ended_frame(frames)
    if not frames:
        raise error
    frames[-1].stepper.throw(error)


def _pop_ended_frame(frames: list[_Frame]) -> None:
    ended = frames.pop().stepper
    if ended.sources:
        ended.drop_sources()
    if frames:
        frames[-1].stepper.sources.pop(ended, None)


def _compute_deadline(command: Ask | AskWithin, until: float) -> Effects[float]:
    if isinstance(command, Ask):
        return until
    now: float = yield GetTime()
    return min(until, now + command.seconds)


def _mask_item(command: Emit, sent: SentCredentials) -> Emit:
    item: Any = command.item
    return Emit(sent.mask_failure(item)) if isinstance(item, Failure) else command


def _perform_command(command: Any, handler: RequestHandler, frame: _Frame, sent: SentCredentials) -> Effects[Any]:
    until = frame.until
    match command:
        case ReadItems(handle=handle):
            return (yield from handler.read_items(handle))
        case Ask(action=request):
            return (yield from _handle_request(request, handler, until, sent))
        case OpenStream(request=request):
            return (yield from sent.watch_request(request, handler.open_stream(request, until)))
        case StartAction() | WaitAny():
            return (yield from _perform_with_children(command, handler, frame, sent))
        case AskAll(actions=actions):
            return (yield RunAll(tuple(build_program(each, handler, until, sent) for each in actions)))
        case AskWithin(action=request):
            deadline = yield from _compute_deadline(command, until)
            return (yield from _handle_request(request, handler, deadline, sent))
        case GetBackend() | Explain():
            return (yield from _describe_backend(command, handler, until))
        case Sleep(seconds=seconds) if until != inf:
            return (yield from _sleep_within_deadline(seconds, until))
        case CallFunction() if until != inf:
            return (yield from _call_within_deadline(command, until))
        case _:
            return (yield _check_effect(command))


def _perform_with_children(
    command: StartAction | WaitAny, handler: RequestHandler, frame: _Frame, sent: SentCredentials
) -> Effects[Any]:
    """Start or await an action; the children of the frame are those that it has started and not awaited."""
    child: Any
    if isinstance(command, StartAction):
        child = yield Spawn(build_program(command.action, handler, frame.until, sent))
        frame.children[child] = None
    else:
        child = yield command
        frame.children.pop(child, None)
    return child


def _check_effect(command: Any) -> Effect:
    """Return an effect that a flow yields; raises `InvalidRequest` for anything else, with what to write instead."""
    if not isinstance(command, Effect) or isinstance(command, Emit):
        raise InvalidRequest("yield", command, _describe_command(command))
    return command


def _describe_backend(command: GetBackend | Explain, handler: RequestHandler, until: float) -> Effects[Any]:
    """Return the backend; or the first request of a description as its curl command, without sending it."""
    backend = find_backend(handler)
    if isinstance(command, GetBackend):
        return backend
    refusal = find_refusal(handler)
    if refusal is not None:
        return Failure(refusal)
    with delay_forks:
        from genai_fn.engine.explaining import ExplainingHandler, explain_program  # noqa: PLC0415  # few programs explain

    explained = build_program(command.description, ExplainingHandler(backend), until)
    return (yield from explain_program(explained))


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


def _check_return_value(builder: Callable[..., Any] | None, value: Any) -> Any:
    """Return the value, which is None for a stream; raises `InvalidRequest` if a flow returned something else."""
    if builder is None:
        return None
    if not isinstance(value, Result):
        raise InvalidRequest(f"{builder.__qualname__}()", value, "Success or Failure as what a flow returns")
    return cast("Any", value)
