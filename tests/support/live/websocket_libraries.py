"""The libraries that a live session may use for its WebSocket: each with its event loop."""

import sys

import pytest

WEBSOCKET_LIBRARIES = {"websockets": "asyncio", "wsproto": "asyncio", "trio-websocket": "trio"}
"""The event loop of each library."""


def use_websocket_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the package websockets unless it is the named library, as if it were not installed."""
    if name != "websockets":
        monkeypatch.setitem(sys.modules, "genai_fn.interpreters.live.websockets_protocol", None)
