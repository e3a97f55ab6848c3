"""A `Stage` to be awaited."""

from typing import Any

from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from genai_fn.effects import Effect, Effects, Invoke, Join, Spawn, Together
from genai_fn.interpret.async_world import AsyncWorld, run_through
from genai_fn.testing.stage import Ended

__all__ = ["AsyncStage"]


class AsyncStage(AsyncWorld):
    """Performs in this task, one after the other, what others would do at once, or in threads."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    async def enter(self) -> None:
        """Make ready for no children: there are none that run."""
        await checkpoint()

    async def perform(self, effect: Effect) -> Any:
        match effect:
            case Together(programs=programs):
                return tuple([await run_through(each, self) for each in programs])
            case Spawn(program=child):
                return await _child(child, self)
            case Join(children=children):
                return children[0]
            case Invoke():
                return await super().perform(replace(effect, in_thread=False))
            case _:
                return await super().perform(effect)


async def _child(child: Effects[Any], stage: AsyncStage) -> Ended:
    try:
        return Ended(await run_through(child, stage), None)
    except Exception as error:  # noqa: BLE001  # the caller's own, raised again where its result is taken
        return Ended(None, error)
