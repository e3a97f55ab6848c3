"""
Opens connections: DNS look-up, TCP, proxy tunnel and TLS handshake, as steps for sync and async executors.

All connections of an interpreter share one `ConnectConfig`, and so one TLS context.
"""

import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from genai_fn.forks import delay_forks
from genai_fn.interpreters.net.connect.addresses import Address, connect_to_first, format_address
from genai_fn.interpreters.net.connect.proxies import Proxy, find_proxy
from genai_fn.interpreters.net.connect.trust import make_context
from genai_fn.interpreters.net.connect.tunnel import open_tunnel
from genai_fn.interpreters.net.socket import (
    NonBlockingSocket,
    RunBlocking,
    SocketSteps,
    capture_outcome,
)
from genai_fn.values import Value


class Target(Value):
    """A server's address, and whether it is reached by TLS."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return format_address(self.host, self.port)

    @property
    def scheme(self) -> str:
        """The scheme of its URLs."""
        return "https" if self.tls else "http"

    @property
    def host_header(self) -> str:
        """The header ``Host``: the host, and the port unless it is the default one."""
        return str(self).removesuffix(f":{_DEFAULT_PORTS[self.scheme]}")


class ConnectionSetupError(Exception):
    """A connection could not be opened: during which step, and why."""

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(doing, reason)
        self.doing = doing
        self.reason = reason


class UntrustedCertificateError(ConnectionSetupError):
    """The certificate of the server is not valid or not trusted."""


class ConnectConfig:
    """Settings for opening connections: proxy, environment variables with proxies, TLS context."""

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

    def get_ssl_context(self) -> ssl.SSLContext:
        """Return the TLS context; the first call takes some 30 ms to read the certificates."""
        if self.ssl_context is None:
            with delay_forks:
                if self.ssl_context is None:
                    context = make_context()
                    context.set_alpn_protocols(["http/1.1"])
                    self.ssl_context = context
        return self.ssl_context


def parse_target(url: str) -> Target:
    """
    Parse the target of a URL; raises `ConnectionSetupError` if it is no http or https URL with a host.

    >>> str(parse_target("https://example.com/v1?alt=sse"))
    'example.com:443'
    """
    end = url.find("/", len("https://"))
    return _parse_origin(url if end < 0 else url[:end])


@lru_cache(64)
def _parse_origin(url: str) -> Target:
    try:
        parts = urlsplit(url)
        return _build_target(parts.scheme, parts.hostname or "", parts.port)
    except ValueError:  # a port past 65535, half an IPv6 address, a label too long
        raise ConnectionSetupError("parsing the URL", "not a URL") from None


def _build_target(scheme: str, host_name: str, port: int | None) -> Target:
    host = host_name.encode("idna").decode("ascii")
    if not host or scheme not in _DEFAULT_PORTS:
        raise ConnectionSetupError("parsing the URL", "not a URL of http or https with a host")
    return Target(host, _DEFAULT_PORTS[scheme] if port is None else port, tls=scheme == "https")


_DEFAULT_PORTS = {"http": 80, "https": 443}


def open_connection(target: Target, config: ConnectConfig) -> SocketSteps[NonBlockingSocket]:
    """Connect to a target, through the proxy if there is one, and complete the TLS handshake."""
    try:
        proxy = find_proxy(target.scheme, target.host, target.port, config.proxy, config.environ)
    except ValueError as error:
        raise ConnectionSetupError("parsing the proxy's address", str(error)) from None
    next_hop = Target(proxy.host, proxy.port, tls=False) if proxy else target
    doing = f"connecting to {next_hop}"
    addresses = yield from _resolve_addresses(next_hop)
    try:
        sock = yield from connect_to_first(addresses)
    except OSError as error:
        raise ConnectionSetupError(doing, describe_error(error)) from None
    try:
        if proxy:
            yield from _connect_through_proxy(sock, proxy, target)
        if target.tls:
            yield from _start_tls(sock, target, config)
    except BaseException:
        sock.close()
        raise
    return sock


def describe_error(error: BaseException) -> str:
    """Return a short text for an exception of a socket, of TLS or of HTTP, without secrets."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = "".join(map(str, error.args[-1:]))  # truststore on Windows raises it without a verify_message
        return f"certificate: {getattr(error, 'verify_message', text)}"
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "reason", None) or error)  # one that Python code raises has no reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error).__name__ == "LocalProtocolError":
        return "not a valid HTTP/1.1 request"  # the error's own text shows a header's value, which may be a key
    return str(error)[:_MAX_SHOWN] or type(error).__name__


_MAX_SHOWN = 200


def _resolve_addresses(target: Target) -> SocketSteps[list[Address]]:
    found = _look_up_addresses(target, socket.AI_NUMERICHOST)  # a numeric address needs no DNS
    if isinstance(found, Exception):
        found = yield RunBlocking(partial(_look_up_addresses, target, 0))
    if isinstance(found, Exception):
        raise ConnectionSetupError(f"looking up {target.host}", describe_error(found))
    if not found:
        raise ConnectionSetupError(f"connecting to {target}", "the host name has no address")
    return [(family, address) for family, _, _, _, address in found]


def _look_up_addresses(target: Target, flags: int) -> list[Any] | Exception:
    return capture_outcome(partial(socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM, flags=flags))


def _connect_through_proxy(sock: NonBlockingSocket, proxy: Proxy, target: Target) -> SocketSteps[None]:
    refusal = yield from open_tunnel(sock, proxy, target.host, target.port)
    if refusal:
        raise ConnectionSetupError(f"connecting to {target} through {proxy}", refusal)


def _start_tls(sock: NonBlockingSocket, target: Target, config: ConnectConfig) -> SocketSteps[None]:
    doing = f"TLS handshake with {target}"
    context = config.ssl_context or (yield RunBlocking(config.get_ssl_context))
    if isinstance(context, Exception):
        raise ConnectionSetupError("reading the certificates", describe_error(context))
    try:
        yield from sock.start_tls(context, target.host)
    except ssl.SSLCertVerificationError as error:
        raise UntrustedCertificateError(doing, describe_error(error)) from None
    except (OSError, ValueError) as error:
        raise ConnectionSetupError(doing, describe_error(error)) from None
