"""
The fixture ``emulator`` for pytest: the API on this machine, for tests of programs as they are.

A test suite takes it by a line in its outermost ``conftest.py``: ``pytest_plugins = ["genai_fn.testing.fixtures"]``.
The server needs the extra ``emulator``. (PYTEST_DONT_REWRITE: nothing is asserted here.)
"""

from collections.abc import Generator
from typing import Any

import pytest

from genai_fn.backend import Gemini, Vertex
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator

__all__ = ["ServedEmulator", "emulator"]


class ServedEmulator:
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
    def requests(self) -> tuple[tuple[str, str], ...]:
        """Method and path of what was asked so far."""
        return self._emulator.requests


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
def _served_emulator() -> Generator[ServedEmulator]:
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        yield ServedEmulator(emulator, url)


@pytest.fixture
def emulator(_served_emulator: ServedEmulator) -> Generator[ServedEmulator]:
    """The API on this machine: one server for all tests, which remembers nothing from one to the next."""
    _served_emulator.reset()
    yield _served_emulator
    _served_emulator.reset()
