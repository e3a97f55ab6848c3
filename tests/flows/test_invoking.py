"""One function call: arguments by annotation, results as JSON, and the thread or task it runs in."""

import contextvars
import datetime as dt
import enum
import functools
import threading
from dataclasses import dataclass
from typing import Any, ClassVar, LiteralString

import anyio
import msgspec
import pydantic
import pytest
from anyio import create_task_group, to_thread
from anyio.lowlevel import checkpoint
from returns.result import Failure

from genai_fn import AsyncHttp, AsyncOnly, FunctionCallError, Offline, generate, streamed, text
from genai_fn.events import Called
from genai_fn.flows.calling.invoke import convert_arguments, invoke_function
from genai_fn.modifiers import calling, with_tools
from genai_fn.schema import FunctionCall, FunctionDeclaration, FunctionResponse, FunctionResponsePart
from genai_fn.schema.base import ConversionError
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_model import Conversation

# Arguments


class Place(msgspec.Struct):
    name: str
    at: tuple[float, float] = (0, 0)


@dataclass
class Stay:
    nights: int


class Guest(pydantic.BaseModel):
    name: str
    age: int = 0


class Kind(enum.Enum):
    HOTEL = "hotel"


def book(place: Place, stay: Stay, guest: Guest, kinds: list[Kind], when: dt.date | None = None) -> None:
    """Take parameters of all kinds."""


def take_any(given: Any, number: int = 1, share: float = 0.5, both: int | str = 0, name: str = None) -> None:  # type: ignore[assignment]  # noqa: RUF013  # people write so
    """Take any arguments."""


def take_postponed(place: "Place", *rest: "Nowhere", tag: str, **more: "Nowhere") -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821  # only what is asked for is read
    """Have annotations that are strings."""


def test_types() -> None:
    """Arguments convert to the annotations: Structs, dataclasses, pydantic models, enums, dates."""
    given = {
        "place": {"name": "Oslo", "at": [59.9, 10.0]},
        "stay": {"nights": 2.0},
        "guest": {"name": "A", "age": 30},
        "kinds": ["hotel"],
        "when": "2030-01-02",
    }
    assert convert_arguments(book, FunctionCall(name="book", args=given)) == {
        "place": Place("Oslo", (59.9, 10.0)),
        "stay": Stay(2),
        "guest": Guest(name="A", age=30),
        "kinds": [Kind.HOTEL],
        "when": dt.date(2030, 1, 2),
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    (
        ({"given": {"a": [1.0, 2.5]}}, {"given": {"a": [1, 2.5]}}),
        ({"given": None, "number": "7"}, {"given": None, "number": 7}),
        ({"given": 0, "share": 1}, {"given": 0, "share": 1.0}),
        ({"given": 0, "both": "7"}, {"given": 0, "both": "7"}),
        ({"given": 0, "name": None}, {"given": 0, "name": None}),
    ),
)
def test_lenient_conversion(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Whole floats become integers, mismatches are converted leniently, and None is valid as the default."""
    found = convert_arguments(take_any, FunctionCall(name="loose", args=given))
    assert (found, list(map(type, found.values()))) == (expected, list(map(type, expected.values())))


@pytest.mark.parametrize(
    ("given", "wrong"),
    (
        ({}, "given: missing"),
        ({"given": 1, "number": "x"}, "number: Expected `int`, got `str`"),
        ({"given": 1, "nummer": 2, "share": []}, "nummer: no such argument; share: Expected `float`, got `array`"),
    ),
)
def test_wrong(given: dict[str, Any], wrong: str) -> None:
    """All mistakes of a call are in one error."""
    with pytest.raises(ConversionError) as raised:
        convert_arguments(take_any, FunctionCall(name="loose", args=given))
    assert raised.value.expected == wrong


def test_postponed() -> None:
    """String annotations are resolved, only for the arguments that are given; ``**more`` takes the others."""
    call = FunctionCall(name="later", args={"place": {"name": "Oslo"}, "tag": "x", "extra": 1.0})
    assert convert_arguments(take_postponed, call) == {"place": Place("Oslo"), "tag": "x", "extra": 1}


def test_bound() -> None:
    """A call cannot set what a partial binds, also if the function takes any argument by name."""
    partial = functools.partial(take_any, number=3)
    assert convert_arguments(partial, FunctionCall(name="loose", args={"given": 1, "number": 4})) == {"given": 1}
    for partial in (functools.partial(take_postponed, tag="x"), functools.partial(take_postponed, Place("Oslo"))):
        found = convert_arguments(
            partial, FunctionCall(name="later", args={"place": {"name": "A"}, "tag": "y", "b": 1})
        )
        assert found.keys() == {"place", "tag", "b"} - {"tag" if partial.keywords else "place"}

    def take_all(**more: Any) -> None: ...

    partial = functools.partial(take_all, user="me")
    assert convert_arguments(partial, FunctionCall(name="f", args={"user": "other", "b": 1})) == {"b": 1}


def test_names_of_variadic_parameters() -> None:
    """``**kwargs`` takes every other argument, also one that is called as ``*args`` or ``**kwargs`` is."""

    def take_all(first: int, *args: Any, **kwargs: Any) -> None: ...

    given = {"first": 0, "args": [1], "kwargs": {"a": 2}, "b": 3}
    assert convert_arguments(take_all, FunctionCall(name="f", args=given)) == given


def test_callable_with_attributes_of_a_partial() -> None:
    """A callable object is not a partial because it has attributes with the same names."""

    class Tool:
        keywords = None
        func = None

        def __call__(self, city: str, **more: Any) -> None: ...

    call = FunctionCall(name="tool", args={"city": "Oslo", "days": 3.0})
    assert convert_arguments(Tool(), call) == {"city": "Oslo", "days": 3}


def test_more_than_the_function_has() -> None:
    """An argument that the function does not have is omitted, as in google-genai."""
    call = FunctionCall(name="loose", args={"given": 1, "reason": "The user asked."})
    assert convert_arguments(take_any, call) == {"given": 1}


@pytest.mark.parametrize("kind", [ClassVar[int], 5, list[5], LiteralString])
def test_no_type_of_json(kind: Any) -> None:
    """An argument is passed as it is if its annotation is no type of JSON: the function was declared by hand."""

    def declared_by_hand(a: Any) -> None: ...

    declared_by_hand.__annotations__["a"] = kind
    assert convert_arguments(declared_by_hand, FunctionCall(name="f", args={"a": [1.0]})) == {"a": [1]}


def test_by_position() -> None:
    """Arguments that a function accepts by position only are passed by position, with the defaults of missing ones."""

    def by_position(a: int, b: int = 2, c: int = 3, /, *, d: int = 4) -> list[int]:
        return [a, b, c, d]

    for args, expected in (({"a": 1, "c": 7, "d": 5}, [1, 2, 7, 5]), ({"c": 7, "b": 6, "a": 1}, [1, 6, 7, 4])):
        called = invoke_function(FunctionCall(name="by_position", args=args), by_position, "fail")
        assert Offline()(called).unwrap().response == {"result": expected}


def test_pydantic_path() -> None:
    """A pydantic error is one line with its path."""
    given = {"place": {"name": "A"}, "stay": {"nights": 1}, "guest": {"age": "old"}, "kinds": []}
    with pytest.raises(
        ConversionError, match=r"^guest: name: Field required; age: Input should be a valid integer[^\n]*$"
    ):
        convert_arguments(book, FunctionCall(name="book", args=given))


# Results


def get_response(value: Any) -> Any:
    """Return the function response for a returned value."""

    def function() -> Any:
        """Return the value."""
        return value

    return Conversation(invoke_function(FunctionCall(id="1", name="f"), function, "return"), []).result.unwrap()


@pytest.mark.parametrize(
    ("value", "response"),
    (
        (None, {"result": None}),
        ({"a": 1}, {"result": {"a": 1}}),
        (Place("Oslo"), {"result": {"name": "Oslo", "at": [0, 0]}}),
        (Stay(2), {"result": {"nights": 2}}),
        ([Guest(name="A")], {"result": [{"name": "A", "age": 0}]}),
        (dt.date(2030, 1, 2), {"result": "2030-01-02"}),
        ({1: Kind.HOTEL}, {"result": {"1": "hotel"}}),
        pytest.param(object(), {"error": "TypeError: a object cannot be converted to JSON"}, id="formless"),
    ),
    ids=repr,
)
def test_results(value: Any, response: dict[str, Any]) -> None:
    """A result is sent under ``result`` as JSON; one that cannot be converted is an error."""
    assert get_response(value) == FunctionResponse(id="1", name="f", response=response)


def test_surrogates() -> None:
    """A text that cannot be encoded is an error for the model, and raises nothing."""
    assert "UnicodeEncodeError" in get_response("\ud800").response["error"]


def test_own_response() -> None:
    """A `FunctionResponse` is sent as it is, with the id and name of its call."""
    part = FunctionResponsePart.from_bytes(data=b"x", mime_type="image/png")
    assert get_response(FunctionResponse(response={"a": 1}, parts=(part,))) == FunctionResponse(
        id="1", name="f", response={"a": 1}, parts=(part,)
    )


# Interpreters


every_kind = pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
REQUEST = generate("m", "hi")
WHERE: contextvars.ContextVar[str] = contextvars.ContextVar("WHERE", default="nowhere")


def build_calls(*names: str) -> dict[str, Any]:
    """Build a response that calls functions without arguments."""
    parts = [{"functionCall": {"name": name, "args": {}, "id": name}} for name in names]
    return {"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}]}


def get_sent_responses(server: Loopback) -> list[Any]:
    """Return the function responses that the server received."""
    contents = msgspec.json.decode(server.requests[-1].body)["contents"]
    parts = [part for turn in contents for part in turn["parts"]]
    return [part["functionResponse"] for part in parts if "functionResponse" in part]


@every_kind
def test_at_once(kind: InterpreterKind) -> None:
    """Calls of one response run concurrently, in the caller's context, and each emits an event."""
    barrier, events = threading.Barrier(2, timeout=60), list[Any]()

    def one() -> str:
        """Wait for the other function."""
        barrier.wait()
        return WHERE.get()

    def other() -> str:
        """Wait for the first function."""
        barrier.wait()
        return WHERE.get()

    async def body(run: Any) -> Any:
        token = WHERE.set("here")
        try:
            return await run(REQUEST | calling(one, other) | text)
        finally:
            WHERE.reset(token)

    with Loopback(
        [build_json_reply(build_calls("one", "other")), build_json_reply(build_text_response("done"))]
    ) as server:
        result = kind.run_body(make_gemini(server.url), body, on_event=events.append)
    assert result.unwrap() == "done"
    assert get_sent_responses(server) == [
        {"id": each, "name": each, "response": {"result": "here"}} for each in ("one", "other")
    ]
    assert sorted(each.name for each in events if isinstance(each, Called)) == ["one", "other"]


@every_kind
def test_async_functions(kind: InterpreterKind) -> None:
    """Async functions are awaited by async interpreters; with a sync one they are ``Failure(AsyncOnly)``."""

    async def slowly() -> str:
        """Wait briefly."""
        await checkpoint()
        return threading.current_thread().name

    class Slow:
        """A class whose instances are async functions."""

        async def __call__(self) -> str:
            """Wait briefly."""
            await checkpoint()
            return threading.current_thread().name

    with Loopback(
        [build_json_reply(build_calls("slowly", "Slow")), build_json_reply(build_text_response("done"))]
    ) as server:
        result = kind.run(make_gemini(server.url), REQUEST | calling(slowly, Slow()) | text)
    if kind.is_sync:
        assert isinstance(result.failure(), AsyncOnly)
    else:
        assert result.unwrap() == "done"
        assert [each["response"] for each in get_sent_responses(server)] == [
            {"result": threading.current_thread().name}
        ] * 2


@every_kind
def test_sync_wrappers(kind: InterpreterKind) -> None:
    """A sync function that returns a coroutine is awaited like an async function."""

    async def slowly() -> str:
        """Wait briefly."""
        await checkpoint()
        return "done"

    def wrap() -> Any:
        """Wait briefly."""
        return slowly()

    replies = [build_json_reply(build_calls("wrap")), build_json_reply(build_text_response("over"))]
    with Loopback(replies) as server:
        result = kind.run(make_gemini(server.url), REQUEST | calling(wrap) | text)
    if kind.is_sync:
        assert isinstance(result.failure(), AsyncOnly)
    else:
        assert result.unwrap() == "over"
        assert [each["response"] for each in get_sent_responses(server)] == [{"result": "done"}]


class UnprintableError(Exception):
    """An exception whose text cannot be read."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize("on_error", ["return", "fail"])
def test_exception_without_text(on_error: Any) -> None:
    """An exception whose ``__str__`` raises is shown by its type."""

    def fail() -> str:
        """Raise an exception."""
        raise UnprintableError

    conversation = Conversation(invoke_function(FunctionCall(name="fail"), fail, on_error), [])
    if on_error == "fail":
        assert conversation.result == Failure(FunctionCallError("fail", "UnprintableError"))
    else:
        assert conversation.result.unwrap().response == {"error": "UnprintableError"}


@every_kind
def test_off_the_loop(kind: InterpreterKind) -> None:
    """A sync function runs in a thread if it would block others; with a sync interpreter, a single call does not."""

    def where() -> bool:
        """Return whether this is the calling thread."""
        return threading.current_thread() is threading.main_thread()

    with Loopback([build_json_reply(build_calls("where")), build_json_reply(build_text_response("done"))]) as server:
        assert kind.run(make_gemini(server.url), REQUEST | calling(where) | text).unwrap() == "done"
    assert get_sent_responses(server)[0]["response"] == {"result": kind.is_sync}


@every_kind
def test_streams(kind: InterpreterKind) -> None:
    """The chunks of every round are one stream."""

    def clock() -> str:
        """Return the time."""
        return "noon"

    rounds: list[Any] = [
        build_sse_reply([build_text_response("Hm. "), build_calls("clock")]),
        build_sse_reply([build_text_response("It is "), build_text_response("noon.")]),
    ]
    with Loopback(rounds) as server:
        items = kind.read_items(make_gemini(server.url), REQUEST | calling(clock) | streamed | text)
    assert [each.unwrap() for each in items] == ["Hm. ", "It is ", "noon."]
    assert get_sent_responses(server) == [{"id": "clock", "name": "clock", "response": {"result": "noon"}}]


@every_kind
def test_any_exception(kind: InterpreterKind) -> None:
    """Any exception is returned to the model, even StopIteration, which generators and tasks treat specially."""

    def over() -> str:
        """Raise the exception."""
        return next(iter(()))

    with Loopback(
        [build_json_reply(build_calls("over", "over")), build_json_reply(build_text_response("done"))]
    ) as server:
        assert kind.run(make_gemini(server.url), REQUEST | calling(over) | text).unwrap() == "done"
    assert all("StopIteration" in each["response"]["error"] for each in get_sent_responses(server))


@pytest.mark.parametrize("kind", ("asyncio", "trio"))
def test_cancelled(kind: str) -> None:
    """Cancelling does not wait for a function in a thread, which ends by itself."""
    started, release, finished = threading.Event(), threading.Event(), threading.Event()

    def endless() -> None:
        """Wait for an event."""
        started.set()
        release.wait(60)
        finished.set()

    async def body(url: str) -> None:
        async with AsyncHttp(make_gemini(url)) as run, create_task_group() as tasks:
            tasks.start_soon(run, REQUEST | calling(endless))
            await to_thread.run_sync(started.wait, 60)
            tasks.cancel_scope.cancel()

    with Loopback(build_json_reply(build_calls("endless"))) as server:
        anyio.run(body, server.url, backend=kind)
    assert (started.is_set(), finished.is_set()) == (True, False)
    release.set()
    assert finished.wait(60)


def test_async_function_in_sync() -> None:
    """An async function with a sync interpreter is a failure, and is not returned to the model."""

    async def slowly() -> str:
        """Wait."""
        return ""

    with_declaration = with_tools(FunctionDeclaration(name="slowly"))
    with Loopback([build_json_reply(build_calls("slowly"))]) as server:
        result = INTERPRETER_KINDS[0].run(make_gemini(server.url), REQUEST | with_declaration | calling(slowly))
    assert isinstance(result, Failure)
