"""WebSockets on trio: trio-websocket over a wire of our own, which has gone through the proxy and TLS."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import trio
import trio_websocket
from anyio.abc import TaskGroup
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from genai_fn.http import Headers, HttpResponse
from genai_fn.interpret.dial_async import perform
from genai_fn.interpret.dial_wire import CutError, Wire
from genai_fn.interpret.sockets import LARGEST, Ending, unshaken
from genai_fn.interpret.sockets_outflow import PIECE, Outflow
from genai_fn.sessions.protocol import CUT

if TYPE_CHECKING:
    from genai_fn.effects import Lost

__all__ = ["opened"]


@asynccontextmanager
async def opened(
    wire: Wire, host: str, resource: str, headers: Headers, seconds: float
) -> AsyncGenerator["TrioSocket | Lost", None]:
    """Shake hands over a wire, within so many seconds."""
    async with anyio.create_task_group() as tasks:
        stream = _Stream(wire, Outflow(wire, tasks))
        reader = _Reader(tasks, stream)
        connection: WebSocketConnection | None = None
        with trio.move_on_after(seconds) as limit, reader.handshake:
            connection = await trio_websocket.wrap_client_stream(
                reader,  # type: ignore[arg-type]  # all that is asked of a nursery
                stream,  # type: ignore[arg-type]  # any stream will do
                host,
                resource,
                extra_headers=[
                    (name.encode("ascii"), value.encode("latin-1"))
                    for name, value in headers
                    if name.lower() != "host"  # it is the address's, as in calls
                ],
                max_message_size=LARGEST,
                receive_buffer_size=PIECE,
            )
            stream.is_open = True
        if connection is not None:
            yield TrioSocket(connection, stream)
        else:
            yield unshaken(reader.refusal(), in_time=not limit.cancelled_caught)
        tasks.cancel_scope.cancel()


class TrioSocket:
    """A connection of trio-websocket."""

    def __init__(self, connection: WebSocketConnection, stream: "_Stream") -> None:
        self._connection = connection
        self._stream = stream

    @property
    def moved(self) -> int:
        return self._stream.heard + self._stream.outflow.moved

    async def send(self, data: bytes) -> bool:
        with suppress(ConnectionClosed, *_BROKEN), self._stream.held():
            await self._connection.send_message(data.decode())
            return await self._stream.outflow.flush()
        return False

    async def receive(self) -> bytes | str | Ending:
        try:
            return await self._connection.get_message()
        except ConnectionClosed as closed:
            await self._stream.outflow.last()
            reason = closed.reason
            return Ending(CUT) if reason is None else Ending(int(reason.code), reason.reason or "")

    async def ping(self) -> None:
        with suppress(ConnectionClosed, *_BROKEN):
            await self._connection.ping()
            return
        await trio.sleep_forever()

    async def close(self) -> None:
        with suppress(*_BROKEN):
            await self._connection.aclose()

    def cut(self) -> None:
        self._stream.outflow.is_broken = True
        self._stream.wire.close()


class _Reader:
    """
    Runs what trio-websocket runs beside us, and keeps what it raises: as a child of a plain nursery it would cancel us.
    """

    def __init__(self, tasks: TaskGroup, stream: "_Stream") -> None:
        self.handshake = trio.CancelScope()
        self._tasks = tasks
        self._stream = stream
        self._raised: Exception | None = None

    def start_soon(self, task: Callable[[], Any]) -> None:
        self._tasks.start_soon(self._run, task)

    async def _run(self, task: Callable[[], Any]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001  # of the protocol's: the connection is of no use any more
            self._raised = error
        if not self._stream.is_open:
            self.handshake.cancel()  # nobody else would end the wait for it

    def refusal(self) -> HttpResponse | None:
        if not isinstance(self._raised, ConnectionRejected):
            return None
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._raised.headers
        )
        return HttpResponse(self._raised.status_code, headers, self._raised.body or b"")


class _Stream(trio.abc.Stream):
    """A wire as a stream of trio; what goes out is only handed over, as trio-websocket holds its lock meanwhile."""

    def __init__(self, wire: Wire, outflow: Outflow) -> None:
        self.wire = wire
        self.outflow = outflow
        self.heard = 0
        self.is_open = False
        self._sender: trio.lowlevel.Task | None = None

    @contextmanager
    def held(self) -> Generator[None]:
        """Have what this task says go out only when it asks for it."""
        self._sender = trio.lowlevel.current_task()
        try:
            yield
        finally:
            self._sender = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.outflow.is_broken:
            raise trio.BrokenResourceError
        self.outflow.put(bytes(data))
        if self._sender is not trio.lowlevel.current_task():
            await self.outflow.later()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self.heard > _LONGEST_REFUSAL and not self.is_open:
            raise trio.BrokenResourceError("a refusal without end")
        try:
            data = await perform(self.wire.read(max_bytes or PIECE))
        except CutError:
            raise trio.ClosedResourceError from None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from None
        self.heard += len(data)
        return data

    async def aclose(self) -> None:
        await self.outflow.last()
        self.wire.close()
        await trio.lowlevel.checkpoint()


_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError)
_LONGEST_REFUSAL = 1024 * 1024
