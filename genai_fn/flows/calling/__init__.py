"""
The function-calling loop: sends a request, calls the functions that the model asks for, and sends their results.

Each round is one request. The model's content is sent back as it is, with its thought signatures, followed by one turn
with all function responses, in the order of the calls and with their ids.

- `options`: the options of the loop.
- `invoke`: calls one function and converts its arguments and its result.
- `mcp_sessions`: lists the tools of MCP servers, as functions.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.effects import AskAll
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.calling.invoke import invoke_function
from genai_fn.flows.calling.mcp_sessions import find_repeated_name, list_all_tools
from genai_fn.flows.calling.options import DEFAULT_MAX_CALLS, CallingOptions, OnError, list_declared_names
from genai_fn.flows.deadlines import apply_remaining_time, attempt_until, compute_deadline, compute_remaining_time
from genai_fn.flows.merge import merge_chunks
from genai_fn.flows.parallel import run_within
from genai_fn.flows.turns import complete_role
from genai_fn.request import FlowGenerator, FlowTraits, Request, Stream, flow, stream
from genai_fn.schema.content import Content, Part
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.schema.functions import FunctionCall, FunctionResponse
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.tools import (
    AutomaticFunctionCallingConfig,
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    Tool,
    is_mcp_session,
)
from genai_fn.streams import stream_response


@stream(traits=FlowTraits(spawns=False))
def stream_calling_loop(source: Stream[GenerateContentResponse], options: CallingOptions) -> FlowGenerator[None]:
    """Run the loop on the request of a server's stream, and emit the chunks of every round as they arrive."""
    result = yield from _run_rounds(source.source, options, _stream_round)
    if isinstance(result, Failure):
        yield from emit(result)


@flow(traits=FlowTraits(streamed_builder=stream_calling_loop, deadline_at_root=True))
def run_calling_loop(
    request: Request[GenerateContentResponse], options: CallingOptions
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    """Run the loop and return the last response."""
    return (yield from _run_rounds(request, options, _run_round))


def declare_missing_functions(
    config: GenerateContentConfig, functions: tuple[Callable[..., Any], ...]
) -> GenerateContentConfig:
    """Add declarations to a config for the functions that it does not declare yet. MCP sessions are left out."""
    declared = list_declared_names(config)
    missing = tuple(
        FunctionDeclaration.from_callable(callable=each)
        for each in functions
        if not is_mcp_session(each) and get_function_name(each) not in declared
    )
    return replace(config, tools=(*(config.tools or ()), Tool(function_declarations=missing))) if missing else config


_RoundRunner: TypeAlias = Callable[
    [Request[GenerateContentResponse], tuple[Content, ...]], FlowGenerator[Result[GenerateContentResponse, GenaiError]]
]
"""Sends one request. The earlier contents of the loop are added to the chunks that it emits."""


def _run_rounds(
    request: Request[GenerateContentResponse], options: CallingOptions, run_round: _RoundRunner
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    operation: Any = request.operation
    config: GenerateContentConfig = operation.config
    contents: tuple[Content, ...] = operation.contents
    switches = config.automatic_function_calling or AutomaticFunctionCallingConfig()
    rounds, history = _get_max_rounds(options, switches), tuple[Content, ...]()
    deadline = yield from compute_deadline(request)
    listed = yield from _replace_sessions(options, deadline)
    if isinstance(listed, Failure):
        return listed
    options = listed.unwrap()
    functions = _select_runnable_functions(options, config)
    foreign_names = list_declared_names(config) - {get_function_name(each) for each in options.functions}
    config = replace(declare_missing_functions(config, options.functions), automatic_function_calling=None)
    while True:
        following = _replace_contents(request, history or contents, config)
        bounded = yield from apply_remaining_time(following, deadline, _DOING)
        reported_history = () if switches.ignore_call_history else history
        result = bounded if isinstance(bounded, Failure) else (yield from run_round(bounded.unwrap(), reported_history))
        if isinstance(result, Failure):
            return _add_history_to_failure(result, reported_history)
        response, rounds = result.unwrap(), rounds - 1
        calls = response.function_calls
        if not calls or rounds < 1 or any(each.name in foreign_names for each in calls):
            return Success(_add_calling_history(response, reported_history))
        answers = yield from _run_calls(calls, functions, options.on_error, deadline)
        if isinstance(answers, Failure):
            return _add_history_to_failure(answers, reported_history)
        content = complete_role(response.candidates[0].content or Content())
        history = (*(history or contents), content, answers.unwrap())
        config = _relax_calling_mode(config)


_DOING = "calling functions"


def _replace_sessions(
    options: CallingOptions, deadline: float | None
) -> FlowGenerator[Result[CallingOptions, GenaiError]]:
    """Replace the MCP sessions among the functions by their tools; fails if two functions have the same name."""
    sessions: tuple[Any, ...] = tuple(filter(is_mcp_session, options.functions))
    if not sessions:
        return Success(options)
    listed = yield from attempt_until(list_all_tools(sessions), deadline, _DOING)
    if isinstance(listed, Failure):
        return listed
    functions = (*(each for each in options.functions if not is_mcp_session(each)), *listed.unwrap())
    mistake = find_repeated_name("calling", [get_function_name(each) for each in functions])
    return Success(replace(options, functions=functions)) if mistake is None else Failure(mistake)


# One round


def _run_round(
    request: Request[GenerateContentResponse],
    history: tuple[Content, ...],  # noqa: ARG001  # a _RoundRunner takes it
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    return (yield from attempt(request))


def _stream_round(
    request: Request[GenerateContentResponse], history: tuple[Content, ...]
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    operation: Any = request.operation
    calling = _get_calling_config(operation.config)
    if calling is not None and calling.stream_function_call_arguments:
        path = "config.tool_config.function_calling_config.stream_function_call_arguments"
        return Failure(InvalidRequest(path, True, "nothing with calling(…), which needs whole calls"))
    reader = StreamReader(Stream[GenerateContentResponse](stream_response, request))
    chunks: list[GenerateContentResponse] = []
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            return item
        chunks.append(item.unwrap())
        yield from emit(Success(_add_calling_history(item.unwrap(), history)))
    return Success(merge_chunks(chunks) if chunks else GenerateContentResponse())


def _run_calls(
    calls: tuple[FunctionCall, ...],
    functions: dict[str, Callable[..., Any]],
    on_error: OnError,
    deadline: float | None,
) -> FlowGenerator[Result[Content, GenaiError]]:
    """Run all calls concurrently, until the deadline, and return one content with their responses."""
    remaining = yield from compute_remaining_time(deadline, _DOING)
    if isinstance(remaining, Failure):
        return remaining
    seconds = remaining.unwrap()
    runs = tuple(invoke_function(each, functions.get(each.name or ""), on_error) for each in calls)
    runs = runs if seconds is None else tuple(run_within(each, seconds) for each in runs)
    results: tuple[Result[FunctionResponse, GenaiError], ...]
    results = ((yield from attempt(runs[0])),) if len(runs) == 1 else (yield AskAll(runs))
    parts: list[Part] = []
    for result in results:
        if isinstance(result, Failure):
            return result
        parts.append(Part(function_response=result.unwrap()))
    return Success(Content(parts=tuple(parts), role="user"))


def _add_calling_history(response: GenerateContentResponse, history: tuple[Content, ...]) -> GenerateContentResponse:
    return replace(response, automatic_function_calling_history=history) if history else response


def _add_history_to_failure(failure: Failure[GenaiError], history: tuple[Content, ...]) -> Failure[GenaiError]:
    return Failure(failure.failure().with_calling_history(history)) if history else failure


# Requests


def _replace_contents(
    request: Request[GenerateContentResponse], contents: tuple[Content, ...], config: GenerateContentConfig
) -> Request[GenerateContentResponse]:
    changes: dict[str, Any] = {"contents": contents, "config": config}
    return replace(request, operation=replace(request.operation, **changes))


def _get_max_rounds(options: CallingOptions, switches: AutomaticFunctionCallingConfig) -> int:
    maximum = switches.maximum_remote_calls
    if switches.disable or (maximum is not None and maximum < 1):
        return 1
    return options.max_calls or maximum or DEFAULT_MAX_CALLS


def _get_calling_config(config: GenerateContentConfig) -> FunctionCallingConfig | None:
    return config.tool_config.function_calling_config if config.tool_config is not None else None


def _select_runnable_functions(options: CallingOptions, config: GenerateContentConfig) -> dict[str, Callable[..., Any]]:
    calling = _get_calling_config(config)
    allowed = calling.allowed_function_names if calling is not None else None
    by_name = {get_function_name(each): each for each in options.functions}
    return by_name if allowed is None else {name: each for name, each in by_name.items() if name in allowed}


def _relax_calling_mode(config: GenerateContentConfig) -> GenerateContentConfig:
    """Replace the mode ``ANY`` by ``AUTO``, so that the model can answer after its first call."""
    calling = _get_calling_config(config)
    if config.tool_config is None or calling is None or calling.mode != FunctionCallingConfigMode.ANY:
        return config
    relaxed = replace(calling, mode=FunctionCallingConfigMode.AUTO, allowed_function_names=None)
    return replace(config, tool_config=replace(config.tool_config, function_calling_config=relaxed))
