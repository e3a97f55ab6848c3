"""
The pytest fixture ``emulator``: an emulator of the API on a local port, for tests of unmodified programs.

pytest finds this module by its entry point, where the package is installed, and loads it in every run. So it imports
the emulator at the first use of the fixture, and Hypothesis never. Where entry points are disabled,
``pytest_plugins = ["genai_fn.testing.fixtures"]`` in the outermost ``conftest.py`` does the same. It needs the extra
``emulator``. (PYTEST_DONT_REWRITE: this module contains no assertions.)
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from genai_fn.backend import Gemini, Vertex
    from genai_fn.testing.server.asgi import Emulator
    from genai_fn.testing.server.request_log import ReceivedRequest

__all__ = ["ServedEmulator", "emulator"]


class ServedEmulator:
    """
    The value of the fixture ``emulator``: its address, the requests it received, its script, and injected faults.

    ``url`` is the base URL; ``reset``, ``fail`` and ``load_script`` are those of `Emulator`.
    """

    def __init__(self, emulator: "Emulator", url: str) -> None:
        self._emulator = emulator
        self.url = url
        self.reset = emulator.reset
        self.fail = emulator.fail
        self.load_script = emulator.load_script

    @property
    def gemini(self) -> "Gemini":
        """A backend for the emulated Gemini Developer API."""
        from genai_fn.backend import Gemini  # noqa: PLC0415  # every run of pytest loads this module

        return Gemini("emulated", base_url=self.url)

    @property
    def vertex(self) -> "Vertex":
        """A backend for the emulated Vertex AI, with a project, a location and made-up credentials."""
        from genai_fn.backend import Vertex  # noqa: PLC0415  # every run of pytest loads this module

        return Vertex("emulated", "us-central1", credentials=_Credentials(), base_url=self.url)

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """Method and path of the requests since the last reset."""
        return self._emulator.requests

    @property
    def received(self) -> "tuple[ReceivedRequest, ...]":
        """The same requests as data: ``method``, ``path``, ``body`` decoded from JSON, ``status``, ``steps``."""
        return self._emulator.received

    @property
    def remaining_steps(self) -> tuple[int, ...]:
        """Numbers, from 1, of the steps of the script that are left."""
        return self._emulator.remaining_steps


@dataclass(frozen=True)
class _Credentials:
    """Credentials with the interface of google-auth, which never expire."""

    token: str = "emulated"  # noqa: S105  # no secret
    expiry: None = None

    def refresh(self, request: Any) -> None:
        """Do nothing: the token does not expire."""


@pytest.fixture(scope="session")
def _served_emulator() -> Generator[ServedEmulator]:
    from genai_fn.testing.server.asgi import Emulator  # noqa: PLC0415  # every run of pytest loads this module
    from genai_fn.testing.server.serving import serve_emulator  # noqa: PLC0415

    emulator = Emulator()
    with serve_emulator(emulator) as url:
        yield ServedEmulator(emulator, url)


@pytest.fixture
def emulator(_served_emulator: ServedEmulator) -> Generator[ServedEmulator]:
    """An emulator on a local port. All tests share one server, whose state is reset before and after each test."""
    _served_emulator.reset()
    yield _served_emulator
    _served_emulator.reset()
