"""
Live sessions, without a socket: what the server remembers, and a frame of the client's, give what the server says.

Whoever serves them calls `opened` with the first frame and `heard` with each later one, in order, sends the messages as
JSON, and, where `Closed` is raised, closes the connection with its code and reason; so it may, too, `Line.time_left`
seconds after all is said. Nothing is changed: each call answers the state and the line that go into the next one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.auth_tokens import apply_token_setup, redeem_token
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.setup import EmulatedClose, EmulatedSetup, ServerMessages, dump_message, parse_frame
from genai_fn.emulator.live.turns import HANDLE_COLLECTION, EmulatedSession, LiveTurn
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.schema import (
    LiveClientContent,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
    LiveServerMessage,
    LiveServerSetupComplete,
    Modality,
)
from genai_fn.schema.base import Message

__all__ = ["open_session", "receive_frame"]


# The first frame


class _FirstFrame(Message):
    setup: EmulatedSetup | None = None


def open_session(
    state: EmulatorState, frame: bytes | str, now: datetime, *, token: str = "", vertex: bool = False
) -> tuple[EmulatorState, LiveHistory, ServerMessages]:
    """
    Open a session.

    Args:
        state: What the server remembers.

        frame: The setup.

        now: When this is, in UTC.

        token: The name of the ephemeral token that it is opened with, if one is.

        vertex: Whether Vertex AI is spoken.

    Raises:
        Closed: where the setup does not fit, or the token does not grant a session.

    >>> from datetime import UTC
    >>> setup = b'{"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["TEXT"]}}}'
    >>> state, line, messages = open_session(EmulatorState(), setup, datetime(2026, 1, 1, tzinfo=UTC))
    >>> messages
    ({'setupComplete': {'sessionId': 'session1'}},)
    >>> state, line, messages = receive_frame(state, line, b'{"realtimeInput": {"text": "hi"}}')
    >>> messages[0]["serverContent"]["modelTurn"]["parts"]
    [{'text': 'I am an offline model in'}]
    """
    setup = parse_frame(frame, _FirstFrame).setup
    if setup is None:
        raise EmulatedClose(1007, "setup must be the first message.")
    if token:
        try:
            state, admission = redeem_token(state, token, now)
        except EmulatedFault as fault:
            raise EmulatedClose(1008, fault.message) from None
        setup = apply_token_setup(admission, setup)
    _check_setup(setup)
    before = _find_resumed_session(state, setup)
    line = LiveHistory(setup=setup, is_vertex=vertex, turns=before.turns, call_count=before.call_count)
    state, name = state.assign_name("sessions")
    complete = LiveServerSetupComplete(session_id=name.rpartition("/")[2])
    return state, line, (_dump_message(line, LiveServerMessage(setup_complete=complete)),)


def _check_setup(setup: EmulatedSetup) -> None:
    if not setup.model:
        raise EmulatedClose(1007, "setup.model is not specified.")
    modalities = (setup.generation_config and setup.generation_config.response_modalities) or ()
    if len(modalities) > 1 or set(modalities) - {Modality.TEXT, Modality.AUDIO}:
        raise EmulatedClose(1007, f"A session answers either in TEXT or in AUDIO, not in {', '.join(modalities)}.")


def _find_resumed_session(state: EmulatorState, setup: EmulatedSetup) -> EmulatedSession:
    """Find the session that is taken up again."""
    handle = setup.session_resumption and setup.session_resumption.handle
    if not handle:
        return EmulatedSession((), 0)
    found = state.resources.get(f"{HANDLE_COLLECTION}/{handle}")
    if not isinstance(found, EmulatedSession):
        raise EmulatedClose(1008, f"The session of the handle {handle!r} is not found.")
    return found


# Each later frame


class _ClientFrame(Message):
    setup: EmulatedSetup | None = None
    client_content: LiveClientContent | None = None
    realtime_input: LiveClientRealtimeInput | None = None
    tool_response: LiveClientToolResponse | None = None


def receive_frame(
    state: EmulatorState, line: LiveHistory, frame: bytes | str, unsaid: ServerMessages = ()
) -> tuple[EmulatorState, LiveHistory, ServerMessages]:
    """
    Hear a frame, and say what there is to say to it, after what is still `unsaid`, if that is not interrupted.

    Raises:
        Closed: where the frame does not fit.
    """
    said = parse_frame(frame, _ClientFrame)
    if sum(getattr(said, name) is not None for name in said.__struct_fields__) != 1:
        raise EmulatedClose(1007, "A message holds one of client_content, realtime_input and tool_response.")
    if said.setup is not None:
        raise EmulatedClose(1007, "setup must be the first message and only the first.")
    talk = LiveTurn(state, replace(line, frame_count=line.frame_count + 1), unsaid)
    if said.client_content is not None:
        talk.add_client_content(said.client_content)
    if said.realtime_input is not None:
        talk.add_realtime_input(said.realtime_input)
    if said.tool_response is not None:
        talk.add_tool_response(said.tool_response)
    return talk.state, talk.history, (*talk.unsent, *(_dump_message(line, each) for each in talk.messages))


def _dump_message(line: LiveHistory, message: LiveServerMessage) -> Mapping[str, Any]:
    """Write a message; Vertex AI has a word of its own for what was answered."""
    tree = dump_message(message)
    if line.is_vertex and message.usage_metadata is not None:
        tree["usageMetadata"]["candidatesTokenCount"] = tree["usageMetadata"].pop("responseTokenCount")
    return tree
