"""A cancellation while the server is silent ends the call at once and leaves nothing open."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn import Closed, Failure, Retry, Success, streamed, with_options
from genai_fn.interpreters.async_runner import AsyncItems
from tests.support.cancellation.points import SCOPE, STEPS, TWICE
from tests.support.cancellation.scenarios import Scene, Script, asked, bounded, busy, call, read
from tests.support.loopback import Hang, Loopback, black_hole

WORLDS = [(name, manner) for name in ("asyncio", "trio") for manner in (SCOPE, TWICE)]
PHASES = {
    "no-head": call,
    "half-head": call,
    "half-body": call,
    "half-error": call,
    "between-events": read,
    "half-event": read,
}


@pytest.mark.parametrize("world", WORLDS, ids="-".join)
@pytest.mark.parametrize("model", PHASES)
def test_silent(model: str, world: tuple[str, str], transport: ModuleType, tls: bool) -> None:
    """A server that says nothing more, before, in and after the head of its answer."""
    backend, manner = world

    async def body() -> None:
        with Loopback(Script(), tls=tls) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                for k in range(STEPS + 1):
                    cut = await scene.cut(k, manner).of(lambda: PHASES[model](run, model))
                    await scene.is_whole(run)
                    if cut.stalled:
                        break
            await scene.is_forgotten()
        assert cut.stalled

    bounded(body, backend)


@pytest.mark.parametrize("world", WORLDS, ids="-".join)
@pytest.mark.parametrize("phase", ["not-accepted", "accepted", "stream"])
def test_dialling(phase: str, world: tuple[str, str], transport: ModuleType) -> None:
    """A server that does not accept a connection, or accepts it and shakes no hands."""
    backend, manner = world
    subject = read if phase == "stream" else call

    async def body() -> None:
        with Loopback(Script(), tls=True) as server, silent(accepts=phase != "not-accepted") as port:
            scene, elsewhere = Scene(server, transport, others=(port,)), f"https://127.0.0.1:{port}"
            async with scene.interpreter() as run:
                for k in range(STEPS + 1):
                    cut = await scene.cut(k, manner).of(lambda: subject(run, "call", elsewhere))
                    await scene.is_whole(run)
                    if cut.stalled:
                        break
            await scene.is_forgotten()
        assert cut.stalled

    bounded(body, backend)


@pytest.mark.parametrize("model", ["between-events", "half-event"])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_within_block(model: str, world: str, transport: ModuleType, tls: bool) -> None:
    """A read cancelled within the stream's block closes the socket at once; the next item is ``Failure(Closed)``."""

    async def body() -> None:
        with Loopback(Script(), tls=tls) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run, run.stream(asked(model) | streamed) as items:
                assert isinstance(await anext(items), Success)
                with anyio.move_on_after(0.01) as scope:
                    await anext(items)
                assert scope.cancelled_caught
                assert scene.sockets() == 0
                await scene.is_whole(run)
                told = [item async for item in items]
                assert [type(item) for item in told] == [Failure]
                assert isinstance(told[0].failure(), Closed)
            await scene.is_forgotten()

    bounded(body, world)


@pytest.mark.parametrize("model", ["no-head", "half-head", "half-event", "call", "busy"])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_closed_from_thread(model: str, world: str, transport: ModuleType) -> None:
    """Closing from another thread ends a stream that waits for the server, for a free connection, or for a retry."""
    slowly = Retry(attempts=2, initial_delay=30) if model == "busy" else Retry()

    async def closing(items: AsyncItems[Any]) -> None:
        await anyio.sleep(0.01)
        await to_thread.run_sync(items.close)

    async def body() -> None:
        with Loopback(Script()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                async with busy(run, 2 if model == "call" else 0), anyio.create_task_group() as tasks:
                    async with run.stream(asked(model) | with_options(retry=slowly) | streamed) as items:
                        tasks.start_soon(closing, items)
                        told = [item async for item in items]
                assert isinstance(told[-1], Failure)
                assert isinstance(told[-1].failure(), Closed)
                await scene.is_whole(run)
            await scene.is_forgotten()

    bounded(body, world)


@contextmanager
def silent(*, accepts: bool) -> Iterator[int]:
    """Hold a port where nobody shakes hands."""
    if not accepts:
        with black_hole(connects=False) as port:
            yield port
        return
    with Loopback(Hang(), on_accept=Hang()) as server:
        yield server.port
        server.wait_rest(0)
