"""Successful calls and streams, and their modifiers and methods, with every kind of interpreter."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

from genai_fn import (
    AsyncHttp,
    AsyncOnly,
    Failure,
    Http,
    InvalidRequest,
    Request,
    Result,
    Success,
    attempt,
    both,
    collected,
    each,
    flow,
    generate,
    joined,
    raise_for,
    text,
    with_http_response,
)
from genai_fn.errors import ClientError, Closed, GenaiError, ServerError
from genai_fn.request import FlowGenerator
from tests.support.interpreter_kinds import Faced, World, gemini, waited
from tests.support.loopback import Hang, Loopback, Received, Reply, Send, chunk, event, head, json_reply, sse_reply
from tests.support.loopback_replies import CHUNKED, HELLO, OK, PIECES, STREAM, fault, said, texts


def test_whole(world: World) -> None:
    """A call is one POST, with its key in a header, and its answer is a value."""
    with Loopback(OK) as server:
        assert world.run(gemini(server.url), HELLO).unwrap().text == "hi"
        (received,) = server.requests
    assert (received.method, received.target) == ("POST", "/v1beta/models/test-model:generateContent")
    assert received.headers["x-goog-api-key"] == "test-key"


def test_in_pieces(world: World) -> None:
    """A stream's items come in order, and its connection serves again."""
    with Loopback([STREAM, OK]) as server:

        async def body(run: Faced) -> None:
            assert texts(await run.items(PIECES)) == ["a", "b"]
            assert (await run(HELLO)).unwrap().text == "hi"

        world.within(gemini(server.url), body)
        assert server.connections == 1
        assert server.requests[0].target == "/v1beta/models/test-model:streamGenerateContent?alt=sse"


def test_items_come_as_they_are_sent(world: World) -> None:
    """An item is returned as soon as it arrives, even if the next one never does."""
    with Loopback((Send(head(200, (CHUNKED,)) + chunk(event(said("a")))), Hang())) as server:

        async def body(run: Faced) -> None:
            async with run.stream(PIECES) as items:
                assert (await anext(items)).unwrap().text == "a"

        world.within(gemini(server.url), body)


def test_one_value_in_all_worlds() -> None:
    """The same value runs in sync, three event loops of asyncio and one of trio, alike; nothing is bound to a loop."""

    async def call() -> object:
        async with AsyncHttp(backend) as run:
            return await run(HELLO), [item async for item in run.stream(PIECES)]

    with Loopback(lambda received: STREAM if "stream" in received.target else OK) as server:
        backend = gemini(server.url)
        with Http(backend) as run, run.stream(PIECES) as items:
            expected = run(HELLO), list(items)
        assert [asyncio.run(call()) for _ in range(3)] == [expected] * 3
        assert trio.run(call) == expected
        assert waited(lambda: server.open_connections == 0)


def test_one_interpreter_in_many_loops() -> None:
    """An interpreter that outlives its event loop opens new connections in the next one."""
    with Loopback(OK) as server:
        run = AsyncHttp(gemini(server.url))

        async def call() -> object:
            return await run(HELLO)

        results = [asyncio.run(call()), asyncio.run(call()), trio.run(call)]
        trio.run(run.aclose)
        assert [each.unwrap().text for each in results] == ["hi"] * 3
        assert waited(lambda: server.open_connections == 0)


def test_one_interpreter_in_two_loops_at_once() -> None:
    """Two threads, each with its own event loop, can share an interpreter."""
    with Loopback(OK) as server:
        run = AsyncHttp(gemini(server.url), max_connections=2)

        async def calls() -> list[Any]:
            return [await run(HELLO | text) for _ in range(20)]

        with ThreadPoolExecutor(2) as threads:
            results = [*threads.map(asyncio.run, (calls(), calls()))]
        asyncio.run(run.aclose())
        assert results == [[Success("hi")] * 20] * 2
        assert waited(lambda: server.open_connections == 0)


def test_map_bind_lash(world: World) -> None:
    """`map` transforms a success, `bind` runs another action after a success, `lash` after a failure."""
    with Loopback([OK, json_reply(said("two")), json_reply(fault(404), 404), OK]) as server:

        async def body(run: Faced) -> None:
            then = HELLO.map(lambda response: str(response.text)).bind(lambda said: generate("test-model", said) | text)
            assert await run(then) == Success("two")
            assert (await run((HELLO | text).lash(lambda error: generate("test-model", str(error)) | text))) == Success(
                "hi"
            )

        world.within(gemini(server.url), body)
        assert len(server.requests) == 4
        assert b"404: no" in server.requests[3].body


def test_failure_goes_round_map_and_bind(world: World) -> None:
    """Neither `map` nor `bind` runs after a failure."""
    with Loopback(json_reply(fault(404), 404)) as server:

        async def body(run: Faced) -> None:
            result = await run(HELLO.map(lambda _: pytest.fail("ran")).bind(lambda _: HELLO))
            assert isinstance(result.failure(), ClientError)

        world.within(gemini(server.url), body)


def test_text_joined_collected(world: World) -> None:
    """`text` yields a stream's texts, `joined` joins its items, and `collected` returns them as a tuple."""
    with Loopback(STREAM) as server:

        async def body(run: Faced) -> None:
            assert await run.items(PIECES | text) == [Success("a"), Success("b")]
            assert await run(PIECES | text | joined) == Success("ab")
            assert (await run(PIECES | joined)).unwrap().text == "ab"
            assert await run(PIECES | text | collected) == Success(("a", "b"))

        world.within(gemini(server.url), body)


def test_with_http_response(world: World) -> None:
    """`with_http_response` returns the value and the complete HTTP response."""
    with Loopback(json_reply(said("hi"), headers=(("x-test", "1"),))) as server:
        replied = world.run(gemini(server.url), HELLO | with_http_response).unwrap()
    assert (replied.value.text, replied.http.status, replied.http.get_header("x-test")) == ("hi", 200, "1")
    assert b'"hi"' in replied.http.body


def test_each(world: World) -> None:
    """`each` calls a function with each success, and changes no item."""
    seen: list[object] = []
    with Loopback(sse_reply([said("a"), said("b"), fault(500)])) as server:
        items = world.items(gemini(server.url), PIECES | each(lambda item: seen.append(item.text)))
    assert (texts(items), seen) == (["a", "b", ServerError], ["a", "b"])


def test_each_raises(world: World) -> None:
    """An exception of the caller's function is raised unchanged, and leaves no connection open."""

    def refuse(_: object) -> None:
        raise LookupError("mine")

    with Loopback(lambda received: STREAM if "stream" in received.target else OK) as server:

        async def body(run: Faced) -> None:
            for action in (PIECES | each(refuse) | collected, HELLO.map(refuse)):
                with pytest.raises(LookupError, match="mine"):
                    await run(action)
            with pytest.raises(LookupError, match="mine"):
                await run.items(PIECES | each(refuse))
            assert texts(await run.items(PIECES)) == ["a", "b"]

        world.within(gemini(server.url), body, max_connections=1)
        assert waited(lambda: server.open_connections == 0)


def test_each_awaits(world: World) -> None:
    """Async interpreters await an async function; in sync it is `AsyncOnly`, without an unawaited coroutine."""
    seen: list[object] = []

    async def see(item: object) -> None:
        seen.append(item)

    with Loopback(STREAM) as server:
        result = world.run(gemini(server.url), PIECES | text | each(see) | collected)
    if world.is_sync:
        assert isinstance(result.failure(), AsyncOnly)
    else:
        assert (result, seen) == (Success(("a", "b")), ["a", "b"])


def test_both_at_once(world: World) -> None:
    """`both` sends both requests concurrently: the server responds only once both have arrived."""
    gate = threading.Barrier(2)

    def script(_: Received) -> Reply:
        gate.wait(60)
        return OK

    with Loopback(script) as server:
        result = world.run(gemini(server.url), both(HELLO | text, HELLO))
    assert (result.unwrap()[0], result.unwrap()[1].text) == ("hi", "hi")


def test_both_fail(world: World) -> None:
    """The first action's failure takes precedence over the second's; exceptions of functions are raised unchanged."""

    def script(received: Received) -> Reply:
        return json_reply(fault(400), 400) if b"first" in received.body else json_reply(fault(404), 404)

    first, second = generate("test-model", "first"), generate("test-model", "second")
    with Loopback(script) as server:

        async def body(run: Faced) -> None:
            assert [(await run(both(*pair))).failure().code for pair in ((first, second), (second, first))] == [
                400,
                404,
            ]
            with pytest.raises(ZeroDivisionError):
                await run(both(first, second.lash(lambda _: 1 / 0)))  # type: ignore[arg-type,return-value]  # it raises

        world.within(gemini(server.url), body)


@flow
def _careful(request: Request[Any]) -> FlowGenerator[Result[int, GenaiError]]:
    result = yield from attempt(request)
    try:
        raise_for(result)
    except ClientError as error:
        return Success(error.code)
    return Success(200)


def test_raised_in_a_flow(world: World) -> None:
    """A flow may catch an exception of `raise_for` and return a success."""
    with Loopback(json_reply(fault(404), 404)) as server:
        assert world.run(gemini(server.url), _careful(HELLO)) == Success(404)


def test_wrong_kind(world: World) -> None:
    """A stream is not to be called, nor an action to be streamed: a mistake, raised at once."""

    async def body(run: Faced) -> None:
        with pytest.raises(InvalidRequest, match="joined"):
            await run(PIECES)
        with pytest.raises(InvalidRequest, match="streamed"):
            run.stream(HELLO)

    world.within(gemini("http://127.0.0.1:1"), body)


def test_closed(world: World) -> None:
    """
    A call or a stream after close() is ``Failure(Closed)``, with or without an earlier call; close() can be repeated.
    """
    with Loopback(OK) as server:
        for calls in (0, 1):

            async def body(run: Faced, calls: int = calls) -> None:
                for _ in range(calls):
                    await run(HELLO)
                await run.close()
                await run.close()
                assert await run(HELLO) == Failure(Closed())
                assert await run.items(PIECES) == [Failure(Closed())]

            world.within(gemini(server.url), body)
        assert waited(lambda: server.open_connections == 0)
