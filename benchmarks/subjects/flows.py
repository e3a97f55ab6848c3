"""Flows over loopback: embeddings of many texts, a long chat, and functions that the model calls."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.http_server import Server
from benchmarks.payloads import MODEL
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_EMBEDDING_MODEL = "gemini-embedding-001"
_BATCH = 100
_CALLS = 10


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """CPU time of a whole flow."""
    yield from measure_cases(sys.modules[__name__], contestants, effort, server)


def _embed_ours(task: Task) -> None:
    from genai_fn import AsyncHttp, Gemini, embed_many

    async def main() -> None:
        async with AsyncHttp(Gemini("test-key", base_url=task.url), http1=task.http1) as run:

            async def embed(count: int) -> None:
                texts = (f"Text {number} of many." for number in range(count))
                async with run.stream(embed_many(_EMBEDDING_MODEL, texts)) as items:
                    received = len([item.unwrap() async for item in items])
                assert received == count, f"{received} vectors of {count}"

            await embed(_BATCH)
            with task.measure():
                for _ in range(task.count):
                    await embed(task.size)

    task.run(main)


def _embed_theirs(task: Task) -> None:
    """As many requests at once as ours."""
    import anyio
    from google.genai import Client

    async def main() -> None:
        client = Client(api_key="test-key", http_options={"base_url": task.url})

        async def work(starts: Iterator[int]) -> None:
            for start in starts:
                texts: Any = [f"Text {number} of many." for number in range(start, start + _BATCH)]
                answer = await client.aio.models.embed_content(model=_EMBEDDING_MODEL, contents=texts)
                assert len(answer.embeddings or ()) == _BATCH

        await work(iter((0,)))
        with task.measure():
            for _ in range(task.count):
                starts = iter(range(0, task.size, _BATCH))
                async with anyio.create_task_group() as tasks:
                    for _ in range(8):
                        tasks.start_soon(work, starts)
        await client.aio.aclose()

    task.run(main)


def _chat_ours(task: Task) -> None:
    from genai_fn import Gemini, Http, chats

    with Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:

        def converse() -> None:
            chat = chats.start(MODEL)
            for number in range(task.size):
                chat = run(chats.send(chat, f"Question {number}.")).unwrap().chat

        task.repeat(converse)


def _chat_theirs(task: Task) -> None:
    from google.genai import Client

    client = Client(api_key="test-key", http_options={"base_url": task.url})
    with task.measure():
        for _ in range(task.count):
            chat = client.chats.create(model=MODEL)
            for number in range(task.size):
                chat.send_message(f"Question {number}.")
    client.close()


def get_number(index: int) -> int:
    """Return a number."""
    return index


def _call_functions_ours(task: Task) -> None:
    from genai_fn import Gemini, Http, calling, generate

    with Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
        action = generate(f"calls-{_CALLS}", "Call.") | calling(get_number, max_calls=2 * _CALLS)
        task.repeat(lambda: run(action).unwrap())


def _call_functions_theirs(task: Task) -> None:
    from google.genai import Client

    client = Client(api_key="test-key", http_options={"base_url": task.url})
    config: Any = {"tools": [get_number], "automatic_function_calling": {"maximum_remote_calls": 2 * _CALLS}}

    def call() -> None:
        answer = client.models.generate_content(model=f"calls-{_CALLS}", contents="Call.", config=config)
        assert answer.text

    task.repeat(call)
    client.close()


CASES = {
    "embed 10,000 texts, asyncio": Case(
        {"ours": _embed_ours, "theirs": _embed_theirs}, 1, 10_000, goal=0.22, httpcore_goal=0.29, unit="ms"
    ),
    "chat of 400 turns": Case({"ours": _chat_ours, "theirs": _chat_theirs}, 1, 400, goal=0.012, unit="ms"),
    "10 function calls": Case(
        {"ours": _call_functions_ours, "theirs": _call_functions_theirs}, 50, goal=0.062, unit="ms"
    ),
}
