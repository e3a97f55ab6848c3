"""Live music in the emulator: what is played to which buttons."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    """A session."""

    def __init__(self) -> None:
        self.state, self.player, self.first = open_session(EmulatorState(), json.dumps(SETUP))

    def hear(self, unsaid: Sequence[Any] = (), **frame: Any) -> list[Any]:
        self.state, self.player, messages = receive_frame(self.state, self.player, json.dumps(frame), tuple(unsaid))
        return list(messages)

    def wish(self, *prompts: Any) -> list[Any]:
        return self.hear(clientContent={"weightedPrompts": prompts})

    def press(self, button: str) -> list[Any]:
        return self.hear(playbackControl=button)

    def closes(self, **frame: Any) -> tuple[int, str]:
        with pytest.raises(EmulatedClose) as caught:
            receive_frame(self.state, self.player, json.dumps(frame))
        return caught.value.code, caught.value.reason


def chunks(messages: list[Any]) -> list[Any]:
    return [chunk for each in messages for chunk in each["serverContent"]["audioChunks"]]


def test_setup() -> None:
    """A setup is complete with a model."""
    assert Music().first == ({"setupComplete": {}},)


@pytest.mark.parametrize(
    "frame", ("{}", '{"setup": {}}', '{"playbackControl": "PLAY"}', b"{", '{"setup": {"mood": 1}}')
)
def test_no_setup(frame: bytes | str) -> None:
    """Anything else closes the connection."""
    with pytest.raises(EmulatedClose) as caught:
        open_session(EmulatorState(), frame)
    assert caught.value.code == 1007


def test_silence() -> None:
    """What is not played yet when a button is pressed comes first, or, where it silences, not at all."""
    music = Music()
    music.wish(JAZZ)
    rest = music.press("PLAY")[1:]
    assert music.hear(rest, playbackControl="PLAY")[:2] == rest
    (refused,) = music.wish(JAZZ, {"text": "forbidden", "weight": 1})[:1]
    assert music.hear([refused, *rest], playbackControl="PAUSE") == [refused]


def test_plays() -> None:
    """What is wished for is played once that is said: 48 kHz, 16 bits, two channels, and where it comes from."""
    music = Music()
    assert music.wish(JAZZ) == []
    assert music.hear(musicGenerationConfig={"bpm": 120}) == []
    played = chunks(music.press("PLAY"))
    source = {"clientContent": {"weightedPrompts": [JAZZ]}, "musicGenerationConfig": {"bpm": 120}}
    assert len(played) == 3
    assert [each["sourceMetadata"] for each in played] == [source] * 3
    assert {each["mimeType"] for each in played} == {"audio/l16;rate=48000;channels=2"}
    sounds = [b64decode(each["data"]) for each in played]
    assert {len(each) for each in sounds} == {3840}
    assert all(each[0::4] == each[2::4] for each in sounds)


def test_buttons() -> None:
    """A pause ends the music, and it goes on from there; a stop, and a new context, begin anew."""
    music = Music()
    music.wish(JAZZ)
    first, second = chunks(music.press("PLAY")), chunks(music.press("PLAY"))
    assert first != second
    assert music.press("PAUSE") == []
    assert chunks(music.press("PLAY")) not in (first, second)
    assert music.press("STOP") == []
    assert chunks(music.press("PLAY")) == first
    assert chunks(music.press("RESET_CONTEXT")) == first


def test_changes() -> None:
    """While it plays, other wishes and another sound are heard at once."""
    music = Music()
    music.wish(JAZZ)
    music.press("PLAY")
    for changed in (music.wish({"text": "tango", "weight": 2}), music.hear(musicGenerationConfig={"density": 0.5})):
        assert chunks(changed)[0]["sourceMetadata"]["clientContent"]["weightedPrompts"][0]["text"] == "tango"


def test_filtered() -> None:
    """A wish that says "forbidden" is filtered, and the others are granted."""
    music = Music()
    (told,) = music.wish({"text": "Forbidden jazz", "weight": 1}, JAZZ)
    assert told == {"filteredPrompt": {"text": "Forbidden jazz", "filteredReason": 'It contains "forbidden".'}}
    assert [each.text for each in music.player.prompts] == ["jazz"]


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
    """What makes no sense closes the connection, and the value is shown."""
    code, told = Music().closes(**frame)
    assert (code, reason in told) == (1007, True)


def test_wire() -> None:
    """What this library writes is read, and what is answered it reads."""
    wire = encode_handshake(live.music.connect("lyria-realtime-exp"), GEMINI).unwrap()
    frames: list[ClientMessage] = [
        live.music.weighted_prompts([JAZZ, {"text": "forbidden", "weight": 1}]),
        live.music.generation_config({"bpm": 120, "scale": "C_MAJOR_A_MINOR"}),
        live.music.play(),
        live.music.pause(),
        live.music.reset_context(),
        live.music.stop(),
    ]
    state, player, messages = open_session(EmulatorState(), wire.setup)
    told = list(messages)
    for each in frames:
        state, player, messages = receive_frame(state, player, encode_frame(each, GEMINI).unwrap())
        told += messages
    read = [decode_frame(json.dumps(each), wire).unwrap() for each in told]
    assert [each.filtered_prompt.text for each in read if each.filtered_prompt] == ["forbidden"]
    assert [len(each.server_content.audio_chunks[0].data) for each in read if each.server_content] == [3840] * 3


@given(st.one_of(st.binary(), st.text()))
@settings(max_examples=30, deadline=None)
def test_total(frame: bytes | str) -> None:
    """Whatever comes closes the connection, if it is no frame."""
    music = Music()
    with pytest.raises(EmulatedClose):
        receive_frame(music.state, music.player, frame)
