"""Fixtures: backends and manners of cancellation, and checks around every test."""

import gc
import random
from collections.abc import Iterator
from typing import Any

import httpcore
import httpcore2
import pytest

from tests.support.cancellation.points import WORLDS, spotless


@pytest.fixture(params=WORLDS, ids="-".join)
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[httpcore, httpcore2], ids=lambda module: module.__name__)
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="package", autouse=True)
def frozen() -> Iterator[None]:
    """Keep what was there before from the garbage collector, which then is quick."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with spotless():
        yield


@pytest.fixture(autouse=True)
def even(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have waits between tries last half of the longest, always."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
