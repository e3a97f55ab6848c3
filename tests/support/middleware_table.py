"""All middleware, each with settings under which ordinary requests have the results that they have without it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from genai_fn.middleware import (
    adaptive,
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

__all__ = ["MIDDLEWARE", "list_held"]

MIDDLEWARE: Mapping[str, Callable[[], Any]] = {
    "limited": lambda: limited(100_000, 10**9, 1_000_000, 64),
    "adaptive": lambda: adaptive(16),
    "fallback": lambda: fallback(models=["gemini-2.5-pro"], on=404),
    "hedged": lambda: hedged(after=30),
    "cached": lambda: cached(operations=["generate", "embed"]),
    "coalesced": lambda: coalesced(0.001),
    "context_cached": context_cached,
    "budgeted": lambda: budgeted(tokens=10**12),
    "traced": lambda: traced(TracerProvider(), MeterProvider()),
    "logged": lambda: logged("genai_fn.tests"),
}
"""Functions that make each middleware anew, by its name."""


def list_held(middleware: Any) -> list[str]:
    """List what middleware holds for calls in flight: nothing once all have ended, however they ended."""
    return [name for name, count in _iterate_counts(middleware) if count]


def _iterate_counts(middleware: Any) -> Iterator[tuple[str, float]]:
    get_gate = getattr(middleware, "get_gate", None)
    if get_gate is not None:
        yield "slots", get_gate().in_flight
        yield "waiting", get_gate().waiting
    yield "flights", len(getattr(middleware, "flights", ()))
    yield "reserved", getattr(middleware, "reserved", 0)
    for breaker in getattr(middleware, "_breakers", {}).values():
        yield "trials", breaker._trial is not None
