"""Answers as values of a type: how one is asked for, and how it is read."""

from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

import msgspec
from returns.result import Failure, Result, Success
from typing_extensions import TypeIs

from genai_fn import codec
from genai_fn.commands import attempt
from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, Truncated
from genai_fn.flows.response_text import build_no_text_error
from genai_fn.flows.turns import get_answer, replace_answer
from genai_fn.flows.typed_json import convert_json
from genai_fn.request import Action, FlowGenerator, flow
from genai_fn.schema import FinishReason, GenerateContentResponse
from genai_fn.schema.api_schema import translate
from genai_fn.schema.base import ConversionError
from genai_fn.schema.json_schema import build_json_schema, without_siblings
from genai_fn.values import Value
from genai_fn.wire.lenient_json import build_decode_error, truncate_text

__all__ = ["ParsedResponse", "build_output_config", "parse", "run_parse"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ParsedResponse(Value, Generic[T_co]):
    """A value, and the response that it was read from."""

    value: T_co
    response: GenerateContentResponse


@overload
def parse(response: GenerateContentResponse, kind: type[T]) -> Result[T, GenaiError]: ...
@overload
def parse(response: GenerateContentResponse, kind: Any) -> Result[Any, GenaiError]: ...
def parse(response: GenerateContentResponse, kind: Any) -> Result[Any, GenaiError]:
    """
    Read a response's text as a value of a type: what ``returning(kind)`` does, for a response in hand.

    JSON that was cut off is ``Failure(Truncated)``, no text ``Failure(NoText)`` saying why, and whatever else does not
    fit ``Failure(DecodeError)`` saying where.

    Args:
        kind: A Struct, dataclass, TypedDict, NamedTuple, enum, ``Literal``, container or union of these, or a pydantic
            model.

    >>> from genai_fn.schema import Candidate, ModelContent
    >>> response = GenerateContentResponse(candidates=(Candidate(content=ModelContent("[1, 2]")),))
    >>> parse(response, list[int])
    <Success: [1, 2]>
    """
    if not isinstance(response, GenerateContentResponse):  # pyright: ignore[reportUnnecessaryIsInstance]  # a flow's value may be anything
        raise InvalidRequest("response", response, "a GenerateContentResponse")
    said, reason = response.text or "", _get_finish_reason(response)
    if not said.strip():
        return Failure(Truncated(said, reason) if reason == FinishReason.MAX_TOKENS else build_no_text_error(response))
    try:
        value = _decode_text(said, kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return Failure(_build_decode_error(error, said, reason))
    if reason == FinishReason.MAX_TOKENS and _may_be_incomplete(value, kind):
        return Failure(Truncated(said, reason))
    try:
        return Success(convert_json(value, kind))
    except (msgspec.ValidationError, RecursionError) as error:
        return Failure(build_decode_error(error, said))


@flow
def run_parse(
    source: Action[GenerateContentResponse], kind: Any, with_response: bool
) -> FlowGenerator[Result[Any, GenaiError]]:
    """Read an answer as a value of a type."""
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


def build_output_config(kind: Any) -> dict[str, Any]:
    """
    Give the fields of a config that ask for a value of a type.

    An enum of texts is asked for as ``text/x.enum``, anything else as JSON. The shape goes as ``response_schema`` where
    the API's own dialect can say it. It cannot where a shape holds itself, where a choice is not among texts, of a
    tuple or a set, and of an object whose names are not known, which the API would leave empty: such shapes go as
    ``response_json_schema``.

    >>> build_output_config(bool)["response_schema"], build_output_config(dict[str, int])["response_json_schema"]
    ({'type': 'boolean'}, {'type': 'object', 'additionalProperties': {'type': 'integer'}})
    """
    fields: dict[str, Any] = {"response_mime_type": "text/x.enum" if _is_text_enum(kind) else "application/json"}
    fields |= {"response_schema": None, "response_json_schema": None}
    try:
        plain = build_json_schema(kind)
    except ConversionError as wrong:
        raise InvalidRequest("returning" + "".join(reversed(wrong.steps)), wrong.value, wrong.expected) from None
    said = translate(plain)
    if said and not _has_open_object(said):
        return fields | {"response_schema": said}
    return fields | ({"response_json_schema": without_siblings(plain)} if plain else {})


# What is asked for


def _is_text_enum(kind: Any) -> TypeIs[type[Enum]]:
    return isinstance(kind, type) and issubclass(kind, Enum) and all(isinstance(each.value, str) for each in kind)


def _has_open_object(shape: Any) -> bool:
    """Tell whether an object somewhere in a shape has names that the shape does not say."""
    if isinstance(shape, list):
        return any(map(_has_open_object, cast("Any", shape)))
    if not isinstance(shape, dict):
        return False
    words = cast("dict[str, Any]", shape)
    is_bare = str(words.get("type")).upper() == "OBJECT" and not words.get("properties")
    return is_bare or any(map(_has_open_object, words.values()))


# What has come


def _get_finish_reason(response: GenerateContentResponse) -> str | None:
    reason = response.candidates[0].finish_reason if response.candidates else None
    return None if reason is None else str(reason)


def _decode_text(said: str, kind: Any) -> Any:
    """Decode what was said; an enum stands there bare, or as JSON where the request asked for that."""
    if _is_text_enum(kind):
        return said.strip().strip('"')
    return codec.decode(said)


def _may_be_incomplete(value: Any, kind: Any) -> bool:
    """Tell whether what is complete may be the beginning of something longer: a name, or the digits of a number."""
    return _is_text_enum(kind) or (isinstance(value, int | float) and not isinstance(value, bool))


def _build_decode_error(error: Exception, said: str, reason: str | None) -> GenaiError:
    if reason == FinishReason.MAX_TOKENS or "truncated" in str(error):
        return Truncated(said, reason)
    return DecodeError(f"JSON ({error})", "", truncate_text(said))
