"""Function calls: an allowed function that was not answered yet, with arguments that match its parameters."""

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from genai_fn import codec
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.schema_values import build_value
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.tools import (
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    Tool,
    ToolConfig,
)


def build_call(
    tools: Sequence[Tool], config: ToolConfig | None, text: str, contents: Sequence[Content] = ()
) -> FunctionCall | None:
    """
    Build a function call in mode ``ANY``; None in other modes. String arguments are `text`.

    It calls the first function with the fewest responses in `contents`, so that every function gets its turn.

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
    response_counts = _count_responses(contents)
    chosen = min(callable_functions, key=lambda each: response_counts[each.name])
    return FunctionCall(name=chosen.name, args=_build_arguments(chosen, text))


def _count_responses(contents: Sequence[Content]) -> Counter[str | None]:
    responses = (part.function_response for turn in contents for part in turn.parts or ())
    return Counter(each.name for each in responses if each is not None)


def add_call_ids(calls: Sequence[FunctionCall], seed: str) -> tuple[Part, ...]:
    """Build the parts of function calls: each with an ID, and the first with a thought signature, as the API does."""
    return tuple(
        Part(
            function_call=FunctionCall(
                name=call.name, args=call.args, id=call.id or compute_digest(f"call {index} {seed}", 4).hex()
            ),
            thought_signature=None if index else build_signature(seed),
        )
        for index, call in enumerate(calls)
    )


def build_signature(seed: str) -> str:
    """Build the signature of a thought in base64, which clients must send back unchanged."""
    return b64encode(compute_digest(f"signature {seed}", 24)).decode()


def _build_arguments(function: FunctionDeclaration, text: str) -> dict[str, Any]:
    schema = function.parameters_json_schema
    if function.parameters is not None:
        schema = codec.to_builtins(function.parameters)
    arguments = build_value(schema, text)
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {}
