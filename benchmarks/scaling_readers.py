"""The readers whose scaling is measured: what decodes, parses or converts input of any size."""

import gzip
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, TypeAlias

from genai_fn import Gemini, HttpResponse, Vertex, batches, decode, encode, generate, models, with_options
from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.http import HttpRequest
from genai_fn.live_protocol.events_and_actions import (
    CallAnswered,
    Connected,
    MessageReceived,
    MessageSent,
    OutgoingFrame,
    SendRequested,
)
from genai_fn.live_protocol.frames import decode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.live_protocol.state_machine import handle_event
from genai_fn.ops import live
from genai_fn.results import Success
from genai_fn.schema import FunctionCall, LiveServerMessage, LiveServerSetupComplete, LiveServerToolCall
from genai_fn.testing import Fake, Replay, recording
from genai_fn.wire import decode_event
from genai_fn.wire.decompress import Decompressor
from genai_fn.wire.masking import Masker
from genai_fn.wire.sse import EventParser

Build: TypeAlias = Callable[[int], Callable[[], object]]

_GEMINI = Gemini("test-key")
_REQUEST = generate("m", "hi")
_EVENT = b'data: {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}\r\n\r\n'


def _decode(body: Callable[[int], Any], status: int = 200) -> Build:
    def build(size: int) -> Callable[[], object]:
        text = json.dumps(body(size)).encode()
        return lambda: decode(_REQUEST, HttpResponse(status, (), text), _GEMINI)

    return build


def _build_response(parts: list[Any], **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": parts}}], **fields}


def _parse(body: Callable[[int], bytes], chunk_bytes: int = 65536) -> Build:
    """Parse events that arrive in chunks."""

    def build(size: int) -> Callable[[], object]:
        data = body(size)
        chunks = [data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes)]

        def run() -> None:
            events = EventParser()
            for chunk in chunks:
                events.feed(chunk)
            events.finish()

        return run

    return build


def _decompress(compress: Callable[[int], bytes]) -> Build:
    def build(size: int) -> Callable[[], object]:
        data = compress(size)

        def run() -> None:
            decompressor = Decompressor((("content-encoding", "gzip"),), inf)
            for start in range(0, len(data), 65536):
                decompressor.feed(data[start : start + 65536])
                while decompressor.has_more:
                    decompressor.feed(b"")

        return run

    return build


def _decode_events(size: int) -> Callable[[], object]:
    reader: Any = _REQUEST.operation.gemini(_GEMINI)
    return lambda: [decode_event(reader.reader, _EVENT[6:-4]) for _ in range(size)]


def _decode_frame(size: int) -> Callable[[], object]:
    opened = encode_handshake(live.connect("m"), _GEMINI).unwrap()
    data = json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": "hi"}] * size}}})
    return lambda: decode_frame(data, opened)


def _run_session(events: Callable[[int], list[Any]], **fields: Any) -> Build:
    def build(size: int) -> Callable[[], object]:
        opened = [Connected(), MessageReceived(Success(LiveServerMessage(setup_complete=LiveServerSetupComplete())))]

        def run() -> None:
            state = ProtocolState(**fields)
            for event in (*opened, *events(size)):
                state, _ = handle_event(state, event)

        return run

    return build


def _call_functions(size: int) -> list[Any]:
    calls = tuple(FunctionCall(id=str(number), name="f") for number in range(size))
    message = LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))
    answers = [CallAnswered(str(number), OutgoingFrame(number, 1)) for number in range(size)]
    return [MessageReceived(Success(message)), *answers]


def _read_recording(size: int) -> Callable[[], object]:
    folder = tempfile.mkdtemp(prefix="genai-fn-scaling-")
    path = Path(folder) / "calls.jsonl"
    requests = [generate("m", str(number)) for number in range(size)]
    record = recording(Fake({"generate": "hi"}), path, "record")
    for request in requests:
        record(request)

    def run() -> None:
        replay = Replay(path)
        for request in requests:
            replay(request).unwrap()

    weakref.finalize(run, shutil.rmtree, folder)
    return run


def _join_batch(size: int) -> Callable[[], object]:
    requests = [generate("m", str(number)) for number in range(size)]
    lines = batches.jsonl(requests, Vertex("p", "us-central1")).splitlines()
    answered = b"\n".join(line[:-1] + b',"response":' + _EVENT[6:-4] + b"}" for line in reversed(lines))
    return lambda: batches.join(requests, answered)


def _encode_batch(size: int) -> Callable[[], object]:
    requests = [generate("m", str(number)) for number in range(size)]
    return lambda: batches.jsonl(requests, _GEMINI)


def _emulate(size: int) -> Callable[[], object]:
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}] * size}).encode()
    request = HttpRequest("POST", url, (("x-goog-api-key", "k"),), body)
    return lambda: handle_request(EmulatorState(), request, datetime(2026, 1, 1, tzinfo=UTC))


def _convert_contents(size: int) -> Callable[[], object]:
    parts = [{"text": "hi"}, {"function_call": {"name": "f", "args": {"a": [1]}}}]
    contents = [{"role": "user", "parts": parts}] * size
    return lambda: generate("m", contents)


def _convert_schema(size: int) -> Callable[[], object]:
    schema = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(size)}}
    return lambda: generate("m", "hi", {"response_schema": schema})


def _encode(size: int) -> Callable[[], object]:
    request = generate("m", [f"text {number}" for number in range(size)])
    return lambda: encode(request, _GEMINI).unwrap()


def _merge_extra_body(size: int) -> Callable[[], object]:
    extra = {"contents": {str(number): {"parts": {"0": {"text": "ho"}}} for number in range(size)}}
    request = generate("m", [{"role": "user", "parts": [{"text": "hi"}]}] * size) | with_options(extra_body=extra)
    return lambda: encode(request, _GEMINI).unwrap()


def _mask(size: int) -> Callable[[], object]:
    body = json.dumps({"error": {"code": 400, "message": "no", "details": [{"a": "test-key-of-nobody"}] * size}})
    error: Any = decode(_REQUEST, HttpResponse(400, (), body.encode()), _GEMINI).failure()
    return lambda: Masker((("x-goog-api-key", "test-key-of-nobody"),)).mask_error(error)


def _decode_models(size: int) -> Callable[[], object]:
    text = json.dumps({"models": [{"name": f"models/{number}"} for number in range(size)]}).encode()
    return lambda: decode(models.list(), HttpResponse(200, (), text), _GEMINI)


READERS: dict[str, tuple[int, Build]] = {
    "decode a response of parts": (500, _decode(lambda size: _build_response([{"text": "hi"}] * size))),
    "decode a long text": (200_000, _decode(lambda size: _build_response([{"text": "a" * size}]))),
    "decode parts, an unknown field": (500, _decode(lambda size: _build_response([{"text": "hi"}] * size, new=1))),
    "decode unknown fields": (1000, _decode(lambda size: {f"new{number}": [number] for number in range(size)})),
    "decode parts, repaired": (500, _decode(lambda size: _build_response([{"text": "hi", "thought": "true"}] * size))),
    "decode function arguments": (
        1000,
        _decode(lambda size: _build_response([{"functionCall": {"args": {"a": [{"b": 1}] * size}}}])),
    ),
    "decode a page": (1000, _decode_models),
    "decode an error": (1000, _decode(lambda size: {"error": {"code": 400, "details": [{"a": 1}] * size}}, 400)),
    "decode events": (500, _decode_events),
    "parse events": (1000, _parse(lambda size: _EVENT * size)),
    "parse events, byte by byte": (50, _parse(lambda size: _EVENT * size, 1)),
    "parse a long event": (500, _parse(lambda size: b'data: "' + b"a" * size * 1000 + b'"\n\n', 1000)),
    "parse an event of many lines": (1000, _parse(lambda size: b"data: 1\n" * size + b"\n", 1000)),
    "parse comments": (1000, _parse(lambda size: b": hi\n" * size)),
    "parse an array": (200, _parse(lambda size: b"[" + b",".join([_EVENT[6:-4]] * size) + b"]")),
    "parse text between events": (500, _parse(lambda size: _EVENT + b"<html>" + b"<p>\n" * size, 100)),
    "decompress": (1000, _decompress(lambda size: gzip.compress(bytes(size * 1024)))),
    "decompress members": (500, _decompress(lambda size: gzip.compress(b"hi") * size)),
    "decode a Live frame": (1000, _decode_frame),
    "send Live messages, never acknowledged": (
        500,
        _run_session(
            lambda size: [each for n in range(size) for each in (SendRequested(OutgoingFrame(n, 1)), MessageSent())],
            is_resumable=True,
            is_transparent=True,
        ),
    ),
    "queue Live messages": (500, _run_session(lambda size: [SendRequested(OutgoingFrame(n, 1)) for n in range(size)])),
    "receive Live messages": (
        500,
        _run_session(lambda size: [MessageReceived(Success(LiveServerMessage()))] * size),
    ),
    "answer Live function calls": (200, _run_session(_call_functions, runs_functions=True)),
    "read and replay a recording": (100, _read_recording),
    "write batch lines": (200, _encode_batch),
    "join batch lines": (200, _join_batch),
    "read a body in the emulator": (200, _emulate),
    "convert contents": (300, _convert_contents),
    "convert a schema": (200, _convert_schema),
    "encode a request": (500, _encode),
    "merge extra_body": (100, _merge_extra_body),
    "mask an error": (500, _mask),
}
