"""Counts and tokens are those of google-genai's local tokenizer with the same SentencePiece model."""

import warnings
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from google.genai import _local_tokenizer_loader as loader, local_tokenizer
from hypothesis import given, settings, strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from genai_fn import InvalidRequest, LocalTokenizer
from genai_fn.testing.strategies.values.types import json, texts
from tests.support.small_tokenizers import SETTINGS, train_tokenizer

WORDS = st.sampled_from(["the sky", "weather", " in  Rome?", "Straße\n", "🦄", "<start_of_turn>", "", "\u2581", "1234"])
TEXTS = st.one_of(WORDS, texts, st.lists(WORDS).map("".join))
NAMES = st.sampled_from(["weather", "city", "days_ahead", "a-b.c"])
OBJECTS = st.dictionaries(TEXTS, st.one_of(json, st.lists(json, max_size=2)), max_size=3)
SCHEMA_FIELDS: dict[str, SearchStrategy[Any]] = {
    "type": st.sampled_from(["STRING", "OBJECT", "ARRAY", "INTEGER"]),
    "format": TEXTS,
    "description": TEXTS,
    "title": TEXTS,
    "enum": st.lists(TEXTS, max_size=3),
    "required": st.lists(TEXTS, max_size=3),
    "default": json,
    "example": json,
    "pattern": TEXTS,
    "property_ordering": st.lists(TEXTS, max_size=2),
    "nullable": st.booleans(),
}
SCHEMAS: SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries({}, optional=SCHEMA_FIELDS),
    lambda inner: st.fixed_dictionaries(
        {}, optional={**SCHEMA_FIELDS, "items": inner, "properties": st.dictionaries(NAMES, inner, max_size=3)}
    ),
    max_leaves=4,
)
TEXT_PARTS = st.fixed_dictionaries({"text": TEXTS}, optional={"thought": st.booleans()})
PARTS: SearchStrategy[dict[str, Any]] = st.one_of(
    TEXT_PARTS,
    st.fixed_dictionaries({"name": NAMES}, optional={"args": OBJECTS, "id": TEXTS}).map(
        lambda call: {"function_call": call}
    ),
    st.fixed_dictionaries({"name": NAMES}, optional={"response": OBJECTS}).map(
        lambda response: {"function_response": response}
    ),
)
FUNCTIONS = st.fixed_dictionaries(
    {"name": NAMES}, optional={"description": TEXTS, "parameters": SCHEMAS, "response": SCHEMAS}
)
TOOLS = st.one_of(
    st.lists(FUNCTIONS, max_size=2).map(lambda functions: {"function_declarations": functions}),
    st.just({"google_search": {}}),
)


def draw_contents(parts: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Draw contents in all forms that both libraries accept: texts, parts, turns, and lists of them."""
    turn = st.fixed_dictionaries(
        {"parts": st.lists(parts, min_size=1, max_size=3)}, optional={"role": st.sampled_from(["user", "model"])}
    )
    return st.one_of(
        TEXTS,
        parts,
        turn,
        st.lists(st.one_of(TEXTS, parts), min_size=1, max_size=3),
        st.lists(turn, min_size=1, max_size=3),
    )


@st.composite
def draw_configs(draw: DrawFn) -> dict[str, Any]:
    """Draw configs with a system instruction, tools, and the schema of the response."""
    fields: dict[str, SearchStrategy[Any]] = {
        "system_instruction": st.one_of(TEXTS, TEXT_PARTS),
        "tools": st.lists(TOOLS, max_size=2),
        "generation_config": SCHEMAS.map(lambda schema: {"response_schema": schema}),
    }
    return draw(st.fixed_dictionaries({}, optional=fields))


_OLD_NAME = "EncodeAsImmutableProto"
"""What google-genai calls to compute tokens. sentencepiece 0.2.3 has the function only under a new name."""


@pytest.fixture(scope="module", params=SETTINGS)
def tokenizers(request: pytest.FixtureRequest) -> Iterator[tuple[LocalTokenizer, Any]]:
    """Our tokenizer, and google-genai's, with the same model."""
    content = train_tokenizer(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "_load_model_proto_bytes", lambda name: content)
        loader.load_model_proto.cache_clear()
        loader.get_sentencepiece.cache_clear()
        theirs = local_tokenizer.LocalTokenizer("gemini-2.5-flash")
        if not hasattr(theirs._tokenizer, _OLD_NAME):
            patch.setattr(theirs._tokenizer, _OLD_NAME, theirs._tokenizer.EncodeAsProto, raising=False)
        yield LocalTokenizer(content), theirs
    loader.load_model_proto.cache_clear()
    loader.get_sentencepiece.cache_clear()


@pytest.fixture(autouse=True)
def ignore_experimental() -> Iterator[None]:
    """Ignore the warning of google-genai that its tokenizer is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@settings(max_examples=300)
@given(contents=draw_contents(PARTS), config=draw_configs())
def test_counts(tokenizers: tuple[LocalTokenizer, Any], contents: Any, config: dict[str, Any]) -> None:
    """The count of drawn contents, with tools, schemas, function calls and responses, is google-genai's."""
    ours, theirs = tokenizers
    expected = theirs.count_tokens(deepcopy(contents), config=deepcopy(config)).total_tokens
    assert ours.count_tokens(contents, config).total_tokens == expected
    computed = ours.compute_tokens(contents, config).tokens_info
    assert sum(len(each.token_ids) for each in computed) == expected


@settings(max_examples=150)
@given(contents=draw_contents(TEXT_PARTS))
def test_tokens_of_texts(tokenizers: tuple[LocalTokenizer, Any], contents: Any) -> None:
    """The tokens of texts, their ids and their roles are google-genai's."""
    ours, theirs = tokenizers
    assert list_infos(ours.compute_tokens(contents)) == list_infos(theirs.compute_tokens(deepcopy(contents)))


@settings(max_examples=150)
@given(contents=draw_contents(PARTS))
def test_tokens_of_calls(tokenizers: tuple[LocalTokenizer, Any], contents: Any) -> None:
    """Among function calls and responses, google-genai returns the tokens of as many texts as there are parts."""
    ours, theirs = tokenizers
    infos, expected = list_infos(ours.compute_tokens(contents)), list_infos(theirs.compute_tokens(deepcopy(contents)))
    assert [each[1:] for each in infos[: len(expected)]] == [each[1:] for each in expected]


SKY = {"properties": {"hue": {"description": "the sky"}}, "required": ["hue"]}
MORE_COUNTED: dict[str, Any] = {
    "parameters as JSON Schema": {"tools": [{"function_declarations": [{"parameters_json_schema": SKY}]}]},
    "response as JSON Schema": {"tools": [{"function_declarations": [{"response_json_schema": SKY}]}]},
    "response schema as JSON Schema": {"generation_config": {"response_json_schema": SKY}},
    "any of": {"generation_config": {"response_schema": {"any_of": [SKY]}}},
    "definitions": {"generation_config": {"response_schema": {"defs": {"a": SKY}}}},
    "additional properties": {"generation_config": {"response_schema": {"additional_properties": SKY}}},
}


@pytest.mark.parametrize("config", MORE_COUNTED.values(), ids=MORE_COUNTED)
def test_counted_only_here(tokenizers: tuple[LocalTokenizer, Any], config: dict[str, Any]) -> None:
    """google-genai counts nothing of a JSON Schema, and nothing of some parts of a `Schema`; here, all of it counts."""
    ours, theirs = tokenizers
    as_schema = {"generation_config": {"response_schema": SKY}}
    expected = theirs.count_tokens("hi", config=as_schema).total_tokens
    assert ours.count_tokens("hi", config).total_tokens == expected
    assert theirs.count_tokens("hi", config=config).total_tokens < expected


@pytest.mark.parametrize(
    "part",
    [
        {"executable_code": {"code": "sky", "language": "PYTHON"}},
        {"code_execution_result": {"output": "sky", "outcome": "OUTCOME_OK"}},
        {"function_response": {"name": "sky", "parts": [{"inline_data": {"data": b"x", "mime_type": "image/png"}}]}},
    ],
)
def test_refused_only_here(tokenizers: tuple[LocalTokenizer, Any], part: dict[str, Any]) -> None:
    """google-genai leaves out what it cannot count; here, it is refused."""
    ours, theirs = tokenizers
    alone = theirs.count_tokens({"function_response": {"name": "sky"}} if "function_response" in part else "")
    assert theirs.count_tokens(part) == alone
    with pytest.raises(InvalidRequest):
        ours.count_tokens(part)


def test_media(tokenizers: tuple[LocalTokenizer, Any]) -> None:
    """Media raise in both libraries."""
    for part in ({"inline_data": {"data": b"x", "mime_type": "image/png"}}, {"file_data": {"file_uri": "gs://b/x"}}):
        for each in tokenizers:
            with pytest.raises(ValueError, match=r"inline_data|file_data|non-text"):
                each.count_tokens({"parts": [part]})


def test_tokens_of_all_texts(tokenizers: tuple[LocalTokenizer, Any]) -> None:
    """google-genai loses the tokens of texts beyond the number of parts, and the roles of those that follow a call."""
    ours, theirs = tokenizers
    contents = [{"function_call": {"name": "weather", "args": {"city": "Rome"}}}, "the sky"]
    roles = [each.role for each in ours.compute_tokens(contents).tokens_info]
    assert roles == ["model", "model", "model", "user"]
    assert [each.role for each in theirs.compute_tokens(deepcopy(contents)).tokens_info] == ["model", "user"]


def test_tokens_with_current_sentencepiece(tokenizers: tuple[LocalTokenizer, Any]) -> None:
    """google-genai calls a function that sentencepiece 0.2.3 does not have; only these tests add it."""
    _, theirs = tokenizers
    assert not hasattr(type(theirs._tokenizer), _OLD_NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(theirs._tokenizer, _OLD_NAME)
        with pytest.raises(AttributeError):
            theirs.compute_tokens("hi")


def list_infos(result: Any) -> list[tuple[str | None, list[int], list[bytes]]]:
    """List role, ids and tokens of each `TokensInfo` of either library."""
    return [(each.role, list(each.token_ids), list(each.tokens)) for each in result.tokens_info]
