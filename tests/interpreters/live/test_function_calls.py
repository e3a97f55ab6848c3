"""``| calling(f)``: the session runs the functions that the model calls, answers, and cancels on request."""

import asyncio
from typing import Any

import anyio
from returns.result import Failure

from genai_fn import calling, live, with_tools
from genai_fn.errors import FunctionCallError
from genai_fn.events import Called
from tests.support.live.sessions import CONNECT_TEXT, make_http, read_texts
from tests.support.live.websocket_peer import Peer, PeerConnection, wait_until


def build_call(name: str, identity: str, **args: Any) -> dict[str, Any]:
    """Build a function call as JSON."""
    return {"name": name, "id": identity, "args": args}


def list_responses(connection: PeerConnection) -> list[dict[str, Any]]:
    """List the function responses that a connection received."""
    return [
        each for message in connection.received for each in message.get("toolResponse", {}).get("functionResponses", ())
    ]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_called(run: Any) -> None:
    """Calls are answered with their ids; iteration also yields the call and later messages."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(
            toolCall={"functionCalls": [build_call("add", "c-1", a=1, b=2.0), build_call("nothing", "c-2")]}
        )
        await connection.receive()
        await connection.receive()
        await connection.send_turn("three")
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            events: list[Any] = []
            async with make_http(peer, on_event=events.append) as run, run.live(CONNECT_TEXT | calling(add)) as session:
                first = (await anext(aiter(session))).unwrap()
                assert ["add", "nothing"] == [each.name for each in first.tool_call.function_calls]
                assert ["three"] == await read_texts(session.turn())
                assert [Called] * 2 == list(map(type, events))

        run(body)
    [connection] = peer.connections
    assert ["add"] == [each["name"] for each in connection.setup["tools"][0]["functionDeclarations"]]
    responses = {each["id"]: (each["name"], each["response"]) for each in list_responses(connection)}
    assert ("add", {"result": 3}) == responses["c-1"]
    assert ("nothing", "error") == (responses["c-2"][0], *responses["c-2"][1])


def test_at_once(run: Any) -> None:
    """Calls run concurrently; each is answered when it ends."""
    started: list[str] = []

    async def meet(name: str) -> str:
        started.append(name)
        await wait_until(lambda: len(started) >= 2)
        return name

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [build_call("meet", "1", who="a")]})
        await connection.send(toolCall={"functionCalls": [build_call("meet", "2", who="b")]})
        await connection.receive()
        await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(meet)) as session:
                assert 2 == len([item async for item in session])

        run(body)
    assert {"1", "2"} == {each["id"] for each in list_responses(peer.connections[0])}


def test_cancelled_calls(run: Any) -> None:
    """A call that the server cancels is not answered; other calls continue."""
    ends: list[str] = []

    async def wait_forever() -> None:
        try:
            await anyio.sleep_forever()
        except BaseException:
            ends.append("cancelled")
            raise

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(
            toolCall={"functionCalls": [build_call("wait_forever", "1"), build_call("add", "2", a=1, b=1)]}
        )
        await connection.receive()
        await connection.send(toolCallCancellation={"ids": ["1", "gone"]})
        await connection.send(toolCall={"functionCalls": [build_call("add", "3", a=1, b=1)]})
        await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(wait_forever, add)) as session:
                assert 3 == len([item async for item in session])
                assert ["cancelled"] == ends

        run(body)
    assert ["2", "3"] == [each["id"] for each in list_responses(peer.connections[0])]


def test_awaits_a_cancelled_task() -> None:
    """A function that awaits a cancelled task of asyncio has failed: its call is answered, and the session goes on."""

    async def await_cancelled() -> None:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [build_call("await_cancelled", "1")]})
        await connection.receive()
        await connection.send(toolCall={"functionCalls": [build_call("add", "2", a=1, b=1)]})
        await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(await_cancelled, add)) as session:
                assert 2 == len([item async for item in session])

        anyio.run(body)
    failed, added = list_responses(peer.connections[0])
    assert "awaited a task that was cancelled" in failed["response"]["error"]
    assert {"result": 2} == added["response"]


def test_closed_meanwhile(run: Any) -> None:
    """Leaving the session cancels running calls."""
    ends: list[str] = []

    async def wait_forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("ended")

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [build_call("wait_forever", "1")]})
        await connection.receive_until_closed()

    with Peer(script) as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT | calling(wait_forever)) as session:
                await anext(aiter(session))
                await anyio.wait_all_tasks_blocked()
            assert ["ended"] == ends

        run(body)


def test_calls_of_the_caller(run: Any) -> None:
    """The caller answers calls of functions that are declared without an implementation."""

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [build_call("mine", "1"), build_call("add", "2", a=1, b=1)]})
        await connection.receive()
        await connection.receive()
        await connection.close()

    with Peer(script) as peer:

        async def body() -> None:
            session_request = CONNECT_TEXT | with_tools({"function_declarations": [{"name": "mine"}]}) | calling(add)
            async with make_http(peer) as run, run.live(session_request) as session:
                await anext(aiter(session))
                await session.send(live.tool_response({"id": "1", "name": "mine", "response": {"result": "so"}}))
                assert [] == [item async for item in session]

        run(body)
    assert {"1": {"result": "so"}, "2": {"result": 2}} == {
        each["id"]: each["response"] for each in list_responses(peer.connections[0])
    }


def test_failing(run: Any) -> None:
    """An exception is sent to the model or, with ``on_error="fail"``, ends the session as its last item."""

    def raise_error() -> None:
        raise KeyError("no such thing")

    async def script(connection: PeerConnection) -> None:
        await connection.accept_setup()
        await connection.send(toolCall={"functionCalls": [build_call("raise_error", "1")]})
        await connection.receive_until_closed()

    for on_error in ("return", "fail"):
        with Peer(script) as peer:

            async def body() -> None:
                session_request = CONNECT_TEXT | calling(raise_error, on_error=on_error)  # type: ignore[arg-type]  # noqa: B023  # a literal; run at once
                async with make_http(peer) as run, run.live(session_request) as session:
                    await anext(aiter(session))
                    if on_error == "fail":  # noqa: B023  # run at once
                        [last] = [item async for item in session]
                        assert Failure(FunctionCallError("raise_error", "KeyError: 'no such thing'")) == last
                    else:
                        await wait_until(lambda: peer.connections[0].received[1:])

            run(body)
        [connection] = peer.connections
        assert ([{"error": "KeyError: 'no such thing'"}] if on_error == "return" else []) == [
            each["response"] for each in list_responses(connection)
        ]
