"""The session that most live tests open, and how they open and read it."""

import ssl
from typing import Any

import trustme

from genai_fn import AsyncHttp, Gemini, live, with_config
from tests.support.live.websocket_peer import Peer

CONNECT_TEXT = live.connect("m") | with_config(response_modalities=["TEXT"])
"""A session that answers in text."""

RESUMABLE = CONNECT_TEXT | with_config(session_resumption={})
"""A session that answers in text and can be resumed."""


def make_http(peer: Peer, **settings: Any) -> AsyncHttp:
    """Make an interpreter whose backend is a peer on loopback."""
    return AsyncHttp(Gemini("test-key", base_url=peer.url), proxy="", **settings)


async def read_texts(items: Any) -> list[str]:
    """Read the texts of a session's or turn's messages."""
    return [item.unwrap().text async for item in items if item.unwrap().text]


def make_tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a TLS context for a server, and one for a client that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client
