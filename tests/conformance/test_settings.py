"""Parameters of an interpreter: proxies, headers, listeners, credentials and TLS; wrong ones raise an error."""

import pickle
import re
import ssl
from typing import Any, cast

import pytest

from genai_fn import AuthError, Failure, Gemini, InvalidRequest, Retry, Success, Vertex, text, with_options
from genai_fn.errors import CertificateError, ConnectError, MissingExtra
from genai_fn.events import Completed, Event, Failed, Responded, Retrying, Sending
from genai_fn.interpreters import settings
from tests.support.interpreter_kinds import (
    AwaitableInterpreter,
    InterpreterKind,
    SleepRecorder,
    make_gemini,
    wait_until,
)
from tests.support.loopback import ConnectProxy, Loopback, Reply, build_json_reply
from tests.support.loopback_replies import BUSY, HELLO, HELLO_STREAM, OK, STREAM, UNREPEATABLE, build_error

HELLO_TEXT = HELLO | text


def test_through_a_proxy(kind: InterpreterKind) -> None:
    """Requests use the given proxy: it gets no API key, and the server does not get its password."""
    with Loopback([OK, STREAM]) as server, ConnectProxy(to=server.port) as proxy:

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO_TEXT) == Success("hi")
            assert await run.read_items(HELLO_STREAM | text) == [Success("a"), Success("b")]

        events: list[Event] = []
        kind.run_body(
            make_gemini("http://service.invalid"),
            body,
            proxy=f"http://me:test-password@127.0.0.1:{proxy.port}",
            on_event=events.append,
        )
        (request,) = proxy.requests
        assert (request.method, request.target) == ("CONNECT", "service.invalid:80")
        assert "proxy-authorization" in request.headers
        assert "x-goog-api-key" not in request.headers
        assert all("proxy-authorization" not in each.headers for each in server.requests)
        assert "test-password" not in repr(events)
        assert wait_until(lambda: proxy.open_connections == server.open_connections == 0)


def test_proxy_of_the_environment(kind: InterpreterKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is used, unless NO_PROXY exempts the host or ``proxy=""`` is set."""
    with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert kind.run(make_gemini(server.url), HELLO_TEXT) == Success("hi")
        assert kind.run(make_gemini(server.url), HELLO_TEXT, proxy="") == Success("hi")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert kind.run(make_gemini(server.url), HELLO_TEXT) == Success("hi")
        assert (proxy.connections, server.connections) == (1, 3)


def test_proxy_refuses(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """
    A proxy that rejects the credentials is a ConnectError with ``sent=False``, so unrepeatable operations are retried.
    """
    with ConnectProxy(Reply(407)) as proxy:
        for action in (HELLO_TEXT, UNREPEATABLE):
            error = kind.run(
                make_gemini("http://service.invalid"), action, proxy=f"http://me:test-password@127.0.0.1:{proxy.port}"
            ).failure()
            assert (type(error), error.sent, "407" in str(error), "test-password" in repr(error)) == (
                ConnectError,
                False,
                True,
                False,
            )
        assert len(proxy.requests) == 8


def list_own_objects(root: Any) -> list[Any]:
    """List the objects of this package that are reachable from one of them."""
    found: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in found and type(each).__module__.startswith("genai_fn."):
            found[id(each)] = each
            names = getattr(type(each), "__struct_fields__", None) or getattr(each, "__dict__", ())
            waiting += [getattr(each, name) for name in names]
    return list(found.values())


def test_no_repr_shows_the_proxy(kind: InterpreterKind) -> None:
    """The password of a proxy is in no repr of the interpreter's private values, before and after a call."""
    password = "test-password-of-the-proxy"
    shown: list[str] = []

    async def body(run: AwaitableInterpreter) -> None:
        shown.extend(map(repr, list_own_objects(run.interpreter)))
        assert isinstance(await run(HELLO), Success)
        shown.extend(map(repr, list_own_objects(run.interpreter)))

    with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
        url = f"http://user:{password}@127.0.0.1:{proxy.port}"
        kind.run_body(make_gemini(server.url), body, proxy=url, headers={"x-key": password})
    assert len(shown) > 20
    assert not [each for each in shown if password in each]


def test_headers(kind: InterpreterKind) -> None:
    """The interpreter's headers are sent with every request; an action's override them, and both override ours."""
    with Loopback(OK) as server:
        backend = make_gemini(server.url, headers={"x-backend": "1", "x-both": "backend"})
        action = HELLO | with_options(headers={"X-Action": "3", "user-agent": "mine"})
        assert isinstance(kind.run(backend, action, headers=(("x-run", "2"),)), Success)
        (request,) = server.requests
        headers = {name: request.headers[name] for name in ("x-backend", "x-both", "x-run", "x-action", "user-agent")}
        assert headers == {"x-backend": "1", "x-both": "backend", "x-run": "2", "x-action": "3", "user-agent": "mine"}


def test_headers_in_place_of_a_key(kind: InterpreterKind) -> None:
    """Without an API key, the interpreter's headers may contain the credentials."""
    with Loopback(OK) as server:
        backend = Gemini(base_url=server.url)
        assert isinstance(kind.run(backend, HELLO, headers={"authorization": "Bearer test-token"}), Success)
        assert server.requests[0].headers["authorization"] == "Bearer test-token"


def test_events(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """Each attempt sends its events, followed by those of a retry or a failure; no event contains a secret."""
    events: list[Event] = []
    with Loopback([BUSY, OK, build_json_reply(build_error(400), 400)]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            await run(HELLO)
            await run(HELLO)

        kind.run_body(make_gemini(server.url, headers={"x-secret": "test-header"}), body, on_event=events.append)
    expected = [
        (Sending, 1),
        (Responded, 503),
        (Retrying, 503),
        (Sending, 2),
        (Responded, 200),
        (Completed, 200),
        (Sending, 1),
        (Responded, 400),
        (Failed, 400),
    ]
    assert [(type(event), _get_number(event)) for event in events] == expected
    texts = repr(events).encode() + pickle.dumps(events)
    assert [secret in texts for secret in (b"test-key", b"test-header")] == [False, False]
    first, second = events[0], events[-1]
    assert isinstance(first, Sending)
    assert isinstance(second, Failed)
    assert (first.operation, first.model) == ("generate", "test-model")
    assert [cast("Any", event).call_id for event in events] == [first.call_id] * 6 + [second.call_id] * 3
    assert [cast("Any", event).attempt for event in events] == [1, 1, 1, 2, 2, 2, 1, 1, 1]
    assert all(cast("Any", event).duration >= 0 for event in events if not isinstance(event, Sending))


def _get_number(event: Any) -> int:
    return int(
        event.attempt
        if isinstance(event, Sending)
        else event.status
        if isinstance(event, Responded | Completed)
        else event.error.code
    )


def test_events_of_a_stream(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A stream sends the same events; it is completed once it was read to its end."""
    events: list[Event] = []
    with Loopback([BUSY, STREAM]) as server:
        kind.read_items(make_gemini(server.url), HELLO_STREAM, on_event=events.append)
    assert [type(event) for event in events] == [Sending, Responded, Retrying, Sending, Responded, Completed]
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert completed.time_to_first_item is not None
    assert 0 <= completed.time_to_first_item <= completed.duration


def test_listener_raises(kind: InterpreterKind) -> None:
    """An exception of a listener is raised unchanged, and no connection is left open."""

    def refuse(event: Event) -> None:
        if isinstance(event, Responded):
            raise LookupError("of the caller")

    with Loopback(OK) as server:

        async def body(run: AwaitableInterpreter) -> None:
            for _ in range(2):
                with pytest.raises(LookupError, match="of the caller"):
                    await run(HELLO)
            with pytest.raises(LookupError, match="of the caller"):
                await run.read_items(HELLO_STREAM)

        kind.run_body(make_gemini(server.url), body, on_event=refuse, max_connections=1)
        assert wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("backend", (None, Gemini()), ids=("environment", "Gemini()"))
def test_no_credentials(kind: InterpreterKind, backend: Any) -> None:
    """Without credentials nothing is sent: a Failure that names the variables and ends with the alternative."""

    async def body(run: AwaitableInterpreter) -> None:
        call_result, (stream_result,) = await run(HELLO), await run.read_items(HELLO_STREAM)
        for result in (call_result, stream_result):
            error = result.failure()
            assert isinstance(error, AuthError)
            assert str(error).endswith("or use Offline()")
            assert [name in str(error) for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY")] == [True, True]

    kind.run_body(backend, body)


def test_ephemeral_token(kind: InterpreterKind) -> None:
    """An ephemeral token, which is valid only for Live, is an AuthError for other requests."""
    error = kind.run(Gemini("auth_tokens/test", base_url="http://127.0.0.1:1"), HELLO).failure()
    assert isinstance(error, AuthError)


def test_express_key(kind: InterpreterKind) -> None:
    """Vertex with an API key sends the key, and does not fetch a token."""
    with Loopback(OK) as server:
        assert isinstance(kind.run(Vertex(api_key="test-key", base_url=server.url), HELLO), Success)
        (request,) = server.requests
        assert (request.target, request.headers["x-goog-api-key"]) == (
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
        {"http1": "h11"},
        {"http1": ssl},
        {"http1": None},
        {"ssl_context": False},
        {"ssl_context": ssl},
        {"on_event": "print"},
    ),
    ids=repr,
)
def test_wrong_parameters(kind: InterpreterKind, wrong: dict[str, Any]) -> None:
    """A wrong parameter raises InvalidRequest when the interpreter is created."""
    with pytest.raises(InvalidRequest) as raised:
        kind.run_body(make_gemini("http://127.0.0.1:1"), _do_nothing, **wrong)
    assert "test-password" not in repr(raised.value)


@pytest.mark.parametrize("http1", ["auto", "httptools", "httpcore", "httpcore2"])
def test_http1(kind: InterpreterKind, http1: str) -> None:
    """The implementation of HTTP/1.1 can be chosen by name."""
    with Loopback([OK, STREAM]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO_TEXT) == Success("hi")
            assert await run.read_items(HELLO_STREAM | text) == [Success("a"), Success("b")]

        kind.run_body(make_gemini(server.url), body, http1=http1)


def test_missing_http1(kind: InterpreterKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the implementation is not installed, each call is a MissingExtra that contains the install command."""
    monkeypatch.setattr(settings, "find_spec", lambda name: None)

    async def body(run: AwaitableInterpreter) -> None:
        error = (await run(HELLO)).failure()
        assert isinstance(error, MissingExtra)
        assert error.package == "httpcore2"
        assert "pip install 'httpcore2" in str(error)
        assert run.interpreter.problem == error

    kind.run_body(make_gemini("http://127.0.0.1:1"), body, http1="httpcore2")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("api_key", "Gemini(api_key=…)"), ("project", "Vertex(project=…)"), ("timeout", "timeouts=Timeouts(total=…)")],
)
def test_misplaced(kind: InterpreterKind, name: str, hint: str) -> None:
    """A parameter of google-genai's client is refused with what to write instead."""
    with pytest.raises(TypeError, match=re.escape(f"Http({hint})")):
        kind.run_body(make_gemini("http://127.0.0.1:1"), _do_nothing, **{name: "x"})


@pytest.mark.parametrize(("old", "new"), [("lanes", "max_connections"), ("transport", "http1")])
def test_old_names(kind: InterpreterKind, old: str, new: str) -> None:
    """A former parameter name is a TypeError that contains the new name."""
    with pytest.raises(TypeError, match=new):
        kind.run_body(make_gemini("http://127.0.0.1:1"), _do_nothing, **{old: 8})
    with pytest.raises(TypeError, match="bogus"):
        kind.run_body(make_gemini("http://127.0.0.1:1"), _do_nothing, bogus=8)


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
    with pytest.raises(InvalidRequest) as raised:
        Retry(**wrong)
    assert next(iter(wrong)) in raised.value.path


@pytest.mark.parametrize(
    "wrong", ({"attempts": 0}, {"attempts": 1.5}, {"initial_delay": -1}, {"max_delay": float("nan")}), ids=repr
)
def test_wrong_retry(wrong: dict[str, Any]) -> None:
    """A retry policy with invalid numbers raises InvalidRequest."""
    with pytest.raises(InvalidRequest):
        Retry(**wrong)


async def _do_nothing(run: AwaitableInterpreter) -> None:
    pass


def test_bad_base_url_of_the_environment(kind: InterpreterKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the environment is a Failure, not an exception."""
    monkeypatch.setenv("GEMINI_API_KEY", "test-key")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "nonsense")
    result = kind.run(None, HELLO)
    assert isinstance(result, Failure)
    assert isinstance(result.failure(), InvalidRequest)


def test_redirects_are_not_followed(kind: InterpreterKind) -> None:
    """A redirect of a call is returned as an error; the API key is not sent elsewhere."""
    with Loopback(OK) as other, Loopback(Reply(307, (("location", other.url),))) as server:
        assert kind.run(make_gemini(server.url), HELLO).failure().code == 307
        assert other.connections == 0


def test_tls(kind: InterpreterKind) -> None:
    """TLS uses the given context; an unknown certificate authority is a ConnectError."""
    with Loopback([OK, STREAM], tls=True) as server:
        context = ssl.create_default_context()
        server.ca.configure_trust(context)

        async def body(run: AwaitableInterpreter) -> None:
            assert await run(HELLO_TEXT) == Success("hi")
            assert await run.read_items(HELLO_STREAM | text) == [Success("a"), Success("b")]

        kind.run_body(make_gemini(server.url), body, ssl_context=context)
        error = kind.run(make_gemini(server.url), HELLO_TEXT, retry=Retry(attempts=1)).failure()
        assert (type(error), "certificate" in str(error)) == (CertificateError, True)
