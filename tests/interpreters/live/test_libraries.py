"""The library that a session on asyncio uses for its WebSocket."""

import sys

import pytest

from genai_fn.interpreters.live import asyncio_socket
from tests.support.live.websocket_libraries import use_websocket_library

URL = "wss://example.com/ws?a=1"


@pytest.mark.parametrize("name", ["websockets", "wsproto"])
def test_which_protocol(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The package websockets is used where it is installed; without it wsproto, which every installation has."""
    use_websocket_library(name, monkeypatch)
    assert type(asyncio_socket.build_protocol(URL)).__module__ == f"genai_fn.interpreters.live.{name}_protocol"


def test_old_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of websockets that lacks what is imported from it, which another package may need, is not used."""
    monkeypatch.delitem(sys.modules, "genai_fn.interpreters.live.websockets_protocol", raising=False)
    monkeypatch.delattr("websockets.client.ClientProtocol")
    assert type(asyncio_socket.build_protocol(URL)).__module__ == "genai_fn.interpreters.live.wsproto_protocol"
