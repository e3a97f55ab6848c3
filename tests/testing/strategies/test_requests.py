"""Drawn requests: every operation is drawn, quickly, and shrinks to a small request."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st

from genai_fn import embed, generate
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.ops.caches import GetCache
from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Operation, Request
from genai_fn.schema import EmbedContentResponse, File
from genai_fn.testing.strategies import register, requests
from genai_fn.testing.strategies.registration import list_operations
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS

register()

healthy = settings(max_examples=11, deadline=None, derandomize=True, database=None)
shrinking = settings(
    max_examples=50, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
example_settings = settings(healthy, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", OPERATION_REQUESTS)
def test_each(name: str) -> None:
    """`requests(name)` draws that operation only, and passes the health checks of Hypothesis."""

    @healthy
    @given(requests(name))
    def check(request: Request[Any]) -> None:
        assert request.operation.op == name

    check()


def test_any() -> None:
    """`requests()` draws all operations."""
    names: set[str] = set()

    @settings(example_settings, max_examples=250)
    @given(requests())
    def check(request: Request[Any]) -> None:
        names.add(request.operation.op)

    check()
    assert len(names) > len(OPERATION_REQUESTS) * 0.8


@example_settings
@given(requests(GetCache, "embed"))
def test_some(request: Request[Any]) -> None:
    """Operations can be given as classes or names, and any of them is drawn."""
    assert request.operation.op in ("caches.get", "embed")


@pytest.mark.parametrize("kind", ["caches.gte", Operation, File])
def test_unknown(kind: Any) -> None:
    """A class or name that is no operation is refused at once."""
    with pytest.raises(InvalidRequest, match="operation classes or operation names"):
        requests(kind)


def test_smallest() -> None:
    """`requests("generate")` shrinks to the simplest prompt."""
    assert find(requests("generate"), lambda _: True, settings=shrinking) == generate("0", "0")


def test_shrinking() -> None:
    """Fields that are irrelevant to a failure are removed."""
    smallest = find(requests("embed"), lambda request: len(request.operation.contents) > 1, settings=shrinking)
    assert smallest == embed("0", ["0", "0"])


def test_short_repr() -> None:
    """The repr of the strategy is short: the names, not the structure."""
    assert len(repr(requests("generate", "embed"))) < 80


# By annotations


@example_settings
@given(st.data())
def test_from_type(data: st.DataObject) -> None:
    """After `register`, ``st.from_type`` draws requests, also by result type, operations and errors."""
    assert isinstance(data.draw(st.from_type(Request)), Request)
    assert data.draw(st.from_type(Request[EmbedContentResponse])).operation.op == "embed"
    assert isinstance(data.draw(st.from_type(GenerateContent)), GenerateContent)
    assert isinstance(data.draw(st.from_type(Operation)), Operation)
    assert isinstance(data.draw(st.from_type(GenaiError)), GenaiError)


def test_unknown_result_type() -> None:
    """``Request[…]`` with a type that is no operation's result is refused."""
    with pytest.raises(InvalidRequest, match="the result type of an operation"):
        st.from_type(Request[dict]).validate()


def test_all_classes() -> None:
    """Every drawn operation can be drawn by its class."""
    assert {each.op for each in list_operations()} == set(OPERATION_REQUESTS)
