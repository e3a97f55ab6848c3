"""Reconnection: what is sent again, when a connection is closed, how often it is retried."""

from typing import Any

import pytest
from returns.result import Failure

from genai_fn import LiveClosed, Retry
from genai_fn.errors import APIError, Disconnected, TimedOut
from genai_fn.live_protocol.events_and_actions import (
    CallAnswered,
    CloseConnection,
    ConnectFailed,
    ConnectionClosed,
    ConnectSocket,
    FinishSession,
    MessageSent,
    NotifyListener,
    OutgoingFrame,
    SendFrame,
    SendRequested,
    SetTimer,
    StartCall,
    TimerFired,
)
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE, ProtocolState, handle_event
from tests.support.live_session_events import (
    GO_AWAY,
    OPENED,
    REFUSED,
    TURN_COMPLETE,
    A,
    B,
    build_received_event,
    tool_call,
    update,
)

C = OutgoingFrame("c", 4)
QUIET = (build_received_event(update("h")),)
"""The handle includes all messages."""


def apply_events(state: ProtocolState, *events: Any) -> tuple[ProtocolState, list[Any]]:
    """Apply events, and return the state and the actions; checks the size of the queue after each."""
    actions: list[Any] = []
    for event in events:
        state, more = handle_event(state, event)
        actions += more
        assert sum(frame.size for frame in state.queue) == state.queued_bytes
    return state, actions


def only(kinds: Any, *events: Any, **state: Any) -> list[Any]:
    """Return the actions of these classes, for a resumable session."""
    return [
        each for each in apply_events(ProtocolState(is_resumable=True, **state), *events)[1] if isinstance(each, kinds)
    ]


HANGS: dict[str, tuple[tuple[Any, ...], int]] = {
    "all is said": ((*QUIET, build_received_event(GO_AWAY)), 1),
    "the handle comes later": ((build_received_event(GO_AWAY), *QUIET), 1),
    "it was told before": ((*QUIET, build_received_event(GO_AWAY), build_received_event(GO_AWAY)), 1),
    "a turn goes on": ((*QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY)), 0),
    "a turn has ended": ((*QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), *QUIET), 1),
    "a function was called": ((*QUIET, build_received_event(tool_call("1")), build_received_event(GO_AWAY)), 0),
    "a frame is being written": ((SendRequested(A), *QUIET, build_received_event(GO_AWAY)), 0),
    "a frame was written since": ((*QUIET, SendRequested(A), MessageSent(), build_received_event(GO_AWAY)), 0),
    "the frame is included": ((*QUIET, SendRequested(A), MessageSent(), build_received_event(GO_AWAY), *QUIET), 1),
    "a handle of nothing": ((build_received_event(update("")), build_received_event(GO_AWAY), TimerFired()), 0),
    "time is up": ((*QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), TimerFired(0)), 1),
    "time of another is up": (
        (*QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), TimerFired(1)),
        0,
    ),
    "nobody goes away": ((*QUIET, TimerFired(0)), 0),
}


@pytest.mark.parametrize("name", HANGS)
def test_go_away(name: str) -> None:
    """After a go-away, the connection is closed once the handle is current, or when its time is over."""
    events, expected = HANGS[name]
    assert expected == len(only(CloseConnection, *OPENED, *events))


def test_timers() -> None:
    """Each connection has its own timer."""
    announced = (*QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY))
    again = (*OPENED, *announced, ConnectionClosed(ABNORMAL_CLOSURE), *OPENED, *announced)
    assert [SetTimer(2.5, 0), SetTimer(2.5, 1)] == only((SetTimer, CloseConnection), *again, TimerFired(0))
    assert [SetTimer(2.5, 0), SetTimer(2.5, 1), CloseConnection()] == only(
        (SetTimer, CloseConnection), *again, TimerFired(1)
    )


ROUNDS: dict[str, tuple[tuple[Any, ...], list[float]]] = {
    "dropped": ((*OPENED, *QUIET, ConnectionClosed(ABNORMAL_CLOSURE)), [0.0, 0.5, 1.0]),
    "dropped after something": (
        (*OPENED, *QUIET, build_received_event(TURN_COMPLETE), ConnectionClosed(ABNORMAL_CLOSURE)),
        [0.0, 0.5, 1.0],
    ),
    "sent away": ((*OPENED, *QUIET, build_received_event(GO_AWAY), ConnectionClosed(1000)), [0.0, 0.5, 1.0]),
    "cut off": (
        (*OPENED, *QUIET, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), ConnectionClosed(1011)),
        [0.0, 0.5, 1.0],
    ),
    "dropped before it is set up": ((OPENED[0], ConnectionClosed(ABNORMAL_CLOSURE, duration=100.0)), [0.5, 1.0]),
    "unreachable": ((ConnectFailed(REFUSED),), [0.5, 1.0]),
    "dropped after a while": ((*OPENED, *QUIET, ConnectionClosed(ABNORMAL_CLOSURE, duration=10.0)), [0.0] * 9),
    "sent away after a while": (
        (*OPENED, *QUIET, build_received_event(GO_AWAY), ConnectionClosed(1000, duration=10.0)),
        [0.0] * 9,
    ),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_retries(name: str) -> None:
    """Repeated failures are retried this often, at these intervals; a stable connection does not count."""
    events, waits = ROUNDS[name]
    actions = only((ConnectSocket, FinishSession), *events * 9, retry=Retry(attempts=3))
    dials = [each.delay for each in actions if isinstance(each, ConnectSocket)]
    assert waits == dials
    last = [each for each in actions if isinstance(each, FinishSession)]
    assert (len(waits) < 9) == bool(last)
    if name == "sent away":
        reason = "the server closes each new connection immediately"
        assert [FinishSession(Failure(Disconnected("in a live session", reason)))] == last


def test_what_passes() -> None:
    """A timeout ends a session that was never open; for a resumed one it is an ordinary attempt."""
    late = TimedOut("headers", "opening a live session", sent=True)
    assert [FinishSession(Failure(late))] == only((ConnectSocket, FinishSession), ConnectFailed(late))
    resumed = (*OPENED, *QUIET, ConnectionClosed(ABNORMAL_CLOSURE), ConnectFailed(late))
    assert [ConnectSocket("h"), ConnectSocket("h", 0.5)] == only((ConnectSocket, FinishSession), *resumed)
    silent = (
        *OPENED,
        *QUIET,
        ConnectionClosed(ABNORMAL_CLOSURE),
        *OPENED,
        ConnectionClosed(ABNORMAL_CLOSURE, "", TimedOut("idle")),
    )
    assert [ConnectSocket("h"), ConnectSocket("h", 0.5)] == only((ConnectSocket, FinishSession), *silent)


def test_retry_delay() -> None:
    """The server's retry delay is used, unless it exceeds the maximum wait."""

    def busy(seconds: int) -> APIError:
        return APIError(429, headers=(("retry-after", str(seconds)),))

    assert [ConnectSocket(None, 7.0)] == only((ConnectSocket, FinishSession), ConnectFailed(busy(7)), max_wait=7.0)
    assert [FinishSession(Failure(busy(8)))] == only(
        (ConnectSocket, FinishSession), ConnectFailed(busy(8)), max_wait=7.0
    )


@pytest.mark.parametrize(("code", "failure"), [(1000, None), (1001, None), (1008, LiveClosed(1008, ""))])
def test_ends_that_are_meant(code: int, failure: Any) -> None:
    """A regular close ends the session, with a handle or without."""
    expected = FinishSession(None if failure is None else Failure(failure))
    assert [expected] == only((ConnectSocket, FinishSession), *OPENED, *QUIET, ConnectionClosed(code))


def test_transparent() -> None:
    """Unacknowledged frames are sent again, then the one being written, then the queue, each in order."""
    wrote = (SendRequested(A), MessageSent(), SendRequested(B), MessageSent(), SendRequested(C))
    first = (
        *OPENED,
        *wrote,
        build_received_event(update("h", received=1)),
        SendRequested(A),
        ConnectionClosed(ABNORMAL_CLOSURE),
    )
    again = (*OPENED, MessageSent(), MessageSent(), MessageSent())
    assert [SendFrame(A), SendFrame(B), SendFrame(C), SendFrame(B), SendFrame(C), SendFrame(A)] == only(
        SendFrame, *first, *again, is_transparent=True
    )
    numbered = (
        *OPENED,
        MessageSent(),
        build_received_event(update("h-2", received=1)),
        ConnectionClosed(ABNORMAL_CLOSURE),
        *OPENED,
    )
    state, _ = apply_events(ProtocolState(is_resumable=True, is_transparent=True), *first, *numbered)
    assert (C, (A,), ()) == (state.current_frame, state.queue, state.unacknowledged)
    state, _ = apply_events(ProtocolState(is_resumable=True), *first)
    assert (C, A) == state.queue
    assert (4 + 1, 4 + 1) == (state.queued_bytes, state.pending_bytes)


def test_calls_of_one_id() -> None:
    """A running call is not started again; the outcome of a cancelled call is not sent."""
    twice = (
        *OPENED,
        build_received_event(tool_call("1")),
        build_received_event(tool_call("1")),
        CallAnswered("1", A),
        build_received_event(tool_call("1")),
    )
    assert 2 == len(only(StartCall, *twice, runs_functions=True))
    assert [SendFrame(A)] == only(
        SendFrame,
        *twice[:4],
        CallAnswered("1", A),
        CallAnswered("9", B),
        MessageSent(),
        MessageSent(),
        runs_functions=True,
    )


def test_reconnecting_events() -> None:
    """Each reconnection is reported, with the error of the last connection, or None if it was closed on purpose."""
    actions = only(
        NotifyListener,
        *OPENED,
        *QUIET,
        build_received_event(GO_AWAY),
        ConnectionClosed(1000),
        *OPENED,
        ConnectionClosed(ABNORMAL_CLOSURE, "", REFUSED),
    )
    errors = [getattr(each.event, "error", "resumed") for each in actions]
    assert [None, "resumed", REFUSED] == errors
