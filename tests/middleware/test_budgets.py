"""`budgeted`: refuses before the money is spent, and counts what calls have really used, in every place."""

import os
import sys
import threading
from typing import Any, ClassVar

import anyio
import pytest
from genai_prices import Usage as PricedUsage, calc_price
from hypothesis import given, strategies as st

from genai_fn import (
    BudgetExceeded,
    Failure,
    InvalidRequest,
    MissingExtra,
    Offline,
    Success,
    Usage,
    calling,
    embed,
    files,
    generate,
    images,
    ok,
    streamed,
    videos,
)
from genai_fn.errors import DecodeError, Disconnected, RateLimited, ServerError
from genai_fn.middleware import HandlerWrapper, ModelPrices, budgeted
from genai_fn.middleware.budgets.estimates import estimate_usage
from genai_fn.middleware.budgets.prices import compute_cost, find_prices
from genai_fn.request import Request
from genai_fn.schema.content import Blob, Content, Part
from genai_fn.schema.responses import GenerateContentResponse, GenerateContentResponseUsageMetadata
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "hi", {"max_output_tokens": 100})
ANSWER = GenerateContentResponse(
    usage_metadata=GenerateContentResponseUsageMetadata(prompt_token_count=10, candidates_token_count=20)
)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_refused(place: Place) -> None:
    """A call that might exceed the budget is refused before anything is sent; others go on."""
    budget = budgeted(tokens=150)

    async def body(run: AwaitableInterpreter) -> Any:
        await run(HI)
        spent = budget.spent
        large = await run(generate("gemini-2.5-flash", "hi", {"max_output_tokens": 149}))
        return spent, large, await run(generate("gemini-2.5-flash", "hi", {"max_output_tokens": 10}))

    spent, large, small = place.run(body, budget, answers=["hello", "hello"], repeat=False)
    assert spent > 0
    assert large == Failure(BudgetExceeded(150, 150 - spent, "tokens"))
    assert ok(small)
    assert budget.reserved == 0


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_failed_calls(place: Place) -> None:
    """A call that the server has refused costs nothing."""
    budget = budgeted(usd=1.0)

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI), await run.read_items(HI | streamed)

    result, items = place.run(body, budget, answers=[400])
    assert not ok(result)
    assert not ok(items[0])
    assert (budget.spent, budget.reserved) == (0, 0)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_streams(place: Place) -> None:
    """A stream costs what its last chunk states; one that is left early costs at least its estimate."""
    budget = budgeted(tokens=10_000)
    spent: list[float] = []

    async def body(run: AwaitableInterpreter) -> None:
        async with run.stream(HI | streamed) as items:
            spent.extend([budget.reserved async for _ in items])
        spent.append(budget.spent)
        async with run.stream(HI | streamed) as items:
            await anext(items)

    place.run(body, budget, answers=["a|b"])
    assert spent[0] == 101
    assert 0 < spent[-1] <= 101
    assert budget.spent == spent[-1] + 101
    assert budget.reserved == 0


class UsingHandler(HandlerWrapper):
    """Answers each request with one answer or failure."""

    answer: ClassVar[Any] = Success(ANSWER)

    def handle(self, request: Any, until: float) -> Any:
        yield from ()
        return self.answer


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (Success(ANSWER), 30),
        (Success(GenerateContentResponse()), 101),
        (Failure(RateLimited(429)), 0),
        (Failure(ServerError(503)), 0),
        (Failure(Disconnected("connecting", sent=False)), 0),
        (Failure(Disconnected("reading", sent=True)), 101),
        (Failure(DecodeError("JSON")), 101),
    ],
)
def test_counted(answer: Any, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stated usage is counted; the estimate, where the server may have worked without that it is known."""
    monkeypatch.setattr(UsingHandler, "answer", answer)
    budget = budgeted(tokens=1000)
    Fake({}).with_middleware(UsingHandler, budget)(HI)
    assert (budget.spent, budget.remaining) == (tokens, 1000 - tokens)


def test_calling_loops() -> None:
    """Each request of a loop of function calls is counted."""
    budget = budgeted(tokens=100_000)

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    script = [{"calls": [{"name": "add", "args": {"a": 2, "b": 3}}]}, {"text": "5"}]
    assert ok(Offline(script=script).with_middleware(budget)(HI | calling(add)))
    alone = budgeted(tokens=100_000)
    for step in script:
        Offline(script=[step]).with_middleware(alone)(HI)
    assert budget.spent > alone.spent


def test_free_operations() -> None:
    """What is not paid by usage is neither counted nor refused."""
    budget = budgeted(tokens=1)
    assert ok(Offline().with_middleware(budget)(files.list()))
    assert budget.spent == 0


def test_dollars() -> None:
    """Dollars are those of genai-prices: here 10 tokens in and 20 out."""
    budget = budgeted(usd=0.01)
    Fake({}).with_middleware(UsingHandler, budget)(HI)
    assert budget.spent == pytest.approx((10 * 0.3 + 20 * 2.5) / 1e6)
    assert repr(budget) == f"<budget of 0.01 USD, {budget.spent:g} spent>"


def test_unknown_models() -> None:
    """A model without a known price is a failure, and nothing is sent, unless a price is given."""
    unknown = generate("a-model-of-mine", "hi", {"max_output_tokens": 100})
    error = Fake({}).with_middleware(budgeted(usd=1.0))(unknown).failure()
    assert isinstance(error, InvalidRequest)
    assert (error.path, error.value) == ("budgeted.prices", "a-model-of-mine")
    budget = budgeted(usd=1.0, prices={"a-model-of-mine": ModelPrices(input=1.0, output=1.0)})
    assert ok(Fake({}).with_middleware(UsingHandler, budget)(unknown))
    assert budget.spent == pytest.approx(30 / 1e6)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without genai-prices a budget in dollars raises at once, or needs the price of each model."""
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    with pytest.raises(MissingExtra, match="genai-prices"):
        budgeted(usd=1.0)
    budget = budgeted(usd=1.0, prices={"other": ModelPrices(input=1.0)})
    assert isinstance(Fake({}).with_middleware(budget)(HI).failure(), MissingExtra)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"usd": 1.0, "tokens": 1},
        {"usd": 0},
        {"tokens": -1},
        {"usd": "1"},
        {"usd": True},
        {"usd": float("nan")},
        {"tokens": 1, "prices": {"m": 0.3}},
        {"tokens": 1, "prices": [0.3]},
        {"tokens": 1, "output_tokens": -1000},
        {"tokens": 1, "output_tokens": "8192"},
        {"tokens": 1, "estimate": 7},
    ],
)
def test_wrong_parameters(wrong: dict[str, Any]) -> None:
    """A budget needs exactly one limit above zero, and other arguments of their types."""
    with pytest.raises(InvalidRequest, match="budgeted"):
        budgeted(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": -1.0},
        {"input": None},
        {"output": float("inf")},
        {"image": "1"},
        {"input_by_modality": {"AUDIO": -1}},
        {"above": ((200_000, 0.6),)},
    ],
)
def test_wrong_prices(wrong: dict[str, Any]) -> None:
    """A price is a number of at least 0, and only that of cached tokens may be None."""
    with pytest.raises(InvalidRequest, match="ModelPrices"):
        ModelPrices(**wrong)


def test_threads() -> None:
    """64 threads never spend more than the budget together, and at the end nothing is reserved."""
    budget = budgeted(tokens=101 * 20 + 50)
    run = Fake({}).with_middleware(UsingHandler, budget)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.extend([run(HI) for _ in range(20)])) for _ in range(64)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert len(results) == 64 * 20
    assert budget.spent == 30 * sum(map(ok, results)) <= budget.limit
    assert budget.reserved == 0
    assert budget.remaining < 101


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_fork_during_a_call() -> None:
    """In a forked process nothing is reserved for the calls of its parent, also after the end of its copy of one."""
    budget, parent = budgeted(tokens=1000), os.getpid()
    statuses: list[int] = []

    def answer(_: Any) -> str:
        child = os.fork()
        if child:
            statuses.append(os.waitpid(child, 0)[1])
        elif budget.reserved:
            os._exit(1)
        return "hello"

    try:
        Fake({"generate": answer}).with_middleware(budget)(HI)
    finally:
        if os.getpid() != parent:
            os._exit(2 if budget.reserved else 0)
    assert (statuses, budget.reserved) == ([0], 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled(backend: str) -> None:
    """A call that is cancelled counts as its estimate: the server may go on."""
    budget = budgeted(tokens=1000)

    async def cancel_call() -> None:
        with anyio.CancelScope() as scope:

            async def answer(_: Any) -> str:
                scope.cancel()
                await anyio.sleep_forever()
                raise AssertionError

            await Fake({"generate": answer}).aio.with_middleware(budget)(HI)

    anyio.run(cancel_call, backend=backend)
    assert (budget.spent, budget.reserved) == (101, 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks(backend: str) -> None:
    """1,000 tasks never spend more than the budget together, and at the end nothing is reserved."""
    budget = budgeted(tokens=101 * 20 + 50)
    results: list[Any] = []

    async def call(run: Any) -> None:
        results.append(await run(HI))

    async def call_all() -> None:
        run = Fake({}).aio.with_middleware(UsingHandler, budget)
        async with anyio.create_task_group() as tasks:
            for _ in range(1000):
                tasks.start_soon(call, run)

    anyio.run(call_all, backend=backend)
    assert len(results) == 1000
    assert budget.spent == 30 * sum(map(ok, results)) <= budget.limit
    assert budget.reserved == 0


def test_interrupted() -> None:
    """A call that an interrupt ends counts as its estimate, and reserves nothing afterwards."""

    def answer(_: Any) -> str:
        raise KeyboardInterrupt

    budget = budgeted(tokens=1000)
    with pytest.raises(KeyboardInterrupt):
        Fake({"generate": answer}).with_middleware(budget)(HI)
    assert (budget.spent, budget.reserved) == (101, 0)


def test_exceptions_of_users() -> None:
    """An exception of a user's function, which may have sent something, counts as the estimate."""

    def answer(_: Any) -> str:
        raise LookupError

    budget = budgeted(tokens=1000)
    with pytest.raises(LookupError):
        Fake({"generate": answer}).with_middleware(budget)(HI)
    assert (budget.spent, budget.reserved) == (101, 0)

    def refuse(_: Request[Any]) -> Usage:
        raise LookupError

    broken = budgeted(tokens=1000, estimate=refuse)
    with pytest.raises(LookupError):
        Fake({"generate": "hello"}).with_middleware(broken)(HI)
    assert (broken.spent, broken.reserved) == (0, 0)


def test_own_estimate() -> None:
    """A given function estimates the usage; anything else that it returns raises."""
    with pytest.raises(InvalidRequest, match="estimate"):
        Fake({}).with_middleware(budgeted(tokens=1, estimate=lambda _: 7))(HI)  # type: ignore[arg-type,return-value]  # wrong on purpose
    budget = budgeted(tokens=1000, estimate=lambda _: Usage(input_tokens=1001))
    assert Fake({}).with_middleware(budget)(HI) == Failure(BudgetExceeded(1001, 1000, "tokens"))


@pytest.mark.parametrize(
    ("request_", "usage"),
    [
        (HI, Usage(input_tokens=1, output_tokens=100)),
        (generate("m", "ж" * 30), Usage(input_tokens=20, output_tokens=8192)),
        (
            generate("m", "hi", {"system_instruction": "x" * 29, "candidate_count": 2, "max_output_tokens": 5}),
            Usage(input_tokens=11, output_tokens=10),
        ),
        (
            generate("m", [Content(parts=(Part(inline_data=Blob(data=b"x" * 9999, mime_type="image/png")),))]),
            Usage(input_tokens=1290, output_tokens=8192),
        ),
        (embed("m", ["abc", "def"]), Usage(input_tokens=2)),
        (videos.generate("m", "a film", config={"number_of_videos": 2}), Usage(input_tokens=2, videos=2)),
        (images.generate("m", "a cat", {"number_of_images": 2}), Usage(input_tokens=2, images=2)),
        (images.generate("m", "a cat"), Usage(input_tokens=2, images=4)),
        (images.recontext("m", {"prompt": "a cat"}), Usage(input_tokens=2, images=1)),
    ],
)
def test_estimates(request_: Any, usage: Usage) -> None:
    """One token for 3 bytes of text, an image for each file, and the most that the request allows as output."""
    assert estimate_usage(getattr(request_, "source", None) or request_, 8192) == usage


MODELS = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash", "gemini-2.5-flash-image", "gemini-embedding-001")


@given(
    st.sampled_from(MODELS),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
)
def test_costs_are_those_of_the_package(
    model: str, written: int, audio: int, cached_text: int, cached_audio: int, output: int
) -> None:
    """Costs of text, audio and images, cached or not, in all tiers, equal those that genai-prices computes."""
    prices = find_prices(model)
    assert prices is not None
    has_audio, has_images = bool(prices.input_by_modality), bool(prices.output_by_modality)
    audio, cached_audio = (audio, cached_audio) if has_audio else (0, 0)
    cached = cached_text + cached_audio if prices.cached is not None else 0
    cached_audio = min(cached, cached_audio)
    total = written + audio + cached
    usage = Usage(
        input_tokens=total,
        output_tokens=output if prices.output else 0,
        cached_tokens=cached,
        input_details=(("TEXT", written + cached - cached_audio), ("AUDIO", audio + cached_audio)),
        cached_details=(("TEXT", cached - cached_audio), ("AUDIO", cached_audio)),
        output_details=(("IMAGE", output // 2),) if has_images else (),
    )
    counts = {"input_tokens": total, "output_tokens": usage.output_tokens, "cache_read_tokens": cached}
    if has_audio:
        counts |= {"input_audio_tokens": audio + cached_audio, "cache_audio_read_tokens": cached_audio}
    if has_images:
        counts |= {"output_image_tokens": output // 2}
    expected = calc_price(PricedUsage(**counts), model, provider_id="google").total_price
    assert compute_cost(prices, usage) == pytest.approx(float(expected))


def test_media_prices() -> None:
    """Images and videos have a price of their own."""
    assert compute_cost(ModelPrices(image=0.04, video=3.0), Usage(images=2, videos=1)) == pytest.approx(3.08)


@pytest.mark.parametrize("starts", [(100, 200), (200, 100)])
def test_prices_above(starts: tuple[int, ...]) -> None:
    """The prices above the highest number that a request exceeds apply, in any order of the numbers."""
    prices = ModelPrices(input=1.0, above=tuple((start, ModelPrices(input=float(start))) for start in starts))
    costs = [compute_cost(prices, Usage(input_tokens=tokens)) * 1e6 for tokens in (100, 101, 300)]
    assert costs == pytest.approx([100, 101 * 100, 300 * 200])


def test_details_that_exceed_their_total() -> None:
    """Counts of a server that contradict each other never make a cost negative."""
    prices = ModelPrices(input=1.0, output=1.0, input_by_modality={"AUDIO": 5.0}, output_by_modality={"IMAGE": 9.0})
    usage = Usage(*(), input_tokens=1, cached_tokens=7, input_details=(("AUDIO", 50),), output_details=(("IMAGE", 50),))
    assert compute_cost(prices, usage) >= 0


def test_package_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices are read from the package; no socket is opened."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
    assert find_prices("gemini-2.5-pro") is not None
