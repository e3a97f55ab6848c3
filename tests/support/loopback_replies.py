"""Requests, and the loopback server's responses to them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from returns.result import Failure, Result

from genai_fn import generate, streamed
from genai_fn.errors import GenaiError
from genai_fn.request import POST, Call, Operation, Request, read_json
from genai_fn.schema import GenerateContentResponse
from tests.support.loopback import json_reply, sse_reply

CHUNKED = ("transfer-encoding", "chunked")
HELLO = generate("test-model", "hello")
PIECES = HELLO | streamed


def said(text: str) -> dict[str, Any]:
    """Build a response with a text."""
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}


def fault(code: int, status: str = "", **more: Any) -> dict[str, Any]:
    """Build an error as the API returns it."""
    return {"error": {"code": code, "message": "no", "status": status, **more}}


OK = json_reply(said("hi"))
STREAM = sse_reply([said("a"), said("b")])
BUSY = json_reply(fault(503, "UNAVAILABLE"), 503)


class Once(Operation[GenerateContentResponse]):
    """An operation that must not be repeated."""

    op: ClassVar[str] = "tests.once"
    repeatable: ClassVar[bool] = False

    def gemini(self, at: object) -> Call[GenerateContentResponse]:
        return POST("once", None, read_json(GenerateContentResponse))


ONCE = Request(Once())


def texts(results: Sequence[Result[Any, GenaiError]]) -> list[Any]:
    """List the texts of successes and the types of failures."""
    return [type(each.failure()) if isinstance(each, Failure) else each.unwrap().text for each in results]
