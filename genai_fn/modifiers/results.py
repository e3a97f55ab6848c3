"""How an answer is read: as its text, as a value of a type, or together with the response that it came in."""

from typing import Any, Generic, Literal, TypeVar, overload

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.flows import response_text, structured
from genai_fn.flows.structured import ParsedResponse
from genai_fn.flows.turns import Turn
from genai_fn.http import ValueWithResponse
from genai_fn.modifiers.request_config import change_root, replace_config
from genai_fn.request import Action, Description, Flow, Modifier, Request, Stream
from genai_fn.schema import GenerateContentResponse

__all__ = ["HttpResponseModifier", "ReturningModifier", "TextModifier", "returning", "text", "with_http_response"]

T = TypeVar("T")


class TextModifier(Modifier):
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


def _apply_text(description: Description) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Stream):
        return Stream(response_text.stream_texts, description)
    if isinstance(description, Request):
        _validate_has_text(description, "text")
    return Flow(response_text.get_text, description)


def _validate_has_text(request: Request[Any], name: str) -> None:
    if not request.operation.has_text or request.options.with_http_response:
        expected = "an operation that answers with text, and not wrapped in a Replied"
        raise InvalidRequest(name, request.operation.op, expected)


text = TextModifier(_apply_text)
"""The text of an answer, or ``Failure(NoText)`` saying why there is none; on a stream, the texts as they come."""


class ReturningModifier(Modifier, Generic[T]):
    """An answer becomes a value of a type."""

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
    return ReturningModifier(_apply_returning, (kind, with_response))


def _apply_returning(description: Description, kind: Any, with_response: bool) -> Flow[Any]:
    if isinstance(description, Stream):
        raise InvalidRequest("returning", description, "an action: pieces are | joined before they are read")
    fields = structured.build_output_config(kind)
    asked = change_root(description, "returning", _set_output_config, tuple(sorted(fields.items())))
    return Flow(structured.run_parse, asked, (kind, with_response))


def _set_output_config(request: Request[Any], fields: tuple[tuple[str, Any], ...]) -> Request[Any]:
    _validate_has_text(request, "returning")
    return replace_config(request, None, fields)


class HttpResponseModifier(Modifier):
    """An answer becomes itself and the response that it came in."""

    def __call__(self, description: Request[T]) -> Request[ValueWithResponse[T]]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def _apply_http_response(description: Description) -> Request[Any]:
    if not isinstance(description, Request):
        raise InvalidRequest("with_http_response", description, "a request")
    return replace(description, options=replace(description.options, with_http_response=True))


with_http_response = HttpResponseModifier(_apply_http_response)
"""Answers ``Replied``: the value, and the HTTP response that it came in."""
