"""The loopback server does what its scripts specify."""

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
    Hang,
    Loopback,
    Pause,
    Raw,
    ReceivedRequest,
    Repeat,
    Reply,
    Reset,
    Send,
    build_json_reply,
    build_sse_reply,
    compress_reply,
    encode_chunk,
    encode_event,
    encode_head,
    reserve_refusing_port,
    reserve_silent_port,
)

CHUNKED = (("transfer-encoding", "chunked"),)


def open_socket(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def open_connection(server: Loopback) -> HTTPConnection:
    if not server.tls:
        return HTTPConnection("127.0.0.1", server.port, timeout=60)
    return HTTPSConnection("127.0.0.1", server.port, timeout=60, context=build_ssl_context(server))


def build_ssl_context(server: Loopback) -> ssl.SSLContext:
    context = ssl.create_default_context()
    server.ca.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - names pyOpenSSL too
    return context


def fetch(server: Loopback, body: bytes | None = None) -> tuple[int, bytes]:
    connection = open_connection(server)
    try:
        connection.request("POST", "/v1", body=body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("tls", [False, True])
def test_keeps_alive(tls: bool) -> None:
    """One connection serves several requests, each recorded with its number, until the peer closes."""
    with Loopback([build_json_reply({"a": 1}), Reply(404)], tls=tls) as server:
        connection = open_connection(server)
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
    """A function can choose the answer by the request."""
    with Loopback(lambda request: Reply(body=request.body[::-1])) as server:
        assert fetch(server, b"abc") == (200, b"cba")


def test_chunked_request() -> None:
    """A chunked request body is joined, however it is split, and a pipelined request after it is read."""
    request = (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + encode_chunk(b"ab")
        + encode_chunk(b"c")
        + encode_chunk(b"")
    )
    with Loopback(Reply(204)) as server, open_socket(server.port) as sock:
        for byte in request:
            sock.send(bytes((byte,)))
        sock.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        assert read_to_end(sock) == encode_head(204) + encode_head(204, [("connection", "close")])
        assert [request.body for request in server.requests] == [b"abc", b"abc"]


def test_large_body() -> None:
    """With ``keep_bodies=False``, the size of a body is recorded without its bytes."""
    with Loopback(Reply(), keep_bodies=False) as server:
        assert fetch(server, bytes(5_000_000)) == (200, b"")
        assert (server.requests[0].body, server.requests[0].size) == (b"", 5_000_000)


@pytest.mark.parametrize("tls", [False, True])
def test_large_reply(tls: bool) -> None:
    """A response body larger than any buffer arrives completely."""
    with Loopback(Reply(body=bytes(5_000_000)), tls=tls) as server:
        assert fetch(server) == (200, bytes(5_000_000))


def test_body_limits() -> None:
    """With a body limit, the answer is sent before the whole body is read; it applies to one request only."""
    with Loopback([Reset(), Reply()], body_limits=[10]) as server:
        with open_socket(server.port) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + bytes(20))
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert fetch(server, bytes(100)) == (200, b"")
        assert [request.size for request in server.requests] == [10, 100]


def test_events() -> None:
    """Each server-sent event is one chunk; after an unfinished reply, the next action decides how it ends."""
    with Loopback([build_sse_reply([1, "é"]), (build_sse_reply([1], finished=False), Reset())]) as server:
        assert fetch(server) == (200, encode_event(1) + encode_event("é"))
        with pytest.raises((ConnectionResetError, IncompleteRead)):
            fetch(server)


@pytest.mark.parametrize("body", [b"abc", (b"a", b"bc")])
def test_gzipped(body: bytes | tuple[bytes, ...]) -> None:
    """A compressed reply has a content-encoding header and decompresses to the original body."""
    reply = compress_reply(Reply(body=body))
    with Loopback(reply) as server:
        assert gzip.decompress(fetch(server)[1]) == b"abc"
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
    """The actions send exactly their bytes."""
    with Loopback([answer], tls=tls) as server, open_socket(server.port) as plain:
        sock = build_ssl_context(server).wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
        with sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert read_to_end(sock) == seen
        server.wait_closed(1)


@pytest.mark.parametrize("abrupt", [False, True])
def test_close_notify(abrupt: bool) -> None:
    """A clean close sends TLS close_notify, an abrupt one does not."""
    with Loopback((Send(b"a"), Close(abrupt)), tls=True) as server:
        context = build_ssl_context(server)
        with open_socket(server.port) as plain, context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as sock:  # fmt: skip
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(9) == b"a"
            is_reported = not context.options & ssl.OP_IGNORE_UNEXPECTED_EOF  # Python before 3.11.4 sets it
            with pytest.raises(ssl.SSLEOFError) if abrupt and is_reported else nullcontext():
                assert sock.recv(9) == b""


@pytest.mark.parametrize("on_accept", [Close(), Reset()])
def test_on_accept(on_accept: Answer) -> None:
    """A connection can fail before a request arrives."""
    with Loopback(Reply(), on_accept=on_accept) as server:
        seen = pytest.raises(ConnectionResetError) if on_accept == Reset() else nullcontext()
        with seen, open_socket(server.port) as sock:  # connecting may fail with the reset already
            assert sock.recv(1) == b""
        server.wait_closed(1)
        assert server.requests == ()


@pytest.mark.parametrize(("close_after", "keep_alive"), [(2, True), (None, False)])
def test_closes(close_after: int | None, keep_alive: bool) -> None:
    """A connection is closed after its response (with a header), or after a number of requests (without one)."""
    with Loopback(Reply(), close_after=close_after, keep_alive=keep_alive) as server, open_socket(server.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 2)
        seen = read_to_end(sock)
        assert (seen.count(b"200 OK"), seen.count(b"connection: close")) == ((2, 0) if keep_alive else (1, 1))
        assert server.open_connections == 1  # it waits until the peer closes
        sock.close()
        server.wait_closed(1)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "answer",
    [Hang(), Pause(60), Drip(bytes(9), 60), (Send(encode_head(200, CHUNKED)), Repeat(encode_chunk(b"x"), 0.001)),
     Repeat(bytes(100_000), 0)],
    ids=["hang", "pause", "drip", "forever", "flood"],
)  # fmt: skip
def test_silence(answer: Answer, tls: bool) -> None:
    """During any action, the server notices that the peer closes the connection, and that it should stop."""
    with Loopback([answer], tls=tls) as server:
        for number in (1, 2):
            connection = open_connection(server)
            connection.request("GET", "/")
            server.wait_requests(number)
            if number == 1:
                connection.close()
                server.wait_closed(1)
        assert server.open_connections == 1
    connection.close()


def test_wait_times_out() -> None:
    """A wait that times out reports the current count."""
    with Loopback(Hang()) as server, open_socket(server.port):
        server.wait_connections(1)
        with pytest.raises(TimeoutError, match=r"0 of 1 closed connections after 0\.001 s"):
            server.wait_closed(1, 0.001)


def test_script_raises() -> None:
    """An exception of a script is raised at the end of the block."""

    def raise_error(request: ReceivedRequest) -> Answer:
        raise LookupError(request.target)

    with pytest.raises(LookupError, match="/v1"), Loopback(raise_error) as server, suppress(OSError):
        fetch(server)


def test_request_that_is_not_http() -> None:
    """A request that is not HTTP fails the test that sent it."""
    with pytest.raises(ValueError, match=r"not an HTTP/1\.1 request: 'hello'"):
        with Loopback(Reply()) as server, open_socket(server.port) as sock:
            sock.sendall(b"hello\r\n\r\n")
            assert sock.recv(1) == b""


def test_empty_script() -> None:
    """A script without answers is rejected at once."""
    with pytest.raises(ValueError, match=r"\[\]"):
        Loopback([])


def test_untrusted() -> None:
    """A failed TLS handshake closes the connection, without a request and without an error of the server."""
    with Loopback(Reply(), tls=True) as server:
        with open_socket(server.port) as sock, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
        server.wait_closed(1)
        assert server.requests == ()


def test_unreachable() -> None:
    """A port can refuse connections, accept one and send nothing, or never accept one."""
    with reserve_refusing_port() as port, pytest.raises(ConnectionRefusedError):
        open_socket(port)
    with reserve_silent_port() as port, open_socket(port) as sock, pytest.raises(TimeoutError):
        sock.settimeout(0.001)
        sock.recv(1)
    with reserve_silent_port(connects=False) as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.01)


def test_concurrent() -> None:
    """Concurrent connections are served, and each has its own number."""
    with Loopback(lambda request: Reply(body=request.body)) as server:
        seen: list[tuple[int, bytes]] = []
        threads = [threading.Thread(target=lambda: seen.append(fetch(server, b"x"))) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert seen == [(200, b"x")] * 50
        server.wait_closed(50)
        assert sorted(request.connection for request in server.requests) == list(range(1, 51))


@pytest.mark.parametrize(("tls", "proxy_tls"), [(False, False), (True, False), (False, True)])
def test_proxy(tls: bool, proxy_tls: bool) -> None:
    """A proxy transfers large bodies both ways, and closes each side when the other one closes."""
    body = bytes(range(256)) * 20_000
    with (
        Loopback(lambda request: Reply(body=request.body), tls=tls, keep_alive=False) as server,
        ConnectProxy(to=server.port, tls=proxy_tls) as proxy,
    ):
        connection = open_connection(server)
        connection.sock = open_tunnel(proxy)
        if tls:
            connection.sock = build_ssl_context(server).wrap_socket(connection.sock, server_hostname="localhost")
        connection.request("POST", "/", body=body)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, body)
        connection.close()
        reply.close()
        server.wait_closed(1)
        proxy.wait_closed(1)
        assert proxy.requests[0].target == "there.invalid:443"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic test-key"


def open_tunnel(proxy: ConnectProxy) -> socket.socket:
    sock = open_socket(proxy.port)
    if proxy.tls:
        sock = build_ssl_context(proxy).wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(b"CONNECT there.invalid:443 HTTP/1.1\r\nProxy-Authorization: Basic test-key\r\n\r\n")
    assert sock.recv(len(encode_head())) == encode_head()
    return sock


def test_proxy_refuses() -> None:
    """A proxy refuses a tunnel if its script does, and returns 502 if the target refuses the connection."""
    with reserve_refusing_port() as port, ConnectProxy(to=port) as unreachable, ConnectProxy(Reply(407)) as refusing:
        for proxy, status in ((unreachable, 502), (refusing, 407)):
            with open_socket(proxy.port) as sock:
                sock.sendall(b"CONNECT there.invalid:443 HTTP/1.1\r\n\r\n")
                assert int(sock.recv(99).split()[1]) == status


def test_proxy_stops() -> None:
    """Stopping the proxy closes an open tunnel."""
    with Loopback(Hang()) as server, ConnectProxy(to=server.port) as proxy:
        sock = open_tunnel(proxy)
        server.wait_connections(1)
    with sock:
        assert sock.recv(1) == b""
