"""Looking up a host, and connecting to the first of its addresses that accepts."""

import gc
import socket
import threading
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn.interpreters.net.connect import async_steps
from genai_fn.interpreters.net.connect.addresses import ATTEMPT_DELAY, connect_to_first
from genai_fn.interpreters.net.connect.connection import (
    ConnectConfig,
    ConnectionSetupError,
    open_connection,
    parse_target,
)
from genai_fn.interpreters.net.connect.sync_steps import perform_steps
from genai_fn.interpreters.net.socket import NonBlockingSocket, WaitForAny
from tests.support.loopback import Loopback, reserve_refusing_port, reserve_silent_port
from tests.support.pool_kinds import OK


def at_port(port: int) -> tuple[int, tuple[Any, ...]]:
    """Return the address of a port of this host."""
    return socket.AF_INET, ("127.0.0.1", port)


def wait_for_end(steps: Generator[Any, Any, NonBlockingSocket], step: WaitForAny) -> NonBlockingSocket:
    """Perform the step that has been yielded, and those after it."""

    def continue_steps() -> Generator[Any, Any, NonBlockingSocket]:
        answer = yield step
        while True:
            try:
                answer = yield steps.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # the value of a StopIteration is Any

    return perform_steps(continue_steps(), float("inf"))


def test_dead_first_address() -> None:
    """After 250 ms without an answer, the next address is tried, too, and the first to accept wins."""
    with Loopback(OK) as server, reserve_silent_port(connects=False) as dead:
        steps = connect_to_first([at_port(dead), at_port(server.port)])
        first = next(steps)
        assert (len(first.socks), first.timeout) == (1, ATTEMPT_DELAY) == (1, 0.25)
        both = steps.send(None)  # 250 ms are over
        assert both == WaitForAny((first.socks[0], both.socks[1]), None)
        connected = wait_for_end(steps, both)
        assert connected.sock.getpeername()[1] == server.port
        assert first.socks[0].fileno() == -1
        connected.close()


def test_late_first_address() -> None:
    """An address that accepts after the next one is tried still wins, if it is the first."""
    with Loopback(OK) as server, reserve_silent_port(connects=False) as dead:
        steps = connect_to_first([at_port(server.port), at_port(dead)])
        next(steps)
        server.wait_connections(1)
        with pytest.raises(StopIteration) as end:
            steps.send(None)
        assert end.value.value.sock.getpeername()[1] == server.port
        end.value.value.close()


def test_refusing_address() -> None:
    """An address that refuses does not wait for the 250 ms of the next one."""
    with Loopback(OK) as server, reserve_refusing_port() as refusing:
        connected = perform_steps(connect_to_first([at_port(refusing)] * 9 + [at_port(server.port)]), float("inf"))
        assert connected.sock.getpeername()[1] == server.port
        connected.close()


def test_all_refuse() -> None:
    """If all addresses refuse, the last error is raised."""
    with reserve_refusing_port() as one, reserve_refusing_port() as two:
        with pytest.raises(ConnectionRefusedError):
            perform_steps(connect_to_first([at_port(one), at_port(two)]), float("inf"))


def test_invalid_address() -> None:
    """An address to which no connection can be started is passed over."""
    with Loopback(OK) as server:
        broadcast = (socket.AF_INET, ("255.255.255.255", 9))
        connected = perform_steps(connect_to_first([broadcast, at_port(server.port)]), float("inf"))
        assert connected.sock.getpeername()[1] == server.port
        connected.close()


def test_stopped() -> None:
    """Stopping the steps closes all attempts."""
    with reserve_silent_port(connects=False) as dead:
        steps = connect_to_first([at_port(dead), at_port(dead), at_port(dead)])
        next(steps)
        steps.send(None)
        attempts = steps.send(None).socks
        steps.close()
        assert [each.fileno() for each in attempts] == [-1, -1, -1]


def test_no_cycle() -> None:
    """The exception of a connection that is refused is freed without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        with reserve_refusing_port() as port, suppress(ConnectionRefusedError):
            perform_steps(connect_to_first([at_port(port)] * 2), float("inf"))
        assert not any(isinstance(each, ConnectionRefusedError) for each in gc.get_objects())
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_hanging_look_up_takes_no_worker_thread(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While look-ups hang, the user's calls in worker threads run: there is one worker thread."""
    is_released, looked_up = threading.Event(), threading.Semaphore(0)

    def hang(host: str, *args: Any, flags: int = 0, **options: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(-2, "not a number")
        looked_up.release()
        is_released.wait(60)
        raise socket.gaierror(-2, "released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def connect() -> None:
        with pytest.raises(ConnectionSetupError):
            target = parse_target("http://model.invalid")
            await async_steps.perform_steps(open_connection(target, ConnectConfig(proxy="")))

    async def body() -> None:
        to_thread.current_default_thread_limiter().total_tokens = 1
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(connect)
                for _ in range(3):
                    assert await to_thread.run_sync(looked_up.acquire)
                is_released.set()

    anyio.run(body, backend=backend)
