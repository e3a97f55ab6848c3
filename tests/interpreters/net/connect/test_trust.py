"""Trusted certificates: the system's, and truststore's or certifi's where the system has none."""

import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import certifi
import pytest
import truststore

from genai_fn.interpreters.net.connect import trust
from genai_fn.interpreters.net.connect.connection import describe_error
from genai_fn.interpreters.net.connect.trust import make_context
from tests.support.loopback import Loopback
from tests.support.pool_kinds import OK, POOL_KIND_IDS, POOL_KINDS, PoolKind, build_get

Patch = pytest.MonkeyPatch


@pytest.fixture(params=POOL_KINDS, ids=POOL_KIND_IDS)
def kind(request: pytest.FixtureRequest) -> PoolKind:
    return PoolKind(*request.param)


@pytest.fixture
def system(monkeypatch: Patch) -> Callable[..., None]:
    """Return a function that sets the system's certificate paths; at first there are none."""

    def set_paths(cafile: Path | None = None, capath: Path | None = None) -> None:
        names = [None if each is None else str(each) for each in (cafile, capath)]

        def load(context: ssl.SSLContext) -> None:
            if cafile:
                context.load_verify_locations(cafile)

        monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", load)
        paths = ssl.DefaultVerifyPaths(*names, "SSL_CERT_FILE", "/none/file", "SSL_CERT_DIR", "/none/folder")  # type: ignore[arg-type]  # None, where nothing is there
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)

    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    set_paths()
    set_truststore_files(monkeypatch)
    return set_paths


def set_truststore_files(monkeypatch: Patch, *files: str) -> None:
    """Set the files that truststore finds."""
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", files)


def fail_certifi() -> NoReturn:
    raise AssertionError("certifi must not be used")


def send_request(kind: PoolKind, server: Loopback) -> Any:
    """Send a request with a new pool; return status and body, or the reason of the failure."""
    results = []

    async def body() -> None:
        async with kind.make_pool() as pool:
            results.append(await pool.call(build_get(server.url)))

    kind.run(body)
    return results[0] if isinstance(results[0], tuple) else results[0].error.reason


def write_authority(server: Loopback, path: Path) -> str:
    server.ca.cert_pem.write_to_path(str(path))
    return str(path)


UNKNOWN = "certificate: unable to get local issuer certificate"


@pytest.mark.parametrize("has_truststore", [True, False])
def test_certifi(kind: PoolKind, system: object, has_truststore: bool, monkeypatch: Patch, tmp_path: Path) -> None:
    """Without certificates of the system and of truststore, certifi's are used."""
    if not has_truststore:
        monkeypatch.setitem(sys.modules, "truststore", None)
    with Loopback(OK, tls=True) as server:
        assert send_request(kind, server) == UNKNOWN
        path = write_authority(server, tmp_path / "ca.pem")
        monkeypatch.setattr(certifi, "where", lambda: path)
        assert send_request(kind, server) == (200, b"ok")


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="the system verifies there, with its own certificates")
def test_truststore(kind: PoolKind, system: object, monkeypatch: Patch, tmp_path: Path) -> None:
    """Certificates that truststore finds take precedence over certifi's."""
    monkeypatch.setattr(certifi, "where", fail_certifi)
    with Loopback(OK, tls=True) as server:
        set_truststore_files(monkeypatch, str(tmp_path / "none"), write_authority(server, tmp_path / "ca.pem"))
        assert send_request(kind, server) == (200, b"ok")


def test_system_comes_first(kind: PoolKind, system: Callable[..., None], monkeypatch: Patch, tmp_path: Path) -> None:
    """With certificates of the system, neither truststore nor certifi is used."""
    monkeypatch.setattr(certifi, "where", fail_certifi)
    monkeypatch.setitem(sys.modules, "truststore", None)
    with Loopback(OK, tls=True) as server:
        system(cafile=write_authority(server, tmp_path / "ca.pem"))
        assert send_request(kind, server) == (200, b"ok")


@pytest.mark.parametrize(
    ("name", "counts"), [("0123abcd.0", True), ("0123abcd.12", True), ("0123abcd.r0", False), ("README", False)]
)
def test_folder_of_certificates(
    system: Callable[..., None], name: str, counts: bool, monkeypatch: Patch, tmp_path: Path
) -> None:
    """A folder of the system counts if it has a file with a name that OpenSSL looks for."""
    monkeypatch.setitem(sys.modules, "truststore", None)
    (tmp_path / name).touch()
    system(capath=tmp_path)
    assert bool(make_context().cert_store_stats()["x509"]) is not counts


def test_folder_that_cannot_be_listed(system: Callable[..., None], monkeypatch: Patch, tmp_path: Path) -> None:
    """A folder that cannot be listed counts, as OpenSSL may be able to read it."""

    def list_folder(path: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    system(capath=tmp_path)
    monkeypatch.setattr(os, "listdir", list_folder)
    assert make_context().cert_store_stats()["x509"] == 0


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_environment_comes_first(
    kind: PoolKind, system: object, variable: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    """Only the file or folder in the variable is trusted, even if it is missing; an empty variable is ignored."""
    with Loopback(OK, tls=True) as server:
        path = write_authority(server, tmp_path / "ca.pem")
        monkeypatch.setattr(certifi, "where", lambda: path)
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
        assert send_request(kind, server) == UNKNOWN
        monkeypatch.setenv(variable, "")
        assert send_request(kind, server) == (200, b"ok")


def test_truststore_that_verifies_itself(system: object, monkeypatch: Patch) -> None:
    """Where the system verifies, truststore's context is used if it verifies after the handshake."""
    monkeypatch.setattr(trust, "_SYSTEM_VERIFIES", (sys.platform,))
    assert type(make_context()) is truststore.SSLContext
    monkeypatch.setattr(truststore, "SSLContext", ssl.SSLContext)  # its sockets verify nothing after the handshake
    assert make_context().cert_store_stats()["x509"] > 100


def test_reason_of_truststore() -> None:
    """Truststore's errors lack ``verify_message``, and are described by their text."""
    assert describe_error(ssl.SSLCertVerificationError("no certificates")) == "certificate: no certificates"
