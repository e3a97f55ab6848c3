"""The requests of an upload, compared with google-genai 1.51.0, on both backends."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.backend import Gemini, build_own_credential
from genai_fn.errors import Disconnected, InvalidRequest, NoAnswer, Unsupported
from genai_fn.events import Failed, Responded, Sending
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload
from genai_fn.options import Options
from genai_fn.request import Operation, Request
from genai_fn.schema.convert import as_struct
from genai_fn.wire import encode, sign_request
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import BACKENDS

BACKEND = Gemini("test-key")
BASE = "https://generativelanguage.googleapis.com/upload/v1beta"
SESSION = "https://h.test/upload/x%2Fy?upload_id=A-b_c&upload_protocol=resumable"
STORE = "fileSearchStores/s"
METADATA = ({"key": "year", "numeric_value": 1924}, {"key": "tags", "string_list_value": {"values": ["a"]}})
CHUNKING = {"white_space_config": {"max_tokens_per_chunk": 200, "max_overlap_tokens": 0}}
CHUNK_SIZE = 8 * 1024 * 1024
"""Size of google-genai's chunks."""

FILE_CONFIGS: tuple[Mapping[str, Any], ...] = (
    {},
    {"name": "abc"},
    {"name": "files/abc"},
    {"display_name": "A cat", "mime_type": "image/png"},
    {"display_name": ""},
    {"display_name": "\u00e9\U0001f600"},
)
STORE_CONFIGS: tuple[Mapping[str, Any], ...] = (
    {},
    {"mime_type": "text/html"},
    {"display_name": "A book"},
    {"custom_metadata": METADATA},
    {"chunking_config": CHUNKING},
    {"display_name": "A book", "mime_type": "a/b", "custom_metadata": METADATA, "chunking_config": CHUNKING},
)

DIFFERENCES: Mapping[str, str] = {
    "letters": "1.51.0 fails on a file name that is not ASCII; genai_fn sends it in the body, as the display name",
    "retries": "1.51.0 sends a chunk again up to three times; genai_fn queries the progress first",
}
"""Deliberate differences; a test of the resource asserts each."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file that google-genai uploads in one chunk."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"[1, 2]")
    return path


def run_upload(call: oracle.Call, end: Any) -> Sequence[oracle.SentRequest]:
    """Run a whole upload with google-genai, and return all requests."""

    def answer(request: httpx.Request) -> httpx.Response:
        command = request.headers["x-goog-upload-command"]
        if command == "start":
            return httpx.Response(200, headers={"x-goog-upload-url": SESSION})
        is_last = command.endswith("finalize")
        return httpx.Response(200, json=end, headers={"x-goog-upload-status": "final" if is_last else "active"})

    requests, value = oracle.run_call(oracle.GEMINI, call, answer)
    assert not isinstance(value, Exception), value
    return requests


def encode_ours(operation: Operation[Any], options: Options | None = None) -> HttpRequest:
    return encode(Request(operation, options or Options()), BACKEND).unwrap()


def select_protocol_headers(headers: Any) -> dict[str, str]:
    """Select the headers of the protocol."""
    return {name: value for name, value in dict(headers).items() if name.startswith("x-goog-upload-")}


def check_same_upload(theirs: oracle.SentRequest, ours: HttpRequest) -> None:
    """Check that both send the same."""
    body = ours.body if isinstance(ours.body, bytes) else b""
    assert (theirs.method, theirs.url, select_protocol_headers(theirs.headers)) == (
        ours.method,
        ours.url,
        select_protocol_headers(ours.headers),
    )
    assert oracle.normalize(theirs.body) == (
        oracle.normalize(httpx.Response(200, content=body).json()) if body else None
    )


@pytest.mark.parametrize("config", FILE_CONFIGS)
def test_start_same_wire(config: Mapping[str, Any], path: Path) -> None:
    """An upload starts as google-genai's does: metadata in the body, size and type in the headers."""
    start, _ = run_upload(lambda client: client.files.upload(file=path, config=dict(config)), {"file": {}})
    mime_type = config.get("mime_type", "text/plain")
    upload_config = schema.UploadFileConfig(**config)
    check_same_upload(
        start, encode_ours(StartUpload(size=6, mime_type=mime_type, file_name="note.txt", config=upload_config))
    )


@pytest.mark.parametrize("config", STORE_CONFIGS)
@pytest.mark.parametrize("store", [STORE, "s", "a b/\u00e9"])
def test_start_in_store_same_wire(store: str, config: Mapping[str, Any], path: Path) -> None:
    """An upload into a store starts as google-genai's does; without metadata there is no body."""
    start, _ = run_upload(
        lambda client: client.file_search_stores.upload_to_file_search_store(
            file_search_store_name=store, file=path, config=types.UploadToFileSearchStoreConfig(**config)
        ),
        {"name": "n"},
    )
    upload_config = as_struct(schema.UploadToFileSearchStoreConfig, config)
    mime_type = config.get("mime_type", "text/plain")
    check_same_upload(
        start,
        encode_ours(
            StartStoreUpload(
                file_search_store_name=store, size=6, mime_type=mime_type, file_name="note.txt", config=upload_config
            )
        ),
    )


def test_pieces_same_wire(tmp_path: Path) -> None:
    """Chunks go to the session's URL, each with its offset, and the last one finalizes."""
    path = tmp_path / "big.txt"
    path.write_bytes(b"1".ljust(CHUNK_SIZE) + b"2")
    _, first, last = run_upload(lambda client: client.files.upload(file=path), {"file": {}})
    check_same_upload(
        first, encode_ours(SendUploadChunk(session=SESSION, offset=0, data=b"1".ljust(CHUNK_SIZE), is_last=False))
    )
    check_same_upload(last, encode_ours(SendUploadChunk(session=SESSION, offset=CHUNK_SIZE, data=b"2", is_last=True)))


def test_empty_file_same_wire(tmp_path: Path) -> None:
    """An empty file is one empty chunk, which finalizes."""
    path = tmp_path / "empty.txt"
    path.touch()
    start, last = run_upload(lambda client: client.files.upload(file=path), {"file": {}})
    check_same_upload(start, encode_ours(StartUpload(size=0, mime_type="text/plain", file_name="empty.txt")))
    check_same_upload(last, encode_ours(SendUploadChunk(session=SESSION, offset=0, data=b"", is_last=True)))


def test_bytes_have_no_name() -> None:
    """Bytes have no file name to send."""
    assert "x-goog-upload-file-name" not in select_protocol_headers(
        encode_ours(StartUpload(size=1, mime_type="a/b")).headers
    )


@pytest.mark.parametrize("name", ["M\u00fcll.txt", "\U0001f600", "a\r\nx: y", "a\tb", " a", "\u2028"])
def test_names_that_no_header_holds(name: str) -> None:
    """A file name that a header cannot contain is sent in the body, unless there is a display name."""
    assert DIFFERENCES["letters"]
    for start, inside in (
        (StartUpload(size=1, mime_type="a/b", file_name=name), lambda body: body["file"]),
        (StartStoreUpload(file_search_store_name=STORE, size=1, mime_type="a/b", file_name=name), lambda body: body),
    ):
        http = encode_ours(start)
        assert "x-goog-upload-file-name" not in select_protocol_headers(http.headers)
        assert isinstance(http.body, bytes)
        assert inside(httpx.Response(200, content=http.body).json())["displayName"] == name
    given = StartUpload(size=1, mime_type="a/b", file_name=name, config=schema.UploadFileConfig(display_name="mine"))
    assert b'"displayName":"mine"' in bytes(encode_ours(given).body)  # type: ignore[arg-type]  # it is no file


@pytest.mark.parametrize(
    ("version", "base", "address"),
    [
        ("v1", "https://gate.test/way", "https://gate.test/way/upload/v1/files"),
        ("", "http://127.0.0.1:8080", "http://127.0.0.1:8080/upload/files"),
    ],
)
def test_root_of_uploads(version: str, base: str, address: str) -> None:
    """Uploads start below the upload root, beside the version's root."""
    backend = Gemini("test-key", base_url=base, api_version=version)
    assert encode(Request(StartUpload(size=1, mime_type="a/b")), backend).unwrap().url == address


def test_pieces_are_not_json() -> None:
    """A chunk is sent unchanged, without a JSON content type."""
    piece = FileSlice("/no/such/file", 8, 4)
    http = encode_ours(
        SendUploadChunk(session=SESSION, offset=8, data=piece, is_last=False), Options(extra_body={"a": 1})
    )
    assert http.body == piece
    assert "content-type" not in dict(http.headers)


def test_protocol_wins() -> None:
    """A caller's header cannot replace one of the protocol; others are sent."""
    mine = (("X-Goog-Upload-Command", "cancel"), ("x-mine", "1"))
    http = encode_ours(QueryUpload(session=SESSION), Options(headers=mine))
    assert [each for each in http.headers if each[0].lower() in ("x-goog-upload-command", "x-mine")] == [
        ("x-mine", "1"),
        ("x-goog-upload-command", "query"),
    ]
    assert (http.method, http.url, http.body) == ("POST", SESSION, b"")


def test_key_of_other_origin() -> None:
    """The key is sent to a session's URL only if that has the backend's origin."""
    credential = build_own_credential(BACKEND)
    assert credential is not None
    keys = [
        "x-goog-api-key" in dict(sign_request(encode_ours(QueryUpload(session=each)), credential).headers)
        for each in (SESSION, f"{BASE}/files?upload_id=1", "http://generativelanguage.googleapis.com/upload")
    ]
    assert keys == [False, True, False]


STEPS: tuple[Operation[Any], ...] = (
    StartUpload(size=1, mime_type="a/b"),
    StartStoreUpload(file_search_store_name=STORE, size=1, mime_type="a/b"),
    SendUploadChunk(session=SESSION, offset=0, data=b"x", is_last=True),
    SendUploadChunk(session=SESSION, offset=0, data=FileSlice("a", 0, 1), is_last=True),
    QueryUpload(session=SESSION),
)


@pytest.mark.parametrize("step", STEPS)
def test_steps_are_values(step: Operation[Any]) -> None:
    """A request of an upload compares, hashes and pickles; on Vertex AI it is refused with the reason."""
    assert step == pickle.loads(pickle.dumps(step))
    assert hash(step) == hash(pickle.loads(pickle.dumps(step)))
    error = encode(Request(step), BACKENDS["vertex"][1]).failure()
    assert isinstance(error, Unsupported)
    assert "only on the Gemini Developer API" in error.reason


def test_pieces_are_not_repeated() -> None:
    """A chunk is not retried once bytes were sent; starts and queries are."""
    assert DIFFERENCES["retries"]
    assert [step.repeatable for step in STEPS] == [True, True, False, False, True]


SECRET = "https://user@h.test:8443/up/test-token?upload_id=test-id&upload_protocol=resumable"


@pytest.mark.parametrize(
    "step", [SendUploadChunk(session=SECRET, offset=0, data=b"x", is_last=True), QueryUpload(session=SECRET)]
)
def test_sessions_are_not_shown(step: Operation[Any]) -> None:
    """The repr shows only the host of a session's URL: with the rest, anyone could continue the upload."""
    assert "session='https://h.test:8443/***'" in repr(step)
    for value in (step, Request(step), NoAnswer(Request(step)), InvalidRequest("x", step, "y")):
        assert "test-token" not in f"{value!r} {value}"
        assert "test-id" not in f"{value!r} {value}"
    for http in (encode_ours(step), HttpResponse(200, (("x-goog-upload-url", SECRET),))):
        assert "upload_id=***&upload_protocol=resumable" in repr(http)
    for event in (
        Sending(encode_ours(step), 1),
        Responded(encode_ours(step), 200),
        Failed(encode_ours(step), Disconnected("sending")),
    ):
        assert "test-id" not in repr(event)


@pytest.mark.parametrize("session", ["", "test-token", "ftp:test-token"])
def test_sessions_without_a_host(session: str) -> None:
    """A session that is not a URL is hidden as a whole."""
    assert repr(QueryUpload(session=session)) == "QueryUpload(session='***')"
