"""The files of recordings: readable lines in the order of the requests, usable after a crash, without secrets."""

import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from returns.result import Failure

from genai_fn import (
    APIError,
    AsyncHttp,
    Gemini,
    Http,
    InvalidRequest,
    NoAnswer,
    Retry,
    Success,
    Vertex,
    auth_tokens,
    files,
    generate,
    streamed,
    text,
    with_http_response,
    with_options,
)
from genai_fn.codec import MAX_DEPTH
from genai_fn.ops.files.uploads import QueryUpload
from genai_fn.request import Request
from genai_fn.schema import AuthToken, File
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.testing import Fake
from genai_fn.testing.recordings.interpreters import recording
from genai_fn.testing.recordings.replay import Replay
from genai_fn.testing.recordings.serialize import dump_plain
from tests.support.loopback import Loopback, ReceivedRequest, Reply, build_json_reply
from tests.support.scripted_model import build_response

try:
    import resource
except ImportError:  # on Windows
    resource: Any = None  # type: ignore[no-redef]  # the test that uses it is skipped

KEY = "test-key-of-nobody"
HI = generate("m", "hi") | text


def build_request(prompt: str) -> Any:
    return generate("m", prompt) | text


def echo_prompt(request: Request[Any]) -> str:
    return str(getattr(request.operation, "contents")[0].parts[0].text).upper()  # noqa: B009  # an operation has no such field


# Lines


def test_line(tmp_path: Path) -> None:
    """A line is a JSON object with the request first and the answer last."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "dé"}), path)(generate("m", "hi", {"temperature": 0.5, "top_k": 3}))
    line = (
        '{"number": 1, "op": "generate", "request": {"model": "m", "contents": [{"parts": [{"text": "hi"}], '
        '"role": "user"}], "config": {"temperature": 0.5, "topK": 3.0}}, "answer": {"candidates": [{"content": '
        '{"parts": [{"text": "dé"}], "role": "model"}, "finishReason": "STOP"}]}}\n'
    )
    assert line == path.read_text(encoding="utf-8")


def test_recording_is_deterministic(tmp_path: Path) -> None:
    """Recording the same calls twice gives the same file."""
    first_path, second_path = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    for path in (first_path, second_path):
        run = recording(Fake(echo_prompt), path)
        for prompt in ("a", "b", "a"):
            run(build_request(prompt))
    assert first_path.read_bytes() == second_path.read_bytes()


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n", b"\r\n"])
def test_written_by_hand(tmp_path: Path, ending: bytes) -> None:
    """A file may be written by hand: members in any order, no numbers, blank lines, no newline at the end."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(
        b'{"answer": {"name": "files/a"}, "request": {"name": "a"}, "op": "files.get"}\n\n'
        b'{"op": "files.get", "request": {"name": "a"}, "error": {"kind": "RateLimited", "code": 429}}' + ending
    )
    replay = Replay(path)
    assert Success(File(name="files/a")) == replay(files.get("a"))
    assert "429" == str(replay(files.get("a")).failure())
    run = recording(Fake({"files.get": File(name="files/b")}), path, "auto")
    assert Success(File(name="files/b")) == run(files.get("b"))
    assert Success(File(name="files/b")) == Replay(path)(files.get("b"))


@pytest.mark.parametrize("kind", ["dataclass", "Any", "other"])
def test_unknown_error(tmp_path: Path, kind: str) -> None:
    """An error that the library does not have is refused, also if its module contains something of that name."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(msgspec.json.encode({"op": "files.get", "request": {"name": "a"}, "error": {"kind": kind}}))
    with pytest.raises(InvalidRequest, match=f"no error is named {kind}"):
        Replay(path)(files.get("a"))


@pytest.mark.skipif(resource is None, reason="Windows has no limit of the size of a file")
def test_full_disk(tmp_path: Path) -> None:
    """A call that cannot be written whole raises an error, and leaves the calls before it readable."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake(echo_prompt), path)
    run(generate("m", "first"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            run(generate("m", "second"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    run(generate("m", "third"))
    assert [line["number"] for line in map(msgspec.json.decode, path.read_bytes().splitlines())] == [1, 3]


@pytest.mark.parametrize("size", range(1, 120, 7))
def test_after_a_crash(tmp_path: Path, size: int) -> None:
    """A truncated last line is ignored with a warning, and is removed when recording continues."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake(echo_prompt), path)
    run(build_request("one"))
    complete_lines = path.read_bytes()
    run(build_request("zwölf"))
    path.write_bytes(path.read_bytes()[: len(complete_lines) + size])
    with pytest.warns(UserWarning, match=f"calls.jsonl: ignored an incomplete last line of {size} bytes"):
        replay = Replay(path)
    assert Success("ONE") == replay(build_request("one"))
    assert isinstance(replay(build_request("zwölf")).failure(), NoAnswer)
    with warnings.catch_warnings(action="error"):
        assert Success("ZWÖLF") == recording(Fake(echo_prompt), path, "auto")(build_request("zwölf"))
    assert [1, 2] == [msgspec.json.decode(line)["number"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"op": 5, "answer": {}}',
        b'{"op": "files.get", "request": []}',
        b'{"op": "files.get"}',
        b"\xff",
        *(
            b'{"op": "files.get", "answer": {"a": %b}}' % (b"[" * depth + b"]" * depth)
            for depth in (700, 5000, 100_000)
        ),
    ],
    ids=lambda line: repr(line[:40]) if isinstance(line, bytes) else None,
)
@pytest.mark.parametrize("mode", ["replay", "auto"])
def test_bad_lines(tmp_path: Path, line: bytes, mode: Any) -> None:
    """An invalid line is refused at once, with its number; the file is unchanged."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"\n" + line + b'\n{"op": "files.get", "answer": {}}\n')
    original = path.read_bytes()
    with pytest.raises(InvalidRequest, match=r"calls\.jsonl:2"):
        recording(Fake(), path, mode)
    assert original == path.read_bytes()


@pytest.mark.parametrize("depth", [MAX_DEPTH, 700, 5000])
def test_deep_answer(tmp_path: Path, depth: int) -> None:
    """An answer of the greatest depth is recorded and replayed; a deeper one is a failure, which is recorded."""
    path = tmp_path / "calls.jsonl"
    arguments = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":%b}}]}}]}' % arguments
    request = generate("m", "hi")
    with Loopback(Reply(body=body)) as server, Http(Gemini("test-key", base_url=server.url)) as http:
        recorded = recording(http, path, "record")(request)
    assert isinstance(recorded, Failure) == (depth > MAX_DEPTH)
    assert Replay(path)(request) == recorded


def test_deep_last_line(tmp_path: Path) -> None:
    """A complete last line that nests too deep is refused, and not removed as if it were truncated."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'{"op": "files.get", "answer": ' + b"[" * 700 + b"]" * 700 + b"}")
    original = path.read_bytes()
    with pytest.raises(InvalidRequest, match=r"calls\.jsonl:1"):
        recording(Fake(), path, "auto")
    assert original == path.read_bytes()


@pytest.mark.parametrize(
    "members",
    [
        {"answer": {"name": 5}},
        {"answer": []},
        {"error": {}},
        {"error": {"kind": "Nobody"}},
        {"error": {"kind": "APIError"}},
    ],
    ids=str,
)
def test_bad_answers(tmp_path: Path, members: Any) -> None:
    """An answer of the wrong type raises when it is replayed, with the number of its line."""
    path = tmp_path / "calls.jsonl"
    path.write_bytes(msgspec.json.encode({"number": 7, "op": "files.get", "request": {"name": "a"}, **members}))
    with pytest.raises(InvalidRequest, match=r"call 7 of calls\.jsonl: expected an answer to GetFile"):
        Replay(path)(files.get("a"))


# Concurrency


def test_threads(tmp_path: Path) -> None:
    """Threads can record concurrently: each line is complete, and each call has its own number."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake(echo_prompt), path)
    prompts = [f"w{n}" for n in range(60)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda each: run(build_request(each)), prompts))
    assert [Success(each.upper()) for each in prompts] == results
    replay = Replay(path)
    with ThreadPoolExecutor(8) as threads:
        assert results == list(threads.map(lambda each: replay(build_request(each)), prompts))
    numbers = [msgspec.json.decode(line)["number"] for line in path.read_bytes().splitlines()]
    assert list(range(1, 61)) == sorted(numbers)


def test_signal_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler may close streams while one is written to the file: it does not wait for its own thread."""
    path, open_file = tmp_path / "calls.jsonl", Path.open
    run = recording(Fake({"generate": [["a", "b"], ["c", "d"]]}), path)
    first, second = streams = [run.stream(generate("m", "hi") | streamed) for _ in range(2)]
    for each in streams:
        next(each)

    def handle_signal(*arguments: Any, **options: Any) -> Any:
        first.close()
        second.close()
        return open_file(*arguments, **options)

    monkeypatch.setattr(Path, "open", handle_signal)
    thread = threading.Thread(target=first.close, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert path.read_text(encoding="utf-8").count("incomplete") == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_in_the_order_of_asking(tmp_path: Path, backend: str) -> None:
    """Calls are numbered in the order of the requests, not of the answers."""
    path = tmp_path / "calls.jsonl"
    second_is_over = anyio.Event()

    async def respond(request: Request[Any]) -> str:
        if "one" in str(request):
            await second_is_over.wait()
        return echo_prompt(request)

    async def run_second(run: Any) -> None:
        assert Success("TWO") == await run(build_request("two"))
        second_is_over.set()

    async def run_both() -> None:
        run = recording(Fake(respond).aio, path)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, build_request("one"))
            await anyio.lowlevel.checkpoint()
            tasks.start_soon(run_second, run)

    anyio.run(run_both, backend=backend)
    assert [2, 1] == [msgspec.json.decode(line)["number"] for line in path.read_bytes().splitlines()]
    replay = Replay(path, in_order=True)
    assert [Success("ONE"), Success("TWO")] == [replay(build_request("one")), replay(build_request("two"))]


# Secrets


def echo_request(received: ReceivedRequest) -> Reply:
    """Respond with everything in the request, including its credentials."""
    headers = tuple((f"x-echoed-{name}", value) for name, value in received.headers.items())
    echoed_text = " ".join((received.target, received.body.decode(), *received.headers.values()))
    if "wrong" in echoed_text:
        return build_json_reply(
            {"error": {"code": 403, "message": echoed_text, "details": [{"told": echoed_text}]}}, 403, headers
        )
    return build_json_reply(msgspec.to_builtins(build_response(echoed_text)), 200, headers)


BACKENDS: dict[str, Any] = {
    "gemini": lambda url: Gemini(KEY, base_url=url),
    "headers": lambda url: Gemini(headers={"authorization": f"Bearer {KEY}"}, base_url=url),
    "express": lambda url: Vertex(api_key=KEY, base_url=url),
    "gateway": lambda url: Vertex(base_url=url, headers={"x-api-key": KEY}),
}


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("is_sync", [True, False], ids=["sync", "asyncio"])
def test_no_key_is_written(tmp_path: Path, name: str, is_sync: bool) -> None:
    """The file contains no key of the backend, of a request's options or of the server's response."""
    path = tmp_path / "calls.jsonl"
    secret = "test-secret-of-one-call"
    calls = [
        generate("m", "hi"),
        generate("m", "wrong"),
        generate("m", "hello") | with_options(headers={"x-auth": f"Token {secret}", "cookie": "sugar-and-spice"}),
        generate("m", "whole") | with_http_response,
        generate("m", f"is {KEY} my key?"),
    ]

    async def record_calls(backend: Any) -> None:
        async with recording(AsyncHttp(backend, retry=Retry(attempts=1)), path) as run:
            for each in calls:
                await run(each)

    with Loopback(echo_request) as server:
        backend = BACKENDS[name](server.url)
        if is_sync:
            with recording(Http(backend, retry=Retry(attempts=1)), path) as run:
                for each in calls:
                    run(each)
        else:
            anyio.run(record_calls, backend)
    recorded_text = path.read_text(encoding="utf-8")
    assert [] == [each for each in (KEY, secret, "sugar-and-spice") if each in recorded_text]
    replay = Replay(path)
    assert [True, False, True, True] == [isinstance(replay(each), Success) for each in calls[:4]]
    error = replay(calls[1]).failure()
    assert isinstance(error, APIError)
    assert (403, True) == (error.code, "***" in error.message)


def test_no_secret_field_is_written(tmp_path: Path) -> None:
    """A secret field of a request is masked in the recording, as in its repr."""
    path = tmp_path / "calls.jsonl"
    token = "test-token-of-a-tool"
    maps = {"auth_config": {"oauth_config": {"access_token": token}}}
    request = generate("m", "hi", {"tools": [{"google_maps": maps}]})
    assert token not in repr(request)
    assert isinstance(recording(Fake({"generate": "hello"}), path)(request), Success)
    assert token not in path.read_text(encoding="utf-8")
    assert isinstance(Replay(path)(request), Success)


@pytest.mark.parametrize("kind", SecretMessage.__subclasses__())
def test_secret_field_is_masked(kind: Any) -> None:
    """The fields that a message hides from its repr are masked."""
    for name in kind.secret_fields:
        assert ["***"] == list(dump_plain(kind(**{name: "secret-of-nobody"})).values())


def test_no_secret_of_a_tool_is_written(tmp_path: Path) -> None:
    """The key of a tool is not in the file, and a replay finds the request whichever key it has."""
    path = tmp_path / "calls.jsonl"

    def build_search_request(key: str) -> Any:
        auth = {"auth_config": {"api_key_config": {"api_key_string": key}}}
        return generate("m", "hi", {"tools": [{"google_maps": auth}]}) | text

    recording(Fake({"generate": "hello"}), path)(build_search_request("secret-of-nobody"))
    assert "secret-of-nobody" not in path.read_text(encoding="utf-8")
    assert Success("hello") == Replay(path)(build_search_request("another-secret"))


def test_no_token_is_written(tmp_path: Path) -> None:
    """A token that the service creates is masked, also in the HTTP response, and is usable while recording."""
    path = tmp_path / "calls.jsonl"
    name = "auth_tokens/test-token-of-nobody"
    create = auth_tokens.create({"uses": 1})
    with (
        Loopback(build_json_reply({"name": name})) as server,
        recording(Http(Gemini(KEY, base_url=server.url)), path) as run,
    ):
        assert Success(AuthToken(name=name)) == run(create)
        assert name == run(create | with_http_response).unwrap().value.name
    assert "test-token-of-nobody" not in path.read_text(encoding="utf-8")
    replay = Replay(path)
    assert Success(AuthToken(name="auth_tokens/***")) == replay(create)
    assert b'{"name":"auth_tokens/***"}' == replay(create | with_http_response).unwrap().http.body


@pytest.mark.parametrize(
    "location", ["https://elsewhere.test/f?signature=test-signature", "next/c?signature=test-signature"]
)
def test_no_signed_address_is_written(tmp_path: Path, location: str) -> None:
    """The query of a redirect's URL is masked, and the download can be replayed."""
    path = tmp_path / "calls.jsonl"

    def respond(request: Any) -> Any:
        return b"film" if request.operation.address else APIError(302, headers=(("location", location),))

    download = files.download("a")
    assert Success(b"film") == recording(Fake({"files.download": respond}), path)(download)
    assert "test-signature" not in path.read_text(encoding="utf-8")
    assert Success(b"film") == Replay(path)(download)


def test_no_session_is_written(tmp_path: Path) -> None:
    """The URL of an upload session is masked everywhere; a request with the masked URL gets no answer."""
    path = tmp_path / "calls.jsonl"
    session = "https://host.test/upload?upload_id=test-session"
    upload = files.upload(b"text", {"mime_type": "text/plain"})
    fake = Fake(
        {"files.upload.start": session, "files.upload.send": APIError(400), "files.upload.query": APIError(400)}
    )
    failed = recording(fake, path)(upload)
    assert "test-session" not in path.read_text(encoding="utf-8")
    assert failed == Replay(path)(upload)
    query = QueryUpload(session=session)
    recording(fake, path)(Request(query))
    assert "test-session" not in path.read_text(encoding="utf-8")
    assert APIError(400) == Replay(path)(Request(query)).failure()
    started = Fake({"files.upload.start": session})
    recording(started, path)(upload)
    assert isinstance(recording(fake, path, "auto")(upload).failure(), NoAnswer)
