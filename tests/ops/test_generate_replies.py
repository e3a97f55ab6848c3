"""Responses to ``generate``, compared with google-genai 1.51.0 field by field, on both backends."""

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from google.genai import types
from returns.result import Success

from genai_fn import codec
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.http import HttpResponse
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.schema import GenerateContentResponse
from genai_fn.wire import decode, decode_event, prepare_request
from tests.cases.differences_by_resource import GENERATE_REPLY_DIFFERENCES
from tests.cases.generate_replies import REPLIES
from tests.support.google_genai import oracle

BACKENDS: Mapping[str, tuple[oracle.Backend, Backend]] = {
    "gemini": (oracle.GEMINI, Gemini("test-key")),
    "vertex": (oracle.VERTEX, Vertex("p", "us-central1")),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", REPLIES)
def test_same_values(name: str, backend: str) -> None:
    """Every field decodes to the value that google-genai reads; fields that it loses are kept."""
    theirs, ours = _decode_by_both(REPLIES[name], backend)
    expected = GENERATE_REPLY_DIFFERENCES[name, backend][1] if (name, backend) in GENERATE_REPLY_DIFFERENCES else theirs
    assert expected == ours


@pytest.mark.parametrize(("name", "backend"), GENERATE_REPLY_DIFFERENCES)
def test_differences_hold(name: str, backend: str) -> None:
    """Each difference in the table exists."""
    theirs, ours = _decode_by_both(REPLIES[name], backend)
    assert theirs != ours


@pytest.mark.parametrize("name", REPLIES)
def test_event_is_reply(name: str) -> None:
    """A response decodes the same as an event of a stream and alone."""
    data = json.dumps(REPLIES[name]).encode()
    request = Request(generate("m", "hi").operation.get_streaming_operation())
    answer = prepare_request(request, Gemini("test-key")).unwrap().reader
    assert _decode(REPLIES[name], Gemini("test-key")) == decode_event(answer, memoryview(data)).unwrap()


@pytest.mark.parametrize("name", REPLIES)
def test_round_trip(name: str) -> None:
    """A response that is encoded and decoded equals the original."""
    value = _decode(REPLIES[name], Gemini("test-key"))
    assert value == _decode(codec.encode(value), Gemini("test-key"))


@pytest.mark.parametrize("text", ["-_8=", "-_8", "+/8=", "+/8"])
def test_both_alphabets(text: str) -> None:
    """Bytes decode from both base64 alphabets, padded or not."""
    reply = {"candidates": [{"content": {"parts": [{"inlineData": {"data": text}}]}}]}
    inline = _decode(reply, Gemini("test-key")).parts[0].inline_data
    assert inline is not None
    assert inline.data == b"\xfb\xff"


@pytest.mark.parametrize("text", ["-_8=", "-_8", "+/8=", "+/8", "not base64 at all"])
def test_opaque_keeps_its_text(text: str) -> None:
    """A thought signature keeps its exact text."""
    reply = {"candidates": [{"content": {"parts": [{"text": "x", "thoughtSignature": text}]}}]}
    assert _decode(reply, Gemini("test-key")).parts[0].thought_signature == text


def test_nine_digits_round() -> None:
    """Nanoseconds are rounded to microseconds."""
    value = _decode({"createTime": "2025-01-02T03:04:05.123456789Z"}, Gemini("test-key"))
    assert value.create_time == datetime(2025, 1, 2, 3, 4, 5, 123457, UTC)


def _decode_by_both(reply: Any, backend: str) -> tuple[Any, Any]:
    place, at = BACKENDS[backend]
    theirs = oracle.parsed(place, lambda lib: lib.models.generate_content(model="m", contents="hi"), reply)
    assert isinstance(theirs, types.GenerateContentResponse)
    theirs.sdk_http_response = None
    return _plain(theirs), _plain(_decode(reply, at))


def _decode(reply: Any, at: Backend) -> GenerateContentResponse:
    body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    result = decode(generate("m", "hi"), HttpResponse(200, (), body), at)
    assert isinstance(result, Success), result
    return result.unwrap()


def _plain(value: Any, name: str = "") -> Any:
    """Convert a value of either library to plain data, without None and empty sequences; user JSON is unchanged."""
    if name in ("args", "response"):
        return value
    if isinstance(value, msgspec.Struct):
        return _plain({field: getattr(value, field) for field in value.__struct_fields__ if field != "extra"})
    if isinstance(value, types._common.BaseModel):
        return _plain({field: getattr(value, field) for field in type(value).model_fields})
    if isinstance(value, dict):
        plain = {field: _plain(each, field) for field, each in value.items()}
        return {field: each for field, each in plain.items() if each is not None and each != []}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if name == "thought_signature" and isinstance(value, str):
        return b64decode(value.translate(str.maketrans("-_", "+/")))
    return value.value if isinstance(value, Enum) else value
