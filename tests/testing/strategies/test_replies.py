"""Drawn replies: valid for the very request, of every kind that comes, plain when shrunk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from returns.result import Failure, Success

from genai_fn import embed, files, generate, images, operations, parse, stores, streamed, tokens
from genai_fn import errors as all_errors
from genai_fn.errors import APIError, ClientError, GenaiError, ServerError, TransportError
from genai_fn.flows.merge import merge_pieces
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.ops.files.uploads import SendUploadChunk, decode_store_operation, decode_uploaded_file
from genai_fn.request import Request, kind_of
from genai_fn.schema import (
    FinishReason,
    GenerateContentResponse,
    ImportFileOperation,
    ListFilesResponse,
    Schema,
)
from genai_fn.schema.base import Page
from genai_fn.schema.json_schema import build_json_schema
from genai_fn.testing import Fake
from genai_fn.testing.strategies import chunks, from_type, replies, requests
from genai_fn.testing.strategies.registration import list_operations as classes
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS
from genai_fn.testing.strategies.responses.errors import errors
from genai_fn.testing.strategies.responses.replies import REPLY_STRATEGIES
from genai_fn.testing.strategies.responses.stream_chunks import answer_chunks
from genai_fn.testing.strategies.values.json_schema import schema_values

T = TypeVar("T")

healthy = settings(max_examples=30, deadline=None, derandomize=True, database=None)
shrinking = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
drawn = settings(healthy, max_examples=25, suppress_health_check=list(HealthCheck))


def _some(strategy: SearchStrategy[T], count: int = 60, number: int = 0) -> list[T]:
    found: list[T] = []

    @seed(number)
    @settings(drawn, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def look(each: T) -> None:
        found.append(each)

    look()
    return found


def _missing(strategy: SearchStrategy[T], kinds: Mapping[str, Callable[[T], Any]], count: int = 50) -> list[str]:
    """Name the kinds that do not come, however often one draws."""
    left = dict(kinds)
    for number in range(24):
        said = _some(strategy, count, number)
        left = {kind: is_met for kind, is_met in left.items() if not any(map(is_met, said))}
        if not left:
            break
    return list(left)


# Every operation


@pytest.mark.parametrize("name", OPERATION_REQUESTS)
def test_every_operation(name: str) -> None:
    """Each operation has replies of its own: of its type, as a `Fake` takes them; or there is nothing in its answer."""
    [operation] = [each for each in classes() if each.op == name]
    kind = kind_of(operation)
    is_page = isinstance(kind, type) and issubclass(kind, Page)
    assert kind in REPLY_STRATEGIES or is_page or not kind.__struct_fields__

    @settings(drawn, max_examples=5)
    @given(st.data())
    def look(data: st.DataObject) -> None:
        request = data.draw(requests(name))
        reply = data.draw(replies(request))
        assert Fake(lambda _: Success(reply))(request) == Success(reply)

    look()


@healthy
@given(requests().flatmap(lambda request: replies(request, errors=True, odd=True)))
def test_healthy(reply: Any) -> None:
    """They are quick to draw, and little is thrown away; what is no value is a failure."""
    assert not isinstance(reply, GenaiError)


def test_is_shown_briefly() -> None:
    """A failing test says what is answered, and not how the answer is put together."""
    assert repr(replies(files.get("abc"))).startswith("answers(Request(operation=GetFile(name='abc')")


# What a model says


def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return city * days


ASKED = generate("m", "hi")
CALLING = generate("m", "hi", {"tools": [weather]})
PEOPLE = dict[str, list[int]]
SHAPED = generate(
    "m", "hi", {"response_mime_type": "application/json", "response_json_schema": build_json_schema(list[PEOPLE])}
)


def _reason(reply: GenerateContentResponse) -> Any:
    return reply.candidates[0].finish_reason if reply.candidates else None


def _calls(reply: GenerateContentResponse) -> list[tuple[Any, Any]]:
    return [(each.name, each.args) for each in reply.function_calls]


GENERATED: dict[str, tuple[Request[GenerateContentResponse], Callable[[GenerateContentResponse], Any]]] = {
    "a text": (ASKED, lambda reply: reply.text and _reason(reply) == FinishReason.STOP),
    "a truncated text": (ASKED, lambda reply: reply.text and _reason(reply) == FinishReason.MAX_TOKENS),
    "truncated before a word": (ASKED, lambda reply: not reply.text and _reason(reply) == FinishReason.MAX_TOKENS),
    "a blocked prompt": (ASKED, lambda reply: reply.prompt_feedback and not reply.candidates),
    "an answer held back": (ASKED, lambda reply: _reason(reply) == FinishReason.SAFETY),
    "no candidate": (ASKED, lambda reply: not reply.candidates and not reply.prompt_feedback),
    "no content": (ASKED, lambda reply: reply.candidates and reply.candidates[0].content is None),
    "no parts": (ASKED, lambda reply: reply.candidates and reply.candidates[0].content and not reply.parts),
    "an empty text": (ASKED, lambda reply: reply.text == ""),
    "several parts": (ASKED, lambda reply: len(reply.parts) > 1),
    "counts of tokens": (ASKED, lambda reply: reply.usage_metadata),
    "a call": (CALLING, lambda reply: any(n == "weather" and isinstance(a.get("city"), str) for n, a in _calls(reply))),
    "two calls": (CALLING, lambda reply: len(_calls(reply)) > 1),
    "other arguments": (CALLING, lambda reply: any(n == "weather" and "city" not in a for n, a in _calls(reply))),
    "an undeclared function": (CALLING, lambda reply: any(n != "weather" for n, _ in _calls(reply))),
    "a malformed call": (CALLING, lambda reply: _reason(reply) == FinishReason.MALFORMED_FUNCTION_CALL),
    "words instead of a call": (CALLING, lambda reply: reply.text and not reply.function_calls),
    "JSON that fits": (SHAPED, lambda reply: isinstance(parse(reply, list[PEOPLE]), Success)),
    "JSON that does not fit": (SHAPED, lambda reply: reply.text and not _is_fit(reply) and _is_json(reply.text)),
    "no JSON": (SHAPED, lambda reply: reply.text and not _is_json(reply.text)),
    "JSON cut off": (
        SHAPED,
        lambda reply: _reason(reply) == FinishReason.MAX_TOKENS and reply.text and not _is_json(reply.text),
    ),
}


def _is_fit(reply: GenerateContentResponse) -> bool:
    return isinstance(parse(reply, list[PEOPLE]), Success)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("request_", [ASKED, CALLING, SHAPED], ids=["text", "calls", "JSON"])
def test_generated(request_: Request[GenerateContentResponse]) -> None:
    """A model answers as asked; and truncated, blocked, empty, with calls of whatever function, in whatever shape."""
    kinds = {kind: is_met for kind, (asked, is_met) in GENERATED.items() if asked is request_}
    assert _missing(replies(request_), kinds) == []


def test_plainest() -> None:
    """Shrinking goes to a short text that came to its end, to a call where one must be made, to JSON that fits."""
    any_call = generate("m", "hi", {"tools": [weather], "tool_config": {"function_calling_config": {"mode": "ANY"}}})
    assert find(replies(ASKED), lambda _: True, settings=shrinking) == _text("0")
    assert find(chunks(ASKED), lambda _: True, settings=shrinking) == (_text("0"),)
    assert _calls(find(replies(any_call), lambda _: True, settings=shrinking)) == [("weather", {"city": ""})]
    assert find(replies(SHAPED), lambda _: True, settings=shrinking) == _text("[]")


def _text(text: str) -> GenerateContentResponse:
    content = {"parts": [{"text": text}], "role": "model"}
    return msgspec.convert({"candidates": [{"content": content, "finishReason": "STOP"}]}, GenerateContentResponse)


def test_forbidden_calls() -> None:
    """Where no function may be called, none is."""
    calling = {"function_calling_config": {"mode": "NONE"}}
    asked = generate("m", "hi", {"tools": [weather], "tool_config": calling})
    plain = [reply for reply in _some(replies(asked), 50) if reply.candidates and _reason(reply) == FinishReason.STOP]
    assert all("weather" not in dict(_calls(reply)) for reply in plain)


def test_several_candidates() -> None:
    """There are as many candidates as were asked for."""
    asked = generate("m", "hi", {"candidate_count": 3})
    in_order = {"three": lambda reply: [each.index for each in reply.candidates] == [0, 1, 2]}
    assert _missing(replies(asked), in_order) == []


# Shapes


@dataclass
class Person:
    """Somebody, with friends."""

    name: str
    age: int | None
    friends: "list[Person]"


SHAPES: dict[str, Any] = {
    "text": str,
    "number": float,
    "whole": int,
    "choice": bool | None,
    "list": list[int],
    "pair": tuple[int, str],
    "named": dict[str, list[float]],
    "nested": Person,
    "either": Person | list[int],
    "short": Annotated[str, msgspec.Meta(min_length=2, max_length=3)],
    "bounded": Annotated[int, msgspec.Meta(ge=5, lt=8)],
}


@pytest.mark.parametrize("kind", SHAPES.values(), ids=SHAPES)
def test_fits(kind: Any) -> None:
    """JSON drawn for a type's schema is read as that type."""

    @drawn
    @given(schema_values(build_json_schema(kind)))
    def look(value: Any) -> None:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)

    look()


@drawn
@given(st.data())
def test_fits_any_schema(data: st.DataObject) -> None:
    """There is a value for whatever schema a request may have, bounds that contradict each other included."""
    data.draw(schema_values(data.draw(from_type(Schema))))


# Streams


@drawn
@given(replies(SHAPED) | replies(CALLING), st.data())
def test_pieces(reply: GenerateContentResponse, data: st.DataObject) -> None:
    """The pieces of an answer, joined, are that answer."""
    cut = data.draw(answer_chunks(reply))
    joined = merge_pieces(cut)
    for name in ("text", "function_calls", "usage_metadata", "prompt_feedback", "response_id"):
        assert getattr(joined, name) == getattr(reply, name) or (name == "text" and not reply.text)
    assert [each.finish_reason for each in joined.candidates] == [each.finish_reason for each in reply.candidates]


def test_streams() -> None:
    """A stream comes in several chunks, and in one; it ends well, or with a failure after any of them."""
    asked = (ASKED | streamed).source
    ends = {f"{count} {end}": (count, end) for count in (1, 2, 3) for end in ("fails", "ends")}
    assert _missing(chunks(asked, errors=True), {name: partial(_ends, *end) for name, end in ends.items()}) == []
    for said in _some(chunks(asked, errors=True)):
        assert not any(isinstance(each, Failure) for each in said[:-1])
        with Fake({asked.operation.op: [said]}).stream(ASKED | streamed) as items:
            assert len(list(items)) == len(said)


def _ends(count: int, end: str, said: tuple[Any, ...]) -> bool:
    return len(said) == count and isinstance(said[-1], Failure) == (end == "fails")


def test_stopped_streams() -> None:
    """Where answers may be odd, a stream may stop in the middle."""
    assert any(chunks == () for chunks in _some(chunks(ASKED, odd=True), 60))


@drawn
@given(chunks(download_bytes("abc")))
def test_download(said: tuple[bytes, ...]) -> None:
    """A download comes in pieces of bytes."""
    assert all(isinstance(each, bytes) for each in said)


# Others


def _vectors(count: int) -> Callable[[Any], bool]:
    return lambda reply: len(reply.embeddings) == count


TEXTS = embed("m", ["a", "b"], {"output_dimensionality": 768})
PIECE = Request(
    SendUploadChunk(session="https://h/upload/v1beta/files?upload_id=1", offset=4, data=b"ab", is_last=False)
)
STORED = Request(
    SendUploadChunk(session="https://h/upload/v1beta/s:uploadToFileSearchStore?u=1", offset=0, data=b"", is_last=True)
)
IMPORTING = operations.get("fileSearchStores/s/operations/1", ImportFileOperation)
HOLDS: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "a vector for each": (TEXTS, _vectors(2)),
    "of the length asked for": (TEXTS, lambda reply: {len(each.values) for each in reply.embeddings} == {768}),
    "the same name": (files.get("abc"), lambda reply: reply.name == "files/abc"),
    "as many images": (
        images.generate("m", "a cat", {"number_of_images": 3}),
        lambda reply: len(reply.generated_images) == 3,
    ),
    "a page of that size": (files.list({"page_size": 1}), lambda reply: len(reply.files) <= 1),
    "onwards": (files.list({"page_token": "t"}), lambda reply: reply.next_page_token != "t"),
    "counted": (tokens.count("m", "hi"), lambda reply: reply.total_tokens >= 0),
    "computed": (tokens.compute("m", ["a", "b"]), lambda reply: len(reply.tokens_info) == 1),
    "how far it has come": (PIECE, lambda reply: reply.received == 6),
    "what it has become": (STORED, lambda reply: isinstance(decode_store_operation(reply), Success)),
}


@pytest.mark.parametrize("name", HOLDS)
def test_fit(name: str) -> None:
    """A reply fits what was asked: in number, size and name."""
    request, holds = HOLDS[name]
    assert all(holds(reply) for reply in _some(replies(request), 30))


FILE = files.get("abc")
BEGUN = stores.import_file("fileSearchStores/s", "files/abc")
COMES: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "a last page": (files.list(), lambda reply: reply.next_page_token is None),
    "more to come": (files.list(), lambda reply: reply.next_page_token and reply.files),
    "an empty page": (files.list(), lambda reply: reply.files == ()),
    "active": (FILE, lambda reply: reply.state == "ACTIVE"),
    "processing": (FILE, lambda reply: reply.state == "PROCESSING"),
    "failed": (FILE, lambda reply: reply.state == "FAILED" and reply.error is not None),
    "done": (BEGUN, lambda reply: reply.done and reply.response),
    "not done": (BEGUN, lambda reply: not reply.done),
    "done badly": (IMPORTING, lambda reply: reply.done and reply.error),
    "an image held back": (images.generate("m", "a cat"), lambda reply: reply.generated_images[0].image is None),
}


@pytest.mark.parametrize("name", COMES)
def test_comes(name: str) -> None:
    """Lists go on or end; work is done, under way, or failed."""
    request, comes = COMES[name]
    assert _missing(replies(request), {name: comes}) == []


LAST = Request(SendUploadChunk(session="https://h/upload/v1beta/files?upload_id=1", offset=4, data=b"ab", is_last=True))
ODD: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "a vector less": (TEXTS, _vectors(1)),
    "a vector more": (TEXTS, _vectors(3)),
    "a page that points to itself": (files.list({"page_token": "t"}), lambda reply: reply.next_page_token == "t"),
    "a lost piece": (PIECE, lambda reply: reply.received is not None and reply.received < 6),
    "no end": (LAST, lambda reply: not reply.is_final),
    "an end": (LAST, lambda reply: isinstance(decode_uploaded_file(reply), Success)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd(name: str) -> None:
    """What no service should answer comes only where it is wanted."""
    request, is_met = ODD[name]
    assert _missing(replies(request, odd=True), {name: is_met}) == []


# Errors


def test_every_error() -> None:
    """Every error of the taxonomy is drawn, and each can be shown."""
    kinds = {name: getattr(all_errors, name) for name in all_errors.__all__}
    leaves = {name: kind for name, kind in kinds.items() if kind not in (GenaiError, TransportError)}
    assert _missing(errors(), {name: partial(_is_just, kind) for name, kind in leaves.items()}, 300) == []


def _is_just(kind: type[GenaiError], error: GenaiError) -> bool:
    return type(error) is kind


def test_errors_are_failures() -> None:
    """With errors, an answer may be a failure of any kind; without, none is."""
    said = _some(replies(files.list(), errors=True), 100)
    failures = [each.failure() for each in said if isinstance(each, Failure)]
    assert any(isinstance(each, ListFilesResponse) for each in said)
    assert {kind for kind in (ClientError, ServerError, TransportError) for each in failures if isinstance(each, kind)}
    assert any(isinstance(each, APIError) for each in failures)
    assert not any(isinstance(each, Failure) for each in _some(replies(files.list()), 50))
