"""What becomes of those that wait for an equal request: cancellation, failures, interrupts and deadlines."""

import linecache
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from genai_fn import (
    Failure,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    Retry,
    Success,
    ask,
    collected,
    flow,
    generate,
    ok,
    streamed,
    text,
    with_options,
)
from genai_fn.errors import AsyncOnly, Closed, RateLimited, TimedOut
from genai_fn.events import CacheHit, Sending
from genai_fn.middleware import MemoryStore, SQLiteStore, cached
from genai_fn.middleware.caching.single_flight import Ticket
from genai_fn.testing import Fake
from tests.support.cancellation.cancel_points import BACKENDS_AND_MANNERS, MAX_STOPS, Canceller, list_stops
from tests.support.cancellation.interrupted_lines import LineInterrupter
from tests.support.interpreter_kinds import wait_until
from tests.support.loopback import Loopback, Reply, build_json_reply
from tests.support.loopback_replies import build_text_response

HI = generate("m", "hi", {"temperature": 0}) | text
every_loop = pytest.mark.parametrize("loop", ["asyncio", "trio"])


class AsyncModel:
    """A model whose answers are sent when the test says so; each call takes the next answer, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.calls = 0
        self.can_answer = anyio.Event()
        self._answers: Iterator[Any] = iter(answers)

    async def __call__(self, request: Any) -> Any:
        self.calls += 1
        answer = next(self._answers)
        if answer is Ellipsis:
            await anyio.sleep_forever()
        await self.can_answer.wait()
        if isinstance(answer, BaseException) and not isinstance(answer, RateLimited):
            raise answer
        return answer


async def pause(condition: Callable[[], bool]) -> None:
    """Let other tasks run until a condition holds."""
    for _ in range(100_000):
        if condition():
            return
        await checkpoint()
    raise AssertionError("the condition does not come true")


def run_async(loop: str, body: Callable[[], Any]) -> None:
    async def run_bounded() -> None:
        with anyio.fail_after(60):
            await body()

    anyio.run(run_bounded, backend=loop)


class Caller:
    """Runs actions in tasks, and keeps their outcomes."""

    def __init__(self, run: Any, tasks: Any) -> None:
        self._run = run
        self._tasks = tasks
        self.outcomes: list[Any] = []

    def start(self, action: Any = HI) -> anyio.CancelScope:
        scope = anyio.CancelScope()
        self._tasks.start_soon(self._call, scope, action)
        return scope

    async def _call(self, scope: anyio.CancelScope, action: Any) -> None:
        with scope:
            try:
                self.outcomes.append(await self._run(action))
            except Exception as error:
                self.outcomes.append(error)


def count_waiting(caching: Any) -> int:
    return sum(map(_count_tickets, caching.flights._flights.values()))


def _count_tickets(flight: Any) -> int:
    """Count the tickets that have not ended: the leader, and those after it that wait."""
    count, ticket = 0, flight._progress[0].following.get()
    while isinstance(ticket, Ticket):
        count, ticket = count + 1, ticket.following.get()
    return count


@every_loop
def test_thousand_tasks(loop: str) -> None:
    """Of 1,000 tasks that send an equal request, one sends it."""

    async def body() -> None:
        model, caching = AsyncModel("hello"), cached()
        run = Fake({"generate": model}).with_middleware(caching).aio
        async with anyio.create_task_group() as tasks:
            caller = Caller(run, tasks)
            for _ in range(1000):
                caller.start()
            await pause(lambda: count_waiting(caching) == 1000)
            model.can_answer.set()
        assert caller.outcomes == [Success("hello")] * 1000
        assert (model.calls, len(caching.flights)) == (1, 0)

    run_async(loop, body)


@every_loop
def test_leader_is_cancelled(loop: str) -> None:
    """If the leader is cancelled, the first that waits sends the request, and the others get its result."""

    async def body() -> None:
        model, caching = AsyncModel(..., ..., "hello"), cached()
        run = Fake({"generate": model}).with_middleware(caching).aio
        async with anyio.create_task_group() as tasks:
            caller = Caller(run, tasks)
            leader = caller.start()
            await pause(lambda: model.calls == 1)
            waiting = []
            for number in range(2, 12):
                waiting.append(caller.start())
                await pause(lambda number=number: count_waiting(caching) == number)  # type: ignore[misc]  # default
            waiting[5].cancel()
            leader.cancel()
            await pause(lambda: model.calls == 2)
            waiting[0].cancel()
            model.can_answer.set()
        assert caller.outcomes == [Success("hello")] * 8
        assert (model.calls, len(caching.flights)) == (3, 0)

    run_async(loop, body)


@every_loop
def test_leader_fails(loop: str) -> None:
    """A failure reaches those that wait with the same options; others send the request; it is not stored."""

    async def body() -> None:
        limited = RateLimited(429)
        model, caching = AsyncModel(limited, "hello", "again"), cached()
        run = Fake({"generate": model}).with_middleware(caching).aio
        async with anyio.create_task_group() as tasks:
            caller = Caller(run, tasks)
            for number, action in enumerate([HI, HI, HI | with_options(retry=Retry(attempts=1)), HI], 1):
                caller.start(action)
                await pause(lambda number=number: count_waiting(caching) == number)  # type: ignore[misc]  # default
            model.can_answer.set()
        assert sorted(caller.outcomes, key=str) == [Failure(limited)] * 2 + [Success("hello")] * 2
        assert (model.calls, len(caching.flights)) == (2, 0)
        assert await run(HI) == Success("hello")

    run_async(loop, body)


@every_loop
def test_leader_raises(loop: str) -> None:
    """An exception is the leader's own: each of the others sends the request in turn."""

    async def body() -> None:
        model, caching = AsyncModel(KeyError("a"), KeyError("b"), "hello"), cached()
        run = Fake({"generate": model}).with_middleware(caching).aio
        async with anyio.create_task_group() as tasks:
            caller = Caller(run, tasks)
            for _ in range(5):
                caller.start()
            await pause(lambda: count_waiting(caching) == 5)
            model.can_answer.set()
        assert [type(each) for each in caller.outcomes[:2]] == [KeyError] * 2
        assert caller.outcomes[2:] == [Success("hello")] * 3
        assert (model.calls, len(caching.flights)) == (3, 0)

    run_async(loop, body)


def test_handled_exception() -> None:
    """A flow that handles the exception of a request may send it again: it does not wait for itself."""
    fake = Fake({"generate": [3, "hello"]})  # the first answer has the wrong type
    run = fake.with_middleware(cached())
    with pytest.raises(InvalidRequest):
        run(HI)
    assert run(HI) == Success("hello")


@every_loop
def test_deadline_of_one_that_waits(loop: str) -> None:
    """Who waits for an equal request fails at its own deadline, and the leader goes on."""

    async def body() -> None:
        model, caching = AsyncModel("hello"), cached()
        run = Fake({"generate": model}).with_middleware(caching).aio
        async with anyio.create_task_group() as tasks:
            caller = Caller(run, tasks)
            caller.start()
            await pause(lambda: model.calls == 1)
            late = await run(HI | with_options(deadline=0.01))
            assert isinstance(late.failure(), TimedOut)
            model.can_answer.set()
        assert caller.outcomes == [Success("hello")]
        assert len(caching.flights) == 0

    run_async(loop, body)


@pytest.mark.parametrize(("loop", "manner"), BACKENDS_AND_MANNERS)
@pytest.mark.parametrize("blocks", [False, True])
def test_cancelled_anywhere(loop: str, manner: str, blocks: bool) -> None:
    """Whichever stop a request is cancelled at, an equal one succeeds afterwards, and nobody is in flight."""

    class Store(MemoryStore):
        is_blocking = blocks

    async def answer(_: Any) -> str:
        await checkpoint()
        return "hello"

    async def body() -> None:
        for k in list_stops(manner):
            caching = cached(Store())
            run = Fake({"generate": answer}).with_middleware(caching).aio
            canceller = await Canceller(k, manner).run(lambda run=run: run(HI))  # type: ignore[misc]  # default
            assert len(caching.flights) == 0
            assert await run(HI) == Success("hello")
            if not canceller.is_reached:
                break
        assert 1 < k < MAX_STOPS

    run_async(loop, body)


@every_loop
def test_hits_are_checkpoints(loop: str) -> None:
    """While a flow gets one stored answer after another, other tasks run, and it can be cancelled."""

    class Store(MemoryStore):
        hits = 0

        def get(self, key: str) -> bytes | None:
            self.hits += 1
            return super().get(key)

    async def body() -> None:
        store = Store()
        run = Fake({"generate": "hello"}).with_middleware(cached(store)).aio
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, ask_again_and_again(100_000))
            await pause(lambda: store.hits > 100)
            tasks.cancel_scope.cancel()
        assert store.hits < 100_000

    run_async(loop, body)


@flow
def ask_again_and_again(count: int) -> Any:
    """Send equal requests, one after another."""
    for _ in range(count):
        yield from ask(HI)
    return Success(None)


# Threads


class SlowServer:
    """Answers the n-th request with the n-th text when the test opens its gate."""

    def __init__(self) -> None:
        self.count = 0
        self.can_answer = threading.Event()

    def __call__(self, received: Any) -> Reply:
        self.count += 1
        number = self.count
        self.can_answer.wait(60)
        return build_json_reply(build_text_response(str(number)))


def start_threads(count: int, call: Callable[[], Any]) -> tuple[list[threading.Thread], list[Any]]:
    outcomes: list[Any] = []

    def store_outcome() -> None:
        try:
            outcomes.append(call())
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=store_outcome) for _ in range(count)]
    for each in threads:
        each.start()
    return threads, outcomes


def test_closed_interpreter() -> None:
    """If the interpreter of the leader is closed, threads with another one send the request and share its result."""
    server, caching = SlowServer(), cached()
    with Loopback(server) as loopback:
        backend = Gemini("test-key", base_url=loopback.url)
        with Http(backend) as first, Http(backend) as second:
            leaders, failures = start_threads(1, lambda: first.with_middleware(caching)(HI))
            assert wait_until(lambda: server.count == 1)
            others, results = start_threads(63, lambda: second.with_middleware(caching)(HI))
            assert wait_until(lambda: count_waiting(caching) == 64)
            first.close()
            assert wait_until(lambda: server.count == 2)
            server.can_answer.set()
            for each in (*leaders, *others):
                each.join(60)
    assert [type(each.failure()) for each in failures] == [Closed]
    assert results == [Success("2")] * 63
    assert (server.count, len(caching.flights)) == (2, 0)


def test_interrupted_leader() -> None:
    """After a KeyboardInterrupt of the leader, the others send the request."""
    is_waiting, can_answer = threading.Event(), threading.Event()
    calls: list[Any] = []

    def answer(_: Any) -> str:
        calls.append(None)
        is_waiting.set()
        can_answer.wait(60)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return "hello"

    caching = cached()
    run = Fake({"generate": answer}).with_middleware(caching)
    leaders, outcomes = start_threads(1, lambda: run(HI))
    assert is_waiting.wait(60)
    others, results = start_threads(10, lambda: run(HI))
    assert wait_until(lambda: count_waiting(caching) == 11)
    can_answer.set()
    for each in (*leaders, *others):
        each.join(60)
    assert [type(each) for each in outcomes] == [KeyboardInterrupt]
    assert results == [Success("hello")] * 10
    assert (len(calls), len(caching.flights)) == (2, 0)


class BlockInterrupter(LineInterrupter):
    """Interrupts at no ``with`` line: at its end Python handles no signal before the lock is released."""

    def _trace_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
            return self._trace_line
        return super()._trace_line(frame, event, arg)


def test_interrupted_at_each_line() -> None:
    """At whichever line a KeyboardInterrupt strikes, the next request of another thread succeeds, and none waits."""
    for n in range(0, 100_000, 4):
        caching = cached()
        run = Fake({"generate": "hello"}).with_middleware(caching)
        interrupter = BlockInterrupter(n)
        with suppress(KeyboardInterrupt), interrupter:
            run(HI)
        threads, results = start_threads(1, lambda run=run: run(HI))  # type: ignore[misc]  # a default
        threads[0].join(20)
        assert results == [Success("hello")], n
        assert len(caching.flights) == 0
        if not interrupter.is_reached:
            break
    assert n > 100


def test_closed_while_waiting() -> None:
    """Closing the interpreter of one that waits ends its wait, and the leader goes on."""
    server, caching = SlowServer(), cached()
    with Loopback(server) as loopback:
        backend = Gemini("test-key", base_url=loopback.url)
        with Http(backend) as first, Http(backend) as second:
            leaders, results = start_threads(1, lambda: first.with_middleware(caching)(HI))
            assert wait_until(lambda: server.count == 1)
            others, failures = start_threads(3, lambda: second.with_middleware(caching)(HI))
            assert wait_until(lambda: count_waiting(caching) == 4)
            second.close()
            for each in others:
                each.join(60)
            server.can_answer.set()
            for each in leaders:
                each.join(60)
    assert [type(each.failure()) for each in failures] == [Closed] * 3
    assert results == [Success("1")]
    assert len(caching.flights) == 0


# Events


def test_events() -> None:
    """A hit is an event, with the request that was not sent; a request that is sent has none."""
    events: list[Any] = []
    with Loopback([build_json_reply(build_text_response("hello"))]) as server:
        with Http(Gemini("test-key", base_url=server.url), on_event=events.append) as http:
            run = http.with_middleware(cached())
            assert run(HI) == run(HI)
    assert [type(each) for each in events].count(Sending) == 1
    hits = [each for each in events if isinstance(each, CacheHit)]
    assert [each.was_in_flight for each in hits] == [False]
    assert hits[0].request.url.endswith("models/m:generateContent")
    assert "test-key" not in repr(events)


# Stores that fail


class BrokenStore:
    """A store whose methods raise, or return nonsense."""

    def __init__(self, found: Any = None) -> None:
        self._found = found
        self.deleted: list[str] = []

    def get(self, key: str) -> Any:
        if self._found is None:
            raise OSError("the database is gone")
        return self._found

    def put(self, key: str, value: bytes, ttl: float | None) -> None:
        raise OSError("the database is gone")

    def delete(self, key: str) -> None:
        self.deleted.append(key)


def test_store_raises() -> None:
    """With a store that raises, requests are sent, and a warning shows why."""
    run = Fake({"generate": "hello"}).with_middleware(cached(BrokenStore()))
    with pytest.warns(RuntimeWarning, match="the database is gone"):
        assert run(HI) == Success("hello")
    with pytest.warns(RuntimeWarning, match="the database is gone"):
        assert anyio.run(run.aio, HI, backend="trio") == Success("hello")


@pytest.mark.parametrize(
    "found", [b"", b"[]", b"{", b'{"format":0}', b"\xff" * 100, b"[" * 10_000, "text", 3], ids=repr
)
def test_store_returns_nonsense(found: Any) -> None:
    """What is no stored answer counts as none, and is deleted."""
    store = BrokenStore(found)
    run = Fake({"generate": "hello"}).with_middleware(cached(store))
    with pytest.warns(RuntimeWarning, match="the database is gone"):
        assert run(HI) == Success("hello")
    assert store.deleted


class HangingStore:
    """A store whose methods, or one of them, never return."""

    is_blocking = False

    def __init__(self, *hanging: str) -> None:
        self._hanging = hanging

    async def get(self, key: str) -> bytes | None:
        await self._hang("get")
        return None

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        await self._hang("put")

    async def delete(self, key: str) -> None:
        await self._hang("delete")

    async def _hang(self, name: str) -> None:
        if name in self._hanging:
            await anyio.sleep_forever()


@pytest.mark.parametrize("hanging", ["get", "put"])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_store_hangs(loop: str, hanging: str, is_stream: bool) -> None:
    """A store that hangs holds a request no longer than its deadline."""
    fake = Fake({"generate": "hello", "generate.stream": ["hello"]})
    run = fake.aio.with_middleware(cached(HangingStore(hanging)))
    question = generate("m", "hi", {"temperature": 0}) | with_options(deadline=0.02)
    action: Any = question | streamed | collected if is_stream else question

    async def ask_bounded() -> Any:
        with anyio.fail_after(60):
            return await run(action)

    with pytest.warns(RuntimeWarning, match=rf"TimedOut.*HangingStore\.{hanging}"):
        assert isinstance(anyio.run(ask_bounded, backend=loop), Success)


class AsyncStore:
    """A store with async methods."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    async def get(self, key: str) -> bytes | None:
        await checkpoint()
        return self._store.get(key)

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        await checkpoint()
        self._store.put(key, value, ttl)

    async def delete(self, key: str) -> None:
        await checkpoint()
        self._store.delete(key)


@every_loop
def test_async_store(loop: str) -> None:
    """A store may have async methods, for async interpreters; a sync one fails at once."""
    fake = Fake({"generate": ["one", "two"]})
    run = fake.with_middleware(cached(AsyncStore()))

    async def body() -> None:
        assert [await run.aio(HI), await run.aio(HI)] == [Success("one")] * 2

    run_async(loop, body)
    failed = run(HI)
    assert isinstance(failed.failure(), AsyncOnly)


# Where answers come from


def test_origins(tmp_path: Any) -> None:
    """The answers of a fake, of the emulator and of the API never stand for each other, even in one store."""
    with (
        SQLiteStore(tmp_path / "a.sqlite") as store,
        Loopback([build_json_reply(build_text_response("real"))]) as server,
    ):
        fake = Fake({"generate": "fake"}).with_middleware(cached(store))
        backend = Gemini("test-key", base_url=server.url)
        with Http(backend) as http:
            real = http.with_middleware(cached(store))
            offline = Offline(backend).with_middleware(cached(store))
            results = [each(HI) for _ in range(2) for each in (fake, offline, real)]
    assert results[:3] == results[3:]
    assert all(map(ok, results))
    assert len(set(map(str, results))) == 3
