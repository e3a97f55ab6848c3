"""
The engine's heart: how one request becomes its result over HTTP, as effects: encode, sign, open, read, retry, decode.

It is written once; drivers perform its effects in their worlds. `Exchange` is the seam where a fake takes its place:
the fake answers the same three questions without HTTP.
"""

import dataclasses
import functools
from collections.abc import Callable
from math import inf
from typing import Any, Protocol, TypeAlias, TypeVar

from returns.result import Failure, Result, Success

from genai_fn import effects
from genai_fn.backend import (
    NO_CREDENTIALS_MESSAGE,
    Backend,
    Credential,
    Gemini,
    build_own_credential,
    complete_project,
    extract_origin,
)
from genai_fn.effects import (
    CloseResource,
    EffectFailed,
    Effects,
    GetRandom,
    GetTime,
    GetToken,
    Notify,
    ReadChunk,
    SendRequest,
    Sleep,
)
from genai_fn.errors import AuthError, DecodeError, GenaiError, TimedOut
from genai_fn.events import Event, Failed, Responded, Retrying, Sending
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.masking import Masker
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Request, ResponseReader
from genai_fn.retry import compute_delay, is_retryable, is_stale_connection
from genai_fn.values import Value
from genai_fn.wire import (
    PreparedRequest,
    apply_address_options,
    build_api_error,
    decode_event,
    decode_response,
    parse_unframed_text,
    prepare_request,
    sign_request,
)
from genai_fn.wire.decompress import Decompressor
from genai_fn.wire.resume import build_range_request, count_repeated_bytes
from genai_fn.wire.sse import EventParser

__all__ = ["HttpHandler", "RefusingHandler", "RequestHandler", "fetch_response", "find_credential_problem"]

T = TypeVar("T")


class RequestHandler(Protocol):
    """What stands between requests and their results: HTTP, or what takes its place."""

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end; `until` is when all must be over."""
        ...

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream, up to its first item; answers a handle for `following`."""
        ...

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since; ``()`` at the end."""
        ...


class RefusingHandler(Value):
    """Fails every request with the same error, such as the reason why there is no backend."""

    error: GenaiError

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # a handler's
        """Return the error."""
        yield from ()
        return Failure(self.error)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # a handler's
        """Return the error."""
        yield from ()
        return Failure(self.error)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:  # noqa: ARG002  # no stream ever opens
        """Return the end of a stream."""
        yield from ()
        return ()


class HttpHandler(Value, kw_only=True, dict=True):
    """The real one: a backend, and how calls are made unless a request says otherwise."""

    backend: Backend
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    max_response_bytes: int = 256 * 1024 * 1024
    has_listener: bool = False

    @functools.cached_property
    def own_credential(self) -> Credential | None:
        """What the backend itself holds, made out once and not for each call."""
        return build_own_credential(self.backend)

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        return self._run_attempts(request, until, _attempt_whole)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream, up to its first item."""
        return self._run_attempts(request, until, _attempt_stream)

    def read_items(self, handle: "_OpenStream") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since."""
        if not handle.pending_items and not handle.is_over:
            yield from _read_until_item(handle, handle.terms.until, handle.terms.timeouts.idle)
        items, handle.pending_items = handle.pending_items, []
        if items and isinstance(items[-1], Failure):  # only the last item can be one
            items[-1] = handle.masker.mask_result(items[-1])
        return tuple(items)

    def _run_attempts(
        self, request: Request[Any], until: float, way: "_AttemptRunner"
    ) -> Effects[Result[Any, GenaiError]]:
        terms = self._build_call_settings(request, (yield GetTime()), until)
        anew = not (terms.repeatable or request.operation.resumable)
        attempt, fresh = 1, anew
        while True:
            had = yield from self._prepare_signed_request(request, terms)
            if isinstance(had, GenaiError):
                told, outcome = None, _AttemptResult(Failure(had))
            else:
                prepared, signed = had
                told = prepared.http if self.has_listener else None
                if told is not None:
                    yield Notify(Sending(told, attempt))
                outcome = yield from way(
                    prepared, SendRequest(signed, terms.deadline, terms.timeouts.connect, fresh), terms
                )
                if not outcome.is_success:
                    outcome = outcome.mask(Masker(signed.headers))
            if outcome.is_success:
                return outcome.result
            error = outcome.result.failure()
            if not fresh and is_stale_connection(error, reused=outcome.was_reused, repeatable=terms.repeatable):
                fresh = True
                continue
            wait = yield from _compute_retry_wait(outcome, attempt, terms)
            if told is not None:
                yield Notify(_build_failure_event(told, error, wait))
            if wait is None:
                return outcome.result
            yield Sleep(wait)
            attempt, fresh = attempt + 1, anew

    def _build_call_settings(self, request: Request[Any], now: float, until: float) -> "_CallSettings":
        options = request.options
        timeouts = options.timeouts or self.timeouts
        over = until if options.deadline is None else min(until, now + options.deadline)
        return _CallSettings(
            timeouts=timeouts,
            retry=options.retry or self.retry,
            deadline=min(over, now + timeouts.total),
            until=over,
            repeatable=request.operation.repeatable,
            max_response_bytes=self.max_response_bytes,
            has_listener=self.has_listener,
        )

    def _prepare_signed_request(
        self, request: Request[T], terms: "_CallSettings"
    ) -> Effects[tuple[PreparedRequest[T], HttpRequest] | GenaiError]:
        """Say who calls, then write the request: only with a token may the project be known."""
        backend, options = self.backend, request.options
        problem = find_credential_problem(backend)
        if problem is not None:
            return problem
        addressee = apply_address_options(backend, options)
        credential = self.own_credential if addressee is backend else build_own_credential(addressee)
        if credential is None:
            had: Credential | EffectFailed = yield GetToken(terms.deadline)
            if isinstance(had, EffectFailed):
                return had.error
            completed = complete_project(backend, had)
            if isinstance(completed, Failure):
                failed: GenaiError = completed.failure()
                return failed
            backend = completed.unwrap()
            credential = dataclasses.replace(had, origin=extract_origin(apply_address_options(backend, options).root))
        prepared = prepare_request(request, backend)
        if isinstance(prepared, Failure):
            error: GenaiError = prepared.failure()
            return error
        value = prepared.unwrap()
        return value, sign_request(value.http, credential)


def find_credential_problem(backend: Backend) -> AuthError | None:
    """Refuse to call as nobody, or with a token that is good for Live alone."""
    if not isinstance(backend, Gemini):
        return None
    if backend.api_key is None:
        return None if backend.headers else AuthError(NO_CREDENTIALS_MESSAGE)
    if backend.is_ephemeral:
        return AuthError(
            "an ephemeral token (auth_tokens/…) opens Live sessions and nothing else; give an API key, or use Offline()"
        )
    return None


class _CallSettings(Value, kw_only=True):
    """What one request is held to; `until` bounds what comes after the first item of a stream."""

    timeouts: Timeouts
    retry: Retry
    deadline: float
    until: float
    repeatable: bool
    max_response_bytes: int
    has_listener: bool


class _AttemptResult(Value):
    """How an attempt ended; once a good answer `has_begun`, it is not tried again."""

    result: Result[Any, GenaiError]
    has_started: bool = False
    was_reused: bool = False

    @property
    def is_success(self) -> bool:
        return isinstance(self.result, Success)

    def mask(self, masker: Masker) -> "_AttemptResult":
        """Mask the credential in what failed: servers echo it."""
        return _AttemptResult(masker.mask_result(self.result), self.has_started, self.was_reused)


_AttemptRunner: TypeAlias = Callable[[PreparedRequest[Any], SendRequest, _CallSettings], Effects[_AttemptResult]]


def _compute_retry_wait(outcome: _AttemptResult, attempt: int, terms: _CallSettings) -> Effects[float | None]:
    """Say how long to wait for the next attempt; None if there is none, or it would come too late."""
    error = outcome.result.failure()
    if outcome.has_started or not is_retryable(error, terms.retry, repeatable=terms.repeatable):
        return None
    seconds = compute_delay(error, attempt, terms.retry, (yield GetRandom()))
    now: float = yield GetTime()
    return None if seconds is None or now + seconds >= terms.deadline else seconds


def _build_failure_event(http: HttpRequest, error: GenaiError, wait: float | None) -> Event:
    return Failed(http, error) if wait is None else Retrying(http, error, wait)


# One attempt, whole


def _attempt_whole(prepared: PreparedRequest[Any], asked: SendRequest, terms: _CallSettings) -> Effects[_AttemptResult]:
    opened: effects.OpenResponse | EffectFailed = yield asked
    if isinstance(opened, EffectFailed):
        return _AttemptResult(Failure(opened.error), was_reused=opened.was_reused)
    if terms.has_listener:
        yield Notify(Responded(prepared.http, opened.status))
    source = _get_resume_source(prepared, asked, terms)
    response = yield from _read_response(opened, terms.deadline, terms.timeouts.idle, terms.max_response_bytes, source)
    if isinstance(response, GenaiError):
        return _AttemptResult(Failure(response), has_started=opened.status < 300)
    return _AttemptResult(decode_response(prepared.reader, response))


def _read_response(
    opened: effects.OpenResponse, deadline: float, idle: float, most: int, source: "_ResumeSource | None" = None
) -> Effects[HttpResponse | GenaiError]:
    """Read a body to its end, inflated, bounded."""
    inflater = Decompressor(opened.headers, most)
    pieces: list[bytes] = []
    first = opened
    while True:
        piece: bytes | EffectFailed = yield ReadChunk(opened, deadline, idle)
        if isinstance(piece, EffectFailed) and source is not None:
            cut = _Interruption(first, opened, sum(map(len, pieces)), piece)
            opened, piece = yield from _resume_body(source, cut, deadline, idle)
        if isinstance(piece, EffectFailed):
            yield CloseResource(opened)  # its lane is needed for the next attempt
            return piece.error
        inflated = inflater.feed(piece) if piece else inflater.finish()
        if isinstance(inflated, DecodeError):
            yield CloseResource(opened)
            return inflated
        if inflated:
            pieces.append(inflated)
        if not piece:
            yield CloseResource(opened)
            return HttpResponse(first.status, first.headers, pieces[0] if len(pieces) == 1 else b"".join(pieces))


def fetch_response(request: HttpRequest, deadline: float) -> Effects[HttpResponse | EffectFailed]:
    """Send one request as it is, and read its whole answer: what getting a token takes."""
    opened: effects.OpenResponse | EffectFailed = yield SendRequest(request, deadline, inf, needs_new_connection=False)
    if isinstance(opened, EffectFailed):
        return opened
    response = yield from _read_response(opened, deadline, inf, _MAX_TOKEN_RESPONSE_BYTES)
    return EffectFailed(response) if isinstance(response, GenaiError) else response


_MAX_TOKEN_RESPONSE_BYTES = 1024 * 1024


# One attempt, as a stream


class _OpenStream:
    """A server stream under way: what has come and was not taken yet, and whether more can."""

    __slots__ = (
        *("events", "first_response", "head", "inflater", "is_over", "masker", "pending_items"),
        *("reader", "received", "response", "resume_source", "terms"),
    )

    def __init__(
        self,
        exchange: effects.OpenResponse,
        answer: ResponseReader[Any],
        terms: _CallSettings,
        source: "_ResumeSource | None",
        masker: Masker,
    ) -> None:
        self.response = self.first_response = exchange
        self.masker = masker
        self.reader = answer
        self.resume_source = source
        self.received = 0  # of what can be gone on with
        self.terms = terms
        self.inflater = Decompressor(exchange.headers, inf)
        self.events = EventParser()
        self.head: bytes | None = b""  # of what has come, until the first event
        self.pending_items: list[Result[Any, GenaiError]] = []
        self.is_over = False


def _attempt_stream(
    prepared: PreparedRequest[Any], asked: SendRequest, terms: _CallSettings
) -> Effects[_AttemptResult]:
    opened: effects.OpenResponse | EffectFailed = yield asked
    if isinstance(opened, EffectFailed):
        return _AttemptResult(Failure(opened.error), was_reused=opened.was_reused)
    if terms.has_listener:
        yield Notify(Responded(prepared.http, opened.status))
    if not 200 <= opened.status < 300:
        response = yield from _read_response(opened, terms.deadline, terms.timeouts.idle, terms.max_response_bytes)
        return _AttemptResult(Failure(response if isinstance(response, GenaiError) else build_api_error(response)))
    source = _get_resume_source(prepared, asked, terms)
    handle = _OpenStream(opened, prepared.reader, terms, source, Masker(asked.request.headers))
    yield from _read_until_item(handle, terms.deadline, inf)
    first = next(iter(handle.pending_items), None)  # an empty body has none
    if isinstance(first, Failure):
        return _AttemptResult(first, has_started=isinstance(first.failure(), DecodeError))
    return _AttemptResult(Success(handle))


def _read_until_item(handle: _OpenStream, deadline: float, idle: float) -> Effects[None]:
    """Read until something is waiting, or the stream is over."""
    while not handle.pending_items and not handle.is_over:
        piece: bytes | EffectFailed = yield ReadChunk(handle.response, deadline, idle)
        if isinstance(piece, EffectFailed) and handle.resume_source is not None and handle.received:
            cut = _Interruption(handle.first_response, handle.response, handle.received, piece)
            handle.response, piece = yield from _resume_body(handle.resume_source, cut, deadline, idle)
        if isinstance(piece, EffectFailed):
            handle.is_over = True
            handle.pending_items.append(Failure(piece.error))
        else:
            _parse_chunk(handle, piece)
    if handle.is_over:
        yield CloseResource(handle.response)


def _parse_chunk(handle: _OpenStream, piece: bytes) -> None:
    inflated = handle.inflater.feed(piece) if piece else handle.inflater.finish()
    if isinstance(inflated, DecodeError):
        handle.is_over = True
        handle.pending_items.append(Failure(inflated))
        return
    if handle.reader.wire_type is bytes:
        handle.is_over = not piece
        handle.received += len(piece)
        if inflated:
            handle.pending_items.append(Success(inflated))
        return
    events = handle.events.feed(inflated) if piece else handle.events.finish()
    found = [data for data in events if data and not data.isspace()]  # an event of nothing keeps the connection alive
    if handle.head is not None:
        handle.head = None if found else (handle.head + inflated)[:_MAX_ERROR_TEXT_BYTES]
    stray = found.pop() if handle.events.has_unframed_text else None
    for data in found:
        item = decode_event(handle.reader, data, handle.response.headers)
        handle.pending_items.append(item)
        if isinstance(item, Failure):
            handle.is_over = True
            return
    if stray is not None:
        handle.is_over = True
        handle.pending_items.append(Failure(parse_unframed_text(stray, handle.response.headers)))
        return
    if handle.events.buffered_bytes > handle.terms.max_response_bytes:
        handle.pending_items.append(
            Failure(DecodeError(f"an event of at most {handle.terms.max_response_bytes} bytes"))
        )
        handle.is_over = True
    elif not piece:
        handle.is_over = True
        if handle.head is not None:
            text = handle.head.decode("utf-8", "replace")
            handle.pending_items.append(Failure(DecodeError("server-sent events", "", text)))


_MAX_ERROR_TEXT_BYTES = 2000


# A body that broke off


class _ResumeSource(Value):
    """What a body that may be gone on with was asked of."""

    http: HttpRequest
    send_effect: SendRequest
    terms: _CallSettings


def _get_resume_source(
    prepared: PreparedRequest[Any], asked: SendRequest, terms: _CallSettings
) -> _ResumeSource | None:
    """Only what is no JSON and no events is gone on with: that is the same tomorrow."""
    return _ResumeSource(prepared.http, asked, terms) if prepared.reader.wire_type in (HttpResponse, bytes) else None


class _Interruption(Value):
    """Where a body broke off: the exchange that it began with, the one that it broke off in, and how far it was."""

    first_response: effects.OpenResponse
    last_response: effects.OpenResponse
    received: int
    failure: EffectFailed


def _resume_body(
    source: _ResumeSource, cut: _Interruption, deadline: float, idle: float
) -> Effects[tuple[effects.OpenResponse, bytes | EffectFailed]]:
    """Give what the rest is read from, and its first piece; or what was lost, once so many attempts brought nothing."""
    terms = source.terms
    request = (
        build_range_request(source.send_effect.request, cut.first_response.headers, cut.received)
        if cut.first_response.status == 200
        else None
    )
    if request is None:
        return cut.last_response, cut.failure
    yield CloseResource(cut.last_response)
    error, attempt = cut.failure.error, 1
    while is_retryable(error, terms.retry, repeatable=True) or (isinstance(error, TimedOut) and error.phase == "idle"):
        seconds = compute_delay(error, attempt, terms.retry, (yield GetRandom()))
        now: float = yield GetTime()
        if seconds is None or now + seconds >= deadline:
            break
        if terms.has_listener:
            yield Notify(Retrying(source.http, Masker(source.send_effect.request.headers).mask_error(error), seconds))
        yield Sleep(seconds)
        over = min(deadline, now + seconds + terms.timeouts.total)
        opened: effects.OpenResponse | EffectFailed = yield SendRequest(request, over, terms.timeouts.connect)
        attempt += 1
        if isinstance(opened, EffectFailed):
            error = opened.error
            continue
        piece = yield from _read_first_new_chunk(opened, cut, deadline, idle)
        if not isinstance(piece, EffectFailed):
            return opened, piece
        yield CloseResource(opened)
        error = piece.error
    return cut.last_response, cut.failure


def _read_first_new_chunk(
    opened: effects.OpenResponse, cut: _Interruption, deadline: float, idle: float
) -> Effects[bytes | EffectFailed]:
    """Read on to the first piece that is new."""
    here = count_repeated_bytes(cut.first_response.headers, opened.status, opened.headers, cut.received)
    if here is None:
        return EffectFailed(build_api_error(HttpResponse(opened.status, opened.headers)))
    while True:
        piece: bytes | EffectFailed = yield ReadChunk(opened, deadline, idle)
        if isinstance(piece, EffectFailed) or len(piece) > here or not piece:
            break
        here -= len(piece)
    if isinstance(piece, EffectFailed):
        return piece
    return piece[here:] if piece or not here else EffectFailed(DecodeError("the same body again"))
