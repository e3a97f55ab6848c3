"""Sessions are dialled as calls are: by TLS, through proxies, in time; who calls is in the headers."""

import ssl
from typing import Any

import pytest
import trustme
from returns.result import Success

from genai_fn import AsyncHttp, Gemini, Vertex, live, with_options
from genai_fn.errors import ConnectError, InvalidRequest
from tests.support.live.sessions import CONNECT_TEXT, read_texts
from tests.support.live.websocket_peer import Peer, PeerConnection
from tests.support.loopback import ConnectProxy


async def echo(connection: PeerConnection) -> None:
    await connection.accept_setup()
    await connection.receive()
    await connection.send_turn("heard")
    await connection.receive_until_closed()


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a server's and a client's context that trust each other."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def spoken(interpreter: AsyncHttp, asked: Any = CONNECT_TEXT) -> None:
    """Say something, and hear the answer."""
    async with interpreter as run, run.live(asked) as session:
        assert Success(None) == await session.send(live.client_content("hi"))
        assert ["heard"] == await read_texts(session.turn())


@pytest.mark.parametrize("proxied", [False, True])
def test_tls(run: Any, proxied: bool) -> None:
    """An address of https is spoken to by TLS, through a proxy as well."""
    server, client = contexts()
    with Peer(echo, tls=server) as peer, ConnectProxy(to=peer.port) as proxy:

        async def body() -> None:
            way = f"http://127.0.0.1:{proxy.port}" if proxied else ""
            await spoken(AsyncHttp(Gemini("test-key", base_url=peer.url), proxy=way, ssl_context=client))

        run(body)
        assert int(proxied) == len(proxy.requests)
    assert "test-key" == peer.connections[0].headers["x-goog-api-key"]


def test_certificate_of_nobody(run: Any) -> None:
    """A certificate that is not trusted is a failure."""
    server, _ = contexts()
    _, stranger = contexts()
    with Peer(echo, tls=server) as peer:

        async def body() -> None:
            from genai_fn import Retry

            backend = Gemini("test-key", base_url=peer.url)
            interpreter = AsyncHttp(backend, proxy="", ssl_context=stranger, retry=Retry(attempts=1))
            async with interpreter as run, run.live(CONNECT_TEXT) as session:
                [last] = [item async for item in session]
                assert isinstance(last.failure(), ConnectError)
                assert "certificate" in str(last.failure())

        run(body)
    assert [] == peer.connections


def test_headers(run: Any) -> None:
    """The headers of the backend, the interpreter and the session go along; a token of OAuth takes the key's place."""
    with Peer(echo) as peer:

        async def body() -> None:
            backend = Gemini("test-key", base_url=f"{peer.url}/gate", headers={"x-one": "1", "x-two": "1"})
            asked = CONNECT_TEXT | with_options(headers={"x-three": "3", "x-two": "3"}, api_version="v1alpha")
            await spoken(AsyncHttp(backend, proxy="", headers={"x-two": "2"}), asked)
            token = "auth_tokens/" + "test"
            await spoken(AsyncHttp(Gemini(token, base_url=peer.url), proxy=""))
            await spoken(AsyncHttp(Vertex(base_url=f"{peer.url}/x", headers={"authorization": "me"}), proxy=""))

        run(body)
    gate, ephemeral, gateway = peer.connections
    assert "/gate/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent" == gate.path
    assert ("1", "3") == (gate.headers["x-one"], gate.headers["x-three"])
    assert "genai-fn" in gate.headers["user-agent"]
    assert ephemeral.path.endswith("v1beta.GenerativeService.BidiGenerateContentConstrained")
    assert "Token auth_tokens/test" == ephemeral.headers["authorization"]
    assert "x-goog-api-key" not in ephemeral.headers
    assert ("/x", "me") == (gateway.path, gateway.headers["authorization"])


def test_oauth(run: Any) -> None:
    """On Vertex AI with credentials the token is fetched once for a session, and its project fills the model's name."""
    from google.oauth2.credentials import Credentials

    with Peer(echo) as peer:

        async def body() -> None:
            credentials = Credentials("test-token")  # type: ignore[no-untyped-call]
            backend = Vertex("p", "l", credentials=credentials, base_url=peer.url)
            await spoken(AsyncHttp(backend, proxy=""))

        run(body)
    [connection] = peer.connections
    assert "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent" == connection.path
    assert "Bearer test-token" == connection.headers["authorization"]
    assert "projects/p/locations/l/publishers/google/models/m" == connection.setup["model"]


def test_bad_project_of_credentials(run: Any) -> None:
    """A session whose credentials name something else than a project fails, and connects to nothing."""

    class Credentials:
        token = "test-token"
        project_id = "p/../../x"

        def refresh(self, request: object) -> None:
            raise AssertionError("the token is good")

    with Peer(echo) as peer:

        async def body() -> None:
            backend = Vertex(credentials=Credentials(), base_url=peer.url)
            async with AsyncHttp(backend, proxy="") as interpreter, interpreter.live(CONNECT_TEXT) as session:
                failure = (await anext(session)).failure()
                assert isinstance(failure, InvalidRequest)
                assert failure.path == "the project of the credentials"

        run(body)
    assert peer.connections == []
