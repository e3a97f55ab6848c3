"""What an interpreter is made with, in either world: who is asked, how, and what is told of it."""

import dataclasses
import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Gemini, HeadersLike, Secret, Vertex, backend_from_env, own_credential, pairs
from genai_fn.effects import Lost
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.events import Event
from genai_fn.exchange import Exchange, HttpExchange, fetched
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpret.sync_world import SyncWorld
from genai_fn.options import Retry, Timeouts, at_least_one, must_be
from genai_fn.request import Flow, Live, Request, Stream
from genai_fn.schema._base import Value

if TYPE_CHECKING:
    import ssl  # loaded with the network stack, at the first call

    from genai_fn.interpret.lanes import Lanes
    from genai_fn.interpret.tokens import Tokens

__all__ = ["Settings", "a_live", "a_stream", "an_action"]


class Settings(Value, kw_only=True):
    """The parameters that `Http` and `AsyncHttp` share; None as backend reads the environment."""

    backend: Backend | None
    timeouts: Timeouts
    retry: Retry
    headers: HeadersLike
    lanes: int
    proxy: str | None
    ssl_context: "ssl.SSLContext | None"
    transport: ModuleType | None
    on_event: Callable[[Event], object] | None
    max_response_bytes: int

    def __post_init__(self) -> None:
        if self.backend is not None and not isinstance(self.backend, Gemini | Vertex):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a key
            raise InvalidRequest("backend", Secret(self.backend), "Gemini(…), Vertex(…), or None for the environment's")
        must_be(Timeouts, "timeouts", self.timeouts)
        must_be(Retry, "retry", self.retry)
        at_least_one("lanes", self.lanes)
        at_least_one("max_response_bytes", self.max_response_bytes)
        if self.proxy:
            _readable(self.proxy)

    def exchange(self) -> Result[Exchange, GenaiError]:
        """Settle who is asked, now."""
        found = backend_from_env(os.environ) if self.backend is None else Success(self.backend)
        if isinstance(found, Failure):
            return found
        backend = found.unwrap()
        headers = (*pairs(backend.headers, "headers"), *pairs(self.headers, "headers"))
        return Success(
            HttpExchange(
                backend=dataclasses.replace(backend, headers=headers),
                timeouts=self.timeouts,
                retry=self.retry,
                max_response_bytes=self.max_response_bytes,
                tells=self.on_event is not None,
            )
        )

    def lane_settings(self) -> dict[str, Any]:
        """Say how connections are made."""
        kept = ("proxy", "ssl_context", "transport")
        settings: dict[str, Any] = {name: getattr(self, name) for name in kept}
        settings["environ"] = os.environ
        return settings

    def tokens(self, exchange: Exchange) -> "Tokens | None":
        """Make what gets OAuth tokens, where they are needed."""
        if (
            not isinstance(exchange, HttpExchange)
            or not isinstance(exchange.backend, Vertex)
            or own_credential(exchange.backend)
        ):
            return None
        from genai_fn.interpret.lanes import Lanes  # noqa: PLC0415  # the network stack, at the first call
        from genai_fn.interpret.tokens import Tokens  # noqa: PLC0415

        through = Lanes(2, **self.lane_settings())
        direct = Lanes(1, ssl_context=self.ssl_context, transport=self.transport, proxy="")
        environ = {name: value for name, value in os.environ.items() if name != "GOOGLE_CLOUD_PROJECT"}
        return Tokens(exchange.backend, environ=environ, fetch=_Fetch(through, direct))


def _readable(proxy: str) -> None:
    from genai_fn.interpret.proxies import read_proxy  # noqa: PLC0415  # few have one

    try:
        read_proxy(proxy)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            "proxy", Secret(proxy), f"None, an empty string, or the address of a proxy: {error}"
        ) from None


class _Fetch:
    """
    Sends requests for tokens, in threads; the metadata server is never asked through a proxy, which would see the
    token.
    """

    def __init__(self, through: "Lanes", direct: "Lanes") -> None:
        self._through = through
        self._direct = direct

    def __call__(self, request: HttpRequest, seconds: float) -> HttpResponse | Lost:
        is_local = any(name.lower() == "metadata-flavor" for name, _ in request.headers)
        lanes = self._direct if is_local else self._through
        return SyncWorld(lanes, None, None).run(fetched(request, time.monotonic() + seconds))

    def close(self) -> None:
        self._through.close()
        self._direct.close()


def an_action(action: object) -> None:
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


def a_stream(stream: object) -> None:
    """Refuse to stream anything but a stream."""
    if not isinstance(stream, Stream):
        raise InvalidRequest("stream", stream, "a Stream, such as generate(…) | streamed")


def a_live(live: object) -> None:
    """Refuse to open anything but a session."""
    if not isinstance(live, Live):
        raise InvalidRequest("live", live, "a Live, such as live.connect(…)")
