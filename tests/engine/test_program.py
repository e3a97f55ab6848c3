"""Flows and streams as scripts of commands, and how `build_program` turns commands into effects."""

from collections.abc import Generator
from math import inf
from typing import Any

import msgspec
import pytest

from genai_fn import (
    Failure,
    Gemini,
    InvalidRequest,
    Request,
    Result,
    Stream,
    Success,
    Vertex,
    ask,
    attempt,
    both,
    collected,
    each,
    emit,
    flow,
    generate,
    joined,
    sleep,
    stream,
    streamed,
    text,
    with_options,
)
from genai_fn.commands import StreamReader
from genai_fn.effects import (
    Ask,
    AskAll,
    AskWithin,
    CallFunction,
    Effects,
    Emit,
    FlowFailed,
    GetBackend,
    GetTime,
    OpenStream,
    ReadItems,
    RunAll,
    Sleep,
)
from genai_fn.engine.handler import HttpHandler
from genai_fn.engine.program import build_program
from genai_fn.errors import AsyncOnly, ClientError, Closed, GenaiError, NoText, ServerError, TimedOut
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.request import FlowGenerator, start_generator
from genai_fn.schema import GenerateContentResponse
from genai_fn.streams import stream_response
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_effects import run_by_script

A, B = generate("m", "a"), generate("m", "b")
FAILURE = Failure[Any](ClientError(400))
STREAM = A | streamed


def build_text_answer(text: str) -> GenerateContentResponse:
    """Build a response with a text."""
    return msgspec.convert(build_text_response(text), GenerateContentResponse)


def to_tag(value: Any) -> str:
    """Format a value as a tag."""
    return f"<{value}>"


def return_b(value: object) -> Request[GenerateContentResponse]:
    """Return B."""
    return B


# Flows


@flow
def ask_both(first: Request[Any], second: Request[Any]) -> FlowGenerator[Result[tuple[Any, Any], GenaiError]]:
    one = yield from ask(first)
    yield from sleep(2.0)
    two = yield from ask(second)
    return Success((one, two))


@flow
def ask_first_success(first: Request[Any], second: Request[Any]) -> FlowGenerator[Result[Any, GenaiError]]:
    result = yield from attempt(first)
    return (yield from attempt(second)) if isinstance(result, Failure) else result


@stream
def emit_numbers(count: int, source: Request[Any]) -> FlowGenerator[None]:
    for number in range(count):
        yield from emit(Success(number))
    yield from ask(source)


def test_ask() -> None:
    """`ask` returns the value, and `sleep` sleeps, in the order of the flow."""
    script = [(Ask(A), Success(1)), (Sleep(2.0), None), (Ask(B), Success(2))]
    assert run_by_script(start_generator(ask_both(A, B)), script) == Success((1, 2))


def test_ask_that_fails() -> None:
    """A failure of an `ask` ends the flow."""
    with pytest.raises(FlowFailed) as raised:
        run_by_script(start_generator(ask_both(A, second=B)), [(Ask(A), FAILURE)])
    assert raised.value.error == ClientError(400)


def test_attempt() -> None:
    """`attempt` returns the result, also a failure, to the flow."""
    assert run_by_script(
        start_generator(ask_first_success(A, B)), [(Ask(A), FAILURE), (Ask(B), Success(2))]
    ) == Success(2)


def test_map_bind_lash() -> None:
    """`map`, `bind` and `lash` work on actions as on a `Result`."""
    assert run_by_script(start_generator(A.map(to_tag)), [(Ask(A), Success(1))]) == Success("<1>")
    assert run_by_script(start_generator(A.map(to_tag)), [(Ask(A), FAILURE)]) == FAILURE
    assert run_by_script(start_generator(A.bind(return_b)), [(Ask(A), Success(1)), (Ask(B), Success(2))]) == Success(2)
    assert run_by_script(start_generator(A.bind(return_b)), [(Ask(A), FAILURE)]) == FAILURE
    assert run_by_script(start_generator(A.lash(return_b)), [(Ask(A), FAILURE), (Ask(B), Success(2))]) == Success(2)
    assert run_by_script(start_generator(A.lash(return_b)), [(Ask(A), Success(1))]) == Success(1)


@pytest.mark.parametrize("action", (A.bind(to_tag), A.lash(to_tag)), ids=("bind", "lash"))  # type: ignore[arg-type]  # the mistake
def test_not_an_action(action: Any) -> None:
    """A function of `bind` or `lash` that returns no action raises InvalidRequest with its name."""
    first = FAILURE if "lash" in action.builder.__name__ else Success(1)
    with pytest.raises(InvalidRequest, match="to_tag"):
        run_by_script(start_generator(action), [(Ask(A), first)])


def test_both() -> None:
    """`both` runs two actions concurrently; the first one's failure takes precedence."""
    ask_all = AskAll((A, B))
    other_failure = Failure[Any](ServerError(500))
    assert run_by_script(start_generator(both(A, B)), [(ask_all, (Success(1), Success(2)))]) == Success((1, 2))
    assert run_by_script(start_generator(both(A, B)), [(ask_all, (FAILURE, other_failure))]) == FAILURE
    assert run_by_script(start_generator(both(A, B)), [(ask_all, (Success(1), other_failure))]) == other_failure


def test_deadline_of_a_flow() -> None:
    """`with_options(deadline=…)` on a flow is an `AskWithin` command."""
    inner = A.map(to_tag)
    assert run_by_script(
        start_generator(inner | with_options(deadline=3)), [(AskWithin(inner, 3), Success("<1>"))]
    ) == Success("<1>")


def test_text() -> None:
    """`text` returns the text, or `NoText`, or the failure."""
    assert run_by_script(start_generator(A | text), [(Ask(A), Success(build_text_answer("hi")))]) == Success("hi")
    assert run_by_script(start_generator(A | text), [(Ask(A), Success(GenerateContentResponse()))]) == Failure(NoText())
    assert run_by_script(start_generator(A | text), [(Ask(A), FAILURE)]) == FAILURE


# Streams


def run_stream(description: Stream[Any], script: list[tuple[Any, Any]]) -> list[Any]:
    """Run a stream by a script, and return its items."""
    items: list[Any] = []

    def collect_items() -> Generator[Any, Any, Any]:
        generator, sent = start_generator(description), None
        while True:
            try:
                command = generator.send(sent)
            except StopIteration:
                return
            if isinstance(command, Emit):
                items.append(command.item)
                sent = None
            else:
                sent = yield command

    run_by_script(collect_items(), script)
    return items


OPENED = [(OpenStream(STREAM.source), Success("handle"))]
LAST_READ = (ReadItems("handle"), ())


def expect_items(*items: Any) -> list[tuple[Any, Any]]:
    """Build the script of a server stream that returns one item at a time."""
    return [*OPENED, *((ReadItems("handle"), (item,)) for item in items), LAST_READ]


GOOD = [Success(build_text_answer("a")), Success(build_text_answer("b"))]


def test_served() -> None:
    """A server stream yields its items, also if several arrive at once."""
    assert run_stream(STREAM, expect_items(*GOOD)) == GOOD
    assert run_stream(STREAM, [*OPENED, (ReadItems("handle"), (*GOOD, FAILURE)), LAST_READ]) == [*GOOD, FAILURE]
    assert run_stream(STREAM, [(OpenStream(STREAM.source), FAILURE)]) == [FAILURE]
    assert STREAM.builder is stream_response


def test_texts() -> None:
    """`text` emits the texts; a stream without text ends with `NoText`."""
    assert run_stream(STREAM | text, expect_items(*GOOD)) == [Success("a"), Success("b")]
    assert run_stream(STREAM | text, expect_items(Success(build_text_answer("")), *GOOD, FAILURE)[:-1]) == [
        Success("a"),
        Success("b"),
        FAILURE,
    ]
    assert run_stream(STREAM | text, expect_items(Success(GenerateContentResponse()))) == [Failure(NoText())]


def test_each() -> None:
    """`each` calls its function with each success, and emits all items."""
    script = [
        *OPENED,
        (ReadItems("handle"), (GOOD[0],)),
        (CallFunction(to_tag, (build_text_answer("a"),)), "what it returns"),
        (ReadItems("handle"), (FAILURE,)),
        LAST_READ,
    ]
    assert run_stream(STREAM | each(to_tag), script) == [GOOD[0], FAILURE]


def test_collected_and_joined() -> None:
    """`collected` and `joined` return all items as one value, or the first failure without reading on."""
    assert run_by_script(start_generator(STREAM | collected), expect_items(*GOOD)) == Success(
        (build_text_answer("a"), build_text_answer("b"))
    )
    assert run_by_script(start_generator(STREAM | text | joined), expect_items(*GOOD)) == Success("ab")
    assert run_by_script(start_generator(STREAM | collected), expect_items(GOOD[0], FAILURE)[:-1]) == FAILURE


def test_custom_stream() -> None:
    """A stream may both ask and emit; a failed `ask` is the last item."""
    assert run_stream(emit_numbers(2, A), [(Ask(A), Success(1))]) == [Success(0), Success(1)]
    assert run_by_script(start_generator(emit_numbers(2, A) | collected), [(Ask(A), FAILURE)]) == FAILURE


def test_reading_sees_what_is_raised() -> None:
    """A function that raises does so within the stream that called it."""
    script = [
        *OPENED,
        (ReadItems("handle"), (GOOD[0],)),
        (CallFunction(to_tag, (build_text_answer("a"),)), LookupError("mine")),
    ]
    with pytest.raises(LookupError, match="mine"):
        run_by_script(start_generator(STREAM | each(to_tag) | collected), script)


def test_reading_to_the_end() -> None:
    """`StreamReader.read_next` returns None after the end, on every call."""

    def read() -> FlowGenerator[list[Any]]:
        reading, items = StreamReader(emit_numbers(1, A)), list[Any]()
        for _ in range(4):
            items.append((yield from reading.read_next()))
        return items

    assert run_by_script(read(), [(Ask(A), Success(1))]) == [Success(0), None, None, None]


# From commands to effects


class FakeHandler:
    """A handler that answers each request at once, and records the requests with their deadlines."""

    def __init__(self, **results: Any) -> None:
        self.results = results
        self.requests: list[tuple[Any, float]] = []

    def handle(self, request: Request[Any], until: float) -> Generator[Any, Any, Any]:
        self.requests.append((request, until))
        yield GetTime()
        return self.results["a" if request == A else "b"]

    def open_stream(self, request: Request[Any], until: float) -> Generator[Any, Any, Any]:
        yield GetTime()
        return Success([*GOOD])

    def read_items(self, handle: Any) -> Generator[Any, Any, Any]:
        yield GetTime()
        return (handle.pop(0),) if handle else ()


def test_program() -> None:
    """Requests go to the handler, other effects to the executor."""
    handler = FakeHandler(a=Success(1), b=Success(2))
    assert run_by_script(
        build_program(ask_both(A, B), handler), [(GetTime(), 0.0), (Sleep(2.0), None), (GetTime(), 0.0)]
    ) == Success((1, 2))
    assert handler.requests == [(A, inf), (B, inf)]


@pytest.mark.parametrize("backend", (Gemini("k"), Vertex("p", "us-central1")))
def test_backend(backend: Gemini | Vertex) -> None:
    """A flow learns the backend of the handler, also of one that is wrapped; None if there is none."""

    @flow
    def find() -> FlowGenerator[Any]:
        return Success((yield GetBackend()))

    handler = HttpHandler(backend=backend)
    assert run_by_script(build_program(find(), handler), []) == Success(backend)
    assert run_by_script(build_program(find(), HandlerWrapper(HandlerWrapper(handler))), []) == Success(backend)
    assert run_by_script(build_program(find(), HandlerWrapper(FakeHandler())), []) == Success(None)


def test_program_that_fails() -> None:
    """A failed `ask` is the result of the program."""
    assert run_by_script(build_program(ask_both(A, B), FakeHandler(a=FAILURE)), [(GetTime(), 0.0)]) == FAILURE


def test_program_within() -> None:
    """A deadline applies to every request of the flow; of two deadlines, the earlier applies."""
    handler = FakeHandler(a=Success(1), b=Success(2))
    flow_with_deadline = ask_both(A, B) | with_options(deadline=10)
    script = [(GetTime(), 100.0), (GetTime(), 0.0), (GetTime(), 101.0), (Sleep(2.0), None), (GetTime(), 0.0)]
    assert run_by_script(build_program(flow_with_deadline, handler), script) == Success((1, 2))
    assert handler.requests == [(A, 110.0), (B, 110.0)]
    handler.requests.clear()
    run_by_script(build_program(flow_with_deadline, handler, 105.0), script)
    assert handler.requests == [(A, 105.0), (B, 105.0)]


def test_sleep_past_the_deadline() -> None:
    """A sleep past the deadline is shortened, and the flow ends with `TimedOut`."""
    flow_with_deadline = ask_both(A, B) | with_options(deadline=1)
    script = [(GetTime(), 100.0), (GetTime(), 0.0), (GetTime(), 100.5), (Sleep(0.5), None)]
    assert run_by_script(build_program(flow_with_deadline, FakeHandler(a=Success(1))), script) == Failure(
        TimedOut("total", "waiting")
    )


def test_program_together() -> None:
    """Concurrent actions become separate programs."""
    handler = FakeHandler(a=Success(1), b=Success(2))
    running = build_program(both(A, B), handler)
    effect = next(running)
    assert isinstance(effect, RunAll)
    results = tuple(run_by_script(each, [(GetTime(), 0.0)]) for each in effect.programs)
    with pytest.raises(StopIteration) as end:
        running.send(results)
    assert end.value.value == Success((1, 2))


def test_program_of_a_stream() -> None:
    """The items of a stream are emitted, and a failed `ask` is the last one."""
    script = [
        (GetTime(), 0.0),
        (GetTime(), 0.0),
        (Emit(GOOD[0]), None),
        (GetTime(), 0.0),
        (Emit(GOOD[1]), None),
        (GetTime(), 0.0),
    ]
    run_by_script(build_program(STREAM, FakeHandler()), script)
    run_by_script(
        build_program(emit_numbers(1, A), FakeHandler(a=FAILURE)),
        [(Emit(Success(0)), None), (GetTime(), 0.0), (Emit(FAILURE), None)],
    )


@flow
def return_value(value: Any) -> FlowGenerator[Any]:
    yield from sleep(0)
    return value


@pytest.mark.parametrize("value", (None, 1, "x"))
def test_no_result(value: Any) -> None:
    """A flow that returns neither Success nor Failure raises InvalidRequest."""
    with pytest.raises(InvalidRequest, match="return_value"):
        run_by_script(build_program(return_value(value), FakeHandler()), [(Sleep(0), None)])


@flow
def yield_value(value: Any) -> FlowGenerator[Any]:
    yield value
    return Success(None)


@flow
def yield_from_value(make: Any, *args: Any) -> FlowGenerator[Any]:
    yield from make(*args)
    return Success(None)


@stream
def yield_item(value: Any) -> FlowGenerator[None]:
    yield value


@flow
def call_without_yield(value: Any) -> Any:
    return value


MISTAKES: list[tuple[Any, str]] = [
    (yield_value(A), "yield from ask"),
    (yield_value(return_value(1)), "yield from ask"),
    (yield_value(ask(A)), "yield from in place of yield"),
    (yield_value("x"), "yield from ask"),
    (yield_value(None), "yield from ask"),
    (yield_value(Emit(Success(1))), "@stream"),
    (yield_from_value(emit, Success(1)), "@stream"),
    (yield_from_value(emit, 1), "Success"),
    (yield_from_value(ask, "x"), "a Request or a Flow"),
    (yield_from_value(attempt, [A]), "a Request or a Flow"),
    (yield_from_value(ask, STREAM), "joined or collected"),
    *[(yield_from_value(sleep, seconds), "at least zero") for seconds in (float("nan"), float("inf"), -1, "1", None)],
    (yield_item(Success(1)), "yield from emit"),
    (call_without_yield(Success(1)), "yield from ask"),
    (call_without_yield(None), "yield from ask"),
]


@pytest.mark.parametrize(("description", "hint"), MISTAKES)
def test_mistakes(description: Any, hint: str) -> None:
    """What a flow must not do raises InvalidRequest, with what to write instead."""
    with pytest.raises(InvalidRequest) as raised:
        run_by_script(build_program(description, FakeHandler()), [])
    assert hint in raised.value.expected


@pytest.mark.parametrize("decorate", (flow, stream))
def test_async_mistakes(decorate: Any) -> None:
    """An async function is refused when it is decorated."""

    async def coroutine() -> None: ...

    async def generator() -> Any:
        yield None

    for function in (coroutine, generator):
        with pytest.raises(InvalidRequest, match="not async def"):
            decorate(function)


@flow
def catch_lookup_error(f: Any) -> FlowGenerator[Result[str, GenaiError]]:
    try:
        yield CallFunction(f, ())
    except LookupError as error:
        return Success(str(error))
    return Success("")


def test_what_a_function_raises() -> None:
    """The flow may catch an exception of a function; otherwise it is raised unchanged."""
    assert run_by_script(
        build_program(catch_lookup_error(to_tag), FakeHandler()), [(CallFunction, LookupError("mine"))]
    ) == Success("mine")
    with pytest.raises(ZeroDivisionError):
        run_by_script(build_program(catch_lookup_error(to_tag), FakeHandler()), [(CallFunction, ZeroDivisionError())])


class EffectHandler:
    """A handler that yields an effect before it answers; the effect may end the program."""

    def __init__(self, effect: Any) -> None:
        self.effect = effect

    def handle(self, request: Request[Any], until: float) -> Effects[Any]:
        yield self.effect
        return Success("done")

    open_stream = handle

    def read_items(self, handle: Any) -> Effects[tuple[Any, ...]]:
        yield self.effect
        return ()


async def return_done() -> str:
    return "done"


@flow
def get_failure_name(action: Any) -> FlowGenerator[Result[str, GenaiError]]:
    result = yield from attempt(action)
    return Success(type(result.failure()).__name__)


@pytest.mark.parametrize(
    ("effect", "closed", "expected"), [(Sleep(1.0), True, Closed), (CallFunction(return_done), False, AsyncOnly)]
)
@pytest.mark.parametrize("action", [A, both(A, B), collected(STREAM)])
def test_ended_by_the_executor(action: Any, effect: Any, closed: bool, expected: type[GenaiError]) -> None:
    """If the executor ends a request in the middle, the request fails, within a flow or alone."""

    def run_action(action: Any) -> Any:
        executor = SyncExecutor(None, None, None)
        if closed:
            executor.close()
        return executor.run(build_program(action, EffectHandler(effect)))

    assert isinstance(run_action(action).failure(), expected)
    assert run_action(get_failure_name(action)) == Success(expected.__name__)
