"""The modifier ``partial``: a stream of a value of a type, while it arrives."""

from typing import Any, Generic, TypeVar, overload

from genai_fn.errors import InvalidRequest
from genai_fn.flows.partial_streams import stream_partial
from genai_fn.flows.partial_values import Partial
from genai_fn.flows.turns import Turn
from genai_fn.modifiers.results import configure_output
from genai_fn.modifiers.streaming import streamed
from genai_fn.request import Description, Flow, Modifier, Request, Stream
from genai_fn.schema.responses import GenerateContentResponse

__all__ = ["PartialModifier", "partial"]

T = TypeVar("T")


class PartialModifier(Modifier, Generic[T]):
    """A request, a chat or a stream of responses becomes a stream of values that grow."""

    @overload
    def __call__(
        self, description: Flow[Turn[GenerateContentResponse]] | Stream[Turn[GenerateContentResponse]]
    ) -> Stream[Turn[Partial[T]]]: ...
    @overload
    def __call__(
        self,
        description: Request[GenerateContentResponse] | Flow[GenerateContentResponse] | Stream[GenerateContentResponse],
    ) -> Stream[Partial[T]]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


@overload
def partial(kind: type[T]) -> PartialModifier[T]: ...
@overload
def partial(kind: Any) -> PartialModifier[Any]: ...
def partial(kind: Any) -> PartialModifier[Any]:
    """
    Stream a value of type `kind` while it arrives: each item is a `Partial` that contains more than the one before.

    The request is streamed, and asks for the same JSON as with `returning`. ``item.data`` is the JSON so far. The last
    item is complete, and its ``value`` is what `returning` would have returned. ``| joined`` returns that item alone.

    Each chunk is parsed once, however long the text before it is; ``data`` is built when it is read.

    Args:
        kind: Type of the value, as in `returning`.

    Raises:
        InvalidRequest: If the type has no JSON schema, or the modifier is applied to anything but a ``generate``
            request, a chat or a stream of responses, or together with ``with_http_response``.

    Fails with:
        Truncated: If the JSON is cut off, or the response reached its token limit and may be incomplete.

        NoText: If the response has no text; the error states the reason.

        DecodeError: If the text does not match the type; the error states the path. This is checked at the end of the
            response. After a character that cannot be JSON, the only item that follows is this failure.

    >>> from genai_fn import collected, generate
    >>> from genai_fn.testing import Fake
    >>> run = Fake({"generate": ['["on', 'e", "two"', "]"]})
    >>> run(generate("gemini-2.5-flash", "Count.") | partial(list[str]) | collected).unwrap()
    (Partial(['on']), Partial(['one', 'two']), Partial(['one', 'two'], value=['one', 'two']))
    """
    return PartialModifier(_apply_partial, (kind,))


def _apply_partial(description: Description, kind: Any) -> Stream[Any]:
    configured = configure_output(description, "partial", kind)
    if isinstance(configured, Stream):
        return Stream(stream_partial, configured, (kind,))
    try:
        return Stream(stream_partial, streamed(configured), (kind,))
    except InvalidRequest:
        expected = "a generate request, a chat or a stream of responses: put | partial(…) in place of | returning(…)"
        raise InvalidRequest("partial", description, expected) from None
