"""Live sessions of the emulator."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.sessions import open_session, receive_frame
from genai_fn.emulator.live.setup import EmulatedClose
from tests.support.emulator_interpreter import BACKENDS
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
RESUMPTION: dict[str, Any] = {"sessionResumption": {}}

both_backends = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


class Session:
    """A session and the state of the emulator."""

    def __init__(self, state: EmulatorState | None = None, *, vertex: bool = False, **setup: Any) -> None:
        setup = {"model": f"models/{MODEL}", "generationConfig": TEXT, **setup}
        self.state, self.history, self.first = open_session(
            state or EmulatorState(), json.dumps({"setup": setup}), NOW, vertex=vertex
        )

    def receive(self, unsent: Sequence[Any] = (), **frame: Any) -> list[Any]:
        self.state, self.history, messages = receive_frame(self.state, self.history, json.dumps(frame), tuple(unsent))
        return list(messages)

    def send_text(self, text: str, **fields: Any) -> list[Any]:
        return self.receive(clientContent={"turns": [build_turn(text)], "turnComplete": True, **fields})

    def respond(self, *identities: str, **fields: Any) -> list[Any]:
        responses = [{"id": each, "name": "f", "response": {"output": 1}, **fields} for each in identities]
        return self.receive(toolResponse={"functionResponses": responses})

    def get_close(self, **frame: Any) -> tuple[int, str]:
        with pytest.raises(EmulatedClose) as raised:
            receive_frame(self.state, self.history, json.dumps(frame))
        return raised.value.code, raised.value.reason


def build_turn(text: str) -> Any:
    return {"role": "user", "parts": [{"text": text}]}


def build_audio(count: int = 32000, kind: str = "audio/pcm;rate=16000") -> Any:
    return {"mimeType": kind, "data": b64encode(bytes(count)).decode()}


def list_kinds(messages: list[Any]) -> list[str]:
    """Return the kinds of messages; for content, its fields."""
    return [name for each in messages for name in (each.get("serverContent") or each)]


def join_text(messages: list[Any]) -> str:
    """Join the text of messages."""
    turns = [each["serverContent"].get("modelTurn", {}) for each in messages if "serverContent" in each]
    return "".join(part.get("text", "") for turn in turns for part in turn.get("parts", ()))


class TestSetup:
    """The setup frame."""

    def test_complete(self) -> None:
        """A setup is acknowledged with a new session ID."""
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
        """An invalid setup closes the connection."""
        with pytest.raises(EmulatedClose) as raised:
            open_session(EmulatorState(), frame, NOW)
        assert raised.value.code == 1007
        assert reason in raised.value.reason

    def test_reason(self) -> None:
        """A close reason is cut to 123 bytes, between characters."""
        reason = EmulatedClose(1007, "ü" * 100).reason
        assert reason == "ü" * 61


class TestText:
    """Text."""

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [build_turn("Why?")], "turnComplete": True}},
            {"client_content": {"turns": [build_turn("Why?")], "turn_complete": True}},
            {"realtimeInput": {"text": "Why?"}},
        ),
        ids=range(3),
    )
    def test_answered(self, frame: Any) -> None:
        """A turn is answered in chunks, then ``generationComplete``, ``turnComplete`` and the usage."""
        messages = Session().receive(**frame)
        assert list_kinds(messages) == ["modelTurn"] * 6 + ["generationComplete", "turnComplete"]
        usage = {"promptTokenCount": 2, "responseTokenCount": 32, "totalTokenCount": 34}
        assert messages[-1] == {"serverContent": {"turnComplete": True}, "usageMetadata": usage}
        assert join_text(messages) == (
            f"I am an offline model in place of {MODEL}: nothing was sent anywhere. You asked: “Why?”"
        )

    def test_incomplete(self) -> None:
        """Incomplete turns are stored without an answer; the completing message may have no turns."""
        session = Session()
        assert session.receive(clientContent={"turns": [build_turn("Why?")]}) == []
        assert session.receive(clientContent={"turns": [build_turn("Well?")], "turnComplete": False}) == []
        assert "You asked: “Well?”" in join_text(session.receive(clientContent={"turnComplete": True}))

    def test_remembers(self) -> None:
        """An answer depends on earlier turns."""
        session = Session(systemInstruction={"parts": [{"text": "Rhyme."}]})
        first = session.send_text("hi")
        assert "My instructions are: “Rhyme.”" in join_text(first)
        assert "Before that came 2 turns." in join_text(session.send_text("Well?"))

    def test_short(self) -> None:
        """``maxOutputTokens`` limits an answer."""
        session = Session(generationConfig={**TEXT, "maxOutputTokens": 3})
        assert join_text(session.send_text("hi")) == "I am an"

    def test_goodbye(self) -> None:
        """The word "goodbye" is followed by ``goAway`` after the answer; a word that contains it is not."""
        session = Session()
        assert session.send_text("Well, Goodbye!")[-1] == {"goAway": {"timeLeft": "10s"}}
        assert "goAway" not in list_kinds(session.send_text("goodbyes"))

    @pytest.mark.parametrize(
        ("content", "reason"),
        (
            ({"turnComplete": True}, "there is nothing to answer"),
            ({"turns": [{"role": "user"}]}, "turns[0].parts must not be empty"),
            ({"turns": [build_turn("hi"), {**build_turn("hi"), "role": "dog"}]}, "turns[1].role must be user or model"),
        ),
        ids=range(3),
    )
    def test_refused(self, content: Any, reason: str) -> None:
        """Invalid turns close the connection."""
        code, received = Session().get_close(clientContent=content)
        assert (code, reason in received) == (1007, True)

    @pytest.mark.parametrize(
        "frame", ({}, {"setup": {"model": "m"}}, {"clientContent": {}, "realtimeInput": {}}, {"mood": 1}), ids=range(4)
    )
    def test_frames(self, frame: Any) -> None:
        """A frame must contain exactly one known field, and no second setup."""
        assert Session().get_close(**frame)[0] == 1007

    def test_usage(self) -> None:
        """Vertex AI has another name for the tokens of the response."""
        usages = [Session(vertex=vertex).send_text("hi")[-1]["usageMetadata"] for vertex in (False, True)]
        assert [min(each) for each in usages] == ["promptTokenCount", "candidatesTokenCount"]


class TestSound:
    """Audio and images."""

    def test_audio_answer(self) -> None:
        """By default, an answer is audio of 24 kHz and 16 bits, without text."""
        messages = Session(generationConfig={}).send_text("hi")
        blobs = [part["inlineData"] for each in messages[:-2] for part in each["serverContent"]["modelTurn"]["parts"]]
        assert {each["mimeType"] for each in blobs} == {"audio/pcm;rate=24000"}
        assert {len(b64decode(each["data"])) for each in blobs} == {2400}
        assert (join_text(messages), len({each["data"] for each in blobs}) > 1) == ("", True)

    def test_transcribed(self) -> None:
        """Input and output audio are transcribed if the setup enables it."""
        session = Session(generationConfig={}, inputAudioTranscription={}, outputAudioTranscription={})
        assert session.receive(realtimeInput={"audio": build_audio()}) == []
        assert session.receive(realtimeInput={"audio": build_audio()}) == []
        first, *messages = session.receive(realtimeInput={"audioStreamEnd": True})
        assert first == {"serverContent": {"inputTranscription": {"text": "2.0 seconds of sound", "finished": True}}}
        received = [each["serverContent"].get("outputTranscription", {}).get("text", "") for each in messages]
        assert "1 audio/pcm;rate=16000" in "".join(received)

    def test_explicit_activity(self) -> None:
        """With explicit activity control, the answer follows ``activityEnd``."""
        session = Session(realtimeInputConfig=BY_HAND)
        assert session.receive(realtimeInput={"activityStart": {}}) == []
        assert session.receive(realtimeInput={"mediaChunks": [build_audio(), build_audio()]}) == []
        assert "1 audio/pcm" in join_text(session.receive(realtimeInput={"activityEnd": {}}))
        assert session.receive(realtimeInput={"activityEnd": {}}) == []

    def test_images(self) -> None:
        """Images are added to the next turn, once."""
        session = Session()
        session.receive(realtimeInput={"video": build_audio(4, "image/jpeg")})
        session.receive(realtimeInput={"video": build_audio(4, "image/png")})
        assert "With it came 2 files: 1 image/jpeg, 1 image/png." in join_text(
            session.receive(realtimeInput={"text": "hm"})
        )
        assert "With it" not in join_text(session.receive(realtimeInput={"text": "hm"}))

    @pytest.mark.parametrize("kind", ("audio/pcm", "audio/pcm;rate=0", "audio/pcm;rate=²", "audio/pcm;rate=16000"))
    def test_rates(self, kind: str) -> None:
        """The sample rate is parsed from the MIME type; the default is 16 kHz."""
        session = Session(inputAudioTranscription={})
        session.receive(realtimeInput={"audio": build_audio(32000, kind)})
        received = session.receive(realtimeInput={"audioStreamEnd": True})[0]["serverContent"]["inputTranscription"][
            "text"
        ]
        assert received == ("16000.0 seconds of sound" if kind.endswith("=0") else "1.0 seconds of sound")

    @pytest.mark.parametrize(
        ("frame", "reason"),
        (
            ({"audio": build_audio(2, "audio/mp3")}, "'audio/mp3' is neither audio/pcm nor an image"),
            ({"video": {"data": "AAAA"}}, "'' is neither"),
            ({"activityStart": {}}, "Explicit activity control is not supported"),
            ({"activityEnd": {}}, "Explicit activity control is not supported"),
        ),
        ids=range(4),
    )
    def test_refused(self, frame: Any, reason: str) -> None:
        """Other media types, and activity markers without explicit activity control, close the connection."""
        code, received = Session().get_close(realtimeInput=frame)
        assert (code, reason in received) == (1007, True)


class TestFunctions:
    """Function calls, responses and cancellations."""

    def test_called(self) -> None:
        """A function whose name occurs in the text is called with matching arguments, without an answer."""
        call = {"id": "function-call-1", "name": "weather", "args": {"city": "The Weather?"}}
        session = Session(tools=TOOLS)
        assert session.send_text("The Weather?") == [{"toolCall": {"functionCalls": [call]}}]
        assert 'The function f answered: “{"output":1}”' in join_text(session.respond("function-call-1"))

    def test_not_named(self) -> None:
        """A function whose name does not occur as a whole word is not called."""
        session = Session(tools=TOOLS)
        assert "toolCall" not in list_kinds(session.send_text("weathered o'clocks"))

    def test_parallel(self) -> None:
        """Several functions are called in the order of their declaration; the answer follows the last response."""
        session = Session(tools=TOOLS)
        (message,) = session.send_text("clock and weather")
        assert [each["name"] for each in message["toolCall"]["functionCalls"]] == ["weather", "clock"]
        assert session.respond("function-call-2") == []
        assert list_kinds(session.respond("function-call-1"))[-1] == "turnComplete"
        assert session.send_text("clock")[0]["toolCall"]["functionCalls"][0]["id"] == "function-call-3"

    def test_continued(self) -> None:
        """A response with ``willContinue`` is not the last one of its call."""
        session = Session(tools=TOOLS)
        session.send_text("clock")
        assert session.respond("function-call-1", willContinue=True) == []
        assert join_text(session.respond("function-call-1")).count("answered") == 2

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [build_turn("hm")], "turnComplete": True}},
            {"realtimeInput": {"text": "hm"}},
            {"realtimeInput": {"audio": build_audio(), "audioStreamEnd": True}},
            {"realtimeInput": {"activityStart": {}}},
            {"clientContent": {"turns": [build_turn("hm")]}},
        ),
        ids=range(5),
    )
    def test_cancelled(self, frame: Any) -> None:
        """New input cancels pending calls; a late response is ignored."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND)
        session.send_text("clock and weather")
        session.respond("function-call-1")
        cancelled, interruption, *_ = session.receive(**frame)
        assert cancelled == {"toolCallCancellation": {"ids": ["function-call-2"]}}
        assert interruption == {"serverContent": {"interrupted": True}}
        assert session.respond("function-call-2") == []

    def test_not_interrupted(self) -> None:
        """With NO_INTERRUPTION, only turns interrupt."""
        config = {**BY_HAND, "activityHandling": "NO_INTERRUPTION"}
        session = Session(tools=TOOLS, realtimeInputConfig=config)
        session.send_text("clock")
        assert session.receive(realtimeInput={"activityStart": {}}) == []
        assert "interrupted" in list_kinds(session.send_text("hm"))

    @pytest.mark.parametrize(
        ("responses", "reason"),
        (
            ([], "must not be empty"),
            ([{"name": "clock", "response": {}}], "each must have the id of its call"),
            ([{"id": "x", "name": "clock"}], "there is no call 'x'"),
            ([{"id": "function-call-2", "name": "clock"}], "there is no call 'function-call-2'"),
        ),
        ids=range(4),
    )
    def test_refused(self, responses: Any, reason: str) -> None:
        """A response to an unknown call, and an empty tool response, close the connection."""
        session = Session(tools=TOOLS)
        session.send_text("clock")
        code, received = session.get_close(toolResponse={"functionResponses": responses})
        assert (code, reason in received) == (1007, True)

    def test_response_by_name(self) -> None:
        """On Vertex AI a response may identify its call by name."""
        session = Session(vertex=True, tools=TOOLS)
        session.send_text("clock")
        frame = {"functionResponses": [{"name": "clock", "response": {"output": "noon"}}]}
        assert "noon" in join_text(session.receive(toolResponse=frame))
        assert session.get_close(toolResponse=frame) == (
            1007,
            "tool_response.function_responses: there is no call 'clock'.",
        )

    def test_unreadable(self) -> None:
        """Invalid parameters close the connection."""
        function = {"name": "clock", "parametersJsonSchema": {"$ref": "#/nowhere"}}
        session = Session(tools=[{"functionDeclarations": [function]}])
        content = {"turns": [build_turn("clock")], "turnComplete": True}
        assert session.get_close(clientContent=content) == (
            1007,
            "The parameters of the function 'clock' are invalid.",
        )


class TestInterrupted:
    """Frames that arrive before an answer is completely sent."""

    @pytest.mark.parametrize(
        "frame",
        (
            {"clientContent": {"turns": [build_turn("hm")], "turnComplete": True}},
            {"clientContent": {"turns": [build_turn("hm")]}},
            {"realtimeInput": {"text": "hm"}},
            {"realtimeInput": {"activityStart": {}}},
        ),
        ids=range(4),
    )
    @pytest.mark.parametrize("count", (0, 1, 2, 6))
    def test_cut_short(self, frame: Any, count: int) -> None:
        """The unsent rest of an answer is dropped, the turn ends, and the history contains only what was sent."""
        session = Session(realtimeInputConfig=BY_HAND)
        answer = session.send_text("Why?")
        interruption, turn_end, *_ = session.receive(answer[count:], **frame)
        assert [interruption, turn_end] == [{"serverContent": {name: True}} for name in ("interrupted", "turnComplete")]
        texts = ["".join(part.text or "" for part in each.parts or ()) for each in session.history.turns]
        assert texts[1:2] == [each for each in (join_text(answer[:count]) or "hm",) if each in texts]

    @pytest.mark.parametrize("count", range(3))
    def test_interrupted_again(self, count: int) -> None:
        """A frame that arrives before an interruption has been sent neither drops it nor changes the user's turns."""
        session = Session()
        answer = session.send_text("Why?")
        part = {"turns": [build_turn("so")], "turnComplete": False}
        first = session.receive(answer[1:], clientContent=part)
        assert first[count:] == session.receive(first[count:], clientContent=part)
        assert ["user", "model", "user", "user"] == [each.role for each in session.history.turns]

    def test_unsent_interruption(self) -> None:
        """Each interrupted answer has its end, and each cancelled call its cancellation, however fast frames arrive."""
        session = Session(tools=TOOLS)
        session.send_text("clock")
        unsent: list[Any] = []
        for text in ("Why?", "Why not?", "Well?"):
            unsent = session.receive(unsent, clientContent={"turns": [build_turn(text)], "turnComplete": True})
        kinds = [each for each in list_kinds(unsent) if each in ("toolCallCancellation", "interrupted", "turnComplete")]
        assert kinds == ["toolCallCancellation", "interrupted", *["interrupted", "turnComplete"] * 2, "turnComplete"]

    def test_after_turn(self) -> None:
        """Messages after the end of a turn are sent anyway."""
        session = Session(**RESUMPTION)
        *_, update = session.send_text("Why?")
        assert session.receive([update], realtimeInput={"text": "hm"})[0] == update

    def test_frame_without_interruption(self) -> None:
        """A frame that does not interrupt leaves the unsent messages in front of its own answer."""
        config = {"activityHandling": "NO_INTERRUPTION"}
        session = Session(realtimeInputConfig=config)
        later_messages = session.send_text("Why?")[2:]
        assert session.receive(later_messages, realtimeInput={"audio": build_audio()}) == later_messages
        assert session.receive(later_messages, realtimeInput={"text": "hm"})[: len(later_messages)] == later_messages

    @pytest.mark.parametrize("question", ["Two?", "clock"])
    def test_several_answers(self, question: str) -> None:
        """Of several unsent answers, and of one in front of a function call, the history contains what was sent."""
        session = Session(tools=TOOLS, realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
        first = session.receive(realtimeInput={"text": "One?"})
        unsent = session.receive(first[1:], realtimeInput={"text": question})
        session.receive(unsent, clientContent={"turns": [build_turn("Three?")]})
        texts = [part.text for each in session.history.turns for part in each.parts or () if part.function_call is None]
        assert texts == ["One?", join_text(first[:1]), question, "Three?"]

    def test_goodbye(self) -> None:
        """A ``goAway`` is sent despite an interruption."""
        session = Session()
        goodbye = session.send_text("Goodbye")
        warning, interruption, *_ = session.receive(goodbye[2:], realtimeInput={"text": "hm"})
        assert [*warning, *interruption["serverContent"]] == ["goAway", "interrupted"]

    def test_calls(self) -> None:
        """A call that was not sent yet is dropped without a cancellation."""
        session = Session(tools=TOOLS)
        call = session.send_text("clock")
        assert list_kinds(session.receive(call, realtimeInput={"text": "hm"}))[:2] == ["interrupted", "modelTurn"]


class TestResumption:
    """Resumption of sessions."""

    def test_resumed(self) -> None:
        """A handle restores the turns before it, as often as it is used."""
        session = Session(**RESUMPTION)
        update = session.send_text("one")[-1]["sessionResumptionUpdate"]
        assert update == {"newHandle": "handle2", "resumable": True}
        session.send_text("two")
        for _ in range(2):
            later_session = Session(session.state, sessionResumption={"handle": update["newHandle"]})
            assert "Before that came 2 turns." in join_text(later_session.send_text("three"))

    def test_fresh(self) -> None:
        """Each turn has a new handle; without resumption there is none."""
        session = Session(**RESUMPTION)
        handles = [session.send_text("hm")[-1]["sessionResumptionUpdate"]["newHandle"] for _ in range(3)]
        assert len(set(handles)) == 3
        assert list_kinds(Session().send_text("hm"))[-1] != "sessionResumptionUpdate"

    def test_not_resumable(self) -> None:
        """A session is not resumable while calls are pending."""
        session = Session(**RESUMPTION, tools=TOOLS)
        assert session.send_text("clock")[-1] == {"sessionResumptionUpdate": {"resumable": False}}
        handle = session.respond("function-call-1")[-1]["sessionResumptionUpdate"]["newHandle"]
        later_session = Session(session.state, sessionResumption={"handle": handle}, tools=TOOLS)
        assert later_session.send_text("clock")[0]["toolCall"]["functionCalls"][0]["id"] == "function-call-2"

    def test_transparent(self) -> None:
        """With ``transparent``, the update contains the index of the last consumed message."""
        session = Session(vertex=True, sessionResumption={"transparent": True})
        session.receive(clientContent={"turns": [build_turn("hm")]})
        update = session.send_text("hm")[-1]["sessionResumptionUpdate"]
        assert update["lastConsumedClientMessageIndex"] == "2"

    def test_unknown(self) -> None:
        """An unknown handle closes the connection."""
        with pytest.raises(EmulatedClose) as raised:
            Session(sessionResumption={"handle": "x"})
        assert (raised.value.code, raised.value.reason) == (1008, "The session of the handle 'x' is not found.")


FRAMES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"clientContent": {"turns": [build_turn("clock and weather")], "turnComplete": True}},
        {"clientContent": {"turns": [build_turn("goodbye")], "turnComplete": True}},
        {"clientContent": {"turns": [build_turn("hm")]}},
        {"realtimeInput": {"text": "weather"}},
        {"realtimeInput": {"audio": build_audio(8)}},
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"activityEnd": {}, "audioStreamEnd": True}},
        {"toolResponse": {"functionResponses": [{"id": "function-call-1", "response": {}}]}},
        {"toolResponse": {"functionResponses": [{"id": "function-call-2", "response": {}}]}},
    ]
)


class TestAnything:
    """Properties of all sessions."""

    @given(st.lists(FRAMES, max_size=12))
    @settings(max_examples=40, deadline=None)
    def test_frames(self, frames: list[Any]) -> None:
        """Calls are answered or cancelled, never both; turns end; closes have code 1007; messages are JSON."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND, **RESUMPTION)
        waiting: set[str] = set()
        for frame in frames:
            try:
                messages = session.receive(**frame)
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
            assert waiting == {each.id for each in session.history.pending_calls}
            assert (
                not messages
                or "sessionResumptionUpdate" in list_kinds(messages)
                or "toolCallCancellation" in messages[0]
            )

    @given(st.lists(st.tuples(FRAMES, st.integers(0, 12)), max_size=8))
    @settings(max_examples=40, deadline=None)
    def test_interruptions(self, frames: list[Any]) -> None:
        """Whenever frames arrive, the history contains exactly the text that was sent, and each turn ends."""
        session = Session(tools=TOOLS, realtimeInputConfig=BY_HAND)
        unsent: list[Any] = []
        received: list[Any] = []
        for frame, count in frames:
            try:
                unsent = session.receive(unsent, **frame)
            except EmulatedClose:
                break
            received, unsent = received + unsent[:count], unsent[count:]
        turns = [each for each in session.history.turns if each.role == "model"]
        texts = [part.text or "" for each in turns for part in each.parts or ()]
        assert "".join(texts) == join_text(received + unsent)
        assert list_kinds(received + unsent).count("turnComplete") >= len([each for each in texts if each])

    @given(st.one_of(st.binary(), st.text(), st.dictionaries(st.text(), st.integers()).map(json.dumps)))
    @settings(max_examples=50, deadline=None)
    def test_total(self, frame: bytes | str) -> None:
        """Arbitrary frames close the connection."""
        history = Session().history
        with pytest.raises(EmulatedClose):
            open_session(EmulatorState(), frame, NOW)
        with pytest.raises(EmulatedClose):
            receive_frame(EmulatorState(), history, frame)

    def test_unchanged(self) -> None:
        """The same history and frame give the same result, so nothing is mutated."""
        session = Session()
        history: LiveHistory = session.history
        frame = json.dumps({"realtimeInput": {"text": "hi"}})
        assert receive_frame(session.state, history, frame) == receive_frame(session.state, history, frame)
