"""``retry_invalid``: an invalid answer goes back to the model, with its error, until one is valid."""

import enum
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from returns.result import Failure, Result, Success

from genai_fn import (
    ClientError,
    DecodeError,
    InvalidRequest,
    NoText,
    Offline,
    ParsedResponse,
    TimedOut,
    Truncated,
    calling,
    chats,
    continued,
    files,
    generate,
    joined,
    retry_invalid,
    returning,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.effects import Effects
from genai_fn.errors import GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.request import Request
from genai_fn.schema import GenerateContentResponse, GenerateContentResponseUsageMetadata, ModelContent, Part
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Loopback, build_json_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_model import Conversation, build_call, build_response, list_function_responses

REQUEST = generate("m", "Pancakes?", {"temperature": 0.5})


class Recipe(msgspec.Struct, frozen=True):
    name: str
    minutes: int = 0


class Colour(enum.Enum):
    RED = "red"


WRONG_RECIPE = '{"name": "Toast", "minutes": "three"}'
RIGHT_RECIPE = '{"name": "Toast", "minutes": 3}'


def with_usage(response: GenerateContentResponse, total: int) -> GenerateContentResponse:
    usage = GenerateContentResponseUsageMetadata(prompt_token_count=1, total_token_count=total)
    return msgspec.structs.replace(response, usage_metadata=usage)


def list_turns(request: Any) -> list[tuple[str | None, str | None]]:
    """Return role and text of each turn of a request."""
    return [(each.role, (each.parts or (Part(),))[0].text) for each in request.operation.contents]


def test_valid_at_once() -> None:
    """A valid answer needs no further request, and is that of ``returning``."""
    conversation = Conversation(REQUEST | retry_invalid(Recipe), [build_response(RIGHT_RECIPE)])
    assert conversation.result == Success(Recipe("Toast", 3))
    returned = Conversation(REQUEST | returning(Recipe), [build_response(RIGHT_RECIPE)])
    assert conversation.requests == returned.requests


def test_error_goes_back() -> None:
    """The invalid answer, and the error with its path, are two further turns of the same request."""
    answers = [build_response(WRONG_RECIPE), build_response("{}"), build_response(RIGHT_RECIPE)]
    conversation = Conversation(REQUEST | retry_invalid(Recipe), answers)
    assert conversation.result == Success(Recipe("Toast", 3))
    first, second, third = conversation.requests
    assert list_turns(third)[: len(list_turns(second))] == list_turns(second)
    assert list_turns(second) == [
        ("user", "Pancakes?"),
        ("model", WRONG_RECIPE),
        (
            "user",
            (
                "Your answer is invalid: expected `int`, got `str` at $.minutes. "
                "Answer again, with the whole corrected value and nothing else."
            ),
        ),
    ]
    assert list_turns(third)[3:][0] == ("model", "{}")
    assert "name" in str(list_turns(third)[4][1])
    assert first.operation.config == second.operation.config == third.operation.config


def test_content_is_kept() -> None:
    """The model's content is sent back unchanged, with its thought signature."""
    answer = ModelContent([Part(text=WRONG_RECIPE, thought_signature="cw==")])
    response = build_response("x")
    response = msgspec.structs.replace(
        response, candidates=(msgspec.structs.replace(response.candidates[0], content=answer),)
    )
    conversation = Conversation(REQUEST | retry_invalid(Recipe), [response, build_response(RIGHT_RECIPE)])
    assert conversation.requests[1].operation.contents[1] == answer


def test_attempts() -> None:
    """After the last attempt, its error is the failure."""
    answers = [build_response("{}"), build_response(WRONG_RECIPE)]
    conversation = Conversation(REQUEST | retry_invalid(Recipe, attempts=2), answers)
    error = conversation.result.failure()
    assert isinstance(error, DecodeError)
    assert error.path == "$.minutes"
    once = Conversation(REQUEST | retry_invalid(Recipe, 1), [build_response("{}")])
    assert isinstance(once.result.failure(), DecodeError)


def test_usage() -> None:
    """The usage is that of all requests."""
    answers = [with_usage(build_response("{}"), 5), build_response("{}"), with_usage(build_response(RIGHT_RECIPE), 7)]
    parsed = Conversation(REQUEST | retry_invalid(Recipe, with_response=True), answers).result.unwrap()
    assert isinstance(parsed, ParsedResponse)
    assert parsed.value == Recipe("Toast", 3)
    usage = parsed.response.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.total_token_count) == (2, 12)


@pytest.mark.parametrize(
    ("answer", "error"),
    (
        (build_response('{"name": "To', reason="MAX_TOKENS"), Truncated),
        (build_response(reason="SAFETY"), NoText),
        (GenerateContentResponse(), NoText),
        (ClientError(400), ClientError),
        (DecodeError("JSON"), DecodeError),
    ),
    ids=("token limit", "blocked", "empty", "refused", "not the model's"),
)
def test_not_mendable(answer: Any, error: type[Exception]) -> None:
    """A reached token limit, an answer without text, and a failed request are returned at once."""
    conversation = Conversation(REQUEST | retry_invalid(Recipe), [answer])
    assert isinstance(conversation.result.failure(), error)
    assert len(conversation.requests) == 1


@pytest.mark.parametrize(
    ("kind", "wrong", "right", "value"),
    (
        (Recipe, '{"name": "To', RIGHT_RECIPE, Recipe("Toast", 3)),
        (Recipe, "Certainly!", RIGHT_RECIPE, Recipe("Toast", 3)),
        (Colour, "blue", "red", Colour.RED),
        (list[int], "[1, null]", "[1]", [1]),
    ),
)
def test_mendable(kind: Any, wrong: str, right: str, value: Any) -> None:
    """JSON that is incomplete, no JSON, and a value outside an enum are corrected."""
    conversation = Conversation(REQUEST | retry_invalid(kind), [build_response(wrong), build_response(right)])
    assert conversation.result == Success(value)


def test_chat() -> None:
    """A chat keeps its message and the valid answer; the invalid one is not part of it."""
    chat = chats.start("m")
    answers = [with_usage(build_response("{}"), 1), with_usage(build_response(RIGHT_RECIPE), 2)]
    conversation = Conversation(chats.send(chat, "Toast?") | retry_invalid(Recipe, with_response=True), answers)
    turn = conversation.result.unwrap()
    assert turn.answer.value == Recipe("Toast", 3)
    assert turn.answer.response.usage_metadata.total_token_count == 3
    assert [each.parts[0].text for each in turn.chat.comprehensive] == ["Toast?", RIGHT_RECIPE]
    assert turn.chat.curated == turn.chat.comprehensive
    following = Conversation(chats.send(turn.chat, "And?") | text, [build_response("ok")])
    assert len(following.requests[0].operation.contents) == 3


CALLED: list[str] = []


def look_up(name: str) -> int:
    """Look up the minutes of a recipe."""
    CALLED.append(name)
    return 3


@pytest.mark.parametrize("is_chat", (False, True))
def test_calling(is_chat: bool) -> None:
    """After ``calling``, the next attempt has the function calls before the answer, and may call functions itself."""
    CALLED.clear()
    source: Any = chats.send(chats.start("m"), "Toast?") if is_chat else REQUEST
    answers = [
        build_response(build_call("look_up", {"name": "a"})),
        build_response(WRONG_RECIPE),
        build_response(build_call("look_up", {"name": "b"})),
        build_response(RIGHT_RECIPE),
    ]
    conversation = Conversation(source | calling(look_up) | retry_invalid(Recipe), answers)
    value = conversation.result.unwrap()
    assert (value.answer if is_chat else value) == Recipe("Toast", 3)
    assert CALLED == ["a", "b"]
    assert [len(each.operation.contents) for each in conversation.requests] == [1, 3, 5, 7]
    assert list_function_responses(conversation.requests[2].operation.contents) == [{"result": 3}]
    if is_chat:
        assert list_function_responses(value.chat.curated) == [{"result": 3}, {"result": 3}]


def test_continued() -> None:
    """After ``continued``, each attempt is complete before it is checked."""
    cut = build_response('{"name": ', reason="CONTINUATION")
    cut = msgspec.structs.replace(cut, candidates=(msgspec.structs.replace(cut.candidates[0], continuation_token="A"),))
    conversation = Conversation(
        REQUEST | continued() | retry_invalid(Recipe), [cut, build_response("5}"), build_response(RIGHT_RECIPE)]
    )
    assert conversation.result == Success(Recipe("Toast", 3))
    assert [each.operation.config.continuation_token for each in conversation.requests] == [None, "A", None]


def test_deadline_of_the_request() -> None:
    """The deadline of the request applies to all requests together."""
    request = REQUEST | with_options(deadline=10) | retry_invalid(Recipe)
    conversation = Conversation(request, [build_response("{}")], clock=[0.0, 1.0, 1.0, 10.0])
    error = conversation.result.failure()
    assert isinstance(error, TimedOut)
    assert len(conversation.requests) == 1


def test_deadline_of_the_flow() -> None:
    """A deadline that is set afterwards bounds the whole flow, also that of a chat with functions."""
    flow = REQUEST | retry_invalid(Recipe) | with_options(deadline=10)
    assert flow.builder.__name__ == "run_within"
    inner = chats.send(chats.start("m"), "hi") | with_options(deadline=10) | retry_invalid(Recipe)
    deadlines: list[float] = []

    class Recorder(HandlerWrapper):
        def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
            deadlines.append(until)
            return self.inner.handle(request, until)

    for bounded in (flow, inner):
        Fake({"generate": ["{}", RIGHT_RECIPE]}).with_middleware(Recorder)(bounded).unwrap()
    assert deadlines == [10.0] * 4


WRONG: tuple[Callable[[], Any], ...] = (
    lambda: REQUEST | streamed | retry_invalid(int),  # type: ignore[operator]  # that is the point
    lambda: REQUEST | text | retry_invalid(int),  # type: ignore[operator]  # that is the point
    lambda: REQUEST | returning(int) | retry_invalid(int),  # type: ignore[operator]  # that is the point
    lambda: REQUEST | streamed | joined | retry_invalid(int),
    lambda: REQUEST.map(len) | retry_invalid(int),  # type: ignore[arg-type]  # nothing is called
    lambda: REQUEST | with_http_response | retry_invalid(int),  # type: ignore[operator]  # that is the point
    lambda: files.get("abc") | retry_invalid(int),  # type: ignore[operator]  # that is the point
    lambda: REQUEST | retry_invalid(print),
)


@pytest.mark.parametrize("build", WRONG)
def test_refused(build: Callable[[], Any]) -> None:
    """It is refused by name for streams, after what reads the response, and for types without a schema."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path.startswith("retry_invalid")


@pytest.mark.parametrize("modifier", (calling(look_up), continued(), streamed))
def test_comes_last(modifier: Any) -> None:
    """What changes the request's answer comes before it, and is refused by its own name after it."""
    with pytest.raises(InvalidRequest) as raised:
        REQUEST | retry_invalid(Recipe) | modifier
    assert raised.value.path in ("calling", "continued", "streamed")


@pytest.mark.parametrize("attempts", (0, -1, True, 1.5, "3", None))
def test_wrong_attempts(attempts: Any) -> None:
    """The number of attempts is at least one."""
    with pytest.raises(InvalidRequest, match="attempts"):
        retry_invalid(int, attempts)


def test_config_reaches_all() -> None:
    """Modifiers that configure the request apply to all attempts."""
    flow = REQUEST | retry_invalid(Recipe) | with_config(seed=1)
    conversation = Conversation(flow, [build_response("{}"), build_response(RIGHT_RECIPE)])
    assert [each.operation.config.seed for each in conversation.requests] == [1, 1]


def test_values() -> None:
    """The flow compares and pickles."""
    flow = REQUEST | retry_invalid(Recipe, 2)
    assert pickle.loads(pickle.dumps(flow)) == flow == REQUEST | retry_invalid(Recipe, attempts=2)


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """Over a socket, the second request contains the first answer and its error."""
    replies = [build_json_reply(build_text_response(each)) for each in (WRONG_RECIPE, RIGHT_RECIPE)]
    with Loopback(replies) as server:
        assert kind.run(make_gemini(server.url), REQUEST | retry_invalid(Recipe)) == Success(Recipe("Toast", 3))
    sent = msgspec.json.decode(server.requests[1].body, type=dict[str, Any])["contents"]
    assert [each["role"] for each in sent] == ["user", "model", "user"]


def test_fake_and_offline() -> None:
    """A fake can return invalid answers; the offline model never does."""
    run = Fake({"generate": [WRONG_RECIPE, RIGHT_RECIPE]})
    assert run(REQUEST | retry_invalid(Recipe)) == Success(Recipe("Toast", 3))
    assert len(run.requests) == 2
    assert Offline()(generate("gemini-2.5-flash", "Toast?") | retry_invalid(Recipe)).map(type) == Success(Recipe)
    never = Fake({"generate": "no"})(REQUEST | retry_invalid(Recipe))
    assert isinstance(never, Failure)
