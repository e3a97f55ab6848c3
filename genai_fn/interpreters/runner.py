"""
What sync and async runners share: a request handler and what wraps it, a clock, and how live sessions are built.

It also checks what they are called with.
"""

import copy
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

from msgspec.structs import replace

from genai_fn.effects import Effects
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.transport import Transport, send_through
from genai_fn.errors import InvalidRequest
from genai_fn.interpreters.middleware import (
    ConnectorMiddleware,
    Middleware,
    ProgramMiddleware,
    SessionMiddleware,
    SeveralSeams,
    TransportMiddleware,
    apply_middleware,
    apply_transport_middleware,
    compose_middleware,
    identity,
)
from genai_fn.request import Action, Flow, Live, Request, Stream
from genai_fn.values import Value

if TYPE_CHECKING:
    from genai_fn.engine.virtual_time import VirtualClock
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor
    from genai_fn.interpreters.executors.sync_executor import SyncExecutor
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use


E = TypeVar("E", bound="SyncExecutor | AsyncExecutor")

SessionBuilder: TypeAlias = Callable[[Live[Any], ConnectorMiddleware], "Session[Any]"]


def warn_when_collected(items: object, executor: "SyncExecutor | AsyncExecutor") -> Callable[[], object]:
    """
    Warn when the items of a stream are collected while the connection is open; returns a function that prevents it.

    Nothing refers to the connection then: its socket is closed, and its place in the pool is free.
    """
    finalizer = weakref.finalize(items, _warn_if_open, executor)
    finalizer.atexit = False
    return finalizer.detach


def _warn_if_open(executor: "SyncExecutor | AsyncExecutor") -> None:
    if executor.has_open_resources and not executor.is_closed:
        warnings.warn(_UNCLOSED_STREAM, ResourceWarning, stacklevel=2)


_UNCLOSED_STREAM = "a stream was neither read to its end nor closed: read it in a block, with run.stream(…) as items"


class RunnerParts(Value, kw_only=True):
    """
    What an interpreter is composed of; middleware replaces some of it.

    Args:
        handler: Handles single requests and streams.

        has_transport: Whether the handler yields a `SendRequest` for each attempt; if not, middleware makes it do so.

        transport: The wrapped transport; None without middleware, where the executor's pool performs the effects.

        wrap_program: The middleware of programs.

        make_clock: Makes the virtual clock of a run; None is real time.

        build_session: Builds the session of a `Live`; the second argument wraps its connector. None if there are none.

        wrap_connector: The middleware of connectors.

        wrap_session: The middleware of connectors that receives the `Live`, too.
    """

    handler: RequestHandler
    has_transport: bool = False
    transport: Transport | None = None
    wrap_program: ProgramMiddleware | None = None
    make_clock: "Callable[[], VirtualClock] | None" = None
    build_session: SessionBuilder | None = None
    wrap_connector: ConnectorMiddleware = identity
    wrap_session: SessionMiddleware | None = None

    def build_live_session(self, live: Live[Any]) -> "Session[Any]":
        """Build a live session, whose connector is wrapped."""
        assert self.build_session is not None  # noqa: S101  # every async interpreter has one
        wrap = self.wrap_connector
        if self.wrap_session is not None:
            wrap = compose_middleware("connector", wrap, partial(self.wrap_session, live))
        session = self.build_session(live, wrap)
        if self.wrap_program is not None:
            session.use_program_middleware(self.wrap_program)
        return session

    def build_effects(self, description: Action[Any] | Stream[Any]) -> Effects[Any]:
        """Build the program of one run."""
        effects: Effects[Any] = build_program(description, self.handler)
        if self.wrap_program is not None:
            effects = self.wrap_program(description, effects)
        if self.transport is not None:
            effects = send_through(effects, self.transport)
        if self.make_clock is None:
            return effects
        from genai_fn.engine.virtual_time import run_in_virtual_time  # noqa: PLC0415  # few interpreters have a clock

        return run_in_virtual_time(effects, self.make_clock())


Layer: TypeAlias = Callable[[RunnerParts], RunnerParts]
"""A change of the parts of an interpreter, such as middleware."""


def _do_nothing() -> None:
    """Close an interpreter whose executors share nothing."""


class Runner(Generic[E]):
    """
    An interpreter's parts, and the layers that were added to them.

    Args:
        parts: The request handler, the clock, and what else programs are built with.

        make_executor: Makes the executor of one run.

        close: Closes what the executors share, from any thread or task.
    """

    _layers: tuple[Layer, ...] = ()

    def __init__(
        self, parts: RunnerParts, make_executor: Callable[[], E], close: Callable[[], object] = _do_nothing
    ) -> None:
        self._parts = parts
        self._make_executor = make_executor
        self._close = close

    def with_middleware(
        self,
        *middleware: Middleware | SeveralSeams,
        transport: TransportMiddleware | None = None,
        connector: ConnectorMiddleware | None = None,
    ) -> Self:
        """
        Return a new interpreter whose requests pass through middleware; the middleware added last sees a request first.

        The new interpreter shares its connections with the old one, so that closing either closes both.

        Args:
            middleware: What the functions of ``genai_fn.middleware`` return, or functions from a `RequestHandler` to
                one that wraps it, such as subclasses of `HandlerWrapper`.

            transport: A function from a `Transport` to one that wraps it, such as a subclass of `TransportWrapper`. In
                an interpreter without HTTP it wraps the handler, and each request counts as one attempt.

            connector: A function from the connector of live sessions to one that wraps it.

        Raises:
            InvalidRequest: If one of them is no such function, or the interpreter has no live sessions.
        """
        return self.with_layers(partial(_add_middleware, middleware, transport, connector))

    def with_layers(self, *layers: Layer) -> Self:
        """Return a copy with more layers."""
        twin = copy.copy(self)
        for layer in layers:
            twin._parts = layer(twin._parts)  # noqa: SLF001  # one of its own kind
        twin._layers = (*self._layers, *layers)  # noqa: SLF001  # one of its own kind
        return twin


def _add_middleware(
    middleware: tuple[Middleware | SeveralSeams, ...],
    transport: TransportMiddleware | None,
    connector: ConnectorMiddleware | None,
    parts: RunnerParts,
) -> RunnerParts:
    if not parts.has_transport and (middleware or transport is not None):
        from genai_fn.interpreters.attempts_without_http import AnswerTransport, AttemptHandler  # noqa: PLC0415  # not for HTTP

        handler, answer = AttemptHandler(parts.handler), AnswerTransport()
        parts = replace(parts, handler=handler, transport=answer, has_transport=True)
    if connector is not None and parts.build_session is None:
        raise InvalidRequest("connector", connector, "nothing: Http opens no live sessions, AsyncHttp does")
    parts = _wrap_seams(parts, SeveralSeams(transport=transport, connector=connector))
    for each in middleware:
        if isinstance(each, SeveralSeams):
            parts = _wrap_seams(parts, each)
        else:
            parts = replace(parts, handler=apply_middleware(each, parts.handler))
    return parts


def _wrap_seams(parts: RunnerParts, seams: SeveralSeams) -> RunnerParts:
    if seams.handler is not None:
        parts = replace(parts, handler=apply_middleware(seams.handler, parts.handler))
    if seams.transport is not None:
        parts = replace(parts, transport=apply_transport_middleware(seams.transport, parts.transport))
    if seams.connector is not None and parts.build_session is not None:
        wrap_connector = compose_middleware("connector", parts.wrap_connector, seams.connector)
        parts = replace(parts, wrap_connector=wrap_connector)
    if seams.session is not None and parts.build_session is not None:
        wrap_session = compose_middleware("session", parts.wrap_session, seams.session)
        parts = replace(parts, wrap_session=wrap_session)
    if seams.program is not None:
        parts = replace(parts, wrap_program=compose_middleware("program", parts.wrap_program, seams.program))
    return parts


def check_action(action: object) -> None:
    """Raise `InvalidRequest` for anything but a Request or a Flow."""
    if isinstance(action, Request | Flow):
        return
    if isinstance(action, Stream):
        raise InvalidRequest(
            "action",
            action,
            "a Request or a Flow: read a stream with .stream(…), or turn it into a Flow by joined or collected",
        )
    if isinstance(action, Live):
        raise InvalidRequest("action", action, "a Request or a Flow: a session is opened with .live(…), in async code")
    from genai_fn.commands import describe_expected_action  # noqa: PLC0415  # for this error alone

    raise InvalidRequest("action", action, describe_expected_action(action))


def check_stream(stream: object) -> None:
    """Raise `InvalidRequest` for anything but a Stream."""
    if not isinstance(stream, Stream):
        raise InvalidRequest("stream", stream, "a Stream, such as generate(…) | streamed")


def check_live(live: object) -> None:
    """Raise `InvalidRequest` for anything but a Live."""
    if not isinstance(live, Live):
        raise InvalidRequest("live", live, "a Live, such as live.connect(…)")
