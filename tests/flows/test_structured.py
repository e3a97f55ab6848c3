"""Structured output: what is requested, what is parsed, and each kind of failure."""

import copy
import enum
import pickle
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest
from returns.result import Failure, Success

from genai_fn import (
    DecodeError,
    Gemini,
    InvalidRequest,
    NoText,
    Offline,
    Truncated,
    Vertex,
    embed,
    encode,
    generate,
    joined,
    streamed,
    text,
    with_config,
    with_http_response,
)
from genai_fn.flows.structured import ParsedResponse, build_output_config, parse
from genai_fn.modifiers import returning
from genai_fn.schema import (
    BlockedReason,
    Candidate,
    FinishReason,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
)
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Loopback, build_json_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_model import Conversation, build_call, build_response

REQUEST = generate("m", "Pancakes?")


class Recipe(msgspec.Struct, frozen=True):
    name: str
    minutes: int = 0


class Folder(msgspec.Struct, frozen=True):
    name: str
    folders: tuple["Folder", ...] = ()


@dataclass(frozen=True)
class Pot:
    litres: float


class Spice(TypedDict):
    name: str


class Size(NamedTuple):
    width: int
    height: int


class Guest(pydantic.BaseModel):
    name: str
    age: int


class Colour(enum.Enum):
    RED = "red"
    DARK_RED = "red-dark"


class Grade(enum.IntEnum):
    ONE = 1
    TWO = 2


CASES: list[tuple[Any, str, Any]] = [
    (Recipe, '{"name": "Toast", "minutes": 3}', Recipe("Toast", 3)),
    (Folder, '{"name": "a", "folders": [{"name": "b"}]}', Folder("a", (Folder("b"),))),
    (Pot, '{"litres": 2}', Pot(2.0)),
    (Spice, '{"name": "salt"}', {"name": "salt"}),
    (Size, "[1, 2]", Size(1, 2)),
    (Guest, '{"name": "A", "age": 3}', Guest(name="A", age=3)),
    (list[Guest], '[{"name": "A", "age": 3}]', [Guest(name="A", age=3)]),
    (dict[str, Pot], '{"a": {"litres": 1.5}}', {"a": Pot(1.5)}),
    (list[Recipe | Folder], '[{"name": "a", "minutes": 1}]', [Recipe("a", 1)]),
    (Guest | Pot, '{"litres": 1}', Pot(1.0)),
    (Colour, "red", Colour.RED),
    (Colour, '"red-dark"\n', Colour.DARK_RED),
    (list[Colour], '["red"]', [Colour.RED]),
    (Grade, "2", Grade.TWO),
    (Literal["a", "b"], '"b"', "b"),
    (int | None, "null", None),
    (int, "3.0", 3),
    (Recipe, '{"name": "Toast", "minutes": 3.0}', Recipe("Toast", 3)),
    (int | float, "3.0", 3.0),
    (bool, "true", True),
    (str, '"null"', "null"),
    (Any, '{"a": [1]}', {"a": [1]}),
]
every_kind = pytest.mark.parametrize(
    ("kind", "encoded", "value"), CASES, ids=[f"{each[0]}-{each[1]}" for each in CASES]
)


@every_kind
def test_parse(kind: Any, encoded: str, value: Any) -> None:
    """Values of every supported kind of type are parsed."""
    assert parse(build_response(encoded), kind) == Success(value)


@every_kind
def test_returning(kind: Any, encoded: str, value: Any) -> None:
    """`returning` requests the type and parses the response; both backends accept the request."""
    conversation = Conversation(REQUEST | returning(kind), [build_response(encoded)])
    assert conversation.result == Success(value)
    for backend in (Gemini("test-key"), Vertex(api_key="test-key")):
        assert isinstance(encode(conversation.requests[0], backend), Success)


@pytest.mark.parametrize("kind", [each[0] for each in CASES if each[0] is not Any], ids=str)
def test_requested_schema(kind: Any) -> None:
    """A schema is sent in one field only; an enum of texts has its own MIME type."""
    fields = build_output_config(kind)
    assert (fields["response_schema"] is None) != (fields["response_json_schema"] is None)
    assert fields["response_mime_type"] == ("text/x.enum" if kind is Colour else "application/json")


PLAIN = (Folder, dict[str, Pot], Grade, dict[str, Any], Size, list[dict[str, int]])


@pytest.mark.parametrize("kind", PLAIN, ids=str)
def test_plain_schema(kind: Any) -> None:
    """Schemas that the API's dialect cannot express are sent as JSON Schema."""
    assert build_output_config(kind)["response_schema"] is None


def test_anything() -> None:
    """For `Any`, no schema is sent."""
    assert {name for name, value in build_output_config(Any).items() if value is not None} == {"response_mime_type"}


# Failures


FULL_TEXT = '{"name": "Töast \\u00e4", "minutes": 312, "x": [1.5, true, null]}'


@pytest.mark.parametrize("length", range(len(FULL_TEXT)))
def test_cut(length: int) -> None:
    """JSON that is cut off at the token limit is `Truncated`; without a reason it is a failure as well."""
    prefix = FULL_TEXT[:length]
    assert parse(build_response(prefix, reason="MAX_TOKENS"), Recipe) == Failure(Truncated(prefix, "MAX_TOKENS"))
    assert isinstance(parse(build_response(prefix), Recipe).failure(), Truncated | DecodeError | NoText)


def test_complete_at_the_limit() -> None:
    """Complete JSON is parsed, whatever the finish reason."""
    assert parse(build_response(FULL_TEXT, reason="MAX_TOKENS"), Recipe) == Success(Recipe("Töast ä", 312))


@pytest.mark.parametrize(("kind", "encoded"), ((int, "12"), (Colour, "red"), (Colour, "re")))
def test_maybe_incomplete_value(kind: Any, encoded: str) -> None:
    """A number or a name at the token limit may be incomplete, and is `Truncated`."""
    assert isinstance(parse(build_response(encoded, reason="MAX_TOKENS"), kind).failure(), Truncated)


def test_stopped_for_another_reason() -> None:
    """Incomplete JSON states the finish reason."""
    assert parse(build_response('{"name": "To', reason="RECITATION"), Recipe).failure() == Truncated(
        '{"name": "To', "RECITATION"
    )


BLOCKED_RESPONSE = GenerateContentResponse(
    prompt_feedback=GenerateContentResponsePromptFeedback(block_reason=BlockedReason.SAFETY)
)


@pytest.mark.parametrize(
    ("response", "error"),
    (
        (BLOCKED_RESPONSE, NoText(block_reason="SAFETY")),
        (GenerateContentResponse(), NoText()),
        (build_response(reason="SAFETY"), NoText(finish_reason="SAFETY")),
        (build_response(build_call("f")), NoText(finish_reason="STOP")),
        (build_response(" \n"), NoText(finish_reason="STOP")),
        (build_response(reason="MAX_TOKENS"), Truncated("", "MAX_TOKENS")),
        (GenerateContentResponse(candidates=(Candidate(finish_reason=FinishReason("NEW")),)), NoText("NEW")),
    ),
    ids=range(7),
)
def test_no_text(response: GenerateContentResponse, error: Exception) -> None:
    """Without text the result is `NoText` with the reason, or `Truncated` if thinking used all tokens."""
    assert parse(response, Recipe | None) == Failure(error)


@pytest.mark.parametrize(
    ("kind", "encoded", "expected", "path"),
    (
        (Recipe, '{"name": 1}', "`str`, got `int`", "$.name"),
        (list[Recipe], '[{"name": "a"}, {"name": "b", "minutes": "x"}]', "`int`, got `str`", "$[1].minutes"),
        (Recipe, '{"minutes": 1}', "Object missing required field `name`"[7:], ""),
        (int, '"1"', "`int`, got `str`", ""),
        (Colour, "blue", "Invalid enum value 'blue'", ""),
        (list[Guest], '[{"name": "A", "age": "old"}]', "age: Input should be a valid integer", "$[0]"),
        (Guest | Pot, "{}", "name: Field required", ""),
        (Recipe, "Sure! Here it is", "JSON (", ""),
        (Recipe, '{"name": "a"} {"name": "b"}', "JSON (", ""),
    ),
)
def test_mismatch(kind: Any, encoded: str, expected: str, path: str) -> None:
    """A mismatch states the expectation, the path and the text."""
    error = parse(build_response(encoded), kind).failure()
    assert isinstance(error, DecodeError)
    assert (expected in error.expected, error.path, error.text) == (True, path, encoded)


def test_deep() -> None:
    """Deeply nested JSON is a failure, and raises nothing."""
    assert isinstance(parse(build_response("[" * 100_000), Any).failure(), Truncated | DecodeError)
    assert isinstance(parse(build_response("[" * 100_000 + "]" * 100_000), Any).failure(), DecodeError)


# With the response, with other modifiers


def test_with_response() -> None:
    """With ``with_response`` the result has the value and the response."""
    answer = build_response('{"name": "a"}')
    conversation = Conversation(REQUEST | returning(Recipe, with_response=True), [answer])
    assert conversation.result == Success(ParsedResponse(Recipe("a"), answer))
    failed = Conversation(REQUEST | returning(Recipe, with_response=True), [build_response("{")])
    assert isinstance(failed.result.failure(), Truncated)


def test_order_does_not_matter() -> None:
    """The schema is set on the root request, and replaces an earlier one."""
    assert REQUEST | with_config(seed=1) | returning(Recipe) == REQUEST | returning(Recipe) | with_config(seed=1)
    other = with_config(response_json_schema={"type": "string"})
    assert REQUEST | other | returning(Recipe) == REQUEST | returning(Recipe)


def test_joined_chunks() -> None:
    """Joined chunks are parsed as one response."""
    conversation = Conversation(
        REQUEST | streamed | joined | returning(Recipe), [[build_response('{"name"'), build_response(': "a"}')]]
    )
    assert conversation.result == Success(Recipe("a"))


@pytest.mark.parametrize(
    ("description", "modifier"),
    (
        (REQUEST | returning(Recipe), streamed),
        (REQUEST | streamed, returning(Recipe)),
        (REQUEST | with_http_response, returning(Recipe)),
        (embed("m", "a"), returning(Recipe)),
        (REQUEST, returning(7)),
        (REQUEST, returning(type[int])),
        (REQUEST, returning(print)),
    ),
    ids=range(7),
)
def test_refused(description: Any, modifier: Any) -> None:
    """An invalid use is refused when the modifier is applied."""
    with pytest.raises(InvalidRequest):
        description | modifier


def test_not_a_response() -> None:
    """Only a response can be parsed; any other value of a flow is the program's mistake."""
    with pytest.raises(InvalidRequest):
        Conversation(REQUEST | text | returning(Recipe), [build_response("a")])  # type: ignore[operator]  # that is the point
    with pytest.raises(InvalidRequest):
        parse("a", Recipe)  # type: ignore[call-overload]  # that is the point


@pytest.mark.parametrize("kind", [Recipe, list[Recipe], Recipe | None, Literal["a"], Colour], ids=str)
def test_value(kind: Any) -> None:
    """Modifiers and flows compare, copy and pickle by their type."""
    flow = REQUEST | returning(kind)
    assert copy.deepcopy(flow) == pickle.loads(pickle.dumps(flow)) == flow
    assert hash(returning(kind)) == hash(returning(kind))
    assert returning(kind) != returning(kind, with_response=True)


# Interpreters


@pytest.mark.parametrize("kind", (Recipe, Folder, Colour, Grade, Guest), ids=str)
def test_offline(kind: Any) -> None:
    """The offline model returns values of the requested type."""
    assert isinstance(Offline()(REQUEST | returning(kind)).unwrap(), kind)


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """Over a socket, the schema is sent and the value is parsed."""
    with Loopback([build_json_reply(build_text_response('{"name": "Toast", "minutes": 3}'))]) as server:
        assert kind.run(make_gemini(server.url), REQUEST | returning(Recipe)) == Success(Recipe("Toast", 3))
    sent = msgspec.json.decode(server.requests[0].body)["generationConfig"]
    assert sent["responseMimeType"] == "application/json"
    assert sent["responseSchema"]["required"] == ["name"]
