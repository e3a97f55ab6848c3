"""The parameters of `Http` and `AsyncHttp`, and what is built of them."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from inspect import Parameter, Signature
from types import ModuleType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

from msgspec.structs import force_setattr
from returns.result import Failure, Success

from genai_fn.backend import (
    Backend,
    Gemini,
    HeadersLike,
    Vertex,
    backend_from_env,
    check_backend,
    normalize_headers,
)
from genai_fn.effects import EffectFailed
from genai_fn.engine.attempts import FetchLimits, fetch_response
from genai_fn.engine.handler import HttpHandler, RefusingHandler
from genai_fn.errors import InvalidRequest, MissingExtra
from genai_fn.events import Event
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.http import Headers, HttpRequest, HttpResponse, is_credential, mask_headers
from genai_fn.interpreters.executors.run_registry import RunRegistry
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.options import Retry, Timeouts, check_at_least_one, check_type, reject_guesses, reject_renamed
from genai_fn.values import Value

if TYPE_CHECKING:
    import ssl  # loaded with the network stack, at the first call

    from genai_fn.interpreters.auth.token_cache import TokenCache
    from genai_fn.interpreters.auth.token_caches import TokenCaches
    from genai_fn.interpreters.net.pool.sync_pool import SyncPool


P = ParamSpec("P")
I = TypeVar("I")  # noqa: E741  # an interpreter


HttpImplementation: TypeAlias = Literal["auto", "httptools", "httpcore", "httpcore2"] | ModuleType

_HTTP1_PACKAGES = ("httptools", "httpcore", "httpcore2")


class _BackendSetting(Value):
    """The one parameter that may be positional."""

    backend: Backend | None = None


class Settings(_BackendSetting, kw_only=True):
    """The parameters of `Http`, which documents them, and of `AsyncHttp`."""

    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    headers: HeadersLike = ()
    max_connections: int = 64
    proxy: str | None = None
    ssl_context: "ssl.SSLContext | None" = None
    http1: HttpImplementation = "auto"
    on_event: Callable[[Event], object] | None = None
    max_response_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        check_backend(self.backend, "the environment's")
        check_type(Timeouts, "timeouts", self.timeouts)
        check_type(Retry, "retry", self.retry)
        force_setattr(self, "headers", normalize_headers(self.headers, "headers"))
        check_at_least_one("max_connections", self.max_connections)
        check_at_least_one("max_response_bytes", self.max_response_bytes)
        if self.http1 not in ("auto", *_HTTP1_PACKAGES) and not _is_http1_module(self.http1):
            raise InvalidRequest("http1", self.http1, "auto, httptools, httpcore, httpcore2, or one of these modules")
        if self.proxy:
            _check_proxy(self.proxy)
        ssl = sys.modules.get("ssl")  # it is loaded, if the value is of it
        if self.ssl_context is not None and not (ssl and isinstance(self.ssl_context, ssl.SSLContext)):
            raise InvalidRequest("ssl_context", self.ssl_context, "an ssl.SSLContext")
        if self.on_event is not None and not callable(self.on_event):
            raise InvalidRequest("on_event", self.on_event, "a function of an event")

    def __repr__(self) -> str:
        headers: Headers = self.headers  # type: ignore[assignment]  # converted to pairs by `__post_init__`
        hidden: dict[str, Any] = {"proxy": self.proxy and "***", "headers": mask_headers(headers)}
        shown = ((name, hidden.get(name, getattr(self, name))) for name in self.__struct_fields__)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown)})"

    @property
    def loads_logging(self) -> bool:
        """Whether a call loads ``logging``: httpcore does, and google-auth, which fetches tokens for Vertex AI."""
        if not isinstance(self.backend, Gemini):
            return True
        return find_spec("httptools") is None if self.http1 == "auto" else self.http1 != "httptools"

    def build_handler(self) -> HttpHandler | RefusingHandler:
        """Build the request handler; it refuses all requests if there is no backend, or a package is missing."""
        missing = _find_missing_package(self.http1)
        if missing is not None:
            return RefusingHandler(missing)
        found = backend_from_env(os.environ) if self.backend is None else Success(self.backend)
        if isinstance(found, Failure):
            return RefusingHandler(found.failure())
        backend = found.unwrap()
        return HttpHandler(
            backend=_HeadersAdder(normalize_headers(self.headers, "headers"))(backend),
            timeouts=self.timeouts,
            retry=self.retry,
            max_response_bytes=self.max_response_bytes,
            has_listener=self.on_event is not None,
            adapt_backend=_HeadersAdder(_list_public_headers(normalize_headers(self.headers, "headers"))),
        )

    def build_pool_options(self) -> dict[str, Any]:
        """Return the keyword arguments that sync and async pools share."""
        return {"environ": os.environ, "proxy": self.proxy, **self._build_connect_options()}

    def _build_connect_options(self) -> dict[str, Any]:
        from genai_fn.interpreters.net.http1.implementation import import_implementation  # noqa: PLC0415  # the network stack, at the first call

        module = None if self.http1 == "auto" else self.http1
        if isinstance(module, str):
            module = import_implementation(module)
        return {"ssl_context": self.ssl_context, "transport": module}

    def build_token_caches(self, handler: HttpHandler) -> "TokenCaches":
        """Build the sources of OAuth tokens, for the interpreter's backend and for those of requests."""
        with delay_forks:
            from genai_fn.interpreters.auth.token_caches import TokenCaches  # noqa: PLC0415  # at the first call

        return TokenCaches(handler.backend, self._build_token_cache)

    def _build_token_cache(self, backend: Vertex) -> "TokenCache":
        register_fork_delay()  # of a request with a backend of its own
        with delay_forks:
            from genai_fn.interpreters.auth.token_cache import TokenCache  # noqa: PLC0415
            from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, at the first call

        proxied = SyncPool(2, **self.build_pool_options())
        direct = SyncPool(1, proxy="", **self._build_connect_options())
        fetcher = _TokenFetcher(proxied, direct)
        return TokenCache(backend, environ=os.environ, fetch=fetcher, close_connections=fetcher.close)


class _HeadersAdder(Value):
    """Adds the headers of an interpreter to a backend."""

    headers: Headers

    def __call__(self, backend: Backend) -> Backend:
        if not self.headers:
            return backend
        return dataclasses.replace(backend, headers=(*normalize_headers(backend.headers, "headers"), *self.headers))


def _list_public_headers(headers: Headers) -> Headers:
    """Return the headers that are no credentials, as those are for the interpreter's own backend."""
    return tuple(pair for pair in headers if not is_credential(pair[0]))


def accept_settings(
    build: Callable[P, Settings],
) -> Callable[[Callable[[I, Settings], None]], Callable[Concatenate[I, P], None]]:
    """Give the ``__init__`` of an interpreter the parameters of `Settings`, so that they are listed once."""

    def decorate(initialize: Callable[[I, Settings], None]) -> Callable[Concatenate[I, P], None]:
        def __init__(self: I, /, *args: P.args, **kwargs: P.kwargs) -> None:  # noqa: N807  # the name in tracebacks
            reject_renamed(type(self).__name__, kwargs, _RENAMED)
            reject_guesses(type(self).__name__, kwargs, _GUESSES)
            initialize(self, build(*args, **kwargs))

        __init__.__signature__ = _build_signature()  # type: ignore[attr-defined]  # as functools.wraps sets __wrapped__
        return __init__

    return decorate


def _build_signature() -> Signature:
    """Build the signature that `inspect` shows; msgspec's would import the types of all parameters."""
    kinds = [Parameter.POSITIONAL_OR_KEYWORD, *(Parameter.KEYWORD_ONLY for _ in Settings.__struct_fields__[1:])]
    hints = {**_BackendSetting.__annotations__, **Settings.__annotations__}
    fields = zip(Settings.__struct_fields__, kinds, Settings.__struct_defaults__, strict=True)
    own = [Parameter(name, kind, default=value, annotation=hints[name]) for name, kind, value in fields]
    return Signature([Parameter("self", Parameter.POSITIONAL_ONLY), *own])


_RENAMED = {"lanes": "max_connections", "transport": "http1"}


_GUESSES = {
    "api_key": "{where}(Gemini(api_key=…))",
    "api_version": "{where}(Gemini(api_version=…))",
    "base_url": "{where}(Gemini(base_url=…))",
    "credentials": "{where}(Vertex(credentials=…))",
    **dict.fromkeys(("deadline", "extra_body", "server_timeout"), "request | with_options({name}=…)"),
    "http_options": "{where}(timeouts=…, retry=…, headers=…)",
    "location": "{where}(Vertex(location=…))",
    "project": "{where}(Vertex(project=…))",
    **dict.fromkeys(("max_retries", "retries", "retry_options"), "{where}(retry=Retry(attempts=…))"),
    "timeout": "{where}(timeouts=Timeouts(total=…))",
    "vertexai": "{where}(Vertex(project=…))",
}
"""What to write for a parameter of google-genai's ``Client``, of httpx's, or of ``with_options``."""


def _is_http1_module(value: object) -> bool:
    return hasattr(value, "HTTP11Connection") or hasattr(value, "HttpResponseParser")


def _find_missing_package(http1: "HttpImplementation") -> MissingExtra | None:
    if not isinstance(http1, str) or http1 == "auto" or find_spec(http1) is not None:
        return None
    from genai_fn.interpreters.extras import install_command  # noqa: PLC0415  # for this error alone

    return MissingExtra(http1, f"http1={http1!r}", install_command(http1))


def _check_proxy(proxy: str) -> None:
    from genai_fn.interpreters.net.connect.proxies import parse_proxy  # noqa: PLC0415  # few have one

    try:
        parse_proxy(proxy)
    except (ValueError, TypeError) as error:
        raise InvalidRequest("proxy", "***", f"None, an empty string, or the address of a proxy: {error}") from None


class _TokenFetcher:
    """
    Sends requests for tokens, in threads. The metadata server is called without a proxy, which would read the token.
    """

    def __init__(self, proxied_pool: "SyncPool", direct_pool: "SyncPool") -> None:
        self._proxied_pool = proxied_pool
        self._direct_pool = direct_pool
        self._runs = RunRegistry[SyncExecutor]()

    def __call__(self, request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
        is_local = any(name.lower() == "metadata-flavor" for name, _ in request.headers)
        pool = self._direct_pool if is_local else self._proxied_pool
        executor = SyncExecutor(pool, None, None)
        self._runs.add(executor)
        return executor.run(fetch_response(request, FetchLimits(time.monotonic() + seconds)))

    def close(self) -> None:
        """Close all connections; requests in flight fail, and so do later ones."""
        self._proxied_pool.close()
        self._direct_pool.close()
        self._runs.end_all()
