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
from tests.support.interpreter_kinds import InterpreterKind, SleepRecorder, make_gemini
from tests.support.loopback import Answer, Loopback, ReceivedRequest, Reply, Reset

TEXT = {"mime_type": "text/plain"}
DATA = bytes(range(256)) * 4


class UploadSession:
    """A server of one upload: it accepts chunks in order, resets truncated requests, and reports the size received."""

    def __init__(self, result: object = None, session_origin: str | None = None) -> None:
        self.data = bytearray()
        self.metadata: dict[str, Any] = {}
        self.result = {"file": {"name": "files/abc"}} if result is None else result
        self.session_origin = session_origin
        self.is_final = False

    def __call__(self, request: ReceivedRequest) -> Answer:
        command = request.headers["x-goog-upload-command"]
        if command == "start":
            self.metadata = msgspec.json.decode(request.body or b"{}")
            origin = self.session_origin or f"http://{request.headers['host']}"
            return Reply(200, (("x-goog-upload-url", f"{origin}/session?upload_id=1"),))
        if command == "query":
            return self._build_status()
        assert int(request.headers["x-goog-upload-offset"]) == len(self.data)
        self.data += request.body
        if request.size < int(request.headers["content-length"]):
            return Reset()
        self.is_final = "finalize" in command
        return self._build_status()

    def _build_status(self) -> Reply:
        status = "final" if self.is_final else "active"
        headers = (("x-goog-upload-status", status), ("x-goog-upload-size-received", str(len(self.data))))
        return Reply(200, headers, msgspec.json.encode(self.result) if self.is_final else b"")


def set_chunk_size(flow: Flow[Any], chunk: int = 256) -> Flow[Any]:
    """Set the chunk size of an upload."""
    return Flow(flow.builder, flow.source, (*flow.args, chunk))


def write_file(folder: Path, data: bytes, name: str = "a.txt") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("source", ["path", "bytes", "open"])
def test_cut_in_every_chunk(kind: InterpreterKind, sleeps: SleepRecorder, source: str, tmp_path: Path) -> None:
    """An upload whose connection is cut in each chunk is resumed after the bytes that have arrived, and loses none."""
    path = write_file(tmp_path, DATA)
    cuts = (None, *(100, None) * 11)
    with Loopback(session := UploadSession(), body_limits=cuts) as server, path.open("rb") as file:
        content: Any = {"path": path, "bytes": DATA, "open": file}[source]
        assert kind.run(make_gemini(server.url), set_chunk_size(files.upload(content, TEXT))) == Success(
            File(name="files/abc")
        )
    assert bytes(session.data) == DATA
    assert len(sleeps.seconds) == 10


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1024, 1025])
def test_sizes(kind: InterpreterKind, size: int, tmp_path: Path) -> None:
    """A file of any size arrives completely, without extra bytes."""
    data = os.urandom(size)
    with Loopback(session := UploadSession()) as server:
        flow = set_chunk_size(files.upload(write_file(tmp_path, data)))
        assert kind.run(make_gemini(server.url), flow) == Success(File(name="files/abc"))
    assert (bytes(session.data), session.metadata["file"]["sizeBytes"]) == (data, size)


@pytest.mark.parametrize("name", ["Müll.txt", "🐈🐈.txt", "a b'\"%.txt", "x" * 250 + ".txt", "a\nb.txt"])
def test_file_names(kind: InterpreterKind, name: str, tmp_path: Path) -> None:
    """Any file name is sent: in a header if possible, else as the display name."""
    with Loopback(session := UploadSession()) as server:
        assert (
            kind.run(make_gemini(server.url), files.upload(write_file(tmp_path, DATA, name))).unwrap().name
            == "files/abc"
        )
        events = server.requests[0].headers.get("x-goog-upload-file-name")
    assert (events or session.metadata["file"]["displayName"]) == name
    assert bytes(session.data) == DATA


def test_open_file_is_sent_from_the_start(kind: InterpreterKind) -> None:
    """An open file is sent from its beginning, whatever its position, and stays open."""
    file = io.BytesIO(DATA)
    file.seek(7)
    with Loopback(session := UploadSession()) as server:
        assert kind.run(make_gemini(server.url), set_chunk_size(files.upload(file, TEXT))).unwrap().name == "files/abc"
    assert (bytes(session.data), file.closed) == (DATA, False)


def test_upload_to_a_store(kind: InterpreterKind, tmp_path: Path) -> None:
    """An upload into a store returns the operation that imports the document."""
    with Loopback(session := UploadSession({"name": "o"})) as server:
        flow = stores.upload("fileSearchStores/s", write_file(tmp_path, DATA), {"display_name": "A book"})
        assert kind.run(make_gemini(server.url), flow) == Success(UploadToFileSearchStoreOperation(name="o"))
        assert server.requests[0].target == "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore"
    assert (session.metadata, bytes(session.data)) == ({"displayName": "A book"}, DATA)


def test_session_elsewhere_gets_no_key(kind: InterpreterKind) -> None:
    """Chunks are sent to any session URL, but the API key only to the backend's host."""
    with (
        Loopback(other_session := UploadSession()) as elsewhere,
        Loopback(UploadSession(session_origin=elsewhere.url)) as server,
    ):
        assert kind.run(make_gemini(server.url), set_chunk_size(files.upload(DATA, TEXT))).unwrap().name == "files/abc"
        assert [each.headers.get("x-goog-api-key") for each in server.requests] == ["test-key"]
        assert [each.headers.get("x-goog-api-key") for each in elsewhere.requests] == [None] * 4
    assert bytes(other_session.data) == DATA


def test_progress_events(kind: InterpreterKind, tmp_path: Path) -> None:
    """Each chunk that has arrived is reported as an event."""
    events: list[Any] = []
    with Loopback(UploadSession()) as server:
        flow = set_chunk_size(files.upload(write_file(tmp_path, DATA)), 512)
        assert kind.run(make_gemini(server.url), flow, on_event=events.append).unwrap().name == "files/abc"
    assert [each for each in events if isinstance(each, Uploaded)] == [Uploaded("a.txt", n, 1024) for n in (512, 1024)]


def test_file_that_shrinks(kind: InterpreterKind, tmp_path: Path) -> None:
    """A file that shrinks during its upload is an InvalidRequest that says so."""
    path = write_file(tmp_path, DATA)
    session = UploadSession()

    def script(request: ReceivedRequest) -> Answer:
        answer = session(request)
        os.truncate(path, 300)
        return answer

    with Loopback(script) as server:
        error = kind.run(make_gemini(server.url), set_chunk_size(files.upload(path))).failure()
    assert isinstance(error, InvalidRequest)
    assert "ended" in str(error)


def test_unreadable_content(kind: InterpreterKind, tmp_path: Path) -> None:
    """A missing file, a folder, and a file that cannot seek or read are failures before anything is sent."""
    read_end, write_end = os.pipe()
    closed_file = io.BytesIO(DATA)
    closed_file.close()
    with Loopback(UploadSession()) as server, os.fdopen(read_end, "rb") as pipe, os.fdopen(write_end, "wb"):
        for content in (tmp_path / "no.txt", tmp_path, "a\x00b.txt", pipe, closed_file):
            result = kind.run(make_gemini(server.url), files.upload(content, TEXT))
            assert isinstance(result.failure(), InvalidRequest)
        assert server.requests == ()


class UnreadableFile(io.BytesIO):
    """A file whose `read` raises an error, or returns text."""

    def __init__(self, chunk: Any) -> None:
        super().__init__(DATA)
        self.chunk = chunk

    def read(self, size: int | None = -1, /) -> Any:
        if isinstance(self.chunk, Exception):
            raise self.chunk
        return self.chunk


@pytest.mark.parametrize("chunk", [OSError(5, "Input/output error"), "text"], ids=("error", "text"))
def test_read_error(kind: InterpreterKind, chunk: Any) -> None:
    """An open file whose `read` raises, or does not return bytes, is a failure."""
    with Loopback(UploadSession()) as server:
        result = kind.run(make_gemini(server.url), files.upload(UnreadableFile(chunk), TEXT))
    assert isinstance(result.failure(), InvalidRequest)


def test_one_connection(kind: InterpreterKind) -> None:
    """All chunks use the connection that started the session."""
    with Loopback(UploadSession()) as server:
        assert kind.run(make_gemini(server.url), set_chunk_size(files.upload(DATA, TEXT))).unwrap().name == "files/abc"
        assert server.connections == 1


def test_dropped_every_time(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """If the server drops every chunk before its first byte, the upload fails after four attempts."""
    with Loopback(session := UploadSession(), body_limits=(None, *(0, None) * 4)) as server:
        assert isinstance(kind.run(make_gemini(server.url), files.upload(DATA, TEXT)).failure(), Disconnected)
    assert (bytes(session.data), len(sleeps.seconds)) == (b"", 3)


def test_unsupported_on_vertex(kind: InterpreterKind) -> None:
    """On Vertex AI an upload is Unsupported."""
    assert isinstance(kind.run(Vertex(api_key="test-key"), files.upload(DATA, TEXT)).failure(), Unsupported)


UPLOAD_PROGRAM = """
import re, sys
from pathlib import Path
from genai_fn import AsyncHttp, Gemini, Http, files
import anyio, trio, httpcore

def read_peak_memory():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

url, path, kind = sys.argv[1:]
before, backend, flow = read_peak_memory(), Gemini("test-key", base_url=url), files.upload(path, {"mime_type": "a/b"})

async def upload_async():
    async with AsyncHttp(backend) as run:
        return await run(flow)

def upload():
    with Http(backend) as run:
        return run(flow)

result = upload() if kind == "sync" else anyio.run(upload_async, backend=kind)
assert result.unwrap().name == "files/abc", result
print(read_peak_memory() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_memory_stays_flat(kind: str, tmp_path: Path) -> None:
    """A file of 128 MiB is uploaded with less than 40 MiB of memory."""
    path, size = tmp_path / "zeros", 1 << 27
    with path.open("wb") as file:
        file.truncate(size)
    sizes: list[int] = []

    def script(request: ReceivedRequest) -> Answer:
        if (command := request.headers["x-goog-upload-command"]) == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{request.headers['host']}/session"),))
        sizes.append(request.size)
        is_last = "finalize" in command
        return Reply(
            200, (("x-goog-upload-status", "final" if is_last else "active"),), b'{"file": {"name": "files/abc"}}'
        )

    with Loopback(script, keep_bodies=False) as server:
        process = subprocess.run(
            [sys.executable, "-W", "error", "-c", UPLOAD_PROGRAM, server.url, str(path), kind],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
            timeout=600,
        )
    assert (process.returncode, process.stderr) == (0, "")
    assert sum(sizes) == size
    assert int(process.stdout) < 40 * 1024


def test_failure_is_a_value(kind: InterpreterKind) -> None:
    """The error of an open file does not contain the file, and can be pickled."""
    file = io.BytesIO()
    file.close()
    error = kind.run(make_gemini("http://127.0.0.1:1"), files.upload(file, TEXT))
    assert pickle.loads(pickle.dumps(error)) == error
    assert isinstance(error, Failure)
