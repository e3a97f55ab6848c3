"""Fakes: what their tables match, what an answer becomes, and that all around them is real, in every world."""

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
    ListFilesResponse,
)
from genai_fn.testing import Fake, forbid
from tests.support.scripted_model import build_call, build_response

Run = Callable[[Fake, Action[Any]], Any]
Read = Callable[[Fake, Stream[Any]], list[Any]]

ASKED = generate("m", "hi")
WORKING, READY = File(name="files/a", state=FileState.PROCESSING), File(name="files/a", state=FileState.ACTIVE)
EMBEDDED = EmbedContentResponse(embeddings=(ContentEmbedding(values=(1.0, 0.0)),))


def in_thread(fake: Fake, action: Action[Any]) -> Any:
    return fake(action)


def on_asyncio(fake: Fake, action: Action[Any]) -> Any:
    return anyio.run(fake.aio, action)


def on_trio(fake: Fake, action: Action[Any]) -> Any:
    return anyio.run(fake.aio, action, backend="trio")


every_world = pytest.mark.parametrize("run", [in_thread, on_asyncio, on_trio])


async def _read(fake: AsyncInterpreter, stream: Stream[Any]) -> list[Any]:
    async with fake.stream(stream) as found:
        return [each async for each in found]


def read_in_thread(fake: Fake, stream: Stream[Any]) -> list[Any]:
    with fake.stream(stream) as found:
        return list(found)


def read_on_asyncio(fake: Fake, stream: Stream[Any]) -> list[Any]:
    return anyio.run(_read, fake.aio, stream)


def read_on_trio(fake: Fake, stream: Stream[Any]) -> list[Any]:
    return anyio.run(_read, fake.aio, stream, backend="trio")


every_reader = pytest.mark.parametrize("read", [read_in_thread, read_on_asyncio, read_on_trio])


# What is answered


@pytest.mark.parametrize(
    "answer",
    [
        build_response("yes"),
        "yes",
        Success(build_response("yes")),
        Success("yes"),
        lambda request: f"{'yes' if request == ASKED else 'no'}",
        lambda request: Success(build_response("yes")),
        ["yes"],
    ],
)
@every_world
def test_values(run: Run, answer: Any) -> None:
    """A value of the operation's type, a text for ``generate``, a ``Success``, a function and a list answer alike."""
    assert Success(build_response("yes")) == run(Fake({"generate": answer}), ASKED)


@pytest.mark.parametrize(
    "answer", [RateLimited(429), Failure(RateLimited(429)), lambda request: RateLimited(429), [RateLimited(429)]]
)
@every_world
def test_errors(run: Run, answer: Any) -> None:
    """An error is the run's failure, once: a fake does not try again."""
    fake = Fake({"generate": answer})
    assert Failure(RateLimited(429)) == run(fake, ASKED)
    assert (ASKED,) == fake.requests


def test_function() -> None:
    """A fake can be one function of all requests."""
    fake = Fake(lambda request: "said" if request.operation.op == "generate" else EMBEDDED)
    assert Success("said") == fake(ASKED | text)
    assert Success(EMBEDDED) == fake(embed("m", "hi"))


def test_one_per_call() -> None:
    """A list answers call after call; after its last there is no answer, and the error says why."""
    fake = Fake({"generate": ["one", ClientError(400), "three"]})
    results = [fake(ASKED | text) for _ in range(4)]
    assert [Success("one"), Failure(ClientError(400)), Success("three")] == results[:3]
    assert Failure(NoAnswer(ASKED, "generate, whose 3 answers are all used")) == results[3]


def test_lists_are_kept_as_they_were() -> None:
    """Changing a list or a table afterwards changes no fake."""
    answers = ["one"]
    table: dict[str, Any] = {"generate": answers}
    fake = Fake(table)
    answers[0] = "two"
    table.clear()
    assert Success("one") == fake(ASKED | text)


@pytest.mark.parametrize("answer", [READY, 5, None, ValueError("no"), {"candidates": []}, lambda request: ["a", "b"]])
def test_wrong_type(answer: Any) -> None:
    """An answer of another type is the test's mistake, and raised."""
    with pytest.raises(InvalidRequest, match="the answer to generate"):
        Fake({"generate": answer})(ASKED)


def test_text_only_where_there_is_text() -> None:
    """A text is no answer where the operation answers with something else."""
    with pytest.raises(InvalidRequest, match="EmbedContentResponse"):
        Fake({"embed": "hello"})(embed("m", "hi"))


def test_exceptions_of_functions() -> None:
    """What a function of the test raises comes out as itself."""

    def raise_lookup_error(request: Request[Any]) -> str:
        raise LookupError(request.operation.op)

    with pytest.raises(LookupError, match="generate"):
        Fake(raise_lookup_error)(ASKED)


def test_async_functions() -> None:
    """An async function answers where it can be awaited, and is refused where it cannot."""

    async def return_text(request: Request[Any]) -> str:
        await anyio.lowlevel.checkpoint()
        return "awaited"

    assert Success("awaited") == on_trio(Fake(return_text), ASKED | text)
    assert isinstance(Fake(return_text)(ASKED).failure(), AsyncOnly)


@every_world
def test_replied(run: Run) -> None:
    """``with_http_response`` wraps the answer, with JSON that could have been its body."""
    replied = run(Fake({"generate": "yes"}), ASKED | with_http_response).unwrap()
    assert (build_response("yes"), 200) == (replied.value, replied.http.status)
    assert b'"text":"yes"' in replied.http.body


# What is matched


@pytest.mark.parametrize("key", ["files.get", GetFile, lambda request: request.operation.op == "files.get"])
def test_keys(key: Any) -> None:
    """Keys are names, classes and predicates."""
    fake = Fake({"embed": EMBEDDED, key: READY})
    assert Success(READY) == fake(files.get("a"))


def test_nearest_key() -> None:
    """A class or name answers for what derives from it, unless a key is nearer."""
    fake = Fake({"generate": "whole", "generate.stream": ["in", " pieces"]})
    assert Success("whole") == fake(ASKED | text)
    assert Success("in pieces") == fake(ASKED | streamed | text | joined)
    assert Success("whole") == Fake({GenerateContent: "whole"})(ASKED | streamed | text | joined)


def test_first_of_equals() -> None:
    """Of keys that are equally near the first counts."""
    fake = Fake({lambda request: "hi" in repr(request): "predicate", "generate": "name"})
    assert [Success("predicate"), Success("name")] == [fake(each | text) for each in (ASKED, generate("m", "bye"))]


def test_on() -> None:
    """``on`` makes a new fake that was asked nothing yet; its answer comes before the others, and the old one stays."""
    old = Fake({"generate": "old", "embed": EMBEDDED})
    old(ASKED)
    new = old.with_answer("generate", "new")
    assert ((), (ASKED,)) == (new.requests, old.requests)
    assert [Success("old"), Success("new")] == [fake(ASKED | text) for fake in (old, new)]
    assert Success(EMBEDDED) == new(embed("m", "hi"))
    assert Success("rest") == Fake(lambda request: "rest").with_answer("embed", EMBEDDED)(ASKED | text)


def test_no_answer() -> None:
    """A request that nothing matches is ``NoAnswer`` with the likest key, and counts as asked."""
    fake = Fake({"embed": EMBEDDED, "generat": "a slip"})
    assert Failure(NoAnswer(ASKED, "generat")) == fake(ASKED)
    assert (ASKED,) == fake.requests


@every_world
def test_forbid(run: Run) -> None:
    """``forbid()`` refuses every request."""
    assert Failure(NoAnswer(ASKED, None)) == run(forbid(), ASKED | text)


@pytest.mark.parametrize("answers", [{5: "x"}, {int: "x"}, "text", 5])
def test_no_table(answers: Any) -> None:
    """What is neither a table nor a function, and a key that can match nothing, is refused at once."""
    with pytest.raises(InvalidRequest):
        Fake(answers)


# Streams and flows


@every_reader
def test_chunks(read: Read) -> None:
    """For a stream a list is its chunks; the last of texts says why it stops."""
    found = read(Fake({"generate": ["a", build_response("b", reason=None), "c"]}), ASKED | streamed)
    assert ["a", "b", "c"] == [each.unwrap().text for each in found]
    assert [None, None, FinishReason.STOP] == [each.unwrap().candidates[0].finish_reason for each in found]


@every_reader
def test_a_failure_is_the_last_chunk(read: Read) -> None:
    """A stream ends with its first failure, whatever the list holds after it."""
    found = read(Fake({"generate": ["a", RateLimited(429), "never"]}), ASKED | streamed | text)
    assert [Success("a"), Failure(RateLimited(429))] == found
    assert [Failure(RateLimited(429))] == read(Fake({"generate": RateLimited(429)}), ASKED | streamed)


def test_streams_in_turn() -> None:
    """A list of lists is the chunks of each call; a function may give chunks, too."""
    fake = Fake({"generate": [["a", "b"], [], lambda request: ["c"]]})
    found = [read_in_thread(fake, ASKED | streamed) for _ in range(4)]
    assert [2, 0, 1, 1] == [len(each) for each in found]
    assert isinstance(found[3][0].failure(), NoAnswer)


@every_world
def test_virtual_time(run: Run) -> None:
    """Sleeping takes no time, and the clock goes on: work is waited for, and given up in time."""
    done = Fake({"files.get": [WORKING, WORKING, READY]})
    assert Success(READY) == run(done, files.get("a") | until_done(every=3600.0))
    late = run(Fake({"files.get": WORKING}), files.get("a") | until_done(every=3600.0, timeout=86_400.0))
    assert "poll" == late.failure().phase


def test_waiting_for_ever() -> None:
    """Who waits for what never comes fails after many sleeps: a test does not hang."""
    assert isinstance(Fake({"files.get": WORKING})(files.get("a") | until_done()).failure(), TimedOut)


@flow
def napping(seconds: float) -> Any:
    yield from sleep(seconds)
    return Success(seconds)


@every_world
def test_time_of_many(run: Run) -> None:
    """What runs at once sleeps at once, also in virtual time."""
    in_time = both(napping(3.0), napping(3.0)) | with_options(deadline=4.0)
    too_late = both(napping(3.0), napping(5.0)) | with_options(deadline=4.0)
    assert Success((3.0, 3.0)) == run(Fake(), in_time)
    assert isinstance(run(Fake(), too_late).failure(), TimedOut)


@every_reader
def test_gathered(read: Read) -> None:
    """Many at once give their results in order, and each request is seen."""
    fake = Fake({"generate": lambda request: request.operation.contents[0].parts[0].text})
    actions = [generate("m", str(number)) | text for number in range(20)]
    assert [Success(str(number)) for number in range(20)] == read(fake, gather(actions))
    assert 20 == len(fake.requests)


@every_world
def test_gathered_sleepers(run: Run) -> None:
    """Actions that sleep are gathered, too."""
    assert Success((1.0, 2.0, 3.0)) == run(Fake(), gather([napping(1.0), napping(2.0), napping(3.0)]) | collected)


def test_pages() -> None:
    """Pages are calls of one list."""
    pages = [ListFilesResponse(files=(WORKING,), next_page_token="t"), ListFilesResponse(files=(READY,))]
    assert Success((WORKING, READY)) == Fake({"files.list": pages})(files.list() | items | collected)


@every_world
def test_function_calling(run: Run) -> None:
    """The loop runs the functions that the fake calls, and the fake sees their answers."""

    def weather(city: str) -> str:
        return f"sunny in {city}"

    fake = Fake({"generate": [build_response(build_call("weather", {"city": "Oslo"})), "Take a hat."]})
    assert Success("Take a hat.") == run(fake, ASKED | calling(weather) | text)
    assert "sunny in Oslo" in repr(fake.requests[1])


@every_world
def test_files(run: Run, tmp_path: Path) -> None:
    """Uploads and downloads are the requests that they consist of; what they read and write is real."""
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
    """Calls and reads can be cancelled, so that a loop of them ends when it is to."""

    async def body() -> list[bool]:
        run = Fake({"generate": ["a", "b"]}).aio
        scopes = [anyio.CancelScope(), anyio.CancelScope()]
        with scopes[0] as scope:
            scope.cancel()
            await run(ASKED)
        async with run.stream(ASKED | streamed) as found:
            with scopes[1] as scope:
                scope.cancel()
                await anext(found)
            assert Success("a") == (await anext(found)).map(lambda each: each.text)
        return [each.cancelled_caught for each in scopes]

    assert [True, True] == anyio.run(body, backend=backend)


def test_left_early() -> None:
    """Leaving a stream of many starts no more of them."""
    fake = Fake({"generate": "x"})
    with fake.stream(gather((generate("m", str(number)) for number in itertools.count()), concurrency=2)) as found:
        next(iter(found))
    assert len(fake.requests) <= 5


def test_chat() -> None:
    """A chat goes on with what the fake said."""
    turn = Fake({"generate": "hello"})(chats.send(chats.start("m"), "hi")).unwrap()
    assert ["hi", "hello"] == [each.parts[0].text for each in chats.history(turn.chat)]


@every_reader
def test_functions_on_streams(read: Read) -> None:
    """A function on a stream is called, and what it raises passes through."""
    seen: list[str] = []
    read(Fake({"generate": ["a", "b"]}), ASKED | streamed | text | each(seen.append))
    assert ["a", "b"] == seen


def test_stream_is_no_action() -> None:
    """A fake tells actions from streams, as every interpreter does."""
    with pytest.raises(InvalidRequest, match="read a stream with"):
        Fake()(ASKED | streamed)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InvalidRequest, match="streamed"):
        Fake().stream(ASKED)  # type: ignore[arg-type]  # that is the point


def test_protocol() -> None:
    """A fake is an interpreter in this process."""
    fake: InProcessInterpreter = Fake()
    assert "Fake()" == repr(fake)
    assert "Fake(generate, files.get)" == repr(Fake({"generate": "x", GetFile: READY}))


def test_names() -> None:
    """The package's names load at their first use; one that is not there is an AttributeError."""
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
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=600
    )
    assert "[]" == done.stderr.strip()
