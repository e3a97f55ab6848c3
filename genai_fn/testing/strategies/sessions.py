"""What is said in a live session: `messages` for the answer to one frame."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn.errors import DecodeError, Disconnected, GenaiError, LiveClosed
from genai_fn.ops.live import UnknownMessage
from genai_fn.ops.live_music import ConnectMusic, UnknownMusicMessage
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
from genai_fn.schema._base import Value
from genai_fn.schema.callables import name_of
from genai_fn.testing.fake_live import asks
from genai_fn.testing.strategies.brief import brief
from genai_fn.testing.strategies.calls import calls_of
from genai_fn.testing.strategies.candidates import PROSE
from genai_fn.testing.strategies.faults import errors as any_error
from genai_fn.testing.strategies.weights import Ways, weighed

__all__ = ["Past", "Speech", "messages"]


class Past(Value):
    """
    What counts of a session so far: how many calls of functions there were, and those for whose results the model
    waits.
    """

    calls: int = 0
    waiting: tuple[FunctionCall, ...] = ()

    def answered(self, frame: Any) -> "Past":
        """Take in what functions answered."""
        response = frame.tool_response if isinstance(frame, LiveClientMessage) else None
        if response is None:
            return self
        ids = {each.id for each in response.function_responses or ()}
        return replace(self, waiting=tuple(each for each in self.waiting if not ids & {each.id, None}))

    def heard(self, said: Sequence[Any]) -> "Past":
        """Take in what the model said."""
        past = self
        for each in said:
            if isinstance(each, LiveServerMessage) and each.tool_call is not None:
                calls = each.tool_call.function_calls
                past = Past(past.calls + len(calls), (*past.waiting, *calls))
            if isinstance(each, LiveServerMessage) and each.tool_call_cancellation is not None:
                gone = each.tool_call_cancellation.ids
                past = replace(past, waiting=tuple(call for call in past.waiting if call.id not in gone))
        return past


def messages(
    live: Live[Any],
    frame: Any,
    *,
    errors: bool = False,
    past: Past = Past(),  # noqa: B008  # frozen
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
    return brief(frame, lambda: Speech(live, errors=errors).answer(frame, past))


class Speech:
    """What may be said in a session, made out once: a `refusal` to open it, or what its frames are answered."""

    def __init__(self, live: Live[Any], *, errors: bool) -> None:
        self.live = live
        self._errors = errors

    @property
    def refusal(self) -> SearchStrategy[GenaiError | None]:
        """Draw why the session does not open; None if it does."""
        return _refusals if self._errors else st.none()

    def answer(self, frame: Any, past: Past) -> SearchStrategy[list[Any]]:
        """Draw the answer to a frame."""
        if not asks(frame):
            return _silence
        if isinstance(self.live.operation, ConnectMusic):
            return self._music[
                frame.playback_control == LiveMusicPlaybackControl.PLAY, frame.client_content is not None
            ]
        is_response, past = frame.tool_response is not None, past.answered(frame)
        return _silence if is_response and past.waiting else _placed(self._turns, past)

    def conclusion(self, past: Past) -> list[Any]:
        """End a turn in which the program has not said what functions returned: the model takes its calls back."""
        return [_called(_GONE, past), _END]

    def leaves(self, call: FunctionCall) -> bool:
        """Tell whether the session leaves a call to the program."""
        if self.live.offer is None:
            return True
        own = {name_of(each) for each in self.live.offer.functions}
        operation: Any = self.live.operation
        declared = {each.name for tool in operation.config.tools or () for each in tool.function_declarations or ()}
        return call.name in declared - own

    @cached_property
    def _turns(self) -> SearchStrategy[list[Any]]:
        good = weighed(_ways(self.live))
        return _or_ended(good) if self._errors else good

    @cached_property
    def _music(self) -> dict[tuple[bool, bool], SearchStrategy[list[Any]]]:
        cases = [(plays, wishes) for plays in (False, True) for wishes in (False, True)]
        made = {case: _playing(*case) for case in cases}
        return {case: _or_ended(each) for case, each in made.items()} if self._errors else made


_silence: SearchStrategy[list[Any]] = st.builds(list[Any])


# How sessions end


_CODES = [1011, 1008, 1007, 1012, 1013, 1002, 4000]
_REASONS = ["", "Internal error encountered.", "The operation was cancelled.", "Request contains an invalid argument."]

_ends: SearchStrategy[GenaiError] = weighed(
    {
        "closed": (4, st.builds(LiveClosed, st.sampled_from(_CODES), st.sampled_from(_REASONS))),
        "cut": (2, st.just(Disconnected("in a live session", "the connection was cut"))),
        "nothing to be read": (1, st.builds(DecodeError, st.just("JSON"), st.just(""), st.just("\ufffd"))),
    }
)
_refusals: SearchStrategy[GenaiError | None] = weighed(
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


def _or_ended(good: SearchStrategy[list[Any]]) -> SearchStrategy[list[Any]]:
    return weighed({"as it should be": (8, good), "a session that ends": (1, _ended(good))})


@st.composite
def _ended(draw: DrawFn, good: SearchStrategy[list[Any]]) -> list[Any]:
    said = draw(good)
    return [*said[: draw(st.integers(0, len(said)))], draw(_ends)]


# Turns


def _ways(live: Live[Any]) -> Ways:
    operation: Any = live.operation
    config: Any = operation.config
    said = _sound if Modality.AUDIO in _modalities(config) else PROSE.map(_text)
    called = {
        label: (weight, strategy.map(_call).filter(bool))
        for label, (weight, strategy) in calls_of(GenerateContentConfig(tools=config.tools)).items()
        if label != "a malformed call"
    }
    return {
        "a turn": (8, said.map(lambda each: [each, _END])),
        "a turn of several pieces": (4, _long_turn(said, config)),
        "an interrupted turn": (1, said.map(lambda each: [each, _content(interrupted=True), _END])),
        "a turn without a word": (1, _silent),
        "a message of which nothing is known": (1, said.map(lambda each: [_UNKNOWN, each, _END])),
        **called,
        **({"a call that is taken back": (1, _taken_back(called))} if called else {}),
    }


def _content(**members: Any) -> LiveServerMessage:
    return LiveServerMessage(server_content=LiveServerContent(**members))


def _text(text: str) -> LiveServerMessage:
    return _content(model_turn=Content(parts=(Part(text=text),), role="model"))


_END = _content(turn_complete=True)
_UNKNOWN = UnknownMessage(raw='{"somethingNew":{}}')
_silent = st.one_of(
    st.just([_END]),
    st.sampled_from(list(TurnCompleteReason)).map(lambda why: [_content(turn_complete=True, turn_complete_reason=why)]),
)
_sound = st.integers(1, 4).map(
    lambda size: _content(
        model_turn=Content(
            parts=(Part(inline_data=Blob(data=b"\0\1" * size, mime_type="audio/pcm;rate=24000")),), role="model"
        )
    )
)


def _modalities(config: Any) -> Sequence[Any]:
    settings = config.generation_config
    return config.response_modalities or (None if settings is None else settings.response_modalities) or ()


@st.composite
def _long_turn(draw: DrawFn, said: SearchStrategy[LiveServerMessage], config: Any) -> list[Any]:
    turn = draw(st.lists(said, min_size=1, max_size=3))
    for each in (*draw(_transcripts(config)), *draw(_notices(config))):
        turn.insert(draw(st.integers(0, len(turn))), each)
    return [*turn, _END]


def _transcripts(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    asked = [name for name in ("input", "output") if getattr(config, f"{name}_audio_transcription") is not None]
    return st.tuples(*(_transcript(f"{name}_transcription") for name in asked))


def _transcript(name: str) -> SearchStrategy[LiveServerMessage]:
    return PROSE.map(lambda text: _content(**{name: Transcription(text=text, finished=True)}))


def _notices(config: Any) -> SearchStrategy[Sequence[LiveServerMessage]]:
    """Draw what is said beside a turn: what it cost, that the connection will be cut, how to come back."""
    kinds = [
        st.just(_content(generation_complete=True)),
        st.integers(0, 10**6).map(_cost),
        st.sampled_from(["60s", "9.5s", "0.5s"]).map(
            lambda left: LiveServerMessage(go_away=LiveServerGoAway(time_left=left))
        ),
    ]
    resumption = config.session_resumption
    if resumption is not None and not resumption.transparent:
        kinds.append(st.sampled_from([_update("handle", resumable=True), _update("", resumable=False)]))
    return st.lists(st.one_of(kinds), max_size=3)


def _cost(tokens: int) -> LiveServerMessage:
    return LiveServerMessage(usage_metadata=UsageMetadata(response_token_count=tokens, total_token_count=tokens))


def _update(handle: str, *, resumable: bool) -> LiveServerMessage:
    return LiveServerMessage(
        session_resumption_update=LiveServerSessionResumptionUpdate(new_handle=handle, resumable=resumable)
    )


# Calls


def _call(candidate: Any) -> list[Any]:
    """Say what a candidate says: its words, then its calls, as yet without ids."""
    parts = candidate.content.parts or ()
    calls = tuple(part.function_call for part in parts if part.function_call is not None)
    words = [_text(part.text) for part in parts if part.text]
    return [*words, LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))] if calls else []


def _taken_back(called: Ways) -> SearchStrategy[list[Any]]:
    return st.one_of([strategy for _, strategy in called.values()]).map(lambda said: [*said, _GONE, _END])


_GONE = LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation())
"""Takes back all calls; their ids are filled in."""


@st.composite
def _placed(draw: DrawFn, turns: SearchStrategy[list[Any]], past: Past) -> list[Any]:
    """Give each call an id of its own; what is said while the model waits for results takes the calls back."""
    said = [_GONE, _content(interrupted=True)] if past.waiting else []
    placed: list[Any] = []
    for each in [*said, *draw(turns)]:
        message = _called(each, past) if isinstance(each, LiveServerMessage) else each
        past = past.heard([message])
        placed.append(message)
    return placed


def _called(message: LiveServerMessage, past: Past) -> LiveServerMessage:
    if message is _GONE:
        return LiveServerMessage(
            tool_call_cancellation=LiveServerToolCallCancellation(ids=tuple(call.id or "" for call in past.waiting))
        )
    if message.tool_call is None:
        return message
    calls: Any = message.tool_call.function_calls
    named = tuple(
        FunctionCall(id=f"call-{number}", name=call.name, args=call.args)
        for number, call in enumerate(calls, past.calls + 1)
    )
    return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=named))


# Music


def _playing(plays: bool, wishes: bool) -> SearchStrategy[list[Any]]:
    """Draw music after its button was pressed; a wish may be refused."""
    filtered = PROSE.map(lambda text: LiveMusicServerMessage(filtered_prompt=_filtered(text)))
    ways: dict[str, tuple[int, SearchStrategy[list[Any]]]] = {}
    if plays:
        ways["music"] = (8, st.lists(_piece, min_size=1, max_size=3))
        unknown = UnknownMusicMessage(raw='{"somethingNew":{}}')
        ways["a message of which nothing is known"] = (1, _piece.map(lambda each: [unknown, each]))
    else:
        ways["silence"] = (4, _silence)
    if wishes:
        ways["a wish that is not granted"] = (1, filtered.map(lambda each: [each]))
    return weighed(ways)


_piece = st.integers(1, 4).map(
    lambda size: LiveMusicServerMessage(
        server_content=LiveMusicServerContent(
            audio_chunks=(AudioChunk(data=b"\0\1\0\1" * size, mime_type="audio/l16;rate=48000;channels=2"),)
        )
    )
)


def _filtered(text: str) -> LiveMusicFilteredPrompt:
    return LiveMusicFilteredPrompt(text=text, filtered_reason="SAFETY")
