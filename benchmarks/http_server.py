"""
A minimal HTTP server on loopback, in a child process, which is never what the contestants wait for.

It searches for the end of a head and for the length of the body, and parses nothing else. The request line selects the
response:

- model ``slow`` answers after 20 ms, ``events-2000`` streams 2,000 events, ``calls-10`` calls a function in ten
  responses of eleven;
- ``batchEmbedContents`` returns 100 vectors of 8 numbers, or of 3,072 for the model ``vectors-3072``; an upload is
  counted and dropped, and the download of ``files/bytes-1000`` has 1,000 bytes;
- ``GET /usage`` returns the numbers of connections and requests so far, and the CPU time.

After two million requests the server drops connections.
"""

import asyncio
import functools
import http.client
import json
import ssl
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.child_process import run_child, serve_until_orphaned
from benchmarks.payloads import TINY, build_embeddings, build_events, build_function_call, build_small_embeddings

SLOW_MODEL = "slow"
_DELAY = 0.02
_MAX_REQUESTS = 2_000_000
_BLOCK = bytes(1 << 18)


@dataclass(frozen=True)
class Usage:
    """What the server has done so far."""

    connections: int
    requests: int
    cpu: float

    def compute_time_since(self, before: "Usage") -> float:
        """Return the CPU seconds a request since an earlier state."""
        return (self.cpu - before.cpu) / max(1, self.requests - before.requests)


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    usage_port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def read_usage(self) -> Usage:
        """Return what the server has done so far, without the requests of this method."""
        connection = http.client.HTTPConnection("127.0.0.1", self.usage_port, timeout=60)
        try:
            connection.request("GET", "/usage")
            return Usage(*json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@contextmanager
def run_server(interpreter: str = sys.executable, certificate: str = "") -> Generator[Server]:
    """Context manager: run the server in a child process; with the file of a certificate and its key, over TLS."""
    with run_child("benchmarks.http_server", interpreter, certificate) as (port, usage_port):
        yield Server(port, usage_port, "https" if certificate else "http")


# The child process


def _build_head(content_type: str, headers: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{headers}\r\n\r\n".encode()


def _build_response(body: bytes, headers: str = "") -> bytes:
    return _build_head("application/json", f"{headers}Content-Length: {len(body)}") + body


def _build_chunked_response(parts: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in parts)
    return _build_head("text/event-stream", "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n"


_RESPONSE = _build_response(TINY)
_EMBEDDINGS = _build_response(build_small_embeddings())
_FUNCTION_CALL = _build_response(build_function_call())
_CHUNK_STORED = _build_response(b"{}", "X-Goog-Upload-Status: active\r\n")
_FILE = (
    b'{"file": {"name": "files/abc", "uri": "https://example.com/abc", "mimeType": "text/plain", "state": "ACTIVE"}}'
)
_FILE_STORED = _build_response(_FILE, "X-Goog-Upload-Status: final\r\n")


@functools.cache
def _build_stream(line: bytes) -> bytes:
    _, _, rest = line.partition(b"events-")
    return _build_chunked_response(build_events(int(rest.partition(b":")[0])))


@functools.cache
def _build_vectors(dimensions: int) -> bytes:
    return _build_response(build_embeddings(dimensions))


class _Protocol(asyncio.Protocol):
    connections = requests = function_calls = 0

    def __init__(self) -> None:
        self._received = b""
        self._head = b""
        self._body_left = 0
        self._blocks_left = 0
        self._is_paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream has a Transport
        _Protocol.connections += 1

    def data_received(self, data: bytes) -> None:
        while data:
            if not self._head:
                data = self._received + data
                split = data.find(b"\r\n\r\n")
                if split < 0:
                    self._received = data
                    return
                self._received, self._head = b"", data[:split].lower()
                self._body_left, data = _read_content_length(self._head), data[split + 4 :]
            if len(data) < self._body_left:
                self._body_left -= len(data)
                return
            data, self._body_left = data[self._body_left :], 0
            head, self._head = self._head, b""
            self._respond(head)

    def _respond(self, head: bytes) -> None:
        assert self._transport is not None
        line = head.partition(b"\r\n")[0]
        if line.startswith(b"get /usage"):
            _Protocol.connections -= 1
            usage = [_Protocol.connections, _Protocol.requests, time.process_time()]
            self._transport.write(_build_response(json.dumps(usage).encode()))
            return
        _Protocol.requests += 1
        if _Protocol.requests > _MAX_REQUESTS:
            self._transport.abort()
        elif b":generatecontent" in line:
            if b"/calls-" in line:
                self._transport.write(_respond_with_call(line))
            elif SLOW_MODEL.encode() in line:
                asyncio.get_running_loop().call_later(_DELAY, self._transport.write, _RESPONSE)
            else:
                self._transport.write(_RESPONSE)
        elif b":streamgeneratecontent" in line:
            self._transport.write(_build_stream(line))
        elif b":batchembedcontents" in line:
            is_small = b"/vectors-" not in line
            self._transport.write(_EMBEDDINGS if is_small else _build_vectors(_read_number(line, b"/vectors-")))
        elif b"upload" in line:
            self._transport.write(_respond_to_upload(head))
        else:
            self._send_bytes(_read_number(line, b"bytes-"))

    def _send_bytes(self, count: int) -> None:
        assert self._transport is not None
        self._blocks_left, rest = divmod(count, len(_BLOCK))
        self._transport.write(_build_head("video/mp4", f"Content-Length: {count}") + bytes(rest))
        self.resume_writing()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        while self._blocks_left and not self._is_paused:
            assert self._transport is not None
            self._blocks_left -= 1
            self._transport.write(_BLOCK)


def _respond_with_call(line: bytes) -> bytes:
    """Call a function as often as the name of the model says, then answer; one conversation at a time."""
    calls = _read_number(line, b"/calls-")
    _Protocol.function_calls = (_Protocol.function_calls + 1) % (calls + 1)
    return _FUNCTION_CALL if _Protocol.function_calls else _RESPONSE


def _read_number(line: bytes, name: bytes) -> int:
    """Read the number in a name such as ``bytes-1000``."""
    return int(line.partition(name)[2].partition(b":")[0])


def _respond_to_upload(head: bytes) -> bytes:
    """Start an upload, or accept a chunk of it."""
    command = _read_header(head, b"x-goog-upload-command")
    if command == b"start":
        url = b"%b://%b/upload/session" % (_SCHEME, _read_header(head, b"host"))
        return _build_response(b"{}", f"X-Goog-Upload-URL: {url.decode()}\r\nX-Goog-Upload-Status: active\r\n")
    return _FILE_STORED if b"finalize" in command else _CHUNK_STORED


def _read_header(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n%b:" % name)[2].partition(b"\r\n")[0].strip()


def _read_content_length(head: bytes) -> int:
    return int(_read_header(head, b"content-length") or 0)


async def _serve(certificate: str) -> None:
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Protocol, "127.0.0.1", 0, backlog=2048, ssl=context)
    usage = await loop.create_server(_Protocol, "127.0.0.1", 0)
    async with server, usage:
        await serve_until_orphaned(*(each.sockets[0].getsockname()[1] for each in (server, usage)))


if __name__ == "__main__":
    _SCHEME = b"https" if sys.argv[1] else b"http"
    try:
        import uvloop  # type: ignore[import-not-found]  # it is in one environment only
    except ImportError:  # an environment without it
        asyncio.run(_serve(sys.argv[1]))
    else:
        uvloop.run(_serve(sys.argv[1]))
