"""Drawn replies: valid for their request, of every kind, and ordinary when shrunk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st
from hypothesis.strategies import SearchStrategy
from returns.result import Failure, Success

from genai_fn import (
    embed,
    errors as all_errors,
    files,
    generate,
    images,
    operations,
    parse,
    stores,
    streamed,
    tokens,
    with_config,
    with_tools,
)
from genai_fn.errors import APIError, ClientError, GenaiError, ServerError, TransportError
from genai_fn.flows.merge import merge_chunks
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
from genai_fn.testing.strategies.registration import list_operations
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS
from genai_fn.testing.strategies.responses.errors import errors
from genai_fn.testing.strategies.responses.replies import REPLY_STRATEGIES
from genai_fn.testing.strategies.responses.stream_chunks import answer_chunks
from genai_fn.testing.strategies.values.json_schema import schema_values
from tests.support.drawn_examples import draw_examples

T = TypeVar("T")

healthy = settings(max_examples=30, deadline=None, derandomize=True, database=None)
shrinking = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
example_settings = settings(healthy, max_examples=25, suppress_health_check=list(HealthCheck))


def _find_missing(strategy: SearchStrategy[T], kinds: Mapping[str, Callable[[T], Any]], count: int = 50) -> list[str]:
    """Return the names of the kinds that are not drawn in 24 rounds."""
    missing = dict(kinds)
    for number in range(24):
        examples = draw_examples(strategy, count, number)
        missing = {kind: matches for kind, matches in missing.items() if not any(map(matches, examples))}
        if not missing:
            break
    return list(missing)


# Every operation


@pytest.mark.parametrize("name", OPERATION_REQUESTS)
def test_every_operation(name: str) -> None:
    """Each operation has its own reply strategy unless its result has no fields, and a `Fake` accepts the replies."""
    [operation] = [each for each in list_operations() if each.op == name]
    kind = kind_of(operation)
    is_page = isinstance(kind, type) and issubclass(kind, Page)
    assert kind in REPLY_STRATEGIES or is_page or not {*kind.__struct_fields__} - {"extra"}

    @settings(example_settings, max_examples=5)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        request = data.draw(requests(name))
        reply = data.draw(replies(request))
        assert Fake(lambda _: Success(reply))(request) == Success(reply)

    check()


@healthy
@given(requests().flatmap(lambda request: replies(request, errors=True, odd=True)))
def test_health_checks(reply: Any) -> None:
    """Drawing passes the health checks of Hypothesis; errors are wrapped in a Failure."""
    assert not isinstance(reply, GenaiError)


def test_short_repr() -> None:
    """The repr of the strategy contains the request, not the structure of the strategy."""
    assert repr(replies(files.get("abc"))).startswith('answers(files.get("abc")')


# Generated content


def weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return city * days


REQUEST = generate("m", "hi")
REQUEST_WITH_TOOL = generate("m", "hi") | with_tools(weather)
PEOPLE = dict[str, list[int]]
REQUEST_FOR_JSON = generate(
    "m", "hi", {"response_mime_type": "application/json", "response_json_schema": build_json_schema(list[PEOPLE])}
)


def _get_finish_reason(reply: GenerateContentResponse) -> Any:
    return reply.candidates[0].finish_reason if reply.candidates else None


def _list_calls(reply: GenerateContentResponse) -> list[tuple[Any, Any]]:
    return [(each.name, each.args) for each in reply.function_calls]


BLOCKED = {each for each in FinishReason if each not in (FinishReason.STOP, FinishReason.MAX_TOKENS)}

GENERATED_KINDS: dict[str, tuple[Request[GenerateContentResponse], Callable[[GenerateContentResponse], Any]]] = {
    "a text": (REQUEST, lambda reply: reply.text and _get_finish_reason(reply) == FinishReason.STOP),
    "a truncated text": (REQUEST, lambda reply: reply.text and _get_finish_reason(reply) == FinishReason.MAX_TOKENS),
    "truncated before any text": (
        REQUEST,
        lambda reply: not reply.text and _get_finish_reason(reply) == FinishReason.MAX_TOKENS,
    ),
    "a blocked prompt": (REQUEST, lambda reply: reply.prompt_feedback and not reply.candidates),
    "a blocked answer": (REQUEST, lambda reply: _get_finish_reason(reply) in BLOCKED),
    "no candidate": (REQUEST, lambda reply: not reply.candidates and not reply.prompt_feedback),
    "no content": (REQUEST, lambda reply: reply.candidates and reply.candidates[0].content is None),
    "no parts": (REQUEST, lambda reply: reply.candidates and reply.candidates[0].content and not reply.parts),
    "an empty text": (REQUEST, lambda reply: reply.text == ""),
    "several parts": (REQUEST, lambda reply: len(reply.parts) > 1),
    "token counts": (REQUEST, lambda reply: reply.usage_metadata),
    "a call": (
        REQUEST_WITH_TOOL,
        lambda reply: any(n == "weather" and isinstance(a.get("city"), str) for n, a in _list_calls(reply)),
    ),
    "two calls": (REQUEST_WITH_TOOL, lambda reply: len(_list_calls(reply)) > 1),
    "other arguments": (
        REQUEST_WITH_TOOL,
        lambda reply: any(n == "weather" and "city" not in a for n, a in _list_calls(reply)),
    ),
    "an undeclared function": (REQUEST_WITH_TOOL, lambda reply: any(n != "weather" for n, _ in _list_calls(reply))),
    "a malformed call": (
        REQUEST_WITH_TOOL,
        lambda reply: _get_finish_reason(reply) == FinishReason.MALFORMED_FUNCTION_CALL,
    ),
    "text instead of a call": (REQUEST_WITH_TOOL, lambda reply: reply.text and not reply.function_calls),
    "JSON of the schema": (REQUEST_FOR_JSON, lambda reply: isinstance(parse(reply, list[PEOPLE]), Success)),
    "JSON of another schema": (
        REQUEST_FOR_JSON,
        lambda reply: reply.text and not _conforms_to_schema(reply) and _is_json(reply.text),
    ),
    "not JSON": (REQUEST_FOR_JSON, lambda reply: reply.text and not _is_json(reply.text)),
    "truncated JSON": (
        REQUEST_FOR_JSON,
        lambda reply: _get_finish_reason(reply) == FinishReason.MAX_TOKENS and reply.text and not _is_json(reply.text),
    ),
}


def _conforms_to_schema(reply: GenerateContentResponse) -> bool:
    return isinstance(parse(reply, list[PEOPLE]), Success)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("request_", [REQUEST, REQUEST_WITH_TOOL, REQUEST_FOR_JSON], ids=["text", "calls", "JSON"])
def test_generated(request_: Request[GenerateContentResponse]) -> None:
    """Every kind of model answer is drawn: ordinary, truncated, blocked, empty; valid and invalid calls and JSON."""
    kinds = {kind: matches for kind, (request, matches) in GENERATED_KINDS.items() if request is request_}
    assert _find_missing(replies(request_), kinds) == []


def test_shrinking() -> None:
    """Replies shrink to a short finished text; to a call if one is required; to JSON of the schema if one is given."""
    any_call = REQUEST_WITH_TOOL | with_config(tool_config={"function_calling_config": {"mode": "ANY"}})
    assert find(replies(REQUEST), lambda _: True, settings=shrinking) == _build_text_reply("0")
    assert find(chunks(REQUEST), lambda _: True, settings=shrinking) == (_build_text_reply("0"),)
    assert _list_calls(find(replies(any_call), lambda _: True, settings=shrinking)) == [("weather", {"city": ""})]
    assert find(replies(REQUEST_FOR_JSON), lambda _: True, settings=shrinking) == _build_text_reply("[]")


def _build_text_reply(text: str) -> GenerateContentResponse:
    content = {"parts": [{"text": text}], "role": "model"}
    return msgspec.convert({"candidates": [{"content": content, "finishReason": "STOP"}]}, GenerateContentResponse)


def test_forbidden_calls() -> None:
    """If function calls are disabled, ordinary answers contain none."""
    calling = {"function_calling_config": {"mode": "NONE"}}
    request = REQUEST_WITH_TOOL | with_config(tool_config=calling)
    plain = [
        reply
        for reply in draw_examples(replies(request), 50)
        if reply.candidates and _get_finish_reason(reply) == FinishReason.STOP
    ]
    assert all("weather" not in dict(_list_calls(reply)) for reply in plain)


def test_several_candidates() -> None:
    """The number of candidates is the requested one."""
    request = generate("m", "hi", {"candidate_count": 3})
    in_order = {"three": lambda reply: [each.index for each in reply.candidates] == [0, 1, 2]}
    assert _find_missing(replies(request), in_order) == []


# JSON schemas


@dataclass
class Person:
    """A recursive type."""

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
def test_schema_values(kind: Any) -> None:
    """JSON drawn for the schema of a type decodes to that type."""

    @example_settings
    @given(schema_values(build_json_schema(kind)))
    def check(value: Any) -> None:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)

    check()


@example_settings
@given(st.data())
def test_any_schema(data: st.DataObject) -> None:
    """A value can be drawn for any schema, also for one with contradictory bounds."""
    data.draw(schema_values(data.draw(from_type(Schema))))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "multipleOf": 3, "minimum": 4, "maximum": 5},
        {"type": "integer", "multipleOf": float("inf")},
        {"allOf": [{"type": "object"}, {"$ref": "#/nowhere"}]},
    ],
    ids=repr,
)
def test_impossible_schema(schema: Any) -> None:
    """A value can be drawn for a schema without valid values, or with a reference to nothing."""
    assert draw_examples(schema_values(schema), 1)


def test_multiples_above_a_fraction() -> None:
    """Multiples are not below a bound that is no whole number."""
    assert min(draw_examples(schema_values({"type": "integer", "multipleOf": 2, "minimum": 2.5}), 20)) >= 4


# Streams


@example_settings
@given(replies(REQUEST_FOR_JSON) | replies(REQUEST_WITH_TOOL), st.data())
def test_chunks(reply: GenerateContentResponse, data: st.DataObject) -> None:
    """The chunks of a reply, merged, are equal to the reply."""
    merged = merge_chunks(data.draw(answer_chunks(reply)))
    for name in ("text", "function_calls", "usage_metadata", "prompt_feedback", "response_id"):
        assert getattr(merged, name) == getattr(reply, name) or (name == "text" and not reply.text)
    assert [each.finish_reason for each in merged.candidates] == [each.finish_reason for each in reply.candidates]


def test_streams() -> None:
    """Streams have one or more chunks, and end normally or with a failure after any of them."""
    request = (REQUEST | streamed).source
    ends = {f"{count} {end}": (count, end) for count in (1, 2, 3) for end in ("fails", "ends")}
    assert (
        _find_missing(chunks(request, errors=True), {name: partial(_has_end, *end) for name, end in ends.items()}) == []
    )
    for stream in draw_examples(chunks(request, errors=True)):
        assert not any(isinstance(each, Failure) for each in stream[:-1])
        with Fake({request.operation.op: [stream]}).stream(REQUEST | streamed) as items:
            assert len(list(items)) == len(stream)


def _has_end(count: int, end: str, stream: tuple[Any, ...]) -> bool:
    return len(stream) == count and isinstance(stream[-1], Failure) == (end == "fails")


def test_stopped_streams() -> None:
    """With ``odd=True`` a stream may stop early."""
    assert any(stream == () for stream in draw_examples(chunks(REQUEST, odd=True), 60))


@example_settings
@given(chunks(download_bytes("abc")))
def test_download(stream: tuple[bytes, ...]) -> None:
    """The chunks of a download are bytes."""
    assert all(isinstance(each, bytes) for each in stream)


# Other operations


def _has_vectors(count: int) -> Callable[[Any], bool]:
    return lambda reply: len(reply.embeddings) == count


TEXTS = embed("m", ["a", "b"], {"output_dimensionality": 768})
UPLOAD_CHUNK = Request(
    SendUploadChunk(session="https://h/upload/v1beta/files?upload_id=1", offset=4, data=b"ab", is_last=False)
)
LAST_STORE_CHUNK = Request(
    SendUploadChunk(session="https://h/upload/v1beta/s:uploadToFileSearchStore?u=1", offset=0, data=b"", is_last=True)
)
IMPORT = operations.get("fileSearchStores/s/operations/1", ImportFileOperation)
ALWAYS: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "a vector for each text": (TEXTS, _has_vectors(2)),
    "vectors of the requested length": (TEXTS, lambda reply: {len(each.values) for each in reply.embeddings} == {768}),
    "the same name": (files.get("abc"), lambda reply: reply.name == "files/abc"),
    "requested number of images": (
        images.generate("m", "a cat", {"number_of_images": 3}),
        lambda reply: len(reply.generated_images) == 3,
    ),
    "requested page size": (files.list({"page_size": 1}), lambda reply: len(reply.files) <= 1),
    "another page token": (files.list({"page_token": "t"}), lambda reply: reply.next_page_token != "t"),
    "count of tokens": (tokens.count("m", "hi"), lambda reply: reply.total_tokens >= 0),
    "computed tokens": (tokens.compute("m", ["a", "b"]), lambda reply: len(reply.tokens_info) == 1),
    "upload progress": (UPLOAD_CHUNK, lambda reply: reply.received == 6),
    "result of the upload": (LAST_STORE_CHUNK, lambda reply: isinstance(decode_store_operation(reply), Success)),
}


@pytest.mark.parametrize("name", ALWAYS)
def test_always(name: str) -> None:
    """Every reply matches its request: in number, size and name."""
    request, matches = ALWAYS[name]
    assert all(matches(reply) for reply in draw_examples(replies(request), 30))


FILE = files.get("abc")
STORE_IMPORT = stores.import_file("fileSearchStores/s", "files/abc")
SOMETIMES: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "a last page": (files.list(), lambda reply: reply.next_page_token is None),
    "a next page": (files.list(), lambda reply: reply.next_page_token and reply.files),
    "an empty page": (files.list(), lambda reply: reply.files == ()),
    "active": (FILE, lambda reply: reply.state == "ACTIVE"),
    "processing": (FILE, lambda reply: reply.state == "PROCESSING"),
    "failed": (FILE, lambda reply: reply.state == "FAILED" and reply.error is not None),
    "done": (STORE_IMPORT, lambda reply: reply.done and reply.response),
    "not done": (STORE_IMPORT, lambda reply: not reply.done),
    "failed operation": (IMPORT, lambda reply: reply.done and reply.error),
    "a filtered image": (images.generate("m", "a cat"), lambda reply: reply.generated_images[0].image is None),
}


@pytest.mark.parametrize("name", SOMETIMES)
def test_sometimes(name: str) -> None:
    """Pages have a next page or not; files and operations are drawn in each state."""
    request, matches = SOMETIMES[name]
    assert _find_missing(replies(request), {name: matches}) == []


LAST_CHUNK = Request(
    SendUploadChunk(session="https://h/upload/v1beta/files?upload_id=1", offset=4, data=b"ab", is_last=True)
)
ODD_KINDS: dict[str, tuple[Request[Any], Callable[[Any], Any]]] = {
    "one vector too few": (TEXTS, _has_vectors(1)),
    "one vector too many": (TEXTS, _has_vectors(3)),
    "a page that is its own next page": (files.list({"page_token": "t"}), lambda reply: reply.next_page_token == "t"),
    "a lost chunk": (UPLOAD_CHUNK, lambda reply: reply.received is not None and reply.received < 6),
    "last chunk not final": (LAST_CHUNK, lambda reply: not reply.is_final),
    "last chunk final": (LAST_CHUNK, lambda reply: isinstance(decode_uploaded_file(reply), Success)),
}


@pytest.mark.parametrize("name", ODD_KINDS)
def test_odd(name: str) -> None:
    """With ``odd=True``, replies that no service should return are drawn."""
    request, matches = ODD_KINDS[name]
    assert _find_missing(replies(request, odd=True), {name: matches}) == []


# Errors


def test_every_error() -> None:
    """`errors` draws every error class."""
    kinds = {name: getattr(all_errors, name) for name in all_errors.__all__}
    leaves = {name: kind for name, kind in kinds.items() if kind not in (GenaiError, TransportError)}
    assert _find_missing(errors(), {name: partial(_is_exactly, kind) for name, kind in leaves.items()}, 300) == []


def _is_exactly(kind: type[GenaiError], error: GenaiError) -> bool:
    return type(error) is kind


def test_errors_are_failures() -> None:
    """With ``errors=True`` a reply may be a failure of any kind; otherwise none is a failure."""
    results = draw_examples(replies(files.list(), errors=True), 100)
    failures = [each.failure() for each in results if isinstance(each, Failure)]
    assert any(isinstance(each, ListFilesResponse) for each in results)
    assert {kind for kind in (ClientError, ServerError, TransportError) for each in failures if isinstance(each, kind)}
    assert any(isinstance(each, APIError) for each in failures)
    assert not any(isinstance(each, Failure) for each in draw_examples(replies(files.list()), 50))
