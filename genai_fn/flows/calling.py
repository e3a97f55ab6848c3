"""
The function-calling loop: ask, run what the model calls, answer it, and ask again.

Each round is one request. What the model said goes back to the letter, its thought signatures with it, and after it one
turn with the answers, in the order of the calls and with their ids.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Now
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.flows.invoking import OnError, invoked
from genai_fn.flows.merging import merged
from genai_fn.flows.streams import served
from genai_fn.request import Request, Steps, Stream, flow, stream
from genai_fn.schema import (
    AutomaticFunctionCallingConfig,
    Content,
    FunctionCall,
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    FunctionResponse,
    GenerateContentConfig,
    GenerateContentResponse,
    Part,
    Tool,
)
from genai_fn.schema._base import Value
from genai_fn.schema.callables import name_of
from genai_fn.steps import Reading, attempt, emit
from genai_fn.words import Several

__all__ = ["MOST_CALLS", "Offer", "called", "called_in_pieces", "declaring"]

MOST_CALLS = 10
"""How often a model is asked, unless told otherwise: google-genai's number."""


class Offer(Value):
    """What a model may call, how often it is asked at most, and what becomes of an exception."""

    functions: tuple[Callable[..., Any], ...]
    max_calls: int | None = None
    on_error: OnError = "return"


@flow
def called(
    request: Request[GenerateContentResponse], offer: Offer
) -> Steps[Result[GenerateContentResponse, GenaiError]]:
    """Run the loop, and give the last response."""
    return (yield from _conversed(request, offer, _whole))


@stream
def called_in_pieces(request: Request[GenerateContentResponse], offer: Offer) -> Steps[None]:
    """Run the loop, and give the pieces of every round as they come."""
    result = yield from _conversed(request, offer, _in_pieces)
    if isinstance(result, Failure):
        yield from emit(result)


def declaring(config: GenerateContentConfig, functions: tuple[Callable[..., Any], ...]) -> GenerateContentConfig:
    """Declare functions in a config, but for those that it declares already."""
    there = _declared(config)
    missing = tuple(
        FunctionDeclaration.from_callable(callable=each) for each in functions if name_of(each) not in there
    )
    return replace(config, tools=(*(config.tools or ()), Tool(function_declarations=missing))) if missing else config


_Round: TypeAlias = Callable[
    [Request[GenerateContentResponse], tuple[Content, ...]], Steps[Result[GenerateContentResponse, GenaiError]]
]
"""Asks once, told of the exchanges before it for whoever reads the answer meanwhile."""


def _conversed(
    request: Request[GenerateContentResponse], offer: Offer, ask_once: _Round
) -> Steps[Result[GenerateContentResponse, GenaiError]]:
    config, opening = _config(request), _contents(request)
    switches = config.automatic_function_calling or AutomaticFunctionCallingConfig()
    rounds, history = _rounds(offer, switches), tuple[Content, ...]()
    ours, theirs = _runnable(offer, config), _declared(config) - {name_of(each) for each in offer.functions}
    config = replace(declaring(config, offer.functions), automatic_function_calling=None)
    until = yield from _until(request)
    while True:
        asking = yield from _in_time(_with(request, history or opening, config), until)
        shown = () if switches.ignore_call_history else history
        result = asking if isinstance(asking, Failure) else (yield from ask_once(asking.unwrap(), shown))
        if isinstance(result, Failure):
            return result
        response, rounds = result.unwrap(), rounds - 1
        calls = response.function_calls
        if not calls or rounds < 1 or any(each.name in theirs for each in calls):
            return Success(_showing(response, shown))
        answers = yield from _answers(calls, ours, offer.on_error)
        if isinstance(answers, Failure):
            return answers
        history = (*(history or opening), _said(response), answers.unwrap())
        config = _unforced(config)


# One round


def _whole(
    request: Request[GenerateContentResponse],
    history: tuple[Content, ...],  # noqa: ARG001  # a round's
) -> Steps[Result[GenerateContentResponse, GenaiError]]:
    return (yield from attempt(request))


def _in_pieces(
    request: Request[GenerateContentResponse], history: tuple[Content, ...]
) -> Steps[Result[GenerateContentResponse, GenaiError]]:
    calling = _calling(_config(request))
    if calling is not None and calling.stream_function_call_arguments:
        path = "config.tool_config.function_calling_config.stream_function_call_arguments"
        return Failure(InvalidRequest(path, True, "nothing beside calling(…), which runs whole calls"))  # noqa: FBT003  # the value
    reading, pieces = Reading(Stream[GenerateContentResponse](served, request)), list[GenerateContentResponse]()
    while (item := (yield from reading.next())) is not None:
        if isinstance(item, Failure):
            return item
        pieces.append(item.unwrap())
        yield from emit(Success(_showing(item.unwrap(), history)))
    return Success(merged(pieces) if pieces else GenerateContentResponse())


def _answers(
    calls: tuple[FunctionCall, ...], functions: dict[str, Callable[..., Any]], on_error: OnError
) -> Steps[Result[Content, GenaiError]]:
    """Run all calls at once, and make one turn of their answers."""
    runs = tuple(invoked(each, functions.get(each.name or ""), on_error) for each in calls)
    results: tuple[Result[FunctionResponse, GenaiError], ...]
    results = ((yield from attempt(runs[0])),) if len(runs) == 1 else (yield Several(runs))
    parts: list[Part] = []
    for result in results:
        if isinstance(result, Failure):
            return result
        parts.append(Part(function_response=result.unwrap()))
    return Success(Content(parts=tuple(parts), role="user"))


def _said(response: GenerateContentResponse) -> Content:
    return response.candidates[0].content or Content()


def _showing(response: GenerateContentResponse, history: tuple[Content, ...]) -> GenerateContentResponse:
    return replace(response, automatic_function_calling_history=history) if history else response


# What is asked


def _config(request: Request[GenerateContentResponse]) -> GenerateContentConfig:
    return request.operation.config  # type: ignore[attr-defined,no-any-return]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownVariableType,reportUnknownMemberType]  # ``calling`` takes no other


def _contents(request: Request[GenerateContentResponse]) -> tuple[Content, ...]:
    return request.operation.contents  # type: ignore[attr-defined,no-any-return]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownVariableType,reportUnknownMemberType]  # nor without contents


def _with(
    request: Request[GenerateContentResponse], contents: tuple[Content, ...], config: GenerateContentConfig
) -> Request[GenerateContentResponse]:
    changes: dict[str, Any] = {"contents": contents, "config": config}
    return replace(request, operation=replace(request.operation, **changes))


def _rounds(offer: Offer, switches: AutomaticFunctionCallingConfig) -> int:
    most = switches.maximum_remote_calls
    if switches.disable or (most is not None and most < 1):
        return 1
    return offer.max_calls or most or MOST_CALLS


def _declared(config: GenerateContentConfig) -> set[str | None]:
    tools: Any = config.tools or ()
    return {each.name for tool in tools for each in tool.function_declarations or ()}


def _calling(config: GenerateContentConfig) -> FunctionCallingConfig | None:
    return config.tool_config.function_calling_config if config.tool_config is not None else None


def _runnable(offer: Offer, config: GenerateContentConfig) -> dict[str, Callable[..., Any]]:
    calling = _calling(config)
    allowed = calling.allowed_function_names if calling is not None else None
    named = {name_of(each): each for each in offer.functions}
    return named if allowed is None else {name: each for name, each in named.items() if name in allowed}


def _unforced(config: GenerateContentConfig) -> GenerateContentConfig:
    """Let a model that was made to call something say something, once its call was answered."""
    calling = _calling(config)
    if config.tool_config is None or calling is None or calling.mode != FunctionCallingConfigMode.ANY:
        return config
    free = replace(calling, mode=FunctionCallingConfigMode.AUTO, allowed_function_names=None)
    return replace(config, tool_config=replace(config.tool_config, function_calling_config=free))


# How long it may take


def _until(request: Request[GenerateContentResponse]) -> Steps[float | None]:
    """Take the request's deadline for that of the whole loop."""
    if request.options.deadline is None:
        return None
    now: float = yield Now()
    return now + request.options.deadline


def _in_time(
    request: Request[GenerateContentResponse], until: float | None
) -> Steps[Result[Request[GenerateContentResponse], GenaiError]]:
    if until is None:
        return Success(request)
    left: float = until - (yield Now())
    if left <= 0:
        return Failure(TimedOut("total", "calling functions"))
    return Success(replace(request, options=replace(request.options, deadline=left)))
