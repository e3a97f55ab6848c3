"""The modifier ``retry_invalid``: requests a value of a type, and lets the model correct invalid answers."""

from typing import Any, Literal, TypeVar, overload

from genai_fn.errors import InvalidRequest
from genai_fn.flows.structured import ParsedResponse
from genai_fn.flows.validation import DEFAULT_ATTEMPTS, repeat_until_valid, run_retry_invalid
from genai_fn.modifiers.results import ReturningModifier, configure_output
from genai_fn.options import check_at_least_one
from genai_fn.request import Description, Flow, Stream

__all__ = ["retry_invalid"]

T = TypeVar("T")


@overload
def retry_invalid(
    kind: type[T], attempts: int = ..., *, with_response: Literal[False] = False
) -> ReturningModifier[T]: ...
@overload
def retry_invalid(
    kind: type[T], attempts: int = ..., *, with_response: Literal[True]
) -> ReturningModifier[ParsedResponse[T]]: ...
@overload
def retry_invalid(kind: Any, attempts: int = ..., *, with_response: bool = False) -> ReturningModifier[Any]: ...
def retry_invalid(
    kind: Any, attempts: int = DEFAULT_ATTEMPTS, *, with_response: bool = False
) -> ReturningModifier[Any]:
    """
    Request a value of type `kind`, as `returning` does; send an invalid answer back to the model, with its error.

    The invalid answer and the error become two further turns of the next request. The usage of the response is that of
    all requests. A chat keeps its message and the valid answer, without the invalid ones. The deadline of the request
    applies to all requests together.

    Put it after ``calling(…)`` and ``continued()``, which then apply to each attempt. The requests after the first
    contain the function calls made so far, with their results, so these are not executed again. A failed request, an
    answer without text, and an answer that has reached its token limit end the flow at once.

    Args:
        kind: Type of the value, as in `returning`.

        attempts: Maximum number of answers; with ``calling(…)``, one answer may take several requests. The error of the
            last answer is the failure.

        with_response: Whether the result is a `ParsedResponse`: the value, and the response that it was parsed from.

    Raises:
        InvalidRequest: If ``attempts`` is less than 1, the type has no JSON schema, or the modifier is applied to a
            stream, to an operation that does not return text, or after modifiers that read the response.

    Fails with:
        DecodeError: If the last answer does not match the type; the error states the path.

        Truncated: If the JSON is cut off, or the response reached its token limit and may be incomplete.

        NoText: If a response has no text; the error states the reason.

        TimedOut: If the deadline of the request passes.

    >>> from genai_fn import generate
    >>> from genai_fn.testing import Fake
    >>> run = Fake({"generate": ["about 7", "7"]})
    >>> run(generate("gemini-2.5-flash", "How many?") | retry_invalid(int))
    <Success: 7>
    >>> print(run.requests[1].operation.contents[-1].parts[0].text)  # doctest: +ELLIPSIS
    Your answer is invalid: expected JSON (...). Answer again, with the whole corrected value and nothing else.
    """
    check_at_least_one("attempts", attempts)
    return ReturningModifier(_apply_retry_invalid, (kind, attempts, with_response))


def _apply_retry_invalid(description: Description, kind: Any, attempts: int, with_response: bool) -> Flow[Any]:
    if isinstance(description, Stream):
        raise InvalidRequest("retry_invalid", description, "a request or a flow: put | joined before it")
    configured = configure_output(description, "retry_invalid", kind)
    repeat_until_valid(configured, kind, attempts)  # raises for what cannot be repeated
    return Flow(run_retry_invalid, configured, (kind, attempts, with_response))
