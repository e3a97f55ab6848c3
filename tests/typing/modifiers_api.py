"""The inferred types of values that arrive in part, of retried and batched requests, and of texts; see ``api.py``."""

from typing import Any, assert_type

from genai_fn import (
    Flow,
    Gemini,
    GenaiError,
    Live,
    Offline,
    ParsedResponse,
    Partial,
    Request,
    Result,
    Stream,
    Turn,
    batched,
    calling,
    chats,
    collected,
    continued,
    each,
    embed,
    explained,
    gather,
    generate,
    joined,
    live,
    partial,
    retry_invalid,
    streamed,
    text,
    to_curl,
    with_config,
    with_model,
)
from genai_fn.schema import EmbedContentResponse, GenerateContentResponse, LiveServerMessage


def clock() -> str:
    """Get the time."""
    return "noon"


request = generate("gemini-2.5-flash", "hi")
turn = chats.send(chats.start("gemini-2.5-flash"), "hi")


def arriving() -> None:
    """``partial`` makes a stream of requests, chats and streams; the value is there or None."""
    assert_type(request | partial(int), Stream[Partial[int]])
    assert_type(request | streamed | partial(int), Stream[Partial[int]])
    assert_type(request | calling(clock) | partial(list[str]), Stream[Partial[list[str]]])
    assert_type(request | continued() | partial(int), Stream[Partial[int]])
    assert_type(turn | partial(int), Stream[Turn[Partial[int]]])
    assert_type(turn | streamed | partial(int), Stream[Turn[Partial[int]]])
    assert_type(request | partial(int) | with_config(seed=1) | each(print) | joined, Flow[Partial[int]])
    assert_type(request | partial(int | None), Stream[Partial[Any]])


def read_item(item: Partial[int]) -> None:
    """An incomplete value is no T."""
    assert_type(item.value, int | None)
    assert_type(item.data, Any)
    assert_type(item.is_complete, bool)
    assert_type(item.parse(), Result[int, GenaiError])
    assert_type(item.response, GenerateContentResponse | None)


def retrying() -> None:
    """``retry_invalid`` has the types of ``returning``."""
    assert_type(request | retry_invalid(int), Flow[int])
    assert_type(request | calling(clock) | retry_invalid(int, attempts=2), Flow[int])
    assert_type(request | retry_invalid(int, with_response=True), Flow[ParsedResponse[int]])
    assert_type(turn | retry_invalid(int, 5), Flow[Turn[int]])


def batching() -> None:
    """A batched gather has the items of the gather."""
    assert_type(gather([request]) | batched(), Stream[GenerateContentResponse])
    assert_type(gather([request | text]) | batched(every=5.0) | collected, Flow[tuple[str, ...]])
    assert_type(gather([embed("m", "a")]) | batched(on_job=print), Stream[EmbedContentResponse])


def explaining(run: Offline) -> None:
    """A command is a text."""
    assert_type(request | explained, Flow[str])
    assert_type(request | streamed | text | explained, Flow[str])
    assert_type(run(request | text | explained), Result[str, GenaiError])
    assert_type(to_curl(request, Gemini("test-key")), Result[str, GenaiError])


def choosing() -> None:
    """``with_model`` keeps the type."""
    assert_type(request | with_model("m"), Request[GenerateContentResponse])
    assert_type(request | text | with_model("m"), Flow[str])
    assert_type(live.connect("m") | with_model("n"), Live[LiveServerMessage])
