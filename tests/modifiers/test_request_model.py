"""``with_model``: the model of the root request, or of a live session."""

from typing import Any

import pytest
from returns.result import Success

from genai_fn import (
    InvalidRequest,
    Offline,
    caches,
    calling,
    chats,
    collected,
    embed,
    files,
    gather,
    generate,
    images,
    live,
    partial,
    retry_invalid,
    streamed,
    text,
    tokens,
    videos,
    with_config,
    with_model,
    with_options,
)
from genai_fn.request import Live, Request
from genai_fn.testing import Fake


def look_up() -> int:
    """Look up a number."""
    return 1


REQUEST = generate("m", "hi")
DESCRIPTIONS: tuple[Any, ...] = (
    REQUEST,
    REQUEST | text,
    REQUEST | streamed | text,
    REQUEST | calling(look_up) | text,
    REQUEST | partial(int),
    REQUEST | retry_invalid(int),
    chats.send(chats.start("m"), "hi"),
    embed("m", "a"),
    images.generate("m", "a cat"),
    videos.generate("m", "a cat"),
    tokens.count("m", "hi"),
    caches.create("m", {"contents": "hi"}),
    live.connect("m"),
)


def get_root(description: Any) -> Any:
    while not isinstance(description, Request | Live):
        description = description.source
    return description


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda each: get_root(each).operation.op)
def test_root(description: Any) -> None:
    """The model of the root request is replaced, and nothing else; the original stays the same."""
    changed = description | with_model("gemini-2.5-pro")
    assert type(changed) is type(description)
    assert get_root(changed).operation.model == "gemini-2.5-pro"
    assert changed | with_model("m") == description
    assert get_root(description).operation.model == "m"


def test_last_wins() -> None:
    """The last model is used; other modifiers keep it."""
    action = REQUEST | with_model("a") | with_config(seed=1) | with_model("b") | with_options(deadline=5)
    assert get_root(action).operation.model == "b"
    assert (with_model("a") | with_model("b"))(REQUEST) == REQUEST | with_model("b")


@pytest.mark.parametrize("name", ("", "../x", "a?b", "a{b}", "a\n", None, 5), ids=repr)
def test_wrong_name(name: Any) -> None:
    """The name is checked when the modifier is built, as that of a builder is."""
    with pytest.raises(InvalidRequest) as raised:
        with_model(name)
    assert raised.value.path == "name"


@pytest.mark.parametrize(
    "description", (files.get("abc"), files.list(), gather([REQUEST]), files.upload(b"", {"mime_type": "a/b"}))
)
def test_no_model(description: Any) -> None:
    """What has no model, or no root request, is refused by name."""
    with pytest.raises(InvalidRequest) as raised:
        description | with_model("m")
    assert raised.value.path == "with_model"


def test_sent() -> None:
    """The request is sent to that model; a chat keeps its own for the next turn."""
    assert "in place of gemini-2.5-pro" in Offline()(REQUEST | text | with_model("gemini-2.5-pro")).unwrap()
    run = Fake({"generate": "hello"})
    turn = run(chats.send(chats.start("m"), "hi") | with_model("other")).unwrap()
    assert turn.chat.model == "m"
    assert run(gather([REQUEST | text | with_model("a"), REQUEST | text]) | collected) == Success(("hello", "hello"))
    assert [each.operation.model for each in run.requests] == ["other", "a", "m"]  # type: ignore[union-attr]  # all generate
