"""Uploads from a path and downloads to memory and to a path, of 200 MB, over loopback."""

import sys
import tempfile
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.http_server import Server
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_SIZE = 200 * 1000**2


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """Wall-clock and CPU time of one transfer, and the peak of the memory."""
    yield from measure_cases(sys.modules[__name__], contestants, effort, server)


def upload_ours(task: Task) -> None:
    """Upload a file of the size of the task."""
    from genai_fn import Gemini, Http, files

    with _make_file(task.size) as path, Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
        flow = files.upload(path, {"mime_type": "video/mp4"})
        task.repeat(lambda: run(flow).unwrap())


def _upload_theirs(task: Task) -> None:
    client = _build_client(task.url)
    with _make_file(task.size) as path:
        task.repeat(lambda: client.files.upload(file=path, config={"mime_type": "video/mp4"}))
    client.close()


def _download_ours(task: Task) -> None:
    from genai_fn import Gemini, Http, files

    with Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
        flow = files.download(f"files/bytes-{task.size}")
        task.repeat(lambda: _check_size(run(flow).unwrap(), task))


def _download_theirs(task: Task) -> None:
    client = _build_client(task.url)
    task.repeat(lambda: _check_size(client.files.download(file=f"files/bytes-{task.size}"), task))
    client.close()


def _download_to_path(task: Task) -> None:
    from genai_fn import Gemini, Http, files

    with tempfile.TemporaryDirectory() as folder, Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
        flow = files.download(f"files/bytes-{task.size}", str(Path(folder) / "film.mp4"))
        task.repeat(lambda: run(flow).unwrap())


def _repeat_async(build: Callable[[Task, AsyncExitStack], Awaitable[Callable[[], Awaitable[Any]]]]) -> Any:
    """Repeat an async transfer, one after another."""

    def run(task: Task) -> None:
        async def main() -> None:
            async with AsyncExitStack() as stack:
                transfer = await build(task, stack)
                await transfer()
                with task.measure():
                    for _ in range(task.count):
                        await transfer()

        task.run(main)

    return run


async def _build_run(task: Task, stack: AsyncExitStack) -> Any:
    from genai_fn import AsyncHttp, Gemini

    return await stack.enter_async_context(AsyncHttp(Gemini("test-key", base_url=task.url), http1=task.http1))


async def _build_our_upload(task: Task, stack: AsyncExitStack) -> Callable[[], Awaitable[Any]]:
    from genai_fn import files

    run, path = await _build_run(task, stack), stack.enter_context(_make_file(task.size))

    async def upload() -> None:
        (await run(files.upload(path, {"mime_type": "video/mp4"}))).unwrap()

    return upload


async def _build_their_upload(task: Task, stack: AsyncExitStack) -> Callable[[], Awaitable[Any]]:
    client, path = _build_client(task.url), stack.enter_context(_make_file(task.size))
    stack.push_async_callback(client.aio.aclose)
    return lambda: client.aio.files.upload(file=path, config={"mime_type": "video/mp4"})


async def _build_our_download(task: Task, stack: AsyncExitStack) -> Callable[[], Awaitable[Any]]:
    from genai_fn import files

    run = await _build_run(task, stack)

    async def download() -> None:
        _check_size((await run(files.download(f"files/bytes-{task.size}"))).unwrap(), task)

    return download


async def _build_their_download(task: Task, stack: AsyncExitStack) -> Callable[[], Awaitable[Any]]:
    client = _build_client(task.url)
    stack.push_async_callback(client.aio.aclose)

    async def download() -> None:
        _check_size(await client.aio.files.download(file=f"files/bytes-{task.size}"), task)

    return download


def _build_client(url: str) -> Any:
    from google.genai import Client

    return Client(api_key="test-key", http_options={"base_url": url})


@contextmanager
def _make_file(size: int) -> Generator[str]:
    """Context manager: make an empty file of that size, which takes no space on the disk, and yield its path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with path.open("wb") as file:
            file.truncate(size)
        yield str(path)


def _check_size(content: bytes, task: Task) -> None:
    assert len(content) == task.size, f"{len(content)} bytes of {task.size}"


_UPLOAD = {"ours": upload_ours, "theirs": _upload_theirs}
_DOWNLOAD = {"ours": _download_ours, "theirs": _download_theirs}
_UPLOAD_ASYNC = {"ours": _repeat_async(_build_our_upload), "theirs": _repeat_async(_build_their_upload)}
_DOWNLOAD_ASYNC = {"ours": _repeat_async(_build_our_download), "theirs": _repeat_async(_build_their_download)}


def _build_case(run: Mapping[str, Callable[[Task], None]], **fields: Any) -> Case:
    return Case(run, 2, _SIZE, theirs_share=0.5, unit=fields.pop("unit", "ms"), **fields)


CASES = {
    "upload 200 MB, sync, wall-clock": _build_case(_UPLOAD, kind="wall", goal=0.9, httpcore_goal=0.9),
    "upload 200 MB, sync": _build_case(_UPLOAD, has_httpcore=True),
    "upload 200 MB, asyncio, wall-clock": _build_case(_UPLOAD_ASYNC, kind="wall", goal=0.9, httpcore_goal=0.9),
    "upload 200 MB, asyncio": _build_case(_UPLOAD_ASYNC, has_httpcore=True, has_uvloop=True),
    "upload 200 MB, sync, peak of memory": _build_case(_UPLOAD, kind="peak", unit="MiB"),
    "download 200 MB to memory, sync": _build_case(_DOWNLOAD, goal=0.6, httpcore_goal=0.6),
    "download 200 MB to memory, asyncio": _build_case(_DOWNLOAD_ASYNC, goal=0.75, httpcore_goal=0.75, has_uvloop=True),
    "download 200 MB to memory, sync, peak of memory": _build_case(
        _DOWNLOAD, kind="peak", unit="MiB", at_most=1.1 * _SIZE / 2**20
    ),
    "download 200 MB to a path, sync": _build_case({"ours": _download_to_path}),
    "download 200 MB to a path, sync, peak of memory": _build_case(
        {"ours": _download_to_path}, kind="peak", unit="MiB"
    ),
}
