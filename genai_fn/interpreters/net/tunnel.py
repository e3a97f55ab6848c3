"""How a proxy is asked to lead on to somewhere else: HTTP's ``CONNECT``, and SOCKS5."""

import re
from collections.abc import Callable
from http import HTTPStatus
from importlib import import_module
from typing import Any

from genai_fn.extras import install_command
from genai_fn.interpreters.net.proxies import Proxy
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketSteps

__all__ = ["open_tunnel"]


def open_tunnel(wire: NonBlockingSocket, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    """Have the proxy connect to a host; answers its refusal, or nothing. No credential is ever in the answer."""
    try:
        if proxy.scheme == "http":
            return (yield from _send_http_connect(wire, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
        return (yield from _connect_socks(wire, proxy, host, port))
    except OSError as error:
        return error.strerror or type(error).__name__


def _send_http_connect(wire: NonBlockingSocket, proxy: Proxy, authority: str) -> SocketSteps[str]:
    authorization = f"Proxy-Authorization: {proxy.basic_authorization}\r\n" if proxy.basic_authorization else ""
    yield from wire.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n".encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        piece = yield from wire.read(_MAX_HEAD_BYTES - len(head))
        head += piece
        if not piece or len(head) >= _MAX_HEAD_BYTES:
            return "the proxy did not answer in HTTP"
    status = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
    if status is not None and not status[1].startswith(b"2"):
        return _describe_status(int(status[1]))
    # Whoever is behind the proxy does not speak first, neither in HTTP nor in TLS.
    return "" if status is not None and head.endswith(b"\r\n\r\n") else "the proxy did not answer in HTTP"


_MAX_HEAD_BYTES = 1 << 16


def _describe_status(status: int) -> str:
    known = {each.value: each.phrase for each in HTTPStatus}
    return f"the proxy answered {status} {known.get(status, '')}".rstrip()


def _connect_socks(wire: NonBlockingSocket, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    try:
        socks: Any = import_module("socksio.socks5")
        faults: Any = import_module("socksio.exceptions")
    except ImportError:
        return f"a socks5 proxy needs the package socksio: {install_command('socksio')}"
    try:
        return (yield from _negotiate_socks(wire, socks, proxy, host, port))
    except (faults.SOCKSError, ValueError):  # what it says of a bad answer would not help anybody
        return "the proxy did not answer in SOCKS5"


def _negotiate_socks(wire: NonBlockingSocket, socks: Any, proxy: Proxy, host: str, port: int) -> SocketSteps[str]:
    """Follow RFC 1928, and RFC 1929 for the password."""
    talk = socks.SOCKS5Connection()
    method = socks.SOCKS5AuthMethod.USERNAME_PASSWORD if proxy.user else socks.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    chosen = yield from _send_socks_request(wire, talk, socks.SOCKS5AuthMethodsRequest([method]), _get_choice_length)
    if chosen.method != method:
        return "the proxy wants another way to log in"
    if proxy.user:
        login = socks.SOCKS5UsernamePasswordRequest(proxy.user.encode(), proxy.password.encode())
        answer = yield from _send_socks_request(wire, talk, login, _get_choice_length)
        if not answer.success:
            return "the proxy does not know this user and password"
    ask = socks.SOCKS5CommandRequest.from_address(socks.SOCKS5Command.CONNECT, (host, port))
    answer = yield from _send_socks_request(wire, talk, ask, _get_reply_length)
    granted = answer.reply_code == socks.SOCKS5ReplyCode.SUCCEEDED
    return "" if granted else f"the proxy answered {answer.reply_code.name}"


def _get_choice_length(_: bytes) -> int:
    """Tell how long the answers to a greeting and to a password are."""
    return 2


def _get_reply_length(so_far: bytes) -> int:
    """Tell how long the answer to a command is: that depends on the kind of address in it."""
    if len(so_far) < 5:
        return 5
    return 6 + {1: 4, 3: 1 + so_far[4], 4: 16}.get(so_far[3], 0)


def _send_socks_request(
    wire: NonBlockingSocket, talk: Any, request: Any, length: Callable[[bytes], int]
) -> SocketSteps[Any]:
    talk.send(request)
    yield from wire.write(talk.data_to_send())
    answer = b""
    while len(answer) < length(answer):
        piece = yield from wire.read(length(answer) - len(answer))
        if not piece:
            raise ConnectionResetError(0, "the proxy closed the connection")
        answer += piece
    return talk.receive_data(answer)
