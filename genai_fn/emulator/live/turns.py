"""What is said to one frame of a live session, and what is remembered after it."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from genai_fn.emulator.fake_model.audio import build_tone
from genai_fn.emulator.fake_model.replies import build_reply, find_question
from genai_fn.emulator.fake_model.tokenizer import join_chunks, split_tokens
from genai_fn.emulator.live.history import (
    LiveHistory,
    add_blob,
    add_function_response,
    add_turns,
    build_calls,
    build_user_turn,
    count_usage,
    describe_audio,
    has_word,
    truncate_last_answer,
)
from genai_fn.emulator.live.setup import EmulatedClose, EmulatedSetup, ServerMessages
from genai_fn.emulator.server.responses import Int64
from genai_fn.emulator.server.state import EmulatorState
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
from genai_fn.values import Value

__all__ = ["HANDLE_COLLECTION", "EmulatedSession", "LiveTurn"]

HANDLE_COLLECTION: Final = "handles"
"""Where sessions are kept that may be taken up again."""


class EmulatedSession(Value):
    """What a handle leads back to."""

    turns: tuple[Content, ...]
    call_count: int
    """How many calls there were."""


class LiveTurn:
    """What is remembered, and what is said, while one frame is heard."""

    def __init__(self, state: EmulatorState, line: LiveHistory, unsaid: ServerMessages) -> None:
        self.state = state
        self.history = line
        self.unsent = unsaid
        """What earlier frames were answered, and is still to be said before all else."""
        self.messages: list[LiveServerMessage] = []

    def add_client_content(self, content: LiveClientContent) -> None:
        """Add turns to the conversation; to the last one an answer may be due."""
        for index, each in enumerate(content.turns or ()):
            if not each.parts:
                raise EmulatedClose(1007, f"client_content.turns[{index}].parts must not be empty.")
            if each.role not in (None, "user", "model"):
                raise EmulatedClose(1007, f"client_content.turns[{index}].role must be user or model.")
        self._interrupt()
        self.history = add_turns(self.history, *(content.turns or ()))
        if content.turn_complete:
            if not self.history.turns:
                raise EmulatedClose(1007, "client_content.turns must not be empty: there is nothing to answer.")
            self._answer_turn()

    def add_realtime_input(self, given: LiveClientRealtimeInput) -> None:
        """Hear, see or read what is going on."""
        if given.activity_start is not None or given.activity_end is not None:
            _check_activity(self.history.setup)
        for blob in (*(given.media_chunks or ()), given.audio, given.video):
            if blob is not None:
                self.history = add_blob(self.history, blob)
        is_end = given.activity_end is not None or bool(given.audio_stream_end)
        is_due = bool(given.text) or (is_end and bool(self.history.audio_size or self.history.image_mime_types))
        if is_due or given.activity_start is not None:
            self._interrupt_if_allowed()
        if is_due:
            self._send_transcript()
            parts = [Part(text=given.text)] if given.text else []
            self.history = add_turns(self.history, build_user_turn(self.history, *parts))
            self._answer_turn()

    def add_tool_response(self, answer: LiveClientToolResponse) -> None:
        """Take what functions answered; with the last of them an answer is due."""
        if not answer.function_responses:
            raise EmulatedClose(1007, "tool_response.function_responses must not be empty.")
        was_waiting = bool(self.history.pending_calls)
        for each in answer.function_responses:
            self.history = add_function_response(self.history, each)
        if was_waiting and not self.history.pending_calls:
            parts = tuple(Part(function_response=each) for each in self.history.function_responses)
            self.history = replace(add_turns(self.history, Content(parts=parts, role="user")), function_responses=())
            self._answer_turn()

    # What is given up

    def _interrupt_if_allowed(self) -> None:
        config = self.history.setup.realtime_input_config
        if config is None or config.activity_handling != ActivityHandling.NO_INTERRUPTION:
            self._interrupt()

    def _interrupt(self) -> None:
        """Leave unsaid what is left of an answer, and wait no longer for calls."""
        is_speaking = any("turnComplete" in each for each in self._iterate_unsent("serverContent"))
        if not is_speaking and not self.history.pending_calls:
            return
        if is_speaking:
            self.history = truncate_last_answer(
                self.history, sum("modelTurn" in each for each in self._iterate_unsent("serverContent"))
            )
        unsaid = {call["id"] for each in self._iterate_unsent("toolCall") for call in each["functionCalls"]}
        ids = tuple(each.id for each in self.history.pending_calls if each.id and each.id not in unsaid)
        self.unsent = tuple(each for each in self.unsent if "goAway" in each)
        self.history = replace(self.history, pending_calls=(), function_responses=())
        if ids:
            self._send(tool_call_cancellation=LiveServerToolCallCancellation(ids=ids))
        self._send(server_content=LiveServerContent(interrupted=True))
        if is_speaking:
            self._send(server_content=LiveServerContent(turn_complete=True))

    def _iterate_unsent(self, kind: str) -> Iterator[Any]:
        return (each[kind] for each in self.unsent if kind in each)

    # What is said

    def _answer_turn(self) -> None:
        """Answer what was said last: with calls, if it names functions, or else in words."""
        self.history = replace(self.history, audio_size=0, audio_mime_type="", image_mime_types=())
        calls = build_calls(self.history)
        if calls:
            self._call_functions(calls)
            return
        asked, spoken = find_question(self.history.turns[-1:]), self._send_answer()
        self._send(server_content=LiveServerContent(generation_complete=True))
        usage = count_usage(self.history, len(spoken))
        self._send(server_content=LiveServerContent(turn_complete=True), usage_metadata=usage)
        self.history = add_turns(self.history, Content(parts=(Part(text="".join(spoken)),), role="model"))
        self._send_resumption_handle()
        if has_word(asked, "goodbye"):
            self.history = replace(self.history, time_left=_GOODBYE_SECONDS)
            self._send(go_away=LiveServerGoAway(time_left=f"{_GOODBYE_SECONDS}s"))

    def _call_functions(self, calls: tuple[FunctionCall, ...]) -> None:
        turn = Content(parts=tuple(Part(function_call=each) for each in calls), role="model")
        line, count = add_turns(self.history, turn), self.history.call_count + len(calls)
        self.history = replace(line, pending_calls=(*line.pending_calls, *calls), call_count=count)
        self._send(tool_call=LiveServerToolCall(function_calls=calls))
        if line.setup.session_resumption is not None:
            self._send(session_resumption_update=LiveServerSessionResumptionUpdate(resumable=False))

    def _send_answer(self) -> tuple[str, ...]:
        """Say a few words at a time, aloud if that is wanted."""
        setup, is_aloud = self.history.setup, self.history.modality == Modality.AUDIO
        text = build_reply((setup.model or "").rpartition("/")[2], self.history.turns, setup.system_instruction)
        spoken = split_tokens(text)[: setup.generation_config.max_output_tokens if setup.generation_config else None]
        for words in join_chunks(spoken):
            part = Part(inline_data=_build_audio(words)) if is_aloud else Part(text=words)
            self._send(server_content=LiveServerContent(model_turn=Content(parts=(part,), role="model")))
            if is_aloud and setup.output_audio_transcription is not None:
                self._send(server_content=LiveServerContent(output_transcription=Transcription(text=words)))
        return spoken

    def _send_transcript(self) -> None:
        if self.history.audio_size and self.history.setup.input_audio_transcription is not None:
            told = Transcription(text=describe_audio(self.history), finished=True)
            self._send(server_content=LiveServerContent(input_transcription=told))

    def _send_resumption_handle(self) -> None:
        """Give out a handle, where handles are asked for."""
        resumption = self.history.setup.session_resumption
        if resumption is None:
            return
        self.state, name = self.state.assign_name(HANDLE_COLLECTION)
        self.state = self.state.with_resource(name, EmulatedSession(self.history.turns, self.history.call_count))
        update = LiveServerSessionResumptionUpdate(
            new_handle=name.rpartition("/")[2],
            resumable=True,
            last_consumed_client_message_index=Int64(self.history.frame_count) if resumption.transparent else None,
        )
        self._send(session_resumption_update=update)

    def _send(self, **message: Any) -> None:
        self.messages.append(LiveServerMessage(**message))


_GOODBYE_SECONDS = 10
"""How many seconds are left after a goodbye."""


def _build_audio(words: str) -> Blob:
    return Blob(mime_type="audio/pcm;rate=24000", data=build_tone(words, 0.05, 24000))


def _check_activity(setup: EmulatedSetup) -> None:
    detection = setup.realtime_input_config and setup.realtime_input_config.automatic_activity_detection
    if not (detection and detection.disabled):
        raise EmulatedClose(
            1007, "Explicit activity control is not supported when automatic activity detection is enabled."
        )
