"""Servers that echo the rejected credential, as Google's do: it appears in no error, event or pickle."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Failure, Gemini, Retry, Vertex, collected, joined, text, with_options
from genai_fn.backend import Backend
from genai_fn.errors import APIError, DecodeError, GenaiError
from genai_fn.events import Event
from genai_fn.ops import files
from tests.support.interpreter_kinds import InterpreterKind
from tests.support.loopback import Answer, Close, Loopback, Reply, Send, encode_chunk, encode_event, encode_head
from tests.support.loopback_replies import CHUNKED, HELLO, HELLO_STREAM, build_text_response

KEY = "test-key-that-is-echoed"
SUSPENDED_ERROR = {
    "error": {
        "code": 403,
        "message": f"Permission denied: Consumer 'api_key:{KEY}' has been suspended.",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "CONSUMER_SUSPENDED", "metadata": {"containerInfo": f"api_key:{KEY}", "consumer": KEY}}],
    }
}
ERROR_BODY = json.dumps(SUSPENDED_ERROR).encode()
FIRST_EVENT = encode_event(build_text_response("a"))


class Credentials:
    """Credentials with google-auth's interface, and a token that does not expire."""

    token = KEY

    def refresh(self, request: object) -> None:
        raise AssertionError("the token has not expired")


BACKENDS: dict[str, Callable[[str], Backend]] = {
    "key": lambda url: Gemini(KEY, base_url=url),
    "key on Vertex": lambda url: Vertex(api_key=KEY, base_url=url),
    "headers": lambda url: Gemini(base_url=url, headers={"x-my-token": KEY}),
    "gateway": lambda url: Vertex(base_url=url, headers={"authorization": f"Bearer {KEY}"}),
    "credentials": lambda url: Vertex("p", "l", credentials=Credentials(), base_url=url),
}

ANSWERS: dict[str, Answer] = {
    "refused": Reply(403, (("x-echo", KEY),), ERROR_BODY),
    "busy": Reply(503, (("x-echo", KEY),), ERROR_BODY),
    "refused in a 200": Reply(200, (("x-echo", KEY),), ERROR_BODY),
    "HTML": Reply(403, (), f"<p>{KEY}</p>".encode()),
    "HTML in a 200": Reply(200, (), f"<p>no way: {KEY}</p>".encode()),
    "cut": Reply(403, (), b"x" * 480 + KEY.encode()),
    "not JSON": Reply(200, (), b'{"candidates": [' + KEY.encode()),
    "another type": Reply(200, (), b'{"candidates": "' + KEY.encode() + b'"}'),
    "escaped": Reply(200, (), b'{"candidates": "' + KEY.replace("-", "\\u002d").encode() + b'"}'),
    "bad header": Send(b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n\r\n"),
}

STREAMS: dict[str, Answer] = {
    "an event": Reply(200, (), FIRST_EVENT + b"data: " + ERROR_BODY + b"\n\n"),
    "bare": Reply(200, (), FIRST_EVENT + ERROR_BODY),
    "HTML": Reply(200, (), FIRST_EVENT + b"<p>" + KEY.encode()),
    "a bad event": Reply(200, (), FIRST_EVENT + b"data: [" + KEY.encode() + b"\n\n"),
    "a bad chunk": (
        Send(encode_head(200, (CHUNKED,)) + encode_chunk(FIRST_EVENT) + KEY.encode() + b"\r\n\r\n"),
        Close(),
    ),
}


def is_key_absent(*values: Any) -> bool:
    """Return whether the key is absent from the text, attributes and pickles of some values."""
    texts = [repr(values), *map(str, values), *(repr(getattr(each, "__dict__", "")) for each in values)]
    return KEY not in " ".join((*texts, repr(pickle.dumps(values))))


def run_and_list_failures(kind: InterpreterKind, backend: Backend, action: Any) -> list[GenaiError]:
    """Run an action that is attempted twice, and check the failures and events."""
    events: list[Event] = []
    result = kind.run(
        backend, action, on_event=events.append, retry=Retry(attempts=2, initial_delay=0.001, max_delay=0.001)
    )
    assert isinstance(result, Failure)
    errors = [each.error for each in events if hasattr(each, "error")]
    assert errors
    assert all(map(is_key_absent, (*events, *errors)))
    return [result.failure(), *errors]


@pytest.mark.parametrize("credential", BACKENDS)
def test_every_credential(kind: InterpreterKind, credential: str) -> None:
    """Keys, tokens and credentials in headers are masked in an error; the rest is as the server sent it."""
    with Loopback(ANSWERS["refused"]) as server:
        error: Any = run_and_list_failures(kind, BACKENDS[credential](server.url), HELLO)[0]
    assert is_key_absent(error)
    assert (error.code, error.status) == (403, "PERMISSION_DENIED")
    assert error.message == "Permission denied: Consumer 'api_key:***' has been suspended."
    assert error.details[0]["metadata"] == {"containerInfo": "api_key:***", "consumer": "***"}
    assert ("x-echo", "***") in error.headers


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("action", (HELLO, HELLO_STREAM | text | joined), ids=("whole", "stream"))
def test_every_answer(kind: InterpreterKind, name: str, action: Any) -> None:
    """If an answer of any form repeats the key, neither its failure nor an event does."""
    with Loopback(ANSWERS[name]) as server:
        assert all(map(is_key_absent, run_and_list_failures(kind, BACKENDS["key"](server.url), action)))


@pytest.mark.parametrize("name", STREAMS)
def test_failure_within_a_stream(kind: InterpreterKind, name: str) -> None:
    """A failure that ends a stream after its first item does not contain the key."""
    with Loopback(STREAMS[name]) as server:
        first, last = kind.read_items(BACKENDS["key"](server.url), HELLO_STREAM)
        assert first.unwrap().text == "a"
        assert is_key_absent(last.failure())
        assert isinstance(kind.run(BACKENDS["key"](server.url), HELLO_STREAM | collected), Failure)


def test_headers_of_one_request(kind: InterpreterKind) -> None:
    """A credential in a header of one request is masked like the backend's."""
    request = HELLO | with_options(headers={"x-other-key": KEY})
    with Loopback(ANSWERS["refused"]) as server:
        error = kind.run(Gemini("another-test-key", base_url=server.url), request).failure()
    assert isinstance(error, APIError)
    assert is_key_absent(error)


@pytest.mark.parametrize("name", ("refused", "HTML"))
def test_uploads_and_downloads(kind: InterpreterKind, name: str, tmp_path: Path) -> None:
    """Failures of uploads, downloads to memory and to a path, and lists do not contain the key."""
    actions: tuple[Any, ...] = (
        files.upload(b"some bytes", {"mime_type": "text/plain"}),
        files.download("abc"),
        files.download("abc", tmp_path / "x"),
        files.list(),
    )
    with Loopback(ANSWERS[name]) as server:
        for action in actions:
            error = kind.run(BACKENDS["key"](server.url), action).failure()
            assert isinstance(error, APIError)
            assert is_key_absent(error)


def test_session_of_an_upload(kind: InterpreterKind) -> None:
    """The failure of an upload whose session URL is invalid does not contain the key."""
    start_reply = Reply(200, (("x-goog-upload-url", KEY),))
    with Loopback(start_reply) as server:
        upload: Any = files.upload(b"some bytes", {"mime_type": "text/plain"})
        error = kind.run(BACKENDS["key"](server.url), upload).failure()
        assert isinstance(error, DecodeError)
        assert is_key_absent(error)


def test_resumed_download(kind: InterpreterKind) -> None:
    """No event of a resumed download contains the key."""
    events: list[Event] = []
    part = encode_head(200, (("content-length", "9"), ("etag", '"1"'), ("accept-ranges", "bytes"))) + b"part"
    with Loopback([(Send(part), Close()), ANSWERS["busy"]]) as server:
        retry = Retry(attempts=3, initial_delay=0.001, max_delay=0.001)
        action = files.download("abc")
        result = kind.run(BACKENDS["key"](server.url), action, on_event=events.append, retry=retry)
    assert isinstance(result, Failure)
    assert all(map(is_key_absent, (result.failure(), *events)))
