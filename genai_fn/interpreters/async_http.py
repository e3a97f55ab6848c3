"""The async interpreter, for asyncio and trio: runs actions over HTTP in the calling task."""

import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from genai_fn.engine.handler import HttpHandler, RefusingHandler, RequestHandler
from genai_fn.errors import Closed, GenaiError
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.interpreters.async_runner import AsyncRunner
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.run_registry import RunRegistry
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.settings import Settings, accept_settings
from genai_fn.lazy_names import pause_collection
from genai_fn.request import Live

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_caches import TokenCaches
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
        handler = settings.build_handler()
        self._connections = _Connections(settings, handler)
        parts = RunnerParts(handler=handler, has_transport=True, build_session=self._connections.build_session)
        super().__init__(parts, self._connections.make_executor, self._connections.aclose)

    @property
    def problem(self) -> GenaiError | None:
        """Why no request can be sent, such as missing credentials; None if nothing is known to be wrong."""
        return self._connections.problem


class _Connections:
    """
    The connections of an `AsyncHttp`, opened at the first call, so that constructing one loads no network stack.

    It has no lock of its own, which a fork could copy while it is held. Another thread may close it at any point.
    """

    def __init__(self, settings: Settings, handler: RequestHandler) -> None:
        register_fork_delay()
        self._settings = settings
        self._handler = handler
        self._opened: SetOnce[tuple[AsyncPool, TokenCaches]] = SetOnce()
        self._sessions: weakref.WeakSet[Session[Any]] = weakref.WeakSet()
        self._runs = RunRegistry[AsyncExecutor]()
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._handler.error if isinstance(self._handler, RefusingHandler) else None

    @property
    def pool(self) -> "AsyncPool | None":
        """The connection pool, once it is open."""
        opened = self._opened.get()
        return None if opened is None else opened[0]

    def make_executor(self) -> AsyncExecutor:
        opened = self._opened.get()
        if opened is None and isinstance(self._handler, HttpHandler) and not self._is_closed:
            opened = self._opened.set(self._open(self._handler))
        if self._is_closed:  # maybe while the pool was opened, so that `aclose` has not found it
            opened = None
        pool, token_caches = opened or (None, None)
        executor = AsyncExecutor(pool, token_caches, self._settings.on_event)
        self._runs.add(executor)
        return executor

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
        if isinstance(self._handler, RefusingHandler):
            return FailedConnector(self._handler.error)
        pool = self.pool
        if pool is None or self._is_closed or not isinstance(self._handler, HttpHandler):
            return FailedConnector(Closed())
        return HttpConnector(live, self._handler, executor, pool.connect_config)

    def _open(self, handler: HttpHandler) -> "tuple[AsyncPool, TokenCaches]":
        with delay_forks, pause_collection("genai_fn.interpreters.net.pool.async_pool"):
            from genai_fn.interpreters.net.pool.async_pool import AsyncPool  # noqa: PLC0415  # the network stack, at the first call

            pool = AsyncPool(self._settings.max_connections, **self._settings.build_pool_options())
            pool.load_transport()
            return pool, self._settings.build_token_caches(handler)

    async def aclose(self) -> None:
        self._is_closed = True
        for session in tuple(self._sessions):
            session.abort()
        pool, token_caches = self._opened.get() or (None, None)
        if token_caches is not None:
            token_caches.close()
        if pool is not None:
            await pool.aclose()
        for executor in self._runs.list_running():
            executor.end()
