"""The interpreters of this library, over sockets: what `Offline` is told, told to the served emulator."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, Gemini, Http, Timeouts, Vertex, batches, generate, live, raise_for, until_done, videos
from genai_fn.testing.fixtures import ServedEmulator
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator
from tests.interpreters.test_offline import admitting, keeping, projecting, talking
from tests.support.interpreter_kinds import Naps
from tests.support.limits import patient

pytest_plugins = ["genai_fn.testing.fixtures"]

WORLDS = ("sync", "asyncio", "trio")
TEXT = {"response_modalities": ["TEXT"]}
BOUNDED = Timeouts(connect=60, idle=60, total=120)


def told(story: Callable[[Any], Awaitable[None]], backend: Gemini | Vertex, world: str) -> None:
    """Have a story run in a world; what it runs has to succeed."""

    async def awaited() -> None:
        with anyio.fail_after(120):
            async with AsyncHttp(backend, timeouts=BOUNDED) as run:

                async def asked(action: Any) -> Any:
                    return raise_for(await run(action))

                await story(asked)

    async def at_once() -> None:
        with Http(backend, timeouts=BOUNDED) as run:

            async def asked(action: Any) -> Any:
                return raise_for(run(action))

            await story(asked)

    anyio.run(at_once if world == "sync" else awaited, backend="asyncio" if world == "sync" else world)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "stories", [(talking, keeping), (admitting,), (talking, projecting)], ids=lambda each: each[-1].__name__
)
def test_stories(emulator: ServedEmulator, monkeypatch: pytest.MonkeyPatch, stories: Any, world: str) -> None:
    """Every resource is there, on both backends and in every world; nothing is tried again, as nothing goes wrong."""
    naps = Naps(monkeypatch)
    backend: Gemini | Vertex = emulator.gemini
    if stories[-1] is admitting:
        backend = Gemini("emulated", base_url=emulator.url, api_version="v1alpha")
    elif stories[-1] is projecting:
        backend = emulator.vertex
    for story in stories:
        told(story, backend, world)
    assert set(naps.slept) <= {3600}


async def answered(session: Any, frame: Any) -> list[Any]:
    """Say something, and hear the turn that answers it."""
    raise_for(await session.send(frame))
    return [raise_for(message) async for message in session.turn()]


def words(messages: list[Any]) -> str:
    return "".join(message.text or "" for message in messages)


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("backend", ["gemini", "vertex"])
def test_live(emulator: ServedEmulator, backend: str, world: str) -> None:
    """A live session is held: words are answered, functions called, and what was said is remembered."""
    tools = [{"function_declarations": [{"name": "weather"}]}]
    config = {**TEXT, "tools": tools}

    async def story() -> None:
        with anyio.fail_after(60):
            async with AsyncHttp(getattr(emulator, backend), timeouts=BOUNDED) as run:
                async with run.live(live.connect("gemini-live-2.5-flash-preview", config)) as session:
                    assert "“Why?”" in words(await answered(session, live.realtime_input(text="Why?")))
                    raise_for(await session.send(live.realtime_input(text="What is the weather?")))
                    call = await called(session)
                    answer = {"id": call.id, "name": call.name, "response": {"result": "fine"}}
                    said = words(await answered(session, live.tool_response(answer)))
                    assert ("fine" in said, "Before that came 4 turns." in said) == (True, True)

    anyio.run(story, backend=world)


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@patient
def test_interrupted(world: str, limit: float) -> None:
    """Who goes on talking while an answer comes interrupts it, and hears of it before the turn ends."""

    async def story(backend: Gemini) -> list[Any]:
        said: list[Any] = []
        with anyio.fail_after(60):
            async with AsyncHttp(backend, timeouts=BOUNDED) as run:
                async with run.live(live.connect("gemini-live-2.5-flash-preview", TEXT)) as session:
                    raise_for(await session.send(live.realtime_input(text="Why?")))
                    async for message in session.turn():
                        if not said:
                            raise_for(await session.send(live.client_content("Wait.", turn_complete=False)))
                        said.append(raise_for(message).server_content)
        return said

    with serve_emulator(Emulator(pause=limit)) as url:
        first, *_, interrupted, last = anyio.run(story, Gemini("emulated", base_url=url), backend=world)
    assert first.model_turn.parts[0].text.startswith("I am")
    assert (interrupted.interrupted, last.turn_complete, last.generation_complete) == (True, True, None)


async def called(session: Any) -> Any:
    async for message in session:
        if raise_for(message).tool_call is not None:
            return raise_for(message).tool_call.function_calls[0]
    raise AssertionError("nothing was called")


async def waiting(run: Callable[[Any], Awaitable[Any]]) -> None:
    """What takes its time is waited for."""
    filmed = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=0.01))
    job = await run(batches.create("gemini-2.5-flash", [generate("gemini-2.5-flash", "?")]) | until_done(every=0.01))
    assert (filmed.done, job.done) == (True, True)


@pytest.mark.parametrize("world", WORLDS)
def test_waits(emulator: ServedEmulator, world: str) -> None:
    """What takes its time ends while it is looked at, in real time too."""
    told(waiting, emulator.gemini, world)
    looks = [path for method, path in emulator.requests if method == "GET"]
    assert len(looks) >= 4
