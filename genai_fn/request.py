"""
Descriptions, the values that people build: `Request` (one answer), `Stream` (many), `Flow` (several steps), `Live` (a
session); and what they are made of.

An `Operation` says which `Call` it is on each backend, a `LiveOperation` which `Opening`, or why there is none. Nothing
here does anything: interpreters do.
"""

import functools
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Generic, ParamSpec, TypeAlias, TypeVar, dataclass_transform, get_args, overload

from msgspec import field
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
"""A flow under way: yields words and effects, is sent their answers, and returns a T."""


# What an operation is made of


class ResponseReader(Value, Generic[T_co]):
    """
    How to read what comes back: the type that JSON is decoded into, and a function from there to the public type.

    No body at all is an answer only where it `may_be_empty`, as for what was deleted or cancelled.
    """

    wire_type: Any
    convert: Callable[[Any], Any] | None = None
    is_streamed: bool = False
    with_http_response: bool = False
    may_be_empty: bool = False


class Call(Value, Generic[T_co]):
    """
    One exchange over HTTP.

    `path` is relative to the backend's root; on Vertex the project and location are put before it, unless it is `bare`
    or begins with ``projects/``. ``{project}`` and ``{location}`` in it are filled in. An `absolute` one is a whole
    address, and goes out as it is. Bytes and file slices are a body as they are, anything else becomes JSON. `headers`
    are the call's own, and nobody else's take their place.
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
    How a session is opened over a WebSocket, and how to read what is said in it.

    `path` is relative to the backend's address without its version, which takes the place of ``{version}``; an empty
    one is that very address. `setup` is the first message. `message` is the type of theirs, `read` a function from
    there to the public type, and `unknown` makes a message of the ``raw`` text of one of which nothing is known.
    """

    path: str
    setup: Message
    message_type: Any
    convert: Callable[[Any], Any] | None = None
    build_unknown: Callable[..., T_co] | None = None


class Refusal(Value):
    """Why a backend does not have an operation."""

    reason: str


@overload
def read_json(kind: type[T]) -> ResponseReader[T]: ...
@overload
def read_json(kind: type[W], read: Callable[[W], T]) -> ResponseReader[T]: ...
def read_json(kind: Any, read: Callable[[Any], Any] | None = None) -> ResponseReader[Any]:
    """Read one JSON document."""
    return ResponseReader(kind, read)


def read_whole_response(read: Callable[[HttpResponse], T]) -> ResponseReader[T]:
    """Read a response that is no JSON, or whose headers count."""
    return ResponseReader(HttpResponse, read)


def read_events(kind: type[T]) -> ResponseReader[T]:
    """Read server-sent events, one JSON document each."""
    return ResponseReader(kind, is_streamed=True)


def read_body_chunks() -> ResponseReader[bytes]:
    """Read a body as it comes, whatever is in it."""
    return ResponseReader(bytes, is_streamed=True)


def GET(  # noqa: N802  # HTTP's own word
    path: str, reader: ResponseReader[T], *, query: tuple[tuple[str, str], ...] = (), omit_project: bool = False
) -> Call[T]:
    """Fetch."""
    return Call("GET", path, reader, None, query, omit_project)


def POST(  # noqa: N802  # HTTP's own word
    path: str,
    body: Message | Body | None,
    reader: ResponseReader[T],
    *,
    query: tuple[tuple[str, str], ...] = (),
    headers: Headers = (),
    absolute: bool = False,
) -> Call[T]:
    """Create, or call a method."""
    return Call("POST", path, reader, body, query, absolute=absolute, headers=headers)


def PATCH(path: str, body: Message | None, reader: ResponseReader[T]) -> Call[T]:  # noqa: N802  # HTTP's own word
    """Change some fields."""
    return Call("PATCH", path, reader, body)


def DELETE(path: str, reader: ResponseReader[T], *, query: tuple[tuple[str, str], ...] = ()) -> Call[T]:  # noqa: N802  # HTTP's own word
    """Remove; what comes back may be nothing."""
    return Call("DELETE", path, replace(reader, may_be_empty=True), None, query)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Operation(Message, Generic[T_co], gc=True):
    """
    One kind of call of the API: its fields are the parameters, its two methods the two backends.

    `op` is its name, as in ``caches.update``. `repeatable` is False for what must not happen twice: it is not tried
    again once bytes went out. `resumable` says of such that one can ask what became of it, so that it may be sent on a
    connection that has served before. `has_text` says that ``| text`` makes sense of what it answers.
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
        """Say what is sent to the Gemini Developer API."""
        raise NotImplementedError

    def vertex(self, at: Vertex) -> Call[T_co] | Refusal:
        """Say what is sent to Vertex AI."""
        raise NotImplementedError

    def get_streaming_operation(self) -> "Operation[T_co] | None":
        """Name the operation that answers the same in pieces, if there is one."""
        return None


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class LiveOperation(Message, Generic[T_co], gc=True):
    """
    One kind of session: its fields are the parameters, its two methods the two backends.

    `op` is its name, as in ``live.connect``.
    """

    op: ClassVar[str]

    def gemini(self, at: Gemini) -> Handshake[T_co] | Refusal:
        """Say how it is opened at the Gemini Developer API."""
        raise NotImplementedError

    def vertex(self, at: Vertex) -> Handshake[T_co] | Refusal:
        """Say how it is opened at Vertex AI."""
        raise NotImplementedError


def kind_of(operation: Operation[Any] | LiveOperation[Any] | type[Operation[Any]] | type[LiveOperation[Any]]) -> Any:
    """
    Say what an operation is answered with, or what is said in a session: the T of its class, or of one above it.

    >>> from genai_fn import files
    >>> kind_of(files.get("abc").operation)
    <class 'genai_fn.schema.files.File'>
    """
    return _find_type_argument(operation if isinstance(operation, type) else type(operation))


@functools.cache
def _find_type_argument(kind: type[Any]) -> Any:
    bases = (base for each in kind.__mro__ for base in getattr(each, "__orig_bases__", ()))
    return next((each for base in bases for each in get_args(base)), Any)


# What people build


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


class Flow(Value, Generic[T_co]):
    """
    A description of several steps that end in one T.

    It holds the builder that people call (the generator function is its ``__wrapped__``), the description that it was
    made `of`, if a modifier or method made it, and the other arguments: so it compares, and pickles.
    """

    builder: Callable[..., Any]
    source: Any = None
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    @property
    def traits(self) -> FlowTraits:
        """The traits of its builder."""
        return _get_traits(self.builder)

    def __or__(self, modifier: "Callable[[Flow[T_co]], U]") -> U:
        return _check_modifier(modifier)(self)

    def map(self, f: Callable[[T_co], U]) -> "Flow[U]":
        """Go on with ``f`` of the value."""
        return Flow(_map_result, self, (f,))

    def bind(self, f: "Callable[[T_co], Request[U] | Flow[U]]") -> "Flow[U]":
        """Go on with the action that ``f`` makes of the value."""
        return Flow(_bind_result, self, (f,))

    def lash(self, f: "Callable[[GenaiError], Request[U] | Flow[U]]") -> "Flow[T_co | U]":
        """Go on, after a failure, with the action that ``f`` makes of the error."""
        return Flow(_lash_result, self, (f,))


class Request(Value, Generic[T_co]):
    """A description of one call that yields one T: an operation, and how it is to be made."""

    operation: Operation[T_co]
    options: Options = Options()

    def __or__(self, modifier: "Callable[[Request[T_co]], U]") -> U:
        return _check_modifier(modifier)(self)

    def map(self, f: Callable[[T_co], U]) -> Flow[U]:
        """Go on with ``f`` of the value."""
        return Flow(_map_result, self, (f,))

    def bind(self, f: "Callable[[T_co], Request[U] | Flow[U]]") -> Flow[U]:
        """Go on with the action that ``f`` makes of the value."""
        return Flow(_bind_result, self, (f,))

    def lash(self, f: "Callable[[GenaiError], Request[U] | Flow[U]]") -> "Flow[T_co | U]":
        """Go on, after a failure, with the action that ``f`` makes of the error."""
        return Flow(_lash_result, self, (f,))


class Stream(Value, Generic[T_co]):
    """A description of many T in order; made as a `Flow` is, of a generator that also emits."""

    builder: Callable[..., Any]
    source: Any = None
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    @property
    def traits(self) -> FlowTraits:
        """The traits of its builder."""
        return _get_traits(self.builder)

    def __or__(self, modifier: "Callable[[Stream[T_co]], U]") -> U:
        return _check_modifier(modifier)(self)


class Live(Value, Generic[T_co]):
    """
    A description of a real-time session, in which the model says many T.

    Its `offer` is what ``calling(…)`` lets the model call.
    """

    operation: LiveOperation[T_co]
    options: Options = Options()
    calling_options: Any = None

    def __or__(self, modifier: "Callable[[Live[T_co]], U]") -> U:
        return _check_modifier(modifier)(self)


Action: TypeAlias = Request[T] | Flow[T]
Description: TypeAlias = Request[Any] | Flow[Any] | Stream[Any]


class Modifier(Value):
    """
    A function from one description to another, as a value: ``description | modifier``, or composed, ``modifier |
    modifier``.

    Its subclasses differ in what type checkers know of them, and in whether they make sense of a `Live`, too.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    takes_live: ClassVar[bool] = False

    def __call__(self, description: Any) -> Any:
        if isinstance(description, Live) and not self.takes_live:
            raise InvalidRequest("|", self, "a modifier that shapes a session: with_config(…), calling(…) and the like")
        if not isinstance(description, (Request, Flow, Stream, Live)):
            raise InvalidRequest("|", description, "a Request, a Flow or a Stream before a modifier, or a Live")
        return self.function(description, *self.args)

    def __or__(self, following: "Modifier") -> "Modifier":
        return _ComposedModifier(_apply_in_order, (self, _check_modifier(following)))


class _ComposedModifier(Modifier):
    takes_live: ClassVar[bool] = True  # each of its parts says for itself


def _apply_in_order(description: Any, *modifiers: Modifier) -> Any:
    return functools.reduce(lambda value, modifier: value | modifier, modifiers, description)


def _check_modifier(value: M) -> M:
    if not isinstance(value, Modifier):
        raise InvalidRequest("|", value, "a modifier, such as with_config(…), called where it has parameters")
    return value


# How flows are made


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
    """
    return _decorate(generator, Stream, traits)


def _decorate(generator: Callable[..., Any] | None, kind: Any, traits: FlowTraits) -> Any:
    if generator is None:
        return functools.partial(_decorate, kind=kind, traits=traits)

    @functools.wraps(generator)
    def build(*args: Any, **kwargs: Any) -> Any:
        return kind(build, None, args, tuple(sorted(kwargs.items())))

    build.traits = traits  # type: ignore[attr-defined]  # as functools.wraps sets __wrapped__
    return build


def _get_traits(builder: Callable[..., Any]) -> FlowTraits:
    return builder.traits  # type: ignore[attr-defined,no-any-return]  # `flow` or `stream` set it


def is_spawning(description: Any) -> bool:
    """Tell whether a description, or any of its sources, starts actions of its own."""
    while isinstance(description, Flow | Stream):
        if description.traits.spawns:
            return True
        description = description.source
    return False


def start_generator(description: Flow[Any] | Stream[Any]) -> FlowGenerator[Any]:
    """Start a description's generator."""
    generator = description.builder.__wrapped__  # type: ignore[attr-defined]  # functools.wraps set it
    of = () if description.source is None else (description.source,)
    return generator(*of, *description.args, **dict(description.kwargs))  # type: ignore[no-any-return]  # a builder's own


@flow
def _map_result(of: Action[T], f: Callable[[T], U]) -> FlowGenerator[Result[U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    return result.map(f)


@flow
def _bind_result(of: Action[T], f: Callable[[T], Action[U]]) -> FlowGenerator[Result[U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    if isinstance(result, Failure):
        return result
    following: Result[U, GenaiError] = yield Ask(_check_action(f(result.unwrap()), f))
    return following


@flow
def _lash_result(of: Action[T], f: Callable[[GenaiError], Action[U]]) -> FlowGenerator[Result[T | U, GenaiError]]:
    result: Result[T, GenaiError] = yield Ask(of)
    if isinstance(result, Success):
        return result
    following: Result[U, GenaiError] = yield Ask(_check_action(f(result.failure()), f))
    return following


def _check_action(value: Action[T], maker: Callable[..., Any]) -> Action[T]:
    if not isinstance(value, (Request, Flow)):  # pyright: ignore[reportUnnecessaryIsInstance]  # the caller's function may lie
        raise InvalidRequest(
            getattr(maker, "__qualname__", repr(maker)), value, "a function that returns a Request or a Flow"
        )
    return value
