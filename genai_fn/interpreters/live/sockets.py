"""What a live session speaks through: connections that carry whole messages, over WebSocket or in memory."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from returns.result import Result

from genai_fn.effects import EffectFailed
from genai_fn.errors import Disconnected, GenaiError, TimedOut
from genai_fn.http import HttpResponse
from genai_fn.values import Value
from genai_fn.wire import build_api_error

__all__ = ["MAX_MESSAGE_BYTES", "CloseStatus", "Connector", "MessageSocket", "build_handshake_failure"]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The most bytes that a message may have."""


class CloseStatus(Value):
    """How a connection ended: with a code and a reason, or cut."""

    code: int
    reason: str = ""


class MessageSocket(Protocol):
    """A connection that is open; one task reads, one writes."""

    @property
    def bytes_transferred(self) -> int:
        """How many bytes have gone through so far, either way."""
        ...

    async def send(self, data: Any) -> bool:
        """Write one message, whole; False if the connection has ended. Cancelled, it may have written a part."""
        ...

    async def receive(self) -> Any:
        """Give the next message, or the `Ending`."""
        ...

    async def ping(self) -> None:
        """Ask for a sign of life, and wait until it has come; on a connection that has ended, wait for ever."""
        ...

    async def close(self) -> None:
        """Say goodbye; whoever reads is told once the peer has said so, too."""
        ...

    def abort(self) -> None:
        """Close the connection at once; whoever reads is told."""
        ...


class Connector(Protocol):
    """How a session speaks in one world: how it connects, and what its messages look like there."""

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Write a frame of ours."""
        ...

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Read a message of the peer's."""
        ...

    def connect(self, handle: str | None) -> AbstractAsyncContextManager["tuple[MessageSocket, Any] | EffectFailed"]:
        """Connect, up to and with the handshake; gives the socket, and the setup to be written first."""
        ...


def build_handshake_failure(refusal: HttpResponse | None, *, in_time: bool) -> EffectFailed:
    """Say why no WebSocket came of a handshake: refused by HTTP, not answered in it, or not in time."""
    doing = "opening a live session"
    if not in_time:
        return EffectFailed(TimedOut("headers", doing, sent=True))
    return EffectFailed(
        Disconnected(doing, "the answer is none of WebSocket") if refusal is None else build_api_error(refusal)
    )
