"""Prices of models in US dollars: given ones, and those of the package ``genai-prices``, which needs no network."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import Any, cast

from genai_fn.errors import InvalidRequest, MissingExtra
from genai_fn.forks import delay_forks
from genai_fn.interpreters.extras import install_command
from genai_fn.schema.usage import Usage
from genai_fn.values import Value


class ModelPrices(Value, kw_only=True):
    """
    Prices of a model in US dollars: for a million tokens, for an image, and for a video.

    Args:
        input: Price of a million input tokens.

        output: Price of a million output tokens, including thoughts.

        cached: Price of a million input tokens that come from a cache; None is the price `input`.

        input_by_modality: Prices of input tokens of some modalities in place of `input`, such as ``{"AUDIO": 1.0}``.

        cached_by_modality: Prices of cached tokens of some modalities in place of `cached`.

        output_by_modality: Prices of output tokens of some modalities in place of `output`, such as
            ``{"IMAGE": 30.0}``.

        image: Price of a generated image, where images are not paid as tokens.

        video: Price of a generated video.

        above: Prices in place of all others for requests with more input tokens than a number, which is the first of
            each pair: ``((200_000, ModelPrices(…)),)``. The highest number that a request exceeds applies.

    Raises:
        InvalidRequest: If a price is not a finite number of at least 0, or `above` does not contain such pairs.

    >>> from genai_fn.middleware import budgeted
    >>> prices = ModelPrices(input=0.3, output=2.5, above=((200_000, ModelPrices(input=0.6, output=5.0)),))
    >>> budgeted(usd=10, prices={"my-tuned-model": prices})
    <budget of 10 USD, 0 spent>
    """

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    input_by_modality: Mapping[str, float] = {}
    cached_by_modality: Mapping[str, float] = {}
    output_by_modality: Mapping[str, float] = {}
    image: float = 0.0
    video: float = 0.0
    above: tuple[tuple[int, "ModelPrices"], ...] = ()

    def __post_init__(self) -> None:
        for name in ("input", "output", "image", "video"):
            _check_price(f"ModelPrices.{name}", getattr(self, name))
        if self.cached is not None:
            _check_price("ModelPrices.cached", self.cached)
        for name in ("input_by_modality", "cached_by_modality", "output_by_modality"):
            for modality, price in getattr(self, name).items():
                _check_price(f"ModelPrices.{name}[{modality!r}]", price)
        for each in self.above:
            _check_tier(each)


def _check_price(path: str, price: Any) -> None:
    is_number = isinstance(price, int | float) and not isinstance(price, bool)
    if not is_number or not 0 <= price < float("inf"):
        raise InvalidRequest(path, price, "a price in US dollars, at least 0")


def _check_tier(tier: Any) -> None:
    match tier:
        case (int(), ModelPrices()):
            pass
        case _:
            raise InvalidRequest("ModelPrices.above", tier, "a pair of a number of tokens and ModelPrices(…)")


def compute_cost(prices: ModelPrices, usage: Usage) -> float:
    """
    Return the cost of a usage in US dollars.

    >>> prices = ModelPrices(input=0.3, output=2.5, cached=0.03, input_by_modality={"AUDIO": 1.0})
    >>> compute_cost(prices, Usage(input_tokens=1_000_000, cached_tokens=1_000_000))
    0.03
    >>> compute_cost(prices, Usage(input_tokens=1_000_000, input_details=(("AUDIO", 500_000), ("TEXT", 500_000))))
    0.65
    """
    exceeded = [(start, higher) for start, higher in prices.above if usage.input_tokens > start]
    if exceeded:
        _, prices = max(exceeded, key=itemgetter(0))
    cached_price = prices.input if prices.cached is None else prices.cached
    cached_tokens, output_tokens = min(usage.cached_tokens, usage.input_tokens), usage.output_tokens
    new_tokens = usage.input_tokens - cached_tokens
    total = 0.0
    if prices.input_by_modality and usage.input_details:
        cached_counts = dict(usage.cached_details)
        for modality, count in usage.input_details:
            price = prices.input_by_modality.get(modality)
            if price is not None:
                cached = min(count, cached_counts.get(modality, 0), cached_tokens)
                new = min(count - cached, new_tokens)
                own_cached_price = price if prices.cached is None else cached_price
                total += new * price + cached * prices.cached_by_modality.get(modality, own_cached_price)
                cached_tokens, new_tokens = cached_tokens - cached, new_tokens - new
    if prices.output_by_modality and usage.output_details:
        for modality, count in usage.output_details:
            price = prices.output_by_modality.get(modality)
            if price is not None:
                own = min(count, output_tokens)
                total += own * price
                output_tokens -= own
    total += new_tokens * prices.input + cached_tokens * cached_price + output_tokens * prices.output
    return total / _TOKENS + usage.images * prices.image + usage.videos * prices.video


_TOKENS = 1_000_000


def find_prices(model: str) -> ModelPrices | None:
    """
    Return Google's prices of a model today, from the data in the package ``genai-prices``; None if it has none.

    Raises:
        MissingExtra: If the package is not installed.
    """
    try:
        with delay_forks:
            snapshot: Any = import_module("genai_prices.data_snapshot")
    except ImportError:
        raise MissingExtra("genai-prices", "budgeted(usd=…)", install_command("genai-prices")) from None
    try:
        found: Any = snapshot.get_snapshot().find_provider_model(model, None, "google", None)[1]
    except LookupError:
        return None
    prices = found.get_prices(datetime.now(UTC))
    return _convert_prices(cast("dict[str, Any]", vars(prices)))


def _convert_prices(given: Mapping[str, Any]) -> ModelPrices | None:
    """Convert the fields of genai-prices' ``ModelPrice``: numbers, or tiers that apply to the whole request."""
    fields = {name: value for name, value in given.items() if value is not None and name.endswith("_mtok")}
    starts = sorted({int(tier.start) for each in fields.values() for tier in getattr(each, "tiers", ())})
    tiers = tuple((start, _build_prices(fields, start)) for start in starts)
    return _build_prices(fields, None, tiers) if fields else None


def _build_prices(
    fields: Mapping[str, Any], start: int | None, above: tuple[tuple[int, ModelPrices], ...] = ()
) -> ModelPrices:
    amounts = {name: _get_amount(value, start) for name, value in fields.items()}
    select = partial(_select_modalities, amounts)
    return ModelPrices(
        input=amounts.get("input_mtok", 0.0),
        output=amounts.get("output_mtok", 0.0),
        cached=amounts.get("cache_read_mtok"),
        input_by_modality=select("input_", "_mtok"),
        cached_by_modality=select("cache_", "_read_mtok"),
        output_by_modality=select("output_", "_mtok"),
        above=above,
    )


def _get_amount(price: Any, start: int | None) -> float:
    """Return the price for requests with more than `start` input tokens; if `start` is None, that of small requests."""
    tiers = cast("tuple[Any, ...]", getattr(price, "tiers", ()))
    amounts = [tier.price for tier in tiers if start is not None and tier.start <= start]
    return float(amounts[-1] if amounts else getattr(price, "base", price))


def _select_modalities(amounts: Mapping[str, float], prefix: str, suffix: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for modality in ("TEXT", "AUDIO", "IMAGE", "VIDEO"):
        amount = amounts.get(f"{prefix}{modality.lower()}{suffix}")
        if amount is not None:
            found[modality] = amount
    return found
