"""Download flows, as scripted conversations without an event loop."""

import pickle
from math import inf
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Failure, Gemini, Success, Vertex, encode, with_options
from genai_fn.backend import build_own_credential
from genai_fn.effects import (
    Ask,
    CloseResource,
    CommitTemp,
    CreateTemp,
    EffectFailed,
    GetTime,
    OpenStream,
    ReadChunk,
    ReadItems,
    SendRequest,
    WriteTemp,
)
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import APIError, ClientError, Disconnected, InvalidRequest, Unsupported
from genai_fn.ops import files
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.options import Options
from genai_fn.request import Flow, Request, start_generator
from genai_fn.schema import File, GeneratedVideo, Video
from genai_fn.wire import sign_request
from tests.support.scripted_effects import ResponseHead, run_by_script

ABC = Request(DownloadFile(name="abc"))
CHUNKS = Request(DownloadFile(name="abc", is_streamed=True))
FULL = InvalidRequest("path", "x.mp4", "a place where a file can be written (No space left on device)")
CONNECTION_LOST = Disconnected("reading", "reset")
FILM = Video(video_bytes=b"film")


def build_redirect(location: str, code: int = 302) -> Any:
    """Build a redirect."""
    return Failure(APIError(code, headers=(("Location", location),)))


def build_redirected_request(address: str, **options: Any) -> Request[bytes]:
    """Build the request for the target of a redirect."""
    return Request(DownloadFile(name="abc", address=address, **options))


@pytest.mark.parametrize(
    "file",
    [
        "abc",
        "files/abc",
        "https://h.test/v1beta/files/abc:download?alt=media",
        File(name="files/abc", download_uri="https://h.test/x"),
        Video(uri="https://h.test/v1beta/files/abc:download?alt=media"),
        GeneratedVideo(video=Video(uri="files/abc")),
    ],
)
def test_into_memory(file: Any) -> None:
    """Any reference to a file downloads its content."""
    assert run_by_script(start_generator(files.download(file)), [(Ask(ABC), Success(b"film"))]) == Success(b"film")


def test_to_a_path() -> None:
    """Small chunks are collected, and those of a MiB are written as they are; then the file gets its name."""
    big = bytes(1 << 20)
    script = [
        (CreateTemp("x.mp4"), "draft"),
        (OpenStream(CHUNKS), Success("handle")),
        (ReadItems("handle"), (Success(b"fi"), Success(b"l"))),
        (ReadItems("handle"), (Success(big),)),
        (WriteTemp("draft", b"fil" + big), None),
        (ReadItems("handle"), (Success(big), Success(b"m"))),
        (WriteTemp("draft", big), None),
        (ReadItems("handle"), ()),
        (WriteTemp("draft", b"m"), None),
        (CommitTemp("draft"), Path("x.mp4")),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download("abc", Path("x.mp4"))), script) == Success(Path("x.mp4"))


def test_broken_off() -> None:
    """An interrupted download leaves no file, and its failure is the result."""
    script = [
        (CreateTemp("x.mp4"), "draft"),
        (OpenStream(CHUNKS), Success("handle")),
        (ReadItems("handle"), (Success(b"fi"), Failure(CONNECTION_LOST))),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download("abc", "x.mp4")), script) == Failure(CONNECTION_LOST)


@pytest.mark.parametrize("chunk", [b"film", bytes(1 << 20)], ids=["end", "middle"])
def test_disk_is_full(chunk: bytes) -> None:
    """A failed write ends the download and leaves no file."""
    is_last = len(chunk) < 1 << 20
    script = [
        (CreateTemp("x.mp4"), "draft"),
        (OpenStream(CHUNKS), Success("handle")),
        (ReadItems("handle"), (Success(chunk), *(() if is_last else (Success(b"more"),)))),
        *([(ReadItems("handle"), ())] if is_last else []),
        (WriteTemp("draft", chunk), EffectFailed(FULL)),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download("abc", "x.mp4")), script) == Failure(FULL)


def test_cannot_be_kept() -> None:
    """A failed rename is a failure, and leaves no file."""
    script = [
        (CreateTemp("x.mp4"), "draft"),
        (OpenStream(CHUNKS), Success("handle")),
        (ReadItems("handle"), ()),
        (CommitTemp("draft"), EffectFailed(FULL)),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download("abc", "x.mp4")), script) == Failure(FULL)


@pytest.mark.parametrize("file", ["abc", FILM])
def test_no_place(file: Any) -> None:
    """If no temporary file can be created, no request is sent."""
    assert run_by_script(
        start_generator(files.download(file, "x.mp4")), [(CreateTemp("x.mp4"), EffectFailed(FULL))]
    ) == Failure(FULL)


@pytest.mark.parametrize("film", [FILM, GeneratedVideo(video=FILM)])
def test_bytes_at_hand(film: Any) -> None:
    """A video that contains its bytes needs no request."""
    assert run_by_script(start_generator(files.download(film)), []) == Success(b"film")
    script = [
        (CreateTemp("x"), "draft"),
        (WriteTemp("draft", b"film"), None),
        (CommitTemp("draft"), Path("x")),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download(film, "x")), script) == Success(Path("x"))


def test_bytes_at_hand_and_a_full_disk() -> None:
    """A failed write of a video's bytes leaves no file."""
    script = [
        (CreateTemp("x"), "draft"),
        (WriteTemp("draft", b"film"), EffectFailed(FULL)),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download(FILM, "x")), script) == Failure(FULL)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirected(code: int) -> None:
    """Redirects are followed; a relative one is resolved against the previous URL."""
    script = [
        (Ask(ABC), build_redirect("https://far.test/a/b?c=d", code)),
        (Ask(build_redirected_request("https://far.test/a/b?c=d")), build_redirect("../e")),
        (Ask(build_redirected_request("https://far.test/e")), Success(b"film")),
    ]
    assert run_by_script(start_generator(files.download("abc")), script) == Success(b"film")


def test_redirected_to_a_path() -> None:
    """A redirect is followed before anything is written."""
    script = [
        (CreateTemp("x"), "draft"),
        (OpenStream(CHUNKS), build_redirect("https://far.test/a")),
        (OpenStream(build_redirected_request("https://far.test/a", is_streamed=True)), Success("handle")),
        (ReadItems("handle"), ()),
        (CommitTemp("draft"), Path("x")),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(start_generator(files.download("abc", "x")), script) == Success(Path("x"))


def test_redirected_in_circles() -> None:
    """The sixth redirect is the result."""
    copy = build_redirect("/a")
    script = [(Ask(ABC), copy), *[(Ask(build_redirected_request("/a")), copy)] * 5]
    assert run_by_script(start_generator(files.download("abc")), script) == copy


@pytest.mark.parametrize("location", ["", "ftp://far.test/a", "https://[", "data:,x", "a\x00b", "file:/etc/x"])
def test_redirected_nowhere(location: str) -> None:
    """A redirect to something other than an HTTP URL is the result."""
    assert run_by_script(
        start_generator(files.download("abc")), [(Ask(ABC), build_redirect(location))]
    ) == build_redirect(location)


def test_headers_stay_behind() -> None:
    """Headers from options, which may contain credentials, are not sent to a redirect; other options apply."""
    flow = files.download("abc") | with_options(headers={"authorization": "test-key"}, server_timeout=3)
    given = Options(headers=(("authorization", "test-key"),), server_timeout=3)
    script = [
        (Ask(Request(ABC.operation, given)), build_redirect("https://far.test/a")),
        (
            Ask(Request(build_redirected_request("https://far.test/a").operation, Options(server_timeout=3))),
            Success(b"film"),
        ),
    ]
    assert run_by_script(start_generator(flow), script) == Success(b"film")


def test_other_failures_stay() -> None:
    """Any other failure is the result."""
    error = Failure(ClientError(404, "NOT_FOUND"))
    assert run_by_script(start_generator(files.download("abc")), [(Ask(ABC), error)]) == error


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://far.test/a?b", "https://far.test/a?b"),
        ("/a?b", "https://h.test/a?b"),
        ("x", "https://h.test/way/v1beta/files/x"),
        ("//far.test/a", "https://far.test/a"),
    ],
)
def test_address_of_a_redirect(address: str, url: str) -> None:
    """A relative redirect is resolved against the file's own URL."""
    assert (
        encode(build_redirected_request(address), Gemini("test-key", base_url="https://h.test/way")).unwrap().url == url
    )


@pytest.mark.parametrize("file", ["gs://bucket/x.mp4", Video(uri="gs://bucket/x.mp4")])
@pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex("p")])
def test_cloud_storage(file: Any, backend: Any) -> None:
    """A file in Cloud Storage is refused with the reason."""
    error = encode(files.download(file).source, backend).failure()
    assert isinstance(error, Unsupported)
    assert "Cloud Storage" in str(error)


@pytest.mark.parametrize(
    "build",
    [
        lambda: files.download(File(name="files/abc")),
        lambda: files.download(Video()),
        lambda: files.download(GeneratedVideo()),
        lambda: files.download(""),
        lambda: files.download("https://h.test/other"),
        lambda: files.download("abc", ""),
        lambda: files.download("abc", 7),  # type: ignore[call-overload]  # that is the point
    ],
)
def test_mistakes(build: Any) -> None:
    """An invalid file or path is refused at once."""
    with pytest.raises(InvalidRequest):
        build()


@pytest.mark.parametrize("flow", [files.download("abc"), files.download("abc", "x"), files.download(FILM, "x")])
def test_is_a_value(flow: Flow[Any]) -> None:
    """A download compares, hashes and pickles."""
    copy = pickle.loads(pickle.dumps(flow))
    assert (copy, hash(copy)) == (flow, hash(flow))


HTTP = HttpHandler(backend=Gemini("test-key"))
SIGNED_REQUEST = sign_request(encode(CHUNKS, Gemini("test-key")).unwrap(), build_own_credential(Gemini("test-key")))  # type: ignore[arg-type]  # it has a key


@pytest.mark.parametrize("pieces", [(), (b"fi", b"lm"), (b'{"error": {"code": 500}}',), (b"data: x\n\n",)])
def test_as_effects(pieces: tuple[bytes, ...]) -> None:
    """Small chunks are written together; only the time between chunks is limited."""
    answer = ResponseHead(200)
    reads = [
        (ReadChunk(answer, 700.0 if n == 0 else inf, inf if n == 0 else 60.0), each)
        for n, each in enumerate((*pieces, b""))
    ]
    content = b"".join(pieces)
    script = [
        (CreateTemp("x"), "draft"),
        (GetTime(), 100.0),
        (SendRequest(SIGNED_REQUEST, 700.0, 10.0, False), answer),
        *reads,
        (CloseResource(answer), None),
        *([(WriteTemp("draft", content), None)] if content else []),
        (CommitTemp("draft"), Path("x")),
        (CloseResource("draft"), None),
    ]
    assert run_by_script(build_program(files.download("abc", "x"), HTTP), script) == Success(Path("x"))
