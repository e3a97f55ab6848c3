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
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini, wait_until
from tests.support.loopback import (
    Hang,
    Loopback,
    ReceivedRequest,
    Reply,
    Send,
    build_json_reply,
    build_sse_reply,
    encode_head,
)
from tests.support.loopback_replies import (
    CHUNKED,
    HELLO,
    HELLO_STREAM,
    OK,
    STREAM,
    build_error,
    build_text_response,
    encode_text_chunk,
    list_texts,
)


def test_call(kind: InterpreterKind) -> None:
    """A call is one POST with the API key in a header, and returns a value."""
    with Loopback(OK) as server:
        assert kind.run(make_gemini(server.url), HELLO).unwrap().text == "hi"
        (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v1beta/models/test-model:generateContent")
    assert request.headers["x-goog-api-key"] == "test-key"


def test_stream(kind: InterpreterKind) -> None:
    """The items of a stream arrive in order, and its connection is used again."""
    with Loopback([STREAM, OK]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert list_texts(await run.read_items(HELLO_STREAM)) == ["a", "b"]
            assert (await run(HELLO)).unwrap().text == "hi"

        kind.run_body(make_gemini(server.url), body)
        assert server.connections == 1
        assert server.requests[0].target == "/v1beta/models/test-model:streamGenerateContent?alt=sse"


def test_items_are_not_buffered(kind: InterpreterKind) -> None:
    """An item is returned as soon as it arrives, even if the next one never does."""
    with Loopback((Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a")), Hang())) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(HELLO_STREAM) as items:
                assert (await anext(items)).unwrap().text == "a"

        kind.run_body(make_gemini(server.url), body)


def test_one_value_in_all_event_loops() -> None:
    """One value has the same result in sync, in three asyncio event loops and on trio."""

    async def call() -> object:
        async with AsyncHttp(backend) as run:
            return await run(HELLO), [item async for item in run.stream(HELLO_STREAM)]

    with Loopback(lambda request: STREAM if "stream" in request.target else OK) as server:
        backend = make_gemini(server.url)
        with Http(backend) as run, run.stream(HELLO_STREAM) as items:
            expected = run(HELLO), list(items)
        assert [asyncio.run(call()) for _ in range(3)] == [expected] * 3
        assert trio.run(call) == expected
        assert wait_until(lambda: server.open_connections == 0)


def test_one_interpreter_in_many_loops() -> None:
    """An interpreter that outlives its event loop opens new connections in the next one."""
    with Loopback(OK) as server:
        run = AsyncHttp(make_gemini(server.url))

        async def call() -> object:
            return await run(HELLO)

        results = [asyncio.run(call()), asyncio.run(call()), trio.run(call)]
        trio.run(run.aclose)
        assert [each.unwrap().text for each in results] == ["hi"] * 3
        assert wait_until(lambda: server.open_connections == 0)


def test_one_interpreter_in_two_loops_at_once() -> None:
    """Two threads, each with its own event loop, can share an interpreter."""
    with Loopback(OK) as server:
        run = AsyncHttp(make_gemini(server.url), max_connections=2)

        async def calls() -> list[Any]:
            return [await run(HELLO | text) for _ in range(20)]

        with ThreadPoolExecutor(2) as threads:
            results = [*threads.map(asyncio.run, (calls(), calls()))]
        asyncio.run(run.aclose())
        assert results == [[Success("hi")] * 20] * 2
        assert wait_until(lambda: server.open_connections == 0)


def test_map_bind_lash(kind: InterpreterKind) -> None:
    """`map` transforms a success, `bind` runs another action after a success, `lash` after a failure."""
    with Loopback(
        [OK, build_json_reply(build_text_response("two")), build_json_reply(build_error(404), 404), OK]
    ) as server:

        async def body(run: AwaitableInterpreter) -> None:
            action = HELLO.map(lambda response: str(response.text)).bind(
                lambda reply: generate("test-model", reply) | text
            )
            assert await run(action) == Success("two")
            assert (await run((HELLO | text).lash(lambda error: generate("test-model", str(error)) | text))) == Success(
                "hi"
            )

        kind.run_body(make_gemini(server.url), body)
        assert len(server.requests) == 4
        assert b"404: no" in server.requests[3].body


def test_failure_skips_map_and_bind(kind: InterpreterKind) -> None:
    """Neither `map` nor `bind` runs after a failure."""
    with Loopback(build_json_reply(build_error(404), 404)) as server:

        async def body(run: AwaitableInterpreter) -> None:
            result = await run(HELLO.map(lambda _: pytest.fail("ran")).bind(lambda _: HELLO))
            assert isinstance(result.failure(), ClientError)

        kind.run_body(make_gemini(server.url), body)


def test_text_joined_collected(kind: InterpreterKind) -> None:
    """`text` yields a stream's texts, `joined` joins its items, and `collected` returns them as a tuple."""
    with Loopback(STREAM) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert await run.read_items(HELLO_STREAM | text) == [Success("a"), Success("b")]
            assert await run(HELLO_STREAM | text | joined) == Success("ab")
            assert (await run(HELLO_STREAM | joined)).unwrap().text == "ab"
            assert await run(HELLO_STREAM | text | collected) == Success(("a", "b"))

        kind.run_body(make_gemini(server.url), body)


def test_with_http_response(kind: InterpreterKind) -> None:
    """`with_http_response` returns the value and the complete HTTP response."""
    with Loopback(build_json_reply(build_text_response("hi"), headers=(("x-test", "1"),))) as server:
        response = kind.run(make_gemini(server.url), HELLO | with_http_response).unwrap()
    assert (response.value.text, response.http.status, response.http.get_header("x-test")) == ("hi", 200, "1")
    assert b'"hi"' in response.http.body


def test_each(kind: InterpreterKind) -> None:
    """`each` calls a function with each success, and changes no item."""
    seen: list[object] = []
    with Loopback(build_sse_reply([build_text_response("a"), build_text_response("b"), build_error(500)])) as server:
        items = kind.read_items(make_gemini(server.url), HELLO_STREAM | each(lambda item: seen.append(item.text)))
    assert (list_texts(items), seen) == (["a", "b", ServerError], ["a", "b"])


def test_each_raises(kind: InterpreterKind) -> None:
    """An exception of the caller's function is raised unchanged, and leaves no connection open."""

    def refuse(_: object) -> None:
        raise LookupError("of the caller")

    with Loopback(lambda request: STREAM if "stream" in request.target else OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            for action in (HELLO_STREAM | each(refuse) | collected, HELLO.map(refuse)):
                with pytest.raises(LookupError, match="of the caller"):
                    await run(action)
            with pytest.raises(LookupError, match="of the caller"):
                await run.read_items(HELLO_STREAM | each(refuse))
            assert list_texts(await run.read_items(HELLO_STREAM)) == ["a", "b"]

        kind.run_body(make_gemini(server.url), body, max_connections=1)
        assert wait_until(lambda: server.open_connections == 0)


def test_each_awaits(kind: InterpreterKind) -> None:
    """Async interpreters await an async function; in sync it is `AsyncOnly`, without an unawaited coroutine."""
    seen: list[object] = []

    async def record(item: object) -> None:
        seen.append(item)

    with Loopback(STREAM) as server:
        result = kind.run(make_gemini(server.url), HELLO_STREAM | text | each(record) | collected)
    if kind.is_sync:
        assert isinstance(result.failure(), AsyncOnly)
    else:
        assert (result, seen) == (Success(("a", "b")), ["a", "b"])


def test_both_at_once(kind: InterpreterKind) -> None:
    """`both` sends both requests concurrently: the server responds only once both have arrived."""
    gate = threading.Barrier(2)

    def script(_: ReceivedRequest) -> Reply:
        gate.wait(60)
        return OK

    with Loopback(script) as server:
        result = kind.run(make_gemini(server.url), both(HELLO | text, HELLO))
    assert (result.unwrap()[0], result.unwrap()[1].text) == ("hi", "hi")


def test_both_fail(kind: InterpreterKind) -> None:
    """The first action's failure takes precedence over the second's; exceptions of functions are raised unchanged."""

    def script(request: ReceivedRequest) -> Reply:
        return (
            build_json_reply(build_error(400), 400)
            if b"first" in request.body
            else build_json_reply(build_error(404), 404)
        )

    first, second = generate("test-model", "first"), generate("test-model", "second")
    with Loopback(script) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert [(await run(both(*pair))).failure().code for pair in ((first, second), (second, first))] == [
                400,
                404,
            ]
            with pytest.raises(ZeroDivisionError):
                await run(both(first, second.lash(lambda _: 1 / 0)))  # type: ignore[arg-type,return-value]  # it raises

        kind.run_body(make_gemini(server.url), body)


@flow
def _catch_client_error(request: Request[Any]) -> FlowGenerator[Result[int, GenaiError]]:
    result = yield from attempt(request)
    try:
        raise_for(result)
    except ClientError as error:
        return Success(error.code)
    return Success(200)


def test_exception_caught_in_a_flow(kind: InterpreterKind) -> None:
    """A flow may catch an exception of `raise_for` and return a success."""
    with Loopback(build_json_reply(build_error(404), 404)) as server:
        assert kind.run(make_gemini(server.url), _catch_client_error(HELLO)) == Success(404)


def test_stream_called_or_call_streamed(kind: InterpreterKind) -> None:
    """Calling a stream, or streaming a call, raises InvalidRequest at once."""

    async def body(run: AwaitableInterpreter) -> None:
        with pytest.raises(InvalidRequest, match="joined"):
            await run(HELLO_STREAM)
        with pytest.raises(InvalidRequest, match="streamed"):
            run.stream(HELLO)

    kind.run_body(make_gemini("http://127.0.0.1:1"), body)


def test_closed(kind: InterpreterKind) -> None:
    """
    A call or a stream after close() is ``Failure(Closed)``, with or without an earlier call. close() can be repeated.
    """
    with Loopback(OK) as server:
        for calls in (0, 1):

            async def body(run: AwaitableInterpreter, calls: int = calls) -> None:
                for _ in range(calls):
                    await run(HELLO)
                await run.close()
                await run.close()
                assert await run(HELLO) == Failure(Closed())
                assert await run.read_items(HELLO_STREAM) == [Failure(Closed())]

            kind.run_body(make_gemini(server.url), body)
        assert wait_until(lambda: server.open_connections == 0)
