"""The API within the process: a pure function from request to response, for work without a network and for tests."""

from genai_fn.emulator.routes import handle
from genai_fn.emulator.state import State

__all__ = ["State", "handle"]
