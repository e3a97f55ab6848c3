"""
Forks during the first call of another thread, in a process of its own; the child then makes a call.

The other thread stops where the child would wait for ever: in an import, or while it reads the certificates.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

import genai_fn
from genai_fn import Success, generate
from genai_fn.forks import register_fork_delay
from tests.support.loopback import Loopback
from tests.support.loopback_replies import OK

HELLO = generate("m", "hi")


class Gate:
    """Stops a thread until another one has forked. As the fork waits for that thread, it does so for 0.2 seconds."""

    def __init__(self) -> None:
        self.is_reached, self.is_forked = threading.Event(), threading.Event()

    def stop(self) -> None:
        """Stop at the first call."""
        if not self.is_reached.is_set():
            self.is_reached.set()
            self.is_forked.wait(0.2)


class StoppingFinder(MetaPathFinder):
    """Stops the import of a module."""

    def __init__(self, name: str, gate: Gate) -> None:
        self._name = name
        self._gate = gate

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Stop, and find nothing."""
        if fullname == self._name:
            self._gate.stop()


def fork_during_import(name: str, call: Callable[[], object]) -> None:
    """Fork while the first call imports a module."""
    gate = Gate()
    sys.meta_path.insert(0, StoppingFinder(name, gate))
    fork_during_call(gate, call)


def fork_during_call(gate: Gate, call: Callable[[], object]) -> None:
    """Fork once the gate stops the call in another thread; then call in the child, too."""
    caller = threading.Thread(target=call)
    caller.start()
    assert gate.is_reached.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(60)  # ends a child that hangs
        call()
        os._exit(0)
    gate.is_forked.set()
    caller.join()
    assert os.waitpid(child, 0)[1] == 0


def check_call(run: Any) -> None:
    """Check that a call succeeds."""
    result = run(HELLO)
    assert isinstance(result, Success), result


def call_with_http(name: str) -> None:
    """Make the first calls of an `Http`."""
    with Loopback(OK) as server:
        run = genai_fn.Http(genai_fn.Gemini("test-key", base_url=server.url), proxy="")
        fork_during_import(name, lambda: check_call(run))
        run.close()


def call_by_default() -> None:
    """Make the first calls of the module-level ``run``."""
    with Loopback(OK) as server:
        os.environ.update(GEMINI_API_KEY="test-key", GOOGLE_GEMINI_BASE_URL=server.url)
        fork_during_import("genai_fn.interpreters.http", lambda: check_call(genai_fn.run))


def read_certificates() -> None:
    """Fork while the first call reads the certificates."""
    from genai_fn.interpreters.net.connect import connection

    gate, make_context = Gate(), connection.make_context

    def stop_and_make_context() -> Any:
        gate.stop()
        return make_context()

    connection.make_context = stop_and_make_context
    register_fork_delay()
    config = connection.ConnectConfig()
    fork_during_call(gate, config.get_ssl_context)


def call_offline() -> None:
    """Fork while a call of an `Offline` changes its state."""
    from genai_fn.interpreters.offline import service as offline_service

    gate, handle = Gate(), offline_service.run_exchange

    def stop_and_handle(*arguments: Any) -> Any:
        gate.stop()
        return handle(*arguments)

    offline_service.run_exchange = stop_and_handle
    run = genai_fn.Offline()
    fork_during_call(gate, lambda: check_call(run))


PROGRAMS: dict[str, Callable[[], None]] = {
    "the network stack": lambda: call_with_http("genai_fn.interpreters.net.pool.sync_pool"),
    "httptools": lambda: call_with_http("httptools"),
    "the default interpreter": call_by_default,
    "certificates": read_certificates,
    "an offline interpreter": call_offline,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
