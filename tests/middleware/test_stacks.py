"""Middleware around middleware: results stay the same, and each sees what its documentation says."""

from itertools import product
from typing import Any

import pytest

from tests.support.middleware_places import Place
from tests.support.middleware_service import list_plain_results, list_results, run_with_service
from tests.support.middleware_table import MIDDLEWARE, list_held

STACK_PLACES = (Place("Offline", "sync"), Place("Fake", "sync"), Place("Offline", "asyncio"))
PAIRS = tuple(product(MIDDLEWARE, repeat=2))


@pytest.mark.parametrize("pair", PAIRS, ids="-in-".join)
def test_pairs(pair: tuple[str, str], thin: Any) -> None:
    """Each middleware around each other one, and around another one of its kind, changes no result."""
    for place in thin(STACK_PLACES):
        stack = [MIDDLEWARE[name]() for name in pair]
        assert run_with_service(place, list_results, *stack) == list_plain_results(place)
        assert [list_held(each) for each in stack] == [[], []]


@pytest.mark.parametrize("place", STACK_PLACES, ids=repr)
@pytest.mark.parametrize("name", MIDDLEWARE)
def test_one_value_twice(name: str, place: Place) -> None:
    """The same value around itself changes no result: it waits for nothing that it holds itself."""
    middleware = MIDDLEWARE[name]()
    assert run_with_service(place, list_results, middleware, middleware) == list_plain_results(place)
    assert list_held(middleware) == []


@pytest.mark.parametrize("place", STACK_PLACES, ids=repr)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_all_at_once(place: Place, is_reversed: bool) -> None:
    """All middleware at once, in either order, changes no result."""
    stack = [make() for make in MIDDLEWARE.values()]
    ordered = reversed(stack) if is_reversed else stack
    assert run_with_service(place, list_results, *ordered) == list_plain_results(place)
    assert [list_held(each) for each in stack] == [[]] * len(stack)
