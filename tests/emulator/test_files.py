"""Files of the emulator: the resumable upload protocol, and what can be done with files."""

import base64
import hashlib
import json
from typing import Any

import pytest

from genai_fn.emulator.files import save_generated_file
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.http import FileSlice, Headers, HttpResponse
from tests.support.emulator_requests import GEMINI, NOW, JsonClient, parse_fault

START = (("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "start"))
CONTENT_TYPE = (("X-Goog-Upload-Header-Content-Type", "text/plain"),)
START_URL = "https://generativelanguage.googleapis.com/upload/v1beta/files"


def start_upload(api: JsonClient, body: Any = None, headers: Headers = CONTENT_TYPE) -> str:
    response = api("POST", START_URL, body, (*START, *headers))
    assert (response.status, response.get_header("x-goog-upload-status")) == (200, "active")
    return str(response.get_header("x-goog-upload-url"))


def send_chunk(api: JsonClient, session: str, command: str, offset: int | str = 0, data: Any = b"") -> HttpResponse:
    headers = (("X-Goog-Upload-Command", command), ("X-Goog-Upload-Offset", str(offset)))
    return api("POST", session, data, headers)


def upload_file(api: JsonClient, data: bytes = b"tea", body: Any = None) -> Any:
    response = send_chunk(api, start_upload(api, body), "upload, finalize", 0, data)
    assert response.get_header("x-goog-upload-status") == "final"
    return json.loads(response.body)["file"]


class TestUpload:
    def test_at_once(self) -> None:
        """An upload in one request creates a file with all metadata."""
        file = upload_file(JsonClient(), b"tea", {"file": {"displayName": "Tea", "mimeType": "text/x-tea"}})
        digest = hashlib.sha256(b"tea").hexdigest().encode()
        assert file == {
            "name": "files/file2",
            "displayName": "Tea",
            "mimeType": "text/x-tea",
            "sizeBytes": "3",
            "createTime": "2026-01-01T00:00:00Z",
            "expirationTime": "2026-01-03T00:00:00Z",
            "updateTime": "2026-01-01T00:00:00Z",
            "sha256Hash": base64.b64encode(digest).decode(),
            "uri": f"{GEMINI}/files/file2",
            "state": "ACTIVE",
            "source": "UPLOADED",
        }

    def test_in_chunks(self) -> None:
        """Chunks are appended, and each is acknowledged with the received size."""
        api = JsonClient()
        session = start_upload(api)
        first = send_chunk(api, session, "upload", 0, b"te")
        assert (first.get_header("x-goog-upload-status"), first.get_header("x-goog-upload-size-received")) == (
            "active",
            "2",
        )
        last = send_chunk(api, session, "upload, finalize", 2, (b"a", b"!"))
        name = json.loads(last.body)["file"]["name"]
        assert api("GET", f"{name}:download?alt=media").body == b"tea!"

    def test_finalize_alone(self) -> None:
        """``finalize`` may be a request of its own, also for an empty file."""
        api = JsonClient()
        response = send_chunk(api, start_upload(api), "finalize")
        assert json.loads(response.body)["file"]["sizeBytes"] == "0"

    def test_query(self) -> None:
        """``query`` returns the received size at any time, and the final response after the end."""
        api = JsonClient()
        session = start_upload(api)
        assert send_chunk(api, session, "query").get_header("x-goog-upload-size-received") == "0"
        send_chunk(api, session, "upload", 0, b"tea")
        assert send_chunk(api, session, "query").get_header("x-goog-upload-size-received") == "3"
        last = send_chunk(api, session, "upload, finalize", 3, b"!")
        assert send_chunk(api, session, "query") == last
        assert send_chunk(api, session, "upload, finalize", 3, b"!") == last
        assert len(api.request_json("GET", "files")["files"]) == 1

    def test_cancel(self) -> None:
        """A cancelled upload does not exist any more."""
        api = JsonClient()
        session = start_upload(api)
        assert send_chunk(api, session, "cancel").get_header("x-goog-upload-status") == "cancelled"
        assert parse_fault(send_chunk(api, session, "query"))[:2] == (404, "NOT_FOUND")

    def test_session_address(self) -> None:
        """The session URL starts with the URL of the start request, also behind a gateway."""
        response = JsonClient()("POST", "http://127.0.0.1:8080/gate/upload/v1beta/files", None, (*START, *CONTENT_TYPE))
        assert str(response.get_header("x-goog-upload-url")).startswith(
            "http://127.0.0.1:8080/gate/upload/v1beta/files?"
        )

    def test_metadata_from_headers(self) -> None:
        """The MIME type and the display name are taken from the headers if the body has none."""
        api = JsonClient()
        session = start_upload(api, None, (*CONTENT_TYPE, ("X-Goog-Upload-File-Name", "tea.txt")))
        file = json.loads(send_chunk(api, session, "upload, finalize").body)["file"]
        assert (file["mimeType"], file["displayName"]) == ("text/plain", "tea.txt")

    def test_own_name(self) -> None:
        """The caller may choose the name of a file, if it is not in use."""
        api = JsonClient()
        assert upload_file(api, b"", {"file": {"name": "files/my-tea"}})["name"] == "files/my-tea"
        second_response = send_chunk(api, start_upload(api, {"file": {"name": "files/my-tea"}}), "upload, finalize")
        assert parse_fault(second_response)[:2] == (409, "ALREADY_EXISTS")

    @pytest.mark.parametrize("name", ["tea", "files/Tea", "files/-tea", "files/tea-", f"files/{'a' * 41}", "files/"])
    def test_invalid_name(self, name: str) -> None:
        """An invalid file name is rejected."""
        api = JsonClient()
        assert parse_fault(send_chunk(api, start_upload(api, {"file": {"name": name}}), "upload, finalize"))[0] == 400

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ((), None),
            ((("X-Goog-Upload-Protocol", "multipart"), ("X-Goog-Upload-Command", "start")), None),
            ((("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "upload")), None),
            ((*START, ("X-Goog-Upload-Header-Content-Length", "many")), None),
            ((*START, ("X-Goog-Upload-Header-Content-Length", "9" * 5000)), None),
            (START, {"file": {"colour": "green"}}),
        ],
    )
    def test_invalid_start(self, headers: Headers, body: Any) -> None:
        """An invalid start request is rejected."""
        assert parse_fault(JsonClient()("POST", START_URL, body, headers))[:2] == (400, "INVALID_ARGUMENT")

    @pytest.mark.parametrize(
        ("command", "offset", "data"),
        [
            ("upload", 1, b"x"),
            ("upload", "", b"x"),
            ("upload", "-1", b"x"),
            ("upload", "²", b"x"),
            ("upload", 0, b"four"),
            ("upload, finalize", 0, b"tw"),
            ("finalize", 0, b""),
            ("start", 0, b""),
            ("", 0, b"x"),
            ("upload", 0, FileSlice("nowhere", 0, 1)),
        ],
    )
    def test_invalid_chunk(self, command: str, offset: Any, data: Any) -> None:
        """A chunk with a wrong offset or size is rejected, and changes nothing."""
        api = JsonClient()
        session = start_upload(api, None, (*CONTENT_TYPE, ("X-Goog-Upload-Header-Content-Length", "3")))
        state = api.state
        assert parse_fault(send_chunk(api, session, command, offset, data))[:2] == (400, "INVALID_ARGUMENT")
        assert api.state == state

    def test_unknown_session(self) -> None:
        """An unknown upload ID is a 404, and so is one under another path."""
        api = JsonClient()
        session = start_upload(api)
        assert parse_fault(send_chunk(api, f"{START_URL}?upload_id=other", "query"))[0] == 404
        assert parse_fault(send_chunk(api, session.replace("/upload/v1beta/", "/upload/v1/"), "query"))[0] == 404

    def test_missing_mime_type(self) -> None:
        """A file without a MIME type is rejected."""
        api = JsonClient()
        assert parse_fault(send_chunk(api, start_upload(api, None, ()), "upload, finalize"))[0] == 400


class TestFiles:
    def test_get(self) -> None:
        """A file is found by its name."""
        api = JsonClient()
        file = upload_file(api)
        assert api.request_json("GET", file["name"]) == file

    def test_listed(self) -> None:
        """Files are listed in pages, the newest first."""
        api = JsonClient()
        names = [upload_file(api)["name"] for _ in range(3)]
        first = api.request_json("GET", "files?pageSize=2")
        second = api.request_json("GET", f"files?pageSize=2&pageToken={first['nextPageToken']}")
        assert [each["name"] for each in (*first["files"], *second["files"])] == names[::-1]
        assert "nextPageToken" not in second

    def test_deleted(self) -> None:
        """A deleted file does not exist any more."""
        api = JsonClient()
        name = upload_file(api)["name"]
        assert api.request_json("DELETE", name) == {}
        assert api.request_fault("GET", name)[:2] == (403, "PERMISSION_DENIED")
        assert api.request_fault("DELETE", name)[:2] == (403, "PERMISSION_DENIED")
        assert api.request_json("GET", "files") == {}

    def test_expires(self) -> None:
        """A file expires after two days."""
        api = JsonClient()
        name = upload_file(api)["name"]
        api.advance_clock(48 * 3600)
        assert api.request_json("GET", name)["name"] == name
        api.advance_clock(1)
        assert api.request_fault("GET", name)[0] == 403
        assert api.request_json("GET", "files") == {}

    def test_downloaded(self) -> None:
        """A download returns the bytes with their MIME type; without ``alt=media`` it returns the metadata."""
        api = JsonClient()
        file = upload_file(api, b"\x00tea")
        response = api("GET", f"{file['name']}:download?alt=media")
        assert (response.get_header("content-type"), response.body) == ("text/plain", b"\x00tea")
        assert api.request_json("GET", f"{file['name']}:download") == file
        assert api.request_fault("GET", "files/other:download?alt=media")[0] == 403

    @pytest.mark.parametrize("kind", ["text/plain\r\nx: y", "日本/x", " "])
    def test_mime_type(self, kind: str) -> None:
        """A MIME type that no header can contain is not the content type of a download."""
        request = EmulatedRequest("", {}, {}, (), b"", NOW, "http://h", "http://h/v1beta", is_vertex=False)
        state, file = save_generated_file(JsonClient().state, request, b"film", kind)
        response = JsonClient(state=state)("GET", f"{file.name}:download?alt=media")
        assert (response.body, response.headers) == (b"film", (("content-type", "application/octet-stream"),))

    def test_generated(self) -> None:
        """A generated file has a download URI."""
        request = EmulatedRequest("", {}, {}, (), b"", NOW, "http://h", "http://h/v1beta", is_vertex=False)
        state, file = save_generated_file(JsonClient().state, request, b"film", "video/mp4")
        assert file.download_uri == "http://h/v1beta/files/file1:download?alt=media"
        assert JsonClient(state=state)("GET", file.download_uri).body == b"film"

    @pytest.mark.parametrize(
        ("uri", "status"),
        [
            (f"{GEMINI}/files/file2", 200),
            (f"{GEMINI}/files/other", 403),
            ("http://127.0.0.1:1/v1beta/files/other", 403),
            ("https://h.test/files/other", 200),
            ("gs://b/files/other", 200),
        ],
    )
    def test_in_contents(self, uri: str, status: int) -> None:
        """A file of this API that contents refer to must exist; other URIs are not checked."""
        api = JsonClient()
        upload_file(api)
        parts = [{"text": "What?"}, {"fileData": {"fileUri": uri, "mimeType": "text/plain"}}]
        body = {"contents": [{"role": "user", "parts": parts}]}
        assert api("POST", "models/m:generateContent", body).status == status
        assert api("POST", "models/m:countTokens", body).status == status


class TestRegistration:
    """Objects in Cloud Storage as files."""

    BEARER = (("authorization", "Bearer test-access-token"),)

    def test_registered(self) -> None:
        """Objects become files with the types of their names, which can be used in contents and listed."""
        api = JsonClient()
        response = api("POST", "files:register", {"uris": ["gs://b/a.mp4", "gs://b/notes"]}, self.BEARER)
        registered = json.loads(response.body)["files"]
        assert [(each["source"], each["mimeType"]) for each in registered] == [
            ("REGISTERED", "video/mp4"),
            ("REGISTERED", "application/octet-stream"),
        ]
        assert [each["name"] for each in api.request_json("GET", "files")["files"]] == ["files/file2", "files/file1"]
        part = {"fileData": {"fileUri": registered[0]["uri"], "mimeType": "video/mp4"}}
        assert api.request_json("POST", "models/m:generateContent", {"contents": [{"parts": [part]}]})["candidates"]

    def test_no_token(self) -> None:
        """Without an access token, nothing can be read."""
        assert JsonClient().request_fault("POST", "files:register", {"uris": ["gs://b/a"]})[:2] == (
            401,
            "UNAUTHENTICATED",
        )

    @pytest.mark.parametrize("uris", [[], ["gs://b"], ["https://b/a"]])
    def test_other_uris(self, uris: Any) -> None:
        """What is not an object in Cloud Storage is refused."""
        response = JsonClient()("POST", "files:register", {"uris": uris}, self.BEARER)
        assert parse_fault(response)[:2] == (400, "INVALID_ARGUMENT")
