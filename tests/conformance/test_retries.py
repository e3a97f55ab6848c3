"""What is retried, how often, and after which delay: the same with every kind of interpreter, for calls and streams."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from genai_fn import Failure, Retry, Success, Timeouts, collected, text, with_options
from genai_fn.errors import ConnectError, Disconnected, RateLimited, ServerError, TransportError
from tests.support.interpreter_kinds import Faced, Naps, World, gemini, waited
from tests.support.loopback import (
    Close,
    Loopback,
    Reply,
    Reset,
    Send,
    chunk,
    event,
    head,
    json_reply,
    refusing_port,
    sse_reply,
)
from tests.support.loopback_replies import BUSY, CHUNKED, HELLO, OK, ONCE, PIECES, STREAM, fault, said, texts

WHOLE = HELLO | text
ALL = PIECES | text | collected
ADVICE = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}


@pytest.fixture(params=(False, True), ids=("call", "stream"))
def is_stream(request: pytest.FixtureRequest) -> bool:
    """Whether to stream and collect, or to call."""
    return bool(request.param)


def test_busy_twice(world: World, naps: Naps, is_stream: bool) -> None:
    """Two 503s and then a 200 give one result, after two waits with exponential backoff and full jitter."""
    with Loopback([BUSY, BUSY, STREAM if is_stream else OK]) as server:
        result = world.run(gemini(server.url), ALL if is_stream else WHOLE)
        assert (result, len(server.requests)) == (Success(("a", "b") if is_stream else "hi"), 3)
    assert len(naps.slept) == 2
    assert [0 <= seconds <= most for seconds, most in zip(naps.slept, (1, 2), strict=True)] == [True, True]


def test_policy(world: World, naps: Naps, is_stream: bool) -> None:
    """A policy without jitter waits exactly its delays, and only its status codes are retried."""
    policy = Retry(initial_delay=3, multiplier=4, jitter=0, status_codes=(404,))
    absent = json_reply(fault(404), 404)
    with Loopback([absent, absent, STREAM if is_stream else OK, BUSY]) as server:
        results = [world.run(gemini(server.url), ALL if is_stream else WHOLE, retry=policy) for _ in range(2)]
    assert isinstance(results[0], Success)
    assert results[1].failure().code == 503
    assert naps.slept == [3.0, 12.0]


@pytest.mark.parametrize(
    "refusal",
    (
        json_reply(fault(429, details=[ADVICE]), 429, (("retry-after", "9"),)),
        json_reply(fault(429), 429, (("retry-after", "3.5"),)),
        json_reply(fault(429), 429, (("retry-after", "9"), ("retry-after-ms", "3500"))),
        Reply(429, (("retry-after", "3.5"),), b"<html>slow down</html>"),
    ),
    ids=("RetryInfo", "Retry-After", "retry-after-ms", "html"),
)
def test_advice(world: World, naps: Naps, is_stream: bool, refusal: Reply) -> None:
    """The server's advice replaces the delay of the policy."""
    with Loopback([refusal, STREAM if is_stream else OK]) as server:
        result = world.run(gemini(server.url), ALL if is_stream else WHOLE)
    assert isinstance(result, Success)
    assert naps.slept == [3.5]


def test_advice_past_the_deadline(world: World, naps: Naps, is_stream: bool) -> None:
    """If the server's advice exceeds the deadline, the call fails at once with the server's error."""
    with Loopback(json_reply(fault(429, details=[{**ADVICE, "retryDelay": "61s"}]), 429)) as server:
        timely = with_options(timeouts=Timeouts(total=60))
        result = world.run(gemini(server.url), (ALL if is_stream else WHOLE) | timely)
        assert isinstance(result.failure(), RateLimited)
        assert (len(server.requests), naps.slept) == (1, [])


def test_not_worth_it(world: World, naps: Naps, is_stream: bool) -> None:
    """A 4xx but for 408 and 429 is final."""
    with Loopback(json_reply(fault(400), 400)) as server:
        result = world.run(gemini(server.url), ALL if is_stream else WHOLE)
        assert (result.failure().code, len(server.requests)) == (400, 1)


Faults = dict[str, tuple[Callable[[], AbstractContextManager[Any]], type[TransportError] | type[ServerError]]]

FAULTS: Faults = {
    "refused": (refusing_port, ConnectError),
    "reset": (lambda: Loopback(Reset()), Disconnected),
    "closed": (lambda: Loopback(Close()), Disconnected),
    "half a head": (lambda: Loopback((Send(b"HTTP/1.1 200 OK\r\nconte"), Reset())), Disconnected),
    "503": (lambda: Loopback(BUSY), ServerError),
}


@pytest.mark.parametrize("name", FAULTS)
def test_as_many_attempts(world: World, naps: Naps, is_stream: bool, name: str) -> None:
    """Each error before a response is retried as often as the policy allows, for calls and streams."""
    opened, kind = FAULTS[name]
    attempts: list[int] = []
    with opened() as server:
        url = server.url if isinstance(server, Loopback) else f"http://127.0.0.1:{server}"
        result = world.run(
            gemini(url),
            ALL if is_stream else WHOLE,
            retry=Retry(attempts=3),
            on_event=lambda told: attempts.append(told.attempt) if hasattr(told, "attempt") else None,
            max_connections=1,
        )
        assert isinstance(result.failure(), kind)
        assert (attempts, len(naps.slept)) == ([1, 2, 3], 2)
        if isinstance(server, Loopback):
            assert len(server.requests) == 3


def test_reset_then_well(world: World, naps: Naps, is_stream: bool) -> None:
    """A connection reset before the head is followed by a good one."""
    with Loopback([Reset(), STREAM if is_stream else OK]) as server:
        assert isinstance(world.run(gemini(server.url), ALL if is_stream else WHOLE, max_connections=1), Success)


def test_cut_fault_gives_its_lane_back(world: World, naps: Naps, is_stream: bool) -> None:
    """A 503 whose body is cut is tried again though there is one lane."""
    cut = (Send(head(503, (("content-length", "100"),)) + b"{"), Reset())
    with Loopback([cut, STREAM if is_stream else OK]) as server:
        assert isinstance(world.run(gemini(server.url), ALL if is_stream else WHOLE, max_connections=1), Success)


def test_stale_keep_alive(world: World, is_stream: bool) -> None:
    """A dead kept-alive connection is replaced, and that does not count as an attempt."""
    with Loopback([OK, STREAM if is_stream else OK], close_after=1) as server:

        async def body(run: Faced) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance(await run(ALL if is_stream else WHOLE), Success)

        world.within(gemini(server.url), body, retry=Retry(attempts=1))
        assert (server.connections, len(server.requests)) == (2, 2)


def test_died_in_reuse(world: World, is_stream: bool) -> None:
    """A kept connection that dies as it is used again is replaced at once, and that was no attempt."""
    with Loopback([OK, Reset(), STREAM if is_stream else OK]) as server:

        async def body(run: Faced) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance(await run(ALL if is_stream else WHOLE), Success)

        world.within(gemini(server.url), body, retry=Retry(attempts=1))
        assert (server.connections, len(server.requests)) == (2, 3)


def test_never_twice(world: World, naps: Naps) -> None:
    """An unrepeatable operation is sent once, on a new connection, whatever fails afterwards."""
    with Loopback([OK, Reset(), OK]) as server:

        async def body(run: Faced) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance((await run(ONCE)).failure(), Disconnected)

        world.within(gemini(server.url), body)
        assert [received.target.rpartition("/")[2] for received in server.requests] == [
            "test-model:generateContent",
            "once",
        ]
        assert (server.connections, naps.slept) == (2, [])


def test_never_twice_after_a_503(world: World, naps: Naps) -> None:
    """An unrepeatable operation is not retried after a 503."""
    with Loopback([BUSY, OK]) as server:
        assert isinstance(world.run(gemini(server.url), ONCE).failure(), ServerError)
        assert len(server.requests) == 1


def test_never_sent(world: World, naps: Naps) -> None:
    """An unrepeatable operation is retried as long as nothing was sent."""
    with refusing_port() as port:
        assert isinstance(world.run(gemini(f"http://127.0.0.1:{port}"), ONCE).failure(), ConnectError)
    assert len(naps.slept) == 3


def test_fault_before_the_first_item(world: World, naps: Naps) -> None:
    """An error event instead of the first item is retried, whatever the HTTP status."""
    with Loopback([sse_reply([fault(503)]), json_reply(fault(503)), STREAM]) as server:
        assert texts(world.items(gemini(server.url), PIECES, max_connections=1)) == ["a", "b"]
        assert (len(server.requests), len(naps.slept)) == (3, 2)


def test_cut_before_the_first_item(world: World, naps: Naps) -> None:
    """A stream cut before its first item is tried again though there is one lane."""
    with Loopback([(Send(head(200, (CHUNKED,))), Reset()), STREAM]) as server:
        assert texts(world.items(gemini(server.url), PIECES, max_connections=1)) == ["a", "b"]


def test_fault_after_an_item(world: World, naps: Naps) -> None:
    """An error event after an item ends the stream: earlier items are kept, and nothing is retried."""
    with Loopback(sse_reply([said("a"), fault(503), said("b")])) as server:
        assert texts(world.items(gemini(server.url), PIECES)) == ["a", ServerError]
        assert (len(server.requests), naps.slept) == (1, [])
        assert waited(lambda: server.open_connections == 0)


def test_cut_after_an_item(world: World, naps: Naps) -> None:
    """A cut after an item ends the stream as well."""
    cut = (Send(head(200, (CHUNKED,)) + chunk(event(said("a")))), Reset())
    with Loopback(cut) as server:
        assert texts(world.items(gemini(server.url), PIECES)) == ["a", Disconnected]
        assert len(server.requests) == 1


def test_tries_of_one_action(world: World, naps: Naps) -> None:
    """`with_options(retry=…)` is for one action."""
    with Loopback(BUSY) as server:
        assert isinstance(world.run(gemini(server.url), WHOLE | with_options(retry=Retry(attempts=2))), Failure)
        assert len(server.requests) == 2
