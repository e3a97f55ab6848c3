"""What a case must not leave open: sockets, threads, tasks, warnings."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cancellation.cancel_points import check_no_leaks, count_client_sockets

_SERVER_THREADS = ("loopback", "Trio thread")
"""Threads of the servers, and those that trio keeps for its next blocking call."""


@contextmanager
def check_nothing_stays(*server_ports: int) -> Iterator[None]:
    """Check that a block leaves no client socket, no thread, no resource warning and no lost exception."""
    sockets, threads = count_client_sockets(*server_ports), _list_threads()
    with check_no_leaks():
        yield
    assert count_client_sockets(*server_ports) == sockets, "a socket is left"
    for thread in _list_threads() - threads:
        thread.join(60)  # one that has delivered its result may still be ending
        assert not thread.is_alive(), f"a thread is left: {thread.name}"


def _list_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if not each.name.startswith(_SERVER_THREADS)}
