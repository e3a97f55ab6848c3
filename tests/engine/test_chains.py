"""Chains of ``map``, ``bind`` and ``lash`` have any length: running one takes time in proportion, and no recursion."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import Flow, NoAnswer, attempt, flow, generate, text, with_options
from genai_fn.request import FlowGenerator
from genai_fn.testing import Fake
from tests.support.call_counts import is_linear

HI: Flow[str] = generate("m", "hi") | text
RUN = Fake({"generate": "a"})


def append_b(value: Any) -> str:
    """Append a letter."""
    return f"{value}b"


def ask_again(value: object) -> Flow[str]:
    """Send the request again."""
    return HI


def fail(value: object) -> Any:
    """Raise an exception."""
    raise LookupError(value)


METHODS: dict[str, Callable[[Flow[Any]], Flow[Any]]] = {
    "map": lambda action: action.map(append_b),
    "bind": lambda action: action.bind(ask_again),
    "lash": lambda action: action.lash(ask_again),
}
each_method = pytest.mark.parametrize("name", METHODS)


def build_chain(name: str, length: int, start: Flow[Any] = HI) -> Flow[Any]:
    for _ in range(length):
        start = METHODS[name](start)
    return start


@each_method
@pytest.mark.parametrize("length", [500, 3000])
def test_result(name: str, length: int) -> None:
    """A long chain returns what its last step returns."""
    assert RUN(build_chain(name, length)) == Success("a" + "b" * length * (name == "map"))


@each_method
def test_time(name: str) -> None:
    """Twice the length takes twice the work."""
    assert is_linear(lambda length: partial(RUN, build_chain(name, length)), 100)


def test_failure() -> None:
    """A failure passes through a long chain, and its last step may handle it."""
    chain = build_chain("bind", 500, build_chain("map", 500))
    assert isinstance(Fake()(chain).failure(), NoAnswer)
    assert RUN(build_chain("lash", 3, chain.bind(lambda _: HI.bind(lambda _: HI)))) == Success("a")


def test_exception() -> None:
    """An exception of a function passes through a long chain, to the flow that handles it or to the caller."""
    chain = build_chain("map", 500, HI.map(fail))
    with pytest.raises(LookupError):
        RUN(chain)

    @flow
    def handle() -> FlowGenerator[Any]:
        try:
            yield from attempt(chain)
        except LookupError as error:
            return Success(str(error))
        return Failure(NoAnswer(HI))

    assert RUN(build_chain("map", 500, handle())) == Success("a" + "b" * 500)


def test_nested_bind() -> None:
    """A function may return a flow that binds the next, a thousand times."""

    def count_down(number: int) -> Flow[Any]:
        return HI.bind(lambda _: count_down(number - 1)) if number else HI

    assert RUN(count_down(1000)) == Success("a")


def test_cleanup_order() -> None:
    """When an interpreter ends a flow, the innermost generators are closed first."""
    closed: list[int] = []

    @flow
    def nest(depth: int) -> FlowGenerator[Any]:
        try:
            result = yield from attempt(nest(depth - 1) if depth else HI.map(interrupt))
        finally:
            closed.append(depth)
        return result

    def interrupt(value: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RUN(nest(5))
    assert closed == [0, 1, 2, 3, 4, 5]


@each_method
def test_value(name: str) -> None:
    """A long chain can be shown, compared, hashed, pickled, and given options."""
    chain = build_chain(name, 500)
    assert repr(chain).count(f".{name}(") == 500
    assert chain == build_chain(name, 500)
    assert hash(chain) == hash(build_chain(name, 500))
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert chain | with_options(deadline=5.0) != chain


def test_repr_takes_linear_time() -> None:
    """The repr of twice as many methods takes twice the work."""
    assert is_linear(lambda length: partial(repr, build_chain("map", length)), 50)
    assert repr(HI.map(append_b).bind(ask_again)).startswith('(generate("m", "hi") | text).map(')
