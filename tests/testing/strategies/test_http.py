"""Drawn HTTP responses: valid ones decode to the reply that they contain, and no response makes `decode` raise."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from returns.result import Failure, Success

from genai_fn import generate
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import APIError, ClientError, DecodeError, RateLimited, ServerError
from genai_fn.http import HttpResponse
from genai_fn.ops import files
from genai_fn.request import Request
from genai_fn.testing.strategies import http_responses, replies, requests
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS
from genai_fn.testing.strategies.responses.errors import error_responses
from genai_fn.testing.strategies.responses.http import broken_responses, reply_responses
from genai_fn.testing.strategies.responses.wire_encoding import LOSSY_TYPES
from genai_fn.wire import decode, decode_event, prepare_request
from genai_fn.wire.sse import EventParser
from tests.support.drawn_examples import draw_examples
from tests.support.drawn_requests import has_operation

T = TypeVar("T")
BACKENDS: dict[str, Backend] = {"gemini": Gemini("test-key"), "vertex": Vertex("p", "us-central1")}
STREAMED_OPERATIONS = ("generate.stream",)
SUPPORTED_OPERATIONS = [
    (name, backend_name)
    for name in OPERATION_REQUESTS
    for backend_name in BACKENDS
    if has_operation(name, backend_name) and name not in STREAMED_OPERATIONS
]
REQUEST = generate("m", "hi")

example_settings = settings(
    max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize(("name", "backend_name"), SUPPORTED_OPERATIONS)
@example_settings
@given(data=st.data())
def test_round_trip(name: str, backend_name: str, data: st.DataObject) -> None:
    """A valid response decodes to the reply that it contains, except for fields that the backend does not return."""
    backend = BACKENDS[backend_name]
    request = data.draw(requests(name))
    assume(isinstance(prepare_request(request, backend), Success))
    reply = data.draw(replies(request))
    value = decode(request, data.draw(reply_responses(request, reply, backend)), backend).unwrap()
    if isinstance(reply, LOSSY_TYPES):
        assert type(value) is type(reply)
        assert decode(request, data.draw(reply_responses(request, value, backend)), backend).unwrap() == value
    else:
        assert value == reply


@example_settings
@given(data=st.data())
def test_events(data: st.DataObject) -> None:
    """A valid response to a streamed request consists of events, and each decodes to a chunk."""
    request = data.draw(requests("generate.stream"))
    for backend in BACKENDS.values():
        prepared = prepare_request(request, backend)
        assume(isinstance(prepared, Success))
        response = data.draw(http_responses(request, backend, bad=False, broken=False))
        events = EventParser()
        for each in [*events.feed(response.body), *events.finish()]:
            assert isinstance(decode_event(prepared.unwrap().reader, each), Success)


@pytest.mark.parametrize("backend_name", BACKENDS)
@settings(example_settings, max_examples=60)
@given(data=st.data())
def test_decode_is_total(backend_name: str, data: st.DataObject) -> None:
    """`decode` returns a Success or a Failure for any response to any request."""
    request = data.draw(requests())
    response = data.draw(http_responses(request, BACKENDS[backend_name]))
    assert isinstance(decode(request, response, BACKENDS[backend_name]), Success | Failure)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(requests().flatmap(http_responses))
def test_health_checks(response: HttpResponse) -> None:
    """Drawing passes the health checks of Hypothesis: fast, and few rejected examples."""
    assert response.status in range(200, 600)


KINDS: dict[str, Callable[[Any], Any]] = {
    "unavailable": lambda result: _is_failure(result, ServerError) and result.failure().code == 503,
    "rate limited": lambda result: _is_failure(result, RateLimited),
    "retry delay": lambda result: _is_failure(result, APIError) and result.failure().retry_after,
    "invalid argument": lambda result: (
        _is_failure(result, ClientError) and result.failure().status == "INVALID_ARGUMENT"
    ),
    "page of a proxy": lambda result: (
        _is_failure(result, APIError) and result.failure().message.startswith("<!DOCTYPE")
    ),
    "redirect": lambda result: _is_failure(result, APIError) and result.failure().code == 302,
}


def _is_failure(result: Any, kind: type[Exception]) -> bool:
    return isinstance(result, Failure) and isinstance(result.failure(), kind)


def test_error_responses() -> None:
    """Error responses include service errors, retry delays, redirects and pages of proxies."""
    results = [decode(REQUEST, response, BACKENDS["gemini"]) for response in draw_examples(error_responses(), 400)]
    assert [kind for kind, matches in KINDS.items() if not any(map(matches, results))] == []


def test_kinds() -> None:
    """Some responses decode, some are errors of the service, and some cannot be decoded."""
    results = [
        decode(REQUEST, response, BACKENDS["gemini"]) for response in draw_examples(http_responses(REQUEST), 100)
    ]
    assert any(isinstance(each, Success) for each in results)
    assert {APIError, DecodeError} == {
        kind for kind in (APIError, DecodeError) for each in results if _is_failure(each, kind)
    }


BROKEN_BODIES: dict[str, Callable[[bytes], bool]] = {
    "truncated": lambda body: body.startswith(b'{"cand') and not body.endswith(b"}"),
    "empty": lambda body: body == b"",
    "invalid UTF-8": lambda body: b"\xff\xc0" in body,
    "gzip": lambda body: body.startswith(b"\x1f\x8b"),
    "another structure": lambda body: body.startswith(b'{"candidates":') and not body.startswith(b'{"candidates":['),
    "deeply nested": lambda body: body.startswith(b"[[["),
}


def test_broken_responses() -> None:
    """Bodies are truncated, empty, corrupted, badly compressed, and of another structure."""
    valid = HttpResponse(200, (), b'{"candidates":[{"finishReason":"STOP"}]}')
    bodies = [response.body for response in draw_examples(broken_responses(st.just(valid)), 300)]
    assert [kind for kind, matches in BROKEN_BODIES.items() if not any(map(matches, bodies))] == []


def test_valid_only() -> None:
    """Excluded kinds are not drawn, and unsupported requests get no valid response."""
    assert _draw_codes(REQUEST, BACKENDS["gemini"], bad=False, broken=False) == {200}
    assert 200 not in _draw_codes(files.get("abc"), BACKENDS["vertex"], broken=False)


def _draw_codes(request: Request[Any], backend: Backend, **kinds: bool) -> set[int]:
    return {response.status for response in draw_examples(http_responses(request, backend, **kinds), 10)}
