"""Strategies for HTTP responses: valid ones, errors, and broken ones."""

import gzip
from copy import copy
from typing import Any, cast

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from genai_fn import codec
from genai_fn.backend import Backend, Gemini
from genai_fn.http import Headers, HttpResponse
from genai_fn.ops.files.uploads import UploadProgress
from genai_fn.request import Request, ResponseReader
from genai_fn.results import Success
from genai_fn.testing.strategies.deferred import defer_strategy
from genai_fn.testing.strategies.responses.errors import error_responses
from genai_fn.testing.strategies.responses.replies import chunks, replies
from genai_fn.testing.strategies.responses.wire_encoding import encode_reply
from genai_fn.testing.strategies.values.types import json
from genai_fn.testing.strategies.values.wire_json import wire_json
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices
from genai_fn.wire import prepare_request

_GEMINI = Gemini("test-key")


def http_responses(
    request: Request[Any], backend: Backend = _GEMINI, *, bad: bool = True, broken: bool = True
) -> SearchStrategy[HttpResponse]:
    """
    Draw HTTP responses to a request, as input of `decode`.

    Valid responses contain one of the request's `replies`, or other JSON that the operation can decode. If the backend
    does not support the request, only errors and broken responses are drawn.

    Args:
        request: The request to answer.

        backend: Backend whose wire format is used.

        bad: Include error responses of the service and of proxies.

        broken: Include bodies that are truncated, corrupted, empty, badly compressed or of another structure.

    >>> from genai_fn import Gemini, Success, decode, files
    >>> from hypothesis import given, settings
    >>> lookup = files.get("abc")
    >>> @settings(max_examples=5)
    ... @given(http_responses(lookup, bad=False, broken=False))
    ... def test_decodes(response):
    ...     assert isinstance(decode(lookup, response, Gemini("test-key")), Success)
    >>> test_decodes()
    """
    return defer_strategy(request, lambda: _responses(request, backend, bad=bad, broken=broken))


def _responses(request: Request[Any], backend: Backend, *, bad: bool, broken: bool) -> SearchStrategy[HttpResponse]:
    prepared = prepare_request(request, backend)
    choices: dict[str, tuple[int, SearchStrategy[Any]]] = {}
    valid: SearchStrategy[HttpResponse] = st.builds(HttpResponse, st.just(200), st.just(_JSON_HEADERS), st.just(b"{}"))
    if isinstance(prepared, Success):
        reader = prepared.unwrap().reader
        valid = _valid_responses(request, backend, reader)
        choices["a valid response"] = (6, valid)
        if (
            isinstance(reader.wire_type, type)
            and issubclass(reader.wire_type, msgspec.Struct)
            and not _is_raw_response(reader)
        ):
            choices["any JSON of the type"] = (2, wire_json(reader.wire_type).flatmap(_json_responses))
    if bad or not (choices or broken):
        choices["an error response"] = (3, error_responses())
    if broken:
        choices["a broken response"] = (3, broken_responses(valid))
    return weighted_choices(choices)


def _is_raw_response(reader: ResponseReader[Any]) -> bool:
    """Whether a response is not a single JSON document."""
    return reader.is_streamed or reader.wire_type is HttpResponse


_JSON_HEADERS: Headers = (("content-type", "application/json; charset=UTF-8"),)
_EVENT_HEADERS: Headers = (("content-type", "text/event-stream"),)
_BYTES_HEADERS: Headers = (("content-type", "application/octet-stream"),)


# Valid responses


def _valid_responses(
    request: Request[Any], backend: Backend, reader: ResponseReader[Any]
) -> SearchStrategy[HttpResponse]:
    if reader.is_streamed:
        return chunks(request).map(_build_stream_response)
    return replies(request).flatmap(lambda reply: reply_responses(request, reply, backend))


def _build_stream_response(chunks: tuple[Any, ...]) -> HttpResponse:
    if all(isinstance(each, bytes) for each in chunks):
        return HttpResponse(200, _BYTES_HEADERS, b"".join(chunks))
    events = (b"data: " + codec.encode(each) + b"\r\n\r\n" for each in chunks)
    return HttpResponse(200, _EVENT_HEADERS, b"".join(events))


def reply_responses(request: Request[Any], reply: Any, backend: Backend) -> SearchStrategy[HttpResponse]:
    """Draw valid responses that contain a reply; JSON may be compact or indented."""
    if isinstance(reply, bytes):
        return st.just(HttpResponse(200, _BYTES_HEADERS, reply))
    if isinstance(reply, str):
        return st.just(HttpResponse(200, (("x-goog-upload-url", reply), ("x-goog-upload-status", "active"))))
    if isinstance(reply, UploadProgress):
        return st.just(_build_progress_response(reply))
    return _json_responses(encode_reply(request.operation, reply, backend.name))


def _build_progress_response(progress: UploadProgress) -> HttpResponse:
    status: Headers = (("x-goog-upload-status", "final" if progress.is_final else "active"),)
    received = progress.received
    size: Headers = () if received is None else (("x-goog-upload-size-received", str(received)),)
    return HttpResponse(200, (*status, *size), progress.body)


def _json_responses(value: Any) -> SearchStrategy[HttpResponse]:
    body = codec.encode(value)
    bodies = st.sampled_from([body, codec.format_json(body, indent=2) + b"\n"])
    return bodies.map(lambda body: HttpResponse(200, _JSON_HEADERS, body))


# Broken responses


@st.composite
def broken_responses(draw: DrawFn, valid: SearchStrategy[HttpResponse]) -> HttpResponse:
    """Draw responses with a truncated, corrupted, empty, badly compressed, restructured or arbitrary body."""
    response = draw(valid)
    choices: WeightedChoices = {
        "a truncated body": (2, st.integers(0, max(len(response.body) - 1, 0)).map(lambda size: response.body[:size])),
        "another structure": (3, _reshaped_bodies(response.body)),
        "an empty body": (1, st.just(b"")),
        "invalid UTF-8": (1, st.integers(0, len(response.body)).map(lambda at: _corrupt_bytes(response.body, at))),
        "any bytes": (1, st.binary(max_size=20)),
        "a deeply nested body": (1, st.sampled_from([b"[" * 10_000, b'{"a":' * 10_000])),
        "the body of an error": (1, error_responses().map(lambda error: error.body)),
        "truncated gzip": (1, st.integers(1, 20).map(lambda count: gzip.compress(response.body, mtime=0)[:-count])),
    }
    body: bytes = draw(weighted_choices(choices))
    is_compressed = body.startswith(b"\x1f\x8b")
    headers = draw(st.sampled_from([response.headers, ()]))
    return HttpResponse(response.status, (*headers, *_GZIP_HEADERS) if is_compressed else headers, body)


_GZIP_HEADERS: Headers = (("content-encoding", "gzip"),)


def _corrupt_bytes(body: bytes, at: int) -> bytes:
    return body[:at] + b"\xff\xc0" + body[at:]


def _reshaped_bodies(body: bytes) -> SearchStrategy[bytes]:
    """Replace one value in the JSON body, or all of it, by another value."""
    try:
        tree = codec.decode(body)
    except msgspec.DecodeError:  # not JSON
        tree = None
    return _changed_trees(tree).map(codec.encode)


_odd_values: SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "", 0, True, [{}], {"error": None}, {"error": {}}, 2**64, 1e308]
)


@st.composite
def _changed_trees(draw: DrawFn, tree: Any) -> Any:
    if draw(st.booleans()) and tree and isinstance(tree, dict | list):
        keys: list[Any] = sorted(cast("Any", tree)) if isinstance(tree, dict) else list(range(len(cast("Any", tree))))
        at = draw(st.sampled_from(keys))
        changed: Any = copy(cast("Any", tree))
        changed[at] = draw(_changed_trees(changed[at]))
        return changed
    return draw(st.one_of(_odd_values, json))
