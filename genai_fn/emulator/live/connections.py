"""Live connections: finds the kind of session that a URL refers to, and passes frames to it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from urllib.parse import parse_qsl

import msgspec

from genai_fn import codec
from genai_fn.emulator.live import music, sessions
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.emulator.server.authentication import authenticate_request
from genai_fn.emulator.server.faults import EmulatedFault, make_not_found
from genai_fn.emulator.server.request_parsing import find_header
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpRequest
from genai_fn.values import Value

_SessionHistory: TypeAlias = LiveHistory | music.MusicHistory


class EmulatedConnection(Value):
    """A connection before or after its setup frame."""

    is_music: bool = False
    is_vertex: bool = False
    token: str = ""
    """Ephemeral token to redeem with the setup frame, if the URL requires one."""
    history: _SessionHistory | None = None
    """State of the session, once it is set up."""

    @property
    def time_left(self) -> float | None:
        """Seconds after which the server closes the connection, if it has sent a ``goAway``."""
        return self.history.time_left if isinstance(self.history, LiveHistory) else None

    def receive_frame(
        self, state: EmulatorState, frame: bytes | str, now: datetime, unsent: tuple[bytes, ...] = ()
    ) -> "tuple[EmulatorState, EmulatedConnection, tuple[bytes, ...]]":
        """
        Handle a frame, and return the messages to send. The first frame is the setup.

        Messages that were not sent yet are passed as `unsent`. They are returned before the new ones, unless the frame
        interrupts them.

        Raises:
            EmulatedClose: If the server closes the connection because of the frame.
        """
        history: _SessionHistory
        unsent_messages = tuple(map(codec.decode, unsent))
        try:
            if isinstance(self.history, LiveHistory):
                state, history, messages = sessions.receive_frame(state, self.history, frame, unsent_messages)
            elif self.history is not None:
                state, history, messages = music.receive_frame(state, self.history, frame, unsent_messages)
            elif self.is_music:
                state, history, messages = music.open_session(state, frame)
            else:
                state, history, messages = sessions.open_session(
                    state, frame, now, token=self.token, vertex=self.is_vertex
                )
        except EmulatedFault as fault:  # the state is full
            raise EmulatedClose(1008, fault.message) from None
        return state, msgspec.structs.replace(self, history=history), tuple(map(codec.encode, messages))


def open_connection(state: EmulatorState, request: HttpRequest) -> EmulatedConnection:
    """
    Open a connection for a URL, after checking the API key. A token is checked with the first frame.

    Raises:
        EmulatedFault: If no session exists at the URL, or the API key is missing or wrong.
    """
    connection = match_connection(request)
    if connection is None:
        raise make_not_found(f"{request.url.partition('?')[0]} is not a live session of the API.")
    if not connection.token:
        authenticate_request(state, request.headers, _parse_query(request))
    return connection


def match_connection(request: HttpRequest) -> EmulatedConnection | None:
    """
    Find the kind of session that a URL refers to. A gateway's URL without a known path is one of Vertex AI.

    >>> path = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMusic"
    >>> match_connection(HttpRequest("GET", f"wss://localhost/{path}")).is_music
    True
    """
    path = request.url.partition("?")[0]
    service = path.rpartition("/ws/")[2]
    if service == path:
        return EmulatedConnection(is_vertex=True)
    found = _GEMINI_PATH_PATTERN.fullmatch(service)
    if found is None:
        return EmulatedConnection(is_vertex=True) if _VERTEX_PATH_PATTERN.fullmatch(service) else None
    token = _read_token(request) if found[1] == "ContentConstrained" else ""
    return EmulatedConnection(is_music=found[1] == "Music", token=token)


_GEMINI_PATH_PATTERN = re.compile(
    r"google\.ai\.generativelanguage\.v\w+\.GenerativeService\.BidiGenerate(Content|ContentConstrained|Music)"
)
_VERTEX_PATH_PATTERN = re.compile(r"google\.cloud\.aiplatform\.v\w+\.LlmBidiService/BidiGenerateContent")


def _read_token(request: HttpRequest) -> str:
    kind, _, name = find_header(request.headers, "authorization").partition(" ")
    return (name if kind == "Token" else _parse_query(request).get("access_token")) or _MISSING_TOKEN


_MISSING_TOKEN = "none"  # noqa: S105  # not a secret: the name of no token, so that the setup frame is refused


def _parse_query(request: HttpRequest) -> Mapping[str, str]:
    return dict(parse_qsl(request.url.partition("?")[2]))
