"""Parameters of an interpreter: proxies, headers, listeners, credentials, TLS, and how wrong ones are refused."""

import pickle
import ssl
from typing import Any

import pytest

from genai_fn import AuthError, Failure, Gemini, InvalidRequest, Retry, Success, Vertex, text, with_options
from genai_fn.errors import ConnectError, MissingExtra
from genai_fn.events import Event, Failed, Responded, Retrying, Sending
from genai_fn.interpreters import settings
from tests.support.interpreter_kinds import Faced, Naps, World, gemini, waited
from tests.support.loopback import ConnectProxy, Loopback, Reply, json_reply
from tests.support.loopback_replies import BUSY, HELLO, OK, ONCE, PIECES, STREAM, fault

WHOLE = HELLO | text


def test_through_a_proxy(world: World) -> None:
    """Requests use the given proxy: it gets no API key, and the server does not get its password."""
    with Loopback([OK, STREAM]) as server, ConnectProxy(to=server.port) as proxy:

        async def body(run: Faced) -> None:
            assert await run(WHOLE) == Success("hi")
            assert await run.items(PIECES | text) == [Success("a"), Success("b")]

        told: list[Event] = []
        world.within(
            gemini("http://service.invalid"),
            body,
            proxy=f"http://me:test-password@127.0.0.1:{proxy.port}",
            on_event=told.append,
        )
        (asked,) = proxy.requests
        assert (asked.method, asked.target) == ("CONNECT", "service.invalid:80")
        assert "proxy-authorization" in asked.headers
        assert "x-goog-api-key" not in asked.headers
        assert all("proxy-authorization" not in each.headers for each in server.requests)
        assert "test-password" not in repr(told)
        assert waited(lambda: proxy.open_connections == server.open_connections == 0)


def test_proxy_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is used, unless NO_PROXY exempts the host or ``proxy=""`` is set."""
    with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert world.run(gemini(server.url), WHOLE) == Success("hi")
        assert world.run(gemini(server.url), WHOLE, proxy="") == Success("hi")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert world.run(gemini(server.url), WHOLE) == Success("hi")
        assert (proxy.connections, server.connections) == (1, 3)


def test_proxy_refuses(world: World, naps: Naps) -> None:
    """
    A proxy that rejects the credentials is a ConnectError with ``sent=False``, so unrepeatable operations are retried.
    """
    with ConnectProxy(Reply(407)) as proxy:
        for action in (WHOLE, ONCE):
            error = world.run(
                gemini("http://service.invalid"), action, proxy=f"http://me:test-password@127.0.0.1:{proxy.port}"
            ).failure()
            assert (type(error), error.sent, "407" in str(error), "test-password" in repr(error)) == (
                ConnectError,
                False,
                True,
                False,
            )
        assert len(proxy.requests) == 8


def test_headers(world: World) -> None:
    """The interpreter's headers are sent with every request; an action's override them, and both override ours."""
    with Loopback(OK) as server:
        backend = gemini(server.url, headers={"x-backend": "1", "x-both": "backend"})
        action = HELLO | with_options(headers={"X-Action": "3", "user-agent": "mine"})
        assert isinstance(world.run(backend, action, headers=(("x-run", "2"),)), Success)
        (received,) = server.requests
        shown = {name: received.headers[name] for name in ("x-backend", "x-both", "x-run", "x-action", "user-agent")}
        assert shown == {"x-backend": "1", "x-both": "backend", "x-run": "2", "x-action": "3", "user-agent": "mine"}


def test_headers_in_place_of_a_key(world: World) -> None:
    """Without an API key, the interpreter's headers may contain the credentials."""
    with Loopback(OK) as server:
        backend = Gemini(base_url=server.url)
        assert isinstance(world.run(backend, HELLO, headers={"authorization": "Bearer test-token"}), Success)
        assert server.requests[0].headers["authorization"] == "Bearer test-token"


def test_events(world: World, naps: Naps) -> None:
    """Each attempt sends its events, then those of a retry or a failure follow; no event contains a secret."""
    told: list[Event] = []
    with Loopback([BUSY, OK, json_reply(fault(400), 400)]) as server:

        async def body(run: Faced) -> None:
            await run(HELLO)
            await run(HELLO)

        world.within(gemini(server.url, headers={"x-secret": "test-header"}), body, on_event=told.append)
    expected = [
        (Sending, 1),
        (Responded, 503),
        (Retrying, 503),
        (Sending, 2),
        (Responded, 200),
        (Sending, 1),
        (Responded, 400),
        (Failed, 400),
    ]
    assert [(type(event), _figure(event)) for event in told] == expected
    shown = repr(told).encode() + pickle.dumps(told)
    assert [secret in shown for secret in (b"test-key", b"test-header")] == [False, False]


def _figure(event: Any) -> int:
    return int(
        event.attempt
        if isinstance(event, Sending)
        else event.status
        if isinstance(event, Responded)
        else event.error.code
    )


def test_events_of_a_stream(world: World, naps: Naps) -> None:
    """A stream sends the same events, up to its response head."""
    told: list[Event] = []
    with Loopback([BUSY, STREAM]) as server:
        world.items(gemini(server.url), PIECES, on_event=told.append)
    assert [type(event) for event in told] == [Sending, Responded, Retrying, Sending, Responded]


def test_listener_raises(world: World) -> None:
    """An exception of a listener is raised unchanged, and no connection is left open."""

    def refuse(event: Event) -> None:
        if isinstance(event, Responded):
            raise LookupError("mine")

    with Loopback(OK) as server:

        async def body(run: Faced) -> None:
            for _ in range(2):
                with pytest.raises(LookupError, match="mine"):
                    await run(HELLO)
            with pytest.raises(LookupError, match="mine"):
                await run.items(PIECES)

        world.within(gemini(server.url), body, on_event=refuse, max_connections=1)
        assert waited(lambda: server.open_connections == 0)


@pytest.mark.parametrize("backend", (None, Gemini()), ids=("environment", "Gemini()"))
def test_nobody(world: World, backend: Any) -> None:
    """Without credentials nothing is sent: a Failure that names the variables and ends with the way out."""

    async def body(run: Faced) -> None:
        whole, (item,) = await run(HELLO), await run.items(PIECES)
        for result in (whole, item):
            error = result.failure()
            assert isinstance(error, AuthError)
            assert str(error).endswith("or use Offline()")
            assert [name in str(error) for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY")] == [True, True]

    world.within(backend, body)


def test_ephemeral_token(world: World) -> None:
    """An ephemeral token, which is valid only for Live, is an AuthError for other requests."""
    error = world.run(Gemini("auth_tokens/test", base_url="http://127.0.0.1:1"), HELLO).failure()
    assert isinstance(error, AuthError)


def test_express_key(world: World) -> None:
    """Vertex with an API key sends the key, and does not fetch a token."""
    with Loopback(OK) as server:
        assert isinstance(world.run(Vertex(api_key="test-key", base_url=server.url), HELLO), Success)
        (received,) = server.requests
        assert (received.target, received.headers["x-goog-api-key"]) == (
            "/v1beta1/publishers/google/models/test-model:generateContent",
            "test-key",
        )


@pytest.mark.parametrize(
    "wrong",
    (
        {"max_connections": 0},
        {"max_connections": True},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {"a": 1}},
        {"proxy": "ftp://me:test-password@x"},
        {"proxy": 7},
        {"http1": "httptools"},
        {"http1": ssl},
        {"http1": None},
    ),
    ids=repr,
)
def test_wrong_parameters(world: World, wrong: dict[str, Any]) -> None:
    """A wrong parameter raises InvalidRequest when the interpreter is created."""
    with pytest.raises(InvalidRequest) as refused:
        world.within(gemini("http://127.0.0.1:1"), _nothing, **wrong)
    assert "test-password" not in repr(refused.value)


@pytest.mark.parametrize("http1", ["auto", "httpcore", "httpcore2"])
def test_http1(world: World, http1: str) -> None:
    """The implementation of HTTP/1.1 can be chosen by name."""
    with Loopback([OK, STREAM]) as server:

        async def body(run: Faced) -> None:
            assert await run(WHOLE) == Success("hi")
            assert await run.items(PIECES | text) == [Success("a"), Success("b")]

        world.within(gemini(server.url), body, http1=http1)


def test_missing_http1(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the implementation is not installed, each call is a MissingExtra that contains the install command."""
    monkeypatch.setattr(settings, "find_spec", lambda name: None)

    async def body(run: Faced) -> None:
        error = (await run(HELLO)).failure()
        assert isinstance(error, MissingExtra)
        assert error.package == "httpcore2"
        assert "pip install 'httpcore2" in str(error)
        assert run.interpreter.problem == error

    world.within(gemini("http://127.0.0.1:1"), body, http1="httpcore2")


@pytest.mark.parametrize(("old", "new"), [("lanes", "max_connections"), ("transport", "http1")])
def test_old_names(world: World, old: str, new: str) -> None:
    """A former parameter name is a TypeError that contains the new name."""
    with pytest.raises(TypeError, match=new):
        world.within(gemini("http://127.0.0.1:1"), _nothing, **{old: 8})
    with pytest.raises(TypeError, match="bogus"):
        world.within(gemini("http://127.0.0.1:1"), _nothing, bogus=8)


@pytest.mark.parametrize(("old", "new"), [("tries", "attempts"), ("first", "initial_delay"), ("most", "max_delay")])
def test_old_names_of_retry(old: str, new: str) -> None:
    """A former parameter name of `Retry` is a TypeError that contains the new name."""
    with pytest.raises(TypeError, match=new):
        Retry(**{old: 3})


@pytest.mark.parametrize(
    "wrong",
    (
        {"multiplier": 0.5},
        {"multiplier": True},
        {"jitter": -0.1},
        {"jitter": 1.5},
        {"status_codes": (99,)},
        {"status_codes": 503},
        {"status_codes": ("503",)},
    ),
    ids=repr,
)
def test_wrong_backoff(wrong: dict[str, Any]) -> None:
    """The multiplier must be at least 1, jitter between 0 and 1, and status codes valid HTTP codes."""
    with pytest.raises(InvalidRequest) as refused:
        Retry(**wrong)
    assert next(iter(wrong)) in refused.value.path


@pytest.mark.parametrize(
    "wrong", ({"attempts": 0}, {"attempts": 1.5}, {"initial_delay": -1}, {"max_delay": float("nan")}), ids=repr
)
def test_wrong_retry(wrong: dict[str, Any]) -> None:
    """A retry policy with invalid numbers raises InvalidRequest."""
    with pytest.raises(InvalidRequest):
        Retry(**wrong)


async def _nothing(run: Faced) -> None:
    pass


def test_bad_base_url_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the environment is a Failure, not an exception."""
    monkeypatch.setenv("GEMINI_API_KEY", "test-key")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "nonsense")
    result = world.run(None, HELLO)
    assert isinstance(result, Failure)
    assert isinstance(result.failure(), InvalidRequest)


def test_redirects_are_not_followed(world: World) -> None:
    """A redirect of a call is returned as an error; the API key is not sent elsewhere."""
    with Loopback(OK) as other, Loopback(Reply(307, (("location", other.url),))) as server:
        assert world.run(gemini(server.url), HELLO).failure().code == 307
        assert other.connections == 0


def test_tls(world: World) -> None:
    """TLS uses the given context; an unknown certificate authority is a ConnectError."""
    with Loopback([OK, STREAM], tls=True) as server:
        context = ssl.create_default_context()
        server.ca.configure_trust(context)

        async def body(run: Faced) -> None:
            assert await run(WHOLE) == Success("hi")
            assert await run.items(PIECES | text) == [Success("a"), Success("b")]

        world.within(gemini(server.url), body, ssl_context=context)
        error = world.run(gemini(server.url), WHOLE, retry=Retry(attempts=1)).failure()
        assert (type(error), "certificate" in str(error)) == (ConnectError, True)
