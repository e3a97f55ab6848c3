"""
Cancelling an upload or a download at any stop loses no socket or slot, and leaves no open or partial file.

Each test cancels at every third stop, and the tests beside it at those between; ``python tasks.py faults`` tries all.
"""

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
from genai_fn.interpreters.net.http1 import requests
from genai_fn.interpreters.net.http1.requests import iterate_body
from genai_fn.ops import files
from genai_fn.request import Flow
from tests.support.cancellation.cancel_points import MAX_STOPS, Canceller, list_stops
from tests.support.cancellation.scenarios import ModelScript, Scenario, run_with_timeout
from tests.support.loopback import Answer, Loopback, ReceivedRequest, Reply

DATA = bytes(range(256)) * 16


class FileScript(ModelScript):
    """Serves a file in chunks, and accepts uploads."""

    def __call__(self, request: ReceivedRequest) -> Answer:
        command = request.headers.get("x-goog-upload-command")
        if command == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{request.headers['host']}/session"),))
        if command is not None:
            status = "final" if "finalize" in command else "active"
            return Reply(200, (("x-goog-upload-status", status),), b'{"file": {"name": "files/abc"}}')
        if "download" in request.target:
            return Reply(body=(DATA[:9], DATA[9:]))
        return super().__call__(request)


def list_open_files(folder: Path) -> list[str]:
    """List the files of a folder that this process has open."""
    paths = []
    for each in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:  # closed meanwhile
            continue
    return [each for each in paths if each.startswith(str(folder))]


def test_download_cancelled(
    backend_and_manner: tuple[str, str], transport: ModuleType, thin: Any, tmp_path: Path
) -> None:
    """After a cancellation at any stop of a download, the folder is empty or contains the complete file."""
    backend, manner = backend_and_manner
    path = tmp_path / "x"

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scenario = Scenario(server, transport)
            for k in thin(list_stops(manner)):
                async with scenario.open_interpreter() as run:
                    canceller = await Canceller(k, manner).run(lambda: run(files.download("abc", path)))
                    await scenario.check_connections(run)
                names = os.listdir(tmp_path)
                assert names == ["x"] if canceller.has_ended else set(names) <= {"x"}
                assert not path.exists() or path.read_bytes() == DATA
                path.unlink(missing_ok=True)
                assert list_open_files(tmp_path) == []
                if not canceller.is_reached:
                    break
            await scenario.wait_until_closed()
        assert 2 < k < MAX_STOPS
        assert canceller.result == Success(path)

    run_with_timeout(body, backend)


@pytest.mark.parametrize("is_open", [False, True], ids=["path", "open"])
def test_upload_cancelled(
    backend_and_manner: tuple[str, str], transport: ModuleType, is_open: bool, thin: Any, tmp_path: Path
) -> None:
    """After a cancellation at any stop, both slots are usable, and the file is closed unless the caller opened it."""
    backend, manner = backend_and_manner
    path = tmp_path / "a.txt"
    path.write_bytes(DATA)

    async def upload(run: AsyncHttp) -> Any:
        if not is_open:
            return await run(set_chunk_size(files.upload(path)))
        with path.open("rb") as file:
            return await run(set_chunk_size(files.upload(file)))

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scenario = Scenario(server, transport)
            for k in thin(list_stops(manner)):
                async with scenario.open_interpreter() as run:
                    canceller = await Canceller(k, manner).run(lambda: upload(run))
                    await scenario.check_connections(run)
                assert list_open_files(tmp_path) == []
                if not canceller.is_reached:
                    break
            await scenario.wait_until_closed()
        assert 2 < k < MAX_STOPS
        assert canceller.result.unwrap().name == "files/abc"

    run_with_timeout(body, backend)


def test_cancelled_while_a_thread_reads(transport: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled while a thread reads its file raises ``CancelledError``, and the file is closed."""
    reading, is_cancelled, closed = threading.Event(), threading.Event(), threading.Event()

    def iterate_slowly(content: Body) -> Generator[bytes]:
        if isinstance(content, FileSlice):
            reading.set()
            try:
                assert is_cancelled.wait(60)
                yield DATA
            finally:
                closed.set()
        else:
            yield from iterate_body(content)

    monkeypatch.setattr(requests, "iterate_body", iterate_slowly)

    async def body() -> None:
        with Loopback(FileScript()) as server:
            scenario = Scenario(server, transport)
            async with scenario.open_interpreter() as run:
                task = asyncio.create_task(run(files.upload(path)))
                assert await to_thread.run_sync(reading.wait, 60)
                task.cancel()
                is_cancelled.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert closed.is_set()
                await scenario.check_connections(run)

    path = tmp_path / "a.txt"
    path.write_bytes(DATA)
    run_with_timeout(body, "asyncio")


def set_chunk_size(flow: Flow[Any]) -> Flow[Any]:
    """Set the chunk size of an upload to half of the file."""
    return Flow(flow.builder, flow.source, (*flow.args, len(DATA) // 2))
