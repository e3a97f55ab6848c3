"""Strategies for function calls of a model: valid ones, with wrong arguments, and of undeclared functions."""

from collections.abc import Mapping
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn.schema.base import Opaque
from genai_fn.schema.content import Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.responses import Candidate, FinishReason
from genai_fn.schema.tools import FunctionCallingConfig, FunctionCallingConfigMode, FunctionDeclaration
from genai_fn.testing.strategies.responses.candidates import PROSE_TEXTS, build_candidate, get_tools
from genai_fn.testing.strategies.values.json_schema import schema_values
from genai_fn.testing.strategies.values.types import from_type, json, texts


def list_call_candidates(config: GenerateContentConfig) -> dict[str, tuple[int, SearchStrategy[Any]]]:
    """List strategies for candidates with function calls; empty if no function is declared or calls are disabled."""
    declared = _list_declarations(config)
    if not declared or _get_calling_config(config).mode == FunctionCallingConfigMode.NONE:
        return {}
    valid = st.one_of([_call_parts(name, _arguments(each)) for name, each in declared.items()])
    with_other_arguments = st.one_of([_call_parts(name, st.dictionaries(texts, json, max_size=2)) for name in declared])
    other_names = st.one_of(
        st.sampled_from([f"default_api.{name}" for name in declared] + ["no_such_function"]), texts.filter(bool)
    )
    undeclared = _call_parts(
        other_names.filter(lambda name: name not in declared), st.dictionaries(texts, json, max_size=2)
    )
    return {
        "a call": (5, valid.map(build_candidate)),
        "several calls": (4, _calling_candidates(valid.flatmap(_signed_calls))),
        "a call with other arguments": (1, _calling_candidates(with_other_arguments)),
        "a call of an undeclared function": (2, _calling_candidates(undeclared)),
        "a malformed call": (1, st.just(_MALFORMED_CANDIDATE)),
    }


def is_call_required(config: GenerateContentConfig) -> bool:
    """Whether the config forces the model to call a function."""
    return _get_calling_config(config).mode == FunctionCallingConfigMode.ANY and bool(_list_declarations(config))


def _get_calling_config(config: GenerateContentConfig) -> FunctionCallingConfig:
    given = None if config.tool_config is None else config.tool_config.function_calling_config
    return given or FunctionCallingConfig()


def _list_declarations(config: GenerateContentConfig) -> dict[str, FunctionDeclaration]:
    declarations = [each for tool in get_tools(config) for each in tool.function_declarations or ()]
    allowed = _get_calling_config(config).allowed_function_names
    return {each.name: each for each in declarations if each.name and (not allowed or each.name in allowed)}


_MALFORMED_CANDIDATE = Candidate(content=Content(role="model"), finish_reason=FinishReason.MALFORMED_FUNCTION_CALL)


def _arguments(declaration: FunctionDeclaration) -> SearchStrategy[Mapping[str, Any]]:
    schema: Any = declaration.parameters_json_schema if declaration.parameters is None else declaration.parameters
    if schema is None:
        return st.just({})
    return schema_values(schema).map(_as_mapping)


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _call_parts(name: str | SearchStrategy[str], arguments: SearchStrategy[Mapping[str, Any]]) -> SearchStrategy[Part]:
    names = st.just(name) if isinstance(name, str) else name
    return st.builds(Part, function_call=st.builds(FunctionCall, name=names, args=arguments))


@st.composite
def _signed_calls(draw: DrawFn, part: Part) -> Part:
    """Add an ID and a thought signature to a function call, each optional."""
    call = replace(cast("FunctionCall", part.function_call), id=draw(_call_ids))
    return replace(part, function_call=call, thought_signature=draw(_signatures))


_call_ids = st.none() | texts.filter(bool)
_signatures = st.none() | from_type(Opaque)


def _calling_candidates(call: SearchStrategy[Part]) -> SearchStrategy[Candidate]:
    return st.builds(_join_parts, st.lists(PROSE_TEXTS, max_size=1), st.lists(call, min_size=1, max_size=3))


def _join_parts(first_texts: list[str], calls: list[Part]) -> Candidate:
    return build_candidate(*(Part(text=each) for each in first_texts), *calls)
