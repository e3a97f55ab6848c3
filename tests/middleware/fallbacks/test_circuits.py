"""Circuits of `fallback`: which targets are passed over, and who may try them, with threads and tasks."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from genai_fn import RateLimited, ServerError, Success, text
from genai_fn.effects import CallFunction, OpenResource, Sleep
from genai_fn.middleware import HandlerWrapper, fallback
from genai_fn.testing import Fake
from tests.support.fallbacks import HI, LogTo, fail_at
from tests.support.interpreter_kinds import AwaitableInterpreter, run_without_waiting


def test_open_circuit_is_passed_over() -> None:
    """After its failures in a row a target is passed over, also by other interpreters with the same middleware."""
    shared, log = fallback(["b"], failures=2), LogTo()
    first, second = (Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(log, shared) for _ in "12")
    for run in (first, second, first, second):
        assert run(HI | text) == Success("b")
    assert log.models == "abab" + "bb"


def test_advice_opens_the_circuit() -> None:
    """A wait that the server advises opens the circuit at once; then one request tries the target, and closes it."""
    busy = RateLimited(429, headers=(("retry-after", "20"),))
    answers = iter([busy, busy, "a", "a"])
    log = LogTo()

    class Waiting(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            yield Sleep(self.seconds)
            return (yield from self.inner.handle(request, until))

        seconds = 0.0

    run = Fake({"generate": lambda request: next(answers) if request.operation.model == "a" else "b"}).with_middleware(
        log, fallback(["b"]), Waiting
    )
    assert [run(HI | text).unwrap() for _ in range(2)] == ["b", "b"]
    Waiting.seconds = 20.0
    assert [run(HI | text).unwrap() for _ in range(2)] == ["b", "b"]
    Waiting.seconds = 40.0
    assert [run(HI | text).unwrap() for _ in range(2)] == ["a", "a"]
    assert log.models == "ab" + "b" + "ab" + "b" + "aa"


def test_all_circuits_open() -> None:
    """If all circuits are open, the target that is due soonest is asked: a circuit fails no request by itself."""
    waits = {"a": "30", "b": "10"}
    log = LogTo()
    run = Fake(
        lambda request: RateLimited(429, headers=(("retry-after", waits[request.operation.model]),))
    ).with_middleware(log, fallback(["b"]))
    errors: list[Any] = [run(HI).failure() for _ in range(3)]
    assert [each.retry_after for each in errors] == [10.0] * 3
    assert log.models == "ab" + "b" + "b"


def test_success_and_other_errors_close() -> None:
    """Failures count only in a row: an answer in between, also an error that stays, counts anew."""
    answers = iter([503, 0, 503, 400, 503, 503])
    log = LogTo()

    def answer(request: Any) -> Any:
        code = next(answers) if request.operation.model == "a" else 0
        return ServerError(code) if code else "x"

    run = Fake({"generate": answer}).with_middleware(log, fallback(["b"], failures=2))
    for _ in range(7):
        run(HI)
    assert log.models == "ab" + "a" + "ab" + "a" + "ab" + "ab" + "b"


class Blocking(HandlerWrapper):
    """Waits for a future before each request to the model ``a``."""

    future: Any = None
    calls = 0

    def handle(self, request: Any, until: float) -> Any:
        if request.operation.model == "a":
            Blocking.calls += 1
            if Blocking.future is not None:
                yield CallFunction(lambda: Blocking.future)
        return (yield from self.inner.handle(request, until))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_trial_is_given_back(backend: str) -> None:
    """A trial whose caller is cancelled is given back, and the next request tries the target."""
    shared = fallback(["b"], failures=1, recovery=30.0)
    failing = Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)
    assert failing(HI | text) == Success("b")
    run = Fake({"generate": fail_at({})}).with_middleware(Blocking, shared, Late)
    Blocking.calls, Blocking.future = 0, Future()

    async def cancel() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.aio, HI)
                while Blocking.calls == 0:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        Blocking.future = None
        assert await run.aio(HI | text) == Success("a")

    try:
        anyio.run(cancel, backend=backend)
    finally:
        Blocking.future = None


class Late(HandlerWrapper):
    """Waits for a minute before each request, so that a circuit that opened at the start of a run is due."""

    def handle(self, request: Any, until: float) -> Any:
        yield Sleep(60.0)
        return (yield from self.inner.handle(request, until))


def test_dropped_trial_is_given_back() -> None:
    """A program that is dropped at any point, or whose handler raises, gives its trial back."""
    shared: Any = fallback(["b"], failures=1)
    handler = shared(Blocking(Fake()._parts.handler))  # a handler without an interpreter
    [breaker, _] = [each.breaker for each in handler._get_plan(HI)]  # the state under test
    breaker.record_failure(0.0)
    for steps in range(1, 4):
        program = handler.handle(HI, 1e9)
        effect = next(program)
        for _ in range(steps):
            try:
                effect = program.send(100.0)
            except StopIteration:
                break
        if isinstance(effect, OpenResource):
            assert breaker.compute_wait(100.0) == 30.0
        program.close()
        assert breaker.compute_wait(100.0) == 0.0


def test_many_threads() -> None:
    """Of 64 threads, one at a time tries a target whose circuit is open; none calls a target twice."""
    shared = fallback(["b"], failures=1)
    assert Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)(HI | text) == Success("b")
    run_many(64, shared, lambda fake: fake)


def test_many_tasks() -> None:
    """The same with 1,000 tasks."""
    shared = fallback(["b"], failures=1)
    assert Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(shared)(HI | text) == Success("b")
    run_many(1000, shared, lambda fake: fake.aio)


def run_many(count: int, shared: Any, choose: Callable[[Any], Any]) -> None:
    """Run many requests while every trial fails, and check that trials do not overlap."""
    trials: list[int] = []
    running = 0

    class Counting(HandlerWrapper):
        def handle(self, request: Any, until: float) -> Any:
            nonlocal running
            if request.operation.model != "a":
                return (yield from self.inner.handle(request, until))
            running += 1
            trials.append(running)
            yield Sleep(40.0)
            result = yield from self.inner.handle(request, until)
            running -= 1
            return result

    log = LogTo()
    run = choose(Fake({"generate": fail_at({"a": ServerError(503)})}).with_middleware(log, Counting, shared, Late))

    async def body(interpreter: AwaitableInterpreter) -> Any:
        async def call() -> Any:
            return await interpreter(HI | text)

        return await interpreter.run_concurrently(*[call] * count)

    async def run_all() -> Any:
        return await body(AwaitableInterpreter(run))

    is_sync = AwaitableInterpreter(run).is_sync
    results = run_without_waiting(run_all()) if is_sync else anyio.run(run_all)
    assert results == [Success("b")] * count
    assert max(trials) == 1
