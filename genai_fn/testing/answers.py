"""What a test answers to a request, made into what the request's operation answers; and how that stands for HTTP."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.effects import Effects, Invoke
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import HttpResponse, Replied
from genai_fn.request import Request, kind_of
from genai_fn.schema import Candidate, Content, FinishReason, GenerateContentResponse, Part
from genai_fn.schema._base import Value
from genai_fn.words import Ended

__all__ = ["Sessions", "StandIn", "frozen", "said"]

T = TypeVar("T")


class StandIn:
    """
    Stands in the place of HTTP: asks a function for what each request is answered.

    The function is told whether chunks are wanted. What it gives may be a value of the operation's type, a text for
    ``generate``, an error, a ``Result``, a function of the request, or, for a stream, a tuple of these.
    """

    def __init__(self, answer: Callable[[Request[Any], bool], Effects[Any]]) -> None:
        self._answer = answer

    def ask(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:  # noqa: ARG002  # no answer takes time
        """Answer one request."""
        given = yield from self._answer(request, False)
        return (yield from _settled(request, given))

    def listen(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:  # noqa: ARG002  # no answer takes time
        """Begin a server stream; a failure as its first item is one of the stream."""
        given = yield from self._answer(request, True)
        given = frozen((yield from _given(request, given)))
        chunks: tuple[Any, ...] = cast("Any", given) if isinstance(given, tuple) else (given,)
        items: list[Result[Any, GenaiError]] = []
        for number, chunk in enumerate(chunks, 1):
            items.append((yield from _settled(request, chunk, is_last=number == len(chunks))))
            if isinstance(items[-1], Failure):
                break
        is_failed = bool(items) and isinstance(items[0], Failure)
        return items[0] if is_failed else Success(iter(items))

    def following(self, handle: Iterator[Result[Any, GenaiError]]) -> Effects[tuple[Result[Any, GenaiError], ...]]:
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


def frozen(answer: Any) -> Any:
    """Keep a list of answers as it is now."""
    if isinstance(answer, Sessions):
        return Sessions(frozen(answer.answers))
    return tuple(map(frozen, cast("list[Any]", answer))) if isinstance(answer, list | tuple) else answer


def _settled(request: Request[Any], given: Any, *, is_last: bool = True) -> Effects[Result[Any, GenaiError]]:
    given = yield from _given(request, given)
    if isinstance(given, GenaiError):
        return Failure(given)
    if isinstance(given, Failure):
        return cast("Result[Any, GenaiError]", given)
    value: Any = cast("Any", given).unwrap() if isinstance(given, Success) else given
    return Success(_wrapped(request, _fitting(request, value, is_last=is_last)))


def _given(request: Request[Any], given: Any) -> Effects[Any]:
    if not callable(given):
        return given
    try:
        return (yield Invoke(given, (request,)))
    except Ended as end:  # an async function, where nothing can be awaited
        return end.error


def _fitting(request: Request[Any], value: Any, *, is_last: bool) -> Any:
    kind = kind_of(request.operation)
    if isinstance(value, str) and request.operation.has_text:
        return said(value, is_last=is_last)
    inside: Any = cast("Any", value).value if isinstance(value, Replied) else value
    if kind is not Any and isinstance(kind, type) and not isinstance(inside, kind):
        raise InvalidRequest(f"the answer to {request.operation.op}", value, f"a {kind.__name__}, or an error")
    return cast("Any", value)


def said(text: str, *, is_last: bool = True) -> GenerateContentResponse:
    """Make the response, or the chunk of one, that a text stands for."""
    content = Content(parts=(Part(text=text),), role="model")
    reason = FinishReason.STOP if is_last else None
    return GenerateContentResponse(candidates=(Candidate(content=content, finish_reason=reason),))


def _wrapped(request: Request[Any], value: Any) -> Any:
    if not request.options.with_http_response or isinstance(value, Replied):
        return cast("Any", value)
    body = value if isinstance(value, bytes) else codec.encode(value, enc_hook=str)
    return Replied(value, HttpResponse(200, (("content-type", "application/json"),), body))
