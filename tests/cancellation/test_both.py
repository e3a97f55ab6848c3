"""Two concurrent actions: a cancellation ends both, and an exception in one does not cancel the caller."""

import asyncio
from types import ModuleType
from typing import Any

import anyio
import httpcore
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import both, each, joined, streamed
from genai_fn.interpreters.executors import async_executor
from tests.support.cancellation.points import STEPS, TWICE, Cut, steps, tasks
from tests.support.cancellation.scenarios import Scene, Script, asked, bounded
from tests.support.loopback import Loopback

PAIRS = [("call", "busy"), ("half-body", "between-events"), ("half-body", "half-error")]


@pytest.mark.parametrize("models", PAIRS, ids="+".join)
def test_cancelled(
    models: tuple[str, str], world: tuple[str, str], transport: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation at any stop ends both actions, and both connections can be used at once afterwards."""
    backend, manner = world
    first, second = (asked(name) | streamed | joined if name == "between-events" else asked(name) for name in models)

    async def body() -> None:
        with Loopback(Script(), tls=True) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                before, misses = tasks(), 0
                for k in steps(manner):
                    with monkeypatch.context() as patched:
                        cut = scene.cut(k, manner)
                        patched.setattr(async_executor, "arun_program", counted(cut))
                        await cut.of(lambda: run(both(first, second)))
                    assert tasks() == before
                    await scene.is_whole(run)
                    misses = 0 if cut.reached else misses + 1
                    if misses == 3:
                        break
            await scene.is_forgotten()
        assert 4 < k < STEPS

    bounded(body, backend)


@pytest.mark.parametrize("kind", ["reading", "between reads"])
def test_cancelled_twice(kind: str, transport: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second cancellation at any stop of the cleanup after the first leaves no task and no socket either."""
    stream = asked("between-events") | streamed
    child = stream | each(idly) | joined if kind == "between reads" else stream | joined

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                before = tasks()
                for again in range(20):
                    with monkeypatch.context() as patched:
                        cut = scene.cut(STEPS, TWICE, again)
                        patched.setattr(async_executor, "arun_program", counted(cut))
                        await cut.of(lambda: run(both(child, child)))
                    assert tasks() == before
                    await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, "asyncio")


class MineError(Exception):
    """The caller's own."""


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


def raising(error: BaseException) -> Any:
    def f(item: object) -> None:
        raise error

    return asked("events") | streamed | each(f) | joined


@pytest.mark.parametrize("raiser_first", [True, False])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_raised(raiser_first: bool, world: str, transport: ModuleType, tls: bool) -> None:
    """The caller's exception is raised unchanged once the other action has ended, and cancels nothing else."""
    heard: list[object] = []
    bad, good = raising(MineError()), asked("events") | streamed | each(heard.append) | joined

    async def body() -> None:
        with Loopback(Script(), tls=tls) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                with anyio.CancelScope() as scope:
                    with pytest.raises(MineError):
                        await run(both(bad, good) if raiser_first else both(good, bad))
                    await checkpoint()
                    heard.append("on")
                assert not scope.cancelled_caught
                await scene.is_whole(run)
            await scene.is_forgotten()
        assert len(heard) == 4

    bounded(body, world)


@pytest.mark.parametrize("raiser_first", [True, False])
@pytest.mark.parametrize(
    ("world", "kind"), [("asyncio", Interrupt), ("trio", Interrupt), ("asyncio", asyncio.CancelledError)]
)
def test_interrupted(raiser_first: bool, world: str, kind: type[BaseException]) -> None:
    """An interrupt or a ``CancelledError`` in the caller's function ends both actions and is raised unchanged."""
    bad, good = raising(kind()), asked("half-body")

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, httpcore)
            async with scene.interpreter() as run:
                with pytest.raises(kind):
                    await run(both(bad, good) if raiser_first else both(good, bad))
                await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, world)


async def idly(item: object) -> None:
    await anyio.sleep_forever()


def counted(cut: Cut) -> Any:
    """Count the stops of both children, too."""
    original = async_executor.arun_program

    async def run_through(effects: Any, world: Any) -> Any:
        return await cut.counted(lambda: original(effects, world))

    return run_through
