"""Files: the resumable protocol to the letter, and what becomes of what was uploaded."""

import base64
import hashlib
import json
from typing import Any

import pytest

from genai_fn.emulator.files import save_generated_file
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.http import FileSlice, Headers, HttpResponse
from tests.support.emulator_requests import GEMINI, NOW, Api, fault

START = (("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "start"))
TYPED = (("X-Goog-Upload-Header-Content-Type", "text/plain"),)
START_URL = "https://generativelanguage.googleapis.com/upload/v1beta/files"


def started(api: Api, body: Any = None, headers: Headers = TYPED) -> str:
    response = api("POST", START_URL, body, (*START, *headers))
    assert (response.status, response.get_header("x-goog-upload-status")) == (200, "active")
    return str(response.get_header("x-goog-upload-url"))


def sent(api: Api, session: str, command: str, offset: int | str = 0, data: Any = b"") -> HttpResponse:
    headers = (("X-Goog-Upload-Command", command), ("X-Goog-Upload-Offset", str(offset)))
    return api("POST", session, data, headers)


def uploaded(api: Api, data: bytes = b"tea", body: Any = None) -> Any:
    response = sent(api, started(api, body), "upload, finalize", 0, data)
    assert response.get_header("x-goog-upload-status") == "final"
    return json.loads(response.body)["file"]


class TestUpload:
    def test_at_once(self) -> None:
        """A file in one piece is ready, and everything is told of it."""
        file = uploaded(Api(), b"tea", {"file": {"displayName": "Tea", "mimeType": "text/x-tea"}})
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

    def test_in_pieces(self) -> None:
        """Pieces that follow each other make one file, and each is acknowledged."""
        api = Api()
        session = started(api)
        first = sent(api, session, "upload", 0, b"te")
        assert (first.get_header("x-goog-upload-status"), first.get_header("x-goog-upload-size-received")) == (
            "active",
            "2",
        )
        last = sent(api, session, "upload, finalize", 2, (b"a", b"!"))
        name = json.loads(last.body)["file"]["name"]
        assert api("GET", f"{name}:download?alt=media").body == b"tea!"

    def test_finalize_alone(self) -> None:
        """The end can be told by itself, of an empty file, too."""
        api = Api()
        response = sent(api, started(api), "finalize")
        assert json.loads(response.body)["file"]["sizeBytes"] == "0"

    def test_query(self) -> None:
        """How far it is can be asked at any time; after the end the answer is that of the end."""
        api = Api()
        session = started(api)
        assert sent(api, session, "query").get_header("x-goog-upload-size-received") == "0"
        sent(api, session, "upload", 0, b"tea")
        assert sent(api, session, "query").get_header("x-goog-upload-size-received") == "3"
        last = sent(api, session, "upload, finalize", 3, b"!")
        assert sent(api, session, "query") == last
        assert sent(api, session, "upload, finalize", 3, b"!") == last
        assert len(api.told("GET", "files")["files"]) == 1

    def test_cancel(self) -> None:
        """An upload that is cancelled is gone."""
        api = Api()
        session = started(api)
        assert sent(api, session, "cancel").get_header("x-goog-upload-status") == "cancelled"
        assert fault(sent(api, session, "query"))[:2] == (404, "NOT_FOUND")

    def test_session_address(self) -> None:
        """The session is where the start was, be it behind a gateway."""
        response = Api()("POST", "http://127.0.0.1:8080/gate/upload/v1beta/files", None, (*START, *TYPED))
        assert str(response.get_header("x-goog-upload-url")).startswith(
            "http://127.0.0.1:8080/gate/upload/v1beta/files?"
        )

    def test_told_by_headers(self) -> None:
        """What the body does not say is what the headers say."""
        api = Api()
        session = started(api, None, (*TYPED, ("X-Goog-Upload-File-Name", "tea.txt")))
        file = json.loads(sent(api, session, "upload, finalize").body)["file"]
        assert (file["mimeType"], file["displayName"]) == ("text/plain", "tea.txt")

    def test_own_name(self) -> None:
        """A file can be named by who uploads it, once."""
        api = Api()
        assert uploaded(api, b"", {"file": {"name": "files/my-tea"}})["name"] == "files/my-tea"
        again = sent(api, started(api, {"file": {"name": "files/my-tea"}}), "upload, finalize")
        assert fault(again)[:2] == (409, "ALREADY_EXISTS")

    @pytest.mark.parametrize("name", ["tea", "files/Tea", "files/-tea", "files/tea-", f"files/{'a' * 41}", "files/"])
    def test_no_name(self, name: str) -> None:
        """What is no name of a file is refused."""
        api = Api()
        assert fault(sent(api, started(api, {"file": {"name": name}}), "upload, finalize"))[0] == 400

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
    def test_no_start(self, headers: Headers, body: Any) -> None:
        """What starts nothing is refused."""
        assert fault(Api()("POST", START_URL, body, headers))[:2] == (400, "INVALID_ARGUMENT")

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
    def test_no_piece(self, command: str, offset: Any, data: Any) -> None:
        """A piece that does not follow, or is too much or too little, is refused, and changes nothing."""
        api = Api()
        session = started(api, None, (*TYPED, ("X-Goog-Upload-Header-Content-Length", "3")))
        state = api.state
        assert fault(sent(api, session, command, offset, data))[:2] == (400, "INVALID_ARGUMENT")
        assert api.state == state

    def test_no_session(self) -> None:
        """A session that nobody started, or of something else, is not there."""
        api = Api()
        session = started(api)
        assert fault(sent(api, f"{START_URL}?upload_id=other", "query"))[0] == 404
        assert fault(sent(api, session.replace("/upload/v1beta/", "/upload/v1/"), "query"))[0] == 404

    def test_no_type(self) -> None:
        """A file of no known type is refused."""
        api = Api()
        assert fault(sent(api, started(api, None, ()), "upload, finalize"))[0] == 400


class TestFiles:
    def test_got(self) -> None:
        """A file is found by its name."""
        api = Api()
        file = uploaded(api)
        assert api.told("GET", file["name"]) == file

    def test_listed(self) -> None:
        """Files are listed, the latest first, a page at a time."""
        api = Api()
        names = [uploaded(api)["name"] for _ in range(3)]
        first = api.told("GET", "files?pageSize=2")
        second = api.told("GET", f"files?pageSize=2&pageToken={first['nextPageToken']}")
        assert [each["name"] for each in (*first["files"], *second["files"])] == names[::-1]
        assert "nextPageToken" not in second

    def test_deleted(self) -> None:
        """A file that is deleted is not there any more."""
        api = Api()
        name = uploaded(api)["name"]
        assert api.told("DELETE", name) == {}
        assert api.fault("GET", name)[:2] == (403, "PERMISSION_DENIED")
        assert api.fault("DELETE", name)[:2] == (403, "PERMISSION_DENIED")
        assert api.told("GET", "files") == {}

    def test_expires(self) -> None:
        """After two days it is gone by itself."""
        api = Api()
        name = uploaded(api)["name"]
        api.wait(48 * 3600)
        assert api.told("GET", name)["name"] == name
        api.wait(1)
        assert api.fault("GET", name)[0] == 403
        assert api.told("GET", "files") == {}

    def test_downloaded(self) -> None:
        """Its bytes come back as what they are; without ``alt=media``, what is known of it."""
        api = Api()
        file = uploaded(api, b"\x00tea")
        response = api("GET", f"{file['name']}:download?alt=media")
        assert (response.get_header("content-type"), response.body) == ("text/plain", b"\x00tea")
        assert api.told("GET", f"{file['name']}:download") == file
        assert api.fault("GET", "files/other:download?alt=media")[0] == 403

    def test_made(self) -> None:
        """What the service has made says where it is fetched from."""
        asked = EmulatedRequest("GET", "", {}, {}, (), b"", NOW, "http://h", "http://h/v1beta", is_vertex=False)
        state, file = save_generated_file(Api().state, asked, b"film", "video/mp4", name="files/video-1")
        assert file.download_uri == "http://h/v1beta/files/video-1:download?alt=media"
        assert Api(state=state)("GET", file.download_uri).body == b"film"

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
        """A file that contents name by its address has to be there; others are not ours to know."""
        api = Api()
        uploaded(api)
        parts = [{"text": "What?"}, {"fileData": {"fileUri": uri, "mimeType": "text/plain"}}]
        body = {"contents": [{"role": "user", "parts": parts}]}
        assert api("POST", "models/m:generateContent", body).status == status
        assert api("POST", "models/m:countTokens", body).status == status
