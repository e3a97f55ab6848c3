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
from genai_fn.errors import Closed, GenaiError
from genai_fn.events import Event
from genai_fn.exchange import Exchange
from genai_fn.interpret.exchanges import Between, placed
from genai_fn.interpret.settings import Settings, a_stream, an_action
from genai_fn.interpret.sync_world import Opens, SyncWorld
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Action, Stream
from genai_fn.steps import program

if TYPE_CHECKING:
    import ssl  # loaded with the network stack, at the first call

    from genai_fn.interpret.tokens import Tokens

__all__ = ["Http", "Items"]

T = TypeVar("T")


class Http:
    """
    Runs actions over HTTP, in the calling thread.

    >>> from genai_fn import Gemini, Http, Retry, generate
    >>> with Http(Gemini(api_key="k", base_url="http://127.0.0.1:1"), retry=Retry(tries=1)) as run:
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
        lanes: int = 64,
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
            lanes=lanes,
            proxy=proxy,
            ssl_context=ssl_context,
            transport=transport,
            on_event=on_event,
            max_response_bytes=max_response_bytes,
        )
        self._exchange = self._settings.exchange()
        self._connections = _Connections(self._settings, self._exchange)

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end; nothing that the network or the server does is raised."""
        an_action(action)
        if isinstance(self._exchange, Failure):
            return self._exchange
        return self._connections.world().run(program(action, self._exchange.unwrap()))

    def stream(self, stream: Stream[T]) -> "Items[T]":
        """Read a stream: ``with run.stream(…) as items: for item in items: …``."""
        a_stream(stream)
        return Items(stream, self._exchange, self._connections.world())

    def through(self, between: Between) -> Self:
        """
        Make one that asks by way of something put between: a function from exchange to exchange.

        What is open is open for both, and closed for both.
        """
        twin = copy.copy(self)
        twin._exchange = placed(self._exchange, between)  # noqa: SLF001  # one of its own kind
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

    def __init__(self, settings: Settings, exchange: Result[Exchange, GenaiError]) -> None:
        self._settings = settings
        self._exchange = exchange
        self._lock = threading.RLock()  # a signal handler may close what its thread is just making
        self._lanes: Opens | None = None
        self._tokens: Tokens | None = None
        self._is_closed = False

    @property
    def problem(self) -> GenaiError | None:
        return self._exchange.failure() if isinstance(self._exchange, Failure) else None

    def world(self) -> "SyncWorld":
        with self._lock:
            if self._lanes is None:
                self._make()
        return SyncWorld(self._lanes, self._tokens, self._settings.on_event)

    def _make(self) -> None:
        from genai_fn.interpret.lanes import Lanes  # noqa: PLC0415  # the network stack, at the first call

        self._lanes = Lanes(self._settings.lanes, **self._settings.lane_settings())
        if not isinstance(self._exchange, Failure):
            self._tokens = self._settings.tokens(self._exchange.unwrap())
        if self._is_closed:
            self._shut()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._shut()

    def _shut(self) -> None:
        if self._lanes is not None:
            self._lanes.close()
        if self._tokens is not None:
            self._tokens.close()


class Items(Generic[T]):
    """The items of a stream as they come, each a ``Result``; closes itself at the end, or when the block is left."""

    def __init__(self, stream: Stream[T], exchange: Result[Exchange, GenaiError], world: SyncWorld) -> None:
        self._failed: Result[Any, GenaiError] | None = exchange if isinstance(exchange, Failure) else None
        self._effects: Effects[Any] | None = (
            None if isinstance(exchange, Failure) else program(stream, exchange.unwrap())
        )
        self._world = world
        self._reader: int | None = None

    def __iter__(self) -> Iterator[Result[T, GenaiError]]:
        return self

    def __next__(self) -> Result[T, GenaiError]:
        if self._failed is not None:
            failed, self._failed = self._failed, None
            return failed
        if self._effects is None or self._world.is_closed:
            self.close()
            raise StopIteration
        if self._reader is not None:
            raise RuntimeError("the stream is being read already, by another thread or by what it calls")
        self._reader, is_over = threading.get_ident(), True
        interrupted: Result[Any, GenaiError] | None = None
        try:
            item = self._item(self._effects)
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
                self._failed = interrupted

    def _item(self, effects: Effects[Any]) -> Result[T, GenaiError]:
        effect = next(effects)
        while type(effect) is not Emit:
            raised: Exception | None = None
            answer: Any = None
            try:
                answer = self._world.perform(effect)
            except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may want to know
                raised = error
            effect = effects.send(answer) if raised is None else effects.throw(raised)
        return effect.item  # type: ignore[no-any-return]  # a stream emits results

    def close(self) -> None:
        """Close the socket at once, from any thread; one that is reading is given ``Failure(Closed)``, then the end."""
        self._failed = None
        self._world.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:  # of an interrupt, too
            self._world.rest()


_READ_INTERRUPTED: Failure[Any] = Failure(Closed("the stream ended as a read of it was interrupted"))
