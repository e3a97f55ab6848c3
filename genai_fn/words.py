"""
What a flow says: the words that its generator yields beside the effects, and what comes back for each.

A word speaks of requests; effects speak of the world. Who runs a flow turns its words into effects
(``genai_fn.steps.program``), or answers them from a table, as a fake does, which then never sees HTTP.
"""

from typing import Any

from genai_fn.errors import GenaiError
from genai_fn.schema._base import Value

__all__ = ["Ask", "Ended", "Listen", "Next", "Several", "Start", "Within"]


class Ask(Value):
    """→ Result: run an action to its end."""

    action: Any


class Listen(Value):
    """→ Result of an opaque handle: begin a server stream, up to its first item."""

    request: Any


class Next(Value):
    """→ tuple of Results: the items that have come since; ``()`` at the end. A Failure is the last of all."""

    handle: Any


class Start(Value):
    """→ a child: begin an action and do not wait for it; ``Join`` says when it has ended."""

    action: Any


class Several(Value):
    """→ tuple of Results: run actions at once, in their order."""

    actions: tuple[Any, ...]


class Within(Value):
    """→ Result: run an action that must end in so many seconds, whatever it takes."""

    action: Any
    seconds: float


class Ended(Exception):  # noqa: N818  # no error: how ``ask`` leaves a flow
    """Carries the failure of an ``ask`` out of the flow that asked."""

    def __init__(self, error: GenaiError) -> None:
        super().__init__(error)
        self.error = error
