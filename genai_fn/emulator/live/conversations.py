"""Live sessions as they are addressed: which conversation an address means, and what is said to each of its frames."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from urllib.parse import parse_qsl

import msgspec

from genai_fn import codec
from genai_fn.emulator.admission import admit
from genai_fn.emulator.faults import Fault
from genai_fn.emulator.live import music, sessions
from genai_fn.emulator.live.line import Line
from genai_fn.emulator.reading import header_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpRequest
from genai_fn.schema._base import Value

__all__ = ["Conversation", "conversation_of", "welcomed"]

_Line: TypeAlias = Line | music.Player


class Conversation(Value):
    """A session under way, or about to begin."""

    is_music: bool = False
    vertex: bool = False
    token: str = ""
    """The ephemeral token that it is to begin with, if one is needed."""
    line: _Line | None = None
    """What it remembers, once it is set up."""

    @property
    def time_left(self) -> float | None:
        """The seconds after which the server ends it, having said that it will."""
        return self.line.time_left if isinstance(self.line, Line) else None

    def heard(
        self, state: State, frame: bytes | str, now: datetime, unsaid: tuple[bytes, ...] = ()
    ) -> "tuple[State, Conversation, tuple[bytes, ...]]":
        """
        Hear a frame, the first of which is the setup, and answer it.

        Whoever takes time to send an answer tells what of it is `unsaid`: that comes back before the new answer, unless
        the frame interrupts it.

        Raises:
            Closed: where the server would close the connection.
        """
        line: _Line
        before = tuple(map(codec.decode, unsaid))
        if isinstance(self.line, Line):
            state, line, messages = sessions.heard(state, self.line, frame, before)
        elif self.line is not None:
            state, line, messages = music.heard(state, self.line, frame, before)
        elif self.is_music:
            state, line, messages = music.opened(state, frame)
        else:
            state, line, messages = sessions.opened(state, frame, now, token=self.token, vertex=self.vertex)
        later = msgspec.structs.replace(self, line=line)
        return state, later, tuple(map(codec.encode, messages))


def welcomed(state: State, request: HttpRequest) -> Conversation:
    """
    Begin the conversation that an address means, with who may hold one.

    Raises:
        Fault: where there is none at that address, or for who has no key; a token is looked at with the first frame.
    """
    conversation = conversation_of(request)
    if conversation is None:
        raise Fault(404, "NOT_FOUND", f"{request.url.partition('?')[0]} is no session of the API.")
    if not conversation.token:
        admit(state, request.headers, _query(request))
    return conversation


def conversation_of(request: HttpRequest) -> Conversation | None:
    """
    Find the conversation that an address means; one of a gateway, whose address says nothing, is Vertex AI's.

    >>> path = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMusic"
    >>> conversation_of(HttpRequest("GET", f"wss://localhost/{path}")).is_music
    True
    """
    path = request.url.partition("?")[0]
    service = path.rpartition("/ws/")[2]
    if service == path:
        return Conversation(vertex=True)
    found = _GEMINI.fullmatch(service)
    if found is None:
        return Conversation(vertex=True) if _VERTEX.fullmatch(service) else None
    token = _token(request) if found[1] == "ContentConstrained" else ""
    return Conversation(is_music=found[1] == "Music", token=token)


_GEMINI = re.compile(
    r"google\.ai\.generativelanguage\.v\w+\.GenerativeService\.BidiGenerate(Content|ContentConstrained|Music)"
)
_VERTEX = re.compile(r"google\.cloud\.aiplatform\.v\w+\.LlmBidiService/BidiGenerateContent")


def _token(request: HttpRequest) -> str:
    kind, _, name = header_of(request.headers, "authorization").partition(" ")
    return name if kind == "Token" else _query(request).get("access_token", "none")


def _query(request: HttpRequest) -> Mapping[str, str]:
    return dict(parse_qsl(request.url.partition("?")[2]))
