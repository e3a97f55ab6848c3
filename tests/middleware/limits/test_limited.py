"""`limited` and `adaptive` in every place: what they count, when they fail, and what they share."""

import pickle
from typing import Any

import anyio
import pytest
from returns.result import Failure

from genai_fn import InvalidRequest, embed, files, generate, streamed, text, videos, with_options
from genai_fn.errors import APIError, QuotaExceeded, RateLimited, TimedOut
from genai_fn.middleware import adaptive, limited
from genai_fn.middleware.limits.advice import QuotaAdvice, read_advice
from genai_fn.middleware.limits.costs import count_requests, estimate_tokens
from genai_fn.middleware.limits.days import compute_seconds_to_midnight
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "hi")


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_counts_attempts(place: Place) -> None:
    """Each attempt of a request counts, also a retry."""
    limit = limited(1_000_000, 1_000_000, 1_000, 2)

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    place.run(body, limit, answers=[503, "hello"])
    gate = limit.get_gate()
    assert gate.requests is not None
    assert gate.requests.total == gate.passed == (2 if place.retries else 1)
    assert gate.in_flight == gate.waiting == 0


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_a_stream_is_in_flight_until_its_end(place: Place) -> None:
    """The slot of a stream is free at its end, and when its block is left before."""
    limit = limited(in_flight=1)

    async def body(run: AwaitableInterpreter) -> Any:
        whole = await run.read_items(HI | streamed | text)
        async with run.stream(HI | streamed | text) as items:
            first = await anext(aiter(items))
        return [each.unwrap() for each in whole], first.unwrap(), (await run(HI | text)).unwrap()

    assert (["hel", "lo"], "hel", "hello") == place.run(body, limit, answers=["hel|lo"])
    assert limit.get_gate().in_flight == 0


@pytest.mark.parametrize("place", PLACES, ids=repr)
@pytest.mark.parametrize("limit", [limited(1_000_000, in_flight=3), adaptive(3, maximum=3)], ids=repr)
def test_is_shared_by_concurrent_runs(place: Place, limit: Any) -> None:
    """Concurrent runs share the slots, all of them end, and nothing is left."""
    limit = pickle.loads(pickle.dumps(limit))

    async def body(run: AwaitableInterpreter) -> Any:
        return await run.run_concurrently(*[lambda: run(HI | text) for _ in range(20)])

    assert ["hello"] * 20 == [each.unwrap() for each in place.run(body, limit)]
    assert limit.get_gate().passed == 20
    assert limit.get_gate().in_flight == limit.get_gate().waiting == 0


@pytest.mark.parametrize("place", [each for each in PLACES if each.has_virtual_time], ids=repr)
def test_waits_in_virtual_time(place: Place) -> None:
    """Where time is virtual, a wait for the limit takes none."""
    limit = limited(2)

    async def body(run: AwaitableInterpreter) -> Any:
        return [await run(HI | text) for _ in range(5)]

    assert ["hello"] * 5 == [each.unwrap() for each in place.run(body, limit)]


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_a_wait_beyond_the_deadline_fails_at_once(place: Place) -> None:
    """A request that would have to wait longer than its deadline is not sent."""
    limit = limited(1)

    async def body(run: AwaitableInterpreter) -> Any:
        return [await run(HI | with_options(deadline=50)) for _ in range(2)]

    first, second = place.run(body, limit)
    assert first.unwrap().text == "hello"
    assert isinstance(second.failure(), TimedOut)
    assert limit.get_gate().waiting == 0


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_a_day_is_not_waited_for(place: Place) -> None:
    """When the requests of a day are used up, a request fails at once."""

    async def body(run: AwaitableInterpreter) -> Any:
        return [await run(HI | text) for _ in range(3)]

    *sent, refused = place.run(body, limited(requests_per_day=2))
    assert all(each.unwrap() == "hello" for each in sent)
    assert isinstance(refused.failure(), QuotaExceeded)
    assert refused.failure().quota == "requests per day"


@pytest.mark.parametrize(
    "place", [each for each in PLACES if each.interpreter == "Http" and not each.is_sync], ids=repr
)
def test_cancelled_waits_leave_the_queue(place: Place) -> None:
    """Tasks that are cancelled while they wait leave nothing behind, and the others go on."""
    limit = limited(in_flight=1)

    async def body(run: AwaitableInterpreter) -> Any:
        async with run.stream(HI | streamed | text) as items:
            await anext(aiter(items))
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(run, HI | text)
                while limit.get_gate().waiting < 10:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            assert limit.get_gate().waiting == 0
        return await run(HI | text)

    assert place.run(body, limit, answers=["hel|lo"]).unwrap() == "hello"
    assert limit.get_gate().in_flight == 0


@pytest.mark.parametrize(("executor", "callers"), [("sync", 64), ("asyncio", 1_000), ("trio", 1_000)])
def test_many_callers(executor: str, callers: int) -> None:
    """Threads and tasks by the dozen and the thousand share a limit; each gets its turn."""
    limit = limited(10_000_000, 10**12, in_flight=8)

    async def body(run: AwaitableInterpreter) -> Any:
        return await run.run_concurrently(*[lambda: run(HI | text) for _ in range(callers)])

    results = Place("Http", executor).run(body, limit)
    assert ["hello"] * callers == [each.unwrap() for each in results]
    assert limit.get_gate().passed == callers
    assert limit.get_gate().in_flight == limit.get_gate().waiting == 0


def test_bypasses_what_does_not_count() -> None:
    """Requests that count as 0 neither wait nor take a share; the function of the caller decides."""
    limit = limited(1, count_requests=lambda request: request.operation.op == "embed")
    run = Fake({"generate": "hi"}).with_middleware(limit)
    assert all(run(HI | with_options(deadline=10)).unwrap() for _ in range(3))
    assert limit.get_gate().passed == 0


@pytest.mark.parametrize(
    ("request_", "count", "tokens"),
    [
        (HI, 1, 1),
        (embed("gemini-embedding-001", ["one", "two", "three"]), 3, 3),
        (generate("gemini-2.5-flash", "äöü€"), 1, 3),
        (generate("m", "12345678", {"system_instruction": "12345678"}), 1, 4),
        (videos.generate("m", source={"prompt": "12345678"}), 1, 2),
        (files.list(), 0, 0),
    ],
)
def test_costs(request_: Any, count: int, tokens: int) -> None:
    """An embedding counts once for each content, a file list not at all; tokens follow the length of the texts."""
    assert (count, tokens) == (count_requests(request_), estimate_tokens(request_))


def test_a_batch_above_the_limit_is_refused() -> None:
    """A batch that could never fit fails at once."""
    run = Fake().with_middleware(limited(2))
    error = run(embed("gemini-embedding-001", ["a", "b", "c"])).failure()
    assert error == QuotaExceeded("requests per minute", 2)


def build_quota_error(*violations: dict[str, str], delay: str | None = None) -> RateLimited:
    """Build a 429 as Google sends it."""
    details: list[Any] = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}]
    if delay is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return RateLimited(429, "RESOURCE_EXHAUSTED", "", tuple(details), (("date", "Wed, 15 Jul 2026 06:59:00 GMT"),))


PER_MINUTE = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}
TOKENS = {"quotaId": "GenerateContentInputTokensPerModelPerMinute-FreeTier", "quotaValue": "250000"}
PER_DAY = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            build_quota_error(PER_MINUTE, TOKENS, delay="26s"),
            QuotaAdvice(delay=26.0, requests_per_minute=10, tokens_per_minute=250_000),
        ),
        (build_quota_error(PER_DAY, PER_MINUTE, delay="26s"), QuotaAdvice(exhausted_for=60.0)),
        (build_quota_error({**PER_MINUTE, "quotaValue": "0"}), None),
        (RateLimited(429, headers=(("retry-after", "7"),)), QuotaAdvice(delay=7.0)),
        (APIError(503, headers=(("retry-after", "7"),)), None),
    ],
)
def test_reads_advice(error: APIError, advice: QuotaAdvice | None) -> None:
    """Quotas a minute become limits, one of a day lasts until midnight, Pacific time, and one of zero tells nothing."""
    assert read_advice(error) == advice


def test_a_429_tightens_the_limits_for_all() -> None:
    """After a 429, the quotas that it names hold for all requests, and nothing is sent before the advised time."""
    answers: list[Any] = [build_quota_error(PER_MINUTE, TOKENS, delay="26s")]
    limit = limited(60)
    run = Fake({"generate": lambda _: answers.pop() if answers else "hi"}).with_middleware(limit)
    assert isinstance(run(HI).failure(), RateLimited)
    gate = limit.get_gate()
    assert gate.requests is not None
    assert gate.tokens is not None
    assert (gate.requests.limit, gate.tokens.limit) == (10, 250_000)
    assert isinstance(run(HI | with_options(deadline=20)).failure(), TimedOut)
    assert run(HI | with_options(deadline=30) | text).unwrap() == "hi"


def test_an_exhausted_day_of_a_model_fails_its_requests() -> None:
    """After a 429 for the quota of a day, requests to that model fail until midnight, and others do not."""
    answers: list[Any] = [build_quota_error(PER_DAY, delay="26s")]
    run = Fake({"generate": lambda _: answers.pop() if answers else "hi"}).with_middleware(limited(60))
    assert isinstance(run(HI).failure(), RateLimited)
    assert run(HI).failure() == QuotaExceeded("a quota of the server for a day", None, 60.0)
    assert run(generate("gemini-2.5-pro", "hi") | text).unwrap() == "hi"


def test_seconds_to_midnight_in_winter_and_without_a_date() -> None:
    """Midnight in California is 08:00 UTC in winter; a response without a date, or with nonsense, tells nothing."""
    assert compute_seconds_to_midnight((("Date", "Thu, 15 Jan 2026 07:00:00 GMT"),)) == 3600.0
    assert compute_seconds_to_midnight(()) is compute_seconds_to_midnight((("date", "soon"),)) is None


@pytest.mark.parametrize(
    "make",
    [
        limited,
        lambda: limited(0),
        lambda: limited(1.5),  # type: ignore[arg-type]  # that is the point
        lambda: limited(1, estimate_tokens=7),  # type: ignore[arg-type]  # that is the point
        lambda: adaptive(0),
        lambda: adaptive(5, maximum=4),
        lambda: adaptive(backoff_ratio=1.0),
    ],
)
def test_refuses_wrong_arguments(make: Any) -> None:
    """A limit that makes no sense is refused at once."""
    with pytest.raises(InvalidRequest):
        make()


def test_functions_of_the_caller_may_fail() -> None:
    """What a function of the caller raises reaches the caller, and a wrong number is an `InvalidRequest`."""
    for count, error in ((lambda _: 1 // 0, ZeroDivisionError), (lambda _: -1, InvalidRequest)):
        limit = limited(1, count_requests=count)
        with pytest.raises(error):
            Fake({"generate": "hi"}).with_middleware(limit)(HI)
        assert limit.get_gate().waiting == 0


def test_a_stream_that_is_left_behind_gives_its_slot_back() -> None:
    """When an unfinished stream is collected, its slot is free."""
    limit = limited(in_flight=1)
    items = Fake({"generate.stream": ["a", "b"]}).with_middleware(limit).stream(HI | streamed)
    assert not isinstance(next(items), Failure)
    assert limit.get_gate().in_flight == 1
    with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
        del items
    assert limit.get_gate().in_flight == 0


def test_repr_names_the_limits() -> None:
    """The repr is the call, without what was left out."""
    assert repr(limited(60, in_flight=4)) == "limited(requests_per_minute=60, in_flight=4)"
    assert repr(adaptive(2)) == "adaptive(initial=2, minimum=1, maximum=256, backoff_ratio=0.5)"
