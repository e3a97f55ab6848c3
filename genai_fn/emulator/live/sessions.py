"""
Live sessions as pure functions: from a state and a client frame to the next state and the messages to send.

The state has two parts: that of the emulator, and the `LiveHistory` of the session. A server calls `open_session` with
the first frame and `receive_frame` with each later one, and sends the messages as JSON. If `EmulatedClose` is raised,
it closes the connection with the exception's code and reason. Once `LiveHistory.time_left` is set, after a ``goAway``,
it may close the connection that many seconds later.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.auth_tokens import apply_token_setup, redeem_token
from genai_fn.emulator.contents.prompts import GENERATION_CONFIG_RANGES
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.setup import (
    EmulatedClose,
    EmulatedSetup,
    ServerMessages,
    check_live_model,
    dump_message,
    list_set_fields,
    parse_frame,
)
from genai_fn.emulator.live.turns import HANDLE_COLLECTION, EmulatedSession, LiveTurn
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.request_parsing import describe_range_error
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema.base import Message
from genai_fn.schema.generation import Modality
from genai_fn.schema.live import LiveClientMessage
from genai_fn.schema.live_server import LiveServerMessage, LiveServerSetupComplete


class _FirstFrame(Message):
    setup: EmulatedSetup | None = None


def open_session(
    state: EmulatorState, frame: bytes | str, now: datetime, *, token: str = "", vertex: bool = False
) -> tuple[EmulatorState, LiveHistory, ServerMessages]:
    """
    Open a session with a setup frame.

    Args:
        state: State of the emulator.

        frame: The setup message.

        now: Time of the handshake, in UTC.

        token: Name of the ephemeral token to redeem, if any.

        vertex: Whether the client connected to Vertex AI.

    Raises:
        EmulatedClose: If the setup is invalid, or the token does not allow a session.

    >>> from datetime import UTC
    >>> setup = b'{"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["TEXT"]}}}'
    >>> state, history, messages = open_session(EmulatorState(), setup, datetime(2026, 1, 1, tzinfo=UTC))
    >>> messages
    ({'setupComplete': {'sessionId': 'session1'}},)
    >>> state, history, messages = receive_frame(state, history, b'{"realtimeInput": {"text": "hi"}}')
    >>> messages[0]["serverContent"]["modelTurn"]["parts"]
    [{'text': 'I am an offline model in'}]
    """
    setup = parse_frame(frame, _FirstFrame).setup
    if setup is None:
        raise EmulatedClose(1007, "setup must be the first message.")
    if token:
        try:
            state, stored_token = redeem_token(state, token, now)
        except EmulatedFault as fault:
            raise EmulatedClose(1008, fault.message) from None
        setup = apply_token_setup(stored_token, setup)
    _check_setup(state, setup)
    resumed = _find_resumed_session(state, setup)
    history = LiveHistory(
        setup=setup,
        is_vertex=vertex,
        turns=resumed.turns,
        call_count=resumed.call_count,
        awaits_history=bool(setup.history_config and setup.history_config.initial_history_in_client_content),
    )
    state, name = state.assign_name("sessions")
    complete = LiveServerSetupComplete(session_id=name.rpartition("/")[2])
    return state, history, (_dump_message(history, LiveServerMessage(setup_complete=complete)),)


def _check_setup(state: EmulatorState, setup: EmulatedSetup) -> None:
    check_live_model(state, setup.model)
    modalities = (setup.generation_config and setup.generation_config.response_modalities) or ()
    if len(modalities) > 1 or set(modalities) - {Modality.TEXT, Modality.AUDIO}:
        raise EmulatedClose(1007, f"A session responds either in TEXT or in AUDIO, not in {', '.join(modalities)}.")
    config = setup.generation_config
    if config is not None and (error := describe_range_error(config, GENERATION_CONFIG_RANGES)):
        raise EmulatedClose(1007, f"setup.generation_config.{error}")


def _find_resumed_session(state: EmulatorState, setup: EmulatedSetup) -> EmulatedSession:
    """Return the session to resume, or an empty one if the setup has no handle."""
    handle = setup.session_resumption and setup.session_resumption.handle
    if not handle:
        return EmulatedSession((), 0)
    found = state.resources.get(f"{HANDLE_COLLECTION}/{handle}")
    if not isinstance(found, EmulatedSession):
        raise EmulatedClose(1008, f"The session of the handle {handle!r} is not found.")
    return found


class _ClientFrame(LiveClientMessage):
    setup: EmulatedSetup | None = None


def receive_frame(
    state: EmulatorState, history: LiveHistory, frame: bytes | str, unsent: ServerMessages = ()
) -> tuple[EmulatorState, LiveHistory, ServerMessages]:
    """
    Handle a frame, and return the messages to send. Unsent messages come first, unless the frame interrupts them.

    Raises:
        EmulatedClose: If the frame is invalid.
    """
    message = parse_frame(frame, _ClientFrame)
    names = list_set_fields(message)
    if len(names) != 1:
        raise EmulatedClose(1007, f"A message must contain exactly one of {', '.join(_FRAME_HANDLERS)}.")
    if message.setup is not None:
        raise EmulatedClose(1007, "setup must be the first message and only the first.")
    turn = LiveTurn(state, replace(history, frame_count=history.frame_count + 1), unsent)
    _FRAME_HANDLERS[names[0]](turn, getattr(message, names[0]))
    return turn.state, turn.history, (*turn.unsent, *(_dump_message(history, each) for each in turn.messages))


_FRAME_HANDLERS: Mapping[str, Callable[[LiveTurn, Any], None]] = {
    "client_content": LiveTurn.add_client_content,
    "realtime_input": LiveTurn.add_realtime_input,
    "tool_response": LiveTurn.add_tool_response,
    "context_update": LiveTurn.update_context,
}


def _dump_message(history: LiveHistory, message: LiveServerMessage) -> Mapping[str, Any]:
    """Encode a message; on Vertex AI, ``responseTokenCount`` of the usage metadata is ``candidatesTokenCount``."""
    tree = dump_message(message)
    if history.is_vertex and message.usage_metadata is not None:
        tree["usageMetadata"]["candidatesTokenCount"] = tree["usageMetadata"].pop("responseTokenCount")
    return tree
