"""
The protocol of a live session, without I/O: ``step(state, event) -> (state, actions)``.

A driver feeds in what happens, one event after the other, and performs the actions in their order. The protocol sees to
it that there is one connection at a time, that a frame goes out whole and once, and that a session which can be resumed
goes on, with the newest handle, where its connection was lost or is about to be.
"""

import re
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.errors import Disconnected, GenaiError, LiveClosed, TimedOut
from genai_fn.events import Reconnecting, Resumed
from genai_fn.options import Retry
from genai_fn.request import Live
from genai_fn.retry import delay, is_worth_repeating
from genai_fn.schema import FunctionCall, SessionResumptionConfig
from genai_fn.schema._base import Value
from genai_fn.schema.callables import name_of
from genai_fn.sessions.moves import (
    Action,
    Alarm,
    Alarmed,
    Answered,
    Begin,
    Call,
    Cancel,
    Connected,
    Deliver,
    Dial,
    Ended,
    Event,
    Finish,
    Frame,
    Hang,
    Heard,
    Introduce,
    LetGo,
    Offered,
    Tell,
    Unreachable,
    Write,
    Wrote,
)

__all__ = ["CUT", "State", "begun", "step"]

CUT = 1006
"""What stands for the code of a connection that ended without one: RFC 6455, section 7.1.5."""

Phase: TypeAlias = Literal["dialling", "introducing", "open", "leaving", "draining", "closing", "over"]
"""
``leaving`` is on the way to another connection; ``draining`` has ended for its reader, and writes what was offered.
"""


class State(Value, kw_only=True):
    """
    Where a session stands.

    Args:
        resumes: Whether it was set up to be resumed.

        is_transparent: Whether the server tells which of our messages its handle includes.

        retry: How often to try to connect, and how long to wait.

        longest: How long a wait may be that the server asks for.

        functions: Whether calls are answered here; of those that the caller keeps, the names are in `kept`.

        attempt: Which attempt to connect this is since the session was first open, or a connection has lasted.

        number: How many connections there were before this one.

        handle: The newest one from which the session can be resumed.

        is_settled: Whether the handle includes all that was said.

        queue: What waits to be written, in order, `queued` bytes; `writing` is being written.

        unheard: With their numbers on this connection, the frames that a transparent handle does not include.

        count: How many messages of ours this connection has had after the setup, which is number 0.

        calls: The functions that are running.
    """

    phase: Phase = "dialling"
    resumes: bool = False
    is_transparent: bool = False
    retry: Retry = Retry()
    longest: float = float("inf")
    functions: bool = False
    kept: frozenset[str] = frozenset()
    attempt: int = 1
    number: int = 0
    has_begun: bool = False
    handle: str | None = None
    is_settled: bool = False
    is_leaving: bool = False
    queue: tuple[Frame, ...] = ()
    queued: int = 0
    writing: Frame | None = None
    unheard: tuple[tuple[int, Frame], ...] = ()
    count: int = 0
    calls: frozenset[str] = frozenset()
    called: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing that is offered would go out any more."""
        return self.phase in ("draining", "closing", "over")

    @property
    def waiting(self) -> int:
        """How many bytes have been offered and not been written."""
        return self.queued if self.writing is None else self.queued + self.writing.size


Step: TypeAlias = tuple[State, tuple[Action, ...]]


def begun(live: Live[Any], retry: Retry, longest: float = float("inf")) -> Step:
    """Begin a session, which waits so long at the longest where a server asks it to."""
    config = getattr(live.operation, "config", None)
    resumption: SessionResumptionConfig | None = getattr(config, "session_resumption", None)
    offered: set[str] = set() if live.offer is None else set(map(name_of, live.offer.functions))
    tools: tuple[Any, ...] = getattr(config, "tools", None) or ()
    declared = frozenset(each.name for tool in tools for each in tool.function_declarations or ())
    state = State(
        resumes=resumption is not None,
        is_transparent=resumption is not None and bool(resumption.transparent),
        retry=retry,
        longest=longest,
        functions=live.offer is not None,
        kept=declared - offered,
        handle=None if resumption is None else resumption.handle,
    )
    return state, (Dial(state.handle),)


def step(state: State, event: Event) -> Step:
    """
    Say what follows from an event.

    >>> state, actions = step(State(), Connected())
    >>> state.phase, actions
    ('introducing', (Introduce(),))
    """
    match event:
        case Connected():
            return _connected(state)
        case Unreachable(error=error, chance=chance):
            return _unreachable(state, error, chance)
        case Heard(message=message, size=size):
            return _heard(state, message, size)
        case Wrote():
            return _wrote(state)
        case Ended():
            return _ended(state, event)
        case Offered(frame=frame):
            return _offered(state, frame)
        case Answered(identity=identity, outcome=outcome):
            return _answered(state, identity, outcome)
        case Alarmed(number=number):
            return _left(state) if number == state.number else (state, ())
        case LetGo():
            return _let_go(state)


# Connecting


def _connected(state: State) -> Step:
    if state.phase != "dialling":
        return state, (Hang(),)
    return replace(state, phase="introducing"), (Introduce(),)


def _unreachable(state: State, error: GenaiError, chance: float) -> Step:
    if state.is_over:
        return replace(state, phase="over"), ()
    return _again(state, error, chance)


def _again(state: State, error: GenaiError | None, chance: float) -> Step:
    """Try to connect once more, if that is of any use; at once, where the connection before was a good one."""
    if state.attempt == 0:
        return _dialling(state, error, 0.0)
    why = error or _SENT_AWAY
    is_passing = is_worth_repeating(why, repeatable=True) or (state.has_begun and isinstance(why, TimedOut))
    wait = delay(why, state.attempt, state.retry, chance) if is_passing else None
    return _over(state, why) if wait is None or wait > state.longest else _dialling(state, error, wait)


_SENT_AWAY = Disconnected("in a live session", "the peer goes away at once, again and again")


def _dialling(state: State, error: GenaiError | None, wait: float) -> Step:
    """Connect anew: what was not heard goes out once more, what was not written stays in the queue."""
    unwritten = () if state.writing is None else (state.writing,)
    queue = (*(frame for _, frame in state.unheard), *unwritten, *state.queue)
    anew = replace(
        state,
        phase="dialling",
        attempt=state.attempt + 1,
        number=state.number + 1,
        is_leaving=False,
        queue=queue,
        queued=sum(frame.size for frame in queue),
        writing=None,
        unheard=(),
        count=0,
    )
    return anew, (Tell(Reconnecting(error, wait)), Dial(state.handle, wait))


# Hearing


def _heard(state: State, heard: Result[Any, GenaiError], size: int) -> Step:
    if state.phase not in ("introducing", "open", "leaving"):
        return state, ()
    if isinstance(heard, Failure):
        return _failed(state, heard.failure())
    message: Any = heard.unwrap()
    if state.phase != "introducing":
        return _told(state, message, size)
    complete = message.setup_complete
    opened = replace(state, phase="open", has_begun=True, attempt=state.attempt if state.has_begun else 0)
    identity: str | None = getattr(complete, "session_id", None)
    first = Tell(Resumed(identity)) if state.has_begun else Begin(identity)
    opened, actions = _told(opened, message, size) if state.has_begun or _says_more(message) else (opened, ())
    return _then(_flushed(opened), first, *actions)


def _says_more(message: Any) -> bool:
    """Tell whether a message says anything but that the session is set up."""
    names: tuple[str, ...] = message.__struct_fields__
    return any(name != "setup_complete" and getattr(message, name) is not None for name in names)


def _told(state: State, message: Any, size: int) -> Step:
    """Take in what a message says of the session, and hand it on."""
    actions: list[Action] = [Deliver(Success(message), size)]
    update, go_away = getattr(message, "session_resumption_update", None), getattr(message, "go_away", None)
    if state.is_settled and getattr(message, "server_content", None) is not None:
        state = replace(state, is_settled=False)
    if getattr(message, "tool_call", None) is not None:
        state, calls = _calls(replace(state, is_settled=False), message.tool_call.function_calls)
        actions += calls
    if getattr(message, "tool_call_cancellation", None) is not None:
        gone = tuple(each for each in message.tool_call_cancellation.ids if each in state.calls)
        state = replace(state, calls=state.calls - {*gone})
        actions += (Cancel(gone),) if gone else ()
    if update is not None and update.resumable and update.new_handle:
        state = _resumable(state, update.new_handle, update.last_consumed_client_message_index)
    if go_away is not None and not state.is_leaving:
        state = replace(state, is_leaving=True)
        seconds = _seconds(go_away.time_left)
        actions += () if seconds is None or not state.resumes else (Alarm(seconds, state.number),)
    if state.is_settled:
        state, leaving = _left(state)
        actions += leaving
    return state, tuple(actions)


def _resumable(state: State, handle: str, heard: int | None) -> State:
    unheard = state.unheard if heard is None else tuple(each for each in state.unheard if each[0] > heard)
    return replace(state, handle=handle, unheard=unheard, is_settled=not unheard and state.writing is None)


def _left(state: State) -> Step:
    """Leave a connection that is about to be cut, if the session can go on with another."""
    if state.phase == "open" and state.is_leaving and state.resumes and state.handle is not None:
        return replace(state, phase="leaving"), (Hang(),)
    return state, ()


def _seconds(duration: str | None) -> float | None:
    """Read a duration such as ``"9.5s"``, a little shorter than it is."""
    match = _DURATION.fullmatch(duration or "")
    return None if match is None else max(0.0, float(match[1]) - _BEFOREHAND)


_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s")
_BEFOREHAND = 1.0


# Functions


def _calls(state: State, calls: tuple[FunctionCall, ...]) -> Step:
    actions: list[Action] = []
    for call in calls if state.functions else ():
        identity = call.id or f"#{state.called}"
        if call.name in state.kept or identity in state.calls:
            continue
        state = replace(state, calls=state.calls | {identity}, called=state.called + 1)
        actions.append(Call(identity, call))
    return state, tuple(actions)


def _answered(state: State, identity: str, outcome: Frame | GenaiError) -> Step:
    if identity not in state.calls:
        return state, ()
    state = replace(state, calls=state.calls - {identity})
    if isinstance(outcome, GenaiError):
        return _failed(state, outcome)
    return _flushed(_queued(state, outcome))


# Writing


def _offered(state: State, frame: Frame) -> Step:
    return (state, ()) if state.is_over else _flushed(_queued(state, frame))


def _queued(state: State, frame: Frame) -> State:
    return replace(state, queue=(*state.queue, frame), queued=state.queued + frame.size)


def _wrote(state: State) -> Step:
    if state.writing is None:
        return state, ()
    number = state.count + 1
    unheard = (*state.unheard, (number, state.writing)) if state.is_transparent else ()
    return _flushed(replace(state, writing=None, count=number, unheard=_bounded(unheard), is_settled=False))


def _bounded(unheard: tuple[tuple[int, Frame], ...]) -> tuple[tuple[int, Frame], ...]:
    """Forget the oldest of what a server never says that it has heard."""
    size = sum(frame.size for _, frame in unheard)
    while size > _MOST_UNHEARD:
        size -= unheard[0][1].size
        unheard = unheard[1:]
    return unheard


_MOST_UNHEARD = 64 * 1024 * 1024


def _flushed(state: State) -> Step:
    """Have the next frame written, if nothing is; what has drained is closed."""
    if state.phase not in ("open", "draining") or state.writing is not None:
        return state, ()
    if state.queue:
        first = state.queue[0]
        return replace(state, writing=first, queue=state.queue[1:], queued=state.queued - first.size), (Write(first),)
    return (replace(state, phase="closing"), (Hang(),)) if state.phase == "draining" else (state, ())


# Ending


def _ended(state: State, event: Ended) -> Step:
    lost = event.error or Disconnected("in a live session", event.reason or "the connection was cut")
    error = lost if event.code == CUT else LiveClosed(event.code, event.reason)
    can_resume = state.resumes and state.handle is not None
    if event.lasted >= _LONG and state.phase in ("open", "leaving"):
        state = replace(state, attempt=0)
    match state.phase:
        case "leaving":
            return _again(state, None, event.chance)
        case "dialling" | "introducing" if event.code == CUT:
            return _again(state, error, event.chance)
        case "open" if can_resume and (event.code == CUT or state.is_leaving):
            return _again(state, lost, event.chance)
        case "open" if event.code in _NORMAL:
            return _over(state, None)
        case "dialling" | "introducing" | "open":
            return _over(state, error)
        case _:
            return replace(state, phase="over"), ()


_NORMAL = (1000, 1001)
_LONG = 10.0
"""After how many seconds a connection was a good one: those that break sooner are counted, lest it never ends."""


def _let_go(state: State) -> Step:
    """End the session for its reader, and hang up once all is written that was offered."""
    if state.is_over:
        return state, ()
    ended, actions = _over(state, None)
    if state.phase != "open":
        return replace(ended, phase="closing"), (*actions, Hang())
    kept = replace(ended, phase="draining", queue=state.queue, queued=state.queued, writing=state.writing)
    draining, more = _flushed(kept)
    return draining, (*actions, *more)


def _failed(state: State, error: GenaiError) -> Step:
    """End the session for its reader with a failure, and hang up."""
    if state.is_over:
        return state, ()
    ended, actions = _over(state, error)
    return replace(ended, phase="closing"), (*actions, Hang())


def _over(state: State, error: GenaiError | None) -> Step:
    stopped = (Cancel(tuple(sorted(state.calls))),) if state.calls else ()
    ended = replace(state, phase="over", queue=(), queued=0, writing=None, unheard=(), calls=frozenset())
    return ended, (*stopped, Finish(None if error is None else Failure(error)))


def _then(done: Step, *before: Action) -> Step:
    """Put actions before those of a step."""
    return done[0], (*before, *done[1])
