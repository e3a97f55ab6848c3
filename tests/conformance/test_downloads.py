"""Downloads with every kind of interpreter: all or nothing, and the API key is sent only to the backend."""

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
from tests.support.interpreter_kinds import Faced, World, gemini, waited
from tests.support.loopback import Answer, Hang, Loopback, Received, Reply, Reset, Send, chunk, gzipped, head

FILM = bytes(range(256)) * 4096
BEGUN = (Send(head(200, (("content-length", str(len(FILM))),)) + FILM[: len(FILM) // 2]),)
CHUNKED = (("transfer-encoding", "chunked"),)

whole = pytest.mark.parametrize(
    "reply",
    [Reply(body=FILM), Reply(body=(FILM[:9], FILM[9:])), gzipped(Reply(body=FILM))],
    ids=("sized", "chunks", "gzip"),
)


def permissions(path: Path) -> int:
    """Tell who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    """List what is in a folder, hidden or not."""
    return sorted(os.listdir(folder))


@whole
def test_into_memory(world: World, reply: Reply) -> None:
    """A file is returned complete, for any encoding of the response."""
    with Loopback(reply) as server:
        assert world.run(gemini(server.url), files.download("abc")) == Success(FILM)
        assert server.requests[0].target == "/v1beta/files/abc:download?alt=media"


@whole
def test_to_a_path(world: World, reply: Reply, tmp_path: Path) -> None:
    """A file is written completely, and no temporary file remains."""
    path = tmp_path / "Müll 🐈.mp4"
    with Loopback(reply) as server:
        assert world.run(gemini(server.url), files.download("abc", path)) == Success(path)
    assert (path.read_bytes(), names(tmp_path)) == (FILM, [path.name])


@pytest.mark.parametrize("body", [b"", ()], ids=("sized", "chunks"))
def test_empty(world: World, body: Any, tmp_path: Path) -> None:
    """An empty file can be downloaded."""
    with Loopback(Reply(body=body)) as server:
        assert world.run(gemini(server.url), files.download("abc")) == Success(b"")
        assert world.run(gemini(server.url), files.download("abc", tmp_path / "x")) == Success(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b""


def test_new_file(world: World, tmp_path: Path) -> None:
    """A new file has the default permissions."""
    path, other = tmp_path / "x", tmp_path / "y"
    other.touch()
    with Loopback(Reply(body=FILM)) as server:
        assert world.run(gemini(server.url), files.download("abc", path)) == Success(path)
    assert permissions(path) == permissions(other)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444], ids=oct)
def test_takes_the_place_of_a_file(world: World, mode: int, tmp_path: Path) -> None:
    """A download replaces a file and keeps its permissions; until then only the owner can read the unfinished file."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    drafts: list[int] = []

    def look(event: object) -> None:
        drafts.extend(permissions(each) for each in tmp_path.iterdir() if each != path)

    with Loopback(Reply(body=FILM)) as server:
        assert world.run(gemini(server.url), files.download("abc", path), on_event=look) == Success(path)
    assert (path.read_bytes(), permissions(path), names(tmp_path)) == (FILM, mode, ["x"])
    assert set(drafts) == {0o600}


def test_set_user_id_is_not_kept(world: World, tmp_path: Path) -> None:
    """A replaced file loses its set-user-ID bit."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o4755)
    with Loopback(Reply(body=FILM)) as server:
        assert world.run(gemini(server.url), files.download("abc", path)) == Success(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_through_a_link(world: World, tmp_path: Path) -> None:
    """A symbolic link is kept; its target is replaced and keeps its permissions."""
    (tmp_path / "far").mkdir()
    far, link = tmp_path / "far" / "y", tmp_path / "x"
    far.write_bytes(b"old")
    far.chmod(0o600)
    (tmp_path / "far" / "between").symlink_to("y")
    link.symlink_to(Path("far") / "between")
    with Loopback(Reply(body=FILM)) as server:
        assert world.run(gemini(server.url), files.download("abc", link)) == Success(link)
    assert (link.is_symlink(), link.readlink()) == (True, Path("far") / "between")
    assert (far.read_bytes(), permissions(far), far.is_symlink()) == (FILM, 0o600, False)
    assert (names(tmp_path), names(tmp_path / "far")) == (["far", "x"], ["between", "y"])


def bound(path: Path) -> None:
    """Leave a socket at a path, which may be too long for one."""
    with socket.socket(socket.AF_UNIX) as sock, tempfile.TemporaryDirectory() as folder:
        sock.bind(f"{folder}/s")
        Path(folder, "s").rename(path)


def linked(path: Path, make: Callable[[Path], object]) -> None:
    """Make a link to something."""
    target = path.with_name("target")
    make(target)
    path.symlink_to(target)


OBSTACLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "named pipe": (os.mkfifo, "Is a named pipe"),
    "socket": (bound, "Is a socket"),
    "link to a pipe": (lambda path: linked(path, os.mkfifo), "Is a named pipe"),
    "link to a folder": (lambda path: linked(path, Path.mkdir), "Is a directory"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "Is a symbolic link that leads nowhere"),
    "link to itself": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
}
obstructed = pytest.mark.parametrize(("obstruct", "why"), OBSTACLES.values(), ids=OBSTACLES)


@obstructed
@pytest.mark.parametrize("file", ["abc", Video(video_bytes=b"film")], ids=("asked for", "at hand"))
def test_what_is_no_file(world: World, obstruct: Callable[[Path], object], why: str, file: Any, tmp_path: Path) -> None:
    """If the path is not a regular file, the download fails before any request, and the path is unchanged."""
    path = tmp_path / "x"
    obstruct(path)
    before, was = path.lstat(), names(tmp_path)
    with Loopback(Reply(body=FILM)) as server:
        error = world.run(gemini(server.url), files.download(file, path)).failure()
        assert server.requests == ()
    assert error == InvalidRequest("path", str(path), f"a place where a file can be written ({why})")
    assert (path.lstat().st_ino, path.lstat().st_mode, names(tmp_path)) == (before.st_ino, before.st_mode, was)


@obstructed
def test_what_is_no_file_any_more(world: World, obstruct: Callable[[Path], object], why: str, tmp_path: Path) -> None:
    """What takes the name while the file comes is not replaced."""
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def change(event: object) -> None:
        if isinstance(event, Responded):
            path.unlink()
            obstruct(path)

    with Loopback(Reply(body=FILM)) as server:
        error = world.run(gemini(server.url), files.download("abc", path), on_event=change).failure()
    assert isinstance(error, InvalidRequest)
    assert why in str(error)
    assert not stat.S_ISREG(path.lstat().st_mode)
    assert [each for each in names(tmp_path) if each.endswith(".part")] == []


def test_link_that_changes(world: World, tmp_path: Path) -> None:
    """A link whose target changes during the download is refused, and neither target is changed."""
    path, one, two = (tmp_path / each for each in ("x", "one", "two"))
    one.write_bytes(b"one")
    two.write_bytes(b"two")
    path.symlink_to(one)

    def change(event: object) -> None:
        if isinstance(event, Responded):
            path.unlink()
            path.symlink_to(two)

    with Loopback(Reply(body=FILM)) as server:
        error = world.run(gemini(server.url), files.download("abc", path), on_event=change).failure()
    assert "the link has changed meanwhile" in str(error)
    assert (one.read_bytes(), two.read_bytes(), names(tmp_path)) == (b"one", b"two", ["one", "two", "x"])


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
        assert ((tmp_path / "x").read_bytes(), permissions(tmp_path / "x")) == (b"film", 0o600)
        assert (tmp_path / "link").is_symlink()

    anyio.run(body, backend="asyncio" if backend == "sync" else backend)


@pytest.mark.parametrize(
    "answer",
    [
        (*BEGUN, Reset()),
        (Send(head(200, CHUNKED) + chunk(FILM)), Reset()),
        Reply(404, body=b"{}"),
        Reply(200, (("content-encoding", "gzip"),), b"no gzip"),
    ],
    ids=("sized", "chunks", "404", "gzip"),
)
def test_broken_off(world: World, answer: Answer, tmp_path: Path) -> None:
    """A failed download keeps the existing file, and leaves no temporary file."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with Loopback(answer) as server:
        error = world.run(gemini(server.url), files.download("abc", path)).failure()
    assert isinstance(error, Disconnected | ClientError | DecodeError)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x"])


def test_out_of_time(world: World, tmp_path: Path) -> None:
    """A download that exceeds its deadline leaves no file."""
    with Loopback((*BEGUN, Hang())) as server:
        flow = files.download("abc", tmp_path / "x") | with_options(deadline=0.05)
        assert isinstance(world.run(gemini(server.url), flow).failure(), TimedOut)
    assert names(tmp_path) == []


def test_cancelled(world: World, tmp_path: Path) -> None:
    """A cancelled download leaves no file."""
    if world.is_sync:
        pytest.skip("nothing cancels a thread")

    async def body(run: Faced) -> None:
        async def begun() -> None:
            assert await run.see(waited, lambda: any((tmp_path / each).stat().st_size for each in names(tmp_path)))
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, files.download("abc", tmp_path / "x"))
            tasks.start_soon(begun)

    with Loopback((*BEGUN, Hang())) as server:
        world.within(gemini(server.url), body)
    assert names(tmp_path) == []


def test_interrupted(world: World, tmp_path: Path) -> None:
    """An interrupted download leaves no file."""
    seen: list[list[str]] = []

    def interrupt(event: object) -> None:
        if isinstance(event, Responded):
            seen.append(names(tmp_path))
            raise KeyboardInterrupt

    with Loopback(Reply(body=FILM)) as server, pytest.raises(KeyboardInterrupt):
        world.run(gemini(server.url), files.download("abc", tmp_path / "x"), on_event=interrupt)
    assert [len(each) for each in seen] == [1]
    assert names(tmp_path) == []


def test_no_place(world: World, tmp_path: Path) -> None:
    """Where nothing can be written nobody is asked, and nothing is left."""
    (tmp_path / "folder").mkdir()
    with Loopback(Reply(body=FILM)) as server:
        for path in (tmp_path / "folder", tmp_path / "no" / "x", "a\x00b"):
            for file in ("abc", Video(video_bytes=b"film")):
                result = world.run(gemini(server.url), files.download(file, path))
                assert isinstance(result.failure(), InvalidRequest)
        assert server.requests == ()
    assert names(tmp_path) == ["folder"]


def test_disk_is_full(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a Failure, and leaves no file."""

    def write(self: TempFile, data: bytes) -> Any:
        return self._build_failure(OSError(28, "No space left on device"))

    monkeypatch.setattr(TempFile, "write", write)
    with Loopback(Reply(body=FILM)) as server:
        error = world.run(gemini(server.url), files.download("abc", tmp_path / "x")).failure()
    assert (type(error), "No space left" in str(error)) == (InvalidRequest, True)
    assert names(tmp_path) == []


@pytest.mark.parametrize("to_path", [False, True])
def test_redirect_gets_no_key(world: World, to_path: bool, tmp_path: Path) -> None:
    """A redirect is followed to any host, but the API key is sent only to the backend's host."""
    path = tmp_path / "x" if to_path else None
    with Loopback(Reply(body=FILM)) as far:

        def script(received: Received) -> Answer:
            near = received.target == "/near"
            return Reply(302, (("location", f"{far.url}/far" if near else "/near"),))

        with Loopback(script) as server:
            flow: Any = files.download("abc", path)
            assert world.run(gemini(server.url), flow) == Success(path or FILM)
            assert [each.headers.get("x-goog-api-key") for each in server.requests] == ["test-key"] * 2
        assert [each.headers.get("x-goog-api-key") for each in far.requests] == [None]
        assert far.requests[0].target == "/far"


def test_redirected_in_circles(world: World, tmp_path: Path) -> None:
    """Endless redirects are a Failure."""
    with Loopback(Reply(307, (("location", "/again"),))) as server:
        for path in (None, tmp_path / "x"):
            error = world.run(gemini(server.url), files.download("abc", path)).failure()
            assert isinstance(error, APIError)
            assert error.code == 307
        assert len(server.requests) == 12
    assert names(tmp_path) == []


def test_only_memory_is_bounded(world: World, tmp_path: Path) -> None:
    """`max_response_bytes` limits downloads to memory, not to a path."""
    with Loopback(Reply(body=FILM)) as server:
        at, bound = gemini(server.url), {"max_response_bytes": 1000}
        assert isinstance(world.run(at, files.download("abc"), **bound).failure(), DecodeError)
        assert world.run(at, files.download("abc", tmp_path / "x"), **bound) == Success(tmp_path / "x")


def test_bytes_at_hand(world: World, tmp_path: Path) -> None:
    """A video that contains its bytes is written without a request."""
    with Loopback(Reply(404)) as server:
        film = Video(video_bytes=FILM)
        assert world.run(gemini(server.url), files.download(film)) == Success(FILM)
        assert world.run(gemini(server.url), files.download(film, tmp_path / "x")) == Success(tmp_path / "x")
        assert server.requests == ()
    assert (tmp_path / "x").read_bytes() == FILM


def test_cloud_storage(world: World) -> None:
    """A file in Cloud Storage is `Unsupported`, and the error says so."""
    error = world.run(gemini("http://127.0.0.1:1"), files.download("gs://bucket/x.mp4")).failure()
    assert (type(error), "Cloud Storage" in str(error)) == (Unsupported, True)


def test_draft_that_is_closed(tmp_path: Path) -> None:
    """A draft that was closed takes nothing any more, begins nothing, and can be closed again."""
    draft = TempFile(str(tmp_path / "x"))
    assert draft.create() is draft
    draft.close()
    draft.close()
    for answer in (draft.write(b"x"), draft.commit(), draft.create()):
        assert str(answer.error) == "the file was closed"  # type: ignore[union-attr]  # a Lost, each
    assert names(tmp_path) == []
    assert WriteTemp("draft", b"x") == WriteTemp("draft", b"x")


def test_draft_that_cannot_be_kept(tmp_path: Path) -> None:
    """A draft whose name is taken by a folder meanwhile is a failure, and leaves nothing."""
    draft = TempFile(str(tmp_path / "x"))
    assert draft.create() is draft
    (tmp_path / "x").mkdir()
    lost = draft.commit()
    assert isinstance(lost, EffectFailed)
    assert isinstance(lost.error, InvalidRequest)
    draft.close()
    assert names(tmp_path) == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is had where there is a device for it")
def test_draft_that_cannot_be_written(tmp_path: Path) -> None:
    """A draft that the disk refuses says why, and leaves nothing."""
    draft = TempFile(str(tmp_path / "x"))
    with Path("/dev/full").open("wb", buffering=0) as full:
        draft._file = full
        lost = draft.write(b"x")
        draft.close()
    assert lost == EffectFailed(
        InvalidRequest("path", str(tmp_path / "x"), "a place where a file can be written (No space left on device)")
    )


DOWNLOADING = """
import re, sys
from pathlib import Path
from genai_fn import Gemini, Http, files
import httpcore

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

url, path = sys.argv[1:]
idle = most()
with Http(Gemini("test-key", base_url=url)) as run:
    run(files.download("abc", path)).unwrap()
print(most() - idle)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where Linux tells it")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A file of 256 MiB is downloaded to a path with less than 40 MiB of memory."""
    piece = bytes(1 << 20)
    sized = head(200, (("content-length", str(len(piece) * 256)),))
    with Loopback((Send(sized), *[Send(piece)] * 256)) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", DOWNLOADING, server.url, str(tmp_path / "x")],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
            timeout=600,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x").stat().st_size == len(piece) * 256
    assert int(done.stdout) < 40 * 1024
