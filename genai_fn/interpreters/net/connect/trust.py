"""Makes the TLS context: it trusts the system's certificate authorities, or others where the system has none."""

import os
import re
import ssl
import sys


def make_context() -> ssl.SSLContext:
    """
    Make a TLS context that trusts the system's authorities, or those in ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``.

    Where the system has none, as in a slim container, it uses truststore if that is installed and finds some, and
    certifi otherwise.
    """
    context = ssl.create_default_context()
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or _has_authorities(context):
        return context
    found = _make_truststore_context()
    if found is not None:
        return found
    import certifi  # noqa: PLC0415  # slow, and rarely needed

    context.load_verify_locations(certifi.where())
    return context


def _has_authorities(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509"]:
        return True
    folder = ssl.get_default_verify_paths().capath  # OpenSSL reads it during verification, one file per name
    try:
        return bool(folder) and any(map(_HASHED_NAME.fullmatch, os.listdir(folder)))  # noqa: PTH208  # pathlib is slow to load
    except OSError:  # OpenSSL lists no folder and may still be able to read its files
        return True


_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def _make_truststore_context() -> ssl.SSLContext | None:
    try:
        import truststore  # noqa: PLC0415  # optional
    except ImportError:
        return None
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    inner = context.wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost"
    ).context  # loads the certificates that exist
    if sys.platform in _SYSTEM_VERIFIES:
        # Before 0.10.5 truststore verified only handshakes that wrap_socket completes, which it does not do here.
        return context if inner.sslsocket_class.do_handshake is not ssl.SSLSocket.do_handshake else None
    return context if inner.cert_store_stats()["x509"] else None


_SYSTEM_VERIFIES = ("darwin", "win32")
"""Where truststore lets the system verify after the handshake, and loads no certificates."""
