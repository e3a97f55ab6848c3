"""
Conversations with a model, without an executor: a list of responses replaces the network, and functions run at once.

The response to a request is a response, an error or, for a stream, a list of them.
"""

from collections.abc import Iterable
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.effects import CallFunction, Effects, Emit, GetTime, Notify, RunAll
from genai_fn.engine.program import build_program
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError
from genai_fn.request import Request
from genai_fn.schema import Candidate, Content, FinishReason, FunctionCall, GenerateContentResponse, Part


class Conversation:
    """The requests, items and events of a description that runs with scripted responses."""

    def __init__(self, description: Any, answers: Iterable[Any], *, clock: Iterable[float] = ()) -> None:
        self.answers = list(answers)
        self.clock = list(clock)
        self.requests: list[Any] = []
        self.emitted: list[Any] = []
        self.events: list[Any] = []
        self.at_once: list[int] = []
        self.invoked: list[CallFunction] = []
        self.result = self._perform_effects(build_program(description, self))
        assert self.answers == [], "responses are left over"

    # methods of a request handler

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Respond to a request."""
        yield from ()
        self.requests.append(request)
        return _result(self.answers.pop(0))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a stream."""
        yield from ()
        self.requests.append(request)
        return Success([_result(each) for each in self.answers.pop(0)])

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next item of a stream."""
        yield from ()
        return (handle.pop(0),) if handle else ()

    # performs effects in place of an executor

    def _perform_effects(self, effects: Effects[Any]) -> Any:
        stepper = Stepper(effects)
        while (effect := stepper.next()) is not DONE:
            try:
                stepper.send(self._answer(effect))
            except Exception as error:
                stepper.throw(error)
        return stepper.value

    def _answer(self, effect: Any) -> Any:
        match effect:
            case CallFunction():
                self.invoked.append(effect)
                return effect.function(*effect.args, **effect.kwargs)
            case RunAll(programs=programs):
                self.at_once.append(len(programs))
                return tuple(self._perform_effects(each) for each in programs)
            case Emit(item=item):
                self.emitted.append(item)
            case Notify(event=event):
                self.events.append(event)
            case GetTime():
                return self.clock.pop(0)
            case _:
                raise AssertionError(f"unexpected effect: {effect}")
        return None


def _result(answer: Any) -> Result[Any, GenaiError]:
    return Failure(answer) if isinstance(answer, GenaiError) else Success(answer)


# Model responses


def build_response(*parts: Any, reason: str | None = "STOP") -> GenerateContentResponse:
    """Build a response from parts: texts, calls, or parts."""
    content = Content(parts=tuple(Part.from_value(each) for each in parts), role="model") if parts else None
    return GenerateContentResponse(
        candidates=(Candidate(content=content, finish_reason=None if reason is None else FinishReason(reason)),)
    )


def build_call(name: str, args: Any = None, *, id: str | None = None) -> Part:
    """Build a function call."""
    return Part(function_call=FunctionCall(name=name, args=args, id=id))


def list_function_responses(contents: Iterable[Content]) -> list[Any]:
    """Return the function responses in all turns."""
    parts = [part.function_response for turn in contents for part in turn.parts or ()]
    return [each.response for each in parts if each is not None]
