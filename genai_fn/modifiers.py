"""
What stands after a ``|``: how a description is shaped, streamed, read, run.

A modifier that shapes the request applies to the request at the root, however many others stand between; the subclasses
of `Modifier` here say to type checkers what each makes of what.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, overload

import msgspec
from msgspec.structs import replace

from genai_fn.backend import HeadersLike, pairs, settled_base
from genai_fn.errors import InvalidRequest
from genai_fn.flows import paging, streams, texts, together
from genai_fn.http import Replied
from genai_fn.options import Options, Retry, Timeouts, positive
from genai_fn.request import Description, Flow, Modifier, Request, Stream
from genai_fn.schema import GenerateContentResponse
from genai_fn.schema._base import Page
from genai_fn.schema._convert import as_changes, as_value
from genai_fn.schema.content import ContentLike

__all__ = [
    "collected",
    "each",
    "items",
    "joined",
    "pages",
    "streamed",
    "text",
    "with_config",
    "with_http_response",
    "with_options",
    "with_system",
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


class Streaming(Modifier):
    """One answer becomes its pieces."""

    def __call__(self, description: Request[T] | Flow[T]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


class Reading(Modifier):
    """Answers become their texts."""

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


def _optioned(description: Description, options: Options, deadline: float | None) -> Any:
    if deadline is not None and isinstance(description, Flow):
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


def _streamed(description: Description) -> Stream[Any]:
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
    if not isinstance(description, Request) or not description.operation.op.endswith(".list"):
        raise InvalidRequest(name, description, "the request of a list, such as files.list()")
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
