"""What the loopback server answers in these tests, and what is asked."""

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
    """Write a response that says something."""
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}


def fault(code: int, status: str = "", **more: Any) -> dict[str, Any]:
    """Write a fault as the service does."""
    return {"error": {"code": code, "message": "no", "status": status, **more}}


OK = json_reply(said("hi"))
STREAM = sse_reply([said("a"), said("b")])
BUSY = json_reply(fault(503, "UNAVAILABLE"), 503)


class Once(Operation[GenerateContentResponse]):
    """Something that must not happen twice."""

    op: ClassVar[str] = "tests.once"
    repeatable: ClassVar[bool] = False

    def gemini(self, at: object) -> Call[GenerateContentResponse]:
        return POST("once", None, read_json(GenerateContentResponse))


ONCE = Request(Once())


def texts(results: Sequence[Result[Any, GenaiError]]) -> list[Any]:
    """Show good items by their text and bad ones by their kind."""
    return [type(each.failure()) if isinstance(each, Failure) else each.unwrap().text for each in results]
