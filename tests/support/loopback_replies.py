"""Requests, and the loopback server's responses to them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from returns.result import Failure, Result

from genai_fn import generate, streamed
from genai_fn.errors import GenaiError
from genai_fn.request import POST, Call, Operation, Request, read_json
from genai_fn.schema import GenerateContentResponse
from tests.support.loopback import build_json_reply, build_sse_reply, encode_chunk, encode_event

CHUNKED = ("transfer-encoding", "chunked")
HELLO = generate("test-model", "hello")
HELLO_STREAM = HELLO | streamed


def build_text_response(text: str) -> dict[str, Any]:
    """Build a response with a text, as JSON."""
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}


def encode_text_chunk(text: str) -> bytes:
    """Encode a chunk that contains one server-sent event, a response with a text."""
    return encode_chunk(encode_event(build_text_response(text)))


def build_error(code: int, status: str = "", **more: Any) -> dict[str, Any]:
    """Build an error, as JSON."""
    return {"error": {"code": code, "message": "no", "status": status, **more}}


OK = build_json_reply(build_text_response("hi"))
STREAM = build_sse_reply([build_text_response("a"), build_text_response("b")])
BUSY = build_json_reply(build_error(503, "UNAVAILABLE"), 503)


class UnrepeatableOperation(Operation[GenerateContentResponse]):
    """An operation that must not be repeated."""

    op: ClassVar[str] = "tests.once"
    repeatable: ClassVar[bool] = False

    def gemini(self, at: object) -> Call[GenerateContentResponse]:
        return POST("once", None, read_json(GenerateContentResponse))


UNREPEATABLE = Request(UnrepeatableOperation())


def list_texts(results: Sequence[Result[Any, GenaiError]]) -> list[Any]:
    """List the texts of successes and the types of failures."""
    return [type(each.failure()) if isinstance(each, Failure) else each.unwrap().text for each in results]
