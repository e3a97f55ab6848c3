"""A call or a stream can be cancelled at any stop without losing a socket or a connection slot."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.abc import TaskGroup

from genai_fn import AsyncHttp, Closed, Failure, GenaiError, Success, TimedOut, streamed, with_options
from tests.support.cancellation.points import SCOPE, STEPS, TWICE, Cut, steps
from tests.support.cancellation.scenarios import Scene, Script, asked, bounded, busy, call, idle, read, succeeds
from tests.support.credentials import SlowCredentials
from tests.support.loopback import Loopback

SUBJECTS = {
    "call": call,
    "stream": read,
    "retry": lambda run: call(run, "busy"),
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_cancelled(subject: Any, world: tuple[str, str], transport: ModuleType, tls: bool) -> None:
    """After a cancellation at any stop, on new and on kept connections, both slots are usable and no socket is left."""
    backend, manner = world

    async def body() -> None:
        with Loopback(Script(), tls=tls) as server:
            scene = Scene(server, transport)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    cold = await Cut(k, manner).of(lambda: subject(run))
                    await scene.is_whole(run)
                    warm = await Cut(k, manner).of(lambda: subject(run))
                    await scene.is_whole(run)
                if not (cold.reached or warm.reached):
                    break
            await scene.is_forgotten()
        assert 2 < k < STEPS

    bounded(body, backend)


@pytest.mark.parametrize("world", [("asyncio", TWICE), ("trio", SCOPE)], ids="-".join)
def test_cancelled_sixty_times(world: tuple[str, str], transport: ModuleType) -> None:
    """The same holds for sixty stops within a response that arrives byte by byte and never ends."""
    backend, manner = world

    async def body() -> None:
        with Loopback(Script(), tls=True) as server:
            scene = Scene(server, transport)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    cut = await Cut(k, manner).of(lambda: call(run, "dripping"))
                    assert cut.reached
                    await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, backend)


def test_cancelled_in_line(world: tuple[str, str], transport: ModuleType, tls: bool) -> None:
    """Whoever is cancelled while it waits for a lane takes none with it."""
    backend, manner = world

    async def body() -> None:
        with Loopback(Script(), tls=tls) as server:
            scene = Scene(server, transport)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    async with busy(run):
                        cut = await scene.cut(k, manner).of(lambda: call(run))
                    await scene.is_whole(run)
                if cut.stalled:
                    break
            await scene.is_forgotten()
        assert cut.stalled

    bounded(body, backend)


@pytest.mark.parametrize("first", ["cancelled", "given"])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_cancelled_as_lane_comes(first: str, world: str, transport: ModuleType) -> None:
    """A lane that comes in the same moment as the cancellation goes on to the next in line."""

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run, anyio.create_task_group() as tasks:
                async with busy(run, 1):
                    places = run._connections._pool._config._state
                    assert places.acquire_slot(anyio.Event) is None
                    cancel = begun(world, tasks, run)
                    await anyio.wait_all_tasks_blocked()
                    tasks.start_soon(succeeds, run, asked("call"))
                    await anyio.wait_all_tasks_blocked()
                    for act in (cancel, places.release_slot) if first == "cancelled" else (places.release_slot, cancel):
                        act()
                    await succeeds(run, asked("call"))
                await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, world)


def begun(world: str, tasks: TaskGroup, run: AsyncHttp) -> Callable[[], object]:
    """Begin a call in another task, and give what cancels it."""
    if world == "asyncio":
        return asyncio.get_running_loop().create_task(call(run)).cancel
    scope = anyio.CancelScope()

    async def scoped() -> None:
        with scope:
            await call(run)

    tasks.start_soon(scoped)
    return scope.cancel


def test_cancelled_before_token(world: tuple[str, str], transport: ModuleType) -> None:
    """A task that is cancelled while it waits for a token ends at once, and the token is used by other tasks."""
    backend, manner = world
    made: list[SlowCredentials] = []

    def credentials() -> SlowCredentials:
        made.append(SlowCredentials("test-token", "test-token"))
        return made[-1]

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport, credentials)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    cut = await scene.cut(k, manner).of(lambda: call(run))
                    made[-1].gate.set()
                    await scene.is_whole(run)
                if cut.stalled:
                    break
            await scene.is_forgotten()
        assert cut.stalled

    bounded(body, backend)


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("ends", ["closed", "late"])
def test_no_token(ends: str, world: str, transport: ModuleType) -> None:
    """Waiting for a token ends at the deadline, or when the interpreter is closed."""
    slow = SlowCredentials("test-token")

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport, lambda: slow)
            try:
                async with scene.interpreter() as run, anyio.create_task_group() as tasks:
                    if ends == "closed":
                        tasks.start_soon(fails, run, asked("call"), Closed)
                        await anyio.wait_all_tasks_blocked()
                        await run.aclose()
                    else:
                        await fails(run, asked("call") | with_options(deadline=0.01), TimedOut)
            finally:
                slow.gate.set()

    bounded(body, world)


async def fails(run: AsyncHttp, action: Any, kind: type[GenaiError]) -> None:
    result = await run(action)
    assert isinstance(result, Failure)
    assert isinstance(result.failure(), kind)


def test_two_loops(transport: ModuleType) -> None:
    """A connection that was in use while another event loop took over the pool is closed, not kept."""

    async def other(run: AsyncHttp) -> None:
        await succeeds(run, asked("call"))

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run, run.stream(asked("events") | streamed) as items:
                assert isinstance(await anext(items), Success)
                await to_thread.run_sync(anyio.run, other, run)
                assert len([item async for item in items]) == 2
                assert scene.sockets() == idle(run) == 1
            await scene.is_forgotten()

    bounded(body, "asyncio")
