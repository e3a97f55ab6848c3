"""The seams that middleware wraps, in every place: a handler sees requests, and through ``send_through`` attempts."""

from typing import Any

import anyio
import pytest

from genai_fn import InvalidRequest, generate, live, ok, streamed, text
from genai_fn.effects import Emit
from genai_fn.middleware import HandlerWrapper, SeveralSeams, TransportWrapper, send_through
from genai_fn.testing import Fake
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


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sessions(backend: str) -> None:
    """The connector of a live session is wrapped with its `Live`; what was added last is outermost."""
    log: list[Any] = []

    def make_seams(name: str) -> SeveralSeams:
        def wrap_session(session: Any, connector: Any) -> Any:
            log.append((name, session.operation.op, type(connector).__name__))
            return ForwardingConnector(connector)

        return SeveralSeams(session=wrap_session)

    async def open_session() -> None:
        run = (
            Fake({"live.connect": "hello"}).aio.with_middleware(make_seams("first")).with_middleware(make_seams("last"))
        )
        async with run.live(live.connect("m")) as session:
            await session.send(live.client_content("hi"))
            assert "hello" in [each.unwrap().text async for each in session.turn()]

    anyio.run(open_session, backend=backend)
    assert log == [("first", "live.connect", "FakeConnector"), ("last", "live.connect", "ForwardingConnector")]


class ForwardingConnector:
    """A connector that passes everything on."""

    def __init__(self, inner: Any) -> None:
        self.encode, self.decode, self.connect = inner.encode, inner.decode, inner.connect


def test_wrong_session_seam() -> None:
    """A session seam that is no function raises at once."""
    seams: Any = SeveralSeams(session=7)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InvalidRequest, match="session"):
        Fake({}).aio.with_middleware(seams)


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
