"""Frames, what is said in a session: from values to the bytes that go out, from what comes in to values."""

from typing import Any, TypeAlias

from msgspec.structs import asdict
from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Vertex
from genai_fn.body import encoded
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.marks import survey
from genai_fn.request import Answer
from genai_fn.schema import LiveClientMessage, LiveClientToolResponse, LiveMusicClientMessage
from genai_fn.schema._convert import as_struct
from genai_fn.sessions.opening import Opened, whole
from genai_fn.wire import read_event

__all__ = ["Frame", "decode_frame", "encode_frame"]

Frame: TypeAlias = LiveClientMessage | LiveMusicClientMessage
"""One message of ours: what ``live.client_content(…)`` and its like make."""


def encode_frame(frame: Frame, backend: Backend) -> Result[bytes, GenaiError]:
    """
    Write a message of ours as it goes out: JSON.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take, and
    ``Failure(InvalidRequest)`` for what is no frame.
    """
    try:
        return Success(_encoded(_settled(frame), backend))
    except GenaiError as error:
        return Failure(error)


def decode_frame(data: bytes | str, opened: Opened) -> Result[Any, GenaiError]:
    """
    Read a message of theirs; a frame is text or bytes, as the server likes it.

    One of which nothing is known is a message that holds its ``raw`` text; an error is ``Failure(APIError)``.
    """
    text, reading = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, opened.reading
    result: Result[Any, GenaiError] = read_event(Answer(reading.message, reading.read, may_be_empty=True), text)
    return result.map(lambda message: _known(message, text, opened))


def _settled(frame: Any) -> Frame:
    if not isinstance(frame, LiveClientMessage | LiveMusicClientMessage):
        raise InvalidRequest("frame", frame, "a frame, such as live.client_content(…) makes")
    settled = as_struct(type(frame), frame, "frame")
    said = [name for name, value in asdict(settled).items() if value is not None]
    if len(said) != 1:
        raise InvalidRequest("frame", frame, "a frame that says one thing")
    if settled.setup is not None:
        raise InvalidRequest("frame.setup", settled.setup, "no setup: a session has had one when it is open")
    return settled


def _encoded(frame: Frame, at: Backend) -> bytes:
    if isinstance(frame, LiveMusicClientMessage) and isinstance(at, Vertex):
        raise Unsupported(at.title, ("live.music",), "only the Gemini Developer API plays music")
    findings = survey(frame, at.name)
    if findings.refused:
        raise Unsupported(at.title, tuple(findings.refused))
    if isinstance(frame, LiveClientMessage) and frame.tool_response is not None and not isinstance(at, Vertex):
        _must_say_whom_they_answer(frame.tool_response)
    return whole(encoded(frame, at, has_large=findings.has_large))


def _must_say_whom_they_answer(answers: LiveClientToolResponse) -> None:
    for index, each in enumerate(answers.function_responses or ()):
        if each.id is None:
            path = f"tool_response.function_responses[{index}].id"
            raise InvalidRequest(path, None, "the id of the call, which the Gemini Developer API wants")


def _known(message: Any, text: bytes, opened: Opened) -> Any:
    unknown = opened.reading.unknown
    if unknown is None or message != type(message)() or text.strip() in _NOTHING:
        return message
    return unknown(raw=text.decode("utf-8", "replace"))


_NOTHING = (b"", b"{}")
