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
from tests.support.google_genai.agreement import plain
from tests.support.google_genai.captured_sessions import Said, captured, opened

WHERE: Mapping[str, oracle.Backend] = {"gemini": oracle.GEMINI, "vertex": oracle.VERTEX}
OPENED: Mapping[str, EncodedHandshake] = {
    "gemini": opened(live.connect("m"), Gemini("test-key")),
    "vertex": opened(live.connect("m"), Vertex("p", "us-central1")),
}
MUSIC = opened(live.music.connect("m"), Gemini("test-key"))
every_place = pytest.mark.parametrize("place", OPENED)
_drawing = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


def content(**fields: Any) -> Mapping[str, Any]:
    return {"serverContent": fields}


def parts(*each: Mapping[str, Any]) -> Mapping[str, Any]:
    return content(modelTurn={"parts": list(each), "role": "model"})


def usage(**fields: Any) -> Mapping[str, Any]:
    return {"usageMetadata": fields}


def resumption(**fields: Any) -> Mapping[str, Any]:
    return {"sessionResumptionUpdate": fields}


SOUND = {"inlineData": {"data": "AP/+", "mimeType": "audio/pcm;rate=24000"}}
DETAILS = [{"modality": "AUDIO", "tokenCount": 3}, {"modality": "TEXT", "tokenCount": 4}]
REPLIES: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "setup": {"setupComplete": {}},
    "setup-of-a-session": {"setupComplete": {"sessionId": "s"}},
    "content-empty": content(),
    "text": parts({"text": "hi"}),
    "texts": parts({"text": "h"}, {"text": "i"}),
    "text-empty": parts({"text": ""}),
    "thought": parts({"text": "hm", "thought": True}, {"text": "hi"}),
    "sealed": parts({"text": "hm", "thought": True, "thoughtSignature": "+/8="}),
    "sound": parts(SOUND),
    "sounds": parts(SOUND, SOUND),
    "sound-and-text": parts(SOUND, {"text": "hi"}),
    "sound-in-another-alphabet": parts({"inlineData": {"data": "AP_-", "mimeType": "audio/pcm"}}),
    "code": parts({"executableCode": {"code": "1+1", "language": "PYTHON"}}),
    "code-ran": parts({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}),
    "no-parts": content(modelTurn={"role": "model"}),
    "turn-complete": content(turnComplete=True),
    "turn-complete-why": content(turnComplete=True, turnCompleteReason="MALFORMED_FUNCTION_CALL"),
    "interrupted": content(interrupted=True),
    "generation-complete": content(generationComplete=True),
    "waiting": content(waitingForInput=True),
    "heard": content(inputTranscription={"text": "hello", "finished": False}),
    "said": content(outputTranscription={"text": "hi", "finished": True}),
    "transcription-empty": content(outputTranscription={}),
    "grounded": content(
        groundingMetadata={
            "webSearchQueries": ["q"],
            "groundingChunks": [{"web": {"uri": "https://x.test", "title": "x"}}],
            "groundingSupports": [{"segment": {"endIndex": 3, "text": "hi"}, "groundingChunkIndices": [0]}],
        }
    ),
    "looked-up": content(
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
    "usage": usage(promptTokenCount=1, cachedContentTokenCount=2, totalTokenCount=6, thoughtsTokenCount=1),
    "usage-of-tools": usage(toolUsePromptTokenCount=2, toolUsePromptTokensDetails=DETAILS),
    "usage-details": usage(promptTokensDetails=DETAILS, cacheTokensDetails=DETAILS),
    "usage-of-traffic": usage(trafficType="ON_DEMAND"),
    "usage-in-quotes": usage(promptTokenCount="12", totalTokenCount="34"),
    "go-away": {"goAway": {"timeLeft": "10s"}},
    "go-away-now": {"goAway": {}},
    "handle": resumption(newHandle="h", resumable=True),
    "no-handle": resumption(newHandle="", resumable=False),
    "handle-to-here": resumption(newHandle="h", resumable=True, lastConsumedClientMessageIndex="7"),
    "handle-empty": resumption(),
    "many-at-once": {**content(turnComplete=True), **resumption(newHandle="h", resumable=True), "goAway": {}},
    "newer-fields": {**content(turnComplete=True, newField={"x": 1}), "newerField": 3},
    "newer-values": content(turnComplete=True, turnCompleteReason="BORED"),
    "none": {"serverContent": None, "goAway": {"timeLeft": None}},
}


@every_place
@pytest.mark.parametrize("name", REPLIES)
def test_same_message(name: str, place: str) -> None:
    """A message is decoded as in google-genai."""
    reads_alike(REPLIES[name], place)


@pytest.mark.parametrize("place", OPENED)
def test_response_token_names(place: str) -> None:
    """Response tokens have one name here and two on the wire: Vertex AI has its own."""
    name = {"gemini": "response", "vertex": "candidates"}[place]
    reply = usage(**{f"{name}TokenCount": 5, f"{name}TokensDetails": DETAILS, "promptTokenCount": 1})
    reads_alike(reply, place)
    message = decode_frame(json.dumps(reply), OPENED[place]).unwrap()
    assert (message.usage_metadata.response_token_count, len(message.usage_metadata.response_tokens_details)) == (5, 2)


def test_usage_by_the_other_name() -> None:
    """Vertex AI may use the other name, too; 1.51.0 drops it."""
    message = decode_frame('{"usageMetadata": {"responseTokenCount": 5}}', OPENED["vertex"]).unwrap()
    assert message.usage_metadata == UsageMetadata(response_token_count=5)


def reads_alike(reply: Any, place: str) -> None:
    """Both decode the same values; empty values count as missing."""
    theirs = captured(WHERE[place], {"model": "m"}, lambda session: session._receive(), said=[reply])
    assert isinstance(theirs, Said), theirs
    for frame in (json.dumps(reply), json.dumps(reply).encode()):
        message = decode_frame(frame, OPENED[place]).unwrap()
        assert isinstance(message, LiveServerMessage)
        assert plain(message) == sealed(plain(theirs.value))
        assert (message.text, message.data) == (theirs.value.text or None, theirs.value.data)


def sealed(value: Any) -> Any:
    """Replace thought signatures by their original text: 1.51.0 decodes their base64."""
    if isinstance(value, list):
        return [sealed(each) for each in value]
    if isinstance(value, dict):
        return {
            name: b64encode(each).decode() if name == "thought_signature" else sealed(each)
            for name, each in value.items()
        }
    return value


@every_place
def test_drawn_messages(place: str) -> None:
    """Any drawn message is decoded as in google-genai."""
    compared: list[Any] = []

    @settings(max_examples=80, **_drawing)
    @given(from_type(LiveServerMessage))
    def agree(message: LiveServerMessage) -> None:
        if place == "vertex":  # which has its own names there: above
            message = msgspec.structs.replace(message, usage_metadata=None)
        reply = msgspec.to_builtins(message)
        theirs = captured(WHERE[place], {"model": "m"}, lambda session: session._receive(), said=[reply])
        if isinstance(theirs, oracle.Refused):
            assert issubclass(theirs.error, pydantic.ValidationError | ValueError)
            reject()
        mine = decode_frame(msgspec.json.encode(message), OPENED[place]).unwrap()
        assert mine == message
        assert plain(mine) == sealed(plain(theirs.value))
        compared.append(message)

    agree()
    assert len(compared) >= 30


# Whatever it is


@every_place
@pytest.mark.parametrize(
    "raw", ['{"newThing": {"x": 1}}', '{"a": 1, "b": null}', ' {"serverContents": {}} ', '{"ü": "é"}']
)
def test_unknown(raw: str, place: str) -> None:
    """A message of unknown type has its JSON in ``extra``."""
    for frame in (raw, raw.encode()):
        message = decode_frame(frame, OPENED[place]).unwrap()
        assert message == LiveServerMessage(extra=json.loads(raw))
        assert isinstance(message, LiveServerMessage)


@every_place
@pytest.mark.parametrize("frame", ["", "{}", b"", b" {} \n"])
def test_empty(frame: str | bytes, place: str) -> None:
    """An empty text is an empty message."""
    assert decode_frame(frame, OPENED[place]) == Success(LiveServerMessage())


ERRORS: Mapping[str, tuple[Any, type[APIError], int, str]] = {
    "error": ({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, ClientError, 400, "no"),
    "too-much": ({"error": {"code": 429, "message": "slow"}}, RateLimited, 429, "slow"),
    "in-a-list": ([{"error": {"code": 403, "message": "who?"}}], ClientError, 403, "who?"),
    "text": ({"error": "no"}, APIError, 500, "no"),
}


@every_place
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, place: str) -> None:
    """An error in a message is a Failure of the matching class."""
    frame, kind, code, message = ERRORS[name]
    error = decode_frame(json.dumps(frame), OPENED[place]).failure()
    assert isinstance(error, kind)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("frame", ["null", "3", '"x"', "[]", "{", "nonsense", b"\xff\xfe", '{"serverContent": 3}'])
def test_unreadable(frame: str | bytes) -> None:
    """Invalid JSON is a Failure with the text."""
    assert isinstance(decode_frame(frame, OPENED["gemini"]).failure(), DecodeError)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)
_known = st.sampled_from([each for name, kind in REPLIES.items() for each in kind] + ["error"])


@settings(max_examples=50, **_drawing)
@given(st.dictionaries(_known, _json, max_size=3).map(json.dumps) | _json.map(json.dumps) | st.text() | st.binary())
@example('{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "%"}}]}}}')
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example('"\ud800"')
def test_total(frame: str | bytes) -> None:
    """Any bytes decode to a message or an error, never to an exception."""
    for at in (*OPENED.values(), MUSIC):
        result = decode_frame(frame, at)
        assert isinstance(result, Success | Failure)
        if isinstance(result, Failure):
            assert isinstance(result.failure(), GenaiError)


@every_place
def test_large(place: str) -> None:
    """Ten megabytes of audio are decoded completely."""
    data = bytes(range(256)) * 40_960
    sound = {"inlineData": {"data": b64encode(data).decode(), "mimeType": "audio/pcm"}}
    message = decode_frame(json.dumps(parts(sound)), OPENED[place]).unwrap()
    assert message.data == data


# Music

CHUNK = {"data": "AP/+", "mimeType": "audio/wav"}
PLAYED: Mapping[str, Any] = {
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


@pytest.mark.parametrize("name", PLAYED)
def test_same_music(name: str) -> None:
    """A music message is decoded as in google-genai."""
    theirs = captured(
        oracle.GEMINI, {"model": "m"}, lambda session: session._receive(), music=True, said=[PLAYED[name]]
    )
    assert isinstance(theirs, Said), theirs
    message = decode_frame(json.dumps(PLAYED[name]), MUSIC).unwrap()
    assert isinstance(message, LiveMusicServerMessage)
    assert plain(message) == sealed(plain(theirs.value))


def test_unknown_music() -> None:
    """A music message of unknown type has its JSON in ``extra``."""
    message = decode_frame('{"tune": 1}', MUSIC).unwrap()
    assert message == LiveMusicServerMessage(extra={"tune": 1})


def test_values_of_tomorrow() -> None:
    """An unlisted enum value is kept."""
    message = decode_frame(json.dumps(REPLIES["newer-values"]), OPENED["gemini"]).unwrap()
    assert message.server_content.turn_complete_reason == TurnCompleteReason("BORED") == "BORED"
    message = decode_frame(json.dumps(REPLIES["said"]), OPENED["gemini"]).unwrap()
    assert message.server_content.output_transcription == Transcription(text="hi", finished=True)
