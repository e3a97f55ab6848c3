"""What does a live session cost: thousands of small messages that are echoed, hundreds of pieces of sound?"""

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import anyio
import msgspec
import trio_websocket
from google.genai import Client
from google.genai import live as theirs_live
from websockets.asyncio.client import connect

from benchmarks.report import Effort, Row, compared, milli
from benchmarks.sessions_server import conversing
from genai_fn import AsyncHttp, Gemini, live, with_config
from genai_fn.schema import LiveServerMessage

_DECODER = msgspec.json.Decoder(LiveServerMessage, strict=False)
_ECHO = "a word or two "
_FRAME = b'{"realtimeInput":{"text":"a word or two "}}'
_SETUP = '{"setup": {"model": "models/%s"}}'

Talk: TypeAlias = Callable[[str, str, bool], Awaitable[int]]


def ask(effort: Effort) -> Iterator[Row]:
    """Each conversation is a session of its own; ours on trio is held against google-genai, which knows asyncio."""
    wanted = (
        ("small", effort.times(5000), "small messages of a session echoed"),
        ("audio", effort.times(200), "sounds of 100 KB in a session"),
    )
    with conversing() as url:
        for kind, count, what in wanted:
            for world, contestants in _WORLDS.items():
                samples = {name: partial(_talked, talk, url, kind, count) for name, talk in contestants.items()}
                found = milli(compared(samples, effort.rounds))
                yield Row(f"{world}, {count:,} {what}", "ms of CPU", found)


def _talked(talk: tuple[str, Talk], url: str, kind: str, count: int) -> float:
    world, function = talk
    started = time.process_time()
    heard = anyio.run(function, url, f"{kind}-{count}", kind == "small", backend=world)
    assert heard == count, f"{heard} messages of {count}"
    return time.process_time() - started


async def _ours(url: str, model: str, is_echoing: bool) -> int:
    heard = 0
    described = live.connect(model) | with_config(response_modalities=["TEXT"])
    async with AsyncHttp(Gemini("test-key", base_url=url), proxy="") as run, run.live(described) as session:
        async for item in session.turn():
            content = item.unwrap().server_content
            heard += bool(content and content.model_turn)
            if is_echoing and content and content.model_turn:
                (await session.send(live.realtime_input(text=_ECHO))).unwrap()
    return heard


async def _theirs(url: str, model: str, is_echoing: bool) -> int:
    """Let google-genai connect without TLS, which it takes for granted."""
    heard = 0
    client = Client(api_key="test-key", http_options={"base_url": url})
    original: Any = theirs_live.ws_connect
    theirs_live.ws_connect = _without_tls
    try:
        async with client.aio.live.connect(model=model, config={"response_modalities": ["TEXT"]}) as session:
            async for message in session.receive():
                content = message.server_content
                heard += bool(content and content.model_turn)
                if is_echoing and content and content.model_turn:
                    await session.send_realtime_input(text=_ECHO)
    finally:
        theirs_live.ws_connect = original
        client.close()
    return heard


def _without_tls(uri: str, **settings: Any) -> Any:
    return connect(uri.replace("wss:", "ws:", 1), additional_headers=settings["additional_headers"])


async def _bare(url: str, model: str, is_echoing: bool) -> int:
    async with connect(url.replace("http", "ws", 1), compression=None, max_size=None) as talk:
        return await _conversed(partial(talk.recv, decode=False), partial(talk.send, text=True), model, is_echoing)


async def _bare_trio(url: str, model: str, is_echoing: bool) -> int:
    address = url.replace("http", "ws", 1)
    async with trio_websocket.open_websocket_url(address, max_message_size=2**26) as talk:
        return await _conversed(talk.get_message, lambda said: talk.send_message(said.decode()), model, is_echoing)


async def _conversed(
    hear: Callable[[], Awaitable[Any]], say: Callable[[bytes], Awaitable[None]], model: str, is_echoing: bool
) -> int:
    """Decode into our types and write what is ready: nothing is to be had for less."""
    await say((_SETUP % model).encode())
    await hear()
    heard = 0
    while True:
        content = _DECODER.decode(await hear()).server_content
        if content is not None and content.turn_complete:
            return heard
        heard += 1
        if is_echoing:
            await say(_FRAME)


_WORLDS: dict[str, dict[str, tuple[str, Talk]]] = {
    "asyncio": {"ours": ("asyncio", _ours), "theirs": ("asyncio", _theirs), "limit": ("asyncio", _bare)},
    "trio": {"ours": ("trio", _ours), "theirs": ("asyncio", _theirs), "limit": ("trio", _bare_trio)},
}
