"""Tickets: the place of an attempt in the queue of a gate, and then its slot among those in flight."""

from typing import TYPE_CHECKING, Protocol

from genai_fn.middleware.resources import Resource
from genai_fn.values import Value

if TYPE_CHECKING:
    from concurrent.futures import Future

    from genai_fn.middleware.limits.sliding_log import LogEntry


class Cost(Value):
    """What one attempt costs: requests and estimated tokens, and the model whose quota of a day it uses."""

    requests: int
    tokens: int = 0
    model: str | None = None


class _TicketGate(Protocol):
    def collect(self, ticket: "AttemptTicket") -> None: ...
    def forget_estimate(self, ticket: "AttemptTicket") -> None: ...
    def build_signal(self, ticket: "AttemptTicket") -> "Future[None]": ...


class AttemptTicket(Resource):
    """
    The place of an attempt in the queue of a gate, and then its slot among those in flight.

    It is a resource of its run: closing it, from any thread or signal handler, gives back what it holds.
    """

    number = 0
    """The number of the attempt, once it has passed."""
    signal: "Future[None] | None" = None
    request_entry: "LogEntry | None" = None
    token_entry: "LogEntry | None" = None
    is_queued = holds_slot = is_estimated = is_settled = is_registered = is_closed = False

    def __init__(self, gate: _TicketGate, cost: Cost) -> None:
        self._gate = gate
        self.cost = cost

    def build_signal(self) -> "Future[None]":
        """Return a future that is done once it is first and there is a slot."""
        return self._gate.build_signal(self)

    def close(self) -> None:
        """Give back the place or the slot; a second call completes an interrupted one."""
        self.is_closed = True
        if self.is_queued or self.holds_slot:
            self._gate.collect(self)
        if self.is_estimated:
            self._gate.forget_estimate(self)

    def close_again(self) -> None:
        """Close it if it was closed by another thread, maybe before it held what it holds now; its run is over."""
        if self.is_closed:
            self.close()

    def __del__(self) -> None:
        """Give back the slot of a stream that was left behind."""
        if self.is_queued or self.holds_slot or self.is_estimated:
            self.close()
