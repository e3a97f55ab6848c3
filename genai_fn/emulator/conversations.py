"""Live sessions as they are addressed: which conversation an address means, and what is said to each of its frames."""

import re
from datetime import datetime
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec

from genai_fn.emulator import live, live_music
from genai_fn.emulator.state import State
from genai_fn.http import HttpRequest
from genai_fn.schema._base import Value

__all__ = ["Conversation", "conversation_of"]

Line: TypeAlias = live.Line | live_music.Player


class Conversation(Value):
    """A session under way, or about to begin."""

    is_music: bool = False
    vertex: bool = False
    token: str = ""
    """The ephemeral token that it is to begin with, if one is needed."""
    line: Line | None = None
    """What it remembers, once it is set up."""

    def heard(self, state: State, frame: bytes | str, now: datetime) -> "tuple[State, Conversation, tuple[bytes, ...]]":
        """
        Hear a frame, the first of which is the setup, and answer it.

        Raises:
            Closed: where the server would close the connection.
        """
        line: Line
        if isinstance(self.line, live.Line):
            state, line, messages = live.heard(state, self.line, frame)
        elif self.line is not None:
            state, line, messages = live_music.heard(state, self.line, frame)
        elif self.is_music:
            state, line, messages = live_music.opened(state, frame)
        else:
            state, line, messages = live.opened(state, frame, now, token=self.token, vertex=self.vertex)
        later = msgspec.structs.replace(self, line=line)
        return state, later, tuple(map(msgspec.json.encode, messages))


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
    header = next((value for name, value in request.headers if name == "authorization"), "")
    kind, _, name = header.partition(" ")
    return name if kind == "Token" else dict(parse_qsl(urlsplit(request.url).query)).get("access_token", "none")
