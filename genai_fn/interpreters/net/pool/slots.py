"""
The places of a connection pool: who holds one, and who waits for one, in order of arrival.

A place is held by an object, a `Slot`. A signal may interrupt a thread between any two lines, and the garbage collector
may run there, so nothing here takes a lock: each change is one operation of a set or an ordered dict, which no other
thread sees half done, and which can be repeated. A slot that nobody refers to any more has no place.
"""

import weakref
from collections import OrderedDict
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol, TypeAlias

_Reference: TypeAlias = weakref.ref[Any]  # of a `Slot`


class Waiter(Protocol):
    """The event that a caller without a place waits for: of a thread or of a task."""

    def set(self) -> Any:
        """Wake the caller, who then looks for a place."""

    def set_soon(self) -> Any:
        """Wake the caller, from any thread, at any point of the program."""


class Slot:
    """
    A place in the pool, or a wait for one, and the connection that its caller uses.

    All of its methods can be called again, from any thread, to complete what an interrupt has cut short.
    """

    __slots__ = ("__weakref__", "_connections", "_queue", "_reference", "waiter")

    def __init__(self, queue: "SlotQueue") -> None:
        self.waiter: Waiter | None = None
        self._queue = queue
        self._reference = weakref.ref(self, queue.forget)
        self._connections: list[Any] = []

    def take_free_place(self) -> bool:
        """Take a place unless there is none, or others wait."""
        return self._queue.take_free_place(self._reference)

    def take_place(self) -> bool:
        """
        Take a place if it is this caller's turn; else join the queue.

        The queue then sets the waiter once there is a place. The caller sets `waiter` before, and calls this again.
        """
        return self._queue.take_place(self._reference)

    def use_connection(self, connection: Any) -> None:
        """Set the connection to close with the slot."""
        self._connections.append(connection)

    def pop_connection(self) -> Any:
        """Return the connection, which the slot then no longer closes; None if another caller was faster."""
        try:
            return self._connections.pop()
        except IndexError:
            return None

    def close(self) -> None:
        """Close the connection, and give the place to the first waiting caller."""
        try:
            for connection in self._connections:
                connection.close()
        finally:
            self._queue.release_place(self._reference)
            self._reference = weakref.ref(self)  # the collector has nothing to do any more


class SlotQueue:
    """The slots that hold a place, at most `max_slots`, and those that wait. It refers to them weakly."""

    def __init__(self, max_slots: int) -> None:
        self._max_slots = max_slots
        self._holders: set[_Reference] = set()
        self._waiting: OrderedDict[_Reference, None] = OrderedDict()

    @property
    def free_places(self) -> int:
        """The number of places that no slot holds."""
        return self._max_slots - len(self._holders)

    def take_free_place(self, slot: _Reference) -> bool:
        """Take a place unless there is none, or others wait."""
        return slot in self._holders or (not self._waiting and self._try_to_hold(slot))

    def take_place(self, slot: _Reference) -> bool:
        """Take a place unless there is none, or others wait; else join the queue."""
        if self.take_free_place(slot):
            return True
        self._waiting[slot] = None  # without effect if it waits already
        if not (self._is_next(slot) and self._try_to_hold(slot)):
            return False
        self._waiting.pop(slot, None)
        self._wake_next()
        return True

    def release_place(self, slot: _Reference) -> None:
        """Release the place of a slot, or leave the queue."""
        self._holders.discard(slot)
        self._waiting.pop(slot, None)
        self._wake_next()

    def forget(self, slot: _Reference) -> None:
        """Release the place of a slot that is garbage; the collector calls it, in any thread and at any point."""
        with suppress(TypeError):  # it has no hash: it was neither waiting nor a holder
            self._holders.discard(slot)
            self._waiting.pop(slot, None)
            self._wake_next(from_anywhere=True)

    def wake_all(self) -> None:
        """Wake all waiting callers, from any thread."""
        while True:
            try:
                waiting = list(self._waiting)
            except RuntimeError:  # another thread has changed the queue meanwhile
                continue
            break
        for each in waiting:
            _wake(each, from_anywhere=True)

    def _try_to_hold(self, slot: _Reference) -> bool:
        """Hold a place, unless several threads have taken the last one at once: then they take turns."""
        if len(self._holders) >= self._max_slots:
            return False
        self._holders.add(slot)
        if len(self._holders) <= self._max_slots:
            return True
        self._holders.discard(slot)
        self._wake_next()
        return False

    def _is_next(self, slot: _Reference) -> bool:
        """Return whether there is a free place for a slot that waits, and for all that came before it."""
        while True:
            try:
                return slot in islice(self._waiting, max(0, self.free_places))
            except RuntimeError:  # another thread has changed the queue meanwhile
                continue

    def _wake_next(self, *, from_anywhere: bool = False) -> None:
        """
        Wake the last one for which there is a free place: those before it are awake already, or it wakes them.

        If each one only woke the one behind it, an event loop would have to turn once for each.
        """
        position = min(self.free_places, len(self._waiting)) - 1
        while position >= 0:
            try:
                found = next(islice(self._waiting, position, None), None)
            except RuntimeError:  # another thread has changed the queue meanwhile
                continue
            if found is not None:
                _wake(found, from_anywhere=from_anywhere)
            return


def _wake(reference: _Reference, *, from_anywhere: bool = False) -> None:
    slot = reference()
    waiter = None if slot is None else slot.waiter
    if waiter is not None:
        (waiter.set_soon if from_anywhere else waiter.set)()
