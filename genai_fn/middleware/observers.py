"""Observes calls, for logs, budgets and traces: requests with their attempts and items, and live connections."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import CloseResource, EffectFailed, Effects, GetTime, OpenResource, OpenResponse, SendRequest
from genai_fn.engine.handler import RequestHandler, RequestRunner
from genai_fn.engine.transport import EffectTransport, send_through
from genai_fn.errors import GenaiError
from genai_fn.http import ValueWithResponse
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.middleware.resources import Resource
from genai_fn.request import Live, Request
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.usage import Usage, get_usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from genai_fn.interpreters.live.sockets import Connector, MessageSocket  # loaded with anyio, at the first session

T = TypeVar("T")


class ObservedCall:
    """What is known of one call so far: a request with its attempts, or a connection of a live session."""

    first_item: float | None = None
    """Seconds from the start to the first item of a stream."""
    attempts = 0
    item_count = 0
    status: int | None = None
    """HTTP status of the last attempt; None if it had none."""
    url = ""
    """URL of the last attempt, which may contain credentials."""
    error: BaseException | None = None
    is_left = False
    """Whether it has ended without a result: it was cancelled, or its stream left early."""
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    last_value: Any = None
    """The answer; of a stream, its last item."""
    state: Any = None
    """What the observer keeps for this call."""

    def __init__(self, request: Request[Any] | Live[Any], now: float, *, is_stream: bool) -> None:
        self.request = request
        self.is_stream = is_stream
        self.started = self.last_seen = now

    @property
    def operation(self) -> str:
        """The name of the operation, such as ``generate``."""
        return self.request.operation.op

    @property
    def model(self) -> str | None:
        """The model, without ``models/`` and other prefixes; None if the operation has none."""
        operation: Any = self.request.operation
        model: object = getattr(operation, "model", None) or getattr(operation, "base_model", None)
        return model.rpartition("/")[2] if isinstance(model, str) else None

    @property
    def duration(self) -> float:
        """Seconds until the end; of a call that was cancelled, until what was seen last."""
        return self.last_seen - self.started

    def add_value(self, value: object, *, is_detailed: bool) -> None:
        """Record a whole answer, or an item of a stream: the last usage, and in detail the last finish reasons."""
        self.item_count += 1
        self.last_value = value
        self.usage = get_usage(value) or self.usage
        if is_detailed:
            self._add_finish_reasons(value)

    def _add_finish_reasons(self, value: object) -> None:
        answer: Any = cast("Any", value).value if isinstance(value, ValueWithResponse) else value
        if isinstance(answer, GenerateContentResponse):
            reasons = [str(each.finish_reason) for each in answer.candidates if each.finish_reason is not None]
            self.finish_reasons = tuple(reasons) or self.finish_reasons


class CallObserver:
    """
    Observes calls; a subclass overrides what it needs.

    Its methods may be called from any thread; what they raise ends the call.
    """

    __slots__ = ()
    is_detailed = True
    """Whether attempts are counted and reported, times and finish reasons read; without, a call costs less."""

    def start_call(self, call: ObservedCall) -> GenaiError | None:
        """Start a call, before anything is sent; an error refuses it."""

    def start_attempt(self, call: ObservedCall) -> None:
        """Record that an attempt starts."""

    def end_attempt(self, call: ObservedCall, outcome: OpenResponse | EffectFailed) -> None:
        """Record that an attempt was answered, or has failed."""

    def add_item(self, call: ObservedCall) -> None:
        """Record an item of a stream, which is the call's `last_value`."""

    def end_call(self, call: ObservedCall) -> None:
        """End a call; it is called once, whether the call succeeds, fails, is cancelled, or is left early."""


class _Ending(Resource):
    """Ends a call once, also if it is cancelled, or its stream left early."""

    __slots__ = ("_call", "_observer")

    def __init__(self, call: ObservedCall, observer: CallObserver) -> None:
        self._call: list[ObservedCall] = [call]
        self._observer = observer

    def end(self, *, is_left: bool = False) -> None:
        """End the call, unless it has ended; from any thread."""
        if not self._call:
            return
        try:
            call = self._call.pop()
        except IndexError:  # another thread was faster
            return
        call.is_left = is_left
        self._observer.end_call(call)

    def discard(self) -> None:
        """Forget the call, which has not started."""
        self._call.clear()

    def close(self) -> None:
        self.end(is_left=True)


class _AttemptCounter(EffectTransport):
    """A transport that counts the attempts of a call."""

    def __init__(self, call: ObservedCall, observer: CallObserver) -> None:
        self._call = call
        self._observer = observer

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        self._call.attempts += 1
        self._call.url = request.request.url
        self._observer.start_attempt(self._call)
        response: OpenResponse | EffectFailed = yield request
        self._call.last_seen = yield GetTime()
        self._call.status = None if isinstance(response, EffectFailed) else response.status
        self._observer.end_attempt(self._call, response)
        return response


class _ObservedStream:
    """The handle of an observed stream."""

    __slots__ = ("call", "ending", "inner")

    def __init__(self, inner: Any, call: ObservedCall, ending: _Ending) -> None:
        self.inner = inner
        self.call = call
        self.ending = ending


class ObservingHandler(HandlerWrapper):
    """Reports each request and stream to an observer."""

    def __init__(self, inner: RequestHandler, observer: CallObserver) -> None:
        super().__init__(inner)
        self._observer = observer
        self._is_detailed = observer.is_detailed

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request, and report its end."""
        return self._run(request, until, self.inner.handle, is_stream=False)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a stream, and report the failure to do so."""
        return self._run(request, until, self.inner.open_stream, is_stream=True)

    def _run(
        self, request: Request[Any], until: float, run: RequestRunner, *, is_stream: bool
    ) -> Effects[Result[Any, GenaiError]]:
        observer, is_detailed = self._observer, self._is_detailed
        call = ObservedCall(request, (yield GetTime()) if is_detailed else 0.0, is_stream=is_stream)
        ending = _Ending(call, observer)
        yield OpenResource(ending)
        refusal = observer.start_call(call)
        if refusal is not None:
            ending.discard()
            yield CloseResource(ending)
            return Failure(refusal)
        effects = run(request, until)
        if is_detailed:
            effects = send_through(effects, _AttemptCounter(call, observer))
        try:
            result = yield from effects
        except Exception as error:
            call.error = error
            ending.end()
            raise
        if is_detailed:
            call.last_seen = yield GetTime()
        if not isinstance(result, Success):
            call.error = result.failure()
        elif is_stream:
            call.first_item = call.duration  # it has arrived, as that opens a stream
            return Success(_ObservedStream(result.unwrap(), call, ending))
        else:
            call.add_value(result.unwrap(), is_detailed=is_detailed)
        ending.end()
        yield CloseResource(ending)
        return result

    def read_items(self, handle: _ObservedStream) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream, and report them, and its end."""
        call, ending = handle.call, handle.ending
        try:
            items = yield from self.inner.read_items(handle.inner)
        except Exception as error:
            call.error = error
            ending.end()
            raise
        if self._is_detailed:
            call.last_seen = yield GetTime()
        for item in items:
            if isinstance(item, Success):
                call.add_value(item.unwrap(), is_detailed=self._is_detailed)
                self._observer.add_item(call)
            else:
                call.error = item.failure()
        if not items or call.error is not None:
            ending.end()
            yield CloseResource(ending)
        return items


class ObservedConnector:
    """The connector of a live session, whose connections are reported as calls; their messages are the items."""

    def __init__(self, live: Live[Any], inner: "Connector", observer: CallObserver) -> None:
        self._live = live
        self._inner = inner
        self._observer = observer
        self._call: ObservedCall | None = None

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Encode a client message."""
        return self._inner.encode(frame)

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Decode a server message, and report it."""
        result = self._inner.decode(data)
        call = self._call
        if call is not None:
            call.last_seen = _get_current_time()
            if isinstance(result, Success):
                if call.first_item is None:
                    call.first_item = call.duration
                call.add_value(result.unwrap(), is_detailed=self._observer.is_detailed)
                self._observer.add_item(call)
            else:
                call.error = result.failure()
        return result

    @asynccontextmanager
    async def connect(self, handle: str | None) -> "AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]":
        """Connect, and report the connection from its start to its end."""
        call = ObservedCall(self._live, _get_current_time(), is_stream=True)
        self._observer.start_call(call)
        ending = _Ending(call, self._observer)
        try:
            async with self._inner.connect(handle) as connected:
                call.attempts = 1
                call.last_seen = _get_current_time()
                if isinstance(connected, EffectFailed):
                    call.error = connected.error
                else:
                    self._call = call
                yield connected
        except Exception as error:
            call.error = call.error or error
            raise
        finally:
            self._call = None
            call.last_seen = _get_current_time()
            ending.end()


def _get_current_time() -> float:
    import anyio  # noqa: PLC0415  # a live session has loaded it

    return anyio.current_time()
