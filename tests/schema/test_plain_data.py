"""`to_dict` and `to_json`: plain JSON data, from which an equal value is built."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from genai_fn import InvalidRequest, chats, generate, schema, to_dict, to_json
from genai_fn.codec import ExtraFields
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.convert import as_struct
from genai_fn.wire.lenient_json import parse_json
from tests.support.check_each import check_each
from tests.support.drawn_examples import DrawnValues

KINDS: list[Any] = [
    each
    for name in schema.__all__
    if isinstance(each := getattr(schema, name), type) and issubclass(each, Message) and each.__struct_fields__
]


def is_plain(tree: Any) -> bool:
    """Whether a value is what ``json.loads`` returns."""
    if type(tree) is dict:
        return all(type(key) is str and is_plain(each) for key, each in tree.items())
    if type(tree) is list:
        return all(map(is_plain, tree))
    return tree is None or type(tree) in (str, int, float, bool)


@check_each(DrawnValues(KINDS, 5))
def test_round_trip(drawn: tuple[Any, Any]) -> None:
    """A value of each type equals what is built from its dict, and from its JSON; the data is plain JSON."""
    kind, value = drawn
    try:
        tree = to_dict(value)
    except InvalidRequest as error:  # a value with a Python type or function
        assert "values that JSON has" in error.expected
        return
    assert is_plain(tree)
    assert as_struct(kind, tree) == as_struct(kind, value)
    assert json.loads(to_json(value)) == tree
    assert as_struct(kind, to_dict(value, names="api")) == as_struct(kind, value)


VALUE = schema.GenerateContentResponse(
    candidates=(
        schema.Candidate(
            content=schema.Content(
                parts=(
                    schema.Part(text="é", extra={"newField": {"snake_case": [1, None]}}),  # type: ignore[arg-type]  # converted
                    schema.Part(inline_data=schema.Blob(data=b"\xff?", mime_type="a/b")),
                    schema.Part(function_call=schema.FunctionCall(name="f", args={"a_b": None, "cD": 1})),
                ),
                role="model",
            ),
            finish_reason=schema.FinishReason("NEW_REASON"),
        ),
    ),
    create_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
VALUE = as_struct(schema.GenerateContentResponse, VALUE)


def test_python_names() -> None:
    """By default names are those of the fields; fields that the type does not define are under ``extra``."""
    parts = [
        {"text": "é", "extra": {"newField": {"snake_case": [1, None]}}},
        {"inline_data": {"data": "/z8=", "mime_type": "a/b"}},
        {"function_call": {"name": "f", "args": {"a_b": None, "cD": 1}}},
    ]
    candidate = {"content": {"parts": parts, "role": "model"}, "finish_reason": "NEW_REASON"}
    assert to_dict(VALUE) == {"candidates": [candidate], "create_time": "2026-01-02T03:04:05Z"}
    assert as_struct(schema.GenerateContentResponse, to_dict(VALUE)) == VALUE


def test_api_names() -> None:
    """With ``names="api"`` the data is what the API sends, which decodes to an equal value."""
    tree = to_dict(VALUE, names="api")
    part = tree["candidates"][0]["content"]["parts"][0]
    assert (part, tree["createTime"]) == ({"text": "é", "newField": {"snake_case": [1, None]}}, "2026-01-02T03:04:05Z")
    assert is_plain(tree)
    decoded = parse_json(schema.GenerateContentResponse, to_json(VALUE, names="api").encode())
    assert decoded == VALUE
    assert type(decoded.candidates[0].content.parts[0].extra) is ExtraFields


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.lists(st.integers(0, 9), max_size=2), max_size=3))
def test_extra(extra: dict[str, Any]) -> None:
    """``extra`` survives the round trip."""
    value: OpenMessage = as_struct(schema.Content, {"role": "user", "extra": extra})
    assert as_struct(schema.Content, to_dict(value)) == value


def test_history() -> None:
    """A history that was written as JSON continues as a chat, and a config as a config."""
    chat = chats.start("m", {"temperature": 0.5}, [schema.UserContent("a"), schema.ModelContent("b")])
    saved = json.loads(json.dumps([to_dict(each) for each in chats.history(chat)]))
    assert chats.start("m", json.loads(to_json(chat.config)), saved) == chat
    assert generate("m", saved) == generate("m", list(chats.history(chat)))


def test_indent() -> None:
    """`to_json` writes one line, or indents."""
    assert to_json(schema.Part(text="x"), indent=2) == '{\n  "text": "x"\n}'
    assert to_json(schema.Part()) == "{}"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: to_dict("x"), "value: expected a value of genai_fn.schema, got 'x'"),
        (lambda: to_dict({"text": "x"}), "value: expected a value of genai_fn.schema"),
        (lambda: to_dict(schema.Part(), names="json"), "names: expected"),
        (lambda: to_json(schema.GenerateContentConfig(tools=(print,))), "values that JSON has"),
    ],
    ids=["text", "dict", "names", "function"],
)
def test_mistakes(build: Any, message: str) -> None:
    """What is no value of the API, or has no JSON, raises `InvalidRequest`."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert message in str(raised.value)
