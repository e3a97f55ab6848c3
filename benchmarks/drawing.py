"""How long does Hypothesis take to draw a request, and what it is answered?"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from benchmarks.report import Effort, Row
from genai_fn import generate
from genai_fn.testing.strategies import chunks, http_responses, interpreters, replies, requests


def ask(effort: Effort) -> Iterator[Row]:
    """Drawn as a test draws them, all phases but the first off; nobody else has such strategies."""
    question = generate("gemini-2.5-flash", "Why is the sky blue?")
    drawn: dict[str, SearchStrategy[Any]] = {
        "draw a request": requests(),
        "draw a reply": replies(question, errors=True, odd=True),
        "draw a reply in chunks": chunks(question, errors=True, odd=True),
        "draw a response of HTTP": http_responses(question),
        "draw an interpreter, and ask it": interpreters().map(lambda run: run(question)),
    }
    for name, strategy in drawn.items():
        taken = median(_taken(strategy, effort.times(200)) for _ in range(min(3, effort.rounds)))
        yield Row(name, "ms of CPU", {"ours": taken}, at_most=10.0)


def _taken(strategy: SearchStrategy[Any], count: int) -> float:
    """Give milliseconds for each."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
    )
    @given(strategy)
    def test(_: object) -> None: ...

    begun = time.process_time()
    test()
    return 1e3 * (time.process_time() - begun) / count
