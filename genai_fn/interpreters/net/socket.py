"""
A connected socket that never blocks, shared by all executors.

Operations that must wait are generators of steps: `WaitUntilReady`, `WaitForAny`, `RunBlocking` and `ReadFile`. The
caller performs each step, and sends its result back. A caller that stops early closes the generator, which closes a
socket that is not returned yet.
"""

import errno
import os
import socket
import ssl
import time
import traceback
import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

from genai_fn.values import Value

T = TypeVar("T")


class WaitUntilReady(Value):
    """→ None once the socket is readable, or writable."""

    sock: socket.socket
    for_write: bool


class WaitForAny(Value):
    """→ None once one of several sockets is writable, or after `timeout` seconds."""

    socks: tuple[socket.socket, ...]
    timeout: float | None = None


class RunBlocking(Value):
    """→ the result of the call, such as a DNS look-up, or its exception. A timeout leaves its thread running."""

    call: Callable[[], Any]


class ReadFile(Value):
    """→ the result of the call, or its exception: it reads a file, for which tasks use a worker thread."""

    call: Callable[[], Any]


SocketStep: TypeAlias = WaitUntilReady | WaitForAny | RunBlocking | ReadFile
SocketSteps: TypeAlias = Generator[SocketStep, Any, T]


def capture_outcome(call: Callable[[], T]) -> T | Exception:
    """Call a function; return its result, or the exception that it raised."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - the steps decide what it means
        return error


def wrap_socket(
    context: ssl.SSLContext, sock: socket.socket, *, server_side: bool = False, server_hostname: str | None = None
) -> ssl.SSLSocket:
    """
    Wrap a socket for TLS, without a handshake; close the socket if that fails.

    The end of a connection without ``close_notify`` raises ``ssl.SSLEOFError``: it may be cut short (RFC 8446, 6.1).

    ``SSLContext.wrap_socket`` raises if the peer has closed the connection. Up to Python 3.12 it does not close the
    ``SSLSocket`` that it made, which only the frames of the exception refer to.
    """
    try:
        return context.wrap_socket(
            sock,
            server_side=server_side,
            server_hostname=server_hostname,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
    except BaseException as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            unfinished = frame.f_locals.get("self")
            if isinstance(unfinished, ssl.SSLSocket):
                unfinished.close()
        sock.close()
        raise


class DeadlineExceededError(Exception):
    """The deadline has passed. It is no ``TimeoutError``, because sockets raise those themselves."""


def check_deadline(deadline: float) -> None:
    """Raise `DeadlineExceededError` after a point of ``time.monotonic()``."""
    if time.monotonic() >= deadline:
        raise DeadlineExceededError


class SocketClosedError(Exception):
    """The socket was closed by this process."""


class NonBlockingSocket:
    """
    One connection. `has_sent` and `has_received`: whether any byte of the current request or response was transferred.

    `close` may be called from any thread or task. During a read or write it only shuts the connection down, which
    ends them, and the last one closes the socket: its file descriptor must not be reused while a poll watches it.

    It takes no lock, because an interrupt might leave it taken. `close` sets its mark before it looks for reads and
    writes, and those look for the mark after they have begun: at least one of them sees the other.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.has_sent = False
        self.has_received = False
        self._write_buffer = b""
        self._read_size = _MIN_READ_SIZE
        self._read_error: OSError | None = None
        self._uses: set[object] = set()
        self.is_closed = False
        self._pid = os.getpid()
        self._finalizer = close_when_collected(self, sock)

    def begin_exchange(self) -> None:
        """Prepare for the next request and its response."""
        self.has_sent = self.has_received = False
        self._read_size = _MIN_READ_SIZE

    def start_tls(self, context: ssl.SSLContext, host: str) -> SocketSteps[None]:
        """Perform the handshake of a TLS client."""
        self.sock = secured = wrap_socket(context, self.sock, server_hostname=host)
        self._finalizer.detach()
        self._finalizer = close_when_collected(self, secured)
        yield from self._retry_until_done(secured.do_handshake, for_write=False)
        if secured.selected_alpn_protocol() not in {None, "http/1.1"}:
            raise ssl.SSLError("the server chose another protocol than HTTP/1.1")

    def read(self, size: int) -> SocketSteps[bytes]:
        """Read at most `size` bytes, ``b""`` at the end, after writing the buffer."""
        use = object()
        try:
            self._begin_use(use)
            if self._read_error is not None:
                raise self._read_error
            if self._write_buffer:
                with suppress(OSError):  # a peer that closed the connection may have sent the reason
                    yield from self.write(b"")
            # Waiting first lets other tasks run, and deadlines expire, however fast the peer sends.
            if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                yield WaitUntilReady(self.sock, for_write=False)
            try:
                data = self.sock.recv(size)
            except _MUST_WAIT:
                data = yield from self._retry_until_done(partial(self.sock.recv, size), for_write=False)
            self.has_received |= bool(data)
            is_full_record = len(data) >= _TLS_RECORD_SIZE and isinstance(self.sock, ssl.SSLSocket)
            return self._read_further_records(data, size) if is_full_record else data
        except ssl.SSLEOFError:
            if self.is_closed or not self.has_received:
                return b""  # cut by this process, or nothing was cut
            raise ConnectionAbortedError(errno.ECONNABORTED, "the connection ended without TLS close_notify") from None
        finally:
            self._end_use(use)

    def _read_further_records(self, data: bytes, size: int) -> bytes:
        """Read the records of TLS that have arrived with a full one: each read returns one, of 16 KiB at most."""
        records, remaining = [data], size - len(data)
        try:
            while remaining and len(records[-1]) >= _TLS_RECORD_SIZE:
                records.append(self.sock.recv(remaining))
                remaining -= len(records[-1])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:  # OpenSSL may report it once only
            self._read_error = error.with_traceback(None)  # which refers to this socket
        return b"".join(records)

    def read_available(self) -> SocketSteps[bytes]:
        """Read what has arrived, ``b""`` at the end: at most 64 KiB, and up to 1 MiB while more than that arrives."""
        size = self._read_size
        data = yield from self.read(size)
        if len(data) == size:
            self._read_size = min(2 * size, _MAX_READ_SIZE)
        return data

    def buffer_write(self, data: bytes | memoryview) -> bool:
        """Buffer up to 64 KiB, so that a head and its body are sent together; returns False if it does not fit."""
        if len(self._write_buffer) + len(data) > _MAX_BUFFERED_BYTES:
            return False
        self._write_buffer += data
        return True

    def write(self, data: bytes | memoryview) -> SocketSteps[None]:
        """Write the buffer, then all of `data`."""
        buffered, self._write_buffer = self._write_buffer, b""
        use = object()
        try:
            self._begin_use(use)
            for each in (buffered, data):
                if each:
                    yield from self._send_all(each)
        finally:
            self._end_use(use)

    def _send_all(self, data: bytes | memoryview) -> SocketSteps[None]:
        remaining = memoryview(data)
        while remaining:
            count = yield from self._retry_until_done(partial(self.sock.send, remaining[:_SEND_SIZE]), for_write=True)
            self.has_sent = True
            remaining = remaining[count:]

    def write_now(self, data: bytes) -> int:
        """
        Write what the connection takes without waiting; returns the number of bytes.

        If the rest is shorter than 64 KiB, it must be written next, by one call: TLS may have encrypted it already.
        """
        use = object()
        try:
            self._begin_use(use)
            count = 0 if self._write_buffer else self.sock.send(data)
        except _MUST_WAIT:
            return 0
        finally:
            self._end_use(use)
        self.has_sent |= bool(count)
        return count

    def is_quiet(self) -> bool:
        """Return whether neither bytes nor an end arrived after the last response: only then it is reusable."""
        if self._read_error is not None:
            return False
        try:
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close at once; pending reads and writes fail."""
        self.is_closed = True
        if self._uses and os.getpid() == self._pid:
            shut_down_socket(self.sock)
        if not self._uses:
            self._close_now()

    def _begin_use(self, use: object) -> None:
        self._uses.add(use)
        if self.is_closed:
            raise SocketClosedError

    def _end_use(self, use: object) -> None:
        self._uses.discard(use)
        if self.is_closed and not self._uses:
            self._close_now()

    def _close_now(self) -> None:
        self.sock.close()
        self._finalizer.detach()  # an interrupt in a finalizer would be lost

    def _retry_until_done(self, call: Callable[[], T], *, for_write: bool) -> SocketSteps[T]:
        while True:
            try:
                return call()
            except BlockingIOError:
                yield WaitUntilReady(self.sock, for_write)
            except ssl.SSLWantReadError:
                yield WaitUntilReady(self.sock, for_write=False)
            except ssl.SSLWantWriteError:
                yield WaitUntilReady(self.sock, for_write=True)


_MUST_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_MAX_BUFFERED_BYTES = 1 << 16
_TLS_RECORD_SIZE = 1 << 14
_MIN_READ_SIZE = 1 << 16
_MAX_READ_SIZE = 1 << 20
_SEND_SIZE = 1 << 20


def close_when_collected(owner: object, sock: socket.socket | NonBlockingSocket) -> Any:
    """Close a socket once its owner is garbage, without a warning: whoever owns a stream warns."""
    finalizer = weakref.finalize(owner, sock.close)
    finalizer.atexit = False
    return finalizer


def shut_down_socket(sock: socket.socket) -> None:
    """Shut a socket down, which ends the waits for it, also that for a connection."""
    with suppress(OSError):  # no longer connected
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket.shutdown would let a reader continue without TLS
