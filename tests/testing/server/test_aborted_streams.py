"""The emulator aborts streams as Google's servers do; over sockets, with every executor."""

from typing import Any

import anyio
import pytest
from returns.result import Success

from genai_fn import (
    AsyncHttp,
    Gemini,
    Http,
    Retry,
    Timeouts,
    calling,
    chats,
    generate,
    joined,
    streamed,
    text,
    with_config,
    with_options,
)
from genai_fn.emulator.server.injected_faults import InjectedFault, parse_injected_fault, plan_response
from genai_fn.errors import APIError, InvalidRequest, RateLimited, ServerError
from genai_fn.http import HttpResponse
from genai_fn.testing.fixtures import ServedEmulator

pytest_plugins = ["genai_fn.testing.fixtures"]

EXECUTORS = ("sync", "asyncio", "trio")
STYLES = ("pretty", "line")
BOUNDED = Timeouts(connect=60, idle=60, total=120)
MODEL = "gemini-2.5-flash"
ONCE = with_options(retry=Retry(attempts=1))
CALL_ANY = with_config(tool_config={"function_calling_config": {"mode": "ANY"}})


def read_items(backend: Gemini, stream: Any, executor: str) -> list[Any]:
    """Read a stream to its end with an executor."""
    if executor == "sync":
        with Http(backend, timeouts=BOUNDED) as run:
            return list(run.stream(stream))

    async def read() -> list[Any]:
        with anyio.fail_after(120):
            async with AsyncHttp(backend, timeouts=BOUNDED) as run:
                return [item async for item in run.stream(stream)]

    return anyio.run(read, backend=executor)


def run_action(backend: Gemini, action: Any, executor: str) -> Any:
    """Run an action with an executor."""
    if executor == "sync":
        with Http(backend, timeouts=BOUNDED) as run:
            return run(action)

    async def run_async() -> Any:
        with anyio.fail_after(120):
            async with AsyncHttp(backend, timeouts=BOUNDED) as run:
                return await run(action)

    return anyio.run(run_async, backend=executor)


def clock() -> str:
    """Return the time."""
    return "noon"


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("events", (0, 1, 2))
def test_stream(emulator: ServedEmulator, style: Any, events: int, executor: str) -> None:
    """The items before the error arrive, then the error as the last item."""
    emulator.fail(abort=style, events=events)
    *items, last = read_items(emulator.gemini, generate(MODEL, "Why?") | streamed | ONCE, executor)
    assert [type(each) for each in items] == [Success] * events
    assert isinstance(last.failure(), ServerError)
    assert (last.failure().code, last.failure().status) == (503, "UNAVAILABLE")


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("style", STYLES)
def test_joined(emulator: ServedEmulator, style: Any, executor: str) -> None:
    """A stream that is merged into one value is a failure, with the status and the advice of the error."""
    emulator.fail(abort=style, status=429, retry=1.5)
    flow = generate(MODEL, "Why?") | streamed | ONCE | text | joined
    error = run_action(emulator.gemini, flow, executor).failure()
    assert isinstance(error, RateLimited)
    assert error.retry_after == 1.5


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("style", STYLES)
def test_chat(emulator: ServedEmulator, style: Any, executor: str) -> None:
    """The curated history of a chat leaves out a turn that was cut; the next turn does not send it."""
    chat = chats.start(
        MODEL, history=[{"role": "user", "parts": [{"text": "one"}]}, {"parts": ["two"], "role": "model"}]
    )
    emulator.fail(abort=style, events=2)
    *turns, last = read_items(emulator.gemini, chats.stream(chat, "three") | ONCE, executor)
    assert isinstance(last.failure(), ServerError)
    cut = turns[-1].unwrap().chat
    assert (len(cut.comprehensive), cut.curated) == (4, chat.curated)
    assert chats.keep_rounds(chat, last.failure()) == chat
    after = run_action(emulator.gemini, chats.send(cut, "four"), executor).unwrap().chat
    assert [part.text for content in after.curated[:3] for part in content.parts] == ["one", "two", "four"]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("style", STYLES)
def test_calling(emulator: ServedEmulator, style: Any, executor: str) -> None:
    """A stream that breaks after a round of calling is a failure; the chat can keep the round."""
    chat, path = chats.start(MODEL), ":streamGenerateContent"
    emulator.fail(delay=0.001, path=path)
    emulator.fail(abort=style, path=path)
    stream = chats.send(chat, "time?") | CALL_ANY | ONCE | calling(clock) | streamed
    *turns, last = read_items(emulator.gemini, stream, executor)
    assert turns
    assert isinstance(last.failure(), ServerError)
    kept = chats.keep_rounds(chat, last.failure())
    assert [content.role for content in kept.curated] == ["user", "model", "user"]
    assert kept.curated[-1].parts[0].function_response.response == {"result": "noon"}


EVENTS = HttpResponse(200, (("content-type", "text/event-stream"),), b"data: {}\r\n\r\ndata: [1]\r\n\r\n")
ON_ONE_LINE = (
    b'{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}\r\n'
)
PRETTY = (
    b'{\r\n  "error": {\r\n    "code": 503,\r\n    "message": "The model is overloaded. Please try again later.",\r\n'
    b'    "status": "UNAVAILABLE"\r\n  }\r\n}\r\n'
)


@pytest.mark.parametrize(
    ("fault", "chunks"),
    [
        (InjectedFault(abort="line"), (b"data: {}\r\n\r\n", ON_ONE_LINE)),
        (InjectedFault(abort="pretty", events=0), (PRETTY,)),
        (InjectedFault(abort="pretty", events=9), (b"data: {}\r\n\r\n", b"data: [1]\r\n\r\n", PRETTY)),
    ],
)
def test_bytes(fault: InjectedFault, chunks: tuple[bytes, ...]) -> None:
    """The error is bare JSON after the events, outside of their framing."""
    plan = plan_response(EVENTS, fault)
    assert (plan.chunks, plan.response.status, plan.is_complete) == (chunks, 200, True)


def test_whole_response(emulator: ServedEmulator) -> None:
    """A response that is not streamed is replaced by the error."""
    emulator.fail(abort="line", status=500)
    error = run_action(emulator.gemini, generate(MODEL, "Why?") | ONCE, "sync").failure()
    assert isinstance(error, APIError)
    assert error.code == 500


def test_whole_response_to_client_of_openai() -> None:
    """On the path for clients of OpenAI's API, that error is in a list."""
    whole = HttpResponse(200, (("content-type", "application/json"),), b"{}")
    plan = plan_response(whole, InjectedFault(abort="line"), path="/v1beta/openai/chat/completions")
    assert plan.chunks == (b"[" + ON_ONE_LINE.strip() + b"]",)
    assert plan.response.status == 503


@pytest.mark.parametrize("header", ("abort=html", "events=2", "status=500; events=2", "abort=line; events=-1"))
def test_invalid(header: str) -> None:
    """An unknown format, and a number of events without an abort, are refused."""
    with pytest.raises(InvalidRequest):
        parse_injected_fault(header)


def test_header() -> None:
    """The header has the parameters of `fail`."""
    fault = parse_injected_fault("abort=line; events=2; status=429; retry=1")
    assert fault == InjectedFault(abort="line", events=2, status=429, retry=1)
