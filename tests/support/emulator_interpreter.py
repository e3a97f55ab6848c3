"""Requests to the emulator as this library encodes them, and its responses as this library decodes them."""

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
BACKENDS: dict[str, Any] = {"gemini": GEMINI, "vertex": VERTEX}


class EmulatorInterpreter:
    """Runs requests on an emulator as one backend, and keeps the emulator's state."""

    def __init__(self, backend: Gemini | Vertex, state: EmulatorState | None = None) -> None:
        self.backend = backend
        self.state = state or EmulatorState()

    def __call__(self, request: Request[T]) -> Result[T, GenaiError]:
        self.state, response = handle_request(self.state, encode(request, self.backend).unwrap(), NOW)
        return decode(request, response, self.backend)
