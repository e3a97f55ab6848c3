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
from tests.support.interpreter_kinds import World
from tests.support.loopback import Answer, Close, Loopback, Reply, Send, chunk, event, head
from tests.support.loopback_replies import CHUNKED, HELLO, PIECES, said

KEY = "test-key-that-is-echoed"
SUSPENDED = {
    "error": {
        "code": 403,
        "message": f"Permission denied: Consumer 'api_key:{KEY}' has been suspended.",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "CONSUMER_SUSPENDED", "metadata": {"containerInfo": f"api_key:{KEY}", "consumer": KEY}}],
    }
}
DENIED = json.dumps(SUSPENDED).encode()
FIRST = event(said("a"))


class Credentials:
    """Credentials with google-auth's interface, and a token that does not expire."""

    token = KEY

    def refresh(self, request: object) -> None:
        raise AssertionError("the token is good")


BACKENDS: dict[str, Callable[[str], Backend]] = {
    "key": lambda url: Gemini(KEY, base_url=url),
    "key on Vertex": lambda url: Vertex(api_key=KEY, base_url=url),
    "headers": lambda url: Gemini(base_url=url, headers={"x-my-token": KEY}),
    "gateway": lambda url: Vertex(base_url=url, headers={"authorization": f"Bearer {KEY}"}),
    "credentials": lambda url: Vertex("p", "l", credentials=Credentials(), base_url=url),
}

ANSWERS: dict[str, Answer] = {
    "refused": Reply(403, (("x-echo", KEY),), DENIED),
    "busy": Reply(503, (("x-echo", KEY),), DENIED),
    "refused in a 200": Reply(200, (("x-echo", KEY),), DENIED),
    "HTML": Reply(403, (), f"<p>{KEY}</p>".encode()),
    "HTML in a 200": Reply(200, (), f"<p>no way: {KEY}</p>".encode()),
    "cut": Reply(403, (), b"x" * 480 + KEY.encode()),
    "not JSON": Reply(200, (), b'{"candidates": [' + KEY.encode()),
    "another type": Reply(200, (), b'{"candidates": "' + KEY.encode() + b'"}'),
    "escaped": Reply(200, (), b'{"candidates": "' + KEY.replace("-", "\\u002d").encode() + b'"}'),
    "bad header": Send(b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n\r\n"),
}

STREAMS: dict[str, Answer] = {
    "an event": Reply(200, (), FIRST + b"data: " + DENIED + b"\n\n"),
    "bare": Reply(200, (), FIRST + DENIED),
    "HTML": Reply(200, (), FIRST + b"<p>" + KEY.encode()),
    "a bad event": Reply(200, (), FIRST + b"data: [" + KEY.encode() + b"\n\n"),
    "a bad chunk": (Send(head(200, (CHUNKED,)) + chunk(FIRST) + KEY.encode() + b"\r\n\r\n"), Close()),
}


def shows_no_key(*held: Any) -> bool:
    """Return whether the key is absent from the text, attributes and pickles of some values."""
    shown = [repr(held), *map(str, held), *(repr(getattr(each, "__dict__", "")) for each in held)]
    return KEY not in " ".join((*shown, repr(pickle.dumps(held))))


def failures(world: World, backend: Backend, action: Any) -> list[GenaiError]:
    """Run an action that is attempted twice, and check the failures and events."""
    seen: list[Event] = []
    result = world.run(
        backend, action, on_event=seen.append, retry=Retry(attempts=2, initial_delay=0.001, max_delay=0.001)
    )
    assert isinstance(result, Failure)
    errors = [each.error for each in seen if hasattr(each, "error")]
    assert errors
    assert all(map(shows_no_key, (*seen, *errors)))
    return [result.failure(), *errors]


@pytest.mark.parametrize("kind", BACKENDS)
def test_whoever_calls(world: World, kind: str) -> None:
    """A key, a token and a header of one's own are masked in what is refused, and what remains is the server's word."""
    with Loopback(ANSWERS["refused"]) as server:
        error: Any = failures(world, BACKENDS[kind](server.url), HELLO)[0]
    assert shows_no_key(error)
    assert (error.code, error.status) == (403, "PERMISSION_DENIED")
    assert error.message == "Permission denied: Consumer 'api_key:***' has been suspended."
    assert error.details[0]["metadata"] == {"containerInfo": "api_key:***", "consumer": "***"}
    assert ("x-echo", "***") in error.headers


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("action", (HELLO, PIECES | text | joined), ids=("whole", "stream"))
def test_whatever_is_answered(world: World, name: str, action: Any) -> None:
    """Whatever an answer is that repeats the key, the failure made of it does not, nor does an event."""
    with Loopback(ANSWERS[name]) as server:
        assert all(map(shows_no_key, failures(world, BACKENDS["key"](server.url), action)))


@pytest.mark.parametrize("name", STREAMS)
def test_within_a_stream(world: World, name: str) -> None:
    """A failure that ends a stream after its first item does not contain the key."""
    with Loopback(STREAMS[name]) as server:
        first, last = world.items(BACKENDS["key"](server.url), PIECES)
        assert first.unwrap().text == "a"
        assert shows_no_key(last.failure())
        assert isinstance(world.run(BACKENDS["key"](server.url), PIECES | collected), Failure)


def test_headers_of_one_request(world: World) -> None:
    """A credential in a header of one request is masked like the backend's."""
    asked = HELLO | with_options(headers={"x-other-key": KEY})
    with Loopback(ANSWERS["refused"]) as server:
        error = world.run(Gemini("another-test-key", base_url=server.url), asked).failure()
    assert isinstance(error, APIError)
    assert shows_no_key(error)


@pytest.mark.parametrize("name", ("refused", "HTML"))
def test_uploads_and_downloads(world: World, name: str, tmp_path: Path) -> None:
    """Failures of uploads, downloads to memory and to a path, and lists do not contain the key."""
    actions: tuple[Any, ...] = (
        files.upload(b"some bytes", {"mime_type": "text/plain"}),
        files.download("abc"),
        files.download("abc", tmp_path / "x"),
        files.list(),
    )
    with Loopback(ANSWERS[name]) as server:
        for action in actions:
            error = world.run(BACKENDS["key"](server.url), action).failure()
            assert isinstance(error, APIError)
            assert shows_no_key(error)


def test_session_of_an_upload(world: World) -> None:
    """The failure of an upload whose session URL is invalid does not contain the key."""
    begun = Reply(200, (("x-goog-upload-url", KEY),))
    with Loopback(begun) as server:
        upload: Any = files.upload(b"some bytes", {"mime_type": "text/plain"})
        error = world.run(BACKENDS["key"](server.url), upload).failure()
        assert isinstance(error, DecodeError)
        assert shows_no_key(error)


def test_resumed_download(world: World) -> None:
    """No event of a resumed download contains the key."""
    seen: list[Event] = []
    part = head(200, (("content-length", "9"), ("etag", '"1"'), ("accept-ranges", "bytes"))) + b"part"
    with Loopback([(Send(part), Close()), ANSWERS["busy"]]) as server:
        patience = Retry(attempts=3, initial_delay=0.001, max_delay=0.001)
        action = files.download("abc")
        result = world.run(BACKENDS["key"](server.url), action, on_event=seen.append, retry=patience)
    assert isinstance(result, Failure)
    assert all(map(shows_no_key, (result.failure(), *seen)))
