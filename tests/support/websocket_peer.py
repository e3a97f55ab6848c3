"""A peer of live sessions on loopback, in a thread of its own, by trio-websocket."""

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

MOST = 64 * 1024 * 1024

Script: TypeAlias = Callable[["Meeting"], Awaitable[None]]


async def until(seen: Callable[[], Any]) -> None:
    """Wait for what another thread does."""
    while not seen():  # noqa: ASYNC110  # a thread sets no event of ours
        await anyio.sleep(0.001)


class Meeting:
    """One connection as a script sees it: what it was asked with, and words to speak with."""

    def __init__(self, peer: "Peer", number: int, path: str, headers: dict[str, str], talk: Any) -> None:
        self.peer = peer
        self.number = number
        self.path = path
        self.headers = headers
        self.setup: Any = None
        self.heard: list[Any] = []
        self._talk = talk

    async def begin(self, **complete: Any) -> None:
        """Hear the setup, and accept it."""
        self.setup = (await self.hear())["setup"]
        await self.say(setupComplete=complete)

    async def hear(self) -> Any:
        """Wait for a message."""
        message = json.loads(await self._talk.get_message())
        self.heard.append(message)
        return message

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self._talk.send_message(json.dumps(message))

    async def answer(self, text: str) -> None:
        """Speak one turn."""
        await self.say(serverContent={"modelTurn": {"parts": [{"text": text}]}})
        await self.say(serverContent={"turnComplete": True})

    async def hand_out(self, handle: str, **more: Any) -> None:
        """Give a handle."""
        await self.say(sessionResumptionUpdate={"newHandle": handle, "resumable": True, **more})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close."""
        await self._talk.aclose(code, reason)

    async def abort(self) -> None:
        """Cut the connection, in the midst of a frame if some bytes are given before."""
        await self._talk._stream.aclose()

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self._talk._stream.send_all(data)

    async def until_closed(self) -> int:
        """Hear all to the end, and tell the code."""
        while True:
            try:
                await self.hear()
            except ConnectionClosed as closed:
                return 1006 if closed.reason is None else closed.reason.code


class Peer:
    """
    Meets whoever connects, the n-th with the n-th script, and after the last with the last again.

    Args:
        scripts: What is done at each meeting; the connection is closed at its end.

        tls: A context to serve TLS with.

        refuse: A status and a body to refuse every handshake with.
    """

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, refuse: tuple[int, bytes] | None = None
    ) -> None:
        self.meetings: list[Meeting] = []
        self.codes: list[int] = []
        self.faults: list[BaseException] = []
        self.open = self.most_open = 0
        self._scripts = scripts
        self._tls = tls
        self._refuse = refuse
        self._talks: list[Any] = []
        self._is_gone = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as self._nursery:
                server = await self._nursery.start(
                    lambda task_status: trio_websocket.serve_websocket(
                        self._met,
                        "127.0.0.1",
                        0,
                        self._tls,
                        max_message_size=MOST,
                        receive_buffer_size=65536,
                        disconnect_timeout=60,
                        task_status=task_status,
                    )
                )
                self.port = server.port
                self._ready.set()
                await trio.sleep_forever()

    async def _met(self, request: WebSocketRequest) -> None:
        if self._refuse is not None:
            await request.reject(self._refuse[0], body=self._refuse[1])
            return
        headers = {name.decode(): value.decode() for name, value in request.headers}
        number = len(self.meetings)
        talk = await request.accept()
        _forgive(talk)
        meeting = Meeting(self, number, request.path, headers, talk)
        self.meetings.append(meeting)
        self._talks.append(talk)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self._scripts[min(number, len(self._scripts) - 1)](meeting)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.faults.append(error)
        finally:
            if self._is_gone:
                await trio.aclose_forcefully(talk._stream)
            try:
                with trio.move_on_after(60):
                    await talk.aclose()
            finally:
                self.codes.append(talk.closed.code if talk.closed is not None else 1006)
                self.open -= 1
                self._talks.remove(talk)
                await trio.aclose_forcefully(talk._stream)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    async def _left(self) -> None:
        """Let scripts hear the rest of what was said before a goodbye; then cut all others."""
        with trio.move_on_after(60):
            while any(talk.closed is not None for talk in self._talks):  # noqa: ASYNC110  # scripts set no event
                await trio.sleep(0.001)
        self._scope.cancel()

    def stop(self) -> None:
        """Be gone, and cut all connections."""
        self._is_gone = True
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(60)

    def __exit__(self, *error: object) -> None:
        if self._thread.is_alive():
            self._token.run_sync_soon(self._nursery.start_soon, self._left)
            self._thread.join(120)
        assert not self._thread.is_alive()
        assert self.faults == []


def _forgive(talk: Any) -> None:
    """Leave a ping that comes while the peer closes without an answer: trio-websocket's whole server ends by it."""
    send = talk._send

    async def forgiving(event: Any) -> None:
        try:
            await send(event)
        except LocalProtocolError:
            if not isinstance(event, Pong):
                raise

    talk._send = forgiving


def mute(meeting: Meeting) -> None:
    """Answer no ping any more."""
    talk = meeting._talk
    original = talk._wsproto.events

    def events() -> Any:
        return (event for event in original() if not isinstance(event, Ping))

    talk._wsproto.events = events


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Write a frame as a server does, unmasked."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + payload


def accept_key(key: str) -> str:
    """Answer the key of a handshake: RFC 6455, section 4.2.2."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324  # the RFC's
    return base64.b64encode(digest).decode()
