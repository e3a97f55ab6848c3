"""Events that the protocol of a Live session receives, and actions that it returns."""

from typing import Any, TypeAlias

from returns.result import Failure, Result

from genai_fn.errors import GenaiError
from genai_fn.events import Event
from genai_fn.schema.functions import FunctionCall
from genai_fn.values import Value


class OutgoingFrame(Value):
    """A message to send, and its size in bytes."""

    data: Any
    size: int


class Connected(Value):
    """Event: a connection is open, including its WebSocket handshake."""


class ConnectFailed(Value):
    """Event: no connection could be opened. `jitter`, from 0 to 1, randomizes the wait before the next attempt."""

    error: GenaiError
    jitter: float = 0.5


class MessageReceived(Value):
    """Event: a message has arrived. A Failure is one that could not be decoded, or an error of the server."""

    message: Result[Any, GenaiError]
    size: int = 0


class MessageSent(Value):
    """Event: the frame of the last `SendFrame` has been written completely."""


class ConnectionClosed(Value):
    """
    Event: the connection is closed, after `duration` seconds.

    `code` and `reason` come from the close frame. If the connection ended without one, the code is 1006, and `error`
    may be set. `jitter`, from 0 to 1, randomizes the wait before the next attempt.
    """

    code: int
    reason: str = ""
    error: GenaiError | None = None
    jitter: float = 0.5
    duration: float = 0.0


class SendRequested(Value):
    """Event: the caller sends a message."""

    frame: OutgoingFrame


class CallAnswered(Value):
    """Event: a function has returned. The outcome is the response for the model, or an error that ends the session."""

    call_id: str
    outcome: OutgoingFrame | GenaiError


class TimerFired(Value):
    """Event: the timer of a connection has expired. It is ignored if another connection has replaced that one."""

    connection_number: int = 0


class CloseRequested(Value):
    """Event: the caller closes the session."""


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


class ConnectSocket(Value):
    """Action: open a connection after `delay` seconds, with the handle of the session to resume."""

    handle: str | None
    delay: float = 0.0


class SendSetup(Value):
    """Action: send the setup message."""


class SendFrame(Value):
    """Action: send a frame. `MessageSent` follows once it is written."""

    frame: OutgoingFrame


class CloseConnection(Value):
    """Action: close the connection, or stop connecting. `ConnectionClosed` or `ConnectFailed` follows."""


class SessionOpened(Value):
    """Action: report that the session is open for the first time."""

    session_id: str | None


class DeliverItem(Value):
    """Action: deliver a message of `size` bytes to the reader."""

    item: Result[Any, GenaiError]
    size: int = 0


class StartCall(Value):
    """Action: call a function. `CallAnswered` follows."""

    call_id: str
    call: FunctionCall


class CancelCall(Value):
    """Action: cancel function calls, as their results are no longer needed."""

    call_ids: tuple[str, ...]


class SetTimer(Value):
    """Action: start a timer for a connection. `TimerFired` follows after `seconds`."""

    seconds: float
    connection_number: int = 0


class NotifyListener(Value):
    """Action: report an event to ``on_event``."""

    event: Event


class FinishSession(Value):
    """Action: end the iteration over messages. A failure is its last item."""

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
