"""Opening connections: names, addresses, proxies and TLS; errors contain no secret."""

import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import CertificateError, ConnectError, TimedOut
from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect import addresses
from genai_fn.interpreters.net.connect.connection import (
    parse_target,
)
from genai_fn.interpreters.net.connect.proxies import find_proxy
from genai_fn.interpreters.net.socket import NonBlockingSocket
from tests.support.cancellation.cancel_points import check_no_leaks
from tests.support.limits import retry_with_longer_limits
from tests.support.loopback import (
    Close,
    ConnectProxy,
    Drip,
    Hang,
    Loopback,
    Raw,
    ReceivedRequest,
    Reply,
    Reset,
    reserve_refusing_port,
    reserve_silent_port,
)
from tests.support.pool_kinds import PoolKind

OK = Reply(body=b"ok")


@pytest.fixture(params=["sync", "asyncio", "trio"])
def kind(request: pytest.FixtureRequest) -> PoolKind:
    return PoolKind(request.param, httpcore)


def build_get(url: str) -> HttpRequest:
    return HttpRequest("GET", url)


def make_trusting_context(server: Loopback) -> ssl.SSLContext:
    context = ssl.create_default_context()
    server.ca.configure_trust(context)
    return context


# Choice of the proxy

PROXY = "http://one:8080"


@pytest.mark.parametrize(
    ("url", "environ", "has_proxy"),
    [
        ("https://example.com", {}, False),
        ("https://example.com", {"HTTPS_PROXY": PROXY}, True),
        ("https://example.com", {"https_proxy": PROXY}, True),
        ("https://example.com", {"HTTPS_PROXY": ""}, False),
        ("https://example.com", {"https_proxy": "", "ALL_PROXY": PROXY}, True),
        ("https://example.com", {"all_proxy": PROXY}, True),
        ("https://example.com", {"HTTP_PROXY": PROXY, "http_proxy": PROXY}, False),
        ("http://example.com", {"HTTPS_PROXY": PROXY}, False),
        ("http://example.com", {"http_proxy": PROXY}, True),
        ("http://example.com", {"HTTP_PROXY": PROXY}, True),
        ("http://example.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, False),
        ("http://example.com", {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, True),
        ("http://localhost", {"http_proxy": PROXY}, True),
        ("http://example.com", {"http_proxy": PROXY, "NO_PROXY": "*"}, False),
        ("http://example.com", {"http_proxy": PROXY, "NO_PROXY": "example.com"}, False),
        ("http://example.com", {"http_proxy": PROXY, "NO_PROXY": "a, .Example.com ,"}, False),
        ("http://a.example.com", {"http_proxy": PROXY, "no_proxy": "example.com"}, False),
        ("http://a.example.com", {"http_proxy": PROXY, "no_proxy": "*.example.com"}, False),
        ("http://anexample.com", {"http_proxy": PROXY, "no_proxy": "example.com"}, True),
        ("http://example.com", {"http_proxy": PROXY, "no_proxy": "example.com:80"}, False),
        ("http://example.com:81", {"http_proxy": PROXY, "no_proxy": "example.com:80"}, True),
        ("http://10.0.0.1", {"http_proxy": PROXY, "no_proxy": "10.0.0.1"}, False),
        ("http://10.0.0.10", {"http_proxy": PROXY, "no_proxy": "10.0.0.1"}, True),
        ("http://[::1]", {"http_proxy": PROXY, "no_proxy": "::1"}, False),
        ("http://[::1]", {"http_proxy": PROXY, "no_proxy": "[::1]:80"}, False),
        ("http://[::1]", {"http_proxy": PROXY, "no_proxy": "[::1]:81"}, True),
        ("http://example.com", {"http_proxy": PROXY, "no_proxy": ".,:80,"}, True),
    ],
)
def test_environment(url: str, environ: dict[str, str], has_proxy: bool) -> None:
    """Variables name the proxy per scheme, lower case first; ``NO_PROXY`` exempts hosts and their subdomains."""
    target = parse_target(url)
    find_addresses = find_proxy("https" if target.tls else "http", target.host, target.port, None, environ)
    assert (find_addresses is not None) == has_proxy


def test_given() -> None:
    """A configured proxy overrides the environment, and an empty one means none."""
    environ = {"HTTPS_PROXY": "http://other", "NO_PROXY": "*"}
    assert str(find_proxy("https", "a", 443, "one", environ)) == "http://one:80"
    assert str(find_proxy("https", "a", 443, "socks5://one", environ)) == "socks5://one:1080"
    assert str(find_proxy("https", "a", 443, "http://[::1]:8080", environ)) == "http://[::1]:8080"
    assert find_proxy("https", "a", 443, "", {"HTTPS_PROXY": "http://other"}) is None


def test_proxy_text() -> None:
    """`str` and `repr` of a proxy show neither user nor password."""
    proxy = find_proxy("https", "a", 443, "http://some%40one:pass%3Aword@one", {})
    assert proxy is not None
    assert (proxy.user, proxy.password) == ("some@one", "pass:word")
    assert repr(proxy) == "Proxy(http://one:80)"


@pytest.mark.parametrize(
    "proxy",
    ["https://{}one", "http://{}", "http://{}a:99999", "ftp://{}a", "http://{}[", "http://{}a..b"],
)
def test_bad_proxy(kind: PoolKind, proxy: str) -> None:
    """An invalid proxy address is a failure that does not show the address."""

    async def body() -> None:
        async with kind.make_pool(proxy=proxy.format("me:secret@")) as pool:
            failed = await pool.open(build_get("http://127.0.0.1:1"))
            reason = "not the address of an http or socks5 proxy"
            assert failed == EffectFailed(ConnectError("parsing the proxy's address", reason))

    kind.run(body)


# Through a proxy


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_tunnel(kind: PoolKind, tls: bool) -> None:
    """A tunnel through a proxy is opened with its password, and is reused like any connection."""

    async def body() -> None:
        with Loopback(OK, tls=tls) as server, ConnectProxy() as proxy:
            settings = {
                "proxy": f"http://me:secret@127.0.0.1:{proxy.port}",
                "ssl_context": make_trusting_context(server),
            }
            async with kind.make_pool(**settings) as pool:
                for _ in range(2):
                    assert await pool.call(build_get(f"{server.url}/a")) == (200, b"ok")
            (request,) = proxy.requests
            assert (request.method, request.target) == ("CONNECT", f"127.0.0.1:{server.port}")
            assert request.headers == {"host": request.target, "proxy-authorization": "Basic bWU6c2VjcmV0"}
            assert [each.target for each in server.requests] == ["/a", "/a"]
            assert "proxy-authorization" not in server.requests[0].headers

    kind.run(body)


def test_tunnel_from_environment(kind: PoolKind) -> None:
    """A proxy of the environment is used, and resolves the host name."""

    async def body() -> None:
        with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
            environ = {"http_proxy": f"127.0.0.1:{proxy.port}"}
            async with kind.make_pool(environ=environ) as pool:
                assert await pool.call(build_get("http://model.invalid/")) == (200, b"ok")
            assert proxy.requests[0].target == "model.invalid:80"
            assert server.requests[0].headers["host"] == "model.invalid"

    kind.run(body)


@retry_with_longer_limits
def test_sent_through_tunnel(kind: PoolKind, limit: float) -> None:
    """Bytes for a proxy or a TLS handshake do not count as sent."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=Hang()) as server, ConnectProxy() as proxy:
            settings = {"proxy": f"http://127.0.0.1:{proxy.port}", "ssl_context": make_trusting_context(server)}
            async with kind.make_pool(**settings) as pool:
                failed = await pool.open(build_get(server.url), connect_timeout=limit)
                assert failed == EffectFailed(TimedOut("connect", f"connecting to 127.0.0.1:{server.port}"))

    kind.run(body)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Reply(407, (("proxy-authenticate", "Basic"),)), "the proxy answered 407 Proxy Authentication Required"),
        (Reply(502, body=b"no"), "the proxy answered 502 Bad Gateway"),
        (Reply(599), "the proxy answered 599"),
        (Raw(b"secret\r\n\r\n"), "the proxy did not answer in HTTP"),
        (Raw(b"HTTP/1.1 200 OK\r\n\r\nmore"), "the proxy did not answer in HTTP"),
        (Raw(b"HTTP/1.1 200 OK\r\n" + b"a" * 100_000), "the proxy did not answer in HTTP"),
        (Close(), "the proxy did not answer in HTTP"),
        (Reset(), "Connection reset by peer"),
    ],
    ids=["407", "502", "599", "garbage", "more", "long", "close", "reset"],
)
def test_refusing_proxy(kind: PoolKind, answer: Any, reason: str) -> None:
    """A proxy's refusal is a `ConnectError` with its status and without the password."""

    async def body() -> None:
        with ConnectProxy(lambda received: answer) as proxy:
            async with kind.make_pool(1, proxy=f"http://me:secret@127.0.0.1:{proxy.port}") as pool:
                failed = await pool.open(build_get("https://model.invalid"))
                doing = f"connecting to model.invalid:443 through http://127.0.0.1:{proxy.port}"
                assert failed.error == ConnectError(doing, reason)
                await to_thread.run_sync(proxy.wait_closed, 1)

    kind.run(body)


@pytest.mark.parametrize("answer", [Hang(), Drip(b"HTTP/1.1 200 OK\r\na: " + b"b" * 300, 0.005)], ids=["hang", "drip"])
@retry_with_longer_limits
def test_late_proxy(kind: PoolKind, answer: Any, limit: float) -> None:
    """A proxy that does not answer within the connect timeout is a timeout."""

    async def body() -> None:
        with ConnectProxy(lambda received: answer) as proxy:
            async with kind.make_pool(1, proxy=f"http://127.0.0.1:{proxy.port}") as pool:
                failed = await pool.open(build_get("http://model.invalid"), connect_timeout=limit)
                assert failed.error == TimedOut("connect", "connecting to model.invalid:80")
                await to_thread.run_sync(proxy.wait_closed, 1)

    kind.run(body)


def test_slow_proxy(kind: PoolKind) -> None:
    """A proxy's answer may arrive byte by byte."""

    async def body() -> None:
        def script(received: ReceivedRequest) -> Any:
            return Drip(b"HTTP/1.1 200 OK\r\n\r\n", 0.001) if received.method == "CONNECT" else OK

        with ConnectProxy(script) as proxy:
            async with kind.make_pool(1, proxy=f"http://127.0.0.1:{proxy.port}") as pool:
                assert await pool.call(build_get("http://model.invalid")) == (200, b"ok")

    kind.run(body)


# SOCKS


@contextmanager
def run_socks_proxy(answers: list[bytes], *, web: bool = True) -> Generator[tuple[int, list[bytes]]]:
    """Send one reply for each message of a SOCKS client; then answer its HTTP request, or close."""
    received: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as sock:
            sock.settimeout(60)
            for answer in answers:
                received.append(sock.recv(1000))
                for byte in answer:
                    sock.sendall(bytes((byte,)))
            if web:
                received.append(sock.recv(1000))
                sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], received
        thread.join(60)


SUCCESS_REPLY = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


@pytest.mark.parametrize(
    "reply",
    [SUCCESS_REPLY, b"\x05\x00\x00\x03\x04name\x00\x50", b"\x05\x00\x00\x04" + b"\x00" * 16 + b"\x00\x50"],
    ids=["4", "name", "6"],
)
@pytest.mark.parametrize("login", ["", "me:secret@"])
def test_socks(kind: PoolKind, reply: bytes, login: str) -> None:
    """A SOCKS5 proxy gets the host name and the login; its replies may arrive byte by byte."""

    async def body() -> None:
        answers = [b"\x05\x02", b"\x01\x00", reply] if login else [b"\x05\x00", reply]
        with run_socks_proxy(answers) as (port, received):
            async with kind.make_pool(proxy=f"socks5://{login}127.0.0.1:{port}") as pool:
                assert await pool.call(build_get("http://model.invalid/")) == (200, b"ok")
        assert received[0] == (b"\x05\x01\x02" if login else b"\x05\x01\x00")
        assert received[-2] == b"\x05\x01\x00\x03\x0dmodel.invalid\x00\x50"
        assert received[-1].startswith(b"GET / HTTP/1.1\r\n")

    kind.run(body)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"\x05\xff"], "the proxy requires another authentication method"),
        ([b"\x05\x02", b"\x01\x01"], "the proxy rejected the user and password"),
        (
            [b"\x05\x02", b"\x01\x00", b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"],
            "the proxy answered CONNECTION_REFUSED",
        ),
        ([b"\x04\x63"], "the proxy did not answer in SOCKS5"),
        ([b"\x05\x02", b"\x01\x00", b"\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00"], "the proxy did not answer in SOCKS5"),
        ([b"\x05\x02", b"\x01\x00", b"\x05\x63\x00\x01\x00\x00\x00\x00\x00\x00"], "the proxy did not answer in SOCKS5"),
        ([b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x09\x00\x00"], "the proxy did not answer in SOCKS5"),
        ([b""], "the proxy closed the connection"),
    ],
)
def test_refusing_socks(kind: PoolKind, answers: list[bytes], reason: str) -> None:
    """A SOCKS5 proxy's refusal is a `ConnectError` without the password."""

    async def body() -> None:
        with run_socks_proxy(answers, web=False) as (port, _):
            async with kind.make_pool(proxy=f"socks5://me:secret@127.0.0.1:{port}") as pool:
                failed = await pool.open(build_get("http://model.invalid/"))
                doing = f"connecting to model.invalid:80 through socks5://127.0.0.1:{port}"
                assert failed.error == ConnectError(doing, reason)

    kind.run(body)


_TOO_LONG = "SOCKS5 sends at most 255 bytes of a host, of a user and of a password"


@pytest.mark.parametrize(
    ("login", "host", "reason"),
    [
        ("u" * 256 + ":secret", "model.invalid", _TOO_LONG),
        ("me:" + "ü" * 128, "model.invalid", _TOO_LONG),
        ("me:secret", ".".join("m" * 60 for _ in range(5)), _TOO_LONG),
        (":secret", "model.invalid", "SOCKS5 sends no password without a user"),
    ],
    ids=["user", "password", "host", "no user"],
)
def test_unsendable_socks_login(kind: PoolKind, login: str, host: str, reason: str) -> None:
    """What SOCKS5 cannot send is a `ConnectError`; nothing is left out."""

    async def body() -> None:
        with Loopback(OK) as proxy:
            async with kind.make_pool(proxy=f"socks5://{login}@127.0.0.1:{proxy.port}") as pool:
                failed = await pool.open(build_get(f"http://{host}/"))
                doing = f"connecting to {host}:80 through socks5://127.0.0.1:{proxy.port}"
                assert failed.error == ConnectError(doing, reason)

    kind.run(body)


def test_socks_missing(kind: PoolKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package socksio, a SOCKS5 proxy is a failure with the install command."""
    monkeypatch.setitem(sys.modules, "socksio.socks5", None)

    async def body() -> None:
        with Loopback(OK) as proxy:
            async with kind.make_pool(proxy=f"socks5://127.0.0.1:{proxy.port}") as pool:
                failed = await pool.open(build_get("http://model.invalid/"))
                assert "needs the package socksio: pip install 'socksio>=" in str(failed.error)

    kind.run(body)


# TLS


def test_tls(kind: PoolKind) -> None:
    """A trusted certificate is accepted, by address and by name."""

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            async with kind.make_pool(ssl_context=make_trusting_context(server)) as pool:
                assert await pool.call(build_get(server.url)) == (200, b"ok")
                assert await pool.call(build_get(server.url.replace("127.0.0.1", "localhost"))) == (200, b"ok")
            assert server.connections == 2

    kind.run(body)


def test_untrusted(kind: PoolKind) -> None:
    """An untrusted certificate is a `CertificateError`, which is a `ConnectError`."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=()) as server:
            async with kind.make_pool() as pool:
                for _ in range(2):
                    failed = await pool.open(build_get(server.url))
                    assert isinstance(failed.error, CertificateError)
                    assert isinstance(failed.error, ConnectError)
                    assert failed.error.reason.startswith("certificate: ")
                await to_thread.run_sync(server.wait_closed, 2)

    kind.run(body)


def test_certificates_of_environment(kind: PoolKind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``SSL_CERT_FILE`` sets the trusted authorities."""

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            server.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            async with kind.make_pool() as pool:
                assert await pool.call(build_get(server.url)) == (200, b"ok")

    kind.run(body)


def test_context_fails(kind: PoolKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unreadable certificates are a `ConnectError`, and are read again by the next call."""

    def fail() -> Any:
        raise OSError(2, "No such file")

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            async with kind.make_pool() as pool:
                with monkeypatch.context() as patch:
                    patch.setattr(ssl, "create_default_context", fail)
                    failed = await pool.open(build_get(server.url))
                    assert failed.error == ConnectError("reading the certificates", "No such file")
                assert "certificate" in (await pool.open(build_get(server.url))).error.reason

    kind.run(body)


@pytest.mark.parametrize(
    ("on_accept", "reason"),
    [
        (Raw(b"HTTP/1.1 400 no\r\n\r\n"), "WRONG_VERSION_NUMBER"),
        (Reset(), "Connection reset by peer"),
        (Close(abrupt=True), ""),
    ],
    ids=["plain", "reset", "close"],
)
def test_no_tls(kind: PoolKind, on_accept: Any, reason: str) -> None:
    """A peer without TLS is a `ConnectError`."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=on_accept) as server:
            async with kind.make_pool(ssl_context=make_trusting_context(server)) as pool:
                failed = await pool.open(build_get(server.url))
                assert isinstance(failed.error, ConnectError)
                assert failed.error.doing.endswith(f" 127.0.0.1:{server.port}")
                assert reason in failed.error.reason

    kind.run(body)


def test_reset_before_tls() -> None:
    """A peer that resets before the handshake raises, and leaves no socket to the garbage collector."""
    with check_no_leaks(), socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        select.select([sock], [], [])  # after a reset, the socket is readable and no longer connected
        sock = NonBlockingSocket(sock)
        with pytest.raises(ConnectionResetError):
            next(sock.start_tls(ssl.create_default_context(), "127.0.0.1"))
        sock.close()


@pytest.mark.parametrize(
    "on_accept", [Hang(), Drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 200, 0.005)], ids=["hang", "drip"]
)
@retry_with_longer_limits
def test_late_tls(kind: PoolKind, on_accept: Any, limit: float) -> None:
    """A handshake that is not complete within the connect timeout is a timeout, also if bytes keep arriving."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=on_accept) as server:
            async with kind.make_pool(ssl_context=make_trusting_context(server)) as pool:
                failed = await pool.open(build_get(server.url), connect_timeout=limit)
                assert failed.error == TimedOut("connect", f"connecting to 127.0.0.1:{server.port}")
                await to_thread.run_sync(server.wait_closed, 1)

    kind.run(body)


# Names and addresses


def test_unknown_name(kind: PoolKind) -> None:
    """A name without an address is a `ConnectError`."""

    async def body() -> None:
        async with kind.make_pool() as pool:
            failed = await pool.open(build_get("http://model.invalid/"))
            assert isinstance(failed.error, ConnectError)
            assert failed.error.doing == "looking up model.invalid"

    kind.run(body)


@retry_with_longer_limits
def test_late_name(kind: PoolKind, monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
    """A look-up that exceeds the connect timeout is a timeout."""
    is_released, request = threading.Event(), threading.Event()

    def wait_for_gate(host: str, *args: Any, flags: int = 0, **options: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(-2, "not a number")
        request.set()
        is_released.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait_for_gate)

    async def body() -> None:
        async with kind.make_pool() as pool:
            failed = await pool.open(build_get("http://model.invalid/"), connect_timeout=limit)
            assert failed.error == TimedOut("connect", "connecting to model.invalid:80")
            assert request.is_set()
            is_released.set()
            failed = await pool.open(build_get("http://model.invalid/"))
            assert failed.error == ConnectError("connecting to model.invalid:80", "the host name has no address")

    kind.run(body)


def test_addresses(kind: PoolKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of a name are tried in order: one refuses, one does not answer, one works."""
    monkeypatch.setattr(addresses, "ATTEMPT_DELAY", 0.02)

    async def body() -> None:
        with Loopback(OK) as server, reserve_refusing_port() as refusing, reserve_silent_port(connects=False) as hole:

            def find_addresses(host: str, *args: Any, flags: int = 0, **options: Any) -> Any:
                if flags & socket.AI_NUMERICHOST:
                    raise socket.gaierror(-2, "not a number")
                family, kind = socket.AF_INET, socket.SOCK_STREAM
                return [(family, kind, 6, "", ("127.0.0.1", port)) for port in (refusing, hole, server.port)]

            monkeypatch.setattr(socket, "getaddrinfo", find_addresses)
            async with kind.make_pool() as pool:
                assert await pool.call(build_get("http://model.invalid/")) == (200, b"ok")
            monkeypatch.undo()

    kind.run(body)
