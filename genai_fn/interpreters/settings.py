"""What an interpreter is made with, in either world: who is asked, how, and what is told of it."""

import dataclasses
import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from returns.result import Failure, Result, Success

from genai_fn.backend import (
    Backend,
    Gemini,
    HeadersLike,
    Secret,
    Vertex,
    backend_from_env,
    build_own_credential,
    normalize_headers,
)
from genai_fn.effects import EffectFailed
from genai_fn.engine.handler import HttpHandler, RequestHandler, fetch_response
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.events import Event
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.options import Retry, Timeouts, check_at_least_one, check_type
from genai_fn.request import Flow, Live, Request, Stream
from genai_fn.values import Value

if TYPE_CHECKING:
    import ssl  # loaded with the network stack, at the first call

    from genai_fn.interpreters.auth.token_cache import TokenCache
    from genai_fn.interpreters.net.pool.sync_pool import SyncPool

__all__ = ["Settings", "check_action", "check_live", "check_stream"]


class Settings(Value, kw_only=True):
    """The parameters that `Http` and `AsyncHttp` share; None as backend reads the environment."""

    backend: Backend | None
    timeouts: Timeouts
    retry: Retry
    headers: HeadersLike
    max_connections: int
    proxy: str | None
    ssl_context: "ssl.SSLContext | None"
    transport: ModuleType | None
    on_event: Callable[[Event], object] | None
    max_response_bytes: int

    def __post_init__(self) -> None:
        if self.backend is not None and not isinstance(self.backend, Gemini | Vertex):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a key
            raise InvalidRequest("backend", Secret(self.backend), "Gemini(…), Vertex(…), or None for the environment's")
        check_type(Timeouts, "timeouts", self.timeouts)
        check_type(Retry, "retry", self.retry)
        check_at_least_one("max_connections", self.max_connections)
        check_at_least_one("max_response_bytes", self.max_response_bytes)
        if self.proxy:
            _check_proxy(self.proxy)

    def build_handler(self) -> Result[RequestHandler, GenaiError]:
        """Settle who is asked, now."""
        found = backend_from_env(os.environ) if self.backend is None else Success(self.backend)
        if isinstance(found, Failure):
            return found
        backend = found.unwrap()
        headers = (*normalize_headers(backend.headers, "headers"), *normalize_headers(self.headers, "headers"))
        return Success(
            HttpHandler(
                backend=dataclasses.replace(backend, headers=headers),
                timeouts=self.timeouts,
                retry=self.retry,
                max_response_bytes=self.max_response_bytes,
                has_listener=self.on_event is not None,
            )
        )

    def build_pool_options(self) -> dict[str, Any]:
        """Say how connections are made."""
        kept = ("proxy", "ssl_context", "transport")
        settings: dict[str, Any] = {name: getattr(self, name) for name in kept}
        settings["environ"] = os.environ
        return settings

    def build_token_cache(self, exchange: RequestHandler) -> "TokenCache | None":
        """Make what gets OAuth tokens, where they are needed."""
        if (
            not isinstance(exchange, HttpHandler)
            or not isinstance(exchange.backend, Vertex)
            or build_own_credential(exchange.backend)
        ):
            return None
        from genai_fn.interpreters.auth.token_cache import TokenCache  # noqa: PLC0415
        from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, at the first call

        through = SyncPool(2, **self.build_pool_options())
        direct = SyncPool(1, ssl_context=self.ssl_context, transport=self.transport, proxy="")
        environ = {name: value for name, value in os.environ.items() if name != "GOOGLE_CLOUD_PROJECT"}
        return TokenCache(exchange.backend, environ=environ, fetch=_TokenFetcher(through, direct))


def _check_proxy(proxy: str) -> None:
    from genai_fn.interpreters.net.connect.proxies import parse_proxy  # noqa: PLC0415  # few have one

    try:
        parse_proxy(proxy)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            "proxy", Secret(proxy), f"None, an empty string, or the address of a proxy: {error}"
        ) from None


class _TokenFetcher:
    """
    Sends requests for tokens, in threads; the metadata server is never asked through a proxy, which would see the
    token.
    """

    def __init__(self, through: "SyncPool", direct: "SyncPool") -> None:
        self._proxied_pool = through
        self._direct_pool = direct

    def __call__(self, request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
        is_local = any(name.lower() == "metadata-flavor" for name, _ in request.headers)
        lanes = self._direct_pool if is_local else self._proxied_pool
        return SyncExecutor(lanes, None, None).run(fetch_response(request, time.monotonic() + seconds))

    def close(self) -> None:
        self._proxied_pool.close()
        self._direct_pool.close()


def check_action(action: object) -> None:
    """Refuse to call with anything but an action."""
    if isinstance(action, Stream):
        raise InvalidRequest(
            "action",
            action,
            "a Request or a Flow: read a stream with .stream(…), or make one of it by joined or collected",
        )
    if isinstance(action, Live):
        raise InvalidRequest("action", action, "a Request or a Flow: a session is opened with .live(…), in async code")
    if not isinstance(action, Request | Flow):
        raise InvalidRequest("action", action, "a Request or a Flow")


def check_stream(stream: object) -> None:
    """Refuse to stream anything but a stream."""
    if not isinstance(stream, Stream):
        raise InvalidRequest("stream", stream, "a Stream, such as generate(…) | streamed")


def check_live(live: object) -> None:
    """Refuse to open anything but a session."""
    if not isinstance(live, Live):
        raise InvalidRequest("live", live, "a Live, such as live.connect(…)")
