"""What must not be sent twice is sent once, whatever middleware there is and however the server fails."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from genai_fn import (
    AsyncHttp,
    Failure,
    Gemini,
    Http,
    Retry,
    auth_tokens,
    batches,
    caches,
    files,
    generate,
    stores,
    tunings,
    videos,
)
from genai_fn.middleware import cached, context_cached, fallback, hedged
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.loopback import Answer, Close, Loopback, Pause, Reply, Reset, Send, build_json_reply, encode_head
from tests.support.loopback_replies import build_error
from tests.support.middleware_places import Place
from tests.support.middleware_table import MIDDLEWARE

UNREPEATABLE: Mapping[str, Any] = {
    "cache": caches.create("gemini-2.5-flash", {"contents": "a text"}),
    "batch": batches.create("gemini-2.5-flash", [{"contents": "hi"}]),
    "embeddings": batches.create_embeddings("gemini-embedding-001", {"inlined_requests": {"contents": ["hi"]}}),
    "tuning": tunings.tune("gemini-2.5-flash", {"examples": [{"text_input": "a", "output": "b"}]}),
    "video": videos.generate("veo-3.0-generate-001", "a cat"),
    "store": stores.create(),
    "import": stores.import_file("fileSearchStores/a", "files/b"),
    "token": auth_tokens.create(),
}
FAULTS: Mapping[str, Answer] = {
    "429": build_json_reply(build_error(429), 429),
    "503": (Pause(0.02), build_json_reply(build_error(503), 503)),
    "404": build_json_reply(build_error(404), 404),
    "no response": Reset(),
    "closed": Close(),
    "half a head": (Send(b"HTTP/1.1 200 O"), Close()),
    "half a body": (Send(encode_head(200, (("content-length", "100"),)) + b'{"name": '), Reset()),
    "slow": (Pause(0.05), Send(b"HTTP/1.1 200 O"), Close()),
    "no JSON": Reply(200, (), b"<html>"),
}
EAGER: Mapping[str, Callable[[str], list[Any]]] = {
    **{name: (lambda url, make=make: [make()]) for name, make in MIDDLEWARE.items()},
    "hedged": lambda url: [hedged(after=0.001, attempts=4)],
    "fallback": lambda url: [make_fallback(url)],
    "cached": lambda url: [cached(operations=accept_all)],
    "stack": lambda url: [make_fallback(url), cached(operations=accept_all), hedged(after=0.001), context_cached()],
    "reversed stack": lambda url: [hedged(after=0.001), cached(operations=accept_all), make_fallback(url)],
}
"""Middleware that would send a request again as soon as it may."""


def make_fallback(url: str) -> Any:
    """Make a fallback that moves on after any error, retrying each target."""
    backends = [Gemini("other-key", base_url=url)]
    return fallback(models=["other-model"], backends=backends, on=accept_all, retry_each=True)


def accept_all(value: Any) -> bool:
    """Return True."""
    return True


CASES = tuple((name, kind) for name in EAGER for kind in (("sync", "trio") if "stack" in name else ("sync",)))


def list_sent(action: Any, script: Any, name: str, kind: str) -> list[str]:
    """Run an action that fails; list the requests that were received, but for repeatable ones of uploads."""
    with Loopback(script) as server:
        backend = Gemini("test-key", base_url=server.url)
        make: Any = Http if kind == "sync" else AsyncHttp

        async def body(run: AwaitableInterpreter) -> Any:
            return await run(action)

        middleware = EAGER[name](server.url) if name else []
        retry = Retry(attempts=3, initial_delay=0.001, max_delay=0.001)
        result = Place("Http", kind).run_body(lambda: make(backend, retry=retry), body, middleware)
        assert isinstance(result, Failure)
        sent = [f"{each.method} {each.target} {each.headers.get('x-goog-upload-command')}" for each in server.requests]
        return [each for each in sent if not each.endswith((" start", " query"))]


def select_faults(name: str) -> list[tuple[str, Answer]]:
    """Select all faults for middleware that sends requests again, and some for the rest."""
    is_eager = "stack" in name or name in {"hedged", "fallback", "cached"}
    return [(fault, answer) for fault, answer in FAULTS.items() if is_eager or fault in {"503", "half a body"}]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_sent_once(name: str, kind: str) -> None:
    """Each operation that is not repeatable is one request, for each way in which a server fails."""
    for operation, action in UNREPEATABLE.items():
        for fault, answer in select_faults(name):
            sent = list_sent(action, answer, name, kind)
            assert len(sent) == 1, (operation, fault, sent)


class UploadScript:
    """Starts uploads, and fails at their contents."""

    def __init__(self, fault: Answer) -> None:
        self._fault = fault

    def __call__(self, received: Any) -> Answer:
        if received.headers.get("x-goog-upload-command") != "start":
            return self._fault
        return Reply(200, (("x-goog-upload-url", f"http://{received.headers['host']}/session"),))


@cache
def list_plain_upload(fault: str) -> list[str]:
    """List the requests of an upload that fails, without middleware."""
    return list_sent(UPLOAD, UploadScript(FAULTS[fault]), "", "sync")


UPLOAD = files.upload(b"content", {"mime_type": "text/plain"})


@pytest.mark.usefixtures("sleeps")
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_uploads(name: str, kind: str) -> None:
    """An upload whose content fails is the same requests as without middleware."""
    for fault, answer in select_faults(name):
        assert list_sent(UPLOAD, UploadScript(answer), name, kind) == list_plain_upload(fault), fault


@pytest.mark.parametrize("name", ["hedged", "fallback", "stack"])
def test_others_are_sent_again(name: str) -> None:
    """The middleware of this test does send a request again that may be: so the test above proves something."""
    with Loopback((Pause(0.05), build_json_reply(build_error(404), 404))) as server:
        backend = Gemini("test-key", base_url=server.url)
        with Http(backend).with_middleware(*EAGER[name](server.url)) as run:
            run(generate("gemini-2.5-flash", "hi"))
        assert len(server.requests) > 1
