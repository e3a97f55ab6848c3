"""Download requests, compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.errors import DecodeError, InvalidRequest, ServerError
from genai_fn.http import HttpResponse
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.wire import decode
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import BACKENDS, check_same_request, decode_ours

G = "https://generativelanguage.googleapis.com/v1beta"

FILES: tuple[Callable[[Any], Any], ...] = (
    lambda lib: "files/abc",
    lambda lib: "abc",
    lambda lib: f"{G}/files/abc:download?alt=media",
    lambda lib: lib.File(name="files/abc", download_uri=f"{G}/files/abc:download?alt=media"),
    lambda lib: lib.Video(uri=f"{G}/files/abc:download?alt=media", mime_type="video/mp4"),
    lambda lib: lib.GeneratedVideo(video=lib.Video(uri=f"{G}/files/abc")),
)
MISTAKES: tuple[Callable[[Any], Any], ...] = (
    lambda lib: lib.File(name="files/abc"),
    lambda lib: lib.Video(video_bytes=b"x"),
    lambda lib: lib.GeneratedVideo(),
    lambda lib: "https://h.test/abc",
    lambda lib: 3,
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("file", FILES)
def test_same_wire(file: Callable[[Any], Any], backend: str) -> None:
    """A file is downloaded by any reference to it, from its own backend; Vertex AI refuses."""
    check_same_request(
        lambda: download_bytes(file(schema)), lambda client: client.files.download(file=file(types)), backend
    )


@pytest.mark.parametrize("file", MISTAKES)
def test_mistakes(file: Callable[[Any], Any]) -> None:
    """A file that cannot be downloaded is a mistake at once, as with google-genai."""
    check_same_request(
        lambda: download_bytes(file(schema)), lambda client: client.files.download(file=file(types)), "gemini"
    )
    with pytest.raises(InvalidRequest) as raised:
        download_bytes(file(schema))
    assert raised.value.path == "file"


def test_a_file_that_has_an_address_alone() -> None:
    """A file without a name is downloaded by its ``download_uri``; google-genai requires the name."""
    uri = f"{G}/files/abc:download?alt=media"
    theirs = oracle.capture_request(
        oracle.GEMINI, lambda client: client.files.download(file=types.File(download_uri=uri))
    )
    assert isinstance(theirs, oracle.RefusedCall)
    assert download_bytes(schema.File(download_uri=uri)) == download_bytes("abc")


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{}", b'{"error": {"code": 3, "message": "of the file\'s own"}}'])
def test_read(body: bytes) -> None:
    """The content is returned unchanged, even if it looks like an error of the API."""
    _, theirs = oracle.run_call(
        oracle.GEMINI, lambda client: client.files.download(file="abc"), lambda _: httpx.Response(200, content=body)
    )
    assert theirs == body
    assert decode_ours(download_bytes("abc"), "gemini", body) == body


def test_fault() -> None:
    """An error status is the error."""
    error = decode(download_bytes("abc"), HttpResponse(503, (), b"no"), BACKENDS["gemini"][1]).failure()
    assert error == ServerError(503, "", "no")
    assert not isinstance(error, DecodeError)
