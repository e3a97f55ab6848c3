"""What happens to a live session, and what is to be done about it: the two vocabularies of its protocol."""

from typing import Any, TypeAlias

from returns.result import Failure, Result

from genai_fn.errors import GenaiError
from genai_fn.events import Event
from genai_fn.schema import FunctionCall
from genai_fn.values import Value

__all__ = [
    "CallAnswered",
    "CancelCall",
    "CloseConnection",
    "CloseRequested",
    "ConnectFailed",
    "ConnectSocket",
    "Connected",
    "ConnectionClosed",
    "DeliverItem",
    "FinishSession",
    "MessageReceived",
    "MessageSent",
    "NotifyListener",
    "OutgoingFrame",
    "ProtocolAction",
    "ProtocolEvent",
    "SendFrame",
    "SendRequested",
    "SendSetup",
    "SessionOpened",
    "SetTimer",
    "StartCall",
    "TimerFired",
]


class OutgoingFrame(Value):
    """A message of ours, as it goes out, and how many bytes it takes."""

    data: Any
    size: int


# What happens


class Connected(Value):
    """A connection is there, and its handshake done."""


class ConnectFailed(Value):
    """No connection came about; `chance`, from 0 up to 1, is for the wait before the next attempt."""

    error: GenaiError
    jitter: float = 0.5


class MessageReceived(Value):
    """The peer said something, in so many bytes; a Failure is what cannot be read, or an error of the server's."""

    message: Result[Any, GenaiError]
    size: int = 0


class MessageSent(Value):
    """The frame of the last `Write` is out, whole."""


class ConnectionClosed(Value):
    """
    The connection is no more, after so many seconds: closed with a code and a reason, or cut, which is 1006 and may
    have an `error`.
    """

    code: int
    reason: str = ""
    error: GenaiError | None = None
    jitter: float = 0.5
    duration: float = 0.0


class SendRequested(Value):
    """The caller has something to say."""

    frame: OutgoingFrame


class CallAnswered(Value):
    """A function has ended: with what goes back to the model, or with an error, which ends the session."""

    call_id: str
    outcome: OutgoingFrame | GenaiError


class TimerFired(Value):
    """The time that the `Alarm` of this number asked for is over."""

    connection_number: int = 0


class CloseRequested(Value):
    """The caller closes the session."""


ProtocolEvent: TypeAlias = (
    Connected
    | ConnectFailed
    | MessageReceived
    | MessageSent
    | ConnectionClosed
    | SendRequested
    | CallAnswered
    | TimerFired
    | CloseRequested
)


# What is to be done


class ConnectSocket(Value):
    """Open a connection, after so many seconds, with the handle of the session that it goes on with."""

    handle: str | None
    delay: float = 0.0


class SendSetup(Value):
    """Write the setup."""


class SendFrame(Value):
    """Write a frame; `Wrote` tells when it is out."""

    frame: OutgoingFrame


class CloseConnection(Value):
    """Close the connection, or give up dialling; `Ended` or `Unreachable` tells when it is done."""


class SessionOpened(Value):
    """The session is open for the first time."""

    session_id: str | None


class DeliverItem(Value):
    """Hand a message to whoever reads; it came in so many bytes."""

    item: Result[Any, GenaiError]
    size: int = 0


class StartCall(Value):
    """Run a function; `Answered` tells how it went."""

    call_id: str
    call: FunctionCall


class CancelCall(Value):
    """Stop functions, as nobody waits for them any more."""

    call_ids: tuple[str, ...]


class SetTimer(Value):
    """Tell when so many seconds are over; the number is the connection's that is meant."""

    seconds: float
    connection_number: int = 0


class NotifyListener(Value):
    """Tell whoever listens to events."""

    event: Event


class FinishSession(Value):
    """Nothing more is delivered: the session has ended, well or with a failure."""

    failure: Failure[GenaiError] | None = None


ProtocolAction: TypeAlias = (
    ConnectSocket
    | SendSetup
    | SendFrame
    | CloseConnection
    | SessionOpened
    | DeliverItem
    | StartCall
    | CancelCall
    | SetTimer
    | NotifyListener
    | FinishSession
)
