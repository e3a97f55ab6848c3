"""A WebSocket server in threads whose scripts send every byte themselves, for what a correct server never sends."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeAlias

from tests.support.live.websocket_peer import compute_accept_key

Script: TypeAlias = Callable[["RawConnection"], None]

SETUP_COMPLETE = b'{"setupComplete": {"sessionId": "s"}}'
TEXT_MESSAGE = b'{"serverContent": {"modelTurn": {"parts": [{"text": "%b"}]}}}'
TURN_COMPLETE = b'{"serverContent": {"turnComplete": true}}'


def encode_frame(payload: bytes, opcode: int = 1, *, fin: bool = True, bits: int = 0, size: int | None = None) -> bytes:
    """Encode a server's frame, which is not masked; `bits` are added to its first byte, `size` may be a wrong size."""
    length = len(payload) if size is None else size
    first = bytes([(0x80 if fin else 0) | bits | opcode])
    if length < 126:
        return first + bytes([length]) + payload
    if length < 1 << 16:
        return first + b"\x7e" + struct.pack("!H", length) + payload
    return first + b"\x7f" + struct.pack("!Q", length) + payload


def encode_close(code: int | None, reason: bytes = b"") -> bytes:
    """Encode a close frame."""
    return encode_frame(b"" if code is None else struct.pack("!H", code) + reason, 8)


def encode_text(text: bytes) -> bytes:
    """Encode a frame with a text of the model."""
    return encode_frame(TEXT_MESSAGE % text)


class RawConnection:
    """One connection of the server, as a script sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self._buffer = b""

    def read_request(self) -> dict[str, str]:
        """Read the head of the request, and return its headers, names in lower case."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._read_chunk()
        self.head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        pairs = [line.partition(b": ") for line in self.head.split(b"\r\n")[1:]]
        return {name.decode().lower(): value.decode("latin-1") for name, _, value in pairs}

    def accept_handshake(self, first_bytes: bytes = b"", extra: bytes = b"") -> None:
        """Accept the handshake, with `extra` header lines, and `more` bytes in the same segment."""
        accept = compute_accept_key(self.read_request()["sec-websocket-key"]).encode()
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.send(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + extra + b"\r\n" + first_bytes)

    def accept_setup(self, first_bytes: bytes = b"") -> Any:
        """Accept the handshake, read the setup and answer it, with `more` bytes in the same segment."""
        self.accept_handshake()
        setup = json.loads(self.read_frame()[1])
        self.send(encode_frame(SETUP_COMPLETE) + first_bytes)
        return setup["setup"]

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def read_frame(self) -> tuple[int, bytes]:
        """Read a frame of the client: its opcode and its payload."""
        first, second = self._read_exactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self._read_exactly(2 if size == 126 else 8), "big")
        mask, payload = self._read_exactly(4), self._read_exactly(size)
        unmasked = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 0x0F, unmasked.to_bytes(size, "big")

    def read_until_closed(self) -> int | None:
        """Read to the end, answering a close frame: returns its code, or None if there was none."""
        with suppress(EOFError, OSError):
            while True:
                opcode, payload = self.read_frame()
                if opcode == 8:
                    with suppress(OSError):
                        self.send(encode_frame(payload, 8))
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        return None

    def _read_exactly(self, size: int) -> bytes:
        chunks, length = [self._buffer], len(self._buffer)
        while length < size:
            chunks.append(self._read_chunk())
            length += len(chunks[-1])
        unmasked = b"".join(chunks)
        self._buffer = unmasked[size:]
        return unmasked[:size]

    def _read_chunk(self) -> bytes:
        chunk = self.sock.recv(1 << 18)
        if not chunk:
            raise EOFError
        return chunk


class RawPeer:
    """
    A server that runs the n-th script for the n-th connection, and the last script for all later ones.

    A connection is closed at the end of its script. An exception of a script, except for a broken connection, is
    raised again at the end of the block.
    """

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", buffer_size: int | None = None) -> None:
        self.connections: list[RawConnection] = []
        self.errors: list[Exception] = []
        self._scripts = scripts
        self._host = host
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        if buffer_size is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_size)
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self._listener.getsockname()[1]  # type: ignore[no-any-return]  # a number

    @property
    def url(self) -> str:
        """The address, as ``http``."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(60)
                connection, number = RawConnection(sock), len(self.connections)
                self.connections.append(connection)
                script = self._scripts[min(number, len(self._scripts) - 1)]
                self._threads.append(threading.Thread(target=self._run_script, args=(script, connection), daemon=True))
                self._threads[-1].start()

    def _run_script(self, script: Script, connection: RawConnection) -> None:
        try:
            script(connection)
        except (EOFError, ConnectionError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            connection.sock.close()

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept_connections, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        if self.errors:
            raise self.errors[0]
