"""What does a whole call cost over loopback, in sync, asyncio and trio, with 1, 64 and 1,000 in flight?"""

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any, TypeAlias

import anyio
import httpcore
import httpx
import msgspec
from google.genai import Client

from benchmarks.material import MODEL, QUESTION
from benchmarks.report import Effort, Row, compared, cpu, micro
from benchmarks.server import SLOW, Server, serving
from genai_fn import AsyncHttp, Gemini, Http, encode, generate
from genai_fn.schema import GenerateContentResponse

_DECODER = msgspec.json.Decoder(GenerateContentResponse, strict=False)
_ANSWER = "Rayleigh."
_LANES = 64


def ask(effort: Effort) -> Iterator[Row]:
    """Processor time of one call after another; calls a second of many at once; connections made for them."""
    with serving() as server, ExitStack() as stack:
        sync = {name: make(server.url, stack) for name, make in _SYNC.items()}
        each = {name: cpu(call, effort.times(1000 if name != "theirs" else 300)) for name, call in sync.items()}
        yield Row(
            "sync, one after another", "µs of CPU", micro(compared(each, effort.rounds)), of_theirs=0.21, of_limit=1.1
        )
        for at_once in (64, 1000):
            many = {
                name: partial(_threads, sync[name], at_once, effort.times(_calls(name, at_once)))
                for name in ("ours", "theirs")
            }
            yield Row(f"sync, {at_once:,} threads", "calls/s", compared(many, effort.rounds), more_is_better=True)
        yield from _one_by_one(server, effort)
        yield from _many(server, effort)
        yield from _connections(server, effort)


def _one_by_one(server: Server, effort: Effort) -> Iterator[Row]:
    for world, contestants in _WORLDS.items():
        samples = {
            name: partial(_alone, world, make, server.url, effort.times(1000 if name != "theirs" else 300))
            for name, make in contestants.items()
        }
        yield Row(f"{world}, one after another", "µs of CPU", micro(compared(samples, effort.rounds)), of_limit=1.1)


def _many(server: Server, effort: Effort) -> Iterator[Row]:
    for world, contestants in _WORLDS.items():
        for at_once, model, of_theirs in ((64, MODEL, 10), (1000, MODEL, None), (1000, SLOW, 10)):
            samples = {
                name: partial(
                    _rate, world, make, server.url, model, at_once=at_once, count=effort.times(_calls(name, at_once))
                )
                for name, make in contestants.items()
            }
            found = compared(samples, max(1, effort.rounds // (1 if at_once == 64 else 2)))
            waiting = ", the server takes 20 ms" if model == SLOW else ""
            yield Row(f"{world}, {at_once:,} in flight{waiting}", "calls/s", found, of_theirs, 0.9, more_is_better=True)


def _calls(name: str, at_once: int) -> int:
    few = name == "theirs"
    return (400 if few else 3000) if at_once == 64 else (1500 if few else 4000)


def _connections(server: Server, effort: Effort) -> Iterator[Row]:
    contestants = {
        name: partial(_connects, server, make, effort.times(600)) for name, make in _WORLDS["asyncio"].items()
    }
    found = compared(contestants, 1)
    yield Row("connections a call, asyncio, 64 in flight", "", found, of_limit=1.0)


# One call, by each


def _good(text: str | None) -> None:
    assert text == _ANSWER, text


def _sync_ours(url: str, stack: ExitStack) -> Callable[[], None]:
    run = stack.enter_context(Http(Gemini(api_key="test-key", base_url=url)))
    return lambda: _good(run(generate(MODEL, QUESTION)).unwrap().text)


def _sync_theirs(url: str, stack: ExitStack) -> Callable[[], None]:
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.callback(client.close)
    return lambda: _good(client.models.generate_content(model=MODEL, contents=QUESTION).text)


def _sync_raw(url: str, stack: ExitStack) -> Callable[[], None]:
    connection = stack.enter_context(httpcore.HTTPConnection(httpcore.URL(url).origin))

    def call() -> None:
        response = connection.request("POST", _address(url, MODEL), headers=_HEADERS, content=_body())
        _good(_DECODER.decode(response.content).text)

    return call


_SYNC = {"ours": _sync_ours, "theirs": _sync_theirs, "limit": _sync_raw}

_AsyncCall: TypeAlias = Callable[[], Awaitable[None]]
_Make: TypeAlias = Callable[[str, str, AsyncExitStack], Awaitable[_AsyncCall]]


async def _ours(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    run = await stack.enter_async_context(AsyncHttp(Gemini(api_key="test-key", base_url=url), max_connections=_LANES))

    async def call() -> None:
        _good((await run(generate(model, QUESTION))).unwrap().text)

    return call


async def _theirs(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.push_async_callback(client.aio.aclose)

    async def call() -> None:
        _good((await client.aio.models.generate_content(model=model, contents=QUESTION)).text)

    return call


async def _raw(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    """Give a connection to each, from a free list: the best that httpcore can do."""
    origin, address = httpcore.URL(url).origin, _address(url, model)
    idle: list[Any] = []
    gate = anyio.Semaphore(_LANES)

    async def call() -> None:
        async with gate:
            connection = idle.pop() if idle else await stack.enter_async_context(httpcore.AsyncHTTPConnection(origin))
            response = await connection.request("POST", address, headers=_HEADERS, content=_body())
            idle.append(connection)
        _good(_DECODER.decode(response.content).text)

    return call


_WORLDS: dict[str, dict[str, _Make]] = {
    "asyncio": {"ours": _ours, "theirs": _theirs, "limit": _raw},
    "trio": {"ours": _ours, "limit": _raw},
}


def _address(url: str, model: str) -> str:
    return f"{url}/v1beta/models/{model}:generateContent"


_WRITTEN = encode(generate(MODEL, QUESTION), Gemini(api_key="test-key")).unwrap()
# The same for all contestants, as h11 takes its time over each.
_HEADERS = [("Host", "127.0.0.1"), ("x-goog-api-key", "test-key"), *_WRITTEN.headers]


def _body() -> bytes:
    return msgspec.json.encode({"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]})


# Many calls


def _threads(call: Callable[[], None], at_once: int, count: int) -> float:
    """Count good calls alone: httpx, under google-genai, now and then closes a connection that another thread reads."""
    left = iter(range(count))
    guard = threading.Lock()
    good: list[bool] = []

    def work() -> None:
        while True:
            with guard:
                if next(left, None) is None:
                    return
            try:
                call()
            except httpx.TransportError:
                continue
            good.append(True)

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    started = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return len(good) / (time.perf_counter() - started)


def _alone(world: str, make: _Make, url: str, count: int) -> float:
    async def main() -> float:
        async with AsyncExitStack() as stack:
            call = await make(url, MODEL, stack)
            await call()
            started = time.process_time()
            for _ in range(count):
                await call()
            return (time.process_time() - started) / count

    return anyio.run(main, backend=world)


def _rate(world: str, make: _Make, url: str, model: str, *, at_once: int, count: int) -> float:
    async def main() -> float:
        async with AsyncExitStack() as stack:
            call = await make(url, model, stack)
            await _all(call, _LANES, _LANES)  # the connections are there
            started = time.perf_counter()
            await _all(call, at_once, count)
            return count / (time.perf_counter() - started)

    return anyio.run(main, backend=world)


def _connects(server: Server, make: _Make, count: int) -> float:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            await _all(await make(server.url, SLOW, stack), _LANES, count)

    connections, requests = server.count()
    anyio.run(main)
    later, more = server.count()
    return (later - connections) / (more - requests)


async def _all(call: _AsyncCall, at_once: int, count: int) -> None:
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await call()

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(work)
