"""Drawn interpreters: they find what may happen, tell the shortest conversation, and do it again."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings, strategies as st
from returns.primitives.exceptions import UnwrapFailedError

import genai_fn
from genai_fn import (
    Failure,
    InvalidRequest,
    Success,
    attempt,
    both,
    calling,
    collected,
    embed,
    files,
    flow,
    gather,
    generate,
    items,
    joined,
    ok,
    sleep,
    streamed,
    text,
    until_done,
    with_http_response,
)
from genai_fn.errors import APIError, TransportError
from genai_fn.interpreters.protocols import InProcessInterpreter
from genai_fn.request import Action, Request, Stream
from genai_fn.schema import FinishReason
from genai_fn.testing import Fake, Sleep, perform, use_interpreter
from genai_fn.testing.strategies import requests
from genai_fn.testing.strategies.drawn_interpreters.interpreter import DrawnInterpreter, interpreters

ASKED = generate("m", "hi")
HELD_BACK = set(FinishReason) - {FinishReason.STOP, FinishReason.MAX_TOKENS}
Run = Callable[[DrawnInterpreter, Action[Any]], Any]
Read = Callable[[DrawnInterpreter, Stream[Any]], list[Any]]


def in_thread(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return run(action)


def on_asyncio(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return anyio.run(run.aio, action)


def on_trio(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return anyio.run(run.aio, action, backend="trio")


every_world = pytest.mark.parametrize("go", [in_thread, on_asyncio, on_trio])


def read_in_thread(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    with run.stream(stream) as found:
        return list(found)


async def _read(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    async with run.aio.stream(stream) as found:
        return [each async for each in found]


def read_on_asyncio(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    return anyio.run(_read, run, stream)


def read_on_trio(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    return anyio.run(_read, run, stream, backend="trio")


every_reader = pytest.mark.parametrize("read", [read_in_thread, read_on_asyncio, read_on_trio])


def told(test: Callable[..., Any]) -> str:
    """Give what the report of a test that fails says, beside the failure."""
    with pytest.raises(AssertionError) as caught:
        test()
    return "\n".join(getattr(caught.value, "__notes__", ()))


def script_in(report: str) -> Any:
    """Run what a report tells to be pasted."""
    lines = report.partition("as a script for genai_fn.testing.perform:")[2].splitlines()
    last = next(number for number, line in enumerate(lines) if line == "]" or line.startswith("script = [("))
    pasted = "\n".join(lines[: last + 1])
    names: dict[str, Any] = {}
    exec(pasted, names)  # noqa: S102  # written here, and by us
    return names["script"]


def found(happens: Callable[[DrawnInterpreter], bool], *, shrinks: bool = True, **how: bool) -> Any:
    """Give a script, the shortest unless nothing shrinks, by which something happens."""

    @settings(max_examples=1000, database=None, phases=[Phase.generate, *[Phase.shrink] * shrinks])
    @given(interpreters(**how))
    def test(run: DrawnInterpreter) -> None:
        assert not happens(run)

    return script_in(told(test))


# What is answered


@settings(max_examples=50)
@given(interpreters(), requests())
def test_any_request(run: DrawnInterpreter, request: Request[Any]) -> None:
    """Whatever is asked has an answer, and the conversation has both."""
    result = run(request)
    assert (request,) == run.requests
    [(asked, answer)] = run.script
    assert request == asked
    assert answer == result or result == Success(answer) or Fake(lambda _: answer)(request) == result


@settings(max_examples=50)
@given(interpreters(errors=False), requests())
def test_no_errors(run: DrawnInterpreter, request: Request[Any]) -> None:
    """Without errors no request fails by itself."""
    assert ok(run(request))


def _is_cut(run: DrawnInterpreter) -> bool:
    *pieces, last = read_in_thread(run, ASKED | streamed) or [None]
    return bool(pieces) and isinstance(last, Failure)


def weather(city: str) -> str:
    return f"{city} is sunny"


@pytest.mark.parametrize(
    "happens",
    [
        lambda run: isinstance(run(ASKED), Failure),
        lambda run: isinstance(run(ASKED).failure(), APIError),
        lambda run: isinstance(run(ASKED | text).failure(), TransportError),
        lambda run: run(ASKED).unwrap().prompt_feedback.block_reason is not None,
        lambda run: run(ASKED).unwrap().candidates[0].finish_reason == FinishReason.MAX_TOKENS,
        lambda run: run(ASKED).unwrap().candidates[0].finish_reason in HELD_BACK,
        lambda run: run(ASKED).unwrap().candidates == (),
        lambda run: any(each.name != "weather" for each in _calls(run)),
        lambda run: any(each.name == "weather" and "city" not in each.args for each in _calls(run)),
        lambda run: len(run(embed("m", ["a", "b"])).unwrap().embeddings) == 1,
        _is_cut,
    ],
    ids=range(11),
)
def test_finds(happens: Callable[[DrawnInterpreter], bool]) -> None:
    """What may happen with a model is found: errors, blocks, cuts, wrong calls, too few vectors, broken streams."""

    def it_happens(run: DrawnInterpreter) -> bool:
        try:
            return happens(run)
        except (AttributeError, IndexError, TypeError, UnwrapFailedError):
            return False

    assert found(it_happens, shrinks=False)


def _calls(run: DrawnInterpreter) -> Any:
    return run(ASKED | genai_fn.with_tools(weather)).unwrap().function_calls


# What is told


def test_shortest() -> None:
    """The report has the shortest conversation, in the simplest words."""
    assert [(ASKED, "0")] == found(lambda run: ok(run(ASKED | text)), errors=False)


@flow
def stubborn(tries: int) -> Any:
    for _ in range(tries):
        said = yield from attempt(ASKED | text)
        if ok(said) and said.unwrap() != "":
            return said
        yield from sleep(60.0)
    pieces = yield from attempt(ASKED | streamed | collected)
    return pieces.bind(lambda all_of_it: Success(len(all_of_it)))


def test_replays() -> None:
    """The script of the report makes the flow fail as it did, sleeps and streams included."""
    script = found(lambda run: run(stubborn(2)).value_or(None) == 2)
    assert [ASKED, Sleep(60.0), ASKED, Sleep(60.0), ASKED | streamed] == [asked for asked, _ in script]
    assert Success(2) == perform(stubborn(2), script)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(interpreters(), st.lists(requests(), min_size=1, max_size=3))
def test_scripts_are_python(run: DrawnInterpreter, asked: list[Request[Any]]) -> None:
    """Whatever was said, a script that is written and run again is the same, and answers the same."""
    result = run(gather(asked) | collected) if len(asked) > 1 else run(asked[0])
    report = f"as a script for genai_fn.testing.perform:\n{run._conversation}\n"
    assume('="…"' not in report)  # a secret, which is masked
    assert run.script == tuple(script_in(report))
    action: Any = gather(asked) | collected if len(asked) > 1 else asked[0]
    assert repr(result) == repr(perform(action, run.script))


def test_told_once() -> None:
    """The script stands once in the report; a test that asks for nothing has none."""

    @settings(database=None)
    @given(interpreters(), st.integers())
    def test(run: DrawnInterpreter, number: int) -> None:
        assert run(ASKED) is None
        assert number > 5

    assert 1 == told(test).count("script = [")

    @settings(database=None)
    @given(interpreters())
    def silent(run: DrawnInterpreter) -> None:
        raise AssertionError

    assert "script" not in told(silent)


# How it is run


@every_world
def test_worlds(go: Run) -> None:
    """Every world finds the same conversation, what is run at once and called by the model included."""

    def at_once(run: DrawnInterpreter) -> bool:
        tried = go(run, both(ASKED | text, ASKED | calling(weather, max_calls=2) | text))
        go(run, gather([ASKED, files.get("a")]) | collected)
        return ok(tried)

    script = found(at_once, shrinks=False)
    assert [ASKED, "generate", ASKED, files.get("a")] == [
        asked if asked in (ASKED, files.get("a")) else asked.operation.op for asked, _ in script
    ]


@every_reader
def test_streams(read: Read) -> None:
    """Streams are read in every world, those of many actions, too."""

    def are_read(run: DrawnInterpreter) -> bool:
        said, many = read(run, ASKED | streamed | text), read(run, gather([ASKED | text] * 3))
        return len(list(filter(ok, said))) > 1 and all(map(ok, many))

    script = found(are_read, shrinks=False)
    assert [ASKED | streamed, ASKED, ASKED, ASKED] == [asked for asked, _ in script]


def test_nothing_is_left_to_chance() -> None:
    """The same test has the same conversations each time, whatever runs at once."""

    def conversations() -> list[Any]:
        kept = []

        @settings(max_examples=20, derandomize=True, database=None)
        @given(interpreters())
        def test(run: DrawnInterpreter) -> None:
            run(gather([ASKED, embed("m", "a"), files.get("a") | until_done(timeout=20)], concurrency=3) | collected)
            kept.append(run.script)

        test()
        return kept

    assert conversations() == conversations()


@settings(max_examples=25)
@given(interpreters())
def test_in_this_thread(run: DrawnInterpreter) -> None:
    """What would run in threads is run in the caller's: its functions too."""
    threads: set[int] = set()
    run(both(*[ASKED.map(lambda _: threads.add(threading.get_ident()))] * 2))
    anyio.run(run.aio, gather([ASKED.map(lambda _: threads.add(threading.get_ident()))] * 2) | collected)
    assert threads <= {threading.get_ident()}


@settings(max_examples=25)
@given(interpreters(), st.integers(1, 4))
def test_threads_of_the_program(run: DrawnInterpreter, count: int) -> None:
    """A program may ask from threads of its own: they are answered one after the other."""
    with ThreadPoolExecutor(count) as threads:
        results = list(threads.map(run, [ASKED] * count))
    assert count == len(results) == len(run.requests) == len(run.script)


@settings(max_examples=25)
@given(interpreters())
def test_virtual_time(run: DrawnInterpreter) -> None:
    """Sleeping takes no time, and stands in the script."""
    assert Success(1) == run(napping())
    assert ((Sleep(3600.0), None),) == run.script


@flow
def napping() -> Any:
    yield from sleep(3600.0)
    return Success(1)


def test_like_any_interpreter() -> None:
    """It is an interpreter in this process, which ``using`` takes; a stream is no action, nor the other way round."""

    @settings(max_examples=10)
    @given(interpreters())
    def test(run: InProcessInterpreter) -> None:
        with use_interpreter(run):
            first = genai_fn.run(ASKED)
        assert (ASKED,) == run.requests
        assert isinstance(first, Success | Failure)
        with pytest.raises(InvalidRequest):
            run(ASKED | streamed)
        with pytest.raises(InvalidRequest):
            run.stream(ASKED)

    test()


@example(Fake({"generate": "hello"}), 5)
@settings(max_examples=10)
@given(interpreters(), st.integers())
def test_composes(run: Any, number: int) -> None:
    """It stands beside other strategies, and an example may put a fake in its place."""
    assert run(ASKED | with_http_response) is not None
    assert isinstance(number, int)


@settings(max_examples=10)
@given(st.data())
def test_drawn_within(data: st.DataObject) -> None:
    """It may be drawn within a test, and more than one."""
    one, other = data.draw(interpreters()), data.draw(interpreters())
    one(ASKED)
    other(files.list() | items | collected)
    assert (1, {"files.list"}) == (len(one.requests), {each.operation.op for each in other.requests})


def test_own_exceptions() -> None:
    """What a program's own function raises comes out as itself."""

    @settings(max_examples=10)
    @given(interpreters(errors=False))
    def test(run: DrawnInterpreter) -> None:
        for go in (in_thread, on_asyncio, on_trio):
            with pytest.raises(ZeroDivisionError):
                go(run, gather([ASKED.map(lambda _: 1 / 0)]) | joined)

    test()
