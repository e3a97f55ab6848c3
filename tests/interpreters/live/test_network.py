"""Sessions connect like HTTP requests: TLS, proxies, timeouts, and credentials in the headers."""

from typing import Any

import pytest
from returns.result import Success

from genai_fn import AsyncHttp, Gemini, Vertex, live, with_options
from genai_fn.errors import ConnectError, InvalidRequest
from tests.support.live.sessions import CONNECT_TEXT, make_tls_contexts, read_texts
from tests.support.live.websocket_peer import Peer, PeerConnection
from tests.support.loopback import ConnectProxy


async def echo_text(connection: PeerConnection) -> None:
    await connection.accept_setup()
    await connection.receive()
    await connection.send_turn("heard")
    await connection.receive_until_closed()


async def run_turn(interpreter: AsyncHttp, session_request: Any = CONNECT_TEXT) -> None:
    """Send a text, and read the answer."""
    async with interpreter as run, run.live(session_request) as session:
        assert Success(None) == await session.send(live.client_content("hi"))
        assert ["heard"] == await read_texts(session.turn())


@pytest.mark.parametrize("uses_proxy", [False, True])
def test_tls(run: Any, uses_proxy: bool) -> None:
    """A session to an ``https`` URL uses TLS, with and without a proxy."""
    server, client = make_tls_contexts()
    with Peer(echo_text, tls=server) as peer, ConnectProxy(to=peer.port) as proxy:

        async def body() -> None:
            way = f"http://127.0.0.1:{proxy.port}" if uses_proxy else ""
            await run_turn(AsyncHttp(Gemini("test-key", base_url=peer.url), proxy=way, ssl_context=client))

        run(body)
        assert int(uses_proxy) == len(proxy.requests)
    assert "test-key" == peer.connections[0].headers["x-goog-api-key"]


def test_certificate_of_nobody(run: Any) -> None:
    """An untrusted certificate is a failure."""
    server, _ = make_tls_contexts()
    _, stranger = make_tls_contexts()
    with Peer(echo_text, tls=server) as peer:

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
    """The handshake has the headers of backend, interpreter and session; a gateway's authorization replaces the key."""
    with Peer(echo_text) as peer:

        async def body() -> None:
            backend = Gemini("test-key", base_url=f"{peer.url}/gate", headers={"x-one": "1", "x-two": "1"})
            session_request = CONNECT_TEXT | with_options(headers={"x-three": "3", "x-two": "3"}, api_version="v1alpha")
            await run_turn(AsyncHttp(backend, proxy="", headers={"x-two": "2"}), session_request)
            token = "auth_tokens/" + "test"
            await run_turn(AsyncHttp(Gemini(token, base_url=peer.url), proxy=""))
            await run_turn(AsyncHttp(Vertex(base_url=f"{peer.url}/x", headers={"authorization": "me"}), proxy=""))

        run(body)
    gate_connection, token_connection, gateway_connection = peer.connections
    assert "/gate/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent" == gate_connection.path
    assert ("1", "3") == (gate_connection.headers["x-one"], gate_connection.headers["x-three"])
    assert "genai-fn" in gate_connection.headers["user-agent"]
    assert token_connection.path.endswith("v1beta.GenerativeService.BidiGenerateContentConstrained")
    assert "Token auth_tokens/test" == token_connection.headers["authorization"]
    assert "x-goog-api-key" not in token_connection.headers
    assert ("/x", "me") == (gateway_connection.path, gateway_connection.headers["authorization"])


def test_oauth(run: Any) -> None:
    """On Vertex AI the token is fetched once per session, and the credentials' project completes the model name."""
    from google.oauth2.credentials import Credentials

    with Peer(echo_text) as peer:

        async def body() -> None:
            credentials = Credentials("test-token")  # type: ignore[no-untyped-call]
            backend = Vertex("p", "l", credentials=credentials, base_url=peer.url)
            await run_turn(AsyncHttp(backend, proxy=""))

        run(body)
    [connection] = peer.connections
    assert "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent" == connection.path
    assert "Bearer test-token" == connection.headers["authorization"]
    assert "projects/p/locations/l/publishers/google/models/m" == connection.setup["model"]


def test_bad_project_of_credentials(run: Any) -> None:
    """A session whose credentials have an invalid project fails without connecting."""

    class Credentials:
        token = "test-token"
        project_id = "p/../../x"

        def refresh(self, request: object) -> None:
            raise AssertionError("the token is good")

    with Peer(echo_text) as peer:

        async def body() -> None:
            backend = Vertex(credentials=Credentials(), base_url=peer.url)
            async with AsyncHttp(backend, proxy="") as interpreter, interpreter.live(CONNECT_TEXT) as session:
                failure = (await anext(session)).failure()
                assert isinstance(failure, InvalidRequest)
                assert failure.path == "the project of the credentials"

        run(body)
    assert peer.connections == []
