"""Live sessions in the emulator: conversations, frame by frame."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai_fn import Gemini, Live, Vertex, live
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.sessions import open_session, receive_frame
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.live_protocol.frames import ClientMessage, decode_frame, encode_frame
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.schema import LiveServerMessage
from tests.support.emulator_interpreter import BOTH
from tests.support.emulator_requests import NOW

MODEL = "gemini-live-2.5-flash-preview"
TEXT = {"responseModalities": ["TEXT"]}
TOOLS = [
    {
        "functionDeclarations": [
            {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}},
            {"name": "clock"},
        ]
    }
]
BY_HAND = {"automaticActivityDetection": {"disabled": True}}
RESUMED: dict[str, Any] = {"sessionResumption": {}}

both = pytest.mark.parametrize("at", BOTH.values(), ids=BOTH)


class Session:
    """A session, and what the server remembers between it and others."""

    def __init__(self, state: EmulatorState | None = None, *, vertex: bool = False, **setup: Any) -> None:
        setup = {"model": f"models/{MODEL}", "generationConfig": TEXT, **setup}
        self.state, self.line, self.first = open_session(
            state or EmulatorState(), json.dumps({"setup": setup}), NOW, vertex=vertex
        )

    def hear(self, unsaid: Sequence[Any] = (), **frame: Any) -> list[Any]:
        self.state, self.line, messages = receive_frame(self.state, self.line, json.dumps(frame), tuple(unsaid))
        return list(messages)

    def say(self, text: str, **beside: Any) -> list[Any]:
        return self.hear(clientContent={"turns": [user(text)], "turnComplete": True, **beside})

    def returns(self, *identities: str, **beside: Any) -> list[Any]:
        responses = [{"id": each, "name": "f", "response": {"output": 1}, **beside} for each in identities]
        return self.hear(toolResponse={"functionResponses": responses})

    def closes(self, **frame: Any) -> tuple[int, str]:
        with pytest.raises(EmulatedClose) as caught:
            receive_frame(self.state, self.line, json.dumps(frame))
        return caught.value.code, caught.value.reason


def user(text: str) -> Any:
    return {"role": "user", "parts": [{"text": text}]}


def sound(count: int = 32000, kind: str = "audio/pcm;rate=16000") -> Any:
    return {"mimeType": kind, "data": b64encode(bytes(count)).decode()}


def kinds(messages: list[Any]) -> list[str]:
    """Name what the messages are, those of content by what is in it."""
    return [name for each in messages for name in (each.get("serverContent") or each)]


def words(messages: list[Any]) -> str:
    """Join what is said in them."""
    turns = [each["serverContent"].get("modelTurn", {}) for each in messages if "serverContent" in each]
    return "".join(part.get("text", "") for turn in turns for part in turn.get("parts", ()))


class TestSetup:
    """The first frame."""

    def test_complete(self) -> None:
        """A setup is answered with the session's id, another each time."""
        one = Session()
        two = Session(one.state)
        assert [one.first, two.first] == [({"setupComplete": {"sessionId": f"session{n}"}},) for n in (1, 2)]

    @pytest.mark.parametrize(
        ("frame", "reason"),
        (
            (b"", "setup must be the first message."),
            (b"{}", "setup must be the first message."),
            (b"\xff", "Invalid JSON payload"),
            ("\ud800", "Invalid JSON payload"),
            ('{"realtimeInput": {"text": "hi"}}', 'Unknown name "realtimeInput"'),
            ('{"setup": {}}', "setup.model is not specified."),
            ('{"setup": {"model": "models/m", "mood": 1}}', "Unknown name \"mood\" at 'setup'"),
            ('{"setup": {"model": 1}}', "Expected `str | null`, got `int`"),
            (
                '{"setup": {"model": "m", "generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}}}',
                "either in TEXT or in AUDIO, not in TEXT, AUDIO",
            ),
            ('{"setup": {"model": "m", "generationConfig": {"responseModalities": ["IMAGE"]}}}', "not in IMAGE"),
        ),
        ids=range(10),
    )
    def test_refused(self, frame: bytes | str, reason: str) -> None:
        """One that does not fit closes the connection."""
        with pytest.raises(EmulatedClose) as caught:
            open_session(EmulatorState(), frame, NOW)
        assert caught.value.code == 1007
        assert reason in caught.value.reason

    def test_reason(self) -> None:
        """A reason fits into the frame that closes, and is cut between characters."""
        reason = EmulatedClose(1007, "ü" * 100).reason
        assert reason == "ü" * 61

    @both
    def test_all_fields(self, at: Any) -> None:
        """What this library can set up, on either backend, is read."""
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
        }
        wire = encode_handshake(live.connect(MODEL, config), at).unwrap()
        line = open_session(EmulatorState(), wire.setup, NOW)[1]
        assert [name for name in line.setup.__struct_fields__ if getattr(line.setup, name) is None] == []


class TestText:
    """What is said in writing."""

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [user("Why?")], "turnComplete": True}},
            {"client_content": {"turns": [user("Why?")], "turn_complete": True}},
            {"realtimeInput": {"text": "Why?"}},
        ),
        ids=range(3),
    )
    def test_answered(self, frame: Any) -> None:
        """A turn is answered in pieces, then the end of it is told, and what it cost."""
        messages = Session().hear(**frame)
        assert kinds(messages) == ["modelTurn"] * 6 + ["generationComplete", "turnComplete"]
        used = {"promptTokenCount": 2, "responseTokenCount": 32, "totalTokenCount": 34}
        assert messages[-1] == {"serverContent": {"turnComplete": True}, "usageMetadata": used}
        assert words(messages) == (
            f"I am an offline model in place of {MODEL}: nothing was sent anywhere. You asked: “Why?”"
        )

    def test_incomplete(self) -> None:
        """Turns that more are to follow are remembered, and nothing is said; the last may be empty."""
        session = Session()
        assert session.hear(clientContent={"turns": [user("Why?")]}) == []
        assert session.hear(clientContent={"turns": [user("Well?")], "turnComplete": False}) == []
        assert "You asked: “Well?”" in words(session.hear(clientContent={"turnComplete": True}))

    def test_remembers(self) -> None:
        """The second answer knows of the first."""
        session = Session(systemInstruction={"parts": [{"text": "Rhyme."}]})
        first = session.say("hi")
        assert "My instructions are: “Rhyme.”" in words(first)
        assert "Before that came 2 turns." in words(session.say("Well?"))

    def test_short(self) -> None:
        """An answer ends after so many tokens."""
        session = Session(generationConfig={**TEXT, "maxOutputTokens": 3})
        assert words(session.say("hi")) == "I am an"

    def test_goodbye(self) -> None:
        """Who says goodbye is told to go, after the answer; who says it not as a word is not."""
        session = Session()
        assert session.say("Well, Goodbye!")[-1] == {"goAway": {"timeLeft": "10s"}}
        assert "goAway" not in kinds(session.say("goodbyes"))

    @pytest.mark.parametrize(
        ("content", "reason"),
        (
            ({"turnComplete": True}, "there is nothing to answer"),
            ({"turns": [{"role": "user"}]}, "turns[0].parts must not be empty"),
            ({"turns": [user("hi"), {**user("hi"), "role": "dog"}]}, "turns[1].role must be user or model"),
        ),
        ids=range(3),
    )
    def test_refused(self, content: Any, reason: str) -> None:
        """Turns that make no sense close the connection."""
        code, told = Session().closes(clientContent=content)
        assert (code, reason in told) == (1007, True)

    @pytest.mark.parametrize(
        "frame", ({}, {"setup": {"model": "m"}}, {"clientContent": {}, "realtimeInput": {}}, {"mood": 1}), ids=range(4)
    )
    def test_frames(self, frame: Any) -> None:
        """A frame says one thing, that is known, and nothing is set up twice."""
        assert Session().closes(**frame)[0] == 1007


class TestSound:
    """What is said aloud."""

    def test_spoken(self) -> None:
        """Where nothing else is asked for, the answer is sound: 24 kHz, 16 bits, and no words."""
        messages = Session(generationConfig={}).say("hi")
        blobs = [part["inlineData"] for each in messages[:-2] for part in each["serverContent"]["modelTurn"]["parts"]]
        assert {each["mimeType"] for each in blobs} == {"audio/pcm;rate=24000"}
        assert {len(b64decode(each["data"])) for each in blobs} == {2400}
        assert (words(messages), len({each["data"] for each in blobs}) > 1) == ("", True)

    def test_transcribed(self) -> None:
        """What is said and heard is written down where that is asked for."""
        session = Session(generationConfig={}, inputAudioTranscription={}, outputAudioTranscription={})
        assert session.hear(realtimeInput={"audio": sound()}) == []
        assert session.hear(realtimeInput={"audio": sound()}) == []
        first, *messages = session.hear(realtimeInput={"audioStreamEnd": True})
        assert first == {"serverContent": {"inputTranscription": {"text": "2.0 seconds of sound", "finished": True}}}
        told = [each["serverContent"].get("outputTranscription", {}).get("text", "") for each in messages]
        assert "1 audio/pcm;rate=16000" in "".join(told)

    def test_by_hand(self) -> None:
        """Who tells when speech begins and ends is answered at its end."""
        session = Session(realtimeInputConfig=BY_HAND)
        assert session.hear(realtimeInput={"activityStart": {}}) == []
        assert session.hear(realtimeInput={"mediaChunks": [sound(), sound()]}) == []
        assert "1 audio/pcm" in words(session.hear(realtimeInput={"activityEnd": {}}))
        assert session.hear(realtimeInput={"activityEnd": {}}) == []

    def test_seen(self) -> None:
        """Pictures go along with what is said next, once."""
        session = Session()
        session.hear(realtimeInput={"video": sound(4, "image/jpeg")})
        session.hear(realtimeInput={"video": sound(4, "image/png")})
        assert "With it came 2 files: 1 image/jpeg, 1 image/png." in words(session.hear(realtimeInput={"text": "hm"}))
        assert "With it" not in words(session.hear(realtimeInput={"text": "hm"}))

    @pytest.mark.parametrize("kind", ("audio/pcm", "audio/pcm;rate=0", "audio/pcm;rate=²", "audio/pcm;rate=16000"))
    def test_rates(self, kind: str) -> None:
        """Any rate is read, and none taken for 16 kHz."""
        session = Session(inputAudioTranscription={})
        session.hear(realtimeInput={"audio": sound(32000, kind)})
        told = session.hear(realtimeInput={"audioStreamEnd": True})[0]["serverContent"]["inputTranscription"]["text"]
        assert told == ("16000.0 seconds of sound" if kind.endswith("=0") else "1.0 seconds of sound")

    @pytest.mark.parametrize(
        ("frame", "reason"),
        (
            ({"audio": sound(2, "audio/mp3")}, "'audio/mp3' is neither audio/pcm nor an image"),
            ({"video": {"data": "AAAA"}}, "'' is neither"),
            ({"activityStart": {}}, "Explicit activity control is not supported"),
            ({"activityEnd": {}}, "Explicit activity control is not supported"),
        ),
        ids=range(4),
    )
    def test_refused(self, frame: Any, reason: str) -> None:
        """Other media, and activity told where it is found out, close the connection."""
        code, told = Session().closes(realtimeInput=frame)
        assert (code, reason in told) == (1007, True)


class TestFunctions:
    """Calls, answers and cancellations."""

    def test_called(self) -> None:
        """A function that is named is called, with arguments that fit, and nothing more is said."""
        call = {"id": "function-call-1", "name": "weather", "args": {"city": "The Weather?"}}
        session = Session(tools=TOOLS)
        assert session.say("The Weather?") == [{"toolCall": {"functionCalls": [call]}}]
        assert 'The function f answered: “{"output":1}”' in words(session.returns("function-call-1"))

    def test_not_named(self) -> None:
        """One that is not named, or only a part of a word, is not called."""
        session = Session(tools=TOOLS)
        assert "toolCall" not in kinds(session.say("weathered o'clocks"))

    def test_parallel(self) -> None:
        """Several are called at once, in the order they were declared in; the answer waits for the last of them."""
        session = Session(tools=TOOLS)
        (message,) = session.say("clock and weather")
        assert [each["name"] for each in message["toolCall"]["functionCalls"]] == ["weather", "clock"]
        assert session.returns("function-call-2") == []
        assert kinds(session.returns("function-call-1"))[-1] == "turnComplete"
        assert session.say("clock")[0]["toolCall"]["functionCalls"][0]["id"] == "function-call-3"

    def test_continued(self) -> None:
        """An answer that more is to follow is not the last."""
        session = Session(tools=TOOLS)
        session.say("clock")
        assert session.returns("function-call-1", willContinue=True) == []
        assert words(session.returns("function-call-1")).count("answered") == 2

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [user("hm")], "turnComplete": True}},
            {"realtimeInput": {"text": "hm"}},
            {"realtimeInput": {"audio": sound(), "audioStreamEnd": True}},
            {"realtimeInput": {"activityStart": {}}},
            {"clientContent": {"turns": [user("hm")]}},
        ),
        ids=range(5),
    )
    def test_cancelled(self, frame: Any) -> None:
        """Who speaks in between cancels what is waited for; what comes late is left aside."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND)
        session.say("clock and weather")
        session.returns("function-call-1")
        cancelled, interrupted, *_ = session.hear(**frame)
        assert cancelled == {"toolCallCancellation": {"ids": ["function-call-2"]}}
        assert interrupted == {"serverContent": {"interrupted": True}}
        assert session.returns("function-call-2") == []

    def test_not_interrupted(self) -> None:
        """Who asked not to interrupt does not, but by turns."""
        config = {**BY_HAND, "activityHandling": "NO_INTERRUPTION"}
        session = Session(tools=TOOLS, realtimeInputConfig=config)
        session.say("clock")
        assert session.hear(realtimeInput={"activityStart": {}}) == []
        assert "interrupted" in kinds(session.say("hm"))

    @pytest.mark.parametrize(
        ("responses", "reason"),
        (
            ([], "must not be empty"),
            ([{"name": "clock", "response": {}}], "each needs the id of its call"),
            ([{"id": "x", "name": "clock"}], "there is no call 'x'"),
            ([{"id": "function-call-2", "name": "clock"}], "there is no call 'function-call-2'"),
        ),
        ids=range(4),
    )
    def test_refused(self, responses: Any, reason: str) -> None:
        """Answers to calls that there never were, and to none, close the connection."""
        session = Session(tools=TOOLS)
        session.say("clock")
        code, told = session.closes(toolResponse={"functionResponses": responses})
        assert (code, reason in told) == (1007, True)

    def test_by_name(self) -> None:
        """On Vertex AI a name is enough."""
        session = Session(vertex=True, tools=TOOLS)
        session.say("clock")
        frame = {"functionResponses": [{"name": "clock", "response": {"output": "noon"}}]}
        assert "noon" in words(session.hear(toolResponse=frame))
        assert session.closes(toolResponse=frame) == (1007, "tool_response.function_responses: there is no call 'clock'.")

    def test_unreadable(self) -> None:
        """Parameters that make no sense close the connection."""
        function = {"name": "clock", "parametersJsonSchema": {"$ref": "#/nowhere"}}
        session = Session(tools=[{"functionDeclarations": [function]}])
        content = {"turns": [user("clock")], "turnComplete": True}
        assert session.closes(clientContent=content) == (
            1007,
            "The parameters of the function 'clock' are invalid.",
        )


class TestInterrupted:
    """Answers that are not yet said whole when the next frame comes."""

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [user("hm")], "turnComplete": True}},
            {"clientContent": {"turns": [user("hm")]}},
            {"realtimeInput": {"text": "hm"}},
            {"realtimeInput": {"activityStart": {}}},
        ),
        ids=range(4),
    )
    @pytest.mark.parametrize("count", (0, 1, 2, 6))
    def test_cut_short(self, frame: Any, count: int) -> None:
        """The rest of an answer is left unsaid, its turn ends, and what was said of it is remembered."""
        session = Session(realtimeInputConfig=BY_HAND)
        answer = session.say("Why?")
        interrupted, over, *_ = session.hear(answer[count:], **frame)
        assert [interrupted, over] == [{"serverContent": {name: True}} for name in ("interrupted", "turnComplete")]
        said = ["".join(part.text or "" for part in each.parts or ()) for each in session.line.turns]
        assert said[1:2] == [each for each in (words(answer[:count]) or "hm",) if each in said]

    def test_not_any_more(self) -> None:
        """What comes after the end of a turn is said all the same."""
        session = Session(**RESUMED)
        *_, update = session.say("Why?")
        assert session.hear([update], realtimeInput={"text": "hm"})[0] == update

    def test_goes_on(self) -> None:
        """What interrupts nothing has the rest said before its own answer."""
        config = {"activityHandling": "NO_INTERRUPTION"}
        session = Session(realtimeInputConfig=config)
        rest = session.say("Why?")[2:]
        assert session.hear(rest, realtimeInput={"audio": sound()}) == rest
        assert session.hear(rest, realtimeInput={"text": "hm"})[: len(rest)] == rest

    def test_goodbye(self) -> None:
        """That the server will go away is told all the same."""
        session = Session()
        goodbye = session.say("Goodbye")
        warning, interrupted, *_ = session.hear(goodbye[2:], realtimeInput={"text": "hm"})
        assert [*warning, *interrupted["serverContent"]] == ["goAway", "interrupted"]

    def test_calls(self) -> None:
        """A call that was not told yet is not cancelled, but never told."""
        session = Session(tools=TOOLS)
        call = session.say("clock")
        assert kinds(session.hear(call, realtimeInput={"text": "hm"}))[:2] == ["interrupted", "modelTurn"]


class TestResumption:
    """Sessions that go on in another connection."""

    def test_goes_on(self) -> None:
        """A handle leads back to the turns before it, as often as it is asked for, and not to those after."""
        session = Session(**RESUMED)
        update = session.say("one")[-1]["sessionResumptionUpdate"]
        assert update == {"newHandle": "handle2", "resumable": True}
        session.say("two")
        for _ in range(2):
            later = Session(session.state, sessionResumption={"handle": update["newHandle"]})
            assert "Before that came 2 turns." in words(later.say("three"))

    def test_fresh(self) -> None:
        """Each turn has a handle of its own; without resumption there is none."""
        session = Session(**RESUMED)
        handles = [session.say("hm")[-1]["sessionResumptionUpdate"]["newHandle"] for _ in range(3)]
        assert len(set(handles)) == 3
        assert kinds(Session().say("hm"))[-1] != "sessionResumptionUpdate"

    def test_not_now(self) -> None:
        """While calls are waited for, a session cannot be taken up again."""
        session = Session(**RESUMED, tools=TOOLS)
        assert session.say("clock")[-1] == {"sessionResumptionUpdate": {"resumable": False}}
        handle = session.returns("function-call-1")[-1]["sessionResumptionUpdate"]["newHandle"]
        later = Session(session.state, sessionResumption={"handle": handle}, tools=TOOLS)
        assert later.say("clock")[0]["toolCall"]["functionCalls"][0]["id"] == "function-call-2"

    def test_transparent(self) -> None:
        """Who asks is told which message was the last that counts."""
        session = Session(vertex=True, sessionResumption={"transparent": True})
        session.hear(clientContent={"turns": [user("hm")]})
        update = session.say("hm")[-1]["sessionResumptionUpdate"]
        assert update["lastConsumedClientMessageIndex"] == "2"

    def test_unknown(self) -> None:
        """A handle that was never given out is refused."""
        with pytest.raises(EmulatedClose) as caught:
            Session(sessionResumption={"handle": "x"})
        assert (caught.value.code, caught.value.reason) == (1008, "The session of the handle 'x' is not found.")


def conversation(session: Live[Any], frames: list[ClientMessage], at: Gemini | Vertex) -> list[LiveServerMessage]:
    """Hold a conversation with the client's own encoders and decoders."""
    wire = encode_handshake(session, at).unwrap()
    state, line, messages = open_session(EmulatorState(), wire.setup, NOW, vertex=isinstance(at, Vertex))
    told = list(messages)
    for each in frames:
        state, line, messages = receive_frame(state, line, encode_frame(each, at).unwrap())
        told += messages
    return [decode_frame(json.dumps(each), wire).unwrap() for each in told]


class TestWire:
    """The library's own frames."""

    @both
    def test_text(self, at: Any) -> None:
        """What this library writes is read, and what is answered it reads; usage comes under either's name."""
        session = live.connect(MODEL, {"response_modalities": ["TEXT"]})
        told = conversation(session, [live.client_content("hi"), live.realtime_input(text="Well?")], at)
        assert told[0].setup_complete is not None
        assert "nothing was sent anywhere" in "".join(each.text or "" for each in told)
        usage = [each.usage_metadata for each in told if each.usage_metadata is not None]
        assert [each.response_token_count is not None for each in usage] == [True, True]

    @both
    def test_sound(self, at: Any) -> None:
        """Sound comes as bytes."""
        frames: list[ClientMessage] = [
            live.realtime_input(audio={"data": bytes(320), "mime_type": "audio/pcm"}),
            live.realtime_input(audio_stream_end=True),
        ]
        told = conversation(live.connect(MODEL), frames, at)
        assert sum(len(each.data or b"") for each in told) % 2400 == 0
        assert any(each.data for each in told)

    @both
    def test_tools(self, at: Any) -> None:
        """Calls come, and their answers go."""
        session = live.connect(MODEL, {"response_modalities": ["TEXT"], "tools": TOOLS})
        answer = {"id": "function-call-1", "name": "clock", "response": {"output": "noon"}}
        told = conversation(session, [live.client_content("clock"), live.tool_response(answer)], at)
        calls = [call.name for each in told if each.tool_call for call in each.tool_call.function_calls]
        assert (calls, "noon" in "".join(each.text or "" for each in told)) == (["clock"], True)

    def test_usage(self) -> None:
        """Vertex AI has a word of its own for what was answered."""
        used = [Session(vertex=vertex).say("hi")[-1]["usageMetadata"] for vertex in (False, True)]
        assert [min(each) for each in used] == ["promptTokenCount", "candidatesTokenCount"]


FRAMES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"clientContent": {"turns": [user("clock and weather")], "turnComplete": True}},
        {"clientContent": {"turns": [user("goodbye")], "turnComplete": True}},
        {"clientContent": {"turns": [user("hm")]}},
        {"realtimeInput": {"text": "weather"}},
        {"realtimeInput": {"audio": sound(8)}},
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"activityEnd": {}, "audioStreamEnd": True}},
        {"toolResponse": {"functionResponses": [{"id": "function-call-1", "response": {}}]}},
        {"toolResponse": {"functionResponses": [{"id": "function-call-2", "response": {}}]}},
    ]
)


class TestAnything:
    """What holds of any conversation."""

    @given(st.lists(FRAMES, max_size=12))
    @settings(max_examples=40, deadline=None)
    def test_frames(self, frames: list[Any]) -> None:
        """Calls are answered or cancelled, never both; turns end, sessions close only where they may; all is JSON."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND, **RESUMED)
        waiting: set[str] = set()
        for frame in frames:
            try:
                messages = session.hear(**frame)
            except EmulatedClose as closed:
                assert closed.code == 1007
                break
            waiting -= {each["id"] for each in frame.get("toolResponse", {}).get("functionResponses", ())}
            for each in messages:
                cancelled = set(each.get("toolCallCancellation", {}).get("ids", ()))
                assert cancelled <= waiting
                waiting -= cancelled
                waiting |= {call["id"] for call in each.get("toolCall", {}).get("functionCalls", ())}
                assert json.loads(json.dumps(each)) == each
            assert waiting == {each.id for each in session.line.pending_calls}
            assert not messages or "sessionResumptionUpdate" in kinds(messages) or "toolCallCancellation" in messages[0]

    @given(st.lists(st.tuples(FRAMES, st.integers(0, 12)), max_size=8))
    @settings(max_examples=40, deadline=None)
    def test_interruptions(self, frames: list[Any]) -> None:
        """Whenever frames come, the model is remembered to have said what was heard of it, and each turn has an end."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND)
        unsaid: list[Any] = []
        told: list[Any] = []
        for frame, count in frames:
            try:
                unsaid = session.hear(unsaid, **frame)
            except EmulatedClose:
                break
            told, unsaid = told + unsaid[:count], unsaid[count:]
        turns = [each for each in session.line.turns if each.role == "model"]
        texts = [part.text or "" for each in turns for part in each.parts or ()]
        assert "".join(texts) == words(told + unsaid)
        assert kinds(told + unsaid).count("turnComplete") >= len([each for each in texts if each])

    @given(st.one_of(st.binary(), st.text(), st.dictionaries(st.text(), st.integers()).map(json.dumps)))
    @settings(max_examples=50, deadline=None)
    def test_total(self, frame: bytes | str) -> None:
        """Whatever comes is heard, or closes the connection."""
        line = Session().line
        with pytest.raises(EmulatedClose):
            open_session(EmulatorState(), frame, NOW)
        with pytest.raises(EmulatedClose):
            receive_frame(EmulatorState(), line, frame)

    def test_unchanged(self) -> None:
        """Nothing is changed: the same line hears the same frame alike."""
        session = Session()
        line: LiveHistory = session.line
        frame = json.dumps({"realtimeInput": {"text": "hi"}})
        assert receive_frame(session.state, line, frame) == receive_frame(session.state, line, frame)
