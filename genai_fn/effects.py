"""
Effects, which programs yield to executors, and commands, which flows yield to the engine.

A program is a generator of effects. An executor performs each effect and sends its result into the generator; below,
the type of the result follows the arrow (→). An I/O effect that fails or exceeds its deadline returns `EffectFailed`,
which the program handles. A deadline is absolute, in seconds of the clock that `GetTime` reads. A program never yields
in ``finally``: the executor closes the resources that the program opened.
"""

from collections.abc import Callable, Generator, Mapping
from math import inf
from typing import Any, Protocol, TypeAlias, TypeVar

from genai_fn.errors import GenaiError, TimedOut
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
    "Explain",
    "FlowFailed",
    "GetBackend",
    "GetFileSize",
    "GetRandom",
    "GetTime",
    "GetToken",
    "Notify",
    "OpenResource",
    "OpenResponse",
    "OpenStream",
    "Race",
    "ReadChunk",
    "ReadFileSlice",
    "ReadItems",
    "ReadNext",
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
    """An HTTP response whose head has arrived, and whose body `ReadChunk` reads."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...


class EffectFailed(Value):
    """The result of an effect that failed. `was_reused`: its connection had served an earlier request."""

    error: GenaiError
    was_reused: bool = False


class GetTime(Value):
    """→ float: the seconds of a monotonic clock."""


class GetRandom(Value):
    """→ float: a random number from 0 up to 1, uniformly distributed."""


class Sleep(Value):
    """
    → None, after a number of seconds.

    >>> from genai_fn import Success, flow, sleep
    >>> from genai_fn.testing import perform
    >>> @flow
    ... def wait(seconds):
    ...     yield from sleep(seconds)
    ...     return Success("done")
    >>> perform(wait(5), [(Sleep(5), None)])
    <Success: done>
    """

    seconds: float


class GetToken(Value):
    """
    → Credential | EffectFailed: the OAuth credential of the backend, refreshed if it has expired.

    `refused`: a credential that the server has refused, which is refreshed if it is still the current one. `backend`:
    another backend than the interpreter's, which ``with_options`` has set.
    """

    deadline: float
    refused: Any = None
    backend: Any = None


class SendRequest(Value):
    """
    → OpenResponse | EffectFailed: send an HTTP request, and read the head of its response.

    `connect_timeout` bounds opening a connection, in seconds; waiting for a free one counts towards the deadline.
    `needs_new_connection` rules out a kept-alive one, for requests that must not be sent twice.
    """

    request: HttpRequest
    deadline: float
    connect_timeout: float
    needs_new_connection: bool = False


class ReadChunk(Value):
    """
    → bytes | EffectFailed: the next chunk of the body, still encoded; ``b""`` at its end.

    It fails at the deadline (``TimedOut("total")``), and after `idle_timeout` seconds without a byte
    (``TimedOut("idle")``).
    """

    response: OpenResponse
    deadline: float
    idle_timeout: float


class OpenResource(Value):
    """
    → None: registers a resource, which the executor closes when the run ends, unless `CloseResource` already has.

    Sync executors call its ``close()``, from any thread; async ones ``abort()``, from any thread, and ``aclose()``.
    """

    resource: Any


class CloseResource(Value):
    """
    → None: closes a response, a temporary file or another resource, or stops a child.

    The connection of a response can be reused only if the body was read to its end. A child is stopped at once, and not
    awaited: what it has opened is closed, such as its connection, and it sends nothing further. In sync code, a user
    function that it calls goes on, which nothing can end, and the run ends only after that.
    """

    resource: Any


class CallFunction(Value):
    """
    → the return value of a user function; what it raises is raised in the program.

    `in_thread`: the function may block, so async executors run it in a thread, unless it is async. After the seconds
    of `timeout`, an async executor cancels an async function, or abandons a thread, and raises `FlowFailed`.

    A function may return a ``concurrent.futures.Future``, which does not block: all executors wait for its value, at
    most for `timeout`, and cancel it if they stop waiting.

    `tool_call`: the `FunctionCall` of a model, if it has called the function.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    in_thread: bool = False
    timeout: float = inf
    tool_call: Any = None

    def build_timeout_error(self) -> TimedOut:
        """Build the error for a function that takes too long."""
        return TimedOut("total", f"calling {self.function_name}")

    @property
    def function_name(self) -> str:
        """The name of the function for messages; an object that is called may have a `name`."""
        function = self.function
        if function is anext:
            return "the iterable"  # ``gather`` and ``embed_many`` read it
        name: object = getattr(function, "__qualname__", None) or getattr(function, "name", None)
        return name if isinstance(name, str) else type(function).__name__


class Emit(Value):
    """→ an ignored value: passes an item of a stream to its reader."""

    item: Any


class Notify(Value):
    """→ None: calls the event listener of the interpreter."""

    event: Any


class RunAll(Value):
    """→ tuple: runs programs concurrently; their return values have the order of the programs."""

    programs: tuple["Effects[Any]", ...]


class Race(Value):
    """
    → tuple: runs programs concurrently until one returns a value that `is_won` accepts, then stops the others at once.

    The return values have the order of the programs; that of one that was stopped is None. What a stopped program has
    opened is closed, such as its connection; what the accepted one leaves open stays open, and belongs to the program
    that yields this. An exception of one stops the others, too, and is raised. Sync executors wait for a user function
    that a stopped program calls, which nothing can end.
    """

    programs: tuple["Effects[Any]", ...]
    is_won: Callable[[Any], bool]


class Spawn(Value):
    """→ a child: starts a program that runs concurrently. `CloseResource` stops it, and so does the end of the run."""

    program: "Effects[Any]"


class WaitAny(Value):
    """→ one of the children, as soon as one has ended: its ``result()`` returns or raises what the program did."""

    children: tuple[Any, ...]


class GetFileSize(Value):
    """→ int | EffectFailed: the size in bytes of a file, which is a path or an open file."""

    file: Any


class ReadFileSlice(Value):
    """→ bytes | EffectFailed: up to `size` bytes of an open file from an offset; fewer only at its end."""

    file: Any
    offset: int
    size: int


class CreateTemp(Value):
    """
    → a temporary file | EffectFailed: creates it in the folder of the file at `path`.

    `CommitTemp` replaces that file with it; `CloseResource` removes it if it was not committed.
    """

    path: str


class WriteTemp(Value):
    """→ None | EffectFailed: append to a temporary file."""

    temp_file: Any
    data: bytes | bytearray


class CommitTemp(Value):
    """→ Path | EffectFailed: atomically replace the file at the path by the temporary file."""

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
    | Race
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
    """
    → Result: run an action to its end.

    >>> from genai_fn import Success, ask, files, flow
    >>> from genai_fn.schema import File
    >>> from genai_fn.testing import perform
    >>> @flow
    ... def read_name(name):
    ...     file = yield from ask(files.get(name))
    ...     return Success(file.display_name)
    >>> perform(read_name("abc"), [(Ask(files.get("abc")), File(display_name="tea"))])
    <Success: tea>
    """

    action: Any


class OpenStream(Value):
    """
    → Result of an opaque handle: open a server stream, up to its first item.

    >>> from genai_fn import generate, joined, streamed, text
    >>> from genai_fn.testing import perform
    >>> question = generate("gemini-2.5-flash", "hi") | streamed
    >>> perform(question | text | joined, [(OpenStream(question.source), ["hel", "lo"])])
    <Success: hello>
    """

    request: Any


class ReadItems(Value):
    """→ tuple of Results: the next items of a stream; ``()`` at its end. No item follows a Failure."""

    handle: Any


class ReadNext(Value):
    """→ Result or None: the next item of a stream, given as the stepper of its generator; None at its end."""

    stepper: Any


class StartAction(Value):
    """
    → a child: start an action without waiting for it; `WaitAny` waits for its end.

    The engine stops it when the flow that has started it ends, or the stream, or when a stream is left.
    """

    action: Any


class AskAll(Value):
    """→ tuple of Results: run actions concurrently; the results have the order of the actions."""

    actions: tuple[Any, ...]


class AskWithin(Value):
    """→ Result: run an action with a time limit in seconds, for all of it."""

    action: Any
    seconds: float


class GetBackend(Value):
    """→ Gemini | Vertex | None: the backend that receives the requests; None where there is none, as in a `Fake`."""


class Explain(Value):
    """→ Result of a text: the first request of an action or stream, as a curl command. Nothing is sent."""

    description: Any


class FlowFailed(Exception):  # control flow: ``ask`` leaves a flow by it
    """Ends a flow with a failure. ``ask`` raises it when its action fails, executors when they are closed."""

    def __init__(self, error: GenaiError) -> None:
        super().__init__(error)
        self.error = error
