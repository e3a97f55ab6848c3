"""Frames, what is said in a session: from values to the bytes that go out, from what comes in to values."""

from typing import Any, TypeAlias

from msgspec.structs import asdict
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Vertex
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.live_protocol.handshake import EncodedHandshake, join_body
from genai_fn.request import ResponseReader
from genai_fn.schema import LiveClientMessage, LiveClientToolResponse, LiveMusicClientMessage
from genai_fn.schema.convert import as_struct
from genai_fn.wire import decode_event
from genai_fn.wire.field_support import find_unsupported_fields
from genai_fn.wire.json_body import encode_body

__all__ = ["ClientMessage", "decode_frame", "encode_frame"]

ClientMessage: TypeAlias = LiveClientMessage | LiveMusicClientMessage
"""One message of ours: what ``live.client_content(…)`` and its like make."""


def encode_frame(frame: ClientMessage, backend: Backend) -> Result[bytes, GenaiError]:
    """
    Write a message of ours as it goes out: JSON.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take, and
    ``Failure(InvalidRequest)`` for what is no frame.
    """
    try:
        return Success(_encode_message(_check_message(frame), backend))
    except GenaiError as error:
        return Failure(error)


def decode_frame(data: bytes | str, opened: EncodedHandshake) -> Result[Any, GenaiError]:
    """
    Read a message of theirs; a frame is text or bytes, as the server likes it.

    One of which nothing is known is a message that holds its ``raw`` text; an error is ``Failure(APIError)``.
    """
    text, reading = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, opened.handshake
    result: Result[Any, GenaiError] = decode_event(
        ResponseReader(reading.message_type, reading.convert, may_be_empty=True), text
    )
    return result.map(lambda message: _mark_unknown(message, text, opened))


def _check_message(frame: Any) -> ClientMessage:
    if not isinstance(frame, LiveClientMessage | LiveMusicClientMessage):
        raise InvalidRequest("frame", frame, "a frame, such as live.client_content(…) makes")
    settled = as_struct(type(frame), frame, "frame")
    said = [name for name, value in asdict(settled).items() if value is not None]
    if len(said) != 1:
        raise InvalidRequest("frame", frame, "a frame that says one thing")
    if settled.setup is not None:
        raise InvalidRequest("frame.setup", settled.setup, "no setup: a session has had one when it is open")
    return settled


def _encode_message(frame: ClientMessage, at: Backend) -> bytes:
    if isinstance(frame, LiveMusicClientMessage) and isinstance(at, Vertex):
        raise Unsupported(at.title, ("live.music",), "only the Gemini Developer API generates live music")
    findings = find_unsupported_fields(frame, at.name)
    if findings.unsupported_paths:
        raise Unsupported(at.title, tuple(findings.unsupported_paths))
    if isinstance(frame, LiveClientMessage) and frame.tool_response is not None and not isinstance(at, Vertex):
        _check_response_ids(frame.tool_response)
    return join_body(encode_body(frame, at, has_large=findings.has_large))


def _check_response_ids(answers: LiveClientToolResponse) -> None:
    for index, each in enumerate(answers.function_responses or ()):
        if each.id is None:
            path = f"tool_response.function_responses[{index}].id"
            raise InvalidRequest(path, None, "the id of the call, which the Gemini Developer API wants")


def _mark_unknown(message: Any, text: bytes, opened: EncodedHandshake) -> Any:
    unknown = opened.handshake.build_unknown
    if unknown is None or message != type(message)() or text.strip() in _EMPTY_MESSAGES:
        return message
    return unknown(raw=text.decode("utf-8", "replace"))


_EMPTY_MESSAGES = (b"", b"{}")
