"""Opens a tunnel through a proxy: HTTP ``CONNECT`` or SOCKS5."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from genai_fn.forks import delay_forks
from genai_fn.interpreters.extras import install_command
from genai_fn.interpreters.net.connect.addresses import format_address
from genai_fn.interpreters.net.connect.proxies import Proxy
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketSteps


def open_tunnel(sock: NonBlockingSocket, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    """Ask the proxy to connect to a host; returns why it refused, or ``""``. The text contains no credential."""
    try:
        if proxy.scheme == "http":
            return (yield from _send_http_connect(sock, proxy, format_address(host, port)))
        return (yield from _connect_socks(sock, proxy, host, port))
    except OSError as error:
        return error.strerror or type(error).__name__


def _send_http_connect(sock: NonBlockingSocket, proxy: Proxy, authority: str) -> SocketSteps[str]:
    authorization = f"Proxy-Authorization: {proxy.basic_authorization}\r\n" if proxy.basic_authorization else ""
    yield from sock.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n".encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = yield from sock.read(_MAX_HEAD_BYTES - len(head))
        head += chunk
        if not chunk or len(head) >= _MAX_HEAD_BYTES:
            return "the proxy did not answer in HTTP"
    status = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
    if status is not None and not status[1].startswith(b"2"):
        return _describe_status(int(status[1]))
    # More bytes than the head are an error: in HTTP and in TLS the server never sends first.
    return "" if status is not None and head.endswith(b"\r\n\r\n") else "the proxy did not answer in HTTP"


_MAX_HEAD_BYTES = 1 << 16


def _describe_status(status: int) -> str:
    from http import HTTPStatus  # noqa: PLC0415  # for this error alone

    known = {each.value: each.phrase for each in HTTPStatus}
    return f"the proxy answered {status} {known.get(status, '')}".rstrip()


def _connect_socks(sock: NonBlockingSocket, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    try:
        with delay_forks:
            socks: Any = import_module("socksio.socks5")
            errors: Any = import_module("socksio.exceptions")
    except ImportError:
        return f"a socks5 proxy needs the package socksio: {install_command('socksio')}"
    if proxy.password and not proxy.user:
        return "SOCKS5 sends no password without a user"
    if max(len(host), len(proxy.user.encode()), len(proxy.password.encode())) > _MAX_SOCKS_BYTES:
        return f"SOCKS5 sends at most {_MAX_SOCKS_BYTES} bytes of a host, of a user and of a password"
    try:
        return (yield from _negotiate_socks(sock, socks, proxy, host, port))
    except (errors.SOCKSError, ValueError):  # socksio's own message about a malformed response does not help
        return "the proxy did not answer in SOCKS5"


_MAX_SOCKS_BYTES = 255  # RFC 1928, section 5, and RFC 1929, section 2


def _negotiate_socks(sock: NonBlockingSocket, socks: Any, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    """Negotiate as in RFC 1928, with RFC 1929 for user and password."""
    protocol = socks.SOCKS5Connection()
    method = socks.SOCKS5AuthMethod.USERNAME_PASSWORD if proxy.user else socks.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    greeting = socks.SOCKS5AuthMethodsRequest([method])
    choice = yield from _send_socks_request(sock, protocol, greeting, _get_choice_length)
    if choice.method != method:
        return "the proxy requires another authentication method"
    if proxy.user:
        login = socks.SOCKS5UsernamePasswordRequest(proxy.user.encode(), proxy.password.encode())
        reply = yield from _send_socks_request(sock, protocol, login, _get_choice_length)
        if not reply.success:
            return "the proxy rejected the user and password"
    command = socks.SOCKS5CommandRequest.from_address(socks.SOCKS5Command.CONNECT, (host, port))
    reply = yield from _send_socks_request(sock, protocol, command, _get_reply_length)
    is_connected = reply.reply_code == socks.SOCKS5ReplyCode.SUCCEEDED
    return "" if is_connected else f"the proxy answered {reply.reply_code.name}"


def _get_choice_length(_: bytes) -> int:
    """Return the length of the replies to a greeting and to a login, in bytes."""
    return 2


def _get_reply_length(received: bytes) -> int:
    """Return the length of the reply to a command in bytes, which depends on the type of the address in it."""
    if len(received) < 5:
        return 5
    return 6 + {1: 4, 3: 1 + received[4], 4: 16}.get(received[3], 0)


def _send_socks_request(
    sock: NonBlockingSocket, protocol: Any, request: Any, get_length: Callable[[bytes], int]
) -> SocketSteps[Any]:
    protocol.send(request)
    yield from sock.write(protocol.data_to_send())
    reply = b""
    while len(reply) < get_length(reply):
        chunk = yield from sock.read(get_length(reply) - len(reply))
        if not chunk:
            raise ConnectionResetError(0, "the proxy closed the connection")
        reply += chunk
    return protocol.receive_data(reply)
