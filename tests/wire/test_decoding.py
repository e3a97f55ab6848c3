"""Responses as values: decoding never raises, whatever the body is."""

import json
import pickle
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace
from returns.result import Failure, Success

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import (
    APIError,
    ClientError,
    DecodeError,
    GenaiError,
)
from genai_fn.http import HttpResponse, ValueWithResponse
from genai_fn.ops.generate import generate
from genai_fn.options import Options
from genai_fn.request import DELETE, POST, Call, Operation, Request, ResponseReader, read_json
from genai_fn.schema import CachedContent, GenerateContentResponse
from genai_fn.wire import decode, decode_event, decode_response, prepare_request

GEMINI = Gemini("test-key")
VERTEX = Vertex("p", "us-central1")
HI = generate("m", "hi")


class Drop(Operation[CachedContent]):
    """An operation whose response may be empty."""

    op: ClassVar = "test.drop"

    def gemini(self, backend: Gemini) -> Call[CachedContent]:
        return DELETE("cachedContents/1", read_json(CachedContent))

    def vertex(self, backend: Vertex) -> Call[CachedContent]:
        return POST("cachedContents/1:drop", None, replace(read_json(CachedContent), may_be_empty=True))


def build_response_request(request: Request[Any], **options: Any) -> Request[Any]:
    return replace(request, options=Options(**options))


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_body_where_a_value_is_needed(body: bytes) -> None:
    """An empty body is a failure where the operation returns something."""
    assert isinstance(decode(HI, HttpResponse(200, (), body), GEMINI).failure(), DecodeError)


@pytest.mark.parametrize("body", [b"", b"{}", b" \n", b"{ }"])
def test_empty_body_of_a_deletion(body: bytes) -> None:
    """An empty body or an empty object is the success of an operation that deletes or cancels."""
    assert decode(Request(Drop()), HttpResponse(200, (), body), GEMINI) == Success(CachedContent())
    assert decode(Request(Drop()), HttpResponse(204, (), body), VERTEX) == Success(CachedContent())


@pytest.mark.parametrize(
    ("body", "expected", "path"),
    [
        (b"[]", "`object`, got `array`", ""),
        (b'{"candidates": 1}', "`array`, got `int`", "$.candidates"),
        (b'{"candidates": [{"index": "x"}]}', "`int | null`, got `str`", "$.candidates[0].index"),
        (b"null", "`object`, got `null`", ""),
        (b"<html>", "JSON (malformed: invalid character (byte 0))", ""),
        (b'{"candidates": [', "complete JSON", ""),
    ],
)
def test_wrong_type(body: bytes, expected: str, path: str) -> None:
    """A body of the wrong type is an error with what was expected, where, and the body."""
    failure = decode(HI, HttpResponse(200, (), body), GEMINI).failure()
    assert failure == DecodeError(expected, path, body.decode())


@pytest.mark.parametrize("text", [b"[", b'{"a":', b'{"error":', b'{"candidates":', b'{"candidates":[{"content":'])
@pytest.mark.parametrize("status", [200, 500])
def test_deep_nesting(text: bytes, status: int) -> None:
    """A body of any depth decodes to a value or an error, never to an exception."""
    for body in (text * 100_000, text + b"[" * 100_000 + b"]" * 100_000):
        assert isinstance(decode(HI, HttpResponse(status, (), body), GEMINI), Success | Failure)


def test_text_is_truncated() -> None:
    """A decode error keeps the first 2,000 bytes of the body."""
    failure = decode(HI, HttpResponse(200, (), b"x" * 1_000_000), GEMINI).failure()
    assert isinstance(failure, DecodeError)
    assert len(failure.text) == 2000


@pytest.mark.parametrize("status", [200, 400])
def test_byte_order_mark(status: int) -> None:
    """A byte order mark before JSON is ignored, in values and in errors."""
    body = b'{"responseId": "r"}' if status == 200 else b'{"error": {"code": 400, "message": "no"}}'
    plain, marked = (decode(HI, HttpResponse(status, (), mark + body), GEMINI) for mark in (b"", b"\xef\xbb\xbf"))
    assert plain == marked
    error = decode(HI, HttpResponse(200, (), b'\xef\xbb\xbf{"error": {"code": 400, "message": "no"}}'), GEMINI)
    assert error.failure() == ClientError(400, "", "no")


@pytest.mark.parametrize(
    ("status", "start", "end"),
    [
        (400, b'{"error": {"code": 400, "status": "X", "message": "', b'"}}'),
        (400, b'{"error": {"code": 400, "status": "', b'", "message": ""}}'),
        (400, b'{"error": "', b'"}'),
        (200, b'{"error": {"code": 400, "message": "', b'"}}'),
        (200, b'{"usageMetadata": {"promptTokenCount": "', b'"}}'),
        (200, b'{"candidates": [{"content": {"parts": [{"inlineData": {"data": "!', b'"}}]}}]}'),
    ],
)
def test_messages_are_truncated(status: int, start: bytes, end: bytes) -> None:
    """A message of a megabyte is cut: no text of an error is longer than some thousand characters."""
    error = decode(HI, HttpResponse(status, (), start + b"x" * 1_000_000 + end), GEMINI).failure()
    assert len(str(error)) < 2500
    assert len(repr(error)) < 7000


def _raise_attribute_error(value: Any) -> Any:
    return value.no_such_thing


def test_reader_that_fails() -> None:
    """An exception in a converter becomes a failure."""
    result = decode_response(ResponseReader(CachedContent, _raise_attribute_error), HttpResponse(200, (), b"{}"))
    assert result.failure() == DecodeError("CachedContent (AttributeError)", "", "{}")


def test_with_http_response() -> None:
    """With `with_http_response`, the value comes with its HTTP response."""
    response = HttpResponse(200, (("x-a", "b"),), b'{"responseId": "r"}')
    assert decode(build_response_request(HI, with_http_response=True), response, GEMINI) == Success(
        ValueWithResponse(GenerateContentResponse(response_id="r"), response)
    )


_READER = prepare_request(HI, GEMINI).unwrap().reader


_NAMES = st.sampled_from(
    ("error", "code", "message", "details", "candidates", "content", "parts", "inlineData", "data", "finishReason")
)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["STOP", "-_8"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


_BODIES = st.binary(max_size=200) | _JSON.map(lambda tree: json.dumps(tree).encode())


@settings(deadline=None)
@given(
    body=_BODIES,
    status=st.integers(100, 999),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text()),
)
def test_decoding_is_total(body: bytes, status: int, headers: dict[str, str]) -> None:
    """Any body with any status decodes to a value or one of our errors, which has a text and pickles."""
    response = HttpResponse(status, tuple(headers.items()), body)
    for result in (
        decode(HI, response, GEMINI),
        decode_event(_READER, body),
        decode(Request(Drop()), response, VERTEX),
    ):
        if isinstance(result, Failure):
            error = result.failure()
            assert isinstance(error, GenaiError)
            assert pickle.loads(pickle.dumps(error)) == error
            assert isinstance(str(error), str)
            assert not isinstance(error, APIError) or error.retry_after is None or error.retry_after >= 0
