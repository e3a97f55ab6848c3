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

from genai_fn.interpret.dial_trust import make_context
from genai_fn.interpret.dial_tunnel import tunnelled
from genai_fn.interpret.dial_wire import Blocking, Steps, Wait, Wire, outcome
from genai_fn.interpret.proxies import Proxy, proxy_for
from genai_fn.schema._base import Value

__all__ = ["DialError", "Dialling", "Target", "dial", "reason", "target_of"]


class Target(Value):
    """Where to connect to, and whether by TLS."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class DialError(Exception):
    """No connection came about: what was being done, and why not."""

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(doing, reason)
        self.doing = doing
        self.reason = reason


class Dialling:
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
        self.context = ssl_context
        self._making = threading.Lock()

    def made_context(self) -> ssl.SSLContext:
        """Answer the context, after some 30 ms of reading certificates at the first call."""
        with self._making:
            if self.context is None:
                context = make_context()
                context.set_alpn_protocols(["http/1.1"])
                self.context = context
            return self.context


def target_of(url: str) -> Target:
    """
    Read where a URL leads; what is not one is a `DialError`.

    >>> str(target_of("https://example.com/v1?alt=sse"))
    'example.com:443'
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:  # a port past 65535, half an IPv6 address, a label too long
        raise DialError("reading the address", "not a URL") from None
    if not host or parts.scheme not in _PORTS:
        raise DialError("reading the address", "not a URL of http or https with a host")
    return Target(host, _PORTS[parts.scheme] if port is None else port, tls=parts.scheme == "https")


_PORTS = {"http": 80, "https": 443}


def dial(target: Target, dialling: Dialling) -> Steps[Wire]:
    """Connect, through the proxy if there is one, up to the end of the TLS handshake."""
    scheme = "https" if target.tls else "http"
    try:
        proxy = proxy_for(scheme, target.host, target.port, dialling.proxy, dialling.environ)
    except ValueError as error:
        raise DialError("reading the proxy's address", str(error)) from None
    first = Target(proxy.host, proxy.port, tls=False) if proxy else target
    wire = Wire((yield from _connected(first)))
    try:
        if proxy:
            yield from _led_on(wire, proxy, target)
        if target.tls:
            yield from _secured(wire, target, dialling)
    except BaseException:
        wire.close()
        raise
    return wire


def reason(error: BaseException) -> str:
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
    return str(error)[:_SHOWN] or type(error).__name__


_SHOWN = 200


def _connected(target: Target) -> Steps[socket.socket]:
    """Try the addresses in order; none of them takes long while others are left."""
    doing = f"connecting to {target}"
    addresses = yield from _addresses(target)
    failure = "the name has no address"
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return (yield from _reached(family, address, _PATIENCE if left > 1 else None))
        except OSError as error:
            failure = reason(error)
    raise DialError(doing, failure)


_PATIENCE = 2.0


def _addresses(target: Target) -> Steps[list[tuple[int, tuple[Any, ...]]]]:
    found = _looked_up(target, socket.AI_NUMERICHOST)  # a numeric one takes no time
    if isinstance(found, Exception):
        found = yield Blocking(partial(_looked_up, target, 0))
    if isinstance(found, Exception):
        raise DialError(f"looking up {target.host}", reason(found))
    return [(family, address) for family, _, _, _, address in found]


def _looked_up(target: Target, flags: int) -> list[Any] | Exception:
    return outcome(partial(socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM, flags=flags))


def _reached(family: int, address: tuple[Any, ...], within: float | None) -> Steps[socket.socket]:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code in _UNDER_WAY:
            in_time = yield Wait(sock, write=True, within=within)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if in_time else errno.ETIMEDOUT
    except BaseException:
        sock.close()
        raise
    if code:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


def _led_on(wire: Wire, proxy: Proxy, target: Target) -> Steps[None]:
    refusal = yield from tunnelled(wire, proxy, target.host, target.port)
    if refusal:
        raise DialError(f"connecting to {target} through {proxy}", refusal)


def _secured(wire: Wire, target: Target, dialling: Dialling) -> Steps[None]:
    doing = f"shaking hands with {target}"
    context = dialling.context or (yield Blocking(dialling.made_context))
    if isinstance(context, Exception):
        raise DialError("reading the certificates", reason(context))
    try:
        yield from wire.secure(context, target.host)
    except (OSError, ValueError) as error:
        raise DialError(doing, reason(error)) from None
