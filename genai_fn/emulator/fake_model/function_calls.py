"""Function calls: the first allowed function, with arguments that match its parameters."""

from collections.abc import Sequence
from typing import Any, cast

from genai_fn import codec
from genai_fn.emulator.fake_model.schema_values import build_value
from genai_fn.schema import (
    FunctionCall,
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    Tool,
    ToolConfig,
)


def build_call(tools: Sequence[Tool], config: ToolConfig | None, text: str) -> FunctionCall | None:
    """
    Build a function call in mode ``ANY``; None in other modes. String arguments are `text`.

    >>> from genai_fn.schema import FunctionDeclaration
    >>> tool = Tool(function_declarations=(FunctionDeclaration(name="clock"),))
    >>> build_call([tool], ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY")), "hm")
    FunctionCall(args={}, name='clock')

    Raises:
        UnreadableSchema: If the schema of the parameters is invalid.
    """
    calling_config = (config and config.function_calling_config) or FunctionCallingConfig()
    allowed = calling_config.allowed_function_names
    declared = [each for tool in tools for each in tool.function_declarations or ()]
    callable_functions = [each for each in declared if allowed is None or each.name in allowed]
    if calling_config.mode != FunctionCallingConfigMode.ANY or not callable_functions:
        return None
    return FunctionCall(name=callable_functions[0].name, args=_build_arguments(callable_functions[0], text))


def _build_arguments(function: FunctionDeclaration, text: str) -> dict[str, Any]:
    schema = function.parameters_json_schema
    if function.parameters is not None:
        schema = codec.to_builtins(function.parameters)
    arguments = build_value(schema, text)
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {}
