"""Structured output: requests JSON or an enum value of a given type, and parses the response."""

from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar, overload

import msgspec
from returns.result import Failure, Result, Success
from typing_extensions import TypeIs

from genai_fn import codec
from genai_fn.commands import attempt
from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, Truncated
from genai_fn.flows.response_text import build_no_text_error
from genai_fn.flows.turns import get_answer, replace_answer
from genai_fn.flows.typed_json import convert_answer
from genai_fn.request import Action, FlowGenerator, FlowTraits, flow
from genai_fn.schema.api_schema import translate
from genai_fn.schema.base import ConversionError
from genai_fn.schema.json_schema import build_json_schema, without_siblings
from genai_fn.schema.responses import FinishReason, GenerateContentResponse
from genai_fn.schema.schema_tree import is_mapping, iter_subschemas, list_types
from genai_fn.schema.schemas import Schema
from genai_fn.values import Value
from genai_fn.wire.lenient_json import build_decode_error, truncate_text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ParsedResponse(Value, Generic[T_co]):
    """
    A parsed value, and the response that it was parsed from.

    >>> from genai_fn import Offline, generate, returning
    >>> question = generate("gemini-2.5-flash", "Is the sky blue?") | returning(bool, with_response=True)
    >>> parsed = Offline()(question).unwrap()
    >>> type(parsed.value), parsed.response.usage_metadata.total_token_count > 0
    (<class 'bool'>, True)
    """

    value: T_co
    response: GenerateContentResponse


@overload
def parse(response: GenerateContentResponse, kind: type[T]) -> Result[T, GenaiError]: ...
@overload
def parse(response: GenerateContentResponse, kind: Any) -> Result[Any, GenaiError]: ...
def parse(response: GenerateContentResponse, kind: Any) -> Result[Any, GenaiError]:
    """
    Parse the text of a response as a value of type `kind`, as ``returning(kind)`` does.

    Args:
        response: A response.

        kind: Type of the value: a Struct, dataclass, TypedDict, NamedTuple, enum, ``Literal``, container or union of
            these, or a pydantic model.

    Returns:
        The value, or one of the failures below.

    Raises:
        InvalidRequest: If ``response`` is not a `GenerateContentResponse`.

        TypeError: If JSON has no values of type `kind`.

    Fails with:
        Truncated: If the JSON is cut off, or the response reached its token limit and may be incomplete.

        NoText: If the response has no text; the error states the reason.

        DecodeError: If the text does not match the type; the error states the path.

    >>> from genai_fn.schema import Candidate, ModelContent
    >>> response = GenerateContentResponse(candidates=(Candidate(content=ModelContent("[1, 2]")),))
    >>> parse(response, list[int])
    <Success: [1, 2]>
    """
    if not isinstance(response, GenerateContentResponse):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("response", response, "a GenerateContentResponse, which | text before it replaces")
    text, reason = response.text or "", _get_finish_reason(response)
    if not text.strip():
        return Failure(Truncated(text, reason) if reason == FinishReason.MAX_TOKENS else build_no_text_error(response))
    try:
        value = _decode_text(text, kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return Failure(_build_decode_error(error, text, reason))
    if reason == FinishReason.MAX_TOKENS and _may_be_incomplete(value, kind):
        return Failure(Truncated(text, reason))
    try:
        return Success(convert_answer(value, kind))
    except (msgspec.ValidationError, RecursionError) as error:
        return Failure(build_decode_error(error, text))


@flow(traits=FlowTraits(reads_result=True))
def run_parse(
    source: Action[GenerateContentResponse], kind: Any, with_response: bool
) -> FlowGenerator[Result[Any, GenaiError]]:
    """Run an action, and parse its response as a value of type `kind`, which becomes the answer of a chat turn."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response = get_answer(result.unwrap())
    value = parse(response, kind)
    if with_response:
        value = value.map(partial(_build_parsed, response))
    return value.map(partial(replace_answer, result.unwrap()))


def _build_parsed(response: GenerateContentResponse, value: T) -> ParsedResponse[T]:
    return ParsedResponse(value, response)


def build_output_config(kind: Any, name: str = "returning") -> dict[str, Any]:
    """
    Build the config fields that request a value of type `kind`; unused schema fields are None.

    `name` is that of the modifier, for errors.

    An enum whose values are strings is requested as ``text/x.enum``, any other type as JSON. The schema is sent as
    ``response_schema`` if `Schema`, the API's own dialect, can express it. It cannot express recursive types, enums and
    ``Literal``s with values other than strings, tuples, sets, and objects without declared keys, which the API returns
    empty: such schemas are sent as ``response_json_schema``.

    >>> build_output_config(bool)["response_schema"], build_output_config(dict[str, int])["response_json_schema"]
    ({'type': 'boolean'}, {'type': 'object', 'additionalProperties': {'type': 'integer'}})
    """
    fields: dict[str, Any] = {"response_mime_type": "text/x.enum" if is_text_enum(kind) else "application/json"}
    fields |= {"response_schema": None, "response_json_schema": None}
    try:
        json_schema = build_json_schema(kind)
    except ConversionError as wrong:
        raise InvalidRequest(name + "".join(reversed(wrong.steps)), wrong.value, wrong.expected) from None
    api_schema = translate(json_schema, Schema)
    if api_schema and not _has_open_object(api_schema):
        return fields | {"response_schema": api_schema}
    return fields | ({"response_json_schema": without_siblings(json_schema)} if json_schema else {})


# The request


def is_text_enum(kind: Any) -> TypeIs[type[Enum]]:
    """Whether a type is an enum whose values are all strings. The service returns such a value as text, not as JSON."""
    return isinstance(kind, type) and issubclass(kind, Enum) and all(isinstance(each.value, str) for each in kind)


def _has_open_object(schema: Any) -> bool:
    """Whether a schema contains an object without declared properties."""
    is_open = is_mapping(schema) and "object" in list_types(schema) and not schema.get("properties")
    return is_open or any(map(_has_open_object, iter_subschemas(schema)))


# The response


def _get_finish_reason(response: GenerateContentResponse) -> str | None:
    reason = response.candidates[0].finish_reason if response.candidates else None
    return None if reason is None else str(reason)


def _decode_text(text: str, kind: Any) -> Any:
    """Decode JSON. The value of a string enum is the text itself, without quotes if the model has added them."""
    if is_text_enum(kind):
        return text.strip().strip('"')
    return codec.decode(text)


def _may_be_incomplete(value: Any, kind: Any) -> bool:
    """Whether a value may be the start of a longer one although it parses: that of a string enum, or a number."""
    return is_text_enum(kind) or (isinstance(value, int | float) and not isinstance(value, bool))


def _build_decode_error(error: Exception, text: str, reason: str | None) -> GenaiError:
    if reason == FinishReason.MAX_TOKENS or "truncated" in str(error):
        return Truncated(text, reason)
    return DecodeError(f"JSON ({error})", "", truncate_text(text))
