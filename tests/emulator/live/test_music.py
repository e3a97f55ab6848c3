"""Live music of the emulator."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import live
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.live.music import open_session, receive_frame
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.live_protocol.frames import ClientMessage, decode_frame, encode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from tests.support.emulator_interpreter import GEMINI

SETUP = {"setup": {"model": "models/lyria-realtime-exp"}}
JAZZ = {"text": "jazz", "weight": 1.0}


class Music:
    """A session of live music."""

    def __init__(self) -> None:
        self.state, self.history, self.first = open_session(EmulatorState(), json.dumps(SETUP))

    def receive(self, unsaid: Sequence[Any] = (), **frame: Any) -> list[Any]:
        self.state, self.history, messages = receive_frame(self.state, self.history, json.dumps(frame), tuple(unsaid))
        return list(messages)

    def set_prompts(self, *prompts: Any) -> list[Any]:
        return self.receive(clientContent={"weightedPrompts": prompts})

    def control(self, control: str) -> list[Any]:
        return self.receive(playbackControl=control)

    def get_close(self, **frame: Any) -> tuple[int, str]:
        with pytest.raises(EmulatedClose) as raised:
            receive_frame(self.state, self.history, json.dumps(frame))
        return raised.value.code, raised.value.reason


def list_chunks(messages: list[Any]) -> list[Any]:
    return [chunk for each in messages for chunk in each["serverContent"]["audioChunks"]]


def test_setup() -> None:
    """A setup with a model completes."""
    assert Music().first == ({"setupComplete": {}},)


@pytest.mark.parametrize(
    "frame", ("{}", '{"setup": {}}', '{"playbackControl": "PLAY"}', b"{", '{"setup": {"mood": 1}}')
)
def test_no_setup(frame: bytes | str) -> None:
    """Any other first frame closes the connection."""
    with pytest.raises(EmulatedClose) as raised:
        open_session(EmulatorState(), frame)
    assert raised.value.code == 1007


def test_unsent() -> None:
    """Unsent chunks come first while the music plays; when it stops they are dropped, unlike other messages."""
    music = Music()
    music.set_prompts(JAZZ)
    later_messages = music.control("PLAY")[1:]
    assert music.receive(later_messages, playbackControl="PLAY")[:2] == later_messages
    (warning,) = music.set_prompts(JAZZ, {"text": "forbidden", "weight": 1})[:1]
    assert music.receive([warning, *later_messages], playbackControl="PAUSE") == [warning]


def test_playing_sends_chunks() -> None:
    """Playing sends chunks of 48 kHz, 16 bits, two channels, with the prompts and the config they derive from."""
    music = Music()
    assert music.set_prompts(JAZZ) == []
    assert music.receive(musicGenerationConfig={"bpm": 120}) == []
    chunks = list_chunks(music.control("PLAY"))
    source = {"clientContent": {"weightedPrompts": [JAZZ]}, "musicGenerationConfig": {"bpm": 120}}
    assert len(chunks) == 3
    assert [each["sourceMetadata"] for each in chunks] == [source] * 3
    assert {each["mimeType"] for each in chunks} == {"audio/l16;rate=48000;channels=2"}
    sounds = [b64decode(each["data"]) for each in chunks]
    assert {len(each) for each in sounds} == {3840}
    assert all(each[0::4] == each[2::4] for each in sounds)


def test_controls() -> None:
    """PAUSE keeps the position; STOP and RESET_CONTEXT reset it."""
    music = Music()
    music.set_prompts(JAZZ)
    first, second = list_chunks(music.control("PLAY")), list_chunks(music.control("PLAY"))
    assert first != second
    assert music.control("PAUSE") == []
    assert list_chunks(music.control("PLAY")) not in (first, second)
    assert music.control("STOP") == []
    assert list_chunks(music.control("PLAY")) == first
    assert list_chunks(music.control("RESET_CONTEXT")) == first


def test_changes() -> None:
    """New prompts and configs apply at once while the music plays."""
    music = Music()
    music.set_prompts(JAZZ)
    music.control("PLAY")
    for messages in (
        music.set_prompts({"text": "tango", "weight": 2}),
        music.receive(musicGenerationConfig={"density": 0.5}),
    ):
        assert list_chunks(messages)[0]["sourceMetadata"]["clientContent"]["weightedPrompts"][0]["text"] == "tango"


def test_filtered() -> None:
    """A prompt with "forbidden" is filtered; the others are accepted."""
    music = Music()
    (messages_read,) = music.set_prompts({"text": "Forbidden jazz", "weight": 1}, JAZZ)
    assert messages_read == {"filteredPrompt": {"text": "Forbidden jazz", "filteredReason": 'It contains "forbidden".'}}
    assert [each.text for each in music.history.prompts] == ["jazz"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    (
        ({}, "A message must contain exactly one of"),
        (SETUP, "A message must contain exactly one of"),
        ({"playbackControl": "PLAY", "musicGenerationConfig": {}}, "A message must contain exactly one of"),
        ({"playbackControl": "PLAY"}, "There is nothing to play"),
        ({"playbackControl": "REWIND"}, "REWIND is not one of"),
        ({"clientContent": {"weightedPrompts": []}}, "must not be empty"),
        ({"clientContent": {"weightedPrompts": [JAZZ, {"text": "tango", "weight": 0}]}}, "weighted_prompts[1] needs"),
        ({"clientContent": {"weightedPrompts": [{"weight": 1}]}}, "weighted_prompts[0] needs"),
        ({"musicGenerationConfig": {"bpm": 300}}, "music_generation_config.bpm: 300 is not from 60 to 200"),
        ({"mood": 1}, 'Unknown name "mood"'),
    ),
    ids=range(10),
)
def test_refused(frame: Any, reason: str) -> None:
    """An invalid frame closes the connection, and the reason contains the value."""
    code, messages_read = Music().get_close(**frame)
    assert (code, reason in messages_read) == (1007, True)


def test_library_frames() -> None:
    """The emulator accepts this library's frames, and this library decodes its messages."""
    handshake = encode_handshake(live.music.connect("lyria-realtime-exp"), GEMINI).unwrap()
    frames: list[ClientMessage] = [
        live.music.weighted_prompts([JAZZ, {"text": "forbidden", "weight": 1}]),
        live.music.generation_config({"bpm": 120, "scale": "C_MAJOR_A_MINOR"}),
        live.music.play(),
        live.music.pause(),
        live.music.reset_context(),
        live.music.stop(),
    ]
    state, history, messages = open_session(EmulatorState(), handshake.setup)
    messages_read = list(messages)
    for each in frames:
        state, history, messages = receive_frame(state, history, encode_frame(each, GEMINI).unwrap())
        messages_read += messages
    read = [decode_frame(json.dumps(each), handshake).unwrap() for each in messages_read]
    assert [each.filtered_prompt.text for each in read if each.filtered_prompt] == ["forbidden"]
    assert [len(each.server_content.audio_chunks[0].data) for each in read if each.server_content] == [3840] * 3


@given(st.one_of(st.binary(), st.text()))
@settings(max_examples=30, deadline=None)
def test_total(frame: bytes | str) -> None:
    """Arbitrary frames close the connection."""
    music = Music()
    with pytest.raises(EmulatedClose):
        receive_frame(music.state, music.history, frame)
