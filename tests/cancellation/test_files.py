"""Cancelling an upload or a download at any stop loses no socket or slot, and leaves no open or partial file."""

import asyncio
import os
import threading
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from anyio import to_thread

from genai_fn import AsyncHttp, Success
from genai_fn.http import Body, FileSlice
from genai_fn.interpreters.net.pool import async_pool
from genai_fn.interpreters.net.pool.http1 import iterate_body
from genai_fn.ops import files
from genai_fn.request import Flow
from tests.support.cancellation.points import STEPS, Cut, steps
from tests.support.cancellation.scenarios import Scene, Script, bounded
from tests.support.loopback import Answer, Loopback, Received, Reply

DATA = bytes(range(256)) * 16


class FileScript(Script):
    """Serves a file in chunks, and accepts uploads."""

    def __call__(self, received: Received) -> Answer:
        command = received.headers.get("x-goog-upload-command")
        if command == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{received.headers['host']}/session"),))
        if command is not None:
            status = "final" if "finalize" in command else "active"
            return Reply(200, (("x-goog-upload-status", status),), b'{"file": {"name": "files/abc"}}')
        if "download" in received.target:
            return Reply(body=(DATA[:9], DATA[9:]))
        return super().__call__(received)


def opened(folder: Path) -> list[str]:
    """List what this process holds open of a folder."""
    held = []
    for each in os.listdir("/proc/self/fd"):
        try:
            held.append(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:  # closed meanwhile
            continue
    return [each for each in held if each.startswith(str(folder))]


def test_download_cancelled(world: tuple[str, str], transport: ModuleType, tmp_path: Path) -> None:
    """After a cancellation at any stop of a download, the folder is empty or contains the complete file."""
    backend, manner = world
    path = tmp_path / "x"

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scene = Scene(server, transport)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    cut = await Cut(k, manner).of(lambda: run(files.download("abc", path)))
                    await scene.is_whole(run)
                names = os.listdir(tmp_path)
                assert names == ["x"] if cut.ended else set(names) <= {"x"}
                assert not path.exists() or path.read_bytes() == DATA
                path.unlink(missing_ok=True)
                assert opened(tmp_path) == []
                if not cut.reached:
                    break
            await scene.is_forgotten()
        assert 2 < k < STEPS
        assert cut.result == Success(path)

    bounded(body, backend)


@pytest.mark.parametrize("is_open", [False, True], ids=["path", "open"])
def test_upload_cancelled(world: tuple[str, str], transport: ModuleType, is_open: bool, tmp_path: Path) -> None:
    """After a cancellation at any stop, both slots are usable, and the file is closed unless the caller opened it."""
    backend, manner = world
    path = tmp_path / "a.txt"
    path.write_bytes(DATA)

    async def upload(run: AsyncHttp) -> Any:
        if not is_open:
            return await run(small(files.upload(path)))
        with path.open("rb") as file:
            return await run(small(files.upload(file)))

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scene = Scene(server, transport)
            for k in steps(manner):
                async with scene.interpreter() as run:
                    cut = await Cut(k, manner).of(lambda: upload(run))
                    await scene.is_whole(run)
                assert opened(tmp_path) == []
                if not cut.reached:
                    break
            await scene.is_forgotten()
        assert 2 < k < STEPS
        assert cut.result.unwrap().name == "files/abc"

    bounded(body, backend)


def test_cancelled_as_a_thread_reads(transport: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled while a thread reads its file raises ``CancelledError``, and the file is closed."""
    reading, is_cancelled, closed = threading.Event(), threading.Event(), threading.Event()

    def slowly(content: Body) -> Generator[bytes]:
        if isinstance(content, FileSlice):
            reading.set()
            try:
                assert is_cancelled.wait(60)
                yield DATA
            finally:
                closed.set()
        else:
            yield from iterate_body(content)

    monkeypatch.setattr(async_pool, "iterate_body", slowly)

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scene = Scene(server, transport)
            async with scene.interpreter() as run:
                task = asyncio.create_task(run(files.upload(path)))
                assert await to_thread.run_sync(reading.wait, 60)
                task.cancel()
                is_cancelled.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert closed.is_set()
                await scene.is_whole(run)

    path = tmp_path / "a.txt"
    path.write_bytes(DATA)
    bounded(body, "asyncio")


def small(flow: Flow[Any]) -> Flow[Any]:
    """Upload in two pieces."""
    return Flow(flow.builder, flow.source, (*flow.args, len(DATA) // 2))
