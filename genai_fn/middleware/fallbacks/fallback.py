"""`fallback`: sends a request that one model or backend refuses to the next one, and remembers which of them fail."""

from collections.abc import Iterable
from math import inf
from typing import Any, TypeAlias, cast

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend
from genai_fn.effects import CloseResource, Effects, GetTime, Notify, OpenResource
from genai_fn.engine.handler import RequestRunner, find_backend
from genai_fn.errors import APIError, AuthError, FailedTarget, GenaiError, InvalidRequest, Unsupported
from genai_fn.events import FellBack
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.http import Headers, ValueWithResponse, is_credential
from genai_fn.interpreters.attempts_without_http import AttemptHandler
from genai_fn.interpreters.middleware import HandlerWrapper, Middleware, RequestHandler
from genai_fn.middleware.deadlines import compute_request_deadline
from genai_fn.middleware.fallbacks.circuit_breaker import CircuitBreaker, Trial
from genai_fn.middleware.fallbacks.targets import (
    MOVABLE_OPERATIONS,
    Bonds,
    Condition,
    FallbackConditions,
    FallbackTarget,
    describe_backend,
    find_bonds,
    takes_other_models,
)
from genai_fn.options import check_at_least_one, check_positive
from genai_fn.request import Request
from genai_fn.values import Value


def fallback(
    models: Iterable[str] = (),
    backends: Iterable[Backend] = (),
    *,
    targets: Iterable[FallbackTarget] | None = None,
    on: Condition | Iterable[Condition] = (404, 429, 503),
    retry_each: bool = False,
    failures: int = 5,
    recovery: float = 30.0,
) -> Middleware:
    """
    Return middleware that sends a request to another model or backend when one refuses it.

    A request goes first where it would go without the middleware: its own model at the interpreter's backend. Then the
    same model is tried at each of `backends`, then the next model at the interpreter's backend and at each of
    `backends`, and so on. No target is tried twice, and a stream moves only before its first item.

    Another backend is for operations that run a model and leave nothing behind: ``generate``, ``embed``, tokens and
    images. Another model is for ``generate`` only. A request with a cached content, an uploaded file, a store or a
    tuned model stays at its backend, as no other has them.

    Args:
        models: Names of the models to fall back to.

        backends: Backends to fall back to: other keys, projects, regions, or the other API.

        targets: All targets after the first in their order, in place of `models` and `backends`.

        on: What leads to the next target: HTTP status codes of errors, classes of errors, or functions of one that
            return a bool.

        retry_each: Whether each target is retried as often as the interpreter's `Retry` says. By default only the last
            one is; the others pass on at once what `on` selects, and retry other errors.

        failures: Failures of a target in a row after which its circuit opens, so that it is passed over. If the server
            advises a wait, it opens at once, for that long.

        recovery: Seconds after which one request at a time may try a target whose circuit is open.

    Raises:
        InvalidRequest: If an argument has the wrong type or is out of range, or there is no target.

    Fails with:
        GenaiError: The error of the last target that was tried; ``error.failed_targets`` are all of them.

    >>> from genai_fn import RateLimited, generate, text
    >>> from genai_fn.testing import Fake
    >>> def answer(request):
    ...     return RateLimited(429) if request.operation.model == "gemini-2.5-pro" else "Because of Rayleigh."
    >>> run = Fake({"generate": answer}).with_middleware(fallback(models=["gemini-2.5-flash"]))
    >>> run(generate("gemini-2.5-pro", "Why is the sky blue?") | text)
    <Success: Because of Rayleigh.>
    """
    check_at_least_one("failures", failures)
    check_positive("recovery", recovery)
    settings = _Settings(FallbackConditions(on), bool(retry_each), failures, recovery)
    return _Fallback(_build_targets(models, backends, targets), settings)


def _build_targets(
    models: Iterable[str], backends: Iterable[Backend], targets: Iterable[FallbackTarget] | None
) -> tuple[FallbackTarget, ...]:
    """Build the targets in their order, the request as it is first: a model at all backends, then the next model."""
    for name, given in (("models", models), ("backends", backends), ("targets", () if targets is None else targets)):
        if isinstance(given, str) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a single one
            raise InvalidRequest(name, "***" if name == "backends" else given, "a list")
    all_models, all_backends = (None, *models), (None, *backends)
    built = [FallbackTarget(model=model, backend=backend) for model in all_models for backend in all_backends]
    if targets is not None:
        if len(built) > 1:
            raise InvalidRequest("targets", "***", "no models and no backends beside targets")
        built += targets
    for each in built:
        if not isinstance(each, FallbackTarget):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be anything
            raise InvalidRequest("targets", "***", "a list of FallbackTarget(…)")
    if all(each == built[0] for each in built):  # the request as it is
        raise InvalidRequest("fallback", built, "models, backends or targets to fall back to")
    return tuple(built)


class _Settings(Value):
    conditions: FallbackConditions
    retry_each: bool
    failures: int
    recovery: float


class _Fallback:
    """The middleware, and the circuit breakers of its targets, which all its interpreters and threads share."""

    def __init__(self, targets: tuple[FallbackTarget, ...], settings: _Settings) -> None:
        register_fork_delay()
        self.targets = targets
        self.settings = settings
        self._breakers: dict[Any, CircuitBreaker] = {}

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        return _FallbackHandler(handler, self)

    def __repr__(self) -> str:
        return f"fallback(targets={list(self.targets[1:])!r})"

    def __reduce__(self) -> Any:
        return _Fallback, (self.targets, self.settings)

    def get_breaker(self, key: Any) -> CircuitBreaker:
        """Return the circuit breaker of a target."""
        breaker = self._breakers.get(key)
        if breaker is None:
            with delay_forks:
                if len(self._breakers) >= _MAX_KEPT:
                    self._breakers = {name: each for name, each in self._breakers.items() if not each.is_closed}
                breaker = self._breakers.setdefault(key, CircuitBreaker(self.settings.failures, self.settings.recovery))
        return breaker


_MAX_KEPT = 1024
"""Circuit breakers, and plans of a handler, that are kept."""


class _PlannedTarget(Value, eq=False):
    """A target of a request: what it changes, its number, and its model and backend in words."""

    number: int
    target: FallbackTarget
    breaker: CircuitBreaker
    model: str
    backend: str


_Plan: TypeAlias = tuple[_PlannedTarget, ...]


class _FallbackHandler(HandlerWrapper):
    """Runs requests at the first target that takes them."""

    def __init__(self, inner: RequestHandler, shared: _Fallback) -> None:
        super().__init__(inner)
        self._shared = shared
        self._plans: dict[tuple[str, str], _Plan] = {}
        self._own_backend, self._has_retries = find_backend(inner), _has_retries(inner)

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Run one request."""
        return self._run(request, until, self.inner.handle)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream; once its first item is there, it stays at its target."""
        return self._run(request, until, self.inner.open_stream)

    def _run(self, request: Request[Any], until: float, run: RequestRunner) -> Effects[Result[Any, GenaiError]]:
        plan = self._get_plan(request)
        if len(plan) < 2:
            return (yield from run(request, until))
        until = yield from compute_request_deadline(request, until)
        call = _Call(request, plan, self._shared.settings)
        for each in plan:
            if not each.breaker.is_closed:
                call.now = yield GetTime()
                break
        try:
            return (yield from self._try_targets(call, until, run))
        finally:
            call.end_trial()

    def _try_targets(self, call: "_Call", until: float, run: RequestRunner) -> Effects[Result[Any, GenaiError]]:
        chosen: _PlannedTarget | None = call.choose_target(call.now)
        while chosen is not None:
            current, request = chosen, call.build_request(chosen, has_retries=self._has_retries)
            if call.trial is not None:
                yield OpenResource(call.trial)
            result = yield from run(request, until)
            if isinstance(result, Success):
                current.breaker.record_success()
                yield from _close_trial(call)
                return call.add_failed_targets(result)
            now: float = yield GetTime()
            moves_on = call.record_failure(current, result.failure(), now)
            yield from _close_trial(call)
            chosen = call.choose_target(now) if moves_on and now < until else None
            if chosen is not None:
                yield Notify(_build_event(request, current, result.failure(), chosen))
        return Failure(call.build_error())

    def _get_plan(self, request: Request[Any]) -> _Plan:
        operation = request.operation
        if operation.op not in MOVABLE_OPERATIONS:
            return ()
        model = getattr(operation, "model", "")
        if request.options.backend is not None:
            return self._build_plan(request, model)
        plan = self._plans.get((operation.op, model))
        if plan is None:
            if len(self._plans) >= _MAX_KEPT:
                self._plans.clear()
            plan = self._plans[operation.op, model] = self._build_plan(request, model)
        return plan

    def _build_plan(self, request: Request[Any], model: str) -> _Plan:
        """List the different targets of a request, the request as it is first."""
        operation, own = request.operation, request.options.backend or self._own_backend
        family = operation.op.removesuffix(".stream")
        planned: dict[Any, _PlannedTarget] = {}
        for each in self._shared.targets:
            other_model = each.model if takes_other_models(operation) and each.model != model else None
            other_backend = each.backend if each.backend != own else None
            key = (family, other_model or model, other_backend or own)
            if key not in planned:
                target = FallbackTarget(model=other_model, backend=other_backend)
                shown = describe_backend(other_backend or own)
                planned[key] = _PlannedTarget(
                    len(planned), target, self._shared.get_breaker(key), other_model or model, shown
                )
        return tuple(planned.values())


def _close_trial(call: "_Call") -> Effects[None]:
    """Give the right to try a target back, after its breaker knows how it went."""
    if call.trial is not None:
        yield CloseResource(call.trial)


def _has_retries(handler: RequestHandler) -> bool:
    """Whether a handler retries requests; those of interpreters without HTTP do not."""
    while isinstance(handler, HandlerWrapper):
        if isinstance(handler, AttemptHandler):
            return False
        handler = handler.inner
    return True


class _Call:
    """One request on its way through the targets."""

    __slots__ = ("_bonds", "_failed", "_is_final_outside", "_plan", "_request", "_settings", "_tried", "now", "trial")

    def __init__(self, request: Request[Any], plan: _Plan, settings: _Settings) -> None:
        self._request = request
        self._plan = plan
        self._settings = settings
        self._is_final_outside = request.options.is_final
        self._bonds: Bonds | None = None
        self._tried = 0
        self._failed: tuple[FailedTarget, ...] = ()
        self.now = inf
        """When it started, if a circuit was open then."""
        self.trial: Trial | None = None
        """The right to try the chosen target, if its circuit is open."""

    def choose_target(self, now: float) -> _PlannedTarget | None:
        """
        Choose the next target whose circuit is closed or may be tried; None if there is none.

        If all circuits are open, and no server has had the request, it is the one that may be tried soonest: a circuit
        orders the targets, and fails no request by itself.
        """
        self.trial = None
        first = self._plan[0]
        if not self._tried and first.breaker.is_closed:
            return self._mark_tried(first)
        left = [each for each in self._plan if not self._tried >> each.number & 1 and self._is_reachable(each)]
        for each in left:
            if not each.breaker.is_closed:
                self.trial = each.breaker.start_trial(now)
            if each.breaker.is_closed or self.trial is not None:
                return self._mark_tried(each)
        if left and not any(map(_was_sent, self._failed)):
            return self._mark_tried(min(left, key=lambda each: each.breaker.compute_wait(now)))
        return None

    def _mark_tried(self, chosen: _PlannedTarget) -> _PlannedTarget:
        self._tried |= 1 << chosen.number
        return chosen

    def _is_reachable(self, planned: _PlannedTarget) -> bool:
        """Whether a target has what the request names, such as files."""
        if planned.number == 0:
            return True
        if self._bonds is None:
            self._bonds = find_bonds(self._request.operation)
        target, bonds = planned.target, self._bonds
        if target.backend is None:
            return not bonds.model
        return not (bonds.backend or (target.model is None and bonds.owned_model))

    def build_request(self, chosen: _PlannedTarget, *, has_retries: bool) -> Request[Any]:
        """Build the request for a target. It is the same one where nothing changes."""
        request, target = self._request, chosen.target
        changes: dict[str, Any] = {}
        if has_retries and not self._settings.retry_each:
            changes["is_final"] = self._is_final
        if target.backend is not None:
            changes |= {"backend": target.backend, "base_url": None, "api_version": None}
            changes["headers"] = _drop_credentials(request.options.headers)
        operation = request.operation
        if target.model is not None:
            operation = replace(operation, model=target.model)
        return Request(operation, replace(request.options, **changes) if changes else request.options)

    def _is_final(self, error: GenaiError) -> bool:
        """Return whether an error leads to a target that is left, so that this one is not retried."""
        outside = self._is_final_outside
        if self._settings.conditions.match(error) and any(map(self._is_left, self._plan)):
            return True
        return outside is not None and outside(error)

    def _is_left(self, planned: _PlannedTarget) -> bool:
        if self._tried >> planned.number & 1 or not self._is_reachable(planned):
            return False
        return planned.breaker.is_closed or (self.now != inf and planned.breaker.compute_wait(self.now) == 0.0)

    def end_trial(self) -> None:
        """Give the right to try a target back, if the call has one."""
        if self.trial is not None:
            self.trial.close()

    def record_failure(self, current: _PlannedTarget, error: GenaiError, now: float) -> bool:
        """Record the error of a target, and return whether it leads to the next one."""
        self._failed += (FailedTarget(current.number, current.model, current.backend, error),)
        if self._settings.conditions.match(error):
            current.breaker.record_failure(now, error.retry_after if isinstance(error, APIError) else None)
            return True
        if isinstance(error, APIError):  # the target is there, and answers
            current.breaker.record_success()
        return current.number > 0 and isinstance(error, _UNSENT_ERRORS)

    def build_error(self) -> GenaiError:
        """Return the error of the last target that was sent the request, with all that were tried."""
        sent = [each for each in self._failed if _was_sent(each)] or self._failed
        return sent[-1].error.with_failed_targets(self._failed) if len(self._failed) > 1 else sent[-1].error

    def add_failed_targets(self, result: Result[Any, GenaiError]) -> Result[Any, GenaiError]:
        """Add what was tried to the HTTP metadata of a result, if it has any."""
        value: Any = result.unwrap() if self._failed else None
        if not isinstance(value, ValueWithResponse):
            return result
        with_response: ValueWithResponse[Any] = cast("Any", value)
        return Success(replace(with_response, failed_targets=self._failed))


def _drop_credentials(headers: Headers | None) -> Headers | None:
    """Return the headers that are no credentials, as those are for the backend that the request was made for."""
    return headers and tuple(pair for pair in headers if not is_credential(pair[0]))


_UNSENT_ERRORS = (Unsupported, AuthError)
"""The target has not what the request needs, or no credentials: the next one may have."""


def _was_sent(failed: FailedTarget) -> bool:
    return failed.number == 0 or not isinstance(failed.error, _UNSENT_ERRORS)


def _build_event(
    request: Request[Any], current: _PlannedTarget, error: GenaiError, following: _PlannedTarget
) -> FellBack:
    return FellBack(request.operation.op, current.model, current.backend, error, following.model, following.backend)
