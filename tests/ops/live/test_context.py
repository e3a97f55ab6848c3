"""Options of live sessions that google-genai 3.6.1 has beyond 1.51.0, and updates of their context."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from genai_fn import Gemini, Vertex, live
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.live_protocol.frames import decode_frame, encode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.schema import LiveServerMessage

BACKENDS = {"gemini": Gemini("test-key"), "vertex": Vertex("p", "us-central1")}

SETUPS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "history": (
        {"history_config": {"initial_history_in_client_content": True}},
        {"historyConfig": {"initialHistoryInClientContent": True}},
    ),
    "avatar": (
        {"avatar_config": {"avatar_name": "a", "audio_bitrate_bps": 1, "video_bitrate_bps": 2}},
        {"avatarConfig": {"avatarName": "a", "audioBitrateBps": 1, "videoBitrateBps": 2}},
    ),
    "own-avatar": (
        {"avatar_config": {"customized_avatar": {"image_mime_type": "image/png", "image_data": b"x"}}},
        {"avatarConfig": {"customizedAvatar": {"imageMimeType": "image/png", "imageData": "eA=="}}},
    ),
    "safety": (
        {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
    ),
    "labels": ({"labels": {"a_b": "c"}}, {"labels": {"a_b": "c"}}),
    "translation": (
        {"translation_config": {"target_language_code": "de", "echo_target_language": True}},
        {"generationConfig": {"translationConfig": {"targetLanguageCode": "de", "echoTargetLanguage": True}}},
    ),
    "proactive": (
        {"proactivity": {"proactive_audio": True, "proactive_video": True}},
        {"proactivity": {"proactiveAudio": True, "proactiveVideo": True}},
    ),
    "realtime": (
        {
            "realtime_input_config": {
                "turn_coverage": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
                "interim_transcript_timestamp_enabled": True,
            }
        },
        {
            "realtimeInputConfig": {
                "turnCoverage": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
                "interimTranscriptTimestampEnabled": True,
            }
        },
    ),
    "languages": (
        {"input_audio_transcription": {"language_codes": ["de-DE"]}},
        {"inputAudioTranscription": {"languageCodes": ["de-DE"]}},
    ),
}


def get_setup(config: Mapping[str, Any], backend: str) -> Any:
    """Return the setup that is sent, without what every session sends on Vertex AI."""
    config = {"response_modalities": ["TEXT"], **config}
    setup = msgspec.json.decode(encode_handshake(live.connect("m", config), BACKENDS[backend]).unwrap().setup)["setup"]
    del setup["model"], setup["generationConfig"]["responseModalities"]
    return {name: value for name, value in setup.items() if value != {}}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SETUPS)
def test_setup(name: str, backend: str) -> None:
    """Each option is sent where google-genai 3.6.1 sends it, on both backends."""
    config, expected = SETUPS[name]
    assert get_setup(config, backend) == expected


def test_signals() -> None:
    """Only Vertex AI sends signals of detected speech."""
    config = {"explicit_vad_signal": True}
    assert get_setup(config, "vertex") == {"explicitVadSignal": True}
    error = encode_handshake(live.connect("m", config), BACKENDS["gemini"]).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == ("config.explicit_vad_signal",)


def clock() -> str:
    """Return the time."""
    return "12:00"


UPDATES: Mapping[str, tuple[tuple[Any, ...], Mapping[str, Any]]] = {
    "instruction": (("Rhyme.",), {"systemInstruction": {"parts": [{"text": "Rhyme."}], "role": "user"}}),
    "no-tools": ((None, []), {"tools": {"tools": []}}),
    "tools": (
        (None, [{"function_declarations": [{"name": "f"}]}, {"google_search": {}}]),
        {"tools": {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]}},
    ),
    "both": (
        ({"parts": [{"text": "Rhyme."}]}, [{"google_search": {}}]),
        {"systemInstruction": {"parts": [{"text": "Rhyme."}]}, "tools": {"tools": [{"googleSearch": {}}]}},
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", UPDATES)
def test_update(name: str, backend: str) -> None:
    """An update is the message that google-genai 3.6.1 sends; an empty list of tools is sent, too."""
    arguments, expected = UPDATES[name]
    frame = encode_frame(live.context_update(*arguments), BACKENDS[backend]).unwrap()
    assert msgspec.json.decode(frame) == {"contextUpdate": expected}


def test_functions() -> None:
    """Functions are declared."""
    update = live.context_update(tools=[clock]).context_update
    assert update is not None
    assert update.tools is not None
    frame = msgspec.json.decode(encode_frame(live.context_update(tools=[clock]), BACKENDS["gemini"]).unwrap())
    [tool] = frame["contextUpdate"]["tools"]["tools"]
    assert [each["name"] for each in tool["functionDeclarations"]] == ["clock"]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((), "system_instruction"),
        ((3,), "context_update.system_instruction"),
        ((None, [{"search": {}}]), "context_update.tools.tools[0].search"),
    ],
)
def test_mistakes(arguments: Any, path: str) -> None:
    """An update of nothing, or with a wrong argument, is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        live.context_update(*arguments)
    assert raised.value.path == path


def test_refused_tool() -> None:
    """A tool that the backend does not have is refused with its path."""
    error = encode_frame(live.context_update(tools=[{"enterprise_web_search": {}}]), BACKENDS["gemini"]).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == ("context_update.tools.tools[0].enterprise_web_search",)


def test_messages() -> None:
    """Signals, interim transcriptions and their languages are decoded."""
    opened = encode_handshake(live.connect("m"), Gemini("test-key")).unwrap()
    wire = {
        "setupComplete": {"voiceConsentSignature": {"signature": "s"}},
        "serverContent": {
            "inputTranscription": {"text": "hallo", "languageCode": "de"},
            "interimInputTranscription": {"text": "hal"},
            "interactionStatus": "IDLE",
            "turnCompleteReason": "INPUT_OTHER",
        },
        "voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_SOS"},
        "voiceActivity": {"voiceActivityType": "ACTIVITY_END", "audioOffset": "1.5s"},
    }
    message: Any = decode_frame(msgspec.json.encode(wire), opened).unwrap()
    assert isinstance(message, LiveServerMessage)
    assert message.setup_complete is not None
    assert message.setup_complete.voice_consent_signature is not None
    assert message.setup_complete.voice_consent_signature.signature == "s"
    content = message.server_content
    assert content is not None
    assert content.input_transcription is not None
    assert content.interim_input_transcription is not None
    assert (content.input_transcription.language_code, content.interim_input_transcription.text) == ("de", "hal")
    assert (content.interaction_status, content.turn_complete_reason) == ("IDLE", "INPUT_OTHER")
    assert message.voice_activity_detection_signal is not None
    assert message.voice_activity_detection_signal.vad_signal_type == "VAD_SIGNAL_TYPE_SOS"
    assert message.voice_activity is not None
    assert (message.voice_activity.voice_activity_type, message.voice_activity.audio_offset) == ("ACTIVITY_END", "1.5s")
