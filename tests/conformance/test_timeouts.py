"""Servers that never respond, stall or drip: `TimedOut` with the right phase by the deadline, in sync too."""

import threading
from typing import Any

import pytest

from genai_fn import Retry, Success, TimedOut, Timeouts, collected, flow, sleep, text, with_options
from genai_fn.request import FlowGenerator
from tests.support.interpreter_kinds import Faced, World, gemini, waited
from tests.support.limits import patient
from tests.support.loopback import Forever, Hang, Loopback, Pause, Reply, Send, black_hole, chunk, event, head
from tests.support.loopback_replies import BUSY, CHUNKED, HELLO, OK, PIECES, said, texts

BEGUN = Send(head(200, (CHUNKED,)))
FIRST = Send(chunk(event(said("a"))))


@pytest.fixture(params=(HELLO | text, PIECES | text | collected), ids=("call", "stream"))
def action(request: pytest.FixtureRequest) -> Any:
    """A call, and a stream that is collected."""
    return request.param


@patient
def test_never_answers(world: World, action: Any, limit: float) -> None:
    """A server that does not respond: the wait for the response head times out."""
    with Loopback(Hang()) as server:
        error = world.run(gemini(server.url), action, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "headers", True)
        assert waited(lambda: server.open_connections == 0)


@patient
def test_black_hole(world: World, action: Any, limit: float) -> None:
    """A server that does not accept the connection: the connect timeout expires, and nothing was sent."""
    with black_hole(connects=False) as port:
        timeouts = Timeouts(connect=limit)
        error = world.run(
            gemini(f"http://127.0.0.1:{port}"), action, timeouts=timeouts, retry=Retry(attempts=1)
        ).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "connect", False)


@patient
def test_stalls_in_the_body(world: World, limit: float) -> None:
    """A body that stalls: the idle timeout expires."""
    with Loopback((Send(head(200, (("content-length", "9"),)) + b"{"), Hang())) as server:
        error = world.run(gemini(server.url), HELLO, timeouts=Timeouts(idle=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "idle")
        assert waited(lambda: server.open_connections == 0)


@patient
def test_stalls_between_events(world: World, limit: float) -> None:
    """A stream that stalls after its first item: the item is kept, and the idle timeout expires."""
    with Loopback((BEGUN, FIRST, Hang())) as server:
        good, bad = world.items(gemini(server.url), PIECES, timeouts=Timeouts(idle=limit))
        assert (good.unwrap().text, bad.failure().phase) == ("a", "idle")
        assert waited(lambda: server.open_connections == 0)


@patient
def test_no_first_item(world: World, action: Any, limit: float) -> None:
    """`total` limits the wait for the first item; comments are not items."""
    with Loopback((BEGUN, Forever(chunk(b": still here\n\n"), 0.01))) as server:
        error = world.run(gemini(server.url), action, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "total")


@patient
def test_silence_alone_counts_after_the_first_item(world: World, limit: float) -> None:
    """`total` does not bound a stream that goes on."""
    slow = (each for text in "bc" for each in (Pause(limit), Send(chunk(event(said(text))))))
    with Loopback((BEGUN, FIRST, *slow, Send(chunk(b"")))) as server:
        assert texts(world.items(gemini(server.url), PIECES, timeouts=Timeouts(total=limit))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "begun",
    ("", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
    ids=("line", "headers", "body"),
)
@patient
def test_drips(world: World, begun: str, limit: float) -> None:
    """A server that keeps sending single bytes does not extend the deadline."""
    with Loopback((Send(begun.encode()), Forever(b"x", 0.01))) as server:
        error = world.run(gemini(server.url), HELLO, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "total" if begun.endswith("\r\n\r\n") else "headers")
        assert waited(lambda: server.open_connections == 0)


@patient
def test_no_lane(world: World, limit: float) -> None:
    """Waiting for a lane counts: the only one is busy."""
    release = threading.Event()

    def script(_: object) -> Reply:
        release.wait(60)
        return OK

    with Loopback(script) as server:

        async def body(run: Faced) -> None:
            async def late() -> Any:
                await run.see(server.wait_requests, 1)
                try:
                    return await run(HELLO | with_options(deadline=limit))
                finally:
                    release.set()

            async def first() -> Any:
                return await run(HELLO)

            good, bad = await run.at_once(first, late)
            assert isinstance(good, Success)
            assert (bad.failure().phase, bad.failure().sent) == ("total", False)

        world.within(gemini(server.url), body, max_connections=1)


@flow
def _slowly(*actions: Any) -> FlowGenerator[Any]:
    for _ in actions:
        yield from sleep(60)
    return Success(())


@patient
def test_deadline_of_a_request(world: World, limit: float) -> None:
    """`with_options(deadline=…)` limits a request."""
    with Loopback(Hang()) as server:
        error = world.run(gemini(server.url), HELLO | with_options(deadline=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "headers")


@patient
def test_deadline_of_a_flow(world: World, limit: float) -> None:
    """`with_options(deadline=…)` limits a flow with all of its requests and sleeps."""
    with Loopback([OK, Hang()]) as server:
        twice = HELLO.bind(lambda _: HELLO) | with_options(deadline=limit)
        assert world.run(gemini(server.url), twice).failure() == TimedOut(
            "headers", f"waiting for 127.0.0.1:{server.port}", sent=True
        )
        assert len(server.requests) == 2
        assert world.run(gemini(server.url), _slowly(1) | with_options(deadline=limit)).failure().phase == "total"


@patient
def test_deadline_of_a_stream(world: World, limit: float) -> None:
    """`with_options(deadline=…)` limits a stream up to its last item."""
    with Loopback((BEGUN, FIRST, Forever(chunk(b": still here\n\n"), 0.01))) as server:
        good, bad = world.items(gemini(server.url), PIECES | with_options(deadline=limit))
        assert (good.unwrap().text, bad.failure().phase) == ("a", "total")
        assert waited(lambda: server.open_connections == 0)


def test_no_time_to_try_again(world: World) -> None:
    """A wait that would end after the deadline is not begun."""
    with Loopback(BUSY) as server:
        long = Retry(initial_delay=1e9, max_delay=1e9)
        error = world.run(gemini(server.url), HELLO | with_options(retry=long, deadline=60)).failure()
        assert (error.code, len(server.requests)) == (503, 1)
