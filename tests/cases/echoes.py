"""Where a secret is in a request, and every place where a server may repeat it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from genai_fn import Gemini, Vertex, generate, joined, streamed, text, until_done, with_options
from genai_fn.backend import Backend
from genai_fn.ops import batches, files, models
from genai_fn.request import Request
from tests.support.loopback import Answer, Close, Reply, Send, encode_chunk, encode_event, encode_head
from tests.support.loopback_replies import CHUNKED, build_text_response

__all__ = ["ACTIONS", "CREDENTIALS", "PLACES", "StaticCredentials"]


class StaticCredentials:
    """Credentials with google-auth's interface, and a token that does not expire."""

    def __init__(self, token: str) -> None:
        self.token = token

    def refresh(self, request: object) -> None:
        raise AssertionError("the token has not expired")


AddSecret: TypeAlias = Callable[[Request[Any]], Any]
BuildCase: TypeAlias = Callable[[str, str], tuple[Backend, AddSecret]]
"""From a secret and a URL to a backend, and to a function that adds the secret to a request."""


def _keep(request: Request[Any]) -> Any:
    return request


def _with_tools(tool: Any) -> AddSecret:
    """Return a function that replaces a request to generate by one with a tool."""
    return lambda request: generate("m", "hi", {"tools": [tool]}) if request.operation.op == "generate" else request


def _with_headers(headers: Mapping[str, str]) -> AddSecret:
    return lambda request: request | with_options(headers=headers)


CREDENTIALS: Mapping[str, BuildCase] = {
    "key": lambda key, url: (Gemini(key, base_url=url), _keep),
    "key on Vertex": lambda key, url: (Vertex(api_key=key, base_url=url), _keep),
    "header": lambda key, url: (Gemini(base_url=url, headers={"x-my-token": key}), _keep),
    "cookie": lambda key, url: (Gemini(base_url=url, headers={"cookie": f"a=b; session={key}"}), _keep),
    "gateway": lambda key, url: (Vertex(base_url=url, headers={"authorization": f"Bearer {key}"}), _keep),
    "access token": lambda key, url: (Vertex("p", "l", credentials=StaticCredentials(key), base_url=url), _keep),
    "request": lambda key, url: (Gemini("test-other", base_url=url), _with_headers({"X-Other-Key": key})),
    "api key of a search": lambda key, url: (
        Vertex("p", "l", credentials=StaticCredentials("test-token"), base_url=url),
        _with_tools({"exa_ai_search": {"api_key": key}}),
    ),
    "api key of an API": lambda key, url: (
        Vertex("p", "l", credentials=StaticCredentials("test-token"), base_url=url),
        _with_tools(
            {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": key}}, "endpoint": "e"}}}
        ),
    ),
    "MCP header": lambda key, url: (
        Gemini("test-other", base_url=url),
        _with_tools(
            {"mcp_servers": [{"streamable_http_transport": {"url": "https://m.test", "headers": {"x-a": key}}}]}
        ),
    ),
}
"""Kind of credential → backend, and how it is added to a request."""


_GENERATE = generate("m", "hi")
_POLLING = until_done(every=0.001, timeout=0.01)

ACTIONS: Mapping[str, Callable[[str, AddSecret], Any]] = {
    "generate": lambda _, add: add(_GENERATE),
    "stream": lambda _, add: add(_GENERATE) | streamed,
    "joined": lambda _, add: add(_GENERATE) | streamed | joined,
    "text": lambda _, add: add(_GENERATE) | text,
    "get": lambda _, add: add(models.get("m")),
    "register": lambda secret, _: files.register_files(["gs://b/a"], auth=secret),
    "upload": lambda *_: files.upload(b"some bytes", {"mime_type": "text/plain"}),
    "download": lambda *_: files.download("abc"),
    "file": lambda _, add: add(files.get("abc")) | _POLLING,
    "batch": lambda _, add: add(batches.get("batches/1")) | _POLLING,
}
"""Action → what a program runs, from a secret and the function that adds it to a request."""


def _build_error(key: str) -> Any:
    return {
        "error": {
            "code": 403,
            "message": f"Consumer 'api_key:{key}' has been suspended.",
            "status": f"DENIED_{key}",
            "details": [{"@type": key, "metadata": {key: [key, {"consumer": key}]}}],
        }
    }


def _build_failed_work(key: str) -> Any:
    """Build the JSON of a file, a job and an operation that have failed."""
    error = {"code": 7, "message": f"no access for {key}", "details": [{"a": key}]}
    return {"name": f"batches/{key}", "state": "FAILED", "done": True, "error": error, "metadata": {"note": key}}


_FIRST_EVENT = encode_event(build_text_response("a"))
_SESSION = (("x-goog-upload-status", "final"),)

PLACES: Mapping[str, Callable[[str], Answer]] = {
    "error": lambda key: Reply(403, (("x-echo", key), ("x-key", key)), json.dumps(_build_error(key)).encode()),
    "error that is retried": lambda key: Reply(503, (("x-echo", key),), json.dumps(_build_error(key)).encode()),
    "error in a 200": lambda key: Reply(200, (("x-echo", key),), json.dumps(_build_error(key)).encode()),
    "errors in a list": lambda key: Reply(400, (), json.dumps([_build_error(key)]).encode()),
    "flat error": lambda key: Reply(401, (), json.dumps({"code": 401, "message": f"Jwt {key}"}).encode()),
    "OAuth error": lambda key: Reply(400, (), json.dumps({"error": key, "error_description": key}).encode()),
    "unknown error": lambda key: Reply(200, (), json.dumps({"error": {key: key}}).encode()),
    "percent-encoded": lambda key: Reply(403, (), f"<a href='/x?key={quote(key, safe='')}'>".encode()),
    "HTML": lambda key: Reply(502, (("server", key),), f"<html><p>{key}</p>".encode()),
    "HTML in a 200": lambda key: Reply(200, (), f"<html><p>{key}</p>".encode()),
    "cut JSON": lambda key: Reply(200, (), b'{"candidates": [' + json.dumps(key).encode()),
    "another type": lambda key: Reply(
        200, _SESSION, json.dumps({"candidates": key, "file": key, "name": [key]}).encode()
    ),
    "unknown fields": lambda key: Reply(200, (), json.dumps({key: key, "candidates": [{key: {key: key}}]}).encode()),
    "trailing bytes": lambda key: Reply(200, _SESSION, b"{}" + key.encode()),
    "failed work": lambda key: Reply(200, _SESSION, json.dumps(_build_failed_work(key)).encode()),
    "event": lambda key: Reply(200, (), _FIRST_EVENT + encode_event(_build_error(key))),
    "bad event": lambda key: Reply(200, (), _FIRST_EVENT + b"data: [" + key.encode() + b"\n\n"),
    "bare error": lambda key: Reply(200, (), _FIRST_EVENT + json.dumps(_build_error(key), indent=1).encode()),
    "bare HTML": lambda key: Reply(200, (), _FIRST_EVENT + f"<p>{key}".encode()),
    "bad chunk": lambda key: (
        Send(encode_head(200, (CHUNKED,)) + encode_chunk(_FIRST_EVENT) + key.encode() + b"\r\n\r\n"),
        Close(),
    ),
    "bad header": lambda key: (Send(b"HTTP/1.1 200 OK\r\n" + key.encode() + b"\r\n\r\n"), Close()),
    "reason": lambda key: Send(f"HTTP/1.1 403 {key}\r\ncontent-length: 0\r\n\r\n".encode()),
    "encoding": lambda key: Reply(200, (("content-encoding", key),), key.encode()),
    "bad gzip": lambda key: Reply(200, (("content-encoding", "gzip"),), key.encode()),
    "redirect": lambda key: Reply(302, (("location", f"/x/{quote(key, safe='')}?key={quote(key, safe='')}#{key}"),)),
    "redirect to no address": lambda key: Reply(302, (("location", f"http://127.0.0.1:1/{quote(key, safe='')}"),)),
    "redirect to no URL": lambda key: Reply(302, (("location", f"ftp://{key}"),)),
    "upload session": lambda key: Reply(200, (("x-goog-upload-url", f"http://127.0.0.1:1/{quote(key, safe='')}"),)),
    "no upload session": lambda key: Reply(200, (("x-goog-upload-url", key),)),
    "upload progress": lambda key: Reply(
        200, (("x-goog-upload-status", key), ("x-goog-upload-url", "http://127.0.0.1:1/"))
    ),
    "upload size": lambda key: Reply(308, (("x-goog-upload-size-received", key), ("range", key), ("retry-after", key))),
}
"""Where a server repeats a secret → its answer to every request."""
