"""Limits that are to run out in the midst of something: no fixed number is right on every machine."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

LIMITS = (0.1, 0.4, 1.6, 6.4, 25.6)
"""Seconds."""


def patient(test: Callable[..., None]) -> Callable[..., None]:
    """
    Run a test with a `limit` that is long enough on the machine at hand.

    A limit that is to run out while a server is silent may run out before that where the machine is slow: while
    connecting, say. So the test holds if it holds with one of the limits; each is given a scene of its own.
    """
    signature = inspect.signature(test)

    @functools.wraps(test)
    def tried(**fixtures: Any) -> None:
        for limit in LIMITS[:-1]:
            try:
                return test(**fixtures, limit=limit)
            except Exception:  # noqa: S112  # a longer limit may do; what fails with the longest is raised
                continue
        return test(**fixtures, limit=LIMITS[-1])

    del tried.__wrapped__  # type: ignore[attr-defined]  # or pytest would look for a fixture named limit
    kept = [each for name, each in signature.parameters.items() if name != "limit"]
    tried.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]  # what pytest reads
    return tried
