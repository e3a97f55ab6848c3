"""Flows against scripts: what a flow is to ask, step by step, and what it is answered."""

from collections.abc import Iterable
from typing import Any, Self, TypeVar, cast, overload

from returns.result import Result

from genai_fn.clock import Clock, timed
from genai_fn.effects import Effect, Effects, Emit, Sleep
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.streams import served
from genai_fn.interpret.sync_world import run_through
from genai_fn.request import Action, Flow, Request, Stream
from genai_fn.steps import program
from genai_fn.testing.answers import StandIn
from genai_fn.testing.differences import difference, lines
from genai_fn.testing.stage import Stage
from genai_fn.words import Ask, Listen

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
    steps, stage = _Script(script), _Emitting()
    about = cast("Any", description)
    try:
        result = run_through(timed(program(about, StandIn(steps.answer)), _ScriptedClock(steps)), stage)
        steps.end()
    except _Differs as wrong:
        raise AssertionError(str(wrong)) from None
    finally:
        stage.rest()
    return tuple(stage.emitted) if isinstance(description, Stream) else result


class _Differs(BaseException):
    """No ``Exception``, which a flow might catch."""


class _Script:
    def __init__(self, script: Iterable[tuple[Any, Any]]) -> None:
        self._lines = [(_met(asked, number), answer) for number, (asked, answer) in enumerate(script, 1)]
        self._done = 0

    def answer(self, request: Request[Any], in_chunks: bool) -> Effects[Any]:  # noqa: ARG002  # the line says it
        yield from ()
        return self.step(request)

    def step(self, met: Any) -> Any:
        """Go on by one step, and give what it is answered."""
        number = f"step {self._done + 1}"
        if self._done == len(self._lines):
            raise _Differs("\n".join((f"{number}: the script is over, and the flow goes on with", *lines(met))))
        asked, answer = self._lines[self._done]
        if asked != met:
            told = f"{number} of {len(self._lines)} differs: - is in the script, + is what the flow does"
            raise _Differs("\n".join((told, *difference(asked, met))))
        self._done += 1
        return answer

    def end(self) -> None:
        """Hold that nothing is left."""
        if self._done < len(self._lines):
            told = f"the flow is over, and did not come to step {self._done + 1} of {len(self._lines)}:"
            raise _Differs("\n".join((told, *lines(self._lines[self._done][0]))))


def _met(asked: Any, number: int) -> Any:
    """Name the request or sleep that a line speaks of."""
    inside = asked
    if isinstance(asked, Ask):
        inside = asked.action
    elif isinstance(asked, Listen):
        inside = asked.request
    elif isinstance(asked, Stream) and cast("Any", asked).builder is served:
        inside = cast("Any", asked).of
    if not isinstance(inside, Request | Sleep):
        expected = "a request, maybe in Ask or Listen, a request | streamed, or Sleep; of a flow, its requests"
        raise InvalidRequest(f"step {number}", asked, expected)
    return cast("Any", inside)


class _ScriptedClock(Clock):
    """Goes on as the script has it."""

    def __init__(self, script: _Script, now: float = 0.0) -> None:
        super().__init__(now)
        self._script = script

    def sleep(self, seconds: float) -> None:
        self._script.step(Sleep(seconds))
        self.now += seconds

    def branch(self) -> Self:
        return type(self)(self._script, self.now)


class _Emitting(Stage):
    """Keeps what a stream emits."""

    def __init__(self) -> None:
        super().__init__()
        self.emitted: list[Any] = []

    def perform(self, effect: Effect) -> Any:
        if not isinstance(effect, Emit):
            return super().perform(effect)
        self.emitted.append(effect.item)
        return None
