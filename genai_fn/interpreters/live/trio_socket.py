"""A WebSocket on trio: ``trio-websocket`` over a connected socket of `net`, with its proxy and TLS."""

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
from genai_fn.interpreters.live.addresses import build_host_header
from genai_fn.interpreters.live.sockets import MAX_MESSAGE_BYTES, CloseStatus, build_handshake_failure
from genai_fn.interpreters.live.write_queue import CHUNK_SIZE, WriteQueue
from genai_fn.interpreters.net.connect.async_steps import perform_steps
from genai_fn.interpreters.net.http1.requests import build_request_target, decode_headers, encode_headers
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE

if TYPE_CHECKING:
    from genai_fn.effects import EffectFailed


@asynccontextmanager
async def open_socket(
    sock: NonBlockingSocket, url: str, headers: Headers, seconds: float
) -> AsyncGenerator["TrioSocket | EffectFailed", None]:
    """Perform the WebSocket handshake over a connected socket, with a timeout in seconds."""
    async with anyio.create_task_group() as tasks:
        stream = _TrioStream(sock, WriteQueue(sock, tasks))
        nursery = _Nursery(tasks, stream)
        connection: WebSocketConnection | None = None
        with trio.move_on_after(seconds) as limit, nursery.handshake_scope:
            connection = await trio_websocket.wrap_client_stream(
                nursery,  # type: ignore[arg-type]  # only start_soon is called
                stream,  # type: ignore[arg-type]  # annotated as a SocketStream, but any Stream works
                build_host_header(url),
                build_request_target(url),
                extra_headers=encode_headers(headers),
                max_message_size=MAX_MESSAGE_BYTES,
                receive_buffer_size=CHUNK_SIZE,
            )
            stream.is_handshake_done = True
        if connection is not None:
            yield TrioSocket(connection, stream)
        else:
            yield build_handshake_failure(nursery.get_rejection(), in_time=not limit.cancelled_caught)
        tasks.cancel_scope.cancel()


class TrioSocket:
    """A `MessageSocket` over a connection of trio-websocket."""

    def __init__(self, connection: WebSocketConnection, stream: "_TrioStream") -> None:
        self._connection = connection
        self._stream = stream

    @property
    def bytes_transferred(self) -> int:
        return self._stream.received_bytes + self._stream.write_queue.written_bytes

    def send_now(self, data: bytes) -> bool:  # trio-websocket sends in coroutines only
        return False

    async def send(self, data: bytes) -> bool:
        with suppress(ConnectionClosed, *_BROKEN_ERRORS), self._stream.hold_writes():
            await self._connection.send_message(data.decode())
            return await self._stream.write_queue.flush()
        return False

    async def receive(self) -> bytes | str | CloseStatus:
        try:
            return await self._connection.get_message()
        except ConnectionClosed as closed:
            await self._stream.write_queue.flush_briefly()
            reason = closed.reason
            return (
                CloseStatus(ABNORMAL_CLOSURE) if reason is None else CloseStatus(int(reason.code), reason.reason or "")
            )

    async def ping(self) -> None:
        with suppress(ConnectionClosed, *_BROKEN_ERRORS):
            await self._connection.ping()
            return
        await trio.sleep_forever()

    async def close(self) -> None:
        with suppress(*_BROKEN_ERRORS):
            await self._connection.aclose()

    def abort(self) -> None:
        self._stream.write_queue.is_broken = True
        self._stream.socket.close()


class _Nursery:
    """
    Runs trio-websocket's background task, and stores its exception: a nursery of trio would raise it in `open_socket`.
    """

    def __init__(self, tasks: TaskGroup, stream: "_TrioStream") -> None:
        self.handshake_scope = trio.CancelScope()
        self._tasks = tasks
        self._stream = stream
        self._error: Exception | None = None
        self._connection: Any = None

    def start_soon(self, task: Callable[[], Any]) -> None:
        self._connection = getattr(task, "__self__", None)
        self._tasks.start_soon(self._run, task)

    async def _run(self, task: Callable[[], Any]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001  # an error of the protocol: the connection is unusable
            self._error = error
        if not self._stream.is_handshake_done:
            self.handshake_scope.cancel()  # trio-websocket would wait for ever

    def get_rejection(self) -> HttpResponse | None:
        """Return the response that refused the handshake, None if there is none. The end of its body may be missing."""
        error, connection = self._error, self._connection
        if isinstance(error, ConnectionRejected):
            return HttpResponse(error.status_code, decode_headers(error.headers or ()), error.body or b"")
        # trio-websocket drops a response that ends with the connection, but keeps what it has read of it.
        status: Any = getattr(connection, "_reject_status", None)
        headers: Any = getattr(connection, "_reject_headers", None)
        body: Any = getattr(connection, "_reject_body", None)
        return HttpResponse(status, decode_headers(headers or ()), bytes(body or b"")) if status else None


class _TrioStream(trio.abc.Stream):
    """
    A socket as a stream of trio.

    `send_all` does not wait until the bytes are written, because trio-websocket calls it under a lock: another task
    writes them. It waits only if more than 1,000 items are queued.
    """

    def __init__(self, sock: NonBlockingSocket, write_queue: WriteQueue) -> None:
        self.socket = sock
        self.write_queue = write_queue
        self.received_bytes = 0
        self.is_handshake_done = False
        self._sending_task: trio.lowlevel.Task | None = None

    @contextmanager
    def hold_writes(self) -> Generator[None]:
        """In this context, `send_all` of the current task only queues the bytes. The task flushes the queue itself."""
        self._sending_task = trio.lowlevel.current_task()
        try:
            yield
        finally:
            self._sending_task = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.write_queue.is_broken:
            raise trio.BrokenResourceError
        self.write_queue.put(bytes(data))
        if self._sending_task is not trio.lowlevel.current_task():
            await self.write_queue.flush_in_background()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self.received_bytes > _MAX_HANDSHAKE_BYTES and not self.is_handshake_done:
            raise trio.BrokenResourceError("the response to the handshake is too large")
        try:
            data = await perform_steps(self.socket.read(max_bytes or CHUNK_SIZE))
        except SocketClosedError:
            raise trio.ClosedResourceError from None
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from None
        self.received_bytes += len(data)
        return data

    async def aclose(self) -> None:
        await self.write_queue.flush_briefly()
        self.socket.close()
        await trio.lowlevel.checkpoint()


_BROKEN_ERRORS = (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError)
_MAX_HANDSHAKE_BYTES = 1024 * 1024
