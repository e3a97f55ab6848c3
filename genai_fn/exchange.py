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
from genai_fn.backend import NO_KEY, Backend, Credential, Gemini, complete_project, origin, own_credential
from genai_fn.effects import Close, Effects, Lost, Now, Open, Random, Read, Sleep, Tell, Token
from genai_fn.errors import AuthError, DecodeError, GenaiError, TimedOut
from genai_fn.events import Answered, Event, Failed, Retrying, Sending
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.inflate import Inflater
from genai_fn.masking import Masker
from genai_fn.options import Retry, Timeouts
from genai_fn.ranges import already_here, rest_of
from genai_fn.request import Answer, Request
from genai_fn.retry import delay, is_lost_in_reuse, is_worth_repeating
from genai_fn.schema._base import Value
from genai_fn.sse import Events
from genai_fn.wire import Prepared, addressed, api_error, prepare, read, read_event, read_stray, sign

__all__ = ["Exchange", "HttpExchange", "fetched", "nobody"]

T = TypeVar("T")


class Exchange(Protocol):
    """What stands between requests and their results: HTTP, or what takes its place."""

    def ask(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end; `until` is when all must be over."""
        ...

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream, up to its first item; answers a handle for `following`."""
        ...

    def following(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since; ``()`` at the end."""
        ...


class HttpExchange(Value, kw_only=True, dict=True):
    """The real one: a backend, and how calls are made unless a request says otherwise."""

    backend: Backend
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    max_response_bytes: int = 256 * 1024 * 1024
    tells: bool = False

    @functools.cached_property
    def own(self) -> Credential | None:
        """What the backend itself holds, made out once and not for each call."""
        return own_credential(self.backend)

    def ask(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        return self._tried(request, until, _whole)

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Begin a server stream, up to its first item."""
        return self._tried(request, until, _begun)

    def following(self, handle: "_Listening") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the items that have come since."""
        if not handle.waiting and not handle.is_over:
            yield from _heard(handle, handle.terms.until, handle.terms.timeouts.idle)
        items, handle.waiting = tuple(map(handle.masker.mask_result, handle.waiting)), []
        return items

    def _tried(self, request: Request[Any], until: float, way: "_Way") -> Effects[Result[Any, GenaiError]]:
        terms = self._terms(request, (yield Now()), until)
        anew = not (terms.repeatable or request.operation.resumable)
        attempt, fresh = 1, anew
        while True:
            had = yield from self._ready(request, terms)
            if isinstance(had, GenaiError):
                told, outcome = None, _Outcome(Failure(had))
            else:
                prepared, signed = had
                told = prepared.http if self.tells else None
                if told is not None:
                    yield Tell(Sending(told, attempt))
                outcome = yield from way(prepared, Open(signed, terms.deadline, terms.timeouts.connect, fresh), terms)
                if not outcome.is_success:
                    outcome = outcome.mask(Masker(signed.headers))
            if outcome.is_success:
                return outcome.result
            error = outcome.result.failure()
            if not fresh and is_lost_in_reuse(error, reused=outcome.reused, repeatable=terms.repeatable):
                fresh = True
                continue
            wait = yield from _wait(outcome, attempt, terms)
            if told is not None:
                yield Tell(_news(told, error, wait))
            if wait is None:
                return outcome.result
            yield Sleep(wait)
            attempt, fresh = attempt + 1, anew

    def _terms(self, request: Request[Any], now: float, until: float) -> "_Terms":
        options = request.options
        timeouts = options.timeouts or self.timeouts
        over = until if options.deadline is None else min(until, now + options.deadline)
        return _Terms(
            timeouts=timeouts,
            retry=options.retry or self.retry,
            deadline=min(over, now + timeouts.total),
            until=over,
            repeatable=request.operation.repeatable,
            most=self.max_response_bytes,
            tells=self.tells,
        )

    def _ready(self, request: Request[T], terms: "_Terms") -> Effects[tuple[Prepared[T], HttpRequest] | GenaiError]:
        """Say who calls, then write the request: only with a token may the project be known."""
        backend, options = self.backend, request.options
        problem = nobody(backend)
        if problem is not None:
            return problem
        addressee = addressed(backend, options)
        credential = self.own if addressee is backend else own_credential(addressee)
        if credential is None:
            had: Credential | Lost = yield Token(terms.deadline)
            if isinstance(had, Lost):
                return had.error
            completed = complete_project(backend, had)
            if isinstance(completed, Failure):
                failed: GenaiError = completed.failure()
                return failed
            backend = completed.unwrap()
            credential = dataclasses.replace(had, origin=origin(addressed(backend, options).root))
        prepared = prepare(request, backend)
        if isinstance(prepared, Failure):
            error: GenaiError = prepared.failure()
            return error
        value = prepared.unwrap()
        return value, sign(value.http, credential)


def nobody(backend: Backend) -> AuthError | None:
    """Refuse to call as nobody, or with a token that is good for Live alone."""
    if not isinstance(backend, Gemini):
        return None
    if backend.api_key is None:
        return None if backend.headers else AuthError(NO_KEY)
    if backend.is_ephemeral:
        return AuthError(
            "an ephemeral token (auth_tokens/…) opens Live sessions and nothing else; give an API key, or use Offline()"
        )
    return None


class _Terms(Value, kw_only=True):
    """What one request is held to; `until` bounds what comes after the first item of a stream."""

    timeouts: Timeouts
    retry: Retry
    deadline: float
    until: float
    repeatable: bool
    most: int
    tells: bool


class _Outcome(Value):
    """How an attempt ended; once a good answer `has_begun`, it is not tried again."""

    result: Result[Any, GenaiError]
    has_begun: bool = False
    reused: bool = False

    @property
    def is_success(self) -> bool:
        return isinstance(self.result, Success)

    def mask(self, masker: Masker) -> "_Outcome":
        """Mask the credential in what failed: servers echo it."""
        return _Outcome(masker.mask_result(self.result), self.has_begun, self.reused)


_Way: TypeAlias = Callable[[Prepared[Any], Open, _Terms], Effects[_Outcome]]


def _wait(outcome: _Outcome, attempt: int, terms: _Terms) -> Effects[float | None]:
    """Say how long to wait for the next attempt; None if there is none, or it would come too late."""
    error = outcome.result.failure()
    if outcome.has_begun or not is_worth_repeating(error, repeatable=terms.repeatable):
        return None
    seconds = delay(error, attempt, terms.retry, (yield Random()))
    now: float = yield Now()
    return None if seconds is None or now + seconds >= terms.deadline else seconds


def _news(http: HttpRequest, error: GenaiError, wait: float | None) -> Event:
    return Failed(http, error) if wait is None else Retrying(http, error, wait)


# One attempt, whole


def _whole(prepared: Prepared[Any], asked: Open, terms: _Terms) -> Effects[_Outcome]:
    opened: effects.Exchange | Lost = yield asked
    if isinstance(opened, Lost):
        return _Outcome(Failure(opened.error), reused=opened.reused)
    if terms.tells:
        yield Tell(Answered(prepared.http, opened.status))
    source = _source(prepared, asked, terms)
    response = yield from _response(opened, terms.deadline, terms.timeouts.idle, terms.most, source)
    if isinstance(response, GenaiError):
        return _Outcome(Failure(response), has_begun=opened.status < 300)
    return _Outcome(read(prepared.answer, response))


def _response(
    opened: effects.Exchange, deadline: float, idle: float, most: int, source: "_Source | None" = None
) -> Effects[HttpResponse | GenaiError]:
    """Read a body to its end, inflated, bounded."""
    inflater = Inflater(opened.headers, most)
    pieces: list[bytes] = []
    first = opened
    while True:
        piece: bytes | Lost = yield Read(opened, deadline, idle)
        if isinstance(piece, Lost) and source is not None:
            cut = _Cut(first, opened, sum(map(len, pieces)), piece)
            opened, piece = yield from _gone_on(source, cut, deadline, idle)
        if isinstance(piece, Lost):
            yield Close(opened)  # its lane is needed for the next attempt
            return piece.error
        inflated = inflater.feed(piece) if piece else inflater.finish()
        if isinstance(inflated, DecodeError):
            yield Close(opened)
            return inflated
        if inflated:
            pieces.append(inflated)
        if not piece:
            yield Close(opened)
            return HttpResponse(first.status, first.headers, pieces[0] if len(pieces) == 1 else b"".join(pieces))


def fetched(request: HttpRequest, deadline: float) -> Effects[HttpResponse | Lost]:
    """Send one request as it is, and read its whole answer: what getting a token takes."""
    opened: effects.Exchange | Lost = yield Open(request, deadline, inf, fresh=False)
    if isinstance(opened, Lost):
        return opened
    response = yield from _response(opened, deadline, inf, _MOST_FETCHED)
    return Lost(response) if isinstance(response, GenaiError) else response


_MOST_FETCHED = 1024 * 1024


# One attempt, as a stream


class _Listening:
    """A server stream under way: what has come and was not taken yet, and whether more can."""

    __slots__ = (
        *("answer", "events", "exchange", "first", "head", "inflater", "is_over", "masker"),
        *("received", "source", "terms", "waiting"),
    )

    def __init__(
        self,
        exchange: effects.Exchange,
        answer: Answer[Any],
        terms: _Terms,
        source: "_Source | None",
        masker: Masker,
    ) -> None:
        self.exchange = self.first = exchange
        self.masker = masker
        self.answer = answer
        self.source = source
        self.received = 0  # of what can be gone on with
        self.terms = terms
        self.inflater = Inflater(exchange.headers, inf)
        self.events = Events()
        self.head: bytes | None = b""  # of what has come, until the first event
        self.waiting: list[Result[Any, GenaiError]] = []
        self.is_over = False


def _begun(prepared: Prepared[Any], asked: Open, terms: _Terms) -> Effects[_Outcome]:
    opened: effects.Exchange | Lost = yield asked
    if isinstance(opened, Lost):
        return _Outcome(Failure(opened.error), reused=opened.reused)
    if terms.tells:
        yield Tell(Answered(prepared.http, opened.status))
    if not 200 <= opened.status < 300:
        response = yield from _response(opened, terms.deadline, terms.timeouts.idle, terms.most)
        return _Outcome(Failure(response if isinstance(response, GenaiError) else api_error(response)))
    source = _source(prepared, asked, terms)
    handle = _Listening(opened, prepared.answer, terms, source, Masker(asked.request.headers))
    yield from _heard(handle, terms.deadline, inf)
    first = next(iter(handle.waiting), None)  # an empty body has none
    if isinstance(first, Failure):
        return _Outcome(first, has_begun=isinstance(first.failure(), DecodeError))
    return _Outcome(Success(handle))


def _heard(handle: _Listening, deadline: float, idle: float) -> Effects[None]:
    """Read until something is waiting, or the stream is over."""
    while not handle.waiting and not handle.is_over:
        piece: bytes | Lost = yield Read(handle.exchange, deadline, idle)
        if isinstance(piece, Lost) and handle.source is not None and handle.received:
            cut = _Cut(handle.first, handle.exchange, handle.received, piece)
            handle.exchange, piece = yield from _gone_on(handle.source, cut, deadline, idle)
        if isinstance(piece, Lost):
            handle.is_over = True
            handle.waiting.append(Failure(piece.error))
        else:
            _take(handle, piece)
    if handle.is_over:
        yield Close(handle.exchange)


def _take(handle: _Listening, piece: bytes) -> None:
    inflated = handle.inflater.feed(piece) if piece else handle.inflater.finish()
    if isinstance(inflated, DecodeError):
        handle.is_over = True
        handle.waiting.append(Failure(inflated))
        return
    if handle.answer.wire is bytes:
        handle.is_over = not piece
        handle.received += len(piece)
        if inflated:
            handle.waiting.append(Success(inflated))
        return
    events = handle.events.feed(inflated) if piece else handle.events.finish()
    found = [data for data in events if data and not data.isspace()]  # an event of nothing keeps the connection alive
    if handle.head is not None:
        handle.head = None if found else (handle.head + inflated)[:_HEAD_KEPT]
    stray = found.pop() if handle.events.has_stray else None
    for data in found:
        item = read_event(handle.answer, data, handle.exchange.headers)
        handle.waiting.append(item)
        if isinstance(item, Failure):
            handle.is_over = True
            return
    if stray is not None:
        handle.is_over = True
        handle.waiting.append(Failure(read_stray(stray, handle.exchange.headers)))
        return
    if handle.events.held > handle.terms.most:
        handle.waiting.append(Failure(DecodeError(f"an event of at most {handle.terms.most} bytes")))
        handle.is_over = True
    elif not piece:
        handle.is_over = True
        if handle.head is not None:
            text = handle.head.decode("utf-8", "replace")
            handle.waiting.append(Failure(DecodeError("server-sent events", "", text)))


_HEAD_KEPT = 2000


# A body that broke off


class _Source(Value):
    """What a body that may be gone on with was asked of."""

    http: HttpRequest
    asked: Open
    terms: _Terms


def _source(prepared: Prepared[Any], asked: Open, terms: _Terms) -> _Source | None:
    """Only what is no JSON and no events is gone on with: that is the same tomorrow."""
    return _Source(prepared.http, asked, terms) if prepared.answer.wire in (HttpResponse, bytes) else None


class _Cut(Value):
    """Where a body broke off: the exchange that it began with, the one that it broke off in, and how far it was."""

    first: effects.Exchange
    last: effects.Exchange
    received: int
    lost: Lost


def _gone_on(
    source: _Source, cut: _Cut, deadline: float, idle: float
) -> Effects[tuple[effects.Exchange, bytes | Lost]]:
    """Give what the rest is read from, and its first piece; or what was lost, once so many attempts brought nothing."""
    terms = source.terms
    request = rest_of(source.asked.request, cut.first.headers, cut.received) if cut.first.status == 200 else None
    if request is None:
        return cut.last, cut.lost
    yield Close(cut.last)
    error, attempt = cut.lost.error, 1
    while is_worth_repeating(error, repeatable=True) or (isinstance(error, TimedOut) and error.phase == "idle"):
        seconds = delay(error, attempt, terms.retry, (yield Random()))
        now: float = yield Now()
        if seconds is None or now + seconds >= deadline:
            break
        if terms.tells:
            yield Tell(Retrying(source.http, Masker(source.asked.request.headers).mask_error(error), seconds))
        yield Sleep(seconds)
        over = min(deadline, now + seconds + terms.timeouts.total)
        opened: effects.Exchange | Lost = yield Open(request, over, terms.timeouts.connect)
        attempt += 1
        if isinstance(opened, Lost):
            error = opened.error
            continue
        piece = yield from _new_piece(opened, cut, deadline, idle)
        if not isinstance(piece, Lost):
            return opened, piece
        yield Close(opened)
        error = piece.error
    return cut.last, cut.lost


def _new_piece(opened: effects.Exchange, cut: _Cut, deadline: float, idle: float) -> Effects[bytes | Lost]:
    """Read on to the first piece that is new."""
    here = already_here(cut.first.headers, opened.status, opened.headers, cut.received)
    if here is None:
        return Lost(api_error(HttpResponse(opened.status, opened.headers)))
    while True:
        piece: bytes | Lost = yield Read(opened, deadline, idle)
        if isinstance(piece, Lost) or len(piece) > here or not piece:
            break
        here -= len(piece)
    if isinstance(piece, Lost):
        return piece
    return piece[here:] if piece or not here else Lost(DecodeError("the same body again"))
