"""Cost of Live sessions: thousands of small messages with replies, and hundreds of audio chunks."""

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import anyio
import msgspec
import trio_websocket
from google.genai import Client, live as theirs_live
from websockets.asyncio.client import connect

from benchmarks.report import Effort, Row, compare, to_milli
from benchmarks.sessions_server import run_session_server
from genai_fn import AsyncHttp, Gemini, live, with_config
from genai_fn.schema import LiveServerMessage

_DECODER = msgspec.json.Decoder(LiveServerMessage, strict=False)
_ECHO = "a word or two "
_FRAME = b'{"realtimeInput":{"text":"a word or two "}}'
_SETUP = '{"setup": {"model": "models/%s"}}'

_Conversation: TypeAlias = Callable[[str, str, bool], Awaitable[int]]


def measure(effort: Effort) -> Iterator[Row]:
    """One session per sample. Ours on trio is compared with google-genai on asyncio, which is all that it supports."""
    scenarios = (
        ("small", effort.scale_count(5000), "small messages of a session echoed"),
        ("audio", effort.scale_count(200), "audio chunks of 100 KB in a session"),
    )
    with run_session_server() as url:
        for kind, count, title in scenarios:
            for event_loop, contestants in _CONTESTANTS.items():
                samples = {
                    name: partial(_time_session, contestant, url, kind, count)
                    for name, contestant in contestants.items()
                }
                results = to_milli(compare(samples, effort.rounds))
                yield Row(f"{event_loop}, {count:,} {title}", "ms of CPU", results)


def _time_session(contestant: tuple[str, _Conversation], url: str, kind: str, count: int) -> float:
    event_loop, function = contestant
    started = time.process_time()
    received = anyio.run(function, url, f"{kind}-{count}", kind == "small", backend=event_loop)
    assert received == count, f"{received} messages of {count}"
    return time.process_time() - started


async def _run_ours(url: str, model: str, is_echoing: bool) -> int:
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
    received = 0
    client = Client(api_key="test-key", http_options={"base_url": url})
    original: Any = theirs_live.ws_connect
    theirs_live.ws_connect = _connect_without_tls
    try:
        async with client.aio.live.connect(model=model, config={"response_modalities": ["TEXT"]}) as session:
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
    return connect(uri.replace("wss:", "ws:", 1), additional_headers=settings["additional_headers"])


async def _run_bare(url: str, model: str, is_echoing: bool) -> int:
    async with connect(url.replace("http", "ws", 1), compression=None, max_size=None) as socket:
        return await _converse(partial(socket.recv, decode=False), partial(socket.send, text=True), model, is_echoing)


async def _run_bare_trio(url: str, model: str, is_echoing: bool) -> int:
    socket_url = url.replace("http", "ws", 1)
    async with trio_websocket.open_websocket_url(socket_url, max_message_size=2**26) as socket:
        return await _converse(socket.get_message, lambda frame: socket.send_message(frame.decode()), model, is_echoing)


async def _converse(
    receive: Callable[[], Awaitable[Any]], send: Callable[[bytes], Awaitable[None]], model: str, is_echoing: bool
) -> int:
    """Decode into our types and send prepared frames: the least that a session can cost."""
    await send((_SETUP % model).encode())
    await receive()
    received = 0
    while True:
        content = _DECODER.decode(await receive()).server_content
        if content is not None and content.turn_complete:
            return received
        received += 1
        if is_echoing:
            await send(_FRAME)


_CONTESTANTS: dict[str, dict[str, tuple[str, _Conversation]]] = {
    "asyncio": {"ours": ("asyncio", _run_ours), "theirs": ("asyncio", _run_theirs), "limit": ("asyncio", _run_bare)},
    "trio": {"ours": ("trio", _run_ours), "theirs": ("asyncio", _run_theirs), "limit": ("trio", _run_bare_trio)},
}
