"""The inferred types of function calling and structured answers; see ``api.py``."""

import enum
from dataclasses import dataclass
from typing import Any, Literal, assert_type

from genai_fn import (
    Flow,
    GenaiError,
    Modifier,
    ParsedResponse,
    Request,
    Result,
    Stream,
    Turn,
    calling,
    chats,
    continued,
    generate,
    joined,
    parse,
    returning,
    streamed,
    text,
    with_config,
    with_tools,
)
from genai_fn.schema import GenerateContentResponse, GoogleSearch

request = generate("gemini-2.5-flash", "hi")


@dataclass
class Recipe:
    """A structured answer."""

    name: str


class Colour(enum.Enum):
    """A choice."""

    RED = "red"


def weather(city: str) -> str:
    """Get the weather."""
    return city


async def later(city: str) -> str:
    """Get the weather, asynchronously."""
    return city


def functions() -> None:
    """`with_tools` keeps the type, `calling` makes a flow of the same type, which can be streamed."""
    assert_type(request | with_tools(weather, GoogleSearch(), {"code_execution": {}}), Request[GenerateContentResponse])
    assert_type(request | calling(weather, later, max_calls=3, on_error="fail"), Flow[GenerateContentResponse])
    assert_type(request | calling(weather) | with_config(seed=1), Flow[GenerateContentResponse])
    assert_type(request | calling(weather) | text, Flow[str])
    assert_type(request | calling(weather) | streamed, Stream[GenerateContentResponse])
    assert_type(request | calling(weather) | streamed | text | joined, Flow[str])
    assert_type(with_tools(weather) | calling(weather), Modifier)


def values() -> None:
    """The value has the type of a class, container or enum; for a type that is no class to a checker it is Any."""
    assert_type(request | returning(Recipe), Flow[Recipe])
    assert_type(request | returning(list[Recipe]), Flow[list[Recipe]])
    assert_type(request | returning(dict[str, int]), Flow[dict[str, int]])
    assert_type(request | returning(Colour), Flow[Colour])
    assert_type(request | returning(Recipe, with_response=True), Flow[ParsedResponse[Recipe]])
    assert_type(request | returning(Literal["a", "b"]), Flow[Any])
    assert_type(request | returning(Recipe) | with_config(seed=1), Flow[Recipe])
    assert_type(request | calling(weather) | returning(Recipe), Flow[Recipe])
    assert_type((request | returning(Recipe)).map(lambda recipe: recipe.name), Flow[str])


def in_hand(response: GenerateContentResponse) -> None:
    """`parse` has the same types."""
    assert_type(parse(response, Recipe), Result[Recipe, GenaiError])
    assert_type(parse(response, list[Recipe]), Result[list[Recipe], GenaiError])
    assert_type(parse(response, Literal["a"]), Result[Any, GenaiError])


# Continuation

assert_type(request | continued(), Flow[GenerateContentResponse])
assert_type(request | continued(max_requests=3) | text, Flow[str])
assert_type(request | streamed | continued(), Stream[GenerateContentResponse])
assert_type(request | streamed | continued() | text | joined, Flow[str])
assert_type(chats.send(chats.start("m"), "hi") | continued(), Flow[Turn[GenerateContentResponse]])
