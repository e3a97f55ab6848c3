"""
Streams that are closed early: the connection is closed at once, from any task or thread, whatever the reader waits for.
"""

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, Failure, Http, Retry, Success, Timeouts, both, text
from genai_fn.effects import ReadChunk
from genai_fn.errors import Closed, GenaiError
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.executors.threads import Worker
from tests.support.interpreter_kinds import Faced, FacedItems, World, gemini, waited
from tests.support.interrupting import interrupted
from tests.support.loopback import Answer, Forever, Hang, Loopback, Received, Send, chunk, event, head
from tests.support.loopback_replies import BUSY, CHUNKED, OK, PIECES, said

TEXTS = PIECES | text
ENDLESS = (Send(head(200, (CHUNKED,))), Forever(chunk(event(said("a"))), 0.002))
ONE = (Send(head(200, (CHUNKED,)) + chunk(event(said("a")))), Hang())


def test_break(world: World) -> None:
    """Leaving the block closes the connection, even while the iterator is referenced."""
    with Loopback([ENDLESS, OK]) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as items:
                async for item in items:
                    assert item == Success("a")
                    break
            await run.see(server.wait_closed, 1)
            with pytest.raises(StopAsyncIteration):
                await anext(items)

        world.within(gemini(server.url), body)


def test_exception(world: World) -> None:
    """An exception in the block is raised unchanged, and the connection is closed."""
    with Loopback(ENDLESS) as server:

        async def body(run: Faced) -> None:
            with pytest.raises(LookupError, match="mine"):
                async with run.stream(TEXTS) as items:
                    await anext(items)
                    raise LookupError("mine")
            await run.see(server.wait_closed, 1)

        world.within(gemini(server.url), body)


def test_never_read(world: World) -> None:
    """A stream that is never read sends nothing."""
    with Loopback(ENDLESS) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS):
                pass
            run.stream(TEXTS).close()

        world.within(gemini(server.url), body)
        assert server.connections == 0


def test_close_between_reads(world: World) -> None:
    """After close() iteration ends, and closing again does nothing."""
    with Loopback(ENDLESS) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as items:
                await anext(items)
                items.close()
                items.close()
                await run.see(server.wait_closed, 1)
                with pytest.raises(StopAsyncIteration):
                    await anext(items)

        world.within(gemini(server.url), body, max_connections=1)


async def _rest(items: FacedItems) -> list[Any]:
    return [item async for item in items]


WAITS: dict[str, tuple[Answer, list[Any]]] = {
    "an item": (ONE, [Success("a")]),
    "the head": (Hang(), []),
    "the first item": ((Send(head(200, (CHUNKED,))), Hang()), []),
    "the rest of a fault": ((Send(head(503, (CHUNKED,))), Hang()), []),
}


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("from_thread", (False, True), ids=("task", "thread"))
def test_close_while_reading(world: World, name: str, from_thread: bool) -> None:
    """close() wakes a reader at once, whatever it waits for: it gets ``Failure(Closed)`` and then the end."""
    answer, before = WAITS[name]
    with Loopback([answer, OK]) as server:

        async def body(run: Faced) -> None:
            results: list[Any] = []
            async with run.stream(TEXTS) as items:

                async def read() -> None:
                    async for item in items:
                        results.append(item)  # noqa: PERF401  # one by one, for who watches

                async def close() -> None:
                    await run.see(server.wait_requests, 1)
                    await run.see(waited, lambda: len(results) == len(before))
                    await _breath(run)
                    if from_thread:
                        await run.see(items.close)
                    else:
                        items.close()

                assert await run.at_once(read, close) == [None, None]
                assert results[:-1] == before
                assert isinstance(results[-1].failure(), Closed)
                await run.see(server.wait_closed, 1)
            assert isinstance(await run(PIECES.source), Success)

        world.within(gemini(server.url), body, max_connections=1)


async def _breath(run: Faced) -> None:
    """Let the reader begin to wait."""
    if not run.is_sync:
        await anyio.sleep(0.005)


def test_close_while_waiting_to_retry(world: World) -> None:
    """close() wakes a reader that waits between two attempts."""
    with Loopback(BUSY) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as items:

                async def close() -> None:
                    await run.see(server.wait_requests, 1)
                    await run.see(items.close)

                results, _ = await run.at_once(lambda: _rest(items), close)
                assert [type(item.failure()) for item in results] == [Closed]

        world.within(
            gemini(server.url), body, retry=Retry(initial_delay=1e9, max_delay=1e9), timeouts=Timeouts(total=1e12)
        )


def test_close_while_waiting_for_a_lane(world: World) -> None:
    """close() wakes a reader who waits for a lane."""
    with Loopback(ONE) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as busy, run.stream(TEXTS) as items:
                await anext(busy)
                begun = threading.Event()

                async def read() -> list[Any]:
                    begun.set()
                    return await _rest(items)

                async def close() -> None:
                    await run.see(begun.wait, 60)
                    await _breath(run)
                    await run.see(items.close)

                results, _ = await run.at_once(read, close)
                assert [type(item.failure()) for item in results] == [Closed]

        world.within(gemini(server.url), body, max_connections=1)


def test_two_readers(world: World) -> None:
    """A second concurrent reader of a stream raises RuntimeError, and the first one continues."""
    is_refused = threading.Event()

    def script(_: Received) -> Answer:
        assert is_refused.wait(60)
        return (Send(head(200, (CHUNKED,)) + chunk(event(said("a"))) + chunk(b"")),)

    with Loopback(script) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as items:

                async def read() -> Any:
                    try:
                        return await anext(items)
                    finally:
                        is_refused.set()

                first, second = sorted(await run.at_once(read, read), key=lambda each: isinstance(each, RuntimeError))
                assert (first, type(second)) == (Success("a"), RuntimeError)

        world.within(gemini(server.url), body)


def test_interrupted_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt of two concurrent calls in sync ends both at once."""
    with Loopback(Hang()) as server, Http(gemini(server.url)) as run:
        with pytest.raises(KeyboardInterrupt), interrupted(KeyboardInterrupt, server, 2):
            run(both(PIECES.source, PIECES.source))
        server.wait_closed(2)


def test_interrupted_as_the_second_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt before both calls have started ends the one that has."""
    start, begun = Worker.start, list[Worker]()

    def start_or_interrupt(worker: Worker) -> None:
        begun.append(worker)
        if len(begun) == 2:
            server.wait_requests(1)
            raise KeyboardInterrupt
        start(worker)

    monkeypatch.setattr(Worker, "start", start_or_interrupt)
    with Loopback(Hang()) as server, Http(gemini(server.url)) as run:
        with pytest.raises(KeyboardInterrupt):
            run(both(PIECES.source, PIECES.source))
        server.wait_closed(1)


def test_cancelled_read_is_no_silent_end() -> None:
    """After a read that was cancelled comes a Failure, then the end; the connection is closed."""

    async def body() -> list[Any]:
        async with AsyncHttp(gemini(server.url), max_connections=1) as run, run.stream(TEXTS) as items:
            first = await anext(items)
            with anyio.move_on_after(0.02):
                await anext(items)
            return [first, *[item async for item in items]]

    for backend in ("asyncio", "trio"):
        with Loopback(ONE) as server:
            good, bad = anyio.run(body, backend=backend)
            assert (good, type(bad)) == (Success("a"), Failure)
            assert isinstance(bad.failure(), GenaiError)
            assert waited(lambda: server.open_connections == 0)


def test_interrupted_read_is_no_silent_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in sync after KeyboardInterrupt."""
    real: Callable[..., Any] = SyncExecutor._PERFORMERS[ReadChunk]
    reads: list[object] = []

    def read(world: Any, effect: Any) -> Any:
        reads.append(effect)
        if len(reads) == 2:
            raise KeyboardInterrupt
        return real(world, effect)

    monkeypatch.setitem(SyncExecutor._PERFORMERS, ReadChunk, read)
    with Loopback(ONE) as server, Http(gemini(server.url)) as run, run.stream(TEXTS) as items:
        assert next(items) == Success("a")
        with pytest.raises(KeyboardInterrupt):
            next(items)
        (last,) = items
        assert isinstance(last.failure(), GenaiError)
        server.wait_closed(1)


def test_interpreter_closed_meanwhile(world: World) -> None:
    """A stream that has started continues to its end when the interpreter is closed."""
    with Loopback(
        [(Send(head(200, (CHUNKED,)) + chunk(event(said("a")))), Send(chunk(event(said("b"))) + chunk(b"")))]
    ) as server:

        async def body(run: Faced) -> None:
            async with run.stream(TEXTS) as items:
                assert await anext(items) == Success("a")
                await run.close()
                assert await _rest(items) == [Success("b")]

        world.within(gemini(server.url), body)
        assert waited(lambda: server.open_connections == 0)
