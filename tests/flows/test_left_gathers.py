"""Flows that leave a gathered stream, while a longer flow around them continues: its actions are stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import anyio
import pytest

from genai_fn import (
    Failure,
    Offline,
    Success,
    attempt,
    both,
    collected,
    each,
    explained,
    gather,
    generate,
    sleep,
    text,
)
from genai_fn.commands import StreamReader
from genai_fn.effects import CallFunction
from genai_fn.errors import ClientError
from genai_fn.request import Action, flow
from tests.support.interpreter_kinds import InterpreterKind, check_no_threads, make_gemini, wait_until
from tests.support.loopback import Answer, Hang, Loopback, ReceivedRequest, build_json_reply
from tests.support.loopback_replies import build_error, build_text_response


class CallerError(Exception):
    """An exception of the caller."""


def raise_error(_: object) -> None:
    raise CallerError


@flow
def give_one() -> Any:
    """Return a number without a request."""
    yield from ()
    return Success(1)


def ask(question: str) -> Action[Any]:
    return generate("m", question) | text


@flow
def read_all(stream: Any) -> Any:
    """Read a stream to its end."""
    reader = StreamReader(stream)
    while (yield from reader.read_next()) is not None:
        pass
    return Success(None)


@flow
def read_one(stream: Any) -> Any:
    """Read one item of a stream, and leave it."""
    return Success((yield from StreamReader(stream).read_next()))


@flow
def ask_thrice(request: Action[Any]) -> Any:
    """Ask again after a failure."""
    for _ in range(3):
        result = yield from attempt(request)
    return result


def stop_at_failure(actions: list[Any]) -> Action[Any]:
    return read_all(gather(actions, ordered=False, stop_on_failure=True))


def collect(actions: list[Any]) -> Action[Any]:
    return gather(actions, ordered=False) | collected


def leave(actions: list[Any]) -> Action[Any]:
    return read_one(gather(actions, ordered=False))


def leave_wrapped(actions: list[Any]) -> Action[Any]:
    return read_one(gather(actions, ordered=False) | each(print))


def raise_after_one(actions: list[Any]) -> Action[Any]:
    return leave(actions).map(raise_error)


def collect_in_parallel(actions: list[Any]) -> Action[Any]:
    return both(collect(actions), give_one())


def collect_nested(actions: list[Any]) -> Action[Any]:
    return gather([collect(actions)]) | collected


@pytest.mark.parametrize(
    "build", [stop_at_failure, collect, leave, leave_wrapped, raise_after_one, collect_in_parallel, collect_nested]
)
def test_within_a_flow(kind: InterpreterKind, build: Callable[[list[Any]], Action[Any]]) -> None:
    """A flow that leaves a stream stops its actions, which send nothing further, and the flow around it continues."""

    def answer(received: ReceivedRequest) -> Answer:
        if b'"bad"' in received.body:
            server.wait_requests(3)
            return build_json_reply(build_error(400), 400)
        return Hang() if b'"hang"' in received.body else build_json_reply(build_text_response("yes"))

    @flow
    def continue_after(action: Action[Any]) -> Any:
        with suppress(CallerError):
            yield from attempt(action)
        yield CallFunction(server.wait_until_idle, (1,), in_thread=True)  # the connection of the request that failed
        return (yield from attempt(ask("good")))

    with Loopback(answer) as server:
        actions = [ask_thrice(ask("hang")), ask_thrice(ask("hang")), ask("bad")]
        assert kind.run(make_gemini(server.url), continue_after(build(actions))).unwrap() == "yes"
        assert len(server.requests) == 4
        server.wait_until_idle(0)
    check_no_threads()


@pytest.mark.parametrize("is_async", [False, True])
def test_offline(is_async: bool) -> None:
    """Actions are stopped in virtual time, too."""
    has_started = threading.Event()
    future: Future[Any] = Future()

    def start() -> Future[Any]:
        has_started.set()
        return future

    @flow
    def wait_for_future() -> Any:
        return Success((yield CallFunction(start)))

    @flow
    def fail() -> Any:
        yield CallFunction(has_started.wait, (60,), in_thread=True)
        return Failure(ClientError(400))

    @flow
    def continue_after(action: Action[Any]) -> Any:
        yield from attempt(action)
        yield from sleep(1)
        return Success((yield CallFunction(wait_until, (future.cancelled,), in_thread=True)))

    run, action = Offline(), continue_after(collect([wait_for_future(), fail()]))
    assert (anyio.run(run.aio, action) if is_async else run(action)) == Success(True)
    check_no_threads()


def test_explained() -> None:
    """An action is explained by its first request, also after a stream that it leaves."""

    @flow
    def leave_and_ask() -> Any:
        yield from attempt(collect([fail_at_once(), fail_at_once()]))
        return (yield from attempt(generate("m", "later")))

    assert "later" in Offline()(leave_and_ask() | explained).unwrap()


@flow
def fail_at_once() -> Any:
    """Fail without a request."""
    yield from ()
    return Failure(ClientError(400))
