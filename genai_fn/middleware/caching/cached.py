"""`cached`: answers equal requests from a store, and sends one of those that are in flight at the same time."""

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from math import inf
from typing import Any, TypeVar, cast

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import CallFunction, Effects, FlowFailed, GetTime, Notify
from genai_fn.engine.handler import HttpHandler, iter_layers
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.events import CacheHit
from genai_fn.interpreters.middleware import HandlerWrapper, RequestHandler
from genai_fn.middleware.caching.keys import CacheKey, KeyBuilder
from genai_fn.middleware.caching.single_flight import Flights, Ticket
from genai_fn.middleware.caching.stored_answers import decode_answer, encode_answer, is_lasting
from genai_fn.middleware.caching.stores import CacheStore, MemoryStore, may_block
from genai_fn.middleware.deadlines import compute_request_deadline
from genai_fn.middleware.operation_names import EMBED, TOKENS
from genai_fn.ops.generate import GenerateContent
from genai_fn.options import check_positive
from genai_fn.request import Request
from genai_fn.schema.tools import Tool
from genai_fn.values import Value

T = TypeVar("T")


def cached(
    store: CacheStore | None = None,
    *,
    ttl: float | None = None,
    operations: Iterable[str] | Callable[[Request[Any]], bool] | None = None,
) -> "Cached":
    """
    Return middleware that answers equal requests from a store.

    Requests are equal if the API would receive the same from them, whatever their credentials. Of equal requests in
    flight at the same time, one is sent, and the others get its result. Each request of a flow is cached by itself.
    Stored are the values of successful requests and the items of streams that were read to their end. Never stored are
    failures, answers that a filter has stopped, uploads, downloads, and operations that create, change or delete.

    Args:
        store: Where answers are stored: a `MemoryStore`, which None makes, an `SQLiteStore`, or one of your own.

        ttl: The seconds after which a stored answer expires; None never.

        operations: Which requests are cached: the names of their operations, such as ``["generate", "embed"]``, or a
            function from a request to whether it is. ``"generate"`` includes its streams. None is `is_deterministic`.

    Raises:
        InvalidRequest: If `ttl` is not a number above zero, the store lacks a method, or `operations` is neither names
            nor a function.

    >>> from genai_fn import Offline, generate, text
    >>> run = Offline().with_middleware(cached(ttl=3600))
    >>> question = generate("gemini-2.5-flash", "Why is the sky blue?", {"temperature": 0}) | text
    >>> run(question) == run(question)  # the second one sends nothing
    True
    """
    store = MemoryStore() if store is None else store
    if isinstance(store, type):
        raise InvalidRequest("store", store, f"a store, such as {store.__name__}(…)")
    for name in ("get", "put", "delete"):
        if not callable(getattr(store, name, None)):  # its type is shown, as the URL of a database has a password
            expected = f"a store with the methods get, put and delete; {name} is missing"
            raise InvalidRequest("store", type(store), expected)
    if ttl is not None:
        check_positive("ttl", ttl)
    return Cached(store, ttl, _as_predicate(operations))


def is_deterministic(request: Request[Any]) -> bool:
    """
    Return whether an equal request would get the same answer.

    It is so for ``embed``, ``tokens.count`` and ``tokens.compute``, and for ``generate`` with ``temperature=0``,
    without an ``extra_body``, which may change that, and without tools that look something up, such as Google Search.

    >>> from genai_fn import generate
    >>> is_deterministic(generate("m", "hi", {"temperature": 0})), is_deterministic(generate("m", "hi"))
    (True, False)
    """
    operation = request.operation
    if request.options.extra_body is not None:
        return False
    if not isinstance(operation, GenerateContent):
        return _matches(request, (*EMBED, *TOKENS))
    return operation.config.temperature == 0 and all(map(_only_declares, operation.config.tools or ()))


def _only_declares(tool: Any) -> bool:
    if not isinstance(tool, Tool):
        return False
    return all(getattr(tool, name) is None for name in tool.__struct_fields__ if name != "function_declarations")


def _matches(request: Request[Any], names: tuple[str, ...]) -> bool:
    """Whether the operation of a request has one of some names, or is derived from one that has."""
    return any(getattr(each, "op", None) in names for each in type(request.operation).__mro__)


class _HasName(Value):
    """A predicate: whether the operation of a request has one of some names."""

    names: tuple[str, ...]

    def __call__(self, request: Request[Any]) -> bool:
        return _matches(request, self.names)


def _as_predicate(operations: Any) -> Callable[[Request[Any]], bool]:
    if operations is None:
        return is_deterministic
    if callable(operations):
        return cast("Callable[[Request[Any]], bool]", operations)
    is_listed = isinstance(operations, Iterable) and not isinstance(operations, str)
    names: tuple[Any, ...] = tuple(cast("Iterable[Any]", operations)) if is_listed else (None,)
    if not all(isinstance(each, str) for each in names):
        raise InvalidRequest("operations", operations, "names of operations, or a function of a request")
    return _HasName(names)


class Cached:
    """
    The middleware that `cached` returns. Interpreters that share one share its answers and what is in flight.

    >>> from genai_fn import Gemini, Offline, generate
    >>> from genai_fn.middleware import cached
    >>> shared = cached()
    >>> question = generate("gemini-2.5-flash", "Why is the sky blue?", {"temperature": 0})
    >>> run, another_run = (Offline(Gemini(key)).with_middleware(shared) for key in ("a-key", "another-key"))
    >>> run(question) == another_run(question)  # the second one sends nothing
    True
    """

    def __init__(self, store: CacheStore, ttl: float | None, is_cached: Callable[[Request[Any]], bool]) -> None:
        self.store = store
        self.ttl = ttl
        self.is_cached = is_cached
        self.flights: Flights[Any] = Flights()

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        """Wrap a request handler, unless it is wrapped already: a request would wait for itself."""
        if any(isinstance(each, _CachingHandler) and each.cache is self for each in iter_layers(handler)):
            return handler
        return _CachingHandler(handler, self)

    def __repr__(self) -> str:
        return f"cached({self.store!r}, ttl={self.ttl}, operations={self.is_cached!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Cached, (self.store, self.ttl, self.is_cached)


class _CachedItems:
    """A stream whose items are in the store."""

    def __init__(self, items: tuple[Any, ...]) -> None:
        self.items = items


class _RecordedItems:
    """A stream of the inner handler, with its items so far, which are stored at its end."""

    def __init__(self, handle: Any, key: CacheKey, request: Request[Any], until: float) -> None:
        self.handle = handle
        self.key = key
        self.request = request
        self.until = until
        self.items: list[Any] | None = []


class _CachingHandler(HandlerWrapper):
    def __init__(self, inner: RequestHandler, cache: Cached) -> None:
        super().__init__(inner)
        self.cache = cache
        self._keys = KeyBuilder(inner)
        self._timeouts = next((each.timeouts for each in iter_layers(inner) if isinstance(each, HttpHandler)), None)

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Return the stored answer to a request, or send it, unless an equal one is in flight."""
        key = yield from self._find_key(request, until)
        if key is None:
            return (yield from self.inner.handle(request, until))
        until = yield from compute_request_deadline(request, until)
        found = yield from self._read(key, request, until)
        if found is not None:
            return Success(found[0])
        return (yield from self._share_flight(key, request, until))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open the stored stream of a request, or a stream that is stored when it is read to its end."""
        key = yield from self._find_key(request, until)
        if key is None:
            return (yield from self.inner.open_stream(request, until))
        until = yield from compute_request_deadline(request, until)
        found = yield from self._read(key, request, until)
        if found is not None:
            return Success(_CachedItems(found))
        opened: Result[Any, GenaiError] = yield from self.inner.open_stream(request, until)
        return opened.map(lambda handle: _RecordedItems(handle, key, request, until))

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream."""
        if isinstance(handle, _CachedItems):
            items, handle.items = handle.items, ()
            return tuple(map(Success, items))
        if not isinstance(handle, _RecordedItems):
            return (yield from self.inner.read_items(handle))
        results: tuple[Result[Any, GenaiError], ...] = yield from self.inner.read_items(handle.handle)
        recorded = handle.items
        if recorded is None:
            return results
        if any(isinstance(each, Failure) for each in results):
            handle.items = None
        elif results:
            recorded += [each.unwrap() for each in results]
        else:
            handle.items = None
            yield from self._write(handle.key, handle.request, recorded, handle.until)
        return results

    def _find_key(self, request: Request[Any], until: float) -> Effects[CacheKey | None]:
        """Return the key of a request that may be cached."""
        operation = request.operation
        if not operation.repeatable or operation.is_lookup or not self.cache.is_cached(request):
            return None
        return (yield from self._keys.build(request, until))

    def _share_flight(self, key: CacheKey, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Send a request as the leader of its flight, or wait for the result of the leader."""
        ticket = Ticket[T](_Terms(self.inner, request))
        timeouts = request.options.timeouts or self._timeouts  # it waits as long as the request itself might take
        seconds = min(until - (yield GetTime()), inf if timeouts is None else timeouts.total)
        leading = self._lead(key, request, until, ticket)
        result = yield from self.cache.flights.run(key.digest, ticket, seconds, leading)
        if isinstance(result, Success) and ticket.shared_result is not None:
            yield Notify(CacheHit(key.http, was_in_flight=True))
        return result

    def _lead(
        self, key: CacheKey, request: Request[T], until: float, ticket: Ticket[T]
    ) -> Effects[Result[T, GenaiError]]:
        found = yield from self._read(key, request, until)  # another leader may have stored it since the first look
        result: Result[T, GenaiError] = (
            (yield from self.inner.handle(request, until)) if found is None else Success(found[0])
        )
        ticket.set_result(result)
        if found is None and isinstance(result, Success):
            yield from self._write(key, request, (result.unwrap(),), until)
        return result

    def _read(self, key: CacheKey, request: Request[Any], until: float) -> Effects[tuple[Any, ...] | None]:
        """Return the stored values of a request; None if there are none, or the store fails."""
        stored = yield from self._call_store(until, self.cache.store.get, key.digest)
        found = None if stored is None else decode_answer(request.operation, stored)
        if found is None:
            if stored is not None:
                yield from self._call_store(until, self.cache.store.delete, key.digest)
            return None
        yield Notify(CacheHit(key.http))
        if not may_block(self.cache.store):
            yield CallFunction(_yield_once)
        return found

    def _write(self, key: CacheKey, request: Request[Any], items: Any, until: float) -> Effects[None]:
        """Store the values of a request, if a later one would get the same; a store that fails stores nothing."""
        stored = encode_answer(request.operation, items) if is_lasting(items) else None
        if stored is not None:
            yield from self._call_store(until, self.cache.store.put, key.digest, stored, self.cache.ttl)

    def _call_store(self, until: float, method: Callable[..., Any], *args: Any) -> Effects[Any]:
        """Call a method of the store; returns None, with a warning, if it fails or takes longer than the deadline."""
        timeout = inf if until == inf else max(0.0, until - (yield GetTime()))
        try:
            return (yield CallFunction(method, args, in_thread=may_block(self.cache.store), timeout=timeout))
        except FlowFailed as end:
            if not isinstance(end.error, TimedOut):  # the interpreter was closed, or an async store needs an async one
                raise
            error: Exception = end.error
        except Exception as raised:  # noqa: BLE001  # of any database: the request can still be sent
            error = raised
        warnings.warn(f"cached(…) goes on without its store: {error!r}", RuntimeWarning, stacklevel=2)
        return None


class _Terms:
    """What a failure depends on beside the key of its request: the interpreter, its credentials, and the options."""

    def __init__(self, handler: RequestHandler, request: Request[Any]) -> None:
        self._handler = handler
        self._has_fallback = request.options.is_final is not None
        self._options = replace(request.options, is_final=None)  # a fallback makes another one for each request

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Terms) or other._handler is not self._handler:
            return False
        return (other._has_fallback, other._options) == (self._has_fallback, self._options)

    __hash__ = None  # type: ignore[assignment]  # compared only


def _yield_once() -> Future[None]:
    """Return a completed future: async executors let other tasks run, and see a cancellation, when they wait for it."""
    future: Future[None] = Future()
    future.set_result(None)
    return future
