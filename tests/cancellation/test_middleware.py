"""
A cancellation at any stop of a hedged or a coalesced call leaves no task and no socket, and fails no other call.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

from types import ModuleType
from typing import Any

import anyio
import msgspec
import pytest

from genai_fn import Success, embed, streamed
from genai_fn.interpreters.executors import async_executor
from genai_fn.middleware import coalesced, hedged
from tests.support.cancellation.cancel_points import MAX_STOPS, count_child_stops, count_tasks, list_stops
from tests.support.cancellation.scenarios import ModelScript, Scenario, build_request, run_with_timeout
from tests.support.loopback import Answer, Loopback, ReceivedRequest, build_json_reply


@pytest.mark.parametrize("model", ["call", "half-body", "half-error"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_hedged(
    model: str,
    is_stream: bool,
    backend_and_manner: tuple[str, str],
    transport: ModuleType,
    thin: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cancellation at any stop ends both attempts, and both connections can be used at once afterwards."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(ModelScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                hedging = run.with_middleware(hedged(after=0.0001))

                async def subject() -> Any:
                    if not is_stream:
                        return await hedging(build_request(model))
                    name = {"call": "events", "half-body": "between-events"}.get(model, model)
                    async with hedging.stream(build_request(name) | streamed) as items:
                        return [item async for item in items]

                before, last = count_tasks(), 0
                for k in thin(list_stops(manner)):
                    with monkeypatch.context() as patched:
                        canceller = scenario.make_canceller(k, manner)
                        patched.setattr(async_executor, "arun_program", count_child_stops(canceller))
                        await canceller.run(subject)
                    assert count_tasks() == before
                    await scenario.check_connections(run)
                    last = k if canceller.is_reached else last
                    if k - last >= 3:  # a run may make a stop more than another
                        break
            await scenario.wait_until_closed()
        assert 1 < canceller.stops

    run_with_timeout(body, backend)


def answer(request: ReceivedRequest) -> Answer:
    """Embed contents, and answer other requests as `ModelScript` does."""
    if "Embed" not in request.target:
        return script(request)
    count = len(msgspec.json.decode(request.body)["requests"])
    return build_json_reply({"embeddings": [{"values": [1.0]}] * count})


script = ModelScript()


@pytest.mark.parametrize("is_leader", [False, True])
def test_coalesced(is_leader: bool, backend_and_manner: tuple[str, str], transport: ModuleType, thin: Any) -> None:
    """A caller that is cancelled at any stop fails none of the others of its batch."""
    backend, manner = backend_and_manner

    async def body() -> None:
        with Loopback(answer) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                coalescing = run.with_middleware(coalesced(0.002))
                before, last = count_tasks(), 0

                async def call(results: list[Any], text: str) -> None:
                    results.append(await coalescing(embed("m", text)))

                for k in thin(list_stops(manner)):
                    results: list[Any] = []
                    with anyio.fail_after(60):
                        canceller = scenario.make_canceller(k, manner)
                        async with anyio.create_task_group() as tasks:
                            if is_leader:
                                tasks.start_soon(canceller.run, lambda: coalescing(embed("m", "cancelled")))
                            tasks.start_soon(call, results, "one")
                            tasks.start_soon(call, results, "two")
                            if not is_leader:
                                tasks.start_soon(canceller.run, lambda: coalescing(embed("m", "cancelled")))
                    assert [type(each) for each in results] == [Success, Success]
                    assert count_tasks() == before
                    last = k if canceller.is_reached else last
                    if k - last >= 3:  # a run may make a stop more than another
                        break
                await scenario.check_connections(run)
            await scenario.wait_until_closed()
        assert 0 < k < MAX_STOPS

    run_with_timeout(body, backend)
