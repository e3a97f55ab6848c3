"""`cached` in every place: equal requests are sent once, and results are those that there would be without it."""

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import (
    Failure,
    InvalidRequest,
    Offline,
    Success,
    chats,
    collected,
    embed,
    files,
    gather,
    generate,
    ok,
    streamed,
    text,
    tokens,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.errors import APIError, RateLimited
from genai_fn.middleware import MemoryStore, SeveralSeams, SQLiteStore, TransportWrapper, cached, is_deterministic
from genai_fn.request import Request
from genai_fn.schema import GenerateContentResponse
from genai_fn.testing import Fake
from genai_fn.wire.lenient_json import convert_json
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "hi", {"temperature": 0})
WARM = generate("gemini-2.5-flash", "hi")
STREAM = HI | streamed | text

every_place = pytest.mark.parametrize("place", PLACES, ids=repr)
every_store = pytest.mark.parametrize("kind", ["memory", "sqlite"])


class SendCounter:
    """Middleware that counts the attempts that are sent."""

    def __init__(self) -> None:
        self.count = 0
        self.seams = SeveralSeams(transport=self._wrap)

    def _wrap(self, inner: Any) -> Any:
        counter = self

        class CountingTransport(TransportWrapper):
            def send(self, request: Any) -> Any:
                counter.count += 1
                return self.inner.send(request)

        return CountingTransport(inner)


def make_store(kind: str, folder: Path) -> MemoryStore | SQLiteStore:
    return MemoryStore() if kind == "memory" else SQLiteStore(folder / "answers.sqlite")


@every_store
@every_place
def test_sent_once(place: Place, kind: str, tmp_path: Path) -> None:
    """The second of two equal requests is not sent, and has the same result; so does an equal stream."""
    sent, store = SendCounter(), make_store(kind, tmp_path)

    async def body(run: AwaitableInterpreter) -> Any:
        results = [await run(HI), await run(HI)]
        assert sent.count == 1
        streams = [await run.read_items(HI | streamed), await run.read_items(HI | streamed)]
        assert sent.count == 2
        return results, streams

    [first, second], [items, replayed] = place.run(
        body, sent.seams, cached(store), answers=["one", "t|w|o", "three", "four"]
    )
    assert first == second
    assert first.unwrap().text == "one"
    assert items == replayed
    assert [each.unwrap().text for each in items] == ["t", "w", "o"]
    if isinstance(store, SQLiteStore):
        store.close()


@every_place
def test_failures_are_not_stored(place: Place) -> None:
    """A request that has failed is sent again, and its success is stored."""
    sent = SendCounter()

    async def body(run: AwaitableInterpreter) -> Any:
        return [await run(HI | text) for _ in range(3)]

    failed, *succeeded = place.run(body, sent.seams, cached(), answers=[400, "hello"])
    assert isinstance(failed.failure(), APIError)
    assert [Success("hello")] * 2 == succeeded
    assert sent.count == 2


@every_place
def test_streams_left_early(place: Place) -> None:
    """A stream that was not read to its end, or has failed, is not stored."""
    sent = SendCounter()

    async def body(run: AwaitableInterpreter) -> Any:
        async with run.stream(STREAM) as items:
            first = await anext(aiter(items))
        failed = await run.read_items(STREAM)
        return [first, *failed, *(await run.read_items(STREAM)), *(await run.read_items(STREAM))]

    first, failed, *others = place.run(body, sent.seams, cached(), answers=["a|b", 400, "c|d"])
    assert [Success("a"), Failure] == [first, type(failed)]
    assert [Success("c"), Success("d")] * 2 == others
    assert sent.count == 3


@every_place
def test_only_deterministic_requests(place: Place) -> None:
    """Requests that may have other answers are sent each time, unless they are asked for."""
    sent = SendCounter()

    async def body(run: AwaitableInterpreter) -> Any:
        return [(await run(WARM | text)).unwrap() for _ in range(2)]

    assert place.run(body, sent.seams, cached(), answers=["one", "two"]) == ["one", "two"]
    for operations in (["generate"], {"generate", "embed"}, lambda request: "flash" in request.operation.model):
        assert place.run(body, sent.seams, cached(operations=operations), answers=["one", "two"]) == ["one", "one"]


@every_place
def test_single_flight(place: Place) -> None:
    """Of 64 equal requests in threads or tasks, one is sent, and all get its result."""
    sent = SendCounter()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run.run_concurrently(*[lambda: run(HI | text)] * 64)

    caching = cached()
    assert place.run(body, sent.seams, caching, answers=["one", "two"]) == [Success("one")] * 64
    assert (sent.count, len(caching.flights)) == (1, 0)


@every_place
def test_flows(place: Place) -> None:
    """Each request of a flow is cached by itself: gathered ones, and the turns of a chat."""
    sent = SendCounter()
    chat = chats.start("gemini-2.5-flash", {"temperature": 0})

    async def body(run: AwaitableInterpreter) -> Any:
        gathered = await run(gather([HI | text] * 20) | collected)
        turns = []
        for _ in range(2):
            turn = (await run(chats.send(chat, "hello"))).unwrap()
            turns.append((await run(chats.send(turn.chat, "and now?"))).unwrap().answer.text)
        return gathered.unwrap(), turns

    texts, turns = place.run(body, sent.seams, cached(), answers=["one", "two", "three", "four"])
    assert (set(texts), turns) == ({"one"}, ["three", "three"])
    assert sent.count == 3


@every_place
def test_shared_by_interpreters(place: Place) -> None:
    """Interpreters with one `cached` share its answers; wrapping one of them twice changes nothing."""
    sent, caching = SendCounter(), cached()

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    results = [place.run(body, sent.seams, caching, caching, answers=[each]) for each in ("one", "two")]
    is_shared = place.interpreter != "Http"  # each loopback server has a port of its own, and so another address
    assert [Success("one"), Success("one" if is_shared else "two")] == results


# What is cached, and for how long


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (embed("m", "hi"), True),
        (embed("m", "hi", output="numpy"), True),
        (tokens.count("m", "hi"), True),
        (tokens.count(WARM), True),
        (HI, True),
        (WARM, False),
        (generate("m", "hi", {"temperature": 0.1}), False),
        (generate("m", "hi", {"seed": 1}), False),
        (generate("m", "hi", {"temperature": 0, "tools": [{"google_search": {}}]}), False),
        (generate("m", "hi", {"temperature": 0, "tools": [{"function_declarations": [{"name": "f"}]}]}), True),
        (HI | with_options(extra_body={"generationConfig": {"temperature": 1}}), False),
        (files.get("a"), False),
    ],
    ids=range(12),
)
def test_is_deterministic(request_: Any, expected: bool) -> None:
    """Embeddings, token counts and generation at a temperature of zero without lookups have the same answers again."""
    assert is_deterministic(request_) == expected


def test_never_cached() -> None:
    """Whatever is asked for: what creates, changes or deletes is sent each time, and so is a poll for a state."""
    run = Offline().with_middleware(cached(operations=lambda _: True))
    uploaded = run(files.upload(b"text", {"mime_type": "text/plain"})).unwrap()
    assert run(files.upload(b"text", {"mime_type": "text/plain"})).unwrap().name != uploaded.name
    assert ok(run(files.get(uploaded.name or "")))
    assert ok(run(files.delete(uploaded.name or "")))
    assert not ok(run(files.delete(uploaded.name or "")))


def test_expires() -> None:
    """After its time to live, a request is sent again."""
    now = [0.0]
    run = Fake({"generate": ["one", "two"]}).with_middleware(cached(MemoryStore(clock=lambda: now[0]), ttl=60))
    texts = []
    for now[0] in (0.0, 59.9, 60.0, 119.9):
        texts.append(run(HI | text).unwrap())  # the clock is set in between
    assert texts == ["one", "one", "two", "two"]


@pytest.mark.parametrize("reason", ["STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER"])
def test_finish_reasons(reason: str) -> None:
    """An answer that a filter has stopped is not stored; one that ends at the limit of tokens is."""
    parts = {"content": {"parts": [{"text": "a"}]}, "finish_reason": reason}
    answer = make_response({"candidates": [parts]})
    fake = Fake(lambda _: answer)
    run = fake.with_middleware(cached())
    assert run(HI) == run(HI) == Success(answer)
    assert len(fake.requests) == (1 if reason in ("STOP", "MAX_TOKENS") else 2)


def make_response(tree: Any) -> Any:
    return convert_json(tree, GenerateContentResponse)


def test_blocked_and_empty() -> None:
    """A blocked prompt and an answer without a candidate are not stored."""
    for tree in ({"promptFeedback": {"blockReason": "SAFETY"}}, {}):
        fake = Fake({"generate": make_response(tree)})
        run = fake.with_middleware(cached())
        run(HI), run(HI)
        assert len(fake.requests) == 2


def test_whole_responses_are_sent() -> None:
    """A request for its HTTP response is about this one exchange, and is sent each time."""
    fake = Fake({"generate": "hello"})
    run = fake.with_middleware(cached())
    run(HI | with_http_response), run(HI | with_http_response)
    assert len(fake.requests) == 2


def test_invalid() -> None:
    """Arguments of the wrong type are refused at once."""
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("ttl", {"ttl": 0}),
        ("ttl", {"ttl": "1h"}),
        ("store", {"store": {}}),
        ("store", {"store": MemoryStore}),
        ("operations", {"operations": "generate"}),
        ("operations", {"operations": [1]}),
        ("operations", {"operations": 1}),
    ]
    for path, arguments in wrong:
        with pytest.raises(InvalidRequest, match=path):
            cached(**arguments)


def test_url_of_a_database_is_no_store() -> None:
    """The error for a store of a wrong type does not contain its value, which may be a URL with a password."""
    url: Any = "redis://:a-password@cache.example"
    with pytest.raises(InvalidRequest) as caught:
        cached(url)
    assert "a-password" not in f"{caught.value} {caught.value!r}"


def test_pickled(tmp_path: Path) -> None:
    """The middleware can be pickled if its store can."""
    with SQLiteStore(tmp_path / "a.sqlite") as store:
        original = cached(store, ttl=5, operations=["generate"])
        copied = pickle.loads(pickle.dumps(original))  # our own bytes
        Fake({"generate": "hello"}).with_middleware(original)(HI)
        other = Fake()
        assert other.with_middleware(copied)(HI | text) == Success("hello")
        assert (repr(copied), other.requests) == (repr(original), ())
        copied.store.close()


# Equal results, whatever is drawn

REQUESTS: list[Any] = [
    *(generate("m", each, {"temperature": 0}) for each in ("hi", "fail", "block")),
    *(generate("m", each, {"temperature": 0}) | streamed for each in ("hi", "fail", "many")),
    embed("m", "hi"),
    tokens.count("m", "hi"),
    tokens.count("m", "fail"),
    files.get("a"),
]


def answer_deterministically(request: Request[Any]) -> Any:
    operation: Any = request.operation
    if "fail" in repr(operation):
        return RateLimited(429, "no")
    if operation.op == "generate.stream":
        return ["a", "b", "c"] if "many" in repr(operation) else "a"
    if operation.op == "generate":
        return make_response({"promptFeedback": {"blockReason": "OTHER"}}) if "block" in repr(operation) else "hello"
    return Offline()(request)


@settings(max_examples=40)
@given(drawn=st.lists(st.sampled_from(range(len(REQUESTS))), max_size=12), everything=st.booleans())
def test_same_results(drawn: list[int], everything: bool) -> None:
    """With a deterministic model, every result is the one that there is without a cache."""
    plain = Fake(answer_deterministically)
    fake = Fake(answer_deterministically)
    run = fake.with_middleware(cached(operations=(lambda _: True) if everything else None))
    for index in drawn:
        each = REQUESTS[index]
        if isinstance(each, Request):
            assert run(each) == plain(each)
        else:
            with run.stream(each) as items, plain.stream(each) as expected:
                assert list(items) == list(expected)
    counts = Counter(map(repr, fake.requests))
    stored = [each for each in counts if not any(word in each for word in ("fail", "block", "files.get"))]
    assert all(counts[each] == 1 for each in stored)


# With config and options


def test_what_distinguishes_requests() -> None:
    """Everything that the API receives distinguishes requests, and no credential or time limit does."""
    fake = Fake({"generate": [str(number) for number in range(20)]})
    run = fake.with_middleware(cached(operations=["generate"]))
    different = [
        HI,
        HI | with_config(top_p=0.5),
        HI | with_options(extra_body={"a": 1}),
        HI | with_options(api_version="v1"),
        HI | with_options(base_url="https://gateway.example"),
        HI | with_options(headers={"x-route": "b"}),
    ]
    texts = [run(each | text).unwrap() for each in different]
    assert len(set(texts)) == len(different)
    same = [HI | with_options(deadline=5), HI | with_options(headers={"x-goog-api-key": "b", "Authorization": "c"})]
    assert [run(each | text).unwrap() for each in same] == ["0", "0"]
