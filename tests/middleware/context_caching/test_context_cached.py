"""`context_cached`: long prefixes become caches of the API, and no result differs from that of the whole request."""

import gc
import pickle
import weakref
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings, strategies as st

from genai_fn import (
    InvalidRequest,
    Offline,
    Success,
    Vertex,
    ask,
    caches,
    calling,
    flow,
    generate,
    ok,
    sleep,
    streamed,
    text,
    with_config,
    with_options,
)
from genai_fn.errors import ClientError
from genai_fn.middleware import cached, context_cached
from genai_fn.schema import CachedContent, Candidate, Content, FunctionCall, GenerateContentResponse, Part
from genai_fn.testing import Fake
from tests.support.cache_service import CACHE_PLACES, CachePlace, CacheService, RequestLog
from tests.support.cancellation.cancel_points import BACKENDS_AND_MANNERS, MAX_STOPS, Canceller, list_stops
from tests.support.interpreter_kinds import AwaitableInterpreter

MODEL = "gemini-2.5-flash"
MANUAL: Any = {"system_instruction": "All about sundials. " * 1000}

every_place = pytest.mark.parametrize("place", CACHE_PLACES, ids=repr)


def build_question(question: str, **config: Any) -> Any:
    merged: Any = {**MANUAL, **config}
    return generate(MODEL, question, merged)


@every_place
def test_second_use(place: CachePlace) -> None:
    """The second use of a prefix creates its cache, and all further ones send only the rest."""

    async def body(run: AwaitableInterpreter, log: RequestLog) -> None:
        for question in ("a", "b", "c"):
            assert ok(await run(build_question(question)))
        assert log.operations == ["generate", "caches.create", "generate*", "generate*"]
        assert all(map(ok, await run.read_items(build_question("d") | streamed)))
        assert log.operations[4:] == ["generate.stream*"]
        assert ok(await run(generate(MODEL, "short")))
        assert log.operations[5:] == ["generate"]

    place.run(body, context_cached())


@every_place
def test_deleted_at_the_end(place: CachePlace) -> None:
    """`delete_caches` deletes the caches, and is no failure if one has vanished before."""
    caching = context_cached()

    async def body(run: AwaitableInterpreter, log: RequestLog) -> None:
        for model in ("gemini-2.5-flash", "gemini-2.5-pro"):
            for question in ("a", "b"):
                assert ok(await run(generate(model, question, MANUAL)))
        names = caching.names
        assert len(names) == 2
        delete = caching.delete_caches()
        assert await run(delete) == Success(names)
        assert (caching.names, await run(caching.delete_caches()), await run(delete)) == ((), Success(()), Success(()))
        assert log.operations.count("caches.delete") == 4

    place.run(body, caching)


@every_place
def test_vanished(place: CachePlace) -> None:
    """If its cache has vanished, a request is sent whole, and the next one creates the cache again."""
    caching = context_cached()

    async def body(run: AwaitableInterpreter, log: RequestLog) -> None:
        for question in ("a", "b"):
            assert ok(await run(build_question(question)))
        for attempt in (lambda: run.read_items(build_question("c") | streamed), lambda: run(build_question("d"))):
            [name] = caching.names
            assert ok(await log.plain(caches.delete(name)))
            log.entries.clear()
            results = await attempt()
            assert all(map(ok, results if isinstance(results, list) else [results]))
            operation = "generate.stream" if isinstance(results, list) else "generate"
            assert log.operations == [f"{operation}*", operation]
            assert ok(await run(build_question("e")))
            assert log.operations[2:] == ["caches.create", "generate*"]

    place.run(body, caching)


@every_place
def test_created_once(place: CachePlace) -> None:
    """Of many requests with one prefix at the same time, one creates its cache, and the others wait for it."""
    caching = context_cached()

    async def body(run: AwaitableInterpreter, log: RequestLog) -> None:
        assert ok(await run(build_question("a")))
        results = await run.run_concurrently(*[lambda: run(build_question("b"))] * 64)
        assert all(map(ok, results))
        assert sorted(log.operations) == ["caches.create", "generate", *["generate*"] * 64]

    place.run(body, caching)
    assert len(caching.flights) == 0


# Which prefixes


def run_logged(run: Any, caching: Any, *actions: Any) -> RequestLog:
    """Run actions by a sync interpreter, which all succeed, and return the log of what was sent."""
    log = RequestLog(run)
    wrapped = run.with_middleware(log, caching)
    for each in actions:
        result = wrapped(each)
        assert ok(result), result
    return log


def test_a_growing_chat() -> None:
    """A chat gets a longer cache when it has twice the tokens of its last one, and sends the rest of each turn."""
    turns = [("user" if number % 2 == 0 else "model", "Tell me. " * 3000) for number in range(31)]
    contents = [{"role": role, "parts": [{"text": said}]} for role, said in turns]
    actions = [generate(MODEL, contents[:length]) for length in range(1, 32, 2)]
    log = run_logged(Offline(), context_cached(), *actions)
    creations = [place for place, each in enumerate(log.operations) if each == "caches.create"]
    assert len(creations) in (3, 4)
    assert log.operations.count("generate") == 2
    assert max(length for operation, cache, length in log.entries if cache) < 20


def test_function_calls_stay_together() -> None:
    """A prefix ends before a turn of the user, and not between the call of a function and its response."""
    call = {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}}]}
    response = {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"a": 1}}}]}
    first = {"role": "user", "parts": [{"text": "Tell me. " * 3000}]}
    log = run_logged(CacheService().make_fake(), context_cached(), *[generate(MODEL, [first, call, response])] * 3)
    assert log.operations == ["generate"] * 3
    after = [
        first,
        call,
        response,
        {"role": "model", "parts": [{"text": "1"}]},
        {"role": "user", "parts": [{"text": "?"}]},
    ]
    log = run_logged(CacheService().make_fake(), context_cached(), *[generate(MODEL, after)] * 3)
    assert [length for _, cache, length in log.entries if cache] == [1, 1]


@pytest.mark.parametrize(
    "action",
    [
        generate(MODEL, "hi", {"system_instruction": "short"}),
        generate(MODEL, "All about sundials. " * 1000),
        build_question("hi") | with_options(extra_body={"store": False}),
    ],
    ids=["short", "alone", "extra_body"],
)
def test_sent_whole(action: Any) -> None:
    """Short prefixes, and requests whose body is not known, are sent whole, and so is what no other content follows."""
    assert run_logged(CacheService().make_fake(), context_cached(), *[action] * 4).operations == ["generate"] * 4


def test_own_cache() -> None:
    """A request that names a cache of its own keeps it."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "All about sundials. " * 1000})).unwrap()
    action = generate(MODEL, ["Tell me. " * 3000, "hi"], {"cached_content": cache.name})
    assert run_logged(run, context_cached(), *[action] * 3).operations == ["generate*"] * 3


def test_models_and_tools() -> None:
    """A cache belongs to a model, a system instruction, tools and a tool config: other requests have others."""
    tools = {"tools": [{"function_declarations": [{"name": "f", "description": "Tell me. " * 3000}]}]}
    actions = [
        build_question("a"),
        build_question("a", **tools),
        build_question("a", **tools, tool_config={"function_calling_config": {"mode": "ANY"}}),
        build_question("a") | with_config(system_instruction="Other. " * 4000),
        generate("gemini-2.5-pro", "a", MANUAL),
    ]
    service = CacheService()
    log = run_logged(service.make_fake(), context_cached(), *actions, *actions, *actions)
    assert log.operations.count("caches.create") == len(service.caches) == 5
    assert log.operations.count("generate*") == 10


def test_vertex() -> None:
    """On Vertex AI it works in the same way, with its names of caches."""
    caching = context_cached()
    actions = [build_question(each) for each in "abc"]
    log = run_logged(Offline(Vertex("p", "us-central1")), caching, *actions)
    assert log.operations == ["generate", "caches.create", "generate*", "generate*"]
    assert caching.names[0].startswith("projects/p/locations/us-central1/cachedContents/")


def test_min_uses() -> None:
    """The use that creates a cache can be chosen; 1 is the first."""
    for min_uses in (1, 3):
        log = run_logged(CacheService().make_fake(), context_cached(min_uses=min_uses), *[build_question("a")] * 4)
        whole = min_uses - 1
        assert log.operations == [*["generate"] * whole, "caches.create", *["generate*"] * (4 - whole)]


# Time


@flow
def ask_at(times: tuple[float, ...]) -> Any:
    """Send a request at each of some times, in seconds from the start."""
    for before, now in zip((0.0, *times), times, strict=False):
        yield from sleep(now - before)
        yield from ask(build_question("hi"))
    return Success(None)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0.0, 10.0, 100.0, 170.0, 300.0), ["caches.create", "generate*", "generate*", "caches.update", "generate*"]),
        ((0.0, 10.0, 400.0, 410.0), ["caches.create", "generate*", "generate", "caches.create", "generate*"]),
        ((0.0, 301.0, 602.0), ["generate", "generate"]),
    ],
    ids=["renewed", "expired", "rare"],
)
def test_time(times: tuple[float, ...], expected: list[str]) -> None:
    """A cache is renewed after half of its time to live, is not used after it, and rare uses create none."""
    log = run_logged(Offline(), context_cached(ttl=300), ask_at(times))
    assert log.operations[1:][: len(expected)] == expected
    assert "caches.update" not in expected or log.operations.count("caches.update") == 1


# Failures


def test_creation_fails() -> None:
    """If a cache cannot be created, requests are sent whole, and it is not tried again for a while."""
    service = CacheService()
    service.refusal = ClientError(400, "INVALID_ARGUMENT", "Cached content is too small")
    log = run_logged(service.make_fake(), context_cached(), *[build_question("a")] * 5)
    assert log.operations == ["generate", "caches.create", *["generate"] * 4]


def test_nameless_cache() -> None:
    """A cache without a name counts as not created."""
    fake = Fake({"generate": "hello", "caches.create": CachedContent()})
    log = run_logged(fake, context_cached(), *[build_question("a")] * 3)
    assert log.operations == ["generate", "caches.create", "generate", "generate"]


def test_other_failures_are_returned() -> None:
    """A request that fails for another reason than its cache is not sent again."""
    fake = Fake({"generate": ["one", ClientError(400)], "caches.create": CachedContent(name="cachedContents/1")})
    log = RequestLog(None)  # type: ignore[arg-type]  # not used
    run = fake.with_middleware(log, context_cached())
    assert ok(run(build_question("a")))
    assert run(build_question("a")).failure() == ClientError(400)
    assert log.operations == ["generate", "caches.create", "generate*"]


class AsyncService(CacheService):
    """A service whose creation of a cache takes some steps, or for ever the first times."""

    def __init__(self, stuck: int = 0) -> None:
        super().__init__()
        self.stuck = stuck
        self.started = 0

    async def create(self, request: Any) -> Any:
        self.started += 1
        if self.started <= self.stuck:
            await anyio.sleep_forever()
        await checkpoint()
        return super().create(request)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_creator_is_cancelled(loop: str) -> None:
    """If the one that creates a cache is cancelled, the next in line does so; a deadline ends the wait for it."""

    async def body() -> None:
        service, caching, results = AsyncService(stuck=1), context_cached(), list[Any]()
        run = service.make_fake().with_middleware(caching).aio
        assert ok(await run(build_question("a")))

        async def call(action: Any) -> None:
            results.append(await run(action))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                async with anyio.create_task_group() as cancelled:
                    cancelled.start_soon(call, build_question("b"))
                    while service.started == 0:
                        await checkpoint()
                    await call(build_question("c") | with_options(deadline=0.01))
                    for _ in range(20):
                        tasks.start_soon(call, build_question("d"))
                    for _ in range(100):
                        await checkpoint()
                    cancelled.cancel_scope.cancel()
        assert [len(results), all(map(ok, results))] == [21, True]
        assert (service.started, service.created, len(caching.flights)) == (2, 1, 0)

    anyio.run(body, backend=loop)


@pytest.mark.parametrize(("loop", "manner"), BACKENDS_AND_MANNERS)
def test_cancelled_anywhere(loop: str, manner: str) -> None:
    """Whichever stop a request is cancelled at, the next one uses or creates the cache."""

    async def body() -> None:
        for k in list_stops(manner):
            service, caching = AsyncService(), context_cached(min_uses=1)
            run = service.make_fake().with_middleware(caching).aio
            canceller = await Canceller(k, manner).run(lambda run=run: run(build_question("a")))  # type: ignore[misc]  # default
            assert len(caching.flights) == 0
            assert ok(await run(build_question("b")))
            assert len(caching.names) == 1
            if not canceller.is_reached:
                break
        assert 1 < k < MAX_STOPS

    anyio.run(body, backend=loop)


# Equal results, whatever is drawn

LONG = [f"{each} " * 30 for each in ("One", "Two")]
CONTENTS = st.lists(st.sampled_from([*LONG, "a", "b"]), min_size=1, max_size=5)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "system_instruction": st.sampled_from([*LONG, "s"]),
        "tools": st.just([{"function_declarations": [{"name": "f"}]}]),
        "temperature": st.just(0.5),
    },
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["m", "n"]), CONTENTS, CONFIGS),
        st.sampled_from(["delete all", "vanish", "refuse", "allow"]),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(steps=STEPS, min_uses=st.integers(1, 2))
def test_same_results(steps: list[Any], min_uses: int) -> None:
    """Whatever is sent, and whichever caches vanish, each result is that of the whole request."""
    service, caching = CacheService(), context_cached(min_uses=min_uses, min_tokens=20)
    plain, run = CacheService().make_fake(), service.make_fake().with_middleware(caching)
    for each in steps:
        if each == "delete all":
            assert ok(run(caching.delete_caches()))
            assert caching.names == ()
        elif each == "vanish":
            service.caches.clear()
        elif isinstance(each, str):
            service.refusal = ClientError(400) if each == "refuse" else None
        else:
            model, said, config = each
            turns = [
                {"role": "user" if number % 2 == 0 else "model", "parts": [{"text": part}]}
                for number, part in enumerate(said)
            ]
            action = generate(model, turns, config)
            assert run(action) == plain(action)


# The value


def test_invalid() -> None:
    """Arguments out of range are refused at once."""
    wrong: list[dict[str, Any]] = [{"min_tokens": 0}, {"ttl": 0}, {"ttl": "300s"}, {"min_uses": 0}]
    for arguments in wrong:
        with pytest.raises(InvalidRequest, match=next(iter(arguments))):
            context_cached(**arguments)


def test_pickled() -> None:
    """A pickled one has the same parameters, and no caches."""
    caching = context_cached(min_tokens=1024, ttl=60)
    copied = pickle.loads(pickle.dumps(caching))
    assert (repr(copied), copied.names) == (repr(caching), ())


def test_interpreters_have_caches_of_their_own() -> None:
    """Interpreters with different credentials never use each other's caches."""
    caching, services = context_cached(), [CacheService(), CacheService()]
    for service in services:
        log = run_logged(service.make_fake(), caching, *[build_question("a")] * 3)
        assert log.operations == ["generate", "caches.create", "generate*", "generate*"]


def test_closed_interpreters_are_not_kept() -> None:
    """It refers to no interpreter that is gone, and those that come after it have caches of their own."""
    caching, names = context_cached(), set[str]()
    for _ in range(50):
        offline = Offline()
        reference = weakref.ref(offline._parts.handler)
        names.add(caching.get_owner(offline._parts.handler))
        assert caching.get_owner(offline.with_middleware(caching)._parts.handler) in names
        del offline
        gc.collect()
        assert reference() is None
    assert (len(names), len(caching._owners)) == (50, 0)


def test_handler_without_weak_references() -> None:
    """A handler that takes no weak references keeps its name as well."""
    caching = context_cached()
    assert caching.get_owner(object()) != caching.get_owner(object())  # type: ignore[arg-type]  # any handler


# With other parts


def tell_time(place: str) -> str:
    """Return the time at a place."""
    return f"noon in {place}"


def test_functions_are_called() -> None:
    """The declarations of functions are in the cache, and the functions are still called."""
    service = CacheService()
    calls = [Part(function_call=FunctionCall(name="tell_time", args={"place": "Rome"}))]
    asking = GenerateContentResponse(candidates=(Candidate(content=Content(role="model", parts=tuple(calls))),))
    fake = service.make_fake().with_answer("generate", [asking, "noon"] * 3)
    log = RequestLog(fake)  # type: ignore[arg-type]  # not used
    run = fake.with_middleware(log, context_cached())
    for _ in range(3):
        assert run(build_question("What time is it?") | calling(tell_time) | text) == Success("noon")
    assert log.operations == ["generate", "caches.create", *["generate*"] * 5]
    assert [length for _, cache, length in log.entries if cache] == [3, 1, 3, 1, 3]


def test_below_cached() -> None:
    """`cached` that is added after it answers equal requests, so that they do not count as uses."""
    service, answers = CacheService(), cached()
    log = RequestLog(service.make_fake())  # type: ignore[arg-type]  # not used
    run = service.make_fake().with_middleware(log, context_cached(), answers)
    results = [run(build_question(each, temperature=0)) for each in ("a", "a", "b", "a", "b")]
    assert log.operations == ["generate", "caches.create", "generate*"]
    assert [results[0], results[2]] * 2 == [results[1], results[2], results[3], results[4]]
