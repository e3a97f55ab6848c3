"""Messages of the server: decoded as google-genai 1.51.0 decodes them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, example, given, reject, settings, strategies as st

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import APIError, ClientError, DecodeError, GenaiError, RateLimited
from genai_fn.live_protocol.frames import decode_frame
from genai_fn.live_protocol.handshake import EncodedHandshake
from genai_fn.ops import live
from genai_fn.results import Failure, Success
from genai_fn.schema import (
    LiveMusicServerMessage,
    LiveServerMessage,
    Transcription,
    TurnCompleteReason,
    UsageMetadata,
)
from genai_fn.testing.strategies import from_type
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import to_plain
from tests.support.google_genai.captured_sessions import CapturedSession, build_handshake, capture_session

THEIR_BACKENDS: Mapping[str, oracle.Backend] = {"gemini": oracle.GEMINI, "vertex": oracle.VERTEX}
HANDSHAKES: Mapping[str, EncodedHandshake] = {
    "gemini": build_handshake(live.connect("m"), Gemini("test-key")),
    "vertex": build_handshake(live.connect("m"), Vertex("p", "us-central1")),
}
MUSIC = build_handshake(live.music.connect("m"), Gemini("test-key"))
every_backend = pytest.mark.parametrize("backend", HANDSHAKES)
SETTINGS = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


def build_content(**fields: Any) -> Mapping[str, Any]:
    return {"serverContent": fields}


def build_turn(*each: Mapping[str, Any]) -> Mapping[str, Any]:
    return build_content(modelTurn={"parts": list(each), "role": "model"})


def build_usage(**fields: Any) -> Mapping[str, Any]:
    return {"usageMetadata": fields}


def build_resumption(**fields: Any) -> Mapping[str, Any]:
    return {"sessionResumptionUpdate": fields}


SOUND = {"inlineData": {"data": "AP/+", "mimeType": "audio/pcm;rate=24000"}}
DETAILS = [{"modality": "AUDIO", "tokenCount": 3}, {"modality": "TEXT", "tokenCount": 4}]
REPLIES: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "setup": {"setupComplete": {}},
    "setup-of-a-session": {"setupComplete": {"sessionId": "s"}},
    "content-empty": build_content(),
    "text": build_turn({"text": "hi"}),
    "texts": build_turn({"text": "h"}, {"text": "i"}),
    "text-empty": build_turn({"text": ""}),
    "thought": build_turn({"text": "hm", "thought": True}, {"text": "hi"}),
    "sealed": build_turn({"text": "hm", "thought": True, "thoughtSignature": "+/8="}),
    "sound": build_turn(SOUND),
    "sounds": build_turn(SOUND, SOUND),
    "sound-and-text": build_turn(SOUND, {"text": "hi"}),
    "sound-in-another-alphabet": build_turn({"inlineData": {"data": "AP_-", "mimeType": "audio/pcm"}}),
    "code": build_turn({"executableCode": {"code": "1+1", "language": "PYTHON"}}),
    "code-ran": build_turn({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}),
    "no-parts": build_content(modelTurn={"role": "model"}),
    "turn-complete": build_content(turnComplete=True),
    "turn-complete-why": build_content(turnComplete=True, turnCompleteReason="MALFORMED_FUNCTION_CALL"),
    "interrupted": build_content(interrupted=True),
    "generation-complete": build_content(generationComplete=True),
    "waiting": build_content(waitingForInput=True),
    "heard": build_content(inputTranscription={"text": "hello", "finished": False}),
    "said": build_content(outputTranscription={"text": "hi", "finished": True}),
    "transcription-empty": build_content(outputTranscription={}),
    "grounded": build_content(
        groundingMetadata={
            "webSearchQueries": ["q"],
            "groundingChunks": [{"web": {"uri": "https://x.test", "title": "x"}}],
            "groundingSupports": [{"segment": {"endIndex": 3, "text": "hi"}, "groundingChunkIndices": [0]}],
        }
    ),
    "looked-up": build_content(
        urlContextMetadata={
            "urlMetadata": [{"retrievedUrl": "https://x.test", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}]
        }
    ),
    "all-of-a-turn": {
        "serverContent": {"modelTurn": {"parts": [SOUND]}, "outputTranscription": {"text": "hi"}, "turnComplete": True},
        "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 3},
    },
    "call": {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"a_b": {"c": [1, None]}}}]}},
    "calls": {"toolCall": {"functionCalls": [{"id": "1", "name": "f"}, {"id": "2", "name": "f", "args": {}}]}},
    "no-calls": {"toolCall": {}},
    "call-without-id": {"toolCall": {"functionCalls": [{"name": "f", "args": {"x": 1.5}}]}},
    "cancelled": {"toolCallCancellation": {"ids": ["1", "2"]}},
    "cancelled-none": {"toolCallCancellation": {}},
    "usage": build_usage(promptTokenCount=1, cachedContentTokenCount=2, totalTokenCount=6, thoughtsTokenCount=1),
    "usage-of-tools": build_usage(toolUsePromptTokenCount=2, toolUsePromptTokensDetails=DETAILS),
    "usage-details": build_usage(promptTokensDetails=DETAILS, cacheTokensDetails=DETAILS),
    "usage-of-traffic": build_usage(trafficType="ON_DEMAND"),
    "usage-in-quotes": build_usage(promptTokenCount="12", totalTokenCount="34"),
    "go-away": {"goAway": {"timeLeft": "10s"}},
    "go-away-now": {"goAway": {}},
    "handle": build_resumption(newHandle="h", resumable=True),
    "no-handle": build_resumption(newHandle="", resumable=False),
    "handle-to-here": build_resumption(newHandle="h", resumable=True, lastConsumedClientMessageIndex="7"),
    "handle-empty": build_resumption(),
    "many-at-once": {
        **build_content(turnComplete=True),
        **build_resumption(newHandle="h", resumable=True),
        "goAway": {},
    },
    "newer-fields": {**build_content(turnComplete=True, newField={"x": 1}), "newerField": 3},
    "newer-values": build_content(turnComplete=True, turnCompleteReason="BORED"),
    "none": {"serverContent": None, "goAway": {"timeLeft": None}},
}


@every_backend
@pytest.mark.parametrize("name", REPLIES)
def test_same_message(name: str, backend: str) -> None:
    """A message is decoded as in google-genai."""
    check_same_message(REPLIES[name], backend)


@pytest.mark.parametrize("backend", HANDSHAKES)
def test_response_token_names(backend: str) -> None:
    """Response tokens have one name here and two on the wire: Vertex AI has its own."""
    name = {"gemini": "response", "vertex": "candidates"}[backend]
    reply = build_usage(**{f"{name}TokenCount": 5, f"{name}TokensDetails": DETAILS, "promptTokenCount": 1})
    check_same_message(reply, backend)
    message = decode_frame(json.dumps(reply), HANDSHAKES[backend]).unwrap()
    assert (message.usage_metadata.response_token_count, len(message.usage_metadata.response_tokens_details)) == (5, 2)


def test_usage_by_the_other_name() -> None:
    """Vertex AI may use the other name, too; 1.51.0 drops it."""
    message = decode_frame('{"usageMetadata": {"responseTokenCount": 5}}', HANDSHAKES["vertex"]).unwrap()
    assert message.usage_metadata == UsageMetadata(response_token_count=5)


def check_same_message(reply: Any, backend: str) -> None:
    """Check that both decode the same values; empty values count as missing."""
    theirs = capture_session(
        THEIR_BACKENDS[backend], {"model": "m"}, lambda session: session._receive(), messages=[reply]
    )
    assert isinstance(theirs, CapturedSession), theirs
    for frame in (json.dumps(reply), json.dumps(reply).encode()):
        message = decode_frame(frame, HANDSHAKES[backend]).unwrap()
        assert isinstance(message, LiveServerMessage)
        assert to_plain(message) == restore_signatures(to_plain(theirs.value))
        assert (message.text, message.data) == (theirs.value.text or None, theirs.value.data)


def restore_signatures(value: Any) -> Any:
    """Replace thought signatures by their original text: 1.51.0 decodes their base64."""
    if isinstance(value, list):
        return [restore_signatures(each) for each in value]
    if isinstance(value, dict):
        return {
            name: b64encode(each).decode() if name == "thought_signature" else restore_signatures(each)
            for name, each in value.items()
        }
    return value


@every_backend
def test_drawn_messages(backend: str) -> None:
    """Any drawn message is decoded as in google-genai."""
    compared_messages: list[Any] = []

    @settings(max_examples=80, **SETTINGS)
    @given(from_type(LiveServerMessage))
    def check_message(message: LiveServerMessage) -> None:
        if backend == "vertex":  # Vertex AI has other names for usage, which are tested above
            message = msgspec.structs.replace(message, usage_metadata=None)
        reply = msgspec.to_builtins(message)
        theirs = capture_session(
            THEIR_BACKENDS[backend], {"model": "m"}, lambda session: session._receive(), messages=[reply]
        )
        if isinstance(theirs, oracle.RefusedCall):
            assert issubclass(theirs.error, pydantic.ValidationError | ValueError)
            reject()
        ours = decode_frame(msgspec.json.encode(message), HANDSHAKES[backend]).unwrap()
        assert ours == message
        assert to_plain(ours) == restore_signatures(to_plain(theirs.value))
        compared_messages.append(message)

    check_message()
    assert len(compared_messages) >= 30


# Any message


@every_backend
@pytest.mark.parametrize(
    "raw", ['{"newThing": {"x": 1}}', '{"a": 1, "b": null}', ' {"serverContents": {}} ', '{"ü": "é"}']
)
def test_unknown(raw: str, backend: str) -> None:
    """A message of unknown type has its JSON in ``extra``."""
    for frame in (raw, raw.encode()):
        message = decode_frame(frame, HANDSHAKES[backend]).unwrap()
        assert message == LiveServerMessage(extra=json.loads(raw))
        assert isinstance(message, LiveServerMessage)


@every_backend
@pytest.mark.parametrize("frame", ["", "{}", b"", b" {} \n"])
def test_empty(frame: str | bytes, backend: str) -> None:
    """An empty text is an empty message."""
    assert decode_frame(frame, HANDSHAKES[backend]) == Success(LiveServerMessage())


ERRORS: Mapping[str, tuple[Any, type[APIError], int, str]] = {
    "error": ({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, ClientError, 400, "no"),
    "too-much": ({"error": {"code": 429, "message": "slow"}}, RateLimited, 429, "slow"),
    "in-a-list": ([{"error": {"code": 403, "message": "who?"}}], ClientError, 403, "who?"),
    "text": ({"error": "no"}, APIError, 500, "no"),
}


@every_backend
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, backend: str) -> None:
    """An error in a message is a Failure of the matching class."""
    frame, kind, code, message = ERRORS[name]
    error = decode_frame(json.dumps(frame), HANDSHAKES[backend]).failure()
    assert isinstance(error, kind)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("frame", ["null", "3", '"x"', "[]", "{", "nonsense", b"\xff\xfe", '{"serverContent": 3}'])
def test_unreadable(frame: str | bytes) -> None:
    """Invalid JSON is a Failure with the text."""
    assert isinstance(decode_frame(frame, HANDSHAKES["gemini"]).failure(), DecodeError)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)
member_names = st.sampled_from([each for name, kind in REPLIES.items() for each in kind] + ["error"])


@settings(max_examples=50, **SETTINGS)
@given(
    st.dictionaries(member_names, json_values, max_size=3).map(json.dumps)
    | json_values.map(json.dumps)
    | st.text()
    | st.binary()
)
@example('{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "%"}}]}}}')
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example('"\ud800"')
def test_total(frame: str | bytes) -> None:
    """Any bytes decode to a message or an error, never to an exception."""
    for handshake in (*HANDSHAKES.values(), MUSIC):
        result = decode_frame(frame, handshake)
        assert isinstance(result, Success | Failure)
        if isinstance(result, Failure):
            assert isinstance(result.failure(), GenaiError)


@every_backend
def test_large(backend: str) -> None:
    """Ten megabytes of audio are decoded completely."""
    data = bytes(range(256)) * 40_960
    sound = {"inlineData": {"data": b64encode(data).decode(), "mimeType": "audio/pcm"}}
    message = decode_frame(json.dumps(build_turn(sound)), HANDSHAKES[backend]).unwrap()
    assert message.data == data


# Music

CHUNK = {"data": "AP/+", "mimeType": "audio/wav"}
MUSIC_MESSAGES: Mapping[str, Any] = {
    "nothing": {},
    "setup": {"setupComplete": {}},
    "chunk": {"serverContent": {"audioChunks": [CHUNK]}},
    "chunks": {"serverContent": {"audioChunks": [CHUNK, {"data": ""}]}},
    "source": {
        "serverContent": {
            "audioChunks": [
                {
                    **CHUNK,
                    "sourceMetadata": {
                        "clientContent": {"weightedPrompts": [{"text": "piano", "weight": 1.5}]},
                        "musicGenerationConfig": {"bpm": 120, "scale": "C_MAJOR_A_MINOR", "muteBass": True},
                    },
                }
            ]
        }
    },
    "no-chunks": {"serverContent": {}},
    "filtered": {"filteredPrompt": {"text": "x", "filteredReason": "no"}},
    "newer": {"serverContent": {"audioChunks": [CHUNK], "new": 1}, "newer": 2},
}


@pytest.mark.parametrize("name", MUSIC_MESSAGES)
def test_same_music(name: str) -> None:
    """A music message is decoded as in google-genai."""
    theirs = capture_session(
        oracle.GEMINI, {"model": "m"}, lambda session: session._receive(), music=True, messages=[MUSIC_MESSAGES[name]]
    )
    assert isinstance(theirs, CapturedSession), theirs
    message = decode_frame(json.dumps(MUSIC_MESSAGES[name]), MUSIC).unwrap()
    assert isinstance(message, LiveMusicServerMessage)
    assert to_plain(message) == restore_signatures(to_plain(theirs.value))


def test_unknown_music() -> None:
    """A music message of unknown type has its JSON in ``extra``."""
    message = decode_frame('{"tune": 1}', MUSIC).unwrap()
    assert message == LiveMusicServerMessage(extra={"tune": 1})


def test_unlisted_enum_value() -> None:
    """An unlisted enum value is kept."""
    message = decode_frame(json.dumps(REPLIES["newer-values"]), HANDSHAKES["gemini"]).unwrap()
    assert message.server_content.turn_complete_reason == TurnCompleteReason("BORED") == "BORED"
    message = decode_frame(json.dumps(REPLIES["said"]), HANDSHAKES["gemini"]).unwrap()
    assert message.server_content.output_transcription == Transcription(text="hi", finished=True)
