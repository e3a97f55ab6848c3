"""Cancels thousands of calls, streams, uploads and downloads at random points, several at once."""

import random
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
from anyio import to_thread

from genai_fn import AsyncHttp, Success, generate
from genai_fn.request import Stream
from tests.support.cancellation.cancel_points import (
    LATE,
    SCOPE,
    TWICE,
    Canceller,
    check_no_leaks,
    count_client_sockets,
    count_tasks,
    list_client_sockets,
)
from tests.support.faults.chaos import PAIR, PLACES, ChaosScript, check_folder, draw_action
from tests.support.interpreter_kinds import make_gemini
from tests.support.loopback import Loopback

AT_ONCE = 12
MAX_STOP = 14
CALLS = 200


def cancel_at_random(backend: str, transport: ModuleType, count: int, seed: int = 14) -> dict[str, float]:
    """
    Cancel so many actions over one interpreter; return what was counted and measured.

    After each batch no task may be left, and no socket but the idle ones. At the end, all places of the pool must be
    usable at the same time.
    """

    async def body() -> dict[str, float]:
        with Loopback(ChaosScript()) as server, tempfile.TemporaryDirectory() as folder, check_no_leaks():
            others = list_client_sockets(server.port)
            run = AsyncHttp(make_gemini(server.url), max_connections=PLACES, http1=transport, proxy="")
            async with run:
                before = await _measure_speed(run)
                done, chance = 0, random.Random(seed)  # repeatable
                while done < count:
                    done += await _cancel_batch(run, server, chance, Path(folder), others)
                await _use_all_places(run)
                after = await _measure_speed(run)
            assert count_client_sockets(server.port, others=others) == 0, "a socket is left"
            await to_thread.run_sync(server.wait_until_idle, 0)
            check_folder(Path(folder))
        return {"cancelled": done, "calls per second before": before, "calls per second after": after}

    counts: dict[str, float] = anyio.run(body, backend=backend)
    return counts


async def _cancel_batch(run: AsyncHttp, server: Loopback, chance: random.Random, folder: Path, others: set[str]) -> int:
    tasks = count_tasks()
    cancellers = [
        Canceller(chance.randrange(MAX_STOP), chance.choice((SCOPE, LATE, TWICE)), None, server.get_idle_waits)
        for _ in range(AT_ONCE)
    ]
    async with anyio.create_task_group() as group:
        for each in cancellers:
            group.start_soon(_cancel_one, each, run, draw_action(chance, folder))
    assert count_tasks() == tasks, "a task is left"
    assert count_client_sockets(server.port, others=others) <= PLACES, "a socket is left"
    return sum(each.is_reached or each.is_stalled for each in cancellers)


async def _cancel_one(canceller: Canceller, run: AsyncHttp, action: Any) -> None:
    async def subject() -> Any:
        if not isinstance(action, Stream):
            return await run(action)
        async with run.stream(action) as items:
            return [item async for item in items]

    await canceller.run(subject)


async def _use_all_places(run: AsyncHttp) -> None:
    """Check that as many requests as there are places can be in flight: the server answers them only together."""
    results: list[Any] = []

    async def call() -> None:
        results.append(await run(PAIR))

    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for _ in range(PLACES):
                group.start_soon(call)
    assert all(isinstance(each, Success) for each in results), results


async def _measure_speed(run: AsyncHttp) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        assert isinstance(await run(generate("call", "hi")), Success)
    return CALLS / (time.perf_counter() - start)
