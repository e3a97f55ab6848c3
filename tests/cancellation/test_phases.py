"""
A cancellation while the server is silent ends the call at once and leaves nothing open.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn import Closed, Failure, Retry, Success, streamed, with_options
from genai_fn.interpreters.async_runner import AsyncItems
from tests.support.cancellation.cancel_points import MAX_STOPS, SCOPE, TWICE
from tests.support.cancellation.scenarios import (
    ModelScript,
    Scenario,
    build_request,
    occupy_connections,
    read_stream,
    run_with_timeout,
    send_request,
)
from tests.support.loopback import Hang, Loopback, reserve_silent_port

BACKENDS_AND_MANNERS = [(name, manner) for name in ("asyncio", "trio") for manner in (SCOPE, TWICE)]
PHASES = {
    "no-head": send_request,
    "half-head": send_request,
    "half-body": send_request,
    "half-error": send_request,
    "between-events": read_stream,
    "half-event": read_stream,
}


@pytest.mark.parametrize("backend_and_manner", BACKENDS_AND_MANNERS, ids="-".join)
@pytest.mark.parametrize("model", PHASES)
def test_silent_server(
    model: str, backend_and_manner: tuple[str, str], transport: ModuleType, tls: bool, thin: Any
) -> None:
    """A server that stops sending before, within or after the response head does not delay a cancellation."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript(), tls=tls) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                for k in thin(range(MAX_STOPS + 1)):
                    canceller = await scenario.make_canceller(k, manner).run(lambda: PHASES[model](run, model))
                    await scenario.check_connections(run)
                    if canceller.is_stalled:
                        break
            await scenario.wait_until_closed()
        assert canceller.is_stalled

    run_with_timeout(body, backend)


@pytest.mark.parametrize("backend_and_manner", BACKENDS_AND_MANNERS, ids="-".join)
@pytest.mark.parametrize("phase", ["not-accepted", "accepted", "stream"])
def test_connecting(phase: str, backend_and_manner: tuple[str, str], transport: ModuleType, thin: Any) -> None:
    """A server that does not accept the connection or start TLS does not delay a cancellation."""
    backend, manner = backend_and_manner
    subject = read_stream if phase == "stream" else send_request

    async def body() -> None:
        with (
            Loopback(ModelScript(), tls=True) as server,
            reserve_port_without_handshake(accepts=phase != "not-accepted") as port,
        ):
            scenario, url = Scenario(server, transport, other_ports=(port,)), f"https://127.0.0.1:{port}"
            async with scenario.open_interpreter() as run:
                for k in thin(range(MAX_STOPS + 1)):
                    canceller = await scenario.make_canceller(k, manner).run(lambda: subject(run, "call", url))
                    await scenario.check_connections(run)
                    if canceller.is_stalled:
                        break
            await scenario.wait_until_closed()
        assert canceller.is_stalled

    run_with_timeout(body, backend)


@pytest.mark.parametrize("model", ["between-events", "half-event"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_within_block(model: str, backend: str, transport: ModuleType, tls: bool) -> None:
    """A read cancelled within the stream's block closes the socket at once; the next item is ``Failure(Closed)``."""

    async def body() -> None:
        with Loopback(ModelScript(), tls=tls) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run, run.stream(build_request(model) | streamed) as items:
                assert isinstance(await anext(items), Success)
                with anyio.move_on_after(0.01) as scope:
                    await anext(items)
                assert scope.cancelled_caught
                assert scenario.count_sockets() == 0
                await scenario.check_connections(run)
                rest = [item async for item in items]
                assert [type(item) for item in rest] == [Failure]
                assert isinstance(rest[0].failure(), Closed)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


@pytest.mark.parametrize("model", ["no-head", "half-head", "half-event", "call", "busy"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_closed_from_thread(model: str, backend: str, transport: ModuleType) -> None:
    """Closing from another thread ends a stream that waits for the server, for a free connection, or for a retry."""
    retry = Retry(attempts=2, initial_delay=30) if model == "busy" else Retry()

    async def close_soon(items: AsyncItems[Any]) -> None:
        await anyio.sleep(0.01)
        await to_thread.run_sync(items.close)

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                async with occupy_connections(run, 2 if model == "call" else 0), anyio.create_task_group() as tasks:
                    async with run.stream(build_request(model) | with_options(retry=retry) | streamed) as items:
                        tasks.start_soon(close_soon, items)
                        rest = [item async for item in items]
                assert isinstance(rest[-1], Failure)
                assert isinstance(rest[-1].failure(), Closed)
                await scenario.check_connections(run)
            await scenario.wait_until_closed()

    run_with_timeout(body, backend)


@contextmanager
def reserve_port_without_handshake(*, accepts: bool) -> Iterator[int]:
    """Reserve a port where the TLS handshake never starts."""
    if not accepts:
        with reserve_silent_port(connects=False) as port:
            yield port
        return
    with Loopback(Hang(), on_accept=Hang()) as server:
        yield server.port
        server.wait_until_idle(0)
