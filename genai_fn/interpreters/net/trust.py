"""Which certificate authorities a connection trusts: the system's, or others where the system has none."""

import os
import re
import ssl
import sys
from pathlib import Path

import certifi

__all__ = ["make_context"]


def make_context() -> ssl.SSLContext:
    """
    Make a TLS context that trusts the system's authorities, or those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names.

    Where the system has none, as in a slim container, it trusts those that truststore finds, if that is installed, and
    else those of certifi.
    """
    context = ssl.create_default_context()
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or _has_authorities(context):
        return context
    found = _ask_truststore()
    if found is not None:
        return found
    context.load_verify_locations(certifi.where())
    return context


def _has_authorities(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509"]:
        return True
    folder = ssl.get_default_verify_paths().capath  # which OpenSSL reads as it verifies, a file for each name
    try:
        return bool(folder) and any(_HASHED.fullmatch(each.name) for each in Path(folder).iterdir())
    except OSError:  # it may be open to OpenSSL all the same, which lists nothing
        return True


_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def _ask_truststore() -> ssl.SSLContext | None:
    try:
        import truststore  # noqa: PLC0415  # optional
    except ImportError:
        return None
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    inner = context.wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost"
    ).context  # loads what there is
    if sys.platform in _VERIFYING:
        # Before 0.10.5 it verified only handshakes that are over when a socket is wrapped, which ours are not.
        return context if inner.sslsocket_class.do_handshake is not ssl.SSLSocket.do_handshake else None
    return context if inner.cert_store_stats()["x509"] else None


_VERIFYING = ("darwin", "win32")
"""Where truststore has the system verify, after the handshake, and loads no certificates."""
