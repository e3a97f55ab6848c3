"""JSON that nests too deep is an error wherever it is read or passed; what is within the limit can be used."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from returns.result import Failure

from genai_fn import (
    Gemini,
    HttpResponse,
    Vertex,
    batches,
    calling,
    decode,
    encode,
    generate,
    live,
    operations,
    streamed,
    tunings,
    with_options,
)
from genai_fn.codec import MAX_DEPTH, is_too_deep
from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.errors import DecodeError, InvalidRequest, ServerError
from genai_fn.flows.structured import parse
from genai_fn.http import HttpRequest
from genai_fn.live_protocol.frames import decode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.schema import (
    Candidate,
    Content,
    FunctionCall,
    FunctionResponse,
    GenerateContentResponse,
    GenerateVideosOperation,
    Part,
    ToolCall,
    ToolResponse,
)
from genai_fn.testing import Fake
from genai_fn.wire import decode_event
from tests.support.emulator_requests import NOW

GEMINI = Gemini("test-key")
GENERATE = generate("m", "hi")
DEPTHS = [MAX_DEPTH + 30, 600, 5000, 100_000]
each_depth = pytest.mark.parametrize("depth", DEPTHS)


def nest_text(depth: int) -> bytes:
    """Write objects and lists within each other."""
    pairs, rest = divmod(depth, 2)
    return b'{"a":[' * pairs + b'{"a":' * rest + b'"]"' + b"}" * rest + b"]}" * pairs


def nest(depth: int) -> Any:
    """Build a mapping that contains others."""
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


def decode_body(request: Any, body: bytes, status: int = 200, backend: Any = GEMINI) -> Any:
    return decode(request, HttpResponse(status, (), body), backend)


def decode_part(field: bytes, value: bytes) -> Any:
    return decode_body(GENERATE, b'{"candidates":[{"content":{"parts":[{%b:%b}]}}]}' % (field, value))


READERS: dict[str, Callable[[bytes], Any]] = {
    "function call": lambda text: decode_part(b'"functionCall"', b'{"name":"f","args":%b}' % text),
    "function response": lambda text: decode_part(b'"functionResponse"', b'{"response":%b}' % text),
    "tool call": lambda text: decode_part(b'"toolCall"', b'{"args":%b}' % text),
    "tool response": lambda text: decode_part(b'"toolResponse"', b'{"response":%b}' % text),
    "part metadata": lambda text: decode_part(b'"partMetadata"', text),
    "escaped name": lambda text: decode_part(b'"part\\u004detadata"', text),
    "beside an unknown field": lambda text: decode_part(b'"new":1,"partMetadata"', text),
    "beside a repaired field": lambda text: decode_part(b'"text":null,"thought":"true","partMetadata"', text),
    "unknown field": lambda text: decode_part(b'"new"', text),
    "unknown field at the root": lambda text: decode_body(GENERATE, b'{"new":%b}' % text),
    "wrong type": lambda text: decode_part(b'"text"', text),
    "operation": lambda text: decode_body(
        operations.get("models/m/operations/a", GenerateVideosOperation),
        b'{"name":"models/m/operations/a","done":true,"metadata":%b}' % text,
    ),
    "tuning job": lambda text: decode_body(
        tunings.get("1"),
        b'{"name":"projects/p/locations/l/tuningJobs/1","partnerModelTuningSpec":{"hyperParameters":%b}}' % text,
        backend=Vertex("p", "us-central1"),
    ),
    "event": lambda text: decode_event(
        (GENERATE | streamed).source.operation.gemini(GEMINI).reader,  # type: ignore[union-attr]  # no Refusal
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":%b}}]}}]}' % text,
    ),
    "frame of a live session": lambda text: decode_frame(
        b'{"toolCall":{"functionCalls":[{"args":%b}]}}' % text, encode_handshake(live.connect("m"), GEMINI).unwrap()
    ),
    "line of a batch": lambda text: batches.join(
        [GENERATE], b'{"key":"0","response":{"candidates":[{"content":{"parts":[{"partMetadata":%b}]}}]}}' % text
    )[0],
    "structured text": lambda text: parse(
        GenerateContentResponse(
            candidates=(Candidate(content=Content(parts=(Part(text=text.decode()),)), finish_reason="STOP"),)
        ),
        Any,
    ),
}


@each_depth
@pytest.mark.parametrize("name", READERS)
def test_reader_refuses(name: str, depth: int) -> None:
    """Every reader of JSON returns a DecodeError, which can be shown, compared and pickled."""
    error = READERS[name](nest_text(depth)).failure()
    assert type(error) is DecodeError
    assert "truncated" not in str(error)
    assert pickle.loads(pickle.dumps(error)) == error
    assert repr(error)


@pytest.mark.parametrize("name", [each for each in READERS if each != "wrong type"])
def test_reader_accepts(name: str) -> None:
    """Free-form JSON of the limit is read, and what it is part of can be shown, compared, pickled and sent."""
    value = READERS[name](nest_text(MAX_DEPTH - 1)).unwrap()
    assert pickle.loads(pickle.dumps(value)) == value
    assert repr(value)
    if isinstance(value, GenerateContentResponse) and value.candidates and value.candidates[0].content:
        assert repr(generate("m", value.candidates[0].content))


@each_depth
def test_body_of_error(depth: int) -> None:
    """The error of a response whose details nest too deep has the status, and the text as its message."""
    body = b'{"error": {"code": 503, "message": "busy", "details": [%b]}}' % nest_text(depth)
    error = decode_body(GENERATE, body, 503).failure()
    assert type(error) is ServerError
    assert "busy" in error.message
    assert repr(error)
    assert type(decode_body(GENERATE, body).failure()) in (ServerError, DecodeError)


@each_depth
def test_emulator(depth: int) -> None:
    """The emulator refuses the body as invalid."""
    body = b'{"contents":[{"parts":[{"text":"a","partMetadata":%b}]}]}' % nest_text(depth)
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    request = HttpRequest("POST", url, (("x-goog-api-key", "k"),), body)
    _, response = handle_request(EmulatorState(), request, NOW)
    assert response.status == 400


Value = Callable[[Any], Any]
BUILDERS: dict[str, Value] = {
    "contents": lambda value: generate("m", {"parts": [{"functionCall": {"name": "f", "args": value}}]}),
    "extra": lambda value: generate("m", {"parts": [{"text": "a", "extra": value}]}),
    "extra of a Struct": lambda value: generate("m", Part(text="a", extra=value)),
    "config": lambda value: generate("m", "hi", {"response_json_schema": value}),
    "schema": lambda value: generate("m", "hi", {"response_schema": value}),
    "extra_body": lambda value: GENERATE | with_options(extra_body=value),
    "function call": lambda value: FunctionCall(args=value),
    "function response": lambda value: FunctionResponse(response=value),
    "tool call": lambda value: ToolCall(args=value),
    "tool response": lambda value: ToolResponse(response=value),
    "part metadata": lambda value: Part(part_metadata=value),
}


@each_depth
@pytest.mark.parametrize("name", BUILDERS)
def test_builder_refuses(name: str, depth: int) -> None:
    """What users pass is refused at once, with an error that can be shown, compared and pickled."""
    with pytest.raises(InvalidRequest) as caught:
        BUILDERS[name](nest(depth))
    assert pickle.loads(pickle.dumps(caught.value)) == caught.value
    assert repr(caught.value)


@pytest.mark.parametrize("name", BUILDERS)
def test_builder_refuses_cycle(name: str) -> None:
    """A value that contains itself is refused, too."""
    cycle: dict[str, Any] = {}
    cycle["a"] = [cycle]
    with pytest.raises(InvalidRequest):
        BUILDERS[name](cycle)


@pytest.mark.parametrize("name", [each for each in BUILDERS if each != "schema"])
def test_builder_accepts(name: str) -> None:
    """Free-form JSON within the limit is accepted, and a request with it can be encoded and shown."""
    built = BUILDERS[name](nest(MAX_DEPTH - 10))
    assert repr(built)
    if name in ("contents", "extra", "config", "extra_body"):
        body = encode(built, GEMINI).unwrap().body
        assert isinstance(body, bytes)
        assert b'"a":{' * (MAX_DEPTH - 12) in body


def call_with(arguments: Any, **kwargs: Any) -> Any:
    """Call a function for a model that requests it with these arguments."""
    call = GenerateContentResponse(
        candidates=(Candidate(content=Content(parts=(Part(function_call=FunctionCall(**arguments)),))),)
    )
    done = GenerateContentResponse(candidates=(Candidate(content=Content(parts=(Part(text="done"),))),))
    return Fake({"generate": [call, done]})(GENERATE | calling(return_value, **kwargs))


def return_value(depth: int = 0, **others: Any) -> Any:
    """Return a value of this depth."""
    return nest(depth)


@each_depth
def test_result_of_function(depth: int) -> None:
    """A function's result that nests too deep is a failed call: the model gets the error, or the flow fails."""
    call = {"name": "return_value", "args": {"depth": depth}}
    assert call_with(call).unwrap().text == "done"
    error = call_with(call, on_error="fail").failure()
    assert "InvalidRequest: result: expected JSON of at most" in str(error) or "FunctionResponse.response" in str(error)


def test_arguments_of_function() -> None:
    """Arguments of the limit are passed on, under a name that the function has and under any other."""
    call = {"name": "return_value", "args": {"depth": 1, "other": nest(MAX_DEPTH - 1)}}
    assert call_with(call).unwrap().text == "done"


@pytest.mark.parametrize("depth", [0, 1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 5000])
def test_is_too_deep(depth: int) -> None:
    """A value may have MAX_DEPTH levels and not one more; siblings do not count."""
    value = nest(depth)
    assert is_too_deep(value) == (depth > MAX_DEPTH)
    assert is_too_deep([[], value, [1], ()]) == (depth >= MAX_DEPTH)


def test_every_depth() -> None:
    """At no depth does an exception leave the decoder."""
    for depth in range(80, 1200, 7):
        result = READERS["function call"](nest_text(depth))
        assert isinstance(result, Failure) == (depth > MAX_DEPTH)
