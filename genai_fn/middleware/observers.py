"""Observes calls, for logs, budgets and traces: requests with their attempts and items, and live connections."""

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import CloseResource, EffectFailed, Effects, GetTime, OpenResource, OpenResponse, SendRequest
from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.transport import EffectTransport, send_through
from genai_fn.errors import GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.request import Live, Request
from genai_fn.schema.usage import Usage, get_usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from genai_fn.interpreters.live.sockets import Connector, MessageSocket  # loaded with anyio, at the first session

__all__ = ["CallObserver", "ObservedCall", "ObservedConnector", "ObservingHandler", "get_model_name"]

T = TypeVar("T")


class ObservedCall:
    """What is known of one call so far: a request with its attempts, or a connection of a live session."""

    __slots__ = (
        *("attempts", "error", "finish_reasons", "first_item", "is_left", "is_stream", "item_count"),
        *("last_seen", "last_value", "request", "started", "state", "status", "url", "usage"),
    )

    def __init__(self, request: Request[Any] | Live[Any], now: float, *, is_stream: bool) -> None:
        self.request = request
        self.is_stream = is_stream
        self.started = self.last_seen = now
        self.first_item: float | None = None
        """Seconds from the start to the first item of a stream."""
        self.attempts = 0
        self.item_count = 0
        self.status: int | None = None
        """HTTP status of the last attempt; None if it had none."""
        self.url = ""
        """URL of the last attempt, which may contain credentials."""
        self.error: BaseException | None = None
        self.is_left = False
        """Whether it has ended without a result: it was cancelled, or its stream left early."""
        self.finish_reasons: tuple[str, ...] = ()
        self.usage: Usage | None = None
        self.last_value: Any = None
        """The answer; of a stream, its last item."""
        self.state: Any = None
        """What the observer keeps for this call."""

    @property
    def operation(self) -> str:
        """The name of the operation, such as ``generate``."""
        return self.request.operation.op

    @property
    def model(self) -> str | None:
        """The model, without the prefixes of its resource name."""
        return get_model_name(self.request)

    @property
    def duration(self) -> float:
        """Seconds until the end; of a call that was cancelled, until what was seen last."""
        return self.last_seen - self.started

    def add_value(self, value: object) -> None:
        """Record a whole answer, or an item of a stream: the last usage and the finish reasons count."""
        self.item_count += 1
        self.last_value = value
        self.usage = get_usage(value) or self.usage
        candidates: Any = getattr(getattr(value, "value", value), "candidates", None)
        reasons = tuple(str(each.finish_reason) for each in candidates or () if each.finish_reason is not None)
        self.finish_reasons = reasons or self.finish_reasons


def get_model_name(request: Request[Any] | Live[Any]) -> str | None:
    """Return the model of a request without ``models/`` and the like; None if its operation has none."""
    operation: Any = request.operation
    model: object = getattr(operation, "model", None) or getattr(operation, "base_model", None)
    return model.rpartition("/")[2] if isinstance(model, str) else None


class CallObserver(Protocol):
    """Observes calls. Its methods may be called from any thread; what they raise ends the call."""

    @property
    def is_detailed(self) -> bool:
        """Whether attempts are counted and reported, and times read; without, a call costs less."""
        ...

    def start_call(self, call: ObservedCall) -> GenaiError | None:
        """Start a call, before anything is sent; an error refuses it."""
        ...

    def start_attempt(self, call: ObservedCall) -> None:
        """Record that an attempt starts."""
        ...

    def end_attempt(self, call: ObservedCall, outcome: OpenResponse | EffectFailed) -> None:
        """Record that an attempt was answered, or has failed."""
        ...

    def add_item(self, call: ObservedCall) -> None:
        """Record an item of a stream, which is the call's `last_value`."""
        ...

    def end_call(self, call: ObservedCall) -> None:
        """End a call; it is called once, whether the call succeeds, fails, is cancelled, or is left early."""
        ...


class _Ending:
    """Ends a call once. As a resource of the executor it does so, too, if a stream is left early."""

    def __init__(self, call: ObservedCall, observer: CallObserver) -> None:
        self._call: list[ObservedCall] = [call]
        self._observer = observer

    def end(self, *, is_left: bool = False) -> None:
        """End the call, unless it has ended; from any thread."""
        try:
            call = self._call.pop()
        except IndexError:
            return
        call.is_left = is_left
        self._observer.end_call(call)

    def discard(self) -> None:
        """Forget the call, which has not started."""
        self._call.clear()

    def close(self) -> None:
        self.end(is_left=True)

    def abort(self) -> None:
        self.end(is_left=True)

    async def aclose(self) -> None:
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

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request, and report its end."""
        call = ObservedCall(request, (yield from self._get_time()), is_stream=False)
        ending = _Ending(call, self._observer)
        refusal = yield from self._start(call, ending)
        if refusal is not None:
            return Failure(refusal)
        result = yield from self._watch(self.inner.handle(request, until), call, ending)
        call.last_seen = yield from self._get_time()
        if isinstance(result, Success):
            call.add_value(result.unwrap())
        else:
            call.error = result.failure()
        ending.end()
        yield CloseResource(ending)
        return result

    def _start(self, call: ObservedCall, ending: _Ending) -> Effects[GenaiError | None]:
        """Report the start of a call; return the error with which the observer refuses it."""
        yield OpenResource(ending)
        refusal = self._observer.start_call(call)
        if refusal is not None:
            ending.discard()
            yield CloseResource(ending)
        return refusal

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a stream, and report the failure to do so."""
        call = ObservedCall(request, (yield from self._get_time()), is_stream=True)
        ending = _Ending(call, self._observer)
        refusal = yield from self._start(call, ending)
        if refusal is not None:
            return Failure(refusal)
        result = yield from self._watch(self.inner.open_stream(request, until), call, ending)
        call.last_seen = yield from self._get_time()
        if isinstance(result, Success):
            call.first_item = call.duration  # it has arrived, as that opens a stream
            return Success(_ObservedStream(result.unwrap(), call, ending))
        call.error = result.failure()
        ending.end()
        yield CloseResource(ending)
        return result

    def read_items(self, handle: _ObservedStream) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream, and report them, and its end."""
        call, ending = handle.call, handle.ending
        items = yield from self._watch_errors(self.inner.read_items(handle.inner), call, ending)
        call.last_seen = yield from self._get_time()
        for item in items:
            if isinstance(item, Success):
                call.add_value(item.unwrap())
                self._observer.add_item(call)
            else:
                call.error = item.failure()
        if not items or call.error is not None:
            ending.end()
            yield CloseResource(ending)
        return items

    def _get_time(self) -> Effects[float]:
        return (yield GetTime()) if self._observer.is_detailed else 0.0

    def _watch(self, effects: Effects[T], call: ObservedCall, ending: _Ending) -> Effects[T]:
        if self._observer.is_detailed:
            effects = send_through(effects, _AttemptCounter(call, self._observer))
        return self._watch_errors(effects, call, ending)

    def _watch_errors(self, effects: Effects[T], call: ObservedCall, ending: _Ending) -> Effects[T]:
        try:
            return (yield from effects)
        except Exception as error:
            call.error = error
            ending.end()
            raise


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
                call.add_value(result.unwrap())
                self._observer.add_item(call)
            else:
                call.error = result.failure()
        return result

    def connect(self, handle: str | None) -> "AbstractAsyncContextManager[tuple[MessageSocket, Any] | EffectFailed]":
        """Connect, and report the connection from its start to its end."""
        return self._connect(handle)

    @asynccontextmanager
    async def _connect(self, handle: str | None) -> "AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]":
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
