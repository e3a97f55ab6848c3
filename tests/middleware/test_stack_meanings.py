"""What each middleware of a stack sees of the others: attempts, hits, copies, targets, spans and deadlines."""

from functools import partial
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from returns.result import Failure, Success

from genai_fn import (
    Gemini,
    Offline,
    Retry,
    collected,
    embed,
    gather,
    generate,
    joined,
    streamed,
    text,
    with_options,
)
from genai_fn.errors import RateLimited, TimedOut
from genai_fn.middleware import (
    HandlerWrapper,
    budgeted,
    cached,
    coalesced,
    context_cached,
    fallback,
    hedged,
    limited,
    logged,
    traced,
)
from genai_fn.schema import CachedContent
from genai_fn.testing import Delayed, Fake
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Late, Place

HI = generate("gemini-2.5-flash", "hi")
every_place = pytest.mark.parametrize("place", PLACES, ids=repr)
retrying_places = pytest.mark.parametrize("place", [each for each in PLACES if each.retries], ids=repr)


async def call_twice(run: AwaitableInterpreter) -> Any:
    """Run one request twice."""
    return await run(HI | text), await run(HI | text)


@retrying_places
@pytest.mark.parametrize("limit_is_inside", [False, True])
def test_retries_count_in_limited(place: Place, limit_is_inside: bool) -> None:
    """A limit counts each attempt, wherever it stands among logs, hedges and traces."""
    limit = limited(100, in_flight=1)
    others = [logged("genai_fn.tests"), hedged(after=30), traced(TracerProvider())]
    stack = [limit, *others] if limit_is_inside else [*others, limit]
    assert place.run(call_twice, *stack, answers=[503, 503, "hello"])[0] == Success("hello")
    assert limit.get_gate().passed == 4
    assert limit.get_gate().in_flight == 0


@every_place
@pytest.mark.parametrize("cache_is_inside", [False, True])
def test_hits_cost_no_slot(place: Place, cache_is_inside: bool) -> None:
    """An answer of the cache takes no part of a limit, whichever of the two is around the other."""
    limit, cache = limited(100, in_flight=1), cached(operations=["generate"])
    stack = [cache, limit] if cache_is_inside else [limit, cache]
    assert place.run(call_twice, *stack) == (Success("hello"), Success("hello"))
    assert limit.get_gate().passed == 1


@every_place
def test_hits_cost_no_budget(place: Place) -> None:
    """An answer of the cache costs a budget that is inside it nothing."""
    budget = budgeted(tokens=100_000)
    place.run(call_twice, budget, cached(operations=["generate"]))
    spent = budget.spent
    twice = budgeted(tokens=100_000)
    place.run(call_twice, twice)
    assert 0 < spent == twice.spent / 2


@pytest.mark.parametrize("place", [each for each in PLACES if each.interpreter == "Fake"], ids=repr)
@pytest.mark.parametrize("limit_is_inside", [False, True])
def test_hedged_copies_count_in_limited(place: Place, limit_is_inside: bool) -> None:
    """Each copy of a hedged request counts in a limit, and gives its slot back when it loses."""
    limit, hedge = limited(100, in_flight=2), hedged(after=2)
    stack = [limit, hedge] if limit_is_inside else [hedge, limit]

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    assert place.run(body, *stack, answers=[Late("slow", 60), Late("fast", 1)]) == Success("fast")
    assert limit.get_gate().passed == 2
    assert limit.get_gate().in_flight == limit.get_gate().waiting == 0


@pytest.mark.parametrize("limit_is_inside", [False, True])
def test_targets_count_in_limited(limit_is_inside: bool) -> None:
    """The second target of a fallback counts in a limit, too."""
    limit, second = limited(100, in_flight=1), fallback(models=["b"])
    stack = [limit, second] if limit_is_inside else [second, limit]
    answers = {"generate": lambda request: RateLimited(429) if request.operation.model == "a" else "b"}
    assert Fake(answers).with_middleware(*stack)(generate("a", "hi") | text) == Success("b")
    assert limit.get_gate().passed == 2


def test_hedged_cached_limited() -> None:
    """In a cache around a hedge around a limit, equal calls at once are one flight, whose copies share the limit."""
    limit, cache = limited(100, in_flight=2), cached(operations=["generate"])
    answers = [Delayed("slow", 60), Delayed("fast", 1)]
    run = Fake({"generate": answers}).with_middleware(limit, hedged(after=2), cache)
    assert run(gather([HI | text] * 5) | collected).unwrap() == ("fast",) * 5
    assert limit.get_gate().passed == 2
    assert limit.get_gate().in_flight == len(cache.flights) == 0


@every_place
@pytest.mark.parametrize("trace_is_inside", [False, True])
def test_spans_within_hedges_have_their_parent(place: Place, trace_is_inside: bool) -> None:
    """The span of a hedged request is a child of the span of its flow, in every executor."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace, hedge = traced(provider), hedged(after=30)

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(gather([HI | text, HI | text]) | collected)

    place.run(body, *([trace, hedge] if trace_is_inside else [hedge, trace]))
    spans = exporter.get_finished_spans()
    workflow = next(each for each in spans if each.parent is None)
    assert workflow.name == "invoke_workflow gathered"
    parents = {each.parent.span_id for each in spans if each.parent is not None}
    assert len(spans) == 3
    assert workflow.context is not None
    assert parents == {workflow.context.span_id}


class DeadlineRecorder(HandlerWrapper):
    """Records until when each request may take."""

    def __init__(self) -> None:
        self.deadlines: list[float] = []

    def __call__(self, inner: Any) -> "DeadlineRecorder":
        self.inner = inner
        return self

    def handle(self, request: Any, until: float) -> Any:
        self.deadlines.append(until)
        return self.inner.handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self.deadlines.append(until)
        return self.inner.open_stream(request, until)


@pytest.mark.parametrize("is_stream", [False, True])
def test_creating_a_cache_counts_towards_the_deadline(is_stream: bool) -> None:
    """The deadline of a request or stream includes the time that the creation of its cache takes."""
    recorder = DeadlineRecorder()
    created = Delayed(CachedContent(name="cachedContents/1"), 60)
    fake = Fake({"caches.create": created, "generate": "hi", "generate.stream": ["hi"]})
    run = fake.with_middleware(recorder, context_cached(min_tokens=1, min_uses=1))
    question = generate("gemini-2.5-flash", "hi", {"system_instruction": "A long text."}) | with_options(deadline=5)
    run(question | streamed | text | joined if is_stream else question | text)
    assert recorder.deadlines == [5.0, 5.0]


@every_place
def test_deadlines_of_stacks(place: Place) -> None:
    """The deadline of a request holds in a stack of middleware that waits."""
    seconds = 0.05 if place.interpreter == "Http" else 5.0
    limit, cache = limited(100, in_flight=1), cached(operations=["generate"])

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | with_options(deadline=seconds)), await run(HI | text)

    stack = [limit, hedged(after=seconds * 2), fallback(models=["b"], on=TimedOut), cache]
    late, second = place.run(body, *stack, answers=[Late("hello"), "hello"])
    assert isinstance(late, Failure)
    assert isinstance(late.failure(), TimedOut)
    assert second == Success("hello")
    assert limit.get_gate().in_flight == len(cache.flights) == 0


class RequestRecorder(HandlerWrapper):
    """Middleware that keeps the requests that reach it."""

    def __init__(self, requests: list[Any], inner: Any) -> None:
        super().__init__(inner)
        self._requests = requests

    def handle(self, request: Any, until: float) -> Any:
        self._requests.append(request)
        return self.inner.handle(request, until)


def test_fallback_outside_coalesced() -> None:
    """Single embeddings that pass through a fallback share a batch, as they do without it."""
    sent: list[Any] = []

    async def embed_all() -> Any:
        stack = (partial(RequestRecorder, sent), coalesced(), fallback(backends=[Gemini("another-key")]))
        async with Offline().with_middleware(*stack).aio as run:
            return await run(gather(embed("gemini-embedding-001", each) for each in "abc") | collected)

    assert len(anyio.run(embed_all).unwrap()) == 3
    assert [len(each.operation.contents) for each in sent] == [3]


def test_fallback_outside_context_cached() -> None:
    """Requests that pass through a fallback use the cache of their prefix, as they do without it."""
    sent: list[Any] = []
    stack = (partial(RequestRecorder, sent), context_cached(), fallback(models=["gemini-2.5-pro"]))
    run = Offline().with_middleware(*stack)
    for each in "abc":
        run(generate("gemini-2.5-flash", each, {"system_instruction": "All about sundials. " * 1000})).unwrap()
    operations = [each.operation for each in sent]
    assert [each.op for each in operations] == ["generate", "caches.create", "generate", "generate"]
    caches = [each.config.cached_content for each in operations if each.op == "generate"]
    assert caches == [None, "cachedContents/cachedcontent1", "cachedContents/cachedcontent1"]


def test_fallback_outside_cached() -> None:
    """Equal requests in flight that pass through a fallback share the failure of each target."""
    sent: list[Any] = []

    def answer(request: Any) -> Any:
        sent.append(request)
        return {"error": {"status": 503}, "delay": 1}

    async def ask_all() -> Any:
        stack = (cached(operations=["generate"]), fallback(models=["b"]))
        async with Offline(script=answer).with_middleware(*stack).aio as run:
            return await run(gather([HI | with_options(retry=Retry(attempts=1))] * 4) | collected)

    assert isinstance(anyio.run(ask_all), Failure)
    assert len(sent) == 2
