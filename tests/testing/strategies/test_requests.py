"""Drawn requests: of every operation, quick, small when shrunk."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

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
drawn = settings(healthy, suppress_health_check=list(HealthCheck))
"""For what looks at a few that were drawn."""


@pytest.mark.parametrize("name", OPERATION_REQUESTS)
def test_each(name: str) -> None:
    """An operation that is named is drawn alone; it is quick, and little is thrown away."""

    @healthy
    @given(requests(name))
    def look(request: Request[Any]) -> None:
        assert request.operation.op == name

    look()


def test_any() -> None:
    """Unless some are named, all are drawn."""
    seen: set[str] = set()

    @settings(drawn, max_examples=250)
    @given(requests())
    def look(request: Request[Any]) -> None:
        seen.add(request.operation.op)

    look()
    assert len(seen) > len(OPERATION_REQUESTS) * 0.8


@drawn
@given(requests(GetCache, "embed"))
def test_some(request: Request[Any]) -> None:
    """Operations are named by their class or their name, and any of them is drawn."""
    assert request.operation.op in ("caches.get", "embed")


@pytest.mark.parametrize("kind", ["caches.gte", Operation, File])
def test_unknown(kind: Any) -> None:
    """What is no operation is a mistake at once."""
    with pytest.raises(InvalidRequest, match="operations, or their names"):
        requests(kind)


def test_smallest() -> None:
    """The smallest request is one that a person might write."""
    assert find(requests("generate"), lambda _: True, settings=shrinking) == generate("0", "0")


def test_shrinks() -> None:
    """What does not matter goes."""
    found = find(requests("embed"), lambda request: len(request.operation.contents) > 1, settings=shrinking)
    assert found == embed("0", ["0", "0"])


def test_is_shown_briefly() -> None:
    """A failing test says what it draws, and not how that is put together."""
    assert len(repr(requests("generate", "embed"))) < 80


# By annotations


@drawn
@given(st.data())
def test_from_type(data: st.DataObject) -> None:
    """Annotations draw, too: of requests, of what they are answered with, of operations, of errors."""
    assert isinstance(data.draw(st.from_type(Request)), Request)
    assert data.draw(st.from_type(Request[EmbedContentResponse])).operation.op == "embed"
    assert isinstance(data.draw(st.from_type(GenerateContent)), GenerateContent)
    assert isinstance(data.draw(st.from_type(Operation)), Operation)
    assert isinstance(data.draw(st.from_type(GenaiError)), GenaiError)


def test_answered_by_none() -> None:
    """A request that no operation is answered so for is a mistake."""
    with pytest.raises(InvalidRequest, match="what an operation answers"):
        st.from_type(Request[dict]).validate()


def test_all_classes() -> None:
    """Every operation has its annotation."""
    assert {each.op for each in list_operations()} == set(OPERATION_REQUESTS)
