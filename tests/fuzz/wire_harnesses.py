"""Harnesses of what servers send: responses, events, frames of live sessions, advice to retry, whole flows."""

import math
from typing import Any

from returns.result import Failure, Success

from genai_fn import Gemini, calling, collected, generate, joined, pages, streamed, text, until_done
from genai_fn.engine.program import build_program
from genai_fn.engine.retry import compute_delay, is_retryable
from genai_fn.errors import APIError
from genai_fn.http import HttpResponse
from genai_fn.live_protocol.events_and_actions import (
    Connected,
    ConnectionClosed,
    ConnectSocket,
    MessageReceived,
    MessageSent,
    OutgoingFrame,
    SendRequested,
    TimerFired,
)
from genai_fn.live_protocol.frames import decode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.live_protocol.state_machine import handle_event, start_session
from genai_fn.ops import batches, files, live, stores, tunings
from genai_fn.options import Retry
from genai_fn.request import Live
from genai_fn.wire import decode
from genai_fn.wire.masking import Masker
from genai_fn.wire.sse import EventParser
from tests.fuzz.checks import check_result
from tests.fuzz.effects import BACKENDS, KEY, build_handler, read_reply, run_effects
from tests.fuzz.inputs import choose, read_headers, read_json, split_head, split_pieces, to_text
from tests.fuzz.requests import REQUESTS
from tests.support.http_responses import parse, parse_with_h11

__all__ = ["WIRE_HARNESSES"]


def get_weather(city: str, days: int = 1) -> dict[str, Any]:
    """Return the weather of a city."""
    return {"city": city, "days": days}


def fuzz_responses(data: bytes) -> None:
    """Decode a response to any operation: ``operation backend status``, headers, an empty line, the body."""
    words, rest = split_head(data)
    headers, body = read_headers(rest)
    status = int(words[2]) if len(words) > 2 and words[2].isdecimal() and len(words[2]) == 3 else 200
    check_result(decode(choose(words, 0, REQUESTS), HttpResponse(status, headers, body), choose(words, 1, BACKENDS)))


def fuzz_http_responses(data: bytes) -> None:
    """
    Parse the bytes of an HTTP response: ``method sizes…`` of the pieces, then the bytes.

    The pieces do not matter. What is accepted is what h11 reads, and a connection that is reusable is so for h11.
    """
    words, rest = split_head(data)
    method = choose(words, 0, {"GET": "GET", "HEAD": "HEAD"})
    whole = parse(rest, (), method)
    assert parse(rest, [int(each) for each in words[1:100] if each.isdecimal() and len(each) < 5], method) == whole
    status, _, body, is_reusable, is_malformed = whole
    if not is_malformed:
        expected = parse_with_h11(rest, method)
        assert (status, body) == (expected[0], expected[2])
        assert not is_reusable or expected[3]


def fuzz_exchanges(data: bytes) -> None:
    """Run a request or a stream over HTTP: ``operation backend``, then replies, with retries and compression."""
    words, rest = split_head(data)
    request, handler = choose(words, 0, REQUESTS), build_handler(choose(words, 1, BACKENDS))
    replies = iter([read_reply(each) for each in split_pieces(rest)])
    streaming = request.operation.get_streaming_operation()
    if streaming is None:
        result, seen = run_effects(handler.handle(request, math.inf), replies)
    else:
        result, seen = run_effects(_read_stream(handler, streaming), replies)
    check_result(result, KEY)
    for event in seen:
        assert KEY not in f"{event!r} {event}"


def _read_stream(handler: Any, operation: Any) -> Any:
    opened = yield from handler.open_stream(type(REQUESTS["generate"])(operation), math.inf)
    if isinstance(opened, Failure):
        return opened
    while items := (yield from handler.read_items(opened.unwrap())):
        for each in items:
            check_result(each, KEY)
    return Success(None)


def fuzz_events(data: bytes) -> None:
    """Split a stream into events: the same ones in whichever pieces it arrives."""
    expected = _split_events(data, max(1, len(data)))
    for size in (1, 7, len(data) // 2 + 1):
        assert _split_events(data, size) == expected, size


def _split_events(data: bytes, size: int) -> tuple[list[bytes], bool]:
    parser, events = EventParser(), list[bytes]()
    for start in range(0, len(data), size):
        events += parser.feed(data[start : start + size])
    events += parser.finish()
    return events, parser.has_unframed_text


_SESSIONS: dict[str, Live[Any]] = {
    "connect": live.connect("m", {"session_resumption": {"transparent": True}}),
    "music": live.music.connect("m"),
    "calling": live.connect("m") | calling(get_weather),
}


def fuzz_frames(data: bytes) -> None:
    """Run a live session with frames of the server; a line of digits closes the connection with that code."""
    words, rest = split_head(data)
    session = choose(words, 0, _SESSIONS)
    handshake = encode_handshake(session, Gemini(KEY) if "vertex" not in words else BACKENDS["vertex"])
    if isinstance(handshake, Failure):
        return
    state, actions = start_session(session, Retry(attempts=3))
    for piece in split_pieces(rest):
        events: list[Any] = [Connected()] if any(isinstance(each, ConnectSocket) for each in actions) else []
        if piece[:5].isdigit():
            code, _, reason = piece.partition(b" ")
            events.append(ConnectionClosed(int(code[:5]), to_text(reason)))
        elif piece == b"send":
            events += [SendRequested(OutgoingFrame(b"x", 1)), MessageSent()]
        elif piece == b"timer":
            events.append(TimerFired(state.connection_number))
        else:
            message = decode_frame(piece if len(piece) % 2 else to_text(piece), handshake.unwrap())
            check_result(message)
            events.append(MessageReceived(message, len(piece)))
        for event in events:
            state, actions = handle_event(state, event)


def fuzz_retry_advice(data: bytes) -> None:
    """Compute the wait before a retry: headers, an empty line, and the details of an error as JSON."""
    headers, body = read_headers(data)
    details = read_json(body)
    for found in ((details,), tuple(details) if isinstance(details, list) else ()):
        error = APIError(503, "UNAVAILABLE", "busy", found, headers)
        is_retryable(error, repeatable=True)
        for attempt in (1, 2, 10**6):
            delay = compute_delay(error, attempt, Retry(attempts=10**7, multiplier=1e300), 0.5)
            assert delay is None or 0 <= delay < math.inf, delay


_FLOWS: dict[str, Any] = {
    "upload": files.upload(b"x" * 10, {"mime_type": "image/png"}),
    "store": stores.upload("fileSearchStores/s", b"x" * 10, {"mime_type": "text/plain"}),
    "download": files.download("a"),
    "video": REQUESTS["videos.generate"] | until_done(timeout=60.0),
    "batch": batches.get("batches/1") | until_done(timeout=60.0),
    "tuning": tunings.get("tunedModels/1") | until_done(timeout=60.0),
    "file": files.get("a") | until_done(timeout=60.0),
    "pages": files.list() | pages | collected,
    "text": generate("m", "hi") | text,
    "joined": generate("m", "hi") | streamed | joined,
    "calling": generate("m", "hi") | calling(get_weather, max_calls=3),
}


def fuzz_flows(data: bytes) -> None:
    """Run a flow: its name and the backend, then the replies to its requests."""
    words, rest = split_head(data)
    handler = build_handler(choose(words, 1, BACKENDS))
    replies = iter([read_reply(each) for each in split_pieces(rest)])
    result, _ = run_effects(build_program(choose(words, 0, _FLOWS), handler), replies)
    check_result(result, KEY)


def fuzz_masking(data: bytes) -> None:
    """Mask a key, which is the first line, in a text that contains it."""
    line, _, rest = data.partition(b"\n")
    key, shown = to_text(line).strip(), to_text(rest)
    error = APIError(403, shown, shown + key + shown, ({shown: [key]},), ((shown, key),))
    masked = Masker((("authorization", f"Bearer {key}"),)).mask_error(error)
    assert isinstance(masked, APIError)
    repr(masked)
    if len(key) >= 8 and "*" not in key:
        for each in (masked.status, masked.message, *masked.headers[0]):
            assert key not in each


WIRE_HARNESSES = (
    fuzz_responses,
    fuzz_http_responses,
    fuzz_exchanges,
    fuzz_events,
    fuzz_frames,
    fuzz_retry_advice,
    fuzz_flows,
    fuzz_masking,
)
