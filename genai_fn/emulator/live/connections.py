"""Live sessions as they are addressed: which conversation an address means, and what is said to each of its frames."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from urllib.parse import parse_qsl

import msgspec

from genai_fn import codec
from genai_fn.emulator.live import music, sessions
from genai_fn.emulator.live.history import LiveHistory
from genai_fn.emulator.server.authentication import authenticate_request
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.request_parsing import find_header
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpRequest
from genai_fn.values import Value

__all__ = ["EmulatedConnection", "match_connection", "open_connection"]

_SessionHistory: TypeAlias = LiveHistory | music.MusicHistory


class EmulatedConnection(Value):
    """A session under way, or about to begin."""

    is_music: bool = False
    is_vertex: bool = False
    token: str = ""
    """The ephemeral token that it is to begin with, if one is needed."""
    history: _SessionHistory | None = None
    """What it remembers, once it is set up."""

    @property
    def time_left(self) -> float | None:
        """The seconds after which the server ends it, having said that it will."""
        return self.history.time_left if isinstance(self.history, LiveHistory) else None

    def receive_frame(
        self, state: EmulatorState, frame: bytes | str, now: datetime, unsaid: tuple[bytes, ...] = ()
    ) -> "tuple[EmulatorState, EmulatedConnection, tuple[bytes, ...]]":
        """
        Hear a frame, the first of which is the setup, and answer it.

        Whoever takes time to send an answer tells what of it is `unsaid`: that comes back before the new answer, unless
        the frame interrupts it.

        Raises:
            Closed: where the server would close the connection.
        """
        line: _SessionHistory
        before = tuple(map(codec.decode, unsaid))
        if isinstance(self.history, LiveHistory):
            state, line, messages = sessions.receive_frame(state, self.history, frame, before)
        elif self.history is not None:
            state, line, messages = music.receive_frame(state, self.history, frame, before)
        elif self.is_music:
            state, line, messages = music.open_session(state, frame)
        else:
            state, line, messages = sessions.open_session(state, frame, now, token=self.token, vertex=self.is_vertex)
        later = msgspec.structs.replace(self, history=line)
        return state, later, tuple(map(codec.encode, messages))


def open_connection(state: EmulatorState, request: HttpRequest) -> EmulatedConnection:
    """
    Begin the conversation that an address means, with who may hold one.

    Raises:
        Fault: where there is none at that address, or for who has no key; a token is looked at with the first frame.
    """
    conversation = match_connection(request)
    if conversation is None:
        raise EmulatedFault(404, "NOT_FOUND", f"{request.url.partition('?')[0]} is no session of the API.")
    if not conversation.token:
        authenticate_request(state, request.headers, _parse_query(request))
    return conversation


def match_connection(request: HttpRequest) -> EmulatedConnection | None:
    """
    Find the conversation that an address means; one of a gateway, whose address says nothing, is Vertex AI's.

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
    return name if kind == "Token" else _parse_query(request).get("access_token", "none")


def _parse_query(request: HttpRequest) -> Mapping[str, str]:
    return dict(parse_qsl(request.url.partition("?")[2]))
