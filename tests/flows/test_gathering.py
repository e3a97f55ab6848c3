"""`gather`: as scripted conversations, in any order of completion, and with every interpreter."""

import itertools
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpcore
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, strategies as st

from genai_fn import (
    AsyncOnly,
    Closed,
    Failure,
    InvalidRequest,
    Success,
    attempt,
    both,
    collected,
    each,
    gather,
    generate,
    sleep,
    streamed,
    text,
)
from genai_fn.effects import CallFunction, Emit, StartAction, WaitAny
from genai_fn.errors import ClientError
from genai_fn.request import Action, flow, start_generator
from tests.support.cancellation.cancel_points import count_client_sockets, count_tasks
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, check_no_threads, make_gemini
from tests.support.loopback import Answer, Hang, Loopback, ReceivedRequest, build_json_reply
from tests.support.loopback_replies import build_error, build_text_response
from tests.support.scripted_effects import run_by_script

# Conversations


class FakeChild:
    """A running action, as a flow sees it."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def result(self) -> Any:
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


A, B, C = (generate("m", name) for name in "abc")
ONE, TWO, THREE = (FakeChild(Success(number)) for number in (1, 2, 3))
NO = FakeChild(Failure(ClientError(400)))


def expect_start(action: Action[Any], child: FakeChild) -> list[tuple[Any, Any]]:
    """Expect that an action is requested from the iterable and started."""
    return [(CallFunction, action), (StartAction(action), child)]


def test_in_order() -> None:
    """A result that is ready early waits for its turn, and another action starts meanwhile."""
    script: list[tuple[Any, Any]] = [
        *expect_start(A, ONE),
        *expect_start(B, TWO),
        (WaitAny((ONE, TWO)), TWO),
        *expect_start(C, THREE),
        (WaitAny((ONE, THREE)), ONE),
    ]
    generator = start_generator(gather([A, B, C], concurrency=2))
    results = run_in_order(generator, script)
    assert results == [Success(1), Success(2), Success(3)]


def test_as_they_are_ready() -> None:
    """With ``ordered=False``, results are emitted in the order of completion."""
    script: list[tuple[Any, Any]] = [*expect_start(A, ONE), *expect_start(B, TWO), (WaitAny((ONE, TWO)), TWO)]
    assert run_in_order(start_generator(gather([A, B], concurrency=2, ordered=False)), script) == [
        Success(2),
        Success(1),
    ]


def run_in_order(generator: Any, script: list[tuple[Any, Any]]) -> list[Any]:
    """Run the start by a script, then complete the running actions in an order; return what was emitted."""
    items: list[Any] = []
    answer: Any = None
    while True:
        try:
            command = generator.send(answer)
        except StopIteration:
            assert script == []
            return items
        answer = None
        if isinstance(command, Emit):
            items.append(command.item)
        elif script:
            expected, answer = script.pop(0)
            assert isinstance(command, expected) if isinstance(expected, type) else command == expected
            assert expected is not CallFunction or command.function(*command.args) == answer
        elif isinstance(command, WaitAny):
            answer = command.children[0]
        else:
            assert isinstance(command, CallFunction)
            answer = command.function(*command.args)
            assert answer is command.args[1], "an action was started after the script"


def test_nothing() -> None:
    """No actions have no results."""
    assert run_in_order(start_generator(gather([])), []) == []
    assert run_in_order(start_generator(gather(iter(()))), []) == []


@pytest.mark.parametrize("ordered", (True, False))
def test_stop_on_failure(ordered: bool) -> None:
    """With ``stop_on_failure`` the first failure is the last item; otherwise the others follow."""
    script: list[tuple[Any, Any]] = [*expect_start(A, NO), *expect_start(B, TWO), (WaitAny((NO, TWO)), NO)]
    stopping = gather([A, B], concurrency=2, ordered=ordered, stop_on_failure=True)
    assert run_in_order(start_generator(stopping), [*script]) == [NO.result()]
    assert run_in_order(start_generator(gather([A, B], concurrency=2, ordered=ordered)), script) == [
        NO.result(),
        Success(2),
    ]


def test_raised() -> None:
    """An exception of a child is raised in place of its result."""
    raised = FakeChild(LookupError("mine"))
    with pytest.raises(LookupError, match="mine"):
        run_by_script(
            start_generator(gather([A, B], concurrency=1)),
            [*expect_start(A, raised), (WaitAny, raised), *expect_start(B, TWO)],
        )


@given(
    count=st.integers(0, 40),
    concurrency=st.integers(1, 6),
    ordered=st.booleans(),
    choices=st.randoms(use_true_random=False),
)
def test_bounds(count: int, concurrency: int, ordered: bool, choices: Any) -> None:
    """At most n run, at most 2n are unread; each action has one result, in order if requested."""
    read_numbers: list[int] = []

    def actions() -> Iterator[Action[int]]:
        for number in range(count):
            read_numbers.append(number)
            yield return_number(number)

    running: list[FakeChild] = []
    emitted: list[int] = []
    generator, answer = start_generator(gather(actions(), concurrency=concurrency, ordered=ordered)), None
    while True:
        try:
            command = generator.send(answer)
        except StopIteration:
            break
        answer = None
        if isinstance(command, CallFunction):
            answer = command.function(*command.args)
        elif isinstance(command, StartAction):
            running.append(answer := FakeChild(Success(command.action.args[0])))
        elif isinstance(command, WaitAny):
            assert set(command.children) == set(running)
            running.remove(answer := choices.choice(command.children))
        else:
            emitted.append(command.item.unwrap())
        assert len(running) <= concurrency
        assert len(read_numbers) - len(emitted) <= 2 * concurrency
    assert (emitted if ordered else sorted(emitted)) == list(range(count))
    assert running == []


@flow
def return_number(number: int) -> Any:
    """Return a number."""
    yield from ()
    return Success(number)


@flow
def fail_with(code: int) -> Any:
    """Fail with a status."""
    yield from ()
    return Failure(ClientError(code))


# Shape


@pytest.mark.parametrize("concurrency", (0, -1, 1.5, True, None, "8"))
def test_bad_concurrency(concurrency: Any) -> None:
    """Concurrency must be at least 1."""
    with pytest.raises(InvalidRequest, match="concurrency"):
        gather([A], concurrency=concurrency)


@pytest.mark.parametrize("actions", ([A, "b"], (None,), [A | streamed], A | streamed, "ab", b"ab", None))
def test_no_actions(actions: Any) -> None:
    """Values that are not iterables of actions are refused at once, as far as that can be checked."""
    with pytest.raises(InvalidRequest, match="actions"):
        gather(actions)


def test_no_actions_after_all(kind: InterpreterKind) -> None:
    """A generator that yields something else raises a mistake when it is read."""
    with pytest.raises(InvalidRequest, match="actions"):
        kind.read_items(make_gemini("http://127.0.0.1:1"), gather(iter([return_number(1), 2])))  # type: ignore[list-item]  # the mistake


def test_values() -> None:
    """The stream of a list is a value; changing the list does not change it."""
    actions = [A, B]
    stream = gather(actions)
    actions.append(C)
    assert pickle.loads(pickle.dumps(stream)) == stream == gather((A, B)) != gather((A, B), ordered=False)


def test_arguments() -> None:
    """Actions may be arguments of their own, one of them too; with an iterable among them, they are refused."""
    assert gather(A, B, C, concurrency=2) == gather([A, B, C], concurrency=2)
    assert (gather(A), gather()) == (gather([A]), gather([]))
    with pytest.raises(InvalidRequest, match=r"actions: expected Requests and Flows, got \["):
        gather(A, [B])  # type: ignore[call-overload]  # the mistake


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_both(kind: InterpreterKind, count: int) -> None:
    """`both` runs two to five actions and returns all values, or the first failure in the order of the actions."""
    numbers: list[Any] = [return_number(each) for each in range(count)]
    assert kind.run(UNREACHABLE, both(*numbers)) == Success(tuple(range(count)))
    failures = [fail_with(400 + each) for each in range(1, count)]
    assert kind.run(UNREACHABLE, both(numbers[0], *failures)) == Failure(ClientError(401))
    pickled = both(*numbers)
    assert pickle.loads(pickle.dumps(pickled)) == pickled


@pytest.mark.parametrize("actions", [(), (A,), (A,) * 6, (A, "b"), ([A, B],), (A, None, B)])
def test_not_both(actions: Any) -> None:
    """Fewer than two actions, more than five, and anything else are refused at once."""
    with pytest.raises(InvalidRequest, match="actions"):
        both(*actions)


# With every interpreter


UNREACHABLE = make_gemini("http://127.0.0.1:1")


class AsyncActions:
    """An async iterable of actions."""

    def __init__(self, count: float) -> None:
        self.read_count = 0
        self._count = count

    def __aiter__(self) -> AsyncIterator[Action[int]]:
        return self

    async def __anext__(self) -> Action[int]:
        await checkpoint()
        if self.read_count >= self._count:
            raise StopAsyncIteration
        self.read_count += 1
        return return_number(self.read_count - 1)


def list_numbers(results: list[Any]) -> list[int]:
    return [each.unwrap() for each in results]


def test_all(kind: InterpreterKind) -> None:
    """Each action has its result, in order, from lists and iterators, streamed and collected."""
    for make in (list, tuple, iter):
        actions: Any = map(return_number, range(20))
        assert list_numbers(kind.read_items(UNREACHABLE, gather(make(actions)))) == list(range(20))
    assert kind.run(UNREACHABLE, gather(map(return_number, range(20))) | collected) == Success(tuple(range(20)))


def test_async_iterable(kind: InterpreterKind) -> None:
    """Async iterables need an async interpreter; iterables of both kinds work with all."""
    results = kind.read_items(UNREACHABLE, gather(AsyncActions(20)))
    if kind.is_sync:
        assert [type(each.failure()) for each in results] == [AsyncOnly]
    else:
        assert list_numbers(results) == list(range(20))

    class SyncAndAsyncActions(AsyncActions):
        def __iter__(self) -> Iterator[Action[int]]:
            return map(return_number, range(3))

    assert list_numbers(kind.read_items(UNREACHABLE, gather(SyncAndAsyncActions(9)))) == [0, 1, 2]


def test_async_generator_in_sync() -> None:
    """An async generator that a sync interpreter refuses causes no warning."""

    async def actions() -> AsyncIterator[Action[int]]:
        yield return_number(1)

    (result,) = InterpreterKind("sync", httpcore).read_items(UNREACHABLE, gather(actions()))
    assert result == Failure(AsyncOnly("the iterable is async: run this with AsyncHttp"))


@pytest.mark.parametrize("is_later", (False, True))
def test_endless(kind: InterpreterKind, is_later: bool) -> None:
    """An endless iterable is read only as far as actions can start; closing the stream cancels all."""
    if kind.is_sync and is_later:
        return
    read_count = itertools.count()
    async_actions = AsyncActions(float("inf"))
    source: Any = async_actions if is_later else map(return_number, read_count)

    async def body(run: AwaitableInterpreter) -> None:
        async with run.stream(gather(source, concurrency=3)) as items:
            for number in range(10):
                assert (await anext(items)).unwrap() == number
        assert (async_actions.read_count if is_later else next(read_count)) <= 10 + 2 * 3

    kind.run_body(UNREACHABLE, body)
    check_no_threads()


def answer_by_text(**answers: Answer) -> Callable[[ReceivedRequest], Answer]:
    """Answer by the text of the request."""

    def script(received: ReceivedRequest) -> Answer:
        return next((each for name, each in answers.items() if f'"{name}"'.encode() in received.body), OK)

    return script


OK = build_json_reply(build_text_response("yes"))
BAD = build_json_reply(build_error(400), 400)


def build_requests(*texts: str) -> list[Any]:
    return [generate("m", each) | text for each in texts]


def list_outcomes(results: list[Any]) -> list[Any]:
    return [each.failure().code if isinstance(each, Failure) else each.unwrap() for each in results]


def test_order(kind: InterpreterKind) -> None:
    """Results are in order, or in order of completion; failures are in their places."""
    others_are_ready, answer = (
        threading.Event(),
        answer_by_text(slow=build_json_reply(build_text_response("slow")), bad=BAD),
    )

    def script(received: ReceivedRequest) -> Answer:
        if b'"slow"' in received.body:
            assert others_are_ready.wait(60)
        elif sum(b'"slow"' not in each.body for each in server.requests) == 4:  # on the second run, in order
            others_are_ready.set()
        return answer(received)

    async def read(run: AwaitableInterpreter, **how: Any) -> list[Any]:
        results = []
        async with run.stream(gather(build_requests("slow", "good", "bad"), **how)) as items:
            async for item in items:
                results.append(item)
                if not how["ordered"] and len(results) == 2:
                    others_are_ready.set()
        return list_outcomes(results)

    with Loopback(script) as server:
        ready = kind.run_body(make_gemini(server.url), lambda run: read(run, ordered=False))
        assert (set(ready[:2]), ready[2]) == ({"yes", 400}, "slow")
        others_are_ready.clear()
        assert kind.run_body(make_gemini(server.url), lambda run: read(run, ordered=True)) == ["slow", "yes", 400]


def test_stopped(kind: InterpreterKind) -> None:
    """The first failure cancels all running actions, with ``stop_on_failure`` and with `collected`."""
    with Loopback(answer_by_text(hang=Hang(), bad=BAD)) as server:
        stopping = gather(build_requests("good", "bad", "hang", "hang"), concurrency=4, stop_on_failure=True)
        assert list_outcomes(kind.read_items(make_gemini(server.url), stopping)) == ["yes", 400]
        result = kind.run(make_gemini(server.url), gather(build_requests("bad", "hang")) | collected)
        assert result.failure().code == 400
        server.wait_until_idle(0)
    check_no_threads()


def test_closed_early(kind: InterpreterKind) -> None:
    """Leaving the block closes connections and cancels actions; an exception in the block is raised."""
    with Loopback(answer_by_text(hang=Hang())) as server:

        async def body(run: AwaitableInterpreter) -> None:
            socket_count, task_count = count_client_sockets(server.port), 0 if kind.is_sync else count_tasks()
            with pytest.raises(LookupError):
                async with run.stream(gather(build_requests("good", "hang", "hang", "hang"), concurrency=4)) as items:
                    assert (await anext(items)).unwrap() == "yes"
                    await run.run_blocking(server.wait_requests, 4)
                    raise LookupError
            assert count_client_sockets(server.port) - socket_count <= 1  # an idle connection
            assert kind.is_sync or count_tasks() == task_count

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
    check_no_threads()


class CallerError(Exception):
    """An exception of the caller."""


def raise_error(_: object) -> None:
    raise CallerError


def test_raised_by_a_child(kind: InterpreterKind) -> None:
    """A caller's exception is raised once and leaves nothing running; the block continues after it."""
    raising: Any = generate("m", "raise").map(raise_error)
    with Loopback(answer_by_text(hang=Hang())) as server:
        continued: list[bool] = []

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(
                gather([*build_requests("good"), raising, *build_requests("hang")], concurrency=3)
            ) as items:
                assert (await anext(items)).unwrap() == "yes"
                with pytest.raises(CallerError):
                    await anext(items)
                with pytest.raises(StopAsyncIteration):
                    await anext(items)
                continued.append(True)
            with pytest.raises(CallerError):
                await run(gather([*build_requests("hang"), raising], concurrency=3, ordered=False) | collected)

        kind.run_body(make_gemini(server.url), body)
        assert continued == [True]
        server.wait_until_idle(0)
    check_no_threads()


def test_raised_by_the_iterable(kind: InterpreterKind) -> None:
    """An exception of the iterable is raised, and cancels what runs."""

    def actions() -> Iterator[Action[Any]]:
        yield from build_requests("hang")
        raise CallerError

    with Loopback(answer_by_text(hang=Hang())) as server:
        with pytest.raises(CallerError):
            kind.read_items(make_gemini(server.url), gather(actions()))
        server.wait_until_idle(0)
    check_no_threads()


def test_nested(kind: InterpreterKind) -> None:
    """Nested and parallel gathers complete."""

    def gather_numbers(first: int) -> Action[Any]:
        return gather(map(return_number, range(first, first + 10)), concurrency=5) | collected

    expected = tuple(tuple(range(first, first + 10)) for first in range(12))
    actions = gather(map(gather_numbers, range(12)), concurrency=12)
    assert kind.run(UNREACHABLE, actions | collected) == Success(expected)
    assert kind.run(UNREACHABLE, both(gather_numbers(0), both(gather_numbers(1), gather_numbers(2)))) == Success(
        (expected[0], (expected[1], expected[2]))
    )
    assert list_numbers(kind.read_items(UNREACHABLE, gather([gather_numbers(0)]) | each(len))) == [expected[0]]
    check_no_threads()


def test_nested_are_ended(kind: InterpreterKind) -> None:
    """Closing the stream cancels nested actions."""
    with Loopback(answer_by_text(hang=Hang())) as server:
        inner = gather(build_requests("hang", "hang")) | collected

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(gather([*build_requests("good"), inner, both(inner, inner)])) as items:
                assert (await anext(items)).unwrap() == "yes"
                await run.run_blocking(server.wait_requests, 7)

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
    check_no_threads()


def test_closed_from_another_thread(kind: InterpreterKind) -> None:
    """Closing from another thread or task ends the wait with a failure, and cancels what runs."""
    with Loopback(answer_by_text(hang=Hang())) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(gather(build_requests("hang", "hang", "hang"), concurrency=2)) as items:

                async def close() -> None:
                    await run.run_blocking(server.wait_requests, 2)
                    items.close()

                async def read() -> list[Any]:
                    return [each async for each in items]

                results, _ = await run.run_concurrently(read, close)
            assert {type(each.failure()) for each in results} == {Closed}

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
    check_no_threads()


@flow
def retry_forever(action: Action[Any]) -> Any:
    """Retry without end."""
    while True:
        result = yield from attempt(action)
        if isinstance(result, Success):
            return result
        yield from sleep(0.001)


def test_endless_retries_are_cancelled(kind: InterpreterKind) -> None:
    """An action that retries without end is cancelled with the stream."""
    with Loopback(answer_by_text(bad=BAD)) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(
                gather([*build_requests("good"), *map(retry_forever, build_requests("bad", "bad"))])
            ) as items:
                assert (await anext(items)).unwrap() == "yes"
                await run.run_blocking(server.wait_requests, 5)

        kind.run_body(make_gemini(server.url), body)
        server.wait_until_idle(0)
    check_no_threads()


def test_without_a_block(kind: InterpreterKind) -> None:
    """Async readers of a stream that starts actions need ``async with``; sync readers do not."""

    async def body(run: AwaitableInterpreter) -> None:
        items = run.stream(gather([return_number(1)]))
        if kind.is_sync:
            assert [each.unwrap() async for each in items] == [1]
        else:
            with pytest.raises(InvalidRequest, match="async with"):
                await anext(items)

    kind.run_body(UNREACHABLE, body)
    check_no_threads()


class Interrupt(BaseException):
    """A BaseException, such as KeyboardInterrupt."""


def raise_interrupt(_: object) -> None:
    raise Interrupt


def test_interrupted_child(kind: InterpreterKind) -> None:
    """A BaseException in a child cancels all, and is raised unchanged."""
    raising: Any = return_number(1).map(raise_interrupt)
    with Loopback(answer_by_text(hang=Hang())) as server:
        with pytest.raises(Interrupt):
            kind.run(make_gemini(server.url), gather([*build_requests("hang"), raising], ordered=False) | collected)
        with pytest.raises(Interrupt):
            kind.read_items(make_gemini(server.url), gather([*build_requests("hang"), raising], ordered=False))
        server.wait_until_idle(0)
    check_no_threads()
