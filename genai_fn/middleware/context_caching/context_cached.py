"""`context_cached`: what requests have in common at their beginning becomes a cached content of the API."""

import weakref
from functools import partial
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import attempt
from genai_fn.effects import Effects, GetTime
from genai_fn.engine.handler import RequestRunner, iter_layers
from genai_fn.errors import ClientError, DecodeError, GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper, RequestHandler
from genai_fn.middleware.caching.single_flight import Flights, Ticket
from genai_fn.middleware.context_caching.known_caches import KnownCache, KnownCaches
from genai_fn.middleware.context_caching.prefixes import (
    Prefix,
    build_create_request,
    format_seconds,
    list_prefixes,
    replace_prefix,
)
from genai_fn.middleware.deadlines import compute_request_deadline
from genai_fn.ops.caches import DeleteCache, delete, update
from genai_fn.ops.generate import GenerateContent
from genai_fn.options import Options, check_at_least_one, check_positive
from genai_fn.request import Flow, FlowGenerator, Request, flow

if TYPE_CHECKING:
    from genai_fn.schema.caches import CachedContent

T = TypeVar("T")


def context_cached(*, min_tokens: int = 4096, ttl: float = 300.0, min_uses: int = 2) -> "ContextCached":
    """
    Return middleware that caches what requests have in common at their beginning, in explicit caches of the API.

    The system instruction, the tools and the first contents of a request to ``generate`` are replaced by the name of a
    cache, whose tokens cost less. The cache is created when a prefix is used again, renewed while it is used, and
    expires `ttl` seconds after that. Its storage costs money for all this time: ``docs/middleware/context-caching.md``
    has the break-even. If a cache cannot be created, or has vanished, requests are sent whole.

    Args:
        min_tokens: The fewest tokens that are cached, estimated as a quarter of the characters. Models have a minimum
            of their own, from 1,024 to 4,096; below it, the API refuses to create a cache.

        ttl: The seconds after which a cache expires, unless it is used; a half of them after its creation, the next
            use renews it.

        min_uses: The use of a prefix that creates its cache, counted from 1; uses that are more than `ttl` apart do not
            count.

    Raises:
        InvalidRequest: If `ttl` is not above zero, or another argument is not a whole number of at least 1.

    >>> from genai_fn import Offline, generate
    >>> run = Offline().with_middleware(context_cached())
    >>> manual = {"system_instruction": "All about sundials. " * 1000}
    >>> for question in ("What is a gnomon?", "What is a nodus?"):
    ...     response = run(generate("gemini-2.5-flash", question, manual)).unwrap()
    ...     print(response.usage_metadata.cached_content_token_count)
    None
    4001
    """
    check_at_least_one("min_tokens", min_tokens)
    check_positive("ttl", ttl)
    check_at_least_one("min_uses", min_uses)
    return ContextCached(min_tokens, ttl, min_uses)


class ContextCached:
    """
    The middleware that `context_cached` returns, and the caches that it has created.

    Interpreters that share one share its caches only if they send with the same credentials.

    >>> from genai_fn import Offline, generate
    >>> from genai_fn.middleware import context_cached
    >>> contexts = context_cached(min_uses=1)
    >>> run = Offline().with_middleware(contexts)
    >>> answer = run(generate("gemini-2.5-flash", "What is a nodus?", {"system_instruction": "Of sundials. " * 2000}))
    >>> contexts.names
    ('cachedContents/cachedcontent1',)
    >>> run(contexts.delete_caches())
    <Success: ('cachedContents/cachedcontent1',)>
    """

    def __init__(self, min_tokens: int, ttl: float, min_uses: int) -> None:
        self.min_tokens = min_tokens
        self.ttl = ttl
        self.min_uses = min_uses
        self.known = KnownCaches(ttl)
        self.flights: Flights[KnownCache] = Flights()
        self._owner_numbers = count(1)
        self._owners: dict[int, tuple[str, Any]] = {}
        """By the id of an innermost handler: its owner's name, and a reference, which removes both when it is gone."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the caches that exist, as far as is known."""
        return self.known.names

    def delete_caches(self) -> Flow[tuple[str, ...]]:
        """
        Return an action that deletes the caches that exist now, and returns their names: run it when the work is done.

        Fails with:
            GenaiError: The first failure to delete one that still exists; the others are deleted all the same.
        """
        return _delete_caches(self.names)

    def get_owner(self, handler: RequestHandler) -> str:
        """Return a text that identifies the innermost handler, with its backend and credentials."""
        *_, innermost = iter_layers(handler)
        key = id(innermost)
        if key not in self._owners:
            try:
                reference: Any = weakref.ref(innermost, partial(_forget_owner, self._owners, key))
            except TypeError:  # it takes no weak references: it is kept, so that no other one gets the same id
                reference = innermost
            self._owners.setdefault(key, (str(next(self._owner_numbers)), reference))
        return self._owners[key][0]

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        """Wrap a request handler."""
        return _ContextCachingHandler(handler, self)

    def __repr__(self) -> str:
        return f"context_cached(min_tokens={self.min_tokens}, ttl={self.ttl}, min_uses={self.min_uses})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ContextCached, (self.min_tokens, self.ttl, self.min_uses)


def _forget_owner(owners: dict[int, tuple[str, Any]], key: int, _: object) -> None:
    owners.pop(key, None)


@flow
def _delete_caches(names: tuple[str, ...]) -> FlowGenerator[Result[tuple[str, ...], GenaiError]]:
    deleted: list[str] = []
    failures: list[Result[tuple[str, ...], GenaiError]] = []
    for name in names:
        result = yield from attempt(delete(name))
        if isinstance(result, Success):
            deleted.append(name)
        elif not _is_missing(result):
            failures.append(Failure(result.failure()))
    return failures[0] if failures else Success(tuple(deleted))


def _is_missing(result: Result[Any, GenaiError]) -> bool:
    """Whether a cache does not exist: the Gemini Developer API answers 403, Vertex AI 404."""
    if not isinstance(result, Failure):
        return False
    error: GenaiError = result.failure()
    return isinstance(error, ClientError) and error.code in (403, 404)


class _ContextCachingHandler(HandlerWrapper):
    def __init__(self, inner: RequestHandler, caching: ContextCached) -> None:
        super().__init__(inner)
        self._caching = caching
        self._known = caching.known
        self._owner = caching.get_owner(inner)

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run a request, with the name of a cache in place of its prefix if there is one."""
        operation: Any = request.operation
        if isinstance(operation, GenerateContent):
            return (yield from self._send(request, operation, until, self.inner.handle))
        result = yield from self.inner.handle(request, until)
        if isinstance(operation, DeleteCache) and (isinstance(result, Success) or _is_missing(result)):
            self._known.forget(operation.name)
        return result

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a stream, with the name of a cache in place of the prefix of its request if there is one."""
        operation: Any = request.operation
        if isinstance(operation, GenerateContent):
            return (yield from self._send(request, operation, until, self.inner.open_stream))
        return (yield from self.inner.open_stream(request, until))

    def _send(
        self, request: Request[Any], operation: GenerateContent, until: float, send: RequestRunner
    ) -> Effects[Result[Any, GenaiError]]:
        """Send a request with the name of a cache; whole, if there is none or it has vanished."""
        until = yield from compute_request_deadline(request, until)
        cache = yield from self._find_cache(operation, request.options, until)
        if cache is None:
            return (yield from send(request, until))
        shorter = replace(request, operation=replace_prefix(operation, cache.prefix, cache.name))
        result = yield from send(shorter, until)
        if not _is_missing(result):
            return result
        self._known.forget(cache.name)
        return (yield from send(request, until))

    def _find_cache(self, operation: GenerateContent, options: Options, until: float) -> Effects[KnownCache | None]:
        """Return the cache for a request, which is created or renewed if need be."""
        listed = list_prefixes(operation, options, self._owner)
        prefixes = [each for each in listed if each.tokens >= self._caching.min_tokens]
        if not prefixes:
            return None
        now: float = yield GetTime()
        counts = self._known.count_uses(prefixes, now)
        found = self._known.find(prefixes, now)
        used = [each for each in prefixes if counts.get(each.digest, 0) >= self._caching.min_uses]
        best = next((each for each in reversed(used) if not self._known.is_refused(each, now)), None)
        if best is not None and (found is None or found.prefix.tokens * _GROWTH <= best.tokens):
            create = build_create_request(operation, options, best, self._caching.ttl)
            created = yield from self._share_creation(create, best, until)
            if created is not None:
                return created
        return None if found is None else (yield from self._renew(found, options, now, until))

    def _renew(self, cache: KnownCache, options: Options, now: float, until: float) -> Effects[KnownCache | None]:
        if not self._known.start_renewal(cache, now):
            return cache
        renewal = update(cache.name, {"ttl": format_seconds(self._caching.ttl)})
        renewed = yield from self.inner.handle(
            replace(renewal, options=replace(options, with_http_response=False)), until
        )
        if not _is_missing(renewed):
            return cache
        self._known.forget(cache.name)
        return None

    def _share_creation(
        self, create: "Request[CachedContent]", prefix: Prefix, until: float
    ) -> Effects[KnownCache | None]:
        """Create the cache of a prefix, or wait while another request does; None if that fails."""
        ticket = Ticket[KnownCache]()
        seconds = inf if until == inf else until - (yield GetTime())
        creating = self._lead(create, prefix, until, ticket)
        result = yield from self._caching.flights.run(prefix.digest, ticket, seconds, creating)
        return result.unwrap() if isinstance(result, Success) else None

    def _lead(
        self, create: "Request[CachedContent]", prefix: Prefix, until: float, ticket: Ticket[KnownCache]
    ) -> Effects[Result[KnownCache, GenaiError]]:
        result = yield from self._create(create, prefix, until)
        ticket.set_result(result)
        return result

    def _create(
        self, create: "Request[CachedContent]", prefix: Prefix, until: float
    ) -> Effects[Result[KnownCache, GenaiError]]:
        now: float = yield GetTime()
        found = self._known.find((prefix,), now)
        if found is not None:  # another request has created it since the first look
            return Success(found)
        if self._known.is_refused(prefix, now):
            return Failure(DecodeError("a cache, which another request could not create"))
        created = yield from self.inner.handle(create, until)
        name = created.unwrap().name if isinstance(created, Success) else None
        if name is None:
            self._known.refuse(prefix, now)
            return Failure(created.failure() if isinstance(created, Failure) else DecodeError("the name of a cache"))
        cache = KnownCache(name, prefix, now)
        self._known.add(cache)
        return Success(cache)


_GROWTH = 2
"""A longer prefix gets a cache of its own when it has this many times the tokens of the one that has a cache."""
