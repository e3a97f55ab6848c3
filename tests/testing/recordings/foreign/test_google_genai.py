"""google-genai's replay files, written by google-genai 1.51.0 itself: a transport in memory is its server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai.client import DebugConfig
from google.oauth2.credentials import Credentials

from genai_fn import (
    ClientError,
    InvalidRequest,
    NoAnswer,
    ServerError,
    Success,
    collected,
    embed,
    files,
    generate,
    streamed,
    text,
)
from genai_fn.schema import Part
from genai_fn.testing import Replay

HI = generate("gemini-2.5-flash", "hi", {"temperature": 0.5}) | text
SESSION = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=abcdefgh&upload_protocol=resumable"


def build_answer(words: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": words}], "role": "model"}}]}


def answer(request: httpx.Request) -> httpx.Response:
    """Answer as the service does."""
    url = str(request.url)
    if url == SESSION:
        return httpx.Response(200, json={"file": {"name": "files/a"}}, headers={"X-Goog-Upload-Status": "final"})
    if "/upload/" in url:
        return httpx.Response(200, headers={"X-Goog-Upload-URL": SESSION, "X-Goog-Upload-Status": "active"})
    if "alt=sse" in url:
        events = "".join(f"data: {json.dumps(build_answer(each))}\r\n\r\n" for each in ("Bon", "jour"))
        return httpx.Response(200, text=events, headers={"content-type": "text/event-stream"})
    if "alt=media" in url:
        return httpx.Response(200, content=b"film\xff")
    if request.method == "GET":
        error = {"error": {"code": 403, "message": "no file", "status": "PERMISSION_DENIED"}}
        return httpx.Response(403, json=error)
    if request.method == "DELETE":
        return httpx.Response(200, json={})
    return httpx.Response(200, json=build_answer("Bonjour"))


def record(
    folder: Path,
    use: Callable[[Any], object],
    reply: Callable[[httpx.Request], httpx.Response] = answer,
    **options: Any,
) -> Path:
    """Record what a program does with google-genai."""
    client = genai.Client(
        **(options or {"api_key": "test-key-of-nobody"}),
        http_options=genai.types.HttpOptions(client_args={"transport": httpx.MockTransport(reply)}),
        debug_config=DebugConfig(client_mode="record", replay_id="a/b/c", replays_directory=str(folder)),
    )
    use(client)
    client._api_client.close()  # writes the file
    return folder / "a" / "b" / "c.json"


def generate_hi(client: Any) -> None:
    client.models.generate_content(model="gemini-2.5-flash", contents="hi", config={"temperature": 0.5})


def build_vertex() -> dict[str, Any]:
    return {
        "vertexai": True,
        "project": "some-project",
        "location": "europe-west4",
        "credentials": Credentials(token="test-token"),  # type: ignore[no-untyped-call]  # google-auth has no types
    }


@pytest.mark.parametrize("in_order", [False, True])
def test_answer(tmp_path: Path, in_order: bool) -> None:
    """A file of google-genai is told by its content, and replayed in its order or by content."""
    path = record(tmp_path, generate_hi)
    assert "{MLDEV_URL_PREFIX}" in path.read_text()
    assert "{REDACTED}" in path.read_text()
    assert Success("Bonjour") == Replay(path, in_order=in_order)(HI)


def test_another_order(tmp_path: Path) -> None:
    """Requests may come in another order than google-genai sent them in."""

    def use(client: Any) -> None:
        client.models.generate_content(model="gemini-2.5-flash", contents="first")
        generate_hi(client)

    replay = Replay(record(tmp_path, use))
    assert [Success("Bonjour")] * 2 == [replay(HI), replay(generate("gemini-2.5-flash", "first") | text)]


def test_vertex(tmp_path: Path) -> None:
    """A file of Vertex AI has neither project nor location, and is replayed as Vertex AI."""
    path = record(tmp_path, generate_hi, **build_vertex())
    assert "{VERTEX_URL_PREFIX}" in path.read_text()
    assert Success("Bonjour") == Replay(path)(HI)


def test_project_in_body(tmp_path: Path) -> None:
    """Names in a body match whatever their project is."""
    cache = "projects/{}/locations/europe-west4/cachedContents/1"

    def use(client: Any) -> None:
        config = {"cached_content": cache.format("some-project")}
        client.models.generate_content(model="gemini-2.5-flash", contents="hi", config=config)

    path = record(tmp_path, use, **build_vertex())
    assert "{PROJECT_AND_LOCATION_PATH}" in path.read_text()
    request = generate("gemini-2.5-flash", "hi", {"cached_content": cache.format("another")})
    assert Success("Bonjour") == Replay(path)(request | text)


def test_stream(tmp_path: Path) -> None:
    """A stream has the recorded chunks."""
    path = record(
        tmp_path, lambda client: list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi"))
    )
    stream = generate("gemini-2.5-flash", "hi") | streamed | text | collected
    assert Success(("Bon", "jour")) == Replay(path)(stream)


def test_bytes(tmp_path: Path) -> None:
    """Binary content matches, although google-genai writes the other alphabet of base64."""
    data = bytes(range(200, 256))
    part = genai.types.Part.from_bytes(data=data, mime_type="image/png")
    path = record(tmp_path, lambda client: client.models.generate_content(model="gemini-2.5-flash", contents=part))
    request = generate("gemini-2.5-flash", Part.from_bytes(data=data, mime_type="image/png"))
    assert Success("Bonjour") == Replay(path)(request | text)
    other = generate("gemini-2.5-flash", Part.from_bytes(data=data[1:], mime_type="image/png"))
    assert isinstance(Replay(path)(other).failure(), NoAnswer)


@pytest.mark.parametrize("from_path", [True, False])
def test_files(tmp_path: Path, from_path: bool) -> None:
    """Uploads from paths and open files, deletions and errors are replayed."""
    source = tmp_path / "two"
    source.write_bytes(b"\xff\x00")

    def use(client: Any) -> None:
        with source.open("rb") as opened:
            client.files.upload(file=str(source) if from_path else opened, config={"mime_type": "text/plain"})
        client.files.delete(name="files/a")
        with pytest.raises(genai.errors.ClientError):
            client.files.get(name="files/a")

    replay = Replay(record(tmp_path, use), in_order=True)
    assert replay(files.upload(str(source), {"mime_type": "text/plain"})).unwrap().name == "files/a"
    assert isinstance(replay(files.delete("a")), Success)
    assert isinstance(replay(files.get("a")).failure(), ClientError)


def test_other_upload(tmp_path: Path) -> None:
    """Other data than that of a recorded open file is no match."""
    source = tmp_path / "two"
    source.write_bytes(b'{"a": 1}')

    def use(client: Any) -> None:
        with source.open("rb") as opened:
            client.files.upload(file=opened, config={"mime_type": "text/plain"})

    replay = Replay(record(tmp_path, use))
    assert isinstance(replay(files.upload(str(source), {"mime_type": "text/plain"})), Success)
    source.write_bytes(b'{"a": 2}')
    assert isinstance(replay(files.upload(str(source), {"mime_type": "text/plain"})).failure(), NoAnswer)


def test_download(tmp_path: Path) -> None:
    """The content of a download is replayed."""
    video = genai.types.Video(uri="https://generativelanguage.googleapis.com/v1beta/files/a:download?alt=media")
    path = record(tmp_path, lambda client: client.files.download(file=video))
    assert Replay(path)(files.download("files/a")) == Success(b"film\xff")


def test_errors_are_not_retried(tmp_path: Path) -> None:
    """A file contains the outcome of all attempts, so an error is returned once, and the next answer after it."""
    statuses = iter([503, 200])

    def reply(request: httpx.Request) -> httpx.Response:
        status = next(statuses)
        body: Any = build_answer("Bonjour") if status == 200 else {"error": {"code": 503, "status": "UNAVAILABLE"}}
        return httpx.Response(status, json=body)

    def use(client: Any) -> None:
        with pytest.raises(genai.errors.ServerError):
            generate_hi(client)
        generate_hi(client)

    replay = Replay(record(tmp_path, use, reply))
    assert isinstance(replay(HI).failure(), ServerError)
    assert Success("Bonjour") == replay(HI)


def test_no_answer(tmp_path: Path) -> None:
    """A request that was not recorded is shown with the most similar one, its file and line."""
    missed = Replay(record(tmp_path, generate_hi))(embed("gemini-embedding-001", "hi")).failure()
    assert isinstance(missed, NoAnswer)
    assert "interaction 1 of c.json:4, where" in missed.nearest


def test_cut(tmp_path: Path) -> None:
    """A file that was cut is refused with its last line."""
    path = record(tmp_path, generate_hi)
    whole = path.read_bytes()
    for size in range(100, len(whole), 100):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidRequest) as raised:
            Replay(path)
        last_line = whole.count(b"\n", 0, size) + 1
        assert raised.value.path == f"c.json:{last_line}"


@pytest.mark.parametrize(
    "change",
    [
        ('"method"', '"verb"'),
        ('"url": "', '"url": 5, "u": "'),
        ('"headers": {', '"headers": {"a": 5,'),
        ('"status_code": 200', '"status_code": 100'),
        ('"byte_segments": [', '"body_segments": [], "byte_segments": [5'),
        ('"byte_segments": [', '"body_segments": [], "byte_segments": ["a"'),
    ],
    ids=repr,
)
def test_wrong(tmp_path: Path, change: tuple[str, str]) -> None:
    """What does not fit is refused with its line, or that of the object that lacks it."""
    path = record(tmp_path, generate_hi)
    changed = path.read_text().replace(*change, 1)
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(InvalidRequest) as raised:
        Replay(path)
    line = changed.splitlines()[int(raised.value.path.removeprefix("c.json:")) - 1].strip()
    assert line.startswith(('"request"', change[1].partition(":")[0])), str(raised.value)
