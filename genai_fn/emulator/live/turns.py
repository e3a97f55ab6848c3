"""Handles one frame of a live session: updates its state, and collects the messages to send."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from genai_fn.emulator.fake_model.audio import build_tone
from genai_fn.emulator.fake_model.replies import build_reply, find_question
from genai_fn.emulator.fake_model.tokenizer import join_chunks, split_tokens
from genai_fn.emulator.live.history import (
    LiveHistory,
    add_blob,
    add_function_response,
    add_response_turn,
    add_turns,
    build_calls,
    build_user_turn,
    count_usage,
    describe_audio,
    has_word,
    truncate_answers,
)
from genai_fn.emulator.live.setup import EmulatedClose, EmulatedSetup, ServerMessages
from genai_fn.emulator.server.responses import Int64
from genai_fn.emulator.server.sizes import measure_size
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema.content import Blob, Content, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import Modality
from genai_fn.schema.live import (
    ActivityHandling,
    LiveClientContent,
    LiveClientContextUpdate,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
)
from genai_fn.schema.live_server import (
    LiveServerContent,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
)
from genai_fn.schema.transcription import Transcription
from genai_fn.values import Value

HANDLE_COLLECTION: Final = "handles"
"""Collection of resumable sessions."""


class EmulatedSession(Value):
    """A session that a resumption handle refers to."""

    turns: tuple[Content, ...]
    call_count: int
    """Number of calls made so far."""

    @property
    def kept_bytes(self) -> int:
        """Size of the last turns; an earlier handle has the same turns before them."""
        return measure_size(self.turns[-2:])


class LiveTurn:
    """Handles one frame. Afterwards, its attributes are the next state and history, and the messages to send."""

    def __init__(self, state: EmulatorState, history: LiveHistory, unsent: ServerMessages) -> None:
        self.state = state
        self.history = history
        self.unsent = unsent
        """Messages of earlier frames that were not sent yet. They are sent first."""
        self.messages: list[LiveServerMessage] = []

    def add_client_content(self, content: LiveClientContent) -> None:
        """Append turns, and answer them if ``turn_complete`` is set."""
        for index, each in enumerate(content.turns or ()):
            if not each.parts:
                raise EmulatedClose(1007, f"client_content.turns[{index}].parts must not be empty.")
            if each.role not in (None, "user", "model"):
                raise EmulatedClose(1007, f"client_content.turns[{index}].role must be user or model.")
        self._interrupt()
        self.history = add_turns(self.history, *(content.turns or ()))
        if self.history.awaits_history:
            self.history = replace(self.history, awaits_history=not content.turn_complete)
        elif content.turn_complete:
            if not self.history.turns:
                raise EmulatedClose(1007, "client_content.turns must not be empty: there is nothing to answer.")
            self._answer_turn()

    def add_realtime_input(self, message: LiveClientRealtimeInput) -> None:
        """Add audio, images, text or activity markers, and answer if they end a turn."""
        if message.activity_start is not None or message.activity_end is not None:
            _check_activity(self.history.setup)
        for blob in (*(message.media_chunks or ()), message.audio, message.video):
            if blob is not None:
                self.history = add_blob(self.history, blob)
        is_end = message.activity_end is not None or bool(message.audio_stream_end)
        is_due = bool(message.text) or (is_end and bool(self.history.audio_size or self.history.image_mime_types))
        if is_due or message.activity_start is not None:
            self._interrupt_if_allowed()
        if is_due:
            self._send_transcript()
            parts = [Part(text=message.text)] if message.text else []
            self.history = add_turns(self.history, build_user_turn(self.history, *parts))
            self._answer_turn()

    def add_tool_response(self, answer: LiveClientToolResponse) -> None:
        """Add function responses. When no call is pending any more, answer them."""
        if not answer.function_responses:
            raise EmulatedClose(1007, "tool_response.function_responses must not be empty.")
        was_waiting = bool(self.history.pending_calls)
        for each in answer.function_responses:
            self.history = add_function_response(self.history, each)
        if was_waiting and not self.history.pending_calls:
            self.history = add_response_turn(self.history)
            self._answer_turn()

    def update_context(self, update: LiveClientContextUpdate) -> None:
        """Replace the system instruction or the tools of the session. There is no response."""
        changes: dict[str, Any] = {}
        if update.system_instruction is not None:
            changes["system_instruction"] = update.system_instruction
        if update.tools is not None:
            changes["tools"] = update.tools.tools or ()
        self.history = replace(self.history, setup=replace(self.history.setup, **changes))

    def _interrupt_if_allowed(self) -> None:
        config = self.history.setup.realtime_input_config
        if config is None or config.activity_handling != ActivityHandling.NO_INTERRUPTION:
            self._interrupt()

    def _interrupt(self) -> None:
        """
        Drop the unsent part of an answer, and cancel pending calls.

        Unsent messages about earlier interruptions are kept.
        """
        dropped = [each for each in self.unsent if not _is_sent_despite_interruption(each)]
        unsent_content = [each["serverContent"] for each in dropped if "serverContent" in each]
        is_speaking = any("turnComplete" in each for each in unsent_content)
        if not is_speaking and not self.history.pending_calls:
            return
        if is_speaking:
            self.history = truncate_answers(self.history, _count_chunks(unsent_content))
        unsent_ids = {
            call["id"] for each in dropped if "toolCall" in each for call in each["toolCall"]["functionCalls"]
        }
        ids = tuple(each.id for each in self.history.pending_calls if each.id and each.id not in unsent_ids)
        self.unsent = tuple(filter(_is_sent_despite_interruption, self.unsent))
        self.history = replace(self.history, pending_calls=(), function_responses=())
        if ids:
            self._send(tool_call_cancellation=LiveServerToolCallCancellation(ids=ids))
        self._send_content(interrupted=True)
        if is_speaking:
            self._send_content(turn_complete=True)

    def _answer_turn(self) -> None:
        """
        Answer the last turn: with function calls if it names functions, otherwise with text or audio.

        After an answer to a turn with the word "goodbye", a ``goAway`` follows.
        """
        self.history = replace(self.history, audio_size=0, audio_mime_type="", image_mime_types=())
        calls = build_calls(self.history)
        if calls:
            self._call_functions(calls)
            return
        question, tokens = find_question(self.history.turns[-1:]), self._send_answer()
        self._send_content(generation_complete=True)
        usage = count_usage(self.history, len(tokens))
        self._send(server_content=LiveServerContent(turn_complete=True), usage_metadata=usage)
        self.history = add_turns(self.history, Content(parts=(Part(text="".join(tokens)),), role="model"))
        self._send_resumption_handle()
        if has_word(question, "goodbye"):
            self.history = replace(self.history, time_left=_GOODBYE_SECONDS)
            self._send(go_away=LiveServerGoAway(time_left=f"{_GOODBYE_SECONDS}s"))

    def _call_functions(self, calls: tuple[FunctionCall, ...]) -> None:
        turn = Content(parts=tuple(Part(function_call=each) for each in calls), role="model")
        history, count = add_turns(self.history, turn), self.history.call_count + len(calls)
        self.history = replace(history, pending_calls=(*history.pending_calls, *calls), call_count=count)
        self._send(tool_call=LiveServerToolCall(function_calls=calls))
        if history.setup.session_resumption is not None:
            self._send(session_resumption_update=LiveServerSessionResumptionUpdate(resumable=False))

    def _send_answer(self) -> tuple[str, ...]:
        """Send an answer in chunks of a few words, as audio if the modality is audio."""
        setup, is_audio = self.history.setup, self.history.modality == Modality.AUDIO
        text = build_reply((setup.model or "").rpartition("/")[2], self.history.turns, setup.system_instruction)
        tokens = split_tokens(text)[: setup.generation_config.max_output_tokens if setup.generation_config else None]
        for chunk in join_chunks(tokens):
            part = Part(inline_data=_build_audio(chunk)) if is_audio else Part(text=chunk)
            self._send_content(model_turn=Content(parts=(part,), role="model"))
            if is_audio and setup.output_audio_transcription is not None:
                self._send_content(output_transcription=Transcription(text=chunk))
        return tokens

    def _send_transcript(self) -> None:
        if self.history.audio_size and self.history.setup.input_audio_transcription is not None:
            transcription = Transcription(text=describe_audio(self.history), finished=True)
            self._send_content(input_transcription=transcription)

    def _send_resumption_handle(self) -> None:
        """Send a new resumption handle, if the setup enables resumption."""
        resumption = self.history.setup.session_resumption
        if resumption is None:
            return
        self.state, name = self.state.assign_name(HANDLE_COLLECTION)
        session = EmulatedSession(self.history.turns, self.history.call_count)
        self.state = self.state.with_resource(name, session).with_newest(HANDLE_COLLECTION, _MAX_HANDLES)
        update = LiveServerSessionResumptionUpdate(
            new_handle=name.rpartition("/")[2],
            resumable=True,
            last_consumed_client_message_index=Int64(self.history.frame_count) if resumption.transparent else None,
        )
        self._send(session_resumption_update=update)

    def _send_content(self, **content: Any) -> None:
        self._send(server_content=LiveServerContent(**content))

    def _send(self, **message: Any) -> None:
        self.messages.append(LiveServerMessage(**message))


_MAX_HANDLES = 1000
"""Older handles are forgotten."""
_GOODBYE_SECONDS = 10
"""Seconds between the ``goAway`` after a goodbye and the end of the connection."""


def _count_chunks(contents: Iterable[Mapping[str, Any]]) -> list[int]:
    """
    Count the chunks of each answer; ``turnComplete`` ends one.

    >>> _count_chunks([{"modelTurn": {}}, {"turnComplete": True}, {"modelTurn": {}}, {"turnComplete": True}])
    [1, 1]
    """
    counts = [0]
    for each in contents:
        counts[-1] += "modelTurn" in each
        if "turnComplete" in each:
            counts.append(0)
    return counts[:-1]


def _is_sent_despite_interruption(message: Mapping[str, Any]) -> bool:
    """Whether a message is a ``goAway``, or reports an interruption; the end of a whole answer contains its usage."""
    content = message.get("serverContent", {})
    is_interrupted_end = "turnComplete" in content and "usageMetadata" not in message
    return is_interrupted_end or "interrupted" in content or not {"goAway", "toolCallCancellation"}.isdisjoint(message)


def _build_audio(text: str) -> Blob:
    return Blob(mime_type="audio/pcm;rate=24000", data=build_tone(text, 0.05, 24000))


def _check_activity(setup: EmulatedSetup) -> None:
    detection = setup.realtime_input_config and setup.realtime_input_config.automatic_activity_detection
    if not (detection and detection.disabled):
        raise EmulatedClose(
            1007, "Explicit activity control is not supported when automatic activity detection is enabled."
        )
