"""A plugin: sweeps over many points, of which each test tries a part, or all with the option ``--exhaustive``."""

from collections.abc import Callable, Sequence

import pytest

__all__ = ["pytest_addoption", "thin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that tries every point of every sweep."""
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="try all points at which a test ends its subject, in place of every third",
    )


@pytest.fixture
def thin(request: pytest.FixtureRequest) -> Callable[..., Sequence[int]]:
    """
    Return a function that takes every third of some points; all of them with ``--exhaustive``.

    The first that it takes differs between a test and those that differ from it in one parameter, so that together they
    try all points. A second argument takes every n-th in place of every third.
    """
    if request.config.getoption("--exhaustive"):
        return lambda points, step=3: points
    callspec = getattr(request.node, "callspec", None)  # if it has parameters
    place = 0 if callspec is None else sum(callspec.indices.values())
    return lambda points, step=3: points[place % step :: step]
