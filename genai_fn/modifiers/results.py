"""Modifiers of the result: return its text, a parsed value, or the value with its HTTP response."""

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import response_text, structured
from genai_fn.flows.roots import change_root
from genai_fn.flows.structured import ParsedResponse
from genai_fn.flows.turns import Turn
from genai_fn.modifiers.request_config import replace_config
from genai_fn.request import Action, Description, Flow, Modifier, Request, Stream
from genai_fn.schema.responses import GenerateContentResponse

if TYPE_CHECKING:
    from genai_fn.http import ValueWithResponse

__all__ = [
    "HttpResponseModifier",
    "ReturningModifier",
    "TextModifier",
    "configure_output",
    "refuse_http_response",
    "returning",
    "text",
    "with_http_response",
]

T = TypeVar("T")


class TextModifier(Modifier):
    """An action returns, and a stream emits, the texts of responses instead of the responses."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        @overload
        def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[str]]: ...
        @overload
        def __call__(self, description: Stream[Turn[GenerateContentResponse]]) -> Stream[Turn[str]]: ...
        @overload
        def __call__(self, description: Stream[GenerateContentResponse]) -> Stream[str]: ...
        @overload
        def __call__(
            self, description: Request[GenerateContentResponse] | Flow[GenerateContentResponse]
        ) -> Flow[str]: ...
        def __call__(self, description: Any) -> Any: ...


def _apply_text(description: Description) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Stream):
        return Stream(response_text.stream_texts, description)
    if isinstance(description, Request):
        _validate_has_text(description, "text")
    return Flow(response_text.read_text, description)


def _validate_has_text(request: Request[Any], name: str) -> None:
    if not request.operation.has_text or request.options.with_http_response:
        expected = "an operation that returns text, without with_http_response"
        raise InvalidRequest(name, request.operation.op, expected)


text = TextModifier(_apply_text)
"""
Return the text of a response, or ``Failure(NoText)`` with the reason. A stream emits the texts of its chunks.

>>> from genai_fn import Offline, generate, text
>>> Offline()(generate("gemini-2.5-flash", "hi", {"max_output_tokens": 5}) | text)
<Success: I am an offline model>
"""


class ReturningModifier(Modifier, Generic[T]):
    """An action returns a parsed value instead of a response."""

    @overload
    def __call__(self, description: Flow[Turn[GenerateContentResponse]]) -> Flow[Turn[T]]: ...
    @overload
    def __call__(self, description: Action[GenerateContentResponse]) -> Flow[T]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


@overload
def returning(kind: type[T], *, with_response: Literal[False] = False) -> ReturningModifier[T]: ...
@overload
def returning(kind: type[T], *, with_response: Literal[True]) -> ReturningModifier[ParsedResponse[T]]: ...
@overload
def returning(kind: Any, *, with_response: bool = False) -> ReturningModifier[Any]: ...
def returning(kind: Any, *, with_response: bool = False) -> ReturningModifier[Any]:
    """
    Request a value of type `kind`, and parse the response as one.

    An enum whose values are strings is requested as ``text/x.enum``, any other type as JSON. The schema is sent as
    ``response_schema`` if `Schema`, the API's own dialect, can express it, and otherwise as ``response_json_schema``.

    Args:
        kind: Type of the value: a Struct, dataclass, TypedDict, NamedTuple, enum, ``Literal``, container or union of
            these, or a pydantic model.

        with_response: Whether the result is a `ParsedResponse`: the value, and the response that it was parsed from.

    Raises:
        InvalidRequest: If the type has no JSON schema, or the modifier is applied to a stream, to an operation
            that does not return text, or together with ``with_http_response``.

    Fails with:
        Truncated: If the JSON is cut off, or the response reached its token limit and may be incomplete.

        NoText: If the response has no text; the error states the reason.

        DecodeError: If the text does not match the type; the error states the path.

    >>> from genai_fn import Offline, generate
    >>> Offline()(generate("gemini-2.5-flash", "Is the sky blue?") | returning(bool)).map(type)
    <Success: <class 'bool'>>
    """
    return ReturningModifier(_apply_returning, (kind, with_response))


def _apply_returning(description: Description, kind: Any, with_response: bool) -> Flow[Any]:
    if isinstance(description, Stream):
        raise InvalidRequest("returning", description, "a request or a flow: put | joined before it")
    return Flow(structured.run_parse, configure_output(description, "returning", kind), (kind, with_response))


def configure_output(description: Description, name: str, kind: Any) -> Any:
    """Set the config fields that request a value of type `kind`; errors contain `name`, the name of the modifier."""
    fields = structured.build_output_config(kind, name)
    return change_root(description, name, _set_output_config, name, tuple(sorted(fields.items())))


def _set_output_config(request: Request[Any], name: str, fields: tuple[tuple[str, Any], ...]) -> Request[Any]:
    _validate_has_text(request, name)
    return replace_config(request, None, fields)


class HttpResponseModifier(Modifier):
    """A request returns a `ValueWithResponse` instead of the value."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Request[T]) -> Request[ValueWithResponse[T]]: ...


def _apply_http_response(description: Description) -> Request[Any]:
    if not isinstance(description, Request):
        raise InvalidRequest("with_http_response", description, "a request")
    return replace(description, options=replace(description.options, with_http_response=True))


with_http_response = HttpResponseModifier(_apply_http_response)
"""
Return a `ValueWithResponse`: the value, and the HTTP response that it was decoded from.

>>> from genai_fn import Offline, generate, with_http_response
>>> answer = Offline()(generate("gemini-2.5-flash", "hi") | with_http_response).unwrap()
>>> answer.http.status, answer.value.model_version
(200, 'gemini-2.5-flash')
"""


def refuse_http_response(request: Request[Any], name: str) -> None:
    """Raise `InvalidRequest` for a request ``| with_http_response``, which the modifier `name` does not support."""
    if request.options.with_http_response:
        raise InvalidRequest(name, request, "a request without with_http_response")
