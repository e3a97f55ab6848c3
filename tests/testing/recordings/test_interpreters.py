"""Recordings: what each mode asks, in which turn answers come, and that all worlds record and replay alike."""

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
every_world = pytest.mark.parametrize("kind", KINDS)


def notes(path: Path) -> list[Any]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def over_http(kind: str, url: str, path: Path, mode: Any, *described: Any) -> list[Any]:
    """Run actions, and read streams, by way of a recording over HTTP."""
    backend = Gemini("test-key-of-nobody", base_url=url)
    if kind == "sync":
        with recording(Http(backend, retry=Retry(attempts=1)), path, mode) as run:
            return [run_described(run, each) for each in described]

    async def within() -> list[Any]:
        async with recording(AsyncHttp(backend, retry=Retry(attempts=1)), path, mode) as run:
            return [await run_described_async(run, each) for each in described]

    return anyio.run(within, backend=kind)


def in_process(kind: str, interpreter: Any, *described: Any) -> list[Any]:
    """Run actions, and read streams, in one of the worlds of an interpreter in this process."""
    if kind == "sync":
        return [run_described(interpreter, each) for each in described]

    async def within() -> list[Any]:
        return [await run_described_async(interpreter.aio, each) for each in described]

    return anyio.run(within, backend=kind)


def run_described(run: Any, described: Any) -> Any:
    if not isinstance(described, Stream):
        return run(described)
    with run.stream(described) as found:
        return list(found)


async def run_described_async(run: Any, described: Any) -> Any:
    if not isinstance(described, Stream):
        return await run(described)
    async with run.stream(described) as found:
        return [each async for each in found]


def build_json_response(words: str) -> Any:
    return msgspec.to_builtins(build_response(words))


# Modes


@every_world
def test_record_and_replay(kind: str, tmp_path: Path) -> None:
    """What was recorded over HTTP is replayed in any world, and nobody is asked."""
    path = tmp_path / "calls.jsonl"
    answers = [
        build_json_reply(build_json_response("hello")),
        build_sse_reply([build_json_response("hel"), build_json_response("lo")]),
        build_json_reply({"error": {"code": 404}}, 404),
    ]
    with Loopback(answers) as server:
        recorded = over_http(kind, server.url, path, "record", HI, STREAM, files.get("none"))
        assert 3 == len(server.requests)
        assert recorded == over_http(kind, server.url, path, "replay", HI, STREAM, files.get("none"))
        assert 3 == len(server.requests)
    assert [Success("hello"), [Success("hel"), Success("lo")]] == recorded[:2]
    assert isinstance(recorded[2].failure(), ClientError)
    for other in KINDS:
        assert recorded == in_process(other, Replay(path), HI, STREAM, files.get("none"))


def test_record_begins_anew(tmp_path: Path) -> None:
    """To record asks everything, and what the file had is gone."""
    path = tmp_path / "calls.jsonl"
    for words in ("one", "two"):
        assert Success(words) == recording(Fake({"generate": words}), path)(HI)
    assert Success("two") == Replay(path)(HI)
    assert [1] == [each["number"] for each in notes(path)]


@every_world
def test_auto(kind: str, tmp_path: Path) -> None:
    """Each answer of the file is given once; what it has not is asked, and added."""
    path = tmp_path / "calls.jsonl"
    other = generate("m", "other") | text
    with Loopback(lambda received: build_json_reply(build_json_response(f"{len(received.body)}"))) as server:
        first = over_http(kind, server.url, path, "auto", HI)
        assert 1 == len(server.requests)
        second = over_http(kind, server.url, path, "auto", HI, other, HI)
        assert 3 == len(server.requests)
        assert second == over_http(kind, server.url, path, "auto", HI, other, HI)
        assert 3 == len(server.requests)
    assert first == second[:1]
    assert [1, 2, 3] == [each["number"] for each in notes(path)]


def test_auto_polls(tmp_path: Path) -> None:
    """What has just been added is not given in the same session, so that a poll comes to its end."""
    path = tmp_path / "calls.jsonl"
    fake = Fake({"files.get": [WORKING, WORKING, READY]})
    assert Success(READY) == recording(fake, path, "auto")(POLL)
    assert Success(READY) == recording(Fake(), path, "auto")(POLL)


@pytest.mark.parametrize(
    ("error", "kept"),
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
@pytest.mark.parametrize("answered", [HI, STREAM], ids=["whole", "stream"])
def test_auto_keeps_no_trouble(tmp_path: Path, error: GenaiError, kept: bool, answered: Any) -> None:
    """A failure that another try may mend is not added; to record writes it down, but for what has no answer."""
    for mode in ("auto", "record"):
        path = tmp_path / f"{mode}.jsonl"
        run = recording(Fake({"generate": error, "generate.stream": ["a", error]}), path, mode)  # type: ignore[arg-type]  # it is one
        run_described(run, answered)
        is_left = isinstance(error, NoAnswer) and answered is STREAM
        assert (kept or (mode == "record" and not isinstance(error, NoAnswer))) == bool(notes(path)) or is_left


def test_auto_needs_no_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no key, what the file has is given, and anything else is refused as ever."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    with recording(Http(), path, "auto") as run:
        assert Success("hello") == run(HI)
        assert isinstance(run(HI).failure(), AuthError)
        assert [AuthError] == [type(each.failure()) for each in run_described(run, STREAM)]
    assert 1 == len(notes(path))


# Whose turn it is


@every_world
def test_in_turn(kind: str, tmp_path: Path) -> None:
    """Equal requests get their answers one after the other, then the last one again; a minute takes no time."""
    path = tmp_path / "calls.jsonl"
    recorded = recording(Fake({"files.get": [WORKING, WORKING, READY]}), path)
    assert [Success(READY)] == in_process(kind, recorded, POLL)
    assert ["PROCESSING", "PROCESSING", "ACTIVE"] == [each["answer"]["state"] for each in notes(path)]
    again = [files.get("a")] * 4
    assert [Success(WORKING)] * 2 + [Success(READY)] * 2 == in_process(kind, Replay(path), *again)
    assert [Success(READY)] * 2 == in_process(kind, Replay(path), POLL, POLL)


def test_replay_is_patient(tmp_path: Path) -> None:
    """A poll that was recorded over HTTP takes no time when it is replayed, whichever interpreter it is given."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"files.get": [WORKING, READY]}), path)(POLL)
    with recording(Http(Gemini("test-key")), path, "replay") as run:
        assert Success(READY) == run(files.get("a") | until_done(every=3600))


def test_in_order(tmp_path: Path) -> None:
    """In order only the next one of all is given; what comes too soon, or after the last, has no answer."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": ["one", "two"], "files.get": READY}), path)
    for each in (HI, files.get("a"), HI):
        run(each)
    replay = Replay(path, in_order=True)
    soon = replay(files.get("a")).failure()
    assert isinstance(soon, NoAnswer)
    assert "call 1 of calls.jsonl" in str(soon)
    assert [Success("one"), Success(READY), Success("two")] == [replay(each) for each in (HI, files.get("a"), HI)]
    assert "calls.jsonl has no more calls" in str(replay(HI).failure())


def test_miss(tmp_path: Path) -> None:
    """A miss is a failure that holds the request, and shows the recording that is most like it, line by line."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": "yes", "files.get": READY}), path)
    for each in (files.get("a"), generate("m", "quite another"), generate("m", "hi", {"temperature": 0.5})):
        run(each)
    asked = generate("m", "hi", {"temperature": 0.7})
    error = Replay(path)(asked).failure()
    assert isinstance(error, NoAnswer)
    assert asked == error.request
    assert "call 3 of calls.jsonl, where - is the recording, and + is the request" == error.nearest.splitlines()[0]
    changed = [line.split() for line in str(error).splitlines() if line[:1] in ("-", "+")]
    assert [["-", '"temperature":', "0.5"], ["+", '"temperature":', "0.7"]] == changed
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert Failure(NoAnswer(asked)) == Replay(empty)(asked)


@pytest.mark.parametrize(
    "other",
    [
        generate("n", "hi"),
        generate("m", "hi", {"seed": 1}),
        generate("m", "hi") | with_options(extra_body={"a": 1}),
        generate("m", "hi") | with_options(api_version="v1"),
    ],
)
def test_what_is_told_apart(tmp_path: Path, other: Any) -> None:
    """Requests differ by what is asked, and by the options that change what is answered."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "yes"}), path)(generate("m", "hi"))
    assert isinstance(Replay(path)(other).failure(), NoAnswer)


@pytest.mark.parametrize(
    "options",
    [{"headers": {"x-trace": "1"}}, {"deadline": 5}, {"base_url": "https://gate.test"}, {"retry": Retry(attempts=1)}],
    ids=str,
)
def test_what_is_not_told_apart(tmp_path: Path, options: Any) -> None:
    """Where to, as whom and how patiently something is asked makes no difference."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "yes"}), path)(generate("m", "hi") | with_options(**options))
    assert Success("yes") == Replay(path)(HI)
    assert "options" not in notes(path)[0]


# Streams


@every_world
def test_left(kind: str, tmp_path: Path) -> None:
    """A stream that was left has its chunks so far; who reads on where it is replayed is given no answer."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate": ["a", "b", "c"]}), path)

    async def leave() -> None:
        async with run.aio.stream(STREAM) as found:
            assert Success("a") == await anext(found)

    if kind == "sync":
        with run.stream(STREAM) as found:
            assert Success("a") == next(found)
            assert [] == notes(path)
    else:
        anyio.run(leave, backend=kind)
    assert [True] == [each["incomplete"] for each in notes(path)]
    first, *more = in_process(kind, Replay(path), STREAM)[0]
    assert Success("a") == first
    assert ["a stream that was read only up to chunk 1"] == [
        str(each.failure().nearest).partition(", ")[2] for each in more
    ]


def test_left_within_a_flow(tmp_path: Path) -> None:
    """A stream that a flow did not read to its end is written down when the flow is over."""
    path = tmp_path / "calls.jsonl"
    fake = Fake({"files.download": [b"one", Failure(ServerError(500))]})
    assert isinstance(recording(fake, path)(files.download("a", tmp_path / "out")).failure(), ServerError)
    assert [("b25l", 500)] == [(each["chunks"][0], each["error"]["code"]) for each in notes(path)]


@every_world
def test_broken_stream(kind: str, tmp_path: Path) -> None:
    """A stream that breaks off is replayed with its chunks, and the failure that ended it."""
    path = tmp_path / "calls.jsonl"
    with Loopback((build_sse_reply([build_json_response("a")], finished=False), Reset())) as server:
        [recorded] = over_http(kind, server.url, path, "record", STREAM)
    assert [recorded] == in_process(kind, Replay(path), STREAM)
    assert Success("a") == recorded[0]
    assert isinstance(recorded[-1].failure(), Disconnected)


def test_empty_and_refused_streams(tmp_path: Path) -> None:
    """A stream of nothing, and one that is refused at once, are replayed as such."""
    path = tmp_path / "calls.jsonl"
    run = recording(Fake({"generate.stream": [[], [ClientError(400)]]}), path)
    bare = generate("m", "hi") | streamed
    recorded = [run_described(run, bare), run_described(run, bare)]
    assert [[], [Failure(ClientError(400))]] == recorded
    replay = Replay(path)
    assert recorded == [run_described(replay, bare), run_described(replay, bare)]


def test_closed_from_outside(tmp_path: Path) -> None:
    """A stream that is closed without a block is written down, once, and has an end."""
    path = tmp_path / "calls.jsonl"
    found = recording(Fake({"generate": ["a", "b"]}), path).stream(STREAM)
    assert Success("a") == next(found)
    found.close()
    found.close()
    assert [["incomplete"]] == [[name for name in each if name == "incomplete"] for each in notes(path)]


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
@pytest.mark.parametrize("way", ["close", "aclose"])
def test_closed_by_the_reader(kind: str, way: str, tmp_path: Path) -> None:
    """A stream that its reader closes, in either way, is written down as left."""
    path = tmp_path / "calls.jsonl"

    async def read() -> None:
        found = recording(Fake({"generate": ["a", "b"]}).aio, path).stream(STREAM)
        assert Success("a") == await anext(found)
        if way == "close":
            found.close()
        else:
            await found.aclose()

    anyio.run(read, backend=kind)
    assert [True] == [each["incomplete"] for each in notes(path)]


def test_whole_and_streamed_are_two(tmp_path: Path) -> None:
    """A whole answer is none for a stream, nor the other way round."""
    path = tmp_path / "calls.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    assert [NoAnswer] == [type(each.failure()) for each in run_described(Replay(path), STREAM)]


# Flows


@every_world
def test_flows(kind: str, tmp_path: Path) -> None:
    """Pages, function calls, joined streams and what runs at once replay as they went."""
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

    described = (
        models.list() | items | collected,
        generate("m", "add") | calling(add) | text,
        generate("m", "hi") | streamed | text | joined,
        gather([files.get("x"), files.get("y")]) | collected,
        both(files.get("x"), files.get("y")),
    )
    fake = fake.with_answer("files.get", lambda request: File(name=request.operation.name))
    recorded = in_process(kind, recording(fake, path), *described)
    assert [] == [each for each in recorded if not isinstance(each, Success)]
    assert recorded == in_process(kind, Replay(path), *described)


def test_with_http_response(tmp_path: Path) -> None:
    """A whole HTTP response comes back as it was, whether its body is text or not."""
    path = tmp_path / "calls.jsonl"
    asked = generate("m", "hi") | with_http_response
    fetched = download_bytes("a") | with_http_response
    with Loopback([build_json_reply(build_json_response("é")), Reply(body=b"\xff\x00")]) as server:
        recorded = over_http("sync", server.url, path, "record", asked, fetched)
    assert recorded == in_process("sync", Replay(path), asked, fetched)
    assert "é" in path.read_text(encoding="utf-8")


@every_world
@pytest.mark.parametrize("way", ["path", "bytes"])
def test_uploads(kind: str, way: str, tmp_path: Path) -> None:
    """An upload is replayed for the same bytes, from wherever they come, and for no others."""
    path = tmp_path / "calls.jsonl"
    file = tmp_path / "a.txt"
    file.write_bytes(b"some text")
    config = {"mime_type": "text/plain", "display_name": "a"}
    sent = files.upload(b"some text" if way == "bytes" else file, config)
    [uploaded] = in_process(kind, recording(Offline(), path), sent)
    assert [uploaded] == in_process(kind, Replay(path), sent)
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
    moved = tmp_path / "deeper"
    moved.mkdir()
    file = file.rename(moved / "a.txt")
    same = files.upload(b"some text" if way == "bytes" else file, config)
    assert [uploaded] == in_process(kind, Replay(path), same)
    file.write_bytes(b"some TEXT")
    other = files.upload(b"some TEXT" if way == "bytes" else file, config)
    assert isinstance(in_process(kind, Replay(path), other)[0].failure(), NoAnswer)


def test_upload_of_no_file(tmp_path: Path) -> None:
    """A file that is gone meanwhile is a failure, as it is without a recording."""
    gone = FileSlice(str(tmp_path / "gone"), 0, 5)
    piece = Request(SendUploadChunk(session="https://host/1", offset=0, data=gone, is_last=True))
    run = recording(Fake({"files.upload.send": UploadProgress(True, 5)}), tmp_path / "calls.jsonl")
    assert isinstance(run(piece).failure(), InvalidRequest)


# Interpreters


def test_offline_remembers(tmp_path: Path) -> None:
    """What was made by way of a recording is there for the interpreter itself, and the other way round."""
    offline = Offline()
    run = recording(offline, tmp_path / "calls.jsonl")
    made = run(files.upload(b"text", {"mime_type": "text/plain"})).unwrap()
    assert made == offline(files.get(made.name)).unwrap()
    assert made == run(files.get(made.name)).unwrap()


@pytest.mark.parametrize("mode", ["record", "replay", "auto"])
def test_ambient(tmp_path: Path, mode: Any) -> None:
    """A recording takes the place of the ambient interpreter, awaited or not."""
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
    """What is cancelled before it is answered leaves no note, and a stream that is, is left."""
    path = tmp_path / "calls.jsonl"

    async def wait(request: object) -> None:
        await anyio.sleep_forever()

    async def cancel_call() -> None:
        run = recording(Fake({"generate": wait, "generate.stream": ["a", wait]}).aio, path, mode)
        with anyio.move_on_after(0.01):
            await run(HI)
        assert [] == notes(path)
        with anyio.move_on_after(0.01):
            async with run.stream(STREAM) as found:
                async for _ in found:
                    pass

    anyio.run(cancel_call)


def fails(make: Callable[[], object]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        make()
    return raised.value


def test_mistakes(tmp_path: Path) -> None:
    """A mode, an interpreter or a path that is none is refused at once, and nothing is written."""
    path: Any = tmp_path / "calls.jsonl"
    mode: Any = "rec"
    nobody: Any = print
    assert "mode" == fails(lambda: recording(Fake(), path, mode)).path
    assert "interpreter" == fails(lambda: recording(nobody, path)).path
    for each in ("record", "auto"):
        missing: Any = tmp_path / "no" / "calls.jsonl"
        assert "path" == fails(lambda each=each, missing=missing: recording(Fake(), missing, each)).path  # type: ignore[misc]  # a lambda
        assert "path" == fails(lambda each=each: recording(Fake(), tmp_path, each)).path  # type: ignore[misc]  # a lambda
    assert "path" == fails(lambda: recording(Fake(), path, "replay")).path
    assert "path" == fails(lambda: Replay(path)).path
    assert not path.exists()
