"""Whole calls over loopback: sync, threads, asyncio and trio, with 1, 64 and 1,000 in flight."""

import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.http_server import SLOW_MODEL, Server
from benchmarks.payloads import MODEL, PROMPT
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_ANSWER = "Rayleigh."
_MAX_CONNECTIONS = 64


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """CPU time of a call."""
    yield from measure_cases(sys.modules[__name__], contestants, effort, server)


def _check_text(text: str | None) -> None:
    assert text == _ANSWER, text


# Sync calls


def _call_ours(task: Task) -> None:
    from genai_fn import Gemini, Http, generate

    with Http(Gemini(api_key="test-key", base_url=task.url), http1=task.http1) as run:
        _repeat_sync(task, lambda: _check_text(run(generate(MODEL, PROMPT)).unwrap().text))


def _call_theirs(task: Task) -> None:
    from google.genai import Client

    client = Client(api_key="test-key", http_options={"base_url": task.url})
    _repeat_sync(task, lambda: _check_text(client.models.generate_content(model=MODEL, contents=PROMPT).text))
    client.close()


def _call_raw(task: Task) -> None:
    import httpcore

    headers, encode_body, decoder = _prepare_raw()
    with httpcore.HTTPConnection(httpcore.URL(task.url).origin) as connection:

        def call() -> None:
            response = connection.request("POST", _build_url(task.url, MODEL), headers=headers, content=encode_body())
            _check_text(decoder.decode(response.content).text)

        _repeat_sync(task, call)


def _prepare_raw() -> tuple[list[Any], Callable[[], bytes], Any]:
    """Return the same headers as ours, as h11 spends time on each, a function for the body, and a decoder."""
    import msgspec

    from genai_fn import Gemini, encode, generate
    from genai_fn.schema import GenerateContentResponse

    encoded = encode(generate(MODEL, PROMPT), Gemini(api_key="test-key")).unwrap()
    headers = [("Host", "127.0.0.1"), ("x-goog-api-key", "test-key"), *encoded.headers]
    body = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}
    return headers, lambda: msgspec.json.encode(body), msgspec.json.Decoder(GenerateContentResponse, strict=False)


def _build_url(url: str, model: str) -> str:
    return f"{url}/v1beta/models/{model}:generateContent"


def _repeat_sync(task: Task, call: Callable[[], None]) -> None:
    """Repeat a call, in as many threads as the task says."""
    if task.size == 1:
        task.repeat(call)
        return
    remaining, lock = iter(range(task.count)), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if next(remaining, None) is None:
                    return
            try:
                call()
            except Exception as error:  # httpx sometimes closes a connection that another thread reads
                if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2"}:
                    raise

    call()
    threads = [threading.Thread(target=work) for _ in range(task.size)]
    with task.measure():
        for each in threads:
            each.start()
        for each in threads:
            each.join()


# Async calls

_Call: TypeAlias = Callable[[], Awaitable[None]]


def _call_async(build: Callable[[Task, str, AsyncExitStack], Awaitable[_Call]], model: str) -> Callable[[Task], None]:
    """Repeat a call, as many at once as the task says."""

    def run(task: Task) -> None:
        import anyio

        async def run_concurrently(call: _Call, concurrency: int, count: int) -> None:
            remaining = iter(range(count))

            async def work() -> None:
                for _ in remaining:
                    await call()

            async with anyio.create_task_group() as tasks:
                for _ in range(concurrency):
                    tasks.start_soon(work)

        async def main() -> None:
            async with AsyncExitStack() as stack:
                call = await build(task, model, stack)
                connections = min(task.size, _MAX_CONNECTIONS)
                await run_concurrently(call, connections, connections)  # opens the connections
                with task.measure():
                    await run_concurrently(call, task.size, task.count)

        task.run(main)

    return run


async def _build_ours(task: Task, model: str, stack: AsyncExitStack) -> _Call:
    from genai_fn import AsyncHttp, Gemini, generate

    backend = Gemini(api_key="test-key", base_url=task.url)
    run = await stack.enter_async_context(AsyncHttp(backend, max_connections=_MAX_CONNECTIONS, http1=task.http1))

    async def call() -> None:
        _check_text((await run(generate(model, PROMPT))).unwrap().text)

    return call


async def _build_theirs(task: Task, model: str, stack: AsyncExitStack) -> _Call:
    from google.genai import Client

    client = Client(api_key="test-key", http_options={"base_url": task.url})
    stack.push_async_callback(client.aio.aclose)

    async def call() -> None:
        _check_text((await client.aio.models.generate_content(model=model, contents=PROMPT)).text)

    return call


async def _build_raw(task: Task, model: str, stack: AsyncExitStack) -> _Call:
    """Take connections from a free list: the least that httpcore can cost."""
    import anyio
    import httpcore

    origin, full_url = httpcore.URL(task.url).origin, _build_url(task.url, model)
    headers, encode_body, decoder = _prepare_raw()
    idle: list[Any] = []
    gate = anyio.Semaphore(_MAX_CONNECTIONS)

    async def call() -> None:
        async with gate:
            connection = idle.pop() if idle else await stack.enter_async_context(httpcore.AsyncHTTPConnection(origin))
            response = await connection.request("POST", full_url, headers=headers, content=encode_body())
            idle.append(connection)
        _check_text(decoder.decode(response.content).text)

    return call


SYNC = {"ours": _call_ours, "theirs": _call_theirs, "raw": _call_raw}
_THREADS = {"ours": _call_ours, "theirs": _call_theirs}
ASYNC = {
    "ours": _call_async(_build_ours, MODEL),
    "theirs": _call_async(_build_theirs, MODEL),
    "raw": _call_async(_build_raw, MODEL),
}
_DELAYED = {
    "ours": _call_async(_build_ours, SLOW_MODEL),
    "theirs": _call_async(_build_theirs, SLOW_MODEL),
    "raw": _call_async(_build_raw, SLOW_MODEL),
}


def _build_trio_case(run: Mapping[str, Callable[[Task], None]], size: int, goal: float, httpcore_goal: float) -> Case:
    return Case(
        run, 3000, size, min_count=2 * size, event_loop="trio", goal=goal, httpcore_goal=httpcore_goal, raw_goal=1.11
    )


CASES = {
    "sync, one after another": Case(SYNC, 1000, 1, goal=0.20, httpcore_goal=0.40),
    "sync, 64 threads": Case(_THREADS, 2000, 64, min_count=128, has_httpcore=True),
    "sync, 64 threads, wall-clock": Case(
        _THREADS, 2000, 64, min_count=128, kind="wall", goal=0.167, httpcore_goal=0.3125
    ),
    "asyncio, one after another": Case(ASYNC, 1000, 1, has_httpcore=True, has_uvloop=True),
    "asyncio, 64 in flight": Case(ASYNC, 3000, 64, min_count=128, goal=0.192, httpcore_goal=0.37, has_uvloop=True),
    "asyncio, 1,000 in flight": Case(
        ASYNC, 4000, 1000, min_count=2000, goal=0.167, httpcore_goal=0.357, has_uvloop=True
    ),
    "asyncio, 1,000 in flight, the server takes 20 ms": Case(
        _DELAYED, 4000, 1000, min_count=2000, goal=0.182, httpcore_goal=0.37, has_uvloop=True
    ),
    "trio, one after another": Case(ASYNC, 1000, 1, event_loop="trio", has_httpcore=True),
    "trio, 64 in flight": _build_trio_case(ASYNC, 64, 0.189, 0.357),
    "trio, 1,000 in flight": _build_trio_case(ASYNC, 1000, 0.189, 0.357),
    "trio, 1,000 in flight, the server takes 20 ms": _build_trio_case(_DELAYED, 1000, 0.189, 0.357),
}
