"""
The function-calling loop: ask, run what the model calls, answer it, and ask again.

Each round is one request. What the model said goes back to the letter, its thought signatures with it, and after it one
turn with the answers, in the order of the calls and with their ids.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.effects import AskAll, GetTime
from genai_fn.errors import GenaiError, InvalidRequest, TimedOut
from genai_fn.flows.calling.invoke import OnError, invoke_function
from genai_fn.flows.merge import merge_pieces
from genai_fn.request import FlowGenerator, FlowTraits, Request, Stream, flow, stream
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
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.streams import stream_response
from genai_fn.values import Value

__all__ = [
    "DEFAULT_MAX_CALLS",
    "CallingOptions",
    "declare_missing_functions",
    "run_calling_loop",
    "stream_calling_loop",
]

DEFAULT_MAX_CALLS = 10
"""How often a model is asked, unless told otherwise: google-genai's number."""


class CallingOptions(Value):
    """What a model may call, how often it is asked at most, and what becomes of an exception."""

    functions: tuple[Callable[..., Any], ...]
    max_calls: int | None = None
    on_error: OnError = "return"


@stream(traits=FlowTraits(spawns=False))
def stream_calling_loop(source: Stream[GenerateContentResponse], offer: CallingOptions) -> FlowGenerator[None]:
    """Run the loop on the request of a server's stream, and emit the chunks of every round as they arrive."""
    result = yield from _run_rounds(source.source, offer, _stream_round)
    if isinstance(result, Failure):
        yield from emit(result)


@flow(traits=FlowTraits(streamed_builder=stream_calling_loop, deadline_at_root=True))
def run_calling_loop(
    request: Request[GenerateContentResponse], offer: CallingOptions
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    """Run the loop, and give the last response."""
    return (yield from _run_rounds(request, offer, _run_round))


def declare_missing_functions(
    config: GenerateContentConfig, functions: tuple[Callable[..., Any], ...]
) -> GenerateContentConfig:
    """Declare functions in a config, but for those that it declares already."""
    there = _get_declared_names(config)
    missing = tuple(
        FunctionDeclaration.from_callable(callable=each) for each in functions if get_function_name(each) not in there
    )
    return replace(config, tools=(*(config.tools or ()), Tool(function_declarations=missing))) if missing else config


_RoundRunner: TypeAlias = Callable[
    [Request[GenerateContentResponse], tuple[Content, ...]], FlowGenerator[Result[GenerateContentResponse, GenaiError]]
]
"""Asks once, told of the exchanges before it for whoever reads the answer meanwhile."""


def _run_rounds(
    request: Request[GenerateContentResponse], offer: CallingOptions, ask_once: _RoundRunner
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    config, opening = _get_config(request), _get_contents(request)
    switches = config.automatic_function_calling or AutomaticFunctionCallingConfig()
    rounds, history = _get_max_rounds(offer, switches), tuple[Content, ...]()
    ours, theirs = (
        _select_runnable_functions(offer, config),
        _get_declared_names(config) - {get_function_name(each) for each in offer.functions},
    )
    config = replace(declare_missing_functions(config, offer.functions), automatic_function_calling=None)
    until = yield from _compute_deadline(request)
    while True:
        asking = yield from _apply_remaining_time(_replace_contents(request, history or opening, config), until)
        shown = () if switches.ignore_call_history else history
        result = asking if isinstance(asking, Failure) else (yield from ask_once(asking.unwrap(), shown))
        if isinstance(result, Failure):
            return result
        response, rounds = result.unwrap(), rounds - 1
        calls = response.function_calls
        if not calls or rounds < 1 or any(each.name in theirs for each in calls):
            return Success(_add_calling_history(response, shown))
        answers = yield from _run_calls(calls, ours, offer.on_error)
        if isinstance(answers, Failure):
            return answers
        history = (*(history or opening), _get_model_content(response), answers.unwrap())
        config = _relax_calling_mode(config)


# One round


def _run_round(
    request: Request[GenerateContentResponse],
    history: tuple[Content, ...],  # noqa: ARG001  # a round's
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    return (yield from attempt(request))


def _stream_round(
    request: Request[GenerateContentResponse], history: tuple[Content, ...]
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    calling = _get_calling_config(_get_config(request))
    if calling is not None and calling.stream_function_call_arguments:
        path = "config.tool_config.function_calling_config.stream_function_call_arguments"
        return Failure(InvalidRequest(path, True, "nothing beside calling(…), which runs whole calls"))  # noqa: FBT003  # the value
    reading, pieces = (
        StreamReader(Stream[GenerateContentResponse](stream_response, request)),
        list[GenerateContentResponse](),
    )
    while (item := (yield from reading.read_next())) is not None:
        if isinstance(item, Failure):
            return item
        pieces.append(item.unwrap())
        yield from emit(Success(_add_calling_history(item.unwrap(), history)))
    return Success(merge_pieces(pieces) if pieces else GenerateContentResponse())


def _run_calls(
    calls: tuple[FunctionCall, ...], functions: dict[str, Callable[..., Any]], on_error: OnError
) -> FlowGenerator[Result[Content, GenaiError]]:
    """Run all calls at once, and make one turn of their answers."""
    runs = tuple(invoke_function(each, functions.get(each.name or ""), on_error) for each in calls)
    results: tuple[Result[FunctionResponse, GenaiError], ...]
    results = ((yield from attempt(runs[0])),) if len(runs) == 1 else (yield AskAll(runs))
    parts: list[Part] = []
    for result in results:
        if isinstance(result, Failure):
            return result
        parts.append(Part(function_response=result.unwrap()))
    return Success(Content(parts=tuple(parts), role="user"))


def _get_model_content(response: GenerateContentResponse) -> Content:
    return response.candidates[0].content or Content()


def _add_calling_history(response: GenerateContentResponse, history: tuple[Content, ...]) -> GenerateContentResponse:
    return replace(response, automatic_function_calling_history=history) if history else response


# What is asked


def _get_config(request: Request[GenerateContentResponse]) -> GenerateContentConfig:
    return request.operation.config  # type: ignore[attr-defined,no-any-return]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownVariableType,reportUnknownMemberType]  # ``calling`` takes no other


def _get_contents(request: Request[GenerateContentResponse]) -> tuple[Content, ...]:
    return request.operation.contents  # type: ignore[attr-defined,no-any-return]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownVariableType,reportUnknownMemberType]  # nor without contents


def _replace_contents(
    request: Request[GenerateContentResponse], contents: tuple[Content, ...], config: GenerateContentConfig
) -> Request[GenerateContentResponse]:
    changes: dict[str, Any] = {"contents": contents, "config": config}
    return replace(request, operation=replace(request.operation, **changes))


def _get_max_rounds(offer: CallingOptions, switches: AutomaticFunctionCallingConfig) -> int:
    most = switches.maximum_remote_calls
    if switches.disable or (most is not None and most < 1):
        return 1
    return offer.max_calls or most or DEFAULT_MAX_CALLS


def _get_declared_names(config: GenerateContentConfig) -> set[str | None]:
    tools: Any = config.tools or ()
    return {each.name for tool in tools for each in tool.function_declarations or ()}


def _get_calling_config(config: GenerateContentConfig) -> FunctionCallingConfig | None:
    return config.tool_config.function_calling_config if config.tool_config is not None else None


def _select_runnable_functions(offer: CallingOptions, config: GenerateContentConfig) -> dict[str, Callable[..., Any]]:
    calling = _get_calling_config(config)
    allowed = calling.allowed_function_names if calling is not None else None
    named = {get_function_name(each): each for each in offer.functions}
    return named if allowed is None else {name: each for name, each in named.items() if name in allowed}


def _relax_calling_mode(config: GenerateContentConfig) -> GenerateContentConfig:
    """Let a model that was made to call something say something, once its call was answered."""
    calling = _get_calling_config(config)
    if config.tool_config is None or calling is None or calling.mode != FunctionCallingConfigMode.ANY:
        return config
    free = replace(calling, mode=FunctionCallingConfigMode.AUTO, allowed_function_names=None)
    return replace(config, tool_config=replace(config.tool_config, function_calling_config=free))


# How long it may take


def _compute_deadline(request: Request[GenerateContentResponse]) -> FlowGenerator[float | None]:
    """Take the request's deadline for that of the whole loop."""
    if request.options.deadline is None:
        return None
    now: float = yield GetTime()
    return now + request.options.deadline


def _apply_remaining_time(
    request: Request[GenerateContentResponse], until: float | None
) -> FlowGenerator[Result[Request[GenerateContentResponse], GenaiError]]:
    if until is None:
        return Success(request)
    left: float = until - (yield GetTime())
    if left <= 0:
        return Failure(TimedOut("total", "calling functions"))
    return Success(replace(request, options=replace(request.options, deadline=left)))
