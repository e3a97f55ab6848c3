"""The sync interpreter: runs actions over HTTP in the calling thread, and is safe to share between threads."""

from typing import TYPE_CHECKING

from genai_fn.errors import GenaiError
from genai_fn.forks import register_fork_delay
from genai_fn.interpreters.connections import Connections
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.interpreters.settings import Settings, accept_settings
from genai_fn.interpreters.sync_runner import SyncRunner
from genai_fn.lazy_names import pause_collection

if TYPE_CHECKING:
    from genai_fn.interpreters.net.pool.sync_pool import SyncPool


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
        register_fork_delay(with_logging=settings.loads_logging)
        self._connections = Connections(settings, _make_pool, SyncExecutor)
        parts = RunnerParts(handler=self._connections.handler, has_transport=True)
        super().__init__(parts, self._connections.make_executor, self._connections.close)

    @property
    def problem(self) -> GenaiError | None:
        """Why no request can be sent, such as missing credentials; None if nothing is known to be wrong."""
        return self._connections.problem


def _make_pool(settings: Settings) -> "SyncPool":
    with pause_collection("genai_fn.interpreters.net.pool.sync_pool"):
        from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, at the first call

    return SyncPool(settings.max_connections, **settings.build_pool_options())
