"""
Middleware: rate limits, fallbacks, caches, budgets and traces, as wrappers of any interpreter.

::

    from genai_fn import Http
    from genai_fn.middleware import limited, logged

    run = Http().with_middleware(limited(requests_per_minute=60), logged())

The middleware added last sees a request first. Each is one implementation for threads, asyncio and trio, for `Http`,
`Offline` and `Fake`; where an interpreter has virtual time, waits take none. The names below are loaded at their first
use. `HandlerWrapper`, `TransportWrapper` and `send_through` are for middleware of your own.

- ``budgets``: a limit of the money or the tokens that calls may cost
- ``caching``: answers of equal requests from a store
- ``coalescing``: single embeddings of many callers as one batch
- ``context_caching``: explicit caches of the API for what requests have in common at their beginning
- ``fallbacks``: another model or backend for what one refuses
- ``hedging``: a second attempt when the first is slow
- ``limits``: rate limits, and concurrency limits that find themselves
- ``call_log``: a line of the standard library's log for each call
- ``tracing``: spans and metrics of OpenTelemetry
- ``observers``: what observes calls, for the others
- ``deadlines``: the deadline of a request, and waits that end at it, for the others
- ``resources``: what a request holds until its run ends, for the others
- ``forked_state``: state that is renewed in a forked process, for the others
- ``operation_names``: the operations that run a model, for the others
- ``input_size``: the size of what a request sends, for estimates of tokens
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

if TYPE_CHECKING:
    from genai_fn.errors import FailedTarget as FailedTarget
    from genai_fn.interpreters.middleware import (
        HandlerWrapper as HandlerWrapper,
        RequestHandler as RequestHandler,
        SeveralSeams as SeveralSeams,
        Transport as Transport,
        TransportWrapper as TransportWrapper,
        send_through as send_through,
    )
    from genai_fn.middleware.budgets.budget import Budget as Budget, budgeted as budgeted
    from genai_fn.middleware.budgets.prices import ModelPrices as ModelPrices
    from genai_fn.middleware.caching.cached import (
        Cached as Cached,
        cached as cached,
        is_deterministic as is_deterministic,
    )
    from genai_fn.middleware.caching.sqlite_store import SQLiteStore as SQLiteStore
    from genai_fn.middleware.caching.stores import CacheStore as CacheStore, MemoryStore as MemoryStore
    from genai_fn.middleware.call_log import logged as logged
    from genai_fn.middleware.coalescing import coalesced as coalesced
    from genai_fn.middleware.context_caching.context_cached import (
        ContextCached as ContextCached,
        context_cached as context_cached,
    )
    from genai_fn.middleware.fallbacks.fallback import fallback as fallback
    from genai_fn.middleware.fallbacks.targets import FallbackTarget as FallbackTarget
    from genai_fn.middleware.hedging import hedged as hedged
    from genai_fn.middleware.limits.concurrency import ConcurrencyLimit as ConcurrencyLimit, adaptive as adaptive
    from genai_fn.middleware.limits.rate_limit import RateLimit as RateLimit, limited as limited
    from genai_fn.middleware.tracing.traced import traced as traced
else:
    __getattr__, __dir__ = defer_imports(globals())
