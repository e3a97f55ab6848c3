"""Calls of functions, as a model may make them: right ones, with other arguments, and of what nobody declared."""

from collections.abc import Mapping
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn.schema import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    FunctionCallingConfigMode,
    FunctionDeclaration,
    GenerateContentConfig,
    Opaque,
    Part,
)
from genai_fn.testing.strategies.candidates import PROSE, candidate, tools
from genai_fn.testing.strategies.fitting import fitting
from genai_fn.testing.strategies.types import json, of, texts

__all__ = ["calls_of", "must_call"]


def calls_of(config: GenerateContentConfig) -> dict[str, tuple[int, SearchStrategy[Any]]]:
    """Draw candidates that call functions, in every way; none where no function is declared, or none may be called."""
    declared = _declared(config)
    if not declared or _mode(config) == FunctionCallingConfigMode.NONE:
        return {}
    right = st.one_of([_call(name, _arguments(each)) for name, each in declared.items()])
    askew = st.one_of([_call(name, st.dictionaries(texts, json, max_size=2)) for name in declared])
    amiss = st.one_of(
        st.sampled_from([f"default_api.{name}" for name in declared] + ["no_such_function"]), texts.filter(bool)
    )
    wrong = _call(amiss.filter(lambda name: name not in declared), st.dictionaries(texts, json, max_size=2))
    return {
        "a call": (5, right.map(candidate)),
        "several calls": (4, _calling(right.flatmap(_signed))),
        "a call with other arguments": (1, _calling(askew)),
        "a call of what is not declared": (2, _calling(wrong)),
        "a malformed call": (1, st.just(_malformed)),
    }


def must_call(config: GenerateContentConfig) -> bool:
    """Tell whether the model has no other choice."""
    return _mode(config) == FunctionCallingConfigMode.ANY and bool(_declared(config))


def _mode(config: GenerateContentConfig) -> Any:
    calling = None if config.tool_config is None else config.tool_config.function_calling_config
    return None if calling is None else calling.mode


def _declared(config: GenerateContentConfig) -> dict[str, FunctionDeclaration]:
    found = [each for tool in tools(config) for each in tool.function_declarations or ()]
    calling = None if config.tool_config is None else config.tool_config.function_calling_config
    allowed = None if calling is None else calling.allowed_function_names
    return {each.name: each for each in found if each.name and (not allowed or each.name in allowed)}


_malformed = Candidate(content=Content(role="model"), finish_reason=FinishReason.MALFORMED_FUNCTION_CALL)


def _arguments(declaration: FunctionDeclaration) -> SearchStrategy[Mapping[str, Any]]:
    schema: Any = declaration.parameters_json_schema if declaration.parameters is None else declaration.parameters
    if schema is None:
        return st.just({})
    return fitting(schema).map(_named)


def _named(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _call(name: str | SearchStrategy[str], arguments: SearchStrategy[Mapping[str, Any]]) -> SearchStrategy[Part]:
    named = st.just(name) if isinstance(name, str) else name
    return st.builds(Part, function_call=st.builds(FunctionCall, name=named, args=arguments))


@st.composite
def _signed(draw: DrawFn, part: Part) -> Part:
    """Give a call what may go with it: an identity, and the seal of the thought that led to it."""
    call = replace(cast("FunctionCall", part.function_call), id=draw(st.none() | texts.filter(bool)))
    return replace(part, function_call=call, thought_signature=draw(st.none() | of(Opaque)))


@st.composite
def _calling(draw: DrawFn, call: SearchStrategy[Part]) -> Candidate:
    calls = draw(st.lists(call, min_size=1, max_size=3))
    before = draw(st.lists(PROSE, max_size=1))
    return candidate(*(Part(text=each) for each in before), *calls)
