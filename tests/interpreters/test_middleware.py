"""``with_middleware``: what is put between an interpreter and whoever answers it, in every world, for sessions too."""

import time
from collections.abc import Callable, Generator
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
from genai_fn.request import kind_of
from genai_fn.schema import File, GenerateContentResponse, LiveServerMessage
from genai_fn.testing import Fake, Replay, recording
from tests.support.loopback import Loopback, Reply, build_json_reply, build_sse_reply
from tests.support.scripted_model import build_response

HI = generate("m", "hi")
STREAM = HI | streamed | text
WORLDS = ["thread", "asyncio", "trio"]
every_world = pytest.mark.parametrize("world", WORLDS)


class Counting(HandlerWrapper):
    """Counts what goes by."""

    def __init__(self, inner: RequestHandler) -> None:
        super().__init__(inner)
        self.seen: list[str] = []

    def handle(self, request: Any, until: float) -> Any:
        self.seen.append(request.operation.op)
        return super().handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self.seen.append(f"{request.operation.op}, in chunks")
        return super().open_stream(request, until)

    def read_items(self, handle: Any) -> Any:
        items = yield from super().read_items(handle)
        self.seen.append("more" if items else "the end")
        return items


def wrap_counting(interpreter: Any) -> tuple[Any, list[str]]:
    made: list[Counting] = []

    def between(exchange: RequestHandler) -> RequestHandler:
        made.append(Counting(exchange))
        return made[0]

    twin = interpreter.with_middleware(between)
    assert type(twin) is type(interpreter)
    return twin, made[0].seen


def within(world: str, body: Callable[[], Any]) -> Any:
    """Run the body of a test, which may be async, in a world."""

    async def run_bounded() -> Any:
        with anyio.fail_after(60):
            return await body()

    return body() if world == "thread" else anyio.run(run_bounded, backend=world)


@pytest.fixture
def loopback() -> Generator[Loopback]:
    def script(received: Any) -> Any:
        said = build_response("hello")
        return build_sse_reply([said]) if "stream" in received.target else build_json_reply(said)

    with Loopback(script) as server:
        yield server


def maker(name: str, server: Loopback) -> Callable[[], Any]:
    """Say how an interpreter is made."""
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
TOGETHER = gather([HI | text] * 2) | collected


def run_all(run: Any) -> list[Any]:
    results = [run(TOGETHER)]
    with run.stream(STREAM) as items:
        return results + list(items)


async def run_all_async(run: Any) -> list[Any]:
    results = [await run(TOGETHER)]
    async with run.stream(STREAM) as items:
        return results + [each async for each in items]


def as_it_should(plain: list[Any], through: list[Any], seen: list[str]) -> None:
    """Compare what came with and without, and look at what went by."""
    assert plain == through
    assert all(map(ok, plain))
    assert ["generate", "generate", "generate.stream, in chunks"] == seen[:3]
    assert ["more", "the end"] == [seen[3], seen[-1]]


@pytest.mark.parametrize("name", SYNC)
def test_sync(name: str, loopback: Loopback) -> None:
    """Every interpreter asks by way of what is put between: each request of a flow, each stream, each piece of one."""
    make = maker(name, loopback)
    plain, (run, seen) = make(), wrap_counting(make())
    try:
        as_it_should(run_all(plain), run_all(run), seen)
    finally:
        for each in (plain, run):
            each.close() if isinstance(each, Http) else None


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_async(world: str, name: str, loopback: Loopback) -> None:
    """Those that are awaited do so, too."""

    async def body() -> None:
        make = maker(name, loopback)
        plain, (run, seen) = make(), wrap_counting(make())
        try:
            as_it_should(await run_all_async(plain), await run_all_async(run), seen)
        finally:
            for each in (plain, run):
                await each.aclose() if isinstance(each, AsyncHttp) else None

    within(world, body)


@pytest.mark.parametrize("make", [Offline, lambda: Fake({"generate": "hello"})], ids=["Offline", "Fake"])
def test_in_process(make: Any) -> None:
    """What is put into the way of an interpreter in this process is in the way of its ``aio``, too."""
    run, seen = wrap_counting(make())
    assert ok(anyio.run(run.aio, HI))
    assert ["generate"] == seen


# What may be put there


class Cached(HandlerWrapper):
    def __init__(self, inner: RequestHandler) -> None:
        super().__init__(inner)
        self.answers: dict[Any, Any] = {}

    def handle(self, request: Any, until: float) -> Any:
        if request not in self.answers:
            self.answers[request] = yield from self.inner.handle(request, until)
        return self.answers[request]


class Paced(HandlerWrapper):
    """At most one request a second."""

    following_at = 0.0

    def handle(self, request: Any, until: float) -> Any:
        now = yield GetTime()
        at = max(now, self.following_at)
        self.following_at = at + 1.0
        if at > now:
            yield Sleep(at - now)
        return (yield from self.inner.handle(request, until))


def test_cache() -> None:
    """A cache asks once."""
    fake = Fake({"generate": ["one", "two"], "files.get": File(name="files/a")})
    run = fake.with_middleware(Cached)
    assert [Success("one")] * 3 == [run(HI | text) for _ in range(3)]
    assert run(files.get("a")) == run(files.get("a"))
    assert [HI, files.get("a")] == [*fake.requests] == [*run.requests]


@every_world
def test_limiter(world: str) -> None:
    """A limiter sleeps as flows do: in virtual time where that is, and never in two worlds differently."""
    run = Offline().with_middleware(Paced)
    before = time.monotonic()
    result = within(world, lambda: (run if world == "thread" else run.aio)(gather([HI] * 30) | collected))
    assert 30 == len(result.unwrap())
    assert 30.0 > time.monotonic() - before
    assert 29.0 <= run._service._seconds


def test_order() -> None:
    """What is put between last is asked first, and may answer by itself."""

    class Answering(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            yield from ()
            return Failure(RateLimited(429, "enough"))

    outer, seen = wrap_counting(Fake({"generate": "hello"}).with_middleware(Answering))
    assert Failure(RateLimited(429, "enough")) == outer(HI)
    inner, unseen = wrap_counting(Fake({"generate": "hello"}))
    assert Failure(RateLimited(429, "enough")) == inner.with_middleware(Answering)(HI)
    assert (["generate"], []) == (seen, unseen)


def test_on() -> None:
    """A Fake with one answer more keeps what lies between."""
    made: list[Any] = []
    run = Fake({}).with_middleware(lambda exchange: made.append(Counting(exchange)) or made[-1])
    assert ok(run.with_answer("generate", "hello")(HI))
    assert ["generate"] == made[-1].seen


# What is shared, and what is refused


def test_open_for_both(loopback: Loopback) -> None:
    """What is open is open for both, and closed for both; the first asks as it did."""
    with Http(Gemini("test-key", base_url=loopback.url)) as run:
        twin, seen = wrap_counting(run)
        assert ok(run(HI))
        assert [] == seen
        assert ok(twin(HI))
        assert 1 == loopback.connections
    assert Failure(Closed()) == twin(HI)


def test_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter without a backend says so to what lies between, which may know better."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with Http() as http:
        run, seen = wrap_counting(http)
        assert isinstance(run(HI).failure(), AuthError)
        with run.stream(STREAM) as items:
            assert [AuthError] == [type(each.failure()) for each in items]
        assert ["generate", "generate.stream, in chunks"] == seen
        assert isinstance(http.problem, AuthError)
        assert run.problem == http.problem

        class Knowing(HandlerWrapper):
            def handle(self, request: Any, until: float) -> Any:
                yield from ()
                return Success(None)

        assert Success(None) == http.with_middleware(Knowing)(HI)


@pytest.mark.parametrize("between", [None, lambda _: None, lambda _: 3])
def test_what_is_none(between: Any) -> None:
    """What is no function from an exchange to an exchange is refused where it is put."""
    for run in (Fake(), Fake().aio, Offline(), Offline().aio, Http(Gemini("test-key"))):
        with pytest.raises(InvalidRequest, match="middleware"):
            run.with_middleware(between)  # type: ignore[attr-defined]


def test_recorded(tmp_path: Path) -> None:
    """What records asks by way of what lies between, and learns what is secret all the same."""
    key = "test-key-of-somebody"
    with Loopback(lambda _: build_json_reply(build_response(key))) as server:
        http, seen = wrap_counting(Http(Gemini(key, base_url=server.url)))
        with recording(http, tmp_path / "a.jsonl") as run:
            assert ok(run(generate("m", key)))
    assert ["generate"] == seen
    assert key not in (tmp_path / "a.jsonl").read_text(encoding="utf-8")


# Transports


class Logged(TransportWrapper):
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


def wrap_logged(interpreter: Any) -> tuple[Any, Logged]:
    made: list[Logged] = []

    def wrap(transport: Transport) -> Transport:
        made.append(Logged(transport))
        return made[0]

    return interpreter.with_middleware(transport=wrap), made[0]


@every_world
def test_transport_sees_attempts(world: str) -> None:
    """A transport sees each attempt, those of concurrent requests too; a handler sees each request once."""
    with Loopback(
        [Reply(503), build_json_reply(build_response("hello")), *[build_json_reply(build_response("hello"))] * 2]
    ) as server:
        settings: Any = {"backend": Gemini("test-key", base_url=server.url), "retry": Retry(initial_delay=0.001)}

        def in_sync() -> Any:
            with Http(**settings) as http:
                run, log = wrap_logged(http)
                run, seen = wrap_counting(run)
                return run(HI), run(TOGETHER), log, seen

        async def in_async() -> Any:
            async with AsyncHttp(**settings) as http:
                run, log = wrap_logged(http)
                run, seen = wrap_counting(run)
                return await run(HI), await run(TOGETHER), log, seen

        one, two, log, seen = within(world, in_sync if world == "thread" else in_async)
    assert ok(one)
    assert Success(["hello", "hello"]) == two.map(list)
    assert [503, 200, 200, 200] == log.attempts
    assert b"hello" in b"".join(log.chunks)
    assert ["generate"] * 3 == seen


def test_transport_lies_below(loopback: Loopback) -> None:
    """Transports are below all handlers, in any order of adding. The transport added last sees a request first."""
    order: list[str] = []

    def naming(name: str) -> Any:
        class Named(TransportWrapper):
            def send(self, request: Any) -> Any:
                order.append(name)
                return super().send(request)

        return Named

    with Http(Gemini("test-key", base_url=loopback.url)) as http:
        run = (
            http.with_middleware(Cached)
            .with_middleware(transport=naming("inner"))
            .with_middleware(transport=naming("outer"))
        )
        assert run(HI) == run(HI)
    assert ["outer", "inner"] == order


def test_transport_fails(loopback: Loopback) -> None:
    """A failure of a transport is one of the attempt: it is retried as the network's own."""

    class Unplugged(TransportWrapper):
        attempts = 0

        def send(self, request: Any) -> Any:
            self.attempts += 1
            if self.attempts == 1:
                return EffectFailed(ConnectError("connecting", "unplugged"))
            return (yield from super().send(request))

    backend, retry = Gemini("test-key", base_url=loopback.url), Retry(initial_delay=0.001)
    with Http(backend, retry=retry) as http:
        assert ok(http.with_middleware(transport=Unplugged)(HI))
        once = http.with_middleware(transport=Unplugged)(HI | with_options(retry=Retry(attempts=1)))
    assert Failure(ConnectError("connecting", "unplugged")) == once


@every_world
def test_transport_in_virtual_time(world: str) -> None:
    """A transport that sleeps does so in virtual time where the interpreter has that, with HTTP or without."""

    class Slow(TransportWrapper):
        def send(self, request: Any) -> Any:
            yield Sleep(3600.0)
            return (yield from super().send(request))

    for make in (Offline, lambda: Fake({"generate": "hello"})):
        run: Any = make().with_middleware(transport=Slow)
        assert ok(within(world, lambda run=run: run(TOGETHER) if world == "thread" else run.aio(TOGETHER)))


@every_world
def test_transport_without_http(world: str, tmp_path: Path) -> None:
    """Without HTTP each request is one attempt, streams too: its status is that of the result, and it has no body."""
    table = {"generate": ["hello", RateLimited(429), Disconnected("reading")], "generate.stream": [["a", "b"]]}

    def asked_of(interpreter: Any) -> tuple[list[Any], Logged]:
        run, log = wrap_logged(interpreter)
        results = [within(world, lambda: run(HI | text) if world == "thread" else run.aio(HI | text)) for _ in range(3)]
        return [*results, run(STREAM | joined)], log

    path = tmp_path / "a.jsonl"
    for make in (lambda: recording(Fake(table), path), lambda: Replay(path)):  # type: ignore[arg-type]  # a table
        results, log = asked_of(make())
        assert [Success("hello"), Success("ab")] == [results[0], results[3]]
        assert [200, 429, 200] == [each for each in log.attempts if isinstance(each, int)]
        assert [EffectFailed] == [type(each) for each in log.attempts if not isinstance(each, int)]
        assert [] == log.chunks


def test_transport_without_http_may_answer() -> None:
    """There, too, a transport may fail a request, or send it twice; it sees the request as the API would, unsigned."""
    urls: list[Any] = []

    class Twice(TransportWrapper):
        def send(self, request: Any) -> Any:
            urls.append((request.request.url, dict(request.request.headers).get("x-goog-api-key")))
            yield from super().send(request)
            return (yield from super().send(request))

    class Refusing(TransportWrapper):
        def send(self, request: Any) -> Any:
            yield from ()
            return EffectFailed(RateLimited(429, "enough"))

    fake = Fake({"generate": ["one", "two"], "tunings.list": None})
    assert Success("two") == fake.with_middleware(transport=Twice)(HI | text)
    assert Failure(RateLimited(429, "enough")) == fake.with_middleware(transport=Refusing)(HI)
    assert [("https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", None)] == urls


def test_transport_that_is_none() -> None:
    """`with_middleware` refuses what does not return a transport, and a connector where there are no sessions."""
    wrong: list[Any] = [3, lambda _: None]
    for run in (Fake(), Fake().aio, Offline(), Http(Gemini("test-key"))):
        for each in wrong:
            with pytest.raises(InvalidRequest, match="transport"):
                run.with_middleware(transport=each)  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequest, match="connector"):
        Http(Gemini("test-key")).with_middleware(connector=lambda connector: connector)
    with pytest.raises(InvalidRequest, match="connector"):
        Fake().with_middleware(connector=wrong[0])


# Any interpreter in a block


def test_all_are_context_managers(tmp_path: Path, loopback: Loopback) -> None:
    """Each sync interpreter stands in ``with``, each async one in ``async with``, and closing is possible without."""
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

    within("trio", body)


# Live sessions


class Listening:
    """Keeps the frames that go out."""

    def __init__(self, wiring: Connector, frames: list[Any]) -> None:
        self._wiring = wiring
        self._frames = frames
        self.decode, self.connect = wiring.decode, wiring.connect

    def encode(self, frame: Any) -> Result[Any, Any]:
        self._frames.append(frame)
        return self._wiring.encode(frame)


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("make", [Offline, lambda: Fake({"live.connect": "hello"})], ids=["Offline", "Fake"])
def test_sessions(world: str, make: Any) -> None:
    """For sessions, something is put between them and their wiring; the last is asked first."""
    inner, outer = list[Any](), list[Any]()
    hi = live.client_content("hi")
    described = live.connect("m", {"response_modalities": ["TEXT"]})

    async def body() -> None:
        run = make().aio.with_middleware(connector=lambda wiring: Listening(wiring, inner))
        run = run.with_middleware(connector=lambda wiring: Listening(wiring, outer))
        async with run.live(described) as session:
            await session.send(hi)
            assert [item async for item in session.turn() if ok(item) and item.unwrap().text]

    within(world, body)
    assert [hi] == inner == outer


def test_sessions_over_http() -> None:
    """What is put between those of an `AsyncHttp` is asked before the network."""
    frames = list[Any]()

    async def body() -> None:
        async with AsyncHttp(Gemini("test-key", base_url="http://127.0.0.1:1"), retry=Retry(attempts=1)) as http:
            run = http.with_middleware(connector=lambda wiring: Listening(wiring, frames))
            async with run.live(live.connect("m")) as session:
                assert not ok(await session.send(live.client_content("hi")))

    within("trio", body)
    assert [live.client_content("hi")] == frames


# What operations are answered with


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (HI, GenerateContentResponse),
        (HI | streamed, GenerateContentResponse),
        (files.get("a"), File),
        (live.connect("m"), LiveServerMessage),
    ],
    ids=range(4),
)
def test_kind_of(asked: Any, kind: Any) -> None:
    """The class of an operation says what it is answered with, and so does the operation."""
    operation = getattr(asked, "source", asked).operation
    assert kind == kind_of(operation) == kind_of(type(operation))
