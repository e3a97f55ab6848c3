"""`fallback`: the order of the targets, what moves and what stays, retries, events and metadata."""

import pickle
from typing import Any

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
from genai_fn.effects import Sleep
from genai_fn.errors import Closed, ConnectError, TimedOut
from genai_fn.events import FellBack
from genai_fn.middleware import FallbackTarget, HandlerWrapper, fallback
from genai_fn.schema import File, FileSearch, Tool
from genai_fn.testing import Fake
from tests.support.fallbacks import EUROPE, HI, KEYS, LogTo, fail_at
from tests.support.interpreter_fixtures import kind
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind
from tests.support.loopback import Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import OK, build_error, build_text_response, list_texts
from tests.support.middleware_places import PLACES, Place

__all__ = ["kind"]

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
    key, other = FallbackTarget(backend=KEYS[0]), FallbackTarget(model="b")
    targets = [key, other, FallbackTarget(), other, FallbackTarget(model="c", backend=EUROPE)]
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
ELSEWHERE = fallback(
    targets=[FallbackTarget(backend=KEYS[0]), FallbackTarget(model="b"), FallbackTarget(model="b", backend=EUROPE)]
)


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
    error: Any = run(request).failure()
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
    moves: list[Any] = [each for each in events if isinstance(each, FellBack)]
    assert [429, 503] == [each.error.code for each in moves]
    assert ["Gemini Developer API", "Vertex AI, project, europe-west1"] == [each.next_backend for each in moves]
    assert pickle.loads(pickle.dumps(moves)) == moves


def test_options_for_one_backend_stay(kind: InterpreterKind) -> None:
    """Address and credentials that a request sets for its backend do not go to another one; other headers do."""
    with Loopback(build_json_reply(build_error(429), 429)) as gateway, Loopback(OK) as other:
        request = HI | with_options(
            base_url=gateway.url, api_version="v1alpha", headers={"authorization": "Bearer test-token", "x-team": "b"}
        )

        async def body(run: AwaitableInterpreter) -> Any:
            backend = Gemini("test-key-2", base_url=other.url)
            run.interpreter = run.interpreter.with_middleware(fallback(backends=[backend]))
            return await run(request | text)

        assert kind.run_body(KEYS[0], body) == Success("hi")
        [first], [second] = gateway.requests, other.requests
        assert first.target.startswith("/v1alpha/")
        assert first.headers["authorization"] == "Bearer test-token"
        assert second.target.startswith("/v1beta/")
        assert (second.headers["x-goog-api-key"], second.headers["x-team"]) == ("test-key-2", "b")
        assert "authorization" not in second.headers


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


# Values


def test_representation() -> None:
    """A repr shows the targets without keys; middleware without keys can be pickled."""
    assert "test-key" not in repr(fallback(backends=KEYS))
    assert "FallbackTarget(model='b', backend=None)" in repr(fallback(models=["b"]))
    copy = pickle.loads(pickle.dumps(fallback(models=["b"], on=(429, ServerError))))
    assert list_targets(copy, HI) == [("a", None), ("b", None)]
    with pytest.raises(TypeError, match="do not pickle"):
        pickle.dumps(fallback(backends=KEYS))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, "fallback"),
        ({"models": [None]}, "fallback"),
        ({"targets": [FallbackTarget()]}, "fallback"),
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
        ({"models": ["b"], "on": [[429]]}, "on"),
        ({"targets": 0}, "targets"),
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
