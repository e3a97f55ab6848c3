"""`Offline`: a story over every resource, in every world, without a network and without waiting."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import (
    Gemini,
    InvalidRequest,
    Offline,
    Request,
    Result,
    Success,
    Vertex,
    ask,
    batches,
    caches,
    collected,
    emit,
    files,
    flow,
    gather,
    generate,
    raise_for,
    sleep,
    stream,
    streamed,
    text,
    until_done,
)
from genai_fn.http import FileSlice
from genai_fn.ops.files.uploads import SendUploadChunk
from genai_fn.request import FlowGenerator
from tests.cases.emulator_stories import (
    Run,
    run_model_story,
    run_project_story,
    run_storage_story,
    run_token_story,
)

WORLDS = ("sync", "asyncio", "trio")
MODEL = "gemini-2.5-flash"
SESSION = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"


def run_story(story: Callable[[Run], Awaitable[None]], run: Offline, world: str) -> None:
    """Have a story run in a world; what it runs has to succeed."""

    async def at_once(action: Any) -> Any:
        return raise_for(run(action))

    async def run_async(action: Any) -> Any:
        return raise_for(await run.aio(action))

    anyio.run(story, at_once if world == "sync" else run_async, backend="asyncio" if world == "sync" else world)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("backend", "stories"),
    [
        (Gemini(), (run_model_story, run_storage_story)),
        (Gemini(api_version="v1alpha"), (run_token_story,)),
        (Vertex("p", "us-central1"), (run_model_story, run_project_story)),
    ],
    ids=["gemini", "alpha", "vertex"],
)
def test_stories(backend: Any, stories: Any, world: str) -> None:
    """Every resource is there, in every world, and waiting takes no time."""
    run = Offline(backend)
    for story in stories:
        run_story(story, run, world)


# What is kept


def test_one_service() -> None:
    """What is made in one world is there in the others; another `Offline` begins anew."""
    run = Offline()
    file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()

    async def run_async() -> Any:
        return await run.aio(files.get(file.name))

    assert [anyio.run(run_async, backend=each) for each in ("asyncio", "trio")] == [Success(file)] * 2
    assert Offline()(files.get(file.name)).failure().code == 403


def test_again() -> None:
    """The same calls in the same order are answered the same."""

    def told_by(run: Offline) -> Any:
        file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()
        job = run(batches.create(MODEL, [generate(MODEL, "one")]) | until_done()).unwrap()
        return file, job, run(caches.create(MODEL, {"contents": "a book"}))

    assert told_by(Offline()) == told_by(Offline())


@flow
def wait_and_get_cache(cache: str, seconds: float) -> FlowGenerator[Result[Any, Any]]:
    """Wait, and look a cache up."""
    yield from sleep(seconds)
    return Success((yield from ask(caches.get(cache))))


def test_time() -> None:
    """Time goes on when somebody sleeps, for all that comes after."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap()
    assert cache.expire_time.isoformat() == "2026-01-01T00:01:40+00:00"
    assert run(wait_and_get_cache(cache.name, 60)).unwrap() == cache
    assert run(wait_and_get_cache(cache.name, 60)).failure().code == 403
    assert run(caches.create(MODEL, {"contents": "a book"})).unwrap().create_time.minute == 2


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_ages(seconds: float) -> None:
    """Who sleeps for ages is answered all the same."""
    assert Offline()(wait_and_get_cache("x", seconds)).failure().code == 403


def test_together() -> None:
    """Those who sleep at the same time do not wait for each other, and time goes on by the longest sleep."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap().name
    found = run(gather([wait_and_get_cache(cache, 10), wait_and_get_cache(cache, 90)]) | collected).unwrap()
    assert [each.name for each in found] == [cache, cache]
    assert run(wait_and_get_cache(cache, 9)).unwrap().name == cache
    assert run(wait_and_get_cache(cache, 1)).failure().code == 403


def test_in_threads() -> None:
    """Any number of threads may use one, and no name is given out twice."""
    run = Offline()
    with ThreadPoolExecutor(8) as threads:
        uploads = [threads.submit(run, files.upload(b"tea", {"mime_type": "text/plain"})) for _ in range(40)]
    assert len({each.result().unwrap().name for each in uploads}) == 40


# Files on disk


async def disk(run: Run, folder: Path) -> None:
    """Send a file up, and fetch it back."""
    content = bytes(range(256)) * 40_000
    (folder / "tea.txt").write_bytes(content)
    file = await run(files.upload(str(folder / "tea.txt")))
    assert (file.display_name, file.size_bytes) == ("tea.txt", len(content))
    assert (await run(files.download(file.name, folder / "back.txt"))).read_bytes() == content


@pytest.mark.parametrize("world", WORLDS)
def test_paths(world: str, tmp_path: Path) -> None:
    """A file is read from its path in pieces, and written to one."""
    run_story(lambda run: disk(run, tmp_path), Offline(), world)


@pytest.mark.parametrize("world", WORLDS)
def test_short_file(world: str, tmp_path: Path) -> None:
    """A file that has become shorter than it was is a failure, in the words of HTTP."""
    path = tmp_path / "tea.txt"
    path.write_bytes(b"tea")
    piece = Request(SendUploadChunk(session=SESSION, offset=0, data=FileSlice(str(path), 0, 4), is_last=True))
    with pytest.raises(InvalidRequest, match="ended 1 bytes early"):
        run_story(lambda run: run(piece), Offline(), world)


# Streams


def test_sync_stream() -> None:
    """A stream is read piece by piece, and left in the middle."""
    with Offline().stream(generate(MODEL, "Why?") | streamed | text) as pieces:
        assert next(pieces).unwrap().startswith("I am")
    assert list(pieces) == []


@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_async_stream(world: str) -> None:
    """So it is where it is awaited; what sleeps in it does not wait."""

    @stream
    def slow() -> FlowGenerator[None]:
        yield from sleep(3600)
        yield from emit(Success((yield from ask(generate(MODEL, "Why?") | text))))

    async def story() -> None:
        async with Offline().aio.stream(generate(MODEL, "Why?") | streamed | text) as pieces:
            assert (await anext(pieces)).unwrap().startswith("I am")
        async with Offline().aio.stream(slow()) as whole:
            assert [each.unwrap()[:4] async for each in whole] == ["I am"]

    anyio.run(story, backend=world)


# Usages


def test_is_loaded_late() -> None:
    """Neither the package nor `Offline` itself loads what an async world needs."""
    script = "import sys, genai_fn; assert 'genai_fn.emulator' not in sys.modules; genai_fn.Offline(); "
    script += "assert not {'anyio', 'httpcore', 'ssl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)
