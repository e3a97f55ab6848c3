"""The options of the function-calling loop."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

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
