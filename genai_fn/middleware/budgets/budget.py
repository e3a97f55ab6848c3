"""The middleware that refuses calls which might cost more than what is left of a budget."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from threading import RLock
from typing import Any

from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import APIError, BudgetExceeded, GenaiError, InvalidRequest, MissingExtra, TransportError
from genai_fn.middleware.budgets.estimates import estimate_usage, is_paid
from genai_fn.middleware.budgets.prices import ModelPrices, compute_cost, find_prices
from genai_fn.middleware.forked_state import ForkedState
from genai_fn.middleware.observers import CallObserver, ObservedCall, ObservingHandler
from genai_fn.options import check_at_least_one, check_type
from genai_fn.request import Request
from genai_fn.schema.usage import Usage


def budgeted(
    *,
    usd: float | None = None,
    tokens: int | None = None,
    prices: Mapping[str, ModelPrices] | None = None,
    output_tokens: int = 8192,
    estimate: Callable[[Request[Any]], Usage] | None = None,
) -> "Budget":
    """
    Refuse calls that might cost more than what is left of a budget, before anything is sent.

    A call reserves what it may cost; afterwards its real usage is counted in place of that. Calls in flight can
    together exceed the budget only by what they use beyond their estimates. A call that is refused is
    ``Failure(BudgetExceeded)``, which is not retried.

    Args:
        usd: The budget in US dollars.

        tokens: The budget in tokens, read and written, instead.

        prices: Prices of models, by their name without ``models/``. Those of other models are read from the package
            ``genai-prices``, which does not use the network; a model that it does not contain is
            ``Failure(InvalidRequest)``.

        output_tokens: How many output tokens a call reserves that sets no ``max_output_tokens``.

        estimate: A function that estimates the usage of a request, in place of one token for 3 bytes of text.

    Returns:
        The budget, which all interpreters that have it as middleware share: ``budget.spent``, ``budget.remaining``.

    Raises:
        InvalidRequest: Unless exactly one of `usd` and `tokens` is given, a number above zero; if another argument has
            a wrong type; or if `output_tokens` is less than 1.

        MissingExtra: If no prices are given, and ``genai-prices`` is not installed.

    >>> from genai_fn import Offline, generate, text
    >>> budget = budgeted(tokens=270)
    >>> run = Offline().with_middleware(budget)
    >>> question = generate("gemini-2.5-flash", "hi", {"max_output_tokens": 250}) | text
    >>> run(question).map(len).value_or(0) > 0, budget
    (True, <budget of 270 tokens, 28 spent>)
    >>> run(question).failure()
    BudgetExceeded(needed=251, remaining=242, unit='tokens')
    """
    return Budget(usd=usd, tokens=tokens, prices=prices or {}, output_tokens=output_tokens, estimate=estimate)


class Budget(CallObserver, ForkedState):
    """
    A budget that calls share, from any thread and interpreter; it is middleware.

    A copy, also by pickle, starts with what the original has spent, and counts by itself.

    >>> from genai_fn import Offline, generate
    >>> from genai_fn.middleware import budgeted
    >>> budget = budgeted(tokens=1000)
    >>> first, second = Offline().with_middleware(budget), Offline().with_middleware(budget)
    >>> answers = [run(generate("gemini-2.5-flash", "hi", {"max_output_tokens": 50})) for run in (first, second)]
    >>> budget.spent + budget.remaining, budget.unit
    (1000, 'tokens')
    """

    is_detailed = False

    def __init__(
        self,
        *,
        usd: float | None,
        tokens: int | None,
        prices: Mapping[str, ModelPrices],
        output_tokens: int,
        estimate: Callable[[Request[Any]], Usage] | None,
    ) -> None:
        given = [each for each in (usd, tokens) if each is not None]
        if len(given) != 1 or isinstance(given[0], bool) or not isinstance(given[0], int | float) or not given[0] > 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a text
            raise InvalidRequest("budgeted", given, "usd=… or tokens=…, a number above zero")
        check_at_least_one("budgeted.output_tokens", output_tokens)
        if estimate is not None and not callable(estimate):
            raise InvalidRequest("budgeted.estimate", estimate, "a function of a request that returns a Usage")
        check_type(Mapping, "budgeted.prices", prices)
        for model, each in prices.items():
            if not isinstance(each, ModelPrices):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a number
                raise InvalidRequest(f"budgeted.prices[{model!r}]", each, "ModelPrices(input=…, output=…)")
        self._settings: dict[str, Any] = {
            "usd": usd,
            "tokens": tokens,
            "prices": dict(prices),
            "output_tokens": output_tokens,
            "estimate": estimate,
        }
        self.unit = "tokens" if usd is None else "USD"
        self.limit: float = given[0]
        self._given_prices = dict(prices)
        self._found_prices: dict[str, ModelPrices | None] = {}
        self._found_on: date | None = None
        self._output_tokens = output_tokens
        self._estimate = estimate
        self._lock = RLock()  # re-entrant: a signal handler may interrupt the thread that holds it
        self._spent: float = 0
        self._reserved: float = 0
        if usd is not None and not prices:
            find_prices("gemini-2.5-flash")  # loads the prices, which takes a third of a second, before the first call
        super().__init__()  # from here on a fork renews it

    def __reduce__(self) -> Any:
        return _restore_budget, (self._settings, self._spent)

    def __repr__(self) -> str:
        return f"<budget of {self.limit:g} {self.unit}, {self.spent:g} spent>"

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        """Wrap the request handler of an interpreter."""
        return ObservingHandler(handler, self)

    @property
    def spent(self) -> float:
        """What calls have cost, in dollars or tokens."""
        return self._spent

    @property
    def reserved(self) -> float:
        """What the calls in flight may cost."""
        return self._reserved

    @property
    def remaining(self) -> float:
        """What is left for further calls; below zero if calls have used more than their estimates."""
        return self.limit - self._spent - self._reserved

    def start_call(self, call: ObservedCall) -> GenaiError | None:
        """Reserve what a call may cost, or refuse it."""
        request: Any = call.request
        if not is_paid(request):
            return None
        if self._estimate is None:
            usage = estimate_usage(request, self._output_tokens)
        else:
            usage = self._estimate(request)
            if not isinstance(usage, Usage):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may return anything
                raise InvalidRequest("budgeted.estimate", usage, "a function that returns a Usage")
        prices: ModelPrices | None = None
        if self.unit != "tokens":
            try:
                prices = self._get_prices(call.model or "")
            except (InvalidRequest, MissingExtra) as error:
                return error
        needed = usage.total_tokens if prices is None else compute_cost(prices, usage)
        with self._lock:
            remaining = self.limit - self._spent - self._reserved
            if needed <= remaining:
                self._reserved += needed
                call.state = needed, prices, os.getpid()
                return None
        return BudgetExceeded(needed, remaining, self.unit)

    def end_call(self, call: ObservedCall) -> None:
        """Count what a call has cost, in place of what was reserved."""
        if call.state is None:
            return
        reserved, prices, process = call.state
        cost = _choose_cost(call, reserved, prices)
        with self._lock:
            if process == os.getpid():
                self._reserved -= reserved
            self._spent += cost
            if -_ROUNDING < self._reserved < _ROUNDING:
                self._reserved = 0

    def add_spent(self, amount: float) -> None:
        """Count what calls of another budget have cost."""
        with self._lock:
            self._spent += amount

    def renew_state(self) -> None:
        """Replace the lock in a forked process, where the calls in flight of its parent do not end."""
        self._lock = RLock()
        self._reserved = 0

    def _get_prices(self, model: str) -> ModelPrices:
        """Return the prices of a model, which may change from one day to another."""
        given = self._given_prices.get(model)
        if given is not None:
            return given
        today = datetime.now(UTC).date()
        if self._found_on != today:
            self._found_on, self._found_prices = today, {}
        if model not in self._found_prices:
            self._found_prices[model] = find_prices(model)
        found = self._found_prices[model]
        if found is None:
            raise InvalidRequest("budgeted.prices", model, "a price for this model: prices={…: ModelPrices(…)}")
        return found


def _restore_budget(settings: Mapping[str, Any], spent: float) -> Budget:
    """Build the copy of a budget: as much of it is spent, and nothing is in flight."""
    budget = Budget(**settings)
    budget.add_spent(spent)
    return budget


def _choose_cost(call: ObservedCall, reserved: float, prices: ModelPrices | None) -> float:
    """Return the known cost; the estimate where there is none, or where the model may have gone on meanwhile."""
    usage, known = call.usage, None
    if usage is not None:
        known = usage.total_tokens if prices is None else compute_cost(prices, usage)
    if call.is_left or (call.error is not None and call.item_count):
        return max(reserved, known or 0)
    if call.error is None:
        return reserved if known is None else known
    if isinstance(call.error, APIError) or (isinstance(call.error, TransportError) and not _was_sent(call.error)):
        return 0
    return reserved if known is None else known


def _was_sent(error: TransportError) -> bool:
    return bool(getattr(error, "sent", False))


_ROUNDING = 1e-12
