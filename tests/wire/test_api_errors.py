"""The errors of the API, in every shape that a body has."""

import gzip
import json
from typing import Any

import msgspec
import pytest
from returns.result import Success

from genai_fn import schema
from genai_fn.backend import Gemini
from genai_fn.errors import (
    APIError,
    ClientError,
    DecodeError,
    RateLimited,
    ServerError,
)
from genai_fn.http import HttpResponse
from genai_fn.ops.generate import generate
from genai_fn.ops.operations import get as get_operation
from genai_fn.request import ResponseReader
from genai_fn.schema import GenerateVideosOperation
from genai_fn.schema.base import Message
from genai_fn.wire import build_api_error, decode, decode_event, prepare_request
from genai_fn.wire.api_errors import find_api_error, is_never_error
from genai_fn.wire.lenient_json import find_strict_reader

GEMINI = Gemini("test-key")
HI = generate("m", "hi")


def build_error_body(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


_QUOTA = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "too much"}


_READER = prepare_request(HI, GEMINI).unwrap().reader


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, build_error_body(**_QUOTA), RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (429, b"[" + build_error_body(**_QUOTA) + b"]", RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (429, b"\n [ " + build_error_body(**_QUOTA) + b" ] \n", RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (400, build_error_body(code=400, message=None, status=None, details=None), ClientError(400)),
        (400, build_error_body(), ClientError(400)),
        (400, build_error_body(code="INVALID", message="m"), ClientError(400, "", "m")),
        (400, build_error_body(code=3, message="m", new={"x": 1}), ClientError(400, "", "m")),
        (400, b'{"error": {"message": "m"}, "requestId": "r"}', ClientError(400, "", "m")),
        (401, b'{"error": "invalid_grant", "error_description": "d"}', ClientError(401, "", "invalid_grant: d")),
        (401, b'{"code": 401, "message": "Jwt is missing"}', ClientError(401, "", "Jwt is missing")),
        (403, b'{"code": 401, "message": "m", "status": "S", "details": [1]}', ClientError(403, "S", "m", (1,))),
        (500, b'{"code": 401, "message": "m", "x": 1}', ServerError(500, "", '{"code": 401, "message": "m", "x": 1}')),
        (500, build_error_body(code=500, details=[{"@type": "t"}]), ServerError(500, "", "", ({"@type": "t"},))),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", ServerError(502, "", "<html><h1>502 Bad Gateway</h1></html>")),
        (503, b"", ServerError(503)),
        (503, b"  \n", ServerError(503)),
        (503, b"overloaded", ServerError(503, "", "overloaded")),
        (500, b"[]", ServerError(500, "", "[]")),
        (500, b"{}", ServerError(500, "", "{}")),
        (500, b"null", ServerError(500, "", "null")),
        (500, b'{"error": null}', ServerError(500, "", '{"error": null}')),
        (500, b'{"error": {"code": 500, "mess', ServerError(500, "", '{"error": {"code": 500, "mess')),
        (500, b"\xff\xfe", ServerError(500, "", "\ufffd\ufffd")),
        (302, b"moved", APIError(302, "", "moved")),
        (304, b"", APIError(304)),
        (600, b"?", APIError(600, "", "?")),
    ],
)
def test_error_status(status: int, body: bytes, expected: APIError) -> None:
    """A status other than 2xx is an error of the matching class, whatever the body contains."""
    failure = decode(HI, HttpResponse(status, (), body), GEMINI).failure()
    assert failure == expected
    assert type(failure) is type(expected)


def test_error_keeps_headers() -> None:
    """An error keeps the headers of its response."""
    headers = (("retry-after", "3"),)
    failure = build_api_error(HttpResponse(503, headers, b""))
    assert failure.headers == headers
    assert failure.retry_after == 3.0


def test_message_is_truncated() -> None:
    """The message of an error is truncated."""
    assert len(build_api_error(HttpResponse(500, (), b"x" * 1_000_000)).message) == 500


def test_compressed_body() -> None:
    """A body that is still compressed is an ordinary error."""
    assert isinstance(decode(HI, HttpResponse(500, (), gzip.compress(b"x")), GEMINI).failure(), ServerError)
    assert isinstance(decode(HI, HttpResponse(200, (), gzip.compress(b"x")), GEMINI).failure(), DecodeError)


@pytest.mark.parametrize("frame", [b"%s", b"[%s]", b"\n  %s\n"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (build_error_body(**_QUOTA), RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (build_error_body(code=503, message="later"), ServerError(503, "", "later")),
        (build_error_body(message="m"), ServerError(500, "", "m")),
        (build_error_body(status="UNAVAILABLE"), ServerError(500, "UNAVAILABLE")),
        (build_error_body(code="x", message="m"), ServerError(500, "", "m")),
        (b'{"error": "m"}', ServerError(500, "", "m")),
        (b'{"error": {"code": 503, "message": "later"}, "requestId": "r"}', ServerError(503, "", "later")),
    ],
)
def test_error_with_status_200(frame: bytes, body: bytes, expected: APIError) -> None:
    """An error with status 200, alone or in an array, is that error, in a response and in an event."""
    text = frame.replace(b"%s", body)
    assert decode(HI, HttpResponse(200, (), text), GEMINI).failure() == expected
    assert decode_event(_READER, memoryview(text)).failure() == expected


def test_flat_error_with_status_200() -> None:
    """An error without an envelope is recognized with status 200, too; similar objects are not errors."""
    text = b'{"code": 401, "message": "Jwt is missing"}'
    assert decode(HI, HttpResponse(200, (), text), GEMINI).failure() == ClientError(401, "", "Jwt is missing")
    assert decode_event(_READER, text).failure() == ClientError(401, "", "Jwt is missing")
    for other_body in (b'{"code": 0, "message": "OK"}', b'{"message": "m"}', b'{"code": 401, "message": "m", "x": 1}'):
        assert isinstance(decode(HI, HttpResponse(200, (), other_body), GEMINI), Success)


@pytest.mark.parametrize(
    "body", [b'{"error": {"code": 3}, "name": "n"}', b'{"name": "n", "error": null}', b'{"name": "n", "error": {}}']
)
def test_type_with_error_field(body: bytes) -> None:
    """If the response type has a field `error`, as operations have, a body with other fields is a value."""
    request = get_operation("models/m/operations/n", GenerateVideosOperation)
    assert isinstance(decode(request, HttpResponse(200, (), body), GEMINI), Success)


@pytest.mark.parametrize("body", [b'{"error": {"code": 400}}', b'{"code": 400, "message": ""}', b'{"error": "m"}'])
def test_types_that_are_never_errors(body: bytes) -> None:
    """No error fits a type whose JSON is decoded without a search for errors."""
    kinds = [kind for name in dir(schema) if is_never_error(kind := getattr(schema, name))]
    assert {schema.GenerateContentResponse, schema.EmbedContentResponse} <= set(kinds)
    assert {GenerateVideosOperation, Checked}.isdisjoint(kinds)
    for kind in kinds:
        reader: ResponseReader[Any] = ResponseReader(kind)
        assert isinstance(decode_event(reader, body).failure(), APIError)
        with pytest.raises(msgspec.DecodeError):
            find_strict_reader(kind)(body)


class Checked(Message):
    error: str | None = None


def test_type_with_error_text() -> None:
    """If the response type has a text `error`, a text is a value, and an object is an error."""
    assert find_api_error(Checked, b'{"error": "not a number"}', ()) is None
    assert find_api_error(Checked, b'{"error": {"code": 400, "message": "m"}}', ()) == ClientError(400, "", "m")


@pytest.mark.parametrize("body", [b'{"responseId": "n", "error": null}', b'{"error": {}}', b'{"error": null}'])
def test_empty_error(body: bytes) -> None:
    """An `error` that is null or empty is no error."""
    assert isinstance(decode(HI, HttpResponse(200, (), body), GEMINI), Success)
