"""The inferred types of ``genai_fn.testing``; see ``api.py``."""

from collections.abc import Mapping
from typing import Any, assert_type

from hypothesis.strategies import SearchStrategy

from genai_fn import (
    AsyncHttp,
    AsyncInterpreter,
    GenaiError,
    Http,
    HttpResponse,
    Interpreter,
    Live,
    Offline,
    Result,
    Session,
    files,
    generate,
    live,
    streamed,
    text,
    until_done,
)
from genai_fn.engine.handler import RequestHandler
from genai_fn.interpreters.async_runner import AsyncItems, AsyncRunner
from genai_fn.interpreters.live.sockets import Connector
from genai_fn.interpreters.middleware import HandlerWrapper, TransportWrapper
from genai_fn.interpreters.sync_runner import Items
from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Request
from genai_fn.schema import File, GenerateContentResponse, LiveMusicServerMessage, LiveServerMessage
from genai_fn.testing import (
    Ask,
    Fake,
    OpenStream,
    Replay,
    ScriptedRequest,
    Sessions,
    Sleep,
    forbid,
    perform,
    recording,
    use_interpreter,
)
from genai_fn.testing.strategies import http_responses, interpreters, requests
from genai_fn.testing.strategies.drawn_interpreters.interpreter import DrawnInterpreter

fake = Fake({"generate": "hello", "files.get": [File(), File()], lambda request: request.operation.op == "embed": "x"})
request = generate("m", "hi")

assert_type(Fake(lambda request: request.operation.op), Fake)
assert_type(fake.with_answer("embed", None), Fake)
assert_type(forbid(), Fake)
assert_type(fake.requests, tuple[Request[Any] | Live[Any], ...])
assert_type(fake(request), Result[GenerateContentResponse, GenaiError])
assert_type(fake(request | text), Result[str, GenaiError])
assert_type(fake.stream(request | streamed | text), Items[str])

sync: Interpreter = fake
awaited: AsyncInterpreter = fake.aio


async def awaiting() -> None:
    assert_type(await fake.aio(request | text), Result[str, GenaiError])
    assert_type(fake.aio.stream(request | streamed | text), AsyncItems[str])
    assert_type(fake.aio.live(live.connect("m")), Session[LiveServerMessage])
    async with Offline().aio.live(live.music.connect("m")) as session:
        assert_type(session, Session[LiveMusicServerMessage])
        async for item in session.turn():
            assert_type(item, Result[LiveMusicServerMessage, GenaiError])


def drawing() -> None:
    assert_type(requests(GenerateContent), SearchStrategy[Request[GenerateContentResponse]])
    assert_type(requests("generate", "embed"), SearchStrategy[Request[Any]])
    assert_type(http_responses(generate("m", "hi")), SearchStrategy[HttpResponse])
    assert_type(interpreters(), SearchStrategy[DrawnInterpreter])


async def talking(run: AsyncInterpreter) -> None:
    async with run.live(live.connect("m")) as session:
        assert_type(session, Session[LiveServerMessage])


def awaiting_too() -> list[AsyncInterpreter]:
    return [AsyncHttp(), Offline().aio, Replay("a").aio, recording(fake, "a").aio, recording(AsyncHttp(), "a")]


several = Fake({"live.connect": Sessions([["one", "two"], "three"])})


def same(wiring: Connector) -> Connector:
    return wiring


def return_handler(exchange: RequestHandler) -> RequestHandler:
    return exchange


def between() -> None:
    assert_type(Http().with_middleware(HandlerWrapper), Http)
    assert_type(AsyncHttp().with_middleware(HandlerWrapper, connector=same), AsyncHttp)
    assert_type(Http().with_middleware(HandlerWrapper, return_handler, transport=TransportWrapper), Http)
    assert_type(Offline().with_middleware(return_handler), Offline)
    assert_type(Offline().aio.with_middleware(connector=same), AsyncRunner)
    assert_type(fake.with_middleware(HandlerWrapper).with_middleware(return_handler), Fake)


def recordings() -> None:
    assert_type(recording(Http(), "a"), Http)
    assert_type(recording(AsyncHttp(), "a"), AsyncHttp)
    assert_type(recording(Offline(), "a"), Offline)
    assert_type(recording(fake, "a"), Fake)
    assert_type(Replay("a")(request | text), Result[str, GenaiError])


def within() -> None:
    with use_interpreter(fake) as inside:
        assert_type(inside, Fake)


def answer_with_script(request: ScriptedRequest) -> str:
    assert_type((request.number, request.model, request.path, request.question), tuple[int, str, str, str])
    assert_type(request.body, Mapping[str, Any])
    return request.question


scripted = Offline(script=answer_with_script)


def performing() -> None:
    script = [(Ask(request), "hello"), (OpenStream(request), ["a"]), (Sleep(1.0), None)]
    assert_type(perform(request | text, script), Result[str, GenaiError])
    assert_type(perform(files.get("a") | until_done(), [(request, File())]), Result[File, GenaiError])
    assert_type(perform(request | streamed | text, script), tuple[Result[str, GenaiError], ...])
