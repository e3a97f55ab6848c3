"""The fixture ``emulator``: its attributes, and the isolation of tests."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from genai_fn import (
    APIError,
    Gemini,
    Http,
    Retry,
    Success,
    Vertex,
    caches,
    generate,
    items,
    text,
    with_options,
)
from genai_fn.modifiers import collected
from genai_fn.testing.fixtures import ServedEmulator

pytest_plugins = ["genai_fn.testing.fixtures"]

ROOT = Path(__file__).parents[2]
HELLO = generate("gemini-2.5-flash", "Why?") | text


@pytest.mark.parametrize("name", ["gemini", "vertex"])
def test_backends(emulator: ServedEmulator, name: str) -> None:
    """The fixture has a backend for each API; equal at every access."""
    backend: Gemini | Vertex = getattr(emulator, name)
    assert backend == getattr(emulator, name)
    with Http(backend) as run:
        assert isinstance(run(HELLO), Success)
    ((method, path),) = emulator.requests
    assert (method, path.endswith("/models/gemini-2.5-flash:generateContent")) == ("POST", True)


@pytest.mark.parametrize("turn", [1, 2])
def test_isolation(emulator: ServedEmulator, turn: int) -> None:
    """Each test starts without resources, requests or faults."""
    assert emulator.requests == ()
    with Http(emulator.gemini) as run:
        run(caches.create("gemini-2.5-flash", {"contents": f"story {turn}"})).unwrap()
        assert len(run(caches.list() | items | collected).unwrap()) == 1
    emulator.fail(status=503, times=100)


SUITE = {
    "test_it.py": """
import urllib.request

def test_one(emulator):
    with urllib.request.urlopen(emulator.url + "/v1beta/models") as answer:
        assert answer.status == 200
    assert emulator.requests == (("GET", "/v1beta/models"),)
""",
}


ENTRY_POINT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][
    "pytest11"
]
"""What the metadata of an installed package says, in place of a source tree that was installed before."""

CONFTEST = 'pytest_plugins = ["genai_fn.testing.fixtures"]'


@pytest.mark.parametrize("has_conftest", [False, True])
@pytest.mark.parametrize("has_entry_point", [False, True])
def test_suite(tmp_path: Path, has_conftest: bool, has_entry_point: bool) -> None:
    """
    A test suite has the fixture by the entry point or by one line, and by both once; no thread or socket is left open.
    """
    written = {**SUITE, "conftest.py": CONFTEST} if has_conftest or not has_entry_point else SUITE
    for name, text_of in written.items():
        (tmp_path / name).write_text(text_of)
    if has_entry_point:
        metadata = tmp_path / "installed-1.0.dist-info"
        metadata.mkdir()
        lines = [f"{name} = {module}" for name, module in ENTRY_POINT.items()]
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("\n".join(("[pytest11]", *lines)))
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environ = {**environment, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    process = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=environ, timeout=600, check=False
    )
    assert (process.returncode, "1 passed" in process.stdout) == (0, True), process.stdout + process.stderr


@pytest.mark.parametrize("turn", [1, 2])
def test_script(emulator: ServedEmulator, turn: int) -> None:
    """A test scripts the answers, and reads what was asked; the next test starts without either."""
    assert (emulator.received, emulator.remaining_steps) == ((), ())
    emulator.load_script([{"text": f"answer {turn}"}, {"text": "unused"}])
    with Http(emulator.gemini) as run:
        assert run(HELLO).unwrap() == f"answer {turn}"
    (request,) = emulator.received
    assert request.body["contents"][0]["parts"] == [{"text": "Why?"}]
    assert (request.status, request.steps, emulator.remaining_steps) == (200, (1,), (2,))


def test_fails(emulator: ServedEmulator) -> None:
    """An injected fault is in effect until a reset."""
    with Http(emulator.gemini) as run:
        emulator.fail(status=503, times=2)
        without_retry = HELLO | with_options(retry=Retry(attempts=1))
        assert isinstance(run(without_retry).failure(), APIError)
        emulator.reset()
        assert isinstance(run(without_retry), Success)


def test_loads_little() -> None:
    """Every run of pytest loads the plugin: it imports neither the emulator nor the API's types, nor Hypothesis."""
    program = (
        "import pytest, genai_fn.testing.fixtures, sys; sys.exit(repr(sorted(n for n in sys.modules if n in NAMES)))"
    )
    names = {"hypothesis", "msgspec", "uvicorn", "anyio", "genai_fn.emulator", "genai_fn.schema", "genai_fn.backend"}
    command = [sys.executable, "-c", program.replace("NAMES", repr(names))]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert process.stderr.strip() == "[]"
