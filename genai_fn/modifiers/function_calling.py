"""Function calling: from a request to the loop that runs what the model calls; in a session, what it may call."""

from collections.abc import Callable
from typing import Any, ClassVar, cast, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import calling as loop
from genai_fn.flows.calling.invoke import OnError
from genai_fn.flows.turns import Turn
from genai_fn.options import check_at_least_one
from genai_fn.request import Description, Flow, Live, Modifier, Request, Stream
from genai_fn.schema import GenerateContentResponse, LiveConnectConfig, LiveServerMessage
from genai_fn.schema.base import ConversionError
from genai_fn.schema.function_declarations import get_function_name

__all__ = ["CallingModifier", "calling"]


class CallingModifier(Modifier):
    """The answer becomes that which comes once all calls were answered; a session answers calls as they come."""

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
    *functions: Callable[..., Any], max_calls: int | None = None, on_error: OnError = "return"
) -> CallingModifier:
    """
    Declare functions to the model, run those that it calls, and ask again, until it calls no more.

    Calls of one answer run at once: in threads, async functions as tasks. Arguments are converted by their annotations.
    What is wrong with a call goes back to the model as ``{"error": …}``. A call of what is declared, but not one of
    these functions, ends the loop: the last response is yours to answer. Once a model in mode ``ANY`` has called, it is
    asked on in mode ``AUTO``, so that it can come to an end.

    The last response carries all that was said before it in ``automatic_function_calling_history``.
    ``config.automatic_function_calling`` is obeyed.

    In a live session calls are run and answered as they come, and every message is seen all the same; a call of what is
    declared, but not one of these functions, is yours to answer.

    Args:
        functions: Each is declared by its signature and docstring, unless a tool of the request declares its name.

        max_calls: How often the model is asked at most, 10 unless the config says something else; the calls of the
            last response are then neither run nor answered. A session has no rounds to be counted.

        on_error: Whether an exception goes back to the model, too (``return``), or ends all as
            ``Failure(FunctionCallError)`` (``fail``).
    """
    if not functions:
        raise InvalidRequest("calling", functions, "at least one function")
    if max_calls is not None:
        check_at_least_one("max_calls", max_calls)
    if on_error not in ("return", "fail"):
        raise InvalidRequest("on_error", on_error, "return or fail")
    return CallingModifier(_apply_calling, (loop.CallingOptions(functions, max_calls, on_error),))


def _apply_calling(
    description: Description | Live[Any], offer: loop.CallingOptions
) -> Flow[Any] | Stream[Any] | Live[Any]:
    return (
        _apply_to_live(description, offer)
        if isinstance(description, Live)
        else _apply_to_description(description, offer)
    )


def _apply_to_description(description: Description, offer: loop.CallingOptions) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Flow | Stream) and description.traits.passes_calling:
        source: Description = description.source
        if isinstance(source, Stream) and source.traits.is_server_stream:
            _validate_request(source.source, offer)
            return replace(description, source=Stream(loop.stream_calling_loop, source, (offer,)))
        return replace(description, source=_apply_to_description(source, offer))
    _validate_request(description, offer)
    return Flow(loop.run_calling_loop, description, (offer,))


def _validate_request(description: Description, offer: loop.CallingOptions) -> None:
    if not isinstance(description, Request) or not description.operation.takes_functions:
        raise InvalidRequest(
            "calling", description, "a generate request: | calling(…) comes once, before what reads its answer"
        )
    if description.options.with_http_response:
        raise InvalidRequest("calling", description, "a request without with_http_response")
    _declare_functions(cast("Any", description.operation).config, offer)


def _apply_to_live(live: Live[Any], offer: loop.CallingOptions) -> Live[Any]:
    config = getattr(live.operation, "config", None)
    if not isinstance(config, LiveConnectConfig) or live.calling_options is not None:
        raise InvalidRequest("calling", live.operation.op, "a session that can call functions, once")
    if offer.max_calls is not None:
        raise InvalidRequest("max_calls", offer.max_calls, "nothing, as a session has no rounds")
    changed: dict[str, Any] = {"config": _declare_functions(config, offer)}
    return replace(live, operation=replace(live.operation, **changed), calling_options=offer)


def _declare_functions(config: Any, offer: loop.CallingOptions) -> Any:
    """Declare the functions in a config, refusing what cannot be declared."""
    names = [_get_name(each) for each in offer.functions]
    declared: Any = loop.declare_missing_functions(config, offer.functions)
    if len(set(names)) < len(names):
        raise InvalidRequest("calling", names, "functions of different names")
    return declared


def _get_name(function: Callable[..., Any]) -> str:
    try:
        return get_function_name(function)
    except ConversionError as wrong:
        raise InvalidRequest("calling", wrong.value, wrong.expected) from None
