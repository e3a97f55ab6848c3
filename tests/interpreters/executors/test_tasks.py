"""What a task group that ends with several exceptions raises."""

import asyncio
from typing import Any

import anyio
import pytest

from genai_fn.interpreters.executors.tasks import extract_interrupt

CANCELLED = asyncio.CancelledError()
GROUPS: dict[str, tuple[list[BaseException], type[BaseException]]] = {
    "an interrupt": ([CANCELLED, KeyboardInterrupt()], KeyboardInterrupt),
    "an exception": ([CANCELLED, LookupError(), ValueError()], LookupError),
    "both": ([LookupError(), SystemExit()], SystemExit),
    "in groups": (
        [ExceptionGroup("", [LookupError()]), BaseExceptionGroup("", [KeyboardInterrupt()])],
        KeyboardInterrupt,
    ),
    "cancellations": ([CANCELLED, CANCELLED], BaseExceptionGroup),
}


@pytest.mark.parametrize("name", GROUPS)
def test_what_a_group_raises(name: str) -> None:
    """An interrupt goes before the exceptions of other tasks, which would otherwise hide it."""
    exceptions, expected = GROUPS[name]

    async def body() -> Any:
        return extract_interrupt(BaseExceptionGroup("", exceptions))

    assert type(anyio.run(body)) is expected
