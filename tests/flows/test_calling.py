"""The function-calling loop, as scripted conversations: requests, calls, and function responses."""

import copy
import pickle
import threading
from typing import Any

import anyio
import msgspec
import pytest
from google import genai
from returns.result import Failure, Success

from genai_fn import (
    FunctionCallError,
    Gemini,
    Http,
    InvalidRequest,
    ServerError,
    TimedOut,
    collected,
    encode,
    generate,
    joined,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.events import Called
from genai_fn.modifiers import calling, returning, with_tools
from genai_fn.schema import Content, FunctionDeclaration, GenerateContentConfig, GoogleSearch, Part, Tool
from genai_fn.testing import Fake
from tests.support.loopback import Loopback, build_json_reply
from tests.support.scripted_model import Conversation, build_call, build_response, list_function_responses
from tests.support.virtual_time import run_virtually

REQUEST = generate("m", "Is it raining?")
BACKEND = Gemini("test-key")
FINAL_RESPONSE = build_response("It rains.")


def weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return f"rain in {city} for {days}"


def clock() -> str:
    """Return the time."""
    return "noon"


def fail(city: str) -> str:
    """Raise an exception."""
    raise LookupError(city)


def get_config(request: Any) -> GenerateContentConfig:
    """Return the config of a request."""
    found: GenerateContentConfig = request.operation.config
    return found


def get_declared_names(request: Any) -> list[Any]:
    """Return the names of the functions that a request declares."""
    return [each.name for tool in get_config(request).tools or () for each in tool.function_declarations or ()]  # type: ignore[union-attr]  # settled


# Function-calling loop


def test_one_round() -> None:
    """A call is executed, its result is sent after the model's content, and the last response is the result."""
    first = build_response(
        Part(text="Let me see.", thought=True, thought_signature="c2ln"), build_call("weather", {"city": "Oslo"})
    )
    conversation = Conversation(REQUEST | calling(weather), [first, FINAL_RESPONSE])
    opening, model_content, function_content = conversation.requests[1].operation.contents
    assert (opening,) == conversation.requests[0].operation.contents
    assert model_content == first.candidates[0].content
    assert function_content == Content(
        parts=(Part.from_function_response(name="weather", response={"result": "rain in Oslo for 1"}),), role="user"
    )
    assert conversation.result.unwrap().text == "It rains."
    assert get_declared_names(conversation.requests[0]) == ["weather"]


def test_history() -> None:
    """The last response contains the contents before it; without a call there are none."""
    conversation = Conversation(
        REQUEST | calling(clock),
        [build_response(build_call("clock")), build_response(build_call("clock")), FINAL_RESPONSE],
    )
    assert (
        conversation.result.unwrap().automatic_function_calling_history == conversation.requests[2].operation.contents
    )
    assert len(conversation.requests[2].operation.contents) == 5
    assert Conversation(REQUEST | calling(clock), [FINAL_RESPONSE]).result == Success(FINAL_RESPONSE)


def test_parallel_calls() -> None:
    """Calls of one response run concurrently; their responses are in order, with their ids."""
    calls = (
        build_call("weather", {"city": "A"}, id="1"),
        build_call("clock", id="2"),
        build_call("weather", {"city": "B"}, id="3"),
    )
    conversation = Conversation(REQUEST | calling(weather, clock), [build_response(*calls), FINAL_RESPONSE])
    function_content = [part.function_response for part in conversation.requests[1].operation.contents[-1].parts]
    assert [(each.id, each.name) for each in function_content] == [("1", "weather"), ("2", "clock"), ("3", "weather")]
    assert conversation.at_once == [3]
    assert all(each.in_thread for each in conversation.invoked)


def test_out_of_calls() -> None:
    """`max_calls` limits the requests; the calls of the last response are not executed."""
    conversation = Conversation(REQUEST | calling(clock, max_calls=2), [build_response(build_call("clock"))] * 2)
    assert [each.name for each in conversation.result.unwrap().function_calls] == ["clock"]
    assert len(conversation.invoked) == 1


def test_most_by_default() -> None:
    """By default there are at most ten requests, as in google-genai."""
    assert len(Conversation(REQUEST | calling(clock), [build_response(build_call("clock"))] * 10).requests) == 10


def test_a_failure_ends_it() -> None:
    """A request that fails is the result."""
    error = ServerError(503)
    assert Conversation(REQUEST | calling(clock), [build_response(build_call("clock")), error]).result == Failure(error)


def test_undeclared_callable() -> None:
    """A call of a function that is declared but not passed ends the loop: the caller handles it."""
    theirs = with_tools(FunctionDeclaration(name="theirs"))
    answer = build_response(build_call("clock"), build_call("theirs"))
    conversation = Conversation(REQUEST | theirs | calling(clock), [answer])
    assert (conversation.result, conversation.invoked) == (Success(answer), [])


def test_unknown_function() -> None:
    """A call of an undeclared function is returned to the model as an error."""
    conversation = Conversation(REQUEST | calling(clock), [build_response(build_call("clok")), FINAL_RESPONSE])
    assert list_function_responses(conversation.requests[1].operation.contents) == [
        {"error": "the function clok does not exist"}
    ]


def test_events() -> None:
    """Each call emits an event with its arguments and its response."""
    calls = build_response(build_call("weather", {"city": "Oslo"}), build_call("fail", {"city": "Rome"}))
    conversation = Conversation(REQUEST | calling(weather, fail), [calls, FINAL_RESPONSE])
    assert conversation.events == [
        Called("weather", {"city": "Oslo"}, {"result": "rain in Oslo for 1"}),
        Called("fail", {"city": "Rome"}, {"error": "LookupError: Rome"}),
    ]


# Exceptions


def test_an_exception_goes_back() -> None:
    """By default an exception is returned to the model, which may try again."""
    conversation = Conversation(
        REQUEST | calling(fail), [build_response(build_call("fail", {"city": "Rome"})), FINAL_RESPONSE]
    )
    assert list_function_responses(conversation.requests[1].operation.contents) == [{"error": "LookupError: Rome"}]
    assert conversation.result.unwrap().text == "It rains."


def test_an_exception_ends_it() -> None:
    """With ``fail`` an exception is the result, and no other request is sent."""
    action = REQUEST | calling(fail, clock, on_error="fail")
    conversation = Conversation(action, [build_response(build_call("clock"), build_call("fail", {"city": "Rome"}))])
    assert conversation.result == Failure(FunctionCallError("fail", "LookupError: Rome"))


def test_a_bad_argument_is_no_exception() -> None:
    """Invalid arguments are returned to the model, whatever ``on_error`` is."""
    conversation = Conversation(
        REQUEST | calling(weather, on_error="fail"),
        [build_response(build_call("weather", {"town": "Oslo"})), FINAL_RESPONSE],
    )
    assert list_function_responses(conversation.requests[1].operation.contents) == [
        {"error": "town: no such argument; city: missing"}
    ]


# Modes and switches


def test_any_becomes_auto() -> None:
    """After the first call, mode ``ANY`` becomes ``AUTO``."""
    with_any_mode = with_config(
        tool_config={"function_calling_config": {"mode": "ANY", "allowed_function_names": ["clock"]}}
    )
    calls = build_response(build_call("clock"), build_call("weather", {"city": "Oslo"}))
    conversation = Conversation(REQUEST | with_any_mode | calling(clock, weather), [calls, FINAL_RESPONSE])
    modes = [get_config(each).tool_config.function_calling_config for each in conversation.requests]  # type: ignore[union-attr]  # set above
    assert [(each.mode, each.allowed_function_names) for each in modes] == [("ANY", ("clock",)), ("AUTO", None)]  # type: ignore[union-attr]  # set above
    assert list_function_responses(conversation.requests[1].operation.contents)[1] == {
        "error": "the function weather does not exist"
    }


@pytest.mark.parametrize("switches", ({"disable": True}, {"maximum_remote_calls": 0}), ids=repr)
def test_switched_off(switches: dict[str, Any]) -> None:
    """A config that disables calling only declares the functions."""
    answer = build_response(build_call("clock"))
    conversation = Conversation(
        REQUEST | with_config(automatic_function_calling=switches) | calling(clock, max_calls=5), [answer]
    )
    assert (conversation.result, get_declared_names(conversation.requests[0])) == (Success(answer), ["clock"])


def test_limited_by_the_config() -> None:
    """The config's limit applies unless `calling` has one; neither is sent."""
    with_limit = with_config(automatic_function_calling={"maximum_remote_calls": 2})
    answer = build_response(build_call("clock"))
    conversation = Conversation(REQUEST | calling(clock) | with_limit, [answer] * 2)
    assert isinstance(encode(conversation.requests[0], BACKEND), Success)
    assert len(Conversation(REQUEST | with_limit | calling(clock, max_calls=3), [answer] * 3).requests) == 3


def test_history_left_out() -> None:
    """The history is left out if the config says so."""
    ignoring = with_config(automatic_function_calling={"ignore_call_history": True})
    conversation = Conversation(
        REQUEST | ignoring | calling(clock), [build_response(build_call("clock")), FINAL_RESPONSE]
    )
    assert conversation.result == Success(FINAL_RESPONSE)


def test_calling_needs_modifier() -> None:
    """Without `calling`, a config that enables automatic calling is a mistake; the error names the modifier."""
    request = REQUEST | with_config(automatic_function_calling={"maximum_remote_calls": 2})
    error = encode(request, BACKEND).failure()
    assert isinstance(error, InvalidRequest)
    assert (error.path, "calling(…)" in error.expected) == ("config.automatic_function_calling", True)


# Tools


def test_tools_append() -> None:
    """`with_tools` takes what a `Tool` contains, and adds to the tools of the root request."""
    action: Any = REQUEST | with_tools(GoogleSearch()) | text | with_tools(weather, {"code_execution": {}})
    tools = get_config(action.source).tools or ()
    assert tools[0] == Tool(google_search=GoogleSearch())
    assert get_declared_names(action.source) == ["weather"]
    assert len(tools) == 3


def test_own_declaration() -> None:
    """A function that the request already declares keeps that declaration."""
    declaration = FunctionDeclaration(name="clock", description="What time it is.")
    conversation = Conversation(REQUEST | with_tools(declaration) | calling(clock, weather), [FINAL_RESPONSE])
    assert get_declared_names(conversation.requests[0]) == ["clock", "weather"]
    assert get_config(conversation.requests[0]).tools[0] == Tool(function_declarations=(declaration,))  # type: ignore[index]  # two


def test_order_does_not_matter() -> None:
    """Modifiers of the request may come before or after `calling`, including tools."""
    modifiers = with_config(temperature=0.2) | with_tools(GoogleSearch())
    modified_first, called_first = REQUEST | modifiers | calling(clock), REQUEST | calling(clock) | modifiers
    assert modified_first == called_first
    conversation = Conversation(REQUEST | calling(clock) | with_config(tools=[GoogleSearch()]), [FINAL_RESPONSE])
    assert get_declared_names(conversation.requests[0]) == ["clock"]


# Streams


def test_streamed() -> None:
    """A streamed loop emits the chunks of every round; those of later rounds contain the history."""
    pieces = [build_response("Let me "), build_response("see."), build_response(build_call("clock"))]
    conversation = Conversation(
        REQUEST | calling(clock) | streamed, [pieces, [build_response("It "), build_response("rains.")]]
    )
    assert conversation.emitted[:3] == [Success(each) for each in pieces]
    assert [each.unwrap().text for each in conversation.emitted[3:]] == ["It ", "rains."]
    assert [len(each.unwrap().automatic_function_calling_history) for each in conversation.emitted] == [0, 0, 0, 3, 3]
    model_content = conversation.requests[1].operation.contents[1]
    assert [part.text for part in model_content.parts] == ["Let me see.", None]


def test_streamed_text() -> None:
    """The texts of all rounds are concatenated."""
    rounds = [[build_response("Hm. "), build_response(build_call("clock"))], [build_response("Noon.")]]
    assert Conversation(REQUEST | calling(clock) | streamed | text | joined, rounds).result == Success("Hm. Noon.")


@pytest.mark.parametrize("is_later", (False, True))
def test_streamed_failure(is_later: bool) -> None:
    """A failure in any round is the last item."""
    error = ServerError(503)
    rounds = [[build_response(build_call("clock"))], [error]] if is_later else [[error]]
    conversation = Conversation(REQUEST | calling(clock) | streamed, rounds)
    assert conversation.emitted[-1] == Failure(error)
    failing = REQUEST | calling(fail, on_error="fail") | streamed | collected
    failed_conversation = Conversation(failing, [[build_response(build_call("fail", {"city": "Rome"}))]])
    assert failed_conversation.result == Failure(FunctionCallError("fail", "LookupError: Rome"))


def test_streamed_arguments() -> None:
    """Streamed function-call arguments are refused."""
    request = REQUEST | with_config(tool_config={"function_calling_config": {"stream_function_call_arguments": True}})
    conversation = Conversation(request | calling(clock) | streamed, [])
    assert isinstance(conversation.emitted[0].failure(), InvalidRequest)


# Deadlines


@pytest.mark.parametrize("streams", (False, True))
def test_deadline(streams: bool) -> None:
    """A deadline applies to all rounds together, whether it is set before or after."""
    action: Any = REQUEST | calling(clock) | with_options(deadline=5)
    assert action == REQUEST | with_options(deadline=5) | calling(clock)
    action = action | streamed | collected if streams else action
    rounds: list[Any] = [build_response(build_call("clock")), build_response(build_call("clock"))]
    conversation = Conversation(
        action, [[each] for each in rounds] if streams else rounds, clock=[100, 101, *[101] * 4, 103, *[104] * 4, 106]
    )
    assert [each.options.deadline for each in conversation.requests] == [4, 2]
    assert conversation.result == Failure(TimedOut("total", "calling functions"))


def test_deadline_between_calls() -> None:
    """A sync function that ends after the deadline is followed by no other call and no request."""
    action: Any = REQUEST | calling(clock, weather) | with_options(deadline=5)
    response = build_response(build_call("clock"), build_call("weather", {"city": "Oslo"}))
    conversation = Conversation(action, [response], clock=[100, 100, 101, 101, 101, 107, 101, 107])
    assert [each.function for each in conversation.invoked] == [clock]
    assert conversation.result == Failure(TimedOut("total", "calling clock"))


@pytest.mark.parametrize("seconds", (0, 1))
def test_deadline_of_a_flow(seconds: float) -> None:
    """A deadline of a flow around the loop bounds its functions, too."""
    action: Any = (REQUEST | calling(clock)).map(str) | with_options(deadline=5)
    conversation = Conversation(action, [build_response(build_call("clock"))], clock=[100, 104.5 + seconds, 106])
    assert [each.timeout for each in conversation.invoked] == ([] if seconds else [0.5])
    assert conversation.result == Failure(TimedOut("total", "calling clock"))


@pytest.mark.parametrize("kind", ("asyncio", "trio"))
@pytest.mark.parametrize("count", (1, 3))
@pytest.mark.parametrize("flow_deadline", (False, True))
def test_deadline_of_async_functions(kind: str, count: int, flow_deadline: bool) -> None:
    """At the deadline async functions are cancelled, also several at once and within a flow."""
    cancelled: list[float] = []

    async def wait() -> None:
        """Wait for ever."""
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(anyio.current_time())

    async def body() -> Any:
        action: Any = REQUEST | calling(wait)
        action = action.map(str) if flow_deadline else action
        run = Fake({"generate": build_response(*[build_call("wait")] * count)}).aio
        started = anyio.current_time()
        result = await run(action | with_options(deadline=5))
        assert [round(each - started, 3) for each in cancelled] == [5.0] * count
        return result

    assert run_virtually(body, kind) == Failure(
        TimedOut("total", "calling test_deadline_of_async_functions.<locals>.wait")
    )


@pytest.mark.parametrize("kind", ("asyncio", "trio"))
def test_deadline_of_a_thread(kind: str) -> None:
    """Async code does not wait for a sync function in a thread that runs past the deadline."""
    release = threading.Event()

    def wait() -> None:
        """Wait for the end of the test."""
        release.wait(60)

    async def body() -> Any:
        run = Fake({"generate": build_response(build_call("wait"))}).aio
        result = await run(REQUEST | calling(wait) | with_options(deadline=5))
        release.set()
        return result

    assert isinstance(run_virtually(body, kind).failure(), TimedOut)


# Reading the response


def test_text_and_value() -> None:
    """`text` and `returning` read the last response; every round requests the schema."""
    assert Conversation(
        REQUEST | calling(clock) | text, [build_response(build_call("clock")), FINAL_RESPONSE]
    ).result == Success("It rains.")
    conversation = Conversation(
        REQUEST | calling(clock) | returning(list[int]), [build_response(build_call("clock")), build_response("[1, 2]")]
    )
    assert conversation.result == Success([1, 2])
    assert [get_config(each).response_mime_type for each in conversation.requests] == ["application/json"] * 2


# Mistakes and values


def take_unannotated(city) -> None:  # type: ignore[no-untyped-def]  # that is the point
    """Take a parameter without annotation."""


@pytest.mark.parametrize(
    ("description", "modifier"),
    (
        (REQUEST | text, calling(clock)),
        (REQUEST | calling(clock), calling(weather)),
        (REQUEST | with_http_response, calling(clock)),
        (REQUEST, calling(clock, clock)),
        (REQUEST, calling(take_unannotated)),
        (REQUEST, calling(lambda: 1)),
        (REQUEST, calling(7)),  # type: ignore[arg-type]  # that is the point
        (REQUEST, with_tools(7)),  # type: ignore[arg-type]  # that is the point
        (REQUEST | calling(clock) | text, streamed),
    ),
    ids=range(9),
)
def test_refused(description: Any, modifier: Any) -> None:
    """An invalid use is refused when the modifier is applied."""
    with pytest.raises(InvalidRequest):
        description | modifier


@pytest.mark.parametrize("wrong", ({"max_calls": 0}, {"max_calls": True}, {"on_error": "ignore"}), ids=repr)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    """Invalid settings are refused, and so is `calling` without functions."""
    with pytest.raises(InvalidRequest):
        calling(clock, **wrong)
    with pytest.raises(InvalidRequest):
        calling()


@pytest.mark.parametrize(
    "value", (REQUEST | calling(clock), REQUEST | calling(clock) | streamed, calling(clock, max_calls=3)), ids=range(3)
)
def test_value(value: Any) -> None:
    """Flows with named functions compare, hash, copy and pickle."""
    for duplicate in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (duplicate, hash(duplicate), repr(duplicate)) == (value, hash(value), repr(value))
    assert calling(clock, max_calls=4) != calling(clock, max_calls=3)


# Agreement with google-genai


def test_as_google_genai() -> None:
    """Every round sends what google-genai sends, but for the declarations, and the history has the same length."""
    responses = [
        build_response(
            Part(text="Hm.", thought=True, thought_signature="c2ln"),
            build_call("weather", {"city": "Oslo", "days": 3.0}),
            build_call("clock", {}),
        ),
        FINAL_RESPONSE,
    ]
    script = [build_json_reply(msgspec.to_builtins(each)) for each in responses]
    with Loopback(list(script)) as server:
        google = genai.Client(api_key="test-key", http_options={"base_url": server.url})
        theirs = google.models.generate_content(model="m", contents="hi", config={"tools": [weather, clock]})
        expected = [msgspec.json.decode(each.body) for each in server.requests]
    with Loopback(list(script)) as server, Http(Gemini("test-key", base_url=server.url)) as run:
        ours = run(generate("m", "hi") | calling(weather, clock)).unwrap()
        sent = [msgspec.json.decode(each.body) for each in server.requests]
    names = {"contents", "tools"}
    assert [each.keys() for each in sent] == [names] * len(expected)
    assert [each["contents"] for each in sent] == [each["contents"] for each in expected]
    assert len(ours.automatic_function_calling_history) == len(theirs.automatic_function_calling_history or ())
