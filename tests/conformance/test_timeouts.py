"""Servers that never respond, stall or drip: `TimedOut` with the right phase by the deadline, in sync too."""

import threading
from typing import Any

import pytest

from genai_fn import Retry, Success, TimedOut, Timeouts, collected, flow, sleep, text, with_options
from genai_fn.request import FlowGenerator
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini, wait_until
from tests.support.limits import retry_with_longer_limits
from tests.support.loopback import (
    Hang,
    Loopback,
    Pause,
    Repeat,
    Reply,
    Send,
    encode_chunk,
    encode_head,
    reserve_silent_port,
)
from tests.support.loopback_replies import (
    BUSY,
    CHUNKED,
    HELLO,
    HELLO_STREAM,
    OK,
    encode_text_chunk,
    list_texts,
)

HEAD = Send(encode_head(200, (CHUNKED,)))
FIRST_ITEM = Send(encode_text_chunk("a"))


@pytest.fixture(params=(HELLO | text, HELLO_STREAM | text | collected), ids=("call", "stream"))
def action(request: pytest.FixtureRequest) -> Any:
    """A call, and a stream that is collected."""
    return request.param


@retry_with_longer_limits
def test_never_responds(kind: InterpreterKind, action: Any, limit: float) -> None:
    """A server that does not respond: the wait for the response head times out."""
    with Loopback(Hang()) as server:
        error = kind.run(make_gemini(server.url), action, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "headers", True)
        assert wait_until(lambda: server.open_connections == 0)


@retry_with_longer_limits
def test_connect_timeout(kind: InterpreterKind, action: Any, limit: float) -> None:
    """A server that does not accept the connection: the connect timeout expires, and nothing was sent."""
    with reserve_silent_port(connects=False) as port:
        timeouts = Timeouts(connect=limit)
        error = kind.run(
            make_gemini(f"http://127.0.0.1:{port}"), action, timeouts=timeouts, retry=Retry(attempts=1)
        ).failure()
        assert (type(error), error.phase, error.sent) == (TimedOut, "connect", False)


@retry_with_longer_limits
def test_stalls_in_the_body(kind: InterpreterKind, limit: float) -> None:
    """A body that stalls: the idle timeout expires."""
    with Loopback((Send(encode_head(200, (("content-length", "9"),)) + b"{"), Hang())) as server:
        error = kind.run(make_gemini(server.url), HELLO, timeouts=Timeouts(idle=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "idle")
        assert wait_until(lambda: server.open_connections == 0)


@retry_with_longer_limits
def test_stalls_between_events(kind: InterpreterKind, limit: float) -> None:
    """A stream that stalls after its first item: the item is kept, and the idle timeout expires."""
    with Loopback((HEAD, FIRST_ITEM, Hang())) as server:
        first, last = kind.read_items(make_gemini(server.url), HELLO_STREAM, timeouts=Timeouts(idle=limit))
        assert (first.unwrap().text, last.failure().phase) == ("a", "idle")
        assert wait_until(lambda: server.open_connections == 0)


@retry_with_longer_limits
def test_no_first_item(kind: InterpreterKind, action: Any, limit: float) -> None:
    """`total` limits the wait for the first item; comments are not items."""
    with Loopback((HEAD, Repeat(encode_chunk(b": still here\n\n"), 0.01))) as server:
        error = kind.run(make_gemini(server.url), action, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "total")


@retry_with_longer_limits
def test_total_ends_with_the_first_item(kind: InterpreterKind, limit: float) -> None:
    """`total` does not limit a stream after its first item."""
    pauses = (each for text in "bc" for each in (Pause(limit), Send(encode_text_chunk(text))))
    with Loopback((HEAD, FIRST_ITEM, *pauses, Send(encode_chunk(b"")))) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM, timeouts=Timeouts(total=limit))) == [
            "a",
            "b",
            "c",
        ]


@pytest.mark.parametrize(
    "prefix",
    ("HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
    ids=("line", "headers", "body"),
)
@retry_with_longer_limits
def test_slow_bytes(kind: InterpreterKind, prefix: str, limit: float) -> None:
    """A server that keeps sending single bytes does not extend the deadline."""
    with Loopback((Send(prefix.encode()), Repeat(b"x", 0.01))) as server:
        error = kind.run(make_gemini(server.url), HELLO, timeouts=Timeouts(total=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "total" if prefix.endswith("\r\n\r\n") else "headers")
        assert wait_until(lambda: server.open_connections == 0)


@retry_with_longer_limits
def test_no_free_connection(kind: InterpreterKind, limit: float) -> None:
    """The wait for a free connection counts towards the deadline."""
    release = threading.Event()

    def script(_: object) -> Reply:
        release.wait(60)
        return OK

    with Loopback(script) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async def wait_for_connection() -> Any:
                await run.run_blocking(server.wait_requests, 1)
                try:
                    return await run(HELLO | with_options(deadline=limit))
                finally:
                    release.set()

            async def hold_connection() -> Any:
                return await run(HELLO)

            first, last = await run.run_concurrently(hold_connection, wait_for_connection)
            assert isinstance(first, Success)
            assert (last.failure().phase, last.failure().sent) == ("total", False)

        kind.run_body(make_gemini(server.url), body, max_connections=1)


@flow
def _sleep_for_each(*actions: Any) -> FlowGenerator[Any]:
    for _ in actions:
        yield from sleep(60)
    return Success(())


@retry_with_longer_limits
def test_deadline_of_a_request(kind: InterpreterKind, limit: float) -> None:
    """`with_options(deadline=…)` limits a request."""
    with Loopback(Hang()) as server:
        error = kind.run(make_gemini(server.url), HELLO | with_options(deadline=limit)).failure()
        assert (type(error), error.phase) == (TimedOut, "headers")


@retry_with_longer_limits
def test_deadline_of_a_flow(kind: InterpreterKind, limit: float) -> None:
    """`with_options(deadline=…)` limits a flow with all of its requests and sleeps."""
    with Loopback([OK, Hang()]) as server:
        twice = HELLO.bind(lambda _: HELLO) | with_options(deadline=limit)
        assert kind.run(make_gemini(server.url), twice).failure() == TimedOut(
            "headers", f"waiting for 127.0.0.1:{server.port}", sent=True
        )
        assert len(server.requests) == 2
        assert (
            kind.run(make_gemini(server.url), _sleep_for_each(1) | with_options(deadline=limit)).failure().phase
            == "total"
        )


@retry_with_longer_limits
def test_deadline_of_a_stream(kind: InterpreterKind, limit: float) -> None:
    """`with_options(deadline=…)` limits a stream up to its last item."""
    with Loopback((HEAD, FIRST_ITEM, Repeat(encode_chunk(b": still here\n\n"), 0.01))) as server:
        first, last = kind.read_items(make_gemini(server.url), HELLO_STREAM | with_options(deadline=limit))
        assert (first.unwrap().text, last.failure().phase) == ("a", "total")
        assert wait_until(lambda: server.open_connections == 0)


def test_no_time_to_retry(kind: InterpreterKind) -> None:
    """A retry whose delay would end after the deadline is not attempted."""
    with Loopback(BUSY) as server:
        retry = Retry(initial_delay=1e9, max_delay=1e9)
        error = kind.run(make_gemini(server.url), HELLO | with_options(retry=retry, deadline=60)).failure()
        assert (error.code, len(server.requests)) == (503, 1)
