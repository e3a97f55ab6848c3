"""
The protocol of a Live session as a pure state machine: ``handle_event(state, event) -> (state, actions)``.

The executor passes in one event at a time and performs the returned actions in order. The state machine guarantees that
there is at most one connection at a time, that each frame is written completely and in order, and that a resumable
session continues with its newest handle when its connection fails or is about to be closed.
"""

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.engine.retry import compute_delay, is_retryable
from genai_fn.errors import Disconnected, GenaiError, LiveClosed, TimedOut
from genai_fn.events import Reconnecting, Resumed
from genai_fn.live_protocol.call_ids import CallIds
from genai_fn.live_protocol.events_and_actions import (
    CallAnswered,
    CancelCall,
    CloseConnection,
    CloseRequested,
    Connected,
    ConnectFailed,
    ConnectionClosed,
    ConnectSocket,
    DeliverItem,
    FinishSession,
    MessageReceived,
    MessageSent,
    NotifyListener,
    OutgoingFrame,
    ProtocolAction,
    ProtocolEvent,
    SendFrame,
    SendRequested,
    SendSetup,
    SessionOpened,
    SetTimer,
    StartCall,
    TimerFired,
)
from genai_fn.live_protocol.frame_queue import FrameQueue
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.options import Retry
from genai_fn.request import Live
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.schema.functions import FunctionCall

if TYPE_CHECKING:
    from genai_fn.schema.live import SessionResumptionConfig

ABNORMAL_CLOSURE = 1006
"""Close code of a connection that ended without a close frame (RFC 6455, section 7.1.5)."""

Transition: TypeAlias = tuple[ProtocolState, tuple[ProtocolAction, ...]]


def start_session(live: Live[Any], retry: Retry, max_wait: float = float("inf")) -> Transition:
    """Return the initial state of a session, and the action that connects. A delay over `max_wait` ends the session."""
    config = getattr(live.operation, "config", None)
    resumption: SessionResumptionConfig | None = getattr(config, "session_resumption", None)
    state = ProtocolState(
        is_resumable=resumption is not None,
        is_transparent=resumption is not None and bool(resumption.transparent),
        retry=retry,
        max_wait=max_wait,
        runs_functions=live.calling_options is not None,
        caller_functions=find_caller_functions(live),
        handle=None if resumption is None else resumption.handle,
    )
    return state, (ConnectSocket(state.handle),)


def find_caller_functions(live: Live[Any]) -> frozenset[str]:
    """Return the names of the functions that are declared, but not passed to ``calling``: the caller answers these."""
    config = getattr(live.operation, "config", None)
    tools: tuple[Any, ...] = getattr(config, "tools", None) or ()
    declared = frozenset(each.name for tool in tools for each in tool.function_declarations or ())
    options = live.calling_options
    return declared if options is None else declared.difference(map(get_function_name, options.functions))


def handle_event(state: ProtocolState, event: ProtocolEvent) -> Transition:
    """
    Apply an event: return the next state, and the actions to perform.

    >>> state, actions = handle_event(ProtocolState(), Connected())
    >>> state.phase, actions
    ('setting_up', (SendSetup(),))
    """
    match event:  # the most frequent events first
        case MessageReceived(message=message, size=size):
            return _handle_message(state, message, size)
        case SendRequested(frame=frame):
            return _handle_send_requested(state, frame)
        case MessageSent():
            return _handle_message_sent(state)
        case Connected():
            return _handle_connected(state)
        case ConnectFailed(error=error, jitter=jitter):
            return _handle_connect_failed(state, error, jitter)
        case ConnectionClosed():
            return _handle_connection_closed(state, event)
        case CallAnswered(call_id=call_id, outcome=outcome):
            return _handle_call_answered(state, call_id, outcome)
        case TimerFired(connection_number=number):
            return _leave_connection(state) if number == state.connection_number else (state, ())
        case CloseRequested():
            return _handle_close_requested(state)


def _handle_connected(state: ProtocolState) -> Transition:
    if state.phase != "connecting":
        return state, (CloseConnection(),)
    return replace(state, phase="setting_up"), (SendSetup(),)


def _handle_connect_failed(state: ProtocolState, error: GenaiError, jitter: float) -> Transition:
    if state.is_over:
        return replace(state, phase="closed"), ()
    return _reconnect_or_fail(state, error, jitter)


def _reconnect_or_fail(state: ProtocolState, error: GenaiError | None, jitter: float) -> Transition:
    """
    Reconnect, without delay if `attempt` is 0.

    Otherwise, finish the session if the error is permanent, no attempts are left, or the delay exceeds `max_wait`.
    """
    if state.attempt == 0:
        return _reconnect(state, error, 0.0)
    reason = error or _REPEATEDLY_CLOSED
    is_transient = is_retryable(reason, state.retry, repeatable=True) or (
        state.has_opened and isinstance(reason, TimedOut)
    )
    wait = compute_delay(reason, state.attempt, state.retry, jitter) if is_transient else None
    return _finish_session(state, reason) if wait is None or wait > state.max_wait else _reconnect(state, error, wait)


_REPEATEDLY_CLOSED = Disconnected("in a live session", "the server closes each new connection immediately")


def _reconnect(state: ProtocolState, error: GenaiError | None, wait: float) -> Transition:
    """Open another connection. Unacknowledged frames are queued again, before those that were not written."""
    unwritten = () if state.current_frame is None else (state.current_frame,)
    connecting = replace(
        state,
        phase="connecting",
        attempt=state.attempt + 1,
        connection_number=state.connection_number + 1,
        has_go_away=False,
        queue=FrameQueue((*state.unacknowledged, *unwritten, *state.queue)),
        current_frame=None,
        unacknowledged=FrameQueue(),
        sent_count=0,
    )
    return connecting, (NotifyListener(Reconnecting(error, wait)), ConnectSocket(state.handle, wait))


def _handle_message(state: ProtocolState, received: Result[Any, GenaiError], size: int) -> Transition:
    if state.phase not in ("setting_up", "open", "reconnecting"):
        return state, ()
    if isinstance(received, Failure):
        return _fail_session(state, received.failure())
    message: Any = received.unwrap()
    if state.phase != "setting_up":
        return _apply_message(state, message, size)
    opened = replace(state, phase="open", has_opened=True, attempt=state.attempt if state.has_opened else 0)
    session_id: str | None = getattr(message.setup_complete, "session_id", None)
    first = NotifyListener(Resumed(session_id)) if state.has_opened else SessionOpened(session_id)
    opened, actions = (
        _apply_message(opened, message, size) if state.has_opened or _has_more_than_setup(message) else (opened, ())
    )
    return _prepend_actions(_send_next_frame(opened), first, *actions)


def _has_more_than_setup(message: Any) -> bool:
    """Whether a message has other fields than ``setup_complete``."""
    names: tuple[str, ...] = message.__struct_fields__
    return any(name != "setup_complete" and getattr(message, name) is not None for name in names)


def _apply_message(state: ProtocolState, message: Any, size: int) -> Transition:
    """Update the state from a message, and deliver it."""
    actions: list[ProtocolAction] = [DeliverItem(Success(message), size)]
    update, go_away = getattr(message, "session_resumption_update", None), getattr(message, "go_away", None)
    if state.is_handle_current and getattr(message, "server_content", None) is not None:
        state = replace(state, is_handle_current=False)
    if getattr(message, "tool_call", None) is not None:
        state, calls = _start_calls(replace(state, is_handle_current=False), message.tool_call.function_calls)
        actions += calls
    if getattr(message, "tool_call_cancellation", None) is not None:
        ids = dict.fromkeys(message.tool_call_cancellation.ids)  # a server may repeat one
        cancelled = tuple(each for each in ids if each in state.running_calls)
        state = replace(state, running_calls=state.running_calls.remove_all(cancelled))
        actions += (CancelCall(cancelled),) if cancelled else ()
    if update is not None and update.resumable and update.new_handle:
        state = _store_handle(state, update.new_handle, update.last_consumed_client_message_index)
    if go_away is not None and not state.has_go_away:
        state = replace(state, has_go_away=True)
        seconds = _parse_time_left(go_away.time_left)
        actions += () if seconds is None or not state.is_resumable else (SetTimer(seconds, state.connection_number),)
    if state.is_handle_current:
        state, leaving = _leave_connection(state)
        actions += leaving
    return state, tuple(actions)


def _store_handle(state: ProtocolState, handle: str, last_number: int | None) -> ProtocolState:
    """Store a handle, and drop the frames up to `last_number`, the last one that the handle includes."""
    frames = state.unacknowledged
    while last_number is not None and frames and state.sent_count - len(frames) < last_number:
        frames = frames.drop_first()
    is_current = not frames and state.current_frame is None
    return replace(state, handle=handle, unacknowledged=frames, is_handle_current=is_current)


def _leave_connection(state: ProtocolState) -> Transition:
    """Close a connection that the server is about to close, if the session can be resumed on another one."""
    if state.phase == "open" and state.has_go_away and state.is_resumable and state.handle is not None:
        return replace(state, phase="reconnecting"), (CloseConnection(),)
    return state, ()


def _parse_time_left(duration: str | None) -> float | None:
    """Parse a duration such as ``"9.5s"``, and subtract a margin of one second; None if it is not valid."""
    match = _DURATION.fullmatch(duration or "")
    return None if match is None else max(0.0, float(match[1]) - _GO_AWAY_MARGIN)


_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s")
_GO_AWAY_MARGIN = 1.0


def _start_calls(state: ProtocolState, calls: tuple[FunctionCall, ...]) -> Transition:
    actions: list[ProtocolAction] = []
    running, count = state.running_calls, state.call_count
    for call in calls if state.runs_functions else ():
        call_id = call.id or f"#{count}"
        if call.name in state.caller_functions or call_id in running:
            continue
        running = running.add(call_id)
        count += 1
        actions.append(StartCall(call_id, call))
    return replace(state, running_calls=running, call_count=count), tuple(actions)


def _handle_call_answered(state: ProtocolState, call_id: str, outcome: OutgoingFrame | GenaiError) -> Transition:
    if call_id not in state.running_calls:
        return state, ()
    state = replace(state, running_calls=state.running_calls.remove_all((call_id,)))
    if isinstance(outcome, GenaiError):
        return _fail_session(state, outcome)
    return _send_next_frame(replace(state, queue=state.queue.append(outcome)))


def _handle_send_requested(state: ProtocolState, frame: OutgoingFrame) -> Transition:
    if state.is_over:
        return state, ()
    if state.phase == "open" and state.current_frame is None and not state.queue:
        return replace(state, current_frame=frame), (SendFrame(frame),)
    return _send_next_frame(replace(state, queue=state.queue.append(frame)))


def _handle_message_sent(state: ProtocolState) -> Transition:
    if state.current_frame is None:
        return state, ()
    frames = state.unacknowledged
    if state.is_transparent:
        frames = _add_unacknowledged(frames, state.current_frame)
    count = state.sent_count + 1
    state = replace(state, current_frame=None, sent_count=count, unacknowledged=frames, is_handle_current=False)
    return _send_next_frame(state)


def _add_unacknowledged(frames: FrameQueue, sent: OutgoingFrame) -> FrameQueue:
    """Add a sent frame. Over 64 MiB, the oldest are dropped, in case the server never acknowledges any."""
    frames = frames.append(sent)
    while frames.size > _MAX_UNACKNOWLEDGED_BYTES:
        frames = frames.drop_first()
    return frames


_MAX_UNACKNOWLEDGED_BYTES = 64 * 1024 * 1024


def _send_next_frame(state: ProtocolState) -> Transition:
    """Send the next frame, if none is being written. Close a draining connection whose queue is empty."""
    if state.phase not in ("open", "draining") or state.current_frame is not None:
        return state, ()
    if state.queue:
        first = state.queue.first
        return replace(state, current_frame=first, queue=state.queue.drop_first()), (SendFrame(first),)
    return (replace(state, phase="closing"), (CloseConnection(),)) if state.phase == "draining" else (state, ())


def _handle_connection_closed(state: ProtocolState, event: ConnectionClosed) -> Transition:
    lost = event.error or Disconnected("in a live session", event.reason or "the connection was cut")
    error = lost if event.code == ABNORMAL_CLOSURE else LiveClosed(event.code, event.reason)
    can_resume = state.is_resumable and state.handle is not None
    if event.duration >= _STABLE_CONNECTION_SECONDS and state.phase in ("open", "reconnecting"):
        state = replace(state, attempt=0)
    match state.phase:
        case "reconnecting":
            return _reconnect_or_fail(state, None, event.jitter)
        case "connecting" | "setting_up" if event.code == ABNORMAL_CLOSURE:
            return _reconnect_or_fail(state, error, event.jitter)
        case "open" if can_resume and (event.code == ABNORMAL_CLOSURE or state.has_go_away):
            return _reconnect_or_fail(state, lost, event.jitter)
        case "open" if event.code in _NORMAL_CLOSE_CODES:
            return _finish_session(state, None)
        case "connecting" | "setting_up" | "open":
            return _finish_session(state, error)
        case _:
            return replace(state, phase="closed"), ()


_NORMAL_CLOSE_CODES = (1000, 1001)
_STABLE_CONNECTION_SECONDS = 10.0
"""A connection that lasts this long resets `attempt`; shorter ones do not, so that reconnecting ends."""


def _handle_close_requested(state: ProtocolState) -> Transition:
    """
    End the iteration over messages, and close the connection.

    An open session first writes all accepted frames; in other phases they are discarded.
    """
    if state.is_over:
        return state, ()
    ended, actions = _finish_session(state, None)
    if state.phase != "open":
        return replace(ended, phase="closing"), (*actions, CloseConnection())
    draining = replace(ended, phase="draining", queue=state.queue, current_frame=state.current_frame)
    return _prepend_actions(_send_next_frame(draining), *actions)


def _fail_session(state: ProtocolState, error: GenaiError) -> Transition:
    """End the iteration over messages with a failure, and close the connection."""
    if state.is_over:
        return state, ()
    ended, actions = _finish_session(state, error)
    return replace(ended, phase="closing"), (*actions, CloseConnection())


def _finish_session(state: ProtocolState, error: GenaiError | None) -> Transition:
    """End the iteration over messages, cancel function calls, and discard frames. The connection is not closed."""
    cancellations = (CancelCall(tuple(sorted(state.running_calls))),) if state.running_calls else ()
    ended = replace(
        state,
        phase="closed",
        queue=FrameQueue(),
        current_frame=None,
        unacknowledged=FrameQueue(),
        running_calls=CallIds(),
    )
    return ended, (*cancellations, FinishSession(None if error is None else Failure(error)))


def _prepend_actions(transition: Transition, *before: ProtocolAction) -> Transition:
    """Insert actions before those of a transition."""
    return transition[0], (*before, *transition[1])
