"""What a test answers to a request, made into what the request's operation answers; and how that stands for HTTP."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import CallFunction, Effects, FlowFailed
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import HttpResponse, ValueWithResponse
from genai_fn.request import Request, kind_of
from genai_fn.schema import Candidate, Content, FinishReason, GenerateContentResponse, Part
from genai_fn.values import Value

__all__ = ["CannedAnswers", "Sessions", "build_text_response", "freeze_answers"]

T = TypeVar("T")


class CannedAnswers:
    """
    Stands in the place of HTTP: asks a function for what each request is answered.

    The function is told whether chunks are wanted. What it gives may be a value of the operation's type, a text for
    ``generate``, an error, a ``Result``, a function of the request, or, for a stream, a tuple of these.
    """

    def __init__(self, answer: Callable[[Request[Any], bool], Effects[Any]]) -> None:
        self._find_answer = answer

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:  # noqa: ARG002  # no answer takes time
        """Answer one request."""
        given = yield from self._find_answer(request, False)
        return (yield from _build_result(request, given))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # no answer takes time
        """Begin a server stream; a failure as its first item is one of the stream."""
        given = yield from self._find_answer(request, True)
        given = freeze_answers((yield from _resolve_answer(request, given)))
        chunks: tuple[Any, ...] = cast("Any", given) if isinstance(given, tuple) else (given,)
        items: list[Result[Any, GenaiError]] = []
        for number, chunk in enumerate(chunks, 1):
            items.append((yield from _build_result(request, chunk, is_last=number == len(chunks))))
            if isinstance(items[-1], Failure):
                break
        is_failed = bool(items) and isinstance(items[0], Failure)
        return items[0] if is_failed else Success(iter(items))

    def read_items(self, handle: Iterator[Result[Any, GenaiError]]) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Give the next item of a stream."""
        yield from ()
        return tuple(item for item in (next(handle, None),) if item is not None)


class Sessions(Value):
    """
    What live sessions are answered, one after the other: of each what a `Fake` may have for one, or an error if it does
    not open.

    >>> Sessions([["hello", "goodbye"], "hello again"])
    Sessions(answers=[['hello', 'goodbye'], 'hello again'])
    """

    answers: Sequence[Any]


def freeze_answers(answer: Any) -> Any:
    """Keep a list of answers as it is now."""
    if isinstance(answer, Sessions):
        return Sessions(freeze_answers(answer.answers))
    return tuple(map(freeze_answers, cast("list[Any]", answer))) if isinstance(answer, list | tuple) else answer


def _build_result(request: Request[Any], given: Any, *, is_last: bool = True) -> Effects[Result[Any, GenaiError]]:
    given = yield from _resolve_answer(request, given)
    if isinstance(given, GenaiError):
        return Failure(given)
    if isinstance(given, Failure):
        return cast("Result[Any, GenaiError]", given)
    value: Any = cast("Any", given).unwrap() if isinstance(given, Success) else given
    return Success(_add_http_response(request, _convert_answer(request, value, is_last=is_last)))


def _resolve_answer(request: Request[Any], given: Any) -> Effects[Any]:
    if not callable(given):
        return given
    try:
        return (yield CallFunction(given, (request,)))
    except FlowFailed as end:  # an async function, where nothing can be awaited
        return end.error


def _convert_answer(request: Request[Any], value: Any, *, is_last: bool) -> Any:
    kind = kind_of(request.operation)
    if isinstance(value, str) and request.operation.has_text:
        return build_text_response(value, is_last=is_last)
    inside: Any = cast("Any", value).value if isinstance(value, ValueWithResponse) else value
    if kind is not Any and isinstance(kind, type) and not isinstance(inside, kind):
        raise InvalidRequest(f"the answer to {request.operation.op}", value, f"a {kind.__name__}, or an error")
    return cast("Any", value)


def build_text_response(text: str, *, is_last: bool = True) -> GenerateContentResponse:
    """Make the response, or the chunk of one, that a text stands for."""
    content = Content(parts=(Part(text=text),), role="model")
    reason = FinishReason.STOP if is_last else None
    return GenerateContentResponse(candidates=(Candidate(content=content, finish_reason=reason),))


def _add_http_response(request: Request[Any], value: Any) -> Any:
    if not request.options.with_http_response or isinstance(value, ValueWithResponse):
        return cast("Any", value)
    body = value if isinstance(value, bytes) else codec.encode(value, enc_hook=str)
    return ValueWithResponse(value, HttpResponse(200, (("content-type", "application/json"),), body))
