"""Answers as values of a type: how one is asked for, and how it is read."""

from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

import msgspec
from returns.result import Failure, Result, Success
from typing_extensions import TypeIs

from genai_fn import codec
from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, Truncated
from genai_fn.flows.fitting import fitted
from genai_fn.flows.texts import no_text
from genai_fn.flows.turns import answer_in, with_answer
from genai_fn.mending import kept, misread
from genai_fn.request import Action, Steps, flow
from genai_fn.schema import FinishReason, GenerateContentResponse
from genai_fn.schema._base import Misfit, Value
from genai_fn.schema.dialect import translate
from genai_fn.schema.json_schema import json_schema, without_siblings
from genai_fn.steps import attempt

__all__ = ["Parsed", "asking_for", "parse", "parsed"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Parsed(Value, Generic[T_co]):
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
    said, reason = response.text or "", _reason(response)
    if not said.strip():
        return Failure(Truncated(said, reason) if reason == FinishReason.MAX_TOKENS else no_text(response))
    try:
        value = _value(said, kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return Failure(_unread(error, said, reason))
    if reason == FinishReason.MAX_TOKENS and _may_go_on(value, kind):
        return Failure(Truncated(said, reason))
    try:
        return Success(fitted(value, kind))
    except (msgspec.ValidationError, RecursionError) as error:
        return Failure(misread(error, said))


@flow
def parsed(source: Action[GenerateContentResponse], kind: Any, with_response: bool) -> Steps[Result[Any, GenaiError]]:
    """Read an answer as a value of a type."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response = answer_in(result.unwrap())
    value = parse(response, kind)
    if with_response:
        value = value.map(partial(_beside, response))
    return value.map(partial(with_answer, result.unwrap()))


def _beside(response: GenerateContentResponse, value: T) -> Parsed[T]:
    return Parsed(value, response)


def asking_for(kind: Any) -> dict[str, Any]:
    """
    Give the fields of a config that ask for a value of a type.

    An enum of texts is asked for as ``text/x.enum``, anything else as JSON. The shape goes as ``response_schema`` where
    the API's own dialect can say it. It cannot where a shape holds itself, where a choice is not among texts, of a
    tuple or a set, and of an object whose names are not known, which the API would leave empty: such shapes go as
    ``response_json_schema``.

    >>> asking_for(bool)["response_schema"], asking_for(dict[str, int])["response_json_schema"]
    ({'type': 'boolean'}, {'type': 'object', 'additionalProperties': {'type': 'integer'}})
    """
    fields: dict[str, Any] = {"response_mime_type": "text/x.enum" if _is_of_texts(kind) else "application/json"}
    fields |= {"response_schema": None, "response_json_schema": None}
    try:
        plain = json_schema(kind)
    except Misfit as wrong:
        raise InvalidRequest("returning" + "".join(reversed(wrong.steps)), wrong.value, wrong.expected) from None
    said = translate(plain)
    if said and not _is_open(said):
        return fields | {"response_schema": said}
    return fields | ({"response_json_schema": without_siblings(plain)} if plain else {})


# What is asked for


def _is_of_texts(kind: Any) -> TypeIs[type[Enum]]:
    return isinstance(kind, type) and issubclass(kind, Enum) and all(isinstance(each.value, str) for each in kind)


def _is_open(shape: Any) -> bool:
    """Tell whether an object somewhere in a shape has names that the shape does not say."""
    if isinstance(shape, list):
        return any(map(_is_open, cast("Any", shape)))
    if not isinstance(shape, dict):
        return False
    words = cast("dict[str, Any]", shape)
    is_bare = str(words.get("type")).upper() == "OBJECT" and not words.get("properties")
    return is_bare or any(map(_is_open, words.values()))


# What has come


def _reason(response: GenerateContentResponse) -> str | None:
    reason = response.candidates[0].finish_reason if response.candidates else None
    return None if reason is None else str(reason)


def _value(said: str, kind: Any) -> Any:
    """Decode what was said; an enum stands there bare, or as JSON where the request asked for that."""
    if _is_of_texts(kind):
        return said.strip().strip('"')
    return codec.decode(said)


def _may_go_on(value: Any, kind: Any) -> bool:
    """Tell whether what is complete may be the beginning of something longer: a name, or the digits of a number."""
    return _is_of_texts(kind) or (isinstance(value, int | float) and not isinstance(value, bool))


def _unread(error: Exception, said: str, reason: str | None) -> GenaiError:
    if reason == FinishReason.MAX_TOKENS or "truncated" in str(error):
        return Truncated(said, reason)
    return DecodeError(f"JSON ({error})", "", kept(said))
