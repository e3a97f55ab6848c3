"""Base classes of the sync and the async pool and of their responses."""

import ssl
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genai_fn.interpreters.net.connect.connection import ConnectConfig
from genai_fn.interpreters.net.pool.http1 import decode_headers
from genai_fn.interpreters.net.pool.state import PoolConfig, PooledConnection, PoolState

if TYPE_CHECKING:
    from genai_fn.effects import EffectFailed
    from genai_fn.http import Headers

__all__ = ["BasePool", "BasePooledResponse"]


class BasePool:
    """
    A pool of connections; callers beyond the limit wait in order of arrival.

    Args:
        max_connections: Limit of requests in flight, and of open sockets, idle ones included.

        proxy: ``http://user:password@host:port`` or ``socks5://…``. If None, the pool reads it from
            `environ`; ``""`` means no proxy.

        environ: Environment variables with the proxy settings. The process environment is not read.

        ssl_context: TLS settings. If None, the pool trusts the system's certificate authorities, which it reads at the
            first use.

        transport: The module ``httpcore`` or ``httpcore2``. If None, the pool imports httpcore at the first
            request.
    """

    def __init__(
        self,
        max_connections: int = 64,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
    ) -> None:
        self._config = PoolConfig(max_connections, proxy, environ, ssl_context, transport)

    @property
    def connect_config(self) -> ConnectConfig:
        """The proxy and TLS settings, for connections that are opened outside the pool."""
        return self._config.connect_config


class BasePooledResponse:
    """A response whose head has been read. It holds a slot of the pool until it is closed."""

    def __init__(self, state: PoolState, connection: PooledConnection, response: Any) -> None:
        self.status: int = response.status
        self.headers: Headers = decode_headers(response.headers)
        self._state = state
        self._connection = connection
        self._response = response
        self._final_result: bytes | EffectFailed | None = None
        self._is_closed = False

    def _can_reuse_connection(self) -> bool:
        return self._final_result == b"" and self._connection.is_reusable()
