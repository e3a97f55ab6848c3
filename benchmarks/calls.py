"""Whole calls over loopback: sync, asyncio and trio, with 1, 64 and 1,000 in flight."""

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

from benchmarks.http_server import SLOW_MODEL, Server, run_server
from benchmarks.payloads import MODEL, PROMPT
from benchmarks.report import Effort, Row, compare, sample_cpu_time, to_micro
from genai_fn import AsyncHttp, Gemini, Http, encode, generate
from genai_fn.schema import GenerateContentResponse

_DECODER = msgspec.json.Decoder(GenerateContentResponse, strict=False)
_ANSWER = "Rayleigh."
_MAX_CONNECTIONS = 64


def measure(effort: Effort) -> Iterator[Row]:
    """CPU time of sequential calls; calls per second of concurrent ones; connections opened per call."""
    with run_server() as server, ExitStack() as stack:
        calls = {name: build_call(server.url, stack) for name, build_call in _SYNC_CONTESTANTS.items()}
        samples = {
            name: sample_cpu_time(call, effort.scale_count(1000 if name != "theirs" else 300))
            for name, call in calls.items()
        }
        yield Row(
            "sync, one after another",
            "µs of CPU",
            to_micro(compare(samples, effort.rounds)),
            of_theirs=0.21,
            of_limit=1.1,
        )
        for concurrency in (64, 1000):
            threads = {
                name: partial(
                    _run_threads, calls[name], concurrency, effort.scale_count(_choose_count(name, concurrency))
                )
                for name in ("ours", "theirs")
            }
            yield Row(f"sync, {concurrency:,} threads", "calls/s", compare(threads, effort.rounds), more_is_better=True)
        yield from _measure_latency(server, effort)
        yield from _measure_throughput(server, effort)
        yield from _measure_connections(server, effort)


def _measure_latency(server: Server, effort: Effort) -> Iterator[Row]:
    for event_loop, contestants in _CONTESTANTS.items():
        samples = {
            name: partial(
                _time_calls, event_loop, build_call, server.url, effort.scale_count(1000 if name != "theirs" else 300)
            )
            for name, build_call in contestants.items()
        }
        yield Row(
            f"{event_loop}, one after another", "µs of CPU", to_micro(compare(samples, effort.rounds)), of_limit=1.1
        )


def _measure_throughput(server: Server, effort: Effort) -> Iterator[Row]:
    for event_loop, contestants in _CONTESTANTS.items():
        for concurrency, model, of_theirs in ((64, MODEL, 10), (1000, MODEL, None), (1000, SLOW_MODEL, 10)):
            samples = {
                name: partial(
                    _count_rate,
                    event_loop,
                    build_call,
                    server.url,
                    model,
                    concurrency=concurrency,
                    count=effort.scale_count(_choose_count(name, concurrency)),
                )
                for name, build_call in contestants.items()
            }
            results = compare(samples, max(1, effort.rounds // (1 if concurrency == 64 else 2)))
            delay = ", the server takes 20 ms" if model == SLOW_MODEL else ""
            yield Row(
                f"{event_loop}, {concurrency:,} in flight{delay}",
                "calls/s",
                results,
                of_theirs,
                0.9,
                more_is_better=True,
            )


def _choose_count(name: str, concurrency: int) -> int:
    is_slow = name == "theirs"
    return (400 if is_slow else 3000) if concurrency == 64 else (1500 if is_slow else 4000)


def _measure_connections(server: Server, effort: Effort) -> Iterator[Row]:
    contestants = {
        name: partial(_count_connections, server, build_call, effort.scale_count(600))
        for name, build_call in _CONTESTANTS["asyncio"].items()
    }
    results = compare(contestants, 1)
    yield Row("connections per call, asyncio, 64 in flight", "", results, of_limit=1.0)


# A call of each contestant


def _check_text(text: str | None) -> None:
    assert text == _ANSWER, text


def _build_sync_ours(url: str, stack: ExitStack) -> Callable[[], None]:
    run = stack.enter_context(Http(Gemini(api_key="test-key", base_url=url)))
    return lambda: _check_text(run(generate(MODEL, PROMPT)).unwrap().text)


def _build_sync_theirs(url: str, stack: ExitStack) -> Callable[[], None]:
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.callback(client.close)
    return lambda: _check_text(client.models.generate_content(model=MODEL, contents=PROMPT).text)


def _build_sync_bare(url: str, stack: ExitStack) -> Callable[[], None]:
    connection = stack.enter_context(httpcore.HTTPConnection(httpcore.URL(url).origin))

    def call() -> None:
        response = connection.request("POST", _build_url(url, MODEL), headers=_HEADERS, content=_encode_body())
        _check_text(_DECODER.decode(response.content).text)

    return call


_SYNC_CONTESTANTS = {"ours": _build_sync_ours, "theirs": _build_sync_theirs, "limit": _build_sync_bare}

_AsyncCall: TypeAlias = Callable[[], Awaitable[None]]
_BuildCall: TypeAlias = Callable[[str, str, AsyncExitStack], Awaitable[_AsyncCall]]


async def _build_ours(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    run = await stack.enter_async_context(
        AsyncHttp(Gemini(api_key="test-key", base_url=url), max_connections=_MAX_CONNECTIONS)
    )

    async def call() -> None:
        _check_text((await run(generate(model, PROMPT))).unwrap().text)

    return call


async def _build_theirs(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.push_async_callback(client.aio.aclose)

    async def call() -> None:
        _check_text((await client.aio.models.generate_content(model=model, contents=PROMPT)).text)

    return call


async def _build_bare(url: str, model: str, stack: AsyncExitStack) -> _AsyncCall:
    """Take connections from a free list: the least that httpcore can cost."""
    origin, full_url = httpcore.URL(url).origin, _build_url(url, model)
    idle: list[Any] = []
    gate = anyio.Semaphore(_MAX_CONNECTIONS)

    async def call() -> None:
        async with gate:
            connection = idle.pop() if idle else await stack.enter_async_context(httpcore.AsyncHTTPConnection(origin))
            response = await connection.request("POST", full_url, headers=_HEADERS, content=_encode_body())
            idle.append(connection)
        _check_text(_DECODER.decode(response.content).text)

    return call


_CONTESTANTS: dict[str, dict[str, _BuildCall]] = {
    "asyncio": {"ours": _build_ours, "theirs": _build_theirs, "limit": _build_bare},
    "trio": {"ours": _build_ours, "limit": _build_bare},
}


def _build_url(url: str, model: str) -> str:
    return f"{url}/v1beta/models/{model}:generateContent"


_ENCODED = encode(generate(MODEL, PROMPT), Gemini(api_key="test-key")).unwrap()
# The same headers for all contestants: h11 spends time on each header.
_HEADERS = [("Host", "127.0.0.1"), ("x-goog-api-key", "test-key"), *_ENCODED.headers]


def _encode_body() -> bytes:
    return msgspec.json.encode({"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]})


# Repeated calls


def _run_threads(call: Callable[[], None], concurrency: int, count: int) -> float:
    """Count successful calls: httpx, below google-genai, sometimes closes a connection that another thread reads."""
    remaining = iter(range(count))
    lock = threading.Lock()
    successes: list[bool] = []

    def work() -> None:
        while True:
            with lock:
                if next(remaining, None) is None:
                    return
            try:
                call()
            except httpx.TransportError:
                continue
            successes.append(True)

    threads = [threading.Thread(target=work) for _ in range(concurrency)]
    started = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return len(successes) / (time.perf_counter() - started)


def _time_calls(event_loop: str, build_call: _BuildCall, url: str, count: int) -> float:
    async def main() -> float:
        async with AsyncExitStack() as stack:
            call = await build_call(url, MODEL, stack)
            await call()
            started = time.process_time()
            for _ in range(count):
                await call()
            return (time.process_time() - started) / count

    return anyio.run(main, backend=event_loop)


def _count_rate(
    event_loop: str, build_call: _BuildCall, url: str, model: str, *, concurrency: int, count: int
) -> float:
    async def main() -> float:
        async with AsyncExitStack() as stack:
            call = await build_call(url, model, stack)
            await _run_concurrently(call, _MAX_CONNECTIONS, _MAX_CONNECTIONS)  # opens the connections
            started = time.perf_counter()
            await _run_concurrently(call, concurrency, count)
            return count / (time.perf_counter() - started)

    return anyio.run(main, backend=event_loop)


def _count_connections(server: Server, build_call: _BuildCall, count: int) -> float:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            await _run_concurrently(await build_call(server.url, SLOW_MODEL, stack), _MAX_CONNECTIONS, count)

    connections, requests = server.count()
    anyio.run(main)
    connections_after, requests_after = server.count()
    return (connections_after - connections) / (requests_after - requests)


async def _run_concurrently(call: _AsyncCall, concurrency: int, count: int) -> None:
    remaining = iter(range(count))

    async def work() -> None:
        for _ in remaining:
            await call()

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(work)
