"""`Http` and `AsyncHttp` against the served emulator: the scenarios of `Offline`, over sockets."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, Gemini, Http, Timeouts, Vertex, batches, generate, live, raise_for, until_done, videos
from genai_fn.testing.fixtures import ServedEmulator
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator
from tests.cases.emulator_scenarios import (
    run_model_scenario,
    run_project_scenario,
    run_storage_scenario,
    run_token_scenario,
)
from tests.support.interpreter_kinds import SleepRecorder
from tests.support.limits import retry_with_longer_limits

pytest_plugins = ["genai_fn.testing.fixtures"]

EXECUTORS = ("sync", "asyncio", "trio")
TEXT = {"response_modalities": ["TEXT"]}
GENEROUS_TIMEOUTS = Timeouts(connect=60, idle=60, total=120)


def run_scenario(scenario: Callable[[Any], Awaitable[None]], backend: Gemini | Vertex, executor: str) -> None:
    """Run a scenario; each action in it must succeed."""

    async def run_async() -> None:
        with anyio.fail_after(120):
            async with AsyncHttp(backend, timeouts=GENEROUS_TIMEOUTS) as run:

                async def perform(action: Any) -> Any:
                    return raise_for(await run(action))

                await scenario(perform)

    async def run_sync() -> None:
        with Http(backend, timeouts=GENEROUS_TIMEOUTS) as run:

            async def perform(action: Any) -> Any:
                return raise_for(run(action))

            await scenario(perform)

    is_sync = executor == "sync"
    anyio.run(run_sync if is_sync else run_async, backend="asyncio" if is_sync else executor)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "scenarios",
    [(run_model_scenario, run_storage_scenario), (run_token_scenario,), (run_model_scenario, run_project_scenario)],
    ids=lambda each: each[-1].__name__,
)
def test_scenarios(emulator: ServedEmulator, monkeypatch: pytest.MonkeyPatch, scenarios: Any, executor: str) -> None:
    """Every resource works on both backends and with every executor, without a retry."""
    sleeps = SleepRecorder(monkeypatch)
    backend: Gemini | Vertex = emulator.gemini
    if scenarios[-1] is run_token_scenario:
        backend = Gemini("emulated", base_url=emulator.url, api_version="v1alpha")
    elif scenarios[-1] is run_project_scenario:
        backend = emulator.vertex
    for scenario in scenarios:
        run_scenario(scenario, backend, executor)
    assert set(sleeps.seconds) <= {1, 3599, 3600}


async def send_and_read_turn(session: Any, frame: Any) -> list[Any]:
    """Send a message and return the messages of the next turn."""
    raise_for(await session.send(frame))
    return [raise_for(message) async for message in session.turn()]


def join_texts(messages: list[Any]) -> str:
    return "".join(message.text or "" for message in messages)


@pytest.mark.parametrize("executor", ["asyncio", "trio"])
@pytest.mark.parametrize("backend", ["gemini", "vertex"])
def test_live(emulator: ServedEmulator, backend: str, executor: str) -> None:
    """A Live session answers texts, calls functions, and remembers earlier turns."""
    tools = [{"function_declarations": [{"name": "weather"}]}]
    config = {**TEXT, "tools": tools}

    async def scenario() -> None:
        with anyio.fail_after(60):
            async with AsyncHttp(getattr(emulator, backend), timeouts=GENEROUS_TIMEOUTS) as run:
                async with run.live(live.connect("gemini-live-2.5-flash-preview", config)) as session:
                    assert "“Why?”" in join_texts(await send_and_read_turn(session, live.realtime_input(text="Why?")))
                    raise_for(await session.send(live.realtime_input(text="What is the weather?")))
                    call = await read_function_call(session)
                    answer = {"id": call.id, "name": call.name, "response": {"result": "fine"}}
                    reply = join_texts(await send_and_read_turn(session, live.tool_response(answer)))
                    assert ("fine" in reply, "Before that came 4 turns." in reply) == (True, True)

    anyio.run(scenario, backend=executor)


@pytest.mark.parametrize("executor", ["asyncio", "trio"])
@retry_with_longer_limits
def test_interrupted(executor: str, limit: float) -> None:
    """A message sent during an answer interrupts it; the server reports that before the turn ends."""

    async def scenario(backend: Gemini) -> list[Any]:
        contents: list[Any] = []
        with anyio.fail_after(60):
            async with AsyncHttp(backend, timeouts=GENEROUS_TIMEOUTS) as run:
                async with run.live(live.connect("gemini-live-2.5-flash-preview", TEXT)) as session:
                    raise_for(await session.send(live.realtime_input(text="Why?")))
                    async for message in session.turn():
                        if not contents:
                            raise_for(await session.send(live.client_content("Wait.", turn_complete=False)))
                        contents.append(raise_for(message).server_content)
        return contents

    with serve_emulator(Emulator(pause=limit)) as url:
        first, *_, interruption, last = anyio.run(scenario, Gemini("emulated", base_url=url), backend=executor)
    assert first.model_turn.parts[0].text.startswith("I am")
    assert (interruption.interrupted, last.turn_complete, last.generation_complete) == (True, True, None)


async def read_function_call(session: Any) -> Any:
    async for message in session:
        if raise_for(message).tool_call is not None:
            return raise_for(message).tool_call.function_calls[0]
    raise AssertionError("no function call")


async def poll_jobs(run: Callable[[Any], Awaitable[Any]]) -> None:
    """Start a video and a batch, and wait for both."""
    video = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=0.01))
    job = await run(batches.create("gemini-2.5-flash", [generate("gemini-2.5-flash", "?")]) | until_done(every=0.01))
    assert (video.done, job.done) == (True, True)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_polling(emulator: ServedEmulator, executor: str) -> None:
    """Long-running operations finish while they are polled, in real time."""
    run_scenario(poll_jobs, emulator.gemini, executor)
    polls = [path for method, path in emulator.requests if method == "GET"]
    assert len(polls) >= 4
