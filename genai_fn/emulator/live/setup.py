"""How a live session is set up, as the API reads it; and how it is closed where something does not fit."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from genai_fn import codec
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.request_parsing import parse_message
from genai_fn.emulator.server.responses import encode_json
from genai_fn.schema import (
    AudioTranscriptionConfig,
    Content,
    ContextWindowCompressionConfig,
    GenerationConfig,
    ModelSelectionConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
    Tool,
)
from genai_fn.schema.base import Message

__all__ = ["EmulatedClose", "EmulatedSetup", "ServerMessages", "dump_message", "parse_frame"]

ServerMessages: TypeAlias = tuple[Mapping[str, Any], ...]
"""What the server says, in order, as JSON."""

S = TypeVar("S", bound=msgspec.Struct)


class EmulatedClose(Exception):  # noqa: N818  # ends a session as the server does; never an error of the program
    """What the server closes a connection with: 1007 for frames that do not fit, 1008 for what is not granted."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode("utf-8", "replace")[:_MAX_REASON_BYTES].decode("utf-8", "ignore")


_MAX_REASON_BYTES = 123
"""Of a reason, in bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5"""


class _GenerationConfig(GenerationConfig):
    model_config: ModelSelectionConfig | None = None
    """What Vertex AI calls ``model_selection_config``."""


class EmulatedSetup(Message):
    """How a session is set up."""

    model: str | None = None
    generation_config: _GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    session_resumption: SessionResumptionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None


def parse_frame(frame: bytes | str, kind: type[S]) -> S:
    """
    Read a frame, as strictly as the body of a request.

    Raises:
        Closed: with the path of what does not fit.
    """
    try:
        return parse_message(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame, kind)
    except EmulatedFault as fault:
        raise EmulatedClose(1007, fault.message) from None


def dump_message(message: Message) -> dict[str, Any]:
    """Write a message as JSON has it."""
    tree: dict[str, Any] = codec.decode(encode_json(message))
    return tree
