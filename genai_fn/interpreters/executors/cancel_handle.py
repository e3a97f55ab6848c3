"""Lets another thread cancel a request that waits for a connection or for the head of its response."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_fn.interpreters.net.pool.slots import Slot


class CancelHandle:
    """
    Cancels a `SyncPool.send` that waits for a slot or for the head of a response, from any thread or signal handler.

    It also owns what `send` has taken so far, so that an interrupt before its caller has the response loses nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may cancel while its thread holds the lock
        self._wake: Callable[[], object] | None = None
        self._slot: Slot | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """Cancel now, or at the next wait."""
        with self._lock:
            self.is_cancelled = True
            if self._wake is not None:
                self._wake()

    def set_waker(self, wake: Callable[[], object] | None) -> None:
        """Set the function that ends the next wait; None when the wait is over."""
        with self._lock:
            self._wake = wake
            if self.is_cancelled and wake is not None:
                wake()

    def keep_slot(self, slot: "Slot") -> None:
        """Set the slot of the request."""
        self._slot = slot

    def close(self) -> None:
        """Cancel, close the connection of the request, or of its response, and release its slot."""
        try:
            self.cancel()
        finally:
            if self._slot is not None:
                self._slot.close()
