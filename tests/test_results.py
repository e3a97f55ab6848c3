"""``ok`` and ``raise_for``: what they accept, and what they say about anything else."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genai_fn import Failure, InvalidRequest, Offline, RateLimited, Success, generate, ok, raise_for, streamed

REQUEST = generate("gemini-2.5-flash", "hi")


@pytest.mark.parametrize("function", [ok, raise_for])
@pytest.mark.parametrize("value", [REQUEST, REQUEST | streamed, None, 5], ids=["request", "stream", "none", "number"])
def test_no_result(function: Callable[[Any], Any], value: Any) -> None:
    """A request that was not run is refused, instead of being taken for a failure."""
    with pytest.raises(InvalidRequest, match=r"result: expected a Result: run\(…\) returns one for a request"):
        function(value)


@pytest.mark.parametrize("function", [ok, raise_for])
def test_not_awaited(function: Callable[[Any], Any]) -> None:
    """A coroutine that was not awaited is refused, and the error says so."""

    async def call() -> None:
        coroutine = Offline().aio(REQUEST)
        with pytest.raises(InvalidRequest, match="result: expected a Result: await the call"):
            function(coroutine)
        coroutine.close()

    asyncio.run(call())


def test_results() -> None:
    """``ok`` is true for a success alone."""
    assert (ok(Success(0)), ok(Failure(RateLimited(429)))) == (True, False)
