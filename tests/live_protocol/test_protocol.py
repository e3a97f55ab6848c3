"""The protocol of a session: a table of transitions, and properties. No event loop, no socket."""

import re
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from returns.result import Failure, Success

from genai_fn import LiveClosed, Retry, calling, live, with_config, with_tools
from genai_fn.errors import AuthError, DecodeError, GenaiError
from genai_fn.events import Reconnecting, Resumed
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
    SendFrame,
    SendRequested,
    SendSetup,
    SessionOpened,
    SetTimer,
    StartCall,
    TimerFired,
)
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE, handle_event, start_session
from genai_fn.schema import (
    FunctionCall,
    LiveServerMessage,
    UsageMetadata,
)
from tests.support.call_counts import is_linear
from tests.support.live_session_events import (
    COMPLETE,
    CUT_OFF,
    DELIVERED,
    GO_AWAY,
    OPENED,
    REFUSED,
    TURN_COMPLETE,
    A,
    B,
    build_call_cancellation,
    build_handle_update,
    build_received_event,
    build_tool_call,
)

TABLE: dict[str, tuple[ProtocolState, tuple[Any, ...], tuple[Any, ...]]] = {
    "the setup goes first": (ProtocolState(), (Connected(),), (SendSetup(),)),
    "the first message opens": (
        ProtocolState(),
        (Connected(), build_received_event(COMPLETE)),
        (SendSetup(), SessionOpened("s")),
    ),
    "even one that says something else": (
        ProtocolState(),
        (Connected(), build_received_event(TURN_COMPLETE)),
        (SendSetup(), SessionOpened(None), DELIVERED),
    ),
    "nothing is written before": (ProtocolState(), (Connected(), SendRequested(A)), (SendSetup(),)),
    "what was offered goes out then": (
        ProtocolState(),
        (SendRequested(A), SendRequested(B), *OPENED, MessageSent()),
        (SendSetup(), SessionOpened("s"), SendFrame(A), SendFrame(B)),
    ),
    "one frame at a time": (
        ProtocolState(),
        (*OPENED, SendRequested(A), SendRequested(B)),
        (SendSetup(), SessionOpened("s"), SendFrame(A)),
    ),
    "a close of ours drains": (
        ProtocolState(),
        (
            *OPENED,
            SendRequested(A),
            SendRequested(B),
            CloseRequested(),
            build_received_event(TURN_COMPLETE),
            MessageSent(),
            MessageSent(),
            ConnectionClosed(1000),
        ),
        (SendSetup(), SessionOpened("s"), SendFrame(A), FinishSession(), SendFrame(B), CloseConnection()),
    ),
    "nothing is offered after it": (
        ProtocolState(),
        (*OPENED, CloseRequested(), SendRequested(A), CloseRequested(), ConnectionClosed(ABNORMAL_CLOSURE)),
        (SendSetup(), SessionOpened("s"), FinishSession(), CloseConnection()),
    ),
    "closed while dialling": (
        ProtocolState(),
        (CloseRequested(), Connected(), ConnectionClosed(ABNORMAL_CLOSURE)),
        (FinishSession(), CloseConnection(), CloseConnection()),
    ),
    "closed and unreachable": (
        ProtocolState(),
        (CloseRequested(), ConnectFailed(REFUSED)),
        (FinishSession(), CloseConnection()),
    ),
    "a normal end": (
        ProtocolState(),
        (*OPENED, ConnectionClosed(1000)),
        (SendSetup(), SessionOpened("s"), FinishSession()),
    ),
    "the peer goes away": (
        ProtocolState(),
        (*OPENED, ConnectionClosed(1001)),
        (SendSetup(), SessionOpened("s"), FinishSession()),
    ),
    "any other end": (
        ProtocolState(),
        (*OPENED, ConnectionClosed(1011, "oh")),
        (SendSetup(), SessionOpened("s"), FinishSession(Failure(LiveClosed(1011, "oh")))),
    ),
    "a cut": (
        ProtocolState(),
        (*OPENED, ConnectionClosed(ABNORMAL_CLOSURE)),
        (SendSetup(), SessionOpened("s"), FinishSession(Failure(CUT_OFF))),
    ),
    "what cannot be read": (
        ProtocolState(),
        (
            *OPENED,
            MessageReceived(Failure(DecodeError("JSON"))),
            build_received_event(TURN_COMPLETE),
            ConnectionClosed(1000),
        ),
        (SendSetup(), SessionOpened("s"), FinishSession(Failure(DecodeError("JSON"))), CloseConnection()),
    ),
    "no credentials": (ProtocolState(), (ConnectFailed(AuthError("no")),), (FinishSession(Failure(AuthError("no"))),)),
    "another attempt": (
        ProtocolState(retry=Retry(attempts=2)),
        (ConnectFailed(REFUSED, 0.5), ConnectFailed(REFUSED, 0.5)),
        (NotifyListener(Reconnecting(REFUSED, 0.5)), ConnectSocket(None, 0.5), FinishSession(Failure(REFUSED))),
    ),
    "a cut while it is set up": (
        ProtocolState(),
        (Connected(), ConnectionClosed(ABNORMAL_CLOSURE, jitter=0.0), *OPENED),
        (SendSetup(), NotifyListener(Reconnecting(CUT_OFF, 0.0)), ConnectSocket(None), SendSetup(), SessionOpened("s")),
    ),
    "closed while it is set up": (
        ProtocolState(is_resumable=True, handle="h"),
        (Connected(), ConnectionClosed(1000, "no")),
        (SendSetup(), FinishSession(Failure(LiveClosed(1000, "no")))),
    ),
    "a cut with a handle": (
        ProtocolState(is_resumable=True),
        (
            *OPENED,
            build_received_event(build_handle_update("h")),
            SendRequested(A),
            SendRequested(B),
            ConnectionClosed(ABNORMAL_CLOSURE),
            *OPENED,
            MessageSent(),
        ),
        (
            *(SendSetup(), SessionOpened("s"), DeliverItem(Success(build_handle_update("h"))), SendFrame(A)),
            *(NotifyListener(Reconnecting(CUT_OFF, 0.0)), ConnectSocket("h")),
            *(SendSetup(), NotifyListener(Resumed("s")), DeliverItem(Success(COMPLETE)), SendFrame(A), SendFrame(B)),
        ),
    ),
    "a handle that is none": (
        ProtocolState(is_resumable=True),
        (
            *OPENED,
            build_received_event(build_handle_update("h", resumable=False)),
            build_received_event(build_handle_update("")),
            ConnectionClosed(ABNORMAL_CLOSURE),
        ),
        (
            *(
                SendSetup(),
                SessionOpened("s"),
                DeliverItem(Success(build_handle_update("h", resumable=False))),
                DeliverItem(Success(build_handle_update(""))),
            ),
            FinishSession(Failure(CUT_OFF)),
        ),
    ),
    "leaving when all is said": (
        ProtocolState(is_resumable=True),
        (
            *OPENED,
            build_received_event(build_handle_update("h")),
            build_received_event(GO_AWAY),
            SendRequested(A),
            ConnectionClosed(1000),
            *OPENED,
        ),
        (
            *(
                SendSetup(),
                SessionOpened("s"),
                DeliverItem(Success(build_handle_update("h"))),
                DeliverItem(Success(GO_AWAY)),
                SetTimer(2.5),
                CloseConnection(),
            ),
            *(NotifyListener(Reconnecting(None, 0.0)), ConnectSocket("h")),
            *(SendSetup(), NotifyListener(Resumed("s")), DeliverItem(Success(COMPLETE)), SendFrame(A)),
        ),
    ),
    "staying while something is said": (
        ProtocolState(is_resumable=True),
        (
            *OPENED,
            build_received_event(build_handle_update("h")),
            build_received_event(TURN_COMPLETE),
            build_received_event(GO_AWAY),
            TimerFired(),
            ConnectionClosed(1000),
        ),
        (
            *(
                SendSetup(),
                SessionOpened("s"),
                DeliverItem(Success(build_handle_update("h"))),
                DELIVERED,
                DeliverItem(Success(GO_AWAY)),
                SetTimer(2.5),
            ),
            *(CloseConnection(), NotifyListener(Reconnecting(None, 0.0)), ConnectSocket("h")),
        ),
    ),
    "going away without a handle": (
        ProtocolState(),
        (*OPENED, build_received_event(GO_AWAY), TimerFired(), ConnectionClosed(1001)),
        (SendSetup(), SessionOpened("s"), DeliverItem(Success(GO_AWAY)), FinishSession()),
    ),
    "functions": (
        ProtocolState(runs_functions=True),
        (
            *OPENED,
            build_received_event(build_tool_call("1", "2")),
            build_received_event(build_call_cancellation("2", "3")),
            CallAnswered("1", A),
            CallAnswered("2", B),
        ),
        (
            *(SendSetup(), SessionOpened("s"), DeliverItem(Success(build_tool_call("1", "2")))),
            *(StartCall("1", FunctionCall(id="1", name="f")), StartCall("2", FunctionCall(id="2", name="f"))),
            *(DeliverItem(Success(build_call_cancellation("2", "3"))), CancelCall(("2",)), SendFrame(A)),
        ),
    ),
    "a cancellation that repeats an id": (
        ProtocolState(runs_functions=True),
        (*OPENED, build_received_event(build_tool_call("1")), build_received_event(build_call_cancellation("1", "1"))),
        (
            *(SendSetup(), SessionOpened("s"), DeliverItem(Success(build_tool_call("1")))),
            *(StartCall("1", FunctionCall(id="1", name="f")), DeliverItem(Success(build_call_cancellation("1", "1")))),
            CancelCall(("1",)),
        ),
    ),
    "functions of the caller": (
        ProtocolState(runs_functions=True, caller_functions=frozenset("f")),
        (*OPENED, build_received_event(build_tool_call("1"))),
        (SendSetup(), SessionOpened("s"), DeliverItem(Success(build_tool_call("1")))),
    ),
    "no functions": (
        ProtocolState(),
        (*OPENED, build_received_event(build_tool_call("1"))),
        (SendSetup(), SessionOpened("s"), DeliverItem(Success(build_tool_call("1")))),
    ),
    "a function that ends all": (
        ProtocolState(runs_functions=True),
        (
            *OPENED,
            build_received_event(build_tool_call("1", "2")),
            CallAnswered("1", AuthError("x")),
            CallAnswered("2", A),
        ),
        (
            *(SendSetup(), SessionOpened("s"), DeliverItem(Success(build_tool_call("1", "2")))),
            *(StartCall("1", FunctionCall(id="1", name="f")), StartCall("2", FunctionCall(id="2", name="f"))),
            *(CancelCall(("2",)), FinishSession(Failure(AuthError("x"))), CloseConnection()),
        ),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    """Events in a state give these actions."""
    state, events, expected = TABLE[name]
    actions: list[Any] = []
    for event in events:
        state, new_actions = handle_event(state, event)
        actions += new_actions
    assert list(expected) == actions


def test_initial_state() -> None:
    """The initial state follows the config: resumption, transparency, functions."""

    def function() -> None: ...

    plain, first = start_session(live.connect("m"), Retry(attempts=2))
    assert (ProtocolState(retry=Retry(attempts=2)), (ConnectSocket(None),)) == (plain, first)
    session = live.connect("m") | with_config(session_resumption={"handle": "h", "transparent": True})
    session = session | with_tools({"function_declarations": [{"name": "kept"}]}) | calling(function)
    state, first = start_session(session, Retry())
    assert (ConnectSocket("h"),) == first
    assert (True, True, True, frozenset({"kept"})) == (
        state.is_resumable,
        state.is_transparent,
        state.runs_functions,
        state.caller_functions,
    )
    assert (ProtocolState(), (ConnectSocket(None),)) == start_session(live.music.connect("m"), Retry())


def test_unacknowledged_is_bounded() -> None:
    """Unacknowledged frames are kept up to a limit; the oldest are dropped."""
    state = ProtocolState(is_resumable=True, is_transparent=True)
    for event in (
        *OPENED,
        *(each for n in range(100) for each in (SendRequested(OutgoingFrame(n, 1024 * 1024)), MessageSent())),
    ):
        state, _ = handle_event(state, event)
    assert list(range(36, 100)) == [frame.data for frame in state.unacknowledged]


@pytest.mark.parametrize("is_open", [True, False])
def test_takes_linear_time(is_open: bool) -> None:
    """Twice as many messages take twice the work, whether they are never acknowledged or wait for a connection."""

    def build(size: int) -> Any:
        def run() -> None:
            state = ProtocolState(is_resumable=True, is_transparent=True)
            for event in OPENED if is_open else ():
                state, _ = handle_event(state, event)
            for number in range(size):
                state, _ = handle_event(state, SendRequested(OutgoingFrame(number, 1)))
                state, _ = handle_event(state, MessageSent())

        return run

    assert is_linear(build, 100)


class ModelExecutor:
    """A model of an executor, which checks each action against the rules."""

    def __init__(self, state: ProtocolState) -> None:
        self.state = state
        self.is_transparent = state.is_transparent
        self.handles = [state.handle]
        self.dial_count = 0
        self.connection: str | None = None
        self.writing: OutgoingFrame | None = None
        self.sent_data: list[Any] = []
        self.offered_count = 0
        self.running_calls: set[str] = set()
        self.finished = self.close_requested = self.is_closing = False
        self.perform((ConnectSocket(state.handle),))

    def feed(self, event: Any) -> None:
        self.state, actions = handle_event(self.state, event)
        self.perform(actions)

    def perform(self, actions: tuple[Any, ...]) -> None:
        for action in actions:
            getattr(self, "_" + re.sub(r"\B(?=[A-Z])", "_", type(action).__name__).lower())(action)

    def _connect_socket(self, action: ConnectSocket) -> None:
        assert self.connection is None, "two sockets"
        assert not self.finished, "a connection after the end"
        assert not self.close_requested, "a connection after a requested close"
        assert action.handle == self.handles[-1], "a handle that is not the newest to be resumed"
        self.connection, self.is_closing = "dialling", False
        self.dial_count += 1

    def _send_setup(self, action: SendSetup) -> None:
        assert self.connection == "connected"

    def _send_frame(self, action: SendFrame) -> None:
        assert self.connection == "open", "written before the session was set up"
        assert self.writing is None, "two frames at a time"
        assert not self.is_closing, "written after the close"
        self.writing = action.frame

    def _close_connection(self, action: CloseConnection) -> None:
        assert self.connection is not None
        self.is_closing = True

    def _deliver_item(self, action: DeliverItem) -> None:
        assert not self.finished, "delivered after the end"

    def _start_call(self, action: StartCall) -> None:
        assert not self.finished
        assert action.call_id not in self.running_calls, "called twice at once"
        self.running_calls.add(action.call_id)

    def _cancel_call(self, action: CancelCall) -> None:
        for call_id in action.call_ids:
            self.running_calls.remove(call_id)

    def _finish_session(self, action: FinishSession) -> None:
        assert not self.finished, "the session was finished twice"
        self.finished = True

    def _session_opened(self, action: SessionOpened) -> None:
        assert self.connection == "open"

    def _notify_listener(self, action: NotifyListener) -> None: ...

    def _set_timer(self, action: SetTimer) -> None:
        assert action.seconds >= 0

    def list_events(self) -> list[str]:
        """List the events that may happen now."""
        names = ["offer", "let_go", "alarm"]
        names += {"dialling": ["connect", "fail"], "connected": ["set_up", "end"], "open": ["hear", "end"]}.get(
            self.connection or "", []
        )
        if self.connection == "dialling" and self.is_closing:
            names.append("end")
        return [*names, *(["wrote"] if self.writing else []), *(["answer"] if self.running_calls else [])]

    def apply_event(self, name: str, draw: Any) -> None:
        """Apply an event."""
        match name:
            case "offer":
                self.offered_count += 1
                self.feed(SendRequested(OutgoingFrame(self.offered_count, 1)))
            case "let_go":
                self.close_requested = True
                self.feed(CloseRequested())
            case "alarm":
                self.feed(TimerFired())
            case "connect":
                self.connection = "connected"
                self.feed(Connected())
            case "fail":
                self.connection = None
                self.feed(ConnectFailed(draw(st.sampled_from([REFUSED, AuthError("no")])), 0.5))
            case "set_up":
                self.connection = "open"
                self.feed(build_received_event(COMPLETE))
            case "hear":
                self._receive_message(draw(MESSAGES))
            case "end":
                self.connection, self.writing = None, None
                self.feed(
                    ConnectionClosed(
                        draw(st.sampled_from([ABNORMAL_CLOSURE, ABNORMAL_CLOSURE, 1000, 1001, 1008, 1011])), jitter=0.5
                    )
                )
            case "wrote":
                assert self.writing is not None
                self.sent_data.append(self.writing.data)
                self.writing = None
                self.feed(MessageSent())
            case _:
                identity = draw(st.sampled_from(sorted(self.running_calls)))
                self.running_calls.discard(identity)
                self.feed(CallAnswered(identity, draw(st.sampled_from([OutgoingFrame("f", 1), AuthError("stop")]))))

    def _receive_message(self, message: Any) -> None:
        content = message.unwrap() if isinstance(message, Success) else None
        build_handle_update = getattr(content, "session_resumption_update", None)
        if (
            build_handle_update is not None
            and build_handle_update.resumable
            and build_handle_update.new_handle
            and not self.finished
        ):
            self.handles.append(build_handle_update.new_handle)
        self.feed(MessageReceived(message))


IDS = st.lists(st.sampled_from("123"), max_size=2).map(tuple)
MESSAGES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([TURN_COMPLETE, GO_AWAY, LiveServerMessage(), LiveServerMessage(usage_metadata=UsageMetadata())]),
    st.builds(
        build_handle_update,
        st.sampled_from(["", "h-1", "h-2"]),
        resumable=st.booleans(),
        last_consumed=st.one_of(st.none(), st.integers(0, 4)),
    ),
    IDS.map(lambda ids: build_tool_call(*ids)),
    IDS.map(lambda ids: build_call_cancellation(*ids)),
).map(Success) | st.just(Failure(DecodeError("JSON")))
STATES = st.builds(
    ProtocolState,
    is_resumable=st.booleans(),
    is_transparent=st.booleans(),
    runs_functions=st.booleans(),
    handle=st.sampled_from([None, "h-0"]),
    retry=st.just(Retry(attempts=3)),
)


@given(st.data(), STATES)
@settings(max_examples=150, deadline=None)
def test_any_order_of_events(data: Any, state: ProtocolState) -> None:
    """In any order of events: one socket, the newest handle, complete frames in order, one end."""
    executor = ModelExecutor(state)
    for _ in range(data.draw(st.integers(0, 40))):
        executor.apply_event(data.draw(st.sampled_from(executor.list_events())), data.draw)
    sent_numbers = [each for each in executor.sent_data if isinstance(each, int)]
    if not executor.is_transparent:
        assert sent_numbers == sorted(set(sent_numbers)), "out of order, or twice"
    assert executor.finished == (executor.state.phase in ("draining", "closing", "closed"))
    if executor.finished:
        assert not executor.running_calls, "functions that run after the end"
    elif not executor.is_transparent:
        queued_data = [each.data for each in (executor.state.current_frame, *executor.state.queue) if each is not None]
        queued_numbers = [each for each in queued_data if isinstance(each, int)]
        assert list(range(1, executor.offered_count + 1)) == [*sent_numbers, *queued_numbers], "lost"


ANY_EVENT = st.one_of(
    st.sampled_from(
        [Connected(), MessageSent(), TimerFired(), CloseRequested(), SendRequested(A), build_received_event(COMPLETE)]
    ),
    MESSAGES.map(MessageReceived),
    st.builds(ConnectionClosed, st.integers(0, 5000)),
    st.builds(ConnectFailed, st.sampled_from([REFUSED, AuthError("no")])),
    st.builds(CallAnswered, st.sampled_from("12"), st.sampled_from([A, AuthError("no")])),
)


@given(STATES, st.lists(ANY_EVENT, max_size=30))
@settings(max_examples=150, deadline=None)
def test_total(state: ProtocolState, events: list[Any]) -> None:
    """Every event is accepted in every state, and a closed state stays closed."""
    for event in events:
        was_over = state.is_over
        state, actions = handle_event(state, event)
        assert isinstance(state, ProtocolState)
        assert not was_over or state.is_over
        assert not any(isinstance(each, GenaiError) for each in actions)
