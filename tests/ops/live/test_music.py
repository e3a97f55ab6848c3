"""Live music: the setup and the messages, compared with google-genai 1.51.0."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import msgspec
import pydantic
import pytest
from google.genai import types
from hypothesis import HealthCheck, given, reject, settings, strategies as st

from genai_fn import schema
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.live_protocol.frames import encode_frame
from genai_fn.ops.live import music
from genai_fn.schema import LiveMusicClientMessage, LiveMusicGenerationConfig, WeightedPrompt
from genai_fn.testing.strategies.arguments import plain_values
from tests.support.google_genai import oracle
from tests.support.google_genai.captured_sessions import CapturedSession, capture_session, encode_session

BACKEND = Gemini("test-key")
_drawing = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("model", ["m", "models/m", "tunedModels/m", "publishers/google/models/m"])
def test_setup(model: str) -> None:
    """The setup has the model, and nothing else."""
    theirs = capture_session(oracle.GEMINI, {"model": model}, music=True)
    assert isinstance(theirs, CapturedSession)
    assert encode_session(music.connect(model), BACKEND).setup == theirs.setup


@pytest.mark.parametrize("model", ["", "a?b", "a&b", "../m"])
def test_no_model(model: str) -> None:
    """An invalid model name is a mistake."""
    assert isinstance(capture_session(oracle.GEMINI, {"model": model}, music=True), oracle.RefusedCall)
    with pytest.raises(InvalidRequest):
        music.connect(model)


def _build_prompts_pair(prompts: Any) -> tuple[Any, Any]:
    return (
        lambda: music.weighted_prompts(deepcopy(prompts)),
        lambda session: session.set_weighted_prompts([types.WeightedPrompt(**each) for each in prompts]),
    )


def _build_config_pair(config: Mapping[str, Any]) -> tuple[Any, Any]:
    return (
        lambda: music.generation_config(deepcopy(config)),
        lambda session: session.set_music_generation_config(types.LiveMusicGenerationConfig(**config)),
    )


FRAMES: Mapping[str, tuple[Callable[[], LiveMusicClientMessage], Callable[[Any], Any]]] = {
    "prompt": _build_prompts_pair([{"text": "piano", "weight": 1.0}]),
    "prompts": _build_prompts_pair([{"text": "piano", "weight": 2}, {"text": "no drums", "weight": -0.5}]),
    "prompt-without-weight": _build_prompts_pair([{"text": "piano"}]),
    "no-prompts": _build_prompts_pair([]),
    "config": _build_config_pair(
        {
            "temperature": 1.1,
            "top_k": 40,
            "seed": 7,
            "guidance": 4.0,
            "bpm": 120,
            "density": 0.5,
            "brightness": 0.25,
            "scale": "C_MAJOR_A_MINOR",
            "mute_bass": True,
            "mute_drums": False,
            "only_bass_and_drums": False,
            "music_generation_mode": "QUALITY",
        }
    ),
    "config-of-zeros": _build_config_pair({"temperature": 0, "density": 0, "brightness": 0, "seed": 0}),
    "config-empty": _build_config_pair({}),
    "play": (music.play, lambda session: session.play()),
    "pause": (music.pause, lambda session: session.pause()),
    "stop": (music.stop, lambda session: session.stop()),
    "reset": (music.reset_context, lambda session: session.reset_context()),
}


def check_same_message(build: Callable[[], LiveMusicClientMessage], use: Callable[[Any], Any]) -> None:
    theirs = capture_session(oracle.GEMINI, {"model": "m"}, use, music=True)
    assert isinstance(theirs, CapturedSession), theirs
    assert msgspec.json.decode(encode_frame(build(), BACKEND).unwrap()) == oracle.normalize(theirs.frames[1])


@pytest.mark.parametrize("name", FRAMES)
def test_same_frame(name: str) -> None:
    """Messages are those of google-genai."""
    check_same_message(*FRAMES[name])


@settings(max_examples=50, **_drawing)
@given(plain_values(LiveMusicGenerationConfig))
def test_drawn_configs(config: Any) -> None:
    """A drawn config becomes google-genai's message."""
    build, use = _build_config_pair(config)
    theirs = capture_session(oracle.GEMINI, {"model": "m"}, use, music=True)
    if isinstance(theirs, oracle.RefusedCall) and issubclass(theirs.error, pydantic.ValidationError):
        reject()
    check_same_message(build, use)


@settings(max_examples=30, **_drawing)
@given(st.lists(plain_values(WeightedPrompt), max_size=3))
def test_drawn_prompts(prompts: list[Any]) -> None:
    """Drawn prompts become google-genai's message."""
    check_same_message(*_build_prompts_pair(prompts))


def test_typed() -> None:
    """Typed values are equivalent to dicts, and single fields to a config."""
    prompt = schema.WeightedPrompt(text="piano", weight=1.0)
    assert music.weighted_prompts([prompt]) == music.weighted_prompts(({"text": "piano", "weight": 1},))
    full_config = LiveMusicGenerationConfig(bpm=120, mute_bass=True)
    assert music.generation_config(full_config) == music.generation_config({"bpm": 120, "muteBass": True})
    assert music.generation_config(full_config) == music.generation_config({"bpm": 90}, bpm=120, mute_bass=True)
    assert music.generation_config(config=full_config, bpm=None) == music.generation_config(mute_bass=True)


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: music.weighted_prompts("piano"), "prompts"),
        (lambda: music.weighted_prompts([{"text": "x", "wait": 1}]), "prompts[0].wait"),
        (lambda: music.generation_config({"bpm": "fast"}), "config.bpm"),
        (lambda: music.generation_config(bmp=120), "config.bmp"),
    ],
)
def test_mistakes(build: Callable[[], Any], path: str) -> None:
    """A mistake is raised with its path when the message is built."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path == path


def test_not_on_vertex() -> None:
    """Vertex AI refuses live music with the reason; google-genai does, too."""
    assert isinstance(capture_session(oracle.VERTEX, {"model": "m"}, music=True), oracle.RefusedCall)
    error = encode_frame(music.play(), Vertex("p")).failure()
    assert error == Unsupported("Vertex AI", ("live.music",), "only the Gemini Developer API generates live music")
