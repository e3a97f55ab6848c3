"""Requests for the emulator as this library writes them, and its answers as it reads them."""

from typing import Any, TypeVar

from returns.result import Result

from genai_fn import Gemini, Request, Vertex
from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.errors import GenaiError
from genai_fn.wire import decode, encode
from tests.support.emulator_requests import NOW

T = TypeVar("T")

GEMINI = Gemini("test-key")
VERTEX = Vertex("p", "us-central1")
BOTH: dict[str, Any] = {"gemini": GEMINI, "vertex": VERTEX}


class Wired:
    """An emulator that remembers, behind a backend."""

    def __init__(self, at: Gemini | Vertex, state: EmulatorState | None = None) -> None:
        self.at = at
        self.state = state or EmulatorState()

    def __call__(self, request: Request[T]) -> Result[T, GenaiError]:
        self.state, response = handle_request(self.state, encode(request, self.at).unwrap(), NOW)
        return decode(request, response, self.at)
