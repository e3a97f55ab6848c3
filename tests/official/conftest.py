"""The emulator with TLS, which google-genai's Live requires, and fixtures for every kind of client."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import serve_emulator
from tests.support.google_genai.official_sdk import BACKENDS, KINDS, SdkRunner


@pytest.fixture(scope="session")
def _emulator() -> Emulator:
    return Emulator()


@pytest.fixture(scope="session")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("official")
    trusted_path, chain_path = folder / "trusted.pem", folder / "chain.pem"
    authority.cert_pem.write_to_path(str(trusted_path))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain_path))
    return trusted_path, chain_path


@pytest.fixture(scope="session")
def _sdk(_emulator: Emulator, _certificates: tuple[Path, Path]) -> Iterator[SdkRunner]:
    with serve_emulator(_emulator, certfile=str(_certificates[1])) as url:
        yield SdkRunner(url)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, _certificates: tuple[Path, Path]) -> None:
    """Trust only the emulator's certificate: for Live music, the environment is the only way to set it."""
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(_certificates[0]))


@pytest.fixture
def emulator(_emulator: Emulator) -> Emulator:
    """The served emulator, reset for each test."""
    _emulator.reset()
    return _emulator


@pytest.fixture(params=KINDS)
def gemini(request: pytest.FixtureRequest, _sdk: SdkRunner, emulator: Emulator) -> SdkRunner:
    """The Gemini Developer API, sync and async."""
    return replace(_sdk, kind=request.param)


@pytest.fixture(params=KINDS)
def vertex(request: pytest.FixtureRequest, _sdk: SdkRunner, emulator: Emulator) -> SdkRunner:
    """Vertex AI, sync and async."""
    return replace(_sdk, kind=request.param, backend="vertex")


@pytest.fixture(params=BACKENDS)
def live(request: pytest.FixtureRequest, _sdk: SdkRunner, emulator: Emulator) -> SdkRunner:
    """Both backends, async: google-genai has no sync Live."""
    return replace(_sdk, kind="async", backend=request.param)


@pytest.fixture(params=[(backend, kind) for backend in BACKENDS for kind in KINDS], ids="-".join)
def sdk(request: pytest.FixtureRequest, _sdk: SdkRunner, emulator: Emulator) -> SdkRunner:
    """Both backends, sync and async."""
    backend, kind = request.param
    return replace(_sdk, backend=backend, kind=kind)
