"""`Offline`: every resource, sync and async, without a network and without waiting."""

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
    Retry,
    Success,
    TimedOut,
    Timeouts,
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
    with_options,
)
from genai_fn.http import FileSlice
from genai_fn.ops.files.uploads import SendUploadChunk
from genai_fn.request import FlowGenerator
from genai_fn.testing import ScriptedRequest
from tests.cases.emulator_scenarios import (
    Run,
    run_model_scenario,
    run_project_scenario,
    run_storage_scenario,
    run_token_scenario,
)

EXECUTORS = ("sync", "asyncio", "trio")
MODEL = "gemini-2.5-flash"
SESSION = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"


def run_scenario(scenario: Callable[[Run], Awaitable[None]], run: Offline, executor: str) -> None:
    """Run a scenario with sync or async calls; every call must succeed."""

    async def run_sync(action: Any) -> Any:
        return raise_for(run(action))

    async def run_async(action: Any) -> Any:
        return raise_for(await run.aio(action))

    anyio.run(
        scenario, run_sync if executor == "sync" else run_async, backend="asyncio" if executor == "sync" else executor
    )


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    ("backend", "scenarios"),
    [
        (Gemini(), (run_model_scenario, run_storage_scenario)),
        (Gemini(api_version="v1alpha"), (run_token_scenario,)),
        (Vertex("p", "us-central1"), (run_model_scenario, run_project_scenario)),
    ],
    ids=["gemini", "alpha", "vertex"],
)
def test_scenarios(backend: Any, scenarios: Any, executor: str) -> None:
    """Every resource works, sync and async, and waiting takes no time."""
    run = Offline(backend)
    for scenario in scenarios:
        run_scenario(scenario, run, executor)


# State


def test_one_service() -> None:
    """Sync and async calls share one state; another `Offline` has its own."""
    run = Offline()
    file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()

    async def run_async() -> Any:
        return await run.aio(files.get(file.name))

    assert [anyio.run(run_async, backend=each) for each in ("asyncio", "trio")] == [Success(file)] * 2
    assert Offline()(files.get(file.name)).failure().code == 403


def test_deterministic() -> None:
    """The same calls in the same order have the same results."""

    def create_all(run: Offline) -> Any:
        file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()
        job = run(batches.create(MODEL, [generate(MODEL, "one")]) | until_done()).unwrap()
        return file, job, run(caches.create(MODEL, {"contents": "a book"}))

    assert create_all(Offline()) == create_all(Offline())


@flow
def wait_and_get_cache(cache: str, seconds: float) -> FlowGenerator[Result[Any, Any]]:
    """Sleep, then get a cache."""
    yield from sleep(seconds)
    return Success((yield from ask(caches.get(cache))))


def test_time() -> None:
    """A sleep advances the time of all later calls."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap()
    assert cache.expire_time.isoformat() == "2026-01-01T00:01:40+00:00"
    assert run(wait_and_get_cache(cache.name, 60)).unwrap() == cache
    assert run(wait_and_get_cache(cache.name, 60)).failure().code == 403
    assert run(caches.create(MODEL, {"contents": "a book"})).unwrap().create_time.minute == 2


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_very_long_sleeps(seconds: float) -> None:
    """After very long sleeps, calls still work."""
    assert Offline()(wait_and_get_cache("x", seconds)).failure().code == 403


def test_concurrent_sleeps() -> None:
    """Concurrent sleeps do not add up: the time advances by the longest one."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap().name
    found = run(gather([wait_and_get_cache(cache, 10), wait_and_get_cache(cache, 90)]) | collected).unwrap()
    assert [each.name for each in found] == [cache, cache]
    assert run(wait_and_get_cache(cache, 9)).unwrap().name == cache
    assert run(wait_and_get_cache(cache, 1)).failure().code == 403


def test_in_threads() -> None:
    """Threads may share one interpreter, and no name is assigned twice."""
    run = Offline()
    with ThreadPoolExecutor(8) as threads:
        uploads = [threads.submit(run, files.upload(b"tea", {"mime_type": "text/plain"})) for _ in range(40)]
    assert len({each.result().unwrap().name for each in uploads}) == 40


# Files on disk


async def copy_file(run: Run, folder: Path) -> None:
    """Upload a file, and download it."""
    content = bytes(range(256)) * 40_000
    (folder / "tea.txt").write_bytes(content)
    file = await run(files.upload(str(folder / "tea.txt")))
    assert (file.display_name, file.size_bytes) == ("tea.txt", len(content))
    assert (await run(files.download(file.name, folder / "back.txt"))).read_bytes() == content


@pytest.mark.parametrize("executor", EXECUTORS)
def test_paths(executor: str, tmp_path: Path) -> None:
    """Files are uploaded from a path in chunks, and downloaded to a path."""
    run_scenario(lambda run: copy_file(run, tmp_path), Offline(), executor)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_short_file(executor: str, tmp_path: Path) -> None:
    """A file that is shorter than expected is a failure, as over HTTP."""
    path = tmp_path / "tea.txt"
    path.write_bytes(b"tea")
    chunk = Request(SendUploadChunk(session=SESSION, offset=0, data=FileSlice(str(path), 0, 4), is_last=True))
    with pytest.raises(InvalidRequest, match="ended 1 bytes early"):
        run_scenario(lambda run: run(chunk), Offline(), executor)


# Streams


def test_sync_stream() -> None:
    """A stream is read chunk by chunk, and can be left before its end."""
    with Offline().stream(generate(MODEL, "Why?") | streamed | text) as chunks:
        assert next(chunks).unwrap().startswith("I am")
    assert list(chunks) == []


@pytest.mark.parametrize("executor", ["asyncio", "trio"])
def test_async_stream(executor: str) -> None:
    """The same holds for async streams; sleeps within a stream take no time."""

    @stream
    def sleep_and_emit() -> FlowGenerator[None]:
        yield from sleep(3600)
        yield from emit(Success((yield from ask(generate(MODEL, "Why?") | text))))

    async def scenario() -> None:
        async with Offline().aio.stream(generate(MODEL, "Why?") | streamed | text) as chunks:
            assert (await anext(chunks)).unwrap().startswith("I am")
        async with Offline().aio.stream(sleep_and_emit()) as items:
            assert [each.unwrap()[:4] async for each in items] == ["I am"]

    anyio.run(scenario, backend=executor)


# Imports


def test_is_loaded_late() -> None:
    """Neither the package nor `Offline` loads an event loop or a network stack."""
    script = "import sys, genai_fn; assert 'genai_fn.emulator' not in sys.modules; genai_fn.Offline(); "
    script += "assert not {'anyio', 'httpcore', 'ssl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)


class TestScript:
    def test_sync_and_async(self) -> None:
        """A script answers sync and async code; its pauses take no time, and its delays only virtual time."""
        run = Offline(script=[{"text": ["one", " two"], "delay": 500, "pause": 3600}, {"text": "three"}])
        question = generate(MODEL, "hi")
        with run.stream(question | streamed | text) as items:
            assert [each.unwrap() for each in items] == ["one", " two"]
        assert anyio.run(run.aio, question | text) == Success("three")

    @pytest.mark.parametrize("is_async", [False, True])
    def test_delay_exceeds_timeout(self, is_async: bool) -> None:
        """A delay counts towards the time limits of the request: in virtual time, it times out."""
        offline = Offline(script=[{"text": "late", "delay": 30}])
        question = generate(MODEL, "hi") | with_options(timeouts=Timeouts(total=20), retry=Retry(attempts=1))
        result = anyio.run(offline.aio, question) if is_async else offline(question)
        assert isinstance(result.failure(), TimedOut)

    def test_refused(self) -> None:
        """A script that does not fit is refused at once, and the error names the place."""
        with pytest.raises(InvalidRequest, match=r"script\.steps\[0\]"):
            Offline(script=[{}])

    def test_no_backend(self) -> None:
        """Anything but a backend is refused at once, and not shown, as it may be a key."""
        with pytest.raises(InvalidRequest, match=r"backend: expected Gemini.*\*\*\*"):
            Offline("test-key")  # type: ignore[arg-type]

    @pytest.mark.parametrize("is_same", [False, True])
    def test_function_that_runs_requests(self, is_same: bool) -> None:
        """A function may wait for another thread that runs requests, on the same `Offline` or on another one."""
        question = generate("gemini-2.5-flash", "hi") | text

        def answer(request: ScriptedRequest) -> str:
            if request.number > 1:
                return "inner"
            with ThreadPoolExecutor(1) as pool:
                found = pool.submit((run if is_same else Offline(script=[{"text": "inner"}])), question).result(60)
            return f"outer, {found.unwrap()}"

        run = Offline(script=answer)
        assert run(question).unwrap() == "outer, inner"

    def test_function_that_creates_a_resource(self) -> None:
        """What a function creates in its own `Offline` stays there."""
        run = Offline(script=lambda _: run(files.upload(b"x", {"mime_type": "text/plain"})).unwrap().name or "")
        name = run(generate("gemini-2.5-flash", "hi") | text).unwrap()
        assert run(files.get(name)).unwrap().name == name
