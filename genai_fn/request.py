"""
The values that programs build: `Request` (one answer), `Stream` (many), `Flow` (several steps), `Live` (a session).

An `Operation` returns the `Call` that executes it on each backend, a `LiveOperation` its `Handshake`, or a `Refusal`.
Nothing here does I/O: interpreters do.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    get_args,
    overload,
)

from msgspec import Struct, field
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.backend import Gemini, Vertex
from genai_fn.effects import Ask
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.http import Body, Headers, HttpResponse
from genai_fn.options import Options
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = [
    "DELETE",
    "GET",
    "PATCH",
    "POST",
    "Action",
    "Call",
    "Description",
    "Flow",
    "FlowGenerator",
    "FlowTraits",
    "Handshake",
    "Live",
    "LiveOperation",
    "Modifier",
    "Operation",
    "Refusal",
    "Request",
    "ResponseReader",
    "Stream",
    "flow",
    "is_spawning",
    "kind_of",
    "read_body_chunks",
    "read_events",
    "read_json",
    "read_whole_response",
    "start_generator",
    "stream",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
W = TypeVar("W")
M = TypeVar("M")
P = ParamSpec("P")

FlowGenerator: TypeAlias = Generator[Any, Any, T]
"""The generator of a running flow: it yields commands and effects, receives their answers, and returns a T."""


# Operations


class ResponseReader(Value, Generic[T_co]):
    """
    How to read a response: the type that its JSON is decoded into, and a function that converts it to the public type.

    An empty body is accepted only if it `may_be_empty`, as after deleting or cancelling. `parse` decodes the JSON in
    place of the usual decoder of the type; it raises the same errors.
    """

    wire_type: Any
    convert: Callable[[Any], Any] | None = None
    is_streamed: bool = False
    with_http_response: bool = False
    may_be_empty: bool = False
    parse: Callable[[bytes | memoryview], Any] | None = None


class Call(Value, Generic[T_co]):
    """
    One HTTP request and how to read its response.

    `path` is relative to the backend's root. On Vertex AI the project and location precede it, unless `omit_project` is
    set or it begins with ``projects/``; ``{project}`` and ``{location}`` in it are replaced. An `absolute` path is a
    whole URL. A body of bytes or a file slice is sent as it is, any other as JSON. `headers` override all others.
    """

    method: str
    path: str
    reader: ResponseReader[T_co]
    body: Any = None
    query: tuple[tuple[str, str], ...] = ()
    omit_project: bool = False
    absolute: bool = False
    headers: Headers = ()


class Handshake(Value, Generic[T_co]):
    """
    How a session is opened over a WebSocket, and how to read its messages.

    `path` is relative to the backend's URL without its version, which replaces ``{version}``; an empty path is that URL
    itself. `setup` is the first message of the client. `message_type` is the type of the server's messages, which
    `convert` converts to the public type.
    """

    path: str
    setup: Message
    message_type: Any
    convert: Callable[[Any], Any] | None = None


class Refusal(Value):
    """Why a backend does not support an operation."""

    reason: str


@overload
def read_json(kind: type[T]) -> ResponseReader[T]: ...
@overload
def read_json(kind: type[W], read: Callable[[W], T]) -> ResponseReader[T]: ...
def read_json(kind: Any, read: Callable[[Any], Any] | None = None) -> ResponseReader[Any]:
    """Read one JSON document."""
    return ResponseReader(kind, read)


def read_whole_response(read: Callable[[HttpResponse], T]) -> ResponseReader[T]:
    """Read a whole response, such as one that is not JSON, or whose headers matter."""
    return ResponseReader(HttpResponse, read)


def read_events(kind: type[T]) -> ResponseReader[T]:
    """Read server-sent events, each a JSON document."""
    return ResponseReader(kind, is_streamed=True)


def read_body_chunks() -> ResponseReader[bytes]:
    """Read a body in chunks, as bytes."""
    return ResponseReader(bytes, is_streamed=True)


def GET(  # noqa: N802  # as HTTP spells it
    path: str, reader: ResponseReader[T], *, query: tuple[tuple[str, str], ...] = (), omit_project: bool = False
) -> Call[T]:
    """Read a resource."""
    return Call("GET", path, reader, None, query, omit_project)


def POST(  # noqa: N802  # as HTTP spells it
    path: str,
    body: Message | Body | None,
    reader: ResponseReader[T],
    *,
    query: tuple[tuple[str, str], ...] = (),
    headers: Headers = (),
    absolute: bool = False,
) -> Call[T]:
    """Create a resource, or call a method."""
    return Call("POST", path, reader, body, query, absolute=absolute, headers=headers)


def PATCH(path: str, body: Message | None, reader: ResponseReader[T]) -> Call[T]:  # noqa: N802  # as HTTP spells it
    """Update fields of a resource."""
    return Call("PATCH", path, reader, body)


def DELETE(path: str, reader: ResponseReader[T], *, query: tuple[tuple[str, str], ...] = ()) -> Call[T]:  # noqa: N802  # as HTTP spells it
    """Delete a resource; the response may be empty."""
    return Call("DELETE", path, replace(reader, may_be_empty=True), None, query)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Operation(Message, Generic[T_co], gc=True):
    """
    One kind of API call: the fields are its parameters, the two methods its HTTP requests on the two backends.

    `op` is its name, such as ``caches.update``. `repeatable` is False for calls that must not happen twice: they are
    not retried once any byte was sent. Of those, a `resumable` one can be queried for what it has done, so it may use a
    kept-alive connection. `has_text`: ``| text`` accepts it.

    >>> from genai_fn import models
    >>> models.get("gemini-2.5-flash").operation.model
    'gemini-2.5-flash'
    """

    op: ClassVar[str]
    repeatable: ClassVar[bool] = True
    resumable: ClassVar[bool] = False
    has_text: ClassVar[bool] = False
    takes_functions: ClassVar[bool] = False
    """Whether ``| calling(…)`` applies: its config declares functions, and its response may call them."""
    is_list: ClassVar[bool] = False
    """Whether it returns one page of a list, and takes a ``page_token`` in its config."""
    is_lookup: ClassVar[bool] = False
    """Whether it reads the state of long-running work, so that ``| until_done()`` repeats it."""

    def gemini(self, at: Gemini) -> Call[T_co] | Refusal:
        """Build the call on the Gemini Developer API, or refuse it."""
        raise NotImplementedError

    def vertex(self, at: Vertex) -> Call[T_co] | Refusal:
        """Build the call on Vertex AI, or refuse it."""
        raise NotImplementedError

    def get_streaming_operation(self) -> "Operation[T_co] | None":
        """Return the operation that streams the same answer, if there is one."""
        return None


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class LiveOperation(Message, Generic[T_co], gc=True):
    """
    One kind of live session: the fields are its parameters, the two methods its handshakes on the two backends.

    `op` is its name, such as ``live.connect``.
    """

    op: ClassVar[str]

    def gemini(self, at: Gemini) -> Handshake[T_co] | Refusal:
        """Build the handshake with the Gemini Developer API, or refuse it."""
        raise NotImplementedError

    def vertex(self, at: Vertex) -> Handshake[T_co] | Refusal:
        """Build the handshake with Vertex AI, or refuse it."""
        raise NotImplementedError


def kind_of(operation: Operation[Any] | LiveOperation[Any] | type[Operation[Any]] | type[LiveOperation[Any]]) -> Any:
    """
    Return the type of an operation's answer, or of a session's messages: the type argument of its base class.

    >>> from genai_fn import files
    >>> kind_of(files.get("abc").operation)
    <class 'genai_fn.schema.files.File'>
    """
    return _find_type_argument(operation if isinstance(operation, type) else type(operation))


@functools.cache
def _find_type_argument(kind: type[Any]) -> Any:
    bases = (base for each in kind.__mro__ for base in getattr(each, "__orig_bases__", ()))
    return next((each for base in bases for each in get_args(base)), Any)


# Requests, flows, streams, sessions


class FlowTraits(Value):
    """What modifiers and interpreters may do with a flow or a stream; it belongs to the builder, see `flow`."""

    streamed_builder: Callable[..., Any] | None = None
    """Builder of the stream that yields the same in chunks; without one, ``| streamed`` is refused."""
    passes_calling: bool = False
    """Whether ``| calling(…)`` applies to the flow's source; otherwise it is refused."""
    deadline_at_root: bool = False
    """Whether a deadline is set on the root request, and the flow keeps it; otherwise the whole flow is bounded."""
    spawns: bool = False
    """Whether it starts actions of its own, so that an async reader needs ``async with``."""
    is_server_stream: bool = False
    """Whether it is one request that the server streams: its source."""
    is_gathering: bool = False
    """Whether its first argument is actions, whose results it emits, so that ``| batched()`` applies."""
    reads_result: bool = False
    """Whether it runs its source once and makes a value of the result, so that the result may come from a batch."""
    method: str | None = None
    """Name of the method that builds it, such as ``map``."""
    calls_function: bool = False
    """Whether it is one call of a function by a model."""


class _Source(Value):
    """A value whose repr is the Python code that builds it."""

    def __repr__(self) -> str:
        from genai_fn.source_code import write_short  # noqa: PLC0415  # not needed to run a request

        try:
            return write_short(self)
        except Exception:  # noqa: BLE001  # a repr must not raise, whatever the values of a user do
            return Struct.__repr__(self)


class _Description(_Source):
    """A value that modifiers apply to."""

    def __or__(self, modifier: Callable[[Self], U]) -> U:
        return _check_modifier(modifier)(self)


class _Action(_Description, Generic[T_co]):
    """A description with one result: the methods of requests and flows."""

    def map(self, f: Callable[[T_co], U]) -> "Flow[U]":
        """Return a flow that applies a function to the value."""
        return Flow(_map_result, self, (f,))

    def bind(self, f: "Callable[[T_co], Request[U] | Flow[U]]") -> "Flow[U]":
        """Return a flow that runs the action that a function returns for the value."""
        return Flow(_bind_result, self, (f,))

    def lash(self, f: "Callable[[GenaiError], Request[U] | Flow[U]]") -> "Flow[T_co | U]":
        """Return a flow that, after a failure, runs the action that a function returns for the error."""
        return Flow(_lash_result, self, (f,))


class _Derived(_Description):
    """A flow or a stream: the builder that was called, and its arguments."""

    builder: Callable[..., Any]
    source: Any = None
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    @property
    def traits(self) -> FlowTraits:
        """The traits of its builder."""
        return self.builder.traits  # type: ignore[attr-defined,no-any-return]  # `flow` or `stream` set it

    def __reduce__(self) -> Any:
        """Pickle it as a list of steps, so that a chain of ``bind`` may have any length."""
        steps: list[Any] = []
        source: Any = self
        while isinstance(source, _Derived):
            steps.append((type(source), source.builder, source.args, source.kwargs))
            source = source.source
        return _rebuild_chain, (source, tuple(reversed(steps)))


def _rebuild_chain(source: Any, steps: tuple[Any, ...]) -> Any:
    for kind, builder, args, kwargs in steps:
        source = kind(builder, source, args, kwargs)
    return source


class Flow(_Derived, _Action[T_co]):
    """
    Several steps that end in one T: a value, which an interpreter runs.

    It contains the builder that was called (whose ``__wrapped__`` is the generator function), the `source` that a
    modifier or method was applied to, and the other arguments; so it can be compared and pickled.

    >>> from genai_fn import Offline, chats
    >>> Offline()(chats.send(chats.start("gemini-2.5-flash"), "hi")).unwrap().answer.text[:4]
    'I am'
    """


class Request(_Action[T_co]):
    """
    One API call that returns a T: an operation, and the options of the call.

    >>> from genai_fn import generate, with_config
    >>> request = generate("gemini-2.5-flash", "Why is the sky blue?") | with_config(temperature=0.2)
    >>> request == generate("gemini-2.5-flash", "Why is the sky blue?", {"temperature": 0.2})
    True
    """

    operation: Operation[T_co]
    options: Options = Options()


class Stream(_Derived, Generic[T_co]):
    """
    A stream of T: a value as a `Flow` is, whose generator emits items.

    >>> from genai_fn import Offline, generate, streamed, text
    >>> with Offline().stream(generate("gemini-2.5-flash", "hi") | streamed | text) as items:
    ...     print(next(items))
    <Success: I am an offline model in>
    """


class Live(_Description, Generic[T_co]):
    """
    A live session, in which the server sends messages of type T.

    `calling_options` are those of ``calling(…)``: the functions that the model may call.

    >>> from genai_fn import live, with_config
    >>> (live.connect("gemini-live-2.5-flash-preview") | with_config(temperature=0.2)).operation.config.temperature
    0.2
    """

    operation: LiveOperation[T_co]
    options: Options = Options()
    calling_options: Any = None


Action: TypeAlias = Request[T] | Flow[T]
Description: TypeAlias = Request[Any] | Flow[Any] | Stream[Any]


_NO_DESCRIPTION: Any = object()


class Modifier(_Source):
    """
    A function from one request, flow or stream to another, as a value.

    It is applied by ``request | modifier``, and composed by ``modifier | modifier``.
    Its subclasses differ in their types, and in whether they accept a `Live` as well.

    >>> from genai_fn import Offline, generate, text, with_config, with_system
    >>> briefly = with_system("Be brief.") | with_config(max_output_tokens=5) | text
    >>> Offline()(generate("gemini-2.5-flash", "Why is the sky blue?") | briefly)
    <Success: I am an offline model>
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    takes_live: ClassVar[bool] = False

    if TYPE_CHECKING:  # subclasses have narrower types, which could not override a default

        def __call__(self, description: Any) -> Any: ...
    else:

        def __call__(self, description: Any = _NO_DESCRIPTION) -> Any:
            if description is _NO_DESCRIPTION:
                raise TypeError(f"{self!r} is a modifier already: write … | {self!r}, without () after it")
            if isinstance(description, Live) and not self.takes_live:
                expected = "a modifier that shapes a session: with_config(…), calling(…) and the like"
                raise InvalidRequest("|", self, expected)
            if not isinstance(description, (Request, Flow, Stream, Live)):
                raise InvalidRequest("|", description, "a Request, a Flow or a Stream before a modifier, or a Live")
            return self.function(description, *self.args)

    def __or__(self, following: "Modifier") -> "Modifier":
        return _ComposedModifier(_apply_in_order, (self, _check_modifier(following)))


class _ComposedModifier(Modifier):
    takes_live: ClassVar[bool] = True  # each of its parts checks for itself


def _apply_in_order(description: Any, *modifiers: Modifier) -> Any:
    return functools.reduce(lambda value, modifier: value | modifier, modifiers, description)


def _check_modifier(value: M) -> M:
    if not isinstance(value, Modifier):
        raise InvalidRequest("|", value, "a modifier, such as with_config(…), called where it has parameters")
    return value


# Builders


_FlowFunction: TypeAlias = Callable[P, FlowGenerator[Result[T, GenaiError]]]
_StreamFunction: TypeAlias = Callable[P, FlowGenerator[None]]


@overload
def flow(generator: _FlowFunction[P, T]) -> Callable[P, Flow[T]]: ...
@overload
def flow(*, traits: FlowTraits) -> Callable[[_FlowFunction[P, T]], Callable[P, Flow[T]]]: ...
def flow(generator: Any = None, *, traits: FlowTraits = FlowTraits()) -> Any:  # noqa: B008  # a frozen value
    """
    Turn a generator function into a builder of `Flow` values; calling the builder runs nothing.

    The generator yields from ``ask``, ``attempt`` and ``sleep``, and returns ``Success`` or ``Failure``.

    Args:
        generator: The generator function.

        traits: What modifiers may do with the flow: ``@flow(traits=FlowTraits(…))``.

    >>> from genai_fn import Success, ask, generate, text
    >>> @flow
    ... def summarize(document):
    ...     summary = yield from ask(generate("gemini-2.5-flash", ["Summarize:", document]) | text)
    ...     return Success(summary)
    >>> summarize("…") == summarize("…")
    True
    """
    return _decorate(generator, Flow, traits)


@overload
def stream(generator: _StreamFunction[P]) -> Callable[P, Stream[Any]]: ...
@overload
def stream(*, traits: FlowTraits) -> Callable[[_StreamFunction[P]], Callable[P, Stream[Any]]]: ...
def stream(generator: Any = None, *, traits: FlowTraits = FlowTraits(spawns=True)) -> Any:  # noqa: B008  # a frozen value
    """
    Turn a generator function into a builder of `Stream` values; calling the builder runs nothing.

    The generator yields from ``emit`` and what a `flow` yields from, and returns nothing.

    Args:
        generator: The generator function.

        traits: What modifiers may do with the stream. By default it may start actions of its own.

    >>> from genai_fn import Offline, Success, ask, collected, emit, generate, text
    >>> @stream
    ... def answers(questions):
    ...     for question in questions:
    ...         yield from emit(Success((yield from ask(generate("gemini-2.5-flash", question) | text))))
    >>> len(Offline()(answers(("one", "two")) | collected).unwrap())
    2
    """
    return _decorate(generator, Stream, traits)


def _decorate(generator: Callable[..., Any] | None, kind: Any, traits: FlowTraits) -> Any:
    if generator is None:
        return functools.partial(_decorate, kind=kind, traits=traits)
    if inspect.iscoroutinefunction(generator) or inspect.isasyncgenfunction(generator):
        raise InvalidRequest(generator.__qualname__, generator, f"{_GENERATOR_HINT}, not async def")

    @functools.wraps(generator)
    def build(*args: Any, **kwargs: Any) -> Any:
        return kind(build, None, args, tuple(sorted(kwargs.items())))

    build.traits = traits  # type: ignore[attr-defined]  # as functools.wraps sets __wrapped__
    return build


def is_spawning(description: Any) -> bool:
    """Return whether a description, or any of its sources, starts actions of its own."""
    while isinstance(description, Flow | Stream):
        if description.traits.spawns:
            return True
        description = description.source
    return False


def start_generator(description: Flow[Any] | Stream[Any]) -> FlowGenerator[Any]:
    """Call the generator function of a flow or a stream. Raises `InvalidRequest` if it is none."""
    generator = description.builder.__wrapped__  # type: ignore[attr-defined]  # functools.wraps set it
    source = () if description.source is None else (description.source,)
    started: Any = generator(*source, *description.args, **dict(description.kwargs))
    if not issubclass(type(started), Generator):
        name = f"{description.builder.__qualname__}()"
        raise InvalidRequest(name, started, f"{_GENERATOR_HINT}; a function without needs no @flow")
    return started  # type: ignore[no-any-return]  # a builder's


_GENERATOR_HINT = "a generator function, which contains yield from ask(…) or the like"


@flow(traits=FlowTraits(method="map", reads_result=True))
def _map_result(of: Action[T], f: Callable[[T], U]) -> FlowGenerator[Result[U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    mapped = result.map(f)
    if isinstance(mapped, Success) and isinstance(mapped.unwrap(), (Request, Flow)):
        expected = "a function that returns a value; .bind(f) runs the action that f returns"
        raise InvalidRequest("map", mapped.unwrap(), expected)
    return mapped


@flow(traits=FlowTraits(method="bind"))
def _bind_result(of: Action[T], f: Callable[[T], Action[U]]) -> FlowGenerator[Result[U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    if isinstance(result, Failure):
        return result
    following: Result[U, GenaiError] = yield Ask(_check_action(f(result.unwrap()), f))
    return following


@flow(traits=FlowTraits(method="lash"))
def _lash_result(of: Action[T], f: Callable[[GenaiError], Action[U]]) -> FlowGenerator[Result[T | U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    if isinstance(result, Success):
        return result
    following: Result[U, GenaiError] = yield Ask(_check_action(f(result.failure()), f))
    return following


def _check_action(value: Action[T], function: Callable[..., Any]) -> Action[T]:
    if not isinstance(value, (Request, Flow)):  # pyright: ignore[reportUnnecessaryIsInstance]  # a user function may return anything
        raise InvalidRequest(
            getattr(function, "__qualname__", repr(function)), value, "a function that returns a Request or a Flow"
        )
    return value
