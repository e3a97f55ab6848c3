"""An async executor that runs concurrent programs one after another, so that tests are reproducible."""

from typing import Any

from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from genai_fn.effects import CallFunction, Effect, Effects, RunAll, Spawn, WaitAny
from genai_fn.engine.stepper import arun_program
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.testing.sequential_executor import FinishedChild


class AsyncSequentialExecutor(AsyncExecutor):
    """Runs concurrent programs one after another in the calling task, and functions without a thread."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    async def open_task_group(self) -> None:
        """Do nothing: a child program runs to its end when it is spawned."""
        await checkpoint()

    async def perform(self, effect: Effect) -> Any:
        match effect:
            case RunAll(programs=programs):
                return tuple([await arun_program(each, self.perform) for each in programs])
            case Spawn(program=child):
                return await _run_child(child, self)
            case WaitAny(children=children):
                return children[0]
            case CallFunction():
                return await super().perform(replace(effect, in_thread=False))
            case _:
                return await super().perform(effect)


async def _run_child(child: Effects[Any], executor: AsyncSequentialExecutor) -> FinishedChild:
    try:
        return FinishedChild(await arun_program(child, executor.perform), None)
    except Exception as error:  # noqa: BLE001  # `FinishedChild.result` raises it
        return FinishedChild(None, error)
