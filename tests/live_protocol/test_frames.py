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
from tests.support.google_genai.agreement import is_supported_since
from tests.support.google_genai.captured_sessions import BACKENDS, CapturedSession, capture_session
from tests.support.google_genai.versions import has_newer_fields

Arguments = dict[str, Any]
every_backend = pytest.mark.parametrize("backend", ["gemini", "vertex"])
SETTINGS = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}

PCM = {"data": b"\x00\xff\xfe", "mime_type": "audio/pcm;rate=16000"}
JPEG = {"data": b"\xff\xd8", "mime_type": "image/jpeg"}
_ID = "tool_response.function_responses[{}].id"
TURN = {"role": "user", "parts": [{"text": "hi"}]}
FUNCTION_RESPONSE = {"id": "1", "name": "f", "response": {"result": {"a_b": [1, None]}}}


def check_same_frame(kind: str, arguments: Arguments, backend: str) -> None:
    """Check that both encode the same message, or both refuse: fields by name, mistakes when the message is built."""
    their_backend, our_backend = BACKENDS[backend]
    theirs = capture_session(
        their_backend, {"model": "m"}, lambda session: THEIR_METHODS[kind](session, deepcopy(arguments))
    )
    if isinstance(theirs, CapturedSession):
        ours = msgspec.json.decode(encode_frame(OUR_BUILDERS[kind](**deepcopy(arguments)), our_backend).unwrap())
        assert oracle.normalize(theirs.frames[1]) == oracle.normalize(ours)
    elif is_supported_since(theirs, our_backend.name):
        encode_frame(OUR_BUILDERS[kind](**deepcopy(arguments)), our_backend).unwrap()
    elif theirs.unsupported:
        error = encode_frame(OUR_BUILDERS[kind](**deepcopy(arguments)), our_backend).failure()
        assert isinstance(error, Unsupported), error
        assert theirs.message.partition(" ")[0] in [path.rpartition(".")[2].partition("[")[0] for path in error.paths]
    elif "requ" in theirs.message and "`id`" in theirs.message:
        error = encode_frame(OUR_BUILDERS[kind](**deepcopy(arguments)), our_backend).failure()
        assert isinstance(error, InvalidRequest), error
    else:
        with pytest.raises(InvalidRequest):
            OUR_BUILDERS[kind](**deepcopy(arguments))


OUR_BUILDERS: Mapping[str, Callable[..., LiveClientMessage]] = {
    "content": live.client_content,
    "realtime": live.realtime_input,
    "tools": live.tool_response,
}
THEIR_METHODS: Mapping[str, Callable[[Any, Arguments], Any]] = {
    "content": lambda session, arguments: session.send_client_content(**arguments),
    "realtime": lambda session, arguments: session.send_realtime_input(**arguments),
    "tools": lambda session, arguments: session.send_tool_response(**arguments),
}

CONTENTS: Mapping[str, Arguments] = {
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
    "answer": {"turns": {"parts": [{"function_response": FUNCTION_RESPONSE}]}},
    "thought": {
        "turns": {"role": "model", "parts": [{"text": "x", "thought": True, "thought_signature": b"\xfb\xff"}]}
    },
    "code": {"turns": {"parts": [{"executable_code": {"code": "1", "language": "PYTHON"}}]}},
    "video": {"turns": {"parts": [{"inline_data": JPEG, "video_metadata": {"fps": 1.5}}]}},
    "number": {"turns": 3},
    "wrong-field": {"turns": {"pards": []}},
}


@every_backend
@pytest.mark.parametrize("name", CONTENTS)
def test_content(name: str, backend: str) -> None:
    """Turns are encoded as in google-genai; `turn_complete` is always included."""
    check_same_frame("content", CONTENTS[name], backend)


REALTIME: Mapping[str, Arguments] = {
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


@every_backend
@pytest.mark.parametrize("name", REALTIME)
def test_realtime(name: str, backend: str) -> None:
    """Realtime input has exactly one field, of the MIME type that it needs."""
    check_same_frame("realtime", REALTIME[name], backend)


TOOL_RESPONSES: Mapping[str, Arguments] = {
    "one": {"function_responses": FUNCTION_RESPONSE},
    "two": {"function_responses": [FUNCTION_RESPONSE, {"id": "2", "name": "g", "response": {}}]},
    "scheduled": {"function_responses": [{**FUNCTION_RESPONSE, "scheduling": "WHEN_IDLE"}]},
    "with-file": {"function_responses": [{**FUNCTION_RESPONSE, "parts": [{"file_data": {"file_uri": "gs://b/x"}}]}]},
    "without-id": {"function_responses": {"name": "f", "response": {}}},
    "second-without-id": {"function_responses": [FUNCTION_RESPONSE, {"name": "f"}]},
    "nameless": {"function_responses": {"id": "1"}},
    "none": {"function_responses": []},
    "nothing": {"function_responses": {}},
    "wrong": {"function_responses": {"id": "1", "answer": {}}},
    "number": {"function_responses": 3},
}


@every_backend
@pytest.mark.parametrize("name", TOOL_RESPONSES)
def test_answers(name: str, backend: str) -> None:
    """Function responses repeat the ids of the calls, which the Gemini Developer API requires."""
    check_same_frame("tools", TOOL_RESPONSES[name], backend)


TYPED_ARGUMENTS: Mapping[str, tuple[str, Callable[[Any], Arguments]]] = {
    "turn": ("content", lambda kinds: {"turns": kinds.Content(role="user", parts=[kinds.Part(text="x")])}),
    "turns": ("content", lambda kinds: {"turns": [kinds.Content(parts=[kinds.Part.from_text(text="x")])]}),
    "audio": ("realtime", lambda kinds: {"audio": kinds.Blob(data=b"x", mime_type="audio/pcm")}),
    "media": ("realtime", lambda kinds: {"media": kinds.Blob(data=b"x", mime_type="image/png")}),
    "start": ("realtime", lambda kinds: {"activity_start": kinds.ActivityStart()}),
    "answer": ("tools", lambda kinds: {"function_responses": kinds.FunctionResponse(id="1", name="f", response={})}),
    "answers": ("tools", lambda kinds: {"function_responses": [kinds.FunctionResponse(id="1", name="f")]}),
}


@every_backend
@pytest.mark.parametrize("name", TYPED_ARGUMENTS)
def test_typed(name: str, backend: str) -> None:
    """Typed values and dicts are encoded alike."""
    kind, arguments = TYPED_ARGUMENTS[name]
    theirs = capture_session(
        BACKENDS[backend][0], {"model": "m"}, lambda session: THEIR_METHODS[kind](session, arguments(types))
    )
    ours = encode_frame(OUR_BUILDERS[kind](**arguments(schema)), BACKENDS[backend][1]).unwrap()
    assert isinstance(theirs, CapturedSession)
    assert oracle.normalize(theirs.frames[1]) == msgspec.json.decode(ours)


@pytest.mark.parametrize("name", ["media", "video"])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures(name: str, form: str) -> None:
    """A Pillow image is encoded as in google-genai: a JPEG file keeps its bytes, others become PNG."""
    encoded_image = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(encoded_image, format=form)

    def open_picture() -> Any:
        return Image.open(io.BytesIO(encoded_image.getvalue()))

    theirs = capture_session(
        oracle.GEMINI, {"model": "m"}, lambda session: session.send_realtime_input(**{name: open_picture()})
    )
    ours = encode_frame(live.realtime_input(**{name: open_picture()}), Gemini("k")).unwrap()
    assert isinstance(theirs, CapturedSession)
    assert (
        get_mime_type(oracle.normalize(theirs.frames[1]))
        == get_mime_type(msgspec.json.decode(ours))
        == f"image/{form.lower()}"
    )
    if form == "PNG":
        assert oracle.normalize(theirs.frames[1]) == msgspec.json.decode(ours)


def get_mime_type(frame: Any) -> str:
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


def draw_fields(kind: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just({}), plain_values(kind))


def contains_bytes(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return any(map(contains_bytes, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, bytes)


_blobs = draw_fields(schema.Blob).flatmap(
    lambda blob: st.sampled_from(["audio/pcm", "image/png", None]).map(
        lambda mime: {**blob, "mime_type": mime} if mime else blob
    )
)
STRATEGIES: Mapping[str, st.SearchStrategy[Arguments]] = {
    "content": st.fixed_dictionaries(
        {},
        optional={
            "turns": st.lists(draw_fields(schema.Content).filter(bool), min_size=1, max_size=2)
            | draw_fields(schema.Content).filter(bool),
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
    "tools": draw_fields(schema.LiveClientToolResponse).filter(lambda given: given and not contains_bytes(given)),
}


_TYPES: Mapping[str, Any] = {
    "content": types.LiveClientContent,
    "realtime": types.LiveSendRealtimeInputParameters,
    "tools": types.LiveClientToolResponse,
}


def _is_refused_since(arguments: Arguments, place: str) -> bool:
    """Check for what 1.51.0 sends, and 3.6.1 does not support on Vertex AI."""
    responses = arguments.get("function_responses") or []
    return place != "gemini" and any(
        "will_continue" in each for each in (responses if isinstance(responses, list) else [responses])
    )


@every_backend
@pytest.mark.parametrize("kind", STRATEGIES)
def test_drawn(kind: str, backend: str) -> None:
    """Any drawn message is encoded as in google-genai, or both refuse it."""
    compared_arguments: list[Arguments] = []

    @settings(max_examples=60, **SETTINGS)
    @given(STRATEGIES[kind])
    def check_arguments(arguments: Arguments) -> None:
        theirs = capture_session(
            BACKENDS[backend][0], {"model": "m"}, lambda session: THEIR_METHODS[kind](session, deepcopy(arguments))
        )
        if isinstance(theirs, oracle.RefusedCall) and issubclass(theirs.error, pydantic.ValidationError):
            reject()
        if has_newer_fields(_TYPES[kind], arguments) or _is_refused_since(arguments, backend):
            reject()
        check_same_frame(kind, arguments, backend)
        compared_arguments.append(arguments)

    check_arguments()
    assert len(compared_arguments) >= 60


DIFFERENCES: Mapping[str, tuple[str, str, Arguments, Any]] = {
    "bytes": (
        "bytes in a function response are sent as base64; 1.51.0 fails, as bytes are not JSON",
        "tools",
        {"function_responses": {**FUNCTION_RESPONSE, "parts": [{"inline_data": {"data": b"x"}}]}},
        {"toolResponse": {"functionResponses": [{**FUNCTION_RESPONSE, "parts": [{"inlineData": {"data": "eA=="}}]}]}},
    ),
    "no-turn": (
        "an empty dict is not a turn; 1.51.0 sends it",
        "content",
        {"turns": [{}]},
        InvalidRequest,
    ),
    "no-turns": (
        "an empty list is refused, None means no turns; 1.51.0 sends the list",
        "content",
        {"turns": []},
        InvalidRequest,
    ),
    "text": (
        "a string is accepted as a turn, as in contents; 1.51.0 refuses it",
        "content",
        {"turns": "hi"},
        {"clientContent": {"turns": [TURN], "turnComplete": True}},
    ),
}
"""Deliberate differences: the reason, the kind of frame, the arguments, and the frame that genai_fn sends."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    """Each listed difference from 1.51.0 exists, and is exactly this one."""
    _, kind, arguments, frame = DIFFERENCES[name]
    theirs = capture_session(
        oracle.GEMINI, {"model": "m"}, lambda session: THEIR_METHODS[kind](session, deepcopy(arguments))
    )
    if frame is InvalidRequest:
        assert isinstance(theirs, CapturedSession)
        with pytest.raises(InvalidRequest):
            OUR_BUILDERS[kind](**arguments)
    else:
        assert isinstance(theirs, oracle.RefusedCall)
        assert msgspec.json.decode(encode_frame(OUR_BUILDERS[kind](**arguments), Gemini("k")).unwrap()) == frame


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
        (live.tool_response([FUNCTION_RESPONSE, {"name": "f"}, FUNCTION_RESPONSE]), _ID.format(1)),
    ],
)
def test_no_frames(frame: Any, path: str) -> None:
    """A value that is not a message, a message with several fields, and a second setup are refused."""
    error = encode_frame(frame, Gemini("k")).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == path


def test_one_field() -> None:
    """A message with two fields is refused."""
    frame = msgspec.structs.replace(live.realtime_input(text="x"), client_content=schema.LiveClientContent())
    assert isinstance(encode_frame(frame, Gemini("k")).failure(), InvalidRequest)


def test_refused_by_path() -> None:
    """All unsupported fields are reported, with their paths in the message."""
    turns = {"parts": [{"function_call": {"partial_args": []}}, {"function_call": {"will_continue": True}}]}
    error = encode_frame(live.client_content(turns), Gemini("k")).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == (
        "client_content.turns[0].parts[0].function_call.partial_args",
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
