"""The seams that middleware wraps, in every place: a handler sees requests, and through ``send_through`` attempts."""

from typing import Any

import pytest

from genai_fn import generate, ok, streamed, text
from genai_fn.effects import Emit
from genai_fn.middleware import HandlerWrapper, SeveralSeams, TransportWrapper, send_through
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "hi")


class CountingTransport(TransportWrapper):
    """Counts the attempts that pass through it, beside `log`."""

    def __init__(self, inner: Any, log: list[Any]) -> None:
        super().__init__(inner)
        self.log = log

    def send(self, request: Any) -> Any:
        response = yield from self.inner.send(request)
        self.log.append(response.status)
        return response


class PassThrough:
    """A transport that yields its effects."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def send(self, request: Any) -> Any:
        response = yield request
        self.log.append(response.status)
        return response

    def read_chunk(self, chunk: Any) -> Any:
        return (yield chunk)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_attempts_of_a_request(place: Place) -> None:
    """A handler that runs the inner one through a transport sees each attempt of its request."""
    log: list[Any] = []

    class AttemptCounter(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            log.append(request.operation.op)
            return send_through(self.inner.handle(request, until), PassThrough(log))

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    result = place.run(body, AttemptCounter, answers=[503, "hello"])
    assert (["generate", 503, 200] if place.retries else ["generate", 503]) == log
    assert ok(result) == place.retries


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_several_seams(place: Place) -> None:
    """One value wraps several seams: here the programs and the transport."""
    log: list[Any] = []

    def wrap_program(description: Any, effects: Any) -> Any:
        def run_logged() -> Any:
            log.append(type(description).__name__)
            answer = None
            try:
                while True:
                    effect = effects.send(answer)
                    log.append("item") if isinstance(effect, Emit) else None
                    answer = yield effect
            except StopIteration as end:
                return end.value

        return run_logged()

    seams = SeveralSeams(transport=lambda inner: CountingTransport(inner, log), program=wrap_program)

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text), await run.read_items(HI | streamed | text)

    result, items = place.run(body, seams, answers=["hel|lo"])
    assert "hello" == result.unwrap() == "".join(each.unwrap() for each in items)
    assert ["Flow", 200, "Stream", 200, "item", "item"] == log
