"""Drawn wire answers: good ones are read as the reply that they hold, and none makes `decode` raise."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
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
from tests.support.drawn_requests import has

T = TypeVar("T")
BACKENDS: dict[str, Backend] = {"gemini": Gemini("test-key"), "vertex": Vertex("p", "us-central1")}
STREAMED = ("generate.stream",)
HERE = [(name, at) for name in OPERATION_REQUESTS for at in BACKENDS if has(name, at) and name not in STREAMED]
ASKED = generate("m", "hi")

drawn = settings(
    max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize(("name", "at"), HERE)
@drawn
@given(data=st.data())
def test_reads_as_drawn(name: str, at: str, data: st.DataObject) -> None:
    """A good response is read as the reply that it holds, but for what the wire has no word for: that is lost, once."""
    backend = BACKENDS[at]
    request = data.draw(requests(name))
    assume(isinstance(prepare_request(request, backend), Success))
    reply = data.draw(replies(request))
    read = decode(request, data.draw(reply_responses(request, reply, backend)), backend).unwrap()
    if isinstance(reply, LOSSY_TYPES):
        assert type(read) is type(reply)
        assert decode(request, data.draw(reply_responses(request, read, backend)), backend).unwrap() == read
    else:
        assert read == reply


@drawn
@given(data=st.data())
def test_events(data: st.DataObject) -> None:
    """A good response to a stream is events, each of which is read as a piece of the answer."""
    request = data.draw(requests("generate.stream"))
    for backend in BACKENDS.values():
        prepared = prepare_request(request, backend)
        assume(isinstance(prepared, Success))
        response = data.draw(http_responses(request, backend, bad=False, broken=False))
        events = EventParser()
        for each in [*events.feed(response.body), *events.finish()]:
            assert isinstance(decode_event(prepared.unwrap().reader, each), Success)


@pytest.mark.parametrize("at", BACKENDS)
@settings(drawn, max_examples=60)
@given(data=st.data())
def test_decode_is_total(at: str, data: st.DataObject) -> None:
    """Whatever comes back, for whatever was asked, is a value or an error."""
    request = data.draw(requests())
    response = data.draw(http_responses(request, BACKENDS[at]))
    assert isinstance(decode(request, response, BACKENDS[at]), Success | Failure)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(requests().flatmap(http_responses))
def test_healthy(response: HttpResponse) -> None:
    """They are quick to draw, and little is thrown away."""
    assert response.status in range(200, 600)


KINDS: dict[str, Callable[[Any], Any]] = {
    "unavailable": lambda result: _is(result, ServerError) and result.failure().code == 503,
    "limited": lambda result: _is(result, RateLimited),
    "told to wait": lambda result: _is(result, APIError) and result.failure().retry_after,
    "refused": lambda result: _is(result, ClientError) and result.failure().status == "INVALID_ARGUMENT",
    "a proxy": lambda result: _is(result, APIError) and result.failure().message.startswith("<!DOCTYPE"),
    "redirected": lambda result: _is(result, APIError) and result.failure().code == 302,
}


def _is(result: Any, kind: type[Exception]) -> bool:
    return isinstance(result, Failure) and isinstance(result.failure(), kind)


def test_refusals() -> None:
    """There are the service's errors, advice to wait, and pages of proxies."""
    results = [decode(ASKED, response, BACKENDS["gemini"]) for response in _some(error_responses(), 400)]
    assert [kind for kind, is_met in KINDS.items() if not any(map(is_met, results))] == []


def test_kinds() -> None:
    """Some are read, some are errors of the service, and some cannot be read."""
    results = [decode(ASKED, response, BACKENDS["gemini"]) for response in _some(http_responses(ASKED), 100)]
    assert any(isinstance(each, Success) for each in results)
    assert {APIError, DecodeError} == {kind for kind in (APIError, DecodeError) for each in results if _is(each, kind)}


BROKEN: dict[str, Callable[[bytes], bool]] = {
    "cut": lambda body: body.startswith(b'{"cand') and not body.endswith(b"}"),
    "empty": lambda body: body == b"",
    "no UTF-8": lambda body: b"\xff\xc0" in body,
    "packed": lambda body: body.startswith(b"\x1f\x8b"),
    "another shape": lambda body: body.startswith(b'{"candidates":') and not body.startswith(b'{"candidates":['),
    "deep": lambda body: body.startswith(b"[[["),
}


def test_breaks() -> None:
    """Bodies are cut, emptied, garbled, packed badly, and of another shape."""
    whole = HttpResponse(200, (), b'{"candidates":[{"finishReason":"STOP"}]}')
    bodies = [response.body for response in _some(broken_responses(st.just(whole)), 300)]
    assert [kind for kind, is_met in BROKEN.items() if not any(map(is_met, bodies))] == []


def test_only_good() -> None:
    """What is not wanted is not drawn; and where the backend takes no such request, nothing good is."""
    assert _codes(ASKED, BACKENDS["gemini"], bad=False, broken=False) == {200}
    assert 200 not in _codes(files.get("abc"), BACKENDS["vertex"], broken=False)


def _codes(request: Request[Any], backend: Backend, **ways: bool) -> set[int]:
    return {response.status for response in _some(http_responses(request, backend, **ways), 10)}


def _some(strategy: SearchStrategy[T], count: int) -> list[T]:
    found: list[T] = []

    @settings(drawn, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def look(each: T) -> None:
        found.append(each)

    look()
    return found
