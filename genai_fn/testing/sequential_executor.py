"""A sync executor that runs concurrent programs one after another, so that tests are reproducible."""

from typing import Any

from genai_fn.effects import Effect, Effects, RunAll, Spawn, WaitAny
from genai_fn.engine.stepper import run_program
from genai_fn.interpreters.executors.sync_executor import SyncExecutor


class SequentialExecutor(SyncExecutor):
    """Runs concurrent programs one after another in the calling thread."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    def perform(self, effect: Effect) -> Any:
        match effect:
            case RunAll(programs=programs):
                return tuple(run_program(each, self.perform) for each in programs)
            case Spawn(program=child):
                return _run_child(child, self)
            case WaitAny(children=children):
                return children[0]
            case _:
                return super().perform(effect)


class FinishedChild:
    """The handle of a child program that has ended: its return value or its exception."""

    def __init__(self, value: Any, error: Exception | None) -> None:
        self._value = value
        self._error = error

    def result(self) -> Any:
        """Return the value, or raise the exception."""
        if self._error is not None:
            raise self._error
        return self._value

    def close(self) -> None:
        """Do nothing: the program has ended."""

    async def aclose(self) -> None:
        """Do nothing: the program has ended."""


def _run_child(child: Effects[Any], executor: SequentialExecutor) -> FinishedChild:
    try:
        return FinishedChild(run_program(child, executor.perform), None)
    except Exception as error:  # noqa: BLE001  # `FinishedChild.result` raises it
        return FinishedChild(None, error)
