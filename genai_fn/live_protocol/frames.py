"""Encodes messages of the client and decodes messages of the server."""

from typing import Any, TypeAlias

from msgspec.structs import asdict
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Vertex
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.live_protocol.handshake import EncodedHandshake, join_body
from genai_fn.request import ResponseReader
from genai_fn.schema.convert import as_struct
from genai_fn.schema.live import LiveClientMessage, LiveClientToolResponse
from genai_fn.schema.music import LiveMusicClientMessage
from genai_fn.wire import decode_event
from genai_fn.wire.field_support import find_unsupported_fields
from genai_fn.wire.json_body import encode_body

ClientMessage: TypeAlias = LiveClientMessage | LiveMusicClientMessage
"""A message of the client, as ``live.client_content(…)`` and similar builders return it."""


def encode_frame(frame: ClientMessage, backend: Backend) -> Result[bytes, GenaiError]:
    """
    Encode a message of the client as JSON.

    Returns ``Failure(Unsupported)`` with the path of every field that the backend does not support. Returns
    ``Failure(InvalidRequest)`` if the value is not a message with exactly one field, if it is a setup message, or if
    the Gemini Developer API requires an id that a function response does not have.
    """
    try:
        return Success(_encode_message(_check_message(frame), backend))
    except GenaiError as error:
        return Failure(error)


def check_message(frame: Any) -> Result[ClientMessage, GenaiError]:
    """
    Check a message of the client, apart from what depends on the backend.

    Returns ``Failure(InvalidRequest)`` if the value is not a message with exactly one field, if a field has the wrong
    type, or if it is a setup message.
    """
    try:
        return Success(_check_message(frame))
    except InvalidRequest as error:
        return Failure(error)


def decode_frame(data: bytes | str, encoded: EncodedHandshake) -> Result[Any, GenaiError]:
    """
    Decode a message of the server, from a text or binary frame, by the handshake of its connection.

    A message of unknown type has its fields in ``extra``. An error is ``Failure(APIError)``, and invalid JSON is
    ``Failure(DecodeError)``.
    """
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    handshake = encoded.handshake
    return decode_event(ResponseReader(handshake.message_type, handshake.convert, may_be_empty=True), text)


def _check_message(frame: Any) -> ClientMessage:
    if not isinstance(frame, LiveClientMessage | LiveMusicClientMessage):
        raise InvalidRequest("frame", frame, "a message, such as live.client_content(…) returns")
    message = as_struct(type(frame), frame, "frame")
    names = [name for name, value in asdict(message).items() if value is not None]
    if len(names) != 1:
        raise InvalidRequest("frame", frame, "a message with exactly one field")
    if message.setup is not None:
        raise InvalidRequest("frame.setup", message.setup, "no setup: it is sent when the session is opened")
    return message


def _encode_message(frame: ClientMessage, at: Backend) -> bytes:
    if isinstance(frame, LiveMusicClientMessage) and isinstance(at, Vertex):
        raise Unsupported(at.title, ("live.music",), "only the Gemini Developer API generates live music")
    report = find_unsupported_fields(frame, at.name)
    if report.unsupported_paths:
        raise Unsupported(at.title, tuple(report.unsupported_paths))
    if isinstance(frame, LiveClientMessage) and frame.tool_response is not None and not isinstance(at, Vertex):
        _check_response_ids(frame.tool_response)
    return join_body(encode_body(frame, at, has_large=report.has_large))


def _check_response_ids(response: LiveClientToolResponse) -> None:
    for index, each in enumerate(response.function_responses or ()):
        if each.id is None:
            path = f"tool_response.function_responses[{index}].id"
            raise InvalidRequest(path, None, "the id of the call, which the Gemini Developer API requires")
