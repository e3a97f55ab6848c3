"""
Runs a program without an executor: the effects that it yields are answered from a script, in order.

A script is a list of pairs: the expected effect (a type or a value), and the answer; an exception is raised in the
program.
"""

from collections.abc import Generator, Iterable
from typing import Any

from returns.result import Failure

from genai_fn.effects import Emit, FlowFailed, ReadNext
from genai_fn.engine.stepper import DONE, Stepper


def run_by_script(program: Generator[Any, Any, Any], script: Iterable[tuple[Any, Any]]) -> Any:
    """Run a program by a script to its end, and return its result. Streams that a flow reads run by the script, too."""
    lines = list(script)
    program = perform_reads(program)
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


def perform_reads(program: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run the streams that a flow or stream reads, so that only their other commands are yielded."""
    stepper = Stepper(program)
    while (command := stepper.next()) is not DONE:
        yield from _perform_command(stepper, command)
    return stepper.value


def _perform_command(stepper: Stepper[Any], command: Any) -> Generator[Any, Any, None]:
    try:
        stepper.send((yield from _read_next(command.stepper)) if isinstance(command, ReadNext) else (yield command))
    except Exception as error:
        stepper.throw(error)


def _read_next(source: Stepper[Any]) -> Generator[Any, Any, Any]:
    try:
        while (command := source.next()) is not DONE:
            if isinstance(command, Emit):
                return command.item
            yield from _perform_command(source, command)
    except FlowFailed as end:
        return Failure(end.error)
    return None


class ResponseHead:
    """The status and headers of a response, as programs see it."""

    def __init__(self, status: int = 200, *headers: tuple[str, str]) -> None:
        self.status = status
        self.headers = headers
