"""
What the engine asks of the world: the effects a program yields, and what a driver sends back for each.

A program is a generator of these. A driver performs each within the deadline that it carries and sends the answer in;
time running out is an answer like any other (`Lost`), and the program decides. A program never yields in ``finally``:
the driver closes what it opened. Deadlines are absolute, in seconds of the clock that `Now` reads.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from genai_fn.errors import GenaiError
from genai_fn.http import Headers, HttpRequest
from genai_fn.schema._base import Value

__all__ = [
    "Close",
    "Draft",
    "Effect",
    "Effects",
    "Emit",
    "Exchange",
    "Invoke",
    "Join",
    "Keep",
    "Lost",
    "Measure",
    "Now",
    "Open",
    "Random",
    "Read",
    "ReadSlice",
    "Sleep",
    "Spawn",
    "Tell",
    "Together",
    "Token",
    "Write",
]

T = TypeVar("T")


class Exchange(Protocol):
    """An open exchange: the head of the answer is here, its body is still to be read."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...


class Lost(Value):
    """What could not be had: `reused` says that it was asked on a connection that had served before."""

    error: GenaiError
    reused: bool = False


class Now(Value):
    """→ float: seconds of a clock that never goes back."""


class Random(Value):
    """→ float: evenly from 0 up to 1."""


class Sleep(Value):
    """→ None, after so many seconds."""

    seconds: float


class Token(Value):
    """→ Credential | Lost: who we are, fresh enough to be used."""

    deadline: float


class Open(Value):
    """
    → Exchange | Lost: send a request and read the head of its answer.

    `connect` bounds the dialling, in seconds; waiting for a lane counts towards the deadline. `fresh` asks for a
    connection that has not served before, for what may not be sent twice.
    """

    request: HttpRequest
    deadline: float
    connect: float
    fresh: bool = False


class Read(Value):
    """
    → bytes | Lost: the next piece of the body, still encoded; ``b""`` at its end.

    Bounded by the deadline (``TimedOut("total")``), and by so many seconds of silence (``TimedOut("idle")``).
    """

    exchange: Exchange
    deadline: float
    idle: float


class Close(Value):
    """→ None: done with an exchange, or a draft; a body read to its end leaves the connection for the next."""

    exchange: Any


class Invoke(Value):
    """
    → what the caller's own function returns; what it raises is raised in the program.

    `in_thread` says that it may take its time: where others would wait for it, it runs in a thread, unless it is async.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    in_thread: bool = False


class Emit(Value):
    """→ None: an item of a stream, for whoever reads it."""

    item: Any


class Tell(Value):
    """→ None: something happened, for whoever listens."""

    event: Any


class Together(Value):
    """→ tuple: what each program returns, run at once, in their order."""

    programs: tuple["Effects[Any]", ...]


class Spawn(Value):
    """→ a child: begin a program beside this one; it is ended with this one at the latest."""

    program: "Effects[Any]"


class Join(Value):
    """→ one of the children, which has ended: its ``result()`` is what it returned, or raises what it raised."""

    children: tuple[Any, ...]


class Measure(Value):
    """→ int | Lost: how many bytes a file has, by its path or open."""

    file: Any


class ReadSlice(Value):
    """→ bytes | Lost: so many bytes of an open file, from an offset on; fewer only at its end."""

    file: Any
    offset: int
    size: int


class Draft(Value):
    """→ a draft | Lost: begin a file beside `path`, to take its place once it is kept; `Close` discards it else."""

    path: str


class Write(Value):
    """→ None | Lost: write on in a draft."""

    draft: Any
    data: bytes


class Keep(Value):
    """→ Path | Lost: a draft becomes the file that it was begun for, all at once."""

    draft: Any


Effect: TypeAlias = (
    Now
    | Random
    | Sleep
    | Token
    | Open
    | Read
    | Close
    | Invoke
    | Emit
    | Tell
    | Together
    | Spawn
    | Join
    | Measure
    | ReadSlice
    | Draft
    | Write
    | Keep
)
Effects: TypeAlias = Generator[Effect, Any, T]
