"""The sync interpreter: runs actions over HTTP in the calling thread, and is safe to share between threads."""

from typing import TYPE_CHECKING, TypeVar

from genai_fn.engine.handler import HttpHandler, RefusingHandler, RequestHandler
from genai_fn.errors import GenaiError
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.interpreters.executors.run_registry import RunRegistry
from genai_fn.interpreters.executors.sync_executor import SyncExecutor, SyncTransport
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.settings import Settings, accept_settings
from genai_fn.interpreters.sync_runner import SyncRunner
from genai_fn.lazy_names import pause_collection

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_caches import TokenCaches


T = TypeVar("T")


class Http(SyncRunner):
    """
    Runs actions over HTTP, in the calling thread. Threads may share one.

    Without credentials in the environment each call is ``Failure(AuthError)``; see `problem`.

    Args:
        backend: The API to call and its credentials: ``Gemini(…)`` or ``Vertex(…)``; None reads the environment, now.

        timeouts: Time limits of requests that have none of their own.

        retry: Retry policy of requests that have none of their own.

        headers: HTTP headers that all requests send.

        max_connections: The maximum of requests in flight; further calls wait in order.

        proxy: ``http://…`` or, with the extra ``socks``, ``socks5://…``; an empty string connects directly, None reads
            ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``.

        ssl_context: The TLS settings; None trusts the certificates of the system.

        http1: The implementation of HTTP/1.1: ``"httptools"`` (with the extra ``fast``), ``"httpcore"``,
            ``"httpcore2"`` (with that extra), or one of these modules; ``"auto"`` is httptools where it is installed,
            and httpcore elsewhere.

        on_event: A function that is called with each event of ``genai_fn.events``.

        max_response_bytes: The maximum size of a decompressed response, and of one event of a stream.

    Raises:
        InvalidRequest: If a parameter has the wrong type or is out of range.

    >>> from genai_fn import Gemini, Http, Retry, generate
    >>> with Http(Gemini(api_key="k", base_url="http://127.0.0.1:1"), retry=Retry(attempts=1)) as run:
    ...     run(generate("gemini-2.5-flash", "hi"))
    <Failure: connecting to 127.0.0.1:1: Connection refused>
    """

    @accept_settings(Settings)
    def __init__(self, settings: Settings) -> None:
        handler = settings.build_handler()
        self._connections = _Connections(settings, handler)
        super().__init__(
            RunnerParts(handler=handler, has_transport=True), self._connections.make_executor, self._connections.close
        )

    @property
    def problem(self) -> GenaiError | None:
        """Why no request can be sent, such as missing credentials; None if nothing is known to be wrong."""
        return self._connections.problem


class _Connections:
    """
    The connections of an `Http`, opened at the first call, so that constructing one loads no network stack.

    It takes no lock: a signal handler or another thread may close it at any point, and a fork copies no locked lock.
    """

    def __init__(self, settings: Settings, handler: RequestHandler) -> None:
        register_fork_delay(with_logging=settings.loads_logging)
        self._settings = settings
        self._handler = handler
        self._opened: SetOnce[_OpenedConnections] = SetOnce()
        self._runs = RunRegistry[SyncExecutor]()
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._handler.error if isinstance(self._handler, RefusingHandler) else None

    @property
    def pool(self) -> "SyncTransport | None":
        """The connection pool, once it is open."""
        opened = self._opened.get()
        return None if opened is None else opened.pool

    def make_executor(self) -> SyncExecutor:
        opened = self._opened.get()
        if opened is None and isinstance(self._handler, HttpHandler):
            opened = self._opened.set(self._open(self._handler))
            if self._is_closed:
                opened.close()
        pool, token_caches = (None, None) if opened is None else (opened.pool, opened.token_caches)
        executor = SyncExecutor(pool, token_caches, self._settings.on_event)
        self._runs.add(executor)
        return executor

    def _open(self, handler: HttpHandler) -> "_OpenedConnections":
        with delay_forks, pause_collection("genai_fn.interpreters.net.pool.sync_pool"):
            from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, at the first call

            pool = SyncPool(self._settings.max_connections, **self._settings.build_pool_options())
            pool.load_transport()
            return _OpenedConnections(pool, self._settings.build_token_caches(handler))

    def close(self) -> None:
        self._is_closed = True
        opened = self._opened.get()
        if opened is not None:
            opened.close()
        for executor in self._runs.list_running():
            executor.end()


class _OpenedConnections:
    """The connection pool, and the token caches of the backends."""

    def __init__(self, pool: SyncTransport, token_caches: "TokenCaches") -> None:
        self.pool = pool
        self.token_caches = token_caches

    def close(self) -> None:
        self.pool.close()
        self.token_caches.close()
