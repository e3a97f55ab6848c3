"""
The texts of a prompt that count: of its contents, its system instruction, its tools, and the schema of its response.

The rules are those of google-genai's local tokenizer: names, keys and strings count, such as the name of a function or
the key of an argument; numbers, types, titles, defaults and the syntax of JSON do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from msgspec import Struct

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.ops.generate import GenerateContent
from genai_fn.ops.request_parts import as_type
from genai_fn.request import Request
from genai_fn.schema.content import Content, Part
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.schema.functions import FunctionCall, FunctionResponse
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.schema_tree import is_mapping, iter_subschemas
from genai_fn.schema.tokens import CountTokensConfig
from genai_fn.schema.tools import Tool

_Config: TypeAlias = CountTokensConfig | GenerateContentConfig


class CountableText(NamedTuple):
    """A text that counts, and the role of its content; None for a text of a tool or a schema."""

    role: str | None
    text: str


def list_countable_texts(contents: Any, config: Any) -> list[CountableText]:
    """
    List the texts of contents and a config, or of a ``generate`` request.

    Raises:
        InvalidRequest: If they cannot be converted, or contain something other than text that counts.

    >>> [each.text for each in list_countable_texts({"function_call": {"name": "sky", "args": {"hue": "blue"}}}, None)]
    ['sky', 'hue', 'blue']
    """
    if not isinstance(contents, Request):
        return [*_iter_texts(as_contents(contents), _convert_config(config), "")]
    if config is not None:
        raise InvalidRequest("config", config, "no config beside a request")
    operation: Any = cast("Any", contents).operation
    if not isinstance(operation, GenerateContent):
        raise InvalidRequest("contents", contents, "contents, or a request to generate")
    return [*_iter_texts(operation.contents, operation.config, "request.")]


def _convert_config(config: Any) -> _Config:
    """Convert a config; a mapping with ``generation_config`` is that of ``tokens.count``, another of ``generate``."""
    if isinstance(config, CountTokensConfig) or (is_mapping(config) and not _GENERATION_CONFIG.isdisjoint(config)):
        return as_struct(CountTokensConfig, config)
    return as_struct(GenerateContentConfig, config)


_GENERATION_CONFIG = frozenset({"generation_config", "generationConfig"})
"""The spellings of the field that only a `CountTokensConfig` has."""


def _iter_texts(contents: tuple[Content, ...], config: _Config, prefix: str) -> Iterator[CountableText]:
    yield from _iter_content_texts(contents, f"{prefix}contents")
    tools = cast("tuple[Tool, ...]", config.tools or ())  # functions and the like are converted already
    for each in (*_iter_tool_texts(tools), *_iter_response_schema_texts(config)):
        yield CountableText(None, each)
    if isinstance(config, GenerateContentConfig) and config.cached_content is not None:
        expected = "None: only the service knows the tokens of a cache"
        raise InvalidRequest(f"{prefix}config.cached_content", config.cached_content, expected)
    system_instruction = as_type(Content, config.system_instruction)
    if system_instruction is not None:
        for each in _iter_part_texts(system_instruction, f"{prefix}config.system_instruction"):
            yield CountableText(system_instruction.role, each)


# Contents


def _iter_content_texts(contents: Sequence[Content], path: str) -> Iterator[CountableText]:
    for index, content in enumerate(contents):
        for each in _iter_part_texts(content, f"{path}[{index}]"):
            yield CountableText(content.role, each)


def _iter_part_texts(content: Content, path: str) -> Iterator[str]:
    for index, part in enumerate(content.parts or ()):
        place = f"{path}.parts[{index}]"
        _refuse_uncountable(part, _UNCOUNTABLE_OF_PARTS, place)
        if part.function_call is not None:
            _refuse_uncountable(part.function_call, ("partial_args",), f"{place}.function_call")
            yield from _iter_named_json(part.function_call.name, part.function_call.args)
        if part.function_response is not None:
            _refuse_uncountable(part.function_response, ("parts",), f"{place}.function_response")
            yield from _iter_named_json(part.function_response.name, part.function_response.response)
        if part.text is not None:
            yield part.text


_UNCOUNTABLE_OF_PARTS = (
    "code_execution_result",
    "executable_code",
    "file_data",
    "inline_data",
    "tool_call",
    "tool_response",
)
"""Fields of a part that have tokens, but not of a text. Other fields have none, such as the thought signature."""


def _refuse_uncountable(value: Part | FunctionCall | FunctionResponse, names: tuple[str, ...], path: str) -> None:
    """Raise `InvalidRequest` if one of these fields is set: a count without it would be too low."""
    for name in names:
        found = getattr(value, name)
        if found not in (None, ()):
            expected = "None: only texts, function calls and function responses are counted locally"
            raise InvalidRequest(f"{path}.{name}", found, expected)


def _iter_named_json(name: str | None, value: Mapping[str, Any] | None) -> Iterator[str]:
    yield from filter(None, (name,))
    yield from _iter_json_texts(value)


def _iter_json_texts(value: Any) -> Iterator[str]:
    """Yield the keys of objects, and all strings, at any depth."""
    if isinstance(value, str):
        yield value
    elif is_mapping(value):
        yield from map(str, value)
        for each in value.values():
            yield from _iter_json_texts(each)
    elif isinstance(value, list | tuple):
        for each in cast("Sequence[Any]", value):
            yield from _iter_json_texts(each)


# Tools and schemas


def _iter_tool_texts(tools: Sequence[Tool]) -> Iterator[str]:
    for declaration in (each for tool in tools for each in tool.function_declarations or ()):
        yield from filter(None, (declaration.name, declaration.description))
        yield from _iter_schema_texts(declaration.parameters)
        yield from _iter_schema_texts(declaration.parameters_json_schema)
        yield from _iter_schema_texts(declaration.response)
        yield from _iter_schema_texts(declaration.response_json_schema)


def _iter_response_schema_texts(config: _Config) -> Iterator[str]:
    source = config.generation_config if isinstance(config, CountTokensConfig) else config
    if source is not None:
        yield from _iter_schema_texts(source.response_schema)
        yield from _iter_schema_texts(source.response_json_schema)


def _iter_schema_texts(schema: Any) -> Iterator[str]:
    """Yield the texts of a `Schema`, or of a JSON Schema: both are mappings of the same keywords."""
    keywords = codec.to_builtins(schema) if isinstance(schema, Struct) else schema
    if not is_mapping(keywords):  # true or false allow anything or nothing
        return
    for name in _COUNTED_KEYWORDS:
        yield from _iter_json_texts(keywords.get(name))
    properties = keywords.get("properties")
    yield from map(str, properties if is_mapping(properties) else ())
    for each in iter_subschemas(keywords):
        yield from _iter_schema_texts(each)


_COUNTED_KEYWORDS = ("format", "description", "enum", "const", "required", "example", "examples")
"""Keywords whose texts count. ``const`` and ``examples`` are JSON Schema's for ``enum`` and ``example``."""
