"""The modifier ``continued``: requests the rest of a response that the service has cut."""

from typing import Any, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import continuation
from genai_fn.flows.turns import Turn
from genai_fn.modifiers.results import refuse_http_response
from genai_fn.options import check_at_least_one
from genai_fn.request import Description, Flow, Modifier, Request, Stream
from genai_fn.schema.responses import GenerateContentResponse

__all__ = ["ContinuedModifier", "continued"]


class ContinuedModifier(Modifier):
    """A request or chat continues a response that the service has cut, with further requests."""

    @overload
    def __call__(self, description: Request[GenerateContentResponse]) -> Flow[GenerateContentResponse]: ...
    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[GenerateContentResponse]]: ...
    @overload
    def __call__(self, description: Stream[Turn[GenerateContentResponse]]) -> Stream[Turn[GenerateContentResponse]]: ...
    @overload
    def __call__(self, description: Stream[GenerateContentResponse]) -> Stream[GenerateContentResponse]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


def continued(max_requests: int = continuation.DEFAULT_MAX_REQUESTS) -> ContinuedModifier:
    """
    Request the rest of a response that the service has cut, until it is complete, and merge all into one response.

    Long responses end with the finish reason ``CONTINUATION`` and a ``continuation_token``. The same request with the
    token returns what follows. The usage is that of all requests. As a stream, the chunks of all requests follow each
    other; a stream that breaks off is continued from its last token.

    Args:
        max_requests: Maximum number of requests. The response to the last one keeps its ``CONTINUATION``.

    Raises:
        InvalidRequest: If ``max_requests`` is less than 1, or the modifier is applied to anything but a ``generate``
            request, its stream or a chat, or after ``calling``.

    Fails with:
        TimedOut: If the deadline of the request passes; it applies to all requests together.

    >>> from genai_fn import Offline, generate, text
    >>> Offline()(generate("gemini-2.5-flash", "Why?") | continued() | text).unwrap()[:4]
    'I am'
    """
    check_at_least_one("max_requests", max_requests)
    return ContinuedModifier(_apply_continued, (max_requests,))


def _apply_continued(description: Description, max_requests: int) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Stream) and description.traits.is_server_stream:
        source = replace(description, source=_prepare_request(description.source))
        return Stream(continuation.stream_continued, source, (max_requests,))
    if isinstance(description, Flow | Stream) and description.traits.passes_calling:
        return replace(description, source=_apply_continued(description.source, max_requests))
    return Flow(continuation.run_continued, _prepare_request(description), (max_requests,))


def _prepare_request(description: Description) -> Request[Any]:
    """Check what is continued, and unset ``automatic_continuation``, which asks for this modifier."""
    if not isinstance(description, Request) or not description.operation.takes_functions:
        expected = "a generate request or a chat: put | continued() once, before modifiers that read the response"
        raise InvalidRequest("continued", description, expected)
    refuse_http_response(description, "continued")
    operation: Any = description.operation
    if not operation.config.automatic_continuation:
        return description
    config = replace(operation.config, automatic_continuation=None)
    return replace(description, operation=replace(operation, config=config))
