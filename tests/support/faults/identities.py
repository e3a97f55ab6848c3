"""The TLS identities of hostile servers."""

import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme

from tests.support.loopback import make_identity

GOOD = "good"


@cache
def make_server_context(name: str) -> ssl.SSLContext:
    """Make the TLS context of a server."""
    return _IDENTITIES[name]()


def _make_context(authority: trustme.CA | None = None, host: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = (authority or make_identity()[0]).issue_cert(
        host,
        not_before=datetime.now(UTC) + timedelta(days=min(0, days) - 1 if days < 2 else days),
        not_after=datetime.now(UTC) + timedelta(days=days + 1 if days != 1 else 1),
    )
    issued.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it names pyOpenSSL's type too
    return context


def _make_with_client_certificate() -> ssl.SSLContext:
    context = _make_context()
    context.verify_mode = ssl.CERT_REQUIRED
    make_identity()[0].configure_trust(context)
    return context


def _make_old_protocol() -> ssl.SSLContext:
    context = _make_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is what the client must refuse
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _make_http2_only() -> ssl.SSLContext:
    context = _make_context()
    context.set_alpn_protocols(["h2"])
    return context


_IDENTITIES: dict[str, Callable[[], ssl.SSLContext]] = {
    GOOD: _make_context,
    "another authority": lambda: _make_context(trustme.CA()),
    "another host": lambda: _make_context(host="example.com"),
    "expired": lambda: _make_context(days=-3),
    "not valid yet": lambda: _make_context(days=3),
    "asks for a certificate": _make_with_client_certificate,
    "TLS 1.1": _make_old_protocol,
    "only HTTP/2": _make_http2_only,
}
