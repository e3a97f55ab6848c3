"""A request may go to another backend than the interpreter's: its address, credentials, tokens, and its secrets."""

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from genai_fn import (
    Gemini,
    HttpResponse,
    InvalidRequest,
    Offline,
    Success,
    Vertex,
    ask,
    decode,
    encode,
    flow,
    live,
    text,
    with_config,
    with_options,
)
from genai_fn.errors import GenaiError
from genai_fn.testing import Fake, recording
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind
from tests.support.live.sessions import read_texts
from tests.support.loopback import Loopback, build_json_reply
from tests.support.loopback_replies import HELLO, HELLO_STREAM, OK, STREAM, build_error, list_texts

OWN_KEY, OTHER_KEY = "own-test-key-1", "other-test-key-2"


class Credentials:
    """Credentials with google-auth's interface, which cannot be hashed."""

    def __init__(self, token: str) -> None:
        self.token: str | None = None
        self.expiry: datetime | None = None
        self.refresh_count = 0
        self._next = token

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        raise TypeError("unhashable")

    def refresh(self, request: object) -> None:
        self.refresh_count += 1
        self.token = self._next
        self.expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)


def test_address_and_key(kind: InterpreterKind) -> None:
    """The request goes to the other backend's address with its key only; the next one to the interpreter's own."""
    with Loopback(OK) as own, Loopback([OK, STREAM]) as other:
        backend = Gemini(OTHER_KEY, base_url=other.url, api_version="v9", headers={"x-team": "b"})

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO | with_options(backend=backend) | text) == Success("hi")
            assert list_texts(await run.read_items(HELLO_STREAM | with_options(backend=backend))) == ["a", "b"]
            assert await run(HELLO | text) == Success("hi")

        parameters: Any = {"headers": {"x-own": "1", "x-own-token": "own-token-3"}}
        kind.run_body(Gemini(OWN_KEY, base_url=own.url), body, **parameters)
        for received in other.requests:
            assert received.target.startswith("/v9/models/test-model:")
            assert (received.headers["x-goog-api-key"], received.headers["x-team"]) == (OTHER_KEY, "b")
            assert received.headers["x-own"] == "1"
            assert "x-own-token" not in received.headers
        [received] = own.requests
        assert (received.headers["x-goog-api-key"], received.headers["x-own-token"]) == (OWN_KEY, "own-token-3")
        assert "x-team" not in received.headers


def test_address_options_apply(kind: InterpreterKind) -> None:
    """`base_url` and `api_version` of the request replace those of its backend."""
    with Loopback(OK) as server:
        options: Any = {"backend": Gemini(OTHER_KEY), "base_url": server.url, "api_version": "v7"}
        assert kind.run(Gemini(OWN_KEY), HELLO | with_options(**options) | text) == Success("hi")
        assert server.requests[0].target.startswith("/v7/")
        assert server.requests[0].headers["x-goog-api-key"] == OTHER_KEY


def test_token_of_each_backend(kind: InterpreterKind) -> None:
    """Each Vertex backend has its own token and project, which are kept; a Gemini interpreter can have them, too."""
    first, second = Credentials("token-one-1"), Credentials("token-two-2")
    with Loopback(OK) as server:
        backends = [
            Vertex("project-1", "us-central1", credentials=first, base_url=server.url),
            Vertex("project-2", "europe-west1", credentials=second, base_url=server.url),
        ]

        async def body(run: AwaitableInterpreter) -> None:
            for each in (*backends, *backends):
                assert await run(HELLO | with_options(backend=each) | text) == Success("hi")

        kind.run_body(Gemini(OWN_KEY, base_url=server.url), body)
        tokens = [each.headers["authorization"] for each in server.requests]
        assert ["Bearer token-one-1", "Bearer token-two-2"] * 2 == tokens
        assert ["project-1", "project-2"] * 2 == [each.target.split("/")[3] for each in server.requests]
        assert not any("x-goog-api-key" in each.headers for each in server.requests)
        assert (first.refresh_count, second.refresh_count) == (1, 1)


def test_refused_token_of_another_backend(kind: InterpreterKind) -> None:
    """A 401 renews the token of the backend that refused it, and of no other."""
    own, other = Credentials("token-own-1"), Credentials("token-two-2")
    with Loopback([OK, build_json_reply(build_error(401), 401), OK]) as server:
        backend = Vertex("project-2", credentials=other, base_url=server.url)

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO | text) == Success("hi")
            assert await run(HELLO | with_options(backend=backend) | text) == Success("hi")

        kind.run_body(Vertex("project-1", credentials=own, base_url=server.url), body)
        assert (own.refresh_count, other.refresh_count, len(server.requests)) == (1, 2, 3)


def test_secrets_are_masked(kind: InterpreterKind, tmp_path: Any) -> None:
    """No error, event or recording contains the key of the other backend, though its server repeats it."""
    events: list[Any] = []
    reply = build_json_reply(build_error(400) | {"error": {"code": 400, "message": f"bad key {OTHER_KEY}"}}, 400)
    with Loopback(reply) as server:
        backend = Gemini(OTHER_KEY, base_url=server.url)
        path = tmp_path / "recording.json"

        @flow
        def ask_other() -> Any:
            return Success((yield from ask(HELLO | with_options(backend=backend))))

        async def body(run: AwaitableInterpreter) -> list[GenaiError]:
            run.interpreter = recording(run.interpreter, path)
            return [(await run(each)).failure() for each in (HELLO | with_options(backend=backend), ask_other())]

        errors = kind.run_body(Gemini(OWN_KEY, base_url=server.url), body, on_event=events.append)
    assert ["bad key ***"] * 2 == [each.message for each in errors]
    assert OTHER_KEY not in repr(events) + repr(errors) + path.read_text()
    assert OTHER_KEY.encode() not in pickle.dumps((errors, events))


@pytest.mark.parametrize("offline", [Offline(), Offline(Vertex())], ids=["gemini", "vertex"])
@pytest.mark.parametrize("backend", [Gemini(), Gemini("test-key"), Vertex(), Vertex("p", "us-central1")], ids=repr)
def test_offline(offline: Offline, backend: Any) -> None:
    """The emulator answers for any other backend, with or without a key."""
    assert "You asked" in offline(HELLO | with_options(backend=backend) | text).unwrap()


@pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex()], ids=repr)
def test_offline_session(backend: Any) -> None:
    """A live session may go to another backend as well."""

    async def body() -> str:
        config = with_config(response_modalities=["TEXT"])
        request = live.connect("gemini-live-2.5-flash-preview") | config | with_options(backend=backend)
        with anyio.fail_after(60):
            async with Offline(Vertex("q")).aio.live(request) as session:
                await session.send(live.client_content("Why?"))
                return "".join(await read_texts(session.turn()))

    assert "Why?" in anyio.run(body)


def test_fake() -> None:
    """A `Fake` has no backend: it answers, and its requests contain the other one."""
    run = Fake({"generate": "hello"})
    request = HELLO | with_options(backend=Gemini(OTHER_KEY))
    assert run(request | text) == Success("hello")
    assert run.requests == (request,)


def test_representation() -> None:
    """No repr contains the key; the request compares by its backend, hashes if it did before, and does not pickle."""
    modifier = with_options(backend=Gemini(OTHER_KEY, headers={"cookie": "secret-cookie"}))
    request = HELLO | modifier
    for each in (request, request | text, request.options, modifier):
        assert OTHER_KEY not in repr(each)
        assert "secret-cookie" not in repr(each)
    assert request == HELLO | modifier != HELLO | with_options(backend=Gemini("another-key"))
    with pytest.raises(TypeError, match="do not pickle"):
        pickle.dumps(request)
    assert hash(Vertex(credentials=Credentials("t"))) == hash(Vertex(credentials=Credentials("u")))


@pytest.mark.parametrize("backend", ["sk-secret-key", object, {"api_key": "k"}])
def test_refuses_what_is_no_backend(backend: Any) -> None:
    """Anything but a backend is refused at once, and not shown, as it may be a key."""
    with pytest.raises(InvalidRequest, match="backend") as caught:
        with_options(backend=backend)
    assert "secret" not in str(caught.value)


def test_encode() -> None:
    """`encode` and `decode` follow the backend of the request."""
    request = HELLO | with_options(backend=Vertex("p", "us-central1"))
    assert encode(request, Gemini("k")).unwrap().url.startswith("https://us-central1-aiplatform.googleapis.com/v1beta1")
    reply = HttpResponse(400, (), b'{"error": {"code": 400, "message": "bad key other-test-key-2"}}')
    request = HELLO | with_options(backend=Gemini(OTHER_KEY))
    error: Any = decode(request, reply, Gemini("k")).failure()
    assert error.message == "bad key ***"
