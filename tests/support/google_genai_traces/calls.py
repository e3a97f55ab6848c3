"""Calls that are made with both libraries, and what the server replies to each of them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

__all__ = ["CALLS", "ReplyServer"]

USAGE = {
    "promptTokenCount": 10,
    "candidatesTokenCount": 4,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 2,
    "totalTokenCount": 17,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
}
CONFIG = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "max_output_tokens": 100,
    "stop_sequences": ["END"],
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "seed": 7,
    "candidate_count": 2,
    "response_mime_type": "application/json",
    "system_instruction": "Be brief.",
}


def _build_response(parts: list[Any], **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash-001", "responseId": "response-1"}


_ANSWER = {**_build_response([{"text": "hello"}], finishReason="STOP"), "usageMetadata": USAGE}
_CALL = {
    **_build_response(
        [{"functionCall": {"id": "call-1", "name": "add", "args": {"a": 2, "b": 3}}}], finishReason="STOP"
    ),
    "usageMetadata": USAGE,
}
_ERROR = {"error": {"code": 429, "message": "too many", "status": "RESOURCE_EXHAUSTED"}}

CALLS: dict[str, dict[str, Any]] = {
    "plain": {"method": "generate", "contents": "Say hello.", "config": {}, "replies": [(200, _ANSWER)]},
    "config": {"method": "generate", "contents": "Say hello.", "config": CONFIG, "replies": [(200, _ANSWER)]},
    "stream": {
        "method": "stream",
        "contents": "Say hello.",
        "config": {},
        "replies": [(200, [_build_response([{"text": "hel"}]), _ANSWER])],
    },
    "error": {"method": "generate", "contents": "Say hello.", "config": {}, "replies": [(429, _ERROR)]},
    "stream error": {"method": "stream", "contents": "Say hello.", "config": {}, "replies": [(429, _ERROR)]},
    "tool": {
        "method": "calling",
        "contents": "What is 2 + 3?",
        "config": {},
        "replies": [(200, _CALL), (200, _ANSWER)],
    },
    "embed": {
        "method": "embed",
        "contents": "Hello.",
        "config": {"output_dimensionality": 2},
        "replies": [(200, {"embeddings": [{"values": [0.5, 0.25]}], "embedding": {"values": [0.5, 0.25]}})],
    },
}
"""By name: the method, its arguments, and the replies in order."""


class ReplyServer:
    """A loopback server that replies in order; a list is a stream of server-sent events."""

    def __init__(self, replies: list[tuple[int, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            waiting: ClassVar[list[tuple[int, Any]]] = list(replies)

            def do_POST(self) -> None:  # as http.server calls it
                self.rfile.read(int(self.headers.get("content-length", 0)))
                status, body = self.waiting.pop(0)
                is_stream = isinstance(body, list)
                events = "".join(f"data: {json.dumps(each)}\n\n" for each in body) if is_stream else json.dumps(body)
                data = events.encode()
                self.send_response(status)
                self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()
