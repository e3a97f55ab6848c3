"""Recordings: which requests each mode sends, the order of answers, with sync and async interpreters."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from genai_fn import (
    AsyncHttp,
    AuthError,
    ClientError,
    Failure,
    Gemini,
    GenaiError,
    Http,
    InvalidRequest,
    NoAnswer,
    Offline,
    RateLimited,
    Retry,
    ServerError,
    Success,
    arun,
    both,
    calling,
    collected,
    files,
    gather,
    generate,
    items,
    joined,
    models,
    run as ambient,
    streamed,
    text,
    until_done,
    with_http_response,
    with_options,
)
from genai_fn.errors import Closed, ConnectError, Disconnected
from genai_fn.http import FileSlice
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.ops.files.uploads import SendUploadChunk, UploadProgress
from genai_fn.request import Request, Stream
from genai_fn.schema import File, FileState, ListModelsResponse, Model
from genai_fn.testing import Fake, use_interpreter
from genai_fn.testing.recordings.interpreters import recording
from genai_fn.testing.recordings.replay import Replay
from tests.support.loopback import Loopback, Reply, Reset, build_json_reply, build_sse_reply
from tests.support.scripted_model import build_call, build_response

HI = generate("m", "hi") | text
STREAM = generate("m", "hi") | streamed | text
WORKING, READY = File(name="files/a", state=FileState.PROCESSING), File(name="files/a", state=FileState.ACTIVE)
POLL = files.get("a") | until_done(every=60)

KINDS = ("sync", "asyncio", "trio")
every_kind = pytest.mark.parametrize("kind", KINDS)


def read_lines(path: Path) -> list[Any]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def run_over_http(kind: str, url: str, path: Path, mode: Any, *action: Any) -> list[Any]:
    """Run actions, and read streams, with a recording over HTTP."""
    backend = Gemini("test-key-of-nobody", base_url=url)
    if kind == "sync":
        with recording(Http(backend, retry=Retry(attempts=1)), path, mode) as run:
            return [run_action(run, each) for each in action]

    async def run_all() -> list[Any]:
        async with recording(AsyncHttp(backend, retry=Retry(attempts=1)), path, mode) as run:
            return [await run_action_async(run, each) for each in action]

    return anyio.run(run_all, backend=kind)


def run_in_process(kind: str, interpreter: Any, *action: Any) -> list[Any]:
    """Run actions, and read streams, with an interpreter in this process: sync, on asyncio or on trio."""
    if kind == "sync":
        return [run_action(interpreter, each) for each in action]

    async def run_all() -> list[Any]:
        return [await run_action_async(interpreter.aio, each) for each in action]

    return anyio.run(run_all, backend=kind)


def run_action(run: Any, action: Any) -> Any:
    if not isinstance(action, Stream):
        return run(action)
    with run.stream(action) as found:
        return list(found)


async def run_action_async(run: Any, action: Any) -> Any:
    if not isinstance(action, Stream):
        return await run(action)
    async with run.stream(action) as found:
        return [each async for each in found]


def build_json_response(reply_text: str) -> Any:
    return msgspec.to_builtins(build_response(reply_text))


# Modes


@every_kind
def test_record_and_replay(kind: str, tmp_path: Path) -> None:
    """A recording over HTTP is replayed by sync and async interpreters, without requests."""
    path = tmp_path / "calls.jsonl"
    answers = [
        build_json_reply(build_json_response("hello")),
        build_sse_reply([build_json_response("hel"), build_json_response("lo")]),
        build_json_reply({"error": {"code": 404}}, 404),
    ]
    with Loopback(answers) as server:
        recorded = run_over_http(kind, server.url, path, "record", HI, STREAM, files.get("none"))
        assert 3 == len(server.requests)
        assert recorded == run_over_http(kind, server.url, path, "replay", HI, STREAM, files.get("none"))
        assert 3 == len(server.requests)
    assert [Success("hello"), [Success("hel"), Success("lo")]] == recorded[:2]
    assert isinstance(recorded[2].failure(), ClientError)
    for other_kind in KINDS:
        assert recorded == run_in_process(other_kind, Replay(path), HI, STREAM, files.get("none"))


def test_record_replaces_the_file(tmp_path: Path) -> None:
    """Mode ``record`` sends all requests, and replaces the file."""
    path = tmp_path / "calls.jsonl"
    for reply_text in ("one", "two"):
        assert Success(reply_text) == recording(Fake({"generate": reply_text}), path)(HI)
    assert Success("two") == Replay(path)(HI)
    assert [1] == [each["number"] for each in read_lines(path)]


@every_kind
def test_auto(kind: str, tmp_path: Path) -> None:
    """Mode ``auto`` replays each answer once; other requests are sent, and added to the file."""
    path = tmp_path / "calls.jsonl"
    other_request = generate("m", "other") | text
    with Loopback(lambda received: build_json_reply(build_json_response(f"{len(received.body)}"))) as server:
        first = run_over_http(kind, server.url, path, "auto", HI)
        assert 1 == len(server.requests)
        second = run_over_http(kind, server.url, path, "auto", HI, other_request, HI)
        assert 3 == len(server.requests)
        assert second == run_over_http(kind, server.url, path, "auto", HI, other_request, HI)
        assert 3 == len(server.requests)
    assert first == second[:1]
    assert [1, 2, 3] == [each["number"] for each in read_lines(path)]


def test_auto_polls(tmp_path: Path) -> None:
    """Mode ``auto`` does not replay answers that it has added itself, so that polling ends."""
    path = tmp_path / "calls.jsonl"
    fake = Fake({"files.get": [WORKING, WORKING, READY]})
    assert Success(READY) == recording(fake, path, "auto")(POLL)
    assert Success(READY) == recording(Fake(), path, "auto")(POLL)


@pytest.mark.parametrize(
    ("error", "is_added"),
    [
        (ClientError(404), True),
        (RateLimited(429), False),
        (ServerError(503), False),
        (Disconnected("reading"), False),
        (ConnectError("connecting"), False),
        (AuthError("nobody"), False),
        (Closed(), False),
        (NoAnswer(None), False),
    ],
)
@pytest.mark.parametrize("action", [HI, STREAM], ids=["whole", "stream"])
def test_auto_skips_temporary_failures(tmp_path: Path, error: GenaiError, is_added: bool, action: Any) -> None:
    """Mode ``auto`` does not add temporary failures; mode ``record`` does, except for `NoAnswer`."""
    for mode in ("auto", "record"):
        path = tmp_path / f"{mode}.jsonl"
        run = recording(Fake({"generate": error, "generate.stream": ["a", error]}), path, mode)  # type: ignore[arg-type]  # it is one
        run_action(run, action)
        is_left = isinstance(error, NoAnswer) and action is STREAM
        assert (is_added or (mode == "record" and not isinstance(error, NoAnswer))) == bool(read_lines(path)) or is_left


def test_auto_needs_no_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, mode ``auto`` replays the file, and other requests fail with `AuthError`."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    with recording(Http(), path, "auto") as run:
        assert Success("hello") == run(HI)
        assert isinstance(run(HI).failure(), AuthError)
        assert [AuthError] == [type(each.failure()) for each in run_action(run, STREAM)]
    assert 1 == len(read_lines(path))


# Order


@every_kind
def test_equal_requests(kind: str, tmp_path: Path) -> None:
    """Equal requests get their answers in order, then the last one repeatedly; sleeps take no time."""
    path = tmp_path / "calls.jsonl"
    recorded = recording(Fake({"files.get": [WORKING, WORKING, READY]}), path)
    assert [Success(READY)] == run_in_process(kind, recorded, POLL)
    assert ["PROCESSING", "PROCESSING", "ACTIVE"] == [each["answer"]["state"] for each in read_lines(path)]
    lookups = [files.get("a")] * 4
    assert [Success(WORKING)] * 2 + [Success(READY)] * 2 == run_in_process(kind, Replay(path), *lookups)
    assert [Success(READY)] * 2 == run_in_process(kind, Replay(path), POLL, POLL)


def test_replay_takes_no_time(tmp_path: Path) -> None:
    """Replayed polling takes no time, even with an HTTP interpreter."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"files.get": [WORKING, READY]}), path)(POLL)
    with recording(Http(Gemini("test-key")), path, "replay") as run:
        assert Success(READY) == run(files.get("a") | until_done(every=3600))


def test_in_order(tmp_path: Path) -> None:
    """With ``in_order``, only the next call is replayed; an early request, or one after the last, has no answer."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": ["one", "two"], "files.get": READY}), path)
    for each in (HI, files.get("a"), HI):
        run(each)
    replay = Replay(path, in_order=True)
    error = replay(files.get("a")).failure()
    assert isinstance(error, NoAnswer)
    assert "call 1 of calls.jsonl" in str(error)
    assert [Success("one"), Success(READY), Success("two")] == [replay(each) for each in (HI, files.get("a"), HI)]
    assert "calls.jsonl has no more calls" in str(replay(HI).failure())


def test_missing_recording(tmp_path: Path) -> None:
    """A request without a recording is a failure that contains it, and a diff to the most similar recording."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": "yes", "files.get": READY}), path)
    for each in (files.get("a"), generate("m", "quite another"), generate("m", "hi", {"temperature": 0.5})):
        run(each)
    request = generate("m", "hi", {"temperature": 0.7})
    error = Replay(path)(request).failure()
    assert isinstance(error, NoAnswer)
    assert request == error.request
    assert "call 3 of calls.jsonl, where - is the recording, and + is the request" == error.nearest.splitlines()[0]
    changed_lines = [line.split() for line in str(error).splitlines() if line[:1] in ("-", "+")]
    assert [["-", '"temperature":', "0.5"], ["+", '"temperature":', "0.7"]] == changed_lines
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert Failure(NoAnswer(request)) == Replay(empty)(request)


@pytest.mark.parametrize(
    "other_request",
    [
        generate("n", "hi"),
        generate("m", "hi", {"seed": 1}),
        generate("m", "hi") | with_options(extra_body={"a": 1}),
        generate("m", "hi") | with_options(api_version="v1"),
    ],
)
def test_distinguished_requests(tmp_path: Path, other_request: Any) -> None:
    """Requests with other arguments, or other options that affect the answer, have separate recordings."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "yes"}), path)(generate("m", "hi"))
    assert isinstance(Replay(path)(other_request).failure(), NoAnswer)


@pytest.mark.parametrize(
    "options",
    [{"headers": {"x-trace": "1"}}, {"deadline": 5}, {"base_url": "https://gate.test"}, {"retry": Retry(attempts=1)}],
    ids=str,
)
def test_equivalent_requests(tmp_path: Path, options: Any) -> None:
    """The URL, the headers, the deadline and the retry policy do not distinguish requests."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "yes"}), path)(generate("m", "hi") | with_options(**options))
    assert Success("yes") == Replay(path)(HI)
    assert "options" not in read_lines(path)[0]


# Streams


@every_kind
def test_incomplete_stream(kind: str, tmp_path: Path) -> None:
    """A stream that is not read to its end is recorded so far; reading further in a replay has no answer."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": ["a", "b", "c"]}), path)

    async def read_first_item() -> None:
        async with run.aio.stream(STREAM) as found:
            assert Success("a") == await anext(found)

    if kind == "sync":
        with run.stream(STREAM) as found:
            assert Success("a") == next(found)
            assert [] == read_lines(path)
    else:
        anyio.run(read_first_item, backend=kind)
    assert [True] == [each["incomplete"] for each in read_lines(path)]
    first, *later_items = run_in_process(kind, Replay(path), STREAM)[0]
    assert Success("a") == first
    assert ["a stream that was read only up to chunk 1"] == [
        str(each.failure().nearest).partition(", ")[2] for each in later_items
    ]


def test_incomplete_stream_within_a_flow(tmp_path: Path) -> None:
    """A stream that a flow does not read to its end is recorded at the end of the flow."""
    path = tmp_path / "calls.jsonl"
    fake = Fake({"files.download": [b"one", Failure(ServerError(500))]})
    assert isinstance(recording(fake, path)(files.download("a", tmp_path / "out")).failure(), ServerError)
    assert [("b25l", 500)] == [(each["chunks"][0], each["error"]["code"]) for each in read_lines(path)]


@every_kind
def test_broken_stream(kind: str, tmp_path: Path) -> None:
    """A broken stream is replayed with its chunks and its failure."""
    path = tmp_path / "calls.jsonl"
    with Loopback((build_sse_reply([build_json_response("a")], finished=False), Reset())) as server:
        [recorded] = run_over_http(kind, server.url, path, "record", STREAM)
    assert [recorded] == run_in_process(kind, Replay(path), STREAM)
    assert Success("a") == recorded[0]
    assert isinstance(recorded[-1].failure(), Disconnected)


def test_empty_and_refused_streams(tmp_path: Path) -> None:
    """An empty stream, and one that fails at once, are replayed unchanged."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate.stream": [[], [ClientError(400)]]}), path)
    request = generate("m", "hi") | streamed
    recorded = [run_action(run, request), run_action(run, request)]
    assert [[], [Failure(ClientError(400))]] == recorded
    replay = Replay(path)
    assert recorded == [run_action(replay, request), run_action(replay, request)]


def test_closed_from_outside(tmp_path: Path) -> None:
    """A stream that is closed without a block is recorded once."""
    path = tmp_path / "calls.jsonl"
    found = recording(Fake({"generate": ["a", "b"]}), path).stream(STREAM)
    assert Success("a") == next(found)
    found.close()
    found.close()
    assert [["incomplete"]] == [[name for name in each if name == "incomplete"] for each in read_lines(path)]


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
@pytest.mark.parametrize("way", ["close", "aclose"])
def test_closed_by_the_reader(kind: str, way: str, tmp_path: Path) -> None:
    """A stream that its reader closes, in either way, is recorded as incomplete."""
    path = tmp_path / "calls.jsonl"

    async def read() -> None:
        found = recording(Fake({"generate": ["a", "b"]}).aio, path).stream(STREAM)
        assert Success("a") == await anext(found)
        if way == "close":
            found.close()
        else:
            await found.aclose()

    anyio.run(read, backend=kind)
    assert [True] == [each["incomplete"] for each in read_lines(path)]


def test_streamed_and_unstreamed_differ(tmp_path: Path) -> None:
    """An answer recorded without streaming does not answer a stream, and vice versa."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    assert [NoAnswer] == [type(each.failure()) for each in run_action(Replay(path), STREAM)]


# Flows


@every_kind
def test_flows(kind: str, tmp_path: Path) -> None:
    """Pages, function calls, joined streams and concurrent actions are replayed."""
    path = tmp_path / "calls.jsonl"
    pages = [
        ListModelsResponse(models=(Model(name="a"),), next_page_token="2"),
        ListModelsResponse(models=(Model(name="b"),)),
    ]
    fake = Fake(
        {
            "models.list": pages,
            "generate": lambda request: (
                build_response(build_call("add", {"a": 1}))
                if len(request.operation.contents) == 1
                else build_response("two")
            ),
            "generate.stream": ["a", "b"],
        }
    )

    def add(a: int) -> int:
        return a + 1

    action = (
        models.list() | items | collected,
        generate("m", "add") | calling(add) | text,
        generate("m", "hi") | streamed | text | joined,
        gather([files.get("x"), files.get("y")]) | collected,
        both(files.get("x"), files.get("y")),
    )
    fake = fake.with_answer("files.get", lambda request: File(name=request.operation.name))
    recorded = run_in_process(kind, recording(fake, path), *action)
    assert [] == [each for each in recorded if not isinstance(each, Success)]
    assert recorded == run_in_process(kind, Replay(path), *action)


def test_with_http_response(tmp_path: Path) -> None:
    """An HTTP response is replayed unchanged, whether its body is text or not."""
    path = tmp_path / "calls.jsonl"
    generation = generate("m", "hi") | with_http_response
    download = download_bytes("a") | with_http_response
    with Loopback([build_json_reply(build_json_response("é")), Reply(body=b"\xff\x00")]) as server:
        recorded = run_over_http("sync", server.url, path, "record", generation, download)
    assert recorded == run_in_process("sync", Replay(path), generation, download)
    assert "é" in path.read_text(encoding="utf-8")


@every_kind
@pytest.mark.parametrize("way", ["path", "bytes"])
def test_uploads(kind: str, way: str, tmp_path: Path) -> None:
    """An upload is replayed for the same bytes from any source, and for no others."""
    path = tmp_path / "calls.jsonl"
    file = tmp_path / "a.txt"
    file.write_bytes(b"some text")
    config = {"mime_type": "text/plain", "display_name": "a"}
    upload = files.upload(b"some text" if way == "bytes" else file, config)
    [result] = run_in_process(kind, recording(Offline(), path), upload)
    assert [result] == run_in_process(kind, Replay(path), upload)
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
    other_folder = tmp_path / "deeper"
    other_folder.mkdir()
    file = file.rename(other_folder / "a.txt")
    same_upload = files.upload(b"some text" if way == "bytes" else file, config)
    assert [result] == run_in_process(kind, Replay(path), same_upload)
    file.write_bytes(b"some TEXT")
    other_upload = files.upload(b"some TEXT" if way == "bytes" else file, config)
    assert isinstance(run_in_process(kind, Replay(path), other_upload)[0].failure(), NoAnswer)


def test_upload_of_no_file(tmp_path: Path) -> None:
    """A missing file is a failure, as without a recording."""
    missing_file = FileSlice(str(tmp_path / "gone"), 0, 5)
    piece = Request(SendUploadChunk(session="https://host/1", offset=0, data=missing_file, is_last=True))
    run = recording(Fake({"files.upload.send": UploadProgress(True, 5)}), tmp_path / "calls.jsonl")
    assert isinstance(run(piece).failure(), InvalidRequest)


# Interpreters


def test_offline_remembers(tmp_path: Path) -> None:
    """A recording and its interpreter share the same emulator state."""
    offline = Offline()
    run = recording(offline, tmp_path / "calls.jsonl")
    file = run(files.upload(b"text", {"mime_type": "text/plain"})).unwrap()
    assert file == offline(files.get(file.name)).unwrap()
    assert file == run(files.get(file.name)).unwrap()


@pytest.mark.parametrize("mode", ["record", "replay", "auto"])
def test_ambient(tmp_path: Path, mode: Any) -> None:
    """A recording can replace the ambient interpreter, for sync and async calls."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    with use_interpreter(recording(Fake({"generate": "hello"}), path, mode)):
        assert Success("hello") == ambient(HI)
        assert Success("hello") == anyio.run(partial(arun, HI))


def test_closes(tmp_path: Path) -> None:
    """The interpreter is closed with its recording."""
    http = Http(Gemini("test-key"))
    with recording(http, tmp_path / "calls.jsonl"):
        pass
    assert isinstance(http(generate("m", "hi")).failure(), Closed)


@pytest.mark.parametrize("mode", ["record", "auto"])
def test_cancelled(tmp_path: Path, mode: Any) -> None:
    """A cancelled request is not recorded, and a cancelled stream is recorded as incomplete."""
    path = tmp_path / "calls.jsonl"

    async def wait(request: object) -> None:
        await anyio.sleep_forever()

    async def cancel_call() -> None:
        run = recording(Fake({"generate": wait, "generate.stream": ["a", wait]}).aio, path, mode)
        with anyio.move_on_after(0.01):
            await run(HI)
        assert [] == read_lines(path)
        with anyio.move_on_after(0.01):
            async with run.stream(STREAM) as found:
                async for _ in found:
                    pass

    anyio.run(cancel_call)


def get_error(make: Callable[[], object]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        make()
    return raised.value


def test_mistakes(tmp_path: Path) -> None:
    """An invalid mode, interpreter or path is refused at once, and nothing is written."""
    path: Any = tmp_path / "calls.jsonl"
    mode: Any = "rec"
    no_interpreter: Any = print
    assert "mode" == get_error(lambda: recording(Fake(), path, mode)).path
    assert "interpreter" == get_error(lambda: recording(no_interpreter, path)).path
    for each in ("record", "auto"):
        missing: Any = tmp_path / "no" / "calls.jsonl"
        assert "path" == get_error(lambda each=each, missing=missing: recording(Fake(), missing, each)).path  # type: ignore[misc]  # a lambda
        assert "path" == get_error(lambda each=each: recording(Fake(), tmp_path, each)).path  # type: ignore[misc]  # a lambda
    assert "path" == get_error(lambda: recording(Fake(), path, "replay")).path
    assert "path" == get_error(lambda: Replay(path)).path
    assert not path.exists()
