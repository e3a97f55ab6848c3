"""WebSockets on trio: trio-websocket over a wire of our own, which has gone through the proxy and TLS."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import trio
import trio_websocket
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from genai_fn.http import Headers, HttpResponse
from genai_fn.interpret.dial_async import perform
from genai_fn.interpret.dial_wire import CutError, Wire
from genai_fn.interpret.sockets import LARGEST, Ending, unshaken
from genai_fn.sessions.protocol import CUT

if TYPE_CHECKING:
    from genai_fn.effects import Lost

__all__ = ["opened"]


@asynccontextmanager
async def opened(
    wire: Wire, host: str, resource: str, headers: Headers, seconds: float
) -> AsyncGenerator["TrioSocket | Lost", None]:
    """Shake hands over a wire, within so many seconds."""
    async with trio.open_nursery() as nursery:
        reader = _Reader(nursery)
        stream = _Stream(wire)
        connection: WebSocketConnection | None = None
        with trio.move_on_after(seconds) as limit, reader.handshake:
            connection = await trio_websocket.wrap_client_stream(
                reader,  # type: ignore[arg-type]  # all that is asked of a nursery
                stream,  # type: ignore[arg-type]  # any stream will do
                host,
                resource,
                extra_headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
                max_message_size=LARGEST,
                receive_buffer_size=_PIECE,
            )
            reader.is_open = True
        if connection is not None:
            yield TrioSocket(connection, stream)
        else:
            yield unshaken(reader.refusal(), in_time=not limit.cancelled_caught)
        nursery.cancel_scope.cancel()


_PIECE = 64 * 1024


class TrioSocket:
    """A connection of trio-websocket."""

    def __init__(self, connection: WebSocketConnection, stream: "_Stream") -> None:
        self._connection = connection
        self._stream = stream

    @property
    def moved(self) -> int:
        return self._stream.moved

    async def send(self, data: bytes) -> bool:
        with suppress(ConnectionClosed, *_BROKEN):
            await self._connection.send_message(data.decode())
            return True
        return False

    async def receive(self) -> bytes | str | Ending:
        try:
            return await self._connection.get_message()
        except ConnectionClosed as closed:
            reason = closed.reason
            return Ending(CUT) if reason is None else Ending(reason.code, reason.reason or "")

    async def ping(self) -> None:
        with suppress(ConnectionClosed, *_BROKEN):
            await self._connection.ping()
            return
        await trio.sleep_forever()

    async def close(self) -> None:
        with suppress(*_BROKEN):
            await self._connection.aclose()

    def cut(self) -> None:
        self._stream.wire.close()


class _Reader:
    """
    Runs what trio-websocket runs beside us, and keeps what it raises: as a child of a plain nursery it would cancel us.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.handshake = trio.CancelScope()
        self.is_open = False
        self._nursery = nursery
        self._raised: Exception | None = None

    def start_soon(self, task: Callable[[], Any]) -> None:
        self._nursery.start_soon(self._run, task)

    async def _run(self, task: Callable[[], Any]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001  # of the protocol's: the connection is of no use any more
            self._raised = error
        if not self.is_open:
            self.handshake.cancel()  # nobody else would end the wait for it

    def refusal(self) -> HttpResponse | None:
        if not isinstance(self._raised, ConnectionRejected):
            return None
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._raised.headers
        )
        return HttpResponse(self._raised.status_code, headers, self._raised.body or b"")


class _Stream(trio.abc.Stream):
    """A wire as a stream of trio."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.moved = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                await perform(self.wire.write(bytes(rest[:_PIECE])))
                self.moved += len(rest[:_PIECE])
                rest = rest[_PIECE:]
        except CutError:
            raise trio.ClosedResourceError from None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from None

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            data = await perform(self.wire.read(max_bytes or _PIECE))
        except CutError:
            raise trio.ClosedResourceError from None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from None
        self.moved += len(data)
        return data

    async def aclose(self) -> None:
        self.wire.close()
        await trio.lowlevel.checkpoint()


_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError)
