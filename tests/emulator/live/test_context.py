"""Live sessions of the emulator: all options of a setup, the initial history, and updates of the context."""

import json
from typing import Any

import pytest

from genai_fn import Gemini, Vertex, live
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.sessions import open_session, receive_frame
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.live_protocol.frames import encode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.schema import LiveClientMessage
from tests.support.emulator_interpreter import BACKENDS
from tests.support.emulator_requests import NOW

MODEL = "gemini-live-2.5-flash-preview"
CLOCK = {"function_declarations": [{"name": "clock"}]}
both = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def open_live(backend: Gemini | Vertex, **config: Any) -> LiveHistory:
    """Open a session that answers in text, and return its state."""
    session = live.connect(MODEL, {"response_modalities": ["TEXT"], **config})
    handshake = encode_handshake(session, backend).unwrap()
    return open_session(EmulatorState(), handshake.setup, NOW, vertex=isinstance(backend, Vertex))[1]


def send(history: LiveHistory, backend: Gemini | Vertex, message: LiveClientMessage) -> tuple[LiveHistory, str]:
    """Send a message, and return the state of the session and the server's messages as text."""
    frame = encode_frame(message, backend).unwrap()
    _, history, messages = receive_frame(EmulatorState(), history, frame)
    return history, json.dumps(messages)


@both
def test_models(backend: Any) -> None:
    """A session with a base model that does not exist is refused, as other requests are; others are not checked."""
    for model in ("m", "gemini-2.0-flash-live-001", "projects/p/locations/l/models/gpt-4o"):
        setup = encode_handshake(live.connect(model), backend).unwrap().setup
        assert open_session(EmulatorState(), setup, NOW)[2]
    setups = [encode_handshake(live.connect(each), backend).unwrap().setup for each in ("gpt-4o", "m")]
    for setup, state in zip(setups, (EmulatorState(), EmulatorState(models=("n",))), strict=True):
        with pytest.raises(EmulatedClose, match="is not found, or is not supported for bidiGenerateContent") as refusal:
            open_session(state, setup, NOW)
        assert 1008 == refusal.value.code


@both
def test_out_of_range(backend: Any) -> None:
    """A number out of its range is refused with its path, as in other requests."""
    with pytest.raises(EmulatedClose, match=r"setup\.generation_config\.max_output_tokens: -3 is not from 1 to"):
        open_live(backend, max_output_tokens=-3)


@both
def test_all_fields(backend: Any) -> None:
    """All fields that this library can set are accepted, on both backends."""
    config = {
        "response_modalities": ["AUDIO"],
        "temperature": 0.5,
        "speech_config": "Kore",
        "thinking_config": {"thinking_budget": 0},
        "media_resolution": "MEDIA_RESOLUTION_LOW",
        "system_instruction": "Rhyme.",
        "tools": [{"google_search": {}}],
        "session_resumption": {},
        "input_audio_transcription": {},
        "output_audio_transcription": {},
        "realtime_input_config": {"turn_coverage": "TURN_INCLUDES_ALL_INPUT"},
        "context_window_compression": {"sliding_window": {"target_tokens": 9}},
        "proactivity": {"proactive_audio": True},
        "history_config": {"initial_history_in_client_content": True},
        "avatar_config": {"customized_avatar": {"image_mime_type": "image/png", "image_data": b"x"}},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "translation_config": {"target_language_code": "de"},
        "labels": {"team": "a"},
        **({"explicit_vad_signal": True} if isinstance(backend, Vertex) else {}),
    }
    setup = open_live(backend, **config).setup
    unset = ["extra"] if isinstance(backend, Vertex) else ["explicit_vad_signal", "extra"]
    assert sorted(name for name in setup.__struct_fields__ if getattr(setup, name) is None) == unset


@both
def test_new_tools(backend: Any) -> None:
    """New tools replace the present ones; none are called after an empty list."""
    history = open_live(backend)
    history, answer = send(history, backend, live.client_content("clock"))
    assert "toolCall" not in answer
    history, answer = send(history, backend, live.context_update(tools=[CLOCK]))
    assert answer == "[]"
    _, answer = send(history, backend, live.client_content("clock"))
    assert '"functionCalls": [{"id": "function-call-1", "args": {}, "name": "clock"}]' in answer
    history, _ = send(history, backend, live.context_update(tools=[]))
    _, answer = send(history, backend, live.client_content("clock"))
    assert "toolCall" not in answer


@both
def test_new_instruction(backend: Any) -> None:
    """A new system instruction replaces the present one; the tools stay."""
    history = open_live(backend, system_instruction="Rhyme.", tools=[CLOCK])
    history, _ = send(history, backend, live.context_update("Be concise."))
    instruction = history.setup.system_instruction
    assert instruction is not None
    assert instruction.parts is not None
    assert [part.text for part in instruction.parts] == ["Be concise."]
    assert history.setup.tools is not None


@both
def test_initial_history(backend: Any) -> None:
    """With an initial history, the first turns are not answered, and the next ones are."""
    history = open_live(backend, history_config={"initial_history_in_client_content": True})
    history, answer = send(history, backend, live.client_content("I am Ada.", turn_complete=False))
    assert answer == "[]"
    history, answer = send(history, backend, live.client_content("You know me."))
    assert answer == "[]"
    history, answer = send(history, backend, live.client_content("Who am I?"))
    assert "turnComplete" in answer
    assert len(history.turns) == 4
