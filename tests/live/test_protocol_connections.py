"""The protocol from connection to connection: what is resumed, when it leaves, how often it tries, what it counts."""

from typing import Any

import pytest
from returns.result import Failure

from genai_fn import LiveClosed, Retry
from genai_fn.errors import APIError, Disconnected, TimedOut
from genai_fn.sessions.moves import (
    Alarm,
    Alarmed,
    Answered,
    Call,
    Dial,
    Ended,
    Finish,
    Frame,
    Hang,
    Offered,
    Tell,
    Unreachable,
    Write,
    Wrote,
)
from genai_fn.sessions.protocol import CUT, State, step
from tests.live.test_protocol import GO_AWAY, OPENED, REFUSED, SAID, A, B, called, heard, update

C = Frame("c", 4)
QUIET = (heard(update("h")),)
"""All is said, and the handle includes it."""


def followed(state: State, *events: Any) -> tuple[State, list[Any]]:
    """Give where events lead, and the actions; what waits is counted right all the while."""
    actions: list[Any] = []
    for event in events:
        state, more = step(state, event)
        actions += more
        assert sum(frame.size for frame in state.queue) == state.queued
    return state, actions


def only(kinds: Any, *events: Any, **state: Any) -> list[Any]:
    """Give the actions of these kinds that follow, for a session that is set up to be resumed."""
    return [each for each in followed(State(resumes=True, **state), *events)[1] if isinstance(each, kinds)]


HANGS: dict[str, tuple[tuple[Any, ...], int]] = {
    "all is said": ((*QUIET, heard(GO_AWAY)), 1),
    "the handle comes later": ((heard(GO_AWAY), *QUIET), 1),
    "it was told before": ((*QUIET, heard(GO_AWAY), heard(GO_AWAY)), 1),
    "a turn goes on": ((*QUIET, heard(SAID), heard(GO_AWAY)), 0),
    "a turn has ended": ((*QUIET, heard(SAID), heard(GO_AWAY), *QUIET), 1),
    "a function was called": ((*QUIET, heard(called("1")), heard(GO_AWAY)), 0),
    "a frame is being written": ((Offered(A), *QUIET, heard(GO_AWAY)), 0),
    "a frame was written since": ((*QUIET, Offered(A), Wrote(), heard(GO_AWAY)), 0),
    "the frame is included": ((*QUIET, Offered(A), Wrote(), heard(GO_AWAY), *QUIET), 1),
    "a handle of nothing": ((heard(update("")), heard(GO_AWAY), Alarmed()), 0),
    "time is up": ((*QUIET, heard(SAID), heard(GO_AWAY), Alarmed(0)), 1),
    "time of another is up": ((*QUIET, heard(SAID), heard(GO_AWAY), Alarmed(1)), 0),
    "nobody goes away": ((*QUIET, Alarmed(0)), 0),
}


@pytest.mark.parametrize("name", HANGS)
def test_leaves(name: str) -> None:
    """A connection that goes away is left as soon as nothing is lost by it, and not before, but for its time."""
    events, expected = HANGS[name]
    assert expected == len(only(Hang, *OPENED, *events))


def test_alarms() -> None:
    """Each connection has its own alarm."""
    told = (*QUIET, heard(SAID), heard(GO_AWAY))
    again = (*OPENED, *told, Ended(CUT), *OPENED, *told)
    assert [Alarm(2.5, 0), Alarm(2.5, 1)] == only((Alarm, Hang), *again, Alarmed(0))
    assert [Alarm(2.5, 0), Alarm(2.5, 1), Hang()] == only((Alarm, Hang), *again, Alarmed(1))


ROUNDS: dict[str, tuple[tuple[Any, ...], list[float]]] = {
    "dropped": ((*OPENED, *QUIET, Ended(CUT)), [0.0, 0.5, 1.0]),
    "dropped after something": ((*OPENED, *QUIET, heard(SAID), Ended(CUT)), [0.0, 0.5, 1.0]),
    "sent away": ((*OPENED, *QUIET, heard(GO_AWAY), Ended(1000)), [0.0, 0.5, 1.0]),
    "cut off": ((*OPENED, *QUIET, heard(SAID), heard(GO_AWAY), Ended(1011)), [0.0, 0.5, 1.0]),
    "dropped before it is set up": ((OPENED[0], Ended(CUT, lasted=100.0)), [0.5, 1.0]),
    "unreachable": ((Unreachable(REFUSED),), [0.5, 1.0]),
    "dropped after a while": ((*OPENED, *QUIET, Ended(CUT, lasted=10.0)), [0.0] * 9),
    "sent away after a while": ((*OPENED, *QUIET, heard(GO_AWAY), Ended(1000, lasted=10.0)), [0.0] * 9),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_rounds(name: str) -> None:
    """What always goes the same way is tried so often, at these intervals; a connection that lasted is none of them."""
    events, waits = ROUNDS[name]
    actions = only((Dial, Finish), *events * 9, retry=Retry(tries=3))
    dials = [each.wait for each in actions if isinstance(each, Dial)]
    assert waits == dials
    last = [each for each in actions if isinstance(each, Finish)]
    assert (len(waits) < 9) == bool(last)
    if name == "sent away":
        reason = "the peer goes away at once, again and again"
        assert [Finish(Failure(Disconnected("in a live session", reason)))] == last


def test_what_passes() -> None:
    """A time-out ends a session that was never open, and is an attempt like any other of one that is resumed."""
    late = TimedOut("headers", "opening a live session", sent=True)
    assert [Finish(Failure(late))] == only((Dial, Finish), Unreachable(late))
    resumed = (*OPENED, *QUIET, Ended(CUT), Unreachable(late))
    assert [Dial("h"), Dial("h", 0.5)] == only((Dial, Finish), *resumed)
    silent = (*OPENED, *QUIET, Ended(CUT), *OPENED, Ended(CUT, "", TimedOut("idle")))
    assert [Dial("h"), Dial("h", 0.5)] == only((Dial, Finish), *silent)


def test_advice() -> None:
    """The server's advice is taken, unless it is to wait longer than anybody would."""

    def busy(seconds: int) -> APIError:
        return APIError(429, headers=(("retry-after", str(seconds)),))

    assert [Dial(None, 7.0)] == only((Dial, Finish), Unreachable(busy(7)), longest=7.0)
    assert [Finish(Failure(busy(8)))] == only((Dial, Finish), Unreachable(busy(8)), longest=7.0)


@pytest.mark.parametrize(("code", "failure"), [(1000, None), (1001, None), (1008, LiveClosed(1008, ""))])
def test_ends_that_are_meant(code: int, failure: Any) -> None:
    """An end that the peer means is one, handle or not."""
    expected = Finish(None if failure is None else Failure(failure))
    assert [expected] == only((Dial, Finish), *OPENED, *QUIET, Ended(code))


def test_transparent() -> None:
    """What a handle does not include goes out again, then what was half out, then what waited; each in its order."""
    wrote = (Offered(A), Wrote(), Offered(B), Wrote(), Offered(C))
    first = (*OPENED, *wrote, heard(update("h", heard=1)), Offered(A), Ended(CUT))
    again = (*OPENED, Wrote(), Wrote(), Wrote())
    assert [Write(A), Write(B), Write(C), Write(B), Write(C), Write(A)] == only(
        Write, *first, *again, is_transparent=True
    )
    numbered = (*OPENED, Wrote(), heard(update("h-2", heard=1)), Ended(CUT), *OPENED)
    state, _ = followed(State(resumes=True, is_transparent=True), *first, *numbered)
    assert (C, (A,), ()) == (state.writing, state.queue, state.unheard)
    state, _ = followed(State(resumes=True), *first)
    assert (C, A) == state.queue
    assert (4 + 1, 4 + 1) == (state.queued, state.waiting)


def test_calls_of_one_id() -> None:
    """A call that runs already is not run twice; what nobody waits for any more is not said."""
    twice = (*OPENED, heard(called("1")), heard(called("1")), Answered("1", A), heard(called("1")))
    assert 2 == len(only(Call, *twice, functions=True))
    assert [Write(A)] == only(Write, *twice[:4], Answered("1", A), Answered("9", B), Wrote(), Wrote(), functions=True)


def test_news() -> None:
    """Each new connection is told of, with what was wrong with the last, or nothing, where it was left."""
    actions = only(Tell, *OPENED, *QUIET, heard(GO_AWAY), Ended(1000), *OPENED, Ended(CUT, "", REFUSED))
    errors = [getattr(each.news, "error", "resumed") for each in actions]
    assert [None, "resumed", REFUSED] == errors
