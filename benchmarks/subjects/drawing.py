"""Time that Hypothesis takes to draw requests, replies and interpreters."""

import time
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from benchmarks.report import Effort, Row
from genai_fn import generate
from genai_fn.testing.strategies import chunks, http_responses, interpreters, replies, requests


def measure(effort: Effort) -> Iterator[Row]:
    """Draw as a test does, in the generate phase only. google-genai has nothing to compare with."""
    request = generate("gemini-2.5-flash", "Why is the sky blue?")
    strategies: dict[str, SearchStrategy[Any]] = {
        "draw a request": requests(),
        "draw a reply": replies(request, errors=True, odd=True),
        "draw a reply in chunks": chunks(request, errors=True, odd=True),
        "draw an HTTP response": http_responses(request),
        "draw an interpreter and call it": interpreters().map(lambda run: run(request)),
    }
    for name, strategy in strategies.items():
        samples = [_measure_strategy(strategy, effort.scale_count(200)) for _ in range(min(3, effort.rounds))]
        yield Row(name, "ms", {"ours": samples}, at_most=10.0)


def _measure_strategy(strategy: SearchStrategy[Any], count: int) -> float:
    """Return the CPU milliseconds per example."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
    )
    @given(strategy)
    def test(_: object) -> None: ...

    started = time.process_time()
    test()
    return 1e3 * (time.process_time() - started) / count
