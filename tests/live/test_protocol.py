"""The protocol of a session as a table and as properties, with no loop and no socket."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from genai_fn import LiveClosed, Retry, calling, live, with_config, with_tools
from genai_fn.errors import AuthError, ConnectError, DecodeError, Disconnected, GenaiError
from genai_fn.events import Reconnecting, Resumed
from genai_fn.schema import (
    FunctionCall,
    LiveServerContent,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerSetupComplete,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
    UsageMetadata,
)
from genai_fn.sessions.moves import (
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
from genai_fn.sessions.protocol import CUT, State, begun, step

COMPLETE = LiveServerMessage(setup_complete=LiveServerSetupComplete(session_id="s"))
SAID = LiveServerMessage(server_content=LiveServerContent(turn_complete=True))
GO_AWAY = LiveServerMessage(go_away=LiveServerGoAway(time_left="3.5s"))
A, B = Frame("a", 1), Frame("b", 2)
CUT_OFF = Disconnected("in a live session", "the connection was cut")
REFUSED = ConnectError("connecting", "refused")


def update(handle: str, *, resumable: bool = True, heard: int | None = None) -> LiveServerMessage:
    """Make an update of the handle."""
    told = LiveServerSessionResumptionUpdate(
        new_handle=handle, resumable=resumable, last_consumed_client_message_index=heard
    )
    return LiveServerMessage(session_resumption_update=told)


def heard(message: Any) -> Heard:
    """Make the event of a message."""
    return Heard(Success(message))


def called(*identities: str) -> LiveServerMessage:
    """Make a message that calls ``f`` with these ids."""
    calls = tuple(FunctionCall(id=each, name="f") for each in identities)
    return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))


def cancelled(*identities: str) -> LiveServerMessage:
    """Make a message that calls calls off."""
    return LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation(ids=identities))


OPENED = (Connected(), heard(COMPLETE))
DELIVERED = Deliver(Success(SAID))

TABLE: dict[str, tuple[State, tuple[Any, ...], tuple[Any, ...]]] = {
    "the setup goes first": (State(), (Connected(),), (Introduce(),)),
    "the first message opens": (State(), (Connected(), heard(COMPLETE)), (Introduce(), Begin("s"))),
    "even one that says something else": (State(), (Connected(), heard(SAID)), (Introduce(), Begin(None), DELIVERED)),
    "nothing is written before": (State(), (Connected(), Offered(A)), (Introduce(),)),
    "what was offered goes out then": (
        State(),
        (Offered(A), Offered(B), *OPENED, Wrote()),
        (Introduce(), Begin("s"), Write(A), Write(B)),
    ),
    "one frame at a time": (State(), (*OPENED, Offered(A), Offered(B)), (Introduce(), Begin("s"), Write(A))),
    "a close of ours drains": (
        State(),
        (*OPENED, Offered(A), Offered(B), LetGo(), heard(SAID), Wrote(), Wrote(), Ended(1000)),
        (Introduce(), Begin("s"), Write(A), Finish(), Write(B), Hang()),
    ),
    "nothing is offered after it": (
        State(),
        (*OPENED, LetGo(), Offered(A), LetGo(), Ended(CUT)),
        (Introduce(), Begin("s"), Finish(), Hang()),
    ),
    "closed while dialling": (State(), (LetGo(), Connected(), Ended(CUT)), (Finish(), Hang(), Hang())),
    "closed and unreachable": (State(), (LetGo(), Unreachable(REFUSED)), (Finish(), Hang())),
    "a normal end": (State(), (*OPENED, Ended(1000)), (Introduce(), Begin("s"), Finish())),
    "the peer goes away": (State(), (*OPENED, Ended(1001)), (Introduce(), Begin("s"), Finish())),
    "any other end": (
        State(),
        (*OPENED, Ended(1011, "oh")),
        (Introduce(), Begin("s"), Finish(Failure(LiveClosed(1011, "oh")))),
    ),
    "a cut": (State(), (*OPENED, Ended(CUT)), (Introduce(), Begin("s"), Finish(Failure(CUT_OFF)))),
    "what cannot be read": (
        State(),
        (*OPENED, Heard(Failure(DecodeError("JSON"))), heard(SAID), Ended(1000)),
        (Introduce(), Begin("s"), Finish(Failure(DecodeError("JSON"))), Hang()),
    ),
    "no credentials": (State(), (Unreachable(AuthError("no")),), (Finish(Failure(AuthError("no"))),)),
    "another attempt": (
        State(retry=Retry(tries=2)),
        (Unreachable(REFUSED, 0.5), Unreachable(REFUSED, 0.5)),
        (Tell(Reconnecting(REFUSED, 0.5)), Dial(None, 0.5), Finish(Failure(REFUSED))),
    ),
    "a cut while it is set up": (
        State(),
        (Connected(), Ended(CUT, chance=0.0), *OPENED),
        (Introduce(), Tell(Reconnecting(CUT_OFF, 0.0)), Dial(None), Introduce(), Begin("s")),
    ),
    "closed while it is set up": (
        State(resumes=True, handle="h"),
        (Connected(), Ended(1000, "no")),
        (Introduce(), Finish(Failure(LiveClosed(1000, "no")))),
    ),
    "a cut with a handle": (
        State(resumes=True),
        (*OPENED, heard(update("h")), Offered(A), Offered(B), Ended(CUT), *OPENED, Wrote()),
        (
            *(Introduce(), Begin("s"), Deliver(Success(update("h"))), Write(A)),
            *(Tell(Reconnecting(CUT_OFF, 0.0)), Dial("h")),
            *(Introduce(), Tell(Resumed("s")), Deliver(Success(COMPLETE)), Write(A), Write(B)),
        ),
    ),
    "a handle that is none": (
        State(resumes=True),
        (*OPENED, heard(update("h", resumable=False)), heard(update("")), Ended(CUT)),
        (
            *(Introduce(), Begin("s"), Deliver(Success(update("h", resumable=False))), Deliver(Success(update("")))),
            Finish(Failure(CUT_OFF)),
        ),
    ),
    "leaving when all is said": (
        State(resumes=True),
        (*OPENED, heard(update("h")), heard(GO_AWAY), Offered(A), Ended(1000), *OPENED),
        (
            *(Introduce(), Begin("s"), Deliver(Success(update("h"))), Deliver(Success(GO_AWAY)), Alarm(2.5), Hang()),
            *(Tell(Reconnecting(None, 0.0)), Dial("h")),
            *(Introduce(), Tell(Resumed("s")), Deliver(Success(COMPLETE)), Write(A)),
        ),
    ),
    "staying while something is said": (
        State(resumes=True),
        (*OPENED, heard(update("h")), heard(SAID), heard(GO_AWAY), Alarmed(), Ended(1000)),
        (
            *(Introduce(), Begin("s"), Deliver(Success(update("h"))), DELIVERED, Deliver(Success(GO_AWAY)), Alarm(2.5)),
            *(Hang(), Tell(Reconnecting(None, 0.0)), Dial("h")),
        ),
    ),
    "going away without a handle": (
        State(),
        (*OPENED, heard(GO_AWAY), Alarmed(), Ended(1001)),
        (Introduce(), Begin("s"), Deliver(Success(GO_AWAY)), Finish()),
    ),
    "functions": (
        State(functions=True),
        (*OPENED, heard(called("1", "2")), heard(cancelled("2", "3")), Answered("1", A), Answered("2", B)),
        (
            *(Introduce(), Begin("s"), Deliver(Success(called("1", "2")))),
            *(Call("1", FunctionCall(id="1", name="f")), Call("2", FunctionCall(id="2", name="f"))),
            *(Deliver(Success(cancelled("2", "3"))), Cancel(("2",)), Write(A)),
        ),
    ),
    "functions of the caller's": (
        State(functions=True, kept=frozenset("f")),
        (*OPENED, heard(called("1"))),
        (Introduce(), Begin("s"), Deliver(Success(called("1")))),
    ),
    "no functions": (State(), (*OPENED, heard(called("1"))), (Introduce(), Begin("s"), Deliver(Success(called("1"))))),
    "a function that ends all": (
        State(functions=True),
        (*OPENED, heard(called("1", "2")), Answered("1", AuthError("x")), Answered("2", A)),
        (
            *(Introduce(), Begin("s"), Deliver(Success(called("1", "2")))),
            *(Call("1", FunctionCall(id="1", name="f")), Call("2", FunctionCall(id="2", name="f"))),
            *(Cancel(("2",)), Finish(Failure(AuthError("x"))), Hang()),
        ),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    """From a state, events lead to these actions."""
    state, events, expected = TABLE[name]
    actions: list[Any] = []
    for event in events:
        state, more = step(state, event)
        actions += more
    assert list(expected) == actions


def test_begun() -> None:
    """A session begins as its config says: resumed, transparently, with which functions."""

    def mine() -> None: ...

    plain, first = begun(live.connect("m"), Retry(tries=2))
    assert (State(retry=Retry(tries=2)), (Dial(None),)) == (plain, first)
    asked = live.connect("m") | with_config(session_resumption={"handle": "h", "transparent": True})
    asked = asked | with_tools({"function_declarations": [{"name": "kept"}]}) | calling(mine)
    state, first = begun(asked, Retry())
    assert (Dial("h"),) == first
    assert (True, True, True, frozenset({"kept"})) == (
        state.resumes,
        state.is_transparent,
        state.functions,
        state.kept,
    )
    assert (State(), (Dial(None),)) == begun(live.music.connect("m"), Retry())


def test_unheard_is_bounded() -> None:
    """What a transparent server never says that it has heard is kept up to a limit, the newest of it."""
    state = State(resumes=True, is_transparent=True)
    for event in (*OPENED, *(each for n in range(100) for each in (Offered(Frame(n, 1024 * 1024)), Wrote()))):
        state, _ = step(state, event)
    assert list(range(37, 101)) == [number for number, _ in state.unheard]


class World:
    """A driver as it must be, which holds what it is told to do against the rules."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.is_transparent = state.is_transparent
        self.handles = [state.handle]
        self.dialled = 0
        self.connection: str | None = None
        self.writing: Frame | None = None
        self.written: list[Any] = []
        self.offered = 0
        self.alive: set[str] = set()
        self.finished = self.let_go = self.hung = False
        self.perform((Dial(state.handle),))

    def feed(self, event: Any) -> None:
        self.state, actions = step(self.state, event)
        self.perform(actions)

    def perform(self, actions: tuple[Any, ...]) -> None:
        for action in actions:
            getattr(self, f"_{type(action).__name__.lower()}")(action)

    def _dial(self, action: Dial) -> None:
        assert self.connection is None, "two sockets"
        assert not self.finished, "a connection for nobody"
        assert not self.let_go, "a connection after a close of ours"
        assert action.handle == self.handles[-1], "a handle that is not the newest to be resumed"
        self.connection, self.hung = "dialling", False
        self.dialled += 1

    def _introduce(self, action: Introduce) -> None:
        assert self.connection == "connected"

    def _write(self, action: Write) -> None:
        assert self.connection == "open", "written before the session was set up"
        assert self.writing is None, "two frames at a time"
        assert not self.hung, "written after the close"
        self.writing = action.frame

    def _hang(self, action: Hang) -> None:
        assert self.connection is not None
        self.hung = True

    def _deliver(self, action: Deliver) -> None:
        assert not self.finished, "delivered after the end"

    def _call(self, action: Call) -> None:
        assert not self.finished
        assert action.identity not in self.alive, "called twice at once"
        self.alive.add(action.identity)

    def _cancel(self, action: Cancel) -> None:
        assert set(action.identities) <= self.alive
        self.alive -= set(action.identities)

    def _finish(self, action: Finish) -> None:
        assert not self.finished, "two ends"
        self.finished = True

    def _begin(self, action: Begin) -> None:
        assert self.connection == "open"

    def _tell(self, action: Tell) -> None: ...

    def _alarm(self, action: Alarm) -> None:
        assert action.seconds >= 0

    def choices(self) -> list[str]:
        """Name what can happen now."""
        names = ["offer", "let_go", "alarm"]
        names += {"dialling": ["connect", "fail"], "connected": ["set_up", "end"], "open": ["hear", "end"]}.get(
            self.connection or "", []
        )
        if self.connection == "dialling" and self.hung:
            names.append("end")
        return [*names, *(["wrote"] if self.writing else []), *(["answer"] if self.alive else [])]

    def happen(self, name: str, draw: Any) -> None:
        """Let it happen."""
        match name:
            case "offer":
                self.offered += 1
                self.feed(Offered(Frame(self.offered, 1)))
            case "let_go":
                self.let_go = True
                self.feed(LetGo())
            case "alarm":
                self.feed(Alarmed())
            case "connect":
                self.connection = "connected"
                self.feed(Connected())
            case "fail":
                self.connection = None
                self.feed(Unreachable(draw(st.sampled_from([REFUSED, AuthError("no")])), 0.5))
            case "set_up":
                self.connection = "open"
                self.feed(heard(COMPLETE))
            case "hear":
                self._heard(draw(MESSAGES))
            case "end":
                self.connection, self.writing = None, None
                self.feed(Ended(draw(st.sampled_from([CUT, CUT, 1000, 1001, 1008, 1011])), chance=0.5))
            case "wrote":
                assert self.writing is not None
                self.written.append(self.writing.data)
                self.writing = None
                self.feed(Wrote())
            case _:
                identity = draw(st.sampled_from(sorted(self.alive)))
                self.alive.discard(identity)
                self.feed(Answered(identity, draw(st.sampled_from([Frame("f", 1), AuthError("stop")]))))

    def _heard(self, message: Any) -> None:
        told = message.unwrap() if isinstance(message, Success) else None
        update = getattr(told, "session_resumption_update", None)
        if update is not None and update.resumable and update.new_handle and not self.finished:
            self.handles.append(update.new_handle)
        self.feed(Heard(message))


IDS = st.lists(st.sampled_from("123"), max_size=2, unique=True).map(tuple)
MESSAGES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([SAID, GO_AWAY, LiveServerMessage(), LiveServerMessage(usage_metadata=UsageMetadata())]),
    st.builds(
        update,
        st.sampled_from(["", "h-1", "h-2"]),
        resumable=st.booleans(),
        heard=st.one_of(st.none(), st.integers(0, 4)),
    ),
    IDS.map(lambda ids: called(*ids)),
    IDS.map(lambda ids: cancelled(*ids)),
).map(Success) | st.just(Failure(DecodeError("JSON")))
STATES = st.builds(
    State,
    resumes=st.booleans(),
    is_transparent=st.booleans(),
    functions=st.booleans(),
    handle=st.sampled_from([None, "h-0"]),
    retry=st.just(Retry(tries=3)),
)


@given(st.data(), STATES)
@settings(max_examples=150, deadline=None)
def test_any_course(data: Any, state: State) -> None:
    """Whatever happens in whatever order: one socket, the newest handle, whole frames in order, one end."""
    world = World(state)
    for _ in range(data.draw(st.integers(0, 40))):
        world.happen(data.draw(st.sampled_from(world.choices())), data.draw)
    ours = [each for each in world.written if isinstance(each, int)]
    if not world.is_transparent:
        assert ours == sorted(set(ours)), "out of order, or twice"
    assert world.finished == (world.state.phase in ("draining", "closing", "over"))
    if world.finished:
        assert not world.alive, "functions that run for nobody"
    elif not world.is_transparent:
        waiting = [each.data for each in (world.state.writing, *world.state.queue) if each is not None]
        numbers = [each for each in waiting if isinstance(each, int)]
        assert list(range(1, world.offered + 1)) == [*ours, *numbers], "lost"


ANY = st.one_of(
    st.sampled_from([Connected(), Wrote(), Alarmed(), LetGo(), Offered(A), heard(COMPLETE)]),
    MESSAGES.map(Heard),
    st.builds(Ended, st.integers(0, 5000)),
    st.builds(Unreachable, st.sampled_from([REFUSED, AuthError("no")])),
    st.builds(Answered, st.sampled_from("12"), st.sampled_from([A, AuthError("no")])),
)


@given(STATES, st.lists(ANY, max_size=30))
@settings(max_examples=150, deadline=None)
def test_total(state: State, events: list[Any]) -> None:
    """No event is too much in any state, and a state that is over stays so."""
    for event in events:
        over = state.is_over
        state, actions = step(state, event)
        assert isinstance(state, State)
        assert not over or state.is_over
        assert not any(isinstance(each, GenaiError) for each in actions)
