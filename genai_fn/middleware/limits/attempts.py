"""
Runs each attempt of a request through a gate.

The handler sees a request, its result and the items of its stream, so that it knows the tokens that were used. The
transport below it sees the attempts, so that retries and the attempts of inner middleware pass the gate, too.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.effects import CloseResource, EffectFailed, Effects, GetTime, OpenResponse, ReadChunk, SendRequest
from genai_fn.engine.handler import RequestHandler, RequestRunner
from genai_fn.engine.transport import send_through
from genai_fn.errors import APIError, GenaiError, QuotaExceeded, TimedOut, TransportError
from genai_fn.http import HttpResponse
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.middleware.deadlines import compute_request_deadline
from genai_fn.middleware.limits.advice import read_advice
from genai_fn.middleware.limits.costs import read_used_tokens
from genai_fn.middleware.limits.days import compute_seconds_to_midnight
from genai_fn.middleware.limits.gate import Gate
from genai_fn.middleware.limits.tickets import AttemptTicket, Cost
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire import build_api_error
from genai_fn.wire.decompress import Decompressor

T = TypeVar("T")

RequestPricer: TypeAlias = Callable[[Request[Any]], Cost | None]
"""Computes the cost of an attempt of a request; None lets the request bypass the gate."""


class GatedHandler(HandlerWrapper):
    """Lets each attempt of the requests that have a cost pass a gate."""

    def __init__(self, inner: RequestHandler, get_gate: Callable[[], Gate], compute_cost: RequestPricer) -> None:
        super().__init__(inner)
        self._get_gate = get_gate
        self._compute_cost = compute_cost

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request, each of its attempts once it passes."""
        cost = self._compute_cost(request)
        run = self.inner.handle
        return run(request, until) if cost is None else self._run(request, until, cost, run, is_stream=False)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream; its attempt is in flight until its end."""
        cost = self._compute_cost(request)
        run = self.inner.open_stream
        return run(request, until) if cost is None else self._run(request, until, cost, run, is_stream=True)

    def _run(
        self, request: Request[Any], until: float, cost: Cost, run: RequestRunner, *, is_stream: bool
    ) -> Effects[Result[Any, GenaiError]]:
        until = yield from compute_request_deadline(request, until)
        attempts = _GatedTransport(self._get_gate(), cost, until)
        try:
            result = yield from send_through(run(request, until), attempts)
        except Exception:
            yield from attempts.release_all()  # the program may handle it, and go on
            raise
        if is_stream and isinstance(result, Success):
            return Success(_GatedStream(result.unwrap(), attempts))
        if attempts.are_open or not isinstance(result, Success):
            yield from attempts.finish(result)
        return result

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream."""
        return self._read_items(handle) if isinstance(handle, _GatedStream) else self.inner.read_items(handle)

    def _read_items(self, handle: "_GatedStream") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        try:
            items = yield from self.inner.read_items(handle.inner)
        except Exception:
            yield from handle.attempts.release_all()
            raise
        for item in items:
            handle.attempts.note_usage(item)
        if not items or isinstance(items[-1], Failure):
            yield from handle.attempts.finish(items[-1] if items else None)
        return items


class _GatedStream(Value):
    """The handle of a stream whose attempt has passed a gate."""

    inner: Any
    attempts: "_GatedTransport"


class _Attempt:
    """An attempt that is followed: its ticket, its response, and the body of a 429, which advises how long to wait."""

    __slots__ = ("body", "response", "ticket")

    def __init__(self, ticket: AttemptTicket, response: OpenResponse) -> None:
        self.ticket = ticket
        self.response = response
        self.body: bytearray | None = bytearray() if response.status == _TOO_MANY_REQUESTS else None


class _GatedTransport:
    """The transport of one request. Hedging and fallbacks below may send several attempts at once."""

    def __init__(self, gate: Gate, cost: Cost, until: float) -> None:
        self._gate = gate
        self._cost = cost
        self._until = until
        self._attempts: dict[int, _Attempt] = {}  # by the id of their response; those that are followed to its end
        self._last: AttemptTicket | None = None
        self._used_tokens: int | None = None

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Send a request once it passes the gate."""
        gate = self._gate
        ticket = AttemptTicket(gate, self._cost)
        response: OpenResponse | EffectFailed
        try:
            if gate.is_bounded or not gate.pass_at_once(ticket, (yield GetTime())):
                error = yield from gate.acquire(ticket, min(request.deadline, self._until))
                if error is not None:
                    yield from gate.release(ticket)
                    return EffectFailed(error)
            response = yield request
        except Exception:
            if ticket.is_registered:
                yield from gate.release(ticket)
            raise
        if isinstance(response, EffectFailed):
            if _is_unsent(response.error):
                gate.refund(ticket)
            gate.observe(ticket, is_overloaded=_is_sent_in_vain(response.error))
            if ticket.is_registered:
                yield from gate.release(ticket)
            return response
        self._last = ticket
        if ticket.is_registered or response.status == _TOO_MANY_REQUESTS:
            gate.observe(ticket, is_overloaded=response.status in _OVERLOADED)
            self._attempts[id(response)] = _Attempt(ticket, response)
        if gate.day is not None and not gate.day.has_exact_end:
            yield from self._set_end_of_day(response)
        return response

    def _set_end_of_day(self, response: OpenResponse) -> Effects[None]:
        seconds = compute_seconds_to_midnight(response.headers)
        if seconds is not None:
            now: float = yield GetTime()
            self._gate.set_end_of_day(now + seconds)

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Read the next chunk; at its end, the attempt is no longer in flight."""
        data: bytes | EffectFailed = yield chunk
        attempt = self._attempts.get(id(chunk.response))
        if attempt is None:
            return data
        if attempt.body is not None and isinstance(data, bytes) and len(attempt.body) < _MAX_ADVICE_BYTES:
            attempt.body += data
        if not data or isinstance(data, EffectFailed):
            del self._attempts[id(chunk.response)]
            if attempt.body:
                yield from self._apply_advice(_parse_error(attempt.response, bytes(attempt.body)))
                self._last = None
            elif isinstance(data, EffectFailed):
                self._gate.observe(attempt.ticket, is_overloaded=_is_sent_in_vain(data.error))
            if attempt.ticket.is_registered:
                yield from self._gate.release(attempt.ticket)
        return data

    def close_response(self, effect: CloseResource) -> Effects[Any] | None:
        """Close a response that was not read to its end: it is not in flight any more."""
        attempt = self._attempts.pop(id(effect.resource), None)
        return None if attempt is None else self._close_attempt(effect, attempt)

    def _close_attempt(self, effect: CloseResource, attempt: _Attempt) -> Effects[None]:
        yield effect
        if attempt.ticket.is_registered:
            yield from self._gate.release(attempt.ticket)

    def note_usage(self, result: Result[Any, GenaiError]) -> None:
        """Remember the usage of a response, or of a chunk of a stream, where the last one counts."""
        if self._gate.tokens is not None and isinstance(result, Success):
            used = read_used_tokens(result.unwrap())
            self._used_tokens = self._used_tokens if used is None else used

    @property
    def are_open(self) -> bool:
        """Whether `finish` has something to do after a success: to correct tokens, or to release attempts."""
        return self._gate.tokens is not None or bool(self._attempts)

    def finish(self, result: Result[Any, GenaiError] | None) -> Effects[None]:
        """Apply the outcome of the request or stream, and release the attempts that are still in flight."""
        last = self._last
        if result is not None and last is not None:
            self.note_usage(result)
            error = None if isinstance(result, Success) else result.failure()
            if isinstance(error, APIError):
                yield from self._apply_advice(error)
        if self._used_tokens is not None and last is not None:
            now: float = (yield GetTime()) if self._used_tokens > self._cost.tokens else 0.0
            self._gate.settle(last, self._used_tokens, now)
        yield from self.release_all()

    def release_all(self) -> Effects[None]:
        """Release the attempts that are still in flight."""
        while self._attempts:
            ticket = self._attempts.popitem()[1].ticket
            if ticket.is_registered:
                yield from self._gate.release(ticket)

    def _apply_advice(self, error: APIError) -> Effects[None]:
        advice = read_advice(error)
        if advice is not None:
            now: float = yield GetTime()
            self._gate.apply_advice(advice, self._cost.model, now)


_TOO_MANY_REQUESTS = 429
_OVERLOADED = (_TOO_MANY_REQUESTS, 503)
_MAX_ADVICE_BYTES = 64 * 1024


def _is_sent_in_vain(error: GenaiError) -> bool:
    """Whether a request was sent, and no answer came in time."""
    return isinstance(error, TimedOut) and error.sent


def _is_unsent(error: GenaiError) -> bool:
    """Whether not a byte was sent, so that no server counts the attempt."""
    return isinstance(error, QuotaExceeded) or (isinstance(error, TransportError) and not getattr(error, "sent", True))


def _parse_error(response: OpenResponse, body: bytes) -> APIError:
    decompressor = Decompressor(response.headers, _MAX_ADVICE_BYTES)
    text = decompressor.feed(body)
    return build_api_error(HttpResponse(response.status, response.headers, text if isinstance(text, bytes) else b""))
