"""CPU time that each middleware adds to a call whose response is in memory."""

import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.payloads import MODEL, PROMPT
from benchmarks.report import Effort, Row
from genai_fn import Gemini, Http, generate
from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, SendRequest
from genai_fn.http import Headers
from genai_fn.middleware import (
    TransportWrapper,
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
        self.chunks = [b"", _BODY]

    def close(self) -> None:
        """Close nothing."""


class _MemoryTransport(TransportWrapper):
    """Answers each request in memory."""

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        yield from ()
        return _MemoryResponse()

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        yield from ()
        response: Any = chunk.response
        data: bytes = response.chunks.pop()
        return data


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
    """The calls with and without each middleware take turns; google-genai has nothing to compare with."""
    count = effort.scale_count(2_000)
    with Http(Gemini("test-key")).with_middleware(transport=_MemoryTransport) as plain:
        yield Row("call in memory", "µs", {"ours": [_measure_calls(plain, count) for _ in range(effort.rounds)]})
        for name, (make, goal) in MIDDLEWARE.items():
            run = plain.with_middleware(make())
            samples = [_measure_calls(run, count) - _measure_calls(plain, count) for _ in range(effort.rounds)]
            yield Row(f"added by {name}", "µs", {"ours": samples}, at_most=goal)


def _measure_calls(run: Http, count: int) -> float:
    """Return the CPU microseconds per call: the median of ten parts, as a busy machine slows some of them."""
    request = generate(MODEL, PROMPT)
    run(request).unwrap()
    size = max(1, count // 10)
    parts: list[float] = []
    for _ in range(10):
        started = time.process_time()
        for _ in range(size):
            run(request).unwrap()
        parts.append(1e6 * (time.process_time() - started) / size)
    return median(parts)
