"""A gather can be cancelled at any stop: no child continues, and both connections can be used at once."""

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import anyio
import httpcore
import httpcore2
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import Closed, Failure, Success, collected, gather
from genai_fn.interpreters.executors import async_executor
from tests.support.cancellation.points import SCOPE, STEPS, TWICE, WORLDS, Cut, spotless, steps, tasks
from tests.support.cancellation.scenarios import Scene, Script, asked, bounded
from tests.support.loopback import Loopback

MIXED = ("call", "busy", "call", "half-body")
WELL = ("call", "busy", "call")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """See that nothing is left to the garbage collector."""
    with spotless():
        yield


@pytest.fixture(params=(httpcore, httpcore2), ids=lambda module: module.__name__)
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


def described(models: tuple[str, ...]) -> Any:
    return gather([asked(model) for model in models], concurrency=3, ordered=False)


async def called(run: Any, models: tuple[str, ...]) -> Any:
    return await run(described(models) | collected)


async def read(run: Any, models: tuple[str, ...]) -> Any:
    async with run.stream(described(models)) as items:
        return [item async for item in items]


async def read_partly(run: Any, models: tuple[str, ...]) -> Any:
    async with run.stream(described(models)) as items:
        await anext(items)
        await checkpoint()


async def nested(run: Any, models: tuple[str, ...]) -> Any:
    return await run(gather([described(models) | collected, asked("call")]) | collected)


SUBJECTS = {
    "call": (called, WELL),
    "call that hangs": (called, MIXED),
    "stream": (read, WELL),
    "left early": (read_partly, MIXED),
    "nested": (nested, WELL),
}


@pytest.mark.parametrize("world", WORLDS, ids="-".join)
@pytest.mark.parametrize(("subject", "models"), SUBJECTS.values(), ids=SUBJECTS)
def test_cancelled(subject: Any, models: tuple[str, ...], world: tuple[str, str]) -> None:
    """A cancellation of the reader at any stop, also a second one during cleanup, leaves no task and no socket."""
    backend, manner = world

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, httpcore)
            async with scene.interpreter() as run:
                before, misses = tasks(), 0
                for k in steps(manner):
                    cut = await scene.cut(k, manner).of(lambda: subject(run, models))
                    assert tasks() == before
                    await scene.is_whole(run)
                    misses = 0 if cut.reached else misses + 1
                    if misses == 3:
                        break
            await scene.is_forgotten()
        assert 4 < k < STEPS

    bounded(body, backend)


@pytest.mark.parametrize("manner", (SCOPE, TWICE))
@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_children_cancelled(backend: str, manner: str, transport: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds for a cancellation at any stop of any child."""

    async def body() -> None:
        with Loopback(Script(), tls=True) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                before, misses = tasks(), 0
                for k in steps(manner):
                    with monkeypatch.context() as patched:
                        cut = scene.cut(k, manner)
                        patched.setattr(async_executor, "arun_program", counted(cut))
                        await cut.of(lambda: called(run, MIXED))
                    assert tasks() == before
                    await scene.is_whole(run)
                    misses = 0 if cut.reached else misses + 1
                    if misses == 3:
                        break
            await scene.is_forgotten()
        assert 4 < k

    bounded(body, backend)


def counted(cut: Cut) -> Any:
    """Count the stops of children, too."""
    original = async_executor.arun_program

    async def run_through(effects: Any, world: Any) -> Any:
        return await cut.counted(lambda: original(effects, world))

    return run_through


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_read_cancelled_within_block(backend: str, transport: ModuleType) -> None:
    """A cancelled read ends the children at once; the block continues, and the next item is ``Failure(Closed)``."""

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                before = tasks()
                async with run.stream(described(("call", "half-body"))) as items:
                    assert isinstance(await anext(items), Success)
                    with anyio.move_on_after(0.01) as scope:
                        await anext(items)
                    assert scope.cancelled_caught
                    told = [item async for item in items]
                    assert [type(item) for item in told] == [Failure]
                    assert isinstance(told[0].failure(), Closed)
                    await checkpoint()
                assert tasks() == before
                await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, backend)


def test_loop_ends() -> None:
    """A task that is cancelled as its loop shuts down cancels its children."""

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, httpcore)
            async with scene.interpreter() as run:
                task = asyncio.get_running_loop().create_task(read(run, ("no-head", "half-head")))
                await anyio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert scene.sockets() == 0
            await scene.is_forgotten()

    bounded(body, "asyncio")
