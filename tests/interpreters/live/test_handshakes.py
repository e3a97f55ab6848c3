"""WebSocket handshakes: refusals, invalid responses, hosts, and secrets that stay out of logs and errors."""

import logging
import pickle
import socket
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import AsyncHttp, Gemini, InvalidRequest, Retry, Timeouts, Vertex, with_config, with_options
from genai_fn.errors import APIError, ClientError, Disconnected, RateLimited, ServerError, TimedOut, TransportError
from tests.support.limits import retry_with_longer_limits
from tests.support.live.sessions import CONNECT_TEXT, read_texts
from tests.support.live.websocket_bytes import (
    SETUP_COMPLETE,
    RawConnection,
    RawPeer,
    encode_close,
    encode_frame,
    encode_text,
)
from tests.support.loopback import ConnectProxy

KEY = "test-key-that-nobody-may-see"


def make_http(peer: RawPeer, **settings: Any) -> AsyncHttp:
    settings = {"retry": Retry(attempts=3, initial_delay=0.01), "proxy": "", **settings}
    return AsyncHttp(Gemini(KEY, base_url=peer.url), **settings)


def make_http_script(status: str, *headers: str, body: bytes = b"") -> Any:
    """Make a script that answers the handshake with an HTTP response."""

    def script(connection: RawConnection) -> None:
        connection.read_request()
        lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
        connection.send("\r\n".join(lines).encode() + body)

    return script


def send_one_text(connection: RawConnection) -> None:
    """Send one text and close."""
    connection.accept_setup(encode_text(b"one") + encode_close(1000))
    connection.read_until_closed()


def run_session(run: Any, *scripts: Any, **settings: Any) -> tuple[Any, int]:
    """Run a session; return its last text or its error, and the number of connections."""
    with RawPeer(*scripts) as peer:

        async def body() -> Any:
            async with make_http(peer, **settings) as run, run.live(CONNECT_TEXT) as session:
                return [item async for item in session][-1]

        last = run(body)
        return last.failure() if isinstance(last, Failure) else last.unwrap().text, len(peer.connections)


DISCONNECTED_THRICE = (Disconnected, 3)
REFUSALS = {
    "401": (make_http_script("401 No", body=b'{"error": {"code": 401, "message": "who?"}}'), ClientError, 1),
    "302": (make_http_script("302 Found", "Location: ws://127.0.0.1:1/"), APIError, 1),
    "200": (make_http_script("200 OK", body=b"<html>"), APIError, 1),
    "429": (make_http_script("429 Slow", "Retry-After: 0"), RateLimited, 3),
    "429 for an hour": (make_http_script("429 Slow", "Retry-After: 3600"), RateLimited, 1),
    "503": (make_http_script("503 Busy"), ServerError, 3),
    "103": (make_http_script("103 Hints"), APIError, 1),
    "another key": (
        make_http_script("101 Yes", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: x"),
        Disconnected,
        3,
    ),
    "no upgrade": (make_http_script("101 Yes"), Disconnected, 3),
    "an extension": (
        lambda connection: connection.accept_handshake(extra=b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        Disconnected,
        3,
    ),
    "a protocol": (
        lambda connection: connection.accept_handshake(extra=b"Sec-WebSocket-Protocol: chat\r\n"),
        *DISCONNECTED_THRICE,
    ),
    "half a head": (lambda connection: connection.send(b"HTTP/1.1 101 Swi"), Disconnected, 3),
    "nothing": (RawConnection.read_request, Disconnected, 3),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(run: Any, name: str) -> None:
    """A refused handshake is a failure, with the HTTP error if there is one; transient ones are retried."""
    script, kind, times = REFUSALS[name]
    last, count = run_session(run, script)
    assert isinstance(last, kind)
    assert times == count


def test_refused_then_accepted(run: Any) -> None:
    """A session that is refused temporarily is opened by a later attempt."""
    assert ("one", 3) == run_session(
        run, make_http_script("503 Busy"), make_http_script("429 Slow", "Retry-After: 0.01"), send_one_text
    )


def test_refusal_without_end(run: Any) -> None:
    """An endless refusal is neither read for ever nor stored."""

    def send_endless_body(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 404 No\r\n\r\n")
        for _ in range(200):
            connection.send(b"x" * (1 << 16))
        connection.read_until_closed()

    last, _ = run_session(run, send_endless_body, timeouts=Timeouts(idle=60))
    assert isinstance(last, APIError | TransportError)
    assert not isinstance(last, TimedOut)


def test_handshake_request(run: Any) -> None:
    """The handshake requests no extension and no subprotocol; ``Host`` comes from the URL."""
    requests: list[dict[str, str]] = []

    def script(connection: RawConnection) -> None:
        connection.accept_handshake(encode_frame(SETUP_COMPLETE) + encode_close(1000))
        connection.read_until_closed()

    with RawPeer(script) as peer:

        async def body() -> None:
            session_request = CONNECT_TEXT | with_options(headers={"x-latin": "a b"})
            async with make_http(peer) as run, run.live(session_request) as session:
                assert [] == [item async for item in session if not isinstance(item, Success)]

        run(body)
        [connection] = peer.connections
        heads = [each.partition(b": ") for each in connection.head.split(b"\r\n")[1:]]
        requests.append({name.decode().lower(): value.decode() for name, _, value in heads})
        assert len(heads) == len(requests[0]), "a header came twice"
        assert f"127.0.0.1:{peer.port}" == requests[0]["host"]
        assert not {"sec-websocket-extensions", "sec-websocket-protocol", "origin"} & requests[0].keys()
        assert ("a b", "13") == (requests[0]["x-latin"], requests[0]["sec-websocket-version"])
        assert KEY.encode() not in connection.head.partition(b"\r\n")[0]


def test_hosts(run: Any) -> None:
    """IPv6 addresses are in brackets; ``Host`` omits the default port, ``CONNECT`` does not."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with RawPeer(send_one_text, host="::1") as peer:

        async def body() -> None:
            async with make_http(peer) as run, run.live(CONNECT_TEXT) as session:
                assert ["one"] == await read_texts(session)

        run(body)
        assert f"\r\nHost: [::1]:{peer.port}".encode() in peer.connections[0].head
    with RawPeer(send_one_text) as peer, ConnectProxy(to=peer.port) as proxy:

        async def connect_by_proxy() -> None:
            backend = Gemini(KEY, base_url="http://Example.com")
            way = f"http://127.0.0.1:{proxy.port}"
            async with AsyncHttp(backend, proxy=way) as run, run.live(CONNECT_TEXT) as session:
                assert ["one"] == await read_texts(session)

        run(connect_by_proxy)
        assert b"\r\nHost: example.com\r\n" in peer.connections[0].head + b"\r\n"


@pytest.mark.parametrize("value", ["a\r\nx-other: b", "a\nb", "a\x00b", "emoji 🙂"])
def test_no_injection(value: str) -> None:
    """A header with a line break is refused where it is set."""
    with pytest.raises(InvalidRequest):
        _ = CONNECT_TEXT | with_options(headers={"x-one": value})
    with pytest.raises(InvalidRequest):
        Gemini("test-key", headers={"x-one": value})


@pytest.mark.parametrize(("has_renewed", "expected"), [(True, Success), (False, Failure)])
def test_refused_token(run: Any, has_renewed: bool, expected: Any) -> None:
    """A token that the server refuses is renewed once, and the session connects again."""

    class Credentials:
        token, count = "test-token-0", 0

        def refresh(self, request: object) -> None:
            self.count += 1
            self.token = f"test-token-{self.count}"

    heads: list[bytes] = []
    refuse = make_http_script("401 No", body=b'{"error": {"code": 401, "message": "who?"}}')

    def record(script: Any) -> Any:
        def serve(connection: RawConnection) -> None:
            script(connection)
            heads.append(connection.head)

        return serve

    with RawPeer(record(refuse), record(send_one_text if has_renewed else refuse)) as peer:

        async def body() -> None:
            backend = Vertex("p", "l", credentials=Credentials(), base_url=peer.url)
            async with AsyncHttp(backend, proxy="") as interpreter, interpreter.live(CONNECT_TEXT) as session:
                assert isinstance(await anext(session), expected)

        run(body)
    assert [f"Bearer test-token-{number}".encode() in head for number, head in enumerate(heads)] == [True, True]


def test_secrets(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """However sessions end, no log, event, error, pickle or repr contains the key."""

    def send_handle_and_drop(connection: RawConnection) -> None:
        connection.accept_setup(encode_frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}'))

    scripts = (
        (make_http_script("401 No", body=b'{"error": {"code": 401, "message": "who?"}}'),),
        (make_http_script("503 Busy"), send_handle_and_drop, send_one_text),
        (lambda connection: connection.accept_setup(encode_frame(b"{", bits=0x40)),),
        (lambda connection: connection.accept_setup(encode_frame(b"[no json")),),
        (lambda connection: connection.send(b"no http\r\n\r\n"),),
    )
    loggers = [logging.getLogger(name) for name in (*logging.root.manager.loggerDict, "trio-websocket", "websockets")]
    logs: list[str] = []
    for logger in (logging.getLogger(), *loggers):
        caplog.set_level(logging.DEBUG, logger.name or None)
    for each in scripts:
        with RawPeer(*each) as peer:

            async def body() -> None:
                async with make_http(peer, on_event=lambda event: logs.append(repr(event))) as run:
                    async with run.live(CONNECT_TEXT | with_config(session_resumption={})) as session:
                        items = [item async for item in session]
                        failures = [item.failure() for item in items if isinstance(item, Failure)]
                        logs.extend(repr(item) + str(item) + repr(session) for item in items)
                        logs.append(repr(pickle.dumps(failures)) + repr([vars(each) for each in failures]))
                        logs.append(
                            repr(session._state) + repr(session._connection and session._connection._connect_action)
                        )

            run(body)
    assert logs
    assert KEY not in "".join(logs)
    assert KEY not in caplog.text


def test_incomplete_handshake(run: Any) -> None:
    """A server that stops in the middle of the handshake is a timeout."""

    def stop_in_handshake(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: ")
        connection.read_until_closed()

    last, count = run_session(run, stop_in_handshake, timeouts=Timeouts(idle=0.1))
    assert (TimedOut("headers", "opening a live session", sent=True), 1) == (last, count)


@retry_with_longer_limits
def test_resumes_after_silence(run: Any, limit: float) -> None:
    """During resumption, a handshake or setup without an answer is one failed attempt and not the end."""

    def send_handle_and_drop(connection: RawConnection) -> None:
        connection.accept_setup(encode_frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}'))

    def stop_in_handshake(connection: RawConnection) -> None:
        connection.read_request()
        connection.read_until_closed()

    def send_nothing(connection: RawConnection) -> None:
        connection.accept_handshake()
        connection.read_until_closed()

    for script in (stop_in_handshake, send_nothing):
        with RawPeer(send_handle_and_drop, script, send_one_text) as peer:

            async def body() -> None:
                async with make_http(peer, timeouts=Timeouts(idle=limit)) as run:
                    async with run.live(CONNECT_TEXT | with_config(session_resumption={})) as session:
                        assert ["one"] == await read_texts(session)

            run(body)
            assert 3 == len(peer.connections)


def test_repeated_go_away(run: Any) -> None:
    """A server that repeatedly sends ``goAway``, or disconnects, right after setup is given up after some attempts."""

    def send_go_away(connection: RawConnection) -> None:
        connection.accept_setup(
            encode_frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}')
            + encode_frame(b'{"goAway": {"timeLeft": "10s"}}')
        )
        connection.read_until_closed()

    def send_handle_and_drop(connection: RawConnection) -> None:
        connection.accept_setup(
            encode_frame(b'{"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}') + encode_text(b"one")
        )

    for script in (send_go_away, send_handle_and_drop):
        with RawPeer(script) as peer:

            async def body() -> None:
                async with (
                    make_http(peer) as run,
                    run.live(CONNECT_TEXT | with_config(session_resumption={})) as session,
                ):
                    *_, last = [item async for item in session]
                    assert isinstance(last.failure(), Disconnected)

            run(body)
            assert 4 == len(peer.connections)
