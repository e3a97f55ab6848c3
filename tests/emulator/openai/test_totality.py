"""Every request for a completion or an embedding has a response."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from tests.support.openai_requests import MODEL, WEATHER, send

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)


def _or_anything(*usual: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(usual) | _JSON


_PART_TYPES = _or_anything("text", "image_url", "input_audio")
_URLS = st.fixed_dictionaries({"url": _or_anything("data:image/png;base64,AA==", "data:;base64,", "https://a", "")})
_PARTS = st.fixed_dictionaries(
    {"type": _PART_TYPES},
    optional={
        "text": _or_anything("hi", ""),
        "image_url": _URLS | _JSON,
        "input_audio": st.fixed_dictionaries(
            {"data": _or_anything("AA==", "=")}, optional={"format": _or_anything("")}
        ),
    },
)
_FUNCTIONS = st.fixed_dictionaries(
    {"name": _or_anything("a", "")}, optional={"arguments": _or_anything("{}", "[]", "")}
)
_CALLS = st.fixed_dictionaries(
    {"function": _FUNCTIONS | _JSON},
    optional={
        "id": _or_anything("1", ""),
        "type": _or_anything("function"),
        "extra_content": _or_anything({"google": {"thought_signature": "AA=="}}),
    },
)
_MESSAGES = st.fixed_dictionaries(
    {"role": _or_anything("user", "assistant", "system", "tool")},
    optional={
        "content": _or_anything("hi", "") | st.lists(_PARTS, max_size=3),
        "tool_calls": st.lists(_CALLS, max_size=2) | _JSON,
        "tool_call_id": _or_anything("1"),
        "name": _or_anything("a"),
    },
)
_TOOLS = st.fixed_dictionaries(
    {"type": _or_anything("function")},
    optional={"function": st.fixed_dictionaries({"name": _or_anything("a")}, optional={"parameters": _JSON})},
)
_CHATS = st.fixed_dictionaries(
    {"model": _or_anything(MODEL, "models/", "/"), "messages": st.lists(_MESSAGES, max_size=4) | _JSON},
    optional={
        "stream": _or_anything(True),
        "stream_options": _or_anything({"include_usage": True}),
        "n": _or_anything(1, 2),
        "stop": _or_anything("a", ["a"]),
        "tools": st.lists(_TOOLS | st.just(WEATHER), max_size=2) | _JSON,
        "tool_choice": _or_anything("required", "auto", {"type": "function", "function": {"name": "a"}}),
        "response_format": st.fixed_dictionaries(
            {"type": _or_anything("json_object", "json_schema")},
            optional={"json_schema": st.fixed_dictionaries({"schema": _JSON})},
        ),
        "reasoning_effort": _or_anything("low"),
        "extra_body": st.fixed_dictionaries(
            {"google": _or_anything({"thinking_config": {}}, {"thought_tag_marker": ""})}
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(_CHATS)
def test_chat(body: Any) -> None:
    """Any body has a completion, a stream or an error in a list."""
    response = send("POST", "chat/completions", body)
    if response.status == 200 and body.get("stream") is True:
        assert response.body.endswith(b"data: [DONE]\n\n")
    elif response.status == 200:
        assert json.loads(response.body)["object"] == "chat.completion"
    else:
        assert json.loads(response.body)[0]["error"]["code"] == response.status


@settings(max_examples=50, deadline=None)
@given(
    st.fixed_dictionaries(
        {"model": _or_anything("m"), "input": _or_anything("a", ["a", "b"])},
        optional={"dimensions": _or_anything(3), "encoding_format": _or_anything("base64", "float")},
    )
)
def test_embeddings(body: Any) -> None:
    """Any body has embeddings or an error in a list."""
    response = send("POST", "embeddings", body)
    found = json.loads(response.body)
    assert found["object"] == "list" if response.status == 200 else found[0]["error"]["code"] == response.status
