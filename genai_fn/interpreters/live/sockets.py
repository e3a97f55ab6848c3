"""The protocols of a live session's connections, which transfer whole messages over a WebSocket or in memory."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from returns.result import Result

from genai_fn.effects import EffectFailed
from genai_fn.errors import Disconnected, GenaiError, TimedOut
from genai_fn.http import Headers, HttpResponse
from genai_fn.values import Value
from genai_fn.wire import build_api_error

__all__ = [
    "MAX_MESSAGE_BYTES",
    "CloseStatus",
    "Connector",
    "HandshakeDone",
    "MessageSocket",
    "PongReceived",
    "SocketWrapper",
    "WebSocketEvent",
    "WebSocketProtocol",
    "build_handshake_failure",
]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The limit of a received message's size, in bytes."""


class CloseStatus(Value):
    """The code and reason of a close frame; code 1006 if there was none."""

    code: int
    reason: str = ""


class MessageSocket(Protocol):
    """An open connection; one task may read while another writes."""

    @property
    def bytes_transferred(self) -> int:
        """How many bytes were sent and received so far."""
        ...

    def send_now(self, data: Any) -> bool:
        """
        Send one message without waiting.

        Returns False if the connection does not take all of it at once; then call `send` with the same object, which
        sends what is missing. Not to be called during `send`.
        """
        ...

    async def send(self, data: Any) -> bool:
        """Send one message; returns False if the connection has ended. If cancelled, it may have sent a part."""
        ...

    async def receive(self) -> Any:
        """Return the next message, or the `CloseStatus` once the connection has ended."""
        ...

    async def ping(self) -> None:
        """Send a ping and wait for its pong; on a connection that has ended, wait for ever."""
        ...

    async def close(self) -> None:
        """Perform the closing handshake; then `receive` returns the `CloseStatus`."""
        ...

    def abort(self) -> None:
        """Close the connection at once; then `receive` returns the `CloseStatus`."""
        ...


class SocketWrapper:
    """A `MessageSocket` that passes everything on to another one, `inner`; a subclass overrides what it changes."""

    def __init__(self, inner: MessageSocket) -> None:
        self.inner = inner

    @property
    def bytes_transferred(self) -> int:
        return self.inner.bytes_transferred

    def send_now(self, data: Any) -> bool:
        return self.inner.send_now(data)

    async def send(self, data: Any) -> bool:
        return await self.inner.send(data)

    async def receive(self) -> Any:
        return await self.inner.receive()

    async def ping(self) -> None:
        await self.inner.ping()

    async def close(self) -> None:
        await self.inner.close()

    def abort(self) -> None:
        self.inner.abort()


class HandshakeDone(Value):
    """The end of the handshake; if it was refused, with the response, or None if that is no HTTP."""

    was_accepted: bool
    response: HttpResponse | None = None


class PongReceived(Value):
    """The payload of a pong."""

    payload: bytes


WebSocketEvent: TypeAlias = HandshakeDone | PongReceived | CloseStatus | bytes
"""What a peer does; bytes are a whole message."""


class WebSocketProtocol(Protocol):
    """
    The client's side of a WebSocket, without I/O. It limits the size of messages, and answers pings and close frames.

    Methods that encode are called only while the connection is open.
    """

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done, and no close frame was sent or received."""
        ...

    def encode_handshake(self, headers: Headers) -> bytes:
        """Encode the handshake request."""
        ...

    def encode_message(self, data: bytes) -> bytes:
        """Encode a text message."""
        ...

    def encode_ping(self, payload: bytes) -> bytes:
        """Encode a ping."""
        ...

    def encode_close(self, code: int) -> bytes:
        """Encode a close frame; the connection is not open any more."""
        ...

    def receive_data(self, data: bytes) -> Iterable[WebSocketEvent]:
        """Return the events of received bytes, ``b""`` at the end of the connection; never raises for what they are."""
        ...

    def take_replies(self) -> bytes:
        """Return the pongs and close frames that answer what was received, once."""
        ...


class Connector(Protocol):
    """Opens the connections of a session, and encodes and decodes their messages."""

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Encode a client message."""
        ...

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Decode a server message."""
        ...

    def connect(self, handle: str | None) -> AbstractAsyncContextManager["tuple[MessageSocket, Any] | EffectFailed"]:
        """Connect, to the end of the handshake; yields the socket and the setup message to send first."""
        ...


def build_handshake_failure(response: HttpResponse | None, *, in_time: bool) -> EffectFailed:
    """Build the failure of a handshake: an HTTP error, a response that is not HTTP (None), or a timeout."""
    doing = "opening a live session"
    if not in_time:
        return EffectFailed(TimedOut("headers", doing, sent=True))
    return EffectFailed(
        Disconnected(doing, "the response is no WebSocket handshake") if response is None else build_api_error(response)
    )
