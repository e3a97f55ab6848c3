"""Every interpreter takes the place of every other: the same program runs with each, as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import AsyncHttp, Gemini, Http, Offline, Success, collected, generate, streamed, text
from genai_fn.testing import Emulator, Fake, Replay, recording, serve_emulator

QUESTION = generate("gemini-2.5-flash", "Why?")
IN_PROCESS: dict[str, Callable[[Path], Any]] = {
    "offline": lambda path: Offline(script=[{"text": "Because."}] * 3),
    "fake": lambda path: Fake(lambda request: "Because."),
    "recording": lambda path: recording(Fake(lambda request: "Because."), path / "calls.json", "record"),
    "replay": lambda path: Replay(record_calls(path)),
}
ONLY_OF_HTTP = {"problem"}
"""What only interpreters with a network have: why their settings cannot be used."""


def record_calls(path: Path) -> Path:
    """Record the calls of the program."""
    with recording(Fake(lambda request: "Because."), path / "calls.json", "record") as run:
        run_program(run)
    return path / "calls.json"


def run_program(run: Any) -> list[Any]:
    """Run a request, a stream to its end, and a stream that is left."""
    results = [run(QUESTION | text), run(QUESTION | streamed | text | collected).map("".join)]
    with run.stream(QUESTION | streamed | text) as items:
        results.append(next(items))
    return results


async def run_async_program(run: Any) -> list[Any]:
    """Run the same in async code."""
    results = [await run(QUESTION | text), (await run(QUESTION | streamed | text | collected)).map("".join)]
    async with run.stream(QUESTION | streamed | text) as items:
        results.append(await anext(items))
    return results


@pytest.mark.parametrize("name", IN_PROCESS)
def test_sync(name: str, tmp_path: Path) -> None:
    """A block with an interpreter, its calls and its streams are those of `Http`; it closes at the end of the block."""
    with IN_PROCESS[name](tmp_path) as run:
        assert run_program(run)[:2] == [Success("Because.")] * 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", IN_PROCESS)
def test_async(name: str, backend: str, tmp_path: Path) -> None:
    """``async with ….aio`` takes the place of ``async with AsyncHttp(…)``."""

    async def main() -> None:
        async with IN_PROCESS[name](tmp_path).aio as run:
            assert (await run_async_program(run))[:2] == [Success("Because.")] * 2

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["sync", "asyncio", "trio"])
def test_network(backend: str) -> None:
    """The same program runs over a socket."""

    async def main(at: Gemini) -> list[Any]:
        async with AsyncHttp(at) as run:
            return await run_async_program(run)

    emulator = Emulator()
    emulator.load_script([{"text": "Because."}] * 3)
    with serve_emulator(emulator) as url:
        at = Gemini("key", base_url=url)
        if backend == "sync":
            with Http(at) as run:
                results = run_program(run)
        else:
            results = anyio.run(main, at, backend=backend)
    assert results[:2] == [Success("Because.")] * 2


@pytest.mark.parametrize("name", IN_PROCESS)
def test_same_methods(name: str, tmp_path: Path) -> None:
    """An interpreter in this process has each public method of `Http`, its ``aio`` each one of `AsyncHttp`."""
    http, async_http, found = Http(Gemini("key")), AsyncHttp(Gemini("key")), IN_PROCESS[name](tmp_path)
    assert list_methods(http) - list_methods(found) <= ONLY_OF_HTTP
    assert list_methods(async_http) - list_methods(found.aio) <= ONLY_OF_HTTP
    http.close()
    found.close()


def list_methods(value: Any) -> set[str]:
    """List the public attributes of an interpreter, and those of its blocks."""
    return {each for each in dir(value) if not each.startswith("_") or each in ("__enter__", "__aenter__", "__call__")}
