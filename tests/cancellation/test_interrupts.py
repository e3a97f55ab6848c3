"""A call or a stream that a signal such as Ctrl-C interrupts loses no socket and no connection slot."""

import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest

from genai_fn import Gemini, Http, Retry, Success, Vertex, both, generate, streamed, with_options
from tests.support.cancellation.points import client_sockets
from tests.support.cancellation.scenarios import Script, asked
from tests.support.credentials import SlowCredentials, join_refreshes
from tests.support.interrupting import interrupted
from tests.support.loopback import Hang, Loopback

PATIENT = Retry(attempts=2, initial_delay=60)


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


def call(model: str) -> Callable[[Http], object]:
    return lambda run: run(asked(model))


def read(model: str) -> Callable[[Http], object]:
    def reading(run: Http) -> None:
        with run.stream(asked(model) | streamed) as items:
            list(items)

    return reading


SUBJECTS = {
    "no head": call("no-head"),
    "half a head": call("half-head"),
    "half a body": call("half-body"),
    "between events": read("between-events"),
    "half an event": read("half-event"),
    "another try": lambda run: run(asked("busy") | with_options(retry=PATIENT)),
    "two bodies": lambda run: run(both(asked("half-body"), asked("half-body"))),
    "two heads": lambda run: run(both(asked("no-head"), asked("half-head"))),
    "three": lambda run: run(both(asked("no-head"), both(asked("no-head"), asked("no-head")))),
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_interrupted(subject: Callable[[Http], object], transport: ModuleType, tls: bool) -> None:
    """An interrupt while the server is silent, in one or several threads, leaves both connections usable."""
    with Loopback(Script(), tls=tls) as server, interpreter(server, transport) as run:
        for _ in range(2):
            with pytest.raises(Interrupt), interrupted(Interrupt, server):
                subject(run)
            is_whole(run, server)


def test_interrupted_in_handshake(transport: ModuleType) -> None:
    """An interrupt during a TLS handshake leaves no socket."""
    with Loopback(Hang(), tls=True, on_accept=Hang()) as server:
        with interpreter(server, transport) as run:
            with pytest.raises(Interrupt), interrupted(Interrupt, server):
                call("call")(run)
            assert client_sockets(server.port) == idle(run) == 0


def test_interrupted_in_line(transport: ModuleType) -> None:
    """Whoever is interrupted while it waits for a lane takes none with it."""
    with Loopback(Script()) as server, interpreter(server, transport) as run:
        with ExitStack() as held:
            for _ in range(2):
                items = held.enter_context(run.stream(asked("between-events") | streamed))
                assert isinstance(next(items), Success)
            with pytest.raises(Interrupt), interrupted(Interrupt, server):
                call("call")(run)
        is_whole(run, server)


def test_interrupted_before_token(transport: ModuleType) -> None:
    """A call that is interrupted while it waits for a token does not affect later calls."""
    slow = SlowCredentials("test-token")
    with Loopback(Script()) as server:
        backend = Vertex("p", "l", credentials=slow, base_url=server.url)
        with interpreter(server, transport, backend) as run:
            with pytest.raises(Interrupt), interrupted(Interrupt, server):
                call("call")(run)
            slow.gate.set()
            is_whole(run, server)
    join_refreshes()


@pytest.mark.parametrize("model", ["no-head", "half-head", "half-event", "call", "busy"])
def test_closed_from_thread(model: str, transport: ModuleType) -> None:
    """Closing from another thread ends a stream that waits for the server, for a free connection, or for a retry."""
    with Loopback(Script()) as server, interpreter(server, transport) as run:
        with ExitStack() as held:
            for _ in range(2 if model == "call" else 0):
                items = held.enter_context(run.stream(asked("between-events") | streamed))
                assert isinstance(next(items), Success)
            with run.stream(asked(model) | with_options(retry=PATIENT) | streamed) as items:
                closer = threading.Timer(0.02, items.close)
                closer.start()
                list(items)
                closer.join()
        is_whole(run, server)


@contextmanager
def interpreter(server: Loopback, transport: ModuleType, backend: Any = None) -> Iterator[Http]:
    """Open an interpreter with two lanes; nothing is left of it in the end."""
    backend = backend or Gemini("test-key", base_url=server.url)
    with Http(backend, max_connections=2, http1=transport, ssl_context=trusting(server), proxy="") as run:
        yield run
    assert client_sockets(server.port) == 0
    server.wait_rest(0)


def is_whole(run: Http, server: Loopback) -> None:
    """See that both lanes serve at once, and that no socket is open but the idle lanes'."""
    pair = generate("pair", "hi") | with_options(deadline=60)
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(run, (pair, pair)))
    assert all(isinstance(result, Success) for result in results)
    assert client_sockets(server.port) == idle(run) == 2


def idle(run: Http) -> int:
    """Count the lanes that stand idle."""
    lanes: Any = run._connections._pool
    return 0 if lanes is None else len(lanes._config._state._idle_connections)


def trusting(server: Loopback) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.ca.configure_trust(context)
    return context
