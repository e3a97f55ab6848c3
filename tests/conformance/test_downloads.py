"""Downloads with every kind of interpreter: all or nothing, and the API key is sent only to the backend."""

import gzip
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import Offline, Success, with_options
from genai_fn.effects import EffectFailed, WriteTemp
from genai_fn.errors import APIError, ClientError, DecodeError, Disconnected, InvalidRequest, TimedOut, Unsupported
from genai_fn.events import Responded
from genai_fn.interpreters.executors.files import TempFile
from genai_fn.ops import files
from genai_fn.schema import Video
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini, wait_until
from tests.support.loopback import (
    Answer,
    Hang,
    Loopback,
    ReceivedRequest,
    Reply,
    Reset,
    Send,
    compress_reply,
    encode_chunk,
    encode_head,
)

DATA = bytes(range(256)) * 4096
PARTIAL_ANSWER = (Send(encode_head(200, (("content-length", str(len(DATA))),)) + DATA[: len(DATA) // 2]),)
CHUNKED = (("transfer-encoding", "chunked"),)

each_encoding = pytest.mark.parametrize(
    "reply",
    [Reply(body=DATA), Reply(body=(DATA[:9], DATA[9:])), compress_reply(Reply(body=DATA))],
    ids=("sized", "chunks", "gzip"),
)


def get_permissions(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def list_names(folder: Path) -> list[str]:
    """List the names in a folder, including hidden ones."""
    return sorted(os.listdir(folder))


@each_encoding
def test_download_to_memory(kind: InterpreterKind, reply: Reply) -> None:
    """A file is returned complete, for any encoding of the response."""
    with Loopback(reply) as server:
        assert kind.run(make_gemini(server.url), files.download("abc")) == Success(DATA)
        assert server.requests[0].target == "/v1beta/files/abc:download?alt=media"


@each_encoding
def test_download_to_path(kind: InterpreterKind, reply: Reply, tmp_path: Path) -> None:
    """A file is written completely, and no temporary file remains."""
    path = tmp_path / "Müll 🐈.mp4"
    with Loopback(reply) as server:
        assert kind.run(make_gemini(server.url), files.download("abc", path)) == Success(path)
    assert (path.read_bytes(), list_names(tmp_path)) == (DATA, [path.name])


@pytest.mark.parametrize("body", [b"", ()], ids=("sized", "chunks"))
def test_empty_file(kind: InterpreterKind, body: Any, tmp_path: Path) -> None:
    """An empty file can be downloaded."""
    with Loopback(Reply(body=body)) as server:
        assert kind.run(make_gemini(server.url), files.download("abc")) == Success(b"")
        assert kind.run(make_gemini(server.url), files.download("abc", tmp_path / "x")) == Success(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b""


def test_new_file(kind: InterpreterKind, tmp_path: Path) -> None:
    """A new file has the default permissions."""
    path, other = tmp_path / "x", tmp_path / "y"
    other.touch()
    with Loopback(Reply(body=DATA)) as server:
        assert kind.run(make_gemini(server.url), files.download("abc", path)) == Success(path)
    assert get_permissions(path) == get_permissions(other)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444], ids=oct)
def test_existing_file_is_replaced(kind: InterpreterKind, mode: int, tmp_path: Path) -> None:
    """A download replaces a file and keeps its permissions; until then only the owner can read the unfinished file."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    temp_permissions: list[int] = []

    def record_permissions(event: object) -> None:
        temp_permissions.extend(get_permissions(each) for each in tmp_path.iterdir() if each != path)

    with Loopback(Reply(body=DATA)) as server:
        assert kind.run(make_gemini(server.url), files.download("abc", path), on_event=record_permissions) == Success(
            path
        )
    assert (path.read_bytes(), get_permissions(path), list_names(tmp_path)) == (DATA, mode, ["x"])
    assert set(temp_permissions) == {0o600}


def test_set_user_id_bit_is_dropped(kind: InterpreterKind, tmp_path: Path) -> None:
    """A replaced file loses its set-user-ID bit."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o4755)
    with Loopback(Reply(body=DATA)) as server:
        assert kind.run(make_gemini(server.url), files.download("abc", path)) == Success(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_symbolic_link(kind: InterpreterKind, tmp_path: Path) -> None:
    """A symbolic link is kept; its target is replaced and keeps its permissions."""
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "y", tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(0o600)
    (tmp_path / "far" / "between").symlink_to("y")
    link.symlink_to(Path("far") / "between")
    with Loopback(Reply(body=DATA)) as server:
        assert kind.run(make_gemini(server.url), files.download("abc", link)) == Success(link)
    assert (link.is_symlink(), link.readlink()) == (True, Path("far") / "between")
    assert (target.read_bytes(), get_permissions(target), target.is_symlink()) == (DATA, 0o600, False)
    assert (list_names(tmp_path), list_names(tmp_path / "far")) == (["far", "x"], ["between", "y"])


def create_socket_file(path: Path) -> None:
    """Create a socket at a path, also if the path is too long to bind to."""
    with socket.socket(socket.AF_UNIX) as sock, tempfile.TemporaryDirectory() as folder:
        sock.bind(f"{folder}/s")
        Path(folder, "s").rename(path)


def create_link(path: Path, make: Callable[[Path], object]) -> None:
    """Create a symbolic link, and its target."""
    target = path.with_name("target")
    make(target)
    path.symlink_to(target)


OBSTACLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "named pipe": (os.mkfifo, "Is a named pipe"),
    "socket": (create_socket_file, "Is a socket"),
    "link to a pipe": (lambda path: create_link(path, os.mkfifo), "Is a named pipe"),
    "link to a folder": (lambda path: create_link(path, Path.mkdir), "Is a directory"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "Is a symbolic link that leads nowhere"),
    "link to itself": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
}
each_obstacle = pytest.mark.parametrize(("obstruct", "reason"), OBSTACLES.values(), ids=OBSTACLES)


@each_obstacle
@pytest.mark.parametrize("file", ["abc", Video(video_bytes=b"film")], ids=("requested", "given"))
def test_path_that_is_no_file(
    kind: InterpreterKind, obstruct: Callable[[Path], object], reason: str, file: Any, tmp_path: Path
) -> None:
    """If the path is not a regular file, the download fails before any request, and the path is unchanged."""
    path = tmp_path / "x"
    obstruct(path)
    before, names_before = path.lstat(), list_names(tmp_path)
    with Loopback(Reply(body=DATA)) as server:
        error = kind.run(make_gemini(server.url), files.download(file, path)).failure()
        assert server.requests == ()
    assert error == InvalidRequest("path", str(path), f"a place where a file can be written ({reason})")
    assert (path.lstat().st_ino, path.lstat().st_mode, list_names(tmp_path)) == (
        before.st_ino,
        before.st_mode,
        names_before,
    )


@each_obstacle
def test_path_that_changes(
    kind: InterpreterKind, obstruct: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    """If the path is no longer a regular file when the download ends, it is not replaced."""
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def change(event: object) -> None:
        if isinstance(event, Responded):
            path.unlink()
            obstruct(path)

    with Loopback(Reply(body=DATA)) as server:
        error = kind.run(make_gemini(server.url), files.download("abc", path), on_event=change).failure()
    assert isinstance(error, InvalidRequest)
    assert reason in str(error)
    assert not stat.S_ISREG(path.lstat().st_mode)
    assert [each for each in list_names(tmp_path) if each.endswith(".part")] == []


def test_symbolic_link_that_changes(kind: InterpreterKind, tmp_path: Path) -> None:
    """A link whose target changes during the download is refused, and neither target is changed."""
    path, one, two = (tmp_path / each for each in ("x", "one", "two"))
    one.write_bytes(b"one")
    two.write_bytes(b"two")
    path.symlink_to(one)

    def change(event: object) -> None:
        if isinstance(event, Responded):
            path.unlink()
            path.symlink_to(two)

    with Loopback(Reply(body=DATA)) as server:
        error = kind.run(make_gemini(server.url), files.download("abc", path), on_event=change).failure()
    assert "the link has changed meanwhile" in str(error)
    assert (one.read_bytes(), two.read_bytes(), list_names(tmp_path)) == (b"one", b"two", ["one", "two", "x"])


@pytest.mark.parametrize("backend", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("interpreter", [Offline, Fake], ids=("Offline", "Fake"))
def test_without_a_network(interpreter: Callable[[], Any], backend: str, tmp_path: Path) -> None:
    """`Offline` and `Fake` write files by the same rules."""
    run = interpreter()

    async def download(path: Path) -> Any:
        flow = files.download(Video(video_bytes=b"film"), path)
        return run(flow) if backend == "sync" else await run.aio(flow)

    async def body() -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "x").touch(0o600)
        (tmp_path / "link").symlink_to("x")
        assert "Is a named pipe" in str((await download(tmp_path / "pipe")).failure())
        assert await download(tmp_path / "link") == Success(tmp_path / "link")
        assert ((tmp_path / "x").read_bytes(), get_permissions(tmp_path / "x")) == (b"film", 0o600)
        assert (tmp_path / "link").is_symlink()

    anyio.run(body, backend="asyncio" if backend == "sync" else backend)


@pytest.mark.parametrize(
    "answer",
    [
        (*PARTIAL_ANSWER, Reset()),
        (Send(encode_head(200, CHUNKED) + encode_chunk(DATA)), Reset()),
        Reply(404, body=b"{}"),
        Reply(200, (("content-encoding", "gzip"),), b"no gzip"),
        Reply(200, (("content-encoding", "br"),), DATA),
        Reply(200, (("content-encoding", "gzip, gzip"),), gzip.compress(gzip.compress(DATA))),
        Reply(200, (("content-encoding", "gzip"),) * 2, gzip.compress(gzip.compress(DATA))),
    ],
    ids=("sized", "chunks", "404", "gzip", "br", "gzip twice", "two headers"),
)
def test_failed_download(kind: InterpreterKind, answer: Answer, tmp_path: Path) -> None:
    """A failed download keeps the existing file, and leaves no temporary file."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with Loopback(answer) as server:
        error = kind.run(make_gemini(server.url), files.download("abc", path)).failure()
        assert type(kind.run(make_gemini(server.url), files.download("abc")).failure()) is type(error)
    assert isinstance(error, Disconnected | ClientError | DecodeError)
    assert (path.read_bytes(), list_names(tmp_path)) == (b"old", ["x"])


def test_deadline(kind: InterpreterKind, tmp_path: Path) -> None:
    """A download that exceeds its deadline leaves no file."""
    with Loopback((*PARTIAL_ANSWER, Hang())) as server:
        flow = files.download("abc", tmp_path / "x") | with_options(deadline=0.05)
        assert isinstance(kind.run(make_gemini(server.url), flow).failure(), TimedOut)
    assert list_names(tmp_path) == []


def test_cancelled(kind: InterpreterKind, tmp_path: Path) -> None:
    """A download that is cancelled after a part of it was written leaves no file."""
    if kind.is_sync:
        pytest.skip("a thread cannot be cancelled")

    async def body(run: AwaitableInterpreter) -> None:
        async def cancel_when_started() -> None:
            assert await run.run_blocking(
                wait_until, lambda: any((tmp_path / each).stat().st_size for each in list_names(tmp_path))
            )
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, files.download("abc", tmp_path / "x"))
            tasks.start_soon(cancel_when_started)

    part = encode_head(200, (("content-length", str(1 << 24)),)) + bytes(1 << 22)
    with Loopback((Send(part), Hang())) as server:
        kind.run_body(make_gemini(server.url), body)
    assert list_names(tmp_path) == []


def test_interrupted(kind: InterpreterKind, tmp_path: Path) -> None:
    """An interrupted download leaves no file."""
    names_at_response: list[list[str]] = []

    def interrupt(event: object) -> None:
        if isinstance(event, Responded):
            names_at_response.append(list_names(tmp_path))
            raise KeyboardInterrupt

    with Loopback(Reply(body=DATA)) as server, pytest.raises(KeyboardInterrupt):
        kind.run(make_gemini(server.url), files.download("abc", tmp_path / "x"), on_event=interrupt)
    assert [len(each) for each in names_at_response] == [1]
    assert list_names(tmp_path) == []


def test_path_that_cannot_be_written(kind: InterpreterKind, tmp_path: Path) -> None:
    """A path that cannot be written fails before any request, and no file is left."""
    (tmp_path / "folder").mkdir()
    with Loopback(Reply(body=DATA)) as server:
        for path in (tmp_path / "folder", tmp_path / "no" / "x", "a\x00b"):
            for file in ("abc", Video(video_bytes=b"film")):
                result = kind.run(make_gemini(server.url), files.download(file, path))
                assert isinstance(result.failure(), InvalidRequest)
        assert server.requests == ()
    assert list_names(tmp_path) == ["folder"]


def test_disk_is_full(kind: InterpreterKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a Failure, and leaves no file."""

    def write(self: TempFile, data: bytes) -> Any:
        return self._build_failure(OSError(28, "No space left on device"))

    monkeypatch.setattr(TempFile, "write", write)
    with Loopback(Reply(body=DATA)) as server:
        error = kind.run(make_gemini(server.url), files.download("abc", tmp_path / "x")).failure()
    assert (type(error), "No space left" in str(error)) == (InvalidRequest, True)
    assert list_names(tmp_path) == []


@pytest.mark.parametrize("to_path", [False, True])
def test_redirect_gets_no_key(kind: InterpreterKind, to_path: bool, tmp_path: Path) -> None:
    """A redirect is followed to any host, but the API key is sent only to the backend's host."""
    path = tmp_path / "x" if to_path else None
    with Loopback(Reply(body=DATA)) as other_server:

        def script(request: ReceivedRequest) -> Answer:
            is_first = request.target == "/near"
            return Reply(302, (("location", f"{other_server.url}/far" if is_first else "/near"),))

        with Loopback(script) as server:
            flow: Any = files.download("abc", path)
            assert kind.run(make_gemini(server.url), flow) == Success(path or DATA)
            assert [each.headers.get("x-goog-api-key") for each in server.requests] == ["test-key"] * 2
        assert [each.headers.get("x-goog-api-key") for each in other_server.requests] == [None]
        assert other_server.requests[0].target == "/far"


def test_redirect_loop(kind: InterpreterKind, tmp_path: Path) -> None:
    """Endless redirects are a Failure."""
    with Loopback(Reply(307, (("location", "/again"),))) as server:
        for path in (None, tmp_path / "x"):
            error = kind.run(make_gemini(server.url), files.download("abc", path)).failure()
            assert isinstance(error, APIError)
            assert error.code == 307
        assert len(server.requests) == 12
    assert list_names(tmp_path) == []


def test_limit_applies_to_memory(kind: InterpreterKind, tmp_path: Path) -> None:
    """`max_response_bytes` limits downloads to memory, not to a path."""
    with Loopback(Reply(body=DATA)) as server:
        backend, limits = make_gemini(server.url), {"max_response_bytes": 1000}
        assert isinstance(kind.run(backend, files.download("abc"), **limits).failure(), DecodeError)
        assert kind.run(backend, files.download("abc", tmp_path / "x"), **limits) == Success(tmp_path / "x")


def test_video_with_bytes(kind: InterpreterKind, tmp_path: Path) -> None:
    """A video that contains its bytes is written without a request."""
    with Loopback(Reply(404)) as server:
        video = Video(video_bytes=DATA)
        assert kind.run(make_gemini(server.url), files.download(video)) == Success(DATA)
        assert kind.run(make_gemini(server.url), files.download(video, tmp_path / "x")) == Success(tmp_path / "x")
        assert server.requests == ()
    assert (tmp_path / "x").read_bytes() == DATA


def test_cloud_storage(kind: InterpreterKind) -> None:
    """A file in Cloud Storage is `Unsupported`, and the error says so."""
    error = kind.run(make_gemini("http://127.0.0.1:1"), files.download("gs://bucket/x.mp4")).failure()
    assert (type(error), "Cloud Storage" in str(error)) == (Unsupported, True)


def test_closed_temp_file(tmp_path: Path) -> None:
    """A closed temporary file cannot be written, committed or created again; it can be closed again."""
    temp_file = TempFile(str(tmp_path / "x"))
    assert temp_file.create() is temp_file
    temp_file.close()
    temp_file.close()
    for answer in (temp_file.write(b"x"), temp_file.commit(), temp_file.create()):
        assert str(answer.error) == "the file was closed"  # type: ignore[union-attr]  # each is an EffectFailed
    assert list_names(tmp_path) == []
    assert WriteTemp("draft", b"x") == WriteTemp("draft", b"x")


def test_temp_file_that_cannot_be_committed(tmp_path: Path) -> None:
    """If the path became a folder meanwhile, the commit is a failure, and no temporary file is left."""
    temp_file = TempFile(str(tmp_path / "x"))
    assert temp_file.create() is temp_file
    (tmp_path / "x").mkdir()
    failure = temp_file.commit()
    assert isinstance(failure, EffectFailed)
    assert isinstance(failure.error, InvalidRequest)
    temp_file.close()
    assert list_names(tmp_path) == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_temp_file_that_cannot_be_written(tmp_path: Path) -> None:
    """If the disk is full, the write is a failure that contains the reason, and no file is left."""
    temp_file = TempFile(str(tmp_path / "x"))
    with Path("/dev/full").open("wb", buffering=0) as full:
        temp_file._file = full
        failure = temp_file.write(b"x")
        temp_file.close()
    assert failure == EffectFailed(
        InvalidRequest("path", str(tmp_path / "x"), "a place where a file can be written (No space left on device)")
    )


DOWNLOAD_PROGRAM = """
import re, sys
from pathlib import Path
from genai_fn import Gemini, Http, files
import httpcore

def read_peak_memory():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

url, path = sys.argv[1:]
before = read_peak_memory()
with Http(Gemini("test-key", base_url=url)) as run:
    run(files.download("abc", path)).unwrap()
print(read_peak_memory() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A file of 128 MiB is downloaded to a path with less than 40 MiB of memory."""
    block = bytes(1 << 20)
    response_head = encode_head(200, (("content-length", str(len(block) * 128)),))
    with Loopback((Send(response_head), *[Send(block)] * 128)) as server:
        process = subprocess.run(
            [sys.executable, "-W", "error", "-c", DOWNLOAD_PROGRAM, server.url, str(tmp_path / "x")],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
            timeout=600,
        )
    assert (process.returncode, process.stderr) == (0, "")
    assert (tmp_path / "x").stat().st_size == len(block) * 128
    assert int(process.stdout) < 40 * 1024
