"""
Streams that are closed early: the connection is closed at once, from any task or thread, whatever the reader waits for.
"""

import gc
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import to_thread

from genai_fn import AsyncHttp, Failure, Http, Retry, Success, Timeouts, both, text
from genai_fn.effects import ReadChunk
from genai_fn.errors import Closed, GenaiError
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.executors.threads import Worker
from genai_fn.interpreters.net.pool.async_pool import AsyncPool
from genai_fn.interpreters.net.pool.sync_pool import SyncPool
from tests.support.interpreter_kinds import (
    AwaitableInterpreter,
    AwaitableItems,
    InterpreterKind,
    make_gemini,
    wait_until,
)
from tests.support.interrupts import call_when_idle, interrupt_when_idle
from tests.support.loopback import (
    Answer,
    Hang,
    Loopback,
    ReceivedRequest,
    Repeat,
    Send,
    encode_chunk,
    encode_head,
    reserve_silent_port,
)
from tests.support.loopback_replies import BUSY, CHUNKED, HELLO_STREAM, OK, STREAM, encode_text_chunk

TEXT_STREAM = HELLO_STREAM | text
ENDLESS_ANSWER = (
    Send(encode_head(200, (CHUNKED,))),
    Repeat(encode_text_chunk("a"), 0.002),
)
ONE_ITEM_ANSWER = (Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a")), Hang())


def test_leaving_the_block(kind: InterpreterKind) -> None:
    """Leaving the block closes the connection, even while the iterator is referenced."""
    with Loopback([ENDLESS_ANSWER, OK]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:
                async for item in items:
                    assert item == Success("a")
                    break
            await run.run_blocking(server.wait_closed, 1)
            with pytest.raises(StopAsyncIteration):
                await anext(items)

        kind.run_body(make_gemini(server.url), body)


def test_exception(kind: InterpreterKind) -> None:
    """An exception in the block is raised unchanged, and the connection is closed."""
    with Loopback(ENDLESS_ANSWER) as server:

        async def body(run: AwaitableInterpreter) -> None:
            with pytest.raises(LookupError, match="of the caller"):
                async with run.stream(TEXT_STREAM) as items:
                    await anext(items)
                    raise LookupError("of the caller")
            await run.run_blocking(server.wait_closed, 1)

        kind.run_body(make_gemini(server.url), body)


def test_never_read(kind: InterpreterKind) -> None:
    """A stream that is never read sends nothing."""
    with Loopback(ENDLESS_ANSWER) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM):
                pass
            run.stream(TEXT_STREAM).close()

        kind.run_body(make_gemini(server.url), body)
        assert server.connections == 0


def test_close_between_reads(kind: InterpreterKind) -> None:
    """After close() iteration ends, and closing again does nothing."""
    with Loopback(ENDLESS_ANSWER) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:
                await anext(items)
                items.close()
                items.close()
                await run.run_blocking(server.wait_closed, 1)
                with pytest.raises(StopAsyncIteration):
                    await anext(items)

        kind.run_body(make_gemini(server.url), body, max_connections=1)


async def _read_rest(items: AwaitableItems) -> list[Any]:
    return [item async for item in items]


WAITS: dict[str, tuple[Answer, list[Any]]] = {
    "an item": (ONE_ITEM_ANSWER, [Success("a")]),
    "the head": (Hang(), []),
    "the first item": ((Send(encode_head(200, (CHUNKED,))), Hang()), []),
    "the rest of an error": ((Send(encode_head(503, (CHUNKED,))), Hang()), []),
}


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("from_thread", (False, True), ids=("task", "thread"))
def test_close_while_reading(kind: InterpreterKind, name: str, from_thread: bool) -> None:
    """close() wakes a reader at once, whatever it waits for; the reader gets ``Failure(Closed)``, then the end."""
    answer, before = WAITS[name]
    with Loopback([answer, OK]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            results: list[Any] = []
            async with run.stream(TEXT_STREAM) as items:

                async def read() -> None:
                    async for item in items:
                        results.append(item)  # noqa: PERF401  # one by one, as close() watches the list

                async def close() -> None:
                    await run.run_blocking(server.wait_requests, 1)
                    await run.run_blocking(wait_until, lambda: len(results) == len(before))
                    await _let_reader_wait(run)
                    if from_thread:
                        await run.run_blocking(items.close)
                    else:
                        items.close()

                assert await run.run_concurrently(read, close) == [None, None]
                assert results[:-1] == before
                assert isinstance(results[-1].failure(), Closed)
                await run.run_blocking(server.wait_closed, 1)
            assert isinstance(await run(HELLO_STREAM.source), Success)

        kind.run_body(make_gemini(server.url), body, max_connections=1)


async def _let_reader_wait(run: AwaitableInterpreter) -> None:
    """Give the reader time to start waiting."""
    if not run.is_sync:
        await anyio.sleep(0.005)


def test_close_while_waiting_to_retry(kind: InterpreterKind) -> None:
    """close() wakes a reader that waits between two attempts."""
    with Loopback(BUSY) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:

                async def close() -> None:
                    await run.run_blocking(server.wait_requests, 1)
                    await run.run_blocking(items.close)

                results, _ = await run.run_concurrently(lambda: _read_rest(items), close)
                assert [type(item.failure()) for item in results] == [Closed]

        kind.run_body(
            make_gemini(server.url), body, retry=Retry(initial_delay=1e9, max_delay=1e9), timeouts=Timeouts(total=1e12)
        )


def test_close_while_waiting_for_a_connection(kind: InterpreterKind) -> None:
    """close() wakes a reader that waits for a free connection."""
    with Loopback(ONE_ITEM_ANSWER) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as first, run.stream(TEXT_STREAM) as items:
                await anext(first)
                is_reading = threading.Event()

                async def read() -> list[Any]:
                    is_reading.set()
                    return await _read_rest(items)

                async def close() -> None:
                    await run.run_blocking(is_reading.wait, 60)
                    await _let_reader_wait(run)
                    await run.run_blocking(items.close)

                results, _ = await run.run_concurrently(read, close)
                assert [type(item.failure()) for item in results] == [Closed]

        kind.run_body(make_gemini(server.url), body, max_connections=1)


def test_two_readers(kind: InterpreterKind) -> None:
    """A second concurrent reader of a stream raises RuntimeError, and the first one continues."""
    is_refused = threading.Event()

    def script(_: ReceivedRequest) -> Answer:
        assert is_refused.wait(60)
        return (Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a") + encode_chunk(b"")),)

    with Loopback(script) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:

                async def read() -> Any:
                    try:
                        return await anext(items)
                    finally:
                        is_refused.set()

                first, second = sorted(
                    await run.run_concurrently(read, read), key=lambda each: isinstance(each, RuntimeError)
                )
                assert (first, type(second)) == (Success("a"), RuntimeError)

        kind.run_body(make_gemini(server.url), body)


def test_interrupted_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt of two concurrent calls in sync ends both at once."""
    with Loopback(Hang()) as server, Http(make_gemini(server.url)) as run:
        with pytest.raises(KeyboardInterrupt), interrupt_when_idle(KeyboardInterrupt, server, 2):
            run(both(HELLO_STREAM.source, HELLO_STREAM.source))
        server.wait_closed(2)


def test_interrupted_as_the_second_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt between the starts of two calls ends the first."""
    start, workers = Worker.start, list[Worker]()

    def start_or_interrupt(worker: Worker) -> None:
        workers.append(worker)
        if len(workers) == 2:
            server.wait_requests(1)
            raise KeyboardInterrupt
        start(worker)

    monkeypatch.setattr(Worker, "start", start_or_interrupt)
    with Loopback(Hang()) as server, Http(make_gemini(server.url)) as run:
        with pytest.raises(KeyboardInterrupt):
            run(both(HELLO_STREAM.source, HELLO_STREAM.source))
        server.wait_closed(1)


def test_cancelled_read_is_a_failure() -> None:
    """The item after a cancelled read is a Failure, then the stream ends; the connection is closed."""

    async def body() -> list[Any]:
        async with AsyncHttp(make_gemini(server.url), max_connections=1) as run, run.stream(TEXT_STREAM) as items:
            first = await anext(items)
            with anyio.move_on_after(0.02):
                await anext(items)
            return [first, *[item async for item in items]]

    for backend in ("asyncio", "trio"):
        with Loopback(ONE_ITEM_ANSWER) as server:
            good, bad = anyio.run(body, backend=backend)
            assert (good, type(bad)) == (Success("a"), Failure)
            assert isinstance(bad.failure(), GenaiError)
            assert wait_until(lambda: server.open_connections == 0)


def test_interrupted_read_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The item after a read that KeyboardInterrupt ended is a Failure, too."""
    original: Callable[..., Any] = SyncExecutor._PERFORMERS[ReadChunk]
    reads: list[object] = []

    def read(executor: Any, effect: Any) -> Any:
        reads.append(effect)
        if len(reads) == 2:
            raise KeyboardInterrupt
        return original(executor, effect)

    monkeypatch.setitem(SyncExecutor._PERFORMERS, ReadChunk, read)
    with Loopback(ONE_ITEM_ANSWER) as server, Http(make_gemini(server.url)) as run, run.stream(TEXT_STREAM) as items:
        assert next(items) == Success("a")
        with pytest.raises(KeyboardInterrupt):
            next(items)
        (last,) = items
        assert isinstance(last.failure(), GenaiError)
        server.wait_closed(1)


def test_interpreter_closed_during_a_stream(kind: InterpreterKind) -> None:
    """A stream that is open while the interpreter is closed ends with a Failure, and its connection is closed."""
    with Loopback(ONE_ITEM_ANSWER) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:
                assert await anext(items) == Success("a")
                await run.close()
                assert await _read_rest(items) == [Failure(Closed(sent=True))]

        kind.run_body(make_gemini(server.url), body)
        assert wait_until(lambda: server.open_connections == 0)


def test_finished_stream_of_a_closed_interpreter(kind: InterpreterKind) -> None:
    """A stream that has ended before the interpreter is closed stays ended."""
    with Loopback(STREAM) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(TEXT_STREAM) as items:
                assert await _read_rest(items) == [Success("a"), Success("b")]
                await run.close()
                assert await _read_rest(items) == []

        kind.run_body(make_gemini(server.url), body)


CALLS: dict[str, tuple[Answer, dict[str, Any]]] = {
    "the head": (Hang(), {}),
    "the body": ((Send(encode_head(200, (CHUNKED,))), Hang()), {}),
    "a retry": (BUSY, {"retry": Retry(initial_delay=1e9, max_delay=1e9), "timeouts": Timeouts(total=1e12)}),
}


@pytest.mark.parametrize("wait", CALLS)
def test_interpreter_closed_during_a_call(kind: InterpreterKind, wait: str) -> None:
    """Closing an interpreter ends its calls in flight with a Failure, whatever they wait for."""
    answer, parameters = CALLS[wait]
    with Loopback(answer) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async def close() -> None:
                await run.run_blocking(server.wait_requests, 1)
                await _let_reader_wait(run)
                await run.close()

            result, _ = await run.run_concurrently(lambda: run(HELLO_STREAM.source), close)
            assert isinstance(result.failure(), Closed)
            assert str(result.failure()) == str(Closed())
            await run.run_blocking(server.wait_closed, 1)

        kind.run_body(make_gemini(server.url), body, **parameters)


def test_interpreter_closed_while_connecting(kind: InterpreterKind) -> None:
    """Closing an interpreter ends a call that waits for a connection to a host that does not respond."""
    with reserve_silent_port(connects=False) as port:

        async def body(run: AwaitableInterpreter) -> None:
            is_waiting = threading.Event()

            async def call() -> Any:
                is_waiting.set()
                return await run(HELLO_STREAM.source)

            async def close() -> None:
                await run.run_blocking(is_waiting.wait, 60)
                await _let_reader_wait(run)
                await run.close()

            result, _ = await run.run_concurrently(call, close)
            assert isinstance(result.failure(), Closed)

        timeouts = Timeouts(connect=1e9, total=1e12)
        kind.run_body(make_gemini(f"http://127.0.0.1:{port}"), body, timeouts=timeouts)


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_interpreter_closed_while_the_pool_opens(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread closes the interpreter during the imports of its first call: that call and later ones fail."""
    load = AsyncPool.load_transport

    def load_and_close(pool: AsyncPool) -> None:
        load(pool)
        thread = threading.Thread(target=anyio.run, args=(run.aclose,))
        thread.start()
        thread.join()

    monkeypatch.setattr(AsyncPool, "load_transport", load_and_close)
    with Loopback(OK) as server:
        run = AsyncHttp(make_gemini(server.url))
        for _ in range(2):
            assert anyio.run(run, HELLO_STREAM.source, backend=backend) == Failure(Closed())
        assert not server.requests


def test_threads_closed_while_the_pool_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """In threads, too; an interpreter that is closed before its first call opens no pool."""
    load, loaded = SyncPool.load_transport, list[SyncPool]()

    def load_and_close(pool: SyncPool) -> None:
        load(pool)
        loaded.append(pool)
        run.close()

    monkeypatch.setattr(SyncPool, "load_transport", load_and_close)
    with Loopback(OK) as server:
        for closes_before in (False, True):
            run = Http(make_gemini(server.url))
            if closes_before:
                run.close()
            for _ in range(2):
                assert run(HELLO_STREAM.source) == Failure(Closed())
        assert len(loaded) == 1
        assert not server.requests


def test_closed_in_a_signal_handler() -> None:
    """A signal handler closes the interpreter during a call of its own thread: the call is a Failure."""
    with Loopback(Hang()) as server, Http(make_gemini(server.url)) as run:
        with call_when_idle(run.close, server, 1):
            result = run(HELLO_STREAM.source)
        assert result == Failure(Closed(sent=True))


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio warns of httpcore's generators, too
def test_collected_stream(kind: InterpreterKind) -> None:
    """A stream that is left without a block is closed with a warning once it is garbage, and its place is free."""

    async def body(run: AwaitableInterpreter) -> None:
        for _ in range(2):
            items = run.stream(TEXT_STREAM)
            assert await anext(items) == Success("a")
            with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
                del items
                gc.collect()
                if not run.is_sync:
                    await anyio.wait_all_tasks_blocked()
        await run.run_blocking(server.wait_closed, 2)

    with Loopback(ONE_ITEM_ANSWER) as server:
        kind.run_body(make_gemini(server.url), body, max_connections=1)


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio warns of httpcore's generators, too
@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_collected_stream_wakes_the_next_call(backend: str) -> None:
    """A call that waits for a place gets that of a stream that another thread collects."""

    async def body() -> None:
        with Loopback([ONE_ITEM_ANSWER, OK]) as server:
            async with AsyncHttp(make_gemini(server.url), max_connections=1) as run:
                left = [run.stream(TEXT_STREAM)]
                assert await anext(left[0]) == Success("a")
                results: list[Any] = []

                async def call() -> None:
                    results.append(await run(HELLO_STREAM.source))

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(call)
                    await anyio.wait_all_tasks_blocked()
                    with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
                        await to_thread.run_sync(left.clear)
                        await anyio.wait_all_tasks_blocked()
                assert [type(result) for result in results] == [Success]

    anyio.run(body, backend=backend)
