"""Fixtures: backends and manners of cancellation, and checks around every test."""

import random
from collections.abc import Iterator
from typing import Any

import httpcore
import httptools
import pytest

from tests.support.cancellation.cancel_points import BACKENDS_AND_MANNERS, check_no_leaks


@pytest.fixture(params=BACKENDS_AND_MANNERS, ids="-".join)
def backend_and_manner(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[httpcore, httptools], ids=lambda module: module.__name__)
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def check_leaks() -> Iterator[None]:
    with check_no_leaks():
        yield


@pytest.fixture(autouse=True)
def fix_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every delay between attempts half of its maximum."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
