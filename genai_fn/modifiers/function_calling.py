"""The modifier ``calling``: executes the function calls of a model, in a loop of requests or in a live session."""

from collections.abc import Callable
from typing import Any, ClassVar, cast, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows.calling import declare_missing_functions, run_calling_loop, stream_calling_loop
from genai_fn.flows.calling.mcp_sessions import McpSession
from genai_fn.flows.calling.options import CallingOptions, OnError
from genai_fn.flows.turns import Turn
from genai_fn.modifiers.results import refuse_http_response
from genai_fn.options import check_at_least_one
from genai_fn.request import Description, Flow, Live, Modifier, Request, Stream
from genai_fn.schema.base import ConversionError
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.schema.live import LiveConnectConfig
from genai_fn.schema.live_server import LiveServerMessage
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.tools import is_mcp_session

__all__ = ["CallingModifier", "calling"]


class CallingModifier(Modifier):
    """A request, chat or live session executes the function calls of the model, and sends the results back."""

    takes_live: ClassVar[bool] = True

    @overload
    def __call__(self, description: Request[GenerateContentResponse]) -> Flow[GenerateContentResponse]: ...
    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[GenerateContentResponse]]: ...
    @overload
    def __call__(self, description: Stream[Turn[GenerateContentResponse]]) -> Stream[Turn[GenerateContentResponse]]: ...
    @overload
    def __call__(self, description: Live[LiveServerMessage]) -> Live[LiveServerMessage]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


def calling(
    *functions: Callable[..., Any] | McpSession, max_calls: int | None = None, on_error: OnError = "return"
) -> CallingModifier:
    """
    Declare functions to the model, execute its function calls, and send the results, until it makes no more calls.

    The calls of one response run concurrently: functions in threads, async functions as tasks. Arguments are converted
    to the annotations. An invalid call gets the result ``{"error": …}``. If the model calls a function that only the
    config declares, the loop ends, and you handle the call in the last response. After the first call, the mode
    ``ANY`` becomes ``AUTO``, so that the model can return a text.

    The last response contains the contents before it in ``automatic_function_calling_history``.
    ``config.automatic_function_calling`` is respected.

    In a live session, calls are executed as they arrive, and the session still delivers every message. You handle calls
    of functions that only the config declares.

    Args:
        functions: Functions to call. Each is declared by its signature and docstring, unless a tool of the request
            has a declaration of that name. A client session with an MCP server stands for all tools of the server,
            which are listed when the flow runs.

        max_calls: Maximum number of requests, 10 unless the config sets another; the calls in the last response are not
            executed. Not for live sessions.

        on_error: ``return`` sends an exception to the model; ``fail`` ends the flow with `FunctionCallError`.

    Raises:
        InvalidRequest: If there is no function, two have the same name, one cannot be declared, ``max_calls`` is less
            than 1 or set for a live session, ``on_error`` is unknown, or the modifier is applied to anything but a
            ``generate`` request, a chat or a live session.

    Fails with:
        FunctionCallError: If a function raises an exception, or an MCP server reports an error, and ``on_error`` is
            ``fail``; or if the tools of an MCP server cannot be listed.

        InvalidRequest: If a tool of an MCP server has the name of another function.

        TimedOut: If the deadline of the request passes; it applies to the whole loop.

    >>> from genai_fn import Offline, generate, text, with_config
    >>> def stock(tea: str) -> int:
    ...     return {"black": 3}.get(tea, 0)
    >>> must_call = with_config(tool_config={"function_calling_config": {"mode": "ANY"}})
    >>> request = generate("gemini-2.5-flash", "How much is left?") | must_call
    >>> answer = Offline()(request | calling(stock) | text).unwrap()
    >>> "The function stock answered" in answer
    True
    """
    if not functions:
        raise InvalidRequest("calling", functions, "at least one function")
    if max_calls is not None:
        check_at_least_one("max_calls", max_calls)
    if on_error not in ("return", "fail"):
        raise InvalidRequest("on_error", on_error, "return or fail")
    return CallingModifier(_apply_calling, (CallingOptions(functions, max_calls, on_error),))


def _apply_calling(
    description: Description | Live[Any], options: CallingOptions
) -> Flow[Any] | Stream[Any] | Live[Any]:
    if isinstance(description, Live):
        return _apply_to_live(description, options)
    if isinstance(description, Flow | Stream) and description.traits.passes_calling:
        source: Description = description.source
        if isinstance(source, Stream) and source.traits.is_server_stream:
            _validate_request(source.source, options)
            return replace(description, source=Stream(stream_calling_loop, source, (options,)))
        return replace(description, source=_apply_calling(source, options))
    _validate_request(description, options)
    return Flow(run_calling_loop, description, (options,))


def _validate_request(description: Description, options: CallingOptions) -> None:
    if not isinstance(description, Request) or not description.operation.takes_functions:
        raise InvalidRequest(
            "calling", description, "a generate request: put | calling(…) once, before modifiers that read the response"
        )
    refuse_http_response(description, "calling")
    _declare_functions(cast("Any", description.operation).config, options)  # raises for what cannot be declared


def _apply_to_live(live: Live[Any], options: CallingOptions) -> Live[Any]:
    config = getattr(live.operation, "config", None)
    if not isinstance(config, LiveConnectConfig) or live.calling_options is not None:
        raise InvalidRequest(
            "calling", live.operation.op, "a session that can call functions, without another calling(…)"
        )
    if options.max_calls is not None:
        raise InvalidRequest("max_calls", options.max_calls, "nothing: a session has no rounds")
    if any(map(is_mcp_session, options.functions)):
        raise InvalidRequest("calling", live.operation.op, "the functions that list_mcp_tools(…) returns for a session")
    changed: dict[str, Any] = {"config": _declare_functions(config, options)}
    return replace(live, operation=replace(live.operation, **changed), calling_options=options)


def _declare_functions(config: Any, options: CallingOptions) -> Any:
    """Add the declarations of the functions to a config; raise `InvalidRequest` if they cannot be declared."""
    functions = [each for each in options.functions if not is_mcp_session(each)]
    sessions = {id(each) for each in options.functions if is_mcp_session(each)}
    names = [_get_name(each) for each in functions]
    declared: Any = declare_missing_functions(config, options.functions)
    if len(set(names)) + len(sessions) < len(options.functions):
        raise InvalidRequest("calling", names, "functions with different names, and each MCP session once")
    return declared


def _get_name(function: Callable[..., Any]) -> str:
    try:
        return get_function_name(function)
    except ConversionError as mistake:
        raise InvalidRequest("calling", mistake.value, mistake.expected) from None
