"""Live sessions of the emulator with the encoders and decoders of this library."""

import json
from typing import Any

import pytest

from genai_fn import Gemini, Live, Vertex, live
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.live.sessions import open_session, receive_frame
from genai_fn.live_protocol.frames import ClientMessage, decode_frame, encode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.schema import LiveServerMessage
from tests.support.emulator_interpreter import BACKENDS
from tests.support.emulator_requests import NOW

MODEL = "gemini-live-2.5-flash-preview"
TOOLS = [{"function_declarations": [{"name": "clock"}]}]
both_backends = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def run_session(session: Live[Any], frames: list[ClientMessage], backend: Gemini | Vertex) -> list[LiveServerMessage]:
    """Run a session with this library's encoders and decoders."""
    handshake = encode_handshake(session, backend).unwrap()
    state, history, messages = open_session(EmulatorState(), handshake.setup, NOW, vertex=isinstance(backend, Vertex))
    received = list(messages)
    for each in frames:
        state, history, messages = receive_frame(state, history, encode_frame(each, backend).unwrap())
        received += messages
    return [decode_frame(json.dumps(each), handshake).unwrap() for each in received]


@both_backends
def test_text(backend: Any) -> None:
    """The emulator accepts this library's frames, and the library decodes its messages and both names of usage."""
    session = live.connect(MODEL, {"response_modalities": ["TEXT"]})
    received = run_session(session, [live.client_content("hi"), live.realtime_input(text="Well?")], backend)
    assert received[0].setup_complete is not None
    assert "nothing was sent anywhere" in "".join(each.text or "" for each in received)
    usage = [each.usage_metadata for each in received if each.usage_metadata is not None]
    assert [each.response_token_count is not None for each in usage] == [True, True]


@both_backends
def test_sound(backend: Any) -> None:
    """Audio is decoded to bytes."""
    frames: list[ClientMessage] = [
        live.realtime_input(audio={"data": bytes(320), "mime_type": "audio/pcm"}),
        live.realtime_input(audio_stream_end=True),
    ]
    received = run_session(live.connect(MODEL), frames, backend)
    assert sum(len(each.data or b"") for each in received) % 2400 == 0
    assert any(each.data for each in received)


@both_backends
def test_tools(backend: Any) -> None:
    """Calls are decoded, and responses are accepted."""
    session = live.connect(MODEL, {"response_modalities": ["TEXT"], "tools": TOOLS})
    answer = {"id": "function-call-1", "name": "clock", "response": {"output": "noon"}}
    received = run_session(session, [live.client_content("clock"), live.tool_response(answer)], backend)
    calls = [call.name for each in received if each.tool_call for call in each.tool_call.function_calls]
    assert (calls, "noon" in "".join(each.text or "" for each in received)) == (["clock"], True)
