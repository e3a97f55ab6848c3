"""Building live sessions: conversion, refusals and modifiers."""

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import genai_fn
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.flows.calling.options import CallingOptions
from genai_fn.flows.polling import until_done
from genai_fn.modifiers import (
    calling,
    collected,
    each,
    items,
    joined,
    pages,
    returning,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
    with_system,
    with_tools,
)
from genai_fn.ops import live
from genai_fn.options import Options, Retry, Timeouts
from genai_fn.request import Handshake, Live, LiveOperation, Refusal
from genai_fn.schema import (
    Content,
    GoogleSearch,
    LiveConnectConfig,
    LiveMusicServerMessage,
    LiveServerMessage,
    Modality,
    Part,
    Tool,
)
from tests.support.google_genai import oracle
from tests.support.google_genai.captured_sessions import capture_session

LIVE = live.connect("m")


def weather(city: str) -> str:
    """Return the weather."""
    return city


def clock() -> str:
    """Return the time."""
    return "12:00"


def get_config(session: Live[Any]) -> LiveConnectConfig:
    operation = session.operation
    assert isinstance(operation, live.ConnectLive)
    return operation.config


# Refusals


@pytest.mark.parametrize("model", ["", "a?b", "a&b", "../m", "a#b", None])
def test_no_model(model: Any) -> None:
    """An invalid model name is a mistake, as in google-genai, which accepts some more."""
    if model != "a#b":
        assert isinstance(capture_session(oracle.GEMINI, {"model": model}), oracle.RefusedCall)
    with pytest.raises(InvalidRequest) as raised:
        live.connect(model)
    assert raised.value.path == "model"


MISTAKES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "name": ({"temprature": 1}, "config.temprature"),
    "value": ({"temperature": "hot"}, "config.temperature"),
    "deep": (
        {"realtime_input_config": {"automatic_activity_detection": {"disabled": 3}}},
        "config.realtime_input_config.automatic_activity_detection.disabled",
    ),
    "tool": ({"tools": [{"google": {}}]}, "config.tools[0].google"),
    "twice": ({"generation_config": {"seed": 1}, "seed": 1}, "config.seed"),
    "options": ({"http_options": {}}, "config.http_options"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    """A mistake in a config is raised with its path, when the session is built and when a modifier changes it."""
    given, path = MISTAKES[name]
    for build in (lambda: live.connect("m", given), lambda: LIVE | with_config(given)):
        with pytest.raises(InvalidRequest) as raised:
            build()
        assert raised.value.path == path


def test_field_set_twice_by_a_modifier() -> None:
    """A field that a modifier sets beside ``generation_config`` is refused, too."""
    session = live.connect("m", {"generation_config": {"seed": 1}})
    with pytest.raises(InvalidRequest) as raised:
        session | with_config(seed=2)
    assert raised.value.path == "config.seed"


# Modifiers


def test_with_config() -> None:
    """Later values win, field by field, and None unsets a field."""
    session = live.connect("m", {"temperature": 0.1, "seed": 1}) | with_config({"seed": 2}, temperature=None)
    assert get_config(session) == LiveConnectConfig(seed=2)
    assert get_config(
        session | with_config(LiveConnectConfig(response_modalities=(Modality.TEXT,)))
    ) == LiveConnectConfig(seed=2, response_modalities=(Modality.TEXT,))


def test_with_system() -> None:
    """``with_system`` sets the system instruction."""
    assert get_config(LIVE | with_system("x")).system_instruction == Content(parts=(Part(text="x"),), role="user")


def test_with_tools() -> None:
    """Tools are added to the existing ones."""
    session = LIVE | with_tools(GoogleSearch()) | with_tools({"code_execution": {}})
    assert [type(each) for each in get_config(session).tools or ()] == [Tool, Tool]


def test_with_options() -> None:
    """Options are kept in the session; later ones win, one by one."""
    session = (
        LIVE
        | with_options(timeouts=Timeouts(connect=1.0), headers={"x-a": "b"})
        | with_options(retry=Retry(attempts=1), base_url="http://h.test/", api_version="v1")
    )
    assert session.options == Options(
        timeouts=Timeouts(connect=1.0),
        retry=Retry(attempts=1),
        headers=(("x-a", "b"),),
        base_url="http://h.test",
        api_version="v1",
    )


def test_composed() -> None:
    """Composed modifiers are equivalent to applying them one after the other."""
    modifier = with_config(seed=1) | with_system("x") | calling(weather)
    assert LIVE | modifier == LIVE | with_config(seed=1) | with_system("x") | calling(weather)
    with pytest.raises(InvalidRequest):
        LIVE | (with_config(seed=1) | text)


NO_MODIFIERS: Mapping[str, Any] = {
    "text": text,
    "streamed": streamed,
    "joined": joined,
    "collected": collected,
    "pages": pages,
    "items": items,
    "each": each(print),
    "returning": returning(int),
    "with_http_response": with_http_response,
    "until_done": until_done(),
    "with_config": with_config,
    "print": print,
}


@pytest.mark.parametrize("name", NO_MODIFIERS)
def test_no_modifier(name: str) -> None:
    """Modifiers that do not apply to a session are refused."""
    with pytest.raises(InvalidRequest):
        LIVE | NO_MODIFIERS[name]


# Functions


def _get_declared_names(session: Live[Any]) -> list[str | None]:
    tools: Any = get_config(session).tools or ()
    return [each.name for tool in tools for each in tool.function_declarations or ()]


def test_calling() -> None:
    """Functions are declared in the config, and kept in ``calling_options``."""
    session = LIVE | calling(weather, clock, on_error="fail")
    assert _get_declared_names(session) == ["weather", "clock"]
    assert session.calling_options == CallingOptions((weather, clock), None, "fail")


def test_calling_what_is_declared() -> None:
    """An existing declaration is kept."""
    session = LIVE | with_tools({"function_declarations": [{"name": "weather", "description": "mine"}]})
    session |= calling(weather, clock)
    assert _get_declared_names(session) == ["weather", "clock"]


@pytest.mark.parametrize(
    "modifier", [with_config(tools=[GoogleSearch()]), with_config(tools=None), with_tools(GoogleSearch())]
)
def test_order_does_not_matter(modifier: Any) -> None:
    """Functions stay declared when tools are set later."""
    session = LIVE | calling(weather) | modifier
    assert _get_declared_names(session) == ["weather"]
    assert any(tool.google_search for tool in get_config(session).tools or () if isinstance(tool, Tool)) == (
        modifier != with_config(tools=None)
    )


NO_CALLING: Mapping[str, tuple[Callable[[], Any], str]] = {
    "rounds": (lambda: LIVE | calling(weather, max_calls=3), "max_calls"),
    "twice": (lambda: LIVE | calling(weather) | calling(clock), "calling"),
    "one name": (lambda: LIVE | calling(weather, weather), "calling"),
    "no name": (lambda: LIVE | calling(lambda: 1), "calling"),
    "music": (lambda: live.music.connect("m") | calling(weather), "calling"),
}


@pytest.mark.parametrize("name", NO_CALLING)
def test_no_calling(name: str) -> None:
    """Functions that cannot be declared, and ``max_calls``, are a mistake."""
    build, path = NO_CALLING[name]
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path == path


def test_music_has_no_config() -> None:
    """A music session has no config."""
    with pytest.raises(InvalidRequest):
        live.music.connect("m") | with_config(bpm=120)


# Values


VALUES: Mapping[str, Callable[[], Any]] = {
    "session": lambda: live.connect("m", {"seed": 1, "tools": [{"google_search": {}}]}),
    "calling": lambda: LIVE | calling(weather),
    "music": lambda: live.music.connect("m"),
    "content": lambda: live.client_content(["a", "b"]),
    "audio": lambda: live.realtime_input(audio={"data": b"x", "mime_type": "audio/pcm"}),
    "answer": lambda: live.tool_response({"id": "1", "name": "f", "response": {"x": [1]}}),
    "prompts": lambda: live.music.weighted_prompts([{"text": "x"}]),
    "unknown": lambda: LiveServerMessage(extra={"new": {}}),
}


@pytest.mark.parametrize("name", VALUES)
def test_are_values(name: str) -> None:
    """Sessions and messages compare by their fields, copy and pickle."""
    left, right = VALUES[name](), VALUES[name]()
    assert left == right == copy.deepcopy(left) == pickle.loads(pickle.dumps(left))
    assert repr(left) == repr(right)


def test_nothing_is_mutated() -> None:
    """A config that is passed is not changed, and later changes of it have no effect."""
    given: dict[str, Any] = {"tools": [{"google_search": {}}], "generation_config": {"stop_sequences": ["x"]}}
    original = copy.deepcopy(given)
    session = live.connect("m", given)
    assert given == original
    given["tools"].append({"code_execution": {}})
    assert session == live.connect("m", original)


OPERATIONS: Mapping[str, tuple[LiveOperation[Any], type[Any]]] = {
    "live.connect": (live.ConnectLive(model="m"), LiveServerMessage),
    "live.music.connect": (live.music.ConnectLiveMusic(model="m"), LiveMusicServerMessage),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str) -> None:
    """Both kinds of session have a handshake or a refusal on each backend."""
    operation, kind = OPERATIONS[name]
    assert operation.op == name
    opening = operation.gemini(Gemini())
    assert isinstance(opening, Handshake)
    assert opening.message_type is kind
    assert isinstance(operation.vertex(Vertex("p")), Handshake | Refusal)


def test_public_names() -> None:
    """Sessions are built by ``genai_fn.live``, and annotated by ``genai_fn.Live``."""
    assert (genai_fn.live, genai_fn.Live, genai_fn.live.music) == (live, Live, live.music)


@pytest.mark.parametrize("session", [live.connect("m"), live.music.connect("m")], ids=["talk", "music"])
def test_no_deadline(session: Any) -> None:
    """A deadline is refused, and not dropped: a session has no defined end."""
    with pytest.raises(InvalidRequest, match="deadline"):
        session | with_options(deadline=5.0)
