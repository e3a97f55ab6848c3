"""Responses of an upload: the progress in headers, the created resource in the body."""

from collections.abc import Mapping
from typing import Any

import pytest

from genai_fn import schema
from genai_fn.backend import Gemini
from genai_fn.errors import DecodeError, ServerError
from genai_fn.http import HttpResponse
from genai_fn.ops.files.uploads import (
    QueryUpload,
    SendUploadChunk,
    StartUpload,
    UploadProgress,
    decode_store_operation,
    decode_uploaded_file,
)
from genai_fn.request import Operation, Request
from genai_fn.wire import decode

SESSION = "https://h.test/upload/x%2Fy?upload_id=A-b_c&upload_protocol=resumable"
START = StartUpload(size=1, mime_type="a/b")
SEND = SendUploadChunk(session=SESSION, offset=0, data=b"x", is_last=True)
QUERY = QueryUpload(session=SESSION)
RECEIVED = 8 * 1024 * 1024


def decode_reply(operation: Operation[Any], headers: Mapping[str, str], body: bytes = b"", status: int = 200) -> Any:
    response = HttpResponse(status, tuple(headers.items()), body)
    return decode(Request(operation), response, Gemini("test-key"))


def test_session_read() -> None:
    """The URL of the session is read from its header."""
    assert decode_reply(START, {"x-goog-upload-url": SESSION}, b"{}").unwrap() == SESSION


@pytest.mark.parametrize("headers", [{}, {"x-goog-upload-url": ""}, {"x-goog-upload-url": "file:///etc/passwd"}])
def test_no_session(headers: Mapping[str, str]) -> None:
    """A start without a session URL is a failure."""
    error = decode_reply(START, headers).failure()
    assert error == DecodeError("a URL in the header x-goog-upload-url", "", headers.get("x-goog-upload-url", ""))


PROGRESS: tuple[tuple[Mapping[str, str], bytes, UploadProgress], ...] = (
    ({"x-goog-upload-status": "active"}, b"", UploadProgress(is_final=False)),
    (
        {"x-goog-upload-status": "active", "x-goog-upload-size-received": "8388608"},
        b"",
        UploadProgress(is_final=False, received=RECEIVED),
    ),
    ({"x-goog-upload-status": "final"}, b'{"file":{}}', UploadProgress(is_final=True, body=b'{"file":{}}')),
    (
        {"x-goog-upload-status": "final"},
        b'{"error":{"code":3}}',
        UploadProgress(is_final=True, body=b'{"error":{"code":3}}'),
    ),
)


@pytest.mark.parametrize(("headers", "body", "progress"), PROGRESS)
@pytest.mark.parametrize("step", [SEND, QUERY])
def test_progress_read(step: Operation[Any], headers: Mapping[str, str], body: bytes, progress: UploadProgress) -> None:
    """The progress is read from headers, the created resource from the body."""
    assert decode_reply(step, headers, body).unwrap() == progress


@pytest.mark.parametrize("headers", [{}, {"x-goog-upload-status": "cancelled"}])
def test_no_progress(headers: Mapping[str, str]) -> None:
    """A response without an upload status is a failure, whatever its status code."""
    error = decode_reply(SEND, headers).failure()
    assert error == DecodeError(
        "active or final in the header x-goog-upload-status", "", headers.get("x-goog-upload-status", "")
    )


def test_progress_misread() -> None:
    """A size that is not a number is a failure, and raises nothing."""
    error = decode_reply(QUERY, {"x-goog-upload-status": "active", "x-goog-upload-size-received": "much"}).failure()
    assert isinstance(error, DecodeError)


def test_faults() -> None:
    """An error response to a chunk is the error."""
    error = decode_reply(SEND, {}, b'{"error":{"code":503,"message":"later","status":"UNAVAILABLE"}}', 503).failure()
    assert error == ServerError(503, "UNAVAILABLE", "later")


def test_created_resource() -> None:
    """A finished upload is a file, or the operation of an import."""
    file = UploadProgress(is_final=True, body=b'{"file": {"name": "files/abc", "sizeBytes": "6"}}')
    assert decode_uploaded_file(file).unwrap() == schema.File(name="files/abc", size_bytes=6)
    operation = UploadProgress(is_final=True, body=b'{"name": "n", "done": true, "response": {"documentName": "d"}}')
    assert decode_store_operation(operation).unwrap() == schema.UploadToFileSearchStoreOperation(
        name="n", done=True, response=schema.UploadToFileSearchStoreResponse(document_name="d")
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'{"file": 3}', b"<html>"])
def test_invalid_created_resource(body: bytes) -> None:
    """An invalid body is a failure with its text."""
    error = decode_uploaded_file(UploadProgress(is_final=True, body=body)).failure()
    assert isinstance(error, DecodeError)
    assert error.text == body.decode()


@pytest.mark.parametrize("decode", [decode_uploaded_file, decode_store_operation])
def test_not_over(decode: Any) -> None:
    """An upload that is not final after its last chunk is a failure."""
    assert isinstance(decode(UploadProgress(is_final=False, body=b'{"file":{}}')).failure(), DecodeError)
