"""One attempt at a request over HTTP: sends it once, and reads its response whole or as a stream."""

from collections.abc import Callable
from io import BytesIO
from math import inf
from typing import Any

from msgspec import Struct
from returns.result import Failure, Result, Success

from genai_fn.effects import (
    CloseResource,
    EffectFailed,
    Effects,
    GetRandom,
    GetTime,
    OpenResponse,
    ReadChunk,
    SendRequest,
    Sleep,
)
from genai_fn.engine.call_events import CallEvents
from genai_fn.engine.retry import compute_delay, is_retryable
from genai_fn.errors import DecodeError, GenaiError, TimedOut
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.options import Retry, Timeouts
from genai_fn.request import ResponseReader
from genai_fn.values import Value
from genai_fn.wire import PreparedRequest, build_api_error, decode_event, decode_response, parse_unframed_text
from genai_fn.wire.decompress import Decompressor, find_unknown_encoding
from genai_fn.wire.masking import Masker
from genai_fn.wire.resume import build_range_request, count_repeated_bytes, is_unrequested_part
from genai_fn.wire.secret_values import find_secrets
from genai_fn.wire.sse import EventParser


class CallSettings(Value, kw_only=True):
    """
    The limits of one call, shared by its attempts.

    `deadline` applies until a response is read whole, or up to the first item of a stream; `until` to the items after
    it. A request that is not `repeatable` is retried only if it was not sent. Errors that `is_final` accepts are not
    retried.
    """

    timeouts: Timeouts
    retry: Retry
    deadline: float
    until: float
    repeatable: bool
    max_response_bytes: int
    events: CallEvents | None
    is_final: Callable[[GenaiError], bool] | None = None


class AttemptResult(Value):
    """
    The result of an attempt.

    `has_started` rules out a retry: the body of a successful response was interrupted or is invalid. A stream that is
    interrupted before its first item is retried. `was_reused`: the connection that failed had served another request.
    """

    result: Result[Any, GenaiError]
    has_started: bool = False
    was_reused: bool = False

    @property
    def is_success(self) -> bool:
        """Whether a response was read whole, or up to the first item of its stream."""
        return isinstance(self.result, Success)

    def mask(self, masker: Masker) -> "AttemptResult":
        """Return the result with credentials masked in a failure, because servers may repeat them in errors."""
        return AttemptResult(masker.mask_result(self.result), self.has_started, self.was_reused)


# Whole responses


def attempt_whole(
    prepared: PreparedRequest[Any], effect: SendRequest, settings: CallSettings
) -> Effects[AttemptResult]:
    """Send a request, and read and decode its response."""
    response: OpenResponse | EffectFailed = yield effect
    if isinstance(response, EffectFailed):
        return AttemptResult(Failure(response.error), was_reused=response.was_reused)
    if settings.events is not None:
        yield from settings.events.add_response(response.status)
    unknown = find_unknown_encoding(response.headers)
    if unknown is not None and 200 <= response.status < 300:  # an error counts even if its body is unreadable
        yield CloseResource(response)
        return AttemptResult(Failure(unknown), has_started=True)
    source = _get_resume_source(prepared, effect, settings)
    if source is not None and is_unrequested_part(effect.request, response.status):
        yield CloseResource(response)
        return AttemptResult(Failure(_UNREQUESTED_PART), has_started=True)
    whole = yield from _read_response(
        response, settings.deadline, settings.timeouts.idle, settings.max_response_bytes, source
    )
    if isinstance(whole, GenaiError):
        return AttemptResult(Failure(whole), has_started=response.status < 300)
    result = decode_response(prepared.reader, whole)
    if settings.events is not None and isinstance(result, Success):
        yield from settings.events.complete(result.unwrap())
    return AttemptResult(result)


def _read_response(
    response: OpenResponse, deadline: float, idle: float, max_bytes: int, source: "_ResumeSource | None" = None
) -> Effects[HttpResponse | GenaiError]:
    """
    Read a body to its end, decompress it, and close the response. Fails if more than `max_bytes` result.

    An error counts even if its body is malformed or too long: the response ends where that begins.
    """
    decompressor = Decompressor(response.headers, max_bytes)
    body = BytesIO()  # one buffer, which grows in place: its final value is no copy
    first = response
    while True:
        chunk: bytes | EffectFailed = yield ReadChunk(response, deadline, idle)
        if isinstance(chunk, EffectFailed):
            if source is not None:
                interruption = _Interruption(first, response, body.tell(), chunk)
                response, chunk = yield from _resume_body(source, interruption, deadline, idle)
            if isinstance(chunk, EffectFailed):
                yield CloseResource(response)  # the next attempt needs its connection
                return chunk.error
        data: bytes | GenaiError = decompressor.feed(chunk) if chunk else decompressor.finish()
        while decompressor.has_more and isinstance(data, bytes):
            body.write(data)
            data = (yield from _pause(deadline)) or decompressor.feed(b"")
        if isinstance(data, GenaiError):
            yield CloseResource(response)
            is_error = isinstance(data, DecodeError) and not 200 <= first.status < 300
            return HttpResponse(first.status, first.headers, body.getvalue()) if is_error else data
        body.write(data)
        if not chunk:
            yield CloseResource(response)
            return HttpResponse(first.status, first.headers, body.getvalue())


def _pause(deadline: float) -> Effects[TimedOut | None]:
    """Let other tasks run between two slices of decompressed data; returns an error after the deadline."""
    yield Sleep(0)
    now: float = yield GetTime()
    return TimedOut("total", "decompressing a response", sent=True) if now >= deadline else None


class FetchLimits(Value):
    """The limits of `fetch_response`: `deadline` is a time of the clock, `connect` and `idle` are durations."""

    deadline: float
    connect: float = inf
    idle: float = inf
    max_bytes: int = 1024 * 1024


def fetch_response(request: HttpRequest, limits: FetchLimits) -> Effects[HttpResponse | EffectFailed]:
    """Send one request as it is, without retries, and read its response; token requests do so."""
    response: OpenResponse | EffectFailed = yield SendRequest(
        request, limits.deadline, limits.connect, needs_new_connection=False
    )
    if isinstance(response, EffectFailed):
        return response
    whole = yield from _read_response(response, limits.deadline, limits.idle, limits.max_bytes)
    return EffectFailed(whole) if isinstance(whole, GenaiError) else whole


# Streams


class StreamHandle(Struct, eq=False):
    """An open server stream: the items that were parsed and not yet returned, and whether more may follow."""

    response: OpenResponse
    first_response: OpenResponse
    reader: ResponseReader[Any]
    settings: CallSettings
    resume_source: "_ResumeSource | None"
    masker: Masker
    decompressor: Decompressor
    events: EventParser
    received: int = 0
    """Bytes before decompression."""
    head: bytes | None = b""
    """The text before the first event, for errors."""
    pending_items: list[Result[Any, GenaiError]] = []
    is_over: bool = False


def attempt_stream(
    prepared: PreparedRequest[Any], effect: SendRequest, settings: CallSettings
) -> Effects[AttemptResult]:
    """Send a request, and read its response up to the first item; the value is a `StreamHandle`."""
    response: OpenResponse | EffectFailed = yield effect
    if isinstance(response, EffectFailed):
        return AttemptResult(Failure(response.error), was_reused=response.was_reused)
    if settings.events is not None:
        yield from settings.events.add_response(response.status)
    if not 200 <= response.status < 300:
        whole = yield from _read_response(
            response, settings.deadline, settings.timeouts.idle, settings.max_response_bytes
        )
        return AttemptResult(Failure(whole if isinstance(whole, GenaiError) else build_api_error(whole)))
    unknown = find_unknown_encoding(response.headers)
    if unknown is not None:
        yield CloseResource(response)
        return AttemptResult(Failure(unknown), has_started=True)
    source = _get_resume_source(prepared, effect, settings)
    if source is not None and is_unrequested_part(effect.request, response.status):
        yield CloseResource(response)
        return AttemptResult(Failure(_UNREQUESTED_PART), has_started=True)
    masker = Masker(effect.request.headers, find_secrets(prepared.operation))
    decompressor = Decompressor(response.headers, inf, _STREAM_SLICE_BYTES)
    handle = StreamHandle(response, response, prepared.reader, settings, source, masker, decompressor, EventParser())
    yield from read_until_item(handle, settings.deadline, inf)
    first = next(iter(handle.pending_items), None)  # an empty body has none
    if isinstance(first, Failure):
        return AttemptResult(first, has_started=isinstance(first.failure(), DecodeError))
    if settings.events is not None and first is not None:
        yield from settings.events.open_stream()
    return AttemptResult(Success(handle))


def read_until_item(handle: StreamHandle, deadline: float, idle: float) -> Effects[None]:
    """Read until an item is pending, or the stream has ended and its response is closed. An error is the last item."""
    while not handle.pending_items and not handle.is_over:
        if handle.decompressor.has_more:
            _parse_data(handle, (yield from _pause(deadline)) or handle.decompressor.feed(b""))
            continue
        chunk: bytes | EffectFailed = yield ReadChunk(handle.response, deadline, idle)
        if isinstance(chunk, EffectFailed) and handle.resume_source is not None and handle.received:
            interruption = _Interruption(handle.first_response, handle.response, handle.received, chunk)
            handle.response, chunk = yield from _resume_body(handle.resume_source, interruption, deadline, idle)
        if isinstance(chunk, EffectFailed):
            handle.is_over = True
            handle.pending_items.append(Failure(chunk.error))
        else:
            handle.received += len(chunk)
            data = handle.decompressor.feed(chunk) if chunk else handle.decompressor.finish()
            _parse_data(handle, data, is_end=not chunk)
    if handle.is_over:
        yield CloseResource(handle.response)


def _parse_data(handle: StreamHandle, data: bytes | GenaiError, *, is_end: bool = False) -> None:
    """Add the items of the next decompressed data; an error is the last item. Raw bytes are one item as they are."""
    if isinstance(data, GenaiError):
        handle.is_over = True
        handle.pending_items.append(Failure(data))
    elif handle.reader.wire_type is bytes:
        handle.is_over = is_end
        if data:
            handle.pending_items.append(Success(data))
    else:
        _parse_events(handle, data, is_end=is_end)


_STREAM_SLICE_BYTES = 16 * 1024
"""Size of the slices in which events are decompressed. It is small, as parsing a slice takes longer than that."""


def _parse_events(handle: StreamHandle, data: bytes, *, is_end: bool) -> None:
    """Add the items of all complete events. An error is the last item."""
    events = handle.events.finish() if is_end else handle.events.feed(data)
    found = [event for event in events if event and not event.isspace()]  # an empty event keeps the connection alive
    if handle.head is not None:
        handle.head = None if found else (handle.head + data)[:_MAX_ERROR_TEXT_BYTES]
    unframed = found.pop() if handle.events.has_unframed_text else None
    for event in found:
        item = decode_event(handle.reader, event, handle.response.headers)
        handle.pending_items.append(item)
        if isinstance(item, Failure):
            handle.is_over = True
            return
    error = _find_stream_error(handle, unframed, is_end=is_end)
    handle.is_over = is_end or error is not None
    if error is not None:
        handle.pending_items.append(Failure(error))


def _find_stream_error(handle: StreamHandle, unframed: bytes | None, *, is_end: bool) -> GenaiError | None:
    if unframed is not None:
        return parse_unframed_text(unframed, handle.response.headers)
    max_bytes = handle.settings.max_response_bytes
    if handle.events.buffered_bytes > max_bytes:
        return DecodeError(f"an event of at most {max_bytes} bytes")
    if is_end and handle.head is not None:
        return DecodeError("server-sent events", "", handle.head.decode("utf-8", "replace"))
    return None


_MAX_ERROR_TEXT_BYTES = 2000


# Interrupted bodies


class _ResumeSource(Value):
    """The request to repeat, with a ``Range``, if the connection fails while its body is read."""

    send_effect: SendRequest
    settings: CallSettings


_UNREQUESTED_PART = DecodeError("the whole body, not a part of it (206)")


def _get_resume_source(
    prepared: PreparedRequest[Any], effect: SendRequest, settings: CallSettings
) -> _ResumeSource | None:
    """Return the request to repeat for a raw body; None for JSON and events, which may differ the next time."""
    is_raw = prepared.reader.wire_type in (HttpResponse, bytes)
    return _ResumeSource(effect, settings) if is_raw else None


class _Interruption(Value):
    """Where a body was interrupted: the first and the last response to it, and the number of bytes received."""

    first_response: OpenResponse
    last_response: OpenResponse
    received: int
    failure: EffectFailed


def _resume_body(
    source: _ResumeSource, interruption: _Interruption, deadline: float, idle: float
) -> Effects[tuple[OpenResponse, bytes | EffectFailed]]:
    """Request the rest of a body. Returns its response and first chunk, or the interruption if no attempt succeeds."""
    settings = source.settings
    request = (
        build_range_request(source.send_effect.request, interruption.first_response.headers, interruption.received)
        if interruption.first_response.status == 200
        else None
    )
    if request is None:
        return interruption.last_response, interruption.failure
    yield CloseResource(interruption.last_response)
    error, attempt = interruption.failure.error, 1
    while is_retryable(error, settings.retry, repeatable=True) or (
        isinstance(error, TimedOut) and error.phase == "idle"
    ):
        seconds = compute_delay(error, attempt, settings.retry, (yield GetRandom()))
        now: float = yield GetTime()
        if seconds is None or now + seconds >= deadline:
            break
        if settings.events is not None:
            masked = Masker(source.send_effect.request.headers).mask_error(error)
            yield from settings.events.end_attempt(masked, seconds)
        yield Sleep(seconds)
        attempt_deadline = min(deadline, now + seconds + settings.timeouts.total)
        response: OpenResponse | EffectFailed = yield SendRequest(request, attempt_deadline, settings.timeouts.connect)
        attempt += 1
        if isinstance(response, EffectFailed):
            error = response.error
            continue
        chunk = yield from _read_first_new_chunk(response, interruption, deadline, idle)
        if not isinstance(chunk, EffectFailed):
            return response, chunk
        yield CloseResource(response)
        error = chunk.error
    return interruption.last_response, interruption.failure


def _read_first_new_chunk(
    response: OpenResponse, interruption: _Interruption, deadline: float, idle: float
) -> Effects[bytes | EffectFailed]:
    """Skip the bytes that were received before, and return the first chunk after them; empty at the end of the body."""
    first = interruption.first_response
    repeated = count_repeated_bytes(first.headers, response.status, response.headers, interruption.received)
    if repeated is None:
        return EffectFailed(build_api_error(HttpResponse(response.status, response.headers)))
    while True:
        chunk: bytes | EffectFailed = yield ReadChunk(response, deadline, idle)
        if isinstance(chunk, EffectFailed) or len(chunk) > repeated or not chunk:
            break
        repeated -= len(chunk)
    if isinstance(chunk, EffectFailed):
        return chunk
    return chunk[repeated:] if chunk or not repeated else EffectFailed(DecodeError("the same body again"))
