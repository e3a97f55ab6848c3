"""The connections of an `Http` or an `AsyncHttp`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from genai_fn.engine.handler import HttpHandler, RefusingHandler
from genai_fn.errors import GenaiError
from genai_fn.forks import delay_forks
from genai_fn.interpreters.executors.run_registry import RunRegistry
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.interpreters.settings import Settings

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_caches import TokenCaches
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor
    from genai_fn.interpreters.executors.sync_executor import SyncExecutor
    from genai_fn.interpreters.net.pool.base import BasePool


P = TypeVar("P", bound="BasePool")
E = TypeVar("E", bound="SyncExecutor | AsyncExecutor")


class Connections(Generic[P, E]):
    """
    The connections of an interpreter, opened at the first call, so that constructing one loads no network stack.

    It takes no lock: a signal handler or another thread may close it at any point, and a fork copies no locked lock.

    Args:
        settings: The parameters of the interpreter.

        make_pool: Imports the connection pool, and makes one.

        make_executor: Makes the executor of one run from the pool, the token caches and the listener to events; the
            first two are None if no request can be sent.
    """

    def __init__(
        self,
        settings: Settings,
        make_pool: Callable[[Settings], P],
        make_executor: Callable[[P | None, "TokenCaches | None", Any], E],
    ) -> None:
        self.handler = settings.build_handler()
        """The request handler; it refuses all requests if there is no backend."""
        self._settings = settings
        self._make_pool = make_pool
        self._make_executor = make_executor
        self._opened: SetOnce[tuple[P, TokenCaches]] = SetOnce()
        self._runs = RunRegistry[E]()
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        """The error with which the handler refuses all requests."""
        return self.handler.error if isinstance(self.handler, RefusingHandler) else None

    @property
    def pool(self) -> P | None:
        """The connection pool, once it is open."""
        opened = self._opened.get()
        return None if opened is None else opened[0]

    def make_executor(self) -> E:
        """Make the executor of one run; it sends no request if this is closed."""
        opened = self._opened.get()
        if opened is None and isinstance(self.handler, HttpHandler) and not self._is_closed:
            opened = self._opened.set(self._open(self.handler))
        if self._is_closed:  # maybe while the pool was opened, so that `close` has not found it
            opened = None
        pool, token_caches = opened or (None, None)
        executor = self._make_executor(pool, token_caches, self._settings.on_event)
        self._runs.add(executor)
        return executor

    def _open(self, handler: HttpHandler) -> "tuple[P, TokenCaches]":
        with delay_forks:
            pool = self._make_pool(self._settings)
            pool.load_transport()
            return pool, self._settings.build_token_caches(handler)

    def close(self) -> None:
        """Close all connections and end the runs in flight, from any thread, task or signal handler."""
        self._is_closed = True
        opened = self._opened.get()
        if opened is not None:
            pool, token_caches = opened
            pool.close()
            token_caches.close()
        self._runs.end_all()
