"""Flows against scripts: what a flow is to ask, step by step, and what it is answered."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar, cast, overload

from returns.result import Result

from genai_fn.effects import Ask, Effect, Effects, Emit, OpenStream, Sleep
from genai_fn.engine.program import build_program
from genai_fn.engine.virtual_time import VirtualClock, run_in_virtual_time
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.interpreters.executors.sync_executor import run_program
from genai_fn.request import Action, Flow, Request, Stream
from genai_fn.streams import stream_response
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
    Run a flow against a script, and give its result; of a stream, the tuple of its items.

    What differs from the script first is an ``AssertionError`` that shows how. Flows within the flow are run, too:
    their requests and sleeps stand in the script. What runs at once runs in its order here; functions of the caller's
    own are called.

    Args:
        script: Pairs of what is asked and what is answered: ``(request, answer)`` or ``(Ask(request), answer)``,
            ``(request | streamed, [chunk, …])`` or ``(Listen(request), …)``, ``(Sleep(seconds), None)``. Answers are
            those of a `Fake`.

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
    steps, stage = _Script(script), _CollectingExecutor()
    about = cast("Any", description)
    try:
        result = run_program(
            run_in_virtual_time(build_program(about, CannedAnswers(steps.answer_request)), _ScriptClock(steps)), stage
        )
        steps.check_finished()
    except _ScriptMismatch as wrong:
        raise AssertionError(str(wrong)) from None
    finally:
        stage.close_and_join()
    return tuple(stage.items) if isinstance(description, Stream) else result


class _ScriptMismatch(BaseException):
    """No ``Exception``, which a flow might catch."""


class _Script:
    def __init__(self, script: Iterable[tuple[Any, Any]]) -> None:
        self._steps = [(_normalize_step(asked, number), answer) for number, (asked, answer) in enumerate(script, 1)]
        self._position = 0

    def answer_request(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:  # noqa: ARG002  # the line says it
        yield from ()
        return self.take_step(request)

    def take_step(self, met: Any) -> Any:
        """Go on by one step, and give what it is answered."""
        number = f"step {self._position + 1}"
        if self._position == len(self._steps):
            raise _ScriptMismatch(
                "\n".join((f"{number}: the script is over, and the flow goes on with", *format_lines(met)))
            )
        asked, answer = self._steps[self._position]
        if asked != met:
            told = f"{number} of {len(self._steps)} differs: - is in the script, + is what the flow does"
            raise _ScriptMismatch("\n".join((told, *diff_values(asked, met))))
        self._position += 1
        return answer

    def check_finished(self) -> None:
        """Hold that nothing is left."""
        if self._position < len(self._steps):
            told = f"the flow is over, and did not come to step {self._position + 1} of {len(self._steps)}:"
            raise _ScriptMismatch("\n".join((told, *format_lines(self._steps[self._position][0]))))


def _normalize_step(asked: Any, number: int) -> Any:
    """Name the request or sleep that a line speaks of."""
    inside = asked
    if isinstance(asked, Ask):
        inside = asked.action
    elif isinstance(asked, OpenStream):
        inside = asked.request
    elif isinstance(asked, Stream) and cast("Any", asked).builder is stream_response:
        inside = cast("Any", asked).source
    if not isinstance(inside, Request | Sleep):
        expected = "a request, maybe in Ask or OpenStream, a request | streamed, or Sleep; of a flow, its requests"
        raise InvalidRequest(f"step {number}", asked, expected)
    return cast("Any", inside)


class _ScriptClock(VirtualClock):
    """Goes on as the script has it."""

    def __init__(self, script: _Script, now: float = 0.0) -> None:
        super().__init__(now)
        self._script = script

    def sleep(self, seconds: float) -> None:
        self._script.take_step(Sleep(seconds))
        self.now += seconds

    def branch(self) -> Self:
        return type(self)(self._script, self.now)


class _CollectingExecutor(SequentialExecutor):
    """Keeps what a stream emits."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Any] = []

    def perform(self, effect: Effect) -> Any:
        if not isinstance(effect, Emit):
            return super().perform(effect)
        self.items.append(effect.item)
        return None
