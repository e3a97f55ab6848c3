"""The setup of a live session, and the exception that closes one."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from genai_fn import codec
from genai_fn.emulator.models.existence import is_base_model
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.request_parsing import parse_message
from genai_fn.emulator.server.responses import encode_json
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.generation import GenerationConfig, ModelSelectionConfig
from genai_fn.schema.live import LiveClientSetup, RealtimeInputConfig
from genai_fn.schema.tools import Tool

ServerMessages: TypeAlias = tuple[Mapping[str, Any], ...]
"""Messages of the server in order, as JSON trees."""

S = TypeVar("S", bound=msgspec.Struct)


class EmulatedClose(Exception):  # closes an emulated session; it is not a user's error
    """Closes the connection with a code: 1007 for an invalid frame, 1008 for a session that is not allowed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode("utf-8", "replace")[:_MAX_REASON_BYTES].decode("utf-8", "ignore")


_MAX_REASON_BYTES = 123
"""Limit of a close reason in bytes: https://www.rfc-editor.org/rfc/rfc6455#section-5.5"""


class _GenerationConfig(GenerationConfig):
    model_config: ModelSelectionConfig | None = None
    """Vertex AI's name for ``model_selection_config``."""


class EmulatedSetup(LiveClientSetup):
    """The setup message of a session, with the types of its JSON, and a field that `LiveClientSetup` lacks."""

    generation_config: _GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    realtime_input_config: RealtimeInputConfig | None = None


def parse_frame(frame: bytes | str, kind: type[S]) -> S:
    """
    Parse a frame as strictly as the body of a request.

    Raises:
        EmulatedClose: If a field is unknown or has the wrong type; the reason contains its path.
    """
    try:
        return parse_message(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame, kind)
    except EmulatedFault as fault:
        raise EmulatedClose(1007, fault.message) from None


def check_live_model(state: EmulatorState, name: str | None) -> None:
    """
    Check that a setup names a model, and that it exists, if it is a base model.

    Raises:
        EmulatedClose: If it does not.
    """
    if not name:
        raise EmulatedClose(1007, "setup.model is not specified.")
    collection, _, model = name.rpartition("models/")
    is_base = "/" not in model and (not collection or collection.endswith("publishers/google/"))
    if is_base and not is_base_model(state, model):
        raise EmulatedClose(1008, f"models/{model} is not found, or is not supported for bidiGenerateContent.")


def list_set_fields(message: Message) -> list[str]:
    """Return the names of the fields that are not None."""
    return [name for name in message.__struct_fields__ if getattr(message, name) is not None]


def dump_message(message: Message) -> dict[str, Any]:
    """Convert a message to a JSON tree."""
    tree: dict[str, Any] = codec.decode(encode_json(message))
    return tree
