"""
Runs a program without an executor: the effects that it yields are answered from a script, in order.

A script is a list of pairs: the expected effect (a type or a value), and the answer; an exception is raised in the
program.
"""

from collections.abc import Generator, Iterable
from typing import Any


def run_by_script(program: Generator[Any, Any, Any], script: Iterable[tuple[Any, Any]]) -> Any:
    """Run a program by a script to its end, and return its result."""
    lines = list(script)
    answer: Any = None
    while True:
        try:
            effect = program.throw(answer) if isinstance(answer, Exception) else program.send(answer)
        except StopIteration as end:
            assert lines == [], f"ended, and did not come to {lines}"
            return end.value
        assert lines, f"unexpected effect: {effect}"
        expected, answer = lines.pop(0)
        assert type(effect) is expected if isinstance(expected, type) else effect == expected, (
            f"{effect} instead of {expected}"
        )


class ResponseHead:
    """The status and headers of a response, as programs see it."""

    def __init__(self, status: int = 200, *headers: tuple[str, str]) -> None:
        self.status = status
        self.headers = headers
