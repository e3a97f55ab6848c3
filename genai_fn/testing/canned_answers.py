"""A request handler that returns canned answers instead of calling HTTP, and the conversion of answers to results."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import CallFunction, Effects, FlowFailed, GetTime, Sleep
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer, TimedOut
from genai_fn.http import HttpResponse, ValueWithResponse
from genai_fn.options import check_at_least_zero
from genai_fn.request import Request, kind_of
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.responses import Candidate, FinishReason, GenerateContentResponse
from genai_fn.values import Value

T = TypeVar("T")


class CannedAnswers:
    """
    A request handler that calls a function for the answer to each request.

    An answer is a value of the operation's result type, a text for ``generate``, an error, a ``Result``, a function of
    the request that returns one of these, or, for a stream, a tuple of these.

    Args:
        find_answer: Returns the answer to a request; its second argument is whether the request is streamed.
    """

    def __init__(self, find_answer: Callable[[Request[Any], bool], Effects[Any]]) -> None:
        self._find_answer = find_answer

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Return the result of one request."""
        answer = yield from self._find_answer(request, False)
        return (yield from _build_result(request, answer, (yield from _compute_deadline(request, until))))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream; a failure as its first item is the result."""
        answer = yield from self._find_answer(request, True)
        until = yield from _compute_deadline(request, until)
        answer = yield from _resolve_answer(request, answer, until)
        if isinstance(answer, Failure):
            return cast("Result[Any, GenaiError]", answer)
        answer = freeze_answers(answer)
        chunks: tuple[Any, ...] = cast("Any", answer) if isinstance(answer, tuple) else (answer,)
        items: list[Result[Any, GenaiError]] = []
        for number, chunk in enumerate(chunks, 1):
            items.append((yield from _build_result(request, chunk, until, is_last=number == len(chunks))))
            if isinstance(items[-1], Failure):
                break
        return open_items(items)

    def read_items(self, handle: Iterator[Result[Any, GenaiError]]) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next item of a stream; an empty tuple at its end."""
        yield from ()
        return tuple(islice(handle, 1))


def open_items(items: Sequence[Result[Any, GenaiError]]) -> Result[Any, GenaiError]:
    """Open a stream of these items: return an iterator; a failure as the first item is the result."""
    return items[0] if items and isinstance(items[0], Failure) else Success(iter(items))


class Sessions(Value):
    """
    The answers of a `Fake` to several live sessions, in the order in which they are opened.

    Args:
        answers: For each session, what a `Fake` accepts as the answer of one, or an error if it fails to open.

    >>> Sessions([["hello", "goodbye"], "hello again"])
    Sessions(answers=[['hello', 'goodbye'], 'hello again'])
    """

    answers: Sequence[Any]


class Delayed(Value):
    """
    An answer of a `Fake` that takes virtual time; the deadline of its request may end before.

    Args:
        answer: What a `Fake` accepts as the answer to one request.

        seconds: The time until the answer, or until the first chunk of a stream.

    >>> from genai_fn import generate, text, with_options
    >>> from genai_fn.testing import Fake
    >>> run = Fake({"generate": Delayed("hello", 60)})
    >>> run(generate("gemini-2.5-flash", "hi") | text | with_options(deadline=10)).failure()
    TimedOut(phase='total', doing='waiting for an answer', sent=True)
    """

    answer: Any
    seconds: float

    def __post_init__(self) -> None:
        check_at_least_zero("seconds", self.seconds)


def pick_answer(answers: Sequence[Any], number: int, request: Any, name: str) -> Any:
    """Return the answer to the request of a number, from 0; `NoAnswer` if there are fewer answers."""
    if number < len(answers):
        return answers[number]
    return NoAnswer(request, f"{name}, which has no more answers than {len(answers)}")


def freeze_answers(answer: Any) -> Any:
    """Copy lists of answers to tuples, so that later changes have no effect."""
    if isinstance(answer, Sessions):
        return Sessions(freeze_answers(answer.answers))
    if isinstance(answer, Delayed):
        return Delayed(freeze_answers(answer.answer), answer.seconds)
    return tuple(map(freeze_answers, cast("list[Any]", answer))) if isinstance(answer, list | tuple) else answer


def _compute_deadline(request: Request[Any], until: float) -> Effects[float]:
    """Return the deadline of a request, in seconds of the clock; the time is read only if it has one of its own."""
    seconds = request.options.deadline
    return until if seconds is None else min(until, (yield GetTime()) + seconds)


def _build_result(
    request: Request[Any], answer: Any, until: float, *, is_last: bool = True
) -> Effects[Result[Any, GenaiError]]:
    answer = yield from _resolve_answer(request, answer, until)
    if isinstance(answer, GenaiError):
        return Failure(answer)
    if isinstance(answer, Failure):
        return cast("Result[Any, GenaiError]", answer)
    value: Any = cast("Any", answer).unwrap() if isinstance(answer, Success) else answer
    return Success(_add_http_response(request, _convert_answer(request, value, is_last=is_last)))


def _resolve_answer(request: Request[Any], answer: Any, until: float) -> Effects[Any]:
    """Wait for an answer that is delayed, and call one that is a function of the request."""
    if isinstance(answer, Delayed):
        now: float = yield GetTime()
        yield Sleep(min(answer.seconds, max(0.0, until - now)))
        if now + answer.seconds > until:
            return Failure(TimedOut("total", "waiting for an answer", sent=True))
        return (yield from _resolve_answer(request, answer.answer, until))
    if not callable(answer):
        return answer
    try:
        value = yield CallFunction(answer, (request,))
    except FlowFailed as failed:  # an async function, in a sync interpreter
        return failed.error
    return (yield from _resolve_answer(request, value, until)) if isinstance(value, Delayed) else value


def _convert_answer(request: Request[Any], value: Any, *, is_last: bool) -> Any:
    """Convert a text or a function call to a response; raise if the value does not have the operation's result type."""
    kind = kind_of(request.operation)
    if isinstance(value, str | FunctionCall) and request.operation.has_text:
        part = Part(text=value) if isinstance(value, str) else Part(function_call=value)
        return _build_response(part, is_last=is_last)
    bare_value: Any = cast("Any", value).value if isinstance(value, ValueWithResponse) else value
    if kind is not Any and isinstance(kind, type) and not isinstance(bare_value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        others = "a text, a FunctionCall, " if request.operation.has_text else ""
        expected = f"{others}{article} {kind.__name__}, or an error"
        raise InvalidRequest(f"the answer to {request.operation.op}", value, expected)
    return cast("Any", value)


def build_text_response(text: str, *, is_last: bool = True) -> GenerateContentResponse:
    """Build a response with a text, or a chunk of one; only the last chunk has a finish reason."""
    return _build_response(Part(text=text), is_last=is_last)


def _build_response(part: Part, *, is_last: bool) -> GenerateContentResponse:
    content = Content(parts=(part,), role="model")
    reason = FinishReason.STOP if is_last else None
    return GenerateContentResponse(candidates=(Candidate(content=content, finish_reason=reason),))


def _add_http_response(request: Request[Any], value: Any) -> Any:
    """Add a made-up HTTP response, if the request asks for one with `with_http_response`."""
    if not request.options.with_http_response or isinstance(value, ValueWithResponse):
        return cast("Any", value)
    body = value if isinstance(value, bytes) else codec.encode(value, enc_hook=str)
    return ValueWithResponse(value, HttpResponse(200, (("content-type", "application/json"),), body))
