"""
A loopback HTTP/1.1 server of which a test scripts every byte and every fault.

An *action* is one thing the server does to a connection, an *answer* is one action or a tuple of them, and a *script*
says which answer a request gets: one answer for all, a list with one for each (the last repeats), or a function of the
request::

    with Loopback([json_reply({"a": 1}), (Send(b"HTTP/1.1 200"), Reset())]) as server:
        ...
        assert server.requests[0].method == "POST"

A connection goes on to its next request once the answer is done, unless an action closed it. Whatever a script raises,
or a request that is not HTTP, is raised again where the ``with`` block ends.
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
from tests.support.quiet import StoppedError, Waits

Headers: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Received:
    """A request as it arrived: header names in lower case, ``connection`` counted from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    size: int
    """How many bytes of body were read, kept or not."""


@dataclass(frozen=True)
class Reply:
    """A well-formed response: ``bytes`` go with a ``content-length``, a tuple goes chunked, one chunk an item."""

    status: int = 200
    headers: Headers = ()
    body: bytes | tuple[bytes, ...] = b""
    finished: bool = True
    """False leaves out the chunk that ends a chunked body."""


@dataclass(frozen=True)
class Raw:
    """These very bytes, then a clean close."""

    data: bytes


@dataclass(frozen=True)
class Send:
    """These very bytes, and go on."""

    data: bytes


@dataclass(frozen=True)
class Drip:
    """These bytes, one at a time."""

    data: bytes
    every: float


@dataclass(frozen=True)
class Forever:
    """These bytes again and again, until the peer closes."""

    data: bytes
    every: float


@dataclass(frozen=True)
class Pause:
    """Silence for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Silence until the peer closes."""


@dataclass(frozen=True)
class Close:
    """An end of file; the socket stays until the peer closes too, or goes at once and without TLS ``close_notify``."""

    abrupt: bool = False


@dataclass(frozen=True)
class Reset:
    """A TCP RST; under TLS, Python 3.11 shows it to the peer as an end of file without ``close_notify``."""


@dataclass(frozen=True)
class Tunnel:
    """A proxy's 200, then all bytes both ways between the peer and this loopback port (502 if nobody listens)."""

    port: int


Action: TypeAlias = Reply | Raw | Send | Drip | Forever | Pause | Hang | Close | Reset | Tunnel
Answer: TypeAlias = Action | tuple[Action, ...]
Script: TypeAlias = Answer | list[Answer] | Callable[[Received], Answer]


def json_reply(value: object, status: int = 200, headers: Headers = ()) -> Reply:
    """Answer with a JSON body."""
    return Reply(status, (("content-type", "application/json; charset=UTF-8"), *headers), msgspec.json.encode(value))


def sse_reply(values: Iterable[object], *, status: int = 200, headers: Headers = (), finished: bool = True) -> Reply:
    """Answer with server-sent events, one chunk each."""
    return Reply(status, (("content-type", "text/event-stream"), *headers), tuple(map(event, values)), finished)


def gzipped(reply: Reply) -> Reply:
    """Compress a reply's body; each chunk can be read without the next."""
    packer = zlib.compressobj(wbits=31)
    parts = (reply.body,) if isinstance(reply.body, bytes) else reply.body
    packed = *(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts), packer.flush()
    body = b"".join(packed) if isinstance(reply.body, bytes) else packed
    return replace(reply, headers=(*reply.headers, ("content-encoding", "gzip")), body=body)


def event(value: object) -> bytes:
    """Write one server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Write one chunk of a chunked body; no data is its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: int = 200, headers: Headers = ()) -> bytes:
    """Write the status line and headers, as they are, of a response that goes on by hand."""
    phrase = next((known.phrase for known in HTTPStatus if known == status), "Unknown")
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@contextmanager
def refusing_port() -> Generator[int]:
    """Hold a port where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def black_hole(*, connects: bool = True) -> Generator[int]:
    """Hold a port that never says a word; without ``connects``, one that does not complete a connection either."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as held, ExitStack() as fillers:
        for _ in range(0 if connects else 4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(held.getsockname())
        yield held.getsockname()[1]


@dataclass(eq=False)
class Loopback:
    """
    Serve a script on a free port of 127.0.0.1 while the block lasts.

    The ``wait_`` methods block their thread and raise ``TimeoutError``; an async test runs them in a worker thread, as
    its own loop may have the closing to do.
    """

    script: Script
    _: KW_ONLY
    tls: bool = False
    keep_alive: bool = True
    """False says ``connection: close`` in each reply, and does so."""
    close_after: int | None = None
    """Close a connection after this many requests without having said so: a stale keep-alive."""
    keep_bodies: bool = True
    body_limits: Sequence[int | None] = ()
    """For the first requests in order: answer after this many bytes of body, and read no more."""
    on_accept: Answer = ()
    """Done to each new connection before anything is read, or TLS begins; a reset may meet the connect itself."""

    def __post_init__(self) -> None:
        if self.script == []:
            raise ValueError(f"a script needs an answer at least: {self.script!r}")
        self._changed = threading.Condition()
        self._requests: list[Received] = []
        self._begun = self._accepted = self._closed = 0
        self._threads: list[threading.Thread] = []
        self._raised: list[Exception] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self._waits = Waits()
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._waits.stop()
        for thread in self._threads:  # the first one is the acceptor, which adds the others
            thread.join(timeout=60)
        self._listener.close()
        self._waits.close()
        if stuck := [thread.name for thread in self._threads if thread.is_alive()]:
            raise RuntimeError(f"still running: {stuck}")
        for error in self._raised:
            raise error

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def ca(self) -> trustme.CA:
        """The authority that signed its certificate."""
        return _identity()[0]

    @property
    def requests(self) -> tuple[Received, ...]:
        """All requests so far, in the order in which they were answered."""
        with self._changed:
            return tuple(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._accepted

    @property
    def open_connections(self) -> int:
        """How many connections the peer has not closed and the script has not cut off."""
        with self._changed:
            return self._accepted - self._closed

    def at_rest(self) -> frozenset[int] | None:
        """Tell whether nothing happens here until a peer acts, as `Waits.at_rest` does."""
        return self._waits.at_rest(self._threads)

    def wait_connections(self, count: int, timeout: float = 60) -> None:
        """Wait until so many connections were accepted."""
        self._wait(lambda: self._accepted, count, timeout, "connections")

    def wait_requests(self, count: int, timeout: float = 60) -> None:
        """Wait until so many requests have arrived."""
        self._wait(lambda: len(self._requests), count, timeout, "requests")

    def wait_closed(self, count: int, timeout: float = 60) -> None:
        """Wait until the peer has closed so many connections, or the script has cut them off."""
        self._wait(lambda: self._closed, count, timeout, "closed connections")

    def wait_rest(self, most_open: float = math.inf) -> None:
        """Wait until nothing happens here any more before a peer acts, and so many connections are open at most."""
        end = time.monotonic() + 60
        while self.at_rest() is None or self.open_connections > most_open:
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
                    wire = _Wire(self._listener.accept()[0], self._waits)
                    with self._changed:
                        self._accepted += 1
                        self._changed.notify_all()
                    self._start(self._serve, wire, self._accepted)

    def _serve(self, wire: "_Wire", number: int) -> None:
        try:
            with suppress(_GoneError):
                self._converse(wire, number)
        except StoppedError:
            return
        except Exception as error:  # raised again in the thread of the test
            self._raised.append(error)
        finally:
            wire.sock.close()
        with self._changed:
            self._closed += 1
            self._changed.notify_all()

    def _converse(self, wire: "_Wire", number: int) -> None:
        wire.perform(self.on_accept)
        if self.tls:
            wire.secure(_identity()[1])
        served, stays = 0, True
        while stays:
            received, whole = self._receive(wire, number)
            wire.keep_alive = stays = self.keep_alive and received.headers.get("connection", "").lower() != "close"
            wire.perform(self._answer(received))
            served += 1
            stays = wire.keep_alive and whole and served != self.close_after
        wire.perform(Close())

    def _receive(self, wire: "_Wire", number: int) -> tuple[Received, bool]:
        method, target, headers = _parsed(wire.until(b"\r\n\r\n"))
        with self._changed:
            limit = self.body_limits[self._begun] if self._begun < len(self.body_limits) else None
            self._begun += 1
        pieces, kept, size = _body(wire, headers), bytearray(), 0
        while whole := limit is None or size < limit:
            if (piece := next(pieces, None)) is None:
                break
            piece = piece if limit is None else piece[: limit - size]
            size += len(piece)
            kept += piece if self.keep_bodies else b""
        return Received(method, target, headers, bytes(kept), number, size), whole

    def _answer(self, received: Received) -> Answer:
        with self._changed:
            place = len(self._requests)
            self._requests.append(received)
            self._changed.notify_all()
        if callable(self.script):
            return self.script(received)
        return self.script[min(place, len(self.script) - 1)] if isinstance(self.script, list) else self.script


class ConnectProxy(Loopback):
    """
    Serve as an HTTP proxy that tunnels ``CONNECT`` to loopback ports, whatever host the peer asked for.

    A script instead of the tunnel refuses or hangs; one that is a function may return ``tunnel(received)``. ``to`` is
    the port where every tunnel leads, and otherwise it is the one that the peer asked for.
    """

    def __init__(self, script: Script | None = None, *, to: int | None = None, tls: bool = False) -> None:
        super().__init__((lambda received: tunnel(received, to)) if script is None else script, tls=tls)


def tunnel(received: Received, to: int | None = None) -> Tunnel:
    """Lead a ``CONNECT`` to the port it asks for, or to another."""
    if received.method != "CONNECT":
        raise ValueError(f"a proxy was asked to {received.method} {received.target}")
    return Tunnel(to or int(received.target.rpartition(":")[2]))


class _GoneError(Exception):
    """The connection is over."""


class _Wire:
    """The server's end of one connection: buffers, and the actions on them."""

    def __init__(self, sock: socket.socket, waits: Waits) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.waits = waits
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.ended = False
        self.keep_alive = True

    def perform(self, answer: Answer) -> None:
        for action in answer if isinstance(answer, tuple) else (answer,):
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Reply():
                self._reply(action)
            case Raw(data):
                self.send(data)
                self._close()
            case Send(data):
                self.send(data)
            case Drip(data, every):
                for byte in data:
                    self.send(bytes((byte,)))
                    self._pause(every)
            case Forever(data, every):
                while True:
                    self.send(data)
                    self._pause(every)
            case Pause(seconds):
                self._pause(seconds)
            case Hang():
                self._pause(None)
            case Close(abrupt):
                self._close(abrupt=abrupt)
            case Reset():
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _GoneError
            case Tunnel(port):
                self._tunnel(port)

    def send(self, data: bytes) -> None:
        self.outgoing += data
        while self.outgoing:
            self.push()
            if self.ended:
                raise _GoneError
            if self.outgoing:
                self._ready(EVENT_WRITE)

    def until(self, mark: bytes) -> bytes:
        """Read on to a mark, and leave the mark out."""
        start = 0
        while (end := self.incoming.find(mark, start)) < 0:
            start = max(0, len(self.incoming) - len(mark))
            self._read()
        found = bytes(self.incoming[:end])
        del self.incoming[: end + len(mark)]
        return found

    def exactly(self, size: int) -> Generator[bytes]:
        """Read so many bytes, as they come."""
        while size:
            if not self.incoming:
                self._read()
            piece = bytes(self.incoming[:size])
            del self.incoming[: len(piece)]
            size -= len(piece)
            yield piece

    def secure(self, context: ssl.SSLContext) -> None:
        try:
            self.sock = tls = wrap_socket(context, self.sock, server_side=True)
            while True:
                with suppress(ssl.SSLWantReadError):
                    return tls.do_handshake()
                self._ready(EVENT_READ)
        except OSError as error:
            raise _GoneError from error

    def pull(self) -> bool:
        """Take in one piece of what has come, if any; an end or a fault of the socket sets ``ended``."""
        try:
            data = self.sock.recv(1 << 18)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            data = b""
        self.ended = not data
        self.incoming += data
        return True

    def push(self) -> None:
        """Let out what goes without waiting."""
        try:
            with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                del self.outgoing[: self.sock.send(self.outgoing)]
        except OSError:
            self.ended = True

    def _read(self) -> None:
        while not self.pull():
            self._ready(EVENT_READ)
        if self.ended:
            raise _GoneError

    def _ready(self, events: int, timeout: float | None = None) -> None:
        self.waits.wait({self.sock: events}, timeout)

    def _pause(self, seconds: float | None) -> None:
        """Take in what comes meanwhile, as nothing else tells that the peer closed."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            while self.pull():
                if self.ended:
                    raise _GoneError
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            self._ready(EVENT_READ, left)

    def _reply(self, reply: Reply) -> None:
        given = {name.lower(): value.lower() for name, value in reply.headers}
        bodiless = reply.status < HTTPStatus.OK or reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        headers = list(reply.headers)
        if isinstance(reply.body, tuple):
            headers.append(("transfer-encoding", "chunked"))
        elif not bodiless and "content-length" not in given:
            headers.append(("content-length", str(len(reply.body))))
        if given.get("connection") == "close":
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append(("connection", "close"))
        if isinstance(reply.body, bytes):
            self.send(head(reply.status, headers) + reply.body)
            return
        self.send(head(reply.status, headers))
        for part in (*reply.body, b"") if reply.finished else reply.body:
            self.send(chunk(part))

    def _close(self, *, abrupt: bool = False) -> None:
        if not abrupt:
            with suppress(OSError):
                if isinstance(self.sock, ssl.SSLSocket):
                    with suppress(OSError):  # close_notify is out; the peer's own is not waited for
                        self.sock.unwrap()
                self.sock.shutdown(socket.SHUT_WR)
            while not self.ended:
                self.incoming.clear()
                if not self.pull():
                    self._ready(EVENT_READ)
        raise _GoneError

    def _tunnel(self, port: int) -> None:
        try:
            far = _Wire(socket.create_connection(("127.0.0.1", port), timeout=60), self.waits)
        except OSError:
            self._reply(Reply(HTTPStatus.BAD_GATEWAY))
            return
        with far.sock:
            self.send(head(HTTPStatus.OK))
            while not (self.ended or far.ended):
                _carry(self, far)
                _carry(far, self)
                held = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()  # the socket shows it no longer
                wanted = {self.sock: _wanted(self, far), far.sock: _wanted(far, self)}
                self.waits.wait(wanted, 0 if held else None)
            if self.ended:
                raise _GoneError
            self.send(b"")
        self._close()


def _carry(source: _Wire, sink: _Wire) -> None:
    if not sink.outgoing:
        source.pull()
        sink.outgoing += source.incoming
        source.incoming.clear()
    if sink.outgoing:
        sink.push()


def _wanted(wire: _Wire, other: _Wire) -> int:
    """Room for what is to go out, and more only once the other end has taken the last."""
    return (EVENT_WRITE if wire.outgoing else 0) | (0 if other.outgoing else EVENT_READ)


def _parsed(text: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = text.decode("latin-1").split("\r\n")
    if not (match := re.fullmatch(r"(\S+) (\S+) HTTP/1\.1", first)):
        raise ValueError(f"not an HTTP/1.1 request: {first!r}")
    fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = {name: ", ".join(value for other, value in fields if other == name) for name, _ in fields}
    return match[1], match[2], headers


def _body(wire: _Wire, headers: Mapping[str, str]) -> Generator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(wire.until(b"\r\n").partition(b";")[0], 16):
            yield from wire.exactly(size)
            wire.until(b"\r\n")
        while wire.until(b"\r\n"):
            pass  # a trailer
    else:
        yield from wire.exactly(int(headers.get("content-length", 0)))


@cache
def _identity() -> tuple[trustme.CA, ssl.SSLContext]:
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = ca.issue_cert("127.0.0.1", "localhost")
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it names pyOpenSSL's type too
    return ca, context
