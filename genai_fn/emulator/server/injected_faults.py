"""Injected faults: delays, errors, aborted streams, dropped connections and broken JSON; set by a header or a call."""

import itertools
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from genai_fn import codec
from genai_fn.emulator.openai.errors import format_error_response
from genai_fn.emulator.scripts.script import EMPTY_ANSWER, ScriptedAnswer
from genai_fn.emulator.server.faults import build_fault_response
from genai_fn.emulator.server.standard_errors import make_standard_error
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.values import Value

FAULT_HEADER = "x-emulate"
"""The request header that injects a fault into its own response."""


_MAX_COUNT = 2**53


class InjectedFault(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    A fault to inject. Without a `status` the request is handled as usual, and only its response is affected.

    >>> from genai_fn import Gemini, Http, generate
    >>> from genai_fn.testing import Emulator, serve_emulator
    >>> once = InjectedFault(status=503, path=":generateContent")
    >>> with serve_emulator(Emulator(faults=[once])) as url, Http(Gemini("test-key", base_url=url)) as run:
    ...     run(generate("gemini-2.5-flash", "hi")).map(type)  # the second attempt succeeds
    <Success: <class 'genai_fn.schema.responses.GenerateContentResponse'>>
    """

    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """Status of an error that replaces the response, such as 429 or 503. The request is not handled, unless `abort`."""

    retry: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """Seconds in the ``RetryInfo`` of that error."""

    delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """Seconds before the response begins."""

    cut: Annotated[int, Meta(ge=0, le=_MAX_COUNT)] | None = None
    """Number of bytes of the response body after which the connection is dropped."""

    malformed: bool = False
    """Whether the JSON of the response is truncated; the response itself ends normally."""

    abort: Literal["pretty", "line"] | None = None
    """
    How an error is written that ends a stream: as JSON outside of any event, pretty-printed or on one line.

    Its status is `status`, or 503. A response that is not streamed is replaced by the error.
    """

    events: Annotated[int, Meta(ge=0, le=_MAX_COUNT)] = 1
    """Number of events before that error."""

    path: Annotated[str, Meta(max_length=2000)] = ""
    """Part of the path of the requests to affect, such as ``":generateContent"`` or ``"/files"``. Empty means all."""

    times: Annotated[int, Meta(ge=1, le=_MAX_COUNT)] = 1
    """Number of matching requests to affect."""


NO_FAULT: Final = InjectedFault()
"""A fault that changes nothing."""


def parse_injected_fault(source: str | Mapping[str, Any]) -> InjectedFault:
    """
    Parse a fault from a header value or from its fields.

    >>> parse_injected_fault("status=429; retry=1.5") == parse_injected_fault({"status": 429, "retry": 1.5})
    True

    Raises:
        InvalidRequest: If a field is unknown or invalid, or the fault would change nothing.
    """
    try:
        fields = _parse_header_fields(source) if isinstance(source, str) else source
        fault = codec.convert(fields, InjectedFault, strict=fields is source)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise InvalidRequest("fault", source, f"{_FAULT_SYNTAX} ({error})") from None
    is_empty = msgspec.structs.replace(fault, path="", times=1) == NO_FAULT
    has_no_error = fault.status is None and fault.abort is None
    if is_empty or (fault.retry is not None and has_no_error) or (fault.events != 1 and fault.abort is None):
        raise InvalidRequest("fault", source, _FAULT_SYNTAX)
    return fault


_FAULT_SYNTAX = (
    "one or more of status=429; retry=1.5; delay=0.2; cut=120; malformed; abort=pretty or abort=line; events=2"
    " (retry requires status or abort, events requires abort)"
)


def _parse_header_fields(header: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in header.split(";") if each.strip()]
    fields = {name.strip(): value.strip() if is_valued else "true" for name, is_valued, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a parameter is given twice")
    if forbidden := fields.keys() & {"path", "times"}:
        raise ValueError(f"a header applies to its own request and cannot contain {min(forbidden)}")
    return fields


def take_injected_fault(
    faults: tuple[InjectedFault, ...], path: str
) -> tuple[InjectedFault, tuple[InjectedFault, ...]]:
    """
    Return the first fault that matches a path, or `NO_FAULT`, and the faults that remain.

    >>> take_injected_fault((InjectedFault(status=503, path="/files"),), "/v1beta/files/abc")[1]
    ()
    """
    for index, fault in enumerate(faults):
        if fault.path in path:
            rest = (msgspec.structs.replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
            return fault, (*faults[:index], *rest, *faults[index + 1 :])
    return NO_FAULT, faults


def build_error_response(fault: InjectedFault) -> HttpResponse | None:
    """Build the response that replaces another one; None if the fault has no `status`, or aborts a stream."""
    return None if fault.status is None or fault.abort is not None else _build_error(fault.status, fault)


def _build_error(code: int, fault: InjectedFault) -> HttpResponse:
    return build_fault_response(make_standard_error(code, fault.retry))


class ResponsePlan(Value, kw_only=True):
    """How the server sends a response: wait, send the head and the chunks, then end normally or drop the connection."""

    response: HttpResponse
    chunks: tuple[bytes, ...]
    delay: float = 0.0
    pause: float = 0.0
    """Seconds between two chunks."""
    has_content_length: bool = True
    """Whether the head contains ``content-length``."""
    is_complete: bool = True
    """Whether the response ends normally, so that the connection stays open."""


def plan_response(
    response: HttpResponse,
    fault: InjectedFault = NO_FAULT,
    delivery: ScriptedAnswer = EMPTY_ANSWER,
    path: str = "",
) -> ResponsePlan:
    r"""
    Plan how to send a response with a fault: one chunk for each server-sent event, or a single chunk.

    A script's answer says how to deliver the response. If it drops the connection, all events of a stream are sent, but
    only half of any other body. An error in place of a response has the form of its `path`.

    >>> plan_response(HttpResponse(200, (), b'{"a": 1}'), InjectedFault(cut=3)).chunks
    (b'{"a',)
    """
    is_stream = (response.get_header("content-type") or "").startswith(_EVENT_STREAM_TYPE)
    chunks = _split_events(response.body) if is_stream else (response.body,)
    if fault.abort is not None and response.status == _OK:
        error = _build_error(fault.status or _UNAVAILABLE, fault)
        if is_stream:
            response = HttpResponse(_OK, response.headers)
            chunks = (*chunks[: fault.events], _format_error(error.body, fault.abort))
        else:
            response = format_error_response(path, error)
            chunks = (response.body,)
    if fault.malformed:
        chunks = (_truncate_json(chunks[0]),)
        response = HttpResponse(response.status, response.headers, chunks[0])
    if delivery.drop and not is_stream:
        chunks = _cut_chunks(chunks, len(response.body) // 2)
    is_complete = (fault.cut is None or fault.cut >= sum(map(len, chunks))) and not delivery.drop
    if fault.cut is not None:
        chunks = _cut_chunks(chunks, fault.cut)
    return ResponsePlan(
        response=response,
        chunks=chunks,
        delay=fault.delay + delivery.delay,
        pause=delivery.pause,
        has_content_length=not is_stream,
        is_complete=is_complete,
    )


_OK, _UNAVAILABLE = 200, 503
_EVENT_STREAM_TYPE = "text/event-stream"


def _format_error(body: bytes, style: str) -> bytes:
    return (codec.format_json(body, indent=2).replace(b"\n", b"\r\n") if style == "pretty" else body) + b"\r\n"


def _split_events(body: bytes) -> tuple[bytes, ...]:
    return tuple(_EVENT_PATTERN.findall(body)) or (b"",)


_EVENT_PATTERN = re.compile(rb".+?(?:\r\n\r\n|\n\n|\Z)", re.DOTALL)


def corrupt_message(message: bytes, fault: InjectedFault) -> tuple[bytes | None, InjectedFault]:
    """
    Apply a fault to one message of a live session, and return what remains of the fault for the next message.

    >>> corrupt_message(b"{}", InjectedFault(cut=3))[0], corrupt_message(b'{"a": 1}', InjectedFault(cut=3))[0]
    (b'{}', None)

    Returns:
        The message to send, or None if the connection is dropped instead.
    """
    sent = _truncate_json(message) if fault.malformed else message
    remaining = None if fault.cut is None else fault.cut - len(sent)
    if remaining is not None and remaining < 0:
        return None, fault
    return sent, msgspec.structs.replace(fault, malformed=False, cut=remaining)


def _truncate_json(body: bytes) -> bytes:
    """Cut JSON in half; keep the blank lines that end an event. JSON too short to cut becomes ``{``."""
    text = body.rstrip()
    end = body[len(text) :]
    return (text[: len(text) // 2] if len(text) > _MIN_TRUNCATABLE_LENGTH else b"{") + end


_MIN_TRUNCATABLE_LENGTH = 3


def _cut_chunks(chunks: tuple[bytes, ...], limit: int) -> tuple[bytes, ...]:
    starts = itertools.accumulate(map(len, chunks), initial=0)
    cut = (chunk[: max(limit - start, 0)] for chunk, start in zip(chunks, starts, strict=False))
    return tuple(filter(None, cut))
