"""Runs a flow against a script: the expected requests and sleeps, in order, with the answer to each."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar, cast, overload

from returns.result import Result

from genai_fn.effects import Ask, Effect, Effects, Emit, OpenStream, Sleep
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.interpreters.executors.sync_executor import run_program
from genai_fn.request import Action, Flow, Request, Stream
from genai_fn.testing.canned_answers import CannedAnswers
from genai_fn.testing.sequential_executor import SequentialExecutor
from genai_fn.testing.value_diff import diff_values, format_lines

__all__ = ["perform"]

T = TypeVar("T")


@overload
def perform(description: Action[T], script: Iterable[tuple[Any, Any]]) -> Result[T, GenaiError]: ...
@overload
def perform(description: Stream[T], script: Iterable[tuple[Any, Any]]) -> tuple[Result[T, GenaiError], ...]: ...
def perform(description: Any, script: Iterable[tuple[Any, Any]]) -> Any:
    """
    Run a flow against a script of expected steps, without network, threads or waiting.

    Flows inside the flow run as well, so the script lists their requests and sleeps, not the flows. Concurrent flows
    run one after the other, in their order. Functions passed to `calling` are called.

    Args:
        description: The request, flow or stream to run.

        script: Pairs of an expected step and its answer: ``(request, answer)`` or ``(Ask(request), answer)``;
            ``(request | streamed, [chunk, …])`` or ``(OpenStream(request), [chunk, …])``; ``(Sleep(seconds), None)``.
            Answers may be whatever a `Fake` accepts as an answer.

    Returns:
        The result of the flow; for a stream, the tuple of its items.

    Raises:
        AssertionError: If the flow and the script differ. The message shows the first difference.

        InvalidRequest: If `description` is no request, flow or stream, or a step or an answer has the wrong type.

    >>> from genai_fn import files, until_done
    >>> from genai_fn.schema import File, FileState
    >>> question = files.get("abc")
    >>> perform(
    ...     question | until_done(every=5),
    ...     [
    ...         (Ask(question), File(state=FileState.PROCESSING)),
    ...         (Sleep(5), None),
    ...         (Ask(question), File(state=FileState.ACTIVE)),
    ...     ],
    ... ).unwrap().state
    <FileState.ACTIVE: 'ACTIVE'>
    """
    if not isinstance(description, Request | Flow | Stream):
        raise InvalidRequest("description", description, "a Request, a Flow or a Stream")
    steps, executor = _Script(script), _CollectingExecutor()
    about = cast("Any", description)
    try:
        result = run_program(
            run_in_virtual_time(build_program(about, CannedAnswers(steps.answer_request)), _ScriptClock(steps)),
            executor,
        )
        steps.check_finished()
    except _ScriptMismatch as mismatch:
        raise AssertionError(str(mismatch)) from None
    finally:
        executor.close_and_join()
    return tuple(executor.items) if isinstance(description, Stream) else result


class _ScriptMismatch(BaseException):
    """The flow differs from the script. Not an ``Exception``, because a flow may catch those."""


class _Script:
    def __init__(self, script: Iterable[tuple[Any, Any]]) -> None:
        self._steps = [(_normalize_step(step, number), answer) for number, (step, answer) in enumerate(script, 1)]
        self._position = 0

    def answer_request(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:  # noqa: ARG002  # the script states the answer either way
        yield from ()
        return self.take_step(request)

    def take_step(self, actual: Any) -> Any:
        """Compare an action of the flow with the next step, and return the answer of that step."""
        number = f"step {self._position + 1}"
        if self._position == len(self._steps):
            raise _ScriptMismatch(
                "\n".join((f"{number}: the script has ended, but the flow continues with", *format_lines(actual)))
            )
        expected, answer = self._steps[self._position]
        if expected != actual:
            summary = f"{number} of {len(self._steps)} differs: - is in the script, + is what the flow does"
            raise _ScriptMismatch("\n".join((summary, *diff_values(expected, actual))))
        self._position += 1
        return answer

    def check_finished(self) -> None:
        """Raise if the flow has not performed every step."""
        if self._position < len(self._steps):
            summary = f"the flow has ended without step {self._position + 1} of {len(self._steps)}:"
            raise _ScriptMismatch("\n".join((summary, *format_lines(self._steps[self._position][0]))))


def _normalize_step(asked: Any, number: int) -> Any:
    """Name the request or sleep that a line speaks of."""
    inside = asked
    if isinstance(asked, Ask):
        inside = asked.action
    elif isinstance(asked, OpenStream):
        inside = asked.request
    elif isinstance(asked, Stream) and asked.traits.is_server_stream:
        inside = cast("Any", asked).source
    if not isinstance(inside, Request | Sleep):
        expected = "a request, maybe in Ask or OpenStream, a request | streamed, or Sleep; of a flow, its requests"
        raise InvalidRequest(f"step {number}", asked, expected)
    return cast("Any", inside)


class _ScriptClock(VirtualClock):
    """A virtual clock whose sleeps are steps of the script."""

    def __init__(self, script: _Script, now: float = 0.0) -> None:
        super().__init__(now)
        self._script = script

    def sleep(self, seconds: float) -> None:
        self._script.take_step(Sleep(seconds))
        self.now += seconds

    def branch(self) -> Self:
        return type(self)(self._script, self.now)


class _CollectingExecutor(SequentialExecutor):
    """A sequential executor that collects the emitted items of a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Any] = []

    def perform(self, effect: Effect) -> Any:
        if not isinstance(effect, Emit):
            return super().perform(effect)
        self.items.append(effect.item)
        return None
