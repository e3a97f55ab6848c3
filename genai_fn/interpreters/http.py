"""The sync interpreter: runs actions over HTTP in the calling thread, and is safe to share between threads."""

import copy
import threading
from collections.abc import Callable, Iterator
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from returns.result import Failure, Result

from genai_fn.backend import Backend, HeadersLike
from genai_fn.effects import (
    Effects,
    Emit,
)
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import Closed, GenaiError
from genai_fn.events import Event
from genai_fn.interpreters.executors.sync_executor import SyncExecutor, SyncTransport
from genai_fn.interpreters.middleware import Middleware, apply_middleware_to_result
from genai_fn.interpreters.settings import Settings, check_action, check_stream
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Stream

if TYPE_CHECKING:
    import ssl  # loaded with the network stack, at the first call

    from genai_fn.interpreters.auth.token_cache import TokenCache

__all__ = ["Http", "Items"]

T = TypeVar("T")


class Http:
    """
    Runs actions over HTTP, in the calling thread.

    >>> from genai_fn import Gemini, Http, Retry, generate
    >>> with Http(Gemini(api_key="k", base_url="http://127.0.0.1:1"), retry=Retry(attempts=1)) as run:
    ...     run(generate("gemini-2.5-flash", "hi"))
    <Failure: connecting to 127.0.0.1:1: Connection refused>

    Args:
        backend: Where to and as whom; None reads the environment, now.

        lanes: How many exchanges may be under way at once; more callers wait in order.

        proxy: ``http://…`` or, with the extra ``socks``, ``socks5://…``; None reads ``HTTPS_PROXY``, ``ALL_PROXY`` and
            ``NO_PROXY``.

        transport: The module httpcore, or httpcore2; never closed by us.

        on_event: Told of every exchange; see ``genai_fn.events``.

        max_response_bytes: The most that an answer may inflate to, and an event of a stream may hold.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        retry: Retry = Retry(),  # noqa: B008  # frozen
        headers: HeadersLike = (),
        max_connections: int = 64,
        proxy: str | None = None,
        ssl_context: "ssl.SSLContext | None" = None,
        transport: ModuleType | None = None,
        on_event: Callable[[Event], object] | None = None,
        max_response_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._settings = Settings(
            backend=backend,
            timeouts=timeouts,
            retry=retry,
            headers=headers,
            max_connections=max_connections,
            proxy=proxy,
            ssl_context=ssl_context,
            transport=transport,
            on_event=on_event,
            max_response_bytes=max_response_bytes,
        )
        self._handler = self._settings.build_handler()
        self._connections = _Connections(self._settings, self._handler)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end; nothing that the network or the server does is raised."""
        check_action(action)
        if isinstance(self._handler, Failure):
            return self._handler
        return self._connections.executor().run(build_program(action, self._handler.unwrap()))

    def stream(self, stream: Stream[T]) -> "Items[T]":
        """Read a stream: ``with run.stream(…) as items: for item in items: …``."""
        check_stream(stream)
        return Items(stream, self._handler, self._connections.executor())

    def with_middleware(self, middleware: Middleware) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._handler = apply_middleware_to_result(self._handler, middleware)  # noqa: SLF001  # one of its own kind
        return twin

    @property
    def problem(self) -> GenaiError | None:
        """Why the environment names no backend, if it does not."""
        return self._connections.problem

    def close(self) -> None:
        """Close all connections; a call after that is ``Failure(Closed)``."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Connections:
    """What an `Http` holds open: made at the first call, so that making an `Http` loads no network stack."""

    def __init__(self, settings: Settings, exchange: Result[RequestHandler, GenaiError]) -> None:
        self._settings = settings
        self._handler = exchange
        self._lock = threading.RLock()  # a signal handler may close what its thread is just making
        self._pool: SyncTransport | None = None
        self._token_cache: TokenCache | None = None
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._handler.failure() if isinstance(self._handler, Failure) else None

    def executor(self) -> "SyncExecutor":
        with self._lock:
            if self._pool is None:
                self._open_pool()
        return SyncExecutor(self._pool, self._token_cache, self._settings.on_event)

    def _open_pool(self) -> None:
        from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, at the first call

        self._pool = SyncPool(self._settings.max_connections, **self._settings.build_pool_options())
        if not isinstance(self._handler, Failure):
            self._token_cache = self._settings.build_token_cache(self._handler.unwrap())
        if self._is_closed:
            self._close_all()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._close_all()

    def _close_all(self) -> None:
        if self._pool is not None:
            self._pool.close()
        if self._token_cache is not None:
            self._token_cache.close()


class Items(Generic[T]):
    """The items of a stream as they come, each a ``Result``; closes itself at the end, or when the block is left."""

    def __init__(self, stream: Stream[T], exchange: Result[RequestHandler, GenaiError], world: SyncExecutor) -> None:
        self._pending_failure: Result[Any, GenaiError] | None = exchange if isinstance(exchange, Failure) else None
        self._effects: Effects[Any] | None = (
            None if isinstance(exchange, Failure) else build_program(stream, exchange.unwrap())
        )
        self._executor = world
        self._reader: int | None = None

    def __iter__(self) -> Iterator[Result[T, GenaiError]]:
        return self

    def __next__(self) -> Result[T, GenaiError]:
        if self._pending_failure is not None:
            failed, self._pending_failure = self._pending_failure, None
            return failed
        if self._effects is None or self._executor.is_closed:
            self.close()
            raise StopIteration
        if self._reader is not None:
            raise RuntimeError("the stream is being read already, by another thread or by what it calls")
        self._reader, is_over = threading.get_ident(), True
        interrupted: Result[Any, GenaiError] | None = None
        try:
            item = self._read_item(self._effects)
            is_over = False
            return item
        except BaseException as error:
            if not isinstance(error, Exception):
                interrupted = _READ_INTERRUPTED
            raise
        finally:
            self._reader = None
            if is_over:
                self._effects = None
                self.close()
                self._pending_failure = interrupted

    def _read_item(self, effects: Effects[Any]) -> Result[T, GenaiError]:
        effect = next(effects)
        while type(effect) is not Emit:
            raised: Exception | None = None
            answer: Any = None
            try:
                answer = self._executor.perform(effect)
            except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
                raised = error
            effect = effects.send(answer) if raised is None else effects.throw(raised)
        return effect.item  # type: ignore[no-any-return]  # a stream emits results

    def close(self) -> None:
        """Close the socket at once, from any thread; one that is reading is given ``Failure(Closed)``, then the end."""
        self._pending_failure = None
        self._executor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:  # of an interrupt, too
            self._executor.close_and_join()


_READ_INTERRUPTED: Failure[Any] = Failure(Closed("the stream ended as a read of it was interrupted"))
