"""Dialling: names, addresses, proxies, TLS; what is refused is told without a secret."""

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

import anyio
import httpcore
import pytest
from anyio import to_thread

from genai_fn.effects import EffectFailed
from genai_fn.errors import ConnectError, TimedOut
from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect import connection as dial_module
from genai_fn.interpreters.net.connect.async_steps import AnyioStream, open_stream
from genai_fn.interpreters.net.connect.connection import ConnectConfig, ConnectionSetupError, parse_target
from genai_fn.interpreters.net.connect.proxies import find_proxy
from genai_fn.interpreters.net.socket import NonBlockingSocket
from tests.support.cancellation.points import spotless
from tests.support.limits import patient
from tests.support.loopback import (
    Close,
    ConnectProxy,
    Drip,
    Hang,
    Loopback,
    Raw,
    Received,
    Reply,
    Reset,
    Send,
    black_hole,
    refusing_port,
)
from tests.support.pool_kinds import World

OK = Reply(body=b"ok")


@pytest.fixture(params=["sync", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param, httpcore)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url)


def trusting(server: Loopback) -> ssl.SSLContext:
    context = ssl.create_default_context()
    server.ca.configure_trust(context)
    return context


# Which proxy

PROXY = "http://one:8080"


@pytest.mark.parametrize(
    ("url", "environ", "proxied"),
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
def test_environment(url: str, environ: dict[str, str], proxied: bool) -> None:
    """The environment names the proxy by scheme, small letters first; ``NO_PROXY`` exempts hosts and those below."""
    target = parse_target(url)
    found = find_proxy("https" if target.tls else "http", target.host, target.port, None, environ)
    assert (found is not None) == proxied


def test_given() -> None:
    """A proxy that is given is taken whatever the environment says, and an empty one means none."""
    environ = {"HTTPS_PROXY": "http://other", "NO_PROXY": "*"}
    assert str(find_proxy("https", "a", 443, "one", environ)) == "http://one:80"
    assert str(find_proxy("https", "a", 443, "socks5://one", environ)) == "socks5://one:1080"
    assert str(find_proxy("https", "a", 443, "http://[::1]:8080", environ)) == "http://[::1]:8080"
    assert find_proxy("https", "a", 443, "", {"HTTPS_PROXY": "http://other"}) is None


def test_proxy_text() -> None:
    """A proxy shows neither user nor password."""
    proxy = find_proxy("https", "a", 443, "http://some%40one:pass%3Aword@one", {})
    assert proxy is not None
    assert (proxy.user, proxy.password) == ("some@one", "pass:word")
    assert repr(proxy) == "Proxy(http://one:80)"


@pytest.mark.parametrize(
    "proxy",
    ["https://{}one", "http://{}", "http://{}a:99999", "ftp://{}a", "http://{}[", "http://{}a..b"],
)
def test_bad_proxy(world: World, proxy: str) -> None:
    """What is no proxy's address is lost by name, without its text."""

    async def body() -> None:
        async with world.lanes(proxy=proxy.format("me:secret@")) as lanes:
            lost = await lanes.open(get("http://127.0.0.1:1"))
            reason = "not the address of an http or socks5 proxy"
            assert lost == EffectFailed(ConnectError("parsing the proxy's address", reason))

    world.run(body)


# Through a proxy


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_tunnel(world: World, tls: bool) -> None:
    """A proxy is asked for a tunnel, with its password, and the tunnel is a lane like any other."""

    async def body() -> None:
        with Loopback(OK, tls=tls) as server, ConnectProxy() as proxy:
            settings = {"proxy": f"http://me:secret@127.0.0.1:{proxy.port}", "ssl_context": trusting(server)}
            async with world.lanes(**settings) as lanes:
                for _ in range(2):
                    assert await lanes.call(get(f"{server.url}/a")) == (200, b"ok")
            (asked,) = proxy.requests
            assert (asked.method, asked.target) == ("CONNECT", f"127.0.0.1:{server.port}")
            assert asked.headers == {"host": asked.target, "proxy-authorization": "Basic bWU6c2VjcmV0"}
            assert [each.target for each in server.requests] == ["/a", "/a"]
            assert "proxy-authorization" not in server.requests[0].headers

    world.run(body)


def test_tunnel_from_environment(world: World) -> None:
    """The environment that is passed in leads through its proxy, which resolves the name."""

    async def body() -> None:
        with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
            environ = {"http_proxy": f"127.0.0.1:{proxy.port}"}
            async with world.lanes(environ=environ) as lanes:
                assert await lanes.call(get("http://model.invalid/")) == (200, b"ok")
            assert proxy.requests[0].target == "model.invalid:80"
            assert server.requests[0].headers["host"] == "model.invalid"

    world.run(body)


@patient
def test_sent_through_tunnel(world: World, limit: float) -> None:
    """What was said to a proxy, or in a handshake, does not count as sent."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=Hang()) as server, ConnectProxy() as proxy:
            settings = {"proxy": f"http://127.0.0.1:{proxy.port}", "ssl_context": trusting(server)}
            async with world.lanes(**settings) as lanes:
                lost = await lanes.open(get(server.url), connect=limit)
                assert lost == EffectFailed(TimedOut("connect", f"connecting to 127.0.0.1:{server.port}"))

    world.run(body)


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
def test_refusing_proxy(world: World, answer: Any, reason: str) -> None:
    """A proxy's refusal is no connection, told by its status and without a password."""

    async def body() -> None:
        with ConnectProxy(lambda received: answer) as proxy:
            async with world.lanes(1, proxy=f"http://me:secret@127.0.0.1:{proxy.port}") as lanes:
                lost = await lanes.open(get("https://model.invalid"))
                doing = f"connecting to model.invalid:443 through http://127.0.0.1:{proxy.port}"
                assert lost.error == ConnectError(doing, reason)
                await to_thread.run_sync(proxy.wait_closed, 1)

    world.run(body)


@pytest.mark.parametrize("answer", [Hang(), Drip(b"HTTP/1.1 200 OK\r\na: " + b"b" * 300, 0.005)], ids=["hang", "drip"])
@patient
def test_late_proxy(world: World, answer: Any, limit: float) -> None:
    """A proxy has to answer in the time for connecting."""

    async def body() -> None:
        with ConnectProxy(lambda received: answer) as proxy:
            async with world.lanes(1, proxy=f"http://127.0.0.1:{proxy.port}") as lanes:
                lost = await lanes.open(get("http://model.invalid"), connect=limit)
                assert lost.error == TimedOut("connect", "connecting to model.invalid:80")
                await to_thread.run_sync(proxy.wait_closed, 1)

    world.run(body)


def test_slow_proxy(world: World) -> None:
    """A tunnel whose grant comes in pieces is as good as any."""

    async def body() -> None:
        def script(received: Received) -> Any:
            return Drip(b"HTTP/1.1 200 OK\r\n\r\n", 0.001) if received.method == "CONNECT" else OK

        with ConnectProxy(script) as proxy:
            async with world.lanes(1, proxy=f"http://127.0.0.1:{proxy.port}") as lanes:
                assert await lanes.call(get("http://model.invalid")) == (200, b"ok")

    world.run(body)


# SOCKS


@contextmanager
def socks_proxy(answers: list[bytes], *, web: bool = True) -> Generator[tuple[int, list[bytes]]]:
    """Say these answers to a SOCKS client, one for each thing it says; then be the web server behind, or hang up."""
    heard: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as sock:
            sock.settimeout(60)
            for answer in answers:
                heard.append(sock.recv(1000))
                for byte in answer:
                    sock.sendall(bytes((byte,)))
            if web:
                heard.append(sock.recv(1000))
                sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(60)


GRANTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


@pytest.mark.parametrize(
    "granted",
    [GRANTED, b"\x05\x00\x00\x03\x04name\x00\x50", b"\x05\x00\x00\x04" + b"\x00" * 16 + b"\x00\x50"],
    ids=["4", "name", "6"],
)
@pytest.mark.parametrize("login", ["", "me:secret@"])
def test_socks(world: World, granted: bytes, login: str) -> None:
    """A SOCKS5 proxy is told the name, and who asks; its answers may come in pieces."""

    async def body() -> None:
        answers = [b"\x05\x02", b"\x01\x00", granted] if login else [b"\x05\x00", granted]
        with socks_proxy(answers) as (port, heard):
            async with world.lanes(proxy=f"socks5://{login}127.0.0.1:{port}") as lanes:
                assert await lanes.call(get("http://model.invalid/")) == (200, b"ok")
        assert heard[0] == (b"\x05\x01\x02" if login else b"\x05\x01\x00")
        assert heard[-2] == b"\x05\x01\x00\x03\x0dmodel.invalid\x00\x50"
        assert heard[-1].startswith(b"GET / HTTP/1.1\r\n")

    world.run(body)


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
def test_refusing_socks(world: World, answers: list[bytes], reason: str) -> None:
    """What a SOCKS5 proxy refuses is no connection, told without a password."""

    async def body() -> None:
        with socks_proxy(answers, web=False) as (port, _):
            async with world.lanes(proxy=f"socks5://me:secret@127.0.0.1:{port}") as lanes:
                lost = await lanes.open(get("http://model.invalid/"))
                doing = f"connecting to model.invalid:80 through socks5://127.0.0.1:{port}"
                assert lost.error == ConnectError(doing, reason)

    world.run(body)


def test_socks_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, a SOCKS5 proxy is refused with the name of what to install."""
    monkeypatch.setitem(sys.modules, "socksio.socks5", None)

    async def body() -> None:
        with Loopback(OK) as proxy:
            async with world.lanes(proxy=f"socks5://127.0.0.1:{proxy.port}") as lanes:
                lost = await lanes.open(get("http://model.invalid/"))
                assert "needs the package socksio: pip install 'socksio>=" in str(lost.error)

    world.run(body)


# TLS


def test_tls(world: World) -> None:
    """A certificate that the context trusts is good, by address and by name."""

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            async with world.lanes(ssl_context=trusting(server)) as lanes:
                assert await lanes.call(get(server.url)) == (200, b"ok")
                assert await lanes.call(get(server.url.replace("127.0.0.1", "localhost"))) == (200, b"ok")
            assert server.connections == 2

    world.run(body)


def test_untrusted(world: World) -> None:
    """A certificate of an unknown authority is no connection, and the system's authorities are read once."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=()) as server:
            async with world.lanes() as lanes:
                for _ in range(2):
                    lost = await lanes.open(get(server.url))
                    assert isinstance(lost.error, ConnectError)
                    assert lost.error.reason.startswith("certificate: ")
                await to_thread.run_sync(server.wait_closed, 2)

    world.run(body)


def test_certificates_of_environment(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``SSL_CERT_FILE`` names the authorities to trust."""

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            server.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            async with world.lanes() as lanes:
                assert await lanes.call(get(server.url)) == (200, b"ok")

    world.run(body)


def test_context_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates that cannot be read are no connection, and can be by the next call."""

    def fail() -> Any:
        raise OSError(2, "No such file")

    async def body() -> None:
        with Loopback(OK, tls=True) as server:
            async with world.lanes() as lanes:
                with monkeypatch.context() as patched:
                    patched.setattr(ssl, "create_default_context", fail)
                    lost = await lanes.open(get(server.url))
                    assert lost.error == ConnectError("reading the certificates", "No such file")
                assert "certificate" in (await lanes.open(get(server.url))).error.reason

    world.run(body)


@pytest.mark.parametrize(
    ("on_accept", "reason"),
    [
        (Raw(b"HTTP/1.1 400 no\r\n\r\n"), "WRONG_VERSION_NUMBER"),
        (Reset(), "Connection reset by peer"),
        (Close(abrupt=True), ""),
    ],
    ids=["plain", "reset", "close"],
)
def test_no_tls(world: World, on_accept: Any, reason: str) -> None:
    """A peer that does not speak TLS is no connection."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=on_accept) as server:
            async with world.lanes(ssl_context=trusting(server)) as lanes:
                lost = await lanes.open(get(server.url))
                assert isinstance(lost.error, ConnectError)
                assert lost.error.doing.endswith(f" 127.0.0.1:{server.port}")
                assert reason in lost.error.reason

    world.run(body)


def test_gone_before_tls() -> None:
    """A peer that is gone before the handshake begins is no connection, and leaves no socket to the collector."""
    with spotless(), socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        select.select([sock], [], [])  # what a reset makes readable, it makes no longer connected
        wire = NonBlockingSocket(sock)
        with pytest.raises(ConnectionResetError):
            next(wire.start_tls(ssl.create_default_context(), "127.0.0.1"))
        wire.close()


@pytest.mark.parametrize(
    "on_accept", [Hang(), Drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 200, 0.005)], ids=["hang", "drip"]
)
@patient
def test_late_tls(world: World, on_accept: Any, limit: float) -> None:
    """A handshake has to be done in the time for connecting, however it is dripped."""

    async def body() -> None:
        with Loopback(OK, tls=True, on_accept=on_accept) as server:
            async with world.lanes(ssl_context=trusting(server)) as lanes:
                lost = await lanes.open(get(server.url), connect=limit)
                assert lost.error == TimedOut("connect", f"connecting to 127.0.0.1:{server.port}")
                await to_thread.run_sync(server.wait_closed, 1)

    world.run(body)


# Names and addresses


def test_unknown_name(world: World) -> None:
    """A name without an address is no connection."""

    async def body() -> None:
        async with world.lanes() as lanes:
            lost = await lanes.open(get("http://model.invalid/"))
            assert isinstance(lost.error, ConnectError)
            assert lost.error.doing == "looking up model.invalid"

    world.run(body)


@patient
def test_late_name(world: World, monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
    """A look-up that takes too long is left behind."""
    answered, asked = threading.Event(), threading.Event()

    def slow(host: str, *args: Any, flags: int = 0, **more: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(-2, "not a number")
        asked.set()
        answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def body() -> None:
        async with world.lanes() as lanes:
            lost = await lanes.open(get("http://model.invalid/"), connect=limit)
            assert lost.error == TimedOut("connect", "connecting to model.invalid:80")
            assert asked.is_set()
            answered.set()
            lost = await lanes.open(get("http://model.invalid/"))
            assert lost.error == ConnectError("connecting to model.invalid:80", "the host name has no address")

    world.run(body)


def test_addresses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of a name are tried in order, past one that refuses and one that does not answer."""
    monkeypatch.setattr(dial_module, "_ADDRESS_TIMEOUT", 0.02)

    async def body() -> None:
        with Loopback(OK) as server, refusing_port() as refusing, black_hole(connects=False) as hole:

            def found(host: str, *args: Any, flags: int = 0, **more: Any) -> Any:
                if flags & socket.AI_NUMERICHOST:
                    raise socket.gaierror(-2, "not a number")
                family, kind = socket.AF_INET, socket.SOCK_STREAM
                return [(family, kind, 6, "", ("127.0.0.1", port)) for port in (refusing, hole, server.port)]

            monkeypatch.setattr(socket, "getaddrinfo", found)
            async with world.lanes() as lanes:
                assert await lanes.call(get("http://model.invalid/")) == (200, b"ok")
            monkeypatch.undo()

    world.run(body)


# A bare stream


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_stream(backend: str, tls: bool) -> None:
    """Whoever wants bare bytes gets a stream of anyio, through a proxy too; an end and a fault are anyio's."""

    async def body() -> None:
        with Loopback([OK, OK, Reset()], tls=tls) as server, ConnectProxy() as proxy:
            dialling = ConnectConfig(proxy=f"http://127.0.0.1:{proxy.port}", ssl_context=trusting(server))
            stream = await open_stream(parse_target(server.url), dialling)
            await stream.send(b"GET / HTTP/1.1\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 OK")
            await stream.aclose()
            with pytest.raises(anyio.ClosedResourceError):
                await stream.receive()
            direct = await open_stream(parse_target(server.url), ConnectConfig(ssl_context=trusting(server)))
            await direct.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await direct.receive(4) + await direct.receive(4) == b"HTTP/1.1"
            while not (await direct.receive()).endswith(b"ok"):
                pass
            await direct.send(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
                await direct.receive()
            await direct.aclose()

    anyio.run(body, backend=backend)


def test_stream_both_ways(backend: str) -> None:
    """A stream is read in one task while another writes, and closing it wakes the reader."""

    async def body() -> None:
        with Loopback([(Send(b"first"), Hang())]) as server:
            stream = await open_stream(parse_target(server.url), ConnectConfig())
            async with anyio.create_task_group() as tasks:
                has_read = anyio.Event()
                tasks.start_soon(_read_until_closed, stream, has_read)
                await anyio.wait_all_tasks_blocked()
                await stream.send(b"GET / HTTP/1.1\r\n\r\n")
                await stream.send_eof()
                await to_thread.run_sync(server.wait_requests, 1)
                await has_read.wait()
                await anyio.wait_all_tasks_blocked()
                await stream.aclose()

    anyio.run(body, backend=backend)


async def _read_until_closed(stream: AnyioStream, has_read: anyio.Event) -> None:
    assert await stream.receive() == b"first"
    has_read.set()
    with pytest.raises((anyio.ClosedResourceError, anyio.EndOfStream)):
        await stream.receive()


def test_refused_stream(backend: str) -> None:
    """What is refused is a `DialError` there."""

    async def body() -> None:
        with refusing_port() as port, pytest.raises(ConnectionSetupError, match="refused"):
            await open_stream(parse_target(f"http://127.0.0.1:{port}"), ConnectConfig())

    anyio.run(body, backend=backend)
