"""
A performer without a world: answers what a program yields from a script, in order.

A script is of pairs: what is to be yielded (a type, or the very value), and what is sent in; an exception is thrown.
"""

from collections.abc import Generator, Iterable
from typing import Any


def perform(program: Generator[Any, Any, Any], script: Iterable[tuple[Any, Any]]) -> Any:
    """Run a program through a script to its end, and give what it returns."""
    lines = list(script)
    answer: Any = None
    while True:
        try:
            met = program.throw(answer) if isinstance(answer, Exception) else program.send(answer)
        except StopIteration as end:
            assert lines == [], f"ended, and did not come to {lines}"
            return end.value
        assert lines, f"one more: {met}"
        expected, answer = lines.pop(0)
        assert type(met) is expected if isinstance(expected, type) else met == expected, f"{met}, and not {expected}"


class Exchange:
    """The head of an answer, as programs see it."""

    def __init__(self, status: int = 200, *headers: tuple[str, str]) -> None:
        self.status = status
        self.headers = headers
