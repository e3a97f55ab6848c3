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
from tests.support.cancellation.cancel_points import count_client_sockets, list_client_sockets
from tests.support.cancellation.scenarios import ModelScript, build_request
from tests.support.credentials import SlowCredentials, join_refreshes
from tests.support.interrupts import interrupt_when_idle
from tests.support.loopback import Hang, Loopback

OTHERS: set[str] = set()
"""The sockets that earlier tests have left in this process."""
SLOW_RETRY = Retry(attempts=2, initial_delay=60)


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


@pytest.fixture(autouse=True)
def find_others() -> None:
    OTHERS.clear()
    OTHERS.update(list_client_sockets())


def build_call(model: str) -> Callable[[Http], object]:
    return lambda run: run(build_request(model))


def build_reader(model: str) -> Callable[[Http], object]:
    def read_stream(run: Http) -> None:
        with run.stream(build_request(model) | streamed) as items:
            list(items)

    return read_stream


SUBJECTS = {
    "no head": build_call("no-head"),
    "half a head": build_call("half-head"),
    "half a body": build_call("half-body"),
    "between events": build_reader("between-events"),
    "half an event": build_reader("half-event"),
    "retry": lambda run: run(build_request("busy") | with_options(retry=SLOW_RETRY)),
    "two bodies": lambda run: run(both(build_request("half-body"), build_request("half-body"))),
    "two heads": lambda run: run(both(build_request("no-head"), build_request("half-head"))),
    "three": lambda run: run(both(build_request("no-head"), both(build_request("no-head"), build_request("no-head")))),
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_interrupted(subject: Callable[[Http], object], transport: ModuleType, tls: bool) -> None:
    """An interrupt while the server is silent, in one or several threads, leaves both connections usable."""
    with Loopback(ModelScript(), tls=tls) as server, open_interpreter(server, transport) as run:
        for _ in range(2):
            with pytest.raises(Interrupt), interrupt_when_idle(Interrupt, server):
                subject(run)
            check_connections(run, server)


def test_interrupted_in_handshake(transport: ModuleType) -> None:
    """An interrupt during a TLS handshake leaves no socket."""
    with Loopback(Hang(), tls=True, on_accept=Hang()) as server:
        with open_interpreter(server, transport) as run:
            with pytest.raises(Interrupt), interrupt_when_idle(Interrupt, server):
                build_call("call")(run)
            assert count_client_sockets(server.port, others=OTHERS) == count_idle_connections(run) == 0


def test_interrupted_while_queued(transport: ModuleType) -> None:
    """A call that is interrupted while it waits for a free connection occupies no slot."""
    with Loopback(ModelScript()) as server, open_interpreter(server, transport) as run:
        with ExitStack() as streams:
            for _ in range(2):
                items = streams.enter_context(run.stream(build_request("between-events") | streamed))
                assert isinstance(next(items), Success)
            with pytest.raises(Interrupt), interrupt_when_idle(Interrupt, server):
                build_call("call")(run)
        check_connections(run, server)


def test_interrupted_before_token(transport: ModuleType) -> None:
    """A call that is interrupted while it waits for a token does not affect later calls."""
    slow = SlowCredentials("test-token")
    with Loopback(ModelScript()) as server:
        backend = Vertex("p", "l", credentials=slow, base_url=server.url)
        with open_interpreter(server, transport, backend) as run:
            with pytest.raises(Interrupt), interrupt_when_idle(Interrupt, server):
                build_call("call")(run)
            slow.gate.set()
            check_connections(run, server)
    join_refreshes()


@pytest.mark.parametrize("model", ["no-head", "half-head", "half-event", "call", "busy"])
def test_closed_from_thread(model: str, transport: ModuleType) -> None:
    """Closing from another thread ends a stream that waits for the server, for a free connection, or for a retry."""
    with Loopback(ModelScript()) as server, open_interpreter(server, transport) as run:
        with ExitStack() as streams:
            for _ in range(2 if model == "call" else 0):
                items = streams.enter_context(run.stream(build_request("between-events") | streamed))
                assert isinstance(next(items), Success)
            with run.stream(build_request(model) | with_options(retry=SLOW_RETRY) | streamed) as items:
                closer = threading.Timer(0.02, items.close)
                closer.start()
                list(items)
                closer.join()
        check_connections(run, server)


@contextmanager
def open_interpreter(server: Loopback, transport: ModuleType, backend: Any = None) -> Iterator[Http]:
    """Open an interpreter with two connections, and check that it leaves no socket."""
    backend = backend or Gemini("test-key", base_url=server.url)
    with Http(backend, max_connections=2, http1=transport, ssl_context=make_trusting_context(server), proxy="") as run:
        yield run
    assert count_client_sockets(server.port, others=OTHERS) == 0
    server.wait_until_idle(0)


def check_connections(run: Http, server: Loopback) -> None:
    """Check that both slots work concurrently, and that only idle connections are open afterwards."""
    pair = generate("pair", "hi") | with_options(deadline=60)
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(run, (pair, pair)))
    assert all(isinstance(result, Success) for result in results)
    assert count_client_sockets(server.port, others=OTHERS) == count_idle_connections(run) == 2


def count_idle_connections(run: Http) -> int:
    """Count the idle connections."""
    pool: Any = run._connections.pool
    return 0 if pool is None else len(pool._state._idle_connections)


def make_trusting_context(server: Loopback) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.ca.configure_trust(context)
    return context
