"""Runs one function as a model asked for it: its arguments by their types, what it returns as JSON."""

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import CallFunction, FlowFailed, Notify
from genai_fn.errors import FunctionCallError, GenaiError
from genai_fn.events import Called
from genai_fn.flows.typed_json import convert_json, to_json
from genai_fn.request import FlowGenerator, flow
from genai_fn.schema import FunctionCall, FunctionResponse
from genai_fn.schema.base import ConversionError
from genai_fn.schema.function_declarations import get_parameter_type

__all__ = ["OnError", "convert_arguments", "invoke_function"]

OnError: TypeAlias = Literal["return", "fail"]


@flow
def invoke_function(
    call: FunctionCall, function: Callable[..., Any] | None, on_error: OnError
) -> FlowGenerator[Result[FunctionResponse, GenaiError]]:
    """
    Run a function as a model asked, and give what goes back to the model.

    What is wrong with the call goes back as ``{"error": …}``. So does an exception of the function, unless `on_error`
    is ``fail``: then it is ``Failure(FunctionCallError)``.
    """
    try:
        given = convert_arguments(function, call)
    except ConversionError as wrong:
        answer: FunctionResponse | FunctionCallError = _build_error_response(wrong.expected)
    else:
        answer = yield from _call_function(cast("Callable[..., Any]", function), given, call.name or "")
    response = _build_error_response(answer.message) if isinstance(answer, FunctionCallError) else answer
    yield Notify(Called(call.name or "", call.args or {}, response.response or {}))
    if isinstance(answer, FunctionCallError) and on_error == "fail":
        return Failure(answer)
    return Success(replace(response, id=call.id, name=call.name))


def _call_function(
    function: Callable[..., Any], given: dict[str, Any], name: str
) -> FlowGenerator[FunctionResponse | FunctionCallError]:
    try:
        value = yield CallFunction(function, (), given, in_thread=True)
        return value if isinstance(value, FunctionResponse) else FunctionResponse(response={"result": to_json(value)})
    except FlowFailed:
        raise  # not the function's: the world cannot run it
    except Exception as error:  # noqa: BLE001  # the caller's own function may raise anything
        return FunctionCallError(name, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _build_error_response(message: str) -> FunctionResponse:
    return FunctionResponse(response={"error": message})


# Arguments


def convert_arguments(function: Callable[..., Any] | None, call: FunctionCall) -> dict[str, Any]:
    """
    Convert the arguments of a call to what a function's annotations say, strictly if they fit, leniently if not.

    Raises:
        Misfit: saying all that is wrong, in words for the model.

    >>> def weather(city: str, days: int = 1) -> str: ...
    >>> convert_arguments(weather, FunctionCall(name="weather", args={"city": "Oslo", "days": 3.0}))
    {'city': 'Oslo', 'days': 3}
    """
    if function is None:
        raise ConversionError(call.name, f"there is no function {call.name} to be called")
    given: Mapping[str, Any] = call.args or {}
    parameters = _get_parameters(function)
    if parameters is None:
        return dict(given)
    takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    offered = {name: each for name, each in parameters.items() if each.kind not in _VARIADIC_KINDS}
    wrong = [f"{name}: no such argument" for name in given if name not in offered and not takes_any]
    converted = {name: _to_whole_numbers(value) for name, value in given.items() if name not in offered}
    for name, parameter in offered.items():
        if name not in given:
            wrong += [f"{name}: missing"] if parameter.default is Parameter.empty else []
            continue
        try:
            converted[name] = _convert_argument(given[name], function, parameter)
        except (msgspec.ValidationError, RecursionError) as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise ConversionError(given, "; ".join(wrong))
    return converted


_VARIADIC_KINDS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _get_parameters(function: Callable[..., Any]) -> dict[str, Parameter] | None:
    """Give what a call may name; what a ``functools.partial`` has bound is the caller's. None if Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    bound: Mapping[str, Any] = getattr(function, "keywords", {})
    return {name: each for name, each in parameters.items() if name not in bound}


def _convert_argument(value: Any, function: Callable[..., Any], parameter: Parameter) -> Any:
    if value is None and parameter.default is None:
        return None
    try:
        kind = get_parameter_type(function, parameter)
    except ConversionError:  # none, or none that can be read: whoever declared the function knows
        return _to_whole_numbers(value)
    value = _to_whole_numbers(value)
    try:
        return convert_json(value, kind)
    except msgspec.ValidationError:
        return convert_json(value, kind, strict=False)


def _to_whole_numbers(value: Any) -> Any:
    """Take 3.0 for 3, as JSON from a protobuf Struct has no whole numbers; a float that is asked for is one again."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _to_whole_numbers(each) for key, each in cast("Any", value).items()}
    return [_to_whole_numbers(each) for each in cast("Any", value)] if isinstance(value, list) else value
