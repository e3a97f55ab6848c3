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

from genai_fn.emulator.auth_tokens import admitted, tied
from genai_fn.emulator.faults import Fault
from genai_fn.emulator.live.line import Line
from genai_fn.emulator.live.setup import Closed, Messages, Setup, frame_of, tree_of
from genai_fn.emulator.live.talk import HANDLES, Session, Talk
from genai_fn.emulator.state import State
from genai_fn.schema import (
    LiveClientContent,
    LiveClientRealtimeInput,
    LiveClientToolResponse,
    LiveServerMessage,
    LiveServerSetupComplete,
    Modality,
)
from genai_fn.schema._base import Message

__all__ = ["heard", "opened"]


# The first frame


class _First(Message):
    setup: Setup | None = None


def opened(
    state: State, frame: bytes | str, now: datetime, *, token: str = "", vertex: bool = False
) -> tuple[State, Line, Messages]:
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
    >>> state, line, messages = opened(State(), setup, datetime(2026, 1, 1, tzinfo=UTC))
    >>> messages
    ({'setupComplete': {'sessionId': 'session1'}},)
    >>> state, line, messages = heard(state, line, b'{"realtimeInput": {"text": "hi"}}')
    >>> messages[0]["serverContent"]["modelTurn"]["parts"]
    [{'text': 'I am an offline model in'}]
    """
    setup = frame_of(frame, _First).setup
    if setup is None:
        raise Closed(1007, "setup must be the first message.")
    if token:
        try:
            state, admission = admitted(state, token, now)
        except Fault as fault:
            raise Closed(1008, fault.message) from None
        setup = tied(admission, setup)
    _check(setup)
    before = _before(state, setup)
    line = Line(setup=setup, vertex=vertex, turns=before.turns, called=before.called)
    state, name = state.named("sessions")
    complete = LiveServerSetupComplete(session_id=name.rpartition("/")[2])
    return state, line, (_tree(line, LiveServerMessage(setup_complete=complete)),)


def _check(setup: Setup) -> None:
    if not setup.model:
        raise Closed(1007, "setup.model is not specified.")
    modalities = (setup.generation_config and setup.generation_config.response_modalities) or ()
    if len(modalities) > 1 or set(modalities) - {Modality.TEXT, Modality.AUDIO}:
        raise Closed(1007, f"A session answers either in TEXT or in AUDIO, not in {', '.join(modalities)}.")


def _before(state: State, setup: Setup) -> Session:
    """Find the session that is taken up again."""
    handle = setup.session_resumption and setup.session_resumption.handle
    if not handle:
        return Session((), 0)
    found = state.kept.get(f"{HANDLES}/{handle}")
    if not isinstance(found, Session):
        raise Closed(1008, f"The session of the handle {handle!r} is not found.")
    return found


# Each later frame


class _Frame(Message):
    setup: Setup | None = None
    client_content: LiveClientContent | None = None
    realtime_input: LiveClientRealtimeInput | None = None
    tool_response: LiveClientToolResponse | None = None


def heard(state: State, line: Line, frame: bytes | str, unsaid: Messages = ()) -> tuple[State, Line, Messages]:
    """
    Hear a frame, and say what there is to say to it, after what is still `unsaid`, if that is not interrupted.

    Raises:
        Closed: where the frame does not fit.
    """
    said = frame_of(frame, _Frame)
    if sum(getattr(said, name) is not None for name in said.__struct_fields__) != 1:
        raise Closed(1007, "A message holds one of client_content, realtime_input and tool_response.")
    if said.setup is not None:
        raise Closed(1007, "setup must be the first message and only the first.")
    talk = Talk(state, replace(line, frames=line.frames + 1), unsaid)
    if said.client_content is not None:
        talk.add(said.client_content)
    if said.realtime_input is not None:
        talk.sense(said.realtime_input)
    if said.tool_response is not None:
        talk.take(said.tool_response)
    return talk.state, talk.line, (*talk.unsaid, *(_tree(line, each) for each in talk.told))


def _tree(line: Line, message: LiveServerMessage) -> Mapping[str, Any]:
    """Write a message; Vertex AI has a word of its own for what was answered."""
    tree = tree_of(message)
    if line.vertex and message.usage_metadata is not None:
        tree["usageMetadata"]["candidatesTokenCount"] = tree["usageMetadata"].pop("responseTokenCount")
    return tree
