"""Upload flows, as scripted conversations without an event loop."""

import functools
import io
import pickle
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Failure, Offline, Success
from genai_fn.effects import Ask, EffectFailed, FlowFailed, GetFileSize, GetRandom, Notify, ReadFileSlice, Sleep
from genai_fn.errors import (
    APIError,
    ClientError,
    Closed,
    DecodeError,
    Disconnected,
    InvalidRequest,
    ServerError,
    TimedOut,
)
from genai_fn.events import Uploaded
from genai_fn.http import FileSlice
from genai_fn.ops import files, stores
from genai_fn.ops.files.upload_flow import UPLOAD_CHUNK_BYTES, BytesContent, run_store_upload, run_upload
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload, UploadProgress
from genai_fn.request import Flow, Operation, Request, start_generator
from genai_fn.schema import File, UploadFileConfig, UploadToFileSearchStoreOperation
from tests.support.scripted_effects import run_by_script

SESSION = "https://h.test/upload?upload_id=1"
FINISHED = UploadProgress(True, None, b'{"file": {"name": "files/abc"}}')
CONNECTION_LOST = Failure(Disconnected("asking", "reset"))
DATA = b"0123456789"
TEXT: dict[str, Any] = {"mime_type": "text/plain"}

ScriptStep = tuple[Any, Any]


def upload_small(flow: Flow[Any], chunk: int = 4) -> Flow[Any]:
    """Upload in chunks of a few bytes."""
    return Flow(flow.builder, flow.source, (*flow.args, chunk))


def expect_operation(operation: Operation[Any], answer: Any) -> ScriptStep:
    """Expect an operation, and answer with a value or a failure."""
    return Ask(Request(operation)), answer if isinstance(answer, Failure) else Success(answer)


def expect_start(size: int, name: str = "") -> ScriptStep:
    """Expect the start of a session for a text."""
    config = UploadFileConfig() if name else UploadFileConfig(**TEXT)
    return expect_operation(StartUpload(size=size, mime_type="text/plain", file_name=name, config=config), SESSION)


def expect_chunk(offset: int, data: bytes | FileSlice, answer: Any, *, last: bool = False) -> ScriptStep:
    """Expect a chunk."""
    return expect_operation(SendUploadChunk(session=SESSION, offset=offset, data=data, is_last=last), answer)


def expect_query(answer: Any, *, attempt: int = 1) -> list[ScriptStep]:
    """Expect a wait and a query."""
    return [
        (GetRandom(), 0.5),
        (Sleep(2.0 ** (attempt - 1) / 2), None),
        expect_operation(QueryUpload(session=SESSION), answer),
    ]


def build_progress(received: int, size: int = 10, name: str = "") -> ScriptStep:
    """Build a progress."""
    return Notify(Uploaded(name, received, size)), None


def run_failing(flow: Flow[Any], script: list[ScriptStep]) -> Any:
    """Run a flow that fails, and return its error."""
    with pytest.raises(FlowFailed) as raised:
        run_by_script(start_generator(flow), script)
    return raised.value.error


def test_piece_by_piece() -> None:
    """Chunks are sent in order, the last one finalizes, and its response contains the file."""
    script = [
        expect_start(10),
        expect_chunk(0, b"0123", UploadProgress(False)),
        build_progress(4),
        expect_chunk(4, b"4567", UploadProgress(False, 8)),
        build_progress(8),
        expect_chunk(8, b"89", FINISHED, last=True),
        build_progress(10),
    ]
    assert run_by_script(start_generator(upload_small(files.upload(DATA, TEXT))), script) == Success(
        File(name="files/abc")
    )


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 9, 41])
def test_sizes(size: int) -> None:
    """For any size all bytes are sent once, in order; an empty file is one empty chunk."""
    data = bytes(range(size))
    offsets = range(0, max(size, 1), 4)
    script = [expect_start(size)]
    for offset in offsets:
        last = offset == offsets[-1]
        script += [
            expect_chunk(offset, data[offset : offset + 4], FINISHED if last else UploadProgress(False), last=last)
        ]
        script += [build_progress(min(offset + 4, size), size)]
    assert run_by_script(start_generator(upload_small(files.upload(data, TEXT))), script) == Success(
        File(name="files/abc")
    )


def test_path_is_sent_in_slices() -> None:
    """A file on disk is sent in slices, each read while it is sent."""
    script = [
        (GetFileSize("a/b.txt"), 6),
        expect_start(6, "b.txt"),
        expect_chunk(0, FileSlice("a/b.txt", 0, 4), UploadProgress(False)),
        build_progress(4, 6, "b.txt"),
        expect_chunk(4, FileSlice("a/b.txt", 4, 2), FINISHED, last=True),
        build_progress(6, 6, "b.txt"),
    ]
    assert run_by_script(start_generator(upload_small(files.upload(Path("a/b.txt")))), script) == Success(
        File(name="files/abc")
    )


def test_open_file_is_read_in_pieces() -> None:
    """An open file is read one chunk at a time, and sends no name."""
    file = io.BytesIO(b"012345")
    script = [
        (GetFileSize(file), 6),
        expect_start(6),
        (ReadFileSlice(file, 0, 4), b"0123"),
        expect_chunk(0, b"0123", UploadProgress(False)),
        build_progress(4, 6),
        (ReadFileSlice(file, 4, 2), b"45"),
        expect_chunk(4, b"45", FINISHED, last=True),
        build_progress(6, 6),
    ]
    assert run_by_script(start_generator(upload_small(files.upload(file, TEXT))), script) == Success(
        File(name="files/abc")
    )


@pytest.mark.parametrize("data", (b"012", b"0123456"))
def test_open_file_that_changed(data: bytes) -> None:
    """An open file that returns fewer bytes than its size, or more than were read, ends the upload with the offset."""
    file = io.BytesIO(b"")
    error = run_failing(
        files.upload(file, TEXT), [(GetFileSize(file), 6), expect_start(6), (ReadFileSlice(file, 0, 6), data)]
    )
    assert (type(error), error.expected) == (InvalidRequest, "6 bytes from 0 on, as when its size was read")


class _OverlongReads(io.BytesIO):
    """A file that returns more bytes than are read."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size) + b"more"


def test_open_file_that_reads_too_much() -> None:
    """An open file that returns more bytes than are read ends the upload, and is not read for ever."""
    error = Offline()(files.upload(_OverlongReads(b"012345"), TEXT)).failure()
    assert isinstance(error, InvalidRequest)
    assert error.expected == "6 bytes from 0 on, as when its size was read"


@pytest.mark.parametrize("received", range(11))
def test_goes_on_from_what_arrived(received: int) -> None:
    """After an error the progress is queried, and the rest is sent from there."""
    unsent = DATA[received:]
    script = [
        expect_start(10),
        expect_chunk(0, DATA, CONNECTION_LOST, last=True),
        *expect_query(UploadProgress(False, received)),
    ]
    script += [build_progress(received)] if received else []
    script += [expect_chunk(received, unsent, FINISHED, last=True), build_progress(10)]
    assert run_by_script(start_generator(upload_small(files.upload(DATA, TEXT), 10)), script) == Success(
        File(name="files/abc")
    )


def test_answer_that_was_lost() -> None:
    """If only the last response was lost, the query returns it; nothing is sent twice."""
    script = [
        expect_start(10),
        expect_chunk(0, DATA, CONNECTION_LOST, last=True),
        *expect_query(FINISHED),
        build_progress(10),
    ]
    assert run_by_script(start_generator(files.upload(DATA, TEXT)), script) == Success(File(name="files/abc"))


def test_less_taken_than_sent() -> None:
    """If the server took part of a chunk, the rest is sent again."""
    script = [
        expect_start(4),
        expect_chunk(0, b"0123", UploadProgress(False, 3)),
        build_progress(3, 4),
        expect_chunk(3, b"3", FINISHED, last=True),
    ]
    script[1] = expect_chunk(0, b"0123", UploadProgress(False, 3), last=True)
    assert run_by_script(start_generator(files.upload(b"0123", TEXT)), [*script, build_progress(4, 4)]) == Success(
        File(name="files/abc")
    )


def test_every_piece_is_lost_once() -> None:
    """Any number of errors is tolerated as long as each attempt makes progress."""
    script, data = [expect_start(40)], bytes(40)
    for offset in range(0, 40, 4):
        script += [
            expect_chunk(offset, data[offset : offset + 2], CONNECTION_LOST),
            *expect_query(UploadProgress(False, offset + 2)),
            build_progress(offset + 2, 40),
        ]
        script += [expect_chunk(offset + 2, data[offset + 2 : offset + 4], CONNECTION_LOST, last=offset == 36)]
        script += expect_query(UploadProgress(False, offset + 4)) if offset < 36 else expect_query(FINISHED)
        script += [build_progress(offset + 4, 40)]
    assert run_by_script(start_generator(upload_small(files.upload(data, TEXT), 2)), script) == Success(
        File(name="files/abc")
    )


def test_gives_up() -> None:
    """After four attempts without progress, the last error is the result."""
    script = [expect_start(10)]
    for attempt in (1, 2, 3):
        script += [
            expect_chunk(0, DATA, CONNECTION_LOST, last=True),
            *expect_query(UploadProgress(False, 0), attempt=attempt),
        ]
    assert (
        run_failing(
            files.upload(DATA, TEXT), [*script, expect_chunk(0, DATA, CONNECTION_LOST, last=True), (GetRandom(), 0.5)]
        )
        == CONNECTION_LOST.failure()
    )


def test_no_progress_is_given_up() -> None:
    """A server that accepts chunks without progress is given up."""
    script = [expect_start(10), *[expect_chunk(0, DATA, UploadProgress(False, 0), last=True)] * 4]
    assert isinstance(run_failing(files.upload(DATA, TEXT), script), DecodeError)


def test_server_that_lost_bytes() -> None:
    """If the server has fewer bytes than before, they are sent again."""
    script = [
        expect_start(8),
        expect_chunk(0, DATA[:4], UploadProgress(False, 4)),
        build_progress(4, 8),
        expect_chunk(4, DATA[4:8], CONNECTION_LOST, last=True),
        *expect_query(UploadProgress(False, 2)),
        expect_chunk(2, DATA[2:6], UploadProgress(False, 6)),
        build_progress(6, 8),
        expect_chunk(6, DATA[6:8], FINISHED, last=True),
        build_progress(8, 8),
    ]
    assert run_by_script(start_generator(upload_small(files.upload(DATA[:8], TEXT))), script) == Success(
        File(name="files/abc")
    )


@pytest.mark.parametrize(
    "error",
    [ClientError(404, "NOT_FOUND"), Closed(), DecodeError("active or final"), InvalidRequest("request", 1, "x")],
)
def test_faults_that_stay(error: Any) -> None:
    """An error that cannot be retried ends the upload at once."""
    assert (
        run_failing(files.upload(DATA, TEXT), [expect_start(10), expect_chunk(0, DATA, Failure(error), last=True)])
        == error
    )


def test_server_that_is_busy() -> None:
    """After a 503 the progress is queried after the time that the server states."""
    busy = Failure(ServerError(503, headers=(("retry-after", "7"),)))
    script = [expect_start(10), expect_chunk(0, DATA, busy, last=True), (GetRandom(), 0.5), (Sleep(7.5), None)]
    script += [expect_operation(QueryUpload(session=SESSION), FINISHED), build_progress(10)]
    assert run_by_script(start_generator(files.upload(DATA, TEXT)), script) == Success(File(name="files/abc"))


def test_question_without_an_answer() -> None:
    """If the query fails, its error is the result."""
    script = [expect_start(10), expect_chunk(0, DATA, CONNECTION_LOST, last=True), *expect_query(CONNECTION_LOST)]
    assert run_failing(files.upload(DATA, TEXT), script) == CONNECTION_LOST.failure()


def test_time_ran_out_for_a_piece() -> None:
    """After the timeout of a chunk, the progress is queried."""
    timeout = Failure(TimedOut("headers", "waiting", sent=True))
    script = [expect_start(10), expect_chunk(0, DATA, timeout, last=True), *expect_query(FINISHED), build_progress(10)]
    assert run_by_script(start_generator(files.upload(DATA, TEXT)), script) == Success(File(name="files/abc"))


@pytest.mark.parametrize(
    ("headers", "received"),
    [
        ((), 0),
        ((("range", "bytes=0-6"),), 7),
        ((("X-Goog-Upload-Size-Received", "3"), ("range", "bytes=0-6")), 3),
        ((("range", "garbage"),), 0),
    ],
)
def test_308(headers: Any, received: int) -> None:
    """A 308 states the progress in other headers, for a chunk and for a query."""
    redirected = Failure(APIError(308, headers=headers))
    script = [expect_start(10), expect_chunk(0, DATA, CONNECTION_LOST, last=True), *expect_query(redirected)]
    script += [build_progress(received)] if received else []
    script += [expect_chunk(received, DATA[received:], redirected, last=True)]
    script += [expect_chunk(received, DATA[received:], FINISHED, last=True), build_progress(10)]
    assert run_by_script(start_generator(files.upload(DATA, TEXT)), script) == Success(File(name="files/abc"))


@pytest.mark.parametrize("received", [None, -1, 11])
def test_invalid_answers(received: int | None) -> None:
    """A progress beyond the size, or without a number after a query, is a failure."""
    script = [
        expect_start(10),
        expect_chunk(0, DATA, CONNECTION_LOST, last=True),
        *expect_query(UploadProgress(False, received)),
    ]
    assert isinstance(run_failing(files.upload(DATA, TEXT), script), DecodeError)


def test_ended_without_a_file() -> None:
    """A final response without a file is a failure."""
    script = [expect_start(10), expect_chunk(0, DATA, UploadProgress(True, None, b"[]"), last=True), build_progress(10)]
    assert isinstance(run_by_script(start_generator(files.upload(DATA, TEXT)), script).failure(), DecodeError)


def test_file_that_is_not_there() -> None:
    """A file whose size cannot be read is a failure before the start."""
    error = InvalidRequest("file", "no.txt", "a file that can be read")
    assert run_failing(files.upload("no.txt"), [(GetFileSize("no.txt"), EffectFailed(error))]) == error


def test_into_a_store() -> None:
    """An upload into a store returns the operation that it started."""
    final_progress = UploadProgress(True, None, b'{"name": "fileSearchStores/s/upload/operations/o"}')
    start = StartStoreUpload(file_search_store_name="fileSearchStores/s", size=10, mime_type="text/plain")
    flow = stores.upload("fileSearchStores/s", DATA, TEXT)
    start = flow.args[1]
    assert start.size == 0
    script = [
        expect_operation(
            StartStoreUpload(**{**{n: getattr(start, n) for n in start.__struct_fields__}, "size": 10}), SESSION
        ),
        expect_chunk(0, DATA, final_progress, last=True),
        build_progress(10),
    ]
    found = UploadToFileSearchStoreOperation(name="fileSearchStores/s/upload/operations/o")
    assert run_by_script(start_generator(flow), script) == Success(found)


NAMES = {
    "notes.txt": ("notes.txt", "text/plain"),
    "a/b/Müll.PDF": ("Müll.PDF", "application/pdf"),
    "🐈.png": ("🐈.png", "image/png"),
    "x" * 300 + ".csv": ("x" * 300 + ".csv", "text/csv"),
    "a\\b.txt": ("a\\b.txt", "text/plain"),
    "C:\\films\\cat.mp4": ("cat.mp4", "video/mp4"),
    "\\\\host\\films\\cat.mp4": ("cat.mp4", "video/mp4"),
    "a\udce9.txt": ("a?.txt", "text/plain"),
    ".hidden.json": (".hidden.json", "application/json"),
}


@pytest.mark.parametrize("path", NAMES)
def test_names(path: str) -> None:
    """The last part of a path is sent as the name, with any characters, and its MIME type."""
    start = files.upload(path).args[1]
    assert (start.file_name, start.mime_type) == NAMES[path]
    assert stores.upload("fileSearchStores/s", path).args[1].file_name == NAMES[path][0]


@pytest.mark.parametrize("mime_type", ["text/plain\r\nx-a: b", "text/plain\n", "text/pläin", "a\0b"])
def test_bad_mime_types(mime_type: str) -> None:
    """A MIME type that a header cannot contain is refused when the upload is built."""
    for upload in (files.upload, functools.partial(stores.upload, "fileSearchStores/s")):
        with pytest.raises(InvalidRequest) as raised:
            upload(DATA, {"mime_type": mime_type})
        assert raised.value.path == "mime_type"


def test_kind_of_an_open_file(tmp_path: Path) -> None:
    """The MIME type of an open file comes from its name."""
    path = tmp_path / "a.csv"
    path.touch()
    with path.open("rb") as file:
        start = files.upload(file).args[1]
    assert (start.mime_type, start.file_name) == ("text/csv", "")


@pytest.mark.parametrize(
    "build",
    [
        lambda: files.upload("no_ending"),
        lambda: files.upload(b"bytes"),
        lambda: files.upload(io.BytesIO(b"")),
        lambda: files.upload("a.txt", {"nmae": "x"}),
        lambda: files.upload(""),
        lambda: files.upload(7),  # type: ignore[arg-type]  # that is the point
        lambda: files.upload(io.StringIO("text"), TEXT),  # type: ignore[arg-type]  # that is the point
        lambda: stores.upload("", "a.txt"),
        lambda: stores.upload("../x", "a.txt"),
    ],
)
def test_mistakes(build: Any) -> None:
    """A value that is not a file, has no MIME type, or a misspelt field is refused at once."""
    with pytest.raises(InvalidRequest):
        build()


def test_is_a_value() -> None:
    """An upload of a path or of bytes compares, hashes and pickles; its repr truncates bytes."""
    for flow in (files.upload("a.txt"), files.upload(DATA, TEXT), stores.upload("fileSearchStores/s", "a.txt")):
        copy = pickle.loads(pickle.dumps(flow))
        assert (copy, hash(copy)) == (flow, hash(flow))
    assert len(repr(files.upload(bytes(10**6), TEXT))) < 1000
    assert files.upload("a.txt") == run_upload("a.txt", StartUpload(size=0, mime_type="text/plain", file_name="a.txt"))
    assert stores.upload("fileSearchStores/s", DATA, TEXT).builder is run_store_upload
    assert BytesContent(data=DATA) == files.upload(DATA, TEXT).args[0]
    assert UPLOAD_CHUNK_BYTES == 8 * 1024 * 1024
