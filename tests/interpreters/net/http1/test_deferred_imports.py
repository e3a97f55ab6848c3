"""Sync calls import neither trio nor anyio, and what imports them lazily works with both afterwards."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genai_fn.interpreters.net.http1.deferred_imports import ForwardingModule, defer_imports
from tests.support.loopback import Loopback
from tests.support.loopback_replies import OK

ROOT = Path(__file__).parents[4]
IMPLEMENTATIONS = ("httptools", "httpcore", "httpcore2")

SYNC_CALL = """
from genai_fn import Gemini, Http, generate, text
def call(http1):
    with Http(Gemini("test-key", base_url=sys.argv[1]), proxy="", http1=http1) as run:
        assert (run(generate("m", "hi") | text)).unwrap() == "hi"
"""

BLOCK_ASYNC_LIBRARIES = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"anyio", "sniffio", "trio", "trio_websocket"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def run_program(program: str, *arguments: str) -> None:
    """Run a program in a new process, with warnings as errors."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_blocked() -> None:
    """A sync call needs neither trio nor anyio: it works where both cannot be imported."""
    with Loopback(OK) as server:
        run_program(f"{BLOCK_ASYNC_LIBRARIES}{SYNC_CALL}\nfor http1 in {IMPLEMENTATIONS}: call(http1)", server.url)


def test_not_imported() -> None:
    """A sync call imports neither of them where they are installed; httpcore2 imports anyio by its submodules."""
    check = f"""
for http1 in {IMPLEMENTATIONS}:
    call(http1)
    expected = {{"anyio"}} if http1 == "httpcore2" else set()
    assert {{"anyio", "trio"}} & set(sys.modules) == expected, (http1, sys.modules.keys())
"""
    with Loopback(OK) as server:
        run_program("import sys" + SYNC_CALL + check, server.url)


@pytest.mark.parametrize("http1", ["httpcore", "httpcore2"])
def test_async_afterwards(http1: str) -> None:
    """After a sync call, the other users of httpcore in the process still have its pools on asyncio and on trio."""
    program = f"""
call({http1!r})
module = sys.modules[{http1!r}]
async def fetch():
    async with module.AsyncConnectionPool() as pool:
        return (await pool.request("GET", sys.argv[1])).status
import anyio
for backend in ("asyncio", "trio"):
    assert anyio.run(fetch, backend=backend) == 200
"""
    with Loopback(OK) as server:
        run_program("import sys" + SYNC_CALL + program, server.url)


def test_importers_meanwhile() -> None:
    """Whoever imports the module meanwhile can use it in every way, and later importers get the real one."""
    run_program(
        """
import importlib.util
import sys
from genai_fn.interpreters.net.http1.deferred_imports import ForwardingModule, defer_imports
with defer_imports("trio"):
    import trio as meanwhile
    assert isinstance(meanwhile, ForwardingModule)
    assert importlib.util.find_spec("trio").name == "trio"
    assert "trio" in repr(meanwhile)
    from trio import sleep
    import trio.lowlevel
    assert isinstance(sys.modules["trio"], type(sys)) and not isinstance(sys.modules["trio"], ForwardingModule)
import trio
assert not isinstance(trio, ForwardingModule)
assert meanwhile.sleep is sleep is trio.sleep and meanwhile.lowlevel is trio.lowlevel
try:
    meanwhile.no_such_name
except AttributeError:
    meanwhile.run(meanwhile.sleep, 0)
"""
    )


def test_threads_meanwhile() -> None:
    """Threads that import the module while others defer it all get the same functions."""
    run_program(
        """
import sys, threading
from genai_fn.interpreters.net.http1.deferred_imports import ForwardingModule, defer_imports
sys.setswitchinterval(1e-6)
found = []
def defer():
    for _ in range(50):
        with defer_imports("trio"):
            pass
def use():
    import trio
    found.append(trio.sleep)
threads = [threading.Thread(target=each) for each in (defer, use) * 8]
for each in threads: each.start()
for each in threads: each.join(120)
import trio
assert found == [trio.sleep] * 8 and not isinstance(trio, ForwardingModule)
"""
    )


def test_what_is_not_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that are imported, hidden, refused or not installed stay what they are."""
    real = sys.modules["anyio"]
    with defer_imports("anyio", "no_such_module_of_any_package"):
        assert sys.modules["anyio"] is real
        assert "no_such_module_of_any_package" not in sys.modules
    monkeypatch.setitem(sys.modules, "trio", None)
    with defer_imports("trio"):
        assert sys.modules["trio"] is None

    class Refusing:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            raise ImportError(name)

    monkeypatch.delitem(sys.modules, "trio")
    monkeypatch.setattr(sys, "meta_path", [Refusing()])
    with defer_imports("trio"):
        assert "trio" not in sys.modules


def test_withdrawn_after_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the block raises, the forwarding module does not stay."""
    monkeypatch.delitem(sys.modules, "trio", raising=False)
    with pytest.raises(KeyboardInterrupt), defer_imports("trio"):
        assert isinstance(sys.modules["trio"], ForwardingModule)
        raise KeyboardInterrupt
    assert "trio" not in sys.modules
