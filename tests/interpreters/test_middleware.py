"""``with_middleware``: wrappers of request handlers, transports and session connectors, for every interpreter."""

import time
from collections.abc import Callable, Generator
from operator import attrgetter
from pathlib import Path
from typing import Any

import anyio
import pytest
from returns.result import Result

from genai_fn import (
    AsyncHttp,
    AuthError,
    Failure,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    RateLimited,
    Retry,
    Success,
    collected,
    files,
    gather,
    generate,
    joined,
    live,
    ok,
    streamed,
    text,
    with_options,
)
from genai_fn.effects import EffectFailed, GetTime, Sleep
from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import Closed, ConnectError, Disconnected
from genai_fn.interpreters.live.sockets import Connector
from genai_fn.interpreters.middleware import HandlerWrapper, Transport, TransportWrapper
from genai_fn.middleware import budgeted, cached, coalesced, fallback, hedged, limited, logged
from genai_fn.request import kind_of
from genai_fn.schema import File, GenerateContentResponse, LiveServerMessage
from genai_fn.testing import Fake, Replay, recording
from tests.support.loopback import Loopback, Reply, build_json_reply, build_sse_reply
from tests.support.scripted_model import build_response

HI = generate("m", "hi")
STREAM = HI | streamed | text
EXECUTORS = ["thread", "asyncio", "trio"]
every_executor = pytest.mark.parametrize("executor", EXECUTORS)


class RecordingHandler(HandlerWrapper):
    """Records the requests and reads that pass through it."""

    def __init__(self, inner: RequestHandler) -> None:
        super().__init__(inner)
        self.steps: list[str] = []

    def handle(self, request: Any, until: float) -> Any:
        self.steps.append(request.operation.op)
        return super().handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self.steps.append(f"{request.operation.op}, in chunks")
        return super().open_stream(request, until)

    def read_items(self, handle: Any) -> Any:
        items = yield from super().read_items(handle)
        self.steps.append("more" if items else "the end")
        return items


def wrap_recording(interpreter: Any) -> tuple[Any, list[str]]:
    wrappers: list[RecordingHandler] = []

    def wrap_handler(handler: RequestHandler) -> RequestHandler:
        wrappers.append(RecordingHandler(handler))
        return wrappers[0]

    wrapped = interpreter.with_middleware(wrap_handler)
    assert type(wrapped) is type(interpreter)
    return wrapped, wrappers[0].steps


def run_body(executor: str, body: Callable[[], Any]) -> Any:
    """Run the body of a test in this thread, or an async body on asyncio or trio."""

    async def run_bounded() -> Any:
        with anyio.fail_after(60):
            return await body()

    return body() if executor == "thread" else anyio.run(run_bounded, backend=executor)


@pytest.fixture
def loopback() -> Generator[Loopback]:
    def script(received: Any) -> Any:
        response = build_response("hello")
        return build_sse_reply([response]) if "stream" in received.target else build_json_reply(response)

    with Loopback(script) as server:
        yield server


def get_factory(name: str, server: Loopback) -> Callable[[], Any]:
    """Return a function that makes an interpreter of this name."""
    backend, table = Gemini("test-key", base_url=server.url), {"generate": "hello"}
    return {
        "Http": lambda: Http(backend),
        "AsyncHttp": lambda: AsyncHttp(backend),
        "Offline": Offline,
        "AsyncOffline": lambda: Offline().aio,
        "Fake": lambda: Fake(table),
        "AsyncFake": lambda: Fake(table).aio,
    }[name]


SYNC, ASYNC = ["Http", "Offline", "Fake"], ["AsyncHttp", "AsyncOffline", "AsyncFake"]
GATHERED = gather([HI | text] * 2) | collected


def run_all(run: Any) -> list[Any]:
    results = [run(GATHERED)]
    with run.stream(STREAM) as items:
        return results + list(items)


async def run_all_async(run: Any) -> list[Any]:
    results = [await run(GATHERED)]
    async with run.stream(STREAM) as items:
        return results + [each async for each in items]


def check_steps(plain_results: list[Any], wrapped_results: list[Any], steps: list[str]) -> None:
    """Check that the results with and without middleware are equal, and the recorded steps."""
    assert plain_results == wrapped_results
    assert all(map(ok, plain_results))
    assert ["generate", "generate", "generate.stream, in chunks"] == steps[:3]
    assert ["more", "the end"] == [steps[3], steps[-1]]


@pytest.mark.parametrize("name", SYNC)
def test_sync(name: str, loopback: Loopback) -> None:
    """With every interpreter, each request of a flow, each stream and each read passes through the middleware."""
    make = get_factory(name, loopback)
    plain, (run, steps) = make(), wrap_recording(make())
    try:
        check_steps(run_all(plain), run_all(run), steps)
    finally:
        for each in (plain, run):
            each.close() if isinstance(each, Http) else None


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("executor", ["asyncio", "trio"])
def test_async(executor: str, name: str, loopback: Loopback) -> None:
    """The same holds for async interpreters."""

    async def body() -> None:
        make = get_factory(name, loopback)
        plain, (run, steps) = make(), wrap_recording(make())
        try:
            check_steps(await run_all_async(plain), await run_all_async(run), steps)
        finally:
            for each in (plain, run):
                await each.aclose() if isinstance(each, AsyncHttp) else None

    run_body(executor, body)


@pytest.mark.parametrize("make", [Offline, lambda: Fake({"generate": "hello"})], ids=["Offline", "Fake"])
def test_in_process(make: Any) -> None:
    """Middleware of an interpreter in this process applies to its ``aio``, too."""
    run, steps = wrap_recording(make())
    assert ok(anyio.run(run.aio, HI))
    assert ["generate"] == steps


# Request handlers


class CachingHandler(HandlerWrapper):
    def __init__(self, inner: RequestHandler) -> None:
        super().__init__(inner)
        self.answers: dict[Any, Any] = {}

    def handle(self, request: Any, until: float) -> Any:
        if request not in self.answers:
            self.answers[request] = yield from self.inner.handle(request, until)
        return self.answers[request]


class PacingHandler(HandlerWrapper):
    """At most one request a second."""

    next_time = 0.0

    def handle(self, request: Any, until: float) -> Any:
        now = yield GetTime()
        start = max(now, self.next_time)
        self.next_time = start + 1.0
        if start > now:
            yield Sleep(start - now)
        return (yield from self.inner.handle(request, until))


def test_cache() -> None:
    """A cache sends each request once."""
    fake = Fake({"generate": ["one", "two"], "files.get": File(name="files/a")})
    run = fake.with_middleware(CachingHandler)
    assert [Success("one")] * 3 == [run(HI | text) for _ in range(3)]
    assert run(files.get("a")) == run(files.get("a"))
    assert [HI, files.get("a")] == [*fake.requests] == [*run.requests]


@every_executor
def test_limiter(executor: str) -> None:
    """A rate limiter sleeps like a flow: in virtual time if the interpreter has it, sync or async."""
    run = Offline().with_middleware(PacingHandler)
    start_time = time.monotonic()
    result = run_body(executor, lambda: (run if executor == "thread" else run.aio)(gather([HI] * 30) | collected))
    assert 30 == len(result.unwrap())
    assert 30.0 > time.monotonic() - start_time
    assert 29.0 <= run._service._seconds


def test_order() -> None:
    """The middleware added last gets a request first, and may answer it."""

    class RefusingHandler(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            yield from ()
            return Failure(RateLimited(429, "enough"))

    outer, steps = wrap_recording(Fake({"generate": "hello"}).with_middleware(RefusingHandler))
    assert Failure(RateLimited(429, "enough")) == outer(HI)
    inner, inner_steps = wrap_recording(Fake({"generate": "hello"}))
    assert Failure(RateLimited(429, "enough")) == inner.with_middleware(RefusingHandler)(HI)
    assert (["generate"], []) == (steps, inner_steps)


def test_with_answer() -> None:
    """``with_answer`` keeps the middleware of a Fake."""
    wrappers: list[Any] = []
    run = Fake({}).with_middleware(lambda handler: wrappers.append(RecordingHandler(handler)) or wrappers[-1])
    assert ok(run.with_answer("generate", "hello")(HI))
    assert ["generate"] == wrappers[-1].steps


# Shared resources and refusals


def test_open_for_both(loopback: Loopback) -> None:
    """Both interpreters share connections and their end; the original one has no middleware."""
    with Http(Gemini("test-key", base_url=loopback.url)) as run:
        wrapped, steps = wrap_recording(run)
        assert ok(run(HI))
        assert [] == steps
        assert ok(wrapped(HI))
        assert 1 == loopback.connections
    assert Failure(Closed()) == wrapped(HI)


def test_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a backend, requests fail after the middleware, which may answer them."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with Http() as http:
        run, steps = wrap_recording(http)
        assert isinstance(run(HI).failure(), AuthError)
        with run.stream(STREAM) as items:
            assert [AuthError] == [type(each.failure()) for each in items]
        assert ["generate", "generate.stream, in chunks"] == steps
        assert isinstance(http.problem, AuthError)
        assert run.problem == http.problem

        class AnsweringHandler(HandlerWrapper):
            def handle(self, request: Any, until: float) -> Any:
                yield from ()
                return Success(None)

        assert Success(None) == http.with_middleware(AnsweringHandler)(HI)


@pytest.mark.parametrize("wrap_handler", [None, lambda _: None, lambda _: 3])
def test_invalid_middleware(wrap_handler: Any) -> None:
    """A middleware that does not return a request handler is refused at once."""
    for run in (Fake(), Fake().aio, Offline(), Offline().aio, Http(Gemini("test-key"))):
        with pytest.raises(InvalidRequest, match="middleware"):
            run.with_middleware(wrap_handler)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "builder", [limited, logged, fallback, budgeted, cached, hedged, coalesced], ids=attrgetter("__name__")
)
def test_builder_is_no_middleware(builder: Any) -> None:
    """A function that returns middleware is refused where it was not called, and the error names it."""
    with pytest.raises(InvalidRequest, match=f"expected what {builder.__name__}"):
        Fake({}).with_middleware(builder)


def test_recorded(tmp_path: Path) -> None:
    """A recording uses the middleware of its interpreter, and masks its credentials."""
    key = "test-key-of-somebody"
    with Loopback(lambda _: build_json_reply(build_response(key))) as server:
        http, steps = wrap_recording(Http(Gemini(key, base_url=server.url)))
        with recording(http, tmp_path / "a.jsonl") as run:
            assert ok(run(generate("m", key)))
    assert ["generate"] == steps
    assert key not in (tmp_path / "a.jsonl").read_text(encoding="utf-8")


# Transports


class LoggingTransport(TransportWrapper):
    """Logs each attempt, and the bytes of each chunk of a response."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.attempts: list[Any] = []
        self.chunks: list[bytes] = []

    def send(self, request: Any) -> Any:
        response = yield from super().send(request)
        self.attempts.append(getattr(response, "status", response))
        return response

    def read_chunk(self, chunk: Any) -> Any:
        data = yield from super().read_chunk(chunk)
        self.chunks.append(data)
        return data


def wrap_logging(interpreter: Any) -> tuple[Any, LoggingTransport]:
    wrappers: list[LoggingTransport] = []

    def wrap(transport: Transport) -> Transport:
        wrappers.append(LoggingTransport(transport))
        return wrappers[0]

    return interpreter.with_middleware(transport=wrap), wrappers[0]


@every_executor
def test_transport_sees_attempts(executor: str) -> None:
    """A transport sees each attempt, those of concurrent requests too; a handler sees each request once."""
    with Loopback(
        [Reply(503), build_json_reply(build_response("hello")), *[build_json_reply(build_response("hello"))] * 2]
    ) as server:
        settings: Any = {"backend": Gemini("test-key", base_url=server.url), "retry": Retry(initial_delay=0.001)}

        def run_sync() -> Any:
            with Http(**settings) as http:
                run, log = wrap_logging(http)
                run, steps = wrap_recording(run)
                return run(HI), run(GATHERED), log, steps

        async def run_async() -> Any:
            async with AsyncHttp(**settings) as http:
                run, log = wrap_logging(http)
                run, steps = wrap_recording(run)
                return await run(HI), await run(GATHERED), log, steps

        result, gathered_result, log, steps = run_body(executor, run_sync if executor == "thread" else run_async)
    assert ok(result)
    assert Success(["hello", "hello"]) == gathered_result.map(list)
    assert [503, 200, 200, 200] == log.attempts
    assert b"hello" in b"".join(log.chunks)
    assert ["generate"] * 3 == steps


def test_transport_lies_below(loopback: Loopback) -> None:
    """Transports are below all handlers, in any order of adding. The transport added last gets a request first."""
    order: list[str] = []

    def make_named(name: str) -> Any:
        class NamedTransport(TransportWrapper):
            def send(self, request: Any) -> Any:
                order.append(name)
                return super().send(request)

        return NamedTransport

    with Http(Gemini("test-key", base_url=loopback.url)) as http:
        run = (
            http.with_middleware(CachingHandler)
            .with_middleware(transport=make_named("inner"))
            .with_middleware(transport=make_named("outer"))
        )
        assert run(HI) == run(HI)
    assert ["outer", "inner"] == order


def test_transport_fails(loopback: Loopback) -> None:
    """A failure of a transport fails the attempt, and is retried like a network error."""

    class FailingOnceTransport(TransportWrapper):
        attempts = 0

        def send(self, request: Any) -> Any:
            self.attempts += 1
            if self.attempts == 1:
                return EffectFailed(ConnectError("connecting", "unplugged"))
            return (yield from super().send(request))

    backend, retry = Gemini("test-key", base_url=loopback.url), Retry(initial_delay=0.001)
    with Http(backend, retry=retry) as http:
        assert ok(http.with_middleware(transport=FailingOnceTransport)(HI))
        without_retry = http.with_middleware(transport=FailingOnceTransport)(HI | with_options(retry=Retry(attempts=1)))
    assert Failure(ConnectError("connecting", "unplugged")) == without_retry


@every_executor
def test_transport_in_virtual_time(executor: str) -> None:
    """A transport sleeps in virtual time if the interpreter has it."""

    class SleepingTransport(TransportWrapper):
        def send(self, request: Any) -> Any:
            yield Sleep(3600.0)
            return (yield from super().send(request))

    for make in (Offline, lambda: Fake({"generate": "hello"})):
        run: Any = make().with_middleware(transport=SleepingTransport)
        assert ok(run_body(executor, lambda run=run: run(GATHERED) if executor == "thread" else run.aio(GATHERED)))


@every_executor
def test_transport_without_http(executor: str, tmp_path: Path) -> None:
    """Without HTTP, each request or stream is one attempt with the status of its result and an empty body."""
    table = {"generate": ["hello", RateLimited(429), Disconnected("reading")], "generate.stream": [["a", "b"]]}

    def run_four(interpreter: Any) -> tuple[list[Any], LoggingTransport]:
        run, log = wrap_logging(interpreter)
        results = [
            run_body(executor, lambda: run(HI | text) if executor == "thread" else run.aio(HI | text)) for _ in range(3)
        ]
        return [*results, run(STREAM | joined)], log

    path = tmp_path / "a.jsonl"
    for make in (lambda: recording(Fake(table), path), lambda: Replay(path)):  # type: ignore[arg-type]  # a table
        results, log = run_four(make())
        assert [Success("hello"), Success("ab")] == [results[0], results[3]]
        assert [200, 429, 200] == [each for each in log.attempts if isinstance(each, int)]
        assert [EffectFailed] == [type(each) for each in log.attempts if not isinstance(each, int)]
        assert [b"", b""] == log.chunks  # the ends of the two whole answers


def test_transport_without_http_may_answer() -> None:
    """Without HTTP, a transport may fail a request or send it twice; it gets the HTTP request without a credential."""
    urls: list[Any] = []

    class DoublingTransport(TransportWrapper):
        def send(self, request: Any) -> Any:
            urls.append((request.request.url, dict(request.request.headers).get("x-goog-api-key")))
            yield from super().send(request)
            return (yield from super().send(request))

    class RefusingTransport(TransportWrapper):
        def send(self, request: Any) -> Any:
            yield from ()
            return EffectFailed(RateLimited(429, "enough"))

    fake = Fake({"generate": ["one", "two"], "tunings.list": None})
    assert Success("two") == fake.with_middleware(transport=DoublingTransport)(HI | text)
    assert Failure(RateLimited(429, "enough")) == fake.with_middleware(transport=RefusingTransport)(HI)
    assert [("https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", None)] == urls


def test_invalid_transport() -> None:
    """`with_middleware` refuses functions that do not return a transport, and connectors for sync interpreters."""
    wrong: list[Any] = [3, lambda _: None]
    for run in (Fake(), Fake().aio, Offline(), Http(Gemini("test-key"))):
        for each in wrong:
            with pytest.raises(InvalidRequest, match="transport"):
                run.with_middleware(transport=each)  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequest, match="connector"):
        Http(Gemini("test-key")).with_middleware(connector=lambda connector: connector)
    with pytest.raises(InvalidRequest, match="connector"):
        Fake().with_middleware(connector=wrong[0])


# Context managers


def test_all_are_context_managers(tmp_path: Path, loopback: Loopback) -> None:
    """Sync interpreters work in ``with``, async ones in ``async with``, and all have a method that closes them."""
    path = tmp_path / "a.jsonl"
    recording(Fake({"generate": "hello"}), path)(HI)
    backend = Gemini("test-key", base_url=loopback.url)
    for make in (lambda: Http(backend), Offline, lambda: Fake({"generate": "hello"}), lambda: Replay(path)):
        with make() as run:  # type: ignore[attr-defined]  # each of them
            assert ok(run(HI))
        run.close()

    async def body() -> None:
        aio = (lambda: Offline().aio, lambda: Fake({"generate": "hello"}).aio, lambda: Replay(path).aio)
        for make in (lambda: AsyncHttp(backend), *aio):
            async with make() as run:  # type: ignore[attr-defined]  # each of them
                assert ok(await run(HI))
            await run.aclose()

    run_body("trio", body)


# Live sessions


class RecordingConnector:
    """Records the frames that are sent."""

    def __init__(self, connector: Connector, frames: list[Any]) -> None:
        self._connector = connector
        self._frames = frames
        self.decode, self.connect = connector.decode, connector.connect

    def encode(self, frame: Any) -> Result[Any, Any]:
        self._frames.append(frame)
        return self._connector.encode(frame)


@pytest.mark.parametrize("executor", ["asyncio", "trio"])
@pytest.mark.parametrize("make", [Offline, lambda: Fake({"live.connect": "hello"})], ids=["Offline", "Fake"])
def test_sessions(executor: str, make: Any) -> None:
    """A connector can be wrapped for sessions; the wrapper added last gets a frame first."""
    inner, outer = list[Any](), list[Any]()
    hi = live.client_content("hi")
    session_request = live.connect("m", {"response_modalities": ["TEXT"]})

    async def body() -> None:
        run = make().aio.with_middleware(connector=lambda connector: RecordingConnector(connector, inner))
        run = run.with_middleware(connector=lambda connector: RecordingConnector(connector, outer))
        async with run.live(session_request) as session:
            await session.send(hi)
            assert [item async for item in session.turn() if ok(item) and item.unwrap().text]

    run_body(executor, body)
    assert [hi] == inner == outer


def test_sessions_over_http() -> None:
    """The connector of an `AsyncHttp` is wrapped in the same way."""
    frames = list[Any]()

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key", base_url="http://127.0.0.1:1"), retry=Retry(attempts=1)) as http:
            run = http.with_middleware(connector=lambda connector: RecordingConnector(connector, frames))
            async with run.live(live.connect("m")) as session:
                assert not ok(await session.send(live.client_content("hi")))

    run_body("trio", body)
    assert [live.client_content("hi")] == frames


# Result types


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (HI, GenerateContentResponse),
        (HI | streamed, GenerateContentResponse),
        (files.get("a"), File),
        (live.connect("m"), LiveServerMessage),
    ],
    ids=range(4),
)
def test_kind_of(action: Any, kind: Any) -> None:
    """`kind_of` returns the result type of an operation, and of its class."""
    operation = getattr(action, "source", action).operation
    assert kind == kind_of(operation) == kind_of(type(operation))
