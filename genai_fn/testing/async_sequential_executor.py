"""A `Stage` to be awaited."""

from typing import Any

from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from genai_fn.effects import CallFunction, Effect, Effects, RunAll, Spawn, WaitAny
from genai_fn.interpreters.executors.async_executor import AsyncExecutor, run_program
from genai_fn.testing.sequential_executor import FinishedChild

__all__ = ["AsyncSequentialExecutor"]


class AsyncSequentialExecutor(AsyncExecutor):
    """Performs in this task, one after the other, what others would do at once, or in threads."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    async def open_task_group(self) -> None:
        """Make ready for no children: there are none that run."""
        await checkpoint()

    async def perform(self, effect: Effect) -> Any:
        match effect:
            case RunAll(programs=programs):
                return tuple([await run_program(each, self) for each in programs])
            case Spawn(program=child):
                return await _run_child(child, self)
            case WaitAny(children=children):
                return children[0]
            case CallFunction():
                return await super().perform(replace(effect, in_thread=False))
            case _:
                return await super().perform(effect)


async def _run_child(child: Effects[Any], stage: AsyncSequentialExecutor) -> FinishedChild:
    try:
        return FinishedChild(await run_program(child, stage), None)
    except Exception as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
        return FinishedChild(None, error)
