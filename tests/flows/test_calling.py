"""The function-calling loop, as scripted conversations: requests, calls, and function responses."""

import copy
import pickle
from typing import Any

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
from tests.support.loopback import Loopback, json_reply
from tests.support.scripted_model import Conversation, answers, call, saying

ASKED = generate("m", "Is it raining?")
BACKEND = Gemini("test-key")
DONE = saying("It rains.")


def weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return f"rain in {city} for {days}"


def clock() -> str:
    """Return the time."""
    return "noon"


def broken(city: str) -> str:
    """Raise an exception."""
    raise LookupError(city)


def config(request: Any) -> GenerateContentConfig:
    """Return the config of a request."""
    found: GenerateContentConfig = request.operation.config
    return found


def declared(request: Any) -> list[Any]:
    """Return the names of the functions that a request declares."""
    return [each.name for tool in config(request).tools or () for each in tool.function_declarations or ()]  # type: ignore[union-attr]  # settled


# The loop


def test_one_round() -> None:
    """A call is executed, its result is sent after the model's content, and the last response is the result."""
    first = saying(Part(text="Let me see.", thought=True, thought_signature="c2ln"), call("weather", {"city": "Oslo"}))
    met = Conversation(ASKED | calling(weather), [first, DONE])
    opening, said, answered = met.requests[1].operation.contents
    assert (opening,) == met.requests[0].operation.contents
    assert said == first.candidates[0].content
    assert answered == Content(
        parts=(Part.from_function_response(name="weather", response={"result": "rain in Oslo for 1"}),), role="user"
    )
    assert met.result.unwrap().text == "It rains."
    assert declared(met.requests[0]) == ["weather"]


def test_history() -> None:
    """The last response contains the contents before it; without a call there are none."""
    met = Conversation(ASKED | calling(clock), [saying(call("clock")), saying(call("clock")), DONE])
    assert met.result.unwrap().automatic_function_calling_history == met.requests[2].operation.contents
    assert len(met.requests[2].operation.contents) == 5
    assert Conversation(ASKED | calling(clock), [DONE]).result == Success(DONE)


def test_parallel_calls() -> None:
    """Calls of one response run concurrently; their responses are in order, with their ids."""
    calls = (call("weather", {"city": "A"}, id="1"), call("clock", id="2"), call("weather", {"city": "B"}, id="3"))
    met = Conversation(ASKED | calling(weather, clock), [saying(*calls), DONE])
    answered = [part.function_response for part in met.requests[1].operation.contents[-1].parts]
    assert [(each.id, each.name) for each in answered] == [("1", "weather"), ("2", "clock"), ("3", "weather")]
    assert met.at_once == [3]
    assert all(each.in_thread for each in met.invoked)


def test_out_of_calls() -> None:
    """`max_calls` limits the requests; the calls of the last response are not executed."""
    met = Conversation(ASKED | calling(clock, max_calls=2), [saying(call("clock"))] * 2)
    assert [each.name for each in met.result.unwrap().function_calls] == ["clock"]
    assert len(met.invoked) == 1


def test_most_by_default() -> None:
    """By default there are at most ten requests, as in google-genai."""
    assert len(Conversation(ASKED | calling(clock), [saying(call("clock"))] * 10).requests) == 10


def test_a_failure_ends_it() -> None:
    """A request that fails is the result."""
    error = ServerError(503)
    assert Conversation(ASKED | calling(clock), [saying(call("clock")), error]).result == Failure(error)


def test_somebody_elses_call() -> None:
    """A call of a function that is declared but not passed ends the loop: the caller handles it."""
    theirs = with_tools(FunctionDeclaration(name="theirs"))
    answer = saying(call("clock"), call("theirs"))
    met = Conversation(ASKED | theirs | calling(clock), [answer])
    assert (met.result, met.invoked) == (Success(answer), [])


def test_unknown_function() -> None:
    """A call of an undeclared function is returned to the model as an error."""
    met = Conversation(ASKED | calling(clock), [saying(call("clok")), DONE])
    assert answers(met.requests[1].operation.contents) == [{"error": "the function clok does not exist"}]


def test_events() -> None:
    """Each call emits an event with its arguments and its response."""
    calls = saying(call("weather", {"city": "Oslo"}), call("broken", {"city": "Rome"}))
    met = Conversation(ASKED | calling(weather, broken), [calls, DONE])
    assert met.told == [
        Called("weather", {"city": "Oslo"}, {"result": "rain in Oslo for 1"}),
        Called("broken", {"city": "Rome"}, {"error": "LookupError: Rome"}),
    ]


# Exceptions


def test_an_exception_goes_back() -> None:
    """By default an exception is returned to the model, which may try again."""
    met = Conversation(ASKED | calling(broken), [saying(call("broken", {"city": "Rome"})), DONE])
    assert answers(met.requests[1].operation.contents) == [{"error": "LookupError: Rome"}]
    assert met.result.unwrap().text == "It rains."


def test_an_exception_ends_it() -> None:
    """With ``fail`` an exception is the result, and no other request is sent."""
    asked = ASKED | calling(broken, clock, on_error="fail")
    met = Conversation(asked, [saying(call("clock"), call("broken", {"city": "Rome"}))])
    assert met.result == Failure(FunctionCallError("broken", "LookupError: Rome"))


def test_a_bad_argument_is_no_exception() -> None:
    """Invalid arguments are returned to the model, whatever ``on_error`` is."""
    met = Conversation(ASKED | calling(weather, on_error="fail"), [saying(call("weather", {"town": "Oslo"})), DONE])
    assert answers(met.requests[1].operation.contents) == [{"error": "town: no such argument; city: missing"}]


# Modes and switches


def test_any_lets_go() -> None:
    """After the first call, mode ``ANY`` becomes ``AUTO``."""
    forced = with_config(tool_config={"function_calling_config": {"mode": "ANY", "allowed_function_names": ["clock"]}})
    calls = saying(call("clock"), call("weather", {"city": "Oslo"}))
    met = Conversation(ASKED | forced | calling(clock, weather), [calls, DONE])
    modes = [config(each).tool_config.function_calling_config for each in met.requests]  # type: ignore[union-attr]  # set above
    assert [(each.mode, each.allowed_function_names) for each in modes] == [("ANY", ("clock",)), ("AUTO", None)]  # type: ignore[union-attr]  # set above
    assert answers(met.requests[1].operation.contents)[1] == {"error": "the function weather does not exist"}


@pytest.mark.parametrize("switches", ({"disable": True}, {"maximum_remote_calls": 0}), ids=repr)
def test_switched_off(switches: dict[str, Any]) -> None:
    """A config that disables calling only declares the functions."""
    answer = saying(call("clock"))
    met = Conversation(ASKED | with_config(automatic_function_calling=switches) | calling(clock, max_calls=5), [answer])
    assert (met.result, declared(met.requests[0])) == (Success(answer), ["clock"])


def test_limited_by_the_config() -> None:
    """The config's limit applies unless `calling` has one; neither is sent."""
    limited = with_config(automatic_function_calling={"maximum_remote_calls": 2})
    answer = saying(call("clock"))
    met = Conversation(ASKED | calling(clock) | limited, [answer] * 2)
    assert isinstance(encode(met.requests[0], BACKEND), Success)
    assert len(Conversation(ASKED | limited | calling(clock, max_calls=3), [answer] * 3).requests) == 3


def test_history_left_out() -> None:
    """The history is left out if the config says so."""
    ignoring = with_config(automatic_function_calling={"ignore_call_history": True})
    met = Conversation(ASKED | ignoring | calling(clock), [saying(call("clock")), DONE])
    assert met.result == Success(DONE)


def test_nothing_calls() -> None:
    """Without `calling`, a config that enables automatic calling is a mistake; the error names the modifier."""
    asked = ASKED | with_config(automatic_function_calling={"maximum_remote_calls": 2})
    refused = encode(asked, BACKEND).failure()
    assert isinstance(refused, InvalidRequest)
    assert (refused.path, "calling(…)" in refused.expected) == ("config.automatic_function_calling", True)


# Tools


def test_tools_append() -> None:
    """`with_tools` takes what a `Tool` contains, and adds to the tools of the root request."""
    asked: Any = ASKED | with_tools(GoogleSearch()) | text | with_tools(weather, {"code_execution": {}})
    tools = config(asked.source).tools or ()
    assert tools[0] == Tool(google_search=GoogleSearch())
    assert declared(asked.source) == ["weather"]
    assert len(tools) == 3


def test_own_declaration() -> None:
    """A function that the request already declares keeps that declaration."""
    own = FunctionDeclaration(name="clock", description="What time it is.")
    met = Conversation(ASKED | with_tools(own) | calling(clock, weather), [DONE])
    assert declared(met.requests[0]) == ["clock", "weather"]
    assert config(met.requests[0]).tools[0] == Tool(function_declarations=(own,))  # type: ignore[index]  # two


def test_order_does_not_matter() -> None:
    """Modifiers of the request may come before or after `calling`, including tools."""
    shapes = with_config(temperature=0.2) | with_tools(GoogleSearch())
    before, after = ASKED | shapes | calling(clock), ASKED | calling(clock) | shapes
    assert before == after
    replaced = Conversation(ASKED | calling(clock) | with_config(tools=[GoogleSearch()]), [DONE])
    assert declared(replaced.requests[0]) == ["clock"]


# Streams


def test_streamed() -> None:
    """A streamed loop emits the chunks of every round; those of later rounds contain the history."""
    pieces = [saying("Let me "), saying("see."), saying(call("clock"))]
    met = Conversation(ASKED | calling(clock) | streamed, [pieces, [saying("It "), saying("rains.")]])
    assert met.emitted[:3] == [Success(each) for each in pieces]
    assert [each.unwrap().text for each in met.emitted[3:]] == ["It ", "rains."]
    assert [len(each.unwrap().automatic_function_calling_history) for each in met.emitted] == [0, 0, 0, 3, 3]
    said = met.requests[1].operation.contents[1]
    assert [part.text for part in said.parts] == ["Let me see.", None]


def test_streamed_text() -> None:
    """The texts of all rounds are concatenated."""
    rounds = [[saying("Hm. "), saying(call("clock"))], [saying("Noon.")]]
    assert Conversation(ASKED | calling(clock) | streamed | text | joined, rounds).result == Success("Hm. Noon.")


@pytest.mark.parametrize("later", (False, True))
def test_streamed_failure(later: bool) -> None:
    """A failure in any round is the last item."""
    error = ServerError(503)
    rounds = [[saying(call("clock"))], [error]] if later else [[error]]
    met = Conversation(ASKED | calling(clock) | streamed, rounds)
    assert met.emitted[-1] == Failure(error)
    failing = ASKED | calling(broken, on_error="fail") | streamed | collected
    ended = Conversation(failing, [[saying(call("broken", {"city": "Rome"}))]])
    assert ended.result == Failure(FunctionCallError("broken", "LookupError: Rome"))


def test_streamed_arguments() -> None:
    """Streamed function-call arguments are refused."""
    asked = ASKED | with_config(tool_config={"function_calling_config": {"stream_function_call_arguments": True}})
    met = Conversation(asked | calling(clock) | streamed, [])
    assert isinstance(met.emitted[0].failure(), InvalidRequest)


# Deadlines


@pytest.mark.parametrize("streams", (False, True))
def test_deadline(streams: bool) -> None:
    """A deadline applies to all rounds together, whether it is set before or after."""
    asked: Any = ASKED | calling(clock) | with_options(deadline=5)
    assert asked == ASKED | with_options(deadline=5) | calling(clock)
    asked = asked | streamed | collected if streams else asked
    rounds: list[Any] = [saying(call("clock")), saying(call("clock"))]
    met = Conversation(asked, [[each] for each in rounds] if streams else rounds, clock=[100, 101, 103, 106])
    assert [each.options.deadline for each in met.requests] == [4, 2]
    assert met.result == Failure(TimedOut("total", "calling functions"))


# What reads the answer


def test_text_and_value() -> None:
    """`text` and `returning` read the last response; every round requests the schema."""
    assert Conversation(ASKED | calling(clock) | text, [saying(call("clock")), DONE]).result == Success("It rains.")
    met = Conversation(ASKED | calling(clock) | returning(list[int]), [saying(call("clock")), saying("[1, 2]")])
    assert met.result == Success([1, 2])
    assert [config(each).response_mime_type for each in met.requests] == ["application/json"] * 2


# Mistakes and values


def unnoted(city) -> None:  # type: ignore[no-untyped-def]  # that is the point
    """Take a parameter without annotation."""


@pytest.mark.parametrize(
    ("description", "modifier"),
    (
        (ASKED | text, calling(clock)),
        (ASKED | calling(clock), calling(weather)),
        (ASKED | with_http_response, calling(clock)),
        (ASKED, calling(clock, clock)),
        (ASKED, calling(unnoted)),
        (ASKED, calling(lambda: 1)),
        (ASKED, calling(7)),  # type: ignore[arg-type]  # that is the point
        (ASKED, with_tools(7)),  # type: ignore[arg-type]  # that is the point
        (ASKED | calling(clock) | text, streamed),
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
    "value", (ASKED | calling(clock), ASKED | calling(clock) | streamed, calling(clock, max_calls=3)), ids=range(3)
)
def test_value(value: Any) -> None:
    """Flows with named functions compare, hash, copy and pickle."""
    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (twin, hash(twin), repr(twin)) == (value, hash(value), repr(value))
    assert calling(clock, max_calls=4) != calling(clock, max_calls=3)


# The oracle


def test_as_google_genai() -> None:
    """Every round sends what google-genai sends, and the history has the same length."""
    spoken = [
        saying(
            Part(text="Hm.", thought=True, thought_signature="c2ln"),
            call("weather", {"city": "Oslo", "days": 3.0}),
            call("clock", {}),
        ),
        DONE,
    ]
    script = [json_reply(msgspec.to_builtins(each)) for each in spoken]
    with Loopback(list(script)) as server:
        google = genai.Client(api_key="test-key", http_options={"base_url": server.url})
        theirs = google.models.generate_content(model="m", contents="hi", config={"tools": [weather, clock]})
        expected = [msgspec.json.decode(each.body) for each in server.requests]
    with Loopback(list(script)) as server, Http(Gemini("test-key", base_url=server.url)) as run:
        ours = run(generate("m", "hi") | calling(weather, clock)).unwrap()
        sent = [msgspec.json.decode(each.body) for each in server.requests]
    assert sent == [{name: value for name, value in each.items() if value != {}} for each in expected]
    assert len(ours.automatic_function_calling_history) == len(theirs.automatic_function_calling_history or ())
