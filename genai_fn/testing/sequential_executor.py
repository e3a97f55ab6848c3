"""A world in which nothing runs at once, so that what is asked has one order."""

from typing import Any

from genai_fn.effects import Effect, Effects, RunAll, Spawn, WaitAny
from genai_fn.interpreters.executors.sync_executor import SyncExecutor, run_program

__all__ = ["FinishedChild", "SequentialExecutor"]


class SequentialExecutor(SyncExecutor):
    """Performs in this thread, one after the other, what others would do at once."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    def perform(self, effect: Effect) -> Any:
        match effect:
            case RunAll(programs=programs):
                return tuple(run_program(each, self) for each in programs)
            case Spawn(program=child):
                return _run_child(child, self)
            case WaitAny(children=children):
                return children[0]
            case _:
                return super().perform(effect)


class FinishedChild:
    """A child that ran to its end at once: what it raised is raised where its result is taken."""

    def __init__(self, value: Any, raised: Exception | None) -> None:
        self._value = value
        self._error = raised

    def result(self) -> Any:
        """Give what it returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._value


def _run_child(child: Effects[Any], stage: SequentialExecutor) -> FinishedChild:
    try:
        return FinishedChild(run_program(child, stage), None)
    except Exception as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
        return FinishedChild(None, error)
