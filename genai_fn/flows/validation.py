"""Requests a value of a type again, with the error, until the answer of the model is one."""

from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, Truncated
from genai_fn.flows.continuation.merging import add_usage
from genai_fn.flows.deadlines import attempt_until, compute_deadline
from genai_fn.flows.roots import change_root, list_steps
from genai_fn.flows.structured import parse, run_parse
from genai_fn.request import Action, Flow, FlowGenerator, Request, flow, start_generator
from genai_fn.schema.content import Content, Part
from genai_fn.schema.responses import FinishReason, GenerateContentResponse

DEFAULT_ATTEMPTS = 3
"""Default of the maximum number of requests for one value."""

_DOING = "requesting a valid answer"


@flow
def run_retry_invalid(
    source: Action[Any], kind: Any, attempts: int, with_response: bool
) -> FlowGenerator[Result[Any, GenaiError]]:
    """Run an action until its answer is a value of type `kind`, and return the value; of a chat turn, as its answer."""
    parsing = run_parse(repeat_until_valid(source, kind, attempts), kind, with_response)
    result: Result[Any, GenaiError] = yield from start_generator(parsing)
    return result


def repeat_until_valid(source: Action[Any], kind: Any, attempts: int) -> Flow[Any]:
    """
    Repeat what returns the answer; of a chat, or a flow with a deadline, that is within it.

    Raises:
        InvalidRequest: If the action returns no response to a generate request.
    """
    if isinstance(source, Flow) and source.traits.passes_calling:
        return replace(source, source=repeat_until_valid(source.source, kind, attempts))
    is_request = isinstance(source, Request) and source.operation.takes_functions
    if not is_request and not (isinstance(source, Flow) and source.traits.streamed_builder is not None):
        expected = "a generate request or a chat, perhaps with calling(…) or continued(), in place of | returning(…)"
        raise InvalidRequest("retry_invalid", source, expected)
    return _run_until_valid(source, kind, attempts)


@flow
def _run_until_valid(
    source: Action[GenerateContentResponse], kind: Any, attempts: int
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    """
    Run an action until the text of its response is a value of type `kind`, and return that response.

    An invalid answer and its error become two further turns of the next request. The usage is that of all requests. A
    failure of a request, and an error that another attempt cannot mend, such as a reached token limit, are returned at
    once.
    """
    root: Request[Any] = list_steps(source, "retry_invalid")[-1]
    deadline = yield from compute_deadline(root)
    usage = None
    while True:
        attempts -= 1
        result = yield from attempt_until(source, deadline, _DOING)
        if isinstance(result, Failure):
            return result
        response = result.unwrap()
        parsed = parse(response, kind)
        usage = add_usage(usage, response.usage_metadata)
        if isinstance(parsed, Success) or attempts < 1 or not _is_mendable(parsed.failure()):
            return Success(replace(response, usage_metadata=usage))
        source = change_root(source, "retry_invalid", _add_turns, response, parsed.failure())


def _is_mendable(error: GenaiError) -> bool:
    """Check whether the model may do better when it reads the error: not if its answers are limited to fewer tokens."""
    is_cut = isinstance(error, Truncated) and error.finish_reason == FinishReason.MAX_TOKENS
    return isinstance(error, DecodeError | Truncated) and not is_cut


def _add_turns(request: Request[Any], response: GenerateContentResponse, error: GenaiError) -> Request[Any]:
    """Add an invalid answer and its error to the contents of a request; after function calls, with these."""
    operation = request.operation
    answer = response.candidates[0].content or Content()
    before = response.automatic_function_calling_history or operation.contents  # type: ignore[attr-defined]  # a generate request
    correction = Content(parts=(Part(text=_describe_error(error)),), role="user")
    contents: dict[str, Any] = {"contents": (*before, answer, correction)}
    return replace(request, operation=replace(operation, **contents))


def _describe_error(error: GenaiError) -> str:
    """Write what the model reads: what was expected and where, without its own text."""
    if isinstance(error, DecodeError):
        place = f" at {error.path}" if error.path else ""
        found = f"expected {error.expected}{place}"
    else:
        found = "the JSON is incomplete"
    return f"Your answer is invalid: {found}. Answer again, with the whole corrected value and nothing else."
