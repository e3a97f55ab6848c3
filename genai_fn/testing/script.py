"""`perform`: runs a flow against a script, which lists the expected requests and sleeps with the answer to each."""

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, cast, overload

from returns.result import Result

from genai_fn.effects import Ask, Effects, OpenStream, Sleep
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.interpreters.in_process import make_memory_executor
from genai_fn.interpreters.sync_runner import SyncRunner
from genai_fn.request import Action, Flow, Request, Stream
from genai_fn.testing.canned_answers import CannedAnswers
from genai_fn.testing.observed_clock import ObservedClock
from genai_fn.testing.sequential import SequentialParts
from genai_fn.testing.value_diff import diff_values, format_lines

T = TypeVar("T")


@overload
def perform(description: Action[T], script: Iterable[tuple[Any, Any]]) -> Result[T, GenaiError]: ...
@overload
def perform(description: Stream[T], script: Iterable[tuple[Any, Any]]) -> tuple[Result[T, GenaiError], ...]: ...
def perform(description: Any, script: Iterable[tuple[Any, Any]]) -> Any:
    """
    Run a flow against a script of expected steps, without network, threads or waiting.

    A flow inside the flow also runs: the script lists its requests and sleeps, not the flow. Concurrent flows run one
    after another, in order. Functions passed to the modifier `calling` are called.

    Args:
        description: The request, flow or stream to run.

        script: Pairs of an expected step and its answer: ``(request, answer)`` or ``(Ask(request), answer)``;
            ``(request | streamed, [chunk, …])`` or ``(OpenStream(request), [chunk, …])``; ``(Sleep(seconds), None)``.
            An answer is anything that `Fake` accepts as an answer.

    Returns:
        The result of the flow; for a stream, the tuple of its items.

    Raises:
        AssertionError: If the flow and the script differ. The message shows the first difference.

        InvalidRequest: If `description` is not a request, flow or stream, or a step or an answer has the wrong type.

    >>> from genai_fn import files, until_done
    >>> from genai_fn.schema import File, FileState
    >>> question = files.get("abc")
    >>> perform(
    ...     question | until_done(every=5),
    ...     [
    ...         (Ask(question), File(state=FileState.PROCESSING)),
    ...         (Sleep(1), None),
    ...         (Ask(question), File(state=FileState.ACTIVE)),
    ...     ],
    ... ).unwrap().state
    <FileState.ACTIVE: 'ACTIVE'>
    """
    if not isinstance(description, Request | Flow | Stream):
        raise InvalidRequest("description", description, "a Request, a Flow or a Stream")
    steps = _Script(script)
    parts = SequentialParts(
        handler=CannedAnswers(steps.answer_request), make_clock=partial(ObservedClock, steps.take_sleep)
    )
    run = SyncRunner(parts, make_memory_executor)
    about = cast("Any", description)
    try:
        result = tuple(run.stream(about)) if isinstance(description, Stream) else run(about)
        steps.check_finished()
    except _ScriptMismatch as mismatch:
        raise AssertionError(str(mismatch)) from None
    return result


class _ScriptMismatch(BaseException):
    """The flow differs from the script. Not an ``Exception``, because a flow may catch those."""


class _Script:
    """The steps of a script with their answers, and the position of the next step."""

    def __init__(self, script: Iterable[tuple[Any, Any]]) -> None:
        self._steps = [_parse_step(step, number) for number, step in enumerate(script, 1)]
        self._position = 0

    def answer_request(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:
        """Return the answer of the next step, which must be this request."""
        yield from ()
        return self.take_step(request)

    def take_step(self, actual: Any) -> Any:
        """Return the answer of the next step; raise if `actual`, a request or sleep of the flow, differs from it."""
        number = f"step {self._position + 1}"
        if self._position == len(self._steps):
            raise _ScriptMismatch(
                "\n".join((f"{number}: the script has ended, but the flow continues with:", *format_lines(actual)))
            )
        expected, answer = self._steps[self._position]
        if expected != actual:
            summary = f"{number} of {len(self._steps)} differs: - is in the script, + is what the flow does"
            raise _ScriptMismatch("\n".join((summary, *diff_values(expected, actual))))
        self._position += 1
        return answer

    def take_sleep(self, seconds: float) -> None:
        """Take the next step, which must be this sleep."""
        self.take_step(Sleep(seconds))

    def check_finished(self) -> None:
        """Raise if a step is left over."""
        if self._position < len(self._steps):
            summary = f"the flow has ended without step {self._position + 1} of {len(self._steps)}:"
            raise _ScriptMismatch("\n".join((summary, *format_lines(self._steps[self._position][0]))))


def _parse_step(pair: Any, number: int) -> tuple[Any, Any]:
    if not isinstance(pair, tuple | list) or len(cast("tuple[Any, ...]", pair)) != 2:
        raise InvalidRequest(f"step {number}", pair, "a pair of a step and its answer")
    step, answer = cast("tuple[Any, Any]", pair)
    return _unwrap_step(step, number), answer


def _unwrap_step(step: Any, number: int) -> Any:
    """Return the request in an `Ask`, `OpenStream` or server stream; return a request or `Sleep` unchanged."""
    unwrapped = step
    if isinstance(step, Ask):
        unwrapped = step.action
    elif isinstance(step, OpenStream):
        unwrapped = step.request
    elif isinstance(step, Stream) and step.traits.is_server_stream:
        unwrapped = cast("Any", step).source
    if not isinstance(unwrapped, Request | Sleep):
        expected = "a request, Ask(request), OpenStream(request), request | streamed, or Sleep; not a flow"
        raise InvalidRequest(f"step {number}", step, expected)
    return cast("Any", unwrapped)
