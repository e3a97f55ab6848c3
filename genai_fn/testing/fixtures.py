"""
The fixture ``emulator`` for pytest: the API on this machine, for tests of programs as they are.

A test suite takes it by a line in its outermost ``conftest.py``: ``pytest_plugins = ["genai_fn.testing.fixtures"]``.
The server needs the extra ``emulator``. (PYTEST_DONT_REWRITE: nothing is asserted here.)
"""

from collections.abc import Generator
from typing import Any

import pytest

from genai_fn.backend import Gemini, Vertex
from genai_fn.testing.asgi import Emulator
from genai_fn.testing.serving import served

__all__ = ["Emulated", "emulator"]


class Emulated:
    """An emulator that is served: where it is, what it was asked, and what goes wrong with it."""

    def __init__(self, emulator: Emulator, url: str) -> None:
        self._emulator = emulator
        self.url = url
        self.reset = emulator.reset
        self.fail = emulator.fail

    @property
    def gemini(self) -> Gemini:
        """The Gemini Developer API that it is."""
        return Gemini("emulated", base_url=self.url)

    @property
    def vertex(self) -> Vertex:
        """The Vertex AI that it is, with a project, a location and credentials that are good for nothing else."""
        return Vertex("emulated", "us-central1", credentials=_Credentials(), base_url=self.url)

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Method and path of what was asked so far."""
        return self._emulator.asked


class _Credentials:
    """Credentials as google-auth has them, which last for ever."""

    token = "emulated"  # noqa: S105  # nobody's
    expiry = None

    def refresh(self, request: Any) -> None:
        """Do nothing: nobody is asked."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Credentials)

    def __hash__(self) -> int:
        return hash(_Credentials)


@pytest.fixture(scope="session")
def _emulated() -> Generator[Emulated]:
    emulator = Emulator()
    with served(emulator) as url:
        yield Emulated(emulator, url)


@pytest.fixture
def emulator(_emulated: Emulated) -> Generator[Emulated]:
    """The API on this machine: one server for all tests, which remembers nothing from one to the next."""
    _emulated.reset()
    yield _emulated
    _emulated.reset()
