"""What a live session remembers, and how it changes with what is heard, seen and answered."""

import re

from msgspec.structs import replace

from genai_fn.emulator.fake_model.function_calls import build_call
from genai_fn.emulator.fake_model.replies import find_question
from genai_fn.emulator.fake_model.schema_values import UnreadableSchema
from genai_fn.emulator.fake_model.tokenizer import count_tokens, join_chunks, split_tokens
from genai_fn.emulator.live.setup import EmulatedClose, EmulatedSetup
from genai_fn.schema import (
    Blob,
    Content,
    FunctionCall,
    FunctionCallingConfig,
    FunctionCallingConfigMode,
    FunctionResponse,
    Modality,
    Part,
    Tool,
    ToolConfig,
    UsageMetadata,
)
from genai_fn.values import Value

__all__ = [
    "LiveHistory",
    "add_blob",
    "add_function_response",
    "add_turns",
    "build_calls",
    "build_user_turn",
    "count_usage",
    "describe_audio",
    "has_word",
    "truncate_last_answer",
]


class LiveHistory(Value):
    """What one session remembers."""

    setup: EmulatedSetup
    is_vertex: bool
    """Whether Vertex AI is spoken."""
    turns: tuple[Content, ...] = ()
    audio_size: int = 0
    """How many bytes were heard since the last answer."""
    audio_mime_type: str = ""
    image_mime_types: tuple[str, ...] = ()
    """Which kinds of pictures were seen since the last answer."""
    pending_calls: tuple[FunctionCall, ...] = ()
    """Those that are waited for."""
    function_responses: tuple[FunctionResponse, ...] = ()
    """What was answered while others are waited for."""
    call_count: int = 0
    """How many calls there were."""
    frame_count: int = 0
    """How many messages of ours there were after the setup."""
    time_left: float | None = None
    """The seconds after which the server ends it, having said that it will."""

    @property
    def modality(self) -> Modality:
        """What is answered in: sound, unless the setup says otherwise."""
        config = self.setup.generation_config
        return ((config and config.response_modalities) or (Modality.AUDIO,))[0]


def add_turns(line: LiveHistory, *turns: Content) -> LiveHistory:
    """Add to the conversation."""
    return replace(line, turns=(*line.turns, *turns))


def truncate_last_answer(line: LiveHistory, unsaid: int) -> LiveHistory:
    """Remember of the last answer what was said before it was interrupted: all but so many pieces."""
    *turns, last = line.turns
    said = "".join(part.text or "" for part in last.parts or ())
    kept = "".join(join_chunks(split_tokens(said))[: -unsaid or None])
    answer = Content(parts=(Part(text=kept),), role="model")
    return replace(line, turns=(*turns, answer) if kept else tuple(turns))


# What is heard and seen: that there was something, and how much of it, not what


def add_blob(line: LiveHistory, blob: Blob) -> LiveHistory:
    """Remember that something was heard or seen."""
    kind = blob.mime_type or ""
    if kind.startswith("audio/pcm"):
        return replace(line, audio_size=line.audio_size + len(blob.data or b""), audio_mime_type=kind)
    if kind.startswith("image/"):
        return replace(line, image_mime_types=(*line.image_mime_types, kind))
    raise EmulatedClose(1007, f"realtime_input: {kind!r} is neither audio/pcm nor an image.")


def build_user_turn(line: LiveHistory, *parts: Part) -> Content:
    """Put what came since the last answer into a turn."""
    kinds = (*line.image_mime_types, *([line.audio_mime_type] if line.audio_size else ()))
    return Content(parts=(*parts, *(Part(inline_data=Blob(mime_type=kind)) for kind in kinds)), role="user")


def describe_audio(line: LiveHistory) -> str:
    """Write down what was heard, as far as an emulator has ears."""
    rate = re.search(r"rate=([0-9]{1,9})", line.audio_mime_type)
    seconds = line.audio_size / (2 * max(int(rate[1]) if rate is not None else _DEFAULT_SAMPLE_RATE, 1))
    return f"{seconds:.1f} seconds of sound"


_DEFAULT_SAMPLE_RATE = 16000
"""What the API takes where the type of a sound says nothing: https://ai.google.dev/gemini-api/docs/live-guide"""


# Functions


def build_calls(line: LiveHistory) -> tuple[FunctionCall, ...]:
    """Call the functions that were named in what was said last, with arguments that fit."""
    text, tools = find_question(line.turns[-1:]), line.setup.tools or ()
    names = [each.name for tool in tools for each in tool.function_declarations or () if each.name]
    made = (_build_call(tools, name, text) for name in dict.fromkeys(names) if has_word(text, name))
    return tuple(replace(call, id=f"{_CALL_ID_PREFIX}{count}") for count, call in enumerate(made, line.call_count + 1))


_CALL_ID_PREFIX = "function-call-"


def _build_call(tools: tuple[Tool, ...], name: str, text: str) -> FunctionCall:
    mode = FunctionCallingConfigMode.ANY
    config = FunctionCallingConfig(mode=mode, allowed_function_names=(name,))
    try:
        call = build_call(tools, ToolConfig(function_calling_config=config), text)
    except UnreadableSchema:
        raise EmulatedClose(1007, f"The parameters of the function {name!r} cannot be read.") from None
    return call or FunctionCall(name=name, args={})


def has_word(text: str, word: str) -> bool:
    """
    Tell whether a text has a word, in whichever case.

    >>> has_word("What does the Clock say?", "clock"), has_word("o'clockwork", "clock")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def add_function_response(line: LiveHistory, response: FunctionResponse) -> LiveHistory:
    """Take what a function answered; what comes late, to a call that was cancelled, is left aside."""
    if not response.id and not line.is_vertex:
        raise EmulatedClose(1007, "tool_response.function_responses: each needs the id of its call.")
    call = next((each for each in line.pending_calls if _is_response_to(response, each)), None)
    if call is None:
        if response.id and _is_earlier_call(line, response.id):
            return line
        raise EmulatedClose(1007, f"tool_response.function_responses: no call is {response.id or response.name!r}.")
    waiting = (
        line.pending_calls if response.will_continue else tuple(each for each in line.pending_calls if each is not call)
    )
    return replace(line, pending_calls=waiting, function_responses=(*line.function_responses, response))


def _is_response_to(response: FunctionResponse, call: FunctionCall) -> bool:
    return response.id == call.id if response.id else response.name == call.name


def _is_earlier_call(line: LiveHistory, identity: str) -> bool:
    return identity in {f"{_CALL_ID_PREFIX}{count}" for count in range(1, line.call_count + 1)}


# What it costs


def count_usage(line: LiveHistory, spoken: int) -> UsageMetadata:
    """Count the tokens of an answer, and of all that was said before."""
    system = line.setup.system_instruction
    told = sum(map(count_tokens, (*([system] if system is not None else ()), *line.turns)))
    return UsageMetadata(prompt_token_count=told, response_token_count=spoken, total_token_count=told + spoken)
