"""
A minimal HTTP server on loopback, in a child process, that sends the same small response to every request.

The model name selects the behaviour: ``slow`` waits 20 ms, ``events-2000`` streams 2,000 events. ``GET /count`` returns
the numbers of connections and requests so far. After a million requests the server drops connections.
"""

import asyncio
import functools
import http.client
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.child_process import run_child, serve_until_orphaned
from benchmarks.payloads import TINY, build_events

SLOW_MODEL = "slow"
_DELAY = 0.02
_MAX_REQUESTS = 1_000_000


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> tuple[int, int]:
        """Return the numbers of connections and requests so far, without those of this method."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/count")
            connections, requests = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return connections, requests


@contextmanager
def run_server() -> Generator[Server]:
    """Context manager: run the server in a child process."""
    with run_child("benchmarks.http_server") as port:
        yield Server(port)


# The child process


def _build_head(content_type: str, headers: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{headers}\r\n\r\n".encode()


def _build_response(body: bytes) -> bytes:
    return _build_head("application/json", f"Content-Length: {len(body)}") + body


def _build_chunked_response(parts: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in parts)
    return _build_head("text/event-stream", "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n"


_RESPONSE = _build_response(TINY)


@functools.cache
def _build_stream(line: bytes) -> bytes:
    _, _, rest = line.partition(b"events-")
    return _build_chunked_response(build_events(int(rest.partition(b":")[0])))


class _Protocol(asyncio.Protocol):
    connections = requests = 0

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _Protocol.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (split := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:split].lower()
            end = split + 4 + _read_content_length(head)
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            self._respond(head.partition(b"\r\n")[0])

    def _respond(self, line: bytes) -> None:
        assert self._transport is not None
        if line.startswith(b"get /count"):
            _Protocol.connections -= 1
            self._transport.write(_build_response(json.dumps([_Protocol.connections, _Protocol.requests]).encode()))
            return
        _Protocol.requests += 1
        if _Protocol.requests > _MAX_REQUESTS:
            self._transport.abort()
        elif SLOW_MODEL.encode() in line:
            asyncio.get_running_loop().call_later(_DELAY, self._transport.write, _RESPONSE)
        else:
            self._transport.write(_build_stream(line) if b":streamgeneratecontent" in line else _RESPONSE)


def _read_content_length(head: bytes) -> int:
    _, _, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Protocol, "127.0.0.1", 0, backlog=2048)
    async with server:
        await serve_until_orphaned(server.sockets[0].getsockname()[1])


if __name__ == "__main__":
    asyncio.run(_serve())
