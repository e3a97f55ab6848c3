"""Serves the emulator on a TCP port with uvicorn: in a background thread, or in the calling thread."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from genai_fn.errors import InvalidRequest, MissingExtra
from genai_fn.interpreters.extras import install_command
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.asgi_events import ASGIApplication

if TYPE_CHECKING:
    import uvicorn


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
    Context manager: serve an emulator in a background thread and yield its base URL. Needs the extra ``emulator``.

    Args:
        emulator: The emulator to serve.

        host: Address to listen on.

        port: Port to listen on; 0 picks a free one.

        certfile: Path of a certificate chain (PEM), to serve ``https:`` and ``wss:``.

        keyfile: Path of the private key (PEM), if it is not in `certfile`.

    Raises:
        InvalidRequest: If the port is not from 0 to 65535.

        OSError: If the port is in use, or the certificate or key cannot be read.

        MissingExtra: If uvicorn is not installed.

    >>> from genai_fn import Gemini, Http, generate, text
    >>> with serve_emulator(Emulator()) as url, Http(Gemini("test-key", base_url=url)) as run:
    ...     run(generate("gemini-2.5-flash", "hi") | text).unwrap()[:4]
    'I am'
    """
    with open_listener(host, port) as listener:
        server = build_server(emulator, certfile, keyfile)
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator", daemon=True)
        thread.start()
        try:
            yield build_url(listener, is_secure=certfile is not None)
        finally:
            server.should_exit = True
            thread.join(_SHUTDOWN_TIMEOUT)


_SHUTDOWN_TIMEOUT = 10


@contextmanager
def open_listener(host: str, port: int) -> Generator[socket.socket]:
    """
    Context manager: listen on a port (0: a free one). Connections wait until a server accepts them.

    Raises:
        InvalidRequest: If the port is not from 0 to 65535.

        OSError: If the port is in use, or the address is not one of this machine.
    """
    if not 0 <= port <= _MAX_PORT:  # `getaddrinfo` would return another port
        raise InvalidRequest("port", port, f"a port from 0 to {_MAX_PORT}")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        yield listener


_MAX_PORT = 65_535


def build_url(listener: socket.socket, *, is_secure: bool) -> str:
    """Build the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    url_host = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return f"{'https' if is_secure else 'http'}://{url_host}:{port}"


def build_server(
    application: ASGIApplication, certfile: str | None = None, keyfile: str | None = None
) -> "uvicorn.Server":
    """
    Build a server of an emulator; its ``run`` takes the listening sockets.

    Raises:
        MissingExtra: If uvicorn is not installed.

        OSError: If the certificate or key cannot be read or is invalid.
    """
    try:
        import uvicorn  # noqa: PLC0415  # needs an extra, and is slow to import
    except ModuleNotFoundError:
        raise MissingExtra("uvicorn", "the emulator's server", install_command("uvicorn")) from None

    config = uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        ws="wsproto",
        ws_max_size=_MAX_MESSAGE_BYTES,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
        log_config=None,
        log_level="critical",  # a response that is cut short on purpose is no error
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=0,  # a delayed response need not be finished
    )
    config.load()  # raises for an invalid certificate now, not in the thread
    return uvicorn.Server(config)


_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
