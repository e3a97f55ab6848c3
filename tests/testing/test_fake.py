"""Fakes: matching of requests, conversion of answers, and the real behaviour of everything else."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from genai_fn import (
    AsyncOnly,
    ClientError,
    Failure,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    Success,
    TimedOut,
    both,
    calling,
    chats,
    collected,
    each,
    embed,
    files,
    gather,
    generate,
    items,
    joined,
    sleep,
    streamed,
    testing,
    text,
    until_done,
    with_http_response,
    with_options,
)
from genai_fn.interpreters.protocols import AsyncInterpreter, InProcessInterpreter
from genai_fn.ops.files import GetFile
from genai_fn.ops.files.uploads import UploadProgress
from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Action, Request, Stream, flow
from genai_fn.schema import (
    ContentEmbedding,
    EmbedContentResponse,
    File,
    FileState,
    FinishReason,
    FunctionCall,
    ListFilesResponse,
)
from genai_fn.testing import Fake, forbid
from tests.support.scripted_model import build_call, build_response

Run = Callable[[Fake, Action[Any]], Any]
Read = Callable[[Fake, Stream[Any]], list[Any]]

REQUEST = generate("m", "hi")
WORKING, READY = File(name="files/a", state=FileState.PROCESSING), File(name="files/a", state=FileState.ACTIVE)
EMBEDDING = EmbedContentResponse(embeddings=(ContentEmbedding(values=(1.0, 0.0)),))


def run_in_thread(fake: Fake, action: Action[Any]) -> Any:
    return fake(action)


def run_on_asyncio(fake: Fake, action: Action[Any]) -> Any:
    return anyio.run(fake.aio, action)


def run_on_trio(fake: Fake, action: Action[Any]) -> Any:
    return anyio.run(fake.aio, action, backend="trio")


every_executor = pytest.mark.parametrize("run", [run_in_thread, run_on_asyncio, run_on_trio])


async def read_async(fake: AsyncInterpreter, stream: Stream[Any]) -> list[Any]:
    async with fake.stream(stream) as found:
        return [each async for each in found]


def read_in_thread(fake: Fake, stream: Stream[Any]) -> list[Any]:
    with fake.stream(stream) as found:
        return list(found)


def read_on_asyncio(fake: Fake, stream: Stream[Any]) -> list[Any]:
    return anyio.run(read_async, fake.aio, stream)


def read_on_trio(fake: Fake, stream: Stream[Any]) -> list[Any]:
    return anyio.run(read_async, fake.aio, stream, backend="trio")


every_reader = pytest.mark.parametrize("read", [read_in_thread, read_on_asyncio, read_on_trio])


# What is answered


@pytest.mark.parametrize(
    "answer",
    [
        build_response("yes"),
        "yes",
        Success(build_response("yes")),
        Success("yes"),
        lambda request: f"{'yes' if request == REQUEST else 'no'}",
        lambda request: Success(build_response("yes")),
        ["yes"],
    ],
)
@every_executor
def test_values(run: Run, answer: Any) -> None:
    """An answer may be a value of the operation's type, a text for ``generate``, a Success, a function or a list."""
    assert Success(build_response("yes")) == run(Fake({"generate": answer}), REQUEST)


@pytest.mark.parametrize(
    "answer", [RateLimited(429), Failure(RateLimited(429)), lambda request: RateLimited(429), [RateLimited(429)]]
)
@every_executor
def test_errors(run: Run, answer: Any) -> None:
    """An error is the result of a request; a fake does not retry."""
    fake = Fake({"generate": answer})
    assert Failure(RateLimited(429)) == run(fake, REQUEST)
    assert (REQUEST,) == fake.requests


def test_function() -> None:
    """A fake can be a function that answers all requests."""
    fake = Fake(lambda request: "said" if request.operation.op == "generate" else EMBEDDING)
    assert Success("said") == fake(REQUEST | text)
    assert Success(EMBEDDING) == fake(embed("m", "hi"))


def test_one_per_call() -> None:
    """A list has an answer for each call; after the last one, the failure contains the reason."""
    fake = Fake({"generate": ["one", ClientError(400), "three"]})
    results = [fake(REQUEST | text) for _ in range(4)]
    assert [Success("one"), Failure(ClientError(400)), Success("three")] == results[:3]
    assert Failure(NoAnswer(REQUEST, "generate, which has no more answers than 3")) == results[3]


def test_lists_are_kept_as_they_were() -> None:
    """Changing a list or a table does not change an existing fake."""
    answers = ["one"]
    table: dict[str, Any] = {"generate": answers}
    fake = Fake(table)
    answers[0] = "two"
    table.clear()
    assert Success("one") == fake(REQUEST | text)


@pytest.mark.parametrize("answer", [READY, 5, None, ValueError("no"), {"candidates": []}, lambda request: ["a", "b"]])
def test_wrong_type(answer: Any) -> None:
    """An answer of the wrong type raises InvalidRequest."""
    with pytest.raises(InvalidRequest, match="the answer to generate: expected a text, a FunctionCall, a Gen"):
        Fake({"generate": answer})(REQUEST)


def test_function_call() -> None:
    """A function call as an answer is a response in which the model calls that function, streamed or not."""

    def add(a: int, b: int) -> int:
        return a + b

    call = FunctionCall(name="add", args={"a": 1, "b": 2})
    fake = Fake({"generate": [call, "three"], "generate.stream": [[call], ["th", "ree"]]})
    assert Success("three") == fake(REQUEST | calling(add) | text)
    response = fake.requests[1].operation.contents[-1].parts[0].function_response  # type: ignore[union-attr]
    assert {"result": 3} == response.response
    with fake.stream(REQUEST | calling(add) | streamed | text) as items:
        assert ["th", "ree"] == [each.unwrap() for each in items]


def test_text_only_where_there_is_text() -> None:
    """A text is refused for an operation that does not return text."""
    with pytest.raises(InvalidRequest, match="expected an EmbedContentResponse, or"):
        Fake({"embed": "hello"})(embed("m", "hi"))


def test_exceptions_of_functions() -> None:
    """An exception of a test's function is raised unchanged."""

    def raise_lookup_error(request: Request[Any]) -> str:
        raise LookupError(request.operation.op)

    with pytest.raises(LookupError, match="generate"):
        Fake(raise_lookup_error)(REQUEST)


def test_async_functions() -> None:
    """An async function is awaited by async interpreters, and refused by a sync one."""

    async def return_text(request: Request[Any]) -> str:
        await anyio.lowlevel.checkpoint()
        return "awaited"

    assert Success("awaited") == run_on_trio(Fake(return_text), REQUEST | text)
    assert isinstance(Fake(return_text)(REQUEST).failure(), AsyncOnly)


@every_executor
def test_with_http_response(run: Run) -> None:
    """``with_http_response`` adds an HTTP response with the JSON of the answer."""
    result = run(Fake({"generate": "yes"}), REQUEST | with_http_response).unwrap()
    assert (build_response("yes"), 200) == (result.value, result.http.status)
    assert b'"text":"yes"' in result.http.body


# Matching


@pytest.mark.parametrize("key", ["files.get", GetFile, lambda request: request.operation.op == "files.get"])
def test_keys(key: Any) -> None:
    """Keys are names, classes and predicates."""
    fake = Fake({"embed": EMBEDDING, key: READY})
    assert Success(READY) == fake(files.get("a"))


def test_nearest_key() -> None:
    """A class or name matches derived operations, unless a more specific key matches."""
    fake = Fake({"generate": "whole", "generate.stream": ["in", " pieces"]})
    assert Success("whole") == fake(REQUEST | text)
    assert Success("in pieces") == fake(REQUEST | streamed | text | joined)
    assert Success("whole") == Fake({GenerateContent: "whole"})(REQUEST | streamed | text | joined)


def test_first_of_equals() -> None:
    """Of equally specific keys, the first one matches."""
    fake = Fake({lambda request: "hi" in repr(request): "predicate", "generate": "name"})
    assert [Success("predicate"), Success("name")] == [fake(each | text) for each in (REQUEST, generate("m", "bye"))]


def test_with_answer() -> None:
    """``with_answer`` returns a new fake without requests; its answer takes precedence; the old fake is unchanged."""
    old = Fake({"generate": "old", "embed": EMBEDDING})
    old(REQUEST)
    new = old.with_answer("generate", "new")
    assert ((), (REQUEST,)) == (new.requests, old.requests)
    assert [Success("old"), Success("new")] == [fake(REQUEST | text) for fake in (old, new)]
    assert Success(EMBEDDING) == new(embed("m", "hi"))
    assert Success("rest") == Fake(lambda request: "rest").with_answer("embed", EMBEDDING)(REQUEST | text)


def test_no_answer() -> None:
    """A request without a match is `NoAnswer` with the most similar key, and is recorded in `requests`."""
    fake = Fake({"embed": EMBEDDING, "generat": "a slip"})
    assert Failure(NoAnswer(REQUEST, "generat")) == fake(REQUEST)
    assert (REQUEST,) == fake.requests


@every_executor
def test_forbid(run: Run) -> None:
    """``forbid()`` refuses every request."""
    assert Failure(NoAnswer(REQUEST, None)) == run(forbid(), REQUEST | text)


@pytest.mark.parametrize("answers", [{5: "x"}, {int: "x"}, "text", 5])
def test_invalid_answers(answers: Any) -> None:
    """A value that is neither a table nor a function, and an invalid key, are refused at once."""
    with pytest.raises(InvalidRequest):
        Fake(answers)


# Streams and flows


@every_reader
def test_chunks(read: Read) -> None:
    """For a stream, a list contains its chunks; the last text gets a finish reason."""
    found = read(Fake({"generate": ["a", build_response("b", reason=None), "c"]}), REQUEST | streamed)
    assert ["a", "b", "c"] == [each.unwrap().text for each in found]
    assert [None, None, FinishReason.STOP] == [each.unwrap().candidates[0].finish_reason for each in found]


@every_reader
def test_a_failure_is_the_last_chunk(read: Read) -> None:
    """A stream ends with its first failure; later answers of the list are dropped."""
    found = read(Fake({"generate": ["a", RateLimited(429), "never"]}), REQUEST | streamed | text)
    assert [Success("a"), Failure(RateLimited(429))] == found
    assert [Failure(RateLimited(429))] == read(Fake({"generate": RateLimited(429)}), REQUEST | streamed)


def test_streams_in_turn() -> None:
    """A list of lists contains the chunks of each call; a function may return chunks, too."""
    fake = Fake({"generate": [["a", "b"], [], lambda request: ["c"]]})
    found = [read_in_thread(fake, REQUEST | streamed) for _ in range(4)]
    assert [2, 0, 1, 1] == [len(each) for each in found]
    assert isinstance(found[3][0].failure(), NoAnswer)


@every_executor
def test_virtual_time(run: Run) -> None:
    """A sleep takes no time and advances the clock: polling ends with the work, or with its timeout."""
    fake = Fake({"files.get": [WORKING, WORKING, READY]})
    assert Success(READY) == run(fake, files.get("a") | until_done(every=3600.0))
    timeout = run(Fake({"files.get": WORKING}), files.get("a") | until_done(every=3600.0, timeout=86_400.0))
    assert "poll" == timeout.failure().phase


def test_endless_polling() -> None:
    """Polling of work that never ends fails after many sleeps, so that a test does not hang."""
    assert isinstance(Fake({"files.get": WORKING})(files.get("a") | until_done()).failure(), TimedOut)


@flow
def sleep_for(seconds: float) -> Any:
    yield from sleep(seconds)
    return Success(seconds)


@every_executor
def test_time_of_many(run: Run) -> None:
    """Concurrent actions sleep concurrently, also in virtual time."""
    in_time = both(sleep_for(3.0), sleep_for(3.0)) | with_options(deadline=4.0)
    too_late = both(sleep_for(3.0), sleep_for(5.0)) | with_options(deadline=4.0)
    assert Success((3.0, 3.0)) == run(Fake(), in_time)
    assert isinstance(run(Fake(), too_late).failure(), TimedOut)


@every_reader
def test_gathered(read: Read) -> None:
    """Gathered actions return their results in order, and each request is recorded."""
    fake = Fake({"generate": lambda request: request.operation.contents[0].parts[0].text})
    actions = [generate("m", str(number)) | text for number in range(20)]
    assert [Success(str(number)) for number in range(20)] == read(fake, gather(actions))
    assert 20 == len(fake.requests)


@every_executor
def test_gathered_sleepers(run: Run) -> None:
    """Gathered actions may sleep."""
    assert Success((1.0, 2.0, 3.0)) == run(Fake(), gather([sleep_for(1.0), sleep_for(2.0), sleep_for(3.0)]) | collected)


def test_pages() -> None:
    """Each page is one answer of a list."""
    pages = [ListFilesResponse(files=(WORKING,), next_page_token="t"), ListFilesResponse(files=(READY,))]
    assert Success((WORKING, READY)) == Fake({"files.list": pages})(files.list() | items | collected)


@every_executor
def test_function_calling(run: Run) -> None:
    """Functions that the fake calls are run, and the next request contains their responses."""

    def weather(city: str) -> str:
        return f"sunny in {city}"

    fake = Fake({"generate": [build_response(build_call("weather", {"city": "Oslo"})), "Take a hat."]})
    assert Success("Take a hat.") == run(fake, REQUEST | calling(weather) | text)
    assert "sunny in Oslo" in repr(fake.requests[1])


@every_executor
def test_files(run: Run, tmp_path: Path) -> None:
    """Uploads and downloads send their requests to the fake, and read and write real files."""
    finished = UploadProgress(is_final=True, body=b'{"file": {"name": "files/a"}}')
    fake = Fake(
        {"files.upload.start": "https://example.com/u", "files.upload.send": finished, "files.download": [b"x", b"y"]}
    )
    (tmp_path / "sent").write_bytes(b"text")
    assert Success(File(name="files/a")) == run(fake, files.upload(tmp_path / "sent", {"mime_type": "text/plain"}))
    assert 4 == fake.requests[0].operation.size
    assert isinstance(run(fake, files.download("a", tmp_path / "got")), Success)
    assert b"xy" == (tmp_path / "got").read_bytes()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled(backend: str) -> None:
    """Calls and reads can be cancelled."""

    async def body() -> list[bool]:
        run = Fake({"generate": ["a", "b"]}).aio
        scopes = [anyio.CancelScope(), anyio.CancelScope()]
        with scopes[0] as scope:
            scope.cancel()
            await run(REQUEST)
        async with run.stream(REQUEST | streamed) as found:
            with scopes[1] as scope:
                scope.cancel()
                await anext(found)
            assert Success("a") == (await anext(found)).map(lambda each: each.text)
        return [each.cancelled_caught for each in scopes]

    assert [True, True] == anyio.run(body, backend=backend)


def test_left_early() -> None:
    """Closing a stream of actions starts no more actions."""
    fake = Fake({"generate": "x"})
    with fake.stream(gather((generate("m", str(number)) for number in itertools.count()), concurrency=2)) as found:
        next(iter(found))
    assert len(fake.requests) <= 5


def test_chat() -> None:
    """A chat continues with the answer of the fake."""
    turn = Fake({"generate": "hello"})(chats.send(chats.start("m"), "hi")).unwrap()
    assert ["hi", "hello"] == [each.parts[0].text for each in chats.history(turn.chat)]


@every_reader
def test_functions_on_streams(read: Read) -> None:
    """``each`` calls its function with each item of a stream."""
    texts: list[str] = []
    read(Fake({"generate": ["a", "b"]}), REQUEST | streamed | text | each(texts.append))
    assert ["a", "b"] == texts


def test_stream_is_no_action() -> None:
    """A fake refuses a stream in place of an action, and an action in place of a stream, like every interpreter."""
    with pytest.raises(InvalidRequest, match="read a stream with"):
        Fake()(REQUEST | streamed)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InvalidRequest, match="streamed"):
        Fake().stream(REQUEST)  # type: ignore[arg-type]  # that is the point


def test_protocol() -> None:
    """A fake is an interpreter in this process."""
    fake: InProcessInterpreter = Fake()
    assert "Fake()" == repr(fake)
    assert "Fake(generate, files.get)" == repr(Fake({"generate": "x", GetFile: READY}))


def test_names() -> None:
    """The package's names are loaded on first use; an unknown name is an AttributeError."""
    assert set(testing.__all__) <= set(dir(testing))
    assert all(getattr(testing, name).__name__ == name for name in testing.__all__)
    with pytest.raises(AttributeError, match="Fakes"):
        _ = testing.Fakes


def test_imports() -> None:
    """A fake, a script and their package load neither an event loop, nor a network stack, nor hypothesis."""
    script = (
        "import sys; from genai_fn.testing import Ask, Fake, OpenStream, Sleep, forbid, perform, use_interpreter; "
        "from genai_fn import generate, text; "
        "Fake({'generate': 'x'})(generate('m', 'hi') | text); "
        "perform(generate('m', 'hi') | text, [(generate('m', 'hi'), 'x')]); "
        "sys.exit(repr(sorted({'anyio', 'asyncio', 'trio', 'httpcore', 'hypothesis', 'ssl'} & set(sys.modules))))"
    )
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=600
    )
    assert "[]" == process.stderr.strip()
