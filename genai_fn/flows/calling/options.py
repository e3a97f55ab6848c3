"""The options of the function-calling loop, and the functions that a config declares."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.values import Value

OnError: TypeAlias = Literal["return", "fail"]

DEFAULT_MAX_CALLS = 10
"""Default of the maximum number of requests, as in google-genai."""


class CallingOptions(Value):
    """
    The functions that a model may call, the maximum number of requests, and what happens to exceptions.

    Client sessions with MCP servers stand among the functions; their tools are listed when the loop starts.
    """

    functions: tuple[Callable[..., Any] | Any, ...]
    max_calls: int | None = None
    on_error: OnError = "return"


def list_declared_names(config: GenerateContentConfig) -> set[str]:
    """Return the names of the functions that a config declares."""
    tools: Any = config.tools or ()
    return {each.name for tool in tools for each in tool.function_declarations or () if each.name}
