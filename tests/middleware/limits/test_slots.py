"""The slot of an attempt is free as soon as the attempt is over, also within a run that goes on."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from returns.result import Success

from genai_fn import AsyncHttp, Gemini, Http, Retry, Timeouts, ask, flow, generate, joined, streamed, text, with_options
from genai_fn.errors import InvalidRequest
from genai_fn.events import Responded
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.middleware import adaptive, limited
from genai_fn.request import FlowGenerator
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import AwaitableInterpreter, run_without_waiting
from tests.support.loopback import Hang, Loopback, Send, encode_chunk, encode_event, encode_head
from tests.support.loopback_replies import OK, STREAM, build_error
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "hi") | with_options(deadline=60)
LIMITS: tuple[Callable[[], Any], ...] = (
    lambda: limited(in_flight=1),
    lambda: adaptive(1, maximum=1),
)


class RaisingOnce(HandlerWrapper):
    """Raises within the first request, after it was answered or read."""

    def __init__(self) -> None:
        self.has_raised = False

    def __call__(self, inner: Any) -> "RaisingOnce":
        self.inner = inner
        return self

    def handle(self, request: Any, until: float) -> Any:
        result = yield from self.inner.handle(request, until)
        self._raise()
        return result

    def read_items(self, handle: Any) -> Any:
        items = yield from self.inner.read_items(handle)
        self._raise()
        return items

    def _raise(self) -> None:
        if not self.has_raised:
            self.has_raised = True
            raise InvalidRequest("answer", None, "another one")


@flow
def ask_again(first: Any) -> FlowGenerator[Any]:
    """Run an action, and a request in the same run whether the action raises or not."""
    try:
        yield from ask(first)
    except (InvalidRequest, ZeroDivisionError):
        return Success(("raised", (yield from ask(HI | text))))
    return Success(("not raised", (yield from ask(HI | text))))


@pytest.mark.parametrize("make_limit", LIMITS)
@pytest.mark.parametrize("place", PLACES, ids=repr)
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_exception_within_a_request(place: Place, make_limit: Callable[[], Any], is_stream: bool) -> None:
    """What raises within a request or a stream gives the slot back, so that the flow may catch it and go on."""
    limit = make_limit()
    first = HI | streamed | text | joined if is_stream else HI | text

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(ask_again(first))

    assert place.run(body, RaisingOnce(), limit).unwrap() == ("raised", "hello")
    assert limit.get_gate().in_flight == 0


@pytest.mark.parametrize("make_limit", LIMITS)
def test_an_exception_of_the_answer_of_a_fake(make_limit: Callable[[], Any]) -> None:
    """A fake whose function raises gives the slot back."""
    calls: list[Any] = []

    def answer(request: Any) -> str:
        calls.append(request)
        if len(calls) == 1:
            raise ZeroDivisionError
        return "hello"

    run = Fake({"generate": answer}).with_middleware(make_limit())
    assert run(ask_again(HI | text)).unwrap() == ("raised", "hello")


@pytest.mark.parametrize("make_limit", LIMITS)
@pytest.mark.parametrize("is_sync", [True, False])
def test_an_exception_of_the_event_listener(make_limit: Callable[[], Any], is_sync: bool) -> None:
    """A listener that raises while a response is read gives the slot back."""
    seen: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, Responded):
            seen.append(event)
            if len(seen) == 1:
                raise ZeroDivisionError

    with Loopback(OK) as server:
        make: Any = Http if is_sync else AsyncHttp
        interpreter = make(Gemini("test-key", base_url=server.url), on_event=listen).with_middleware(make_limit())

        async def body() -> Any:
            async with AwaitableInterpreter(interpreter) as run:
                return await run(ask_again(HI | text))

        assert _run(body, is_sync=is_sync).unwrap() == ("raised", "hi")


@pytest.mark.parametrize("make_limit", LIMITS)
@pytest.mark.parametrize("is_sync", [True, False])
def test_a_stream_that_begins_with_an_error(make_limit: Callable[[], Any], is_sync: bool) -> None:
    """A stream whose first event is an error is sent again, though the rest of its body was never read."""
    head = encode_head(200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")))
    failing = Send(head + encode_chunk(encode_event(build_error(503, "UNAVAILABLE")))), Hang()
    with Loopback([failing, STREAM]) as server:
        make: Any = Http if is_sync else AsyncHttp
        interpreter = make(
            Gemini("test-key", base_url=server.url),
            retry=Retry(attempts=2, initial_delay=0.001),
            timeouts=Timeouts(total=60),
        ).with_middleware(make_limit())

        async def body() -> Any:
            async with AwaitableInterpreter(interpreter) as run:
                return await run.read_items(HI | streamed | text)

        assert [Success("a"), Success("b")] == _run(body, is_sync=is_sync)
        assert len(server.requests) == 2


def _run(body: Any, *, is_sync: bool) -> Any:
    return run_without_waiting(body()) if is_sync else anyio.run(body)
