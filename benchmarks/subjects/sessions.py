"""Cost of Live sessions: thousands of small messages with replies, and hundreds of audio chunks."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from benchmarks.cases import Case, Scenario, Task
from benchmarks.environments import Contestant
from benchmarks.report import Effort, Row
from benchmarks.sessions_server import run_session_server
from benchmarks.workers import measure_cases

_ECHO = "a word or two "
_FRAME = b'{"realtimeInput":{"text":"a word or two "}}'
_SETUP = '{"setup": {"model": "models/%s"}}'

_Conversation: TypeAlias = Callable[[str, str, bool], Awaitable[int]]


def measure(contestants: Mapping[str, Contestant], effort: Effort) -> Iterator[Row]:
    """CPU time a message. Ours on trio is compared with google-genai on asyncio, which is all that it supports."""
    with run_session_server() as url:
        yield from measure_cases(sys.modules[__name__], contestants, effort, url)


def _run_session(converse: _Conversation, kind: str) -> Scenario:
    """Run one session of as many messages as the task says."""

    def run(task: Task) -> None:
        async def main() -> None:
            await converse(task.url, f"{kind}-1", kind == "small")  # imports
            with task.measure():
                received = await converse(task.url, f"{kind}-{task.count}", kind == "small")
            assert received == task.count, f"{received} messages of {task.count}"

        task.run(main)

    return run


async def _run_ours(url: str, model: str, is_echoing: bool) -> int:
    from genai_fn import AsyncHttp, Gemini, live, with_config

    received = 0
    description = live.connect(model) | with_config(response_modalities=["TEXT"])
    async with AsyncHttp(Gemini("test-key", base_url=url), proxy="") as run, run.live(description) as session:
        async for item in session.turn():
            content = item.unwrap().server_content
            received += bool(content and content.model_turn)
            if is_echoing and content and content.model_turn:
                (await session.send(live.realtime_input(text=_ECHO))).unwrap()
    return received


async def _run_theirs(url: str, model: str, is_echoing: bool) -> int:
    """google-genai always connects with TLS, so its connect function is replaced."""
    from google.genai import Client, live

    received = 0
    client = Client(api_key="test-key", http_options={"base_url": url})
    theirs_live: Any = live  # whose connect function is not public
    config: Any = {"response_modalities": ["TEXT"]}
    original = theirs_live.ws_connect
    theirs_live.ws_connect = _connect_without_tls
    try:
        async with client.aio.live.connect(model=model, config=config) as session:
            async for message in session.receive():
                content = message.server_content
                received += bool(content and content.model_turn)
                if is_echoing and content and content.model_turn:
                    await session.send_realtime_input(text=_ECHO)
    finally:
        theirs_live.ws_connect = original
        client.close()
    return received


def _connect_without_tls(uri: str, **settings: Any) -> Any:
    from websockets.asyncio.client import connect

    return connect(uri.replace("wss:", "ws:", 1), additional_headers=settings["additional_headers"])


async def _run_raw(url: str, model: str, is_echoing: bool) -> int:
    from websockets.asyncio.client import connect

    async with connect(url.replace("http", "ws", 1), compression=None, max_size=None) as socket:
        return await _converse(partial(socket.recv, decode=False), partial(socket.send, text=True), model, is_echoing)


async def _run_raw_trio(url: str, model: str, is_echoing: bool) -> int:
    import trio_websocket

    socket_url = url.replace("http", "ws", 1)
    async with trio_websocket.open_websocket_url(socket_url, max_message_size=2**26) as socket:
        return await _converse(socket.get_message, lambda frame: socket.send_message(frame.decode()), model, is_echoing)


async def _converse(
    receive: Callable[[], Awaitable[Any]], send: Callable[[bytes], Awaitable[None]], model: str, is_echoing: bool
) -> int:
    """Decode into our types and send prepared frames: the least that a session can cost."""
    import msgspec

    from genai_fn.schema import LiveServerMessage

    decoder = msgspec.json.Decoder(LiveServerMessage, strict=False)
    await send((_SETUP % model).encode())
    await receive()
    received = 0
    while True:
        content = decoder.decode(await receive()).server_content
        if content is not None and content.turn_complete:
            return received
        received += 1
        if is_echoing:
            await send(_FRAME)


def _build_case(kind: str, count: int, event_loop: str, **fields: Any) -> Case:
    raw = _run_raw if event_loop == "asyncio" else _run_raw_trio
    conversations = {"ours": _run_ours, "theirs": _run_theirs, "raw": raw}
    run = {role: _run_session(each, kind) for role, each in conversations.items()}
    return Case(run, count, event_loop=event_loop, theirs_share=1.0, needs_server=False, **fields)


CASES = {
    "asyncio, small messages of a session echoed": _build_case("small", 5000, "asyncio", goal=0.4, has_uvloop=True),
    "trio, small messages of a session echoed": _build_case("small", 5000, "trio", goal=0.85),
    "asyncio, audio chunks of 100 KB in a session": _build_case("audio", 200, "asyncio"),
    "trio, audio chunks of 100 KB in a session": _build_case("audio", 200, "trio"),
}
