"""
How a connection comes about: name, address, proxy, TLS, as steps that both worlds perform.

Settings are read once and shared by all connections of an interpreter, its TLS context above all.
"""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from genai_fn.interpreters.net.proxies import Proxy, find_proxy
from genai_fn.interpreters.net.socket import (
    NonBlockingSocket,
    RunBlocking,
    SocketSteps,
    WaitUntilReady,
    capture_outcome,
)
from genai_fn.interpreters.net.trust import make_context
from genai_fn.interpreters.net.tunnel import open_tunnel
from genai_fn.values import Value

__all__ = ["ConnectConfig", "ConnectionSetupError", "Target", "describe_error", "open_connection", "parse_target"]


class Target(Value):
    """Where to connect to, and whether by TLS."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ConnectionSetupError(Exception):
    """No connection came about: what was being done, and why not."""

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(doing, reason)
        self.doing = doing
        self.reason = reason


class ConnectConfig:
    """What all connections of an interpreter share: its proxy or the environment's, and one TLS context."""

    def __init__(
        self,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.proxy = proxy
        self.environ = dict(environ or {})
        self.ssl_context = ssl_context
        self._context_lock = threading.Lock()

    def get_ssl_context(self) -> ssl.SSLContext:
        """Answer the context, after some 30 ms of reading certificates at the first call."""
        with self._context_lock:
            if self.ssl_context is None:
                context = make_context()
                context.set_alpn_protocols(["http/1.1"])
                self.ssl_context = context
            return self.ssl_context


def parse_target(url: str) -> Target:
    """
    Read where a URL leads; what is not one is a `DialError`.

    >>> str(parse_target("https://example.com/v1?alt=sse"))
    'example.com:443'
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:  # a port past 65535, half an IPv6 address, a label too long
        raise ConnectionSetupError("reading the address", "not a URL") from None
    if not host or parts.scheme not in _DEFAULT_PORTS:
        raise ConnectionSetupError("reading the address", "not a URL of http or https with a host")
    return Target(host, _DEFAULT_PORTS[parts.scheme] if port is None else port, tls=parts.scheme == "https")


_DEFAULT_PORTS = {"http": 80, "https": 443}


def open_connection(target: Target, dialling: ConnectConfig) -> SocketSteps[NonBlockingSocket]:
    """Connect, through the proxy if there is one, up to the end of the TLS handshake."""
    scheme = "https" if target.tls else "http"
    try:
        proxy = find_proxy(scheme, target.host, target.port, dialling.proxy, dialling.environ)
    except ValueError as error:
        raise ConnectionSetupError("reading the proxy's address", str(error)) from None
    first = Target(proxy.host, proxy.port, tls=False) if proxy else target
    wire = NonBlockingSocket((yield from _connect_tcp(first)))
    try:
        if proxy:
            yield from _connect_through_proxy(wire, proxy, target)
        if target.tls:
            yield from _start_tls(wire, target, dialling)
    except BaseException:
        wire.close()
        raise
    return wire


def describe_error(error: BaseException) -> str:
    """Say in a few words what an exception of a socket, of TLS or of a protocol means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        made = "".join(map(str, error.args[-1:]))  # by truststore on Windows, without a verify_message
        return f"certificate: {getattr(error, 'verify_message', made)}"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error).__name__ == "LocalProtocolError":
        return "HTTP cannot say this request"  # its own text shows a header's value, which may be a key
    return str(error)[:_MAX_SHOWN] or type(error).__name__


_MAX_SHOWN = 200


def _connect_tcp(target: Target) -> SocketSteps[socket.socket]:
    """Try the addresses in order; none of them takes long while others are left."""
    doing = f"connecting to {target}"
    addresses = yield from _resolve_addresses(target)
    failure = "the name has no address"
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return (yield from _connect_address(family, address, _ADDRESS_TIMEOUT if left > 1 else None))
        except OSError as error:
            failure = describe_error(error)
    raise ConnectionSetupError(doing, failure)


_ADDRESS_TIMEOUT = 2.0


def _resolve_addresses(target: Target) -> SocketSteps[list[tuple[int, tuple[Any, ...]]]]:
    found = _look_up_addresses(target, socket.AI_NUMERICHOST)  # a numeric one takes no time
    if isinstance(found, Exception):
        found = yield RunBlocking(partial(_look_up_addresses, target, 0))
    if isinstance(found, Exception):
        raise ConnectionSetupError(f"looking up {target.host}", describe_error(found))
    return [(family, address) for family, _, _, _, address in found]


def _look_up_addresses(target: Target, flags: int) -> list[Any] | Exception:
    return capture_outcome(partial(socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM, flags=flags))


def _connect_address(family: int, address: tuple[Any, ...], within: float | None) -> SocketSteps[socket.socket]:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code in _IN_PROGRESS_CODES:
            in_time = yield WaitUntilReady(sock, for_write=True, timeout=within)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if in_time else errno.ETIMEDOUT
    except BaseException:
        sock.close()
        raise
    if code:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


_IN_PROGRESS_CODES = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


def _connect_through_proxy(wire: NonBlockingSocket, proxy: Proxy, target: Target) -> SocketSteps[None]:
    refusal = yield from open_tunnel(wire, proxy, target.host, target.port)
    if refusal:
        raise ConnectionSetupError(f"connecting to {target} through {proxy}", refusal)


def _start_tls(wire: NonBlockingSocket, target: Target, dialling: ConnectConfig) -> SocketSteps[None]:
    doing = f"shaking hands with {target}"
    context = dialling.ssl_context or (yield RunBlocking(dialling.get_ssl_context))
    if isinstance(context, Exception):
        raise ConnectionSetupError("reading the certificates", describe_error(context))
    try:
        yield from wire.start_tls(context, target.host)
    except (OSError, ValueError) as error:
        raise ConnectionSetupError(doing, describe_error(error)) from None
