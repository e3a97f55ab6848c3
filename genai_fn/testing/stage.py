"""A world in which nothing runs at once, so that what is asked has one order."""

from typing import Any

from genai_fn.effects import Effect, Effects, Join, Spawn, Together
from genai_fn.interpret.sync_world import SyncWorld, run_through

__all__ = ["Ended", "Stage"]


class Stage(SyncWorld):
    """Performs in this thread, one after the other, what others would do at once."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    def perform(self, effect: Effect) -> Any:
        match effect:
            case Together(programs=programs):
                return tuple(run_through(each, self) for each in programs)
            case Spawn(program=child):
                return _child(child, self)
            case Join(children=children):
                return children[0]
            case _:
                return super().perform(effect)


class Ended:
    """A child that ran to its end at once: what it raised is raised where its result is taken."""

    def __init__(self, value: Any, raised: Exception | None) -> None:
        self._value = value
        self._raised = raised

    def result(self) -> Any:
        """Give what it returned, or raise what it raised."""
        if self._raised is not None:
            raise self._raised
        return self._value


def _child(child: Effects[Any], stage: Stage) -> Ended:
    try:
        return Ended(run_through(child, stage), None)
    except Exception as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
        return Ended(None, error)
