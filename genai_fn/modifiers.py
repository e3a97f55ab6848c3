"""
What stands after a ``|``: how a description is shaped, streamed, read, run.

A modifier that shapes the request applies to the request at the root, however many others stand between; the subclasses
of `Modifier` here say to type checkers what each makes of what.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar, cast, overload

import msgspec
from msgspec.structs import replace

from genai_fn.backend import HeadersLike, pairs, settled_base
from genai_fn.errors import InvalidRequest
from genai_fn.flows import calling as loop
from genai_fn.flows import chats, paging, streams, structured, texts, together
from genai_fn.flows.invoking import OnError
from genai_fn.flows.structured import Parsed
from genai_fn.flows.turns import Turn
from genai_fn.http import Replied
from genai_fn.options import Options, Retry, Timeouts, positive
from genai_fn.request import Action, Description, Flow, Modifier, Request, Stream
from genai_fn.schema import GenerateContentResponse
from genai_fn.schema._base import Misfit, Page
from genai_fn.schema._convert import as_changes, as_value
from genai_fn.schema.callables import name_of
from genai_fn.schema.content import ContentLike
from genai_fn.schema.tools import ToolLike

__all__ = [
    "calling",
    "collected",
    "each",
    "items",
    "joined",
    "pages",
    "returning",
    "streamed",
    "text",
    "with_config",
    "with_http_response",
    "with_options",
    "with_system",
    "with_tools",
]

T = TypeVar("T")
D = TypeVar("D", bound=Request[Any] | Flow[Any] | Stream[Any])
S = TypeVar("S", bound=Stream[Any])
P = TypeVar("P", bound=Page[Any])


class Shaping(Modifier):
    """Changes what is described, and not what comes of it."""

    def __call__(self, description: D) -> D:
        return super().__call__(description)  # type: ignore[no-any-return]  # a shaping function answers what it was given


def with_config(config: msgspec.Struct | Mapping[str, Any] | None = None, /, **fields: Any) -> Shaping:
    """
    Set fields of the request's config: later wins, field by field; None unsets.

    >>> from genai_fn import generate
    >>> (generate("m", "hi") | with_config(temperature=0.2, top_k=5) | with_config(top_k=None)).operation.config
    GenerateContentConfig(temperature=0.2)
    """
    return Shaping(_configured, (config, tuple(sorted(fields.items()))))


def with_system(content: ContentLike) -> Shaping:
    """Set what the model is told before the conversation."""
    return with_config(system_instruction=content)


def with_tools(*tools: ToolLike) -> Shaping:
    """
    Let the model use tools, beside those that it may use already; nothing is run, see `calling`.

    Args:
        tools: Functions to declare, declarations, `Tool`s or what a `Tool` holds, or dicts of one's fields.

    >>> from genai_fn import generate
    >>> from genai_fn.schema import GoogleSearch
    >>> (generate("m", "hi") | with_tools(GoogleSearch())).operation.config.tools
    (Tool(google_search=GoogleSearch()),)
    """
    return Shaping(_with_tools, (tools,))


def with_options(
    *,
    timeouts: Timeouts | None = None,
    retry: Retry | None = None,
    deadline: float | None = None,
    headers: HeadersLike | None = None,
    extra_body: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    api_version: str | None = None,
    server_timeout: float | None = None,
) -> Shaping:
    """
    Say how this action is run, in place of what the interpreter and the backend say.

    Args:
        deadline: Seconds for all of it: a flow with every step, a stream to its last item.

        headers: Sent as well, and in place of ours of the same name.

        extra_body: Merged deeply into the body; names in either spelling, lists are replaced.

        server_timeout: Seconds that the server may take, sent as ``x-server-timeout``; nothing else is made of it.
    """
    for path, seconds in (("deadline", deadline), ("server_timeout", server_timeout)):
        if seconds is not None:
            positive(path, seconds)
    return Shaping(
        _optioned,
        (
            Options(
                timeouts=timeouts,
                retry=retry,
                headers=None if headers is None else pairs(headers, "headers"),
                extra_body=as_value(Mapping[str, Any] | None, extra_body, "extra_body"),
                base_url=None if base_url is None else settled_base(base_url),
                api_version=api_version,
                server_timeout=server_timeout,
            ),
            deadline,
        ),
    )


class Calling(Modifier):
    """The answer becomes that which comes once all calls were answered."""

    @overload
    def __call__(self, description: Request[GenerateContentResponse]) -> Flow[GenerateContentResponse]: ...
    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[GenerateContentResponse]]: ...
    @overload
    def __call__(self, description: Stream[Turn[GenerateContentResponse]]) -> Stream[Turn[GenerateContentResponse]]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


def calling(*functions: Callable[..., Any], max_calls: int | None = None, on_error: OnError = "return") -> Calling:
    """
    Declare functions to the model, run those that it calls, and ask again, until it calls no more.

    Calls of one answer run at once: in threads, async functions as tasks. Arguments are converted by their annotations.
    What is wrong with a call goes back to the model as ``{"error": …}``. A call of what is declared, but not one of
    these functions, ends the loop: the last response is yours to answer. Once a model in mode ``ANY`` has called, it is
    asked on in mode ``AUTO``, so that it can come to an end.

    The last response carries all that was said before it in ``automatic_function_calling_history``.
    ``config.automatic_function_calling`` is obeyed.

    Args:
        functions: Each is declared by its signature and docstring, unless a tool of the request declares its name.

        max_calls: How often the model is asked at most, 10 unless the config says something else; the calls of the
            last response are then neither run nor answered.

        on_error: Whether an exception goes back to the model, too (``return``), or ends all as
            ``Failure(FunctionCallError)`` (``fail``).
    """
    if not functions:
        raise InvalidRequest("calling", functions, "at least one function")
    if max_calls is not None and (type(max_calls) is not int or max_calls < 1):
        raise InvalidRequest("max_calls", max_calls, "a whole number from 1")
    if on_error not in ("return", "fail"):
        raise InvalidRequest("on_error", on_error, "return or fail")
    return Calling(_calling, (loop.Offer(functions, max_calls, on_error),))


class Returning(Modifier, Generic[T]):
    """An answer becomes a value of a type."""

    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[T]]: ...
    @overload
    def __call__(self, description: Action[GenerateContentResponse]) -> Flow[T]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


@overload
def returning(kind: type[T], *, with_response: Literal[False] = False) -> Returning[T]: ...
@overload
def returning(kind: type[T], *, with_response: Literal[True]) -> Returning[Parsed[T]]: ...
@overload
def returning(kind: Any, *, with_response: bool = False) -> Returning[Any]: ...
def returning(kind: Any, *, with_response: bool = False) -> Returning[Any]:
    """
    Ask for a value of a type, and read the answer as one.

    JSON that was cut off is ``Failure(Truncated)``, no text ``Failure(NoText)`` saying why, and whatever else does not
    fit ``Failure(DecodeError)`` saying where. An enum of texts is asked for as ``text/x.enum``. The shape goes as
    ``response_schema`` where the API's own dialect can say it, and otherwise as ``response_json_schema``.

    Args:
        kind: A Struct, dataclass, TypedDict, NamedTuple, enum, ``Literal``, container or union of these, or a pydantic
            model.

        with_response: Whether the answer is a `Parsed`: the value, and the response that it came in.

    >>> from genai_fn import Offline, generate
    >>> Offline()(generate("gemini-2.5-flash", "Is the sky blue?") | returning(bool)).map(type)
    <Success: <class 'bool'>>
    """
    return Returning(_returning, (kind, with_response))


class Streaming(Modifier):
    """One answer becomes its pieces."""

    def __call__(self, description: Request[T] | Flow[T]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Reading(Modifier):
    """Answers become their texts."""

    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[str]]: ...
    @overload
    def __call__(self, description: Stream[Turn[GenerateContentResponse]]) -> Stream[Turn[str]]: ...
    @overload
    def __call__(self, description: Stream[GenerateContentResponse]) -> Stream[str]: ...
    @overload
    def __call__(self, description: Request[GenerateContentResponse] | Flow[GenerateContentResponse]) -> Flow[str]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


class Joining(Modifier):
    """Many become one of their kind."""

    def __call__(self, description: Stream[T]) -> Flow[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Collecting(Modifier):
    """Many become a tuple."""

    def __call__(self, description: Stream[T]) -> Flow[tuple[T, ...]]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Observing(Modifier):
    """Many stay as they are, and somebody sees them pass."""

    def __call__(self, description: S) -> S:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function answers a stream of the same


class Paging(Modifier):
    """A list becomes all its pages."""

    def __call__(self, description: Request[P]) -> Stream[P]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Listing(Modifier):
    """A list becomes all its items."""

    def __call__(self, description: Request[Page[T]]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Replying(Modifier):
    """An answer becomes itself and the response that it came in."""

    def __call__(self, description: Request[T]) -> Request[Replied[T]]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def each(f: Callable[[Any], object]) -> Observing:
    """Call a function with every good item of a stream as it comes; the items pass on unchanged."""
    return Observing(_each, (f,))


def _configured(description: Description, config: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
    return _at_root(description, "with_config", _reconfigured, config, fields)


def _reconfigured(request: Request[Any], config: Any, fields: tuple[tuple[str, Any], ...]) -> Request[Any]:
    operation = request.operation
    before = getattr(operation, "config", None)
    if before is None:
        raise InvalidRequest("with_config", operation.op, "an operation that has a config")
    kind = _kind(before)
    if not isinstance(config, kind | Mapping | None):
        raise InvalidRequest("config", config, f"a {kind.__name__} or a dict of its fields")
    said = cast("Mapping[str, Any]", config or {})
    given = _set_fields(config) if isinstance(config, msgspec.Struct) else said
    changes = as_changes(kind, given, "config") | as_changes(kind, dict(fields), "config")
    return replace(request, operation=replace(operation, config=replace(before, **changes)))


def _kind(config: msgspec.Struct) -> type[msgspec.Struct]:
    return type(config)


def _set_fields(config: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in config.__struct_fields__ if (value := getattr(config, name)) is not None}


def _with_tools(description: Description, tools: tuple[Any, ...]) -> Any:
    return _at_root(description, "with_tools", _retooled, tools)


def _retooled(request: Request[Any], tools: tuple[Any, ...]) -> Request[Any]:
    there = getattr(getattr(request.operation, "config", None), "tools", None) or ()
    return _reconfigured(request, None, (("tools", (*there, *tools)),))


def _optioned(description: Description, options: Options, deadline: float | None) -> Any:
    if deadline is not None and isinstance(description, Flow) and description.builder is not loop.called:
        description = Flow(together.within, description, (deadline,))
    elif deadline is not None:
        options = replace(options, deadline=deadline)
    return description if options == Options() else _at_root(description, "with_options", _reoptioned, options)


def _reoptioned(request: Request[Any], options: Options) -> Request[Any]:
    given = {name: value for name, value in _set_fields(options).items() if value is not False}
    return replace(request, options=replace(request.options, **given))


def _at_root(description: Description, name: str, change: Callable[..., Request[Any]], *args: Any) -> Any:
    """Change the request that a description was made of."""
    if isinstance(description, Request):
        return change(description, *args)
    if description.of is not None:
        return replace(description, of=_at_root(description.of, name, change, *args))
    raise InvalidRequest(name, description, "a request, or a flow or stream that modifiers made of one")


def _calling(description: Description, offer: loop.Offer) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Flow) and description.builder in (chats.turned, together.within):
        return replace(description, of=_calling(description.of, offer))
    if isinstance(description, Stream) and description.builder is chats.turned_in_pieces:
        is_plain = description.of.builder is streams.served
        called = _calling(description.of.of if is_plain else description.of, offer)
        return replace(description, of=Stream(loop.called_in_pieces, called.of, (offer,)))
    config = getattr(description.operation, "config", None) if isinstance(description, Request) else None
    if config is None or "automatic_function_calling" not in config.__struct_fields__:
        raise InvalidRequest(
            "calling", description, "a generate request: | calling(…) comes once, before what reads its answer"
        )
    if cast("Request[Any]", description).options.with_http_response:
        raise InvalidRequest("calling", description, "a request without with_http_response")
    names = [_name(each) for each in offer.functions]
    loop.declaring(config, offer.functions)  # refuses what cannot be declared
    if len(set(names)) < len(names):
        raise InvalidRequest("calling", names, "functions of different names")
    return Flow(loop.called, description, (offer,))


def _name(function: Callable[..., Any]) -> str:
    try:
        return name_of(function)
    except Misfit as wrong:
        raise InvalidRequest("calling", wrong.value, wrong.expected) from None


def _returning(description: Description, kind: Any, with_response: bool) -> Flow[Any]:
    if isinstance(description, Stream):
        raise InvalidRequest("returning", description, "an action: pieces are | joined before they are read")
    fields = structured.asking_for(kind)
    asked = _at_root(description, "returning", _returned, tuple(sorted(fields.items())))
    return Flow(structured.parsed, asked, (kind, with_response))


def _returned(request: Request[Any], fields: tuple[tuple[str, Any], ...]) -> Request[Any]:
    if not request.operation.has_text or request.options.with_http_response:
        raise InvalidRequest(
            "returning", request.operation.op, "an operation that answers with text, and not wrapped in a Replied"
        )
    return _reconfigured(request, None, fields)


def _streamed(description: Description) -> Stream[Any]:
    if isinstance(description, Flow) and description.builder is loop.called:
        return Stream(loop.called_in_pieces, _streamed(description.of).of, description.args)
    if isinstance(description, Flow) and description.builder is chats.turned:
        return Stream(chats.turned_in_pieces, _streamed(description.of), description.args)
    if not isinstance(description, Request):
        raise InvalidRequest("streamed", description, "a request: | streamed comes before what reads its answer")
    operation = description.operation.streaming()
    if operation is None:
        raise InvalidRequest(
            "streamed", description.operation.op, "an operation that answers in pieces, such as generate"
        )
    if description.options.with_http_response:
        raise InvalidRequest("streamed", description, "a request without with_http_response")
    return Stream(streams.served, replace(description, operation=operation))


def _text(description: Description) -> Flow[Any] | Stream[Any]:
    is_stream = isinstance(description, Stream)
    if is_stream:
        return Stream(texts.texts_of, description)
    if isinstance(description, Request) and (
        not description.operation.has_text or description.options.with_http_response
    ):
        raise InvalidRequest(
            "text", description.operation.op, "an operation that answers with text, and not wrapped in a Replied"
        )
    return Flow(texts.text_of, description)


def _joined(description: Description) -> Flow[Any]:
    return Flow(streams.joined, _a_stream(description, "joined"))


def _collected(description: Description) -> Flow[Any]:
    return Flow(streams.collected, _a_stream(description, "collected"))


def _each(description: Description, f: Callable[[Any], object]) -> Stream[Any]:
    return Stream(streams.each, _a_stream(description, "each"), (f,))


def _pages(description: Description) -> Stream[Any]:
    return Stream(paging.pages_of, _a_list(description, "pages"))


def _items(description: Description) -> Stream[Any]:
    return Stream(paging.items_of, Stream(paging.pages_of, _a_list(description, "items")))


def _a_list(description: Description, name: str) -> Request[Any]:
    is_list = isinstance(description, Request) and description.operation.op.endswith(".list")
    if not isinstance(description, Request) or not is_list or description.options.with_http_response:
        raise InvalidRequest(name, description, "the request of a list, such as files.list(), without with_http_response")
    return description


def _a_stream(description: Description, name: str) -> Stream[Any]:
    if not isinstance(description, Stream):
        raise InvalidRequest(name, description, "a stream, such as generate(…) | streamed")
    return description


def _with_http_response(description: Description) -> Request[Any]:
    if not isinstance(description, Request):
        raise InvalidRequest("with_http_response", description, "a request")
    return replace(description, options=replace(description.options, with_http_response=True))


streamed = Streaming(_streamed)
"""The answer in pieces, as it is written."""

text = Reading(_text)
"""The text of an answer, or ``Failure(NoText)`` saying why there is none; on a stream, the texts as they come."""

joined = Joining(_joined)
"""Texts run together into one, or pieces of a response merged into one response."""

collected = Collecting(_collected)
"""All items as a tuple."""

pages = Paging(_pages)
"""All pages of a list, as they are asked for."""

items = Listing(_items)
"""All items of a list, page after page."""

with_http_response = Replying(_with_http_response)
"""Answers ``Replied``: the value, and the HTTP response that it came in."""
