"""`traced`: spans and metrics of requests, streams, flows, functions and live sessions, in every place."""

import gc
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from opentelemetry import trace

import genai_fn
from genai_fn import (
    AsyncOnly,
    InvalidRequest,
    MissingExtra,
    Offline,
    ask,
    both,
    calling,
    emit,
    flow,
    gather,
    generate,
    live,
    ok,
    stream,
    streamed,
    text,
)
from genai_fn.commands import attempt
from genai_fn.middleware import hedged, traced
from genai_fn.middleware.tracing import workflows
from genai_fn.middleware.tracing.messages import dump_json
from genai_fn.results import Success
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.live_server import LiveServerMessage, LiveServerToolCall
from genai_fn.testing import Delayed, Fake
from tests.support.google_genai_traces.export import Telemetry
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("gemini-2.5-flash", "a private prompt")
SPAN = "generate_content gemini-2.5-flash"
LIVE_PLACES = [each for each in PLACES if not each.is_sync and each.interpreter != "Http"]
BACKENDS = ("sync", "asyncio", "trio")


def build_traces(telemetry: Telemetry, *, capture_content: bool = False) -> Any:
    """Build the middleware for a test."""
    return traced(telemetry.tracer_provider, telemetry.meter_provider, capture_content=capture_content)


def get_current_name() -> str | None:
    """Return the name of the current span, if there is one."""
    return getattr(trace.get_current_span(), "name", None)


def list_nesting(telemetry: Telemetry) -> list[tuple[str, str | None]]:
    """List the names of the spans and of their parents, by name."""
    return sorted(((each["name"], each["parent"]) for each in telemetry.list_spans()), key=str)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_requests(place: Place) -> None:
    """A request is a client span, whose parent is the caller's; retries are its events."""
    telemetry = Telemetry()

    async def body(run: AwaitableInterpreter) -> Any:
        with telemetry.tracer_provider.get_tracer("caller").start_as_current_span("caller"):
            result = await run(HI | text)
            return result, get_current_name()

    answers: list[Any] = [503, "private answer"] if place.retries else ["private answer"]
    result, current = place.run(body, build_traces(telemetry), answers=answers)
    assert ok(result)
    assert current == "caller"
    _, request = telemetry.list_spans()
    assert (request["name"], request["parent"], request["kind"], request["status"]) == (
        SPAN,
        "caller",
        "CLIENT",
        "UNSET",
    )
    assert request["events"] == (["retry"] if place.retries else [])
    assert request["attributes"].get("http.request.resend_count") == (1 if place.retries else None)
    assert "private" not in str(request)
    assert "gen_ai.client.operation.duration" in telemetry.list_metrics()


def test_hedged() -> None:
    """A hedged attempt is a retry without an error: no other attempt has failed."""
    telemetry = Telemetry()
    run = Fake({"generate": [Delayed("slow", 60), "fast"]}).with_middleware(hedged(after=2), build_traces(telemetry))
    assert run(HI | text) == Success("fast")
    [span] = telemetry.spans
    assert [(each.name, dict(each.attributes)) for each in span.events] == [("retry", {"http.request.resend_count": 1})]


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_failures(place: Place) -> None:
    """A failure has its status as the type of the error, and not its text."""
    telemetry = Telemetry()

    async def body(run: AwaitableInterpreter) -> Any:
        await run(HI)
        return await run.read_items(HI | streamed)

    place.run(body, build_traces(telemetry), answers=[400])
    assert len(telemetry.spans) == 2
    for each in telemetry.list_spans():
        assert (each["status"], each["attributes"]["error.type"]) == ("ERROR", "400")
    (point,) = telemetry.list_metrics()["gen_ai.client.operation.duration"]["points"]
    assert point["attributes"]["error.type"] == "400"


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_streams(place: Place) -> None:
    """The span of a stream ends with it, also if it is left early; it is not current between two items."""
    telemetry = Telemetry()
    currents: list[str | None] = []

    async def body(run: AwaitableInterpreter) -> None:
        with telemetry.tracer_provider.get_tracer("caller").start_as_current_span("caller"):
            async with run.stream(HI | streamed | text) as items:
                async for _ in items:
                    currents.append(get_current_name())  # noqa: PERF401  # one after the other
            async with run.stream(HI | streamed) as items:
                await anext(items)
                assert len(telemetry.spans) == 1
        currents.append(get_current_name())

    place.run(body, build_traces(telemetry), answers=["a|b"])
    assert set(currents[:-1]) == {"caller"}
    assert currents[-1] is None
    assert list_nesting(telemetry) == [("caller", None), (SPAN, "caller"), (SPAN, "caller")]
    for each in telemetry.list_spans()[1:]:
        assert each["status"] == "UNSET"
        assert each["attributes"]["gen_ai.request.stream"] is True
        assert "gen_ai.response.time_to_first_chunk" in each["attributes"]
    (point,) = telemetry.list_metrics()["gen_ai.client.operation.time_to_first_chunk"]["points"]
    assert point["count"] == 2


@flow
def plan() -> Any:
    """Ask twice, one request at the same time as another."""
    first = yield from ask(HI | text)
    yield from ask(both(HI, HI))
    return Success((first, get_current_name()))


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_workflows(place: Place) -> None:
    """A flow of several steps is a span around its requests, also of those in other threads and tasks."""
    telemetry = Telemetry()

    async def body(run: AwaitableInterpreter) -> Any:
        result = await run(plan())
        return result, get_current_name()

    result, current = place.run(body, build_traces(telemetry))
    assert result.unwrap()[1] == "invoke_workflow plan"
    assert current is None
    assert list_nesting(telemetry) == [(SPAN, "invoke_workflow plan")] * 3 + [("invoke_workflow plan", None)]


@stream
def emit_twice() -> Any:
    """Emit the current span, before and after a request, and a failure."""
    yield from emit(Success(get_current_name()))
    yield from attempt(HI)
    yield from emit(Success(get_current_name()))
    yield from emit((yield from attempt(generate("unknown-model", "hi"))))


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_streams_of_several_steps(place: Place) -> None:
    """The span of a stream is current in it, and never for its reader; its failure is the span's."""
    telemetry = Telemetry()
    seen: list[Any] = []

    async def body(run: AwaitableInterpreter) -> None:
        async with run.stream(emit_twice()) as items:
            async for item in items:
                seen.append((ok(item) and item.unwrap(), get_current_name()))  # noqa: PERF401  # one after the other

    place.run(body, build_traces(telemetry), answers=["a", 400])
    assert seen[:2] == [("invoke_workflow emit_twice", None)] * 2
    workflow = telemetry.list_spans()[0]
    assert workflow["name"] == "invoke_workflow emit_twice"
    assert workflow["attributes"].get("error.type") == "400"
    assert workflow["status"] == "ERROR"


def run_calling(backend: str, function: Any, middleware: Any) -> Any:
    """Let the emulator's model call a function, in a thread, or a task of asyncio or trio."""
    script = [{"calls": [{"name": function.__name__, "args": {"a": 2, "b": 3}}]}, {"text": "5"}]
    run = Offline(script=script)
    action = HI | calling(function)
    if backend == "sync":
        return run.with_middleware(middleware)(action)

    async def run_async() -> Any:
        return await run.aio.with_middleware(middleware)(action)

    return anyio.run(run_async, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["function", "async function"])
def test_functions(backend: str, kind: str) -> None:
    """A function that a model calls runs in a span of its own, which is current for it."""
    if (backend, kind) == ("sync", "async function"):
        return
    telemetry, seen = Telemetry(), []

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        seen.append(get_current_name())
        return a + b

    async def add_async(a: int, b: int) -> int:
        """Add two numbers."""
        await anyio.lowlevel.checkpoint()
        seen.append(get_current_name())
        return a + b

    function: Any = add if kind == "function" else add_async
    assert ok(run_calling(backend, function, build_traces(telemetry)))
    name = f"execute_tool {function.__name__}"
    assert seen == [name]
    workflow = "invoke_workflow calling_loop"
    assert list_nesting(telemetry) == [(name, workflow), *[(SPAN, workflow)] * 2, (workflow, None)]
    (tool,) = [each for each in telemetry.list_spans() if each["name"] == name]
    assert tool["attributes"]["gen_ai.tool.description"] == "Add two numbers."
    assert "gen_ai.tool.call.arguments" not in tool["attributes"]
    assert telemetry.list_metrics()["gen_ai.execute_tool.duration"]["points"][0]["count"] == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_that_return_coroutines(backend: str) -> None:
    """A coroutine that a function returns is awaited with the function's span; sync code closes it and fails."""
    telemetry, seen = Telemetry(), []

    async def add_later(a: int, b: int) -> int:
        seen.append(get_current_name())
        return a + b

    def add(a: int, b: int) -> Any:
        """Add two numbers."""
        return add_later(a, b)

    result = run_calling(backend, add, build_traces(telemetry))
    if backend == "sync":
        assert isinstance(result.failure(), AsyncOnly)
    else:
        assert ok(result)
    assert seen == ([] if backend == "sync" else ["execute_tool add"])
    (tool,) = [each for each in telemetry.list_spans() if each["name"] == "execute_tool add"]
    assert tool["attributes"].get("error.type") == ("AsyncOnly" if backend == "sync" else None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_at_once(backend: str) -> None:
    """Functions that are called concurrently have their own spans, under which their own requests are."""
    telemetry, seen = Telemetry(), []
    traces = build_traces(telemetry)

    def ask_again(a: int) -> str:
        """Ask in the call of a function."""
        seen.append((a, trace.get_current_span().get_span_context().span_id))
        return Fake({"generate": "hello"}).with_middleware(traces)(HI | text).unwrap()

    calls = [{"name": "ask_again", "args": {"a": number}} for number in range(3)]
    run = Offline(script=[{"calls": calls}, {"text": "done"}])

    async def run_async() -> Any:
        return await run.aio.with_middleware(traces)(HI | calling(ask_again))

    if backend == "sync":
        assert ok(run.with_middleware(traces)(HI | calling(ask_again)))
    else:
        assert ok(anyio.run(run_async, backend=backend))
    tools = {each.context.span_id for each in telemetry.spans if each.name == "execute_tool ask_again"}
    assert sorted(number for number, _ in seen) == [0, 1, 2]
    assert {span_id for _, span_id in seen} == tools
    inner = [each for each in telemetry.spans if each.name == SPAN and each.parent.span_id in tools]
    assert {each.parent.span_id for each in inner} == tools
    assert len({each.context.trace_id for each in telemetry.spans}) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_that_fail(backend: str) -> None:
    """An exception of a function is the error of its span."""
    telemetry = Telemetry()

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        raise LookupError("private")

    run_calling(backend, add, build_traces(telemetry))
    tools = [each for each in telemetry.list_spans() if each["name"] == "execute_tool add"]
    assert {(each["status"], each["attributes"]["error.type"]) for each in tools} == {("ERROR", "LookupError")}
    assert "private" not in str(tools)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_contents(place: Place) -> None:
    """With `capture_content` the messages are attributes; the chunks of a stream are one message."""
    telemetry = Telemetry()

    async def body(run: AwaitableInterpreter) -> None:
        await run(HI)
        await run.read_items(HI | streamed)

    place.run(body, build_traces(telemetry, capture_content=True), answers=["hel|lo"])
    for each in telemetry.list_spans():
        found = each["attributes"]
        assert '"content":"a private prompt"' in found["gen_ai.input.messages"]
        assert '"content":"hello"' in found["gen_ai.output.messages"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_captured_result_is_the_one_without(backend: str) -> None:
    """With `capture_content` a function whose result is no plain JSON, such as a dict of dates, has the same result."""
    telemetry = Telemetry()

    def add(a: int, b: int) -> dict[date, int]:
        """Add two numbers."""
        return {date(2026, 1, a): b}

    assert ok(run_calling(backend, add, build_traces(telemetry, capture_content=True)))
    [tool] = [each for each in telemetry.list_spans() if each["name"] == "execute_tool add"]
    assert tool["attributes"]["gen_ai.tool.call.result"] == '{"2026-01-02":3}'
    assert "error.type" not in tool["attributes"]


class Unshowable:
    """A value without a repr."""

    def __repr__(self) -> str:
        raise LookupError


def build_circle() -> list[Any]:
    """Build a list that contains itself."""
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({(1, 2): 3}, '"{(1, 2): 3}"'),
        ([float("nan"), "ä"], '[null,"\\u00e4"]'),
        (build_circle(), '"[[...]]"'),
        (Unshowable(), '"a Unshowable"'),
        ("\ud800", "\"'\\\\ud800'\""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_dumped(value: Any, expected: str) -> None:
    """Any value becomes JSON in UTF-8, as an exporter needs it."""
    assert dump_json(value) == expected


@pytest.mark.parametrize("place", LIVE_PLACES, ids=repr)
def test_live(place: Place) -> None:
    """The connection of a live session is a span, without contents."""
    telemetry = Telemetry()

    async def body(run: AwaitableInterpreter) -> Any:
        async with run.interpreter.live(live.connect("gemini-live-2.5-flash-preview")) as session:
            await session.send(live.client_content("a private turn"))
            return [each async for each in session.turn()]

    async def run_fake() -> Any:
        run = Fake({"live.connect": "hello"}).aio.with_middleware(build_traces(telemetry))
        return await body(AwaitableInterpreter(run))

    if place.interpreter == "Fake":
        anyio.run(run_fake, backend=place.executor)
    else:
        place.run(body, build_traces(telemetry))
    (span,) = telemetry.list_spans()
    assert (span["name"], span["status"]) == ("live.connect gemini-live-2.5-flash-preview", "UNSET")
    assert "private" not in str(span)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_functions_in_live_sessions(backend: str) -> None:
    """A function that a model calls in a live session has a span, whose parent is the caller's."""
    telemetry, seen = Telemetry(), []

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        seen.append(get_current_name())
        return a + b

    def answer(frame: Any) -> Any:
        call = FunctionCall(id="call-1", name="add", args={"a": 2, "b": 3})
        return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=(call,))) if frame.client_content else "5"

    async def run_session() -> None:
        run = Fake({"live.connect": answer}).aio.with_middleware(build_traces(telemetry))
        with telemetry.tracer_provider.get_tracer("caller").start_as_current_span("caller"):
            async with run.live(live.connect("gemini-live-2.5-flash-preview") | calling(add)) as session:
                await session.send(live.client_content("add 2 and 3"))
                assert [each.unwrap().text async for each in session.turn()][-2] == "5"

    anyio.run(run_session, backend=backend)
    assert seen == ["execute_tool add"]
    assert ("execute_tool add", "caller") in list_nesting(telemetry)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled(backend: str) -> None:
    """A call that is cancelled ends its spans, and leaves no span current."""
    telemetry = Telemetry()

    async def cancel_call() -> None:
        with anyio.CancelScope() as scope:

            async def answer(_: Any) -> str:
                scope.cancel()
                await anyio.sleep_forever()
                raise AssertionError

            await Fake({"generate": answer}).aio.with_middleware(build_traces(telemetry))(plan())
        assert get_current_name() is None

    anyio.run(cancel_call, backend=backend)
    gc.collect()
    spans = {each["name"]: each for each in telemetry.list_spans()}
    assert spans.keys() == {SPAN, "invoke_workflow plan"}
    assert spans[SPAN]["attributes"]["error.type"] == "cancelled"


def test_exceptions_of_users() -> None:
    """An exception that an interpreter raises ends the spans with its type."""
    telemetry = Telemetry()

    def answer(_: Any) -> str:
        raise LookupError("private")

    with pytest.raises(LookupError):
        Fake({"generate": answer}).with_middleware(build_traces(telemetry))(plan())
    assert {(each["status"], each["attributes"]["error.type"]) for each in telemetry.list_spans()} == {
        ("ERROR", "LookupError")
    }
    assert get_current_name() is None


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_concurrent_callers(place: Place) -> None:
    """Each of several callers, in threads or tasks, is the parent of its own requests."""
    telemetry = Telemetry()
    tracer = telemetry.tracer_provider.get_tracer("caller")

    async def body(run: AwaitableInterpreter) -> None:
        async def call(name: str) -> None:
            with tracer.start_as_current_span(name):
                await run.read_items(gather([HI | text, HI]))
                await run(HI)

        await run.run_concurrently(*[lambda name=f"caller {n}": call(name) for n in range(8)])

    place.run(body, build_traces(telemetry))
    spans = {each.context.span_id: each for each in telemetry.spans}
    assert len(spans) == 8 * (1 + 1 + 1 + 2)
    for each in spans.values():
        parent = spans[each.parent.span_id] if each.parent is not None else None
        assert parent is None or parent.context.trace_id == each.context.trace_id
        assert (parent is None) == each.name.startswith("caller ")
    gathered = [each for each in spans.values() if each.name == "invoke_workflow gathered"]
    assert len({each.parent.span_id for each in gathered}) == 8


def test_threads_that_read_streams_in_turn() -> None:
    """A stream may be read in several threads, one after the other; no context is mixed up or leaks."""
    telemetry = Telemetry()
    items = Offline().with_middleware(build_traces(telemetry)).stream(emit_twice())
    seen: list[Any] = []
    with items:
        for _ in range(4):
            thread = threading.Thread(target=lambda: seen.append((next(items, None), get_current_name())))
            thread.start()
            thread.join(60)
    assert [each[1] for each in seen] == [None] * 4
    assert len(telemetry.spans) == 3


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without opentelemetry-api it raises at once, with the command that installs it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(MissingExtra, match="opentelemetry-api"):
        traced()


@pytest.mark.parametrize(
    "arguments", [{"tracer_provider": 5}, {"meter_provider": "global"}, {"capture_content": "false"}]
)
def test_arguments(arguments: Any) -> None:
    """Wrong arguments are refused at once; a text that says no would capture contents."""
    with pytest.raises(InvalidRequest, match=next(iter(arguments))):
        traced(**arguments)


def test_global_providers() -> None:
    """Without providers the global ones are used: here none, which records nothing."""
    run = Fake({"generate": "hello"}).with_middleware(traced())
    assert run(HI | text) == Success("hello")
    assert get_current_name() is None


def test_plain_builders_exist() -> None:
    """The builders of flows that have no span of their own exist."""
    sources = "".join(each.read_text(encoding="utf-8") for each in Path(genai_fn.__file__).parent.rglob("*.py"))
    assert [name for name in workflows._PLAIN_BUILDERS if f"def {name}(" not in sources] == []
