"""``explained``: the first request of an action as a curl command, for the interpreter's backend, unsent."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from genai_fn import (
    AuthError,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    Unsupported,
    Vertex,
    ask,
    batched,
    both,
    calling,
    chats,
    collected,
    continued,
    embed,
    emit,
    explained,
    files,
    flow,
    gather,
    generate,
    items,
    joined,
    live,
    partial,
    retry_invalid,
    sleep,
    stream,
    streamed,
    text,
    to_curl,
    tunings,
    until_done,
    with_config,
    with_options,
)
from genai_fn.effects import Effects, SendRequest
from genai_fn.errors import GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper, TransportWrapper
from genai_fn.request import FlowGenerator, Request
from genai_fn.results import Result
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, SleepRecorder, make_gemini
from tests.support.loopback import Loopback, build_json_reply

GEMINI = Gemini("test-key")
REQUEST = generate("m", "hi")


def look_up() -> int:
    """Look up a number."""
    raise AssertionError("nothing calls it")


@flow
def own_flow(question: str) -> FlowGenerator[Result[str, GenaiError]]:
    """Sleep, then ask."""
    yield from sleep(100)
    answer = yield from ask(generate("m", question) | text)
    return Success(answer)


@stream
def own_stream() -> FlowGenerator[None]:
    """Emit an item before the first request."""
    yield from emit(Success("first"))
    yield from emit(Success((yield from ask(REQUEST | text))))


def build_calling() -> Any:
    return generate(
        "m", "hi", {"tools": [{"function_declarations": [{"name": "look_up", "description": "Look up a number."}]}]}
    )


DESCRIPTIONS: dict[str, tuple[Callable[[], Any], Any]] = {
    "request": (lambda: REQUEST, REQUEST),
    "text": (lambda: REQUEST | text, REQUEST),
    "stream": (lambda: REQUEST | streamed | text | joined, REQUEST | streamed),
    "partial": (lambda: REQUEST | partial(int), REQUEST | partial(int)),
    "retry_invalid": (
        lambda: REQUEST | retry_invalid(bool),
        REQUEST | with_config(response_mime_type="application/json", response_schema={"type": "boolean"}),
    ),
    "calling": (lambda: REQUEST | calling(look_up), build_calling()),
    "continued": (lambda: REQUEST | continued() | text, REQUEST),
    "chat": (lambda: chats.send(chats.start("m"), "hi"), REQUEST),
    "deadline": (lambda: REQUEST | text | with_options(deadline=5), REQUEST),
    "gather": (lambda: gather([REQUEST, embed("e", "b")]) | collected, REQUEST),
    "both": (lambda: both(REQUEST | text, embed("e", "b")), REQUEST),
    "items": (lambda: files.list({"page_size": 5}) | items | collected, files.list({"page_size": 5})),
    "polling": (lambda: files.get("abc") | until_done(), files.get("abc")),
    "map": (lambda: REQUEST.map(len).bind(lambda _: REQUEST), REQUEST),  # type: ignore[arg-type]  # nothing is called
    "flow": (lambda: own_flow("hi"), REQUEST),
    "own stream": (own_stream, REQUEST),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_first_request(name: str) -> None:
    """It is the command of the first request, wherever in a flow or a stream that is; after no time and no answer."""
    build, request = DESCRIPTIONS[name]
    run = Offline(GEMINI).with_middleware(Refusing)
    command = run(build() | explained).unwrap()
    assert command == to_curl(request, GEMINI).unwrap()


class Refusing(HandlerWrapper):
    """Fails the test if anything is sent."""

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        raise AssertionError(f"{request} was sent")

    open_stream = handle


class RefusingTransport(TransportWrapper):
    """Fails the test if an attempt is made."""

    def send(self, request: SendRequest) -> Any:
        raise AssertionError(f"{request} was sent")


def test_upload(tmp_path: Path) -> None:
    """Of an upload, it is the request that starts it, with the size of the file."""
    path = tmp_path / "a.txt"
    path.write_text("12345", encoding="utf-8")
    for file in (str(path), b"12345"):
        upload = files.upload(file, {"mime_type": "text/plain"})
        for command in (Offline(GEMINI)(upload | explained).unwrap(), to_curl(upload, GEMINI).unwrap()):
            assert "-H 'x-goog-upload-header-content-length: 5'" in command
            assert '"sizeBytes":5' in command
    missing = files.upload(str(tmp_path / "none.txt"))
    assert isinstance(to_curl(missing, GEMINI).failure(), InvalidRequest)


def test_backends() -> None:
    """The backend is that of the interpreter, with the address options of the request."""
    vertex = Offline(Vertex("p", "us-central1"))(REQUEST | explained).unwrap()
    assert vertex == to_curl(REQUEST, Vertex("p", "us-central1")).unwrap()
    moved = REQUEST | with_options(base_url="https://gate.test/way", api_version="v1")
    assert "'https://gate.test/way/v1/models/m:generateContent'" in Offline(GEMINI)(moved | explained).unwrap()


def test_without_backend() -> None:
    """Without HTTP, the request is the Gemini Developer API's, or Vertex AI's for operations of that alone."""
    run = Fake()
    assert "generativelanguage.googleapis.com" in run(REQUEST | explained).unwrap()
    assert "-H 'x-goog-api-key: ***'" in run(REQUEST | explained).unwrap()
    tuning = tunings.tune("gemini-2.5-flash", {"gcs_uri": "gs://b/a.jsonl"})
    assert "us-central1-aiplatform.googleapis.com" in run(tuning | explained).unwrap()
    assert run.requests == ()
    assert (
        "generativelanguage" in run.with_middleware(Refusing, transport=RefusingTransport)(REQUEST | explained).unwrap()
    )


def test_batched() -> None:
    """Of a batch, it is the request that creates the first job."""
    command = Offline(GEMINI)(gather([REQUEST]) | batched() | explained).unwrap()
    assert ":batchGenerateContent" in command


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_no_waits(kind: InterpreterKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that sleeps before its first request is explained at once."""
    sleeps = SleepRecorder(monkeypatch)
    assert kind.run(GEMINI, own_flow("hi") | explained) == to_curl(REQUEST, GEMINI) == to_curl(own_flow("hi"), GEMINI)
    assert set(sleeps.seconds) == {0.0}


def test_failures() -> None:
    """It fails as the action would before its first request; an action without a request fails by name."""
    run = Offline(GEMINI)
    assert isinstance(run(generate("m", "hi", {"audio_timestamp": True}) | explained).failure(), Unsupported)
    assert isinstance(run(gather([]) | explained).failure(), InvalidRequest)
    for description in (own_failing_flow(), own_failing_stream()):
        assert run(description | explained) == Failure(AuthError("no"))
    late = run(own_flow("hi") | with_options(deadline=5) | explained)
    assert isinstance(late, Failure)


@flow
def own_failing_flow() -> FlowGenerator[Result[str, GenaiError]]:
    """Fail before the first request."""
    yield from sleep(0)
    return Failure(AuthError("no"))


@stream
def own_failing_stream() -> FlowGenerator[None]:
    """Fail before the first request."""
    yield from emit(Failure(AuthError("no")))


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that has no backend, as there are no credentials, fails with the reason."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"):
        monkeypatch.delenv(name, raising=False)
    with Http() as run:
        assert isinstance(run(REQUEST | explained).failure(), AuthError)


def test_user_functions() -> None:
    """What a function raises before the first request is raised, as without ``explained``."""

    def fail() -> Any:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        Offline()(gather(fail()) | collected | explained)


def test_modifiers() -> None:
    """The text is a value like others: it can be mapped and composed; modifiers of the request still apply."""
    run = Offline(GEMINI)
    assert run((REQUEST | explained).map(str.split)).unwrap()[0] == "curl"
    command = run(REQUEST | explained | with_config(seed=7)).unwrap()
    assert '"seed":7' in command
    assert pickle.loads(pickle.dumps(REQUEST | explained)) == REQUEST | explained
    with pytest.raises(InvalidRequest):
        live.connect("m") | explained  # type: ignore[operator]  # that is the point


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """With a real connection pool, no connection is opened; key and token are not in the text."""
    with Loopback(build_json_reply({})) as server:
        backend = make_gemini(server.url)
        actions = (REQUEST, REQUEST | streamed | text | collected, gather([REQUEST]) | collected)
        commands = [kind.run(backend, action | explained).unwrap() for action in actions]
        assert commands[0] == commands[2] == to_curl(REQUEST, backend).unwrap()
        assert not any("test-key" in each for each in commands)
    assert not server.requests


class AsyncRequests:
    """Requests of an async iterable."""

    def __init__(self) -> None:
        self.reads = 0

    def __aiter__(self) -> "AsyncRequests":
        return self

    async def __anext__(self) -> Any:
        self.reads += 1
        return REQUEST


@pytest.mark.parametrize("backend", ("asyncio", "trio"))
def test_offline_async(backend: str) -> None:
    """In async code, async functions before the first request are called."""
    requests = AsyncRequests()

    async def body() -> Any:
        return await Offline(GEMINI).aio(gather(requests) | collected | explained)

    assert anyio.run(body, backend=backend) == to_curl(REQUEST, GEMINI)
    assert requests.reads == 1
