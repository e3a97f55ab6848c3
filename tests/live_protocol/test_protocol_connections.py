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
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE, handle_event
from tests.support.live_session_events import (
    GO_AWAY,
    OPENED,
    REFUSED,
    TURN_COMPLETE,
    A,
    B,
    build_handle_update,
    build_received_event,
    build_tool_call,
)

C = OutgoingFrame("c", 4)
HANDLE_RECEIVED = (build_received_event(build_handle_update("h")),)
"""The event of a handle that includes all messages."""


def apply_events(state: ProtocolState, *events: Any) -> tuple[ProtocolState, list[Any]]:
    """Apply events, and return the state and the actions; checks the size of the queue after each."""
    actions: list[Any] = []
    for event in events:
        state, new_actions = handle_event(state, event)
        actions += new_actions
        assert sum(frame.size for frame in state.queue) == state.queue.size
    return state, actions


def select_actions(kinds: Any, *events: Any, **state: Any) -> list[Any]:
    """Return the actions of these classes, for a resumable session."""
    return [
        each for each in apply_events(ProtocolState(is_resumable=True, **state), *events)[1] if isinstance(each, kinds)
    ]


GO_AWAY_CASES: dict[str, tuple[tuple[Any, ...], int]] = {
    "the handle is current": ((*HANDLE_RECEIVED, build_received_event(GO_AWAY)), 1),
    "the handle comes later": ((build_received_event(GO_AWAY), *HANDLE_RECEIVED), 1),
    "a second go-away": ((*HANDLE_RECEIVED, build_received_event(GO_AWAY), build_received_event(GO_AWAY)), 1),
    "a turn goes on": ((*HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY)), 0),
    "a turn has ended": (
        (*HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), *HANDLE_RECEIVED),
        1,
    ),
    "a function was called": (
        (*HANDLE_RECEIVED, build_received_event(build_tool_call("1")), build_received_event(GO_AWAY)),
        0,
    ),
    "a frame is being written": ((SendRequested(A), *HANDLE_RECEIVED, build_received_event(GO_AWAY)), 0),
    "a frame was written since": (
        (*HANDLE_RECEIVED, SendRequested(A), MessageSent(), build_received_event(GO_AWAY)),
        0,
    ),
    "the frame is included": (
        (*HANDLE_RECEIVED, SendRequested(A), MessageSent(), build_received_event(GO_AWAY), *HANDLE_RECEIVED),
        1,
    ),
    "an empty handle": (
        (build_received_event(build_handle_update("")), build_received_event(GO_AWAY), TimerFired()),
        0,
    ),
    "time is up": (
        (*HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), TimerFired(0)),
        1,
    ),
    "time of another is up": (
        (*HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY), TimerFired(1)),
        0,
    ),
    "no go-away": ((*HANDLE_RECEIVED, TimerFired(0)), 0),
}


@pytest.mark.parametrize("name", GO_AWAY_CASES)
def test_go_away(name: str) -> None:
    """After a go-away, the connection is closed once the handle is current, or when its time is over."""
    events, expected = GO_AWAY_CASES[name]
    assert expected == len(select_actions(CloseConnection, *OPENED, *events))


def test_timers() -> None:
    """Each connection has its own timer."""
    events = (*HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), build_received_event(GO_AWAY))
    two_connections = (*OPENED, *events, ConnectionClosed(ABNORMAL_CLOSURE), *OPENED, *events)
    assert [SetTimer(2.5, 0), SetTimer(2.5, 1)] == select_actions(
        (SetTimer, CloseConnection), *two_connections, TimerFired(0)
    )
    assert [SetTimer(2.5, 0), SetTimer(2.5, 1), CloseConnection()] == select_actions(
        (SetTimer, CloseConnection), *two_connections, TimerFired(1)
    )


RETRY_CASES: dict[str, tuple[tuple[Any, ...], list[float]]] = {
    "dropped": ((*OPENED, *HANDLE_RECEIVED, ConnectionClosed(ABNORMAL_CLOSURE)), [0.0, 0.5, 1.0]),
    "dropped after something": (
        (*OPENED, *HANDLE_RECEIVED, build_received_event(TURN_COMPLETE), ConnectionClosed(ABNORMAL_CLOSURE)),
        [0.0, 0.5, 1.0],
    ),
    "sent away": ((*OPENED, *HANDLE_RECEIVED, build_received_event(GO_AWAY), ConnectionClosed(1000)), [0.0, 0.5, 1.0]),
    "cut off": (
        (
            *OPENED,
            *HANDLE_RECEIVED,
            build_received_event(TURN_COMPLETE),
            build_received_event(GO_AWAY),
            ConnectionClosed(1011),
        ),
        [0.0, 0.5, 1.0],
    ),
    "dropped before it is set up": ((OPENED[0], ConnectionClosed(ABNORMAL_CLOSURE, duration=100.0)), [0.5, 1.0]),
    "unreachable": ((ConnectFailed(REFUSED),), [0.5, 1.0]),
    "dropped after a while": (
        (*OPENED, *HANDLE_RECEIVED, ConnectionClosed(ABNORMAL_CLOSURE, duration=10.0)),
        [0.0] * 9,
    ),
    "sent away after a while": (
        (*OPENED, *HANDLE_RECEIVED, build_received_event(GO_AWAY), ConnectionClosed(1000, duration=10.0)),
        [0.0] * 9,
    ),
}


@pytest.mark.parametrize("name", RETRY_CASES)
def test_retries(name: str) -> None:
    """Repeated failures are retried this often, at these intervals; a stable connection does not count."""
    events, waits = RETRY_CASES[name]
    actions = select_actions((ConnectSocket, FinishSession), *events * 9, retry=Retry(attempts=3))
    dials = [each.delay for each in actions if isinstance(each, ConnectSocket)]
    assert waits == dials
    last = [each for each in actions if isinstance(each, FinishSession)]
    assert (len(waits) < 9) == bool(last)
    if name == "sent away":
        reason = "the server closes each new connection immediately"
        assert [FinishSession(Failure(Disconnected("in a live session", reason)))] == last


def test_timeouts() -> None:
    """A timeout ends a session that was never open; for a resumed one it is an ordinary attempt."""
    timeout = TimedOut("headers", "opening a live session", sent=True)
    assert [FinishSession(Failure(timeout))] == select_actions((ConnectSocket, FinishSession), ConnectFailed(timeout))
    resumed_session = (*OPENED, *HANDLE_RECEIVED, ConnectionClosed(ABNORMAL_CLOSURE), ConnectFailed(timeout))
    assert [ConnectSocket("h"), ConnectSocket("h", 0.5)] == select_actions(
        (ConnectSocket, FinishSession), *resumed_session
    )
    silent_session = (
        *OPENED,
        *HANDLE_RECEIVED,
        ConnectionClosed(ABNORMAL_CLOSURE),
        *OPENED,
        ConnectionClosed(ABNORMAL_CLOSURE, "", TimedOut("idle")),
    )
    assert [ConnectSocket("h"), ConnectSocket("h", 0.5)] == select_actions(
        (ConnectSocket, FinishSession), *silent_session
    )


def test_retry_delay() -> None:
    """The server's retry delay is used, with jitter, unless it exceeds the maximum wait."""

    def build_error(seconds: int) -> APIError:
        return APIError(429, headers=(("retry-after", str(seconds)),))

    assert [ConnectSocket(None, 7.5)] == select_actions(
        (ConnectSocket, FinishSession), ConnectFailed(build_error(7)), max_wait=7.5
    )
    assert [FinishSession(Failure(build_error(8)))] == select_actions(
        (ConnectSocket, FinishSession), ConnectFailed(build_error(8)), max_wait=7.5
    )


@pytest.mark.parametrize(("code", "failure"), [(1000, None), (1001, None), (1008, LiveClosed(1008, ""))])
def test_regular_close(code: int, failure: Any) -> None:
    """A regular close ends the session, with a handle or without."""
    expected = FinishSession(None if failure is None else Failure(failure))
    assert [expected] == select_actions(
        (ConnectSocket, FinishSession), *OPENED, *HANDLE_RECEIVED, ConnectionClosed(code)
    )


def test_transparent() -> None:
    """Unacknowledged frames are sent again, then the one being written, then the queue, each in order."""
    sent_frames = (SendRequested(A), MessageSent(), SendRequested(B), MessageSent(), SendRequested(C))
    first = (
        *OPENED,
        *sent_frames,
        build_received_event(build_handle_update("h", last_consumed=1)),
        SendRequested(A),
        ConnectionClosed(ABNORMAL_CLOSURE),
    )
    reconnected = (*OPENED, MessageSent(), MessageSent(), MessageSent())
    assert [SendFrame(A), SendFrame(B), SendFrame(C), SendFrame(B), SendFrame(C), SendFrame(A)] == select_actions(
        SendFrame, *first, *reconnected, is_transparent=True
    )
    acknowledged = (
        *OPENED,
        MessageSent(),
        build_received_event(build_handle_update("h-2", last_consumed=1)),
        ConnectionClosed(ABNORMAL_CLOSURE),
        *OPENED,
    )
    state, _ = apply_events(ProtocolState(is_resumable=True, is_transparent=True), *first, *acknowledged)
    assert (C, (A,), ()) == (state.current_frame, state.queue, state.unacknowledged)
    state, _ = apply_events(ProtocolState(is_resumable=True), *first)
    assert (C, A) == state.queue
    assert (4 + 1, 4 + 1) == (state.queue.size, state.pending_bytes)


def test_calls_of_one_id() -> None:
    """A running call is not started again; the outcome of a cancelled call is not sent."""
    repeated_call = (
        *OPENED,
        build_received_event(build_tool_call("1")),
        build_received_event(build_tool_call("1")),
        CallAnswered("1", A),
        build_received_event(build_tool_call("1")),
    )
    assert 2 == len(select_actions(StartCall, *repeated_call, runs_functions=True))
    assert [SendFrame(A)] == select_actions(
        SendFrame,
        *repeated_call[:4],
        CallAnswered("1", A),
        CallAnswered("9", B),
        MessageSent(),
        MessageSent(),
        runs_functions=True,
    )


def test_reconnecting_events() -> None:
    """Each reconnection is reported, with the error of the last connection, or None if it was closed on purpose."""
    actions = select_actions(
        NotifyListener,
        *OPENED,
        *HANDLE_RECEIVED,
        build_received_event(GO_AWAY),
        ConnectionClosed(1000),
        *OPENED,
        ConnectionClosed(ABNORMAL_CLOSURE, "", REFUSED),
    )
    errors = [getattr(each.event, "error", "resumed") for each in actions]
    assert [None, "resumed", REFUSED] == errors
