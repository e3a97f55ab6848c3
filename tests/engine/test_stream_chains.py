"""Chains of modifiers of a stream have any length: reading one takes time in proportion, and no recursion."""

import gc
import pickle
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from genai_fn import (
    Disconnected,
    Flow,
    ask,
    attempt,
    collected,
    each,
    emit,
    flow,
    generate,
    streamed,
    text,
    with_options,
)
from genai_fn.commands import StreamReader
from genai_fn.request import FlowGenerator, Stream, stream
from genai_fn.testing import Fake
from tests.support.call_counts import is_linear

STREAM: Stream[Any] = generate("m", "hi") | streamed
CUT_OFF = Disconnected("reading", "cut off")
LENGTHS = pytest.mark.parametrize("length", [500, 3000])


def get_run() -> Fake:
    """Make an interpreter whose stream has three items."""
    return Fake({"generate": ["a", "b", "c"]})


def fail(value: object) -> None:
    """Raise an exception."""
    raise LookupError(value)


def interrupt(value: object) -> None:
    """Raise what ends the program."""
    raise KeyboardInterrupt


def build_chain(length: int, source: Stream[Any] = STREAM, call: Any = id) -> Stream[Any]:
    for _ in range(length):
        source = source | each(call)
    return source


@pytest.fixture(autouse=True)
def _check_generators(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test whose generators could not be closed."""
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    yield
    gc.collect()
    assert lost == []


@LENGTHS
def test_result(length: int) -> None:
    """A long chain calls its functions with all items, in order."""
    seen: list[Any] = []
    chain = build_chain(length, STREAM | text, seen.append)
    assert get_run()(chain | collected) == Success(("a", "b", "c"))
    assert seen == ["a"] * length + ["b"] * length + ["c"] * length


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async(backend: str) -> None:
    """It does so on asyncio and trio, and may be left after the first item."""

    async def read() -> None:
        chain = build_chain(500, STREAM | text)
        assert await get_run().aio(chain | collected) == Success(("a", "b", "c"))
        async with get_run().aio.stream(chain) as items:
            assert await anext(items) == Success("a")

    anyio.run(read, backend=backend)


def test_time() -> None:
    """Twice the length takes twice the work, to read and to show it."""
    assert is_linear(lambda length: partial(get_run(), build_chain(length) | collected), 100)
    assert is_linear(lambda length: partial(repr, build_chain(length)), 50)


@LENGTHS
def test_early_end(length: int) -> None:
    """A long chain may be left after an item, by its reader, a failure, an exception or an interrupt."""
    with get_run().stream(build_chain(length)) as items:
        assert isinstance(next(items), Success)
    assert Fake({"generate": ["a", CUT_OFF]})(build_chain(length) | collected) == Failure(CUT_OFF)
    for source in (build_chain(length, STREAM | each(fail)), build_chain(length) | each(fail)):
        with pytest.raises(LookupError):
            get_run()(source | collected)
    with pytest.raises(KeyboardInterrupt):
        get_run()(build_chain(length, build_chain(length) | each(interrupt)) | collected)


def test_failed_source() -> None:
    """A stream that fails by ``ask`` emits the failure, and ends; what the failure ended is not read again."""

    @stream
    def ask_twice() -> FlowGenerator[None]:
        yield from emit((yield from attempt(generate("m", "hi") | text)))
        yield from emit(Success((yield from ask(generate("m", "ho") | text))))

    with Fake({"generate": ["a", CUT_OFF]}).stream(build_chain(5, ask_twice())) as items:
        assert list(items) == [Success("a"), Failure(CUT_OFF)]


def test_cleanup_order() -> None:
    """Of streams that are left early, the source is closed first."""
    closed: list[int] = []

    @stream
    def nest(depth: int) -> FlowGenerator[None]:
        try:
            reader = StreamReader(nest(depth - 1) if depth else STREAM)
            while (item := (yield from reader.read_next())) is not None:
                yield from emit(item)
        finally:
            closed.append(depth)

    @flow
    def read_one() -> FlowGenerator[Any]:
        return (yield from StreamReader(nest(5)).read_next())

    get_run()(read_one()).unwrap()
    assert closed == [0, 1, 2, 3, 4, 5]


def test_ended_sources() -> None:
    """A flow that reads many streams to their ends keeps none of them."""

    @flow
    def read_all() -> FlowGenerator[Any]:
        for _ in range(100):
            reader = StreamReader(build_chain(2))
            while (yield from reader.read_next()) is not None:
                pass
        gc.collect()
        return Success(sum(isinstance(each, StreamReader) for each in gc.get_objects()))

    assert get_run()(read_all()).unwrap() < 10


def test_value() -> None:
    """A long chain can be shown, compared, hashed, pickled, and given options."""
    chain = build_chain(500)
    assert repr(chain) == 'generate("m", "hi") | streamed' + " | each(id)" * 500
    assert chain == build_chain(500)
    assert hash(chain) == hash(build_chain(500))
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert chain | with_options(deadline=5.0) != chain
    assert isinstance(chain | collected, Flow)
