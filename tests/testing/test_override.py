"""The ambient interpreter, and what takes its place for a block."""

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

ASKED = generate("m", "hi") | text
STREAM = generate("m", "hi") | streamed | text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sends_there(backend: str) -> None:
    """Within the block ``run``, ``run.stream`` and ``arun`` are the interpreter's, which ``as`` names."""
    with use_interpreter(Fake({"generate": "fake"})) as fake:
        assert Success("fake") == run(ASKED)
        with run.stream(STREAM) as items:
            assert [Success("fake")] == list(items)
        assert Success("fake") == anyio.run(arun, ASKED, backend=backend)
    assert 3 == len(fake.requests)


def test_ends_with_the_block() -> None:
    """Blocks nest, and an exception leaves one as its end does."""
    with use_interpreter(forbid()) as outer:
        with pytest.raises(ZeroDivisionError), use_interpreter(Fake({"generate": "inner"})):
            assert Success("inner") == run(ASKED)
            raise ZeroDivisionError
        assert isinstance(run(ASKED), Failure)
        assert isinstance(run(ASKED).failure(), NoAnswer)
        assert current_interpreter.get() is outer
    assert current_interpreter.get() is None


def test_tasks_begun_within() -> None:
    """Tasks that begin within the block are in it; those of other blocks are in theirs."""

    async def ran(answers: list[Any], name: str) -> None:
        with use_interpreter(Fake({"generate": name})):
            await anyio.lowlevel.checkpoint()
            answers.append((name, (await arun(ASKED)).unwrap()))

    async def body() -> list[Any]:
        answers: list[Any] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ran, answers, "one")
            tasks.start_soon(ran, answers, "two")
        return sorted(answers)

    assert [("one", "one"), ("two", "two")] == anyio.run(body)


def test_threads_begin_without() -> None:
    """A thread has a context of its own: the block does not reach into it."""
    seen: list[Any] = []
    with use_interpreter(forbid()):
        thread = threading.Thread(target=lambda: seen.append(current_interpreter.get()))
        thread.start()
        thread.join()
    assert [None] == seen


def test_offline() -> None:
    """Every interpreter in this process will do."""
    with use_interpreter(Offline()):
        assert isinstance(run(ASKED), Success)


def test_no_interpreter() -> None:
    """One that cannot be awaited as well is refused."""
    with Http(Gemini("test-key")) as http, pytest.raises(InvalidRequest, match="use_interpreter"):
        with use_interpreter(http):  # type: ignore[type-var]  # that is the point
            pass
