"""Peers that never answer, stall or drip: a Failure of the right kind within the deadline, in sync too."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from genai_fn import Retry, Success, TimedOut, Timeouts, collected, flow, sleep, text, with_options
from genai_fn.request import Steps
from tests.conformance.answers import BUSY, CHUNKED, HELLO, OK, PIECES, said, texts
from tests.conformance.worlds import Faced, World, gemini, waited
from tests.loopback import Drip, Forever, Hang, Loopback, Reply, Send, black_hole, chunk, event, head

SHORT = 0.2
LONG = 5.0
"""What a test that is to end after `SHORT` seconds may last at most, on a slow machine."""

BEGUN = Send(head(200, (CHUNKED,)))
FIRST = Send(chunk(event(said("a"))))


@contextmanager
def soon() -> Generator[None]:
    """Hold that the block did not hang."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < LONG


@pytest.fixture(params=(HELLO | text, PIECES | text | collected), ids=("call", "stream"))
def action(request: pytest.FixtureRequest) -> Any:
    """A call, and a stream that is collected."""
    return request.param


def test_never_answers(world: World, action: Any) -> None:
    """A peer that takes a request and says nothing: the wait for the head has run out."""
    with Loopback(Hang()) as server, soon():
        error = world.run(gemini(server.url), action, timeouts=Timeouts(total=SHORT)).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "headers", True)
        assert waited(lambda: server.open_connections == 0)


def test_black_hole(world: World, action: Any) -> None:
    """A peer that does not complete the connection; nothing was sent."""
    with black_hole(connects=False) as port, soon():
        timeouts = Timeouts(connect=SHORT)
        error = world.run(gemini(f"http://127.0.0.1:{port}"), action, timeouts=timeouts, retry=Retry(tries=1)).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "connect", False)


def test_stalls_in_the_body(world: World) -> None:
    """A body that has begun and goes silent."""
    with Loopback((Send(head(200, (("content-length", "9"),)) + b"{"), Hang())) as server, soon():
        error = world.run(gemini(server.url), HELLO, timeouts=Timeouts(idle=SHORT)).failure()
        assert (type(error), error.phase) == (TimedOut, "idle")
        assert waited(lambda: server.open_connections == 0)


def test_stalls_between_events(world: World) -> None:
    """A stream that goes silent after its first item, which is kept."""
    with Loopback((BEGUN, FIRST, Hang())) as server, soon():
        good, bad = world.items(gemini(server.url), PIECES, timeouts=Timeouts(idle=SHORT))
        assert (good.unwrap().text, bad.failure().phase) == ("a", "idle")
        assert waited(lambda: server.open_connections == 0)


def test_no_first_item(world: World, action: Any) -> None:
    """Comments are no item: `total` bounds the wait for the first one."""
    with Loopback((BEGUN, Forever(chunk(b": still here\n\n"), 0.01))) as server, soon():
        error = world.run(gemini(server.url), action, timeouts=Timeouts(total=SHORT)).failure()
        assert (type(error), error.phase) == (TimedOut, "total")


def test_silence_alone_counts_after_the_first_item(world: World) -> None:
    """`total` does not bound a stream that goes on."""
    slow = tuple(Drip(chunk(event(said(text))), 0.001) for text in "bc")
    with Loopback((BEGUN, FIRST, *slow, Send(chunk(b"")))) as server:
        assert texts(world.items(gemini(server.url), PIECES, timeouts=Timeouts(total=SHORT))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "begun",
    ("", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
    ids=("line", "headers", "body"),
)
def test_drips(world: World, begun: str) -> None:
    """A peer that always sends one more byte does not outlast the deadline, nor the wait for the head."""
    with Loopback((Send(begun.encode()), Forever(b"x", 0.01))) as server, soon():
        error = world.run(gemini(server.url), HELLO, timeouts=Timeouts(total=SHORT)).failure()
        assert (type(error), error.phase) == (TimedOut, "total" if begun.endswith("\r\n\r\n") else "headers")
        assert waited(lambda: server.open_connections == 0)


def test_no_lane(world: World) -> None:
    """Waiting for a lane counts: the only one is busy."""
    release = threading.Event()

    def script(_: object) -> Reply:
        release.wait(60)
        return OK

    with Loopback(script) as server, soon():

        async def body(run: Faced) -> None:
            async def late() -> Any:
                await run.see(server.wait_requests, 1)
                try:
                    return await run(HELLO | with_options(deadline=SHORT))
                finally:
                    release.set()

            async def first() -> Any:
                return await run(HELLO)

            good, bad = await run.at_once(first, late)
            assert isinstance(good, Success)
            assert (bad.failure().phase, bad.failure().sent) == ("total", False)

        world.within(gemini(server.url), body, lanes=1)


@flow
def _slowly(*actions: Any) -> Steps[Any]:
    for _ in actions:
        yield from sleep(60)
    return Success(())


def test_deadline_of_a_request(world: World) -> None:
    """`with_options(deadline=…)` bounds one request."""
    with Loopback(Hang()) as server, soon():
        error = world.run(gemini(server.url), HELLO | with_options(deadline=SHORT)).failure()
        assert (type(error), error.phase) == (TimedOut, "headers")


def test_deadline_of_a_flow(world: World) -> None:
    """… a flow with all of its steps, waits among them, …"""
    with Loopback([OK, Hang()]) as server, soon():
        twice = HELLO.bind(lambda _: HELLO) | with_options(deadline=SHORT)
        assert world.run(gemini(server.url), twice).failure() == TimedOut(
            "headers", f"waiting for 127.0.0.1:{server.port}", sent=True
        )
        assert len(server.requests) == 2
        assert world.run(gemini(server.url), _slowly(1) | with_options(deadline=SHORT)).failure().phase == "total"


def test_deadline_of_a_stream(world: World) -> None:
    """… and a stream to its last item, which silence alone does not."""
    with Loopback((BEGUN, FIRST, Forever(chunk(b": still here\n\n"), 0.01))) as server, soon():
        good, bad = world.items(gemini(server.url), PIECES | with_options(deadline=SHORT))
        assert (good.unwrap().text, bad.failure().phase) == ("a", "total")
        assert waited(lambda: server.open_connections == 0)


def test_no_time_to_try_again(world: World) -> None:
    """A wait that would end after the deadline is not begun."""
    with Loopback(BUSY) as server, soon():
        long = Retry(first=1e9, most=1e9)
        error = world.run(gemini(server.url), HELLO | with_options(retry=long, deadline=LONG)).failure()
        assert (error.code, len(server.requests)) == (503, 1)
