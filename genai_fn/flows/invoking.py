"""Runs one function as a model asked for it: its arguments by their types, what it returns as JSON."""

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Invoke, Tell
from genai_fn.errors import FunctionCallError, GenaiError
from genai_fn.events import Called
from genai_fn.flows.fitting import fitted, jsonable
from genai_fn.request import Steps, flow
from genai_fn.schema import FunctionCall, FunctionResponse
from genai_fn.schema._base import Misfit
from genai_fn.schema.callables import hint
from genai_fn.words import Ended

__all__ = ["OnError", "arguments", "invoked"]

OnError: TypeAlias = Literal["return", "fail"]


@flow
def invoked(
    call: FunctionCall, function: Callable[..., Any] | None, on_error: OnError
) -> Steps[Result[FunctionResponse, GenaiError]]:
    """
    Run a function as a model asked, and give what goes back to the model.

    What is wrong with the call goes back as ``{"error": …}``. So does an exception of the function, unless `on_error`
    is ``fail``: then it is ``Failure(FunctionCallError)``.
    """
    try:
        given = arguments(function, call)
    except Misfit as wrong:
        answer: FunctionResponse | FunctionCallError = _error(wrong.expected)
    else:
        answer = yield from _run(cast("Callable[..., Any]", function), given, call.name or "")
    response = _error(answer.message) if isinstance(answer, FunctionCallError) else answer
    yield Tell(Called(call.name or "", call.args or {}, response.response or {}))
    if isinstance(answer, FunctionCallError) and on_error == "fail":
        return Failure(answer)
    return Success(replace(response, id=call.id, name=call.name))


def _run(function: Callable[..., Any], given: dict[str, Any], name: str) -> Steps[FunctionResponse | FunctionCallError]:
    try:
        value = yield Invoke(function, (), given, in_thread=True)
        return value if isinstance(value, FunctionResponse) else FunctionResponse(response={"result": jsonable(value)})
    except Ended:
        raise  # not the function's: the world cannot run it
    except Exception as error:  # noqa: BLE001  # the caller's own function may raise anything
        return FunctionCallError(name, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _error(message: str) -> FunctionResponse:
    return FunctionResponse(response={"error": message})


# Arguments


def arguments(function: Callable[..., Any] | None, call: FunctionCall) -> dict[str, Any]:
    """
    Convert the arguments of a call to what a function's annotations say, strictly if they fit, leniently if not.

    Raises:
        Misfit: saying all that is wrong, in words for the model.

    >>> def weather(city: str, days: int = 1) -> str: ...
    >>> arguments(weather, FunctionCall(name="weather", args={"city": "Oslo", "days": 3.0}))
    {'city': 'Oslo', 'days': 3}
    """
    if function is None:
        raise Misfit(call.name, f"there is no function {call.name} to be called")
    given: Mapping[str, Any] = call.args or {}
    parameters = _parameters(function)
    if parameters is None:
        return dict(given)
    takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    offered = {name: each for name, each in parameters.items() if each.kind not in _NAMELESS}
    wrong = [f"{name}: no such argument" for name in given if name not in offered and not takes_any]
    converted = {name: _whole(value) for name, value in given.items() if name not in offered}
    for name, parameter in offered.items():
        if name not in given:
            wrong += [f"{name}: missing"] if parameter.default is Parameter.empty else []
            continue
        try:
            converted[name] = _typed(given[name], function, parameter)
        except (msgspec.ValidationError, RecursionError) as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise Misfit(given, "; ".join(wrong))
    return converted


_NAMELESS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _parameters(function: Callable[..., Any]) -> dict[str, Parameter] | None:
    """Give what a call may name; what a ``functools.partial`` has bound is the caller's. None if Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    bound: Mapping[str, Any] = getattr(function, "keywords", {})
    return {name: each for name, each in parameters.items() if name not in bound}


def _typed(value: Any, function: Callable[..., Any], parameter: Parameter) -> Any:
    if value is None and parameter.default is None:
        return None
    try:
        kind = hint(function, parameter)
    except Misfit:  # none, or none that can be read: whoever declared the function knows
        return _whole(value)
    value = _whole(value)
    try:
        return fitted(value, kind)
    except msgspec.ValidationError:
        return fitted(value, kind, strict=False)


def _whole(value: Any) -> Any:
    """Take 3.0 for 3, as JSON from a protobuf Struct has no whole numbers; a float that is asked for is one again."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in cast("Any", value).items()}
    return [_whole(each) for each in cast("Any", value)] if isinstance(value, list) else value
