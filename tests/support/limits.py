"""Time limits that must expire at a certain point, where no fixed number is right on every machine."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

LIMITS = (0.1, 0.4, 1.6, 6.4, 25.6)
"""Seconds."""


def retry_with_longer_limits(test: Callable[..., None]) -> Callable[..., None]:
    """
    Run a test with longer and longer values of `limit` until it passes.

    On a slow machine, a limit that should expire while the server is silent may expire earlier, such as while
    connecting. The test passes if it passes with one of the limits; each run starts from the beginning.
    """
    signature = inspect.signature(test)

    @functools.wraps(test)
    def run_test(**fixtures: Any) -> None:
        for limit in LIMITS[:-1]:
            try:
                return test(**fixtures, limit=limit)
            except Exception:  # noqa: S112  # a longer limit may pass; the failure of the longest is raised
                continue
        return test(**fixtures, limit=LIMITS[-1])

    del run_test.__wrapped__  # type: ignore[attr-defined]  # or pytest would look for a fixture named limit
    parameters = [each for name, each in signature.parameters.items() if name != "limit"]
    run_test.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what pytest reads
    return run_test
