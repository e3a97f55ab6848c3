"""`hedged`: the first answer wins, the other attempt is cancelled; in every interpreter and executor."""

from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import (
    AsyncHttp,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    Retry,
    caches,
    generate,
    ok,
    streamed,
    text,
    with_options,
)
from genai_fn.errors import Closed, ServerError, TimedOut
from genai_fn.middleware import HandlerWrapper, hedged
from genai_fn.schema import CachedContent
from genai_fn.testing import Delayed, Fake
from genai_fn.testing.strategies import interpreters
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.loopback import Hang, Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_text_response
from tests.support.middleware_places import PLACES, Late, Place

HI = generate("gemini-2.5-flash", "hi")
VIRTUAL_PLACES = tuple(place for place in PLACES if place.has_virtual_time)
ONE_ATTEMPT = with_options(retry=Retry(attempts=1))
SOON = 0.05
"""Seconds of `after` where a second attempt is expected; they are real over HTTP."""


class Counter(HandlerWrapper):
    """Counts the attempts that a hedge starts."""

    count = 0

    def handle(self, request: Any, until: float) -> Any:
        return self._count(self.inner.handle(request, until))

    def open_stream(self, request: Any, until: float) -> Any:
        return self._count(self.inner.open_stream(request, until))

    def _count(self, attempt: Any) -> Any:
        Counter.count += 1
        return (yield from attempt)


@pytest.fixture(autouse=True)
def reset_counter() -> None:
    """Count from zero in each test."""
    Counter.count = 0


async def ask(run: AwaitableInterpreter, *modifiers: Any) -> Any:
    request: Any = HI
    for each in modifiers:
        request |= each
    return await run(request | text)


class TestAnswers:
    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_slow_first(self, place: Place) -> None:
        """A second attempt starts when the first has no answer in time, and its answer wins."""
        result = place.run(ask, Counter, hedged(after=SOON), answers=[Late("slow"), "fast"])
        assert (result.unwrap(), Counter.count) == ("fast", 2)

    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_fast_first(self, place: Place) -> None:
        """A first attempt with an answer in time is the only one."""
        result = place.run(ask, Counter, hedged(after=3600), answers=["first", "second"])
        assert (result.unwrap(), Counter.count) == ("first", 1)

    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_early_failure(self, place: Place) -> None:
        """A first attempt that fails early starts no other one."""
        result = place.run(ask, Counter, hedged(after=3600), answers=[400, "second"])
        assert (result.failure().code, Counter.count) == (400, 1)

    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_three_attempts(self, place: Place) -> None:
        """More attempts start one after another, as long as there is no answer."""
        answers = [Late("one"), Late("two"), "three", "four"]
        result = place.run(ask, Counter, hedged(after=SOON, attempts=4), answers=answers)
        assert (result.unwrap(), Counter.count >= 3) == ("three", True)

    @pytest.mark.parametrize("place", VIRTUAL_PLACES, ids=repr)
    def test_first_still_wins(self, place: Place) -> None:
        """A first attempt that answers before the second one wins, though it was slow."""
        answers = [Late("first", 3), Late("second", 3)]
        result = place.run(ask, Counter, hedged(after=2), answers=answers)
        assert (result.unwrap(), Counter.count) == ("first", 2)

    @pytest.mark.parametrize("place", VIRTUAL_PLACES, ids=repr)
    @pytest.mark.parametrize("answers", [[Late("first", 5), 404], [Late(404, 3), Late("first", 3)]])
    def test_one_failure(self, place: Place, answers: list[Any]) -> None:
        """A failure does not win while the other attempt may still answer."""
        result = place.run(partial(_ask_once), Counter, hedged(after=2), answers=answers)
        assert (result.unwrap(), Counter.count) == ("first", 2)

    @pytest.mark.parametrize("place", VIRTUAL_PLACES, ids=repr)
    def test_both_fail(self, place: Place) -> None:
        """If both fail, the failure of the first attempt is the result."""
        result = place.run(_ask_once, Counter, hedged(after=2), answers=[Late(500, 5), 501])
        assert (result.failure().code, Counter.count) == (500, 2)

    @pytest.mark.parametrize("place", VIRTUAL_PLACES, ids=repr)
    def test_deadline(self, place: Place) -> None:
        """The deadline counts from the first attempt, and no attempt starts that it would end."""
        before = place.run(
            partial(_ask_with, deadline=3), Counter, hedged(after=2), answers=[Late("one", 9), Late("two", 9)]
        )
        after = place.run(partial(_ask_with, deadline=1), Counter, hedged(after=2), answers=[Late("one", 9), "two"])
        assert isinstance(before.failure(), TimedOut)
        assert isinstance(after.failure(), TimedOut)
        assert Counter.count == 3

    @pytest.mark.parametrize("is_async", [False, True])
    def test_time_of_the_winner(self, is_async: bool) -> None:
        """The call takes the time of its winner, and not that of the other attempt."""
        offline = Offline(script=[{"text": "slow", "delay": 40}, {"text": "fast", "delay": 3}])
        run = (offline.aio if is_async else offline).with_middleware(hedged(after=2))
        result = anyio.run(run, HI | text) if is_async else run(HI | text)
        assert result.unwrap() == "fast"
        assert offline._service._seconds == 5

    @given(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(1, 4), st.integers(1, 3))
    @settings(max_examples=60)
    def test_any_delays(self, delays: list[int], after: int, attempts: int) -> None:
        """The attempt that ends first in virtual time wins; those that would start later are never sent."""
        fake = Fake({"generate": [Delayed(str(n), each) for n, each in enumerate(delays)]})
        result = fake.with_middleware(hedged(after, attempts=attempts))(HI | text)
        ends = [n * after + each for n, each in enumerate(delays[:attempts])]
        started = [n for n in range(attempts) if n * after <= min(ends)]
        assert ends[int(result.unwrap())] == min(ends)
        assert len(fake.requests) in {len(started), len([n for n in started if n * after < min(ends)]) or 1}


async def _ask_once(run: AwaitableInterpreter) -> Any:
    return await ask(run, ONE_ATTEMPT)


async def _ask_with(run: AwaitableInterpreter, **options: Any) -> Any:
    return await ask(run, with_options(**options))


class TestStreams:
    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_first_item(self, place: Place) -> None:
        """A stream without a first item in time is opened again; all items are those of the winner."""

        async def body(run: AwaitableInterpreter) -> Any:
            return await run.read_items(HI | streamed | text)

        items = place.run(body, Counter, hedged(after=SOON), answers=[Late("sl|ow"), "fa|st"])
        assert ([each.unwrap() for each in items], Counter.count) == (["fa", "st"], 2)

    @pytest.mark.parametrize("place", PLACES, ids=repr)
    def test_failure(self, place: Place) -> None:
        """A stream that fails to open early is not opened again."""

        async def body(run: AwaitableInterpreter) -> Any:
            return await run.read_items(HI | streamed | text)

        [item] = place.run(body, Counter, hedged(after=3600), answers=[400, "hello"])
        assert (item.failure().code, Counter.count) == (400, 1)


class TestRequestsThatMustNotRepeat:
    @pytest.mark.parametrize("is_async", [False, True])
    def test_creation(self, is_async: bool) -> None:
        """A request that creates something is sent once, however long it takes."""
        fake = Fake({"caches.create": Delayed(CachedContent(name="cachedContents/a"), 60)})
        run = (fake.aio if is_async else fake).with_middleware(hedged(after=2))
        request = caches.create("gemini-2.5-flash", {"contents": "text"})
        assert ok(anyio.run(run, request) if is_async else run(request))
        assert len(fake.requests) == 1

    def test_mistake(self) -> None:
        """A mistake that an attempt raises is raised, as without the middleware."""
        run = Fake({"generate": 5}).with_middleware(hedged(after=2))
        with pytest.raises(InvalidRequest):
            run(HI)

    @pytest.mark.parametrize("arguments", [{"after": 0}, {"after": "1"}, {"after": 1, "attempts": 0}])
    def test_arguments(self, arguments: Any) -> None:
        """Wrong arguments are refused at once."""
        with pytest.raises(InvalidRequest):
            hedged(**arguments)

    def test_value(self) -> None:
        """The middleware is a value, whose repr is the call."""
        assert hedged(2, attempts=3) == hedged(2, attempts=3)
        assert repr(hedged(2.5)) == "hedged(after=2.5, attempts=2)"


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
class TestConnections:
    def run_with_server(self, kind: str, script: Any, body: Any, middleware: Any) -> Any:
        with Loopback(script) as server:
            backend = Gemini("test-key", base_url=server.url)
            if kind == "sync":
                with Http(backend, proxy="") as sync_run:
                    run = AwaitableInterpreter(sync_run.with_middleware(middleware))
                    coroutine = body(run, server)
                    try:
                        coroutine.send(None)
                    except StopIteration as end:
                        return end.value

            async def run_async() -> Any:
                with anyio.fail_after(60):
                    async with AsyncHttp(backend, proxy="") as async_run:
                        return await body(AwaitableInterpreter(async_run.with_middleware(middleware)), server)

            return anyio.run(run_async, backend=kind)

    def test_loser_is_closed(self, kind: str) -> None:
        """The connection of the loser is closed at once, and that of the winner is used again."""
        reply = build_json_reply(build_text_response("hello"))

        async def body(run: AwaitableInterpreter, server: Loopback) -> None:
            assert ok(await run(HI))
            await run.run_blocking(server.wait_closed, 1)
            assert ok(await run(HI))
            assert (server.connections, server.open_connections) == (2, 1)

        self.run_with_server(kind, [Hang(), reply, reply], body, hedged(after=SOON))

    def test_loser_of_streams_is_closed(self, kind: str) -> None:
        """The connection of the losing stream is closed before the winner's items are read."""
        reply = build_sse_reply([build_text_response("hel"), build_text_response("lo")])

        async def body(run: AwaitableInterpreter, server: Loopback) -> None:
            async with run.stream(HI | streamed | text) as items:
                first = await anext(items)
                await run.run_blocking(server.wait_closed, 1)
                rest = [each async for each in items]
            assert [each.unwrap() for each in (first, *rest)] == ["hel", "lo"]
            assert ok(await run(HI))
            assert (server.connections, server.open_connections) == (2, 1)

        replies = [Hang(), reply, build_json_reply(build_text_response("hello"))]
        self.run_with_server(kind, replies, body, hedged(after=SOON))

    def test_stream_left_behind(self, kind: str) -> None:
        """A stream that is left after its first item closes the winner's connection, too."""
        reply = build_sse_reply([build_text_response("hel"), build_text_response("lo")])

        async def body(run: AwaitableInterpreter, server: Loopback) -> None:
            async with run.stream(HI | streamed | text) as items:
                await anext(items)
            await run.run_blocking(server.wait_closed, 2)

        self.run_with_server(kind, [Hang(), (reply, Hang())], body, hedged(after=SOON))

    def test_interpreter_is_closed(self, kind: str) -> None:
        """Closing the interpreter ends both attempts, and the call with `Closed`."""

        async def body(run: AwaitableInterpreter, server: Loopback) -> Any:
            async def close() -> None:
                await run.run_blocking(server.wait_requests, 2)
                await run.close()

            result, _ = await run.run_concurrently(lambda: run(HI), close)
            await run.run_blocking(server.wait_closed, 2)
            return result

        result = self.run_with_server(kind, Hang(), body, hedged(after=SOON))
        assert isinstance(result.failure(), Closed)


@pytest.mark.parametrize("place", [each for each in PLACES if each.interpreter == "Fake"], ids=repr)
def test_many_calls(place: Place) -> None:
    """64 threads or 1,000 tasks each get an answer."""
    count = 64 if place.is_sync else 1000

    async def body(run: AwaitableInterpreter) -> Any:
        return await run.run_concurrently(*(partial(run, HI | text) for _ in range(count)))

    results = place.run(body, hedged(after=2), answers=[Late("slow", 9), *(["hello", Late("slow", 9)] * count)])
    assert len([each for each in results if ok(each)]) == count


def test_stacked() -> None:
    """Hedges may be stacked: each attempt of the outer one is hedged itself."""
    fake = Fake({"generate": [Delayed("one", 60), Delayed("two", 60), Delayed("three", 60), Delayed("four", 1)]})
    run = fake.with_middleware(hedged(after=2), hedged(after=3))
    assert run(HI | text).unwrap() == "four"
    assert len(fake.requests) == 4


@given(interpreters(odd=False), st.booleans())
@settings(max_examples=40)
def test_drawn_answers(drawn: Any, is_async: bool) -> None:
    """With drawn answers, which take no time, a hedged program sends what it sends without the hedge."""
    hedging = drawn.with_middleware(hedged(after=2))
    result = anyio.run(hedging.aio, HI | text) if is_async else hedging(HI | text)
    assert len(drawn.requests) == 1
    assert result == Fake(drawn.table)(HI | text)


def test_server_error_after_retries() -> None:
    """An attempt includes its retries: while the first waits to retry, the second may answer."""
    steps = [{"error": {"status": 503, "retry": 30}}, {"text": "hello"}]
    run = Offline(script=steps).with_middleware(hedged(after=2))
    assert run(HI | text).unwrap() == "hello"
    failing = Offline(script=[{"error": {"status": 503}, "times": None}]).with_middleware(hedged(after=2))
    assert isinstance(failing(HI).failure(), ServerError)
