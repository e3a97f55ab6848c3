"""What is said in a live session: `messages` for the answer to one frame."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn.errors import DecodeError, Disconnected, GenaiError, LiveClosed
from genai_fn.ops.live import UnknownLiveMessage
from genai_fn.ops.live.music import ConnectLiveMusic, UnknownLiveMusicMessage
from genai_fn.request import Live
from genai_fn.schema import (
    AudioChunk,
    Blob,
    Content,
    FunctionCall,
    GenerateContentConfig,
    LiveClientMessage,
    LiveMusicFilteredPrompt,
    LiveMusicPlaybackControl,
    LiveMusicServerContent,
    LiveMusicServerMessage,
    LiveServerContent,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
    Modality,
    Part,
    Transcription,
    TurnCompleteReason,
    UsageMetadata,
)
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.testing.fake_connector import is_answer_expected
from genai_fn.testing.strategies.deferred import defer_strategy
from genai_fn.testing.strategies.responses.candidates import PROSE_TEXTS
from genai_fn.testing.strategies.responses.errors import errors as any_error
from genai_fn.testing.strategies.responses.function_calls import list_call_candidates
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices
from genai_fn.values import Value

__all__ = ["CallState", "SessionReplies", "messages"]


class CallState(Value):
    """
    What counts of a session so far: how many calls of functions there were, and those for whose results the model
    waits.
    """

    call_count: int = 0
    pending_calls: tuple[FunctionCall, ...] = ()

    def record_frame(self, frame: Any) -> "CallState":
        """Take in what functions answered."""
        response = frame.tool_response if isinstance(frame, LiveClientMessage) else None
        if response is None:
            return self
        ids = {each.id for each in response.function_responses or ()}
        return replace(self, pending_calls=tuple(each for each in self.pending_calls if not ids & {each.id, None}))

    def record_messages(self, said: Sequence[Any]) -> "CallState":
        """Take in what the model said."""
        past = self
        for each in said:
            if isinstance(each, LiveServerMessage) and each.tool_call is not None:
                calls = each.tool_call.function_calls
                past = CallState(past.call_count + len(calls), (*past.pending_calls, *calls))
            if isinstance(each, LiveServerMessage) and each.tool_call_cancellation is not None:
                gone = each.tool_call_cancellation.ids
                past = replace(past, pending_calls=tuple(call for call in past.pending_calls if call.id not in gone))
        return past


def messages(
    live: Live[Any],
    frame: Any,
    *,
    errors: bool = False,
    call_state: CallState = CallState(),  # noqa: B008  # frozen
) -> SearchStrategy[list[Any]]:
    """
    Draw what a frame is answered in a live session: messages, to the end of a turn.

    A frame that asks for nothing is answered with nothing. A turn that ends with calls of functions goes on once all
    of them have been answered. The simplest is a turn of one short text.

    Args:
        live: How the session was opened.

        frame: What was said.

        errors: Whether an error may be the last of them, with which the session ends.

        past: What counts of the session so far.

    >>> from genai_fn import live
    >>> said = messages(live.connect("m"), live.client_content("hi")).example()  # doctest: +SKIP
    >>> said[-1].server_content.turn_complete  # doctest: +SKIP
    True
    """
    return defer_strategy(frame, lambda: SessionReplies(live, errors=errors).frame_answers(frame, call_state))


class SessionReplies:
    """What may be said in a session, made out once: a `refusal` to open it, or what its frames are answered."""

    def __init__(self, live: Live[Any], *, errors: bool) -> None:
        self.live = live
        self._errors = errors

    @property
    def refusal(self) -> SearchStrategy[GenaiError | None]:
        """Draw why the session does not open; None if it does."""
        return _refusals if self._errors else st.none()

    def frame_answers(self, frame: Any, past: CallState) -> SearchStrategy[list[Any]]:
        """Draw the answer to a frame."""
        if not is_answer_expected(frame):
            return _no_messages
        if isinstance(self.live.operation, ConnectLiveMusic):
            return self._music[
                frame.playback_control == LiveMusicPlaybackControl.PLAY, frame.client_content is not None
            ]
        is_response, past = frame.tool_response is not None, past.record_frame(frame)
        return _no_messages if is_response and past.pending_calls else _numbered_turns(self._turns, past)

    def end_turn(self, past: CallState) -> list[Any]:
        """End a turn in which the program has not said what functions returned: the model takes its calls back."""
        return [_number_calls(_CANCEL_ALL, past), _TURN_END]

    def is_left_to_program(self, call: FunctionCall) -> bool:
        """Tell whether the session leaves a call to the program."""
        if self.live.calling_options is None:
            return True
        own = {get_function_name(each) for each in self.live.calling_options.functions}
        operation: Any = self.live.operation
        declared = {each.name for tool in operation.config.tools or () for each in tool.function_declarations or ()}
        return call.name in declared - own

    @cached_property
    def _turns(self) -> SearchStrategy[list[Any]]:
        good = weighted_choices(_list_turn_choices(self.live))
        return _with_session_errors(good) if self._errors else good

    @cached_property
    def _music(self) -> dict[tuple[bool, bool], SearchStrategy[list[Any]]]:
        cases = [(plays, wishes) for plays in (False, True) for wishes in (False, True)]
        made = {case: _music_answers(*case) for case in cases}
        return {case: _with_session_errors(each) for case, each in made.items()} if self._errors else made


_no_messages: SearchStrategy[list[Any]] = st.builds(list[Any])


# How sessions end


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
        "cut": (2, st.just(Disconnected("in a live session", "the connection was cut"))),
        "nothing to be read": (1, st.builds(DecodeError, st.just("JSON"), st.just(""), st.just("\ufffd"))),
    }
)
_refusals: SearchStrategy[GenaiError | None] = weighted_choices(
    {
        "an open session": (8, st.none()),
        "no session": (
            1,
            st.one_of(
                st.builds(LiveClosed, st.just(1008), st.sampled_from(["", "The model is not found."])),
                any_error(),
            ),
        ),
    }
)


def _with_session_errors(good: SearchStrategy[list[Any]]) -> SearchStrategy[list[Any]]:
    return weighted_choices({"as it should be": (8, good), "a session that ends": (1, _ended_sessions(good))})


@st.composite
def _ended_sessions(draw: DrawFn, good: SearchStrategy[list[Any]]) -> list[Any]:
    said = draw(good)
    return [*said[: draw(st.integers(0, len(said)))], draw(_session_errors)]


# Turns


def _list_turn_choices(live: Live[Any]) -> WeightedChoices:
    operation: Any = live.operation
    config: Any = operation.config
    said = _audio_messages if Modality.AUDIO in _get_modalities(config) else PROSE_TEXTS.map(_build_text_message)
    called = {
        label: (weight, strategy.map(_build_call_messages).filter(bool))
        for label, (weight, strategy) in list_call_candidates(GenerateContentConfig(tools=config.tools)).items()
        if label != "a malformed call"
    }
    return {
        "a turn": (8, said.map(lambda each: [each, _TURN_END])),
        "a turn of several pieces": (4, _long_turns(said, config)),
        "an interrupted turn": (1, said.map(lambda each: [each, _build_content_message(interrupted=True), _TURN_END])),
        "a turn without a word": (1, _silent_turns),
        "a message of which nothing is known": (1, said.map(lambda each: [_UNKNOWN_MESSAGE, each, _TURN_END])),
        **called,
        **({"a call that is taken back": (1, _cancelled_calls(called))} if called else {}),
    }


def _build_content_message(**members: Any) -> LiveServerMessage:
    return LiveServerMessage(server_content=LiveServerContent(**members))


def _build_text_message(text: str) -> LiveServerMessage:
    return _build_content_message(model_turn=Content(parts=(Part(text=text),), role="model"))


_TURN_END = _build_content_message(turn_complete=True)
_UNKNOWN_MESSAGE = UnknownLiveMessage(raw='{"somethingNew":{}}')
_silent_turns = st.one_of(
    st.just([_TURN_END]),
    st.sampled_from(list(TurnCompleteReason)).map(
        lambda why: [_build_content_message(turn_complete=True, turn_complete_reason=why)]
    ),
)
_audio_messages = st.integers(1, 4).map(
    lambda size: _build_content_message(
        model_turn=Content(
            parts=(Part(inline_data=Blob(data=b"\0\1" * size, mime_type="audio/pcm;rate=24000")),), role="model"
        )
    )
)


def _get_modalities(config: Any) -> Sequence[Any]:
    settings = config.generation_config
    return config.response_modalities or (None if settings is None else settings.response_modalities) or ()


@st.composite
def _long_turns(draw: DrawFn, said: SearchStrategy[LiveServerMessage], config: Any) -> list[Any]:
    turn = draw(st.lists(said, min_size=1, max_size=3))
    for each in (*draw(_transcripts(config)), *draw(_notices(config))):
        turn.insert(draw(st.integers(0, len(turn))), each)
    return [*turn, _TURN_END]


def _transcripts(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    asked = [name for name in ("input", "output") if getattr(config, f"{name}_audio_transcription") is not None]
    return st.tuples(*(_transcript_messages(f"{name}_transcription") for name in asked))


def _transcript_messages(name: str) -> SearchStrategy[LiveServerMessage]:
    return PROSE_TEXTS.map(lambda text: _build_content_message(**{name: Transcription(text=text, finished=True)}))


def _notices(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    """Draw what is said beside a turn: what it cost, that the connection will be cut, how to come back."""
    kinds = [
        st.just(_build_content_message(generation_complete=True)),
        st.integers(0, 10**6).map(_build_usage_message),
        st.sampled_from(["60s", "9.5s", "0.5s"]).map(
            lambda left: LiveServerMessage(go_away=LiveServerGoAway(time_left=left))
        ),
    ]
    resumption = config.session_resumption
    if resumption is not None and not resumption.transparent:
        kinds.append(
            st.sampled_from(
                [_build_resumption_update("handle", resumable=True), _build_resumption_update("", resumable=False)]
            )
        )
    return st.lists(st.one_of(kinds), max_size=3)


def _build_usage_message(tokens: int) -> LiveServerMessage:
    return LiveServerMessage(usage_metadata=UsageMetadata(response_token_count=tokens, total_token_count=tokens))


def _build_resumption_update(handle: str, *, resumable: bool) -> LiveServerMessage:
    return LiveServerMessage(
        session_resumption_update=LiveServerSessionResumptionUpdate(new_handle=handle, resumable=resumable)
    )


# Calls


def _build_call_messages(candidate: Any) -> list[Any]:
    """Say what a candidate says: its words, then its calls, as yet without ids."""
    parts = candidate.content.parts or ()
    calls = tuple(part.function_call for part in parts if part.function_call is not None)
    words = [_build_text_message(part.text) for part in parts if part.text]
    return [*words, LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))] if calls else []


def _cancelled_calls(called: WeightedChoices) -> SearchStrategy[list[Any]]:
    return st.one_of([strategy for _, strategy in called.values()]).map(lambda said: [*said, _CANCEL_ALL, _TURN_END])


_CANCEL_ALL = LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation())
"""Takes back all calls; their ids are filled in."""


@st.composite
def _numbered_turns(draw: DrawFn, turns: SearchStrategy[list[Any]], past: CallState) -> list[Any]:
    """Give each call an id of its own; what is said while the model waits for results takes the calls back."""
    said = [_CANCEL_ALL, _build_content_message(interrupted=True)] if past.pending_calls else []
    placed: list[Any] = []
    for each in [*said, *draw(turns)]:
        message = _number_calls(each, past) if isinstance(each, LiveServerMessage) else each
        past = past.record_messages([message])
        placed.append(message)
    return placed


def _number_calls(message: LiveServerMessage, past: CallState) -> LiveServerMessage:
    if message is _CANCEL_ALL:
        return LiveServerMessage(
            tool_call_cancellation=LiveServerToolCallCancellation(
                ids=tuple(call.id or "" for call in past.pending_calls)
            )
        )
    if message.tool_call is None:
        return message
    calls: Any = message.tool_call.function_calls
    named = tuple(
        FunctionCall(id=f"call-{number}", name=call.name, args=call.args)
        for number, call in enumerate(calls, past.call_count + 1)
    )
    return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=named))


# Music


def _music_answers(plays: bool, wishes: bool) -> SearchStrategy[list[Any]]:
    """Draw music after its button was pressed; a wish may be refused."""
    filtered = PROSE_TEXTS.map(lambda text: LiveMusicServerMessage(filtered_prompt=_build_filtered_prompt(text)))
    ways: dict[str, tuple[int, SearchStrategy[list[Any]]]] = {}
    if plays:
        ways["music"] = (8, st.lists(_music_chunks, min_size=1, max_size=3))
        unknown = UnknownLiveMusicMessage(raw='{"somethingNew":{}}')
        ways["a message of which nothing is known"] = (1, _music_chunks.map(lambda each: [unknown, each]))
    else:
        ways["silence"] = (4, _no_messages)
    if wishes:
        ways["a wish that is not granted"] = (1, filtered.map(lambda each: [each]))
    return weighted_choices(ways)


_music_chunks = st.integers(1, 4).map(
    lambda size: LiveMusicServerMessage(
        server_content=LiveMusicServerContent(
            audio_chunks=(AudioChunk(data=b"\0\1\0\1" * size, mime_type="audio/l16;rate=48000;channels=2"),)
        )
    )
)


def _build_filtered_prompt(text: str) -> LiveMusicFilteredPrompt:
    return LiveMusicFilteredPrompt(text=text, filtered_reason="SAFETY")
