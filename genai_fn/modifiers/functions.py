"""Function calling: from a request to the loop that runs what the model calls; in a session, what it may call."""

from collections.abc import Callable
from typing import Any, ClassVar, cast, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import calling as loop
from genai_fn.flows import chats, streams, together
from genai_fn.flows.invoking import OnError
from genai_fn.flows.turns import Turn
from genai_fn.options import at_least_one
from genai_fn.request import Description, Flow, Live, Modifier, Request, Stream
from genai_fn.schema import GenerateContentResponse, LiveConnectConfig, LiveServerMessage
from genai_fn.schema._base import Misfit
from genai_fn.schema.callables import name_of

__all__ = ["Calling", "calling"]


class Calling(Modifier):
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


def calling(*functions: Callable[..., Any], max_calls: int | None = None, on_error: OnError = "return") -> Calling:
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
        at_least_one("max_calls", max_calls)
    if on_error not in ("return", "fail"):
        raise InvalidRequest("on_error", on_error, "return or fail")
    return Calling(_offered, (loop.Offer(functions, max_calls, on_error),))


def _offered(description: Description | Live[Any], offer: loop.Offer) -> Flow[Any] | Stream[Any] | Live[Any]:
    return _offering(description, offer) if isinstance(description, Live) else _calling(description, offer)


def _calling(description: Description, offer: loop.Offer) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Flow) and description.builder in (chats.turned, together.within):
        return replace(description, of=_calling(description.of, offer))
    if isinstance(description, Stream) and description.builder is chats.turned_in_pieces:
        is_plain = description.of.builder is streams.served
        called = _calling(description.of.of if is_plain else description.of, offer)
        return replace(description, of=Stream(loop.called_in_pieces, called.of, (offer,)))
    config = getattr(description.operation, "config", None) if isinstance(description, Request) else None
    if config is None or "automatic_function_calling" not in config.__struct_fields__:
        raise InvalidRequest(
            "calling", description, "a generate request: | calling(…) comes once, before what reads its answer"
        )
    if cast("Request[Any]", description).options.with_http_response:
        raise InvalidRequest("calling", description, "a request without with_http_response")
    _declared(config, offer)
    return Flow(loop.called, description, (offer,))


def _offering(live: Live[Any], offer: loop.Offer) -> Live[Any]:
    config = getattr(live.operation, "config", None)
    if not isinstance(config, LiveConnectConfig) or live.offer is not None:
        raise InvalidRequest("calling", live.operation.op, "a session that can call functions, once")
    if offer.max_calls is not None:
        raise InvalidRequest("max_calls", offer.max_calls, "nothing, as a session has no rounds")
    changed: dict[str, Any] = {"config": _declared(config, offer)}
    return replace(live, operation=replace(live.operation, **changed), offer=offer)


def _declared(config: Any, offer: loop.Offer) -> Any:
    """Declare the functions in a config, refusing what cannot be declared."""
    names = [_name(each) for each in offer.functions]
    declared: Any = loop.declaring(config, offer.functions)
    if len(set(names)) < len(names):
        raise InvalidRequest("calling", names, "functions of different names")
    return declared


def _name(function: Callable[..., Any]) -> str:
    try:
        return name_of(function)
    except Misfit as wrong:
        raise InvalidRequest("calling", wrong.value, wrong.expected) from None
