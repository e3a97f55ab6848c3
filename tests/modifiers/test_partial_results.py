"""``partial``: a stream of a value while it arrives, the last item of which is what ``returning`` returns."""

import copy
import enum
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st
from returns.result import Failure, Success

from genai_fn import (
    ClientError,
    DecodeError,
    InvalidRequest,
    NoText,
    Offline,
    Partial,
    Truncated,
    Turn,
    calling,
    chats,
    collected,
    continued,
    each,
    files,
    generate,
    joined,
    live,
    partial,
    returning,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.schema import GenerateContentResponse, GenerateContentResponseUsageMetadata
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import INTERPRETER_KINDS, AwaitableInterpreter, InterpreterKind, make_gemini
from tests.support.loopback import Hang, Loopback, build_sse_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_model import Conversation, build_call, build_response

REQUEST = generate("m", "Pancakes?")


class Recipe(msgspec.Struct, frozen=True):
    name: str
    minutes: int = 0


class Guest(pydantic.BaseModel):
    name: str
    age: int


class Colour(enum.Enum):
    RED = "red"
    DARK_RED = "red-dark"


VALUES: tuple[tuple[Any, str, Any], ...] = (
    (Recipe, '{"name": "Toast", "minutes": 3}', Recipe("Toast", 3)),
    (Guest, '{"name": "A", "age": 3}', Guest(name="A", age=3)),
    (list[Recipe], '[{"name": "a"}, {"name": "b"}]', [Recipe("a"), Recipe("b")]),
    (Colour, "red-dark", Colour.DARK_RED),
    (Colour, '"red"\n', Colour.RED),
    (int, "20", 20),
    (int | None, "null", None),
    (bool, "true", True),
    (str, '"it\\u0027s"', "it's"),
    (Any, '{"a": [1.5]}', {"a": [1.5]}),
)


def chunk(*parts: Any, reason: str | None = None) -> GenerateContentResponse:
    return build_response(*parts, reason=reason)


def read(description: Any, *answers: Any) -> list[Any]:
    """Return the items of a stream whose requests get these chunks."""
    return Conversation(description, [*answers]).emitted


def stream_text(whole: str, size: int, reason: str = "STOP") -> list[GenerateContentResponse]:
    """Split a text into chunks; the last one has the finish reason."""
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)] or [""]
    return [*map(chunk, pieces[:-1]), chunk(pieces[-1], reason=reason)]


@pytest.mark.parametrize("size", (1, 3, 100))
@pytest.mark.parametrize(("kind", "encoded", "value"), VALUES, ids=[str(each[1]) for each in VALUES])
def test_ends_as_returning(kind: Any, encoded: str, value: Any, size: int) -> None:
    """The last item has the value and the response that ``returning`` returns; only that one is complete."""
    chunks = stream_text(encoded, size)
    *before, last = (item.unwrap() for item in read(REQUEST | partial(kind), chunks))
    whole = Conversation(REQUEST | returning(kind, with_response=True), [build_response(encoded)]).result.unwrap()
    assert (last.is_complete, last.value, last.response.text) == (True, value, whole.response.text)
    assert whole.value == value
    assert not any(item.is_complete or item.response for item in before)
    assert [item.value for item in before] == [None] * len(before)


def test_grows() -> None:
    """There is an item after each chunk by which the value has grown, and none for others."""
    chunks = [
        chunk('{"na'),
        chunk('me": "Pan'),
        chunk('cakes"'),
        chunk(', "minutes": 2'),
        chunk("0"),
        chunk("}", reason="STOP"),
    ]
    items = [item.unwrap() for item in read(REQUEST | partial(Recipe), chunks)]
    assert [item.data for item in items] == [
        {},
        {"name": "Pan"},
        {"name": "Pancakes"},
        {"name": "Pancakes", "minutes": 20},
        {"name": "Pancakes", "minutes": 20},
    ]
    assert items[-1].value == Recipe("Pancakes", 20)


@settings(max_examples=50)
@given(names=st.lists(st.text(max_size=5), max_size=4), size=st.integers(1, 9))
def test_any_split(names: list[str], size: int) -> None:
    """However a response is cut into chunks, its items are prefixes of each other, and the last one is the value."""
    encoded = msgspec.json.encode(names).decode()
    items = [item.unwrap() for item in read(REQUEST | partial(list[str]), stream_text(encoded, size))]
    for before, after in pairwise(item.data for item in items):
        assert len(before) <= len(after)
        assert all(b.startswith(a) for a, b in zip(before, after, strict=False))
    assert items[-1].value == names == items[-1].data


def test_parse() -> None:
    """What has arrived is a value of the type as soon as nothing without a default is missing."""
    items = [item.unwrap() for item in read(REQUEST | partial(Recipe), stream_text('{"name": "To", "minutes": 3}', 4))]
    results = [item.parse() for item in items]
    assert isinstance(results[0], Failure)
    assert isinstance(results[0].failure(), DecodeError)
    assert next(each for each in results if isinstance(each, Success)) == Success(Recipe("To"))
    assert results[-1] == Success(items[-1].value)
    guests = [item.unwrap() for item in read(REQUEST | partial(Guest), stream_text('{"name": "A", "age": 3}', 15))]
    assert guests[0].parse().failure().text == '{"name":"A"}'
    assert guests[-1].parse() == Success(Guest(name="A", age=3))


FAILURES: tuple[tuple[Any, Any, type[Exception]], ...] = (
    (stream_text('{"name": "To', 4, "MAX_TOKENS"), Recipe, Truncated),
    (stream_text('{"name": "To', 4), Recipe, Truncated),
    (stream_text("12", 1, "MAX_TOKENS"), int, Truncated),
    (stream_text('{"name": 5}', 4), Recipe, DecodeError),
    (stream_text("Certainly! {}", 4), Recipe, DecodeError),
    (stream_text('{"name": "a"} more', 4), Recipe, DecodeError),
    (stream_text("blue", 2), Colour, DecodeError),
    ([chunk(reason="SAFETY")], Recipe, NoText),
    ([], Recipe, NoText),
)


@pytest.mark.parametrize(("chunks", "kind", "error"), FAILURES)
def test_fails_as_returning(chunks: list[Any], kind: Any, error: type[Exception]) -> None:
    """The failure is the last item, and that of ``returning``; what had arrived before it has been emitted."""
    *before, last = read(REQUEST | partial(kind), chunks)
    assert isinstance(last.failure(), error)
    assert all(isinstance(item, Success) and not item.unwrap().is_complete for item in before)
    if chunks:
        whole = read(REQUEST | streamed | joined | returning(kind), chunks)
        assert whole == []
        assert repr(Conversation(REQUEST | streamed | joined | returning(kind), [chunks]).result.failure()) == repr(
            last.failure()
        )


def test_broken_stream() -> None:
    """A failure of the stream is the last item."""
    items = read(REQUEST | partial(Recipe), [chunk('{"name": "T'), ClientError(400)])
    assert [type(item) for item in items] == [Success, Failure]
    assert items[-1] == Failure(ClientError(400))


def test_request_is_that_of_returning() -> None:
    """The same config is sent, with that of modifiers before and after."""
    run = Fake({"generate": "1"})
    run(REQUEST | with_config(seed=1) | partial(int) | with_config(top_k=5) | collected)
    run(REQUEST | with_config(seed=1) | returning(int) | with_config(top_k=5))
    streaming, whole = run.requests
    assert streaming.operation.op == "generate.stream"
    assert streaming.operation.config == whole.operation.config  # type: ignore[union-attr]  # both generate


def test_chat() -> None:
    """Each turn has what has arrived and the chat so far; the last one has the value and the whole chat."""
    chat = chats.start("m")
    for turns in (chats.send(chat, "hi"), chats.send(chat, "hi") | streamed, chats.stream(chat, "hi")):
        items = [
            item.unwrap() for item in read(turns | partial(list[int]), [chunk("[1,"), chunk(" 2]", reason="STOP")])
        ]
        assert [type(item) for item in items] == [Turn] * 3
        assert [item.answer.data for item in items] == [[1], [1, 2], [1, 2]]
        assert items[-1].answer.value == [1, 2]
        assert items[-1].chat == items[-2].chat
        assert items[-1].chat.curated[-1].parts[0].text == "[1, 2]"


def look_up(name: str) -> int:
    """Look up a number."""
    return len(name)


def test_calling() -> None:
    """Texts before function calls belong to another answer: the value starts anew."""
    rounds = (
        [chunk('["half', build_call("look_up", {"name": "abc"}), reason="STOP")],
        [chunk("[3"), chunk("]", reason="STOP")],
    )
    items = [item.unwrap() for item in read(REQUEST | calling(look_up) | partial(list[int]), *rounds)]
    assert [item.data for item in items] == [["half"], [], [3], [3]]
    assert items[-1].value == [3]
    quiet = REQUEST | with_config(automatic_function_calling={"ignore_call_history": True}) | calling(look_up)
    assert read(quiet | partial(list[int]), *rounds)[-1].unwrap().value == [3]
    call = build_call("look_up", {"name": "abc"})
    late_end = [chunk('["half', call), chunk(reason="STOP")]
    assert read(quiet | partial(list[int]), late_end, rounds[1])[-1].unwrap().value == [3]


def test_continued() -> None:
    """The chunks of all requests of ``continued`` are one value."""
    cut = copy.replace if hasattr(copy, "replace") else msgspec.structs.replace
    first = chunk("[1, ", reason="CONTINUATION")
    first = cut(first, candidates=(cut(first.candidates[0], continuation_token="A"),))
    items = read(REQUEST | continued() | partial(list[int]), [first], [chunk("2]", reason="STOP")])
    assert items[-1].unwrap().value == [1, 2]


def test_other_candidates() -> None:
    """Only the first candidate is read, as by ``text``."""
    other = chunk('["no"]')
    other = msgspec.structs.replace(other, candidates=(msgspec.structs.replace(other.candidates[0], index=1),))
    items = read(REQUEST | partial(list[str]), [chunk('["yes'), other, chunk('"]', reason="STOP")])
    assert [item.unwrap().data for item in items] == [["yes"], ["yes"]]


def test_order_of_candidates() -> None:
    """The first candidate may be behind another one in a chunk, or absent from the stream: then the value is whole."""
    second = msgspec.structs.replace(chunk("[7]").candidates[0], index=1)
    both = msgspec.structs.replace(chunk(""), candidates=(second, chunk("[1]").candidates[0]))
    alone = msgspec.structs.replace(chunk(""), candidates=(second,))
    for sent, value in ((both, [1]), (alone, [7])):
        item = read(REQUEST | partial(list[int]), [sent])[-1].unwrap()
        assert item.data == item.value == value
        assert pickle.loads(pickle.dumps(item)) == item
    with Fake({"generate": [both]}).stream(REQUEST | streamed | text) as texts:
        assert list(texts) == [Success("[1]")]


def test_joined() -> None:
    """``joined`` returns the complete item, also of a chat; ``each`` sees all of them."""
    seen: list[Any] = []
    run = Fake({"generate": [chunk("[1"), chunk("]", reason="STOP")]})
    whole = run(REQUEST | partial(list[int]) | each(seen.append) | joined).unwrap()
    assert (whole.value, seen[-1], len(seen)) == ([1], whole, 3)
    turn = run(chats.stream(chats.start("m"), "hi") | partial(list[int]) | joined).unwrap()
    assert turn.answer.value == [1]


def test_usage() -> None:
    """The response of the complete item has what the stream says about the whole."""
    usage = GenerateContentResponseUsageMetadata(total_token_count=7)
    last = msgspec.structs.replace(chunk("1", reason="STOP"), usage_metadata=usage)
    item = read(REQUEST | partial(int), [last])[-1].unwrap()
    assert item.response.usage_metadata == usage


WRONG: tuple[Callable[[], Any], ...] = (
    lambda: REQUEST | text | partial(int),
    lambda: REQUEST | returning(int) | partial(int),
    lambda: REQUEST.map(len) | partial(int),  # type: ignore[arg-type]  # nothing is called
    lambda: REQUEST | with_http_response | partial(int),
    lambda: files.get("abc") | partial(int),
    lambda: REQUEST | partial(print),
)


@pytest.mark.parametrize("build", WRONG)
def test_refused(build: Callable[[], Any]) -> None:
    """It is refused by name after what reads the response, for other requests, and for types without a schema."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path.startswith("partial")


def test_order() -> None:
    """``streamed`` and ``calling`` come before it; a session, texts and values are no stream of responses."""
    for modifier in (streamed, calling(look_up), returning(int)):
        with pytest.raises(InvalidRequest):
            REQUEST | partial(int) | modifier
    with pytest.raises(InvalidRequest):
        live.connect("m") | partial(int)  # type: ignore[operator]  # that is the point
    for before in (text, partial(int)):
        with pytest.raises(InvalidRequest, match="in place of"):
            Fake({"generate": "1"})(REQUEST | streamed | before | partial(int) | collected)  # type: ignore[operator]  # that is the point


def test_deadline() -> None:
    """A deadline is set on the request, and bounds the stream."""
    stream = REQUEST | partial(int) | with_options(deadline=5)
    assert stream.source.source.options.deadline == 5.0


def test_values() -> None:
    """Streams and items compare and pickle; a repr shows what has arrived."""
    stream = REQUEST | partial(Recipe)
    assert pickle.loads(pickle.dumps(stream)) == stream == REQUEST | partial(Recipe)
    items = [item.unwrap() for item in read(stream, stream_text('{"name": "Toast"}', 12))]
    assert pickle.loads(pickle.dumps(items)) == items
    assert repr(items[0]) == "Partial({'name': 'To'})"
    assert repr(items[-1]) == "Partial({'name': 'Toast'}, value=Recipe(name='Toast', minutes=0))"
    assert isinstance(items[0], Partial)


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_left_early(kind: InterpreterKind) -> None:
    """Leaving the stream closes its connection; the rest of the value is not read."""
    with Loopback((build_sse_reply([build_text_response('["a')], finished=False), Hang())) as server:

        async def body(run: AwaitableInterpreter) -> Any:
            async with run.stream(REQUEST | partial(list[str])) as items:
                return (await anext(items)).unwrap().data

        assert kind.run_body(make_gemini(server.url), body) == ["a"]


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """Over a socket, the value grows with the events."""
    events = [build_text_response(piece) for piece in ('{"name": "To', 'ast", "minu', 'tes": 3}')]
    with Loopback(build_sse_reply(events)) as server:
        items = kind.read_items(make_gemini(server.url), REQUEST | partial(Recipe))
    assert [item.unwrap().data for item in items] == [
        {"name": "To"},
        {"name": "Toast"},
        {"name": "Toast", "minutes": 3},
        {"name": "Toast", "minutes": 3},
    ]
    assert items[-1].unwrap().value == Recipe("Toast", 3)
    assert b'"responseSchema"' in server.requests[0].body


def test_offline() -> None:
    """The offline model returns what the type asks for, sync and async."""
    items = Offline()(generate("gemini-2.5-flash", "Toast?") | partial(Recipe) | collected).unwrap()
    assert isinstance(items[-1].value, Recipe)
