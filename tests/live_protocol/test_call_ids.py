"""The immutable set of running calls: equal to a frozenset, whatever became of the other sets that follow from it."""

import pickle
import tracemalloc
from typing import Any

from hypothesis import given, strategies as st

from genai_fn.live_protocol.call_ids import CallIds
from genai_fn.live_protocol.events_and_actions import CallAnswered, OutgoingFrame
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.live_protocol.state_machine import handle_event
from tests.support.call_counts import is_linear

CHANGES = st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.sampled_from("abcde")), max_size=60)


@given(CHANGES)
def test_equals_frozenset(changes: list[tuple[int, bool, str]]) -> None:
    """Changes of any earlier set are those of a frozenset, and no set changes afterwards."""
    sets: list[tuple[CallIds, frozenset[str]]] = [(CallIds(), frozenset())]
    for position, adds, call_id in changes:
        calls, expected = sets[position % len(sets)]
        if adds:
            sets.append((calls.add(call_id), expected | {call_id}))
        else:
            sets.append((calls.remove_all((call_id, "z")), expected - {call_id}))
    for calls, expected in sets:
        assert (set(calls), len(calls), bool(calls)) == (expected, len(expected), bool(expected))
        assert (calls, hash(calls)) == (expected, hash(expected))
        assert all((each in calls) == (each in expected) for each in "abcdez")
        assert (calls, repr(calls)) == (pickle.loads(pickle.dumps(calls)), repr(frozenset(calls)))


def test_size_does_not_count() -> None:
    """Adding and removing do not become slower, and ids that were removed do not stay."""

    def build(size: int) -> Any:
        def run() -> None:
            calls = CallIds(map(str, range(size)))
            for number in range(size):
                calls = calls.add("one more").remove_all((str(number), "one more"))
            assert not calls

        return run

    assert is_linear(build, 500)


def test_iteration_survives_changes() -> None:
    """A set may be changed while its ids are read: the change is another set."""
    calls = latest = CallIds("abc")
    for each in calls:
        latest = latest.remove_all((each,))
    assert (set(calls), set(latest)) == (set("abc"), set())


def test_answers_copy_nothing() -> None:
    """An answer to one of many simultaneous calls does not copy the ids of the others."""
    state = ProtocolState(phase="open", runs_functions=True, running_calls=CallIds(map(str, range(100_000))))
    answer = CallAnswered("7", OutgoingFrame("f", 1))
    tracemalloc.start()
    try:
        following, _ = handle_event(state, answer)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # a copy takes some megabytes
    assert "7" in state.running_calls
    assert "7" not in following.running_calls


def test_empty_set_is_shared() -> None:
    """The set that all sessions begin with keeps nothing of any of them."""
    empty = ProtocolState().running_calls
    calls = empty.add("a").add("b")
    assert (set(empty), set(calls), empty._successor) == (set(), {"a", "b"}, None)
    assert ProtocolState().running_calls is empty
