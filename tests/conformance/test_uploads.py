"""Uploads with every kind of interpreter: all bytes arrive once and in order, even if connections are lost."""

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from genai_fn import Failure, Success, Vertex
from genai_fn.errors import Disconnected, InvalidRequest, Unsupported
from genai_fn.events import Uploaded
from genai_fn.ops import files, stores
from genai_fn.request import Flow
from genai_fn.schema import File, UploadToFileSearchStoreOperation
from tests.support.interpreter_kinds import Naps, World, gemini
from tests.support.loopback import Answer, Loopback, Received, Reply, Reset

TEXT = {"mime_type": "text/plain"}
DATA = bytes(range(256)) * 4


class Session:
    """A server of one upload: it accepts chunks in order, resets truncated requests, and reports the size received."""

    def __init__(self, end: object = None, address: str | None = None) -> None:
        self.arrived = bytearray()
        self.started: dict[str, Any] = {}
        self.end = {"file": {"name": "files/abc"}} if end is None else end
        self.address = address
        self.is_final = False

    def __call__(self, received: Received) -> Answer:
        command = received.headers["x-goog-upload-command"]
        if command == "start":
            self.started = msgspec.json.decode(received.body or b"{}")
            at = self.address or f"http://{received.headers['host']}"
            return Reply(200, (("x-goog-upload-url", f"{at}/session?upload_id=1"),))
        if command == "query":
            return self._told()
        assert int(received.headers["x-goog-upload-offset"]) == len(self.arrived)
        self.arrived += received.body
        if received.size < int(received.headers["content-length"]):
            return Reset()
        self.is_final = "finalize" in command
        return self._told()

    def _told(self) -> Reply:
        status = "final" if self.is_final else "active"
        headers = (("x-goog-upload-status", status), ("x-goog-upload-size-received", str(len(self.arrived))))
        return Reply(200, headers, msgspec.json.encode(self.end) if self.is_final else b"")


def small(flow: Flow[Any], chunk: int = 256) -> Flow[Any]:
    """Upload in small pieces."""
    return Flow(flow.builder, flow.source, (*flow.args, chunk))


def written(folder: Path, data: bytes, name: str = "a.txt") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("way", ["path", "bytes", "open"])
def test_cut_at_every_piece(world: World, naps: Naps, way: str, tmp_path: Path) -> None:
    """An upload whose connection is cut within each piece goes on from what has arrived, and loses nothing."""
    path = written(tmp_path, DATA)
    cuts = (None, *(100, None) * 11)
    with Loopback(session := Session(), body_limits=cuts) as server, path.open("rb") as file:
        content: Any = {"path": path, "bytes": DATA, "open": file}[way]
        assert world.run(gemini(server.url), small(files.upload(content, TEXT))) == Success(File(name="files/abc"))
    assert bytes(session.arrived) == DATA
    assert len(naps.slept) == 10


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1024, 1025])
def test_sizes(world: World, size: int, tmp_path: Path) -> None:
    """A file of any size arrives completely, without extra bytes."""
    data = os.urandom(size)
    with Loopback(session := Session()) as server:
        flow = small(files.upload(written(tmp_path, data)))
        assert world.run(gemini(server.url), flow) == Success(File(name="files/abc"))
    assert (bytes(session.arrived), session.started["file"]["sizeBytes"]) == (data, size)


@pytest.mark.parametrize("name", ["Müll.txt", "🐈🐈.txt", "a b'\"%.txt", "x" * 250 + ".txt", "a\nb.txt"])
def test_names(world: World, name: str, tmp_path: Path) -> None:
    """Any file name is sent: in a header if possible, else as the display name."""
    with Loopback(session := Session()) as server:
        assert world.run(gemini(server.url), files.upload(written(tmp_path, DATA, name))).unwrap().name == "files/abc"
        told = server.requests[0].headers.get("x-goog-upload-file-name")
    assert (told or session.started["file"]["displayName"]) == name
    assert bytes(session.arrived) == DATA


def test_open_file_is_sent_from_its_beginning(world: World) -> None:
    """An open file is sent from its beginning, whatever its position, and stays open."""
    file = io.BytesIO(DATA)
    file.seek(7)
    with Loopback(session := Session()) as server:
        assert world.run(gemini(server.url), small(files.upload(file, TEXT))).unwrap().name == "files/abc"
    assert (bytes(session.arrived), file.closed) == (DATA, False)


def test_into_a_store(world: World, tmp_path: Path) -> None:
    """An upload into a store returns the operation that imports the document."""
    with Loopback(session := Session({"name": "o"})) as server:
        flow = stores.upload("fileSearchStores/s", written(tmp_path, DATA), {"display_name": "A book"})
        assert world.run(gemini(server.url), flow) == Success(UploadToFileSearchStoreOperation(name="o"))
        assert server.requests[0].target == "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore"
    assert (session.started, bytes(session.arrived)) == ({"displayName": "A book"}, DATA)


def test_session_elsewhere_gets_no_key(world: World) -> None:
    """Chunks are sent to any session URL, but the API key only to the backend's host."""
    with Loopback(far := Session()) as elsewhere, Loopback(Session(address=elsewhere.url)) as server:
        assert world.run(gemini(server.url), small(files.upload(DATA, TEXT))).unwrap().name == "files/abc"
        assert [each.headers.get("x-goog-api-key") for each in server.requests] == ["test-key"]
        assert [each.headers.get("x-goog-api-key") for each in elsewhere.requests] == [None] * 4
    assert bytes(far.arrived) == DATA


def test_progress_is_told(world: World, tmp_path: Path) -> None:
    """Each piece that has arrived is an event."""
    told: list[Any] = []
    with Loopback(Session()) as server:
        flow = small(files.upload(written(tmp_path, DATA)), 512)
        assert world.run(gemini(server.url), flow, on_event=told.append).unwrap().name == "files/abc"
    assert [each for each in told if isinstance(each, Uploaded)] == [Uploaded("a.txt", n, 1024) for n in (512, 1024)]


def test_file_that_shrinks(world: World, tmp_path: Path) -> None:
    """A file that shrinks during its upload is an InvalidRequest that says so."""
    path = written(tmp_path, DATA)
    session = Session()

    def script(received: Received) -> Answer:
        answer = session(received)
        os.truncate(path, 300)
        return answer

    with Loopback(script) as server:
        error = world.run(gemini(server.url), small(files.upload(path))).failure()
    assert isinstance(error, InvalidRequest)
    assert "ended" in str(error)


def test_what_cannot_be_read(world: World, tmp_path: Path) -> None:
    """What is not there, is a folder, or cannot be sought or read, is a failure before anything is sent."""
    reading, writing = os.pipe()
    gone = io.BytesIO(DATA)
    gone.close()
    with Loopback(Session()) as server, os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"):
        for content in (tmp_path / "no.txt", tmp_path, "a\x00b.txt", pipe, gone):
            result = world.run(gemini(server.url), files.upload(content, TEXT))
            assert isinstance(result.failure(), InvalidRequest)
        assert server.requests == ()


class Odd(io.BytesIO):
    """A file that fails as it is read, or that reads text."""

    def __init__(self, piece: Any) -> None:
        super().__init__(DATA)
        self.piece = piece

    def read(self, size: int | None = -1, /) -> Any:
        if isinstance(self.piece, Exception):
            raise self.piece
        return self.piece


@pytest.mark.parametrize("piece", [OSError(5, "Input/output error"), "text"], ids=("fault", "text"))
def test_what_fails_as_it_is_read(world: World, piece: Any) -> None:
    """An open file that fails, or has no bytes, is a failure."""
    with Loopback(Session()) as server:
        result = world.run(gemini(server.url), files.upload(Odd(piece), TEXT))
    assert isinstance(result.failure(), InvalidRequest)


def test_one_connection(world: World) -> None:
    """All chunks use the connection that started the session."""
    with Loopback(Session()) as server:
        assert world.run(gemini(server.url), small(files.upload(DATA, TEXT))).unwrap().name == "files/abc"
        assert server.connections == 1


def test_dropped_for_good(world: World, naps: Naps) -> None:
    """A server that drops every piece before a byte of it ends the upload after four attempts."""
    with Loopback(session := Session(), body_limits=(None, *(0, None) * 4)) as server:
        assert isinstance(world.run(gemini(server.url), files.upload(DATA, TEXT)).failure(), Disconnected)
    assert (bytes(session.arrived), len(naps.slept)) == (b"", 3)


def test_vertex_has_none(world: World) -> None:
    """On Vertex AI an upload is Unsupported."""
    assert isinstance(world.run(Vertex(api_key="test-key"), files.upload(DATA, TEXT)).failure(), Unsupported)


UPLOADING = """
import re, sys
from pathlib import Path
from genai_fn import AsyncHttp, Gemini, Http, files
import anyio, trio, httpcore

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

url, path, kind = sys.argv[1:]
idle, backend, flow = most(), Gemini("test-key", base_url=url), files.upload(path, {"mime_type": "a/b"})

async def through():
    async with AsyncHttp(backend) as run:
        return await run(flow)

def directly():
    with Http(backend) as run:
        return run(flow)

result = directly() if kind == "sync" else anyio.run(through, backend=kind)
assert result.unwrap().name == "files/abc", result
print(most() - idle)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where Linux tells it")
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_memory_stays_flat(kind: str, tmp_path: Path) -> None:
    """A file of 1 GiB is uploaded with less than 40 MiB of memory."""
    path, size = tmp_path / "zeros", (1 << 30) if kind == "sync" else (1 << 28)
    with path.open("wb") as file:
        file.truncate(size)
    sizes: list[int] = []

    def script(received: Received) -> Answer:
        if (command := received.headers["x-goog-upload-command"]) == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{received.headers['host']}/session"),))
        sizes.append(received.size)
        is_last = "finalize" in command
        return Reply(
            200, (("x-goog-upload-status", "final" if is_last else "active"),), b'{"file": {"name": "files/abc"}}'
        )

    with Loopback(script, keep_bodies=False) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", UPLOADING, server.url, str(path), kind],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
            timeout=600,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(sizes) == size
    assert int(done.stdout) < 40 * 1024


def test_failure_is_a_value(world: World) -> None:
    """The error of an open file does not contain the file, and can be pickled."""
    file = io.BytesIO()
    file.close()
    error = world.run(gemini("http://127.0.0.1:1"), files.upload(file, TEXT))
    assert pickle.loads(pickle.dumps(error)) == error
    assert isinstance(error, Failure)
