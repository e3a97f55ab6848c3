"""What happens to a live session, and what is to be done about it: the two vocabularies of its protocol."""

from typing import Any, TypeAlias

from returns.result import Failure, Result

from genai_fn.errors import GenaiError
from genai_fn.events import Event as News
from genai_fn.schema import FunctionCall
from genai_fn.schema._base import Value

__all__ = [
    "Action",
    "Alarm",
    "Alarmed",
    "Answered",
    "Begin",
    "Call",
    "Cancel",
    "Connected",
    "Deliver",
    "Dial",
    "Ended",
    "Event",
    "Finish",
    "Frame",
    "Hang",
    "Heard",
    "Introduce",
    "LetGo",
    "Offered",
    "Tell",
    "Unreachable",
    "Write",
    "Wrote",
]


class Frame(Value):
    """A message of ours, as it goes out, and how many bytes it takes."""

    data: Any
    size: int


# What happens


class Connected(Value):
    """A connection is there, and its handshake done."""


class Unreachable(Value):
    """No connection came about; `chance`, from 0 up to 1, is for the wait before the next attempt."""

    error: GenaiError
    chance: float = 0.5


class Heard(Value):
    """The peer said something, in so many bytes; a Failure is what cannot be read, or an error of the server's."""

    message: Result[Any, GenaiError]
    size: int = 0


class Wrote(Value):
    """The frame of the last `Write` is out, whole."""


class Ended(Value):
    """
    The connection is no more, after so many seconds: closed with a code and a reason, or cut, which is 1006 and may
    have an `error`.
    """

    code: int
    reason: str = ""
    error: GenaiError | None = None
    chance: float = 0.5
    lasted: float = 0.0


class Offered(Value):
    """The caller has something to say."""

    frame: Frame


class Answered(Value):
    """A function has ended: with what goes back to the model, or with an error, which ends the session."""

    identity: str
    outcome: Frame | GenaiError


class Alarmed(Value):
    """The time that the `Alarm` of this number asked for is over."""

    number: int = 0


class LetGo(Value):
    """The caller closes the session."""


Event: TypeAlias = Connected | Unreachable | Heard | Wrote | Ended | Offered | Answered | Alarmed | LetGo


# What is to be done


class Dial(Value):
    """Open a connection, after so many seconds, with the handle of the session that it goes on with."""

    handle: str | None
    wait: float = 0.0


class Introduce(Value):
    """Write the setup."""


class Write(Value):
    """Write a frame; `Wrote` tells when it is out."""

    frame: Frame


class Hang(Value):
    """Close the connection, or give up dialling; `Ended` or `Unreachable` tells when it is done."""


class Begin(Value):
    """The session is open for the first time."""

    identity: str | None


class Deliver(Value):
    """Hand a message to whoever reads; it came in so many bytes."""

    item: Result[Any, GenaiError]
    size: int = 0


class Call(Value):
    """Run a function; `Answered` tells how it went."""

    identity: str
    call: FunctionCall


class Cancel(Value):
    """Stop functions, as nobody waits for them any more."""

    identities: tuple[str, ...]


class Alarm(Value):
    """Tell when so many seconds are over; the number is the connection's that is meant."""

    seconds: float
    number: int = 0


class Tell(Value):
    """Tell whoever listens to events."""

    news: News


class Finish(Value):
    """Nothing more is delivered: the session has ended, well or with a failure."""

    failure: Failure[GenaiError] | None = None


Action: TypeAlias = Dial | Introduce | Write | Hang | Begin | Deliver | Call | Cancel | Alarm | Tell | Finish
