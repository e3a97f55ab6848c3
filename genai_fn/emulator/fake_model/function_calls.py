"""What the model calls where it is made to: the first function that it may, with arguments that fit."""

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

__all__ = ["build_call"]


def build_call(tools: Sequence[Tool], config: ToolConfig | None, text: str) -> FunctionCall | None:
    """
    Call a function, in mode ``ANY``; `text` is every text among its arguments.

    >>> from genai_fn.schema import FunctionDeclaration
    >>> tool = Tool(function_declarations=(FunctionDeclaration(name="clock"),))
    >>> build_call([tool], ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY")), "hm")
    FunctionCall(args={}, name='clock')

    Raises:
        Unreadable: where the function's parameters make no sense.
    """
    calling = (config and config.function_calling_config) or FunctionCallingConfig()
    allowed = calling.allowed_function_names
    declared = [each for tool in tools for each in tool.function_declarations or ()]
    offered = [each for each in declared if allowed is None or each.name in allowed]
    if calling.mode != FunctionCallingConfigMode.ANY or not offered:
        return None
    return FunctionCall(name=offered[0].name, args=_build_arguments(offered[0], text))


def _build_arguments(function: FunctionDeclaration, text: str) -> dict[str, Any]:
    schema = function.parameters_json_schema
    if function.parameters is not None:
        schema = codec.to_builtins(function.parameters)
    made = build_value(schema, text)
    return cast("dict[str, Any]", made) if isinstance(made, dict) else {}
