"""CPU time that each middleware adds to a call whose response is in memory, in µs and as a share of the call."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.payloads import MODEL, PROMPT
from benchmarks.report import Effort, Row
from genai_fn import Gemini, generate
from genai_fn.engine.handler import HttpHandler
from genai_fn.http import Headers
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.sync_runner import SyncRunner
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

_BODY = (
    b'{"candidates": [{"content": {"parts": [{"text": "Rayleigh."}], "role": "model"}, "finishReason": "STOP"}],'
    b' "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}}'
)


class _MemoryResponse:
    """A response whose body is in memory."""

    status = 200
    headers: Headers = (("content-type", "application/json"),)

    def __init__(self) -> None:
        self._chunks = [b"", _BODY]

    def read(self, deadline: float, phase: Any) -> bytes:
        """Return the body, then its end."""
        return self._chunks.pop()

    def close(self) -> None:
        """Close nothing."""


class _MemoryPool:
    """A connection pool that answers each request in memory."""

    def send(self, request: Any, *options: Any) -> _MemoryResponse:
        """Return the response."""
        return _MemoryResponse()


def _build_interpreter() -> SyncRunner:
    """Build a sync interpreter that differs from `Http` in its connection pool."""
    parts = RunnerParts(handler=HttpHandler(backend=Gemini("test-key")), has_transport=True)
    return SyncRunner(parts, lambda: SyncExecutor(_MemoryPool(), None, None))


_GOAL = 15.0

MIDDLEWARE: Mapping[str, tuple[Callable[[], Any], float | None]] = {
    "limited": (lambda: limited(10**9), _GOAL),
    "limited, with tokens": (lambda: limited(10**9, 10**12), None),
    "limited, in flight": (lambda: limited(in_flight=8), None),
    "adaptive": (adaptive, None),
    "fallback": (lambda: fallback(models=["gemini-2.5-pro"]), _GOAL),
    "budgeted": (lambda: budgeted(tokens=10**12), _GOAL),
    "cached, an answer from memory": (lambda: cached(operations=["generate"]), None),
    "coalesced": (coalesced, None),
    "context_cached": (context_cached, None),
    "hedged": (lambda: hedged(after=60), None),
    "traced": (traced, None),
    "logged": (logged, None),
}
"""Functions that make each middleware, and the goal for the microseconds that it adds."""


def measure(effort: Effort) -> Iterator[Row]:
    """Measure the calls without and with each middleware; google-genai has nothing to compare with."""
    count, rounds = max(10, effort.scale_count(500)), range(effort.rounds)
    plain = _build_interpreter()
    yield Row("call in memory", "µs", {"ours": [_measure_calls(plain, plain, count)[0] for _ in rounds]})
    for name, (make, goal) in MIDDLEWARE.items():
        run = plain.with_middleware(make())
        pairs = [_measure_calls(plain, run, count) for _ in rounds]
        added, shares = zip(*((after - before, 100 * (after / before - 1)) for before, after in pairs), strict=True)
        yield Row(f"added by {name}", "µs", {"ours": added}, at_most=goal)
        yield Row(f"added by {name}, of the call", "%", {"ours": shares})


def _measure_calls(before: SyncRunner, after: SyncRunner, count: int) -> tuple[float, float]:
    """
    Return the CPU microseconds of a call with one and with another interpreter.

    They take turns in short samples, of which the fastest tenth counts: another process makes a sample slower, and
    never faster.
    """
    samples = [(_measure_sample(before), _measure_sample(after)) for _ in range(count)]
    fast = count // 10
    return sorted(each for each, _ in samples)[fast], sorted(each for _, each in samples)[fast]


def _measure_sample(run: SyncRunner) -> float:
    started = time.process_time_ns()
    for _ in range(_CALLS):
        run(_REQUEST)
    return (time.process_time_ns() - started) / 1000 / _CALLS


_REQUEST = generate(MODEL, PROMPT)
_CALLS = 10
"""Calls of a sample: less than a millisecond, which a busy machine often leaves undisturbed."""
