"""Flows and streams as scripts of commands, and how `build_program` turns commands into effects."""

from collections.abc import Generator
from math import inf
from typing import Any

import msgspec
import pytest

from genai_fn import (
    Failure,
    InvalidRequest,
    Request,
    Result,
    Stream,
    Success,
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
    GetTime,
    OpenStream,
    ReadItems,
    RunAll,
    Sleep,
)
from genai_fn.engine.program import build_program
from genai_fn.errors import AsyncOnly, ClientError, Closed, GenaiError, NoText, ServerError, TimedOut
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.request import FlowGenerator, start_generator
from genai_fn.schema import GenerateContentResponse
from genai_fn.streams import stream_response
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_effects import run_by_script

A, B = generate("m", "a"), generate("m", "b")
NO = Failure[Any](ClientError(400))
PIECES = A | streamed


def answer(text: str) -> GenerateContentResponse:
    """Make a response that says something."""
    return msgspec.convert(build_text_response(text), GenerateContentResponse)


def format_value(value: Any) -> str:
    """Write a value down."""
    return f"<{value}>"


def then_b(value: object) -> Request[GenerateContentResponse]:
    """Go on with B."""
    return B


# Flows, as those who write them see them


@flow
def twice(first: Request[Any], second: Request[Any]) -> FlowGenerator[Result[tuple[Any, Any], GenaiError]]:
    one = yield from ask(first)
    yield from sleep(2.0)
    two = yield from ask(second)
    return Success((one, two))


@flow
def either(first: Request[Any], second: Request[Any]) -> FlowGenerator[Result[Any, GenaiError]]:
    result = yield from attempt(first)
    return (yield from attempt(second)) if isinstance(result, Failure) else result


@stream
def count_to(most: int, source: Request[Any]) -> FlowGenerator[None]:
    for number in range(most):
        yield from emit(Success(number))
    yield from ask(source)


def test_ask() -> None:
    """`ask` returns the value, and `sleep` sleeps, in the order of the flow."""
    script = [(Ask(A), Success(1)), (Sleep(2.0), None), (Ask(B), Success(2))]
    assert run_by_script(start_generator(twice(A, B)), script) == Success((1, 2))


def test_ask_that_fails() -> None:
    """A failure of an `ask` ends the flow."""
    with pytest.raises(FlowFailed) as ended:
        run_by_script(start_generator(twice(A, second=B)), [(Ask(A), NO)])
    assert ended.value.error == ClientError(400)


def test_attempt() -> None:
    """`attempt` returns the result, also a failure, to the flow."""
    assert run_by_script(start_generator(either(A, B)), [(Ask(A), NO), (Ask(B), Success(2))]) == Success(2)


def test_map_bind_lash() -> None:
    """`map`, `bind` and `lash` work on actions as on a `Result`."""
    assert run_by_script(start_generator(A.map(format_value)), [(Ask(A), Success(1))]) == Success("<1>")
    assert run_by_script(start_generator(A.map(format_value)), [(Ask(A), NO)]) == NO
    assert run_by_script(start_generator(A.bind(then_b)), [(Ask(A), Success(1)), (Ask(B), Success(2))]) == Success(2)
    assert run_by_script(start_generator(A.bind(then_b)), [(Ask(A), NO)]) == NO
    assert run_by_script(start_generator(A.lash(then_b)), [(Ask(A), NO), (Ask(B), Success(2))]) == Success(2)
    assert run_by_script(start_generator(A.lash(then_b)), [(Ask(A), Success(1))]) == Success(1)


@pytest.mark.parametrize("made", (A.bind(format_value), A.lash(format_value)), ids=("bind", "lash"))  # type: ignore[arg-type]  # the mistake
def test_not_an_action(made: Any) -> None:
    """A function of `bind` or `lash` that returns no action raises InvalidRequest with its name."""
    first = NO if "lash" in made.builder.__name__ else Success(1)
    with pytest.raises(InvalidRequest, match="format_value"):
        run_by_script(start_generator(made), [(Ask(A), first)])


def test_both() -> None:
    """`both` runs two actions concurrently; the first one's failure takes precedence."""
    several = AskAll((A, B))
    other = Failure[Any](ServerError(500))
    assert run_by_script(start_generator(both(A, B)), [(several, (Success(1), Success(2)))]) == Success((1, 2))
    assert run_by_script(start_generator(both(A, B)), [(several, (NO, other))]) == NO
    assert run_by_script(start_generator(both(A, B)), [(several, (Success(1), other))]) == other


def test_deadline_of_a_flow() -> None:
    """`with_options(deadline=…)` on a flow is an `AskWithin` command."""
    inner = A.map(format_value)
    assert run_by_script(
        start_generator(inner | with_options(deadline=3)), [(AskWithin(inner, 3), Success("<1>"))]
    ) == Success("<1>")


def test_text() -> None:
    """`text` returns the text, or `NoText`, or the failure."""
    assert run_by_script(start_generator(A | text), [(Ask(A), Success(answer("hi")))]) == Success("hi")
    assert run_by_script(start_generator(A | text), [(Ask(A), Success(GenerateContentResponse()))]) == Failure(NoText())
    assert run_by_script(start_generator(A | text), [(Ask(A), NO)]) == NO


# Streams


def run_stream(description: Stream[Any], script: list[tuple[Any, Any]]) -> list[Any]:
    """Perform a stream's steps, and give its items."""
    items: list[Any] = []

    def collect_items() -> Generator[Any, Any, Any]:
        generator, sent = start_generator(description), None
        while True:
            try:
                word = generator.send(sent)
            except StopIteration:
                return
            if isinstance(word, Emit):
                items.append(word.item)
                sent = None
            else:
                sent = yield word

    run_by_script(collect_items(), script)
    return items


OPENED = [(OpenStream(PIECES.source), Success("handle"))]
LAST = (ReadItems("handle"), ())


def comes(*items: Any) -> list[tuple[Any, Any]]:
    """Write a served stream's conversation, one item at a time."""
    return [*OPENED, *((ReadItems("handle"), (item,)) for item in items), LAST]


GOOD = [Success(answer("a")), Success(answer("b"))]


def test_served() -> None:
    """A server stream yields its items, also if several arrive at once."""
    assert run_stream(PIECES, comes(*GOOD)) == GOOD
    assert run_stream(PIECES, [*OPENED, (ReadItems("handle"), (*GOOD, NO)), LAST]) == [*GOOD, NO]
    assert run_stream(PIECES, [(OpenStream(PIECES.source), NO)]) == [NO]
    assert PIECES.builder is stream_response


def test_texts() -> None:
    """`text` emits the texts; a stream without text ends with `NoText`."""
    assert run_stream(PIECES | text, comes(*GOOD)) == [Success("a"), Success("b")]
    assert run_stream(PIECES | text, comes(Success(answer("")), *GOOD, NO)[:-1]) == [Success("a"), Success("b"), NO]
    assert run_stream(PIECES | text, comes(Success(GenerateContentResponse()))) == [Failure(NoText())]


def test_each() -> None:
    """`each` calls its function with each success, and emits all items."""
    script = [
        *OPENED,
        (ReadItems("handle"), (GOOD[0],)),
        (CallFunction(format_value, (answer("a"),)), "what it returns"),
        (ReadItems("handle"), (NO,)),
        LAST,
    ]
    assert run_stream(PIECES | each(format_value), script) == [GOOD[0], NO]


def test_collected_and_joined() -> None:
    """`collected` and `joined` return all items as one value, or the first failure without reading on."""
    assert run_by_script(start_generator(PIECES | collected), comes(*GOOD)) == Success((answer("a"), answer("b")))
    assert run_by_script(start_generator(PIECES | text | joined), comes(*GOOD)) == Success("ab")
    assert run_by_script(start_generator(PIECES | collected), comes(GOOD[0], NO)[:-1]) == NO


def test_a_stream_of_ones_own() -> None:
    """What a flow asks can be mixed with what it emits; a failed `ask` is the last item."""
    assert run_stream(count_to(2, A), [(Ask(A), Success(1))]) == [Success(0), Success(1)]
    assert run_by_script(start_generator(count_to(2, A) | collected), [(Ask(A), NO)]) == NO


def test_reading_sees_what_is_raised() -> None:
    """A function that raises does so within the stream that called it."""
    script = [
        *OPENED,
        (ReadItems("handle"), (GOOD[0],)),
        (CallFunction(format_value, (answer("a"),)), LookupError("mine")),
    ]
    with pytest.raises(LookupError, match="mine"):
        run_by_script(start_generator(PIECES | each(format_value) | collected), script)


def test_reading_to_the_end() -> None:
    """`StreamReader.read_next` returns None after the end, on every call."""

    def read() -> FlowGenerator[list[Any]]:
        reading, items = StreamReader(count_to(1, A)), list[Any]()
        for _ in range(4):
            items.append((yield from reading.read_next()))
        return items

    assert run_by_script(read(), [(Ask(A), Success(1))]) == [Success(0), None, None, None]


# What words become


class Answering:
    """An exchange that answers each request at once, and remembers until when it was asked."""

    def __init__(self, **results: Any) -> None:
        self.results = results
        self.asked: list[tuple[Any, float]] = []

    def handle(self, request: Request[Any], until: float) -> Generator[Any, Any, Any]:
        self.asked.append((request, until))
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
    exchange = Answering(a=Success(1), b=Success(2))
    assert run_by_script(
        build_program(twice(A, B), exchange), [(GetTime(), 0.0), (Sleep(2.0), None), (GetTime(), 0.0)]
    ) == Success((1, 2))
    assert exchange.asked == [(A, inf), (B, inf)]


def test_program_that_fails() -> None:
    """A failed `ask` is the result of the program."""
    assert run_by_script(build_program(twice(A, B), Answering(a=NO)), [(GetTime(), 0.0)]) == NO


def test_program_within() -> None:
    """A deadline reaches every request of the flow, and the tighter one holds."""
    exchange = Answering(a=Success(1), b=Success(2))
    timed = twice(A, B) | with_options(deadline=10)
    script = [(GetTime(), 100.0), (GetTime(), 0.0), (GetTime(), 101.0), (Sleep(2.0), None), (GetTime(), 0.0)]
    assert run_by_script(build_program(timed, exchange), script) == Success((1, 2))
    assert exchange.asked == [(A, 110.0), (B, 110.0)]
    exchange.asked.clear()
    run_by_script(build_program(timed, exchange, 105.0), script)
    assert exchange.asked == [(A, 105.0), (B, 105.0)]


def test_sleep_past_the_deadline() -> None:
    """A sleep past the deadline is shortened, and the flow ends with `TimedOut`."""
    timed = twice(A, B) | with_options(deadline=1)
    script = [(GetTime(), 100.0), (GetTime(), 0.0), (GetTime(), 100.5), (Sleep(0.5), None)]
    assert run_by_script(build_program(timed, Answering(a=Success(1))), script) == Failure(TimedOut("total", "waiting"))


def test_program_together() -> None:
    """Several become programs of their own."""
    exchange = Answering(a=Success(1), b=Success(2))
    running = build_program(both(A, B), exchange)
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
    run_by_script(build_program(PIECES, Answering()), script)
    run_by_script(
        build_program(count_to(1, A), Answering(a=NO)), [(Emit(Success(0)), None), (GetTime(), 0.0), (Emit(NO), None)]
    )


@flow
def careless(value: Any) -> FlowGenerator[Any]:
    yield from sleep(0)
    return value


@pytest.mark.parametrize("value", (None, 1, "x"))
def test_no_result(value: Any) -> None:
    """A flow that returns neither Success nor Failure raises InvalidRequest."""
    with pytest.raises(InvalidRequest, match="careless"):
        run_by_script(build_program(careless(value), Answering()), [(Sleep(0), None)])


@flow
def forgiving(f: Any) -> FlowGenerator[Result[str, GenaiError]]:
    try:
        yield CallFunction(f, ())
    except LookupError as error:
        return Success(str(error))
    return Success("")


def test_what_a_function_raises() -> None:
    """The flow may catch what a function raised; else it passes through as itself."""
    assert run_by_script(
        build_program(forgiving(format_value), Answering()), [(CallFunction, LookupError("mine"))]
    ) == Success("mine")
    with pytest.raises(ZeroDivisionError):
        run_by_script(build_program(forgiving(format_value), Answering()), [(CallFunction, ZeroDivisionError())])


class Worldly:
    """An exchange that has the world do something before it answers: what it does may end the whole."""

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
def name_failure(action: Any) -> FlowGenerator[Result[str, GenaiError]]:
    result = yield from attempt(action)
    return Success(type(result.failure()).__name__)


@pytest.mark.parametrize(
    ("effect", "closed", "expected"), [(Sleep(1.0), True, Closed), (CallFunction(return_done), False, AsyncOnly)]
)
@pytest.mark.parametrize("action", [A, both(A, B), collected(PIECES)])
def test_ended_by_the_world(action: Any, effect: Any, closed: bool, expected: type[GenaiError]) -> None:
    """What the world ends in the middle of a request is a failure of that request, with a flow around it or without."""

    def ran(action: Any) -> Any:
        world = SyncExecutor(None, None, None)
        if closed:
            world.close()
        return world.run(build_program(action, Worldly(effect)))

    assert isinstance(ran(action).failure(), expected)
    assert ran(name_failure(action)) == Success(expected.__name__)
