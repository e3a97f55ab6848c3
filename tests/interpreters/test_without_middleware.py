"""Tests of an interpreter without middleware: a call takes the way that it took before there was any."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from genai_fn import AsyncHttp, Gemini, Http, Request, generate
from genai_fn.effects import CloseResource, GetTime, Notify, ReadChunk, SendRequest
from genai_fn.engine import handler as handler_module
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.interpreters.runner import Runner
from genai_fn.middleware import limited

QUESTION = generate("gemini-2.5-flash", "Why is the sky blue?")
ENGINE = {"genai_fn.engine.program", "genai_fn.engine.handler", "genai_fn.engine.attempts"}
RUNNERS = {"Http": Http, "AsyncHttp": AsyncHttp}
each_runner = pytest.mark.parametrize("make_runner", RUNNERS.values(), ids=RUNNERS)


class _Response:
    status = 200
    headers = (("content-type", "application/json"),)


def run_in_memory(runner: Runner[Any], request: Request[Any]) -> tuple[list[type], set[str]]:
    """Run a call; return the kinds of its effects, and the modules of all generators that they pass through."""
    effects: Generator[Any, Any, Any] = runner._parts.build_effects(request)
    chunks, kinds, modules, answer = [b"{}", b""], list[type](), set[str](), None
    for _ in range(100):
        try:
            effect = effects.send(answer)
        except StopIteration as end:
            assert end.value.unwrap() is not None
            return kinds, modules
        kinds.append(type(effect))
        modules |= set(list_modules(effects))
        answers: dict[type, Callable[[], Any]] = {
            GetTime: lambda: 0.0,
            SendRequest: _Response,
            ReadChunk: lambda: chunks.pop(0),
        }
        answer = answers.get(type(effect), lambda: None)()
    raise AssertionError("the call has no end")


def list_modules(generator: Any) -> Generator[str]:
    """Yield the module of a generator, of the one that it waits for, and so on."""
    while generator is not None:
        yield generator.gi_frame.f_globals["__name__"]
        generator = generator.gi_yieldfrom


@each_runner
def test_a_call_without_middleware(make_runner: Callable[..., Runner[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without middleware and a listener, nothing stands between handler and executor, and no event is built."""

    def refuse(*_: Any) -> None:
        raise AssertionError("an event is built, and nobody listens")

    monkeypatch.setattr(handler_module, "CallEvents", refuse)
    kinds, modules = run_in_memory(make_runner(Gemini("test-key")), QUESTION)
    assert kinds == [GetTime, SendRequest, ReadChunk, ReadChunk, CloseResource]
    assert modules == ENGINE


@each_runner
def test_middleware_leaves_the_interpreter_that_it_was_added_to(make_runner: Callable[..., Runner[Any]]) -> None:
    """The interpreter that middleware was added to has the same handler as before; only the new one has a layer."""
    plain = make_runner(Gemini("test-key"))
    handler = plain._parts.handler
    wrapped = plain.with_middleware(HandlerWrapper, limited(10))
    assert plain._parts.handler is handler
    assert run_in_memory(plain, QUESTION)[1] == ENGINE
    assert "genai_fn.middleware.limits.attempts" in run_in_memory(wrapped, QUESTION)[1]


@each_runner
def test_a_listener_adds_events(make_runner: Callable[..., Runner[Any]]) -> None:
    """Events are built where there is a listener, so that the test above would notice them."""
    kinds, modules = run_in_memory(make_runner(Gemini("test-key"), on_event=[].append), QUESTION)
    assert kinds.count(Notify) == 3
    assert modules == {*ENGINE, "genai_fn.engine.call_events"}
