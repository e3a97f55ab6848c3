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
from genai_fn.values import Value

__all__ = [
    "Ask",
    "AskAll",
    "AskWithin",
    "CallFunction",
    "CloseResource",
    "CommitTemp",
    "CreateTemp",
    "Effect",
    "EffectFailed",
    "Effects",
    "Emit",
    "FlowFailed",
    "GetFileSize",
    "GetRandom",
    "GetTime",
    "GetToken",
    "Notify",
    "OpenResource",
    "OpenResponse",
    "OpenStream",
    "ReadChunk",
    "ReadFileSlice",
    "ReadItems",
    "RunAll",
    "SendRequest",
    "Sleep",
    "Spawn",
    "StartAction",
    "WaitAny",
    "WriteTemp",
]

T = TypeVar("T")


class OpenResponse(Protocol):
    """An open exchange: the head of the answer is here, its body is still to be read."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...


class EffectFailed(Value):
    """What could not be had: `reused` says that it was asked on a connection that had served before."""

    error: GenaiError
    was_reused: bool = False


class GetTime(Value):
    """→ float: seconds of a clock that never goes back."""


class GetRandom(Value):
    """→ float: evenly from 0 up to 1."""


class Sleep(Value):
    """→ None, after so many seconds."""

    seconds: float


class GetToken(Value):
    """→ Credential | Lost: who we are, fresh enough to be used."""

    deadline: float


class SendRequest(Value):
    """
    → Exchange | Lost: send a request and read the head of its answer.

    `connect` bounds the dialling, in seconds; waiting for a lane counts towards the deadline. `fresh` asks for a
    connection that has not served before, for what may not be sent twice.
    """

    request: HttpRequest
    deadline: float
    connect_timeout: float
    needs_new_connection: bool = False


class ReadChunk(Value):
    """
    → bytes | Lost: the next piece of the body, still encoded; ``b""`` at its end.

    Bounded by the deadline (``TimedOut("total")``), and by so many seconds of silence (``TimedOut("idle")``).
    """

    response: OpenResponse
    deadline: float
    idle_timeout: float


class OpenResource(Value):
    """
    → None: registers a resource that the executor closes when the run ends, unless `CloseResource` does before.

    Its methods are ``close()``, from any thread, and, for async executors, ``abort()``, from any thread, and ``aclose()``.
    """

    resource: Any


class CloseResource(Value):
    """→ None: closes a response, a temporary file or another resource; a body read to its end frees the connection."""

    resource: Any


class CallFunction(Value):
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


class Notify(Value):
    """→ None: something happened, for whoever listens."""

    event: Any


class RunAll(Value):
    """→ tuple: what each program returns, run at once, in their order."""

    programs: tuple["Effects[Any]", ...]


class Spawn(Value):
    """→ a child: begin a program beside this one; it is ended with this one at the latest."""

    program: "Effects[Any]"


class WaitAny(Value):
    """→ one of the children, which has ended: its ``result()`` is what it returned, or raises what it raised."""

    children: tuple[Any, ...]


class GetFileSize(Value):
    """→ int | Lost: how many bytes a file has, by its path or open."""

    file: Any


class ReadFileSlice(Value):
    """→ bytes | Lost: so many bytes of an open file, from an offset on; fewer only at its end."""

    file: Any
    offset: int
    size: int


class CreateTemp(Value):
    """→ a draft | Lost: begin a file beside `path`, to take its place once it is kept; `Close` discards it else."""

    path: str


class WriteTemp(Value):
    """→ None | Lost: write on in a draft."""

    temp_file: Any
    data: bytes


class CommitTemp(Value):
    """→ Path | Lost: a draft becomes the file that it was begun for, all at once."""

    temp_file: Any


Effect: TypeAlias = (
    GetTime
    | GetRandom
    | Sleep
    | GetToken
    | SendRequest
    | ReadChunk
    | OpenResource
    | CloseResource
    | CallFunction
    | Emit
    | Notify
    | RunAll
    | Spawn
    | WaitAny
    | GetFileSize
    | ReadFileSlice
    | CreateTemp
    | WriteTemp
    | CommitTemp
)
Effects: TypeAlias = Generator[Effect, Any, T]


class Ask(Value):
    """→ Result: run an action to its end."""

    action: Any


class OpenStream(Value):
    """→ Result of an opaque handle: begin a server stream, up to its first item."""

    request: Any


class ReadItems(Value):
    """→ tuple of Results: the items that have come since; ``()`` at the end. A Failure is the last of all."""

    handle: Any


class StartAction(Value):
    """→ a child: begin an action and do not wait for it; ``Join`` says when it has ended."""

    action: Any


class AskAll(Value):
    """→ tuple of Results: run actions at once, in their order."""

    actions: tuple[Any, ...]


class AskWithin(Value):
    """→ Result: run an action that must end in so many seconds, whatever it takes."""

    action: Any
    seconds: float


class FlowFailed(Exception):  # noqa: N818  # no error: how ``ask`` leaves a flow
    """Carries the failure of an ``ask`` out of the flow that asked."""

    def __init__(self, error: GenaiError) -> None:
        super().__init__(error)
        self.error = error
