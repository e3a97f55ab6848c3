"""The ambient interpreter, and `use_interpreter`, which replaces it for a block."""

import threading
from typing import Any

import anyio
import pytest

from genai_fn import (
    Failure,
    Gemini,
    Http,
    InvalidRequest,
    NoAnswer,
    Offline,
    Success,
    arun,
    generate,
    run,
    streamed,
    text,
)
from genai_fn.interpreters.default import current_interpreter
from genai_fn.testing import Fake, forbid, use_interpreter

REQUEST = generate("m", "hi") | text
STREAM = generate("m", "hi") | streamed | text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_runs_in_block(backend: str) -> None:
    """Within the block, ``run``, ``run.stream`` and ``arun`` use the interpreter, which ``as`` binds."""
    with use_interpreter(Fake({"generate": "fake"})) as fake:
        assert Success("fake") == run(REQUEST)
        with run.stream(STREAM) as items:
            assert [Success("fake")] == list(items)
        assert Success("fake") == anyio.run(arun, REQUEST, backend=backend)
    assert 3 == len(fake.requests)


def test_ends_with_the_block() -> None:
    """Blocks nest, and an exception restores the previous interpreter."""
    with use_interpreter(forbid()) as outer:
        with pytest.raises(ZeroDivisionError), use_interpreter(Fake({"generate": "inner"})):
            assert Success("inner") == run(REQUEST)
            raise ZeroDivisionError
        assert isinstance(run(REQUEST), Failure)
        assert isinstance(run(REQUEST).failure(), NoAnswer)
        assert current_interpreter.get() is outer
    assert current_interpreter.get() is None


def test_tasks_begun_within() -> None:
    """A task uses the interpreter of the block in which it was started."""

    async def run_request(answers: list[Any], name: str) -> None:
        with use_interpreter(Fake({"generate": name})):
            await anyio.lowlevel.checkpoint()
            answers.append((name, (await arun(REQUEST)).unwrap()))

    async def body() -> list[Any]:
        answers: list[Any] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_request, answers, "one")
            tasks.start_soon(run_request, answers, "two")
        return sorted(answers)

    assert [("one", "one"), ("two", "two")] == anyio.run(body)


def test_threads_begin_without() -> None:
    """A thread has its own context, which the block does not affect."""
    interpreters: list[Any] = []
    with use_interpreter(forbid()):
        thread = threading.Thread(target=lambda: interpreters.append(current_interpreter.get()))
        thread.start()
        thread.join()
    assert [None] == interpreters


def test_offline() -> None:
    """Every interpreter in this process is accepted."""
    with use_interpreter(Offline()):
        assert isinstance(run(REQUEST), Success)


def test_no_interpreter() -> None:
    """An interpreter without an async form is refused, and so is a class."""
    with Http(Gemini("test-key")) as http:
        for other in (http, Fake):
            with pytest.raises(InvalidRequest, match="use_interpreter"), use_interpreter(other):  # type: ignore[type-var]  # that is the point
                pass
