"""Messages of the client: encoded as google-genai 1.51.0 encodes them, or refused."""

import io
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, cast

import msgspec
import pydantic
import pytest
from google.genai import types
from hypothesis import HealthCheck, given, reject, settings, strategies as st
from PIL import Image

from genai_fn import schema
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.live_protocol.frames import encode_frame
from genai_fn.ops import live
from genai_fn.schema import LiveClientMessage, LiveMusicClientMessage
from genai_fn.testing.strategies.arguments import plain_values
from tests.support.google_genai import oracle
from tests.support.google_genai.captured_sessions import PLACES, Said, captured

Given = dict[str, Any]
every_place = pytest.mark.parametrize("place", ["gemini", "vertex"])
_drawing = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}

PCM = {"data": b"\x00\xff\xfe", "mime_type": "audio/pcm;rate=16000"}
JPEG = {"data": b"\xff\xd8", "mime_type": "image/jpeg"}
_ID = "tool_response.function_responses[{}].id"
TURN = {"role": "user", "parts": [{"text": "hi"}]}
ANSWER = {"id": "1", "name": "f", "response": {"result": {"a_b": [1, None]}}}


def agrees(kind: str, arguments: Given, place: str) -> None:
    """Both encode the same message, or both refuse: unsupported fields by name, mistakes when the message is built."""
    where, at = PLACES[place]
    theirs = captured(where, {"model": "m"}, lambda session: _THEIRS[kind](session, deepcopy(arguments)))
    if isinstance(theirs, Said):
        mine = msgspec.json.decode(encode_frame(_OURS[kind](**deepcopy(arguments)), at).unwrap())
        assert oracle.normal(theirs.frames[1]) == oracle.normal(mine)
    elif theirs.unsupported:
        error = encode_frame(_OURS[kind](**deepcopy(arguments)), at).failure()
        assert isinstance(error, Unsupported), error
        assert theirs.message.partition(" ")[0] in [path.rpartition(".")[2].partition("[")[0] for path in error.paths]
    elif "requ" in theirs.message and "`id`" in theirs.message:
        error = encode_frame(_OURS[kind](**deepcopy(arguments)), at).failure()
        assert isinstance(error, InvalidRequest), error
    else:
        with pytest.raises(InvalidRequest):
            _OURS[kind](**deepcopy(arguments))


_OURS: Mapping[str, Callable[..., LiveClientMessage]] = {
    "content": live.client_content,
    "realtime": live.realtime_input,
    "tools": live.tool_response,
}
_THEIRS: Mapping[str, Callable[[Any, Given], Any]] = {
    "content": lambda session, arguments: session.send_client_content(**arguments),
    "realtime": lambda session, arguments: session.send_realtime_input(**arguments),
    "tools": lambda session, arguments: session.send_tool_response(**arguments),
}

CONTENTS: Mapping[str, Given] = {
    "nothing": {},
    "not-complete": {"turn_complete": False},
    "turn": {"turns": TURN},
    "turns": {"turns": [TURN, {"role": "model", "parts": [{"text": "ho"}]}], "turn_complete": False},
    "without-role": {"turns": {"parts": [{"text": "x"}]}},
    "empty-turn": {"turns": [{"role": "user"}]},
    "picture": {"turns": {"parts": [{"inline_data": JPEG}, {"text": "what is it?"}]}},
    "file": {"turns": {"parts": [{"file_data": {"file_uri": "gs://b/x.png", "mime_type": "image/png"}}]}},
    "named-file": {"turns": {"parts": [{"inline_data": {**JPEG, "display_name": "x"}}]}},
    "call": {"turns": {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a_b": 1}}}]}},
    "call-in-part": {"turns": {"parts": [{"function_call": {"name": "f", "will_continue": True}}]}},
    "answer": {"turns": {"parts": [{"function_response": ANSWER}]}},
    "thought": {
        "turns": {"role": "model", "parts": [{"text": "x", "thought": True, "thought_signature": b"\xfb\xff"}]}
    },
    "code": {"turns": {"parts": [{"executable_code": {"code": "1", "language": "PYTHON"}}]}},
    "video": {"turns": {"parts": [{"inline_data": JPEG, "video_metadata": {"fps": 1.5}}]}},
    "number": {"turns": 3},
    "wrong-field": {"turns": {"pards": []}},
}


@every_place
@pytest.mark.parametrize("name", CONTENTS)
def test_content(name: str, place: str) -> None:
    """Turns are encoded as in google-genai; `turn_complete` is always included."""
    agrees("content", CONTENTS[name], place)


REALTIME: Mapping[str, Given] = {
    "audio": {"audio": PCM},
    "audio-of-base64": {"audio": {"data": "AP_-", "mime_type": "audio/pcm"}},
    "audio-empty": {"audio": {"mime_type": "audio/pcm"}},
    "audio-named": {"audio": {**PCM, "display_name": "x"}},
    "audio-is-a-picture": {"audio": JPEG},
    "audio-is-anything": {"audio": {"data": b"x"}},
    "video": {"video": JPEG},
    "video-is-a-sound": {"video": PCM},
    "video-is-a-video": {"video": {"data": b"x", "mime_type": "video/mp4"}},
    "media": {"media": PCM},
    "media-picture": {"media": JPEG},
    "media-is-anything": {"media": {"data": b"x", "mime_type": "application/x"}},
    "media-without-type": {"media": {"data": b"x"}},
    "text": {"text": "hi"},
    "text-empty": {"text": ""},
    "start": {"activity_start": {}},
    "end": {"activity_end": {}},
    "microphone-off": {"audio_stream_end": True},
    "microphone-on": {"audio_stream_end": False},
    "nothing": {},
    "only-none": {"text": None},
    "two": {"text": "x", "audio": PCM},
    "text-of-bytes": {"text": 3},
    "start-with": {"activity_start": {"when": "now"}},
    "media-of-text": {"media": "eA=="},
}


@every_place
@pytest.mark.parametrize("name", REALTIME)
def test_realtime(name: str, place: str) -> None:
    """Realtime input has exactly one field, of the MIME type that it needs."""
    agrees("realtime", REALTIME[name], place)


ANSWERS: Mapping[str, Given] = {
    "one": {"function_responses": ANSWER},
    "two": {"function_responses": [ANSWER, {"id": "2", "name": "g", "response": {}}]},
    "scheduled": {"function_responses": [{**ANSWER, "scheduling": "WHEN_IDLE", "will_continue": True}]},
    "with-file": {"function_responses": [{**ANSWER, "parts": [{"file_data": {"file_uri": "gs://b/x"}}]}]},
    "without-id": {"function_responses": {"name": "f", "response": {}}},
    "second-without-id": {"function_responses": [ANSWER, {"name": "f"}]},
    "nameless": {"function_responses": {"id": "1"}},
    "none": {"function_responses": []},
    "nothing": {"function_responses": {}},
    "wrong": {"function_responses": {"id": "1", "answer": {}}},
    "number": {"function_responses": 3},
}


@every_place
@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str, place: str) -> None:
    """Function responses repeat the ids of the calls, which the Gemini Developer API requires."""
    agrees("tools", ANSWERS[name], place)


TYPED: Mapping[str, tuple[str, Callable[[Any], Given]]] = {
    "turn": ("content", lambda kinds: {"turns": kinds.Content(role="user", parts=[kinds.Part(text="x")])}),
    "turns": ("content", lambda kinds: {"turns": [kinds.Content(parts=[kinds.Part.from_text(text="x")])]}),
    "audio": ("realtime", lambda kinds: {"audio": kinds.Blob(data=b"x", mime_type="audio/pcm")}),
    "media": ("realtime", lambda kinds: {"media": kinds.Blob(data=b"x", mime_type="image/png")}),
    "start": ("realtime", lambda kinds: {"activity_start": kinds.ActivityStart()}),
    "answer": ("tools", lambda kinds: {"function_responses": kinds.FunctionResponse(id="1", name="f", response={})}),
    "answers": ("tools", lambda kinds: {"function_responses": [kinds.FunctionResponse(id="1", name="f")]}),
}


@every_place
@pytest.mark.parametrize("name", TYPED)
def test_typed(name: str, place: str) -> None:
    """Typed values and dicts are encoded alike."""
    kind, arguments = TYPED[name]
    theirs = captured(PLACES[place][0], {"model": "m"}, lambda session: _THEIRS[kind](session, arguments(types)))
    mine = encode_frame(_OURS[kind](**arguments(schema)), PLACES[place][1]).unwrap()
    assert isinstance(theirs, Said)
    assert oracle.normal(theirs.frames[1]) == msgspec.json.decode(mine)


@pytest.mark.parametrize("name", ["media", "video"])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures(name: str, form: str) -> None:
    """A Pillow image is encoded as in google-genai: a JPEG file keeps its bytes, others become PNG."""
    written = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(written, format=form)

    def picture() -> Any:
        return Image.open(io.BytesIO(written.getvalue()))

    theirs = captured(oracle.GEMINI, {"model": "m"}, lambda session: session.send_realtime_input(**{name: picture()}))
    mine = encode_frame(live.realtime_input(**{name: picture()}), Gemini("k")).unwrap()
    assert isinstance(theirs, Said)
    assert _type_of(oracle.normal(theirs.frames[1])) == _type_of(msgspec.json.decode(mine)) == f"image/{form.lower()}"
    if form == "PNG":
        assert oracle.normal(theirs.frames[1]) == msgspec.json.decode(mine)


def _type_of(frame: Any) -> str:
    [blobs] = frame["realtimeInput"].values()
    return cast("str", (blobs[0] if isinstance(blobs, list) else blobs)["mimeType"])


@pytest.mark.parametrize(
    "turns", ["hi", ["hi", {"text": "ho"}], schema.Part(text="hi"), [schema.Content(), "hi"], schema.Blob(data=b"x")]
)
def test_contents_like(turns: Any) -> None:
    """Turns may be anything that contents may be; google-genai requires complete turns."""
    frame = live.client_content(turns)
    assert frame.client_content is not None
    assert frame.client_content.turns == schema.contents.as_contents(turns)  # type: ignore[attr-defined]  # a module


# Drawn


def _some(kind: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just({}), plain_values(kind))


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return any(map(_holds_bytes, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, bytes)


_blobs = _some(schema.Blob).flatmap(
    lambda blob: st.sampled_from(["audio/pcm", "image/png", None]).map(
        lambda mime: {**blob, "mime_type": mime} if mime else blob
    )
)
DRAWN: Mapping[str, st.SearchStrategy[Given]] = {
    "content": st.fixed_dictionaries(
        {},
        optional={
            "turns": st.lists(_some(schema.Content).filter(bool), min_size=1, max_size=2)
            | _some(schema.Content).filter(bool),
            "turn_complete": st.booleans(),
        },
    ),
    "realtime": st.fixed_dictionaries(
        {},
        optional={
            "media": _blobs,
            "audio": _blobs,
            "video": _blobs,
            "text": st.text(max_size=5),
            "activity_start": st.just({}),
            "activity_end": st.just({}),
            "audio_stream_end": st.booleans(),
        },
    ),
    "tools": _some(schema.LiveClientToolResponse).filter(lambda given: given and not _holds_bytes(given)),
}


@every_place
@pytest.mark.parametrize("kind", DRAWN)
def test_drawn(kind: str, place: str) -> None:
    """Any drawn message is encoded as in google-genai, or both refuse it."""
    compared: list[Given] = []

    @settings(max_examples=60, **_drawing)
    @given(DRAWN[kind])
    def agree(arguments: Given) -> None:
        theirs = captured(PLACES[place][0], {"model": "m"}, lambda session: _THEIRS[kind](session, deepcopy(arguments)))
        if isinstance(theirs, oracle.Refused) and issubclass(theirs.error, pydantic.ValidationError):
            reject()
        agrees(kind, arguments, place)
        compared.append(arguments)

    agree()
    assert len(compared) >= 60


DIFFERENCES: Mapping[str, tuple[str, str, Given, Any]] = {
    "bytes": (
        "bytes in an answer are sent as base64: 1.51.0 fails, as they are no JSON",
        "tools",
        {"function_responses": {**ANSWER, "parts": [{"inline_data": {"data": b"x"}}]}},
        {"toolResponse": {"functionResponses": [{**ANSWER, "parts": [{"inlineData": {"data": "eA=="}}]}]}},
    ),
    "no-turn": (
        "an empty dict is no turn; 1.51.0 sends it",
        "content",
        {"turns": [{}]},
        InvalidRequest,
    ),
    "no-turns": (
        "an empty list is no turns, None is; 1.51.0 sends it",
        "content",
        {"turns": []},
        InvalidRequest,
    ),
    "text": (
        "a text stands for a turn, as in contents; 1.51.0 refuses it",
        "content",
        {"turns": "hi"},
        {"clientContent": {"turns": [TURN], "turnComplete": True}},
    ),
}
"""Where ours does otherwise on purpose: why, the kind of frame, what it is given, and the frame that it sends."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    """Each listed difference from 1.51.0 exists, and is exactly this one."""
    _, kind, arguments, frame = DIFFERENCES[name]
    theirs = captured(oracle.GEMINI, {"model": "m"}, lambda session: _THEIRS[kind](session, deepcopy(arguments)))
    if frame is InvalidRequest:
        assert isinstance(theirs, Said)
        with pytest.raises(InvalidRequest):
            _OURS[kind](**arguments)
    else:
        assert isinstance(theirs, oracle.Refused)
        assert msgspec.json.decode(encode_frame(_OURS[kind](**arguments), Gemini("k")).unwrap()) == frame


# Refusals


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: live.client_content([{"pards": 1}]), "turns[0].pards"),
        (lambda: live.client_content("x", turn_complete="yes"), "turn_complete"),
        (live.realtime_input, "realtime_input"),
        (lambda: live.realtime_input(text="x", audio_stream_end=True), "realtime_input"),
        (lambda: live.realtime_input(text=3), "realtime_input.text"),
        (lambda: live.realtime_input(audio=JPEG), "realtime_input.audio.mime_type"),
        (lambda: live.realtime_input(video={"data": b"x"}), "realtime_input.video.mime_type"),
        (lambda: live.realtime_input(media="x"), "realtime_input.media"),
        (lambda: live.realtime_input(activity_end={"x": 1}), "realtime_input.activity_end.x"),
        (lambda: live.tool_response([{"id": 1}]), "function_responses[0].id"),
        (lambda: live.tool_response(()), "function_responses"),
    ],
)
def test_mistakes(build: Callable[[], Any], path: str) -> None:
    """A mistake raises InvalidRequest with its path when the message is built."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path == path


@pytest.mark.parametrize(
    ("frame", "path"),
    [
        ("hi", "frame"),
        (None, "frame"),
        (LiveClientMessage(), "frame"),
        (LiveMusicClientMessage(), "frame"),
        (LiveClientMessage(setup=schema.LiveClientSetup(model="m")), "frame.setup"),
        (
            LiveClientMessage(client_content=schema.LiveClientContent(turn_complete=3)),
            "frame.client_content.turn_complete",
        ),  # type: ignore[arg-type]  # that is the point
        (LiveClientMessage(tool_response=live.tool_response({"name": "f"}).tool_response), _ID.format(0)),
        (live.tool_response([ANSWER, {"name": "f"}, ANSWER]), _ID.format(1)),
    ],
)
def test_no_frames(frame: Any, path: str) -> None:
    """A value that is not a message, a message with several fields, and a second setup are refused."""
    error = encode_frame(frame, Gemini("k")).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == path


def test_one_field() -> None:
    """A message with two fields is refused."""
    both = msgspec.structs.replace(live.realtime_input(text="x"), client_content=schema.LiveClientContent())
    assert isinstance(encode_frame(both, Gemini("k")).failure(), InvalidRequest)


def test_refused_by_path() -> None:
    """All unsupported fields are reported, with their paths in the message."""
    turns = {"parts": [{"inline_data": {**JPEG, "display_name": "x"}}, {"function_call": {"will_continue": True}}]}
    error = encode_frame(live.client_content(turns), Gemini("k")).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == (
        "client_content.turns[0].parts[0].inline_data.display_name",
        "client_content.turns[0].parts[1].function_call.will_continue",
    )


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_000_001])
def test_sizes(size: int) -> None:
    """A message of any size is one text, with bytes in standard base64."""
    frame = live.realtime_input(audio={"data": b"\xfb" * size, "mime_type": "audio/pcm"})
    text = encode_frame(frame, Vertex("p")).unwrap()
    decoded = msgspec.json.decode(text, type=LiveClientMessage)
    assert (decoded, type(text)) == (frame, bytes)


def test_nothing_is_mutated() -> None:
    """Building a message does not change its arguments, and later changes of them do not change it."""
    answer: dict[str, Any] = {"id": "1", "name": "f", "response": {"result": [1]}}
    frame = live.tool_response(answer)
    answer["response"]["result"].append(2)
    assert frame == live.tool_response({"id": "1", "name": "f", "response": {"result": [1]}})
