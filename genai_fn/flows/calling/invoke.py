"""Calls one function for a model: converts the arguments by their annotations, and the result to JSON."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter
from typing import Any, cast

import msgspec
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import CallFunction, FlowFailed, Notify
from genai_fn.errors import FunctionCallError, GenaiError
from genai_fn.events import Called
from genai_fn.flows.calling.options import OnError
from genai_fn.flows.typed_json import convert_json, to_json, to_whole_numbers
from genai_fn.request import FlowGenerator, FlowTraits, flow
from genai_fn.schema.base import ConversionError
from genai_fn.schema.function_declarations import DeclaredFunction, get_parameter_type
from genai_fn.schema.functions import FunctionCall, FunctionResponse


@flow(traits=FlowTraits(calls_function=True))
def invoke_function(
    call: FunctionCall, function: Callable[..., Any] | None, on_error: OnError
) -> FlowGenerator[Result[FunctionResponse, GenaiError]]:
    """
    Call a function for a model, and return the function response.

    A call of an unknown function or with invalid arguments is returned to the model as ``{"error": …}``, and so is an
    exception of the function. If `on_error` is ``fail``, an exception is ``Failure(FunctionCallError)`` instead.
    """
    try:
        arguments = convert_arguments(function, call)
    except ConversionError as mistake:
        answer: FunctionResponse | FunctionCallError = _build_error_response(mistake.expected)
    else:
        answer = yield from _call_function(cast("Callable[..., Any]", function), arguments, call)
    if isinstance(function, DeclaredFunction) and on_error == "fail":
        answer = _convert_tool_error(answer, function)
    response = _build_error_response(answer.message) if isinstance(answer, FunctionCallError) else answer
    yield Notify(Called(call.name or "", call.args or {}, response.response or {}))
    if isinstance(answer, FunctionCallError) and on_error == "fail":
        return Failure(answer)
    return Success(replace(response, id=call.id, name=call.name))


def _call_function(
    function: Callable[..., Any], arguments: dict[str, Any], call: FunctionCall
) -> FlowGenerator[FunctionResponse | FunctionCallError]:
    try:
        positional, named = _split_arguments(function, arguments)
        in_thread = not isinstance(function, DeclaredFunction)
        value = yield CallFunction(function, positional, named, in_thread, tool_call=call)
        return value if isinstance(value, FunctionResponse) else FunctionResponse(response={"result": to_json(value)})
    except FlowFailed:
        raise  # the executor cannot run this function
    except Exception as error:  # noqa: BLE001  # a caller's function may raise anything
        return FunctionCallError(call.name or "", describe_exception(error))


def _split_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split converted arguments into those that the function accepts by position only, and the others."""
    parameters = {} if isinstance(function, DeclaredFunction) else _get_parameters(function) or {}
    names = [name for name, each in parameters.items() if each.kind is Parameter.POSITIONAL_ONLY]
    # One that is missing before the last given one is its default, so that all others are passed.
    count = max((number for number, name in enumerate(names, 1) if name in arguments), default=0)
    given = tuple(arguments.get(name, parameters[name].default) for name in names[:count])
    return given, {name: value for name, value in arguments.items() if name not in names}


def _convert_tool_error(
    answer: FunctionResponse | FunctionCallError, function: DeclaredFunction
) -> FunctionResponse | FunctionCallError:
    """Convert the response of an MCP tool that reports an error to a `FunctionCallError`; return others unchanged."""
    error = (answer.response or {}).get("error") if isinstance(answer, FunctionResponse) else None
    return answer if error is None else FunctionCallError(function.name, str(error))


def _build_error_response(message: str) -> FunctionResponse:
    return FunctionResponse(response={"error": message})


def describe_exception(error: Exception) -> str:
    """Return the type and the text of an exception; only the type if its ``__str__`` returns nothing or fails."""
    kind = type(error).__name__
    try:
        shown = str(error)
    except Exception:  # noqa: BLE001  # of the user's class
        return kind
    return f"{kind}: {shown}" if shown else kind


# Arguments


def convert_arguments(function: Callable[..., Any] | None, call: FunctionCall) -> dict[str, Any]:
    """
    Convert the arguments of a call to the types that the function's annotations name, such as ``"3"`` to ``int``.

    Arguments that the function does not have are omitted, as in google-genai: models add some now and then.

    Raises:
        ConversionError: If there is no function, or arguments are missing or invalid: all of them, in a message for
            the model.

    >>> def weather(city: str, days: int = 1) -> str: ...
    >>> convert_arguments(weather, FunctionCall(name="weather", args={"city": "Oslo", "days": 3.0}))
    {'city': 'Oslo', 'days': 3}
    """
    if function is None:
        raise ConversionError(call.name, f"the function {call.name} does not exist")
    arguments: Mapping[str, Any] = call.args or {}
    if isinstance(function, DeclaredFunction):
        return {name: to_whole_numbers(value) for name, value in arguments.items()}
    parameters = _get_parameters(function)
    if parameters is None:
        return dict(arguments)
    offered = {name: each for name, each in parameters.items() if each.kind not in _VARIADIC_KINDS}
    converted = _select_other_arguments(function, parameters, arguments)
    unknown = [name for name in arguments if name not in offered and name not in converted]
    mistakes: list[str] = []
    for name, parameter in offered.items():
        if name not in arguments:
            mistakes += [f"{name}: missing"] if parameter.default is Parameter.empty else []
            continue
        try:
            converted[name] = _convert_argument(arguments[name], function, parameter)
        except (msgspec.ValidationError, RecursionError) as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise ConversionError(arguments, "; ".join([*(f"{name}: no such argument" for name in unknown), *mistakes]))
    return converted


_VARIADIC_KINDS = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def _select_other_arguments(
    function: Callable[..., Any], parameters: Mapping[str, Parameter], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Select the arguments for ``**kwargs``: neither other parameters nor what a ``functools.partial`` binds."""
    if not any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values()):
        return {}
    bare, bound = (function.func, function.keywords) if isinstance(function, partial) else (function, {})
    every = {**inspect.signature(bare).parameters, **parameters}  # the partial has no longer what it binds by position
    named = {*bound, *(name for name, each in every.items() if each.kind not in _VARIADIC_KINDS)}
    return {name: to_whole_numbers(value) for name, value in arguments.items() if name not in named}


def _get_parameters(function: Callable[..., Any]) -> dict[str, Parameter] | None:
    """
    Return the parameters that a call may name, without those that a ``functools.partial`` binds.

    None if the signature is not available.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    bound: Mapping[str, Any] = function.keywords if isinstance(function, partial) else {}
    return {name: each for name, each in parameters.items() if name not in bound}


def _convert_argument(value: Any, function: Callable[..., Any], parameter: Parameter) -> Any:
    if value is None and parameter.default is None:
        return None
    try:
        kind = get_parameter_type(function, parameter)
    except ConversionError:  # no annotation, or one without a JSON schema
        return to_whole_numbers(value)
    value = to_whole_numbers(value)
    try:
        return convert_json(value, kind)
    except msgspec.ValidationError:
        return convert_json(value, kind, strict=False)
    except TypeError:  # JSON has no such type: the function was declared by hand
        return value
