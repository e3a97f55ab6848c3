"""A WebSocket server on loopback, by trio-websocket in a thread of its own, whose connections run scripts."""

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeAlias

import anyio
import trio
import trio_websocket
from trio_websocket import ConnectionClosed, WebSocketRequest
from wsproto.events import Ping, Pong
from wsproto.utilities import LocalProtocolError

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

Script: TypeAlias = Callable[["PeerConnection"], Awaitable[None]]


async def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds that another thread changes."""
    while not condition():  # noqa: ASYNC110  # a thread sets no event of ours
        await anyio.sleep(0.001)


class PeerConnection:
    """One connection of the server: its request, the messages received, and methods to send and receive."""

    def __init__(self, peer: "Peer", number: int, path: str, headers: dict[str, str], websocket: Any) -> None:
        self.peer = peer
        self.number = number
        self.path = path
        self.headers = headers
        self.setup: Any = None
        self.received: list[Any] = []
        self._websocket = websocket

    async def accept_setup(self, **complete: Any) -> None:
        """Receive the setup message, and answer ``setupComplete``."""
        self.setup = (await self.receive())["setup"]
        await self.send(setupComplete=complete)

    async def receive(self) -> Any:
        """Receive a message."""
        message = json.loads(await self._websocket.get_message())
        self.received.append(message)
        return message

    async def send(self, **message: Any) -> None:
        """Send a message."""
        await self._websocket.send_message(json.dumps(message))

    async def send_turn(self, text: str) -> None:
        """Send a text of the model and the end of its turn."""
        await self.send(serverContent={"modelTurn": {"parts": [{"text": text}]}})
        await self.send(serverContent={"turnComplete": True})

    async def send_handle(self, handle: str, **fields: Any) -> None:
        """Send a handle with which the session can be resumed."""
        await self.send(sessionResumptionUpdate={"newHandle": handle, "resumable": True, **fields})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Perform the closing handshake."""
        await self._websocket.aclose(code, reason)

    async def abort(self) -> None:
        """Close the TCP connection without a closing handshake."""
        await self._websocket._stream.aclose()

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are, such as half a frame."""
        await self._websocket._stream.send_all(data)

    async def receive_until_closed(self) -> int:
        """Receive messages until the client closes, and return the code; 1006 if it sent none."""
        while True:
            try:
                await self.receive()
            except ConnectionClosed as closed:
                return 1006 if closed.reason is None else closed.reason.code


class Peer:
    """
    A server that runs the n-th script for the n-th connection, and the last script for all later ones.

    Args:
        scripts: Coroutine functions that take a connection; at their end it is closed.

        tls: A context to serve TLS with.

        refuse: Status and body with which to refuse every handshake.
    """

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, refuse: tuple[int, bytes] | None = None
    ) -> None:
        self.connections: list[PeerConnection] = []
        self.close_codes: list[int] = []
        self.errors: list[BaseException] = []
        self.open = self.most_open = 0
        self._scripts = scripts
        self._tls = tls
        self._refuse = refuse
        self._websockets: list[Any] = []
        self._is_stopped = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    @property
    def url(self) -> str:
        """The address, as ``http`` or ``https``."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as self._nursery:
                server = await self._nursery.start(
                    lambda task_status: trio_websocket.serve_websocket(
                        self._handle_request,
                        "127.0.0.1",
                        0,
                        self._tls,
                        max_message_size=MAX_MESSAGE_BYTES,
                        receive_buffer_size=65536,
                        disconnect_timeout=60,
                        task_status=task_status,
                    )
                )
                self.port = server.port
                self._ready.set()
                await trio.sleep_forever()

    async def _handle_request(self, request: WebSocketRequest) -> None:
        if self._refuse is not None:
            await request.reject(self._refuse[0], body=self._refuse[1])
            return
        headers = {name.decode(): value.decode() for name, value in request.headers}
        number = len(self.connections)
        websocket = await request.accept()
        _ignore_late_pings(websocket)
        connection = PeerConnection(self, number, request.path, headers, websocket)
        self.connections.append(connection)
        self._websockets.append(websocket)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self._scripts[min(number, len(self._scripts) - 1)](connection)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            if self._is_stopped:
                await trio.aclose_forcefully(websocket._stream)
            try:
                with trio.move_on_after(60):
                    await websocket.aclose()
            finally:
                self.close_codes.append(websocket.closed.code if websocket.closed is not None else 1006)
                self.open -= 1
                self._websockets.remove(websocket)
                await trio.aclose_forcefully(websocket._stream)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    async def _stop_after_closing(self) -> None:
        """Let scripts of closing connections receive the remaining messages; then cancel all others."""
        with trio.move_on_after(60):
            while any(each.closed is not None for each in self._websockets):  # noqa: ASYNC110  # scripts set no event
                await trio.sleep(0.001)
        self._scope.cancel()

    def stop(self) -> None:
        """Stop the server and abort all connections."""
        self._is_stopped = True
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(60)

    def __exit__(self, *error: object) -> None:
        if self._thread.is_alive():
            self._token.run_sync_soon(self._nursery.start_soon, self._stop_after_closing)
            self._thread.join(120)
        assert not self._thread.is_alive()
        assert self.errors == []


def _ignore_late_pings(websocket: Any) -> None:
    """Ignore a ping that arrives while the server closes: the error of its pong would end trio-websocket's server."""
    send = websocket._send

    async def send_or_ignore(event: Any) -> None:
        try:
            await send(event)
        except LocalProtocolError:
            if not isinstance(event, Pong):
                raise

    websocket._send = send_or_ignore


def ignore_pings(connection: PeerConnection) -> None:
    """Send no pong any more."""
    websocket = connection._websocket
    original = websocket._wsproto.events

    def filter_events() -> Any:
        return (event for event in original() if not isinstance(event, Ping))

    websocket._wsproto.events = filter_events


def compute_accept_key(key: str) -> str:
    """Compute ``Sec-WebSocket-Accept`` of a key: RFC 6455, section 4.2.2."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324  # the RFC's
    return base64.b64encode(digest).decode()
