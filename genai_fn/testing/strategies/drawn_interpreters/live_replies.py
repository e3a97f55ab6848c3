"""Strategies for the server messages of live sessions: `messages` draws those for one frame."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn.errors import DecodeError, Disconnected, GenaiError, LiveClosed
from genai_fn.live_protocol.state_machine import find_caller_functions
from genai_fn.ops.live.music import ConnectLiveMusic
from genai_fn.request import Live
from genai_fn.schema.content import Blob, Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import GenerateContentConfig, Modality
from genai_fn.schema.live import LiveClientMessage
from genai_fn.schema.live_server import (
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
    TurnCompleteReason,
    UsageMetadata,
)
from genai_fn.schema.music import (
    AudioChunk,
    LiveMusicFilteredPrompt,
    LiveMusicPlaybackControl,
    LiveMusicServerContent,
    LiveMusicServerMessage,
)
from genai_fn.schema.transcription import Transcription
from genai_fn.testing.fake_connector import (
    TURN_END,
    build_content_message,
    build_model_message,
    is_answer_expected,
)
from genai_fn.testing.strategies.deferred import defer_strategy
from genai_fn.testing.strategies.responses.candidates import PROSE_TEXTS
from genai_fn.testing.strategies.responses.errors import broken_sequences, errors as any_error
from genai_fn.testing.strategies.responses.function_calls import list_call_candidates
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices
from genai_fn.values import Value


class CallState(Value):
    """The function calls of a session so far."""

    call_count: int = 0
    """Number of calls, including those with a response."""
    pending_calls: tuple[FunctionCall, ...] = ()
    """Calls without a response."""

    def record_frame(self, frame: Any) -> "CallState":
        """Remove the calls that a client message responds to."""
        response = frame.tool_response if isinstance(frame, LiveClientMessage) else None
        if response is None:
            return self
        ids = {each.id for each in response.function_responses or ()}
        return replace(self, pending_calls=tuple(each for each in self.pending_calls if not ids & {each.id, None}))

    def record_messages(self, messages: Sequence[Any]) -> "CallState":
        """Add the calls of server messages, and remove those that they cancel."""
        state = self
        for each in messages:
            if isinstance(each, LiveServerMessage) and each.tool_call is not None:
                calls = each.tool_call.function_calls
                state = CallState(state.call_count + len(calls), (*state.pending_calls, *calls))
            if isinstance(each, LiveServerMessage) and each.tool_call_cancellation is not None:
                cancelled = each.tool_call_cancellation.ids
                pending = tuple(call for call in state.pending_calls if call.id not in cancelled)
                state = replace(state, pending_calls=pending)
        return state


def messages(
    live: Live[Any],
    frame: Any,
    *,
    errors: bool = False,
    call_state: CallState = CallState(),  # noqa: B008  # frozen
) -> SearchStrategy[list[Any]]:
    """
    Draw the server messages that follow a client message in a live session, up to the end of a turn.

    There are none after a client message that expects no answer. A turn that ends with function calls continues when
    all of them have a response. Examples shrink to a turn with one short text.

    Args:
        live: The session.

        frame: The client message.

        errors: Also draw an error as the last item, which ends the session.

        call_state: The function calls of the session so far.

    >>> from genai_fn import live
    >>> answer = messages(live.connect("m"), live.client_content("hi")).example()  # doctest: +SKIP
    >>> answer[-1].server_content.turn_complete  # doctest: +SKIP
    True
    """
    return defer_strategy(frame, lambda: SessionReplies(live, errors=errors).frame_answers(frame, call_state))


class SessionReplies:
    """The strategies for the answers of one session. They are built on first use and cached."""

    def __init__(self, live: Live[Any], *, errors: bool) -> None:
        self.live = live
        self._errors = errors

    @property
    def refusal(self) -> SearchStrategy[GenaiError | None]:
        """Draw the error with which the session fails to open; None if it opens."""
        return _refusals if self._errors else st.none()

    def frame_answers(self, frame: Any, state: CallState) -> SearchStrategy[list[Any]]:
        """Draw the messages for a frame."""
        if not is_answer_expected(frame):
            return _no_messages
        if isinstance(self.live.operation, ConnectLiveMusic):
            return self._music[
                frame.playback_control == LiveMusicPlaybackControl.PLAY, frame.client_content is not None
            ]
        is_response, state = frame.tool_response is not None, state.record_frame(frame)
        return _no_messages if is_response and state.pending_calls else _numbered_turns(self._turns, state)

    def end_turn(self, state: CallState) -> list[Any]:
        """Return the messages that cancel the pending calls and end the turn."""
        return [_number_calls(_CANCEL_ALL, state), TURN_END]

    def is_left_to_program(self, call: FunctionCall) -> bool:
        """Whether the program must respond to a call, as the session does not call the function."""
        return self.live.calling_options is None or call.name in find_caller_functions(self.live)

    @cached_property
    def _turns(self) -> SearchStrategy[list[Any]]:
        turns = weighted_choices(_list_turn_choices(self.live))
        return _with_session_errors(turns) if self._errors else turns

    @cached_property
    def _music(self) -> dict[tuple[bool, bool], SearchStrategy[list[Any]]]:
        cases = [(is_play, has_prompts) for is_play in (False, True) for has_prompts in (False, True)]
        answers = {case: _music_answers(*case) for case in cases}
        return {case: _with_session_errors(each) for case, each in answers.items()} if self._errors else answers


_no_messages: SearchStrategy[list[Any]] = st.builds(list[Any])


# Errors


_CLOSE_CODES = [1011, 1008, 1007, 1012, 1013, 1002, 4000]
_CLOSE_REASONS = [
    "",
    "Internal error encountered.",
    "The operation was cancelled.",
    "Request contains an invalid argument.",
]

_session_errors: SearchStrategy[GenaiError] = weighted_choices(
    {
        "closed": (4, st.builds(LiveClosed, st.sampled_from(_CLOSE_CODES), st.sampled_from(_CLOSE_REASONS))),
        "disconnected": (2, st.just(Disconnected("in a live session", "the connection was cut"))),
        "an unreadable message": (1, st.builds(DecodeError, st.just("JSON"), st.just(""), st.just("\ufffd"))),
    }
)
_unknown_models = st.builds(LiveClosed, st.just(1008), st.sampled_from(["", "The model is not found."]))
_refusals: SearchStrategy[GenaiError | None] = weighted_choices(
    {"an open session": (8, st.none()), "a session that fails to open": (1, _unknown_models | any_error())}
)


def _with_session_errors(answers: SearchStrategy[list[Any]]) -> SearchStrategy[list[Any]]:
    broken = broken_sequences(answers, _session_errors)
    return weighted_choices({"an answer": (8, answers), "an answer that breaks": (1, broken)})


# Turns


def _list_turn_choices(live: Live[Any]) -> WeightedChoices:
    operation: Any = live.operation
    config: Any = operation.config
    outputs = (_audio_parts if Modality.AUDIO in _get_modalities(config) else _text_parts).map(build_model_message)
    calls = {
        label: (weight, strategy.map(_build_call_messages).filter(bool))
        for label, (weight, strategy) in list_call_candidates(GenerateContentConfig(tools=config.tools)).items()
        if label != "a malformed call"
    }
    return {
        "a turn": (8, outputs.map(lambda each: [each, TURN_END])),
        "a turn of several messages": (4, _long_turns(outputs, _transcripts(config), _notices(config))),
        "an interrupted turn": (1, outputs.map(lambda each: [each, _INTERRUPTION, TURN_END])),
        "an empty turn": (1, _empty_turns),
        "an unknown message": (1, outputs.map(lambda each: [_UNKNOWN_MESSAGE, each, TURN_END])),
        **calls,
        **({"a cancelled call": (1, _cancelled_calls(calls))} if calls else {}),
    }


_UNKNOWN_MESSAGE = LiveServerMessage(extra={"somethingNew": {}})
_INTERRUPTION = build_content_message(interrupted=True)
_empty_turns = (st.none() | st.sampled_from(list(TurnCompleteReason))).map(
    lambda why: [build_content_message(turn_complete=True, turn_complete_reason=why)]
)
_text_parts = PROSE_TEXTS.map(lambda text: Part(text=text))
_audio_parts = st.integers(1, 4).map(
    lambda size: Part(inline_data=Blob(data=b"\0\1" * size, mime_type="audio/pcm;rate=24000"))
)


def _get_modalities(config: Any) -> Sequence[Any]:
    settings = config.generation_config
    return config.response_modalities or (None if settings is None else settings.response_modalities) or ()


@st.composite
def _long_turns(
    draw: DrawFn,
    outputs: SearchStrategy[LiveServerMessage],
    transcripts: SearchStrategy[Sequence[LiveServerMessage]],
    notices: SearchStrategy[Sequence[LiveServerMessage]],
) -> list[Any]:
    """Draw a turn with transcripts and notices, each anywhere in it."""
    turn = [draw(outputs) for _ in range(draw(_MESSAGE_COUNTS))]
    for each in (*draw(transcripts), *draw(notices)):
        turn.insert(draw(st.integers(0, len(turn))), each)
    return [*turn, TURN_END]


_MESSAGE_COUNTS = st.integers(1, 3)


def _transcripts(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    enabled = [name for name in ("input", "output") if getattr(config, f"{name}_audio_transcription") is not None]
    return st.tuples(*(_transcript_messages(f"{name}_transcription") for name in enabled))


def _transcript_messages(name: str) -> SearchStrategy[LiveServerMessage]:
    return PROSE_TEXTS.map(lambda text: build_content_message(**{name: Transcription(text=text, finished=True)}))


def _notices(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    """Draw messages between those of a turn: usage metadata, ``goAway``, and resumption handles."""
    kinds = [
        st.just(build_content_message(generation_complete=True)),
        st.integers(0, 10**6).map(_build_usage_message),
        st.sampled_from([LiveServerMessage(go_away=LiveServerGoAway(time_left=each)) for each in _TIMES_LEFT]),
    ]
    resumption = config.session_resumption
    if resumption is not None and not resumption.transparent:
        kinds.append(st.sampled_from(_RESUMPTION_UPDATES))
    return st.lists(st.one_of(kinds), max_size=3)


def _build_usage_message(tokens: int) -> LiveServerMessage:
    return LiveServerMessage(usage_metadata=UsageMetadata(response_token_count=tokens, total_token_count=tokens))


_TIMES_LEFT = ["60s", "9.5s", "0.5s"]
_RESUMPTION_UPDATES = [
    LiveServerMessage(session_resumption_update=each)
    for each in (
        LiveServerSessionResumptionUpdate(new_handle="handle", resumable=True),
        LiveServerSessionResumptionUpdate(new_handle="", resumable=False),
    )
]


# Calls


def _build_call_messages(candidate: Any) -> list[Any]:
    """Convert a candidate to messages: its texts, then its calls without IDs; empty if it has no calls."""
    parts = candidate.content.parts or ()
    calls = tuple(part.function_call for part in parts if part.function_call is not None)
    texts = [build_model_message(Part(text=part.text)) for part in parts if part.text]
    return [*texts, LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))] if calls else []


def _cancelled_calls(calls: WeightedChoices) -> SearchStrategy[list[Any]]:
    return st.one_of([strategy for _, strategy in calls.values()]).map(lambda each: [*each, _CANCEL_ALL, TURN_END])


_CANCEL_ALL = LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation())
"""Stands for the cancellation of all pending calls; `_number_calls` fills in their IDs."""


@st.composite
def _numbered_turns(draw: DrawFn, turns: SearchStrategy[list[Any]], state: CallState) -> list[Any]:
    """Draw a turn whose calls have unique IDs. If calls are pending, the turn starts with their cancellation."""
    interruption = [_CANCEL_ALL, _INTERRUPTION] if state.pending_calls else []
    numbered: list[Any] = []
    for each in [*interruption, *draw(turns)]:
        message = _number_calls(each, state) if isinstance(each, LiveServerMessage) else each
        state = state.record_messages([message])
        numbered.append(message)
    return numbered


def _number_calls(message: LiveServerMessage, state: CallState) -> LiveServerMessage:
    """Return a message with IDs for its calls, or with the IDs of the calls that it cancels."""
    if message is _CANCEL_ALL:
        ids = tuple(call.id or "" for call in state.pending_calls)
        return LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation(ids=ids))
    if message.tool_call is None:
        return message
    calls: Any = message.tool_call.function_calls
    numbered = tuple(
        FunctionCall(id=f"call-{number}", name=call.name, args=call.args)
        for number, call in enumerate(calls, state.call_count + 1)
    )
    return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=numbered))


# Music


def _music_answers(is_play: bool, has_prompts: bool) -> SearchStrategy[list[Any]]:
    """Draw audio chunks after ``PLAY``, or a filtered prompt after prompts; otherwise nothing."""
    choices: dict[str, tuple[int, SearchStrategy[list[Any]]]] = {"silence": (4, _no_messages)}
    if is_play:
        unknown = LiveMusicServerMessage(extra={"somethingNew": {}})
        choices = {
            "music": (8, st.lists(_music_chunks, min_size=1, max_size=3)),
            "an unknown message": (1, _music_chunks.map(lambda each: [unknown, each])),
        }
    if has_prompts:
        choices["a filtered prompt"] = (1, PROSE_TEXTS.map(_build_filtered_prompt))
    return weighted_choices(choices)


_music_chunks = st.integers(1, 4).map(
    lambda size: LiveMusicServerMessage(
        server_content=LiveMusicServerContent(
            audio_chunks=(AudioChunk(data=b"\0\1\0\1" * size, mime_type="audio/l16;rate=48000;channels=2"),)
        )
    )
)


def _build_filtered_prompt(text: str) -> list[Any]:
    prompt = LiveMusicFilteredPrompt(text=text, filtered_reason="SAFETY")
    return [LiveMusicServerMessage(filtered_prompt=prompt)]
