"""The places of a pool: who holds one, who waits, and that none is lost."""

import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, strategies as st

from genai_fn.interpreters.net.pool.slots import Slot, SlotQueue


class Waiter:
    """A waiter that counts how often it is woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def set(self) -> None:
        self.wakes += 1

    def set_soon(self) -> None:
        self.wakes += 1


def make_slot(queue: SlotQueue) -> Slot:
    """Make a slot with a waiter."""
    slot = Slot(queue)
    slot.waiter = Waiter()
    return slot


def is_woken(slot: Slot) -> bool:
    """Return whether a slot was woken."""
    waiter: Any = slot.waiter
    return bool(waiter.wakes)


def test_order() -> None:
    """Waiting slots take their turn in the order of arrival; one that leaves the queue is passed over."""
    queue = SlotQueue(1)
    first, second, third = (make_slot(queue) for _ in range(3))
    assert [each.take_place() for each in (first, second, third)] == [True, False, False]
    first.close()
    assert [is_woken(each) for each in (second, third)] == [True, False]
    assert not third.take_place()
    second.close()
    assert is_woken(third)
    assert third.take_place()


@pytest.mark.parametrize("leaving", range(4))
def test_several_free_places(leaving: int) -> None:
    """Each place that becomes free wakes one more of those that wait, also if one of them leaves instead."""
    queue = SlotQueue(3)
    holders, waiting = [make_slot(queue) for _ in range(3)], [make_slot(queue) for _ in range(4)]
    assert [each.take_place() for each in (*holders, *waiting)] == [True] * 3 + [False] * 4
    for count, each in enumerate(holders, 1):
        each.close()
        assert [is_woken(slot) for slot in waiting] == [True] * count + [False] * (4 - count)
    waiting.pop(leaving).close()
    assert all(map(is_woken, waiting))
    assert [each.take_place() for each in reversed(waiting)] == [True, True, True]


def test_closed_twice() -> None:
    """A slot that is closed twice releases one place."""
    queue = SlotQueue(2)
    first, second = make_slot(queue), make_slot(queue)
    assert first.take_place()
    assert second.take_place()
    first.close()
    first.close()
    assert queue.free_places == 1


def test_lost() -> None:
    """A slot that nobody refers to any more has no place, and its place wakes the next one."""
    queue = SlotQueue(1)
    lost, waiting = make_slot(queue), make_slot(queue)
    assert lost.take_place()
    assert not waiting.take_place()
    del lost
    assert is_woken(waiting)
    assert waiting.take_place()


def test_lost_in_the_queue() -> None:
    """A waiting slot that nobody refers to any more does not block those behind it."""
    queue = SlotQueue(1)
    first, lost, third = (make_slot(queue) for _ in range(3))
    assert [each.take_place() for each in (first, lost, third)] == [True, False, False]
    del lost
    first.close()
    assert third.take_place()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60), st.integers(1, 3))
def test_never_more_than_the_limit(steps: list[tuple[int, bool]], limit: int) -> None:
    """However slots are taken and closed, at most `limit` hold a place, and a free place is never left to nobody."""
    queue = SlotQueue(limit)
    slots: dict[int, Slot] = {}
    holding: set[int] = set()
    for number, takes in steps:
        if takes:
            slot = slots.setdefault(number, make_slot(queue))
            holding |= {number} if slot.take_place() and number not in holding else set()
        elif number in slots:
            slots.pop(number).close()
            holding.discard(number)
        holding |= {
            each for each, slot in slots.items() if each not in holding and is_woken(slot) and slot.take_place()
        }
        assert len(holding) <= limit
        assert len(holding) == limit or len(holding) == len(slots)
        assert queue.free_places == limit - len(holding)


@pytest.mark.parametrize("limit", [1, 3])
def test_threads(limit: int) -> None:
    """Threads never hold more places than there are, and each gets one."""
    queue, held, most, served = SlotQueue(limit), set[int](), [0], list[int]()

    def work(number: int) -> None:
        for _ in range(200):
            slot = Slot(queue)
            while True:
                event = threading.Event()
                slot.waiter = EventWaiter(event)
                if slot.take_place():
                    break
                assert event.wait(60)
            held.add(number)
            most[0] = max(most[0], len(held))
            served.append(number)
            held.discard(number)
            slot.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(served) == 1600
    assert most[0] <= limit
    assert queue.free_places == limit


class EventWaiter:
    """A waiter over an event of a thread."""

    def __init__(self, event: threading.Event) -> None:
        self.set = self.set_soon = event.set


def test_leaving_the_queue_copies_nothing() -> None:
    """A caller that is cancelled leaves a long queue without a copy of it."""
    queue = SlotQueue(1)
    slots = [Slot(queue) for _ in range(20_000)]
    assert [each.take_place() for each in slots].count(True) == 1
    tracemalloc.start()
    try:
        slots[-1].close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000  # a copy takes eight times as much
