"""Every operation with committed arguments and replies: google-genai 3.6.1 and genai_fn do the same."""

from collections import defaultdict
from functools import cache

import pytest

from genai_fn.testing.strategies.arguments import BUILDERS
from tests.cases.differences_3_6_1 import (
    DIFFERENCES_3_6_1,
    READ_DIFFERENCES_3_6_1,
    READS_MORE_3_6_1,
    find_call_difference,
)
from tests.support.google_genai_3_6_1.comparison import CapturedCall, describe_differences, read_calls
from tests.support.google_genai_3_6_1.read_values import (
    CapturedReply,
    list_gained_paths,
    list_lost_paths,
    read_replies,
)

BACKENDS = ("gemini", "vertex")
OPERATIONS = (
    *BUILDERS,
    "live.connect",
    "live.client_content",
    "live.realtime_input",
    "live.tool_response",
    "live.context_update",
)


@cache
def group_calls() -> dict[tuple[str, str], list[CapturedCall]]:
    """Group the calls that google-genai's types accept, by operation and backend."""
    groups: dict[tuple[str, str], list[CapturedCall]] = defaultdict(list)
    for call in read_calls():
        if not call.is_no_value:
            groups[call.operation.removesuffix(".stream"), call.backend].append(call)
    return groups


@cache
def list_differences(operation: str, backend: str) -> list[tuple[CapturedCall, str]]:
    """List each difference of an operation, with its call."""
    return [(call, shown) for call in group_calls()[operation, backend] for shown in describe_differences(call)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_same_wire(operation: str, backend: str) -> None:
    """The same arguments send the same request as google-genai 3.6.1, or both refuse, except for the table."""
    unexplained = [
        (call.given, shown)
        for call, shown in list_differences(operation, backend)
        if find_call_difference(operation, backend, shown) is None
    ]
    assert unexplained == []


@pytest.mark.parametrize("name", DIFFERENCES_3_6_1)
def test_differences_hold(name: str) -> None:
    """A call shows each difference in the table."""
    assert any(
        DIFFERENCES_3_6_1[name].explains(operation, backend, shown)
        for operation in OPERATIONS
        for backend in BACKENDS
        for _, shown in list_differences(operation, backend)
    )


def test_most_are_equal() -> None:
    """At least 94 % of the captured calls do the same."""
    calls = sum(len(each) for each in group_calls().values())
    unlike = {id(call) for operation, backend in group_calls() for call, _ in list_differences(operation, backend)}
    assert len(unlike) <= 0.06 * calls


def test_enough_calls() -> None:
    """There are at least 6,000 captured calls, of every operation on both backends."""
    assert sum(len(each) for each in group_calls().values()) >= 6000
    assert {operation for operation, _ in group_calls()} == {*OPERATIONS}


# What is read


@cache
def list_read_differences() -> list[tuple[CapturedReply, str]]:
    """List each difference in what is read from the captured replies."""
    replies = (each for each in read_replies() if not each.is_no_value)
    return [(reply, shown) for reply in replies for shown in list_lost_paths(reply)]


def test_same_values() -> None:
    """All values that google-genai 3.6.1 reads from a reply are read here, except for the table."""
    unexplained = [
        (reply, shown)
        for reply, shown in list_read_differences()
        if not any(row.explains(reply.operation, reply.backend, shown) for row in READ_DIFFERENCES_3_6_1.values())
    ]
    assert unexplained == []


@pytest.mark.parametrize("name", READ_DIFFERENCES_3_6_1)
def test_read_differences_hold(name: str) -> None:
    """A reply shows each difference in the table."""
    row = READ_DIFFERENCES_3_6_1[name]
    assert any(row.explains(reply.operation, reply.backend, shown) for reply, shown in list_read_differences())


@pytest.mark.parametrize("name", READS_MORE_3_6_1)
def test_reads_more(name: str) -> None:
    """A reply shows each value that is read here, and not by google-genai."""
    row = READS_MORE_3_6_1[name]
    replies = [each for each in read_replies() if not each.is_no_value]
    assert any(row.explains(each.operation, each.backend, path) for each in replies for path in list_gained_paths(each))


def test_enough_replies() -> None:
    """There are at least 700 replies that google-genai can read."""
    assert sum(not each.is_no_value for each in read_replies()) >= 700
