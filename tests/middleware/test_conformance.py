"""Every middleware in every place: results are those without it, and nothing is left behind, whatever ends a call."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from returns.result import Failure, Result, Success

from genai_fn import (
    AsyncHttp,
    Gemini,
    Http,
    ask,
    attempt,
    calling,
    collected,
    embed,
    flow,
    gather,
    generate,
    joined,
    streamed,
    text,
    with_options,
)
from genai_fn.errors import Closed, TimedOut
from genai_fn.middleware import HandlerWrapper, budgeted
from genai_fn.request import FlowGenerator
from genai_fn.testing import Fake
from tests.support.cancellation.cancel_points import BACKENDS_AND_MANNERS, Canceller, check_no_leaks, list_stops
from tests.support.interpreter_kinds import AwaitableInterpreter, run_without_waiting
from tests.support.loopback import Hang, Loopback, Reply, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_error, build_text_response
from tests.support.middleware_places import PLACES, Late, Place
from tests.support.middleware_service import RETRY, add, list_plain_results, list_results, run_with_service
from tests.support.middleware_table import MIDDLEWARE, list_held

HI = generate("gemini-2.5-flash", "hi")
SECRET = "secret-key-of-the-test"  # a made-up one
every_middleware = pytest.mark.parametrize("name", MIDDLEWARE)
every_place = pytest.mark.parametrize("place", PLACES, ids=repr)


# Results


@every_place
@every_middleware
def test_results(name: str, place: Place) -> None:
    """Results of ordinary requests, streams, flows and failures are those without the middleware."""
    middleware = MIDDLEWARE[name]()
    assert run_with_service(place, list_results, middleware) == list_plain_results(place)
    assert list_held(middleware) == []


@every_place
@every_middleware
def test_failures(name: str, place: Place) -> None:
    """A failure is that without the middleware, after as many attempts, and the next call works."""
    middleware = MIDDLEWARE[name]()

    async def body(run: AwaitableInterpreter) -> Any:
        items = await run.read_items(HI | streamed | text)
        return await run(HI | text), items, await run(HI | text), await run(generate("gemini-2.5-flash", "ho") | text)

    answers = [400, 403, 503, "he|llo", "end"] if place.retries else [400, 403, 503, "end"]
    expected = place.run(body, answers=answers, repeat=False)
    assert place.run(body, middleware, answers=answers, repeat=False) == expected
    assert list_held(middleware) == []


# What users raise


@flow
def ask_despite_exceptions(first: Any, end: Callable[[], object] = list) -> FlowGenerator[Result[Any, Any]]:
    """Run an action, whether it raises or not, and then a request; `end` is called in between."""
    outcome = "not raised"
    try:
        yield from attempt(first)
    except ZeroDivisionError:
        outcome = "raised"
    end()
    return Success((outcome, (yield from ask(HI | text))))


class RaisingAt(HandlerWrapper):
    """Raises at the n-th call of a method, before or after what it does, or at the n-th event."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_reached = False

    def __call__(self, inner: Any) -> "RaisingAt":
        self.inner = inner
        return self

    def handle(self, request: Any, until: float) -> Any:
        return self._run(self.inner.handle(request, until))

    def open_stream(self, request: Any, until: float) -> Any:
        return self._run(self.inner.open_stream(request, until))

    def read_items(self, handle: Any) -> Any:
        return self._run(self.inner.read_items(handle))

    def listen(self, event: Any) -> None:
        self._count()

    def _run(self, effects: Any) -> Any:
        self._count()
        result = yield from effects
        self._count()
        return result

    def stop(self) -> None:
        """Raise no more."""
        self.number = 0

    def _count(self) -> None:
        self.number -= 1
        if self.number == 0:
            self.is_reached = True
            raise ZeroDivisionError


@every_place
@every_middleware
def test_exceptions(name: str, place: Place, thin: Any) -> None:
    """
    What raises below the middleware, at any point of a call or stream, holds nothing: the flow may go on.

    Each case tries every third point, and those beside it the others; ``python tasks.py faults`` tries all.
    """
    for first in (HI | text, HI | streamed | text | joined, gather([HI | text, HI | text]) | collected):
        for number in thin(range(1, 20)):
            middleware, raising = MIDDLEWARE[name](), RaisingAt(number)

            async def body(run: AwaitableInterpreter, first: Any = first, stop: Any = raising.stop) -> Any:
                return await run(ask_despite_exceptions(first, stop)), await run(HI | text)

            outcome = place.run(body, raising, middleware)
            if not raising.is_reached:
                break
            assert outcome == (Success(("raised", "hello")), Success("hello"))
            assert list_held(middleware) == []
        assert number > 2


@pytest.mark.parametrize("is_sync", [True, False])
@every_middleware
def test_exceptions_of_the_event_listener(name: str, is_sync: bool) -> None:
    """A listener that raises at any event of a call or a stream holds nothing."""
    for first in (HI | text, HI | streamed | text | joined):
        for number in range(1, 20):
            raising = RaisingAt(number)

            middleware = MIDDLEWARE[name]()
            with Loopback(BusyOnce()) as server:
                make: Any = Http if is_sync else AsyncHttp
                interpreter = make(Gemini("test-key", base_url=server.url), retry=RETRY, on_event=raising.listen)

                async def body(run: AwaitableInterpreter, first: Any = first, stop: Any = raising.stop) -> Any:
                    return await run(ask_despite_exceptions(first, stop)), await run(HI | text)

                outcome = run_body(interpreter.with_middleware(middleware), body, is_sync=is_sync)
            if not raising.is_reached:
                break
            assert outcome == (Success(("raised", "hi")), Success("hi"))
            assert list_held(middleware) == []
        assert number > 2


# What ends a call early


def answer_model(received: Any) -> Reply:
    """Answer a request, or a stream by two chunks."""
    response = build_text_response("hi")
    return build_sse_reply([response, response]) if "stream" in received.target else build_json_reply(response)


class BusyOnce:
    """The server's script: 503 to the first request, so that it is retried."""

    def __init__(self) -> None:
        self.is_first = True

    def __call__(self, received: Any) -> Reply:
        is_first, self.is_first = self.is_first, False
        return build_json_reply(build_error(503), 503) if is_first else answer_model(received)


def run_body(interpreter: Any, body: Callable[[AwaitableInterpreter], Any], *, is_sync: bool) -> Any:
    """Run the body of a test with an interpreter, and close it."""

    async def run_with_interpreter() -> Any:
        async with AwaitableInterpreter(interpreter) as run:
            return await body(run)

    async def run_bounded() -> Any:
        with anyio.fail_after(120):
            return await run_with_interpreter()

    return run_without_waiting(run_with_interpreter()) if is_sync else anyio.run(run_bounded)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("backend_and_manner", BACKENDS_AND_MANNERS, ids="-".join)
@every_middleware
def test_cancellation(name: str, backend_and_manner: tuple[str, str], is_stream: bool, thin: Any) -> None:
    """
    A cancellation at any stop of a call or a stream, which is retried, holds nothing: the next call works.

    Each case tries every third stop, and those beside it the others; ``python tasks.py faults`` tries all.
    """
    backend, manner = backend_and_manner

    async def run_subject(run: Any) -> Any:
        if not is_stream:
            return await run(HI | text)
        async with run.stream(HI | streamed | text) as items:
            return [each async for each in items]

    async def body() -> None:
        middleware = MIDDLEWARE[name]()
        script = BusyOnce()
        with Loopback(script) as server:
            plain = AsyncHttp(Gemini("test-key", base_url=server.url), retry=RETRY, max_connections=2)
            async with plain:
                for k in thin(list_stops(manner)):
                    run = plain.with_middleware(middleware)
                    script.is_first = True
                    canceller = await Canceller(k, manner, get_idle_waits=server.get_idle_waits).run(
                        lambda run=run: run_subject(run)
                    )
                    assert list_held(middleware) == []
                    script.is_first = False
                    assert await run(HI | text) == Success("hi")
                    assert list_held(middleware) == []
                    if canceller.has_ended:
                        break
        assert canceller.has_ended

    async def run_bounded() -> None:
        with anyio.fail_after(300):
            await body()

    with check_no_leaks():
        anyio.run(run_bounded, backend=backend)


@every_place
@every_middleware
def test_streams_that_are_left(name: str, place: Place) -> None:
    """A stream that is left after its first item holds nothing."""
    middleware = MIDDLEWARE[name]()

    async def body(run: AwaitableInterpreter) -> Any:
        async with run.stream(HI | streamed | text) as items:
            first = await anext(items)
        assert list_held(middleware) == []
        return first, await run(HI | text)

    assert place.run(body, middleware, answers=["he|llo"]) == (Success("he"), Success("hello"))
    assert list_held(middleware) == []


# Deadlines


@every_place
@every_middleware
def test_deadlines(name: str, place: Place) -> None:
    """The deadlines of requests, streams and flows hold, and the next call works."""
    middleware, seconds = MIDDLEWARE[name](), 0.05 if place.interpreter == "Http" else 5.0
    late = HI | with_options(deadline=seconds)

    async def body(run: AwaitableInterpreter) -> Any:
        results = [await run(late | text), *(await run.read_items(late | streamed | text))]
        results += [await run(late | streamed | text | joined), await run(late | calling(add))]
        return [*results, await run(HI | text)]

    answers = [*[Late("hello")] * 4, "hello"]
    *failures, last = place.run(body, middleware, answers=answers)
    assert [TimedOut] * 4 == [type(each.failure()) for each in failures]
    assert last == Success("hello")
    assert list_held(middleware) == []


# Closing


@pytest.mark.parametrize("is_stream", [False, True])
@every_middleware
def test_closing_during_a_wait(name: str, is_stream: bool) -> None:
    """Closing the interpreter while a call waits for the server is ``Failure(Closed)``, and nothing is held."""
    middleware = MIDDLEWARE[name]()
    action: Any = (HI | streamed | text | joined) if is_stream else (HI | text)

    for kind in ("sync", "asyncio", "trio"):
        with Loopback(Hang()) as server:
            make: Any = Http if kind == "sync" else AsyncHttp
            place = Place("Http", kind)

            async def body(run: AwaitableInterpreter, server: Loopback = server) -> Any:
                async def close_later() -> None:
                    await run.run_blocking(server.wait_requests, 1)
                    await run.close()

                async def call() -> Any:
                    return await run(action)

                return (await run.run_concurrently(call, close_later))[0]

            backend = Gemini("test-key", base_url=server.url)
            result = place.run_body(lambda make=make, backend=backend: make(backend), body, (middleware,))
        assert isinstance(result.failure(), Closed)
        assert list_held(middleware) == []


# Values


@every_middleware
def test_values(name: str) -> None:
    """Middleware can be copied and pickled, and each copy works; its ``repr`` is its call, or names it."""
    middleware = MIDDLEWARE[name]()
    Fake({"generate": "hello"}).with_middleware(middleware)(HI)
    copies = [middleware, copy.copy(middleware)]
    if name != "traced":  # its providers cannot be copied
        copies += [copy.deepcopy(middleware), pickle.loads(pickle.dumps(middleware))]  # our own
    for each in copies:
        assert Fake({"generate": "hello"}).with_middleware(each)(HI | text) == Success("hello")
        assert list_held(each) == []
        assert repr(each).startswith((f"{name}(", "<budget of"))


def test_copies_of_a_budget() -> None:
    """A copy of a budget has spent what the original has, and nothing is reserved."""
    budget = budgeted(tokens=10_000, output_tokens=5)
    Fake({"generate": "hello"}).with_middleware(budget)(HI)
    assert budget.spent > 0
    for each in (copy.copy(budget), copy.deepcopy(budget), pickle.loads(pickle.dumps(budget))):  # our own
        assert (each.spent, each.reserved, each.remaining) == (budget.spent, 0, budget.remaining)
        Fake({"generate": "hello"}).with_middleware(each)(HI)
        assert each.spent == 2 * budget.spent


@every_middleware
def test_secrets(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """No credential stands in a ``repr``, a failure, an event or a log, also if the server echoes it."""
    caplog.set_level("DEBUG")
    middleware = MIDDLEWARE[name]()
    echo = build_json_reply({"error": {"code": 400, "message": f"bad key {SECRET}", "status": "INVALID_ARGUMENT"}}, 400)
    events: list[Any] = []
    with Loopback(echo) as server:
        backend = Gemini(SECRET, base_url=server.url)
        with Http(backend, on_event=events.append).with_middleware(middleware) as run:
            results: list[Any] = [run(HI), run(ask_despite_exceptions(HI)), run(HI | streamed | joined)]
            results += run(gather([embed("gemini-embedding-001", each) for each in "ab"]) | collected).failure().args
    shown = f"{middleware!r} {results!r} {events!r} {caplog.text} {[vars(each) for each in caplog.records]}"
    assert SECRET not in shown
    assert all(isinstance(each, Failure) for each in results[:3])
