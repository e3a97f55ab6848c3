"""State of a live session, and how turns, media and function responses change it."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from genai_fn.emulator.fake_model.function_calls import build_call
from genai_fn.emulator.fake_model.replies import find_question
from genai_fn.emulator.fake_model.schema_values import UnreadableSchema
from genai_fn.emulator.fake_model.tokenizer import count_tokens, join_chunks, split_tokens
from genai_fn.emulator.live.setup import EmulatedClose, EmulatedSetup
from genai_fn.emulator.server.sizes import measure_size
from genai_fn.schema.content import Blob, Content, Part
from genai_fn.schema.functions import FunctionCall, FunctionResponse
from genai_fn.schema.generation import Modality
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.schema.tools import FunctionCallingConfig, FunctionCallingConfigMode, Tool, ToolConfig
from genai_fn.values import Value


class LiveHistory(Value):
    """State of one session: its setup and turns, the media received, and the function calls."""

    setup: EmulatedSetup
    is_vertex: bool
    """Whether the client connected to Vertex AI."""
    turns: tuple[Content, ...] = ()
    audio_size: int = 0
    """Number of bytes of audio received since the last answer."""
    audio_mime_type: str = ""
    """MIME type of that audio."""
    image_mime_types: tuple[str, ...] = ()
    """MIME types of the images received since the last answer."""
    pending_calls: tuple[FunctionCall, ...] = ()
    """Function calls that wait for a response, or for more responses after one with ``will_continue``."""
    function_responses: tuple[FunctionResponse, ...] = ()
    """Responses received since the last turn. They become one turn when no call is pending."""
    call_count: int = 0
    """Number of calls made so far."""
    frame_count: int = 0
    """Number of client messages after the setup."""
    awaits_history: bool = False
    """Whether turns are the history of the conversation, which is not answered, until the first ``turn_complete``."""
    kept_bytes: int = 0
    """Approximate size of the turns, function responses and MIME types of images that were added."""
    time_left: float | None = None
    """Seconds after which the server closes the connection, if it has sent a ``goAway``."""

    @property
    def modality(self) -> Modality:
        """Modality of the answers: audio, unless the setup sets another."""
        config = self.setup.generation_config
        return ((config and config.response_modalities) or (Modality.AUDIO,))[0]


def add_turns(history: LiveHistory, *turns: Content) -> LiveHistory:
    """
    Append turns to the conversation.

    Raises:
        EmulatedClose: If the conversation becomes too long.
    """
    return replace(_count_bytes(history, turns), turns=(*history.turns, *turns))


def _count_bytes(history: LiveHistory, value: object) -> LiveHistory:
    kept_bytes = history.kept_bytes + measure_size(value)
    if kept_bytes > _MAX_KEPT_BYTES:
        raise EmulatedClose(1007, f"The emulator keeps at most {_MAX_KEPT_BYTES} bytes of a session.")
    return replace(history, kept_bytes=kept_bytes)


_MAX_KEPT_BYTES = 256 * 1024 * 1024


def truncate_answers(history: LiveHistory, unsent_chunks: Sequence[int]) -> LiveHistory:
    """
    Remove the unsent chunks from the ends of the last answers, and answers of which nothing was sent.

    Args:
        history: State of the session.

        unsent_chunks: Number of unsent chunks of each of the last answers, in their order.
    """
    turns = list(history.turns)
    positions = [position for position, each in enumerate(turns) if _is_answer(each)]
    for position, count in zip(reversed(positions), reversed(unsent_chunks), strict=False):
        text = "".join(part.text or "" for part in turns[position].parts or ())
        sent_text = "".join(join_chunks(split_tokens(text))[: -count or None])
        answer = Content(parts=(Part(text=sent_text),), role="model")
        turns[position : position + 1] = [answer] if sent_text else []
    return replace(history, turns=tuple(turns))


def _is_answer(turn: Content) -> bool:
    """Whether a turn is an answer of the model, as opposed to a turn of the user or to function calls."""
    return turn.role == "model" and all(part.function_call is None for part in turn.parts or ())


def add_blob(history: LiveHistory, blob: Blob) -> LiveHistory:
    """
    Record the MIME type and, for audio, the size of received media. The data is not kept.

    Raises:
        EmulatedClose: If the blob is neither PCM audio nor an image, or the session has too many images.
    """
    mime_type = blob.mime_type or ""
    if mime_type.startswith("audio/pcm"):
        return replace(history, audio_size=history.audio_size + len(blob.data or b""), audio_mime_type=mime_type)
    if mime_type.startswith("image/"):
        return replace(_count_bytes(history, mime_type), image_mime_types=(*history.image_mime_types, mime_type))
    raise EmulatedClose(1007, f"realtime_input: {mime_type!r} is neither audio/pcm nor an image.")


def build_user_turn(history: LiveHistory, *parts: Part) -> Content:
    """Build a user turn: the parts, then a part with the MIME type of each received medium, without its data."""
    mime_types = (*history.image_mime_types, *([history.audio_mime_type] if history.audio_size else ()))
    return Content(parts=(*parts, *(Part(inline_data=Blob(mime_type=each)) for each in mime_types)), role="user")


def describe_audio(history: LiveHistory) -> str:
    """Return a text in place of a transcript: the duration of the received audio."""
    rate = re.search(r"rate=([0-9]{1,9})", history.audio_mime_type)
    seconds = history.audio_size / (2 * max(int(rate[1]) if rate is not None else _DEFAULT_SAMPLE_RATE, 1))
    return f"{seconds:.1f} seconds of sound"


_DEFAULT_SAMPLE_RATE = 16000
"""Sample rate if the MIME type has none: https://ai.google.dev/gemini-api/docs/live-guide"""


def build_calls(history: LiveHistory) -> tuple[FunctionCall, ...]:
    """
    Build a call of each declared function whose name occurs in the last turn, with arguments of the declared types.

    Raises:
        EmulatedClose: If the parameters of a function are not a valid schema.
    """
    text, tools = find_question(history.turns[-1:]), history.setup.tools or ()
    names = [each.name for tool in tools for each in tool.function_declarations or () if each.name]
    calls = enumerate((name for name in dict.fromkeys(names) if has_word(text, name)), history.call_count + 1)
    return tuple(replace(_build_call(tools, name, text), id=f"{_CALL_ID_PREFIX}{count}") for count, name in calls)


_CALL_ID_PREFIX = "function-call-"


def _build_call(tools: tuple[Tool, ...], name: str, text: str) -> FunctionCall:
    mode = FunctionCallingConfigMode.ANY
    config = FunctionCallingConfig(mode=mode, allowed_function_names=(name,))
    try:
        call = build_call(tools, ToolConfig(function_calling_config=config), text)
    except UnreadableSchema:
        raise EmulatedClose(1007, f"The parameters of the function {name!r} are invalid.") from None
    return call or FunctionCall(name=name, args={})


def has_word(text: str, word: str) -> bool:
    """
    Whether a text contains a whole word, in any case.

    >>> has_word("What does the Clock say?", "clock"), has_word("o'clockwork", "clock")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def add_function_response(history: LiveHistory, response: FunctionResponse) -> LiveHistory:
    """
    Add a function response. A response to a cancelled or completed call is ignored.

    Raises:
        EmulatedClose: If there is no such call, on the Developer API the response has no ID, or the responses become
            too large.
    """
    if not response.id and not history.is_vertex:
        raise EmulatedClose(1007, "tool_response.function_responses: each must have the id of its call.")
    call = next((each for each in history.pending_calls if _is_response_to(response, each)), None)
    if call is None:
        if response.id and _is_known_call(history, response.id):
            return history
        raise EmulatedClose(
            1007, f"tool_response.function_responses: there is no call {response.id or response.name!r}."
        )
    pending = tuple(each for each in history.pending_calls if each is not call or response.will_continue)
    history = _count_bytes(history, response)
    return replace(history, pending_calls=pending, function_responses=(*history.function_responses, response))


def add_response_turn(history: LiveHistory) -> LiveHistory:
    """
    Append the function responses received since the last turn as one turn.

    Raises:
        EmulatedClose: If the conversation becomes too long.
    """
    responses = history.function_responses
    kept_bytes = history.kept_bytes - sum(map(measure_size, responses))  # they count as a part of the turn instead
    turn = Content(parts=tuple(Part(function_response=each) for each in responses), role="user")
    return add_turns(replace(history, function_responses=(), kept_bytes=kept_bytes), turn)


def _is_response_to(response: FunctionResponse, call: FunctionCall) -> bool:
    return response.id == call.id if response.id else response.name == call.name


def _is_known_call(history: LiveHistory, call_id: str) -> bool:
    """Whether a call with this ID was made in this session or in the one that it resumes."""
    return call_id in {f"{_CALL_ID_PREFIX}{count}" for count in range(1, history.call_count + 1)}


def count_usage(history: LiveHistory, answer_tokens: int) -> UsageMetadata:
    """Build the usage metadata of an answer. Its prompt is the system instruction and all turns before it."""
    system = history.setup.system_instruction
    prompt_tokens = sum(map(count_tokens, (*([system] if system is not None else ()), *history.turns)))
    return UsageMetadata(
        prompt_token_count=prompt_tokens,
        response_token_count=answer_tokens,
        total_token_count=prompt_tokens + answer_tokens,
    )
