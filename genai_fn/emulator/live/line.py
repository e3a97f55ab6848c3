"""What a live session remembers, and how it changes with what is heard, seen and answered."""

import re

from msgspec.structs import replace

from genai_fn.emulator.live.setup import Closed, Setup
from genai_fn.emulator.stand_in.calls import called
from genai_fn.emulator.stand_in.pieces import chunks, pieces, weight
from genai_fn.emulator.stand_in.saying import question
from genai_fn.emulator.stand_in.shaped import Unreadable
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
from genai_fn.schema._base import Value

__all__ = [
    "Line",
    "calls_of",
    "cut_short",
    "says",
    "transcript_of",
    "turn_of",
    "usage_of",
    "with_blob",
    "with_response",
    "with_turn",
]


class Line(Value):
    """What one session remembers."""

    setup: Setup
    vertex: bool
    """Whether Vertex AI is spoken."""
    turns: tuple[Content, ...] = ()
    sound: int = 0
    """How many bytes were heard since the last answer."""
    sound_type: str = ""
    pictures: tuple[str, ...] = ()
    """Which kinds of pictures were seen since the last answer."""
    calls: tuple[FunctionCall, ...] = ()
    """Those that are waited for."""
    responses: tuple[FunctionResponse, ...] = ()
    """What was answered while others are waited for."""
    called: int = 0
    """How many calls there were."""
    frames: int = 0
    """How many messages of ours there were after the setup."""
    time_left: float | None = None
    """The seconds after which the server ends it, having said that it will."""

    @property
    def modality(self) -> Modality:
        """What is answered in: sound, unless the setup says otherwise."""
        config = self.setup.generation_config
        return ((config and config.response_modalities) or (Modality.AUDIO,))[0]


def with_turn(line: Line, *turns: Content) -> Line:
    """Add to the conversation."""
    return replace(line, turns=(*line.turns, *turns))


def cut_short(line: Line, unsaid: int) -> Line:
    """Remember of the last answer what was said before it was interrupted: all but so many pieces."""
    *turns, last = line.turns
    said = "".join(part.text or "" for part in last.parts or ())
    kept = "".join(chunks(pieces(said))[: -unsaid or None])
    answer = Content(parts=(Part(text=kept),), role="model")
    return replace(line, turns=(*turns, answer) if kept else tuple(turns))


# What is heard and seen: that there was something, and how much of it, not what


def with_blob(line: Line, blob: Blob) -> Line:
    """Remember that something was heard or seen."""
    kind = blob.mime_type or ""
    if kind.startswith("audio/pcm"):
        return replace(line, sound=line.sound + len(blob.data or b""), sound_type=kind)
    if kind.startswith("image/"):
        return replace(line, pictures=(*line.pictures, kind))
    raise Closed(1007, f"realtime_input: {kind!r} is neither audio/pcm nor an image.")


def turn_of(line: Line, *parts: Part) -> Content:
    """Put what came since the last answer into a turn."""
    kinds = (*line.pictures, *([line.sound_type] if line.sound else ()))
    return Content(parts=(*parts, *(Part(inline_data=Blob(mime_type=kind)) for kind in kinds)), role="user")


def transcript_of(line: Line) -> str:
    """Write down what was heard, as far as an emulator has ears."""
    rate = re.search(r"rate=([0-9]{1,9})", line.sound_type)
    seconds = line.sound / (2 * max(int(rate[1]) if rate is not None else _RATE, 1))
    return f"{seconds:.1f} seconds of sound"


_RATE = 16000
"""What the API takes where the type of a sound says nothing: https://ai.google.dev/gemini-api/docs/live-guide"""


# Functions


def calls_of(line: Line) -> tuple[FunctionCall, ...]:
    """Call the functions that were named in what was said last, with arguments that fit."""
    text, tools = question(line.turns[-1:]), line.setup.tools or ()
    names = [each.name for tool in tools for each in tool.function_declarations or () if each.name]
    made = (_call(tools, name, text) for name in dict.fromkeys(names) if says(text, name))
    return tuple(replace(call, id=f"{_CALL}{count}") for count, call in enumerate(made, line.called + 1))


_CALL = "function-call-"


def _call(tools: tuple[Tool, ...], name: str, text: str) -> FunctionCall:
    mode = FunctionCallingConfigMode.ANY
    config = FunctionCallingConfig(mode=mode, allowed_function_names=(name,))
    try:
        call = called(tools, ToolConfig(function_calling_config=config), text)
    except Unreadable:
        raise Closed(1007, f"The parameters of the function {name!r} cannot be read.") from None
    return call or FunctionCall(name=name, args={})


def says(text: str, word: str) -> bool:
    """
    Tell whether a text has a word, in whichever case.

    >>> says("What does the Clock say?", "clock"), says("o'clockwork", "clock")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def with_response(line: Line, response: FunctionResponse) -> Line:
    """Take what a function answered; what comes late, to a call that was cancelled, is left aside."""
    if not response.id and not line.vertex:
        raise Closed(1007, "tool_response.function_responses: each needs the id of its call.")
    call = next((each for each in line.calls if _answers(response, each)), None)
    if call is None:
        if response.id and _is_past(line, response.id):
            return line
        raise Closed(1007, f"tool_response.function_responses: no call is {response.id or response.name!r}.")
    waiting = line.calls if response.will_continue else tuple(each for each in line.calls if each is not call)
    return replace(line, calls=waiting, responses=(*line.responses, response))


def _answers(response: FunctionResponse, call: FunctionCall) -> bool:
    return response.id == call.id if response.id else response.name == call.name


def _is_past(line: Line, identity: str) -> bool:
    return identity in {f"{_CALL}{count}" for count in range(1, line.called + 1)}


# What it costs


def usage_of(line: Line, spoken: int) -> UsageMetadata:
    """Count the tokens of an answer, and of all that was said before."""
    system = line.setup.system_instruction
    told = sum(map(weight, (*([system] if system is not None else ()), *line.turns)))
    return UsageMetadata(prompt_token_count=told, response_token_count=spoken, total_token_count=told + spoken)
