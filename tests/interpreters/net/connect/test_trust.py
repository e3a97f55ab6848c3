"""Whom TLS trusts: the system's authorities, and truststore's or certifi's where the system has none."""

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
from tests.support.pool_kinds import IDS, OK, WORLDS, World, get

Patch = pytest.MonkeyPatch


@pytest.fixture(params=WORLDS, ids=IDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(*request.param)


@pytest.fixture
def system(monkeypatch: Patch) -> Callable[..., None]:
    """Say where the system has its certificates: nowhere, until this is called."""

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
    finds_truststore(monkeypatch)
    return set_paths


def finds_truststore(monkeypatch: Patch, *files: str) -> None:
    """Say which files truststore finds."""
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", files)


def never() -> NoReturn:
    raise AssertionError("certifi is not wanted")


def call(world: World, server: Loopback) -> Any:
    """Answer a call that reads the certificates itself, or the reason why there was none."""
    answers = []

    async def body() -> None:
        async with world.lanes() as lanes:
            answers.append(await lanes.call(get(server.url)))

    world.run(body)
    return answers[0] if isinstance(answers[0], tuple) else answers[0].error.reason


def write_authority(server: Loopback, path: Path) -> str:
    server.ca.cert_pem.write_to_path(str(path))
    return str(path)


UNKNOWN = "certificate: unable to get local issuer certificate"


@pytest.mark.parametrize("has_truststore", [True, False])
def test_certifi(world: World, system: object, has_truststore: bool, monkeypatch: Patch, tmp_path: Path) -> None:
    """Where neither the system nor truststore has any certificate, or truststore is not installed, it is certifi's."""
    if not has_truststore:
        monkeypatch.setitem(sys.modules, "truststore", None)
    with Loopback(OK, tls=True) as server:
        assert call(world, server) == UNKNOWN
        path = write_authority(server, tmp_path / "ca.pem")
        monkeypatch.setattr(certifi, "where", lambda: path)
        assert call(world, server) == (200, b"ok")


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="the system verifies there, with its own certificates")
def test_truststore(world: World, system: object, monkeypatch: Patch, tmp_path: Path) -> None:
    """What truststore finds comes before certifi's."""
    monkeypatch.setattr(certifi, "where", never)
    with Loopback(OK, tls=True) as server:
        finds_truststore(monkeypatch, str(tmp_path / "none"), write_authority(server, tmp_path / "ca.pem"))
        assert call(world, server) == (200, b"ok")


def test_system_comes_first(world: World, system: Callable[..., None], monkeypatch: Patch, tmp_path: Path) -> None:
    """Where the system has a certificate, no other is looked for."""
    monkeypatch.setattr(certifi, "where", never)
    monkeypatch.setitem(sys.modules, "truststore", None)
    with Loopback(OK, tls=True) as server:
        system(cafile=write_authority(server, tmp_path / "ca.pem"))
        assert call(world, server) == (200, b"ok")


@pytest.mark.parametrize(
    ("name", "counts"), [("0123abcd.0", True), ("0123abcd.12", True), ("0123abcd.r0", False), ("README", False)]
)
def test_folder_of_certificates(
    system: Callable[..., None], name: str, counts: bool, monkeypatch: Patch, tmp_path: Path
) -> None:
    """A folder of the system counts if OpenSSL would find a certificate in it, which it reads later."""
    monkeypatch.setitem(sys.modules, "truststore", None)
    (tmp_path / name).touch()
    system(capath=tmp_path)
    assert bool(make_context().cert_store_stats()["x509"]) is not counts


def test_folder_that_cannot_be_listed(system: Callable[..., None], monkeypatch: Patch, tmp_path: Path) -> None:
    """A folder that only OpenSSL can read counts."""

    def iterdir(path: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    system(capath=tmp_path)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert make_context().cert_store_stats()["x509"] == 0


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_environment_comes_first(
    world: World, system: object, variable: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    """What the environment names is trusted and nothing else, even if nothing is there; an empty name is none."""
    with Loopback(OK, tls=True) as server:
        path = write_authority(server, tmp_path / "ca.pem")
        monkeypatch.setattr(certifi, "where", lambda: path)
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
        assert call(world, server) == UNKNOWN
        monkeypatch.setenv(variable, "")
        assert call(world, server) == (200, b"ok")


def test_truststore_that_verifies_itself(system: object, monkeypatch: Patch) -> None:
    """Where the system verifies, truststore is used without certificates, if it can once a handshake is over."""
    monkeypatch.setattr(trust, "_SYSTEM_VERIFIES", (sys.platform,))
    assert type(make_context()) is truststore.SSLContext
    monkeypatch.setattr(truststore, "SSLContext", ssl.SSLContext)  # its sockets shake hands as any
    assert make_context().cert_store_stats()["x509"] > 100


def test_reason_of_truststore() -> None:
    """An error of truststore's says why, though it has not all that one of OpenSSL's has."""
    assert describe_error(ssl.SSLCertVerificationError("no certificates")) == "certificate: no certificates"
