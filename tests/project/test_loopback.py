"""What tests may rely on when they script the loopback server."""

import gzip
import socket
import ssl
import threading
from contextlib import nullcontext, suppress
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead

import pytest

from tests.support.loopback import (
    Answer,
    Close,
    ConnectProxy,
    Drip,
    Forever,
    Hang,
    Loopback,
    Pause,
    Raw,
    Received,
    Reply,
    Reset,
    Send,
    black_hole,
    chunk,
    event,
    gzipped,
    head,
    json_reply,
    refusing_port,
    sse_reply,
)

CHUNKED = (("transfer-encoding", "chunked"),)


def dialled(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def connected(server: Loopback) -> HTTPConnection:
    if not server.tls:
        return HTTPConnection("127.0.0.1", server.port, timeout=60)
    return HTTPSConnection("127.0.0.1", server.port, timeout=60, context=trusting(server))


def trusting(server: Loopback) -> ssl.SSLContext:
    context = ssl.create_default_context()
    server.ca.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - names pyOpenSSL too
    return context


def fetched(server: Loopback, body: bytes | None = None) -> tuple[int, bytes]:
    connection = connected(server)
    try:
        connection.request("POST", "/v1", body=body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def until_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("tls", [False, True])
def test_keeps_alive(tls: bool) -> None:
    """One connection serves several requests, each recorded with its number, and is closed when the peer closes."""
    with Loopback([json_reply({"a": 1}), Reply(404)], tls=tls) as server:
        connection = connected(server)
        for status, body in ((200, b'{"a":1}'), (404, b""), (404, b"")):
            connection.request("POST", "/v1?x=1", body=b"abc", headers={"X-A": "b"})
            reply = connection.getresponse()
            assert (reply.status, reply.read()) == (status, body)
        assert (server.connections, server.open_connections) == (1, 1)
        connection.close()
        server.wait_closed(1)
        assert (server.connections, server.open_connections) == (1, 0)
        first = server.requests[0]
        assert (first.method, first.target, first.body, first.size, first.connection) == (
            "POST",
            "/v1?x=1",
            b"abc",
            3,
            1,
        )
        assert first.headers["x-a"] == "b"
        assert len(server.requests) == 3


def test_function() -> None:
    """A function chooses the answer by the request."""
    with Loopback(lambda received: Reply(body=received.body[::-1])) as server:
        assert fetched(server, b"abc") == (200, b"cba")


def test_chunked_request() -> None:
    """A chunked body arrives as one, whatever its pieces, and the request behind it is read too."""
    request = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"ab") + chunk(b"c") + chunk(b"")
    with Loopback(Reply(204)) as server, dialled(server.port) as sock:
        for byte in request:
            sock.send(bytes((byte,)))
        sock.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        assert until_end(sock) == head(204) + head(204, [("connection", "close")])
        assert [received.body for received in server.requests] == [b"abc", b"abc"]


def test_large_body() -> None:
    """A body that is not kept is counted all the same."""
    with Loopback(Reply(), keep_bodies=False) as server:
        assert fetched(server, bytes(5_000_000)) == (200, b"")
        assert (server.requests[0].body, server.requests[0].size) == (b"", 5_000_000)


@pytest.mark.parametrize("tls", [False, True])
def test_large_reply(tls: bool) -> None:
    """A body larger than any buffer arrives whole."""
    with Loopback(Reply(body=bytes(5_000_000)), tls=tls) as server:
        assert fetched(server) == (200, bytes(5_000_000))


def test_body_limits() -> None:
    """A limit answers in the midst of the first body, and the second one is read whole."""
    with Loopback([Reset(), Reply()], body_limits=[10]) as server:
        with dialled(server.port) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + bytes(20))
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert fetched(server, bytes(100)) == (200, b"")
        assert [received.size for received in server.requests] == [10, 100]


def test_events() -> None:
    """Server-sent events go chunked, one each, and an unfinished reply leaves the end to the next action."""
    with Loopback([sse_reply([1, "é"]), (sse_reply([1], finished=False), Reset())]) as server:
        assert fetched(server) == (200, event(1) + event("é"))
        with pytest.raises((ConnectionResetError, IncompleteRead)):
            fetched(server)


@pytest.mark.parametrize("body", [b"abc", (b"a", b"bc")])
def test_gzipped(body: bytes | tuple[bytes, ...]) -> None:
    """A compressed reply says so and inflates to what it was."""
    reply = gzipped(Reply(body=body))
    with Loopback(reply) as server:
        assert gzip.decompress(fetched(server)[1]) == b"abc"
    assert reply.headers == (("content-encoding", "gzip"),)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (Raw(b"\x00 no HTTP"), b"\x00 no HTTP"),
        ((Send(b"a"), Pause(0.001), Send(b"b"), Close()), b"ab"),
        ((Drip(b"abc", 0.001), Close(abrupt=True)), b"abc"),
        (Close(), b""),
        (Reply(body=b"x", headers=(("connection", "close"), ("content-length", "9"))),
         b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nx"),
        ((Reply(103), Raw(b"")), b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("tls", [False, True])
def test_bytes(tls: bool, answer: Answer, seen: bytes) -> None:
    """The wire shows what the actions say and no byte else."""
    with Loopback([answer], tls=tls) as server, dialled(server.port) as plain:
        sock = trusting(server).wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
        with sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert until_end(sock) == seen
        server.wait_closed(1)


@pytest.mark.parametrize("abrupt", [False, True])
def test_close_notify(abrupt: bool) -> None:
    """A clean close is authentic under TLS, an abrupt one is not."""
    with Loopback((Send(b"a"), Close(abrupt)), tls=True) as server:
        context = trusting(server)
        with dialled(server.port) as plain, context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as sock:  # fmt: skip
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(9) == b"a"
            is_told = not context.options & ssl.OP_IGNORE_UNEXPECTED_EOF  # Python before 3.11.4 sets it
            with pytest.raises(ssl.SSLEOFError) if abrupt and is_told else nullcontext():
                assert sock.recv(9) == b""


@pytest.mark.parametrize("on_accept", [Close(), Reset()])
def test_on_accept(on_accept: Answer) -> None:
    """A fault can come before anything was asked."""
    with Loopback(Reply(), on_accept=on_accept) as server:
        seen = pytest.raises(ConnectionResetError) if on_accept == Reset() else nullcontext()
        with seen, dialled(server.port) as sock:  # dialling may meet the reset already
            assert sock.recv(1) == b""
        server.wait_closed(1)
        assert server.requests == ()


@pytest.mark.parametrize(("close_after", "keep_alive"), [(2, True), (None, False)])
def test_closes(close_after: int | None, keep_alive: bool) -> None:
    """A connection is closed with notice, or without any after a number of requests."""
    with Loopback(Reply(), close_after=close_after, keep_alive=keep_alive) as server, dialled(server.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 2)
        seen = until_end(sock)
        assert (seen.count(b"200 OK"), seen.count(b"connection: close")) == ((2, 0) if keep_alive else (1, 1))
        assert server.open_connections == 1  # it waits for the peer's own close
        sock.close()
        server.wait_closed(1)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "answer",
    [Hang(), Pause(60), Drip(bytes(9), 60), (Send(head(200, CHUNKED)), Forever(chunk(b"x"), 0.001)),
     Forever(bytes(100_000), 0)],
    ids=["hang", "pause", "drip", "forever", "flood"],
)  # fmt: skip
def test_silence(answer: Answer, tls: bool) -> None:
    """Whatever the server is about, it notices that the peer closed, and its own stop."""
    with Loopback([answer], tls=tls) as server:
        for number in (1, 2):
            connection = connected(server)
            connection.request("GET", "/")
            server.wait_requests(number)
            if number == 1:
                connection.close()
                server.wait_closed(1)
        assert server.open_connections == 1
    connection.close()


def test_waits_in_vain() -> None:
    """A wait that fails says what was there."""
    with Loopback(Hang()) as server, dialled(server.port):
        server.wait_connections(1)
        with pytest.raises(TimeoutError, match=r"0 of 1 closed connections after 0\.001 s"):
            server.wait_closed(1, 0.001)


def test_script_raises() -> None:
    """What a script raises is raised at the end of the block."""

    def refuses(received: Received) -> Answer:
        raise LookupError(received.target)

    with pytest.raises(LookupError, match="/v1"), Loopback(refuses) as server, suppress(OSError):
        fetched(server)


def test_no_http() -> None:
    """A request that is not HTTP fails the test that sent it."""
    with pytest.raises(ValueError, match=r"not an HTTP/1\.1 request: 'hello'"):  # noqa: SIM117 - in one, it is too long
        with Loopback(Reply()) as server, dialled(server.port) as sock:
            sock.sendall(b"hello\r\n\r\n")
            assert sock.recv(1) == b""


def test_empty_script() -> None:
    """A script with no answer is refused at once."""
    with pytest.raises(ValueError, match=r"\[\]"):
        Loopback([])


def test_untrusted() -> None:
    """A failed handshake is the peer's affair: a connection closed, no request, no error."""
    with Loopback(Reply(), tls=True) as server:
        with dialled(server.port) as sock, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
        server.wait_closed(1)
        assert server.requests == ()


def test_unreachable() -> None:
    """Ports can refuse, connect and stay silent, or never connect."""
    with refusing_port() as port, pytest.raises(ConnectionRefusedError):
        dialled(port)
    with black_hole() as port, dialled(port) as sock, pytest.raises(TimeoutError):
        sock.settimeout(0.001)
        sock.recv(1)
    with black_hole(connects=False) as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.01)


def test_concurrent() -> None:
    """Many connections at once are served, and each gets its own number."""
    with Loopback(lambda received: Reply(body=received.body)) as server:
        seen: list[tuple[int, bytes]] = []
        threads = [threading.Thread(target=lambda: seen.append(fetched(server, b"x"))) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert seen == [(200, b"x")] * 50
        server.wait_closed(50)
        assert sorted(received.connection for received in server.requests) == list(range(1, 51))


@pytest.mark.parametrize(("tls", "proxy_tls"), [(False, False), (True, False), (False, True)])
def test_proxy(tls: bool, proxy_tls: bool) -> None:
    """A proxy carries large bodies both ways, to the port it is told, and passes on each end's close."""
    body = bytes(range(256)) * 20_000
    with (
        Loopback(lambda received: Reply(body=received.body), tls=tls, keep_alive=False) as server,
        ConnectProxy(to=server.port, tls=proxy_tls) as proxy,
    ):
        connection = connected(server)
        connection.sock = tunnelled(proxy)
        if tls:
            connection.sock = trusting(server).wrap_socket(connection.sock, server_hostname="localhost")
        connection.request("POST", "/", body=body)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, body)
        connection.close()
        reply.close()
        server.wait_closed(1)
        proxy.wait_closed(1)
        assert proxy.requests[0].target == "there.invalid:443"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic test-key"


def tunnelled(proxy: ConnectProxy) -> socket.socket:
    sock = dialled(proxy.port)
    if proxy.tls:
        sock = trusting(proxy).wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(b"CONNECT there.invalid:443 HTTP/1.1\r\nProxy-Authorization: Basic test-key\r\n\r\n")
    assert sock.recv(len(head())) == head()
    return sock


def test_proxy_refuses() -> None:
    """A proxy can refuse by script, and answers 502 by itself where nobody listens."""
    with refusing_port() as port, ConnectProxy(to=port) as lost, ConnectProxy(Reply(407)) as strict:
        for proxy, status in ((lost, 502), (strict, 407)):
            with dialled(proxy.port) as sock:
                sock.sendall(b"CONNECT there.invalid:443 HTTP/1.1\r\n\r\n")
                assert int(sock.recv(99).split()[1]) == status


def test_proxy_stops() -> None:
    """An open tunnel does not outlive its proxy."""
    with Loopback(Hang()) as server, ConnectProxy(to=server.port) as proxy:
        sock = tunnelled(proxy)
        server.wait_connections(1)
    with sock:
        assert sock.recv(1) == b""
