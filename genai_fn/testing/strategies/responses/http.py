"""Answers as they come over the wire: good ones, refusals, and broken ones."""

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

__all__ = ["broken_responses", "http_responses", "reply_responses"]


_GEMINI = Gemini("test-key")


def http_responses(
    request: Request[Any], backend: Backend = _GEMINI, *, bad: bool = True, broken: bool = True
) -> SearchStrategy[HttpResponse]:
    """
    Draw whole responses to a request, as `decode` takes them.

    Good ones hold one of the request's `replies`, or anything else that its operation reads. Where the backend does not
    take the request, there are none.

    Args:
        backend: Whose way of writing it is.

        bad: Whether errors of the service, and of what lies between, may come, too.

        broken: Whether bodies may be cut, garbled, empty, packed badly, or of another shape.
    """
    return defer_strategy(request, lambda: _responses(request, backend, bad=bad, broken=broken))


def _responses(request: Request[Any], backend: Backend, *, bad: bool, broken: bool) -> SearchStrategy[HttpResponse]:
    prepared = prepare_request(request, backend)
    ways: dict[str, tuple[int, SearchStrategy[Any]]] = {}
    whole: SearchStrategy[HttpResponse] = st.builds(HttpResponse, st.just(200), st.just(_JSON_HEADERS), st.just(b"{}"))
    if isinstance(prepared, Success):
        answer = prepared.unwrap().reader
        whole = _good_responses(request, backend, answer)
        ways["a good response"] = (6, whole)
        if (
            isinstance(answer.wire_type, type)
            and issubclass(answer.wire_type, msgspec.Struct)
            and not _is_raw_response(answer)
        ):
            ways["a response that is read"] = (2, wire_json(answer.wire_type).flatmap(_json_responses))
    if bad or not (ways or broken):
        ways["a refusal"] = (3, error_responses())
    if broken:
        ways["a broken response"] = (3, broken_responses(whole))
    return weighted_choices(ways)


def _is_raw_response(answer: ResponseReader[Any]) -> bool:
    """Tell whether an answer is something else than one JSON document."""
    return answer.is_streamed or answer.wire_type is HttpResponse


_JSON_HEADERS: Headers = (("content-type", "application/json; charset=UTF-8"),)
_EVENT_HEADERS: Headers = (("content-type", "text/event-stream"),)
_BYTES_HEADERS: Headers = (("content-type", "application/octet-stream"),)


# Good ones


def _good_responses(
    request: Request[Any], backend: Backend, answer: ResponseReader[Any]
) -> SearchStrategy[HttpResponse]:
    if answer.is_streamed:
        return chunks(request).map(_build_stream_response)
    return replies(request).flatmap(lambda reply: reply_responses(request, reply, backend))


def _build_stream_response(said: tuple[Any, ...]) -> HttpResponse:
    if all(isinstance(each, bytes) for each in said):
        return HttpResponse(200, _BYTES_HEADERS, b"".join(said))
    events = (b"data: " + codec.encode(each) + b"\r\n\r\n" for each in said)
    return HttpResponse(200, _EVENT_HEADERS, b"".join(events))


def reply_responses(request: Request[Any], reply: Any, backend: Backend) -> SearchStrategy[HttpResponse]:
    """Draw responses that hold a reply, in any layout."""
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


# Broken ones


@st.composite
def broken_responses(draw: DrawFn, whole: SearchStrategy[HttpResponse]) -> HttpResponse:
    """Draw responses whose body is cut, garbled, empty, packed badly, of another shape, or anything at all."""
    response = draw(whole)
    ways: WeightedChoices = {
        "a cut body": (2, st.integers(0, max(len(response.body) - 1, 0)).map(lambda size: response.body[:size])),
        "another shape": (3, _reshaped_bodies(response.body)),
        "an empty body": (1, st.just(b"")),
        "no UTF-8": (1, st.integers(0, len(response.body)).map(lambda at: _corrupt_bytes(response.body, at))),
        "any bytes": (1, st.binary(max_size=20)),
        "a deep body": (1, st.sampled_from([b"[" * 10_000, b'{"a":' * 10_000])),
        "a fault within": (1, error_responses().map(lambda refusal: refusal.body)),
        "packed": (1, st.integers(1, 20).map(lambda less: gzip.compress(response.body, mtime=0)[:-less])),
    }
    body: bytes = draw(weighted_choices(ways))
    is_packed = body.startswith(b"\x1f\x8b")
    headers = draw(st.sampled_from([response.headers, ()]))
    return HttpResponse(response.status, (*headers, *_GZIP_HEADERS) if is_packed else headers, body)


_GZIP_HEADERS: Headers = (("content-encoding", "gzip"),)


def _corrupt_bytes(body: bytes, at: int) -> bytes:
    return body[:at] + b"\xff\xc0" + body[at:]


def _reshaped_bodies(body: bytes) -> SearchStrategy[bytes]:
    """Put something else in the place of one value in the body, or of it all."""
    try:
        tree = codec.decode(body)
    except msgspec.DecodeError:  # no JSON
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
