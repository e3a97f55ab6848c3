"""Cancelling a session at any point leaves no task, socket or nursery, and the interpreter stays usable."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import AsyncHttp, calling, live, with_config
from tests.support.cancellation.cancel_points import (
    LATE,
    MAX_STOPS,
    SCOPE,
    TWICE,
    TWICE_LATE,
    Canceller,
    check_no_leaks,
    count_client_sockets,
    count_tasks,
    list_client_sockets,
    list_stops,
)
from tests.support.live.sessions import CONNECT_TEXT, make_http, read_texts
from tests.support.live.websocket_libraries import WEBSOCKET_LIBRARIES, use_websocket_library
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until

EXECUTORS = (
    *(("websockets", manner) for manner in (SCOPE, LATE, TWICE, TWICE_LATE)),
    *(("wsproto", manner) for manner in (SCOPE, LATE, TWICE, TWICE_LATE)),
    *(("trio-websocket", manner) for manner in (SCOPE, LATE, TWICE)),
)


@pytest.fixture(params=EXECUTORS, ids="-".join)
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return an event loop, where the parameter's library is used, and a manner to cancel."""
    library, manner = request.param
    use_websocket_library(library, monkeypatch)
    return WEBSOCKET_LIBRARIES[library], manner


@pytest.fixture(autouse=True)
def check_no_garbage() -> Iterator[None]:
    with check_no_leaks():
        yield


async def send_call_and_leave(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s")
    await connection.receive()
    await connection.send(toolCall={"functionCalls": [{"name": "wait", "id": "1", "args": {}}]})
    await connection.receive()
    await connection.send_handle("h-1")
    await connection.send(goAway={})
    await connection.receive_until_closed()


async def continue_session(connection: PeerConnection) -> None:
    await connection.accept_setup(sessionId="s")
    await connection.send_turn("after")
    await connection.receive_until_closed()


class ResumingScript:
    """A script that continues a session if the connection resumes one, and starts one otherwise."""

    async def __call__(self, connection: PeerConnection) -> None:
        await (continue_session if "handle" in str(await self._setup(connection)) else send_call_and_leave)(connection)

    async def _setup(self, connection: PeerConnection) -> Any:
        setup = await connection.receive()
        connection.receive = replay_message(setup, connection.receive)  # type: ignore[method-assign]
        return setup["setup"].get("sessionResumption")


def replay_message(message: Any, receive_next: Any) -> Any:
    waiting = [message]

    async def receive() -> Any:
        return waiting.pop() if waiting else await receive_next()

    return receive


async def wait() -> str:
    """Sleep for a millisecond."""
    await anyio.sleep(0.001)
    return "done"


RESUMABLE_WITH_CALLS = CONNECT_TEXT | with_config(session_resumption={}) | calling(wait)


async def run_session(run: AsyncHttp) -> None:
    """Run a session with a message, a function call, a reconnection and a whole turn."""
    async with run.live(RESUMABLE_WITH_CALLS) as session:
        await session.send(live.client_content("hi"))
        await read_texts(session.turn())
        await session.close()


@asynccontextmanager
async def check_cleanup(peer: Peer) -> AsyncIterator[AsyncHttp]:
    """Check that the block leaves no task and no socket."""
    task_count, others = count_tasks(), list_client_sockets()
    async with make_http(peer) as run:
        yield run
        with anyio.fail_after(60):
            await wait_until(lambda: count_tasks() <= task_count and not count_client_sockets(peer.port, others=others))


def test_cancelled_everywhere(executor: tuple[str, str], thin: Any) -> None:
    """
    A session cancelled at any of its stops leaves nothing, and the next session completes.

    Each executor tries every third stop, and those beside it the others; ``python tasks.py faults`` tries all.
    """
    backend, manner = executor

    async def body() -> None:
        with anyio.fail_after(300), Peer(ResumingScript()) as peer:
            for k in thin(list_stops(manner)):
                async with check_cleanup(peer) as run:
                    canceller = await Canceller(k, manner).run(lambda: run_session(run))
                async with check_cleanup(peer) as run:
                    await run_session(run)
                if not canceller.is_reached:
                    break
            assert 2 < k < MAX_STOPS

    anyio.run(body, backend=backend)


def test_block_is_never_cancelled(executor: tuple[str, str]) -> None:
    """A session that fails, or is closed by another task, ends iteration and does not cancel its block."""
    backend, _ = executor

    async def abort(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.close(1011)

    async def body() -> None:
        with anyio.fail_after(60), Peer(abort, send_call_and_leave) as peer:
            reached_ends = []
            async with check_cleanup(peer) as run, run.live(CONNECT_TEXT) as session:
                await anyio.sleep(0.01)
                reached_ends.append([item async for item in session][-1])
            async with check_cleanup(peer) as run, anyio.create_task_group() as group:
                async with run.live(CONNECT_TEXT) as session:
                    group.start_soon(session.close)
                    reached_ends.append([item async for item in session])
                    await checkpoint()
                    reached_ends.append("went on")
            assert 3 == len(reached_ends)

    anyio.run(body, backend=backend)
