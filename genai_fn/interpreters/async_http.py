"""The async interpreter, for asyncio and trio: runs actions over HTTP in the calling task."""

import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from genai_fn.engine.handler import RefusingHandler
from genai_fn.errors import Closed, GenaiError
from genai_fn.forks import register_fork_delay
from genai_fn.interpreters.async_runner import AsyncRunner
from genai_fn.interpreters.connections import Connections
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.settings import Settings, accept_settings
from genai_fn.lazy_names import pause_collection
from genai_fn.request import Live

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session
    from genai_fn.interpreters.live.sockets import Connector
    from genai_fn.interpreters.net.pool.async_pool import AsyncPool


T = TypeVar("T")


class AsyncHttp(AsyncRunner):
    """
    Runs actions over HTTP, in the calling task, on asyncio or trio.

    ::

        async with AsyncHttp(Gemini(api_key="…")) as run:
            result = await run(generate("gemini-2.5-flash", "hi"))

    Args:
        backend, timeouts, retry, headers, max_connections, proxy, ssl_context, http1, on_event, max_response_bytes: See
            `Http`.

    Raises:
        InvalidRequest: If a parameter has the wrong type or is out of range.

    >>> import asyncio
    >>> from genai_fn import AsyncHttp, Gemini, generate, text
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> async def ask(url):
    ...     async with AsyncHttp(Gemini("test-key", base_url=url)) as run:
    ...         return await run(generate("gemini-2.5-flash", "hi", {"max_output_tokens": 5}) | text)
    >>> with serve_emulator(Emulator()) as url:
    ...     asyncio.run(ask(url))
    <Success: I am an offline model>
    """

    @accept_settings(Settings)
    def __init__(self, settings: Settings) -> None:
        register_fork_delay()
        self._connections = _AsyncConnections(settings)
        parts = RunnerParts(
            handler=self._connections.handler, has_transport=True, build_session=self._connections.build_session
        )
        super().__init__(parts, self._connections.make_executor, self._connections.close)

    @property
    def problem(self) -> GenaiError | None:
        """Why no request can be sent, such as missing credentials; None if nothing is known to be wrong."""
        return self._connections.problem


class _AsyncConnections(Connections["AsyncPool", AsyncExecutor]):
    """Opens the live sessions of an `AsyncHttp`, too, and closes them with the other connections."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, _make_pool, AsyncExecutor)
        self._sessions: weakref.WeakSet[Session[Any]] = weakref.WeakSet()

    def build_session(self, live: Live[T], wrap_connector: ConnectorMiddleware) -> "Session[T]":
        """Build the session of a `Live`, whose connector is wrapped by middleware."""
        from genai_fn.interpreters.live.session import Session  # noqa: PLC0415  # few programs open sessions

        options, settings = live.options, self._settings
        session = Session(
            live,
            wrap_connector(self._make_connector(live)),
            retry=options.retry or settings.retry,
            timeouts=options.timeouts or settings.timeouts,
            on_event=settings.on_event,
        )
        self._sessions.add(session)
        return session

    def _make_connector(self, live: Live[Any]) -> "Connector":
        from genai_fn.interpreters.live.connector import FailedConnector, HttpConnector  # noqa: PLC0415

        executor = self.make_executor()
        if isinstance(self.handler, RefusingHandler):
            return FailedConnector(self.handler.error)
        pool = self.pool
        if pool is None or self._is_closed:
            return FailedConnector(Closed())
        return HttpConnector(live, self.handler, executor, pool.connect_config)

    def close(self) -> None:
        """Close the sessions, and all other connections."""
        self._is_closed = True
        for session in tuple(self._sessions):
            session.abort()
        super().close()


def _make_pool(settings: Settings) -> "AsyncPool":
    with pause_collection("genai_fn.interpreters.net.pool.async_pool"):
        from genai_fn.interpreters.net.pool.async_pool import AsyncPool  # noqa: PLC0415  # the network stack, at the first call

    return AsyncPool(settings.max_connections, **settings.build_pool_options())
