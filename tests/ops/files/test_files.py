"""``files``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops import files
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
)

G = "https://generativelanguage.googleapis.com/v1beta"

NO_FILES = ("https://h.test/files/ABC", "https://h.test/abc", "https://files.test/abc")
"""URLs that do not contain the name of a file."""
NAMES = (
    "abc",
    "files/abc",
    "files/my-file-1",
    "my_file",
    "a/b",
    f"{G}/files/abc",
    f"{G}/files/abc:download?alt=media",
    "https://h.test/files/abc?x=files/d",
    *NO_FILES,
)
PAGES: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"page_size": 5},
    {"page_size": 0},
    {"page_token": "t/+="},
    {"page_token": ""},
    {"pageSize": 5, "pageToken": "t"},
    {"filter": "x"},
    {"page_size": [5]},
)
BY_NAME: Mapping[str, Callable[[Any], Request[Any]]] = {"get": files.get, "delete": files.delete}

DIFFERENCES: Mapping[str, tuple[Any, str | None, str]] = {
    "dash in an address": (
        f"{G}/files/my-file-1:download?alt=media",
        "files/my-file-1",
        "1.51.0 cuts the id at the first dash, and so requests or deletes another file",
    ),
    "plain http": (
        "http://127.0.0.1:8080/v1beta/files/abc",
        "files/abc",
        "1.51.0 recognizes https URLs only; the URL of an emulator is an http URL",
    ),
    "empty": ("", None, "1.51.0 requests files/, which is not a file"),
    "prefix alone": ("files/", None, "1.51.0 requests files/, which is not a file"),
    "climbing": (
        "a/../b",
        None,
        "1.51.0 sends any name; genai_fn refuses a name that would change the path of the URL",
    ),
    "query": ("a?b", None, "1.51.0 sends any name; genai_fn refuses a name that would change the path of the URL"),
}
"""Deliberate differences: the name, the requested file (None if it is a mistake when built), and the reason."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_names_same_wire(name: str, backend: str) -> None:
    """A file is requested by its name, id or URL, as with google-genai; Vertex AI refuses."""
    if backend == "vertex" and name in NO_FILES:
        return  # 1.51.0 checks the backend first; genai_fn raises when the request is built
    check_same_request(lambda: files.get(name), lambda client: client.files.get(name=name), backend)
    check_same_request(lambda: files.delete(name), lambda client: client.files.delete(name=name), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", PAGES)
def test_list_same_wire(config: Mapping[str, Any] | None, backend: str) -> None:
    """A page is requested as by google-genai."""
    check_same_request(lambda: files.list(config), lambda client: client.files.list(config=deepcopy(config)), backend)


@pytest.mark.parametrize("verb", BY_NAME)
@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences(case: str, verb: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states, and exists."""
    name, path, _ = DIFFERENCES[case]
    theirs = oracle.capture_request(oracle.GEMINI, lambda client: getattr(client.files, verb)(name=name))
    assert isinstance(theirs, oracle.SentRequest)
    assert path is None or theirs.url != f"{G}/{path}"
    if path is None:
        with pytest.raises(InvalidRequest) as raised:
            BY_NAME[verb](name)
        assert raised.value.path == "name"
    else:
        assert encode_ours(BY_NAME[verb](name), "gemini") == (verb.upper(), f"{G}/{path}", None)


@pytest.mark.parametrize("name", [*NO_FILES, "https://h.test/files/", 3, b"x", None])
def test_no_file_is_named(name: Any) -> None:
    """An invalid name is a mistake at once, and is shown."""
    with pytest.raises(InvalidRequest) as raised:
        files.get(name)
    assert (raised.value.path, raised.value.value) == ("name", name)


@pytest.mark.parametrize(
    "request_", [files.get("a"), files.delete("a"), files.list()], ids=lambda each: each.operation.op
)
def test_vertex_refuses_with_reason(request_: Request[Any]) -> None:
    """The refusal on Vertex AI names Cloud Storage."""
    error = encode(request_, BACKENDS["vertex"][1]).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == (request_.operation.op,)
    assert "Cloud Storage" in error.reason


FILE = {
    "name": "files/abc",
    "displayName": "A cat",
    "mimeType": "video/mp4",
    "sizeBytes": "12345678901",
    "createTime": "2025-01-02T03:04:05.678901Z",
    "updateTime": "2025-01-02T03:04:05.678901234Z",
    "expirationTime": "2025-01-04T03:04:05Z",
    "sha256Hash": "MDEyMw==",
    "uri": f"{G}/files/abc",
    "downloadUri": f"{G}/files/abc:download?alt=media",
    "state": "ACTIVE",
    "source": "GENERATED",
    "videoMetadata": {"videoDuration": "8s", "snake_case": 1},
}
REPLIES: Mapping[str, Any] = {
    "empty": {},
    "whole": FILE,
    "processing": {"name": "files/abc", "state": "PROCESSING"},
    "failed": {"name": "files/abc", "state": "FAILED", "error": {"code": 3, "message": "no", "details": [{"a": [1]}]}},
    "new-state": {"name": "files/abc", "state": "THAWING", "source": "REGISTERED"},
    "nulls": {"name": None, "state": None, "sizeBytes": None, "videoMetadata": None},
    "size-as-number": {"sizeBytes": 0},
    "unknown": {"name": "files/abc", "new": {"x": [1]}},
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_file_read(reply: Any) -> None:
    """A file decodes as with google-genai."""
    check_same_response(lambda: files.get("abc"), lambda client: client.files.get(name="abc"), "gemini", reply)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"files": []},
        {"files": [FILE]},
        {"files": [FILE, {}], "nextPageToken": "t"},
        {"nextPageToken": "t"},
        {"files": None},
    ],
)
def test_page_read(reply: Any) -> None:
    """A page decodes as with google-genai."""
    check_same_response(files.list, lambda client: client.files._list(), "gemini", reply)


@pytest.mark.parametrize("reply", [b"", b"{}", b"{}\n"])
def test_delete_read(reply: bytes) -> None:
    """An empty response is a successful deletion."""
    assert decode_ours(files.delete("a"), "gemini", reply) == schema.DeleteFileResponse()


def test_error_inside_a_file() -> None:
    """A file that could not be processed is a success with an error in it."""
    file = decode_ours(files.get("abc"), "gemini", REPLIES["failed"])
    assert file.error == schema.FileStatus(code=3, message="no", details=({"a": [1]},))
    assert file.state == types.FileState.FAILED.value


def test_secrets_in_a_wrong_url() -> None:
    """The error for a URL that is not that of a file masks keys and signatures in its query."""
    for query in ("key=secret", "X-Goog-Signature=secret&a=b"):
        with pytest.raises(InvalidRequest) as raised:
            files.get(f"https://host/bucket?{query}")
        assert "secret" not in repr(raised.value)
        assert "https://host/bucket" in str(raised.value)
