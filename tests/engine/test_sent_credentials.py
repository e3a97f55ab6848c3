"""Failures that a flow builds, and the events of its requests, contain no credential that the flow has sent."""

import pickle
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import Gemini, Vertex, generate, with_options
from genai_fn.effects import EffectFailed, Notify, SendRequest
from genai_fn.engine import sent_credentials
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.engine.sent_credentials import SentCredentials
from genai_fn.engine.stepper import run_program
from genai_fn.errors import Disconnected, FunctionCallError, GenaiError, OperationFailed
from genai_fn.events import Responded, Retrying, Sending
from genai_fn.http import HttpRequest
from genai_fn.request import Flow, FlowGenerator, Request, Stream, flow, stream
from genai_fn.schema import Content
from genai_fn.wire.masking import Masker

KEY = "test-key-0123456789"
TOOL = {"exa_ai_search": {"api_key": KEY}}
HISTORY = (Content(role="user"),)


@flow
def fail_after(request: Request[Any], error: GenaiError) -> FlowGenerator[Any]:
    """Send a request, and fail with another error."""
    from genai_fn.commands import attempt

    yield from attempt(request)
    return Failure(error)


@stream
def emit_after(request: Request[Any], error: GenaiError) -> FlowGenerator[None]:
    """Send a request, and emit an error."""
    from genai_fn.commands import attempt, emit

    yield from attempt(request)
    yield from emit(Failure(error))


def perform(effect: Any) -> Any:
    """Answer an effect: no request reaches a server."""
    return EffectFailed(Disconnected("reading")) if isinstance(effect, SendRequest) else 0.0


REQUESTS = {
    "key": (Gemini(KEY), generate("m", "hi")),
    "header of the request": (Gemini("test-other"), generate("m", "hi") | with_options(headers={"x-my-key": KEY})),
    "tool": (Vertex("p", api_key="test-other"), generate("m", "hi", {"tools": [TOOL]})),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("depth", (0, 1, 2))
def test_failures_of_flows(name: str, depth: int) -> None:
    """An error that a flow builds is masked, also by the flows around it; its calling history stays."""
    backend, request = REQUESTS[name]
    error = OperationFailed("batches/1", 7, f"no access for {KEY}").with_calling_history(HISTORY)
    action: Flow[Any] = fail_after(request, error)
    for _ in range(depth):
        action = action.map(str)
    result = run_program(build_program(action, HttpHandler(backend=backend)), perform)
    assert result == Failure(OperationFailed("batches/1", 7, "no access for ***"))
    assert result.failure().calling_history == HISTORY


def test_items_of_streams() -> None:
    """A failure that a stream emits is masked, and nothing else in its items changes."""
    emitted: list[Any] = []
    action: Stream[Any] = emit_after(generate("m", "hi"), FunctionCallError("f", KEY))

    def collect(effect: Any) -> Any:
        emitted.append(getattr(effect, "item", None))
        return perform(effect)

    run_program(build_program(action, HttpHandler(backend=Gemini(KEY))), collect)
    assert emitted[-1] == Failure(FunctionCallError("f", "***"))


def test_untouched() -> None:
    """A value, a foreign failure and an error without a credential stay the same objects."""
    sent = SentCredentials()
    list(sent.watch_request(generate("m", "hi"), iter_effects(SendRequest(make_request("https://h.test/"), 1.0, 1.0))))
    for each in (Success(KEY), Failure(KEY), Failure(FunctionCallError("f", "no")), 7):
        assert sent.mask_failure(each) is each
    assert KEY not in f"{sent} {sent!r}"


def make_request(url: str) -> HttpRequest:
    return HttpRequest("GET", url, (("x-goog-api-key", KEY),))


def iter_effects(*effects: Any) -> Any:
    yield from effects


@pytest.mark.parametrize("make_event", (lambda http: Sending(http, 1), lambda http: Responded(http, 200)))
def test_events(make_event: Any) -> None:
    """The URL and the error of an event are masked: a server may have chosen the URL."""
    sent = SentCredentials()
    request = HttpRequest("GET", f"https://h.test/{KEY}")
    events = [
        SendRequest(make_request("https://h.test/"), 1.0, 1.0),
        Notify(make_event(request)),
        Notify(Retrying(request, OperationFailed("a", None, KEY), 1.0)),
    ]
    _, shown, retrying = sent.watch_request(generate("m", "hi"), iter_effects(*events))
    assert shown == Notify(make_event(HttpRequest("GET", "https://h.test/***")))
    assert retrying.event.error == OperationFailed("a", None, "***")
    assert KEY.encode() not in pickle.dumps((shown, retrying))


def test_requests_of_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential that another thread sends while an error is masked is masked from the next error on."""
    sent, other = SentCredentials(), "other-key-0123456789"

    def send(key: str) -> None:
        request = HttpRequest("GET", "https://h.test/", (("x-goog-api-key", key),))
        list(sent.watch_request(generate("m", "hi"), iter_effects(SendRequest(request, 1.0, 1.0))))

    def build_masker_late(*args: Any) -> Masker:
        monkeypatch.undo()
        send(other)
        return Masker(*args)

    send(KEY)
    monkeypatch.setattr(sent_credentials, "Masker", build_masker_late)
    for key in (KEY, other):
        assert sent.mask_error(FunctionCallError("f", key)) == FunctionCallError("f", "***")
