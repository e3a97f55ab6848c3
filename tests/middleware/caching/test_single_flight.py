"""Single flight: there is one leader at a time, and each of the others gets its result or the lead."""

import gc
import os
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from returns.result import Failure, Success

from genai_fn import ServerError
from genai_fn.errors import Closed, TimedOut
from genai_fn.middleware.caching.single_flight import Flights, Ticket
from tests.support.call_counts import is_linear

BUSY = Failure(ServerError(503))


def join(flights: Flights[Any], terms: object = None, key: str = "k") -> Ticket[Any]:
    ticket = Ticket[Any](terms)
    flights.join(key, ticket)
    return ticket


def leads(ticket: Ticket[Any]) -> bool:
    return ticket.role.get() is not None and ticket.shared_result is None


def test_success_is_shared() -> None:
    """All that wait get a success, and whoever comes after that leads a new flight."""
    flights: Flights[str] = Flights()
    first, *others = [join(flights) for _ in range(4)]
    futures: list[Any] = [each.wait() for each in others]
    assert (first.wait(), [each.done() for each in futures]) == (None, [False] * 3)
    first.set_result(Success("hello"))
    first.close()
    assert [each.done() for each in futures] == [True] * 3
    assert [each.shared_result for each in others] == [Success("hello")] * 3
    assert leads(join(flights))
    assert leads(join(flights, key="other"))


def test_result_of_a_leader_that_has_not_left() -> None:
    """A request that joins while the leader stores its result does not become a leader."""
    flights: Flights[str] = Flights()
    first = join(flights)
    first.set_result(Success("hello"))
    others = [join(flights) for _ in range(3)]
    assert [each.role.get() for each in others] == [None] * 3
    first.close()
    assert [each.shared_result for each in others] == [Success("hello")] * 3


@pytest.mark.parametrize("error", [TimedOut("total"), Closed(), ServerError(503)], ids=repr)
@pytest.mark.parametrize("terms", ["same", "other"])
def test_failures(error: Any, terms: str) -> None:
    """A failure is shared by requests with equal terms, unless it is one of the leader's own time or interpreter."""
    flights: Flights[str] = Flights()
    first, second, third = join(flights, "same"), join(flights, terms), join(flights, "same")
    first.set_result(Failure(error))
    first.close()
    is_shared = isinstance(error, ServerError)
    assert leads(second) == (terms == "other" or not is_shared)
    assert (third.shared_result == Failure(error)) == (is_shared and terms == "same")
    second.close()
    assert third.role.get() is not None


def test_handed_over() -> None:
    """A leader that leaves without a result hands the lead to the next one that still waits."""
    flights: Flights[str] = Flights()
    first, second, third = (join(flights) for _ in range(3))
    future = third.wait()
    second.close()
    first.close()
    first.close()
    assert leads(third)
    assert future is not None
    assert future.done()
    third.close()
    assert len(flights) == 0


def test_cancelled_future() -> None:
    """The future of one that no longer waits may be cancelled, which disturbs nobody."""
    flights: Flights[str] = Flights()
    first, second, third = (join(flights) for _ in range(3))
    future = second.wait()
    assert future is not None
    future.cancel()
    first.set_result(Success("hello"))
    first.close()
    assert third.shared_result == Success("hello")


def test_many_leaders_take_linear_time() -> None:
    """Many equal requests may leave one by one, each as the leader: the work grows with their number."""

    def build(count: int) -> Callable[[], object]:
        flights: Flights[str] = Flights()
        tickets = [join(flights) for _ in range(count)]

        def close_all() -> None:
            for each in tickets:
                each.close()

        return close_all

    assert is_linear(build, 50)


def test_ended_tickets_are_not_kept() -> None:
    """A flight in which somebody always waits keeps none of those that have ended, with their results."""
    flights: Flights[str] = Flights()
    leader, ended = join(flights), weakref.WeakSet[Ticket[Any]]()
    for _ in range(100):
        follower = join(flights)
        leader.set_result(Failure(TimedOut("total")))
        leader.close()
        ended.add(leader)
        leader = follower
    gc.collect()
    assert (len(flights), len(ended)) == (1, 1)  # the place where the flight goes on


def test_end_of_a_large_flight() -> None:
    """The tickets of a flight, however many, are freed without a deep recursion."""
    flights: Flights[str] = Flights()
    tickets = [join(flights) for _ in range(100_000)]
    tickets[0].set_result(Success("hello"))
    tickets[0].close()
    last = weakref.ref(tickets[-1])
    del tickets
    gc.collect()
    assert last() is None


def test_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a forked process, nobody waits for a leader of the parent."""
    flights: Flights[str] = Flights()
    first = join(flights)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert leads(join(flights))
    assert leads(first)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "join", "leave", "succeed", "fail", "time out"]),
        st.integers(0, 9),
        st.sampled_from("xy"),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_agrees_with_a_model(steps: list[tuple[str, int, str]]) -> None:
    """Whatever joins, leaves and ends: one leads, in order, the others wait, and nobody waits for ever."""
    flights: Flights[str] = Flights()
    waiting: list[Ticket[Any]] = []  # in the model: the first of them leads
    results: dict[Ticket[Any], Any] = {}
    for number, (name, index, terms) in enumerate(steps):
        if name == "join":
            waiting.append(join(flights, terms))
            waiting[-1].wait()
        elif name == "leave" and waiting:
            waiting.pop(index % len(waiting)).close()
        elif waiting:
            leader, *rest = waiting
            result: Any = {"succeed": Success(number), "fail": BUSY}.get(name, Failure(TimedOut("total")))
            leader.set_result(result)
            leader.close()
            shared = [each for each in rest if name == "succeed" or (name == "fail" and each.terms == leader.terms)]
            if name == "fail":  # only those before the next leader are told at once
                first_other = next((rest.index(each) for each in rest if each not in shared), len(rest))
                shared = rest[:first_other]
            results |= dict.fromkeys(shared, result)
            waiting = [each for each in rest if each not in shared]
        assert [leads(each) for each in waiting] == [place == 0 for place in range(len(waiting))]
        assert {each: each.shared_result for each in results} == results
        assert len(flights) <= 1
    for each in tuple(waiting):
        assert leads(each)
        each.close()
    assert len(flights) == 0 or not steps
