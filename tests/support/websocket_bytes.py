"""A peer of live sessions that is scripted byte by byte, in threads: for what a decent WebSocket server never does."""

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeAlias

Script: TypeAlias = Callable[["Line"], None]

COMPLETE = b'{"setupComplete": {"sessionId": "s"}}'
SAID = b'{"serverContent": {"modelTurn": {"parts": [{"text": "%b"}]}}}'
TURN = b'{"serverContent": {"turnComplete": true}}'


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, bits: int = 0, size: int | None = None) -> bytes:
    """Write a frame as a server does, unmasked; `bits` are added to its first byte, and its size may be a lie."""
    length = len(payload) if size is None else size
    first = bytes([(0x80 if fin else 0) | bits | opcode])
    if length < 126:
        return first + bytes([length]) + payload
    if length < 1 << 16:
        return first + b"\x7e" + struct.pack("!H", length) + payload
    return first + b"\x7f" + struct.pack("!Q", length) + payload


def goodbye(code: int | None, reason: bytes = b"") -> bytes:
    """Write a close frame."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason, 8)


def text(said: bytes) -> bytes:
    """Write a frame that says something."""
    return frame(SAID % said)


class Line:
    """One connection, as a script sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self._held = b""

    def request(self) -> dict[str, str]:
        """Read the head of the request, and give its headers, names in lower case."""
        while b"\r\n\r\n" not in self._held:
            self._held += self._more()
        self.head, _, self._held = self._held.partition(b"\r\n\r\n")
        pairs = [line.partition(b": ") for line in self.head.split(b"\r\n")[1:]]
        return {name.decode().lower(): value.decode("latin-1") for name, _, value in pairs}

    def shake(self, more: bytes = b"", extra: bytes = b"") -> None:
        """Accept the handshake, with more bytes in the same segment."""
        key = self.request()["sec-websocket-key"]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324  # the RFC's
        accept = base64.b64encode(digest)
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.send(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + extra + b"\r\n" + more)

    def begin(self, more: bytes = b"") -> Any:
        """Accept the handshake, read the setup, and accept it, with more bytes in the same segment."""
        self.shake()
        setup = json.loads(self.frame()[1])
        self.send(frame(COMPLETE) + more)
        return setup["setup"]

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def frame(self) -> tuple[int, bytes]:
        """Read a frame of the client's: its opcode and its payload."""
        first, second = self._exactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        mask, payload = self._exactly(4), self._exactly(size)
        whole = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 0x0F, whole.to_bytes(size, "big")

    def until_closed(self) -> int | None:
        """Read to the end, answering a goodbye: its code, or None if there was none."""
        with suppress(EOFError, OSError):
            while True:
                opcode, payload = self.frame()
                if opcode == 8:
                    with suppress(OSError):
                        self.send(frame(payload, 8))
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        return None

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._held], len(self._held)
        while have < size:
            parts.append(self._more())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._held = whole[size:]
        return whole[:size]

    def _more(self) -> bytes:
        piece = self.sock.recv(1 << 18)
        if not piece:
            raise EOFError
        return piece


class Bare:
    """
    Serves whoever connects, the n-th by the n-th script, and after the last by the last again.

    A connection is closed at the end of its script. What a script raises, but for a connection that broke, is raised
    again at the end of the block.
    """

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", room: int | None = None) -> None:
        self.lines: list[Line] = []
        self.faults: list[Exception] = []
        self._scripts = scripts
        self._host = host
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        if room is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.getsockname()[1]  # type: ignore[no-any-return]  # a number

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(60)
                line, number = Line(sock), len(self.lines)
                self.lines.append(line)
                script = self._scripts[min(number, len(self._scripts) - 1)]
                self._threads.append(threading.Thread(target=self._met, args=(script, line), daemon=True))
                self._threads[-1].start()

    def _met(self, script: Script, line: Line) -> None:
        try:
            script(line)
        except (EOFError, ConnectionError):
            pass
        except Exception as error:
            self.faults.append(error)
        finally:
            line.sock.close()

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._serve, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        if self.faults:
            raise self.faults[0]
