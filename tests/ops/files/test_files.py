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
from tests.support.google_genai.agreement import PLACES, agrees, reads, reads_alike, sends

G = "https://generativelanguage.googleapis.com/v1beta"

NO_FILES = ("https://h.test/files/ABC", "https://h.test/abc", "https://files.test/abc")
"""Addresses without a file's name in them."""
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
        "1.51.0 cuts the identity at the first dash, and so asks for, or deletes, another file",
    ),
    "plain http": (
        "http://127.0.0.1:8080/v1beta/files/abc",
        "files/abc",
        "1.51.0 knows an address by https alone; an emulator's has none",
    ),
    "empty": ("", None, "1.51.0 asks for files/, which is no file"),
    "prefix alone": ("files/", None, "the same"),
    "climbing": ("a/../b", None, "1.51.0 sends whatever a name says; ours refuses one that would lead elsewhere"),
    "query": ("a?b", None, "the same"),
}
"""Where ours does otherwise on purpose: the name, what is asked for (None is a mistake at the build), and why."""


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_names_same_wire(name: str, backend: str) -> None:
    """A file is requested by its name, id or URL, as with google-genai; Vertex AI refuses."""
    if backend == "vertex" and name in NO_FILES:
        return  # 1.51.0 looks at the backend first; ours raises where the request is built
    agrees(lambda: files.get(name), lambda client: client.files.get(name=name), backend)
    agrees(lambda: files.delete(name), lambda client: client.files.delete(name=name), backend)


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("config", PAGES)
def test_list_same_wire(config: Mapping[str, Any] | None, backend: str) -> None:
    """A page is requested as by google-genai."""
    agrees(lambda: files.list(config), lambda client: client.files.list(config=deepcopy(config)), backend)


@pytest.mark.parametrize("verb", BY_NAME)
@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences(case: str, verb: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states, and exists."""
    name, path, _ = DIFFERENCES[case]
    theirs = oracle.sent(oracle.GEMINI, lambda client: getattr(client.files, verb)(name=name))
    assert isinstance(theirs, oracle.Wire)
    assert path is None or theirs.url != f"{G}/{path}"
    if path is None:
        with pytest.raises(InvalidRequest) as raised:
            BY_NAME[verb](name)
        assert raised.value.path == "name"
    else:
        assert sends(BY_NAME[verb](name), "gemini") == (verb.upper(), f"{G}/{path}", None)


@pytest.mark.parametrize("name", [*NO_FILES, "https://h.test/files/", 3, b"x", None])
def test_no_file_is_named(name: Any) -> None:
    """An invalid name is a mistake at once, and is shown."""
    with pytest.raises(InvalidRequest) as raised:
        files.get(name)
    assert (raised.value.path, raised.value.value) == ("name", name)


@pytest.mark.parametrize(
    "request_", [files.get("a"), files.delete("a"), files.list()], ids=lambda each: each.operation.op
)
def test_vertex_says_why(request_: Request[Any]) -> None:
    """The refusal on Vertex AI names Cloud Storage."""
    error = encode(request_, PLACES["vertex"][1]).failure()
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
    reads_alike(lambda: files.get("abc"), lambda client: client.files.get(name="abc"), "gemini", reply)


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
    reads_alike(files.list, lambda client: client.files._list(), "gemini", reply)


@pytest.mark.parametrize("reply", [b"", b"{}", b"{}\n"])
def test_delete_read(reply: bytes) -> None:
    """An empty response is a successful deletion."""
    assert reads(files.delete("a"), "gemini", reply) == schema.DeleteFileResponse()


def test_error_inside_a_file() -> None:
    """A file that could not be processed is a success with an error in it."""
    file = reads(files.get("abc"), "gemini", REPLIES["failed"])
    assert file.error == schema.FileStatus(code=3, message="no", details=({"a": [1]},))
    assert file.state == types.FileState.FAILED.value
