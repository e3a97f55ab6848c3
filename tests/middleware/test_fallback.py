"""`fallback`: the order of the targets, what moves and what stays, retries, circuits, events and metadata."""

import pickle
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, strategies as st

from genai_fn import (
    AuthError,
    ClientError,
    Failure,
    Gemini,
    Http,
    InvalidRequest,
    Offline,
    RateLimited,
    Retry,
    ServerError,
    Success,
    Unsupported,
    Vertex,
    caches,
    embed,
    files,
    generate,
    models as model_resources,
    streamed,
    text,
    tokens,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.effects import CallFunction, OpenResource, Sleep
from genai_fn.errors import Closed, ConnectError, TimedOut
from genai_fn.events import FellBack
from genai_fn.middleware import HandlerWrapper, Target, fallback
from genai_fn.schema import File, FileSearch, Tool
from genai_fn.testing import Fake
from tests.support.interpreter_fixtures import kind
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind
from tests.support.loopback import Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import OK, build_error, build_text_response, list_texts
from tests.support.middleware_places import PLACES, Place

__all__ = ["kind"]

HI = generate("a", "hi")
KEYS = Gemini("test-key-1"), Gemini("test-key-2")
EUROPE = Vertex("project", "europe-west1", api_key="test-key-3")


class Log(HandlerWrapper):
    """Records the model and the backend of each request that reaches the interpreter."""

    def __init__(self, inner: Any, sent: list[Any]) -> None:
        super().__init__(inner)
        self.sent = sent

    def _record(self, request: Any) -> None:
        self.sent.append((request.operation.model, request.options.backend))

    def handle(self, request: Any, until: float) -> Any:
        self._record(request)
        return self.inner.handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self._record(request)
        return self.inner.open_stream(request, until)


class LogTo:
    """Middleware that records into a list."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def __call__(self, inner: Any) -> Log:
        return Log(inner, self.sent)

    @property
    def models(self) -> str:
        return "".join(model for model, _ in self.sent)


def fail_at(errors: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the answer of a fake: the error of a model, or its name."""
    return lambda request: errors.get(request.operation.model, request.operation.model)


# Moving


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_next_model(place: Place) -> None:
    """A refused request goes to the next model at once, and the result names what was tried."""
    log = LogTo()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | with_http_response)

    result = place.run(body, log, fallback(models=["b", "c", "d"]), answers=[429, 503, "hello"])
    assert result.unwrap().value.text == "hello"
    assert log.models == "abc"
    tried = result.unwrap().failed_targets
    assert [(0, "a", 429), (1, "b", 503)] == [(each.number, each.model, each.error.code) for each in tried]


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_stream(place: Place) -> None:
    """A stream that is refused before its first item moves."""
    log = LogTo()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run.read_items(HI | streamed | text)

    items = place.run(body, log, fallback(models=["b", "c"]), answers=[404, 429, "hel|lo"])
    assert "hello" == "".join(each.unwrap() for each in items)
    assert log.models == "abc"


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_all_fail(place: Place) -> None:
    """If all targets fail, the error is the last one's and carries all of them; only the last target is retried."""
    log = LogTo()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI)

    error = place.run(body, log, fallback(models=["b"]), answers=[429, 503]).failure()
    assert log.models == "ab"
    assert (error.code, [each.error.code for each in error.failed_targets]) == (503, [429, 503])
    assert pickle.loads(pickle.dumps(error)).failed_targets == error.failed_targets
    assert error.with_calling_history(()).failed_targets == error.failed_targets


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_other_errors_stay(place: Place) -> None:
    """An error that no condition selects is returned as it is, and names no targets."""
    log = LogTo()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI)

    error = place.run(body, log, fallback(models=["b"]), answers=[400]).failure()
    assert (error.code, error.failed_targets, log.models) == (400, (), "a")


def test_started_stream_stays(kind: InterpreterKind) -> None:
    """A stream that fails after its first item ends there; no other target is asked."""
    failing = build_sse_reply([build_text_response("x"), build_error(503, "UNAVAILABLE")])
    log = LogTo()
    with Loopback([failing, OK]) as server:

        async def body(run: AwaitableInterpreter) -> Any:
            run.interpreter = run.interpreter.with_middleware(log, fallback(models=["b"]))
            return await run.read_items(HI | streamed)

        items = kind.run_body(Gemini("test-key", base_url=server.url), body)
    assert ["x", ServerError] == list_texts(items)
    assert log.models == "a"


@given(st.lists(st.sampled_from([429, 503, 404, 400, 500, 0]), min_size=5, max_size=5), st.booleans())
def test_any_failures(codes: list[int], in_chunks: bool) -> None:
    """Whatever fails: the targets are asked in their order, none twice, and none after an answer or another error."""
    names = "abcde"
    answers = dict(zip(names, codes, strict=True))
    log = LogTo()

    def answer(request: Any) -> Any:
        code = answers[request.operation.model]
        return ServerError(code) if code else request.operation.model

    run = Fake({"generate": answer}).with_middleware(log, fallback(models=[*names, "b"]))
    moving = [code in (404, 429, 503) for code in codes]
    expected = names[: moving.index(False) + 1] if False in moving else names
    if in_chunks:
        items = run.stream(HI | streamed | text)
        result: Any = next(iter(items))
    else:
        result = run(HI | text)
    assert log.models == expected
    last = answers[expected[-1]]
    assert result.failure().code == last if last else result == Success(expected[-1])


# Targets


def list_targets(middleware: Any, request: Any) -> list[Any]:
    """List the targets of a request that all of them refuse."""
    log = LogTo()
    refusing = Fake(lambda request: RateLimited(429)).with_middleware(log, middleware)
    assert isinstance(refusing(request), Failure)
    return log.sent


def test_order() -> None:
    """A model is tried at all backends before the next model is."""
    assert [("a", None), ("a", KEYS[0]), ("a", EUROPE), ("b", None), ("b", KEYS[0]), ("b", EUROPE)] == list_targets(
        fallback(["b"], [KEYS[0], EUROPE]), HI
    )


def test_explicit_order() -> None:
    """`targets` are tried in their order, each once, after the request as it is."""
    key, other = Target(backend=KEYS[0]), Target(model="b")
    targets = [key, other, Target(), other, Target(model="c", backend=EUROPE)]
    assert [("a", None), ("a", KEYS[0]), ("b", None), ("c", EUROPE)] == list_targets(fallback(targets=targets), HI)


def test_own_backend_and_model_are_first_only() -> None:
    """The interpreter's own backend, that of the request, and its own model are no second target."""
    log = LogTo()
    offline = Offline(KEYS[0], script=lambda request: {"error": {"status": 429}})
    offline.with_middleware(log, fallback(["a"], KEYS))(HI)
    assert log.sent == [("a", None), ("a", KEYS[1])]
    request = HI | with_options(backend=EUROPE)
    assert list_targets(fallback(backends=[EUROPE, KEYS[0]]), request) == [("a", EUROPE), ("a", KEYS[0])]


def test_embedding_keeps_its_model() -> None:
    """Vectors of different models cannot be compared: an embedding moves to another backend only."""
    assert [("a", None), ("a", KEYS[0])] == list_targets(fallback(["b"], [KEYS[0]]), embed("a", "hi"))


FILE = File(name="files/abc", uri="https://generativelanguage.googleapis.com/v1beta/files/abc", mime_type="text/plain")
ELSEWHERE = fallback(targets=[Target(backend=KEYS[0]), Target(model="b"), Target(model="b", backend=EUROPE)])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (generate("a", [FILE, "what is it?"]), [("a", None), ("b", None)]),
        (generate("a", "hi") | with_config(system_instruction=[FILE]), [("a", None), ("b", None)]),
        (generate("a", "hi") | with_config(cached_content="cachedContents/1"), [("a", None)]),
        (
            generate("a", "hi")
            | with_config(tools=[Tool(file_search=FileSearch(file_search_store_names=("fileSearchStores/1",)))]),
            [("a", None), ("b", None)],
        ),
        (generate("tunedModels/a", "hi"), [("tunedModels/a", None), ("b", None), ("b", EUROPE)]),
        (
            generate("a", {"file_data": {"file_uri": "https://example.com/files/x.png", "mime_type": "image/png"}}),
            [("a", None), ("a", KEYS[0]), ("b", None), ("b", EUROPE)],
        ),
        (tokens.count("a", [FILE]), [("a", None)]),
        (model_resources.get("a"), [("a", None)]),
    ],
)
def test_what_stays(request_: Any, expected: list[Any]) -> None:
    """A request goes to no backend that has not the files, caches, stores or models that it names."""
    assert list_targets(ELSEWHERE, request_) == expected


@pytest.mark.parametrize("action", [files.get("abc"), caches.create("a", {"contents": ["hi"]})], ids=["get", "create"])
def test_resources_stay(action: Any) -> None:
    """What reads or creates a resource is sent once, to the interpreter's backend."""
    run = Fake(lambda request: ServerError(503))
    assert run.with_middleware(ELSEWHERE)(action) == Failure(ServerError(503))
    assert len(run.requests) == 1


def test_target_that_cannot_take_the_request() -> None:
    """A target without credentials, or without a field, is passed over; the error is the server's."""
    request = HI | with_config(audio_timestamp=True)
    log = LogTo()
    run = Offline(Vertex("p"), script=lambda request: {"error": {"status": 429}}).with_middleware(
        log, fallback(backends=[Gemini("test-key")])
    )
    error = run(request).failure()
    assert isinstance(error, RateLimited)
    assert [RateLimited, Unsupported] == [type(each.error) for each in error.failed_targets]
    assert len(log.sent) == 2


def test_two_keys_then_another_region(kind: InterpreterKind) -> None:
    """Each backend gets its own credentials, and no event or error contains one."""
    events: list[Any] = []
    refused = [build_json_reply(build_error(code), code) for code in (429, 503)]
    log = LogTo()
    with Loopback([*refused, OK]) as server:
        first, second = (Gemini(f"test-key-{number}", base_url=server.url) for number in (1, 2))
        region = Vertex("project", "europe-west1", api_key="test-key-3", base_url=server.url)

        async def body(run: AwaitableInterpreter) -> Any:
            run.interpreter = run.interpreter.with_middleware(log, fallback(backends=[second, region]))
            return await run(HI | with_http_response)

        result = kind.run_body(first, body, on_event=events.append)
        keys = [each.headers["x-goog-api-key"] for each in server.requests]
        assert keys == ["test-key-1", "test-key-2", "test-key-3"]
        assert "europe-west1" in server.requests[-1].target
    shown = repr((events, result, result.unwrap().failed_targets))
    assert not any(key in shown for key in keys)
    moves = [each for each in events if isinstance(each, FellBack)]
    assert [429, 503] == [each.error.code for each in moves]
    assert ["Gemini Developer API", "Vertex AI, project, europe-west1"] == [each.next_backend for each in moves]
    assert pickle.loads(pickle.dumps(moves)) == moves


# Retries and time


RETRYING = [each for each in PLACES if each.retries]


@pytest.mark.parametrize("place", RETRYING, ids=repr)
@pytest.mark.parametrize(
    ("answers", "options", "models"),
    [
        ([503, 429, "x"], {}, "ab"),  # the last target is retried
        ([500, "x"], {}, "a"),  # what does not move is retried
        ([503, "x"], {"retry_each": True}, "a"),
        ([503, 503, 503, 503, "x"], {"retry_each": True}, "ab"),
        ([500, "x"], {"on": [ServerError]}, "ab"),
        ([500, "x"], {"on": lambda error: error.code == 500}, "ab"),
    ],
)
def test_retries(place: Place, answers: list[Any], options: Any, models: str) -> None:
    """What leads to another target is not retried before, unless asked for."""
    log = LogTo()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    assert place.run(body, log, fallback(models=["b"], **options), answers=answers) == Success("x")
    assert log.models == models


def test_single_target_is_retried() -> None:
    """A request that cannot move is retried as without the middleware."""
    answers = iter([{"error": {"status": 429}}, {"error": {"status": 429}}, {"text": "x"}])
    run = Offline(script=lambda request: next(answers)).with_middleware(fallback(backends=[KEYS[1]]))
    assert run(generate("tunedModels/a", "hi") | text) == Success("x")


def test_stacked() -> None:
    """Of two fallbacks, the outer one moves at once when the inner one has no target left."""
    log = LogTo()
    run = Offline(script=lambda request: {"error": {"status": 503}}).with_middleware(
        log, fallback(backends=[EUROPE]), fallback(models=["b"])
    )
    assert isinstance(run(HI), Failure)
    assert log.sent == [("a", None), ("a", EUROPE), ("b", None), ("b", EUROPE)]


class Slow(HandlerWrapper):
    """Takes five seconds for each request."""

    def handle(self, request: Any, until: float) -> Any:
        yield Sleep(5.0)
        return (yield from self.inner.handle(request, until))


def test_deadline_bounds_all_targets() -> None:
    """After the deadline no further target is asked; its error is the last one's."""
    log = LogTo()
    run = Fake(lambda request: ServerError(503)).with_middleware(log, Slow, fallback(models=["b", "c"]))
    error = run(HI | with_options(deadline=7.0)).failure()
    assert (log.models, len(error.failed_targets)) == ("ab", 2)


def test_network_errors_of_choice() -> None:
    """`on` takes classes of errors; a closed interpreter has no next target."""
    for error, models in ((ConnectError("connecting"), "ab"), (TimedOut("headers"), "ab"), (Closed(), "a")):
        log = LogTo()
        run = Fake(fail_at({"a": error})).with_middleware(log, fallback(["b"], on=(ConnectError, TimedOut, Closed)))
        run(HI)
        assert log.models == models


# Circuits


def test_open_circuit_is_passed_over() -> None:
    """After its failures in a row a target is passed over, also by other interpreters with the same middleware."""
    shared, log = fallback(["b"], failures=2), LogTo()
    first, second = (Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(log, shared) for _ in "12")
    for run in (first, second, first, second):
        assert run(HI | text) == Success("b")
    assert log.models == "abab" + "bb"


def test_advice_opens_the_circuit() -> None:
    """A wait that the server advises opens the circuit at once; then one request tries the target, and closes it."""
    busy = RateLimited(429, headers=(("retry-after", "20"),))
    answers = iter([busy, busy, "a", "a"])
    log = LogTo()

    class Waiting(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            yield Sleep(self.seconds)
            return (yield from self.inner.handle(request, until))

        seconds = 0.0

    run = Fake({"generate": lambda request: next(answers) if request.operation.model == "a" else "b"}).with_middleware(
        log, fallback(["b"]), Waiting
    )
    assert [run(HI | text).unwrap() for _ in range(2)] == ["b", "b"]
    Waiting.seconds = 20.0
    assert [run(HI | text).unwrap() for _ in range(2)] == ["b", "b"]
    Waiting.seconds = 40.0
    assert [run(HI | text).unwrap() for _ in range(2)] == ["a", "a"]
    assert log.models == "ab" + "b" + "ab" + "b" + "aa"


def test_all_circuits_open() -> None:
    """If all circuits are open, the target that is due soonest is asked: a circuit fails no request by itself."""
    waits = {"a": "30", "b": "10"}
    log = LogTo()
    run = Fake(
        lambda request: RateLimited(429, headers=(("retry-after", waits[request.operation.model]),))
    ).with_middleware(log, fallback(["b"]))
    assert [run(HI).failure().retry_after for _ in range(3)] == [10.0] * 3
    assert log.models == "ab" + "b" + "b"


def test_success_and_other_errors_close() -> None:
    """Failures count only in a row: an answer in between, also an error that stays, counts anew."""
    answers = iter([503, 0, 503, 400, 503, 503])
    log = LogTo()

    def answer(request: Any) -> Any:
        code = next(answers) if request.operation.model == "a" else 0
        return ServerError(code) if code else "x"

    run = Fake({"generate": answer}).with_middleware(log, fallback(["b"], failures=2))
    for _ in range(7):
        run(HI)
    assert log.models == "ab" + "a" + "ab" + "a" + "ab" + "ab" + "b"


class Blocking(HandlerWrapper):
    """Waits for a future before each request to the model ``a``."""

    future: Any = None
    calls = 0

    def handle(self, request: Any, until: float) -> Any:
        if request.operation.model == "a":
            Blocking.calls += 1
            if Blocking.future is not None:
                yield CallFunction(lambda: Blocking.future)
        return (yield from self.inner.handle(request, until))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_trial_is_given_back(backend: str) -> None:
    """A trial whose caller is cancelled is given back, and the next request tries the target."""
    from concurrent.futures import Future  # of this test alone

    shared = fallback(["b"], failures=1, recovery=30.0)
    failing = Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)
    assert failing(HI | text) == Success("b")
    run = Fake({"generate": fail_at({})}).with_middleware(Blocking, shared, Late)
    Blocking.calls, Blocking.future = 0, Future()

    async def cancel() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.aio, HI)
                while Blocking.calls == 0:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        Blocking.future = None
        assert await run.aio(HI | text) == Success("a")

    try:
        anyio.run(cancel, backend=backend)
    finally:
        Blocking.future = None


class Late(HandlerWrapper):
    """Waits for a minute before each request, so that a circuit that opened at the start of a run is due."""

    def handle(self, request: Any, until: float) -> Any:
        yield Sleep(60.0)
        return (yield from self.inner.handle(request, until))


def test_dropped_trial_is_given_back() -> None:
    """A program that is dropped at any point, or whose handler raises, gives its trial back."""
    shared: Any = fallback(["b"], failures=1)
    handler = shared(Blocking(Fake()._parts.handler))  # a handler without an interpreter
    [breaker, _] = [each.breaker for each in handler._get_plan(HI)]  # the state under test
    breaker.record_failure(0.0)
    for steps in range(1, 4):
        program = handler.handle(HI, 1e9)
        effect = next(program)
        for _ in range(steps):
            try:
                effect = program.send(100.0)
            except StopIteration:
                break
        if isinstance(effect, OpenResource):
            assert breaker.compute_wait(100.0) == 30.0
        program.close()
        assert breaker.compute_wait(100.0) == 0.0


def test_many_threads() -> None:
    """Of 64 threads, one at a time tries a target whose circuit is open; none calls a target twice."""
    shared = fallback(["b"], failures=1)
    assert Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)(HI | text) == Success("b")
    run_many(64, shared, lambda fake: fake)


def test_many_tasks() -> None:
    """The same with 1,000 tasks."""
    shared = fallback(["b"], failures=1)
    assert Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)(HI | text) == Success("b")
    run_many(1000, shared, lambda fake: fake.aio)


def run_many(count: int, shared: Any, choose: Callable[[Any], Any]) -> None:
    """Run many requests while every trial fails, and check that trials do not overlap."""
    trials: list[int] = []
    running = 0

    class Counting(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            nonlocal running
            if request.operation.model != "a":
                return (yield from self.inner.handle(request, until))
            running += 1
            trials.append(running)
            yield Sleep(40.0)
            result = yield from self.inner.handle(request, until)
            running -= 1
            return result

    log = LogTo()
    run = choose(Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(log, Counting, shared, Late))

    async def body(interpreter: AwaitableInterpreter) -> Any:
        async def call() -> Any:
            return await interpreter(HI | text)

        return await interpreter.run_concurrently(*[call] * count)

    async def run_all() -> Any:
        return await body(AwaitableInterpreter(run))

    if AwaitableInterpreter(run).is_sync:
        from tests.support.interpreter_kinds import run_without_waiting  # for the sync case

        results = run_without_waiting(run_all())
    else:
        results = anyio.run(run_all)
    assert results == [Success("b")] * count
    assert max(trials) == 1


# Values


def test_representation() -> None:
    """A repr shows the targets without keys; middleware without keys can be pickled."""
    assert "test-key" not in repr(fallback(backends=KEYS))
    assert "Target(model='b', backend=None)" in repr(fallback(models=["b"]))
    copy = pickle.loads(pickle.dumps(fallback(models=["b"], on=(429, ServerError))))
    assert list_targets(copy, HI) == [("a", None), ("b", None)]
    with pytest.raises(TypeError, match="do not pickle"):
        pickle.dumps(fallback(backends=KEYS))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, "fallback"),
        ({"models": "b"}, "models"),
        ({"models": [""]}, "model"),
        ({"models": [7]}, "model"),
        ({"backends": KEYS[0]}, "backends"),
        ({"backends": ["sk-secret"]}, "backend"),
        ({"targets": [], "models": ["b"]}, "targets"),
        ({"targets": ["b"]}, "targets"),
        ({"models": ["b"], "on": ()}, "on"),
        ({"models": ["b"], "on": "429"}, "on"),
        ({"models": ["b"], "on": 7}, "on"),
        ({"models": ["b"], "on": [ValueError]}, "on"),
        ({"models": ["b"], "failures": 0}, "failures"),
        ({"models": ["b"], "recovery": 0}, "recovery"),
    ],
)
def test_refused_arguments(arguments: Any, path: str) -> None:
    """Wrong arguments are refused at once, by name, and without keys."""
    with pytest.raises(InvalidRequest) as caught:
        fallback(**arguments)
    assert caught.value.path == path
    assert "secret" not in str(caught.value)


def test_raising_condition() -> None:
    """What a function of the caller's raises is raised to the caller, and the next request works."""

    def raise_error(error: Any) -> bool:
        raise RuntimeError("mine")

    for run in (
        Fake({"generate": ServerError(503)}).with_middleware(fallback(["b"], on=raise_error)),
        Offline(script=lambda request: {"error": {"status": 503}}).with_middleware(fallback(["b"], on=[raise_error])),
    ):
        for _ in range(2):
            with pytest.raises(RuntimeError, match="mine"):
                run(HI)


def test_no_backend_of_its_own() -> None:
    """An interpreter without credentials fails as without the middleware."""
    with Http(retry=Retry(attempts=1)) as run:
        error = run.with_middleware(fallback(["b"]))(HI).failure()
    assert isinstance(error, AuthError)
    assert not isinstance(error, ClientError)
