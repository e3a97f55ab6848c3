"""
A loopback HTTP/1.1 server whose every byte and error is scripted by a test.

An *action* is one thing that the server does with a connection, an *answer* is one action or a tuple of them, and a
*script* selects the answer to a request: one for all, a list with one for each (the last repeats), or a function of the
request::

    with Loopback([json_reply({"a": 1}), (Send(b"HTTP/1.1 200"), Reset())]) as server:
        ...
        assert server.requests[0].method == "POST"

After an answer the connection serves its next request, unless an action closed it. Exceptions of scripts, and requests
that are not HTTP, are raised at the end of the ``with`` block.
"""

import math
import re
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from typing import Self, TypeAlias

import msgspec
import trustme

from genai_fn.interpreters.net.socket import wrap_socket
from tests.support.idle_threads import SocketWaiter, StoppedError

Headers: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request: header names are in lower case, ``connection`` counts from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    size: int
    """The size of the body that was read, in bytes, also if it is not kept."""


@dataclass(frozen=True)
class Reply:
    """A well-formed response: ``bytes`` are sent with ``content-length``, a tuple as one chunk per item."""

    status: int = 200
    headers: Headers = ()
    body: bytes | tuple[bytes, ...] = b""
    finished: bool = True
    """False omits the last chunk of a chunked body."""


@dataclass(frozen=True)
class Raw:
    """Send bytes as they are, then close cleanly."""

    data: bytes


@dataclass(frozen=True)
class Send:
    """Send bytes as they are."""

    data: bytes


@dataclass(frozen=True)
class Drip:
    """Send bytes one at a time, every so many seconds."""

    data: bytes
    interval: float


@dataclass(frozen=True)
class Repeat:
    """Send bytes repeatedly until the peer closes."""

    data: bytes
    interval: float


@dataclass(frozen=True)
class Pause:
    """Send nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Send nothing until the peer closes."""


@dataclass(frozen=True)
class Close:
    """Send an end of file and wait for the peer's; `abrupt` closes at once, without ``close_notify`` of TLS."""

    abrupt: bool = False


@dataclass(frozen=True)
class Reset:
    """Send a TCP RST; under TLS, Python 3.11 reports it as an end of file without ``close_notify``."""


@dataclass(frozen=True)
class Tunnel:
    """Answer 200 as a proxy, then forward all bytes between the peer and a loopback port; 502 if that refuses."""

    port: int


Action: TypeAlias = Reply | Raw | Send | Drip | Repeat | Pause | Hang | Close | Reset | Tunnel
Answer: TypeAlias = Action | tuple[Action, ...]
Script: TypeAlias = Answer | list[Answer] | Callable[[ReceivedRequest], Answer]


def build_json_reply(value: object, status: int = 200, headers: Headers = ()) -> Reply:
    """Build a reply with a JSON body."""
    return Reply(status, (("content-type", "application/json; charset=UTF-8"), *headers), msgspec.json.encode(value))


def build_sse_reply(values: Iterable[object], *, headers: Headers = (), finished: bool = True) -> Reply:
    """Build a reply with server-sent events, one chunk each."""
    return Reply(200, (("content-type", "text/event-stream"), *headers), tuple(map(encode_event, values)), finished)


def compress_reply(reply: Reply) -> Reply:
    """Compress a reply's body with gzip; each chunk can be decompressed without the next."""
    compressor = zlib.compressobj(wbits=31)
    parts = (reply.body,) if isinstance(reply.body, bytes) else reply.body
    chunks = *(compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH) for part in parts), compressor.flush()
    body = b"".join(chunks) if isinstance(reply.body, bytes) else chunks
    return replace(reply, headers=(*reply.headers, ("content-encoding", "gzip")), body=body)


def encode_event(value: object) -> bytes:
    """Encode one server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\r\n\r\n"


def encode_chunk(data: bytes) -> bytes:
    """Encode one chunk of a chunked body; no data is its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_head(status: int = 200, headers: Headers = ()) -> bytes:
    """Encode the status line and headers of a response."""
    phrase = next((known.phrase for known in HTTPStatus if known == status), "Unknown")
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@contextmanager
def reserve_refusing_port() -> Generator[int]:
    """Reserve a port that refuses connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@contextmanager
def reserve_silent_port(*, connects: bool = True) -> Generator[int]:
    """Reserve a port that sends nothing; without ``connects``, it does not complete connections either."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as fillers:
        for _ in range(0 if connects else 4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@dataclass(eq=False)
class Loopback:
    """
    Serve a script on a free port of 127.0.0.1 for the duration of the block.

    The ``wait_`` methods block their thread and raise ``TimeoutError``. Async tests call them in a worker thread, as
    their own loop may have to close the connections.
    """

    script: Script
    _: KW_ONLY
    tls: bool | ssl.SSLContext = False
    keep_alive: bool = True
    """False sends ``connection: close`` in each reply, and closes."""
    close_after: int | None = None
    """Close a connection after this many requests without ``connection: close``: a stale keep-alive connection."""
    keep_bodies: bool = True
    body_limits: Sequence[int | None] = ()
    """For the first requests, in order: after how many bytes of the body to answer without reading the rest."""
    on_accept: Answer = ()
    """Actions on each new connection before anything is read or TLS begins; a reset may hit the connect itself."""

    def __post_init__(self) -> None:
        if self.script == []:
            raise ValueError(f"a script needs at least one answer: {self.script!r}")
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._started = self._accepted = self._closed = 0
        self._threads: list[threading.Thread] = []
        self._errors: list[Exception] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self._waits = SocketWaiter()
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._waits.stop()
        for thread in self._threads:  # the first thread accepts connections and adds the others
            thread.join(timeout=60)
        self._listener.close()
        self._waits.close()
        if stuck := [thread.name for thread in self._threads if thread.is_alive()]:
            raise RuntimeError(f"still running: {stuck}")
        for error in self._errors:
            raise error

    @property
    def url(self) -> str:
        """The URL, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def ca(self) -> trustme.CA:
        """The certificate authority that signed its certificate."""
        return make_identity()[0]

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests so far, in the order of their answers."""
        with self._changed:
            return tuple(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._accepted

    @property
    def open_connections(self) -> int:
        """How many connections neither the peer nor the script has closed."""
        with self._changed:
            return self._accepted - self._closed

    def get_idle_waits(self) -> frozenset[int] | None:
        """Return what `SocketWaiter.get_idle_waits` returns for the server's threads."""
        return self._waits.get_idle_waits(self._threads)

    def wait_connections(self, count: int, timeout: float = 60) -> None:
        """Wait until so many connections were accepted."""
        self._wait(lambda: self._accepted, count, timeout, "connections")

    def wait_requests(self, count: int, timeout: float = 60) -> None:
        """Wait until so many requests have arrived."""
        self._wait(lambda: len(self._requests), count, timeout, "requests")

    def wait_closed(self, count: int, timeout: float = 60) -> None:
        """Wait until the peer or the script has closed so many connections."""
        self._wait(lambda: self._closed, count, timeout, "closed connections")

    def wait_until_idle(self, max_open: float = math.inf) -> None:
        """Wait until all threads of the server wait for the peer, and at most `most_open` connections are open."""
        end = time.monotonic() + 60
        while self.get_idle_waits() is None or self.open_connections > max_open:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.open_connections} open connections after 60 s")
            time.sleep(0.001)

    def _wait(self, reached: Callable[[], int], count: int, timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: reached() >= count, timeout):
                raise TimeoutError(f"{reached()} of {count} {what} after {timeout} s")

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"loopback {len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(StoppedError):
            while True:
                self._waits.wait({self._listener: EVENT_READ})
                with suppress(BlockingIOError, ConnectionError):  # the peer may have gone meanwhile
                    connection = _Connection(self._listener.accept()[0], self._waits)
                    with self._changed:
                        self._accepted += 1
                        self._changed.notify_all()
                    self._start(self._serve, connection, self._accepted)

    def _serve(self, connection: "_Connection", number: int) -> None:
        try:
            with suppress(_ConnectionOverError):
                self._serve_requests(connection, number)
        except StoppedError:
            return
        except Exception as error:  # raised again in the test's thread
            self._errors.append(error)
        finally:
            connection.sock.close()
        with self._changed:
            self._closed += 1
            self._changed.notify_all()

    def _serve_requests(self, connection: "_Connection", number: int) -> None:
        connection.perform(self.on_accept)
        if self.tls:
            connection.start_tls(make_identity()[1] if self.tls is True else self.tls)
        served, keeps_alive = 0, True
        while keeps_alive:
            request, is_complete = self._receive(connection, number)
            connection.keep_alive = self.keep_alive and request.headers.get("connection", "").lower() != "close"
            connection.perform(self._answer(request))
            served += 1
            keeps_alive = connection.keep_alive and is_complete and served != self.close_after
        connection.perform(Close())

    def _receive(self, connection: "_Connection", number: int) -> tuple[ReceivedRequest, bool]:
        method, target, headers = _parse_request(connection.read_until(b"\r\n\r\n"))
        with self._changed:
            limit = self.body_limits[self._started] if self._started < len(self.body_limits) else None
            self._started += 1
        chunks, body, size = _read_body(connection, headers), bytearray(), 0
        while is_complete := limit is None or size < limit:
            if (data := next(chunks, None)) is None:
                break
            data = data if limit is None else data[: limit - size]
            size += len(data)
            body += data if self.keep_bodies else b""
        return ReceivedRequest(method, target, headers, bytes(body), number, size), is_complete

    def _answer(self, request: ReceivedRequest) -> Answer:
        with self._changed:
            index = len(self._requests)
            self._requests.append(request)
            self._changed.notify_all()
        if callable(self.script):
            return self.script(request)
        return self.script[min(index, len(self.script) - 1)] if isinstance(self.script, list) else self.script


class ConnectProxy(Loopback):
    """
    An HTTP proxy that tunnels ``CONNECT`` to loopback ports, for any requested host.

    A script can refuse or hang instead of the tunnel; a function may return ``tunnel(received)``. ``to`` is the
    target port of all tunnels; by default it is the requested one.
    """

    def __init__(self, script: Script | None = None, *, to: int | None = None, tls: bool = False) -> None:
        super().__init__((lambda request: build_tunnel(request, to)) if script is None else script, tls=tls)


def build_tunnel(request: ReceivedRequest, to: int | None = None) -> Tunnel:
    """Build the answer to ``CONNECT``: a tunnel to the requested port, or to another."""
    if request.method != "CONNECT":
        raise ValueError(f"not a request for a tunnel: {request.method} {request.target}")
    return Tunnel(to or int(request.target.rpartition(":")[2]))


class _ConnectionOverError(Exception):
    """The connection is over."""


class _Connection:
    """The server's end of one connection: buffers, and the actions on them."""

    def __init__(self, sock: socket.socket, waits: SocketWaiter) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.waits = waits
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.is_ended = False
        self.keep_alive = True

    def perform(self, answer: Answer) -> None:
        for action in answer if isinstance(answer, tuple) else (answer,):
            self._perform_one(action)

    def _perform_one(self, action: Action) -> None:  # noqa: C901  # one case for each action
        match action:
            case Reply():
                self._send_reply(action)
            case Raw(data):
                self.send(data)
                self._close()
            case Send(data):
                self.send(data)
            case Drip(data, interval):
                for byte in data:
                    self.send(bytes((byte,)))
                    self._pause(interval)
            case Repeat(data, interval):
                while True:
                    self.send(data)
                    self._pause(interval)
            case Pause(seconds):
                self._pause(seconds)
            case Hang():
                self._pause(None)
            case Close(abrupt):
                self._close(abrupt=abrupt)
            case Reset():
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _ConnectionOverError
            case Tunnel(port):
                self._tunnel(port)

    def send(self, data: bytes) -> None:
        self.outgoing += data
        while self.outgoing:
            self.flush()
            if self.is_ended:
                raise _ConnectionOverError
            if self.outgoing:
                self._wait(EVENT_WRITE)

    def read_until(self, separator: bytes) -> bytes:
        """Read up to a separator, and drop the separator."""
        start = 0
        while (end := self.incoming.find(separator, start)) < 0:
            start = max(0, len(self.incoming) - len(separator))
            self._read()
        found = bytes(self.incoming[:end])
        del self.incoming[: end + len(separator)]
        return found

    def read_exactly(self, size: int) -> Generator[bytes]:
        """Read so many bytes, in chunks as they arrive."""
        while size:
            if not self.incoming:
                self._read()
            data = bytes(self.incoming[:size])
            del self.incoming[: len(data)]
            size -= len(data)
            yield data

    def start_tls(self, context: ssl.SSLContext) -> None:
        try:
            self.sock = tls = wrap_socket(context, self.sock, server_side=True)
            while True:
                with suppress(ssl.SSLWantReadError):
                    return tls.do_handshake()
                self._wait(EVENT_READ)
        except OSError as error:
            raise _ConnectionOverError from error

    def receive(self) -> bool:
        """Receive one chunk if there is one; an end of file or an error of the socket sets ``is_ended``."""
        try:
            data = self.sock.recv(1 << 18)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            data = b""
        self.is_ended = not data
        self.incoming += data
        return True

    def flush(self) -> None:
        """Send what can be sent without waiting."""
        try:
            with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                del self.outgoing[: self.sock.send(self.outgoing)]
        except OSError:
            self.is_ended = True

    def _read(self) -> None:
        while not self.receive():
            self._wait(EVENT_READ)
        if self.is_ended:
            raise _ConnectionOverError

    def _wait(self, events: int, timeout: float | None = None) -> None:
        self.waits.wait({self.sock: events}, timeout)

    def _pause(self, seconds: float | None) -> None:
        """Wait, and receive meanwhile, to detect that the peer closes."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            while self.receive():
                if self.is_ended:
                    raise _ConnectionOverError
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            self._wait(EVENT_READ, left)

    def _send_reply(self, reply: Reply) -> None:
        headers_by_name = {name.lower(): value.lower() for name, value in reply.headers}
        has_no_body = reply.status < HTTPStatus.OK or reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        headers = list(reply.headers)
        if isinstance(reply.body, tuple):
            headers.append(("transfer-encoding", "chunked"))
        elif not has_no_body and "content-length" not in headers_by_name:
            headers.append(("content-length", str(len(reply.body))))
        if headers_by_name.get("connection") == "close":
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append(("connection", "close"))
        if isinstance(reply.body, bytes):
            self.send(encode_head(reply.status, headers) + reply.body)
            return
        self.send(encode_head(reply.status, headers))
        for part in (*reply.body, b"") if reply.finished else reply.body:
            self.send(encode_chunk(part))

    def _close(self, *, abrupt: bool = False) -> None:
        if not abrupt:
            with suppress(OSError):
                if isinstance(self.sock, ssl.SSLSocket):
                    with suppress(OSError):  # close_notify is sent; the peer's is not awaited
                        self.sock.unwrap()
                self.sock.shutdown(socket.SHUT_WR)
            while not self.is_ended:
                self.incoming.clear()
                if not self.receive():
                    self._wait(EVENT_READ)
        raise _ConnectionOverError

    def _tunnel(self, port: int) -> None:
        try:
            target = _Connection(socket.create_connection(("127.0.0.1", port), timeout=60), self.waits)
        except OSError:
            self._send_reply(Reply(HTTPStatus.BAD_GATEWAY))
            return
        with target.sock:
            self.send(encode_head(HTTPStatus.OK))
            while not (self.is_ended or target.is_ended):
                _forward_bytes(self, target)
                _forward_bytes(target, self)
                pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()  # not seen by a selector
                sockets = {self.sock: _get_events(self, target), target.sock: _get_events(target, self)}
                self.waits.wait(sockets, 0 if pending else None)
            if self.is_ended:
                raise _ConnectionOverError
            self.send(b"")
        self._close()


def _forward_bytes(source: _Connection, sink: _Connection) -> None:
    if not sink.outgoing:
        source.receive()
        sink.outgoing += source.incoming
        source.incoming.clear()
    if sink.outgoing:
        sink.flush()


def _get_events(connection: _Connection, other: _Connection) -> int:
    """Return the events to wait for: writing if bytes are queued, reading only if the other end has no queue."""
    return (EVENT_WRITE if connection.outgoing else 0) | (0 if other.outgoing else EVENT_READ)


def _parse_request(text: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = text.decode("latin-1").split("\r\n")
    if not (match := re.fullmatch(r"(\S+) (\S+) HTTP/1\.1", first)):
        raise ValueError(f"not an HTTP/1.1 request: {first!r}")
    fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = {name: ", ".join(value for other, value in fields if other == name) for name, _ in fields}
    return match[1], match[2], headers


def _read_body(connection: _Connection, headers: Mapping[str, str]) -> Generator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(connection.read_until(b"\r\n").partition(b";")[0], 16):
            yield from connection.read_exactly(size)
            connection.read_until(b"\r\n")
        while connection.read_until(b"\r\n"):
            pass  # a trailer
    else:
        yield from connection.read_exactly(int(headers.get("content-length", 0)))


@cache
def make_identity() -> tuple[trustme.CA, ssl.SSLContext]:
    """Return the certificate authority of all servers, and the TLS context of a server that it has signed."""
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it names pyOpenSSL's type too
    return ca, context
