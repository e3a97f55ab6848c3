"""What a case of the fault matrix is made of: what a server does, and what each operation must return."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from genai_fn.errors import GenaiError
from tests.support.loopback import Answer, Hang, Reset

UNARY, STREAM, START, CHUNK, MEMORY, PATH = "unary", "stream", "upload start", "upload chunk", "memory", "path"
OPERATIONS = (UNARY, STREAM, START, CHUNK, MEMORY, PATH)
"""``upload start``: the server misbehaves from the first request on; ``upload chunk``: once the upload has started."""

ATTEMPTS = 3
"""Attempts of each request, except the chunks of uploads, which have their own policy."""


@dataclass(frozen=True)
class Outcome:
    """
    What an operation must return.

    Args:
        error: Type of the error, or several if it depends on chance or on the library below; None for a success.

        attempts: How many requests the server receives, or connections if the fault precedes the request.

        fragment: A part of the error's message.
    """

    error: type[GenaiError] | tuple[type[GenaiError], ...] | None
    attempts: int = 1
    fragment: str = ""


Outcomes: TypeAlias = Mapping[str, Outcome]
SUCCESS = Outcome(None)


@dataclass(frozen=True)
class Fault:
    """
    A server that misbehaves over HTTP.

    Args:
        name: What it does.

        steps: Bytes and actions, in order. They answer each request.

        outcomes: The outcome of each operation that this fault concerns.

        on_accept: Perform the steps on each new connection, before a request is read.

        tls: The server's identity, a key of `tests.support.faults.identities`; empty for plain HTTP.

        plain: Serve plain HTTP, though the client expects TLS.

        reads: After how many bytes of a request's body to answer; None reads all of it.

        lasts: The steps never end. The operation has a short deadline; all others have one that is never reached.
    """

    name: str
    steps: Answer
    outcomes: Outcomes
    on_accept: bool = False
    tls: str = ""
    plain: bool = False
    reads: int | None = None
    lasts: bool = False


HANDSHAKE, SETUP, SESSION = "handshake", "setup", "session"
LiveStep: TypeAlias = bytes | Reset | Hang


@dataclass(frozen=True)
class LiveFault:
    """
    A WebSocket server that misbehaves.

    Args:
        name: What it does.

        phase: When: in place of the ``handshake``, in place of the answer to the ``setup``, or within the ``session``.

        steps: Bytes and actions, in order. After them the server sends an end of file, and reads until the client
            closes. ``{accept}`` in the answer to a handshake is the right key.

        outcome: The outcome; its attempts are connections.

        texts: The texts that the session must yield before it ends; a reset may discard them.

        lasts: The steps never end, and the idle timeout is short.
    """

    name: str
    phase: str
    steps: tuple[LiveStep, ...]
    outcome: Outcome
    texts: tuple[str, ...] = ()
    lasts: bool = False
