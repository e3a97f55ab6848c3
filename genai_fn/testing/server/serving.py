"""Serves the emulator over sockets: for as long as a block lasts, in a thread of its own, or as the caller likes."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from genai_fn.testing.server.asgi import Emulator

if TYPE_CHECKING:
    import uvicorn

__all__ = ["build_server", "build_url", "open_listener", "serve_emulator"]


@contextmanager
def serve_emulator(
    emulator: Emulator,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certfile: str | None = None,
    keyfile: str | None = None,
) -> Generator[str]:
    """
    Serve an emulator within a block, and say at which address; needs the extra ``emulator``.

    Args:
        emulator: What is served.

        host: The address to listen at.

        port: 0 takes a free one.

        certfile: A certificate chain in PEM, for ``https:`` and ``wss:``; `keyfile` is its key, if that is not within.

    Raises:
        OSError: where the port is taken, or the certificate cannot be read.
    """
    with open_listener(host, port) as heard:
        server = build_server(emulator, certfile, keyfile)
        thread = threading.Thread(target=server.run, args=([heard],), name="emulator", daemon=True)
        thread.start()
        try:
            yield build_url(heard, is_secure=certfile is not None)
        finally:
            server.should_exit = True
            thread.join(_SHUTDOWN_TIMEOUT)


_SHUTDOWN_TIMEOUT = 10


@contextmanager
def open_listener(host: str, port: int) -> Generator[socket.socket]:
    """Listen at a port, 0 being a free one: who connects from now on waits until somebody serves."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as heard:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.bind(address)
        heard.listen()
        yield heard


def build_url(heard: socket.socket, *, is_secure: bool) -> str:
    """Say by which address a socket is reached."""
    host, port = heard.getsockname()[:2]
    named = f"[{host}]" if heard.family == socket.AF_INET6 else host
    return f"{'https' if is_secure else 'http'}://{named}:{port}"


def build_server(emulator: Emulator, certfile: str | None = None, keyfile: str | None = None) -> "uvicorn.Server":
    """
    Make a server, for the sockets that it is then run with.

    Raises:
        ModuleNotFoundError: without the extra ``emulator``.

        OSError: where the certificate cannot be read, or is none.
    """
    import uvicorn  # noqa: PLC0415  # an extra, and slow to import

    config = uvicorn.Config(
        emulator,
        loop="asyncio",
        http="h11",
        ws="wsproto",
        ws_max_size=_MAX_MESSAGE_BYTES,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
        log_config=None,
        log_level="critical",  # that an answer is cut is no error here
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=0,  # who is kept waiting on purpose need not be waited for
    )
    config.load()  # what is wrong with a certificate is told at once
    return uvicorn.Server(config)


_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
