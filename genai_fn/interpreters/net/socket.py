"""
A connected socket that never blocks, for every world at once.

What would have to wait is a generator of steps: it yields a `Wait`, is sent whether that came in time, and returns its
result. A `Blocking` is a call that may take long, such as a look-up of a name; what it returns, or the exception that
it raised, is sent in. A driver performs steps within a deadline and closes the generator on any other way out, which
closes a socket that nobody has got yet.
"""

import os
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

from genai_fn.values import Value

__all__ = [
    "NonBlockingSocket",
    "RunBlocking",
    "SocketClosedError",
    "SocketSteps",
    "WaitUntilReady",
    "capture_outcome",
    "wrap_socket",
]

T = TypeVar("T")


class WaitUntilReady(Value):
    """→ bool: True once the socket can be read, or written; False after `within` seconds."""

    sock: socket.socket
    for_write: bool
    timeout: float | None = None


class RunBlocking(Value):
    """→ what the call returns or raises: performed where waiting harms nobody, and left behind when time runs out."""

    call: Callable[[], Any]


SocketSteps: TypeAlias = Generator[WaitUntilReady | RunBlocking, Any, T]


def capture_outcome(call: Callable[[], T]) -> T | Exception:
    """Perform a `Blocking`'s call."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it is an answer, for the steps to judge
        return error


def wrap_socket(
    context: ssl.SSLContext, sock: socket.socket, *, server_side: bool = False, server_hostname: str | None = None
) -> ssl.SSLSocket:
    """
    Prepare a TLS connection over a socket, and close the socket if that fails.

    ``SSLContext.wrap_socket`` raises what a peer that has gone left behind, up to Python 3.12 without closing the
    ``SSLSocket`` that it made: only the frames of the exception lead to that.
    """
    try:
        return context.wrap_socket(
            sock, server_side=server_side, server_hostname=server_hostname, do_handshake_on_connect=False
        )
    except BaseException as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            made = frame.f_locals.get("self")
            if isinstance(made, ssl.SSLSocket):
                made.close()
        sock.close()
        raise


class SocketClosedError(Exception):
    """The wire was closed from this side."""


class NonBlockingSocket:
    """
    One connection: `sent` and `received` tell whether any byte of a request went out, or of its answer came in.

    `close` is for any thread or task. While somebody reads or writes it only shuts the connection down, which wakes
    them, and the last of them closes the socket: its number must not go to another while a poll still watches it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.has_sent = False
        self.has_received = False
        self._write_buffer = b""
        self._user_count = 0
        self._is_closed = False
        self._lock = threading.RLock()  # a signal handler may close what its thread is just using
        self._pid = os.getpid()

    def start_tls(self, context: ssl.SSLContext, host: str) -> SocketSteps[None]:
        """Shake hands as a TLS client that trusts what `context` trusts."""
        self.sock = secured = wrap_socket(context, self.sock, server_hostname=host)
        yield from self._retry_until_done(secured.do_handshake, write=False)
        if secured.selected_alpn_protocol() not in {None, "http/1.1"}:
            raise ssl.SSLError("the peer wants to speak another protocol than HTTP/1.1")

    def read(self, size: int) -> SocketSteps[bytes]:
        """Read what is there, at most `size` bytes; nothing at the end. What was held goes out before."""
        self._begin_use()
        try:
            if self._write_buffer:
                with suppress(OSError):  # a peer that hung up may have said why
                    yield from self.write(b"")
            # Waiting first lets others run, and time run out, however fast the peer is.
            if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                yield WaitUntilReady(self.sock, for_write=False)
            data = yield from self._retry_until_done(partial(self.sock.recv, size), write=False)
            self.has_received |= bool(data)
            return data
        finally:
            self._end_use()

    def buffer_write(self, data: bytes) -> bool:
        """Keep a little back, as a head and its body are better sent as one; False if it is too much for that."""
        if len(self._write_buffer) + len(data) > _MAX_BUFFERED_BYTES:
            return False
        self._write_buffer += data
        return True

    def write(self, data: bytes) -> SocketSteps[None]:
        """Write it all, after what was held."""
        held, self._write_buffer = self._write_buffer, b""
        self._begin_use()
        try:
            yield from self._send_all(held)
            yield from self._send_all(data)
        finally:
            self._end_use()

    def _send_all(self, data: bytes) -> SocketSteps[None]:
        rest = memoryview(data)
        while rest:
            count = yield from self._retry_until_done(partial(self.sock.send, rest[:_SEND_SIZE]), write=True)
            self.has_sent = True
            rest = rest[count:]

    def is_quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, neither bytes nor an end: only then it is of use."""
        try:
            self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close at once, or wake whoever is at it."""
        with self._lock:
            if self._user_count and not self._is_closed and os.getpid() == self._pid:
                _shut_down_socket(self.sock)
            self._is_closed = True
            if not self._user_count:
                self.sock.close()

    def _begin_use(self) -> None:
        with self._lock:
            if self._is_closed:
                raise SocketClosedError
            self._user_count += 1

    def _end_use(self) -> None:
        with self._lock:
            self._user_count -= 1
            if self._is_closed and not self._user_count:
                self.sock.close()

    def _retry_until_done(self, call: Callable[[], T], *, write: bool) -> SocketSteps[T]:
        while True:
            try:
                return call()
            except BlockingIOError:
                yield WaitUntilReady(self.sock, write)
            except ssl.SSLWantReadError:
                yield WaitUntilReady(self.sock, for_write=False)
            except ssl.SSLWantWriteError:
                yield WaitUntilReady(self.sock, for_write=True)


_MAX_BUFFERED_BYTES = 1 << 16
_SEND_SIZE = 1 << 20


def _shut_down_socket(sock: socket.socket) -> None:
    with suppress(OSError):  # not connected any more
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's own would let the reader go on without TLS
