"""
A server of loopback that costs next to nothing: a process of its own that answers everything with the same few bytes.

The model's name says how: ``slow`` waits 20 ms, ``events-2000`` streams so many events. ``GET /count`` tells how
many connections came, and how many requests. It ends with its parent or after half an hour, and hangs up after a
million requests.
"""

import asyncio
import functools
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.material import TINY, events

SLOW = "slow"
_DELAY = 0.02
_MOST_SECONDS = 1800
_MOST_REQUESTS = 1_000_000


@dataclass(frozen=True)
class Server:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        """Its address, as a base URL."""
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> tuple[int, int]:
        """Ask how many connections and requests there were, such questions aside."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/count")
            connections, requests = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return connections, requests


@contextmanager
def serving() -> Generator[Server]:
    """Start one, and end it."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Server(int(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(60)


# The process itself


def _head(kind: str, rest: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{rest}\r\n\r\n".encode()


def _sized(body: bytes) -> bytes:
    return _head("application/json", f"Content-Length: {len(body)}") + body


def _chunked(pieces: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces)
    return _head("text/event-stream", "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n"


_WHOLE = _sized(TINY)


@functools.cache
def _streamed(line: bytes) -> bytes:
    _, _, rest = line.partition(b"events-")
    return _chunked(events(int(rest.partition(b":")[0])))


class _Protocol(asyncio.Protocol):
    connections = requests = 0

    def __init__(self) -> None:
        self._come = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _Protocol.connections += 1

    def data_received(self, data: bytes) -> None:
        self._come += data
        while (split := self._come.find(b"\r\n\r\n")) >= 0:
            head = self._come[:split].lower()
            end = split + 4 + _length(head)
            if len(self._come) < end:
                return
            self._come = self._come[end:]
            self._answer(head.partition(b"\r\n")[0])

    def _answer(self, line: bytes) -> None:
        assert self._transport is not None
        if line.startswith(b"get /count"):
            _Protocol.connections -= 1
            self._transport.write(_sized(json.dumps([_Protocol.connections, _Protocol.requests]).encode()))
            return
        _Protocol.requests += 1
        if _Protocol.requests > _MOST_REQUESTS:
            self._transport.abort()
        elif SLOW.encode() in line:
            asyncio.get_running_loop().call_later(_DELAY, self._transport.write, _WHOLE)
        else:
            self._transport.write(_streamed(line) if b":streamgeneratecontent" in line else _WHOLE)


def _length(head: bytes) -> int:
    _, _, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Protocol, "127.0.0.1", 0, backlog=2048)
    over = asyncio.Event()
    threading.Thread(target=_until_orphaned, args=(loop, over), daemon=True).start()
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _MOST_SECONDS)


def _until_orphaned(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # not by its buffer, whose lock would outlive the half hour
    with suppress(RuntimeError):  # half an hour is over
        loop.call_soon_threadsafe(over.set)


if __name__ == "__main__":
    asyncio.run(_serve())
