"""What is said to one frame of a live session, and what is remembered after it."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from genai_fn.emulator.answers import Int64
from genai_fn.emulator.live.line import (
    Line,
    calls_of,
    cut_short,
    says,
    transcript_of,
    turn_of,
    usage_of,
    with_blob,
    with_response,
    with_turn,
)
from genai_fn.emulator.live.setup import Closed, Messages, Setup
from genai_fn.emulator.stand_in.pieces import chunks, pieces
from genai_fn.emulator.stand_in.saying import question, reply
from genai_fn.emulator.stand_in.sounds import tone
from genai_fn.emulator.state import State
from genai_fn.schema import (
    ActivityHandling,
    Blob,
    Content,
    FunctionCall,
    LiveClientContent,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
    LiveServerContent,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
    Modality,
    Part,
    Transcription,
)
from genai_fn.schema._base import Value

__all__ = ["HANDLES", "Session", "Talk"]

HANDLES: Final = "handles"
"""Where sessions are kept that may be taken up again."""


class Session(Value):
    """What a handle leads back to."""

    turns: tuple[Content, ...]
    called: int
    """How many calls there were."""


class Talk:
    """What is remembered, and what is said, while one frame is heard."""

    def __init__(self, state: State, line: Line, unsaid: Messages) -> None:
        self.state = state
        self.line = line
        self.unsaid = unsaid
        """What earlier frames were answered, and is still to be said before all else."""
        self.told: list[LiveServerMessage] = []

    def add(self, content: LiveClientContent) -> None:
        """Add turns to the conversation; to the last one an answer may be due."""
        for index, each in enumerate(content.turns or ()):
            if not each.parts:
                raise Closed(1007, f"client_content.turns[{index}].parts must not be empty.")
            if each.role not in (None, "user", "model"):
                raise Closed(1007, f"client_content.turns[{index}].role must be user or model.")
        self._interrupt()
        self.line = with_turn(self.line, *(content.turns or ()))
        if content.turn_complete:
            if not self.line.turns:
                raise Closed(1007, "client_content.turns must not be empty: there is nothing to answer.")
            self._answer()

    def sense(self, given: LiveClientRealtimeInput) -> None:
        """Hear, see or read what is going on."""
        if given.activity_start is not None or given.activity_end is not None:
            _check_activity(self.line.setup)
        for blob in (*(given.media_chunks or ()), given.audio, given.video):
            if blob is not None:
                self.line = with_blob(self.line, blob)
        is_end = given.activity_end is not None or bool(given.audio_stream_end)
        is_due = bool(given.text) or (is_end and bool(self.line.sound or self.line.pictures))
        if is_due or given.activity_start is not None:
            self._break_in()
        if is_due:
            self._transcribe()
            parts = [Part(text=given.text)] if given.text else []
            self.line = with_turn(self.line, turn_of(self.line, *parts))
            self._answer()

    def take(self, answer: LiveClientToolResponse) -> None:
        """Take what functions answered; with the last of them an answer is due."""
        if not answer.function_responses:
            raise Closed(1007, "tool_response.function_responses must not be empty.")
        was_waiting = bool(self.line.calls)
        for each in answer.function_responses:
            self.line = with_response(self.line, each)
        if was_waiting and not self.line.calls:
            parts = tuple(Part(function_response=each) for each in self.line.responses)
            self.line = replace(with_turn(self.line, Content(parts=parts, role="user")), responses=())
            self._answer()

    # What is given up

    def _break_in(self) -> None:
        config = self.line.setup.realtime_input_config
        if config is None or config.activity_handling != ActivityHandling.NO_INTERRUPTION:
            self._interrupt()

    def _interrupt(self) -> None:
        """Leave unsaid what is left of an answer, and wait no longer for calls."""
        is_speaking = any("turnComplete" in each for each in self._unsaid("serverContent"))
        if not is_speaking and not self.line.calls:
            return
        if is_speaking:
            self.line = cut_short(self.line, sum("modelTurn" in each for each in self._unsaid("serverContent")))
        unsaid = {call["id"] for each in self._unsaid("toolCall") for call in each["functionCalls"]}
        ids = tuple(each.id for each in self.line.calls if each.id and each.id not in unsaid)
        self.unsaid = tuple(each for each in self.unsaid if "goAway" in each)
        self.line = replace(self.line, calls=(), responses=())
        if ids:
            self._say(tool_call_cancellation=LiveServerToolCallCancellation(ids=ids))
        self._say(server_content=LiveServerContent(interrupted=True))
        if is_speaking:
            self._say(server_content=LiveServerContent(turn_complete=True))

    def _unsaid(self, kind: str) -> Iterator[Any]:
        return (each[kind] for each in self.unsaid if kind in each)

    # What is said

    def _answer(self) -> None:
        """Answer what was said last: with calls, if it names functions, or else in words."""
        self.line = replace(self.line, sound=0, sound_type="", pictures=())
        calls = calls_of(self.line)
        if calls:
            self._call(calls)
            return
        asked, spoken = question(self.line.turns[-1:]), self._speak()
        self._say(server_content=LiveServerContent(generation_complete=True))
        usage = usage_of(self.line, len(spoken))
        self._say(server_content=LiveServerContent(turn_complete=True), usage_metadata=usage)
        self.line = with_turn(self.line, Content(parts=(Part(text="".join(spoken)),), role="model"))
        self._keep()
        if says(asked, "goodbye"):
            self.line = replace(self.line, time_left=_FAREWELL)
            self._say(go_away=LiveServerGoAway(time_left=f"{_FAREWELL}s"))

    def _call(self, calls: tuple[FunctionCall, ...]) -> None:
        turn = Content(parts=tuple(Part(function_call=each) for each in calls), role="model")
        line, count = with_turn(self.line, turn), self.line.called + len(calls)
        self.line = replace(line, calls=(*line.calls, *calls), called=count)
        self._say(tool_call=LiveServerToolCall(function_calls=calls))
        if line.setup.session_resumption is not None:
            self._say(session_resumption_update=LiveServerSessionResumptionUpdate(resumable=False))

    def _speak(self) -> tuple[str, ...]:
        """Say a few words at a time, aloud if that is wanted."""
        setup, is_aloud = self.line.setup, self.line.modality == Modality.AUDIO
        text = reply((setup.model or "").rpartition("/")[2], self.line.turns, setup.system_instruction)
        spoken = pieces(text)[: setup.generation_config.max_output_tokens if setup.generation_config else None]
        for words in chunks(spoken):
            part = Part(inline_data=_aloud(words)) if is_aloud else Part(text=words)
            self._say(server_content=LiveServerContent(model_turn=Content(parts=(part,), role="model")))
            if is_aloud and setup.output_audio_transcription is not None:
                self._say(server_content=LiveServerContent(output_transcription=Transcription(text=words)))
        return spoken

    def _transcribe(self) -> None:
        if self.line.sound and self.line.setup.input_audio_transcription is not None:
            told = Transcription(text=transcript_of(self.line), finished=True)
            self._say(server_content=LiveServerContent(input_transcription=told))

    def _keep(self) -> None:
        """Give out a handle, where handles are asked for."""
        resumption = self.line.setup.session_resumption
        if resumption is None:
            return
        self.state, name = self.state.named(HANDLES)
        self.state = self.state.putting(name, Session(self.line.turns, self.line.called))
        update = LiveServerSessionResumptionUpdate(
            new_handle=name.rpartition("/")[2],
            resumable=True,
            last_consumed_client_message_index=Int64(self.line.frames) if resumption.transparent else None,
        )
        self._say(session_resumption_update=update)

    def _say(self, **message: Any) -> None:
        self.told.append(LiveServerMessage(**message))


_FAREWELL = 10
"""How many seconds are left after a goodbye."""


def _aloud(words: str) -> Blob:
    return Blob(mime_type="audio/pcm;rate=24000", data=tone(words, 0.05, 24000))


def _check_activity(setup: Setup) -> None:
    detection = setup.realtime_input_config and setup.realtime_input_config.automatic_activity_detection
    if not (detection and detection.disabled):
        raise Closed(1007, "Explicit activity control is not supported when automatic activity detection is enabled.")
