"""Drawn interpreters: they find possible outcomes, report the shortest conversation, and replay it."""

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

REQUEST = generate("m", "hi")
HELD_BACK = set(FinishReason) - {FinishReason.STOP, FinishReason.MAX_TOKENS}
Run = Callable[[DrawnInterpreter, Action[Any]], Any]
Read = Callable[[DrawnInterpreter, Stream[Any]], list[Any]]


def run_in_thread(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return run(action)


def run_on_asyncio(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return anyio.run(run.aio, action)


def run_on_trio(run: DrawnInterpreter, action: Action[Any]) -> Any:
    return anyio.run(run.aio, action, backend="trio")


every_executor = pytest.mark.parametrize("run_action", [run_in_thread, run_on_asyncio, run_on_trio])


def read_in_thread(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    with run.stream(stream) as found:
        return list(found)


async def read_async(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    async with run.aio.stream(stream) as found:
        return [each async for each in found]


def read_on_asyncio(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    return anyio.run(read_async, run, stream)


def read_on_trio(run: DrawnInterpreter, stream: Stream[Any]) -> list[Any]:
    return anyio.run(read_async, run, stream, backend="trio")


every_reader = pytest.mark.parametrize("read", [read_in_thread, read_on_asyncio, read_on_trio])


def get_report(test: Callable[..., Any]) -> str:
    """Run a failing test, and return the notes of its failure."""
    with pytest.raises(AssertionError) as raised:
        test()
    return "\n".join(getattr(raised.value, "__notes__", ()))


def execute_script(report: str) -> Any:
    """Execute the code in a report, and return its value."""
    lines = report.partition("as a script for genai_fn.testing.perform:")[2].splitlines()
    last = next(number for number, line in enumerate(lines) if line == "]" or line.startswith("script = [("))
    code = "\n".join(lines[: last + 1])
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # written here, and by us
    return names["script"]


def find_script(condition: Callable[[DrawnInterpreter], bool], *, shrinks: bool = True, **options: bool) -> Any:
    """Find a script that meets a condition, the shortest one unless shrinking is off."""

    @settings(max_examples=5000, database=None, phases=[Phase.generate, *[Phase.shrink] * shrinks])
    @given(interpreters(**options))
    def test(run: DrawnInterpreter) -> None:
        assert not condition(run)

    return execute_script(get_report(test))


# What is answered


@settings(max_examples=50)
@given(interpreters(), requests())
def test_any_request(run: DrawnInterpreter, request: Request[Any]) -> None:
    """Every request has an answer, and the conversation contains both."""
    result = run(request)
    assert (request,) == run.requests
    [(script_request, answer)] = run.script
    assert request == script_request
    assert answer == result or result == Success(answer) or Fake(lambda _: answer)(request) == result


@settings(max_examples=50)
@given(interpreters(errors=False), requests())
def test_no_errors(run: DrawnInterpreter, request: Request[Any]) -> None:
    """With ``errors=False``, no request fails."""
    assert ok(run(request))


def is_broken_stream(run: DrawnInterpreter) -> bool:
    *chunks_result, last = read_in_thread(run, REQUEST | streamed) or [None]
    return bool(chunks_result) and isinstance(last, Failure)


def weather(city: str) -> str:
    return f"{city} is sunny"


@pytest.mark.parametrize(
    "condition",
    [
        lambda run: isinstance(run(REQUEST), Failure),
        lambda run: isinstance(run(REQUEST).failure(), APIError),
        lambda run: isinstance(run(REQUEST | text).failure(), TransportError),
        lambda run: run(REQUEST).unwrap().prompt_feedback.block_reason is not None,
        lambda run: run(REQUEST).unwrap().candidates[0].finish_reason == FinishReason.MAX_TOKENS,
        lambda run: run(REQUEST).unwrap().candidates[0].finish_reason in HELD_BACK,
        lambda run: run(REQUEST).unwrap().candidates == (),
        lambda run: any(each.name != "weather" for each in get_function_calls(run)),
        lambda run: any(each.name == "weather" and "city" not in each.args for each in get_function_calls(run)),
        lambda run: len(run(embed("m", ["a", "b"])).unwrap().embeddings) == 1,
        is_broken_stream,
    ],
    ids=range(11),
)
def test_finds_outcomes(condition: Callable[[DrawnInterpreter], bool]) -> None:
    """Every possible outcome is found: errors, blocks, truncation, wrong calls, too few vectors, broken streams."""

    def is_met(run: DrawnInterpreter) -> bool:
        try:
            return condition(run)
        except (AttributeError, IndexError, TypeError, UnwrapFailedError):
            return False

    assert find_script(is_met, shrinks=False)


def get_function_calls(run: DrawnInterpreter) -> Any:
    return run(REQUEST | genai_fn.with_tools(weather)).unwrap().function_calls


# Reports


def test_shortest() -> None:
    """The report contains the shortest conversation, with the simplest texts."""
    assert [(REQUEST, "0")] == find_script(lambda run: ok(run(REQUEST | text)), errors=False)


@flow
def retry_until_text(attempts: int) -> Any:
    for _ in range(attempts):
        result = yield from attempt(REQUEST | text)
        if ok(result) and result.unwrap() != "":
            return result
        yield from sleep(60.0)
    chunks_result = yield from attempt(REQUEST | streamed | collected)
    return chunks_result.bind(lambda chunks: Success(len(chunks)))


def test_replays() -> None:
    """The script of the report reproduces the failure of a flow, including sleeps and streams."""
    script = find_script(lambda run: run(retry_until_text(2)).value_or(None) == 2)
    assert [REQUEST, Sleep(60.0), REQUEST, Sleep(60.0), REQUEST | streamed] == [request for request, _ in script]
    assert Success(2) == perform(retry_until_text(2), script)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(interpreters(), st.lists(requests(), min_size=1, max_size=3))
def test_scripts_are_source_code(run: DrawnInterpreter, drawn_requests: list[Request[Any]]) -> None:
    """The code of any script evaluates to the same script, which gives the same answers."""
    result = run(gather(drawn_requests) | collected) if len(drawn_requests) > 1 else run(drawn_requests[0])
    report = f"as a script for genai_fn.testing.perform:\n{run._conversation}\n"
    assume('="…"' not in report)  # a secret, which is masked
    assert run.script == tuple(execute_script(report))
    action: Any = gather(drawn_requests) | collected if len(drawn_requests) > 1 else drawn_requests[0]
    assert repr(result) == repr(perform(action, run.script))


def test_report_contains_script_once() -> None:
    """The report contains the script once; the report of a test without requests has none."""

    @settings(database=None)
    @given(interpreters(), st.integers())
    def test(run: DrawnInterpreter, number: int) -> None:
        assert run(REQUEST) is None
        assert number > 5

    assert 1 == get_report(test).count("script = [")

    @settings(database=None)
    @given(interpreters())
    def fail(run: DrawnInterpreter) -> None:
        raise AssertionError

    assert "script" not in get_report(fail)


# Execution


@every_executor
def test_every_executor(run_action: Run) -> None:
    """Sync and async calls find the same conversation, with concurrent actions and function calls."""

    def run_concurrently(run: DrawnInterpreter) -> bool:
        result = run_action(run, both(REQUEST | text, REQUEST | calling(weather, max_calls=2) | text))
        run_action(run, gather([REQUEST, files.get("a")]) | collected)
        return ok(result)

    script = find_script(run_concurrently, shrinks=False)
    assert [REQUEST, "generate", REQUEST, files.get("a")] == [
        request if request in (REQUEST, files.get("a")) else request.operation.op for request, _ in script
    ]


@every_reader
def test_streams(read: Read) -> None:
    """Streams are read by sync and async readers, also those of several actions."""

    def reads_both(run: DrawnInterpreter) -> bool:
        texts_read, gathered_items = read(run, REQUEST | streamed | text), read(run, gather([REQUEST | text] * 3))
        return len(list(filter(ok, texts_read))) > 1 and all(map(ok, gathered_items))

    script = find_script(reads_both, shrinks=False)
    assert [REQUEST | streamed, REQUEST, REQUEST, REQUEST] == [request for request, _ in script]


def test_deterministic() -> None:
    """A test has the same conversations in every run, also with concurrent actions."""

    def list_conversations() -> list[Any]:
        scripts = []

        @settings(max_examples=20, derandomize=True, database=None)
        @given(interpreters())
        def test(run: DrawnInterpreter) -> None:
            run(gather([REQUEST, embed("m", "a"), files.get("a") | until_done(timeout=20)], concurrency=3) | collected)
            scripts.append(run.script)

        test()
        return scripts

    assert list_conversations() == list_conversations()


@settings(max_examples=25)
@given(interpreters())
def test_in_this_thread(run: DrawnInterpreter) -> None:
    """Concurrent actions and functions run in the calling thread."""
    threads: set[int] = set()
    run(both(*[REQUEST.map(lambda _: threads.add(threading.get_ident()))] * 2))
    anyio.run(run.aio, gather([REQUEST.map(lambda _: threads.add(threading.get_ident()))] * 2) | collected)
    assert threads <= {threading.get_ident()}


@settings(max_examples=25)
@given(interpreters(), st.integers(1, 4))
def test_threads_of_the_program(run: DrawnInterpreter, count: int) -> None:
    """Threads of the program may send requests concurrently, which are answered one after the other."""
    with ThreadPoolExecutor(count) as threads:
        results = list(threads.map(run, [REQUEST] * count))
    assert count == len(results) == len(run.requests) == len(run.script)


@settings(max_examples=25)
@given(interpreters())
def test_virtual_time(run: DrawnInterpreter) -> None:
    """A sleep takes no time, and is part of the script."""
    assert Success(1) == run(sleep_for_an_hour())
    assert ((Sleep(3600.0), None),) == run.script


@flow
def sleep_for_an_hour() -> Any:
    yield from sleep(3600.0)
    return Success(1)


def test_like_any_interpreter() -> None:
    """It can be the ambient interpreter, and refuses a stream as an action, and an action as a stream."""

    @settings(max_examples=10)
    @given(interpreters())
    def test(run: InProcessInterpreter) -> None:
        with use_interpreter(run):
            first = genai_fn.run(REQUEST)
        assert (REQUEST,) == run.requests
        assert isinstance(first, Success | Failure)
        with pytest.raises(InvalidRequest):
            run(REQUEST | streamed)
        with pytest.raises(InvalidRequest):
            run.stream(REQUEST)

    test()


@example(Fake({"generate": "hello"}), 5)
@settings(max_examples=10)
@given(interpreters(), st.integers())
def test_composes(run: Any, number: int) -> None:
    """It can be combined with other strategies, and an ``example`` may pass a fake."""
    assert run(REQUEST | with_http_response) is not None
    assert isinstance(number, int)


@settings(max_examples=10)
@given(st.data())
def test_several_interpreters(data: st.DataObject) -> None:
    """Several can be drawn within a test."""
    first_run, second_run = data.draw(interpreters()), data.draw(interpreters())
    first_run(REQUEST)
    second_run(files.list() | items | collected)
    assert (1, {"files.list"}) == (len(first_run.requests), {each.operation.op for each in second_run.requests})


def test_own_exceptions() -> None:
    """An exception of a caller's function is raised unchanged."""

    @settings(max_examples=10)
    @given(interpreters(errors=False))
    def test(run: DrawnInterpreter) -> None:
        for run_action in (run_in_thread, run_on_asyncio, run_on_trio):
            with pytest.raises(ZeroDivisionError):
                run_action(run, gather([REQUEST.map(lambda _: 1 / 0)]) | joined)

    test()
