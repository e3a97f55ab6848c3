"""
Connects to the first address of a host that accepts, as steps: Happy Eyeballs (RFC 8305).

An address that does not respond delays the connection by 250 ms: then the next one is tried at the same time.
"""

import errno
import os
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketSteps, WaitForAny

Address: TypeAlias = tuple[int, tuple[Any, ...]]
"""An address family, and an address for ``socket.connect``."""


def format_address(host: str, port: int) -> str:
    """
    Write a host with its port.

    >>> format_address("::1", 443)
    '[::1]:443'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connect_to_first(addresses: Iterable[Address]) -> SocketSteps[NonBlockingSocket]:
    """Connect to the first address that accepts; raises the last ``OSError`` if none does."""
    waiting = deque(_alternate_families(addresses))
    attempts: list[NonBlockingSocket] = []
    failure = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    try:
        while waiting or attempts:
            try:
                if waiting:
                    attempts.append(_start_attempt(*waiting.popleft()))
                yield WaitForAny(tuple(each.sock for each in attempts), ATTEMPT_DELAY if waiting else None)
                connected = next(filter(_is_connected, attempts), None)
                if connected is not None:
                    attempts.remove(connected)
                    return connected
            except OSError as error:
                failure = error
                attempts = [each for each in attempts if not each.is_closed]
    finally:
        for each in attempts:
            each.close()
    try:
        raise failure
    finally:
        del failure  # its traceback refers to this frame


ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried, too (RFC 8305, section 5)."""


def _alternate_families(addresses: Iterable[Address]) -> Iterable[Address]:
    """
    Alternate between the address families, and keep the order within each (RFC 8305, section 4).

    >>> [address for _, address in _alternate_families([(10, ("a",)), (10, ("b",)), (2, ("c",))])]
    [('a',), ('c',), ('b',)]
    """
    by_family: dict[int, list[Address]] = {}
    for each in addresses:
        by_family.setdefault(each[0], []).append(each)
    return filter(None, chain.from_iterable(zip_longest(*by_family.values())))


def _start_attempt(family: int, address: tuple[Any, ...]) -> NonBlockingSocket:
    """Start to connect; raises ``OSError`` if that fails at once."""
    attempt = NonBlockingSocket(socket.socket(family, socket.SOCK_STREAM))
    try:
        attempt.sock.setblocking(False)
        attempt.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):  # the usual case
            attempt.sock.connect(address)
    except BaseException:
        attempt.close()
        raise
    return attempt


def _is_connected(attempt: NonBlockingSocket) -> bool:
    """Return whether an attempt has succeeded; closes it and raises ``OSError`` if it has failed."""
    code = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        attempt.close()
        raise OSError(code, os.strerror(code))
    try:
        attempt.sock.getpeername()
    except OSError:  # not connected yet
        return False
    return True
