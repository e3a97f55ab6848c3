"""Tools as they are sent: all function declarations in one tool."""

from collections.abc import Sequence
from typing import cast

from msgspec.structs import replace

from genai_fn.schema.tools import FunctionDeclaration, Tool, ToolLike

__all__ = ["merge_function_declarations"]


def merge_function_declarations(tools: Sequence[ToolLike] | None) -> tuple[Tool, ...] | None:
    """
    Move all function declarations into one tool, the last one; the other tools keep their order.

    >>> from genai_fn.schema import GoogleSearch
    >>> f, g = (Tool(function_declarations=(FunctionDeclaration(name=each),)) for each in "fg")
    >>> merge_function_declarations((f, Tool(google_search=GoogleSearch()), g))[-1]
    Tool(function_declarations=(FunctionDeclaration(name='f'), FunctionDeclaration(name='g')))
    """
    if tools is None:
        return None
    declared: list[FunctionDeclaration] = []
    others: list[Tool] = []
    for tool in cast("Sequence[Tool]", tools):  # as ``as_struct`` has converted them
        declared += tool.function_declarations or ()
        rest = replace(tool, function_declarations=None) if tool.function_declarations else tool
        if rest is tool or rest != _EMPTY_TOOL:
            others.append(rest)
    return (*others, Tool(function_declarations=tuple(declared))) if declared else tuple(others)


_EMPTY_TOOL = Tool()
